"""Payments and batches: exact bytes under the official file, one outcome each, and read back from the sandbox's books."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract.allocations import allocations_hash
from connectors.contract.errors import ContractBroken
from connectors.contract.money import Money, MoneyError
from connectors.contract.records import (
    Allocation,
    BatchPayment,
    DocumentKind,
    Endpoint,
    MirrorDocument,
    OpenItem,
    Outcome,
    Payment,
    Prepared,
    Writable,
)
from connectors.xero import payments
from connectors.xero.destination import XeroDestination
from connectors.xero.mapping import prepare
from sandbox.xero.app import XeroSandbox
from sandbox.xero.ledger import Ledger
from sandbox.xero.seed import TRADING
from tests.connectors.xero.conftest import BASE_URL, SCOPES, AliceToken
from tests.connectors.xero.factories import BANK, answered, envelope, marker, wiring
from tests.connectors.xero.spec import CheckedTransport, check_request, needs_specs

D = Decimal
DAY = date(2026, 11, 20)
HEADERS = {"Content-Type": "application/json", "xero-tenant-id": "x", "Idempotency-Key": "k"}
ONE, OTHER = "046d8a6d-1ae1-4b4d-9340-5601bdf41b87", "249f15fa-f2a7-4acc-8769-0984103f2225"


def part(amount: str = "100.00", *, invoice: str = ONE, currency: str = "CHF") -> Allocation:
    return Allocation(invoice_id=invoice, number="INV-1", amount=D(amount), currency=currency)


def pay(number: int = 1, *, total: str = "100.00", currency: str = "CHF", **changes: Any) -> Payment:
    found: dict[str, Any] = {
        "bank_account_id": BANK, "incoming": True, "date": DAY, "total": Money.of(total, currency),
        "reference": "Rechnung", "marker": marker(number), "allocation": part(), **changes,
    }  # fmt: skip
    return Payment(**found)


def batch(number: int = 1, **changes: Any) -> BatchPayment:
    found: dict[str, Any] = {
        "bank_account_id": BANK, "incoming": True, "date": DAY, "total": Money.of("150.00", "CHF"),
        "reference": "Zwei Rechnungen", "marker": marker(number),
        "allocations": (part("100.00"), part("50.00", invoice=OTHER)), **changes,
    }  # fmt: skip
    return BatchPayment(**found)


# ------------------------------------------------------------------- what leaves


def test_a_payment_leaves_in_exactly_these_bytes() -> None:
    prepared = prepare(Endpoint.PAYMENTS, [pay()])
    assert (prepared.method, prepared.path) == ("PUT", "/api.xro/2.0/Payments?summarizeErrors=false")
    assert prepared.body.decode() == (
        f'{{"Payments":[{{"Invoice":{{"InvoiceID":"{ONE}"}},"Amount":100.00,"Account":{{"AccountID":"{BANK}"}},'
        '"Date":"2026-11-20","Reference":"Rechnung MR-0000000000001"}]}'
    )


def test_the_banks_amount_goes_along_where_the_invoice_is_in_another_currency() -> None:
    foreign = pay(total="93.50", allocation=part("100.00", currency="EUR"))
    [element] = json.loads(prepare(Endpoint.PAYMENTS, [foreign]).body)["Payments"]
    assert (element["Amount"], element["BankAmount"]) == (100.00, 93.50)
    assert "CurrencyRate" not in element, "two figures say the rate already"


def test_a_rate_goes_along_in_the_wallets_own_foreign_currency() -> None:
    entry = pay(currency="EUR", allocation=part(currency="EUR"), rate=D("1.0842"))
    [element] = json.loads(prepare(Endpoint.PAYMENTS, [entry]).body, parse_float=D)["Payments"]
    assert element["CurrencyRate"] == D("1.084200")
    assert "BankAmount" not in element


def test_a_batch_carries_its_marker_where_any_edition_of_xero_keeps_it() -> None:
    [element] = json.loads(prepare(Endpoint.BATCH_PAYMENTS, [batch()]).body)["BatchPayments"]
    assert element["Reference"] == "Zwei Rechnungen MR-0000000000001"
    assert element["Details"] == "MR-0000000000001"
    assert len(element["Details"]) <= 18, "Xero's limit"
    assert [paid["Amount"] for paid in element["Payments"]] == [100.00, 50.00]


@pytest.mark.parametrize(
    "wrong",
    [
        pay(total="99.99"),
        pay(total="0.00", allocation=part("0.00")),
        batch(total=Money.of("150.01", "CHF")),
        batch(allocations=(part("100.00"), part("50.00", currency="EUR"))),
        batch(allocations=(part("200.00"), part("-50.00", invoice=OTHER))),
    ],
)
def test_what_does_not_add_up_never_leaves(wrong: Payment | BatchPayment) -> None:
    endpoint = Endpoint.PAYMENTS if isinstance(wrong, Payment) else Endpoint.BATCH_PAYMENTS
    with pytest.raises(MoneyError):
        prepare(endpoint, [wrong])


@needs_specs
@pytest.mark.parametrize(
    ("endpoint", "items"),
    [
        (Endpoint.PAYMENTS, [pay(number) for number in range(50)]),
        (Endpoint.PAYMENTS, [pay(total="93.50", allocation=part(currency="EUR"))]),
        (Endpoint.PAYMENTS, [pay(currency="EUR", allocation=part(currency="EUR"), rate=D("1.0842"))]),
        (Endpoint.BATCH_PAYMENTS, [batch()]),
    ],
)
def test_every_body_is_one_that_the_official_file_knows(endpoint: Endpoint, items: Sequence[Writable]) -> None:
    prepared: Prepared = prepare(endpoint, items)
    path, _, query = prepared.path.partition("?")
    check_request(prepared.method, path, query, HEADERS, prepared.body)


# ----------------------------------------------------------------- what comes back


@pytest.fixture
def destination(xero: XeroSandbox, transport: CheckedTransport, organisation_id: str) -> XeroDestination:
    scopes = SCOPES | {"accounting.payments", "accounting.invoices.read"}
    tokens = AliceToken(xero, scopes=frozenset(scopes))
    return XeroDestination(wiring(transport, base_url=BASE_URL, organisation_id=organisation_id, tokens=tokens))


@pytest.fixture
def ledger(xero: XeroSandbox) -> Ledger:
    return xero.ledger(TRADING)


def for_invoice(ledger: Ledger, number: str, amount: str, *, contact: str = "") -> Allocation:
    found = next(it for it in ledger.invoices() if it["InvoiceNumber"] == number and contact in it["Contact"]["Name"])
    return Allocation(
        invoice_id=found["InvoiceID"], number=number, amount=D(amount), currency=found["CurrencyCode"],
        contact_id=found["Contact"]["ContactID"],
    )  # fmt: skip


def wallet(ledger: Ledger, name: str = "CHF Amnis") -> str:
    return str(ledger.account(name)["AccountID"])


def write(destination: XeroDestination, endpoint: Endpoint, *items: Writable) -> Any:
    prepared = destination.prepare(endpoint, items)
    answer = destination.send(prepared, key=f"key-{items[0]}"[:100], allowed=lambda: True)
    return destination.classify(prepared, answer, items=items)


def changed(destination: XeroDestination, endpoint: Endpoint) -> list[MirrorDocument]:
    return [document for page in destination.changes(endpoint, since=None) for document in page]


def item(destination: XeroDestination, number: str) -> OpenItem:
    pages = destination.open_items(since=datetime(2026, 1, 1, tzinfo=UTC))
    return next(found for page in pages for found in page if found.number == number)


def test_a_payment_is_proven_by_its_marker_and_lowers_what_is_due(destination: XeroDestination, ledger: Ledger) -> None:
    allocation = for_invoice(ledger, "RE-2026-0102", "5000.00")
    entry = pay(total="5000.00", bank_account_id=wallet(ledger), allocation=allocation)
    [outcome] = write(destination, Endpoint.PAYMENTS, entry).items
    assert outcome.outcome is Outcome.APPLIED
    [found] = changed(destination, Endpoint.PAYMENTS)
    assert (found.kind, found.incoming, found.account_id) == (DocumentKind.PAYMENT, True, entry.bank_account_id)
    assert (found.total, found.date, found.marker) == (entry.total, DAY, entry.marker)
    assert found.lines_hash == allocations_hash([(allocation.invoice_id, D("5000.00"))])
    assert found == destination.document(DocumentKind.PAYMENT, found.document_id)
    assert item(destination, "RE-2026-0102").due == D("7650.50"), "12,650.50 - 5,000.00"
    assert item(destination, "RE-2026-0102").paid_by == (entry.marker,)


def test_a_bill_is_paid_out_of_the_wallet(destination: XeroDestination, ledger: Ledger) -> None:
    allocation = for_invoice(ledger, "R-88120", "4200.00")
    entry = pay(total="4200.00", incoming=False, bank_account_id=wallet(ledger), allocation=allocation)
    write(destination, Endpoint.PAYMENTS, entry)
    [found] = changed(destination, Endpoint.PAYMENTS)
    assert not found.incoming
    assert ledger.balance("CHF Amnis") == D("-4200.00")
    assert item(destination, "R-88120").status == "PAID"


def test_of_fifty_payments_only_the_one_that_pays_too_much_is_refused(
    destination: XeroDestination, ledger: Ledger
) -> None:
    good, much = for_invoice(ledger, "RE-2026-0101", "10.00"), for_invoice(ledger, "RE-2026-0102", "12650.51")
    entries = [pay(n, total="10.00", bank_account_id=wallet(ledger), allocation=good) for n in range(49)]
    entries.append(pay(49, total="12650.51", bank_account_id=wallet(ledger), allocation=much))
    found = write(destination, Endpoint.PAYMENTS, *entries).items
    assert [it.outcome for it in found] == [Outcome.APPLIED] * 49 + [Outcome.REFUSED]
    assert [finding.code for finding in found[49].findings] == ["overpaid"]
    assert item(destination, "RE-2026-0101").due == D("990.00"), "1,480.00 - 49 x 10.00"


def test_a_batch_counts_once_however_many_payments_it_has(destination: XeroDestination, ledger: Ledger) -> None:
    parts = (for_invoice(ledger, "RE-2026-0101", "1480.00"), for_invoice(ledger, "RE-2026-0102", "520.00"))
    entry = batch(total=Money.of("2000.00", "CHF"), bank_account_id=wallet(ledger), allocations=parts)
    [outcome] = write(destination, Endpoint.BATCH_PAYMENTS, entry).items
    assert outcome.outcome is Outcome.APPLIED
    assert changed(destination, Endpoint.PAYMENTS) == []
    [found] = changed(destination, Endpoint.BATCH_PAYMENTS)
    assert (found.kind, found.incoming, found.total) == (DocumentKind.BATCH_PAYMENT, True, entry.total)
    assert found.lines_hash == allocations_hash((it.invoice_id, it.amount) for it in parts)
    assert found == destination.document(DocumentKind.BATCH_PAYMENT, found.document_id)


def test_without_a_since_only_what_is_open_is_told(destination: XeroDestination, ledger: Ledger) -> None:
    entry = pay(
        total="1480.00", bank_account_id=wallet(ledger), allocation=for_invoice(ledger, "RE-2026-0101", "1480.00")
    )
    write(destination, Endpoint.PAYMENTS, entry)
    first = [found for page in destination.open_items(since=None) for found in page]
    assert "RE-2026-0101" not in [found.number for found in first]
    assert {"RE-2026-0102", "R-88120"} <= {found.number for found in first}
    assert all(found.is_open for found in first)
    assert {found.sales for found in first} == {True, False}


def test_an_invoice_in_euro_is_paid_into_the_franc_wallet(destination: XeroDestination, ledger: Ledger) -> None:
    allocation = for_invoice(ledger, "RE-2026-0103", "3200.00")
    entry = pay(total="3010.40", bank_account_id=wallet(ledger), allocation=allocation)
    write(destination, Endpoint.PAYMENTS, entry)
    [found] = changed(destination, Endpoint.PAYMENTS)
    assert found.total == Money.of("3010.40", "CHF"), "what moved on the wallet"
    assert found.rate == D("1.062982"), "3,200.00 / 3,010.40, six digits"
    assert item(destination, "RE-2026-0103").status == "PAID"


# ------------------------------------------------------------------ odd answers


def echo(entry: Payment, **changes: Any) -> dict[str, Any]:
    return {
        "PaymentID": "99ea7f6b-c513-4066-bc27-b7c65dcd76c2",
        "Date": "/Date(1795132800000+0000)/",
        "BankAmount": D("100.00"),
        "Amount": D("100.00"),
        "Reference": entry.marker,
        "PaymentType": "ACCRECPAYMENT",
        "Status": "AUTHORISED",
        "Account": {"AccountID": BANK},
        "Invoice": {"InvoiceID": ONE, "Contact": {"ContactID": OTHER}},
        **changes,
    }


def read(element: dict[str, Any]) -> MirrorDocument:
    return payments.payment(element, currency_of=lambda account: "CHF")


@pytest.mark.parametrize(
    ("kind", "incoming"),
    [
        ("ACCRECPAYMENT", True),
        ("ACCPAYPAYMENT", False),
        ("ARCREDITPAYMENT", False),  # a customer's credit is given back
        ("APCREDITPAYMENT", True),  # a supplier gives back
        ("AROVERPAYMENTPAYMENT", False),
        ("APOVERPAYMENTPAYMENT", True),
        ("ARPREPAYMENTPAYMENT", False),
        ("APPREPAYMENTPAYMENT", True),
    ],
)
def test_the_direction_of_every_kind_of_payment_is_known(kind: str, incoming: bool) -> None:
    assert read(echo(pay(), PaymentType=kind)).incoming is incoming


def test_a_kind_that_nobody_knows_is_not_guessed() -> None:
    with pytest.raises(ContractBroken):
        read(echo(pay(), PaymentType="BARTER"))


def test_a_payment_of_a_batch_is_recognised_by_either_sign() -> None:
    assert payments.belongs_to_batch(echo(pay(), BatchPaymentID=OTHER))
    assert payments.belongs_to_batch(echo(pay(), BatchPayment={"BatchPaymentID": OTHER}))
    assert not payments.belongs_to_batch(echo(pay(), BatchPaymentID="00000000-0000-0000-0000-000000000000"))


def test_figures_that_xero_writes_as_text_are_read() -> None:
    """As in the official example of a batch: TotalAmount "50.00", IsReconciled "false"."""
    element = {
        "BatchPaymentID": OTHER, "Account": {"AccountID": BANK}, "Date": "/Date(1795132800000+0000)/", "Type": "RECBATCH",
        "Status": "AUTHORISED", "TotalAmount": "50.00", "IsReconciled": "false", "Details": marker(7), "Payments": [],
    }  # fmt: skip
    found = payments.batch_payment(element, currency_of=lambda account: "CHF")
    assert (found.total, found.reconciled, found.marker) == (Money.of("50.00", "CHF"), False, marker(7))
    assert payments.batch_payment({**element, "IsReconciled": "true"}, currency_of=lambda account: "CHF").reconciled


def test_a_payment_whose_reference_is_missing_is_stored_without_proof(destination: XeroDestination) -> None:
    entry = pay()
    prepared = destination.prepare(Endpoint.PAYMENTS, [entry])
    said = echo(entry, Reference="", StatusAttributeString="OK", Amount=100, BankAmount=100)
    answer = answered(200, envelope("Payments", [said]))
    [found] = destination.classify(prepared, answer, items=[entry]).items
    assert (found.outcome, found.receipt and found.receipt.document_id) == (
        Outcome.UNPROVEN,
        "99ea7f6b-c513-4066-bc27-b7c65dcd76c2",
    )


def test_one_changed_part_makes_another_payment() -> None:
    one = allocations_hash((it.invoice_id, it.amount) for it in batch().allocations)
    turned = replace(batch(), allocations=tuple(reversed(batch().allocations)))
    assert allocations_hash((it.invoice_id.upper(), it.amount) for it in turned.allocations) == one
    assert allocations_hash([(ONE, D("100.00")), (OTHER, D("50.01"))]) != one
