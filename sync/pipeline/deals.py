"""One incident for each conversion, or payment with a rest, that cannot be completed by itself; closed when it is whole."""

from __future__ import annotations

from typing import Any

from sync import incidents, store_deals
from sync.domain.clearing import open_deals
from sync.models import Incident
from sync.models.incident import MOVEMENT
from sync.pipeline.context import Context

OPEN = "open_fx:"


def look(ctx: Context) -> None:
    """Tell of deals that wait for a person, and take back what is over. One statement where nothing changed. Inside
    `commit`."""
    troubled = store_deals.troubled_deals(flow_id=ctx.flow_id)
    if any(deal["cause"].startswith(OPEN) for deal in troubled):
        look_at_clearing(ctx)
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


def look_at_clearing(ctx: Context) -> None:
    """The net beneath all that posts a deal: one incident for each that does not return the clearing account to 0.00, as the
    documents were last read; closed when it does. Two statements where none is open. Inside `commit`."""
    found = open_deals(
        store_deals.open_clearing(
            flow_id=ctx.flow_id, connection_id=ctx.connection.pk, base_currency=ctx.books.base_currency
        ),
        base_currency=ctx.books.base_currency,
    )
    causes = {f"{OPEN}{deal.deal.removeprefix('fx:')}"[:120]: deal for deal in found}
    known = set(
        Incident.objects.filter(flow=ctx.flow, closed_at=None, cause__startswith=OPEN).values_list("cause", flat=True)
    )
    over = sorted(known - set(causes))
    if over:
        resolution = "The clearing account is at 0.00 for it."
        incidents.close(tenant_id=ctx.tenant_id, flow=ctx.flow, causes=over, resolution=resolution)
    for cause, deal in ((cause, deal) for cause, deal in causes.items() if cause not in known):
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


def _told(ctx: Context, deal: dict[str, Any]) -> dict[str, str]:
    day = f" of {deal['booking_date']:%d.%m.%Y}" if deal["booking_date"] else ""
    moved = f"{deal['currency']} {deal['amount']:,.2f}{day}"
    shared = {"cause": deal["cause"], "error_class": "data", "action": "review"}
    if deal["staying"] is not None:
        return {
            **shared,
            "severity": "critical",
            "title": "An undo came only halfway",
            "body": _half_undone(deal, moved),
        }
    if deal["leg"] == "rest":
        body = f"{moved} that was paid too much is not in Xero, its payment is: the wallet differs by it. {deal['why'] or ''}"
        return {**shared, "severity": "critical", "title": "The overpaid rest of a payment is not posted", "body": body}
    if deal["is_half_posted"]:
        body = f"{moved} is not in Xero, the other half is: the clearing account stays open by it. {deal['why'] or ''}"
        return {**shared, "severity": "critical", "title": "Half of a currency exchange is posted", "body": body}
    minutes = int(ctx.books.partner_patience.total_seconds() // 60)
    body = (
        f"{moved} has waited more than {minutes} minutes for its other half at Amnis. Nothing of it is posted. "
        "It goes on by itself when the other half arrives; if it does not, ask Amnis."
    )
    return {**shared, "severity": "warning", "title": "Half of a currency exchange is missing", "body": body}


def _half_undone(deal: dict[str, Any], moved: str) -> str:
    gone, stays = ("the overpaid rest", "its payment") if deal["leg"] == "rest" else ("one document", "its other half")
    return (
        f"{moved} was taken out of Xero ({gone}); {stays} of {deal['currency']} {deal['staying']:,.2f} still stands there. "
        f"{deal['why']} Then undo what stands as well; or post again what was taken out, from the movement's page."
    )
