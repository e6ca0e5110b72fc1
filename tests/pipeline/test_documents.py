"""Each kind of movement as the accounting design's table wants it in the books, read in the sandbox's Xero.

One company with several movements for each test: what they must not do to each other is part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.pipeline.conftest import ORGANISATION, World

D = Decimal
MARCH = date(2026, 3, 2)


def lines(document: Mapping[str, Any]) -> list[tuple[str, Decimal, str]]:
    """Account, gross amount and tax type of each line."""
    return [(line["AccountCode"], D(str(line["LineAmount"])), line["TaxType"]) for line in document["LineItems"]]


def by_contact(world: World) -> dict[str, dict[str, Any]]:
    return {document["Contact"]["Name"]: document for document in world.books.bank_transactions()}


def test_money_in_and_out_carries_its_contact_date_reference_and_coding(world: World) -> None:
    amnis = world.amnis
    amnis.pay_in(amount="480.00", payer="Beispiel AG", executed_on=MARCH, reference="Rechnung 4711")
    amnis.payout(amount="940.00", to="Probst Logistik AG", executed_on=date(2026, 3, 3), reference="RE 77")
    amnis.peer_in(amount="75.00", sender="Exempla Trading GmbH", executed_on=MARCH, comment="Anteil Messe")
    amnis.peer_out(amount="60.00", to="Muster Immobilien AG", executed_on=MARCH, comment="Miete")

    world.settle()

    found = by_contact(world)
    shown = {
        name: (document["Type"], document["DateString"][:10], D(str(document["Total"])), lines(document)[0][0])
        for name, document in found.items()
    }
    assert shown == {
        "Beispiel AG": ("RECEIVE", "2026-03-02", D("480.00"), "200"),
        "Probst Logistik AG": ("SPEND", "2026-03-03", D("940.00"), "400"),
        "Exempla Trading GmbH": ("RECEIVE", "2026-03-02", D("75.00"), "200"),
        "Muster Immobilien AG": ("SPEND", "2026-03-02", D("60.00"), "400"),
    }
    markers = {entry.marker for entry in world.entries()}
    references = [document["Reference"] for document in found.values()]
    assert {reference.split()[-1] for reference in references} == markers, "the marker ends the reference"
    assert found["Beispiel AG"]["Reference"].startswith("Rechnung 4711 ")
    assert world.books.balance("090") == D("-445.00")
    assert not any(document["IsReconciled"] for document in found.values()), "reconciling is the bookkeeper's"


def test_a_structured_reference_comes_before_the_remittance_text(world: World) -> None:
    number = "210000000003139471430009017"
    world.amnis.pay_in(amount="1.00", executed_on=MARCH, reference="some text", qr_reference=number)

    world.settle()

    [document] = world.books.bank_transactions()
    assert document["Reference"].startswith(number)


def test_a_fee_is_a_payment_to_amnis_of_its_own_and_never_netted(world: World) -> None:
    world.amnis.payout(amount="2500.00", to="Pacific Sample Mills Co.", account=1, executed_on=MARCH)
    world.amnis.fee(amount="30.00", executed_on=MARCH, comment="SWIFT payment")

    world.settle()

    found = by_contact(world)
    assert D(str(found["Pacific Sample Mills Co."]["Total"])) == D("2500.00")
    assert lines(found["Amnis"]) == [("404", D("30.00"), "NONE")]
    assert found["Amnis"]["Type"] == "SPEND"


def test_cards_tell_the_original_amount_and_take_category_cost_centre_and_vat(world: World) -> None:
    settled: dict[str, Any] = {"executed_on": MARCH, "settled_on": date(2026, 3, 4)}
    world.amnis.card(
        amount="41.07", merchant="WERKZEUG ESEMPIO", country="IT", original=("EUR", "43.35"), category="Büromaterial",
        vats=[("8.1", "20.00")], **settled,
    )  # fmt: skip
    world.amnis.card(
        amount="70.00", merchant="RESTAURANT MUSTER", category="Bewirtung", cost_center="Basel",
        vats=[("2.6", "14.80"), ("8.1", "50.00")], **settled,
    )  # fmt: skip
    world.amnis.card(amount="59.90", merchant="KURSE BEISPIEL", category="Veraltetes Konto", **settled)

    world.settle()

    found = by_contact(world)
    abroad, meal, course = found["WERKZEUG ESEMPIO"], found["RESTAURANT MUSTER"], found["KURSE BEISPIEL"]
    assert {document["DateString"][:10] for document in found.values()} == {"2026-03-04"}, "the settlement date"
    # 41.07 / 43.35 = 0.947405
    assert "EUR 43.35 at 0.947405 CHF per EUR" in abroad["LineItems"][0]["Description"]
    assert lines(abroad) == [("429", D("41.07"), "NONE")], "no Swiss input tax from a merchant abroad"
    assert lines(meal) == [
        ("420", D("14.80"), "TAX002"),
        ("420", D("50.00"), "TAX001"),
        ("420", D("5.20"), "NONE"),
    ], "what the captured VAT does not cover is a line of its own"
    assert meal["LineAmountTypes"] == "Inclusive"
    assert {line["Tracking"][0]["Option"] for line in meal["LineItems"]} == {"Basel"}
    assert lines(course)[0][0] == "400", "a category that names an archived account is not used"


def test_a_refund_and_a_returned_payment_are_coded_as_what_came_back(world: World) -> None:
    world.amnis.card(amount="320.00", merchant="LUFTLINIE EXEMPLA", category="Reisekosten", executed_on=MARCH)
    world.amnis.card(amount="20.00", merchant="LUFTLINIE EXEMPLA", refund=True, executed_on=date(2026, 3, 9))
    world.amnis.payout(amount="1840.00", to="Ehemals Beispiel GmbH", executed_on=MARCH)
    world.amnis.pay_in(amount="1840.00", payer="Ehemals Beispiel GmbH", returned=True, executed_on=date(2026, 3, 6))

    world.settle()

    coded = {(d["Type"], d["Contact"]["Name"]): lines(d)[0][0] for d in world.books.bank_transactions()}
    assert coded == {
        ("SPEND", "LUFTLINIE EXEMPLA"): "493",
        ("RECEIVE", "LUFTLINIE EXEMPLA"): "493",
        ("SPEND", "Ehemals Beispiel GmbH"): "400",
        ("RECEIVE", "Ehemals Beispiel GmbH"): "400",
    }
    assert world.books.balance("090") == D("-300.00")


def test_a_returned_payment_that_nobody_can_match_goes_to_review(world: World) -> None:
    world.amnis.payout(amount="333.25", to="Ganz Anders AG", executed_on=MARCH)
    world.amnis.pay_in(amount="333.25", payer="Unbekannt Probe AG", returned=True, executed_on=date(2026, 3, 6))

    world.settle()

    assert [document["Type"] for document in world.books.bank_transactions()] == ["SPEND"]
    assert "return_unmatched" in world.codes()


def test_an_own_transfer_is_one_bank_transfer_of_two_rows(world: World) -> None:
    pair = world.amnis.own_transfer(amount="15000.00", source=1, target=8, executed_on=MARCH, comment="Steuern")

    world.settle()

    [transfer] = world.books.bank_transfers()
    assert D(str(transfer["Amount"])) == D("15000.00")
    assert world.books.bank_transactions() == []
    assert (world.books.balance("090"), world.books.balance("096")) == (D("-15000.00"), D("15000.00"))
    assert {pair.paid, pair.received} == {int(record.source_id) for record in world.records()}
    assert world.states() == ["confirmed"], "one entry of two records"


def test_francs_for_euros_leave_nothing_on_the_clearing_account(world: World) -> None:
    """The first and second worked deal, with their exact lines and rates."""
    world.amnis.fx(sold=(1, "250000.00"), bought=(2, "263811.37"), dealt_on=MARCH, value_on=date(2026, 3, 4))
    world.amnis.fx(sold=(2, "1042233.10"), bought=(1, "987654.32"), dealt_on=MARCH, value_on=date(2026, 3, 5))

    world.settle()

    shown = [
        (d["Type"], d["BankAccount"]["Name"], D(str(d["CurrencyRate"])), lines(d), d["DateString"][:10])
        for d in sorted(world.books.bank_transactions(), key=lambda d: (d["DateString"], d["BankAccount"]["Name"]))
    ]
    assert shown == [
        (
            "SPEND", "CHF Amnis", D("1"), [("850", D("250000.11"), "NONE"), ("860", D("-0.11"), "NONE")], "2026-03-04",
        ),
        ("RECEIVE", "EUR Amnis", D("1.055245"), [("850", D("263811.37"), "NONE")], "2026-03-04"),
        (
            "RECEIVE", "CHF Amnis", D("1"), [("850", D("987654.33"), "NONE"), ("860", D("-0.01"), "NONE")],
            "2026-03-05",
        ),
        ("SPEND", "EUR Amnis", D("1.055261"), [("850", D("1042233.10"), "NONE")], "2026-03-05"),
    ]  # fmt: skip
    assert {d["Contact"]["Name"] for d in world.books.bank_transactions()} == {"Amnis"}
    assert {d["LineAmountTypes"] for d in world.books.bank_transactions()} == {"NoTax"}
    assert world.books.base_balance("850") == D("0.00")
    assert world.books.balance("EUR Amnis") == D("263811.37") - D("1042233.10")


def test_euros_for_dollars_take_the_second_rate_from_the_first_document(world: World) -> None:
    """The third worked deal: Xero's own rate of the day on the first document, the second one follows."""
    world.sandbox.xero.people(ORGANISATION).fix_day_rate("EUR", date(2026, 3, 4), D("1.055312"))
    world.amnis.fx(sold=(2, "250000.00"), bought=(3, "271433.21"), dealt_on=MARCH, value_on=date(2026, 3, 4))

    world.settle()

    first, second = world.documents()["EUR Amnis"], world.documents()["USD Amnis"]
    assert (first["Type"], D(str(first["CurrencyRate"])), lines(first)) == (
        "SPEND", D("1.055312"), [("850", D("250000.00"), "NONE")],
    )  # fmt: skip
    assert (second["Type"], D(str(second["CurrencyRate"])), lines(second)) == (
        "RECEIVE", D("1.145787"), [("850", D("271433.24"), "NONE"), ("860", D("-0.03"), "NONE")],
    )  # fmt: skip
    assert world.books.base_balance("850") == D("0.00")


def test_half_a_deal_is_never_posted_and_the_other_half_releases_it(world: World) -> None:
    late = world.sandbox.clock.now() + timedelta(hours=1)
    world.amnis.fx(sold=(1, "7500.00"), bought=(2, "7914.75"), value_on=MARCH, second_leg_at=late)
    world.sync()

    assert world.books.bank_transactions() == []
    assert world.states() == ["waiting"]
    world.sandbox.clock.advance(minutes=61)

    world.settle()

    assert len(world.books.bank_transactions()) == 2
    assert world.books.base_balance("850") == D("0.00")


def test_what_is_not_executed_unknown_or_before_the_cut_off_leaves_no_document(world: World) -> None:
    amnis = world.amnis
    amnis.payout(amount="942.00", to="Probst Logistik AG", status="canceled", executed_on=MARCH)
    amnis.payout(amount="943.00", to="Probst Logistik AG", status="execution_error", executed_on=MARCH)
    amnis.payout(amount="944.00", to="Probst Logistik AG", status="pending", executed_on=MARCH)
    amnis.payout(amount="450.00", to="Prüfung Exempla AG", status="compliance_hold", executed_on=MARCH)
    amnis.pay_in(amount="0.00", payer="Nullbetrag AG", executed_on=MARCH)
    amnis.pay_in(amount="444.40", payer="Silvester AG", executed_on=date(2025, 12, 31))
    amnis.own_transfer(amount="12000.00", source=1, target=5, executed_on=MARCH)
    moment = "2026-03-02T00:00:00+01:00"
    amnis.raw(
        {
            "type": "interest", "currency": "EUR", "amount": "14.20", "account": 2, "executed": True,
            "transactionDetailId": None, "executionDate": moment, "createdAt": moment, "updatedAt": moment,
        }
    )  # fmt: skip

    world.settle()

    assert world.books.bank_transactions() == world.books.bank_transfers() == []
    assert world.sandbox.xero.ledger(ORGANISATION).write_calls() == 0
    assert "unknown_movement" in world.codes()
    assert "collateral_movement" in world.codes() or "other_half_held" in world.codes()
    reasons = {record.source_id: record.reason for record in world.records() if record.state == "skipped"}
    assert any("cut-off 1 Jan 2026" in reason for reason in reasons.values())
    assert any("zero" in reason for reason in reasons.values())
    assert any("cancelled" in reason for reason in reasons.values())


def test_a_payer_without_a_name_waits_for_a_person(world: World) -> None:
    world.amnis.pay_in(amount="75.50", payer=None, executed_on=MARCH)

    world.settle()

    assert world.states() == ["review"]
    assert world.books.bank_transactions() == []
