"""What leaves for Xero: exact bytes, exact digits, nothing more than asked for, valid under the official file."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.money import Money, MoneyError
from connectors.contract.records import (
    BankTransaction,
    DocumentKind,
    Endpoint,
    OptionDraft,
    Prepared,
    TaxMode,
    Writable,
)
from connectors.xero.mapping import MAX_BODY, prepare, to_wire
from connectors.xero.text import find_marker
from tests.connectors.xero.factories import ACCOUNT, BANK, CONTACT, OTHER_BANK, draft, line, marker, spend, transfer
from tests.connectors.xero.spec import check_request, needs_specs

HEADERS = {"Content-Type": "application/json", "xero-tenant-id": "x", "Idempotency-Key": "k"}
cents = st.integers(-10_000_000, 10_000_000).map(lambda value: Decimal(value).scaleb(-2))


@st.composite
def transactions(draw: Any) -> BankTransaction:
    amounts = draw(st.lists(cents.filter(bool), min_size=1, max_size=8).filter(lambda found: sum(found) > 0))
    return spend(
        kind=draw(st.sampled_from((DocumentKind.SPEND, DocumentKind.RECEIVE))),
        total=Money(amount=sum(amounts, Decimal(0)), currency="CHF"),
        lines=tuple(line(str(amount), description=draw(st.text(max_size=50))) for amount in amounts),
        reference=draw(st.text(max_size=200)),
        tax_mode=draw(st.sampled_from(TaxMode)),
        rate=draw(st.none() | st.decimals("0.000001", "99999", places=6)),
        url=draw(st.sampled_from(("", "https://app.example.com/t/1", "http://localhost:8000/t/1"))),
    )


def check(prepared: Prepared) -> None:
    path, _, query = prepared.path.partition("?")
    check_request(prepared.method, path, query, HEADERS, prepared.body)


def test_a_card_payment_leaves_in_exactly_these_bytes() -> None:
    entry = spend(rate=Decimal("1.0842"), url="https://app.example.com/t/4711")
    prepared = prepare(Endpoint.BANK_TRANSACTIONS, [entry])
    assert prepared.method == "PUT"
    assert prepared.path == "/api.xro/2.0/BankTransactions?summarizeErrors=false&unitdp=4"
    assert prepared.markers == ("MR-0000000000001",)
    assert prepared.body.decode() == (
        '{"BankTransactions":[{"Type":"SPEND",'
        '"Contact":{"ContactID":"5cc8cf28-567e-4d43-b287-687cfcaec47c"},'
        '"BankAccount":{"AccountID":"6f7594f2-f059-4d56-9e67-47ac9733bfe9"},'
        '"Date":"2026-11-20","Reference":"Fahrt zum Bahnhof MR-0000000000001","CurrencyRate":1.084200,'
        '"Url":"https://app.example.com/t/4711","LineAmountTypes":"Inclusive",'
        '"LineItems":[{"Description":"Taxi","Quantity":1,"UnitAmount":23.40,'
        '"AccountID":"ebd06280-af70-4bed-97c6-7451a454ad85","TaxType":"INPUT2",'
        '"Tracking":[{"TrackingCategoryID":"e2f2f732-e92a-4f3a-9c4d-ee4da0182a13",'
        '"TrackingOptionID":"cd0a4b7e-3c6b-4b3c-8e2a-1f2d3c4b5a69"}]}]}]}'
    )


def test_a_transfer_leaves_in_exactly_these_bytes() -> None:
    prepared = prepare(Endpoint.BANK_TRANSFERS, [transfer()])
    assert prepared.path == "/api.xro/2.0/BankTransfers"
    assert prepared.body.decode() == (
        '{"BankTransfers":[{"FromBankAccount":{"AccountID":"6f7594f2-f059-4d56-9e67-47ac9733bfe9"},'
        '"ToBankAccount":{"AccountID":"7e5e243b-9fcd-4aef-8e3a-c70be1e39bfa"},'
        '"Amount":50.00,"Date":"2026-11-20","Reference":"Umbuchung MR-0000000000001"}]}'
    )


def test_a_contact_leaves_with_a_name_and_our_number() -> None:
    prepared = prepare(Endpoint.CONTACTS, [draft(1, name=" Müller <& Söhne>\u202e AG")])
    assert prepared.path == "/api.xro/2.0/Contacts?summarizeErrors=false"
    assert prepared.body.decode() == '{"Contacts":[{"Name":"Müller & Söhne AG","ContactNumber":"MR-0000000000001"}]}'


def test_a_name_without_a_visible_character_is_replaced_by_our_number() -> None:
    assert to_wire(draft(3, name="<\u200b>"))["Name"] == marker(3)


def test_a_tracking_option_leaves_alone_for_its_category() -> None:
    prepared = prepare(Endpoint.TRACKING_OPTIONS, [OptionDraft(category_id=ACCOUNT, name=" Ver\u202ewaltung\t2 ")])
    assert (prepared.method, prepared.path) == ("PUT", f"/api.xro/2.0/TrackingCategories/{ACCOUNT}/Options")
    assert prepared.body.decode() == '{"Name":"Verwaltung 2"}'


def test_the_same_items_make_the_same_bytes() -> None:
    items = [spend(number) for number in range(1, 51)]
    assert prepare(Endpoint.BANK_TRANSACTIONS, items) == prepare(Endpoint.BANK_TRANSACTIONS, list(items))


@given(transactions())
def test_the_lines_that_leave_add_up_to_the_total_to_the_cent(entry: BankTransaction) -> None:
    element = json.loads(prepare(Endpoint.BANK_TRANSACTIONS, [entry]).body, parse_float=Decimal)["BankTransactions"][0]
    assert sum(item["UnitAmount"] * item["Quantity"] for item in element["LineItems"]) == entry.total.amount
    assert all(item["Description"] for item in element["LineItems"])
    assert find_marker(element["Reference"]) == entry.marker
    assert element["LineAmountTypes"] == entry.tax_mode.value
    assert ("CurrencyRate" in element) == (entry.rate is not None)
    assert ("Url" in element) == entry.url.startswith("https")


@needs_specs
@given(transactions())
def test_every_bank_transaction_is_valid_under_the_official_file(entry: BankTransaction) -> None:
    check(prepare(Endpoint.BANK_TRANSACTIONS, [entry]))


@needs_specs
@pytest.mark.parametrize(
    ("endpoint", "items"),
    [
        (Endpoint.BANK_TRANSACTIONS, [spend(number) for number in range(1, 51)]),
        (Endpoint.BANK_TRANSFERS, [transfer()]),
        (Endpoint.CONTACTS, [draft(number, name=f"Kunde {number}") for number in range(1, 51)]),
    ],
)
def test_every_batch_is_valid_under_the_official_file(endpoint: Endpoint, items: list[Writable]) -> None:
    check(prepare(endpoint, items))


def test_money_is_never_sent_in_a_currency_or_with_a_tax_of_our_own() -> None:
    element = to_wire(spend(rate=Decimal("1.2")))
    forbidden = {"CurrencyCode", "IsReconciled", "SubTotal", "TotalTax", "Total", "Status", "BankTransactionID"}
    assert not forbidden & set(element)
    assert set(element["Contact"]) == {"ContactID"}
    assert set(element["BankAccount"]) == {"AccountID"}
    assert not {"TaxAmount", "AccountCode", "LineAmount", "ItemCode"} & set(element["LineItems"][0])


@pytest.mark.parametrize(
    ("amount", "digits"),
    [("23.4", "23.40"), ("23", "23.00"), ("0.125", "0.1250"), ("-0.11", "-0.11"), ("1E+2", "100.00")],
)
def test_amounts_have_two_digits_and_four_only_where_they_need_them(amount: str, digits: str) -> None:
    rest = Decimal(1000) - Decimal(amount)
    entry = spend(total=Money.of(1000, "CHF"), lines=(line(amount), line(str(rest))))
    assert str(to_wire(entry)["LineItems"][0]["UnitAmount"]) == digits


def test_an_amount_with_more_digits_than_xero_keeps_is_refused_not_rounded() -> None:
    with pytest.raises(MoneyError, match="digits"):
        to_wire(spend(amount="1.00001"))
    with pytest.raises(MoneyError, match="digits"):
        to_wire(transfer(amount="50.001"))


def test_lines_that_do_not_add_up_never_leave() -> None:
    with pytest.raises(MoneyError, match="add up"):
        to_wire(spend(total=Money.of("23.41", "CHF")))
    with pytest.raises(MoneyError, match="add up"):
        to_wire(spend(amount="0.00"))
    with pytest.raises(MoneyError, match="positive"):
        to_wire(transfer(amount="0.00"))


def test_a_single_cent_may_leave() -> None:
    assert str(to_wire(spend(amount="0.01"))["LineItems"][0]["UnitAmount"]) == "0.01"
    assert str(to_wire(transfer(amount="0.01"))["Amount"]) == "0.01"


@pytest.mark.parametrize(("rate", "sent"), [("1.055245", "1.055245"), ("1.0552455", "1.055246"), ("2", "2.000000")])
def test_a_rate_has_at_most_six_decimals(rate: str, sent: str) -> None:
    assert str(to_wire(spend(rate=Decimal(rate)))["CurrencyRate"]) == sent


def test_a_rate_that_would_become_zero_never_leaves() -> None:
    with pytest.raises(MoneyError, match="too small"):
        to_wire(spend(rate=Decimal("0.0000001")))


def test_a_line_without_text_is_named_after_the_contact() -> None:
    assert to_wire(spend(lines=(line("23.40", description=" \u200b"),)))["LineItems"][0]["Description"] == "Taxi Muster"


def test_a_tax_type_or_tracking_that_is_not_set_is_not_sent() -> None:
    element = to_wire(spend(tax_mode=TaxMode.NO_TAX, lines=(line("23.40", tax_type=""),)))
    assert set(element["LineItems"][0]) == {"Description", "Quantity", "UnitAmount", "AccountID"}
    assert element["LineAmountTypes"] == "NoTax"


def test_a_batch_that_would_be_too_large_loses_words_but_no_document() -> None:
    lines = tuple(line("1.00", description="寿" * 4000) for _ in range(10))
    items = [spend(number, total=Money.of("10.00", "CHF"), lines=lines) for number in range(1, 51)]
    prepared = prepare(Endpoint.BANK_TRANSACTIONS, items)
    assert len(prepared.body) <= MAX_BODY
    assert len(json.loads(prepared.body)["BankTransactions"]) == 50


def test_one_call_takes_fifty_documents_and_one_transfer() -> None:
    with pytest.raises(ValueError, match="51 items"):
        prepare(Endpoint.BANK_TRANSACTIONS, [spend(number) for number in range(51)])
    with pytest.raises(ValueError, match="2 items"):
        prepare(Endpoint.BANK_TRANSFERS, [transfer(1), transfer(2)])
    with pytest.raises(ValueError, match="0 items"):
        prepare(Endpoint.CONTACTS, [])


def test_an_item_goes_to_its_own_endpoint_only() -> None:
    with pytest.raises(ValueError, match="belongs"):
        prepare(Endpoint.BANK_TRANSACTIONS, [transfer()])


@needs_specs
class TestTheCheckItself:
    """The net has to catch something, or it proves nothing."""

    def body(self, **changes: Any) -> bytes:
        entry = {
            "Type": "SPEND",
            "Contact": {"ContactID": CONTACT},
            "BankAccount": {"AccountID": BANK},
            "Date": str(date(2026, 11, 20)),
            "LineItems": [{"Description": "x", "Quantity": 1, "UnitAmount": 1.0, "AccountID": ACCOUNT}],
        }
        return json.dumps({"BankTransactions": [{**entry, **changes}]}).encode()

    def check(
        self, body: bytes, *, path: str = "/api.xro/2.0/BankTransactions", query: str = "", **headers: str
    ) -> None:
        check_request("PUT", path, query, {**HEADERS, **headers}, body)

    def test_a_good_request_passes(self) -> None:
        self.check(self.body(), query="summarizeErrors=false&unitdp=4")

    @pytest.mark.parametrize(
        "changes",
        [
            {"Amount": 1},
            {"Type": "BOGUS"},
            {"BankAccount": {"AccountID": "090"}},
            {"CurrencyRate": "1.2"},
            {"Contact": {"ContactID": CONTACT, "Colour": "red"}},
            {"LineItems": [{"UnitAmount": "1"}]},
            {"HasAttachments": True},  # read only
            {"OtherBank": OTHER_BANK},
        ],
    )
    def test_a_wrong_or_unknown_property_is_caught(self, changes: dict[str, Any]) -> None:
        with pytest.raises(AssertionError, match="BankTransactions"):
            self.check(self.body(**changes))

    def test_a_wrong_query_path_or_header_is_caught(self) -> None:
        with pytest.raises(AssertionError, match="unknown query parameter pageSize"):
            self.check(self.body(), query="pageSize=3")
        with pytest.raises(AssertionError, match="summarizeErrors"):
            self.check(self.body(), query="summarizeErrors=no")
        with pytest.raises(AssertionError, match="unknown header parameter if-modified-since"):
            self.check(self.body(), **{"If-Modified-Since": "2026-01-01T00:00:00"})
        with pytest.raises(AssertionError, match="no operation"):
            self.check(self.body(), path="/api.xro/2.0/BankTransaction")
        with pytest.raises(AssertionError, match="xero-tenant-id is missing"):
            check_request("GET", "/api.xro/2.0/Accounts", "", {}, b"")
