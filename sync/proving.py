"""Reads both vendors afresh and proves the balance of one flow."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from connectors import selectors as connector_selectors
from connectors import services as connector_services
from connectors.contract.records import NEVER, Endpoint
from sync import incidents, store, store_deals, store_figures, store_links, store_mirror, store_proofs
from sync.domain import clearing
from sync.domain.pairing import Span
from sync.domain.proof import Acceptance, Wallet, prove, report
from sync.domain.unproved import NOTHING, Stray
from sync.models import AcceptedDocument, AccountMapping, Flow, Proof
from sync.pipeline import drift, mirror
from sync.proof_reading import Progress, Reader, nothing_collected
from sync.repeating import name_repeated
from tenants.scoping import tenant_scope

FOREIGN_DAYS = 3  # documents of others on so many days of five weeks are no slip


@nothing_collected()
def flow_prove(
    *,
    tenant_id: int,
    flow_id: int,
    since: date | None = None,
    until: date | None = None,
    trigger: str = "command",
    actor: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The proof as a JSON-ready report; kept, with its number as `proof`. Raises the connectors' errors when a vendor
    cannot be read. A proof of all there is opens the incident of a broken balance, or closes it."""
    started = time.monotonic()
    with tenant_scope(tenant_id):
        flow = Flow.objects.select_related("source__grant", "destination__grant").get(pk=flow_id)
        wallets, began = _wallets(flow), store.now()
        start = max(since or flow.cutoff, flow.cutoff)
        records, documents = store_figures.known_sizes(flow_id=flow_id, connection_id=flow.destination_id or 0)
    assert flow.source is not None
    assert flow.destination is not None
    told = progress or (lambda _step, _done, _total: None)
    background = trigger == "schedule"
    destination = connector_services.open_destination(flow.destination, background=background, patient=True)
    source = connector_services.open_source(flow.source, background=background, patient=True)
    span = Span(since=start, until=until)
    reader = Reader(
        flow=flow,
        source=source,
        destination=destination,
        wallets=wallets,
        span=span,
        start=start,
        began=began,
        mirrored=_mirrored(flow),
        told=told,
    )
    try:
        read = reader.read(records=records, documents=documents)
    finally:
        connector_services.store_calls(tenant_id, connector_services.take_calls(source, destination))
    with tenant_scope(tenant_id):
        balance = prove(
            wallets=wallets, rows=read.rows, ours=read.ours, books=read.books, accepted=_accepted(flow),
            strays=_strays(flow, [wallet.source_account_id for wallet in wallets]), span=span,
            not_looked_up=read.not_looked_up, undated=read.undated,
        )  # fmt: skip
        name_repeated(flow, balance.unexpected, read.books)
        if read.changed:
            afresh = [mirror.as_row(document) for document in read.changed]
            store_mirror.upsert_mirror(tenant_id=tenant_id, connection_id=flow.destination.pk, documents=afresh)
        result = _with_clearing(report(balance, wallets), flow, span=span)
        kept = Proof.objects.create(
            tenant_id=tenant_id, flow=flow, balanced=result["balanced"], result=result, since=start, until=until,
            trigger=trigger, made_by=actor, seconds=round(time.monotonic() - started, 2),
        )  # fmt: skip
        if result["missing"]:  # what became of each is told on its page
            drift.ask(flow.pk)
        if since is None and until is None:
            _tell(flow, result)
        tell_of_others(flow, wallets)
    return {**result, "proof": kept.pk}


def _mirrored(flow: Flow) -> datetime:
    """Until when a sync has read the bank transactions, so that a proof is not an hour behind the books; NEVER where none
    has read them yet."""
    marks, name = flow.mirror_watermarks, Endpoint.BANK_TRANSACTIONS.value
    known = marks.get(mirror.SEEN + name) or marks.get(name)
    last = datetime.fromisoformat(known) if known else flow.mirror_read_at
    return last - mirror.SHORT_MARGIN if last else NEVER


def _with_clearing(result: dict[str, Any], flow: Flow, *, span: Span) -> dict[str, Any]:
    """The deals of these days that do not return the clearing account to 0.00. They change no account's balance, so they are
    told beside the verdict; those that a person lives with stand among what was accepted. One statement, in the scope."""
    assert flow.destination is not None
    base = flow.destination.base_currency
    rows = store_deals.open_clearing(flow_id=flow.pk, connection_id=flow.destination.pk, base_currency=base)
    deals = [deal for deal in clearing.open_deals(rows, base_currency=base) if any(day in span for day in deal.days)]
    found = clearing.as_json(deal for deal in deals if not deal.accepted and not deal.is_moving)
    accepted = clearing.accepted_as_json(deal for deal in deals if deal.accepted)
    return {
        **result,
        "clearing": found,
        "accepted": [*result["accepted"], *accepted],
        "says": clearing.said(result["says"], found),
    }


def tell_of_others(flow: Flow, wallets: Iterable[Wallet]) -> None:
    """The incident of a bank account into which somebody else books as well, for as long as it lasts. In the scope."""
    assert flow.destination is not None
    source_of = {wallet.bank_account_id: wallet.source_account_id for wallet in wallets}
    found = store_links.foreign_by_account(
        connection_id=flow.destination.pk,
        organisation_id=flow.destination.external_id,
        account_ids=list(source_of),
    )
    busy = [row for row in found if row["days"] >= FOREIGN_DAYS]
    causes = {f"others:{row['account_id']}" for row in busy}
    for row in busy:
        incidents.open(
            tenant_id=flow.tenant_id,
            flow=flow,
            cause=f"others:{row['account_id']}",
            severity="warning",
            error_class="data",
            title=f"Somebody else books into the account of {source_of[row['account_id']]}",
            body=others_said(row),
            action="proof",
        )
    quiet = [f"others:{account}" for account in source_of if f"others:{account}" not in causes]
    if quiet:
        incidents.close_causes(
            tenant_id=flow.tenant_id, flow=flow, prefixes=quiet, resolution="Nobody else books there any more."
        )


def others_said(row: dict[str, Any]) -> str:
    """What was seen on one bank account, what it probably means, and what to do."""
    feed = row["reconciled"] * 2 > row["documents"]
    means = (
        "Most were made from lines of a bank statement: a bank feed or an import probably serves this account too."
        if feed
        else "They were typed by hand or made by another app."
    )
    return (
        f"{row['documents']} documents on {row['days']} days of the last five weeks are not from Millrace. {means} Switch "
        "the other one off in Xero, or leave the wallet out here; link what is typed twice."
    )


def _tell(flow: Flow, result: dict[str, Any]) -> None:
    """The incident of a broken balance, or of a proof that proves nothing; neither of them once it is in balance."""
    nothing = result["verdict"] == NOTHING
    cause = "" if result["balanced"] else "proof:nothing" if nothing else "proof:unbalanced"
    over = [one for one in ("proof:nothing", "proof:unbalanced") if one != cause]
    said = "The next proof was in balance." if not cause else "The next proof found something else."
    incidents.close_causes(tenant_id=flow.tenant_id, flow=flow, prefixes=over, resolution=said)
    if cause:
        incidents.open(
            tenant_id=flow.tenant_id,
            flow=flow,
            cause=cause,
            severity="warning",
            error_class="data",
            title="There is nothing to prove" if nothing else "Amnis and Xero do not agree",
            body=_broken(result),
            action="proof",
        )


def _broken(result: dict[str, Any]) -> str:
    lists = {name: len(result[name]) for name in ("missing", "duplicated", "unexpected", "different", "unproved")}
    seen = ", ".join(f"{number} {name}" for name, number in lists.items() if number)
    if result["verdict"] == NOTHING:
        return f"{result['says']}{f' It found: {seen}.' if seen else ''}"
    off = [f"{row['currency']} {row['difference']} ({row['source']})" for row in result["accounts"] if _is_off(row)]
    return (
        f"The balance proof found: {seen or 'a day differs'}. {'Difference: ' + ', '.join(off) + '. ' if off else ''}"
        "Each one stands on the proof page with its next step."
    )


def _is_off(row: dict[str, Any]) -> bool:
    return bool(row["difference"] != "0.00")


def _wallets(flow: Flow) -> list[Wallet]:
    """The mapped wallets with their bank accounts. Inside the tenant's scope."""
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


def _strays(flow: Flow, mapped: Iterable[str]) -> list[Stray]:
    """What we posted from wallets that are no part of the proof. Two statements, inside the tenant's scope."""
    ignored = AccountMapping.objects.filter(flow=flow, ignored=True)
    why = {it.source_account_id: it.ignore_reason or "on purpose" for it in ignored}
    return [
        Stray(
            account_id=row["account_id"],
            source_id=row["source_id"],
            record=row["record"],
            booking_date=row["booking_date"],
            amount=row["amount"],
            currency=row["currency"],
            marker=row["marker"],
            documents=tuple(one for one in (row["destination_id"], row["other_destination_id"]) if one),
            left_out=why.get(row["account_id"], ""),
            state=row["state"],
        )
        for row in store_proofs.posted_elsewhere(flow_id=flow.pk, mapped=list(mapped))
    ]


def _accepted(flow: Flow) -> dict[tuple[str, str], Acceptance]:
    standing = AcceptedDocument.objects.filter(flow=flow, withdrawn_at=None)
    return {
        (it.document_id, it.account_id): Acceptance(day=it.date, amount=it.amount, reason=it.reason, by=it.accepted_by)
        for it in standing
    }
