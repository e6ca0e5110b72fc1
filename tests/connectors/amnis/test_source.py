"""Reading the bank: every shape it may answer in gives the same movements, complete, in few calls."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.amnis.source import AmnisSource
from connectors.contract.errors import ActionRequired, ContractBroken, RetryLater
from connectors.contract.money import Money
from connectors.contract.records import Cursor, Execution, Movement, Page, SourceTransaction, TransferDetail
from connectors.contract.spec import CallRecord
from sandbox.amnis.app import AmnisSandbox
from sandbox.amnis.company import Company
from tests.connectors.amnis.conftest import OpenSource

DAY = date(2026, 3, 4)
M, X = Movement, Execution
BEGINNING = Cursor(since=None)

# what a_bit_of_everything() does, in the order of the rows: movement, execution, amount, currency, other party
EXPECTED = [
    (M.PAY_IN, X.EXECUTED, "1250.00", "CHF", "Beispiel Möbel AG"),
    (M.RETURNED_PAYMENT, X.EXECUTED, "333.25", "CHF", "Exempla AG"),
    (M.PAY_OUT, X.EXECUTED, "-940.00", "CHF", "Probst Logistik AG"),
    (M.PAY_OUT, X.CANCELLED, "-777.00", "CHF", "Probst Logistik AG"),
    (M.PAY_OUT, X.CANCELLED, "-778.00", "CHF", "Probst Logistik AG"),
    (M.PAY_OUT, X.PENDING, "-779.00", "CHF", "Probst Logistik AG"),
    (M.FEE, X.EXECUTED, "-9.00", "CHF", ""),
    (M.PEER, X.EXECUTED, "-60.00", "CHF", "Exempla Trading GmbH"),
    (M.PEER, X.EXECUTED, "70.00", "CHF", "Exempla Trading GmbH"),
    (M.OWN_TRANSFER, X.EXECUTED, "-150.00", "CHF", "Muster Handels AG"),
    (M.OWN_TRANSFER, X.EXECUTED, "150.00", "CHF", "Muster Handels AG"),
    (M.COLLATERAL, X.EXECUTED, "-12000.00", "CHF", "Muster Handels AG"),
    (M.COLLATERAL, X.EXECUTED, "12000.00", "CHF", "Muster Handels AG"),
    (M.FX, X.EXECUTED, "-250000.00", "CHF", ""),
    (M.FX, X.EXECUTED, "263811.37", "EUR", ""),
    (M.FX, X.CANCELLED, "-5000.00", "CHF", ""),
    (M.FX, X.CANCELLED, "5729.00", "USD", ""),
    (M.CARD, X.EXECUTED, "-41.07", "CHF", "WERKZEUG ESEMPIO ROMA"),
    (M.CARD_REFUND, X.EXECUTED, "49.00", "CHF", "MODEHAUS PROBE"),
    (M.CARD, X.PENDING, "-86.40", "CHF", "RESTAURANT ZUM MUSTER"),
    (M.PAY_IN, X.EXECUTED, "185000.00", "JPY", "Mihon Trading KK"),
]


def a_bit_of_everything(company: Company) -> None:
    to = "Probst Logistik AG"
    on: dict[str, Any] = {"executed_on": DAY}
    company.pay_in(amount="1250.00", payer="Beispiel Möbel AG", qr_reference="210000000003139471430009017", **on)
    company.pay_in(amount="333.25", payer="Exempla AG", returned=True, reference="Returned: AC04", **on)
    company.payout(amount="940.00", to=to, reference="Invoice RF18 5390 0754 7034", **on)
    company.payout(amount="777.00", to=to, status="canceled", **on)
    company.payout(amount="778.00", to=to, status="execution_error", **on)
    company.payout(amount="779.00", to=to, status="pending", executed_on=date(2027, 1, 5))
    company.fee(amount="9.00", **on)
    company.peer_out(amount="60.00", to="Exempla Trading GmbH", **on)
    company.peer_in(amount="70.00", sender="Exempla Trading GmbH", **on)
    company.own_transfer(amount="150.00", source=1, target=8, **on)
    company.own_transfer(amount="12000.00", source=1, target=5, **on)
    company.fx(sold=(1, "250000.00"), bought=(2, "263811.37"), dealt_on=date(2026, 3, 2), value_on=DAY)
    company.fx(sold=(1, "5000.00"), bought=(3, "5729.00"), value_on=DAY, executed=False, status="canceled")
    company.card(
        amount="41.07", merchant="WERKZEUG ESEMPIO ROMA", country="IT", original=("EUR", "43.35"), settled_on=date(2026, 3, 6),
        category="Büromaterial", vats=[("8.1", "41.07")], **on,
    )  # fmt: skip
    company.card(amount="49.00", merchant="MODEHAUS PROBE", refund=True, **on)
    company.card(amount="86.40", merchant="RESTAURANT ZUM MUSTER", settles_at=datetime(2027, 1, 1, tzinfo=UTC), **on)
    company.pay_in(amount="185000.00", payer="Mihon Trading KK", account=6, **on)


def read_all(source: AmnisSource, cursor: Cursor = BEGINNING) -> list[SourceTransaction]:
    return [source.normalise(record) for page in pages(source, cursor) for record in page.records]


def pages(source: AmnisSource, cursor: Cursor = BEGINNING, *, size: int = 3) -> Iterable[Page]:
    while True:
        page = source.read(cursor, pages=size)
        yield page
        if page.at_end:
            return
        cursor = page.cursor


def told(found: SourceTransaction) -> tuple[Movement, Execution, str, str, str]:
    amount = found.amount
    return found.movement, found.execution, str(amount.amount), amount.currency, found.counterparty.name


SHAPES = [
    {"collection_envelope": envelope, "signed_amounts": signed, "ids_as_strings": ids, "embed_details": embed}
    for envelope, signed, ids, embed in itertools.product(("array", "data", "hydra"), *[(True, False)] * 3)
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(str(value) for value in shape.values()))
def test_every_shape_of_the_wire_tells_the_same_movements(
    bank: AmnisSandbox, company: Company, open_source: OpenSource, shape: dict[str, Any]
) -> None:
    a_bit_of_everything(company)
    usual = read_all(open_source())
    bank.switch(**shape)
    found = read_all(open_source())
    assert [told(item) for item in found] == EXPECTED
    assert [item.findings for item in found] == [()] * len(EXPECTED)
    assert found == usual


def test_the_details_of_each_kind_arrive(company: Company, open_source: OpenSource) -> None:
    a_bit_of_everything(company)
    found = read_all(open_source())
    pay_in, payout, card = found[0], found[2], found[17]
    assert pay_in.reference == "210000000003139471430009017"
    assert payout.reference == "RF18539007547034"
    assert payout.counterparty.iban.startswith("CH")
    assert card.card is not None
    assert card.card.original == Money.of("43.35", "EUR")
    assert (card.card.merchant_country, card.card.mcc, len(card.card.pan4)) == ("IT", "5812", 4)
    assert (card.execution_date, card.settlement_date) == (DAY, date(2026, 3, 6))
    assert card.category is not None
    assert (card.category.name, card.category.account_code) == ("Büromaterial", "429")
    assert [(vat.rate, vat.gross) for vat in card.vats] == [(Decimal("8.1"), Decimal("41.07"))]


def test_both_rows_of_a_deal_carry_the_deal(company: Company, open_source: OpenSource) -> None:
    a_bit_of_everything(company)
    sold, bought = (item.fx for item in read_all(open_source())[13:15])
    assert sold is not None
    assert sold == bought
    assert (sold.sold, sold.bought) == (Money.of("250000.00", "CHF"), Money.of("263811.37", "EUR"))
    assert (sold.deal_date, sold.value_date) == (date(2026, 3, 2), DAY)


def test_both_rows_of_an_own_transfer_name_both_wallets(company: Company, open_source: OpenSource) -> None:
    pair = company.own_transfer(amount="150.00", source=1, target=8)
    sides = {item.transfer for item in read_all(open_source())}
    assert sides == {TransferDetail(transfer_id=str(pair.detail), sender_account="1", receiver_account="8")}


def test_balances_may_be_numbers_or_texts(bank: AmnisSandbox, company: Company, open_source: OpenSource) -> None:
    company.pay_in(amount="0.10")
    usual = open_source().accounts()
    bank.switch(balances_as_numbers=True)
    assert [account.available for account in open_source().accounts()] == [account.available for account in usual]
    assert usual[0].available == Decimal("640000.10")
    assert [account.kind for account in usual].count("collateral") == 1


# ----------------------------------------------------------------------- paging


def test_more_than_one_page_is_read_to_its_end_and_once(company: Company, open_source: OpenSource) -> None:
    for number in range(130):
        company.pay_in(amount=f"{number + 1}.00")
    found = read_all(open_source())
    assert sorted(item.amount.amount for item in found) == [Decimal(number + 1) for number in range(130)]
    assert len({item.source_id for item in found}) == 130


@pytest.mark.parametrize(("count", "calls_needed"), [(0, 1), (49, 1), (50, 2), (51, 2), (100, 3)])
def test_a_page_that_is_not_full_is_the_end(
    company: Company, open_source: OpenSource, calls: list[CallRecord], count: int, calls_needed: int
) -> None:
    for _ in range(count):
        company.pay_in(amount="1.00")
    assert len(read_all(open_source())) == count
    assert len(calls) == calls_needed


def test_the_cursor_goes_on_where_the_slice_ended(company: Company, open_source: OpenSource) -> None:
    for _ in range(120):
        company.pay_in(amount="1.00")
    first = open_source().read(Cursor(since=None), pages=1)
    assert (len(first.records), first.at_end, first.cursor.page) == (50, False, 2)
    rest = open_source().read(first.cursor, pages=5)
    assert (len(rest.records), rest.at_end, rest.cursor.page) == (70, True, 1)
    assert {record.source_id for record in first.records}.isdisjoint(record.source_id for record in rest.records)


def test_at_the_end_the_cursor_tells_the_newest_change_and_leaves_the_overlap_to_the_reader(
    company: Company, open_source: OpenSource
) -> None:
    first, newest = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 6, 8, 0, tzinfo=UTC)
    company.pay_in(amount="1.00", created_at=first, updated_at=newest)
    company.pay_in(amount="2.00", created_at=first, updated_at=first)
    began = Cursor(since=datetime(2026, 3, 1, tzinfo=UTC))
    page = open_source().read(began, pages=3)
    assert page.at_end
    assert page.cursor == Cursor(since=began.since, page=1, high=newest)


def test_the_newest_change_is_remembered_from_slice_to_slice(company: Company, open_source: OpenSource) -> None:
    newest = datetime(2026, 3, 6, 8, 0, tzinfo=UTC)
    for number in range(60):
        changed = newest - timedelta(minutes=number)
        company.pay_in(amount="1.00", created_at=changed, updated_at=changed)
    first = open_source().read(BEGINNING, pages=1)
    assert open_source().read(first.cursor, pages=1).cursor == Cursor(since=None, page=1, high=newest)


def test_only_what_changed_since_is_read_again(company: Company, open_source: OpenSource) -> None:
    old = datetime(2026, 3, 1, tzinfo=UTC)
    company.pay_in(amount="1.00", created_at=old, updated_at=old)
    changed = company.pay_in(amount="2.00", created_at=old, updated_at=old + timedelta(days=3))
    page = open_source().read(Cursor(since=old + timedelta(days=2)), pages=3)
    assert [record.source_id for record in page.records] == [str(changed)]


def test_a_row_that_arrives_between_two_pages_is_not_lost(
    bank: AmnisSandbox, company: Company, open_source: OpenSource
) -> None:
    for _ in range(60):
        company.pay_in(amount="1.00")
    bank.switch(between_pages="insert")
    found = {item.source_id for item in read_all(open_source())}
    assert len(found) == 61


@pytest.mark.parametrize("fault", ["offline", "server_error", "truncate", "garble", "reset"])
def test_a_page_that_fails_raises_and_is_never_the_end(
    bank: AmnisSandbox, company: Company, open_source: OpenSource, fault: str
) -> None:
    for _ in range(60):
        company.pay_in(amount="1.00")
    source = open_source()
    first = source.read(Cursor(since=None), pages=1)
    getattr(bank.faults, fault)(path="/api/transactions", times=9)
    with pytest.raises(RetryLater):
        source.read(first.cursor, pages=1)
    bank.faults.clear()
    assert len(source.read(first.cursor, pages=1).records) == 10


@pytest.mark.parametrize(("envelope", "members"), [("data", "data"), ("hydra", "hydra:member")])
def test_a_page_that_lacks_a_row_of_the_announced_total_raises(
    bank: AmnisSandbox, company: Company, open_source: OpenSource, envelope: str, members: str
) -> None:
    company.pay_in(amount="1.00")
    company.pay_in(amount="2.00")
    bank.switch(collection_envelope=envelope)
    with pytest.raises(RetryLater):
        open_source(edit=lambda body: {**body, members: body[members][:-1]}).read(Cursor(since=None), pages=1)


def test_a_server_that_never_turns_the_page_is_not_read_for_ever(company: Company, open_source: OpenSource) -> None:
    source = open_source(edit=lambda body: [{"id": number, "type": "payin"} for number in range(50)])
    with pytest.raises(ContractBroken):
        source.read(Cursor(since=None), pages=9)


@pytest.mark.parametrize("body", [{"message": "hello"}, {"data": None}, [1, 2], "text", 7])
def test_something_that_is_no_list_stops_the_reading_loudly(open_source: OpenSource, body: Any) -> None:
    with pytest.raises(ContractBroken):
        open_source(edit=lambda _: body).read(Cursor(since=None), pages=1)


def test_an_expired_token_is_renewed_in_the_middle_of_reading(
    bank: AmnisSandbox, company: Company, open_source: OpenSource
) -> None:
    company.pay_in(amount="1.00")
    source = open_source()
    bank.tokens.expire()
    assert len(read_all(source)) == 1


def test_a_key_that_was_withdrawn_needs_a_person(bank: AmnisSandbox, company: Company, open_source: OpenSource) -> None:
    source = open_source()
    bank.tokens.change_secret("ck_1", "another")
    bank.tokens.expire()
    with pytest.raises(ActionRequired):
        source.accounts()
    assert source.health().reachable is False


# ---------------------------------------------------------------------- details


def test_without_embedding_the_details_are_read_in_lists_and_never_row_by_row(
    bank: AmnisSandbox, company: Company, open_source: OpenSource, calls: list[CallRecord]
) -> None:
    for number in range(100):
        company.card(amount=f"{number + 1}.00", executed_on=DAY + timedelta(days=number % 20))
        company.payout(
            amount=f"{number + 1}.00", to="Probst Logistik AG", executed_on=DAY + timedelta(days=number % 20)
        )
    bank.switch(embed_details=False)
    found = read_all(open_source())
    assert len(found) == 200
    assert all(item.counterparty.name for item in found)
    # 5 pages of rows; details of 200 rows are 2 lists of 100, with a page for the end of each: far from 200 calls
    assert len(calls) <= 5 + 2 * 3 + 4
    assert not [call.path for call in calls if call.path.split("?")[0].rsplit("/", 1)[-1].isdecimal()]


def test_pay_ins_at_odd_times_are_found_although_their_list_takes_exact_days_only(
    bank: AmnisSandbox, company: Company, open_source: OpenSource, calls: list[CallRecord]
) -> None:
    for number in range(40):
        company.pay_in(amount="1.00", payer=f"Person {number}", executed_on=datetime(2026, 3, 4, 9, number, tzinfo=UTC))
    bank.switch(embed_details=False)
    found = read_all(open_source())
    assert [item.counterparty.name for item in found] == [f"Person {number}" for number in range(40)]
    assert len(calls) <= 4


def test_the_oldest_pay_ins_of_a_long_history_are_found_in_few_calls(
    bank: AmnisSandbox, company: Company, open_source: OpenSource, calls: list[CallRecord]
) -> None:
    for number in range(600):
        company.pay_in(amount="1.00", payer=f"Person {number}", executed_on=DAY + timedelta(days=number // 3))
    bank.switch(embed_details=False)
    page = open_source().read(BEGINNING, pages=2)
    names = [open_source().normalise(record).counterparty.name for record in page.records]
    assert names == [f"Person {number}" for number in range(100)]
    # 34 days are too many for one call each: 2 pages of rows, then 2 pages of details, found at the list's start
    assert len(calls) <= 5


def test_pay_ins_in_the_middle_of_a_long_history_are_found_by_halving(
    bank: AmnisSandbox, company: Company, open_source: OpenSource, calls: list[CallRecord]
) -> None:
    for number in range(1000):
        company.pay_in(amount="1.00", payer=f"Person {number}", executed_on=DAY + timedelta(days=number // 4))
    bank.switch(embed_details=False)
    page = open_source().read(Cursor(since=None, page=13), pages=1)
    names = [open_source().normalise(record).counterparty.name for record in page.records]
    assert names == [f"Person {number}" for number in range(600, 650)]
    assert len(calls) <= 1 + 2 * 5 + 1  # the page itself, doubling and halving among 20 pages, one more to read on


def test_a_detail_that_is_not_there_is_a_finding_and_its_neighbours_are_whole(
    bank: AmnisSandbox, company: Company, open_source: OpenSource
) -> None:
    company.pay_in(amount="1.00", payer="Beispiel AG")
    company.raw({"type": "payin", "currency": "CHF", "amount": "2.00", "account": 1, "executed": True,
                 "executionDate": "2026-03-04T00:00:00+00:00", "createdAt": "2026-03-04T00:00:00+00:00",
                 "updatedAt": "2026-03-04T00:00:00+00:00", "transactionDetailId": 999999})  # fmt: skip
    bank.switch(embed_details=False)
    by_amount = {item.amount.amount: item for item in read_all(open_source())}
    assert by_amount[Decimal("1.00")].findings == ()
    assert [finding.code for finding in by_amount[Decimal("2.00")].findings] == ["detail_missing"]


# ------------------------------------------------------------------------ cards


@pytest.mark.parametrize("life", ["in_place", "new_row"])
def test_a_card_payment_is_executed_once_whichever_way_its_row_lives(
    bank: AmnisSandbox, company: Company, open_source: OpenSource, life: str
) -> None:
    bank.switch(card_lifecycle=life)
    row = company.card(amount="50.00", settles_at=datetime(2027, 1, 1, tzinfo=UTC))
    assert [item.execution for item in read_all(open_source())] == [X.PENDING]
    company.execute(row, amount="50.25")
    found = read_all(open_source())
    executed = [item for item in found if item.execution is X.EXECUTED]
    assert [item.amount.amount for item in executed] == [Decimal("-50.25")]
    assert [item.execution for item in found if item not in executed] == ([] if life == "in_place" else [X.CANCELLED])


def test_an_authorisation_that_expires_moved_nothing(company: Company, open_source: OpenSource) -> None:
    row = company.card(amount="260.00", expires_at=datetime(2027, 1, 1, tzinfo=UTC))
    company.expire(row)
    (found,) = read_all(open_source())
    assert (found.execution, found.findings) == (X.CANCELLED, ())


# ------------------------------------------------------------- other collections


def test_references_name_what_the_tenant_wrote_for_the_books(open_source: OpenSource) -> None:
    found = list(open_source().references())
    by_kind = {kind: [item for item in found if item.kind == kind] for kind in {item.kind for item in found}}
    assert set(by_kind) == {"expense_category", "cost_centre", "vat", "contact"}
    assert {(item.name, item.code) for item in by_kind["expense_category"]} >= {("Büromaterial", "429")}
    assert {(item.name, item.code) for item in by_kind["vat"]} >= {("Normalsatz", "TAX001")}


def test_a_key_without_the_accounting_scope_still_reads_movements(
    bank: AmnisSandbox, company: Company, open_source: OpenSource
) -> None:
    bank.switch(accounting_scope=False)
    company.pay_in(amount="1.00")
    assert {item.kind for item in open_source().references()} == {"contact"}
    assert len(read_all(open_source())) == 1


def test_booked_deals_are_a_history_of_rates(company: Company, open_source: OpenSource) -> None:
    company.fx(sold=(1, "1000.00"), bought=(2, "1055.30"), dealt_on=date(2026, 3, 2), value_on=DAY)
    company.fx(sold=(1, "5000.00"), bought=(3, "5729.00"), value_on=DAY, executed=False, status="canceled")
    (deal,) = open_source().deals(since=date(2026, 3, 1))
    assert (deal.sold, deal.bought) == (Money.of("1000.00", "CHF"), Money.of("1055.30", "EUR"))
    assert deal.platform_rate == Decimal("1.0553")


def test_reading_by_date_finds_a_card_that_settled_in_the_range(company: Company, open_source: OpenSource) -> None:
    company.card(amount="1.00", executed_on=date(2026, 2, 25), settled_on=date(2026, 3, 3))
    company.card(amount="2.00", executed_on=date(2025, 6, 1), settled_on=date(2025, 6, 2))
    source = open_source()
    found = [source.normalise(r) for page in source.read_executed(since=date(2026, 3, 1)) for r in page.records]
    assert [item.amount.amount for item in found] == [Decimal("-1.00")]


def test_secret_links_never_leave_the_connector(company: Company, open_source: OpenSource) -> None:
    row = company.card(amount="1.00")
    company.change(row, magicLinkUrl="https://app.amnis.example/expenses-public/canary")
    page = open_source().read(Cursor(since=None), pages=1)
    assert page.records[0].payload["row"]["id"] == row
    assert "canary" not in repr(page)


def test_the_company_names_itself(open_source: OpenSource) -> None:
    mine = open_source().company()
    assert (mine.name, mine.base_currency, mine.country) == ("Muster Handels AG", "CHF", "CH")
    assert open_source().health().name == "Muster Handels AG"
