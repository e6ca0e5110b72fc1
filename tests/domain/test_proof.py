"""The balance proof over small, hand-made books: every kind of difference is found and named."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract.money import Money
from connectors.contract.records import DocumentKind, MirrorDocument
from sync.domain.pairing import Leg, Ours, SourceRow, Span
from sync.domain.proof import Acceptance, Balance, Wallet, in_parts, legs, prove, report, rest_key
from sync.domain.unproved import Stray, says, verdict

CHF = Wallet(source_account_id="1", bank_account_id="bank-chf", currency="CHF")
RESERVE = Wallet(source_account_id="8", bank_account_id="bank-reserve", currency="CHF")
D = Decimal
DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)


def row(number: int, amount: str, *, day: date = DAY, account: str = "1") -> SourceRow:
    return SourceRow(
        fingerprint=f"v1:{number}",
        source_id=str(number),
        account_id=account,
        booking_date=day,
        amount=Decimal(amount),
        currency="CHF",
    )


def posted(number: int, **fields: Any) -> Ours:
    known: dict[str, Any] = {"state": "confirmed", "reason": "", "document_id": f"d{number}", "marker": f"MR-{number}"}
    return Ours(**{**known, **fields})


def held(reason: str, *, state: str = "review") -> Ours:
    return Ours(state=state, reason=reason, document_id="", marker="MR-9")


def document(number: int, amount: str, *, kind: str = "RECEIVE", day: date = DAY, **fields: Any) -> MirrorDocument:
    known: dict[str, Any] = {"account_id": "bank-chf", "marker": f"MR-{number}", "document_id": f"d{number}"}
    return MirrorDocument(kind=DocumentKind(kind), date=day, total=Money.of(amount, "CHF"), **{**known, **fields})


def balance(rows: list[SourceRow], ours: dict[int, Ours], *documents: MirrorDocument) -> Balance:
    known = {f"v1:{number}": mine for number, mine in ours.items()}
    return prove(wallets=[CHF, RESERVE], rows=rows, ours=known, books=legs(documents))


def test_books_that_hold_every_row_once_are_in_balance() -> None:
    rows = [row(1, "100.00"), row(2, "-30.00", day=NEXT)]

    result = balance(
        rows, {1: posted(1), 2: posted(2)}, document(1, "100.00"), document(2, "30.00", kind="SPEND", day=NEXT)
    )

    assert result.balanced
    line = result.accounts["1"]
    assert [line.source_sum, line.held, line.ours, line.xero_sum, line.difference] == [70, 0, 70, 70, 0]
    assert {day: line.xero_sum for day, line in result.days["1"].items()} == {DAY: 100, NEXT: -30}


def test_held_rows_are_listed_with_their_reason_and_do_not_unbalance() -> None:
    result = balance([row(1, "100.00"), row(2, "50.00")], {1: posted(1), 2: held("no contact")}, document(1, "100.00"))

    assert result.balanced
    assert result.accounts["1"].held == 50
    [item] = result.held_items
    assert (item["source_id"], item["state"], item["reason"], item["amount"]) == ("2", "review", "no contact", "50.00")


def test_a_movement_of_another_currency_than_its_account_is_a_line_of_its_own_and_never_in_balance() -> None:
    """EUR 41.15 on the account kept in CHF: its CHF 41.15 stand there for nothing, and no document is in EUR."""
    euros = replace(row(1, "-41.15"), currency="EUR")
    document_of_it = document(1, "41.15", kind="SPEND")

    result = balance([euros, row(2, "5.00")], {1: posted(1), 2: posted(2)}, document_of_it, document(2, "5.00"))

    told = report(result, [CHF, RESERVE])["accounts"]
    sums = [(it["source"], it["currency"], it["source_sum"], it["xero_sum"], it["difference"]) for it in told]
    assert sums[0] == ("1", "CHF", "5.00", "-36.15", "41.15")
    assert sums[2] == ("1", "EUR", "-41.15", "0.00", "-41.15")
    assert [(it["currency"], it["xero_currency"], it["document"]) for it in result.different] == [("EUR", "CHF", "d1")]
    assert result.unexpected == result.missing == result.held_items == []
    assert not result.balanced


@pytest.mark.parametrize("state", ["review", "skipped"])
def test_one_that_is_held_is_listed_and_not_in_balance_either(state: str) -> None:
    result = balance([replace(row(1, "-41.15"), currency="XXX")], {1: held("no such currency", state=state)})

    [item] = result.held_items
    assert (item["reason"], item["amount"], item["currency"]) == ("no such currency", "-41.15", "XXX")
    assert "kept in CHF" in item["action"]
    assert result.accounts["1"].held == 0
    assert not result.balanced


def test_a_row_that_was_never_fetched_is_held_and_says_so() -> None:
    result = balance([row(1, "100.00")], {})

    assert result.balanced
    assert [item["reason"] for item in result.held_items] == ["not fetched yet"]


def test_a_difference_below_a_cent_is_shown_and_none_is_zero() -> None:
    result = balance([row(1, "-41.155")], {1: posted(1)}, document(1, "41.15", kind="SPEND"))

    [here, reserve] = report(result, [CHF, RESERVE])["accounts"]
    assert (here["difference"], here["xero_sum"], reserve["difference"]) == ("-0.005", "-41.15", "0.00")


def test_a_document_that_is_gone_is_missing() -> None:
    result = balance([row(1, "100.00")], {1: posted(1)})

    assert not result.balanced
    assert result.accounts["1"].difference == 100
    [item] = result.missing
    assert (item["document"], item["marker"], item["source_id"]) == ("d1", "MR-1", "1")


def test_two_documents_that_are_gone_and_cancel_out_are_missing_although_every_sum_agrees() -> None:
    """+100.00 and -100.00 of one day, both removed by somebody: 0.00 there, 0.00 here, and two movements not booked."""
    result = balance([row(1, "100.00"), row(2, "-100.00")], {1: posted(1), 2: posted(2)})

    assert {line.difference for line in result.accounts.values()} == {D(0)}
    assert {line.difference for line in result.days["1"].values()} == {D(0)}
    assert (result.duplicated, result.unexpected, result.different, result.unproved) == ([], [], [], [])
    assert [item["source_id"] for item in result.missing] == ["1", "2"]
    assert not result.balanced
    assert report(result, [CHF, RESERVE])["verdict"] == "not_balanced"


@pytest.mark.parametrize("status", ["DELETED", "VOIDED"])
def test_a_dead_document_does_not_stand_in_the_books(status: str) -> None:
    assert legs([document(1, "100.00", status=status)]) == []


def test_a_marker_twice_is_a_duplicate_and_the_second_document_unexpected() -> None:
    second = document(1, "100.00", document_id="d2")

    result = balance([row(1, "100.00")], {1: posted(1)}, document(1, "100.00"), second)

    assert not result.balanced
    assert [(item["marker"], item["documents"]) for item in result.duplicated] == [("MR-1", 2)]
    assert [item["document"] for item in result.unexpected] == ["d2"]
    assert result.accounts["1"].difference == -100


def test_a_document_without_a_row_is_unexpected_and_described() -> None:
    result = balance([], {}, document(7, "12.00", marker="", reference="typed by hand", kind="SPEND"))

    assert not result.balanced
    [item] = result.unexpected
    assert (item["type"], item["amount"], item["reference"], item["source"]) == (
        "SPEND",
        "-12.00",
        "typed by hand",
        "1",
    )


def test_two_hand_made_documents_are_no_duplicate_of_each_other() -> None:
    result = balance([], {}, document(1, "5.00", marker=""), document(2, "5.00", marker=""))

    assert result.duplicated == []
    assert len(result.unexpected) == 2


def test_an_account_that_is_not_mapped_is_no_part_of_the_proof() -> None:
    assert balance([], {}, document(1, "5.00", account_id="bank-other")).balanced


def test_an_own_transfer_moves_both_wallets_with_one_document() -> None:
    rows = [row(1, "-40.00"), row(2, "40.00", account="8")]
    transfer = document(1, "40.00", kind="BANKTRANSFER", other_account_id="bank-reserve")

    result = balance(rows, {1: posted(1), 2: posted(1)}, transfer)

    assert result.balanced
    assert [leg.amount for leg in legs([transfer])] == [-40, 40]
    assert [result.accounts[wallet].xero_sum for wallet in ("1", "8")] == [-40, 40]


def test_a_transfer_into_the_wrong_account_is_missing_there() -> None:
    rows = [row(1, "-40.00"), row(2, "40.00", account="8")]
    astray = document(1, "40.00", kind="BANKTRANSFER", other_account_id="bank-other")

    result = balance(rows, {1: posted(1), 2: posted(1)}, astray)

    assert [item["source"] for item in result.missing] == ["8"]


def test_two_days_that_cancel_out_are_still_not_in_balance() -> None:
    """The sum is right, the days are not: 10 moved from one day to the other in the books."""
    rows = [row(1, "100.00"), row(2, "100.00", day=NEXT)]
    documents = (document(1, "110.00"), document(2, "90.00", day=NEXT))

    result = balance(rows, {1: posted(1), 2: posted(2)}, *documents)

    assert result.accounts["1"].difference == 0
    assert not result.balanced


def test_a_document_that_a_lock_date_moved_counts_on_its_own_day() -> None:
    result = balance([row(1, "100.00")], {1: posted(1, day=NEXT)}, document(1, "100.00", day=NEXT))

    assert result.balanced


def test_the_two_halves_of_a_transfer_count_once_each() -> None:
    halves = [Leg(document_id="h", account_id="bank-chf", day=DAY, amount=Decimal(5), marker="", reference="", kind="")]
    assert prove(wallets=[CHF], rows=[], ours={}, books=halves).accounts["1"].xero_sum == 5
    spend, receive = document(1, "5.00", kind="SPEND-TRANSFER"), document(2, "5.00", kind="RECEIVE-TRANSFER")
    assert [leg.amount for leg in legs([spend, receive])] == [-5, 5]


def test_the_report_has_the_promised_keys_and_decimal_strings() -> None:
    result = report(balance([row(1, "100.5")], {1: posted(1)}, document(1, "100.50")), [CHF, RESERVE])

    lists = {
        "held_items",
        "missing",
        "duplicated",
        "unexpected",
        "different",
        "accepted",
        "skipped",
        "unproved",
        "moved_days",
    }
    assert set(result) == {"balanced", "verdict", "says", "accounts", *lists}
    assert (result["verdict"], result["says"]) == ("balanced", "In balance")
    first, counts = result["accounts"][0], {"movements": 1, "documents": 1}
    figures = {"source_sum": "100.50", "held": "0.00", "ours": "100.50", "xero_sum": "100.50"}
    figures |= {"accepted": "0.00", "difference": "0.00"}
    assert first == {"source": "1", "currency": "CHF", **figures, **counts, "days": [{"date": "2026-03-02", **figures}]}
    assert result["accounts"][1]["source"] == "8", "a wallet without movements is told too"


# ------------------------------------------------------------- what to do next


def accept(number: int, amount: str, *, day: date = DAY) -> dict[tuple[str, str], Acceptance]:
    said = Acceptance(day=day, amount=Decimal(amount), reason="opening balance", by="bob@muster.example")
    return {(f"d{number}", "bank-chf"): said}


def test_an_accepted_document_no_longer_breaks_the_balance_and_stays_listed() -> None:
    typed = legs([document(7, "12.00", marker="")])

    result = prove(wallets=[CHF], rows=[], ours={}, books=typed, accepted=accept(7, "12.00"))

    assert result.balanced
    line = result.accounts["1"]
    assert [line.xero_sum, line.accepted, line.difference] == [12, 12, 0]
    assert [(item["document"], item["reason"]) for item in result.accepted] == [("d7", "opening balance")]


@pytest.mark.parametrize("changed", [{"amount": "12.01"}, {"amount": "12.00", "day": NEXT}])
def test_an_acceptance_holds_only_for_what_the_document_said_then(changed: dict[str, Any]) -> None:
    typed = legs([document(7, marker="", **changed)])

    result = prove(wallets=[CHF], rows=[], ours={}, books=typed, accepted=accept(7, "12.00"))

    assert not result.balanced
    assert [item["document"] for item in result.unexpected] == ["d7"]


def test_a_document_that_looks_like_a_held_row_says_which_one() -> None:
    rows = [row(1, "100.00")]

    result = balance(
        rows,
        {1: replace(held("no contact"), offered=("d7",), source_id="1")},
        document(7, "100.00", marker="", day=NEXT),
    )

    [item] = result.unexpected
    assert item["cause"] == "typed"
    assert "movement 1" in item["explanation"]
    assert item["action"] == "Link it to that movement."


@pytest.mark.parametrize(
    ("mine", "step"),
    [
        (held("typed?"), "Open the movement and try it again: this document is offered"),
        (
            replace(held("one side"), offered=("d7",), offer_fits=False),
            "It cannot be linked as it is. Open the movement",
        ),
        (held("booked by hand", state="skipped"), "If the movement was put aside because of this document, accept it"),
        (held("undo", state="undone"), "If it is that movement, open it and post it again"),
        (None, "Let the sync read that movement"),
    ],
    ids=["not offered", "refused", "left out", "taken out", "not read yet"],
)
def test_no_link_is_advised_that_would_be_refused(mine: Ours | None, step: str) -> None:
    [item] = balance([row(1, "100.00")], {1: mine} if mine else {}, document(7, "100.00", marker="")).unexpected

    assert (item["cause"], item["action"].startswith(step)) == ("typed", True), item["action"]


def test_a_copy_with_the_marker_of_a_movement_that_was_taken_out_is_a_copy_and_no_document_of_it() -> None:
    result = balance(
        [row(1, "100.00")], {1: posted(1, state="undone", document_id="")}, document(7, "100.00", marker="MR-1")
    )

    assert (result.accounts["1"].held, result.balanced) == (D(100), False)
    [item] = result.unexpected
    assert (item["cause"], item["document"]) == ("own_twin", "d7")
    assert "which was taken out of the books: somebody copied its document" in item["explanation"]


@pytest.mark.parametrize(
    ("mine", "fields", "cause", "said"),
    [
        (posted(1, former=("MR-0",)), {"marker": "MR-0"}, "own_twin", "was posted again under another marker"),
        (replace(held("gone"), document_id="d0"), {"marker": "MR-9"}, "own_twin", "whose own document is another one."),
        (posted(1, former=("d7",)), {"marker": ""}, "unlinked", "It was linked to a movement without a number"),
        (replace(held("changed"), former=("d7",)), {"marker": ""}, "unlinked", "until one of the two was changed"),
    ],
    ids=["posted again", "not read", "linked before, and posted", "linked before, and held"],
)
def test_what_was_a_movements_own_before_is_no_strangers(
    mine: Ours, fields: dict[str, Any], cause: str, said: str
) -> None:
    own = [document(1, "100.00")] if mine.document_id == "d1" else []

    [item] = balance([row(1, "100.00")], {1: mine}, *own, document(7, "90.00", **fields)).unexpected

    assert (item["document"], item["cause"]) == ("d7", cause)
    assert said in item["explanation"]


@pytest.mark.parametrize(
    ("cause", "fields"),
    [
        ("opening", {"marker": "", "reference": "Saldovortrag 2025"}),
        ("feed", {"marker": "", "reconciled": True}),
        ("payment", {"marker": "", "kind": "PAYMENT", "incoming": True}),
        ("hand", {"marker": ""}),
        ("foreign_marker", {"marker": "MR-OTHER"}),
    ],
)
def test_every_document_of_others_is_explained_with_a_next_step(cause: str, fields: dict[str, Any]) -> None:
    [item] = balance([], {}, document(7, "12.00", **fields)).unexpected

    assert item["cause"] == cause
    assert item["explanation"]
    assert item["action"]


def test_the_same_money_a_second_time_is_called_so() -> None:
    result = balance([row(1, "100.00")], {1: posted(1)}, document(1, "100.00"), document(7, "100.00", marker=""))

    assert [item["cause"] for item in result.unexpected] == ["double"]


@pytest.mark.parametrize(
    ("mine", "cause", "said"),
    [
        (posted(1), "double", "movement 1 of 2 Mar 2026, which is posted already: probably the same money"),
        (held("named an invoice that is paid"), "typed", "movement 1 of 2 Mar 2026, which is not posted"),
    ],
)
def test_payments_that_make_one_movement_together_name_it_and_are_not_to_be_accepted_first(
    mine: Ours, cause: str, said: str
) -> None:
    """480.00 entered as a payment of 460.00 and a receipt of 20.00. The receipt of 7.00 has nothing to do with it."""
    own = [document(1, "480.00")] if mine.document_id else []
    paid = document(7, "460.00", marker="", kind="PAYMENT", incoming=True)

    result = balance(
        [row(1, "480.00")], {1: replace(mine, record=31)}, *own, paid,
        document(8, "20.00", marker="", day=NEXT), document(9, "7.00", marker=""),
    )  # fmt: skip

    told = {item["document"]: item for item in result.unexpected}
    assert {name: (item["cause"], item["record"]) for name, item in told.items()} == {
        "d7": (cause, 31), "d8": (cause, 31), "d9": ("hand", None),
    }  # fmt: skip
    assert said in told["d7"]["explanation"]
    assert not told["d7"]["action"].startswith("Accept")


@pytest.mark.parametrize("amounts", [("480.00",), ("300.00", "180.00")])
def test_what_was_posted_as_a_payment_and_a_rest_is_named_beside_the_same_money_entered_again(
    amounts: tuple[str, ...],
) -> None:
    """480.00 = 120.00 paid + 360.00 on suspense. Entered by hand as one receipt, or as two payments: neither is 120 or 360."""
    ours = {
        "v1:1": posted(1, share=D("120"), record=31, source_id="1"),
        "v1:1:rest": posted(2, share=D("360"), record=31),
    }
    own = [document(1, "120.00", kind="PAYMENT", incoming=True), document(2, "360.00")]
    by_hand = [document(n, it, marker="", kind="PAYMENT", incoming=True) for n, it in enumerate(amounts, start=7)]

    rows = in_parts(row(1, "480.00"), ours)
    result = prove(wallets=[CHF], rows=rows, ours=ours, books=legs([*own, *by_hand]))

    assert [(it["cause"], it["record"]) for it in result.unexpected] == [("double", 31)] * len(amounts)
    assert all("movement 1" in it["explanation"] for it in result.unexpected)
    assert result.accounts["1"].source_sum == 480
    assert result.accounts["1"].movements == 1


def test_a_document_that_is_offered_to_a_movement_names_it_on_whatever_day_it_stands() -> None:
    """By its reference, or on the first open day: not near the movement, and still the one that a person is asked about."""
    asked = replace(held("already in Xero"), offered=("d7",), record=31, source_id="1")

    [item] = balance(
        [row(1, "100.00")], {1: asked}, document(7, "100.00", marker="", day=DAY + timedelta(30))
    ).unexpected

    assert (item["cause"], item["record"], item["action"]) == ("typed", 31, "Link it to that movement.")
    assert "movement 1" in item["explanation"]


def test_a_payment_that_is_the_sum_of_two_posted_movements_names_both() -> None:
    paid = document(7, "480.00", marker="", kind="PAYMENT", incoming=True)

    [item] = balance(
        [row(1, "300.00"), row(2, "180.00", day=NEXT)], {1: posted(1), 2: posted(2)},
        document(1, "300.00"), document(2, "180.00", day=NEXT), paid,
    ).unexpected  # fmt: skip

    assert item["cause"] == "double"
    assert "movement 1 and movement 2" in item["explanation"]


def test_a_sum_that_comes_about_in_two_ways_or_of_other_days_or_without_a_payment_names_nothing() -> None:
    """480.00 is 300 + 180 and 280 + 200; then its parts stand four days later; then no payment is among them."""
    two_ways = [document(n, f"{n}.00", marker="", kind="PAYMENT", incoming=True) for n in (300, 180, 280, 200)]
    later = [replace(it, date=DAY + timedelta(days=4)) for it in two_ways[:2]]
    plain = [document(n, f"{n}.00", marker="") for n in (300, 180)]

    for others in (two_ways, later, plain):
        result = balance([row(1, "480.00")], {1: posted(1)}, document(1, "480.00"), *others)
        assert {item["cause"] for item in result.unexpected} <= {"payment", "hand"}


def test_a_purchase_typed_on_the_day_of_the_receipt_is_near_although_it_was_settled_later() -> None:
    settled = DAY + timedelta(days=9)
    bought = replace(row(1, "-100.00", day=settled), days=frozenset({DAY, settled}))
    typed = document(7, "100.00", kind="SPEND", marker="")

    [item] = balance([bought], {1: posted(1)}, document(1, "100.00", kind="SPEND", day=settled), typed).unexpected

    assert item["cause"] == "double"


def test_a_document_typed_in_place_of_one_that_was_removed_is_never_to_be_deleted() -> None:
    """It is the only one that stands for the money. Also where the removed one stood on a day before the proof's own."""
    rows = [row(1, "100.00", day=DAY - timedelta(days=2))]
    typed = document(7, "100.00", marker="", day=DAY)

    [item] = balance(rows, {1: posted(1)}, typed).unexpected

    assert item["cause"] == "retyped"
    assert "movement 1" in item["explanation"]
    assert item["action"].startswith("Do not delete it.")


def test_a_document_with_another_amount_than_its_row_is_listed() -> None:
    result = balance([row(1, "100.00")], {1: posted(1)}, document(1, "99.00"))

    assert not result.balanced
    [item] = result.different
    assert (item["amount"], item["xero_amount"]) == ("100.00", "99.00")


def test_a_movement_made_smaller_than_what_was_paid_leaves_nothing_as_a_rest_and_no_negative_figure() -> None:
    """500.00 became a payment of 480.00 and a rest of 20.00; Amnis says 470.00 since. Nobody can edit a payment in Xero."""
    paid, rest = posted(1, share=D("480.00")), posted(2, share=D("20.00"))
    ours = {"v1:1": paid, rest_key("v1:1"): rest}
    books = legs([document(1, "480.00", kind="PAYMENT", incoming=True), document(2, "20.00")])

    result = prove(wallets=[CHF], rows=in_parts(row(1, "470.00"), ours), ours=ours, books=books)

    told = [(it["document"], it["amount"], it["xero_amount"], it["action"]) for it in result.different]
    assert [it[:3] for it in told] == [("d1", "470.00", "480.00"), ("d2", "0.00", "20.00")]
    assert all("correct the document there" not in action for *_, action in told)
    assert result.accounts["1"].difference == -30

    removed = prove(wallets=[CHF], rows=in_parts(row(1, "480.00"), ours), ours=ours, books=books[:1])
    assert removed.balanced, "what was too much is gone, and is not missed"


def test_a_document_whose_answer_was_lost_counts_for_its_row() -> None:
    """Sent, stored by Xero, the answer lost: the marker proves whose it is, before anybody has adopted it."""
    result = balance([row(1, "100.00")], {1: posted(1, state="unconfirmed", document_id="")}, document(1, "100.00"))

    assert result.balanced
    assert result.held_items == []


def test_what_is_posted_while_the_vendors_are_read_is_held_not_missing() -> None:
    result = balance([row(1, "100.00")], {1: posted(1, moving=True)})

    assert result.balanced
    assert [item["state"] for item in result.held_items] == ["confirmed"]


def test_every_held_row_has_a_next_step() -> None:
    states = ["review", "failed", "waiting", "skipped", "duplicate", "ready", "in_flight", "unconfirmed"]
    rows = [row(n, "1.00") for n, _ in enumerate(states)]

    result = balance(rows, {n: held("why", state=state) for n, state in enumerate(states)})

    assert all(item["action"] for item in result.held_items)


# ------------------------------------------------------------------------ what is not proved


def stray(document_id: str = "d1", **fields: Any) -> Stray:
    known: dict[str, Any] = {
        "account_id": "4", "source_id": "17", "record": 17, "booking_date": DAY, "amount": D("100.5"), "currency": "USD",
        "marker": "MR-1", "documents": (document_id,),
    }  # fmt: skip
    return Stray(**{**known, **fields})


def test_without_a_wallet_nothing_is_proved_and_nothing_is_in_balance() -> None:
    result = report(prove(wallets=[], rows=[], ours={}, books=[]), [])

    assert (result["balanced"], result["verdict"]) == (False, "nothing_to_prove")
    assert "no wallet is mapped" in result["says"]


def test_a_proof_that_was_kept_as_balanced_without_a_wallet_reads_as_nothing() -> None:
    kept = {"balanced": True, "accounts": []}

    assert (verdict(kept), "Nothing was proved" in says(kept)) == ("nothing_to_prove", True)


def test_a_document_of_a_wallet_that_is_mapped_no_longer_is_named_with_the_next_step() -> None:
    elsewhere = legs([document(1, "100.50", account_id="bank-usd")])

    result = prove(wallets=[CHF], rows=[], ours={}, books=elsewhere, strays=[stray(left_out="closed")])

    assert not result.balanced
    [item] = result.unproved
    assert [item[key] for key in ("source", "source_id", "amount", "document")] == ["4", "17", "100.50", "d1"]
    assert "left out (closed)" in item["explanation"]
    assert "undo the entry" in item["action"]


def test_a_stray_document_that_is_gone_from_the_books_or_stands_in_a_proved_account_is_not_unproved() -> None:
    proved = legs([document(2, "100.50")])

    result = prove(wallets=[CHF], rows=[], ours={}, books=proved, strays=[stray("d1"), stray("d2")])

    assert result.unproved == []
    assert [item["document"] for item in result.unexpected] == ["d2"], "named there"


@pytest.mark.parametrize(
    ("state", "step"), [("review", "waits in the review: take the document out"), ("confirmed", "undo it, or map")]
)
def test_the_document_of_a_movement_that_went_to_another_wallet_is_named_with_it(state: str, step: str) -> None:
    books = legs([document(2, "100.50")])

    result = prove(
        wallets=[CHF], rows=[], ours={}, books=books, strays=[stray("d2", left_out="collateral", state=state)]
    )

    [item] = result.unexpected
    assert (item["cause"], item["record"]) == ("moved", 17)
    assert item["explanation"] == (
        "It was posted for movement 17, which stands on wallet 4 now. That wallet is left out (collateral)."
    )
    assert step in item["action"]


def test_a_skipped_movement_without_an_amount_is_skipped_and_not_held() -> None:
    rows = [row(1, "0.00"), row(2, "5.00"), row(3, "0.00")]
    ours = {1: held("no amount", state="skipped"), 2: held("left out", state="skipped"), 3: held("unknown type")}

    result = balance(rows, ours)

    assert [(it["source_id"], it["reason"]) for it in result.skipped] == [("1", "no amount")]
    assert [it["source_id"] for it in result.held_items] == ["2", "3"], "5.00 are missing in the books, and one waits"
    assert result.balanced


@pytest.mark.parametrize(("amount", "shown"), [("100.0", "100.00"), ("5", "5.00"), ("1.005", "1.005")])
def test_every_amount_of_an_item_has_its_two_decimals(amount: str, shown: str) -> None:
    result = balance([row(1, amount), row(2, amount)], {1: posted(1)}, document(7, amount, marker=""))

    items = [*result.missing, *result.unexpected, *result.held_items]
    assert [item["amount"] for item in items] == [shown] * 3


# ------------------------------------------------------------------------ sides, days, what we know


def transfer(number: int, amount: str, **fields: Any) -> MirrorDocument:
    return document(number, amount, kind="BANKTRANSFER", marker="", **{"other_account_id": "bank-reserve", **fields})


def linked(number: int, **fields: Any) -> Ours:
    return posted(number, state="duplicate", record=number, source_id=str(number), account_id="1", **fields)


def test_the_other_sides_of_two_transfers_are_named_although_they_cancel_out() -> None:
    """A payout and a pay-in of 250.00, each linked to a transfer: +250.00 and -250.00 on the reserve moved for nobody."""
    there = transfer(1, "250.00")
    back = transfer(2, "250.00", account_id="bank-reserve", other_account_id="bank-chf")

    result = balance([row(1, "-250.00"), row(2, "250.00")], {1: linked(1), 2: linked(2)}, there, back)

    assert {line.difference for line in result.accounts.values()} == {D(0)}
    assert not result.balanced
    assert [(it["source"], it["amount"], it["cause"], it["record"]) for it in result.unexpected] == [
        ("8", "250.00", "other_side", 1),
        ("8", "-250.00", "other_side", 2),
    ]
    assert {it["action"] for it in result.unexpected} == {
        "Open the movement: take the link back, or correct the document in Xero."
    }


def test_one_side_is_never_two_rows_own_and_goes_to_the_one_with_its_amount() -> None:
    """Amnis says that the receiving half of the transfer stands on the sending wallet now."""
    mine = {1: posted(1), 2: posted(1)}

    result = balance([row(2, "40.00"), row(1, "-40.00")], mine, transfer(1, "40.00"))

    assert [(it["source_id"], it["action"].partition(".")[0]) for it in result.missing] == [
        ("2", "The document stands on another bank account")
    ]
    assert result.different == []
    assert [(it["source"], it["cause"]) for it in result.unexpected] == [("8", "other_side")]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"state": "duplicate", "booked": DAY}, "The document that somebody entered in Xero has another date"),
        ({"booked": DAY, "day": NEXT}, "The period was locked in Xero"),
        ({"booked": NEXT, "day": NEXT}, "Amnis moved the movement"),
        ({"booked": DAY, "day": DAY}, "Somebody gave the document another date"),
    ],
    ids=["linked", "lock date", "moved at the source", "moved in the books"],
)
def test_a_pair_counts_on_the_day_of_its_document_and_the_other_day_is_told(fields: dict[str, Any], why: str) -> None:
    result = balance([row(1, "100.00")], {1: posted(1, **fields)}, document(1, "100.00", day=NEXT))

    assert result.balanced
    assert {day: (line.source_sum, line.xero_sum) for day, line in result.days["1"].items()} == {NEXT: (D(100), D(100))}
    [item] = result.moved_days
    assert (item["booking_date"], item["date"], item["counted"]) == ("2026-03-02", "2026-03-03", True)
    assert item["explanation"].startswith(why)


@pytest.mark.parametrize(
    ("kind", "step"), [("RECEIVE", "apply the change"), ("PAYMENT", "undo the payment and post it again")]
)
def test_the_step_after_a_moved_day_is_one_that_is_offered(kind: str, step: str) -> None:
    """Xero edits no payment: what Amnis changed of one is never proposed."""
    result = balance(
        [row(1, "100.00")], {1: posted(1, booked=NEXT, day=NEXT)}, document(1, "100.00", kind=kind, day=NEXT)
    )

    assert step in result.moved_days[0]["action"]


@pytest.mark.parametrize(
    ("span", "total", "counted"),
    [
        (Span(until=DAY), 0, [False]),
        (Span(since=NEXT), 100, [True]),
        (Span(since=date(2026, 3, 4)), 0, []),
    ],
    ids=["the movement's day", "the document's day", "neither"],
)
def test_a_pair_over_the_border_is_taken_whole(span: Span, total: int, counted: list[bool]) -> None:
    result = prove(
        wallets=[CHF], rows=[row(1, "100.00")], ours={"v1:1": posted(1)}, books=legs([document(1, "100.00", day=NEXT)]),
        span=span,
    )  # fmt: skip

    assert result.balanced
    assert (result.accounts["1"].source_sum, result.accounts["1"].xero_sum) == (D(total), D(total))
    assert [it["counted"] for it in result.moved_days] == counted


def test_the_half_of_a_transfer_that_arrives_a_day_later_is_told_as_such() -> None:
    """Money left on the 2nd and arrived on the 3rd: one document, of the 2nd."""
    rows = [row(1, "-40.00"), row(2, "40.00", account="8", day=NEXT)]
    mine = posted(1, booked=DAY, day=DAY)

    result = balance(
        rows, {1: mine, 2: mine}, document(1, "40.00", kind="BANKTRANSFER", other_account_id="bank-reserve")
    )

    assert result.balanced
    [item] = result.moved_days
    assert (item["source"], item["booking_date"], item["date"]) == ("8", "2026-03-03", "2026-03-02")
    assert item["explanation"].startswith("The two halves of this transfer are of two days")


def test_what_was_posted_under_another_setting_is_not_moved() -> None:
    card = replace(row(1, "-60.00", day=DAY), days=frozenset({DAY, NEXT}))
    mine = {"v1:1": posted(1, booked=NEXT, day=NEXT)}

    result = prove(
        wallets=[CHF], rows=[card], ours=mine, books=legs([document(1, "60.00", kind="SPEND", day=NEXT)]),
        span=Span(since=NEXT),
    )  # fmt: skip

    assert (result.balanced, result.accounts["1"].source_sum, result.moved_days) == (True, D(-60), [])


@pytest.mark.parametrize(
    ("mine", "cause", "said"),
    [
        (linked(7, booked=DAY), "not_shown", "It is linked to movement 7 of 2 Mar 2026. Amnis did not show"),
        (
            posted(7, record=7, source_id="7", account_id="1"),
            "not_shown",
            "It was posted for movement 7. Amnis did not",
        ),
    ],
)
def test_a_document_of_a_movement_that_was_not_shown_is_no_strangers(mine: Ours, cause: str, said: str) -> None:
    [item] = balance([], {7: mine}, document(7, "12.00")).unexpected

    assert (item["cause"], item["record"]) == (cause, 7)
    assert item["explanation"].startswith(said)
    assert "elete" not in item["action"]


def test_a_marker_of_ours_beside_a_linked_document_is_named_with_its_movement() -> None:
    mine = linked(1)
    typed_one = document(9, "100.00", marker="", document_id="typed")

    [item] = balance(
        [row(1, "100.00")], {1: replace(mine, document_id="typed")}, typed_one, document(1, "100.00")
    ).unexpected

    assert (item["cause"], item["document"], item["record"]) == ("own_twin", "d1", 1)


def test_a_document_that_was_not_looked_up_is_not_said_to_be_removed() -> None:
    def told(left: frozenset[str]) -> str:
        [item] = prove(
            wallets=[CHF], rows=[row(1, "5.00")], ours={"v1:1": posted(1)}, books=[], not_looked_up=left
        ).missing
        return str(item["action"])

    assert told(frozenset()).startswith("Somebody removed the document in Xero.")
    assert "or gave it an earlier date" in told(frozenset({"d1"}))
