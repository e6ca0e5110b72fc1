"""Movements that pay invoices and bills: what stands in the books afterwards, read from the sandbox's own ledger."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sync import proposals, services, undoing
from sync.allocating import invoice_choose, invoices_choose_best, proposals_of
from sync.models import Entry
from sync.proving import flow_prove
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import DEFAULTS, ORGANISATION, World

D = Decimal
MARCH = date(2026, 3, 20)
BOB = "bob@muster.example"


@pytest.fixture
def auto(world: World) -> World:
    world.set_flow(policies={"match_invoices": "auto"})
    return world


def invoice(
    world: World, number: str, amount: str, *, to: str = "Beispiel AG", kind: str = "ACCREC", **fields: Any
) -> dict[str, Any]:
    """An approved invoice (or bill) of the first of March, due at its end, without tax."""
    return world.sandbox.xero.people(ORGANISATION).type_invoice(
        Type=kind,
        InvoiceNumber=number,
        Contact={"Name": to},
        Date="2026-03-01",
        DueDate="2026-03-31",
        LineAmountTypes="NoTax",
        LineItems=[{"Description": number, "Quantity": 1, "UnitAmount": D(amount), "AccountCode": "200"}],
        **fields,
    )


def standing(world: World, number: str) -> dict[str, Any]:
    return next(it for it in world.books.invoices(live=False) if it["InvoiceNumber"] == number)


def test_a_receipt_that_names_its_invoice_and_its_amount_pays_it(auto: World) -> None:
    invoice(auto, "RE-2026-7001", "480.00")
    auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="Rechnung RE-2026-7001", executed_on=MARCH)

    auto.settle()

    assert auto.states() == ["confirmed"]
    [paid] = auto.books.payments()
    assert (paid["Amount"], paid["Invoice"]["InvoiceNumber"]) == (D("480.00"), "RE-2026-7001")
    assert auto.books.bank_transactions() == []
    assert standing(auto, "RE-2026-7001")["Status"] == "PAID"
    assert auto.books.balance("090") == D("480.00")
    assert auto.books.markers() == [auto.entries()[0].marker]
    assert flow_prove(tenant_id=auto.tenant.pk, flow_id=auto.flow_id)["balanced"]


# ----------------------------------------------------------------------- evidence


def qr(body: str) -> str:
    """A QR reference: 26 digits and the check digit, by the table of the Swiss implementation guidelines."""
    digits, carry = body.rjust(26, "0"), 0
    for digit in digits:
        carry = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)[(carry + int(digit)) % 10]
    return digits + str((10 - carry) % 10)


def test_a_qr_reference_pays_its_invoice_whoever_pays(auto: World) -> None:
    """65 for the reference, 30 for the amount, 5 for the date: 100 without a name."""
    invoice(auto, "RE-2026-7001", "480.00")
    auto.amnis.pay_in(amount="480.00", payer=None, qr_reference=qr("20267001"), executed_on=MARCH)
    auto.settle()
    assert auto.states() == ["confirmed"]
    assert standing(auto, "RE-2026-7001")["Status"] == "PAID"
    assert "Beispiel AG" in [contact["Name"] for contact in auto.books.contacts()], "the invoice's own contact"


def test_a_wrong_qr_digit_is_no_match_and_is_said(auto: World) -> None:
    invoice(auto, "RE-2026-7001", "480.00", to="Andere AG")
    right = qr("20267001")
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
    auto.amnis.pay_in(amount="300.00", payer="Beispiel AG", qr_reference=wrong, executed_on=MARCH)
    auto.settle()
    [entry] = auto.entries()
    assert [(it["code"], it["severity"], it["detail"]) for it in entry.findings if it["code"] == "reference_wrong"] == [
        ("reference_wrong", "note", wrong)
    ]
    assert auto.books.payments() == []
    assert standing(auto, "RE-2026-7001")["AmountDue"] == D("480.00")
    assert [it["Total"] for it in auto.books.bank_transactions()] == [D("300.00")]


def test_a_creditor_reference_pays_the_supplier_whose_bill_carries_it(auto: World) -> None:
    """The bookkeeper typed the reference of the bill as its number, as Xero's screen suggests."""
    invoice(auto, "RF18539007547034", "910.00", to="Probst Logistik AG", kind="ACCPAY")
    auto.amnis.payout(amount="910.00", to="Probst Logistik AG", reference="RF18 5390 0754 7034", executed_on=MARCH)
    auto.settle()
    [paid] = auto.books.payments()
    assert paid["PaymentType"] == "ACCPAYPAYMENT"
    assert auto.books.balance("090") == D("-910.00")
    assert standing(auto, "RF18539007547034")["Status"] == "PAID"


def test_a_bill_of_another_supplier_with_the_same_number_is_for_a_person(auto: World) -> None:
    """Suppliers number their bills themselves, so the number alone pays none; for the supplier's own bill it does."""
    auto.set_flow(policies={"match_invoices": "auto", "match_invoices_from": "40"})
    invoice(auto, "RE-2026-7001", "100.00", kind="ACCPAY", to="Beispiel AG")
    paying: dict[str, Any] = {"amount": "100.00", "reference": "Rechnung RE-2026-7001", "executed_on": MARCH}
    auto.amnis.payout(**paying, to="Lieferant Exempla AG")
    auto.settle()
    assert invoices_choose_best(**acting(auto), at_least=40) == 0
    assert (auto.codes(), auto.books.payments(), auto.books.bank_transactions()) == (["invoice_found"], [], [])
    assert "it is a bill of Beispiel AG" in auto.entries()[0].findings[0]["message"]

    auto.amnis.payout(**paying, to="BEISPIEL")
    auto.settle()
    assert sorted(auto.states()) == ["confirmed", "review"]
    assert standing(auto, "RE-2026-7001")["Status"] == "PAID"
    assert auto.books.balance("090") == D("-100.00")


@pytest.mark.parametrize(("account", "due"), [("CH9300762011623852957", "0.00"), ("CH3609999000000004411", "100.00")])
def test_a_supplier_under_another_spelling_is_known_by_its_bank_account(auto: World, account: str, due: str) -> None:
    known = {"accountNumber": "CH9300762011623852957", "name": "Probst Logistik AG", "country": "CH"}
    auto.amnis.payout(amount="41.15", to="Probst Logistik AG", executed_on=date(2026, 3, 4), beneficiary=known)
    auto.settle()
    invoice(auto, "B-2026-7001", "100.00", kind="ACCPAY", to="Probst Logistik AG")
    other = {"accountNumber": account, "name": "Probst Logistics AG", "country": "CH"}
    auto.amnis.payout(
        amount="100.00", to="Probst Logistics AG", reference="B-2026-7001", executed_on=MARCH, beneficiary=other
    )
    auto.settle()
    assert standing(auto, "B-2026-7001")["AmountDue"] == D(due)


# ------------------------------------------------------------- parts and batches


def test_an_invoice_is_paid_in_two_parts(auto: World) -> None:
    invoice(auto, "RE-2026-7002", "1000.00")
    auto.amnis.pay_in(amount="400.00", payer="Beispiel AG", reference="RE-2026-7002 Teil 1", executed_on=MARCH)
    auto.settle()
    assert (standing(auto, "RE-2026-7002")["Status"], standing(auto, "RE-2026-7002")["AmountDue"]) == (
        "AUTHORISED",
        D("600.00"),
    )
    auto.amnis.pay_in(
        amount="600.00", payer="Beispiel AG", reference="RE-2026-7002 Rest", executed_on=date(2026, 3, 27)
    )
    auto.settle()

    assert auto.states() == ["confirmed", "confirmed"]
    assert [paid["Amount"] for paid in auto.books.payments()] == [D("400.00"), D("600.00")]
    assert standing(auto, "RE-2026-7002")["Status"] == "PAID"
    assert auto.books.balance("090") == D("1000.00")


def test_both_parts_may_arrive_at_once(auto: World) -> None:
    invoice(auto, "RE-2026-7002", "1000.00")
    for amount in ("400.00", "600.00"):
        auto.amnis.pay_in(amount=amount, payer="Beispiel AG", reference="RE-2026-7002", executed_on=MARCH)
    auto.settle()
    assert standing(auto, "RE-2026-7002")["Status"] == "PAID"
    assert auto.books.calls()["PUT /Payments"] == 1, "both parts in one call"


def test_one_receipt_for_three_invoices_is_one_batch(auto: World) -> None:
    for number, amount in (("RE-2026-7003", "100.00"), ("RE-2026-7004", "250.50"), ("RE-2026-7005", "49.50")):
        invoice(auto, number, amount)
    text = "RE-2026-7003, RE-2026-7004, RE-2026-7005"
    auto.amnis.pay_in(amount="400.00", payer="Beispiel AG", reference=text, executed_on=MARCH)
    auto.settle()

    [batch] = auto.books.batch_payments()
    assert (batch["TotalAmount"], batch["Type"]) == (D("400.00"), "RECBATCH"), "100.00 + 250.50 + 49.50"
    assert [standing(auto, f"RE-2026-700{n}")["Status"] for n in (3, 4, 5)] == ["PAID"] * 3
    assert auto.states() == ["confirmed"]
    assert auto.books.markers() == [auto.entries()[0].marker]
    assert flow_prove(tenant_id=auto.tenant.pk, flow_id=auto.flow_id)["balanced"], "a batch counts once"


def test_a_payment_that_somebody_takes_out_of_our_batch_is_noticed(auto: World) -> None:
    for number, amount in (("RE-2026-7003", "100.00"), ("RE-2026-7004", "250.50")):
        invoice(auto, number, amount)
    auto.amnis.pay_in(amount="350.50", payer="Beispiel AG", reference="RE-2026-7003, RE-2026-7004", executed_on=MARCH)
    auto.settle()
    first = next(it for it in auto.books.payments() if it["Invoice"]["InvoiceNumber"] == "RE-2026-7003")
    auto.sandbox.xero.people(ORGANISATION).delete(first["PaymentID"])
    auto.set_flow(mirror_read_at=auto.sandbox.clock.now() - timedelta(minutes=56))

    auto.sync()

    assert auto.books.balance("090") == D("250.50"), "350.50 - 100.00"
    assert set(auto.codes()) == {"read_back_differs"}
    assert not flow_prove(tenant_id=auto.tenant.pk, flow_id=auto.flow_id)["balanced"]


def test_the_only_set_of_a_customers_invoices_with_this_sum_is_proposed(world: World) -> None:
    """100.00 + 49.50 = 149.50, and no other two or three of them make that."""
    for number, amount in (("RE-2026-7003", "100.00"), ("RE-2026-7004", "250.50"), ("RE-2026-7005", "49.50")):
        invoice(world, number, amount)
    world.amnis.pay_in(amount="149.50", payer="Beispiel AG", reference="Danke", executed_on=MARCH)
    world.settle()
    assert world.codes() == ["invoice_found"]
    best = world.entries()[0].decisions["proposals"][0]
    assert sorted(item["number"] for item in best["items"]) == ["RE-2026-7003", "RE-2026-7005"]
    assert world.books.payments() == world.books.batch_payments() == world.books.bank_transactions() == []


# ------------------------------------------------------------- too little, too much


def test_a_small_shortage_is_for_a_person_to_explain(auto: World) -> None:
    """980.00 of 1,000.00: two per cent taken as a discount, or kept by a bank."""
    invoice(auto, "RE-2026-7006", "1000.00")
    auto.amnis.pay_in(amount="980.00", payer="Beispiel AG", reference="RE-2026-7006", executed_on=MARCH)
    auto.settle()
    assert auto.codes() == ["invoice_found"]
    assert auto.books.payments() == []
    best = auto.entries()[0].decisions["proposals"][0]
    assert (best["pays"], best["rest"]) == ("short", "20.00")


def test_more_than_is_due_waits_and_makes_no_overpayment(auto: World) -> None:
    invoice(auto, "RE-2026-7006", "1000.00")
    auto.amnis.pay_in(amount="1100.00", payer="Beispiel AG", reference="RE-2026-7006", executed_on=MARCH)
    auto.settle()
    assert auto.codes() == ["overpaid"]
    assert "100.00 too much" in auto.entries()[0].findings[0]["message"]
    assert auto.books.payments() == auto.books.bank_transactions() == []


def test_an_invoice_that_is_paid_already_is_said_instead_of_booked_as_income(auto: World) -> None:
    invoice(auto, "RE-2026-7006", "1000.00")
    for _ in range(2):
        auto.amnis.pay_in(amount="1000.00", payer="Beispiel AG", reference="RE-2026-7006", executed_on=MARCH)
        auto.settle()
    assert auto.states() == ["confirmed", "review"]
    assert auto.codes() == ["invoice_closed"]
    assert auto.books.balance("090") == D("1000.00")


def typed_payment(world: World, paid: dict[str, Any], amount: str, *, account: str = "090") -> str:
    """The bookkeeper enters in Xero on the 20th of March that this invoice was paid."""
    return str(
        world.sandbox.xero.people(ORGANISATION).type_payment(
            Invoice={"InvoiceID": paid["InvoiceID"]},
            Account={"AccountID": world.books.account(account)["AccountID"]},
            Date="2026-03-20",
            Amount=D(amount),
        )["PaymentID"]
    )


@pytest.mark.parametrize(
    ("policy", "amounts"),
    [
        ("suggest", [("RE-2026-7001", "300.00"), ("RE-2026-7002", "180.00")]),
        ("auto", [("RE-2026-7001", "480.00"), ("RE-2026-7001", "480.00")]),
    ],
)
def test_a_receipt_that_was_entered_on_invoices_before_they_were_first_read_is_no_income(
    world: World, policy: str, amounts: list[tuple[str, str]]
) -> None:
    """Two invoices of 300 and 180; or one of 480, paid in the two parts 300 and 180. Nobody but the bookkeeper has booked the
    480 then, and that once."""
    world.set_flow(policies={"match_invoices": policy})
    kept = {number: invoice(world, number, amount) for number, amount in dict(amounts).items()}
    for (number, _), part in zip(amounts, ("300.00", "180.00"), strict=True):
        typed_payment(world, kept[number], part)
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference=" ".join(kept), executed_on=MARCH)

    world.settle()

    assert (world.states(), world.codes()) == (["review"], ["invoice_closed", "already_in_parts"])
    assert world.books.bank_transactions() == []
    assert world.books.balance("090") == D("480.00")


def test_an_invoice_that_was_paid_on_another_bank_account_is_said_to_be_paid(auto: World) -> None:
    typed_payment(auto, invoice(auto, "RE-2026-7001", "480.00"), "480.00", account="096")
    auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7001", executed_on=MARCH)
    auto.settle()
    assert auto.codes() == ["invoice_closed"]
    assert auto.books.balance("090") == D("0.00")


@pytest.mark.parametrize(("paid", "due"), [("400.00", "0.00"), ("150.00", "250.00")])
def test_what_a_credit_note_leaves_of_an_invoice_is_what_is_due(auto: World, paid: str, due: str) -> None:
    """500.00 less 100.00: 400.00 pay the whole of it, 150.00 a part."""
    billed = invoice(auto, "RE-2026-7010", "500.00")
    auto.sandbox.xero.people(ORGANISATION).credit(billed["InvoiceID"], D("100.00"))
    auto.amnis.pay_in(amount=paid, payer="Beispiel AG", reference="RE-2026-7010", executed_on=MARCH)
    auto.settle()

    [payment] = auto.books.payments()
    stands = standing(auto, "RE-2026-7010")
    assert (payment["Amount"], stands["AmountDue"], stands["AmountCredited"]) == (D(paid), D(due), D("100.00"))
    assert (auto.states(), auto.books.balance("090")) == (["confirmed"], D(paid))


def test_the_whole_invoice_paid_although_a_part_was_credited_waits(auto: World) -> None:
    billed = invoice(auto, "RE-2026-7010", "500.00")
    auto.sandbox.xero.people(ORGANISATION).credit(billed["InvoiceID"], D("100.00"))
    auto.amnis.pay_in(amount="500.00", payer="Beispiel AG", reference="RE-2026-7010", executed_on=MARCH)
    auto.settle()

    assert auto.codes() == ["overpaid"]
    assert "CHF 400.00 is due: 100.00 too much" in auto.entries()[0].findings[0]["message"]
    assert (auto.books.payments(), auto.books.balance("090")) == ([], D("0.00"))


def test_an_invoice_that_was_credited_in_whole_is_not_said_to_be_paid(auto: World) -> None:
    billed = invoice(auto, "RE-2026-7010", "500.00")
    auto.sandbox.xero.people(ORGANISATION).credit(billed["InvoiceID"], D("500.00"))
    auto.amnis.pay_in(amount="500.00", payer="Beispiel AG", reference="RE-2026-7010", executed_on=MARCH)
    auto.settle()

    assert auto.codes() == ["invoice_closed"]
    assert "which is paid or credited already" in auto.entries()[0].findings[0]["message"]
    assert auto.books.balance("090") == D("0.00")


def test_a_credit_note_written_before_the_payment_leaves_is_not_paid_over(auto: World) -> None:
    """Proposed while 500.00 was due, and accepted after 100.00 of it were credited."""
    auto.set_flow(policies={"match_invoices": "suggest"})
    billed = invoice(auto, "RE-2026-7010", "500.00")
    auto.amnis.pay_in(amount="500.00", payer="Beispiel AG", reference="RE-2026-7010", executed_on=MARCH)
    auto.settle()
    auto.sandbox.xero.people(ORGANISATION).credit(billed["InvoiceID"], D("100.00"))

    choose(auto)
    auto.settle()

    assert (auto.states(), auto.books.payments()) == (["review"], [])
    assert auto.books.balance("090") == D("0.00")


def test_two_receipts_at_once_never_pay_one_invoice_twice(auto: World) -> None:
    invoice(auto, "RE-2026-7006", "1000.00")
    for _ in range(2):
        auto.amnis.pay_in(amount="1000.00", payer="Beispiel AG", reference="RE-2026-7006", executed_on=MARCH)
    auto.settle()
    assert sorted(auto.states()) == ["confirmed", "review"]
    assert [paid["Amount"] for paid in auto.books.payments()] == [D("1000.00")]


# ------------------------------------------------------------------ other currencies


def test_an_invoice_in_euro_paid_into_the_euro_wallet(auto: World) -> None:
    invoice(auto, "RE-2026-7007", "500.00", CurrencyCode="EUR")
    auto.amnis.pay_in(amount="500.00", account=2, payer="Beispiel AG", reference="RE-2026-7007", executed_on=MARCH)
    auto.settle()
    assert standing(auto, "RE-2026-7007")["Status"] == "PAID"
    assert auto.books.balance("EUR Amnis") == D("500.00")


def test_an_invoice_in_euro_paid_in_francs_brings_the_banks_amount(auto: World) -> None:
    """500.00 EUR at 1.05 EUR for a franc are 476.19 CHF; 475.00 came in, 0.25 % less."""
    invoice(auto, "RE-2026-7007", "500.00", CurrencyCode="EUR", CurrencyRate=D("1.05"))
    auto.amnis.pay_in(amount="475.00", payer="Beispiel AG", reference="RE-2026-7007", executed_on=MARCH)
    auto.settle()
    [paid] = auto.books.payments()
    assert (paid["Amount"], paid["BankAmount"]) == (D("500.00"), D("475.00"))
    assert auto.books.balance("090") == D("475.00")
    assert auto.states() == ["confirmed"]
    assert auto.books.base_balance("499") == D("1.19"), "a realised loss: 476.19 owed, 475.00 received"


def test_francs_that_are_not_worth_the_invoice_wait_for_a_person(auto: World) -> None:
    """300.00 CHF at 1.05 are 315.00 EUR of the 500.00 that are due."""
    invoice(auto, "RE-2026-7007", "500.00", CurrencyCode="EUR", CurrencyRate=D("1.05"))
    auto.amnis.pay_in(amount="300.00", payer="Beispiel AG", reference="RE-2026-7007", executed_on=MARCH)
    auto.settle()
    assert auto.codes() == ["invoice_found"]
    [item] = auto.entries()[0].decisions["proposals"][0]["items"]
    assert (item["paid"], item["stays"]) == ("315.00", "185.00")


@pytest.mark.parametrize("paid", ["10.00", "5000.00"])
@pytest.mark.parametrize("rate", ["xero_day", "table", "last_deal"])
def test_what_no_rate_compares_pays_nothing_by_itself_nor_with_all_that_is_sure(
    auto: World, rate: str, paid: str
) -> None:
    """CHF 1,000.00 are due. Nobody has said yet what a euro is worth, so the amount is no evidence for any of it."""
    auto.set_flow(policies={"match_invoices": "auto", "rate": rate, "match_invoices_from": "40"})
    invoice(auto, "RE-2026-7001", "1000.00")
    auto.amnis.pay_in(amount=paid, account=2, payer="Beispiel AG", reference="RE-2026-7001", executed_on=MARCH)
    auto.settle()
    assert invoices_choose_best(**acting(auto), at_least=40) == 0
    auto.settle()
    assert (auto.states(), auto.books.payments(), auto.books.balance("EUR Amnis")) == (["review"], [], D("0.00"))
    assert standing(auto, "RE-2026-7001")["AmountDue"] == D("1000.00")
    [message] = [it["message"] for it in auto.entries()[0].findings if it["code"] == "invoice_found"]
    assert "all of the CHF 1,000.00 counts as paid and CHF 0.00 stays open" in message


def test_a_person_may_say_what_no_rate_can(auto: World) -> None:
    invoice(auto, "B-2026-7001", "1000.00", kind="ACCPAY")
    auto.amnis.payout(amount="1057.00", account=2, to="Beispiel AG", reference="B-2026-7001", executed_on=MARCH)
    auto.settle()
    [entry] = auto.entries()
    key = proposals_of(entry)[0]["key"]
    invoice_choose(tenant_id=auto.tenant.pk, entry_id=entry.pk, actor=BOB, key=key)
    auto.settle()
    [payment] = auto.books.payments()
    assert (payment["Amount"], payment["BankAmount"]) == (D("1000.00"), D("1057.00"))
    assert standing(auto, "B-2026-7001")["Status"] == "PAID"


@pytest.mark.parametrize(
    ("paid", "code", "due", "stays"),
    [
        ("10.00", "invoice_found", "1000.00", "990.51"),  # 10.00 / 1.054 = 9.49
        ("1020.00", "", "0.00", ""),  # 3 % below 1,054.00: the bank's own rate
        ("5000.00", "paid_more_abroad", "1000.00", ""),
    ],
)
def test_francs_due_are_compared_at_the_rate_that_the_books_showed_last(
    auto: World, paid: str, code: str, due: str, stays: str
) -> None:
    """Amnis sold CHF 5,000.00 for EUR 5,270.00, so a franc is EUR 1.054 in the books."""
    auto.amnis.fx(sold=(1, "5000.00"), bought=(2, "5270.00"), value_on=date(2026, 3, 4))
    auto.settle()
    invoice(auto, "RE-2026-7001", "1000.00")
    auto.amnis.pay_in(amount=paid, account=2, payer="Beispiel AG", reference="RE-2026-7001", executed_on=MARCH)
    auto.settle()
    entry = auto.entries()[-1]
    assert [it["code"] for it in entry.findings if it["severity"] == "review"] == ([code] if code else [])
    assert standing(auto, "RE-2026-7001")["AmountDue"] == D(due)
    assert [it["items"][0]["stays"] for it in proposals_of(entry)] == ([stays] if stays else [])


def test_a_third_currency_is_for_a_person(auto: World) -> None:
    invoice(auto, "RE-2026-7008", "500.00", CurrencyCode="USD")
    auto.amnis.pay_in(amount="460.00", account=2, payer="Beispiel AG", reference="RE-2026-7008", executed_on=MARCH)
    auto.settle()
    assert auto.codes() == ["third_currency"]
    assert auto.books.payments() == auto.books.bank_transactions() == []


# --------------------------------------------------------------------- exactly once


def test_a_lost_answer_on_a_payment_does_not_pay_twice(auto: World) -> None:
    invoice(auto, "RE-2026-7009", "480.00")
    auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7009", executed_on=MARCH)
    auto.sandbox.xero.faults.lose_answer(after_commit=True, path="Payments", methods={"PUT"})
    auto.sync()
    assert auto.states() == ["unconfirmed"]
    auto.sandbox.xero.idempotency.forget_everything()
    auto.settle()
    assert auto.states() == ["confirmed"]
    assert len(auto.books.payments()) == 1


def test_a_lost_answer_on_a_batch_does_not_pay_twice(auto: World) -> None:
    for number in ("RE-2026-7003", "RE-2026-7004"):
        invoice(auto, number, "100.00")
    auto.amnis.pay_in(amount="200.00", payer="Beispiel AG", reference="RE-2026-7003 RE-2026-7004", executed_on=MARCH)
    auto.sandbox.xero.faults.lose_answer(after_commit=True, path="BatchPayments", methods={"PUT"})
    auto.sync()
    auto.sandbox.xero.idempotency.forget_everything()
    auto.settle()
    assert auto.states() == ["confirmed"]
    assert (len(auto.books.batch_payments()), len(auto.books.payments())) == (1, 2)


def test_a_payment_that_never_arrived_is_sent_again_after_proof_of_absence(auto: World) -> None:
    invoice(auto, "RE-2026-7009", "480.00")
    auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7009", executed_on=MARCH)
    auto.sandbox.xero.faults.reset(path="Payments", methods={"PUT"})
    auto.sync()
    assert auto.states() == ["unconfirmed"]
    auto.settle()
    assert auto.states() == ["confirmed"]
    assert len(auto.books.payments()) == 1


def test_while_it_is_unknown_whether_a_payment_arrived_its_invoice_counts_as_claimed(auto: World) -> None:
    invoice(auto, "RE-2026-7009", "480.00")
    auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7009", executed_on=MARCH)
    auto.sandbox.xero.faults.reset(path="Payments", methods={"PUT"})
    auto.sync()
    auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7009", executed_on=MARCH)
    auto.settle()
    assert sorted(auto.states()) == ["confirmed", "review"]
    assert [paid["Amount"] for paid in auto.books.payments()] == [D("480.00")]


def matched_and_held(world: World) -> None:
    """Everything is decided, nothing is sent: the flow is held, as in an outage."""
    world.set_flow(held_until=datetime.now(UTC) + timedelta(hours=1))
    world.sync()
    assert world.states() == ["ready"]


def test_an_invoice_voided_meanwhile_is_refused_in_words_and_looked_for_anew(auto: World) -> None:
    found = invoice(auto, "RE-2026-7009", "480.00")
    auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7009", executed_on=MARCH)
    matched_and_held(auto)
    auto.sandbox.xero.people(ORGANISATION).void(found["InvoiceID"])
    auto.set_flow(held_until=None)
    auto.settle()
    assert auto.codes() == ["invoice_not_payable"]
    assert auto.books.payments() == []

    services.entry_retry(**acting(auto))
    auto.settle()
    assert auto.codes() == ["invoice_closed"], "the books are read again: it is voided"

    invoice(auto, "RE-2026-7009-B", "480.00")
    services.entry_retry(**acting(auto))
    auto.settle()
    assert auto.codes() == ["invoice_closed"]
    [other] = proposals_of(auto.entries()[0])
    assert (other["items"][0]["number"], other["score"]) == ("RE-2026-7009-B", 65), "the sum, the customer, the date"


def test_an_invoice_that_somebody_paid_meanwhile_is_not_paid_twice(auto: World) -> None:
    found = invoice(auto, "RE-2026-7009", "480.00")
    auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7009", executed_on=MARCH)
    matched_and_held(auto)
    typed = auto.sandbox.xero.people(ORGANISATION).type_payment(
        Invoice={"InvoiceID": found["InvoiceID"]},
        Account={"AccountID": auto.books.account("090")["AccountID"]},
        Date="2026-03-21",
        Amount=D("480.00"),
    )
    auto.set_flow(held_until=None)
    auto.settle()
    assert auto.codes() == ["overpaid"]
    services.entry_retry(**acting(auto))
    auto.settle()
    assert "already_in_xero" in auto.codes()
    [twin] = [it for it in auto.entries()[0].findings if it["code"] == "already_in_xero"]
    assert twin["detail"] == typed["PaymentID"]
    assert len(auto.books.payments()) == 1


def test_a_payment_typed_on_the_bill_that_a_movement_names_is_offered_three_weeks_on(world: World) -> None:
    """Both bills are paid by hand on the 20th, the money went on the 2nd: 300 stand for 300, and no card or payout doubles
    them, though nothing matches invoices here."""
    world.set_flow(policies={"match_invoices": "off"})
    card, payout = (
        typed_payment(world, invoice(world, number, amount, kind="ACCPAY"), amount)
        for number, amount in (("RE-2026-7001", "100.00"), ("RE-2026-7002", "200.00"))
    )
    went = date(2026, 3, 2)
    world.amnis.card(amount="100.00", merchant="Beispiel AG", comment="Rechnung RE-2026-7001", executed_on=went)
    world.amnis.payout(amount="200.00", to="Beispiel AG", reference="Rechnung RE-2026-7002", executed_on=went)

    world.settle()

    offered = [it for entry in world.entries() for it in entry.findings if it["code"] == "already_in_xero"]
    assert {it["detail"] for it in offered} == {card, payout}
    assert all("which this movement names" in it["message"] for it in offered)
    assert world.books.balance("090") == D("-300.00")


@pytest.mark.parametrize(
    ("number", "text", "to", "amount", "is_offered"),
    [
        ("A1", "Rechnung A1", "Anderer AG", "100.00", True),  # the word before it says so
        ("B-78", "Zahlung B-78, danke", "Beispiel AG", "100.00", True),  # the contact is the bill's
        ("B-78", "Zahlung B-78, danke", "Anderer AG", "100.00", False),
        ("B-78", "Zahlung B-78/2, danke", "Beispiel AG", "100.00", False),  # the number of another one
        ("A1", "Rechnung A1", "Beispiel AG", "100.05", False),
    ],
)
def test_a_payment_typed_on_a_bill_with_a_short_number_is_offered(
    world: World, number: str, text: str, to: str, amount: str, is_offered: bool
) -> None:
    """100 are typed on the bill on the 20th. What is offered is not posted beside it; what is another payment is."""
    world.set_flow(policies={"match_invoices": "off"})
    typed = typed_payment(world, invoice(world, number, "100.00", kind="ACCPAY"), "100.00")
    world.amnis.payout(amount=amount, to=to, reference=text, executed_on=date(2026, 3, 2))

    world.settle()

    offered = [it["detail"] for it in world.entries()[0].findings if it["code"] == "already_in_xero"]
    assert offered == ([typed] if is_offered else [])
    assert world.books.balance("090") == D("-100.00") - (D(0) if is_offered else D(amount))


# ------------------------------------------------------------------------- people


def acting(world: World) -> dict[str, Any]:
    return {"tenant_id": world.tenant.pk, "entry_ids": [entry.pk for entry in world.entries()], "actor": BOB}


def choose(world: World, place: int = 0) -> int:
    [entry] = [entry for entry in world.entries() if entry.state == "review"]
    key = proposals_of(entry)[place]["key"]
    return invoice_choose(tenant_id=world.tenant.pk, entry_id=entry.pk, key=key, actor=BOB)


def test_by_default_the_proposal_waits_until_somebody_accepts_it(world: World) -> None:
    invoice(world, "RE-2026-7010", "480.00")
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7010", executed_on=MARCH)
    world.settle()
    assert world.codes() == ["invoice_found"]
    assert world.books.write_calls() == 0

    assert choose(world) == 1
    world.settle()

    assert world.states() == ["confirmed"]
    assert standing(world, "RE-2026-7010")["Status"] == "PAID"
    with tenant_scope(world.tenant.pk):
        acts = list(AuditEvent.objects.filter(action="entry.invoice").values_list("actor", "after"))
    assert [(actor, (after or {})["pays"]) for actor, after in acts] == [(BOB, "RE-2026-7010")]


def test_somebody_may_book_it_as_money_received_instead(world: World) -> None:
    invoice(world, "RE-2026-7010", "480.00")
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7010", executed_on=MARCH)
    world.settle()
    services.entry_accept(**acting(world))
    world.settle()
    assert world.states() == ["confirmed"]
    assert [it["Type"] for it in world.books.bank_transactions()] == ["RECEIVE"]
    assert standing(world, "RE-2026-7010")["AmountDue"] == D("480.00")


def test_of_two_equal_invoices_a_person_chooses_and_the_other_stays_open(world: World) -> None:
    invoice(world, "RE-2026-7011", "480.00")
    invoice(world, "RE-2026-7012", "480.00")
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="Danke", executed_on=MARCH)
    world.settle()
    [entry] = world.entries()
    assert [it["score"] for it in proposals_of(entry)] == [65, 65], "amount 30, name 30, date 5"

    choose(world, 1)
    world.settle()

    paid, other = ((standing(world, n)["Status"]) for n in sorted_by_proposal(entry))
    assert (other, paid) == ("PAID", "AUTHORISED")


def sorted_by_proposal(entry: Entry) -> list[str]:
    return [proposal["items"][0]["number"] for proposal in proposals_of(entry)]


def test_equal_evidence_for_two_invoices_never_posts_itself(world: World) -> None:
    world.set_flow(policies={"match_invoices": "auto", "match_invoices_from": "60"})
    invoice(world, "RE-2026-7011", "480.00")
    invoice(world, "RE-2026-7012", "480.00")
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="Danke", executed_on=MARCH)
    world.settle()
    assert world.codes() == ["invoice_found"]


@pytest.mark.parametrize(("threshold", "state"), [("65", "confirmed"), ("66", "review")])
def test_the_threshold_is_the_tenants_own(world: World, threshold: str, state: str) -> None:
    """Amount 30, name 30, date 5: 65."""
    world.set_flow(policies={"match_invoices": "auto", "match_invoices_from": threshold})
    invoice(world, "RE-2026-7011", "480.00")
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="Danke", executed_on=MARCH)
    world.settle()
    assert world.states() == [state]


def test_a_choice_that_somebody_else_took_meanwhile_is_offered_anew(world: World) -> None:
    invoice(world, "RE-2026-7011", "480.00")
    for _ in range(2):
        world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7011", executed_on=MARCH)
    world.settle()
    first, second = world.entries()
    for entry in (first, second):
        key = proposals_of(entry)[0]["key"]
        invoice_choose(tenant_id=world.tenant.pk, entry_id=entry.pk, key=key, actor=BOB)
    world.settle()
    assert sorted(world.states()) == ["confirmed", "review"]
    assert "choice_gone" in world.codes()
    assert len(world.books.payments()) == 1


def test_accepting_all_of_a_group_takes_only_what_is_sure_enough(world: World) -> None:
    invoice(world, "RE-2026-7011", "480.00")
    invoice(world, "RE-2026-7012", "99.00")
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7011", executed_on=MARCH)
    world.amnis.pay_in(amount="99.00", payer="Beispiel AG", reference="Danke", executed_on=MARCH)
    world.settle()
    assert invoices_choose_best(**acting(world), at_least=90) == 1
    world.settle()
    assert sorted(world.states()) == ["confirmed", "review"]
    assert standing(world, "RE-2026-7011")["Status"] == "PAID"


def test_large_amounts_wait_even_where_the_invoice_is_sure(auto: World) -> None:
    auto.set_flow(review={"amount_over": {"CHF": "400.00"}})
    invoice(auto, "RE-2026-7011", "480.00")
    auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7011", executed_on=MARCH)
    auto.settle()
    assert auto.codes() == ["large_amount"]
    services.entry_accept(**acting(auto))
    auto.settle()
    assert standing(auto, "RE-2026-7011")["Status"] == "PAID"


# --------------------------------------------------------------- what stays as it was


def test_switched_off_every_payment_in_is_money_received(world: World) -> None:
    world.set_flow(policies={"match_invoices": "off"})
    invoice(world, "RE-2026-7013", "480.00")
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7013", executed_on=MARCH)
    world.settle()
    assert [it["Type"] for it in world.books.bank_transactions()] == ["RECEIVE"]
    assert "GET /Invoices" not in world.books.calls()


def test_a_rule_decides_where_nothing_but_the_amount_speaks_for_an_invoice(world: World) -> None:
    rule = {
        "name": "Donations",
        "when": {"all": [{"field": "counterparty", "op": "contains", "value": "Beispiel"}]},
        "then": {"account": "260", "tax": "NONE"},
    }
    services.rule_save(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB, spec=rule)
    invoice(world, "RE-2026-7013", "480.00")
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="Spende", executed_on=MARCH)
    world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7013", executed_on=MARCH)
    world.settle()
    assert world.states() == ["confirmed", "review"], "one that names the invoice is asked about all the same"


def test_a_movement_changed_after_its_payment_is_shown_and_never_paid_again(auto: World) -> None:
    invoice(auto, "RE-2026-7014", "480.00")
    movement = auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7014", executed_on=MARCH)
    auto.settle()
    auto.amnis.change_detail(movement, payerName="Beispiel Holding AG")
    auto.settle()
    assert auto.states() == ["confirmed"], "who paid is no field of a payment"
    assert len(auto.books.payments()) == 1


def test_a_payment_deleted_in_xero_is_noticed_and_not_made_again(auto: World) -> None:
    invoice(auto, "RE-2026-7015", "480.00")
    auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7015", executed_on=MARCH)
    auto.settle()
    [paid] = auto.books.payments()
    auto.sandbox.xero.people(ORGANISATION).delete(paid["PaymentID"])
    auto.set_flow(mirror_read_at=datetime.now(UTC) - timedelta(minutes=56))
    auto.settle()
    assert auto.codes() == ["deleted_in_xero"]
    assert auto.books.payments() == []


def undo(world: World) -> None:
    [entry] = world.entries()
    undoing.undo(
        tenant_id=world.tenant.pk, flow_id=world.flow_id, selection=undoing.Selection(entry=entry.pk), actor=BOB
    )
    for _ in range(5):
        world.sync()
    assert world.states() == ["undone"]


def test_an_undone_payment_leaves_its_invoice_open_as_before(auto: World) -> None:
    invoice(auto, "RE-2026-7017", "480.00")
    auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7017", executed_on=MARCH)
    auto.settle()
    assert standing(auto, "RE-2026-7017")["Status"] == "PAID"
    undo(auto)
    assert (standing(auto, "RE-2026-7017")["Status"], standing(auto, "RE-2026-7017")["AmountDue"]) == (
        "AUTHORISED",
        D("480.00"),
    )
    assert auto.books.balance("090") == D("0.00")


def test_an_undone_batch_leaves_all_its_invoices_open_and_may_be_paid_anew(auto: World) -> None:
    for number in ("RE-2026-7018", "RE-2026-7019"):
        invoice(auto, number, "100.00")
    auto.amnis.pay_in(amount="200.00", payer="Beispiel AG", reference="RE-2026-7018 RE-2026-7019", executed_on=MARCH)
    auto.settle()
    undo(auto)
    assert [standing(auto, n)["AmountDue"] for n in ("RE-2026-7018", "RE-2026-7019")] == [D("100.00")] * 2
    assert auto.books.batch_payments() == auto.books.payments() == []


def test_the_preview_of_a_batch_names_what_is_due_again_and_not_what_somebody_took_out_of_it(auto: World) -> None:
    """400.00 paid three invoices; without the 250.50 that somebody removed in Xero 149.50 are left: 100.00 and 49.50."""
    numbers = {"RE-2026-7003": "100.00", "RE-2026-7004": "250.50", "RE-2026-7005": "49.50"}
    for number, amount in numbers.items():
        invoice(auto, number, amount)
    auto.amnis.pay_in(amount="400.00", payer="Beispiel AG", reference=", ".join(numbers), executed_on=MARCH)
    auto.settle()
    taken = next(it for it in auto.books.payments() if it["Invoice"]["InvoiceNumber"] == "RE-2026-7004")
    auto.sandbox.xero.people(ORGANISATION).delete(taken["PaymentID"])
    [entry] = auto.entries()

    selection = undoing.Selection(entry=entry.pk)
    mine: dict[str, Any] = {"tenant_id": auto.tenant.pk, "flow_id": auto.flow_id}
    seen = undoing.undo_preview(selection=selection, named=[entry.pk], **mine)
    assert [(it.number, it.amount) for it in seen.reopened] == [
        ("RE-2026-7003", D("100.00")),
        ("RE-2026-7005", D("49.50")),
    ]
    undoing.undo(selection=selection, actor="bob@muster.example", named=[entry.pk], **mine)
    auto.settle()
    auto.settle()

    assert [standing(auto, number)["AmountDue"] for number in numbers] == [D(amount) for amount in numbers.values()]
    assert auto.books.balance("090") == D("0.00")


def test_a_hundred_receipts_cost_a_constant_number_of_statements(committed_world: World) -> None:
    world = committed_world
    world.set_flow(policies={"match_invoices": "auto"})
    counts = []
    for start, many in ((0, 10), (100, 100)):
        for n in range(start, start + many):
            invoice(world, f"RE-2026-8{n:03}", "10.00")
            world.amnis.pay_in(amount="10.00", payer="Beispiel AG", reference=f"RE-2026-8{n:03}", executed_on=MARCH)
        with CaptureQueriesContext(connection) as captured:
            world.sync()
        counts.append(len(captured.captured_queries))
    assert len(world.books.payments()) == 110
    assert counts[1] <= counts[0] + 30, "one more call of fifty, and no statement for each receipt"


def test_a_payment_in_the_books_is_not_counted_again_when_its_movement_changes(world: World) -> None:
    """1,000.00 due, 400.00 paid; the first movement changes its text while the last 600.00 arrive."""
    world.set_flow(policies={"match_invoices": "auto"})
    invoice(world, "RE-2026-7002", "1000.00")
    first = world.amnis.pay_in(
        amount="400.00", payer="Beispiel AG", reference="RE-2026-7002", executed_on=date(2026, 3, 20)
    )
    world.settle()
    world.amnis.change_detail(first, comment="RE-2026-7002 Teil 1")
    world.amnis.pay_in(
        amount="600.00", payer="Beispiel AG", reference="RE-2026-7002 Rest", executed_on=date(2026, 3, 21)
    )

    world.settle()

    assert standing(world, "RE-2026-7002")["Status"] == "PAID"
    assert [D(str(payment["Amount"])) for payment in world.books.payments()] == [D("400.00"), D("600.00")]


@pytest.mark.parametrize("match", ["off", "auto"])
def test_of_a_payment_that_amnis_changed_nothing_is_shown_or_made_that_would_not_be_posted(
    auto: World, match: str
) -> None:
    """480.00 paid RE-2026-7001; Amnis says 450.00. What that pays is decided once the payment is undone: with matching it is
    one of 450.00 (30.00 stay due), without it a receipt of 450.00 on sales, and the invoice is due whole."""
    whose: dict[str, Any] = {"tenant_id": auto.tenant.pk, "actor": "alice@muster.example"}
    invoice(auto, "RE-2026-7001", "480.00")
    row = auto.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7001", executed_on=MARCH)
    auto.settle()
    auto.set_flow(policies={"match_invoices": match})
    auto.amnis.change(row, amount="450.00")
    auto.settle()

    [entry] = auto.entries()
    assert "undo it" in entry.findings[0]["message"]
    assert "Apply" not in entry.findings[0]["message"]
    [shown] = proposals.proposal_preview(tenant_id=auto.tenant.pk, entry_id=entry.pk)
    assert (shown.wanted, shown.effects) == (None, ())
    assert proposals.proposal_apply(entry_id=entry.pk, **whose) is None
    assert [paid["Amount"] for paid in auto.books.payments()] == [D("480.00")]

    undo(auto)
    assert standing(auto, "RE-2026-7001")["AmountDue"] == D("480.00")
    undoing.entry_post_again(entry_ids=[entry.pk], **whose)
    auto.settle()
    due = {"off": "480.00", "auto": "30.00"}[match]
    assert (auto.states(), auto.books.balance("090")) == (["confirmed"], D("450.00"))
    assert standing(auto, "RE-2026-7001")["AmountDue"] == D(due)
    assert len(auto.books.payments()) == (match == "auto")
    assert [doc["LineItems"][0]["AccountCode"] for doc in auto.books.bank_transactions()] == ["200"] * (match == "off")


@pytest.mark.parametrize("overpaid", ["review", "suspense"])
@pytest.mark.parametrize(
    ("change", "told", "day", "total"),
    [
        ({"executionDate": "2026-03-22T10:00:00+01:00"}, "date: 2026-03-20 → 2026-03-22", "2026-03-22", "480.00"),
        ({"amount": "450.00"}, "amount: 480.00 → 450.00", "2026-03-20", "450.00"),
        ({"amount": "500.00"}, "amount: 480.00 → 500.00", "2026-03-20", "500.00"),
    ],
)
def test_money_received_that_would_be_a_payment_by_now_is_changed_as_what_it_is(
    world: World, change: dict[str, Any], told: str, day: str, total: str, overpaid: str
) -> None:
    """Posted while matching was off. Of the setting nothing is told as Amnis's word, and the invoice stays due as it is."""
    world.set_flow(policies={"match_invoices": "off"})
    invoice(world, "RE-2026-7001", "480.00")
    row = world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="RE-2026-7001", executed_on=MARCH)
    world.settle()
    world.set_flow(policies={"match_invoices": "auto", "overpaid": overpaid}, defaults={**DEFAULTS, "suspense": "880"})
    world.amnis.change(row, **change)
    world.amnis.change_detail(row, **change)
    world.settle()

    [entry] = world.entries()
    assert told in entry.findings[0]["message"]
    assert not {"PAYMENT", "contact"} & set(re.findall(r"\w+", entry.findings[0]["message"].partition(")")[0]))
    proposals.proposal_apply(tenant_id=world.tenant.pk, entry_id=entry.pk, actor=BOB)
    world.settle()
    [document] = world.books.bank_transactions()
    assert (document["Type"], document["DateString"][:10], document["Total"]) == ("RECEIVE", day, D(total))
    assert (world.states(), world.books.payments(), world.codes()) == (["confirmed"], [], [])
    assert standing(world, "RE-2026-7001")["AmountDue"] == D("480.00")


def test_an_invoice_that_amnis_begins_to_name_after_posting_is_amnis_word(world: World) -> None:
    world.set_flow(policies={"match_invoices": "off"})
    invoice(world, "RE-2026-7001", "480.00")
    row = world.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="Danke", executed_on=MARCH)
    world.settle()
    world.set_flow(policies={"match_invoices": "auto"})
    world.amnis.change_detail(row, comment="RE-2026-7001")
    world.settle()
    assert "RECEIVE → PAYMENT" in world.entries()[0].findings[0]["message"]
