"""Lists: paging meets every row once, filters say what they do, the review groups by cause."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from dashboard import charts
from dashboard.paging import PAGE_SIZE, DayCursor
from dashboard.queries.accounts import BankAccount, account_pairs, propose
from dashboard.queries.overview import totals
from dashboard.queries.review import GAVE_UP, review_groups
from dashboard.queries.transactions import TransactionFilter, transaction_page
from sync.models import Entry, Record
from tenants.scoping import tenant_scope
from tests.pages.world import World, add_movement, finding


def found(world: World, query: str) -> list[str]:
    """Counterparties of the first page, in alphabetical order."""
    page = transaction_page(flow=world.flow, filters=TransactionFilter.of(QueryDict(query)), after="")
    return sorted(row.record.counterparty for row in page.items)


def test_paging_meets_every_row_once(world: World) -> None:
    """Several rows a day, rows without a day, and a page boundary inside a day."""
    with tenant_scope(world.tenant.pk):
        for number in range(PAGE_SIZE + 30):
            day = timezone.localdate() - timedelta(days=number // 17)
            add_movement(world, f"row{number}", day=day)
        Record.objects.filter(pk__in=[world.records[f"row{n}"].pk for n in (3, 40, 70)]).update(booking_date=None)
        seen: list[int] = []
        after = ""
        while True:
            page = transaction_page(flow=world.flow, filters=TransactionFilter(), after=after)
            seen += [row.record.pk for row in page.items]
            after = page.next_cursor
            if not after:
                break
        assert len(seen) == len(set(seen)) == Record.objects.filter(flow=world.flow).count()


@pytest.mark.parametrize("text", ["", "x", "2026-02-30.4", "2026-02-01.", "none.-4", "2026-02-01.٣"])
def test_what_is_no_cursor_shows_the_first_page(text: str) -> None:
    assert DayCursor.read(text) is None


def test_a_cursor_reads_back_what_it_wrote() -> None:
    for cursor in (DayCursor(day=date(2026, 1, 31), row_id=17), DayCursor(day=None, row_id=3)):
        assert DayCursor.read(str(cursor)) == cursor


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=kunde", ["Kunde AG"]),
        ("q=4711", ["Kunde AG"]),
        ("q=8'400.00", ["Kunde AG"]),
        ("q=8400", ["Kunde AG"]),
        ("state=failed", ["Versicherung AG"]),
        ("state=review&q=Zulieferer", ["Zulieferer SA"]),
        ("state=skipped", ["Depot", "Tankstelle"]),
        ("type=pay_in", ["Kunde AG"]),
        ("account=2", ["Amnis"]),
        ("q=nobody", []),
        ("from=2999-01-01", []),
        ("to=1999-01-01", []),
    ],
)
def test_a_filter_shows_what_it_says(world: World, query: str, names: list[str]) -> None:
    with tenant_scope(world.tenant.pk):
        assert found(world, query) == names


def test_an_accent_is_found_however_the_bank_and_the_reader_write_it(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        Record.objects.filter(flow=world.flow, counterparty="Kunde AG").update(counterparty="Cafe\u0301 AG")
        assert found(world, "q=Caf\u00e9") == found(world, "q=Cafe\u0301") == ["Cafe\u0301 AG"]


def test_a_marker_finds_its_movement(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        assert found(world, f"q={world.entries['income'].marker.lower()}") == ["Kunde AG"]


def test_the_figures_count_every_row_once(world: World) -> None:
    """Made by hand: two confirmed, a third that is about to be taken back, and a pair; two on the way, four to review,
    one failed, two left out."""
    with tenant_scope(world.tenant.pk):
        counted = totals(flow=world.flow)
    assert (counted.posted, counted.pending, counted.review, counted.failed, counted.skipped) == (5, 2, 4, 1, 2)


def test_the_review_groups_by_the_first_obstacle(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        groups = {(it.cause.code, it.cause.detail): it for it in review_groups(flow=world.flow)}
    assert {cause: group.count for cause, group in groups.items()} == {
        ("default_missing", "fee"): 2,
        ("contact_missing", ""): 1,
        ("deleted_in_xero", ""): 1,
        (GAVE_UP, ""): 1,
    }
    assert groups["default_missing", "fee"].sums == [("CHF", Decimal("241.00"))]


def test_a_sentence_with_the_figures_of_one_movement_is_not_said_of_all(as_alice: Client, world: World) -> None:
    address = f"/t/{world.tenant.public_id}/review/"
    assert "One of them:" not in as_alice.get(address).content.decode()
    with tenant_scope(world.tenant.pk):
        entry = Entry.objects.filter(state="review", findings__0__code="default_missing").latest("id")
        entry.findings[0]["message"] = "Amount: 10.00 → 12.00"
        entry.save(update_fields=["findings"])
    assert "One of them: Amount: 10.00 → 12.00" in as_alice.get(address).content.decode()


def test_skipping_a_cause_skips_all_of_it_and_says_why(as_alice: Client, world: World) -> None:
    with tenant_scope(world.tenant.pk):
        key = next(it.key for it in review_groups(flow=world.flow) if it.cause.code == "default_missing")
    address = f"/t/{world.tenant.public_id}/review/skip/"
    assert b"Please give a reason" in as_alice.post(address, {"group": key}, follow=True).content
    answer = as_alice.post(address, {"group": key, "reason": "entered by hand"}, follow=True)
    assert b"2 movements were left out." in answer.content
    with tenant_scope(world.tenant.pk):
        assert {it.cause.code for it in review_groups(flow=world.flow)} == {
            "contact_missing",
            "deleted_in_xero",
            GAVE_UP,
        }
    page = as_alice.get(f"/t/{world.tenant.public_id}/transactions/{world.records['unmapped'].pk}/").content.decode()
    assert "entered by hand" in page
    assert "alice@muster.example" in page


def test_accepting_is_offered_where_there_is_something_to_post(as_alice: Client, world: World) -> None:
    with tenant_scope(world.tenant.pk):
        add_movement(world, "empty", state="review", findings=[finding("account_not_mapped", "No bank account.")])
        world.entries["empty"].document = None
        world.entries["empty"].save()
        add_movement(world, "large", state="review", findings=[finding("large_amount", "It is large.")])
    base = f"/t/{world.tenant.public_id}/transactions"
    assert "/accept/" not in as_alice.get(f"{base}/{world.records['empty'].pk}/").content.decode()
    assert "/accept/" in as_alice.get(f"{base}/{world.records['large'].pk}/").content.decode()
    assert "/accept/" not in as_alice.get(f"{base}/{world.records['rent'].pk}/").content.decode()


@pytest.mark.parametrize(
    ("code", "page"),
    [("contact_similar", "contacts/decide/"), ("return_ambiguous", "transactions/"), ("return_split", "rules/")],
)
def test_a_question_that_asks_which_one_is_offered_its_decision_and_no_yes(
    as_alice: Client, world: World, code: str, page: str
) -> None:
    with tenant_scope(world.tenant.pk):
        add_movement(world, "alike", state="review", findings=[finding(code, "Choose, or create it.")])
        key = next(it.key for it in review_groups(flow=world.flow) if it.cause.code == code)
    base = f"/t/{world.tenant.public_id}"
    inbox = as_alice.get(f"{base}/review/?open={key}").content.decode()
    card = next(it for it in inbox.split("<article") if key in it)
    detail = as_alice.get(f"{base}/transactions/{world.records['alike'].pk}/").content.decode()

    assert ["review/accept/" in card, f"{base}/{page}" in card] == [False, True]
    assert "/accept/" not in detail
    for address, data in (
        ("review/accept/", {"group": key}),
        (f"transactions/{world.records['alike'].pk}/accept/", {}),
    ):
        answer = as_alice.post(f"{base}/{address}", data, follow=True).content
        assert b"Accepting does not answer this: Choose, or create it." in answer, address


def test_what_stands_in_the_books_is_offered_only_what_does_something(as_alice: Client, world: World) -> None:
    """Posting it again, or skipping it, does nothing for a document that is posted already: it can be left as it is."""
    with tenant_scope(world.tenant.pk):
        for name, document in (("changed", "d-77"), ("gone", "d-78")):
            add_movement(world, name, state="review", findings=[finding("source_changed", f"It changed: {name}.")])
            Entry.objects.filter(pk=world.entries[name].pk).update(destination_id=document)
        key = next(it.key for it in review_groups(flow=world.flow) if it.cause.code == "source_changed")
    base = f"/t/{world.tenant.public_id}"
    detail = as_alice.get(f"{base}/transactions/{world.records['changed'].pk}/").content.decode()
    inbox = as_alice.get(f"{base}/review/?open={key}").content.decode()

    assert [f"/{act}/" in detail for act in ("accept", "retry", "skip", "handled", "leave")] == [False] * 4 + [True]
    assert "Leave 2 movements" in inbox
    for act in ("accept", "retry", "skip"):
        answer = as_alice.post(f"{base}/review/{act}/", {"group": key, "reason": "r"}, follow=True)
        assert b"Nothing changed" in answer.content, act

    answer = as_alice.post(f"{base}/review/leave/", {"group": key, "reason": "it is right in Xero"}, follow=True)

    assert b"2 movements are left as they are in Xero." in answer.content
    with tenant_scope(world.tenant.pk):
        left = Entry.objects.filter(destination_id__in=["d-77", "d-78"]).order_by("id")
        assert [(it.state, it.findings) for it in left] == [("confirmed", [])] * 2


def test_a_deleted_document_can_be_left_out_or_posted_again_and_does_not_stay_as_it_is(
    as_alice: Client, world: World
) -> None:
    """On its own page and in the review, where the whole cause is left out with one reason."""
    record = world.records["deleted"].pk
    base = f"/t/{world.tenant.public_id}"
    detail = as_alice.get(f"{base}/transactions/{record}/").content.decode()
    inbox = as_alice.get(f"{base}/review/").content.decode()

    offered = ("accept", "retry", "skip", "leave", "handled", "leave_out")
    assert [f"/{act}/" in detail for act in offered] == [False] * 4 + [True] * 2
    assert "Post again" in detail
    assert "Leave 1 movement out" in inbox
    assert "review/leave/" not in inbox
    with tenant_scope(world.tenant.pk):
        key = next(it.key for it in review_groups(flow=world.flow) if it.cause.code == "deleted_in_xero")
    answer = as_alice.post(f"{base}/review/leave/", {"group": key, "reason": "r"}, follow=True)
    assert b"Nothing changed" in answer.content

    answer = as_alice.post(f"{base}/review/leave_out/", {"group": key, "reason": "of another year"}, follow=True)

    assert b"1 movement was left out." in answer.content
    with tenant_scope(world.tenant.pk):
        assert Entry.objects.get(pk=world.entries["deleted"].pk).state == "undone"


def test_the_detail_tells_the_story_from_reading_to_reading_back(as_alice: Client, world: World) -> None:
    html = as_alice.get(f"/t/{world.tenant.public_id}/transactions/{world.records['rent'].pk}/").content.decode()
    timeline = html[html.index("Timeline") :]
    places = [
        timeline.index(f"<strong>{said}</strong>")
        for said in (
            "Read from Amnis",
            "Coded",
            "Ready to post",
            "Being posted",
            "Sent, not yet read back",
            "In the books",
        )
    ]
    assert places == sorted(places)
    for part in ("As read back from Xero", "Rule “Rent”", "BankTransactions?summarizeErrors=false", "As Amnis sent it"):
        assert part in html.replace("rule “Rent”", "Rule “Rent”")
    assert len(re.findall('class="is-done"', html)) == 6


def test_the_conversion_shows_that_clearing_returns_to_zero(as_alice: Client, world: World) -> None:
    """accounting.md, first worked deal: the base document clears 250,000.11, the rounding line takes the 0.11."""
    html = as_alice.get(f"/t/{world.tenant.public_id}/transactions/{world.records['sold'].pk}/").content.decode()
    assert "Clearing returns to 0.00" in html
    assert "250,000.11" in html
    assert "1.055245" in html


def bank(name: str, *, currency: str = "CHF", number: str = "") -> BankAccount:
    return BankAccount(account_id=name, code="", name=name, currency=currency, number=number, is_active=True)


def test_a_pair_is_proposed_by_iban_then_currency_then_name_and_never_guessed() -> None:
    iban = "CH93 0076 2011 6238 5295 7"
    one, two = bank("Main", number=iban.replace(" ", "")), bank("Other")
    common = {"currency": "CHF", "name": "", "ibans": ()}

    def why(free: list[BankAccount], *, alone: bool = False, **facts: object) -> str:
        found = propose(**{**common, **facts}, alone=alone, free=free)  # type: ignore[arg-type]
        return found.why if found else ""

    assert why([one, two], ibans=(iban,)) == "same_iban"
    assert why([two], alone=True) == "only_in_currency"
    assert why([two]) == ""
    assert why([bank("Euro", currency="EUR")], alone=True) == ""
    assert why([bank("Savings"), bank("Payroll")], name="Payroll account") == "similar_name"
    assert why([bank("Savings 1"), bank("Savings 2")], name="Savings") == ""


def test_unmatched_wallets_come_first(world: World) -> None:
    with tenant_scope(world.tenant.pk):
        pairs = account_pairs(flow=world.flow)
    assert [(pair.wallet_id, pair.is_open) for pair in pairs] == [("2", True), ("3", True), ("1", False)]


def test_a_bank_account_of_another_currency_cannot_be_chosen(as_alice: Client, world: World) -> None:
    answer = as_alice.post(
        f"/t/{world.tenant.public_id}/accounts/map/", {"wallet": "3", "account": "acc-eur"}, follow=True
    )
    assert b"cannot be chosen" in answer.content
    as_alice.post(f"/t/{world.tenant.public_id}/accounts/map/", {"wallet": "2", "account": "acc-eur"})
    with tenant_scope(world.tenant.pk):
        assert [pair.wallet_id for pair in account_pairs(flow=world.flow) if pair.is_open] == ["3"]


@pytest.mark.parametrize(
    ("value", "top"), [(0, 2), (1, 2), (3, 4), (5, 10), (11, 20), (21, 40), (41, 100), (999, 1000)]
)
def test_the_scale_of_a_chart_ends_at_a_round_number(value: int, top: int) -> None:
    assert charts.round_up(value) == top


def test_the_bars_of_a_day_stand_on_each_other() -> None:
    [bar] = charts.volume_chart([(date(2026, 11, 20), 3, 1)]).bars
    assert bar.y + bar.height == charts.BASE
    assert bar.held_y + bar.held_height == bar.y
    assert bar.height == 3 * bar.held_height
