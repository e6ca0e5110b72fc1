"""A company that wants to be told by Slack, by e-mail and in the program, and servers that listen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pytest_django import Settings

from notifications import collecting, services
from notifications.models import DUE_STATES, Delivery
from sync import incidents
from sync.models import Incident
from tenants.models import Membership, Role, Tenant, User
from tenants.scoping import tenant_scope
from tests.connectors.conftest import make_tenant
from tests.notifications.servers import FakeMail, FakeSlack, mail_server, slack_server

PUBLIC_URL = "http://localhost:8000"
CFO = "cfo@muster.example"


@dataclass
class Company:
    """One tenant and what was written down for it."""

    tenant: Tenant
    owner: User

    def opens(self, cause: str = "reconnect:xero", **said: str) -> Incident:
        told = {
            "severity": "critical",
            "error_class": "auth",
            "title": "A connection needs you",
            "body": "Xero has ended the permission. Connect again.",
            "action": "connections",
        }
        with tenant_scope(self.tenant.pk):
            incidents.open(tenant_id=self.tenant.pk, flow=None, cause=cause, **{**told, **said})
            return Incident.objects.get(cause=cause, closed_at=None)

    def closes(self, cause: str = "reconnect:xero") -> None:
        with tenant_scope(self.tenant.pk):
            incidents.close_causes(
                tenant_id=self.tenant.pk, flow=None, prefixes=(cause,), resolution="The next run went through."
            )

    def rows(self, **wanted: str) -> list[Delivery]:
        with tenant_scope(self.tenant.pk):
            return list(Delivery.objects.filter(**wanted).order_by("id"))

    def saves(self, **changes: Any) -> None:
        with tenant_scope(self.tenant.pk):
            services.settings_save(actor=self.owner.email, **changes)


@pytest.fixture
def slack(settings: Settings) -> Iterator[FakeSlack]:
    with slack_server() as server:
        settings.ENV = replace(
            settings.ENV,
            slack_base_url=server.url,
            public_url=PUBLIC_URL,
            retry_schedule_seconds=(0.05, 0.05, 0.05, 0.05),
        )
        yield server


@pytest.fixture
def mail(settings: Settings) -> Iterator[FakeMail]:
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.host, server.port
        yield server


@pytest.fixture
def company(db: None, slack: FakeSlack, mail: FakeMail) -> Company:
    found = make_company(401, "muster")
    found.saves(slack_webhook=slack.webhook, email=[CFO])
    return found


def make_company(number: int, slug: str) -> Company:
    """A tenant with one owner, who has chosen nothing."""
    tenant = make_tenant(number, slug)
    owner = User.objects.create_user(f"owner@{slug}.example")
    with tenant_scope(tenant.pk):
        Membership.objects.create(user=owner, role=Role.OWNER)
    return Company(tenant=tenant, owner=owner)


def until_quiet(*companies: Company, seconds: float = 10.0) -> None:
    """Collect and deliver as the workers do, until nothing is left to be sent or tried again."""
    end = time.monotonic() + seconds
    while True:
        services.collect()
        services.deliver_due()
        waiting = any(row.state in DUE_STATES for company in companies for row in company.rows())
        if not waiting and not collecting.tenants_with_news():
            return
        assert time.monotonic() < end, "messages are still waiting"
        time.sleep(0.01)
