"""Where a tenant is told: who may be named, what is kept secret, what the audit trail and tenant files see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from notifications import preferences, selectors, services
from notifications.models import ChannelSetting, Delivery
from sync.models import Incident
from sync.tenantfile.exporter import tenant_export
from sync.tenantfile.importer import Report, tenant_import
from sync.tenantfile.nodes import FileFault
from sync.tenantfile.secrets import SecretStore
from tenants import audit
from tenants.models import AuditEvent
from tenants.scoping import Unscoped, tenant_scope
from tenants.selectors import tenant_by_slug, tenant_ids
from tests.notifications.conftest import CFO, Company, make_company, until_quiet
from tests.notifications.servers import PATH, Answer, FakeMail, FakeSlack

SECRET = "aBcDeFgH1234"
FILE = """
tenant: {slug: alpen, name: Alpen AG, timezone: Europe/Zurich}
notifications: {slack_webhook_env: ALPEN_SLACK, email: [cfo@alpen.example], daily: true, weekly: false}
"""


@pytest.fixture
def plain(db: None, slack: FakeSlack) -> Company:
    return make_company(403, "plain")


def shown(company: Company) -> selectors.ShownSettings:
    with tenant_scope(company.tenant.pk):
        return selectors.settings_shown()


def events(company: Company) -> list[AuditEvent]:
    with tenant_scope(company.tenant.pk):
        return list(AuditEvent.objects.filter(action="notifications.change").order_by("position"))


# ------------------------------------------------------------------------- saving


def test_nothing_chosen_means_owners_daily_and_no_slack(plain: Company) -> None:
    assert shown(plain) == selectors.ShownSettings(
        slack_last_four="", email=None, owners=["owner@plain.example"], daily=True, weekly=False
    )


def test_of_the_webhook_only_its_end_is_shown(company: Company) -> None:
    assert shown(company).slack_last_four == "1234"
    assert SECRET not in repr(shown(company))


def test_the_webhook_is_stored_encrypted(company: Company) -> None:
    with tenant_scope(company.tenant.pk), connection.cursor() as cursor:
        cursor.execute("SELECT slack_webhook FROM notification_setting")
        [(stored,)] = cursor.fetchall()
        assert preferences.webhook().endswith(SECRET)
    assert SECRET not in stored


def test_a_change_is_audited_without_the_webhook(company: Company, slack: FakeSlack) -> None:
    company.saves(daily=False, email=["A@muster.example ", "a@muster.example", "b@muster.example"])
    company.saves(slack_webhook=f"{slack.url}/services/T01/B01/zzzzzzzz1234")
    first, second, third = events(company)
    assert (first.actor, first.before) == (
        "owner@muster.example",
        {"slack": "", "email": None, "daily": True, "weekly": False},
    )
    assert first.after == {
        "slack": "ends in 1234", "slack_changed": True, "email": [CFO], "daily": True, "weekly": False,
    }  # fmt: skip
    assert second.after == {
        "slack": "ends in 1234",
        "email": ["a@muster.example", "b@muster.example"],
        "daily": False,
        "weekly": False,
    }
    assert third.after is not None
    assert third.after["slack_changed"] is True  # though it ends like the other
    assert "T01" not in repr([(event.before, event.after, event.reason) for event in events(company)])
    assert audit.verify(company.tenant.pk) == []


def test_the_same_again_is_no_change(company: Company, slack: FakeSlack) -> None:
    company.saves(slack_webhook=slack.webhook, email=[CFO], daily=True, weekly=False)
    assert len(events(company)) == 1


def test_what_is_not_named_stays(company: Company) -> None:
    company.saves(weekly=True)
    assert shown(company) == selectors.ShownSettings(
        slack_last_four="1234", email=[CFO], owners=["owner@muster.example"], daily=True, weekly=True
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": ["cfo@muster.example", "nobody"]},
        {"email": ["a@b.example\nBcc: x@y.example"]},
        {"email": [f"{n}@muster.example" for n in range(51)]},
        {"slack_webhook": f"https://evil.example{PATH}"},
        {"slack_webhook": "http://169.254.169.254/latest/meta"},
    ],
)
def test_a_wrong_value_changes_nothing(company: Company, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        company.saves(daily=False, **wrong)
    assert "T01" not in str(refusal.value)
    assert shown(company).daily is True
    assert len(events(company)) == 1


def test_an_unknown_setting_is_a_defect(company: Company) -> None:
    with pytest.raises(TypeError, match="colour"):
        company.saves(colour="red")


def test_a_new_webhook_closes_the_incident_of_the_old_one(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    slack.ever = Answer(status=404, body="no_service")
    company.opens()
    until_quiet(company)
    slack.ever = Answer(status=200, body="ok")
    company.saves(slack_webhook=f"{slack.url}/services/T01/B01/new")
    with tenant_scope(company.tenant.pk):
        incident = Incident.objects.get(cause="alerts:slack")
        assert (incident.closed_at is None, incident.resolution) == (False, "The settings of the alerts were changed.")


def test_settings_need_a_scope() -> None:
    with pytest.raises(Unscoped):
        services.settings_save(actor="x", daily=True)


# ------------------------------------------------------------------- tenant files


@pytest.fixture
def load(db: None, slack: FakeSlack, settings: Settings, valkey: object, tmp_path: Path) -> Callable[..., Report]:
    settings.ENV = replace(settings.ENV, data_dir=tmp_path)

    def run(text: str = FILE, *, webhook: str = slack.webhook) -> Report:
        return tenant_import(text, secrets=SecretStore(environ={"ALPEN_SLACK": webhook}, folder=tmp_path), actor="test")

    return run


def test_a_file_sets_them_and_twice_changes_nothing(load: Callable[..., Report]) -> None:
    first, second = load(), load()
    assert {change.path for change in first.changes} >= {
        "notifications.email",
        "notifications.daily",
        "notifications.weekly",
        "notifications.slack_webhook",
    }
    assert second.changes == ()
    assert SECRET not in repr((first, second))


def test_a_file_without_the_section_leaves_them(load: Callable[..., Report]) -> None:
    load()
    report = load(FILE.split("notifications")[0])
    assert report.changes == ()
    with tenant_scope(_alpen()):
        assert selectors.settings_shown().slack_last_four == "1234"


def test_a_file_with_another_webhook_changes_it(load: Callable[..., Report], slack: FakeSlack) -> None:
    load()
    report = load(webhook=f"{slack.url}/services/T01/B01/another")
    assert [change.path for change in report.changes] == ["notifications.slack_webhook"]
    with tenant_scope(_alpen()):
        assert preferences.webhook().endswith("/another")


def test_a_file_with_a_webhook_to_another_host_is_refused_whole(load: Callable[..., Report]) -> None:
    with pytest.raises(FileFault, match=r"line 3.*https://hooks\.slack\.com") as refusal:
        load(webhook=f"https://evil.example{PATH}")
    assert SECRET not in str(refusal.value)
    assert tenant_ids() == []


def test_what_is_exported_names_the_secret_and_imports_again(load: Callable[..., Report]) -> None:
    load()
    with tenant_scope(_alpen()):
        text = tenant_export()
    assert "slack_webhook_env: ALPEN_SLACK" in text
    assert SECRET not in text
    assert load(text).changes == ()


def _alpen() -> int:
    return tenant_by_slug("alpen").pk


# ------------------------------------------------------------------------ tenants


def test_tenants_are_told_of_their_own_alone(company: Company, slack: FakeSlack, mail: FakeMail) -> None:
    stranger = make_company(404, "stranger")
    stranger.saves(slack_webhook=f"{slack.url}/services/T02/B02/stranger", email=["cfo@stranger.example"])
    company.opens()
    until_quiet(company, stranger)
    assert [path for path, _ in slack.posts] == [PATH]
    assert [letter["To"] for letter in mail.mails] == [CFO]
    stranger.opens("another")
    until_quiet(company, stranger)
    assert [path for path, _ in slack.posts[1:]] == ["/services/T02/B02/stranger"]
    assert [letter["To"] for letter in mail.mails[1:]] == ["cfo@stranger.example"]
    with tenant_scope(stranger.tenant.pk):
        assert selectors.unread_count(user_id=company.owner.pk) == 1
        assert [alert.incident.cause for alert in selectors.alerts(user_id=stranger.owner.pk)] == ["another"]
        assert ChannelSetting.objects.get().email == ["cfo@stranger.example"]


@pytest.mark.parametrize("table", ["notification_setting", "notification_delivery", "notification_read"])
def test_the_database_hides_the_rows_of_others(company: Company, slack: FakeSlack, table: str) -> None:
    company.opens()
    until_quiet(company)
    with tenant_scope(company.tenant.pk):
        services.alerts_read_all(user_id=company.owner.pk)
        assert _count(table) > 0
    stranger = make_company(404, "stranger")
    with tenant_scope(stranger.tenant.pk):
        assert _count(table) == 0


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def test_one_tenants_alert_cannot_be_read_by_another(company: Company) -> None:
    company.opens()
    services.collect()
    [bell] = company.rows(channel="inapp")
    stranger = make_company(404, "stranger")
    with tenant_scope(stranger.tenant.pk), pytest.raises(Delivery.DoesNotExist):
        services.alert_read(alert_id=bell.pk, user_id=stranger.owner.pk)
