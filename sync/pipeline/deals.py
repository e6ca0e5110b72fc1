"""One incident for each conversion, or payment with a rest, that cannot be completed by itself; closed when it is whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sync import incidents, store_deals
from sync.domain.clearing import OpenDeal, open_deals
from sync.models import Incident
from sync.models.incident import MOVEMENT
from sync.pipeline.context import Context

OPEN = "open_fx:"


def look(ctx: Context) -> None:
    """Tell of deals that wait for a person, and take back what is over. One statement where nothing changed. Inside
    `commit`."""
    troubled = store_deals.troubled_deals(flow_id=ctx.flow_id)
    units = [f"fx:{_deal(it['cause'])}" for it in troubled if it["cause"].startswith(OPEN)]
    if units:
        look_at_clearing(ctx, units=units)
    for deal in (it for it in troubled if not it["cause"].startswith(OPEN)):
        if deal["is_over"]:
            incidents.close(
                tenant_id=ctx.tenant_id,
                flow=ctx.flow,
                causes=(deal["cause"],),  # whole: deal 12 is not over with deal 1
                resolution="Both documents are accounted for.",
            )
        else:
            incidents.open(tenant_id=ctx.tenant_id, flow=ctx.flow, **_told(ctx, deal))


def look_at_clearing(ctx: Context, *, units: Sequence[str] | None = None) -> None:
    """One incident for each deal that does not return the clearing account to 0.00, as its documents were last read: closed
    when it does, or when a person accepts what stays. `units`: of these alone, and of all that have an incident. Two
    statements where nothing changed. Inside `commit`."""
    found = open_deals(
        store_deals.open_clearing(
            flow_id=ctx.flow_id,
            connection_id=ctx.connection.pk,
            base_currency=ctx.books.base_currency,
            units=units,
        ),
        base_currency=ctx.books.base_currency,
    )
    standing = Incident.objects.filter(flow=ctx.flow, closed_at=None, cause__startswith=OPEN)
    known = dict(standing.values_list("cause", "body"))
    named = {f"{OPEN}{ctx.flow_id}:{deal.deal.removeprefix('fx:')}"[:120]: deal for deal in found if not deal.accepted}
    causes = {cause: deal for cause, deal in named.items() if not deal.is_moving or cause in known}
    over = sorted(known.keys() - causes.keys())
    if over:
        resolution = "The clearing account is at 0.00 for it, or a person accepted what stays."
        incidents.close(tenant_id=ctx.tenant_id, flow=ctx.flow, causes=over, resolution=resolution)
    for cause, deal in causes.items():
        if known.get(cause) != deal.told and not deal.is_moving:
            _tell(ctx, cause, deal)


def _tell(ctx: Context, cause: str, deal: OpenDeal) -> None:
    incidents.open(
        tenant_id=ctx.tenant_id,
        flow=ctx.flow,
        cause=cause,
        severity="critical",
        error_class="data",
        title="An exchange leaves money on the clearing account",
        body=deal.told,
        action=f"{MOVEMENT}{deal.record}",
    )


def _deal(cause: str) -> str:
    """The number of the deal in the cause of an incident: kind, flow, deal."""
    return cause.split(":", 2)[-1]


def _told(ctx: Context, deal: dict[str, Any]) -> dict[str, str]:
    day = f" of {deal['booking_date']:%-d %b %Y}" if deal["booking_date"] else ""
    moved = f"{deal['currency']} {deal['amount']:,.2f}{day}"
    shared = {"cause": deal["cause"], "error_class": "data", "action": "review"}
    if deal["kind"] == "half_undone":
        body = (
            f"{moved} was taken out of Xero (the overpaid rest); its payment of {deal['currency']} {deal['staying']:,.2f} "
            f"still stands there. {deal['why']} Then undo what stands as well; or post again what was taken out, from the "
            "movement's page."
        )
        return {**shared, "severity": "critical", "title": "An undo came only halfway", "body": body}
    if deal["kind"] == "half_rest":
        body = f"{moved} that was paid too much is not in Xero, its payment is: the wallet differs by it. {deal['why'] or ''}"
        return {**shared, "severity": "critical", "title": "The overpaid rest of a payment is not posted", "body": body}
    minutes = int(ctx.books.partner_patience.total_seconds() // 60)
    body = (
        f"{moved} has waited more than {minutes} minutes for its other half at Amnis. Nothing of it is posted. "
        "It goes on by itself when the other half arrives; if it does not, ask Amnis."
    )
    return {**shared, "severity": "warning", "title": "Half of a currency exchange is missing", "body": body}
