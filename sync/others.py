"""Who else books into the bank accounts of a company: what was seen in the last five weeks, and a look at once.

Xero's API shows neither bank feeds nor statement lines; a feed is inferred from documents that are not ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from connectors import services as connector_services
from sync import store_links, store_mirror
from sync.models import Flow, MirrorDocument
from sync.pipeline import mirror
from sync.proving import others_said
from tenants.scoping import tenant_scope

LOOK_BACK = timedelta(days=35)


def others_on(*, flow: Flow, account_ids: Iterable[str]) -> dict[str, str]:
    """What is to be said about each bank account into which somebody else booked. In the tenant's scope; one statement."""
    if flow.destination is None:
        return {}
    found = store_links.foreign_by_account(
        connection_id=flow.destination.pk,
        organisation_id=flow.destination.external_id,
        account_ids=list(account_ids),
    )
    return {row["account_id"]: others_said(row) for row in found}


def is_looked_at(*, flow: Flow) -> bool:
    """Was anything of the books' documents read yet? Inside the tenant's scope."""
    return flow.mirror_read_at is not None or MirrorDocument.objects.filter(connection=flow.destination).exists()


def look(*, tenant_id: int, flow_id: int, today: date) -> None:
    """Read the bank transactions, transfers and payments of the last five weeks. Raises the connectors' errors.

    What is read is kept as any other reading; the next run reads from its own watermark all the same.
    """
    with tenant_scope(tenant_id):
        flow = Flow.objects.select_related("destination__grant").get(pk=flow_id)
    if flow.destination is None or not flow.destination.is_usable:
        return
    destination = connector_services.open_destination(flow.destination)
    try:
        for endpoint in mirror.ALL_ENDPOINTS:
            for page in destination.changes(endpoint, since=None, from_date=today - LOOK_BACK):
                if page:
                    with tenant_scope(tenant_id):
                        rows = [mirror.as_row(document) for document in page]
                        store_mirror.upsert_mirror(
                            tenant_id=tenant_id, connection_id=flow.destination.pk, documents=rows
                        )
    finally:
        connector_services.store_calls(tenant_id, connector_services.take_calls(destination))
