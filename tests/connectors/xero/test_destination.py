"""The adapter against the sandbox: what it writes stands in the books, what it reads is what stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connectors.contract.errors import ActionRequired
from connectors.contract.money import Money
from connectors.contract.records import (
    Account,
    BankTransaction,
    BankTransfer,
    Chart,
    Classified,
    ContactDraft,
    DocumentKind,
    Endpoint,
    LineItem,
    MirrorDocument,
    Outcome,
    TrackingChoice,
    Transport,
    Writable,
)
from connectors.xero.connections import delete_connection, list_connections
from connectors.xero.destination import XeroDestination
from connectors.xero.reading import lines_hash
from sandbox.faults import Effect
from sandbox.transport import SandboxTransport
from sandbox.xero.app import XeroSandbox
from sandbox.xero.seed import PROPERTY, TRADING
from tests.connectors.xero.conftest import BASE_URL, AliceToken
from tests.connectors.xero.factories import draft, marker, spend, transfer, wiring
from tests.connectors.xero.spec import CheckedTransport

TODAY = datetime.now(UTC).date()
Make = Callable[..., BankTransaction]


@pytest.fixture
def chart(destination: XeroDestination) -> Chart:
    return destination.chart()


def named(chart: Chart, name: str) -> Account:
    return next(account for account in chart.accounts if name in (account.code, account.name))


@pytest.fixture
def payment(xero: XeroSandbox, chart: Chart) -> Make:
    """A payment from the CHF wallet for office supplies, as Millrace would post it."""

    def make(number: int = 1, *, amount: str = "108.10", currency: str = "CHF", **changes: Any) -> BankTransaction:
        region = next(category for category in chart.tracking if category.name == "Region")
        tracking = (TrackingChoice(category_id=region.category_id, option_id=region.options[0].option_id),)
        line = LineItem(
            description="Büromaterial",
            amount=Decimal(amount),
            account_id=named(chart, "429").account_id,
            tax_type="TAX001",
            tracking=tracking,
        )
        found: dict[str, Any] = {
            "bank_account_id": named(chart, f"{currency} Amnis").account_id,
            "contact_id": xero.ledger(TRADING).contact("Helvetia Papier AG")["ContactID"],
            "contact_name": "Helvetia Papier AG",
            "date": TODAY,
            "lines": (line,),
            **changes,
        }
        return spend(number, amount=amount, currency=currency, **found)

    return make


@pytest.fixture
def move(chart: Chart, xero: XeroSandbox, destination: XeroDestination) -> Callable[..., BankTransfer]:
    """A transfer between two CHF accounts; the second one is opened for it."""
    xero.people(TRADING).change_account("095", CurrencyCode="CHF")

    def make(number: int = 1, **changes: Any) -> BankTransfer:
        accounts = {
            "from_account_id": named(chart, "CHF Amnis").account_id,
            "to_account_id": named(chart, "CZK Amnis").account_id,
        }
        return transfer(number, date=TODAY, **{**accounts, **changes})

    return make


def push(destination: XeroDestination, endpoint: Endpoint, items: list[Any], *, key: str = "key") -> Classified:
    found: list[Writable] = list(items)
    prepared = destination.prepare(endpoint, found)
    answer = destination.send(prepared, key=key, allowed=lambda: True)
    return destination.classify(prepared, answer, items=found)


def outcomes(found: Classified) -> list[Outcome]:
    return [item.outcome for item in found.items]


def everything(pages: Iterator[tuple[MirrorDocument, ...]]) -> dict[str, MirrorDocument]:
    return {document.marker: document for page in pages for document in page}


# --------------------------------------------------------------------- the chart


def test_the_chart_is_read_in_six_calls(destination: XeroDestination, xero: XeroSandbox) -> None:
    chart = destination.chart()
    assert xero.ledger(TRADING).calls() == {
        "GET /Organisation": 1,
        "GET /Organisation/Actions": 1,
        "GET /Accounts": 1,
        "GET /TaxRates": 1,
        "GET /TrackingCategories": 1,
        "GET /Currencies": 1,
    }
    assert (chart.organisation.name, chart.organisation.base_currency) == (TRADING, "CHF")
    assert chart.organisation.organisation_id == destination.organisation_id
    assert chart.organisation.short_code == "!mu5t3"
    assert chart.organisation.multi_currency
    assert chart.currencies == {"CHF", "EUR", "USD", "GBP", "JPY", "CZK"}


def test_the_chart_knows_what_may_stand_where(chart: Chart) -> None:
    assert (named(chart, "EUR Amnis").code, named(chart, "EUR Amnis").currency) == ("", "EUR")
    assert named(chart, "860").system == "ROUNDING"
    assert named(chart, "470").status == "ARCHIVED"
    rates = {rate.tax_type: rate for rate in chart.tax_rates}
    assert (rates["TAX001"].rate, rates["TAX001"].status) == (Decimal("8.1"), "ACTIVE")
    assert rates["TAX001"].applies_to == {"EXPENSE", "ASSET", "LIABILITY", "EQUITY"}
    assert rates["TAX003"].applies_to == {"REVENUE"}
    assert rates["TAX005"].status == "ARCHIVED"
    region = next(category for category in chart.tracking if category.name == "Region")
    assert {option.name: option.status for option in region.options}["Lugano"] == "ARCHIVED"


def test_lock_dates_are_read_afresh_and_the_plan_once(destination: XeroDestination, xero: XeroSandbox) -> None:
    assert destination.organisation().lock_date is None
    xero.people(TRADING).set_lock_dates(period=date(2026, 6, 30), end_of_year=date(2025, 12, 31))
    assert destination.organisation().lock_date == date(2026, 6, 30)
    assert xero.ledger(TRADING).calls()["GET /Organisation/Actions"] == 1


def test_a_small_plan_has_one_currency(xero: XeroSandbox, tokens: AliceToken, transport: CheckedTransport) -> None:
    small = xero.books(PROPERTY).org
    found = XeroDestination(wiring(transport, base_url=BASE_URL, organisation_id=small, tokens=tokens))
    assert not found.chart().organisation.multi_currency


# ---------------------------------------------------------------------- writing


def test_a_payment_stands_in_the_books_to_the_cent(
    destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    found = push(destination, Endpoint.BANK_TRANSACTIONS, [payment()])
    assert outcomes(found) == [Outcome.APPLIED]
    ledger = xero.ledger(TRADING)
    assert ledger.markers() == [marker(1)]
    assert ledger.balance("CHF Amnis") == Decimal("-108.10")
    receipt = found.items[0].receipt
    assert receipt is not None
    assert receipt.tax_total == Decimal("8.10")  # 108.10 includes 8.1 %
    assert receipt.document is not None
    assert receipt.document.total == Money.of("108.10", "CHF")


def test_fifty_documents_need_one_call(destination: XeroDestination, xero: XeroSandbox, payment: Make) -> None:
    items = [payment(number) for number in range(1, 51)]
    assert outcomes(push(destination, Endpoint.BANK_TRANSACTIONS, items)) == [Outcome.APPLIED] * 50
    assert xero.ledger(TRADING).write_calls() == 1
    assert xero.ledger(TRADING).markers() == [item.marker for item in items]


def test_what_was_written_is_read_back_equal(destination: XeroDestination, payment: Make) -> None:
    entry = payment(7)
    push(destination, Endpoint.BANK_TRANSACTIONS, [entry])
    found = everything(destination.changes(Endpoint.BANK_TRANSACTIONS, since=None))[marker(7)]
    assert (found.kind, found.account_id, found.contact_id) == (entry.kind, entry.bank_account_id, entry.contact_id)
    assert (found.date, found.total, found.status) == (entry.date, entry.total, "AUTHORISED")
    assert found.lines_hash == lines_hash(entry.lines)
    read = destination.document(DocumentKind.SPEND, found.document_id)
    assert read is not None
    assert replace(read, lines=()) == found, "read by its id, a document has its lines besides"


def test_a_foreign_payment_keeps_the_rate_that_was_sent(
    destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    entry = payment(amount="105.53", currency="EUR", rate=Decimal("1.055300"))
    found = push(destination, Endpoint.BANK_TRANSACTIONS, [entry])
    receipt = found.items[0].receipt
    assert receipt is not None
    assert receipt.document is not None
    assert receipt.document.rate == Decimal("1.0553")
    assert receipt.document.total == Money.of("105.53", "EUR")
    assert xero.ledger(TRADING).base_balance("EUR Amnis") == Decimal("-100.00")  # 105.53 / 1.0553


def test_without_a_rate_xero_gives_its_own(destination: XeroDestination, xero: XeroSandbox, payment: Make) -> None:
    xero.people(TRADING).fix_day_rate("EUR", TODAY, Decimal("1.055312"))
    found = push(destination, Endpoint.BANK_TRANSACTIONS, [payment(currency="EUR")])
    receipt = found.items[0].receipt
    assert receipt is not None
    assert receipt.document is not None
    assert receipt.document.rate == Decimal("1.055312")


def test_an_implausible_rate_posts_and_says_so(destination: XeroDestination, xero: XeroSandbox, payment: Make) -> None:
    xero.people(TRADING).fix_day_rate("EUR", TODAY, Decimal("1.055312"))
    found = push(destination, Endpoint.BANK_TRANSACTIONS, [payment(currency="EUR", rate=Decimal("9.5"))])
    assert outcomes(found) == [Outcome.APPLIED]
    assert [finding.code for finding in found.items[0].findings] == ["rate_implausible"]


def test_a_transfer_moves_money_between_two_accounts(
    destination: XeroDestination, xero: XeroSandbox, move: Callable[..., BankTransfer]
) -> None:
    found = push(destination, Endpoint.BANK_TRANSFERS, [move()])
    assert outcomes(found) == [Outcome.APPLIED]
    assert xero.ledger(TRADING).balance("CHF Amnis") == Decimal("-50.00")
    read = everything(destination.changes(Endpoint.BANK_TRANSFERS, since=None))[marker(1)]
    assert (read.kind, read.total) == (DocumentKind.BANK_TRANSFER, Money.of("50.00", "CHF"))
    assert destination.document(DocumentKind.BANK_TRANSFER, read.document_id) == read


def test_a_transfer_appears_once_although_xero_shows_its_two_sides(
    destination: XeroDestination, payment: Make, move: Callable[..., BankTransfer]
) -> None:
    push(destination, Endpoint.BANK_TRANSFERS, [move(1)])
    push(destination, Endpoint.BANK_TRANSACTIONS, [payment(2)], key="other")
    read = [document for page in destination.changes(Endpoint.BANK_TRANSACTIONS, since=None) for document in page]
    assert [document.marker for document in read] == [marker(2)]


def test_a_transfer_between_currencies_is_refused_for_good(
    destination: XeroDestination, move: Callable[..., BankTransfer], chart: Chart
) -> None:
    entry = move(to_account_id=named(chart, "EUR Amnis").account_id)
    found = push(destination, Endpoint.BANK_TRANSFERS, [entry])
    assert outcomes(found) == [Outcome.REFUSED]
    assert [finding.code for finding in found.items[0].findings] == ["currency_mismatch"]


# --------------------------------------------------------------------- contacts


def test_a_contact_is_created_and_found_by_our_number(destination: XeroDestination) -> None:
    found = push(destination, Endpoint.CONTACTS, [draft(1, name="Neu & Söhne AG")])
    assert outcomes(found) == [Outcome.APPLIED]
    read = destination.contact_by_number(marker(1))
    assert read is not None
    assert (read.name, read.number, read.status) == ("Neu & Söhne AG", marker(1), "ACTIVE")
    assert found.items[0].receipt is not None
    assert found.items[0].receipt.document_id == read.contact_id
    assert destination.contact_by_number(marker(2)) is None


def test_a_taken_name_is_refused_with_a_code_to_adopt_by(destination: XeroDestination) -> None:
    items = [draft(1, name="helvetia papier ag"), draft(2, name="Ganz neu")]
    found = push(destination, Endpoint.CONTACTS, items)
    assert outcomes(found) == [Outcome.REFUSED, Outcome.APPLIED]
    assert [finding.code for finding in found.items[0].findings] == ["contact_name_taken"]


def test_contacts_are_read_with_archived_and_merged_ones(destination: XeroDestination) -> None:
    found = {contact.name: contact for page in destination.contacts(since=None) for contact in page}
    assert found["Alt & Vergessen AG"].status == "ARCHIVED"
    merged = found["Mueller Baeckerei (doppelt)"]
    assert merged.merged_into == found["Bäckerei Müller & Söhne GmbH"].contact_id


def test_contacts_are_read_by_change(destination: XeroDestination, xero: XeroSandbox) -> None:
    xero.core.clock.advance(minutes=10)
    since = xero.core.clock.now()
    xero.core.clock.advance(seconds=30)
    xero.people(TRADING).rename_contact(xero.ledger(TRADING).contact("Kessler Treuhand")["ContactID"], "Kessler AG")
    found = [contact.name for page in destination.contacts(since=since) for contact in page]
    assert found == ["Kessler AG"]


# --------------------------------------------------------------- Xero's refusals


def test_one_refused_document_leaves_its_neighbours_alone(
    destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    xero.people(TRADING).archive_contact(xero.ledger(TRADING).contact("Kessler Treuhand")["ContactID"])
    archived = xero.ledger(TRADING).contact("Kessler Treuhand")["ContactID"]
    found = push(destination, Endpoint.BANK_TRANSACTIONS, [payment(1), payment(2, contact_id=archived), payment(3)])
    assert outcomes(found) == [Outcome.APPLIED, Outcome.REFUSED, Outcome.APPLIED]
    assert [finding.code for finding in found.items[1].findings] == ["contact_archived"]
    assert xero.ledger(TRADING).markers() == [marker(1), marker(3)]


def test_a_closed_period_refuses_with_its_date(destination: XeroDestination, xero: XeroSandbox, payment: Make) -> None:
    xero.people(TRADING).set_lock_dates(period=TODAY)
    found = push(destination, Endpoint.BANK_TRANSACTIONS, [payment()])
    assert outcomes(found) == [Outcome.REFUSED]
    assert [finding.code for finding in found.items[0].findings] == ["period_locked"]


def test_every_reason_comes_at_once(destination: XeroDestination, payment: Make, chart: Chart) -> None:
    archived = named(chart, "470").account_id
    income = named(chart, "200").account_id
    lines = (
        LineItem(description="alt", amount=Decimal(10), account_id=archived, tax_type="NONE"),
        LineItem(description="falsch", amount=Decimal(10), account_id=income, tax_type="TAX001"),
    )
    found = push(destination, Endpoint.BANK_TRANSACTIONS, [payment(amount="20.00", lines=lines)])
    assert outcomes(found) == [Outcome.REFUSED]
    codes = {finding.code for finding in found.items[0].findings}
    assert codes == {"account_archived", "tax_not_allowed"}


def test_a_line_on_a_bank_account_is_refused(destination: XeroDestination, payment: Make, chart: Chart) -> None:
    lines = (LineItem(description="x", amount=Decimal(5), account_id=named(chart, "USD Amnis").account_id),)
    found = push(destination, Endpoint.BANK_TRANSACTIONS, [payment(amount="5.00", lines=lines)])
    assert outcomes(found) == [Outcome.REFUSED]
    assert [finding.code for finding in found.items[0].findings] == ["account_invalid"]


# ---------------------------------------------------------------- when things break


def three(payment: Make) -> list[BankTransaction]:
    return [payment(1), payment(2), payment(3)]


def test_a_lost_answer_is_unknown_and_the_books_know_better(
    destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    xero.faults.lose_answer(after_commit=True)
    found = push(destination, Endpoint.BANK_TRANSACTIONS, three(payment))
    assert outcomes(found) == [Outcome.UNKNOWN] * 3
    read = everything(destination.changes(Endpoint.BANK_TRANSACTIONS, since=None))
    assert set(read) == {marker(1), marker(2), marker(3)}


@pytest.mark.parametrize("effect", [Effect.RESET, Effect.HALF_BATCH, Effect.SERVER_ERROR, Effect.OFFLINE])
@pytest.mark.parametrize("endpoint", [Endpoint.BANK_TRANSACTIONS])
def test_a_broken_call_is_unknown(
    effect: Effect, endpoint: Endpoint, destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    xero.faults.plan_fault(effect, writes=True)
    assert outcomes(push(destination, endpoint, three(payment))) == [Outcome.UNKNOWN] * 3


@pytest.mark.parametrize("effect", [Effect.GARBLED, Effect.TRUNCATED, Effect.ERROR_AFTER_COMMIT])
def test_an_answer_spoiled_after_the_commit_is_unknown(
    effect: Effect, destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    xero.faults.plan_fault(effect, writes=True)
    assert outcomes(push(destination, Endpoint.BANK_TRANSACTIONS, three(payment))) == [Outcome.UNKNOWN] * 3
    assert len(xero.ledger(TRADING).markers()) == 3


def test_a_shuffled_answer_is_matched_by_marker(destination: XeroDestination, xero: XeroSandbox, payment: Make) -> None:
    xero.faults.shuffle()
    found = push(destination, Endpoint.BANK_TRANSACTIONS, three(payment))
    assert outcomes(found) == [Outcome.APPLIED] * 3
    for item in found.items:
        assert item.receipt is not None
        read = destination.document(DocumentKind.SPEND, item.receipt.document_id)
        assert read is not None
        assert read.marker == item.marker


def test_an_answer_that_misses_an_element_leaves_that_one_unknown(
    destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    xero.faults.drop_element()
    found = push(destination, Endpoint.BANK_TRANSACTIONS, three(payment))
    assert outcomes(found) == [Outcome.UNKNOWN, Outcome.APPLIED, Outcome.APPLIED]


@pytest.mark.parametrize(("kind", "pause"), [("minute", 17.0), ("day", 17.0), ("concurrent", 5.0)])
def test_a_call_limit_pauses_and_posts_nothing(
    kind: str, pause: float, destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    xero.faults.rate_limit(kind, retry_after=17)
    found = push(destination, Endpoint.BANK_TRANSACTIONS, three(payment))
    assert outcomes(found) == [Outcome.NOT_APPLIED] * 3
    assert found.pause_seconds == pause
    assert xero.ledger(TRADING).markers() == []


def test_an_expired_token_asks_to_sign_in_again_and_posts_nothing(
    destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    xero.core.clock.advance(minutes=31)
    found = push(destination, Endpoint.BANK_TRANSACTIONS, three(payment))
    assert outcomes(found) == [Outcome.NOT_APPLIED] * 3
    assert found.reauthorise
    assert xero.ledger(TRADING).markers() == []


def test_a_disconnected_company_posts_nothing_and_reads_ask_for_a_person(
    destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    items = three(payment)
    xero.people(TRADING).disconnect()
    found = push(destination, Endpoint.BANK_TRANSACTIONS, items)
    assert outcomes(found) == [Outcome.NOT_APPLIED] * 3
    assert found.reauthorise
    with pytest.raises(ActionRequired):
        destination.organisation()
    health = destination.health()
    assert not health.reachable
    assert health.message


def test_a_missing_permission_says_so(xero: XeroSandbox, transport: CheckedTransport, organisation_id: str) -> None:
    tokens = AliceToken(xero, scopes=frozenset({"offline_access", "accounting.settings"}))
    destination = XeroDestination(wiring(transport, base_url=BASE_URL, organisation_id=organisation_id, tokens=tokens))
    found = push(destination, Endpoint.CONTACTS, [draft()])
    assert outcomes(found) == [Outcome.NOT_APPLIED]
    assert "permission" in found.message


def test_the_same_key_sent_again_posts_nothing_more(
    destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    items = three(payment)
    assert (
        push(destination, Endpoint.BANK_TRANSACTIONS, items).items
        == push(destination, Endpoint.BANK_TRANSACTIONS, items).items
    )
    assert len(xero.ledger(TRADING).markers()) == 3


def test_the_key_of_another_request_means_look_first(destination: XeroDestination, payment: Make) -> None:
    push(destination, Endpoint.BANK_TRANSACTIONS, [payment(1)])
    assert outcomes(push(destination, Endpoint.BANK_TRANSACTIONS, [payment(2)])) == [Outcome.UNKNOWN]


def test_without_permission_not_one_byte_leaves(destination: XeroDestination, xero: XeroSandbox, payment: Make) -> None:
    prepared = destination.prepare(Endpoint.BANK_TRANSACTIONS, [payment()])
    answer = destination.send(prepared, key="key", allowed=lambda: False)
    assert answer.transport is Transport.WITHHELD
    assert outcomes(destination.classify(prepared, answer, items=[payment()])) == [Outcome.NOT_APPLIED]
    assert xero.ledger(TRADING).write_calls() == 0


# ---------------------------------------------------------------------- changes


def test_only_what_changed_since_is_read(destination: XeroDestination, xero: XeroSandbox, payment: Make) -> None:
    push(destination, Endpoint.BANK_TRANSACTIONS, [payment(1)], key="1")
    xero.core.clock.advance(minutes=10)
    since = xero.core.clock.now()
    xero.core.clock.advance(seconds=5)
    push(destination, Endpoint.BANK_TRANSACTIONS, [payment(2)], key="2")
    assert set(everything(destination.changes(Endpoint.BANK_TRANSACTIONS, since=since))) == {marker(2)}


def test_a_document_changed_at_the_very_second_is_read(
    destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    push(destination, Endpoint.BANK_TRANSACTIONS, [payment(1)])
    stamp = everything(destination.changes(Endpoint.BANK_TRANSACTIONS, since=None))[marker(1)].updated_at
    assert marker(1) in everything(destination.changes(Endpoint.BANK_TRANSACTIONS, since=stamp))


@pytest.mark.parametrize("endpoint", [Endpoint.BANK_TRANSACTIONS, Endpoint.BANK_TRANSFERS])
@pytest.mark.parametrize("answers_304", [False, True])
def test_nothing_new_is_no_error(
    endpoint: Endpoint, answers_304: bool, destination: XeroDestination, xero: XeroSandbox
) -> None:
    xero.switches.nothing_modified_is_304 = answers_304
    since = xero.core.clock.now() + timedelta(hours=1)
    assert everything(destination.changes(endpoint, since=since)) == {}


def test_a_first_load_is_bounded_by_the_document_date(destination: XeroDestination, payment: Make) -> None:
    items = [payment(1, date=TODAY - timedelta(days=40)), payment(2, date=TODAY - timedelta(days=10))]
    push(destination, Endpoint.BANK_TRANSACTIONS, items)
    first = TODAY - timedelta(days=10)
    assert set(everything(destination.changes(Endpoint.BANK_TRANSACTIONS, since=None, from_date=first))) == {marker(2)}


def test_a_first_load_of_transfers_is_bounded_too(
    destination: XeroDestination, move: Callable[..., BankTransfer]
) -> None:
    push(destination, Endpoint.BANK_TRANSFERS, [move(1)], key="1")
    later = TODAY + timedelta(days=1)
    assert everything(destination.changes(Endpoint.BANK_TRANSFERS, since=None, from_date=TODAY)).keys() == {marker(1)}
    assert everything(destination.changes(Endpoint.BANK_TRANSFERS, since=None, from_date=later)) == {}


def test_more_documents_than_a_page_holds_are_all_read(
    destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    for batch in range(21):
        items = [payment(batch * 50 + number) for number in range(50)]
        push(destination, Endpoint.BANK_TRANSACTIONS, items, key=str(batch))
    found = [document for part in destination.changes(Endpoint.BANK_TRANSACTIONS, since=None) for document in part]
    assert {document.marker for document in found} == {marker(number) for number in range(1050)}
    assert xero.ledger(TRADING).calls()["GET /BankTransactions"] == 2


def test_a_deletion_and_a_reconciliation_are_seen(
    destination: XeroDestination, xero: XeroSandbox, payment: Make, move: Callable[..., BankTransfer]
) -> None:
    push(destination, Endpoint.BANK_TRANSACTIONS, [payment(1), payment(2)], key="1")
    push(destination, Endpoint.BANK_TRANSFERS, [move(3)], key="2")
    before = everything(destination.changes(Endpoint.BANK_TRANSACTIONS, since=None))
    moved = everything(destination.changes(Endpoint.BANK_TRANSFERS, since=None))
    xero.people(TRADING).delete(before[marker(1)].document_id)
    xero.people(TRADING).reconcile(before[marker(2)].document_id)
    xero.people(TRADING).delete(moved[marker(3)].document_id)
    after = everything(destination.changes(Endpoint.BANK_TRANSACTIONS, since=None))
    assert not after[marker(1)].is_live
    assert after[marker(2)].reconciled
    assert not everything(destination.changes(Endpoint.BANK_TRANSFERS, since=None))[marker(3)].is_live
    by_id = destination.document(DocumentKind.BANK_TRANSFER, moved[marker(3)].document_id)
    assert by_id is not None
    assert by_id.status == "DELETED"


def test_an_edited_line_changes_the_digest_and_an_edited_reference_keeps_the_marker(
    destination: XeroDestination, xero: XeroSandbox, payment: Make
) -> None:
    push(destination, Endpoint.BANK_TRANSACTIONS, [payment(1)])
    before = everything(destination.changes(Endpoint.BANK_TRANSACTIONS, since=None))[marker(1)]
    xero.people(TRADING).edit(before.document_id, Reference=f"geprüft {marker(1)} (Anna)")
    renamed = everything(destination.changes(Endpoint.BANK_TRANSACTIONS, since=None))[marker(1)]
    assert renamed.lines_hash == before.lines_hash
    xero.people(TRADING).edit(
        before.document_id, LineItems=[{"Description": "x", "LineAmount": "1.00", "AccountCode": "404"}]
    )
    changed = everything(destination.changes(Endpoint.BANK_TRANSACTIONS, since=None))[marker(1)]
    assert changed.lines_hash != before.lines_hash


def test_a_document_that_is_not_there_is_none(destination: XeroDestination) -> None:
    missing = "00000000-0000-4000-8000-000000000001"
    assert destination.document(DocumentKind.SPEND, missing) is None
    assert destination.document(DocumentKind.BANK_TRANSFER, missing) is None


def test_contacts_are_no_documents(destination: XeroDestination) -> None:
    with pytest.raises(ValueError, match="no documents"):
        list(destination.changes(Endpoint.CONTACTS, since=None))


# ------------------------------------------------------------------ the rest


def test_a_link_leads_to_the_sandbox_and_health_names_the_company(destination: XeroDestination) -> None:
    link = destination.link(DocumentKind.SPEND, "1289c190-e46d-434b-9628-463ffdb52f00")
    assert link.startswith(f"{BASE_URL}/organisationlogin/default.aspx?shortcode=!mu5t3&redirecturl=")
    health = destination.health()
    assert (health.reachable, health.name) == (True, TRADING)
    assert destination.day_rate(currency="EUR", on=TODAY) is None
    assert (destination.batch_size(Endpoint.BANK_TRANSACTIONS), destination.batch_size(Endpoint.BANK_TRANSFERS)) == (
        50,
        1,
    )


def test_each_link_opens_its_own_document(
    destination: XeroDestination, xero: XeroSandbox, payment: Make, move: Callable[..., BankTransfer]
) -> None:
    push(destination, Endpoint.BANK_TRANSACTIONS, [payment(1)], key="1")
    push(destination, Endpoint.BANK_TRANSFERS, [move(2)], key="2")
    browser = httpx.Client(transport=SandboxTransport(xero), follow_redirects=True)
    for endpoint in (Endpoint.BANK_TRANSACTIONS, Endpoint.BANK_TRANSFERS):
        for found in everything(destination.changes(endpoint, since=None)).values():
            page = browser.get(destination.link(found.kind, found.document_id))
            assert page.status_code == 200
            assert found.marker in page.text


def test_a_read_with_an_expired_token_renews_it_once(
    destination: XeroDestination, xero: XeroSandbox, tokens: AliceToken
) -> None:
    xero.core.clock.advance(minutes=31)
    assert destination.organisation().name == TRADING
    assert tokens.renewals == 1


def test_connections_are_listed_and_ended_one_by_one(
    xero: XeroSandbox, tokens: AliceToken, transport: CheckedTransport
) -> None:
    wired = wiring(transport, base_url=BASE_URL, organisation_id="", tokens=tokens)
    found = list_connections(wired)
    assert {connection.name for connection in found} == {body["Name"] for body in xero.organisations()}
    assert all(connection.is_organisation and connection.created_at for connection in found)
    assert list_connections(wired, auth_event_id=found[0].auth_event_id) == found
    assert list_connections(wired, auth_event_id="00000000-0000-4000-8000-000000000001") == ()
    delete_connection(wired, found[0].connection_id)
    delete_connection(wired, found[0].connection_id)  # already gone: nothing happens
    assert list_connections(wired) == found[1:]


def test_a_new_contact_may_be_used_at_once(destination: XeroDestination, xero: XeroSandbox, payment: Make) -> None:
    created = push(destination, Endpoint.CONTACTS, [ContactDraft(name="Neu AG", number=marker(90))], key="1")
    assert created.items[0].receipt is not None
    entry = payment(1, contact_id=created.items[0].receipt.document_id)
    assert outcomes(push(destination, Endpoint.BANK_TRANSACTIONS, [entry], key="2")) == [Outcome.APPLIED]
    assert xero.ledger(TRADING).bank_transactions()[0]["Contact"]["Name"] == "Neu AG"
