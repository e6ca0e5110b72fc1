"""Every situation of the golden ledger, through the whole pipeline, read back in the sandbox's own books."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.xero.text import find_marker
from sync.models import Entry, Record
from tenants.scoping import tenant_scope
from tests.golden.acting import happen, make, settle_in
from tests.golden.ledger import Document, Ledger, Line, Situation, read
from tests.pipeline.conftest import World

LEDGERS = sorted((Path(__file__).parent / "ledgers").glob("*.ledger"))
ENOUGH = 120


@pytest.mark.parametrize("path", LEDGERS, ids=lambda path: path.stem)
def test_the_books_are_as_the_ledger_says(path: Path, world: World) -> None:
    ledger = read(path)
    settle_in(world, ledger.settings)
    made = {situation.number: _happened(world, situation) for situation in ledger.situations}
    world.settle()
    _go_on(world, ledger, made)
    world.settle()

    books = _books(world)
    wrong = [said for it in ledger.situations for said in _differences(world, it, made[it.number], books)]
    told = {marker for rows in made.values() for marker in _markers(world, rows)}
    wrong += [f"no situation calls for {documents}" for marker, documents in books.items() if marker not in told]

    assert not wrong, "\n".join(wrong)
    assert world.books.is_balanced()


def test_there_are_situations_enough() -> None:
    titles = [situation.title for path in LEDGERS for situation in read(path).situations]

    assert len(titles) >= ENOUGH
    assert len(set(titles)) == len(titles), "each sentence stands once"


def test_each_situation_says_what_happens_and_what_becomes_of_it() -> None:
    for path in LEDGERS:
        for it in read(path).situations:
            assert it.rows, f"{path.name}, line {it.number}: nothing happens"
            assert it.documents or it.nothing or it.waits, f"{path.name}, line {it.number}: no outcome"
            for document in it.documents:
                same = sum((line.amount for line in document.lines), Decimal(0)) == document.total
                assert same or document.kind == "TRANSFER", f"{path.name}, line {it.number}: the lines do not add up"


# ------------------------------------------------------------------- happening


def _happened(world: World, situation: Situation) -> list[list[int]]:
    return [make(world, row) for row in situation.rows]


def _go_on(world: World, ledger: Ledger, made: dict[int, list[list[int]]]) -> None:
    for situation in ledger.situations:
        for row, ids in zip(situation.rows, made[situation.number], strict=True):
            if "then" in row.options:
                happen(world, row, ids[0])


# ------------------------------------------------------------------- comparing


def _differences(
    world: World, situation: Situation, rows: list[list[int]], books: dict[str, list[dict[str, Any]]]
) -> list[str]:
    place = f"line {situation.number}, “{situation.title}”:"
    found = [_read(world, document) for marker in _markers(world, rows) for document in books.get(marker, [])]
    missing = [it for it in situation.documents if not any(_agree(it, other) for other in found)]
    surplus = [it for it in found if not any(_agree(other, it) for other in situation.documents)]
    said = [f"{place} is missing: {_told(it)}" for it in missing] + [
        f"{place} stands there: {_told(it)}" for it in surplus
    ]
    if len(found) != len(situation.documents) and not said:
        said.append(f"{place} {len(found)} documents instead of {len(situation.documents)}")
    for wanted, reasons in ((situation.nothing, _reasons), (situation.waits, _findings)):
        if wanted is not None and not any(wanted in reason for reason in reasons(world, rows)):
            said.append(f"{place} expected “{wanted}”, found {reasons(world, rows)}")
    return said


def _told(it: Document) -> str:
    lines = "; ".join(f"{line.account} {line.amount} {line.tax} {' '.join(line.tracking)}".strip() for line in it.lines)
    return f"{it.day:%d.%m.%Y} {it.kind} {it.bank} {it.total} {it.party} [{lines}] {it.options}"


def _agree(wanted: Document, found: Document) -> bool:
    heads = [(it.day, it.kind, it.bank, it.total, it.party, it.lines) for it in (wanted, found)]
    return heads[0] == heads[1] and all(_holds(name, value, found) for name, value in wanted.options.items())


def _holds(name: str, value: str, found: Document) -> bool:
    said = found.options.get(name, "")
    return Decimal(said) == Decimal(value) if name == "rate" else value in said


# --------------------------------------------------------------------- reading


def _books(world: World) -> dict[str, list[dict[str, Any]]]:
    """Every live document by its marker; "" collects those without one."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    of_batches = [it for it in world.books.payments() if not it.get("BatchPayment")]
    banking = (*world.books.bank_transactions(), *world.books.bank_transfers())
    for document in (*banking, *of_batches, *world.books.batch_payments()):
        found[find_marker(document["Reference"])].append(document)
    return dict(found)


def _read(world: World, document: dict[str, Any]) -> Document:
    day = date.fromisoformat(document["DateString"][:10])
    if "BatchPaymentID" in document or "PaymentID" in document:
        return _paid(world, document, day)
    if "BankTransferID" in document:
        sender, receiver = (world.books.account(document[side]["AccountID"])["Name"] for side in _SIDES)
        return Document(day=day, kind="TRANSFER", bank=sender, total=_decimal(document["Amount"]), party=receiver)
    return Document(
        day=day,
        kind=document["Type"],
        bank=world.books.account(document["BankAccount"]["AccountID"])["Name"],
        total=_decimal(document["Total"]),
        party=document["Contact"]["Name"],
        lines=[_line(line) for line in document["LineItems"]],
        options={
            "reference": document["Reference"],
            "rate": str(document["CurrencyRate"]),
            "text": " / ".join(line["Description"] for line in document["LineItems"]),
            "tax": document["LineAmountTypes"],
        },
    )


def _paid(world: World, document: dict[str, Any], day: date) -> Document:
    """A payment, or several at once: its lines are the invoices, what each of them got, and their status now."""
    numbered = {it["InvoiceID"]: it for it in world.books.invoices(live=False)}
    parts = document["Payments"] if "BatchPaymentID" in document else [document]
    paid = [(numbered[part["Invoice"]["InvoiceID"]], _decimal(part["Amount"])) for part in parts]
    return Document(
        day=day,
        kind="PAYMENTS" if "BatchPaymentID" in document else "PAYMENT",
        bank=world.books.account(document["Account"]["AccountID"])["Name"],
        total=sum((amount for _, amount in paid), Decimal(0)),
        party=paid[0][0]["Contact"]["Name"],
        lines=[Line(account=it["InvoiceNumber"], amount=amount, tax=it["Status"]) for it, amount in paid],
        options={"reference": document["Reference"]},
    )


_SIDES = ("FromBankAccount", "ToBankAccount")


def _line(line: dict[str, Any]) -> Line:
    tracking = tuple(f"{choice['Name']}: {choice['Option']}" for choice in line.get("Tracking", []))
    return Line(
        account=line["AccountCode"], amount=_decimal(line["LineAmount"]), tax=line["TaxType"], tracking=tracking
    )


def _decimal(value: object) -> Decimal:
    return Decimal(str(value))


def _entries(world: World, rows: list[list[int]]) -> list[Entry]:
    numbers = [str(number) for ids in rows for number in ids]
    with tenant_scope(world.tenant.pk):
        mine = Entry.objects.filter(record__source_id__in=numbers)
        return list(mine | Entry.objects.filter(other_record__source_id__in=numbers))


def _markers(world: World, rows: list[list[int]]) -> list[str]:
    return sorted({entry.marker for entry in _entries(world, rows)})


def _findings(world: World, rows: list[list[int]]) -> list[str]:
    held = [entry for entry in _entries(world, rows) if entry.state == "review"]
    return [finding["message"] for entry in held for finding in entry.findings]


def _reasons(world: World, rows: list[list[int]]) -> list[str]:
    numbers = [str(number) for ids in rows for number in ids]
    with tenant_scope(world.tenant.pk):
        skipped = Record.objects.filter(source_id__in=numbers, state="skipped")
        return list(skipped.values_list("reason", flat=True))
