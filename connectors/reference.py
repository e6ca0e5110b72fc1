"""The vendors' master data as rows: read in one go, written in bulk, put together again as a `Chart`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.db.models.functions import Now

from connectors import opening
from connectors.contract.errors import RetryLater
from connectors.contract.ports import Destination, Source
from connectors.contract.records import (
    Account,
    Chart,
    Organisation,
    SourceAccount,
    SourceReference,
    TaxRate,
    TrackingCategory,
    TrackingOption,
)
from connectors.models import Connection, Reference
from tenants.scoping import tenant_scope

GONE = "GONE"  # was there once and is not any more; kept, because older entries name it
_FIELDS = ["code", "name", "status", "currency", "payload", "updated_at"]
Kind = Reference.Kind


def refresh_reference(connection: Connection) -> None:
    """Read the vendor's master data afresh and store it. Raises the connectors' errors; then nothing has changed.

    Must be called outside of any transaction, because it calls the vendor.
    """
    opening.refuse_open_scope()
    if connection.role == Connection.Role.DESTINATION:
        _refresh_destination(connection, opening.open_destination(connection))
    else:
        _refresh_source(connection, opening.open_source(connection))


def load_chart(connection: Connection) -> Chart:
    """The chart as it was last read. Inside the tenant's scope; one statement."""
    rows = list(Reference.objects.filter(connection=connection).exclude(status=GONE).order_by("id"))
    return Chart(
        organisation=organisation_of(connection),
        accounts=tuple(Account(**row.payload) for row in rows if row.kind == Kind.ACCOUNT),
        tax_rates=tuple(_tax_rate(row.payload) for row in rows if row.kind == Kind.TAX_RATE),
        tracking=tuple(_tracking(row.payload) for row in rows if row.kind == Kind.TRACKING_CATEGORY),
        currencies=frozenset(row.external_id for row in rows if row.kind == Kind.CURRENCY),
    )


def organisation_of(connection: Connection) -> Organisation:
    """The company as the connection's row remembers it."""
    return Organisation(
        organisation_id=connection.external_id,
        name=connection.name,
        base_currency=connection.base_currency,
        country=connection.country,
        timezone=connection.timezone,
        short_code=connection.short_code,
        lock_date=connection.lock_date,
        pays_tax=connection.pays_tax,
        multi_currency=connection.multi_currency,
    )


def store_organisation(connection: Connection, found: Organisation) -> None:
    """Keep what the destination says about itself on the connection. Inside the tenant's scope."""
    values: dict[str, Any] = {
        "name": found.name[:200] or connection.name,
        "base_currency": found.base_currency[:3],
        "country": found.country[:2],
        "timezone": found.timezone[:60],
        "short_code": found.short_code[:40],
        "lock_date": found.lock_date,
        "pays_tax": found.pays_tax,
        "multi_currency": found.multi_currency,
    }
    Connection.objects.filter(pk=connection.pk).update(**values, last_ok_at=Now(), last_error="")
    for name, value in values.items():
        setattr(connection, name, value)


def _refresh_destination(connection: Connection, destination: Destination) -> None:
    chart = destination.chart()
    if not chart.accounts:  # every organisation has some: an empty list is no news of their deletion
        raise RetryLater(f"{connection.get_kind_display()} showed an empty chart of accounts. It is read again.")
    calls = opening.take_calls(destination)
    with tenant_scope(connection.tenant_id):
        opening.store_calls(connection.tenant_id, calls)
        store_organisation(connection, chart.organisation)
        _replace(
            connection,
            _chart_rows(connection, chart),
            kinds=(Kind.ACCOUNT, Kind.TAX_RATE, Kind.TRACKING_CATEGORY, Kind.CURRENCY),
        )


def _refresh_source(connection: Connection, source: Source) -> None:
    accounts, references = source.accounts(), list(source.references())
    calls = opening.take_calls(source)
    rows = [_source_account(connection, account) for account in accounts]
    rows += [_source_reference(connection, item) for item in references if item.external_id]
    with tenant_scope(connection.tenant_id):
        opening.store_calls(connection.tenant_id, calls)
        Connection.objects.filter(pk=connection.pk).update(last_ok_at=Now(), last_error="")
        _replace(
            connection,
            rows,
            kinds=(Kind.SOURCE_ACCOUNT, Kind.EXPENSE_CATEGORY, Kind.COST_CENTRE, Kind.VAT, Kind.CONTACT),
        )


def _replace(connection: Connection, rows: Iterable[Reference], *, kinds: tuple[Kind, ...]) -> None:
    """These rows are all there are of these kinds now; what is missing among them is gone."""
    distinct = {(row.kind, row.external_id): row for row in rows}
    old = Reference.objects.filter(connection=connection, kind__in=kinds)
    known = old.exclude(status=GONE).values_list("id", "kind", "external_id")
    missing = [pk for pk, kind, external_id in known if (kind, external_id) not in distinct]
    Reference.objects.filter(pk__in=missing).update(status=GONE, updated_at=Now())
    Reference.objects.bulk_create(
        distinct.values(),
        update_conflicts=True,
        unique_fields=["connection", "kind", "external_id"],
        update_fields=_FIELDS,
        batch_size=500,
    )
    Connection.objects.filter(pk=connection.pk).update(reference_at=Now())


def _chart_rows(connection: Connection, chart: Chart) -> Iterator[Reference]:
    for account in chart.accounts:
        yield _row(
            connection, Kind.ACCOUNT, account.account_id, code=account.code, name=account.name,
            status=account.status, currency=account.currency, payload=asdict(account),
        )  # fmt: skip
    for rate in chart.tax_rates:
        payload = {**asdict(rate), "rate": str(rate.rate), "applies_to": sorted(rate.applies_to)}
        yield _row(
            connection, Kind.TAX_RATE, rate.tax_type, code=rate.tax_type, name=rate.name, status=rate.status,
            payload=payload,
        )  # fmt: skip
    for category in chart.tracking:
        yield _row(
            connection, Kind.TRACKING_CATEGORY, category.category_id, name=category.name, status=category.status,
            payload={**asdict(category), "options": [asdict(option) for option in category.options]},
        )  # fmt: skip
    for currency in sorted(chart.currencies):
        yield _row(connection, Kind.CURRENCY, currency, code=currency, currency=currency)


def _source_account(connection: Connection, account: SourceAccount) -> Reference:
    available = None if account.available is None else str(account.available)
    payload = {"kind": account.kind, "available": available, "ibans": list(account.ibans)}
    name = account.name or f"{account.currency} {account.kind}"
    return _row(
        connection, Kind.SOURCE_ACCOUNT, account.account_id, code=account.kind, name=name,
        currency=account.currency[:3], payload=payload,
    )  # fmt: skip


def _source_reference(connection: Connection, item: SourceReference) -> Reference:
    payload = dict(item.payload)
    return _row(connection, Kind(item.kind), item.external_id, code=item.code, name=item.name, payload=payload)


def _row(connection: Connection, kind: Kind, external_id: str, *, payload: Any = None, **fields: str) -> Reference:
    return Reference(
        tenant_id=connection.tenant_id,
        connection=connection,
        kind=kind,
        external_id=external_id[:200],
        code=fields.get("code", "")[:60],
        name=fields.get("name", "")[:500],
        status=fields.get("status", "ACTIVE")[:20],
        currency=fields.get("currency", ""),
        payload=payload or {},
        updated_at=Now(),
    )


def _tax_rate(payload: dict[str, Any]) -> TaxRate:
    return TaxRate(**{**payload, "rate": Decimal(payload["rate"]), "applies_to": frozenset(payload["applies_to"])})


def _tracking(payload: dict[str, Any]) -> TrackingCategory:
    options = tuple(TrackingOption(**option) for option in payload["options"])
    return TrackingCategory(**{**payload, "options": options})
