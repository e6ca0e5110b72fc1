"""The clock's entries lead to tasks that do the work, at a constant price while there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from config.broker import beat_schedule
from config.celery import app
from notifications import tasks
from notifications.models import Delivery
from tenants.scoping import tenant_scope
from tests.notifications.conftest import Company, make_company
from tests.notifications.servers import FakeMail, FakeSlack


@pytest.fixture
def eager() -> Iterator[None]:
    """Hints are worked off where they are given, as if a worker stood by."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def test_the_clock_names_tasks_that_exist() -> None:
    app.loader.import_default_modules()
    named = {entry["task"] for entry in beat_schedule(settings.ENV).values() if "notifications" in entry["task"]}
    assert named == {"notifications.tasks.deliver", "notifications.tasks.daily"}
    assert named <= set(app.tasks)


def test_one_tick_tells_a_new_incident(eager: None, company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    company.opens()
    assert tasks.deliver() == 1
    assert (len(slack.posts), len(mail.mails)) == (1, 1)
    assert tasks.deliver() == 0


def test_one_companys_trouble_does_not_hold_up_another(eager: None, company: Company, mail: FakeMail) -> None:
    """A row of the first that sending stumbles over, in a way that nobody foresaw."""
    other = make_company(402, "other")
    for one in (company, other):
        one.opens()
    with tenant_scope(company.tenant.pk):
        Delivery.objects.create(channel="slack", kind="daily", key="daily:x", subject="x", lines=7)
    app.conf.task_eager_propagates = False
    tasks.deliver()
    assert "owner@other.example" in [letter["To"] for letter in mail.mails]


def test_the_morning_task_looks_at_every_company(eager: None, company: Company) -> None:
    make_company(402, "other")
    assert tasks.daily() == 2


def test_a_tick_without_news_costs_two_questions(
    company: Company, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """Each in a transaction and a role of its own: SAVEPOINT, SET ROLE, the question, SET ROLE, RELEASE."""
    for number in range(405, 410):
        make_company(number, f"quiet{number}")
    with django_assert_max_num_queries(10):
        assert tasks.deliver() == 0
