"""Reads of the connectors' tables. All inside the tenant's scope."""

from __future__ import annotations

from connectors.contract.records import Chart, SourceAccount
from connectors.models import Connection, Reference
from connectors.reference import GONE, load_chart


def chart(connection: Connection) -> Chart:
    """Everything an entry may point at, as it was last read. One statement."""
    return load_chart(connection)


def connections() -> list[Connection]:
    """The tenant's connections with their grants, sources first."""
    return list(Connection.objects.select_related("grant").order_by("-role", "kind", "id"))


def source_accounts(connection: Connection) -> list[SourceAccount]:
    """The wallets of a source as they were last read, by currency."""
    rows = references(connection, kind=Reference.Kind.SOURCE_ACCOUNT)
    return [
        SourceAccount(
            account_id=row.external_id,
            kind=str(row.payload.get("kind", "normal")),
            currency=row.currency,
            available=None,
            ibans=tuple(row.payload.get("ibans", ())),
            name=row.name,
        )
        for row in rows
    ]


def references(connection: Connection, *, kind: str) -> list[Reference]:
    """The rows of one kind that are still there, by code and name."""
    found = Reference.objects.filter(connection=connection, kind=kind).exclude(status=GONE)
    return list(found.order_by("code", "name", "id"))
