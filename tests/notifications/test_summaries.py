"""The summary at seven in the tenant's morning: once, on the right day, with the figures that stand in the rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from notifications import services, summaries
from notifications.messages import Posted
from sync.models import Entry, Flow, Record
from tenants.models import Tenant
from tenants.scoping import tenant_scope
from tests.notifications.conftest import CFO, Company, until_quiet
from tests.notifications.servers import FakeMail, FakeSlack
from tests.notifications.test_delivery import at_once

ZURICH = ZoneInfo("Europe/Zurich")
FRIDAY = date(2026, 11, 20)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SEVEN = datetime(2026, 11, 20, 7, 0, tzinfo=ZURICH)


@pytest.fixture
def working(company: Company) -> Company:
    """With a flow that was set up long ago."""
    add_flow(company)
    return company


def add_flow(company: Company) -> None:
    with tenant_scope(company.tenant.pk):
        Flow.objects.create(cutoff=date(2026, 1, 1), created_at=LONG_AGO, last_success_at=SEVEN - timedelta(minutes=5))


def add(company: Company, number: int, state: str, **columns: object) -> None:
    with tenant_scope(company.tenant.pk):
        flow = Flow.objects.get()
        record = Record.objects.create(
            flow=flow, fingerprint=str(number), account_id="1", content_hash="x", payload={}, state="entered"
        )
        posted = {"destination_id": f"d{number}"} if state == "confirmed" else {}
        Entry.objects.create(
            flow=flow, record=record, organisation_id="o", movement="payin", marker=f"m{number}", state=state,
            **posted, **columns,
        )  # fmt: skip


# ---------------------------------------------------------------------- when, once


def test_at_seven_slack_and_mail_get_one_summary(working: Company, slack: FakeSlack, mail: FakeMail) -> None:
    for minutes in (0, 5, 60, 600):
        services.daily(SEVEN + timedelta(minutes=minutes))
        until_quiet(working)
    [text] = slack.texts
    assert text.startswith("*Muster AG: 0 posted, nothing held (19 Nov 2026)*")
    [letter] = mail.to(CFO)
    assert letter["Subject"] == "Muster AG: 0 posted, nothing held (19 Nov 2026)"
    assert services.daily(SEVEN + timedelta(days=1)) == 2


def test_before_seven_nobody_is_woken(working: Company) -> None:
    assert services.daily(SEVEN - timedelta(seconds=1)) == 0


@pytest.mark.parametrize(
    ("zone", "early", "due"),
    [
        ("Asia/Kathmandu", "2026-11-20T01:14:59+00:00", "2026-11-20T01:15:00+00:00"),  # UTC+5:45
        ("America/Los_Angeles", "2026-11-20T14:59:59+00:00", "2026-11-20T15:00:00+00:00"),  # UTC-8
        ("Pacific/Kiritimati", "2026-11-19T16:59:59+00:00", "2026-11-19T17:00:00+00:00"),  # UTC+14: the 20th there
        ("Europe/Zurich", "2026-10-25T05:59:59+00:00", "2026-10-25T06:00:00+00:00"),  # the night the clocks went back
    ],
)
def test_seven_is_the_tenants_own(working: Company, zone: str, early: str, due: str) -> None:
    with tenant_scope(working.tenant.pk):
        Tenant.objects.update(timezone=zone)
    assert services.daily(datetime.fromisoformat(early)) == 0
    assert services.daily(datetime.fromisoformat(due)) == 2


@pytest.mark.django_db(transaction=True)
def test_workers_that_race_write_one_summary(working: Company, slack: FakeSlack, mail: FakeMail) -> None:
    at_once(*[lambda: services.daily(SEVEN)] * 4)
    until_quiet(working)
    assert (len(slack.posts), len(mail.mails)) == (1, 1)


def test_a_new_address_waits_for_the_next_morning(working: Company, mail: FakeMail) -> None:
    services.daily(SEVEN)
    working.saves(email=[CFO, "new@muster.example"])
    assert services.daily(SEVEN + timedelta(hours=1)) == 0
    assert services.daily(SEVEN + timedelta(days=1)) == 3


def test_a_company_that_was_set_up_today_gets_its_first_tomorrow(company: Company) -> None:
    with tenant_scope(company.tenant.pk):
        Flow.objects.create(cutoff=date(2026, 1, 1), created_at=SEVEN + timedelta(hours=1))
    assert services.daily(SEVEN + timedelta(hours=2)) == 0
    assert services.daily(SEVEN + timedelta(days=1)) == 2


def test_without_a_flow_there_is_nothing_to_sum_up(company: Company) -> None:
    assert services.daily(SEVEN) == 0


def test_who_switched_it_off_or_is_suspended_gets_none(working: Company) -> None:
    working.saves(daily=False)
    assert services.daily(SEVEN) == 0
    working.saves(daily=True)
    with tenant_scope(working.tenant.pk):
        Tenant.objects.update(status=Tenant.Status.SUSPENDED)
    assert services.daily(SEVEN) == 0


def test_the_week_is_summed_up_on_monday_by_mail(working: Company, slack: FakeSlack, mail: FakeMail) -> None:
    working.saves(daily=False, weekly=True)
    days = [SEVEN + timedelta(days=ahead) for ahead in range(8)]  # Friday to Friday
    assert [services.daily(day) for day in days] == [0, 0, 0, 1, 0, 0, 0, 0]
    until_quiet(working)
    assert slack.posts == []
    assert [letter["Subject"] for letter in mail.mails] == ["Muster AG: 0 posted, nothing held (16 Nov to 22 Nov 2026)"]


# ------------------------------------------------------------------------- figures


def test_yesterday_is_the_tenants_day_in_its_currencies(working: Company) -> None:
    """Midnight in Zurich is 23:00 UTC in November. An own transfer is neither in nor out."""
    start, end = datetime(2026, 11, 18, 23, tzinfo=UTC), datetime(2026, 11, 19, 23, tzinfo=UTC)
    last = end - timedelta(microseconds=1)
    for number, (amount, currency, kind, moment) in enumerate(
        [
            ("100.50", "CHF", "RECEIVE", start),
            ("-30.25", "CHF", "SPEND", last),
            ("-70.00", "CHF", "BANKTRANSFER", last),
            ("9.99", "EUR", "RECEIVE", last),
            ("1000.00", "CHF", "RECEIVE", start - timedelta(microseconds=1)),  # the day before
            ("2000.00", "CHF", "RECEIVE", end),  # today
        ]
    ):
        add(
            working, number, "confirmed", amount=Decimal(amount), currency=currency, destination_type=kind,
            confirmed_at=moment,
        )  # fmt: skip
    add(working, 90, "review", amount=Decimal(5), currency="CHF", confirmed_at=last)
    with tenant_scope(working.tenant.pk):
        found = summaries.figures(first=date(2026, 11, 19), today=FRIDAY, zone=ZURICH)
    assert found.posted == (
        Posted(currency="CHF", count=3, money_in=Decimal("100.5"), money_out=Decimal("30.25"), moved=Decimal(70)),
        Posted(currency="EUR", count=1, money_in=Decimal("9.99"), money_out=Decimal(0)),
    )


def test_held_items_are_counted_by_what_holds_them_first(working: Company) -> None:
    note = {"code": "fx_rest", "severity": "note", "message": "?"}
    unmapped = {"code": "account_not_mapped", "severity": "review", "message": "Jane Doe's account"}
    large = {"code": "large_amount", "severity": "review", "message": "?"}
    add(working, 1, "review", findings=[note, unmapped, large])
    add(working, 2, "review", findings=[unmapped])
    add(working, 3, "review", findings=[large, unmapped], accepted=["large_amount"])
    add(working, 4, "review", findings=[large])
    add(working, 5, "failed", findings=[unmapped])
    add(working, 6, "fetched")
    add(working, 7, "skipped")
    with tenant_scope(working.tenant.pk):
        found = summaries.figures(first=date(2026, 11, 19), today=FRIDAY, zone=ZURICH)
    assert found.held == (("account_not_mapped", 3), ("gave_up", 1), ("large_amount", 1))
    assert found.waiting == 1


def test_a_summary_names_warnings_and_no_person(working: Company, slack: FakeSlack) -> None:
    add(working, 1, "review", findings=[{"code": "new_counterparty", "severity": "review", "message": "Jane Doe"}])
    working.opens("vendor:unreachable", severity="warning", title="A vendor cannot be reached")
    services.daily(SEVEN)
    until_quiet(working)
    [text] = slack.texts
    assert "• New counterparty: 1" in text
    assert "• Warning: A vendor cannot be reached (since " in text
    assert "Last successful sync: 20 Nov 2026, 06:55." in text
    assert "Jane Doe" not in text
