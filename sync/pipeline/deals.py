"""One incident for each conversion, or payment with a rest, that cannot be completed by itself; closed when it is whole."""

from __future__ import annotations

from typing import Any

from sync import incidents, store_deals
from sync.pipeline.context import Context


def look(ctx: Context) -> None:
    """Tell of deals that wait for a person, and take back what is over. One statement where nothing changed. Inside
    `commit`."""
    for deal in store_deals.troubled_deals(flow_id=ctx.flow_id):
        if deal["is_over"]:
            incidents.close_causes(
                tenant_id=ctx.tenant_id,
                flow=ctx.flow,
                prefixes=(deal["cause"],),
                resolution="Both documents are accounted for.",
            )
        else:
            incidents.open(tenant_id=ctx.tenant_id, flow=ctx.flow, **_told(ctx, deal))


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
