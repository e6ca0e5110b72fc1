"""An incident reaches Slack, mail and the bell once, whatever happens in between. What the servers got is the proof."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from notifications import collecting, delivering, selectors, services
from notifications.channels.base import Refused, TryAgain
from notifications.models import Delivery, DeliveryState
from notifications.tasks import deliver_tenant
from sync.models import Incident
from tenants.scoping import tenant_scope
from tests.notifications.conftest import CFO, PUBLIC_URL, Company, make_company, until_quiet
from tests.notifications.servers import PATH, Answer, FakeMail, FakeSlack


def unread(company: Company) -> int:
    with tenant_scope(company.tenant.pk):
        return selectors.unread_count(user_id=company.owner.pk)


def at_once(*works: Callable[[], object]) -> None:
    """Run each in a thread with a connection of its own, all started at the same moment; failures are re-raised."""
    barrier, failures = threading.Barrier(len(works)), []

    def run(work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            work()
        except Exception as error:  # noqa: BLE001  handed to the test below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


# ------------------------------------------------------------------ exactly once


def test_a_critical_incident_reaches_slack_mail_and_bell(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    company.opens()
    until_quiet(company)
    link = f"{PUBLIC_URL}/t/{company.tenant.public_id}/connections/"
    [(path, body)] = slack.posts
    assert path == PATH
    assert body["text"].startswith(
        "*Action needed: A connection needs you (Muster AG)*\nXero has ended the permission."
    )
    assert body["text"].endswith(f"<{link}|Open in Millrace>")
    [letter] = mail.mails
    assert (letter["To"], letter["Subject"]) == (CFO, "Action needed: A connection needs you (Muster AG)")
    text, html = (letter.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert link in text.get_content()
    assert link in html.get_content()
    assert unread(company) == 1


def test_twice_is_once(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    for _ in range(3):
        company.opens()  # strikes again: the same incident
        until_quiet(company)
        deliver_tenant.apply(kwargs={"tenant_id": company.tenant.pk}, throw=True)
    assert (len(slack.posts), len(mail.mails), unread(company)) == (1, 1, 1)


def test_the_row_stands_before_anything_is_sent(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    company.opens()
    services.collect()
    assert [(row.channel, row.state) for row in company.rows()] == [
        ("inapp", "sent"),
        ("slack", "pending"),
        ("email", "pending"),
    ]
    assert (slack.posts, mail.mails) == ([], [])


@pytest.mark.django_db(transaction=True)
def test_workers_that_race_tell_it_once(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    slack.ever = Answer(status=200, body="ok", delay=0.05)  # long enough for the others to come along
    for number in range(5):
        company.opens(f"cause:{number}")
    at_once(*[lambda: (services.collect(), services.deliver_due())] * 4)
    until_quiet(company)
    assert (len(slack.posts), len(mail.mails), unread(company)) == (5, 5, 5)


def test_the_database_itself_refuses_a_second_row(company: Company) -> None:
    """The lock on the incident is one net; this is the other."""
    company.opens()
    services.collect()
    [row] = company.rows(channel="slack")
    row.pk = None
    with tenant_scope(company.tenant.pk), pytest.raises(IntegrityError, match="delivery_once"), transaction.atomic():
        row.save(force_insert=True)


def test_two_collectors_without_the_lock_still_tell_it_once(company: Company) -> None:
    """The unique key alone holds when both found the same news before either wrote."""
    incident = company.opens()
    with tenant_scope(company.tenant.pk):
        rows = list(collecting._rows([incident]))
        again = list(collecting._rows([incident]))
        Delivery.objects.bulk_create(rows, ignore_conflicts=True)
        Delivery.objects.bulk_create(again, ignore_conflicts=True)
    assert len(company.rows()) == 3


def test_a_worker_that_died_while_sending_is_followed_by_another(company: Company, slack: FakeSlack) -> None:
    company.opens()
    services.collect()
    assert delivering._claim(company.tenant.pk) is not None  # and dies
    with tenant_scope(company.tenant.pk):
        Delivery.objects.filter(attempts=1).update(not_before=datetime.now(UTC))  # the claim's minute is over
    until_quiet(company)
    assert len(slack.posts) == 1


def test_a_worker_that_comes_back_too_late_changes_nothing(company: Company) -> None:
    company.opens()
    services.collect()
    claim = delivering._claim(company.tenant.pk)
    assert claim is not None
    with tenant_scope(company.tenant.pk):
        Delivery.objects.filter(pk=claim.delivery.pk).update(state="sent", not_before=datetime.now(UTC))
    delivering._settle(company.tenant.pk, claim, delivering.Verdict(state=DeliveryState.GIVEN_UP, error="late"))
    with tenant_scope(company.tenant.pk):
        assert Delivery.objects.get(pk=claim.delivery.pk).state == "sent"
        assert not Incident.objects.filter(cause__startswith="alerts:").exists()


# ----------------------------------------------------------------- when it fails


def test_an_error_of_slack_is_tried_again(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    slack.answers = [Answer(status=500), Answer(status=503)]
    company.opens()
    until_quiet(company)
    [row] = company.rows(channel="slack")
    assert (row.state, row.attempts, row.error) == ("sent", 3, "")
    assert (len(slack.posts), len(slack.requests), len(mail.mails)) == (1, 3, 1)


def test_slack_is_given_up_after_the_last_retry_and_people_see_it(
    company: Company, slack: FakeSlack, mail: FakeMail
) -> None:
    """Four waits, so five tries. The failure is an incident itself, told by the ways that work."""
    slack.ever = Answer(status=500)
    company.opens()
    until_quiet(company)
    [row] = company.rows(channel="slack")
    assert (row.state, row.attempts, row.error) == ("given_up", 5, "Slack answered with an error (500).")
    assert len(slack.requests) == 5
    assert [letter["Subject"] for letter in mail.mails] == [
        "Action needed: A connection needs you (Muster AG)",
        "Action needed: Alerts do not reach Slack (Muster AG)",
    ]
    with tenant_scope(company.tenant.pk):
        assert Delivery.objects.get(state=DeliveryState.GIVEN_UP).channel == "slack"


def test_when_slack_works_again_its_incident_is_closed(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    slack.ever = Answer(status=500)
    company.opens()
    until_quiet(company)
    slack.ever = Answer(status=200, body="ok")
    company.opens("another")
    until_quiet(company)
    services.collect()
    until_quiet(company)
    with tenant_scope(company.tenant.pk):
        still_open = Incident.objects.filter(closed_at=None).order_by("id")
        assert [incident.cause for incident in still_open] == ["reconnect:xero", "another"]
    assert mail.mails[-1]["Subject"] == "Resolved: Alerts do not reach Slack (Muster AG)"
    assert len(slack.posts) == 1  # Slack hears neither of its own failure nor of its end


def test_a_webhook_that_was_deleted_is_not_tried_again(company: Company, slack: FakeSlack) -> None:
    slack.ever = Answer(status=404, body="no_service")
    company.opens()
    until_quiet(company)
    [row] = company.rows(channel="slack")
    assert (row.state, row.attempts, len(slack.requests)) == ("given_up", 1, 1)
    assert "no_service" in row.error


def test_slack_says_when_and_that_counts_as_no_try(company: Company, slack: FakeSlack) -> None:
    slack.answers = [Answer(status=429, headers=(("Retry-After", "1"),))] * 1
    company.opens()
    services.collect()
    before = datetime.now(UTC)
    services.deliver_due()
    [row] = company.rows(channel="slack")
    assert (row.state, row.attempts) == ("failed", 0)
    assert timedelta(seconds=0.9) < row.not_before - before < timedelta(seconds=1.5)
    until_quiet(company)
    assert len(slack.posts) == 1


def test_a_webhook_whose_key_is_lost_is_said_and_holds_up_no_mail(
    company: Company, slack: FakeSlack, mail: FakeMail, settings: Settings
) -> None:
    settings.FIELD_ENCRYPTION_KEY = [Fernet.generate_key().decode()]
    company.opens()
    until_quiet(company)
    assert [letter["Subject"].split(" (")[0] for letter in mail.mails] == [
        "Action needed: A connection needs you",
        "Action needed: Alerts do not reach Slack",
    ]
    company.saves(slack_webhook=slack.webhook)  # entered again
    company.opens("another")
    until_quiet(company)
    assert len(slack.posts) == 1


def test_one_bad_address_does_not_stop_the_others(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    mail.refused["gone@muster.example"] = "550 no such user"
    company.saves(email=["gone@muster.example", CFO])
    company.opens()
    until_quiet(company)
    assert [letter["Subject"].split(":")[0] for letter in mail.to(CFO)] == ["Action needed", "Action needed"]
    [row] = company.rows(address="gone@muster.example")
    assert (row.state, row.attempts) == ("given_up", 1)
    assert any("Alerts do not reach gone@muster.example" in text for text in slack.texts)


def test_a_full_mailbox_is_tried_again(company: Company, mail: FakeMail) -> None:
    mail.refused[CFO] = "452 mailbox full"
    company.opens()
    services.collect()
    services.deliver_due()
    [row] = company.rows(channel="email")
    assert row.state == "failed"
    mail.refused.clear()
    until_quiet(company)
    assert len(mail.mails) == 1


def test_every_try_of_a_mail_carries_the_same_id(company: Company, mail: FakeMail) -> None:
    company.opens()
    services.collect()
    services.deliver_due()
    with tenant_scope(company.tenant.pk):
        Delivery.objects.filter(channel="email").update(state="failed", not_before=datetime.now(UTC))
    until_quiet(company)
    first, second = (letter["Message-ID"] for letter in mail.mails)
    assert first == second


def test_what_was_put_off_for_a_day_counts_as_a_try_again() -> None:
    wait = TryAgain("Slack asks to wait.", wait=timedelta(seconds=30))
    young = delivering.judge(wait, attempts=1, age=timedelta(hours=23), dice=0.5)
    old = delivering.judge(wait, attempts=5, age=timedelta(hours=25), dice=0.5)
    assert (young.state, young.counts, young.wait) == (DeliveryState.FAILED, False, timedelta(seconds=30))
    assert old.state is DeliveryState.GIVEN_UP


def test_waits_are_those_of_the_schedule() -> None:
    """RETRY_SCHEDULE_SECONDS=60,300,1800,7200; the dice in the middle spread nothing."""
    waits = [delivering.judge(TryAgain("?"), attempts=n, age=timedelta(), dice=0.5).wait for n in (1, 2, 3, 4)]
    assert waits == [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2)]
    assert delivering.judge(Refused("?"), attempts=1, age=timedelta(), dice=0.5).state is DeliveryState.GIVEN_UP


# -------------------------------------------------------------------- what is told


def test_the_end_is_told_where_the_beginning_was(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    company.opens()
    until_quiet(company)
    company.closes()
    for _ in range(2):
        until_quiet(company)
    assert [text.split("\n")[0] for text in slack.texts] == [
        "*Action needed: A connection needs you (Muster AG)*",
        "*Resolved: A connection needs you (Muster AG)*",
    ]
    assert "The next run went through." in slack.texts[1]
    assert len(mail.mails) == 2
    assert [row.kind for row in company.rows(channel="inapp")] == ["alert", "resolved"]


def test_the_end_waits_for_a_beginning_that_has_not_arrived(company: Company, slack: FakeSlack) -> None:
    slack.answers = [Answer(status=500)]
    company.opens()
    services.collect()
    services.deliver_due()
    company.closes()
    until_quiet(company, seconds=20)
    assert [text.split(":")[0] for text in slack.texts] == ["*Action needed", "*Resolved"]


def test_a_beginning_that_never_arrived_has_no_end(company: Company, slack: FakeSlack) -> None:
    slack.ever = Answer(status=404, body="no_service")
    company.opens()
    until_quiet(company)
    slack.ever = Answer(status=200, body="ok")
    company.closes()
    until_quiet(company)
    assert slack.texts == []
    assert [row.state for row in company.rows(channel="slack", kind="resolved")] == ["given_up"]


def test_what_was_over_before_anybody_looked_is_told_once(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    company.opens()
    company.closes()
    until_quiet(company)
    assert [text.split(":")[0] for text in slack.texts] == ["*Resolved"]
    assert len(mail.mails) == 1


def test_the_same_cause_again_is_a_new_alert(company: Company, slack: FakeSlack) -> None:
    for _ in range(2):
        company.opens()
        until_quiet(company)
        company.closes()
        until_quiet(company)
    assert [text.split(":")[0] for text in slack.texts] == ["*Action needed", "*Resolved"] * 2


def test_a_warning_goes_to_the_bell_alone(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    company.opens("vendor:unreachable", severity="warning")
    company.closes("vendor:unreachable")
    until_quiet(company)
    assert (slack.posts, mail.mails, unread(company)) == ([], [], 1)


def test_without_settings_the_owners_are_told_by_mail(company: Company, mail: FakeMail) -> None:
    plain = make_company(402, "plain")
    plain.opens()
    until_quiet(plain)
    assert [letter["To"] for letter in mail.mails] == ["owner@plain.example"]


def test_who_asked_for_nothing_is_told_nothing(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    company.saves(email=[], slack_webhook="")
    company.opens()
    until_quiet(company)
    assert (slack.posts, mail.mails, unread(company)) == ([], [], 1)


def test_a_place_that_is_taken_out_gets_what_waited_no_more(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    company.opens()
    services.collect()
    company.saves(email=["new@muster.example"])
    until_quiet(company)
    assert mail.mails == []
    [row] = company.rows(channel="email")
    assert (row.address, row.state) == (CFO, "given_up")
    with tenant_scope(company.tenant.pk):
        assert Incident.objects.filter(cause__startswith="alerts:").count() == 0


# ------------------------------------------------------------------------ the bell


def test_each_person_reads_for_themselves(company: Company) -> None:
    for cause in ("one", "two", "three"):
        company.opens(cause)
    services.collect()
    with tenant_scope(company.tenant.pk):
        newest = selectors.alerts(user_id=company.owner.pk)[0]
        assert (newest.incident.cause, newest.is_read) == ("three", False)
        assert newest.path == f"/t/{company.tenant.public_id}/connections/"
        for _ in range(2):
            services.alert_read(alert_id=newest.id, user_id=company.owner.pk)
        assert [alert.is_read for alert in selectors.alerts(user_id=company.owner.pk)] == [True, False, False]
        assert selectors.unread_count(user_id=company.owner.pk) == 2
        assert selectors.unread_count(user_id=company.owner.pk + 1) == 3
        services.alerts_read_all(user_id=company.owner.pk)
        assert selectors.unread_count(user_id=company.owner.pk) == 0
        assert [alert.id for alert in selectors.alerts(user_id=1, limit=1, before_id=newest.id)] == [newest.id - 3]
