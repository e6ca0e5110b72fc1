"""Reads both vendors afresh and proves the balance of one flow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from connectors import selectors as connector_selectors
from connectors import services as connector_services
from connectors.contract.ports import Destination, Source
from connectors.contract.records import Execution, MirrorDocument
from sync import store
from sync.domain.booking import booking_date
from sync.domain.fingerprint import fingerprint, natural_keys
from sync.domain.proof import Ours, SourceRow, Wallet, legs, prove, report
from sync.models import AccountMapping, Flow, Proof
from sync.pipeline import mirror
from sync.pipeline.books import DEFAULT_POLICIES
from tenants.scoping import tenant_scope


def flow_prove(*, tenant_id: int, flow_id: int, since: date | None = None, until: date | None = None) -> dict[str, Any]:
    """The proof as a JSON-ready report, kept in the table. Raises the connectors' errors when a vendor cannot be read."""
    with tenant_scope(tenant_id):
        flow = Flow.objects.select_related("source__grant", "destination__grant").get(pk=flow_id)
        wallets = _wallets(flow)
    assert flow.source is not None
    assert flow.destination is not None
    start = max(since or flow.cutoff, flow.cutoff)
    source = connector_services.open_source(flow.source)
    rows = [
        row
        for row in _source_rows(source, flow, start, until)
        if row.account_id in {wallet.source_account_id for wallet in wallets}
    ]
    documents = _documents(connector_services.open_destination(flow.destination), start, until)
    with tenant_scope(tenant_id):
        ours = {row["fingerprint"]: _ours(row) for row in store.posted_by_fingerprint(flow_id)}
        result = report(prove(wallets=wallets, rows=rows, ours=ours, books=legs(documents)), wallets)
        Proof.objects.create(tenant_id=tenant_id, flow=flow, balanced=result["balanced"], result=result)
    return result


def _wallets(flow: Flow) -> list[Wallet]:
    assert flow.destination is not None
    chart = connector_selectors.chart(flow.destination)
    currency = {account.account_id: account.currency for account in chart.accounts}
    mapped = AccountMapping.objects.filter(flow=flow).exclude(destination_account_id="").order_by("source_account_id")
    return [
        Wallet(
            source_account_id=mapping.source_account_id,
            bank_account_id=mapping.destination_account_id,
            currency=currency.get(mapping.destination_account_id, mapping.source_currency),
        )
        for mapping in mapped
    ]


def _source_rows(source: Source, flow: Flow, start: date, until: date | None) -> Iterator[SourceRow]:
    policies = {**DEFAULT_POLICIES, **flow.policies}
    seen: set[str] = set()
    for page in source.read_executed(since=start, until=until):
        for key, record in zip(natural_keys(source.kind, page.records), page.records, strict=True):
            transaction = source.normalise(record)
            day = booking_date(transaction, card_date=policies["card_date"], fx_date=policies["fx_date"])
            inside = day is not None and day >= start and (until is None or day <= until)
            if transaction.execution is not Execution.EXECUTED or not inside or key in seen:
                continue
            seen.add(key)
            assert day is not None
            yield SourceRow(
                fingerprint=fingerprint(key),
                source_id=record.source_id,
                account_id=record.account_id,
                booking_date=day,
                amount=transaction.amount.amount,
                currency=transaction.amount.currency,
            )


def _documents(destination: Destination, start: date, until: date | None) -> list[MirrorDocument]:
    return [
        document
        for endpoint in mirror.ALL_ENDPOINTS
        for page in destination.changes(endpoint, since=None, from_date=start)
        for document in page
        if document.date >= start and (until is None or document.date <= until)
    ]


def _ours(row: dict[str, Any]) -> Ours:
    return Ours(
        state=row["state"],
        reason=row["reason"] or "",
        document_id=row["destination_id"] or "",
        marker=row["marker"] or "",
        day=date.fromisoformat(row["day"]) if row["day"] else None,
    )
