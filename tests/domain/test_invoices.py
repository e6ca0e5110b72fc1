"""Which invoice a movement pays: the evidence, what it counts for, and what is never taken for evidence."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.money import Money
from connectors.contract.records import OpenItem
from sync.domain.invoice_sets import sets_worth
from sync.domain.invoices import Found, Pays, Receipt, choose, find
from sync.domain.open_items import OpenItems
from sync.domain.payment_references import is_qr_reference, number_of, references_in

D = Decimal
DAY = date(2026, 3, 20)


def item(
    number: str, due: str = "480.00", *, contact: str = "Beispiel AG", currency: str = "CHF", **fields: Any
) -> OpenItem:
    found: dict[str, Any] = {
        "invoice_id": f"id-{number}-{contact}", "sales": True, "number": number, "contact_id": f"c-{contact}",
        "contact_name": contact, "total": Money.of(due, currency), "due": D(due), "date": date(2026, 3, 1),
        "due_date": date(2026, 3, 31), **fields,
    }  # fmt: skip
    return OpenItem(**found)


def receipt(amount: str = "480.00", text: str = "", *, currency: str = "CHF", name: str = "", **fields: Any) -> Receipt:
    found: dict[str, Any] = {
        "amount": Money.of(amount, currency), "incoming": True, "day": DAY, "text": text, "name": name,
        "base_currency": "CHF", **fields,
    }  # fmt: skip
    return Receipt(**found)


def matched(paid: Receipt, *items: OpenItem, taken: dict[str, Decimal] | None = None) -> Found:
    return find(paid, OpenItems.of(items, taken=taken or {}))


def score(paid: Receipt, *items: OpenItem) -> int:
    found = matched(paid, *items)
    return found.proposals[0].score if found.proposals else 0


# ---------------------------------------------------------------- how a number is named


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("RE-2026-0102", "Rechnung RE-2026-0102"),
        ("RE-2026-0102", "zahlung re 2026 0102 danke"),
        ("RE-2026-0102", "RE20260102"),
        ("RE-2026-0102", "Rg. 2026-0102"),
        ("RE-2026-0102", "Zahlung 20260102"),
        ("FA 2026/311", "FA2026/311"),
        ("FA 2026/311", "facture FA-2026-311, merci"),
        ("R-88120", "R-88120"),
        ("10042233", "Ihre Nr. 10042233"),
        ("4711", "Rechnung 4711"),
        ("INV-7", "invoice INV-7 paid"),
    ],
)
def test_a_whole_number_counts_sixty(number: str, text: str) -> None:
    assert score(receipt(text=text), item(number)) == 95, "60 for the number, 30 for the amount, 5 for the date"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("2026", "Miete 2026"),
        ("2026", "vom 12.03.2026"),
        ("12032026", "Zahlung vom 12.03.2026"),
        ("12032026", "12 03 2026"),
        ("1480", "CHF 1'480.00"),
        ("148000", "Betrag 1480.00"),
        ("RE-2026-0102", "RE-2026-01021"),
        ("RE-2026-0102", "XRE-2026-0102"),
        ("RE-2026-0102-B", "RE-2026-0102"),
        ("88120", "Kunde 988120"),
        ("17", "Bahnhofstrasse 17"),
        ("0102", "Musterweg 1020"),
    ],
)
def test_what_only_looks_like_a_number_counts_for_nothing(number: str, text: str) -> None:
    assert score(receipt(text=text), item(number)) == 35, "30 for the amount and 5 for the date are left"


@pytest.mark.parametrize(
    ("number", "text"), [("2026", "Rechnung 2026"), ("4711", "Zahlung 4711"), ("RE-2026-0102", "Rechnung 102")]
)
def test_a_short_or_year_like_number_counts_less(number: str, text: str) -> None:
    assert score(receipt(text=text), item(number)) == 75, "40 + 30 + 5"


def test_a_number_that_a_stranger_made_long_and_odd_is_read_at_once() -> None:
    assert number_of("a b " * 60 + "1 " * 60 + "-").digits == "1" * 60


# ------------------------------------------------------------------------ references


def check_digit(body: str) -> str:
    """Modulo 10, recursive: the table of the Swiss implementation guidelines."""
    carry = 0
    for digit in body:
        carry = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)[(carry + int(digit)) % 10]
    return str((10 - carry) % 10)


def qr(body: str) -> str:
    filled = body.rjust(26, "0")
    return filled + check_digit(filled)


@pytest.mark.parametrize(
    ("number", "reference"),
    [("RE-2026-0102", ""), ("20260102", ""), ("X", qr("20260102")), (qr("20260102"), "")],
)
def test_a_qr_reference_names_an_invoice(number: str, reference: str) -> None:
    paid = receipt(reference=qr("20260102"))
    assert score(paid, item(number, reference=reference)) == 100, "65 + 30 + 5"


def test_a_customers_number_may_stand_before_the_invoice_in_a_qr_reference() -> None:
    assert score(receipt(reference=qr("880011" + "000020260102")), item("RE-2026-0102")) == 100
    assert score(receipt(reference=qr("880011" + "000000000102")), item("102")) == 35, (
        "three digits at the end prove nothing"
    )


def test_a_creditor_reference_names_what_it_carries() -> None:
    """RF18 5390 0754 7034 is the example of ISO 11649."""
    assert score(receipt(text="RF18 5390 0754 7034"), item("539007547034")) == 100
    assert score(receipt(text="zahlung rf18539007547034 danke"), item("RF18539007547034")) == 100


@given(body=st.integers(1, 10**26 - 1), wrong=st.integers(1, 9))
def test_each_wrong_check_digit_is_found_out_and_said(body: int, wrong: int) -> None:
    right = qr(str(body))
    broken = right[:-1] + str((int(right[-1]) + wrong) % 10)
    assert is_qr_reference(right)
    assert references_in(broken).wrong == (broken,)
    found = matched(receipt("1.00", reference=broken), item(str(body)))
    assert [(it.code, it.detail) for it in found.findings] == [("reference_wrong", broken)]
    assert found.proposals == ()


# --------------------------------------------------------------------- contact and date


def test_the_contact_counts_by_our_link_or_by_its_name() -> None:
    assert score(receipt(name="BEISPIEL"), item("RE-1")) == 65, "amount 30, name 30, date 5"
    assert score(receipt(name="Ganz Anders", contact_id="c-Beispiel AG"), item("RE-1")) == 65
    assert score(receipt(name="Beispiel GmbH"), item("RE-1")) == 35, "another legal form is another company"


def test_what_was_paid_before_the_invoice_was_written_is_not_for_it() -> None:
    assert score(receipt(name="Beispiel AG", day=date(2026, 2, 1)), item("RE-1")) == 0
    assert score(receipt(text="RE-2026-0102", day=date(2026, 2, 1)), item("RE-2026-0102")) == 90, "unless it says so"


def test_a_bill_is_never_paid_by_money_that_comes_in() -> None:
    assert matched(receipt(text="RE-2026-0102", name="Beispiel AG"), item("RE-2026-0102", sales=False)).proposals == ()


def test_two_suppliers_with_one_number_are_told_apart_by_their_names() -> None:
    paid = receipt("386.40", "Rechnung 4711", name="Bäckerei Müller", incoming=False)
    first = item("4711", "386.40", contact="Bäckerei Müller GmbH", sales=False)
    other = item("4711", "2150.00", contact="Kessler Treuhand", sales=False)
    found = matched(paid, other, first)
    assert found.proposals[0].allocations[0].contact_name == "Bäckerei Müller GmbH"
    assert choose(found, threshold=90) == found.proposals[0]


@pytest.mark.parametrize(
    "named", [{"text": "RE-2026-0102"}, {"text": "RE-2026-0102 RE-2026-0103"}, {"reference": qr("20260102")}]
)
@pytest.mark.parametrize("coded", [False, True])
def test_the_number_of_a_bill_is_no_proof_for_another_supplier(named: dict[str, str], coded: bool) -> None:
    """30 for the amount, 5 for the date, and for the name nothing: suppliers number their bills themselves."""
    bills = [item("RE-2026-0102", "100.00", sales=False), item("RE-2026-0103", "50.00", sales=False)]
    amount = "150.00" if "0103" in named.get("text", "") else "100.00"
    found = matched(receipt(amount, name="Lieferant Exempla AG", incoming=False, coded=coded, **named), *bills)
    best = found.proposals[0]
    assert (best.score, best.may_post_itself, best.total) == (75, False, D(amount))
    assert "it is a bill of Beispiel AG, and Lieferant Exempla AG is paid" in best.reasons[-1]


def test_what_is_wrong_with_a_named_bill_is_said_with_its_supplier() -> None:
    paid = receipt("120.00", "RE-2026-0102", name="Lieferant Exempla AG", incoming=False)
    bill = item("RE-2026-0102", "100.00", sales=False)
    assert "was paid for RE-2026-0102 of Beispiel AG, of which" in matched(paid, bill).findings[0].message
    own = item("RE-2026-0102", "0.00", sales=False, contact="Lieferant Exempla AG", status="PAID")
    [said] = matched(paid, bill, own).findings
    assert said.message.startswith("This movement names RE-2026-0102, which is paid"), "its own, not the other one"


def test_our_own_number_is_proof_whoever_pays_and_that_is_said() -> None:
    found = matched(receipt(text="RE-2026-0102", name="Muster Holding"), item("RE-2026-0102"))
    best = choose(found, threshold=90)
    assert best is not None
    assert best.reasons[-1] == "paid by Muster Holding for Beispiel AG: the number is our own, so anybody may pay it"


# ------------------------------------------------------------------------------ amounts


@pytest.mark.parametrize(
    ("amount", "pays", "rest", "itself"),
    [
        ("1000.00", Pays.ALL, "0.00", True),
        ("970.00", Pays.SHORT, "30.00", False),  # 3 % of 1,000.00
        ("969.99", Pays.PART, "30.01", True),
        ("0.01", Pays.PART, "999.99", True),
    ],
)
def test_what_is_missing_decides_whether_a_part_posts_itself(amount: str, pays: Pays, rest: str, itself: bool) -> None:
    found = matched(receipt(amount, "RE-2026-0102", name="Beispiel AG"), item("RE-2026-0102", "1000.00"))
    best = found.proposals[0]
    assert (best.pays, best.rest, choose(found, threshold=90) is best) == (pays, D(rest), itself)
    assert best.total == D(amount)


def test_a_part_of_nobody_knows_what_is_only_proposed() -> None:
    found = matched(receipt("400.00", name="Beispiel AG"), item("RE-1", "1000.00"))
    assert [it.score for it in found.proposals] == [35]
    assert choose(found, threshold=35) is None


def test_what_is_claimed_by_others_is_not_left() -> None:
    one = item("RE-2026-0102", "1000.00")
    found = matched(receipt("400.00", "RE-2026-0102"), one, taken={one.invoice_id: D("600.00")})
    assert (found.proposals[0].pays, found.proposals[0].rest) == (Pays.ALL, D("0.00"))
    full = matched(receipt("400.00", "RE-2026-0102"), one, taken={one.invoice_id: D("1000.00")})
    assert [it.code for it in full.findings] == ["invoice_closed"]
    assert "covered by another movement" in full.findings[0].message


def test_too_much_for_one_invoice_may_be_exactly_two() -> None:
    found = matched(
        receipt("150.00", "RE-2026-0102", name="Beispiel AG"),
        item("RE-2026-0102", "100.00"),
        item("RE-2026-0103", "50.00"),
    )
    assert [it.code for it in found.findings] == []
    assert [part.amount for part in found.proposals[0].allocations] == [D("100.00"), D("50.00")]


def test_a_listed_sum_that_does_not_fit_fills_the_oldest_first_and_never_posts_itself() -> None:
    early = item("RE-2026-0102", "100.00", due_date=date(2026, 3, 10))
    late = item("RE-2026-0103", "100.00", due_date=date(2026, 3, 30))
    found = matched(receipt("150.00", "RE-2026-0103 RE-2026-0102", name="Beispiel AG"), late, early)
    several = next(it for it in found.proposals if it.pays is Pays.SEVERAL)
    assert [(part.number, part.amount) for part in several.allocations] == [
        ("RE-2026-0102", D("100.00")),
        ("RE-2026-0103", D("50.00")),
    ]
    assert choose(found, threshold=90) is None


money = st.integers(1, 400).map(lambda cents: D(cents).scaleb(-2))


@given(sums=st.lists(money, max_size=9), wanted=money)
def test_every_set_found_has_exactly_the_sum_and_none_is_missed(sums: list[Decimal], wanted: Decimal) -> None:
    keyed = [(str(place), amount) for place, amount in enumerate(sums)]
    found = sets_worth(wanted, keyed)
    every = [
        chosen
        for size in range(2, len(keyed) + 1)
        for chosen in combinations(keyed, size)
        if sum(amount for _, amount in chosen) == wanted
    ]
    assert len(found) == min(len(every), 3)
    assert set(found) <= {tuple(key for key, _ in chosen) for chosen in every}


@given(
    amounts=st.lists(st.integers(1, 50_000), min_size=1, max_size=6),
    paid=st.integers(1, 120_000),
    days=st.integers(-20, 60),
)
def test_no_proposal_ever_pays_more_than_is_due_or_more_than_came_in(amounts: list[int], paid: int, days: int) -> None:
    items = [item(f"RE-2026-{n:04}", str(D(cents).scaleb(-2))) for n, cents in enumerate(amounts)]
    text = " ".join(it.number for it in items[::2])
    amount = str(D(paid).scaleb(-2))
    found = matched(receipt(amount, text, name="Beispiel AG", day=DAY + timedelta(days=days)), *items)
    dues = {it.invoice_id: it.due for it in items}
    for proposal in found.proposals:
        assert proposal.total == D(amount)
        assert all(0 < part.amount <= dues[part.invoice_id] for part in proposal.allocations)
        assert len({part.invoice_id for part in proposal.allocations}) == len(proposal.allocations)


# ---------------------------------------------------------------------- other currencies


def test_an_invoice_in_francs_may_be_paid_into_the_euro_wallet_at_a_known_rate() -> None:
    """480.00 CHF at 1.05 EUR for a franc are 504.00 EUR."""
    paid = receipt("500.00", "RE-2026-0102", currency="EUR", rates={"EUR": D("1.05")})
    found = matched(paid, item("RE-2026-0102"))
    [part] = found.proposals[0].allocations
    assert (part.amount, part.currency, found.proposals[0].score) == (D("480.00"), "CHF", 80), "60 + 15 + 5"


@pytest.mark.parametrize("amount", ["5.00", "504.00", "5000.00"])
def test_an_amount_that_no_rate_compares_is_no_evidence_however_low_the_threshold(amount: str) -> None:
    [best] = matched(
        receipt(amount, "RE-2026-0102", currency="EUR", name="Beispiel AG"), item("RE-2026-0102")
    ).proposals
    assert best.score == 75, "60 + 30 + 5 are held at what stays below every level"
    assert not best.may_post_itself
    assert "no rate is known" in best.reasons[1]


@pytest.mark.parametrize(
    ("amount", "pays", "stays"),
    [("252.00", "240.00", "240.00"), ("478.80", "480.00", "0.00"), ("529.20", "480.00", "0.00")],
)
def test_another_currency_pays_as_far_as_it_is_worth_it(amount: str, pays: str, stays: str) -> None:
    """504.00 EUR are due: half of it, and 5 % less or more, which is all of it."""
    paid = receipt(amount, "RE-2026-0102", currency="EUR", rates={"EUR": D("1.05")})
    found = matched(paid, item("RE-2026-0102"))
    assert (found.proposals[0].total, found.proposals[0].rest) == (D(pays), D(stays))
    assert (choose(found, threshold=80) is None) == (stays != "0.00"), "how much a part pays is a person's to say"


def test_more_in_another_currency_than_is_due_is_said_with_the_rate() -> None:
    """529.21 EUR are more than 5 % above 504.00."""
    paid = receipt("529.21", "RE-2026-0102", currency="EUR", rates={"EUR": D("1.05")})
    found = matched(paid, item("RE-2026-0102"))
    assert (found.proposals, [it.code for it in found.findings]) == ((), ["paid_more_abroad"])
    assert "at EUR 1.05 for CHF 1 about EUR 25.21 more than the CHF 480.00 that are due" in found.findings[0].message


def test_two_foreign_currencies_are_not_compared() -> None:
    paid = receipt("500.00", "RE-2026-0102", currency="EUR", rates={"EUR": D("1.05"), "USD": D("1.14")})
    found = matched(paid, item("RE-2026-0102", currency="USD"))
    assert (found.proposals, [it.code for it in found.findings]) == ((), ["third_currency"])


def test_the_amount_alone_is_no_evidence_in_another_currency() -> None:
    assert matched(receipt("480.00", name="Beispiel AG"), item("RE-1", currency="EUR")).proposals == ()
