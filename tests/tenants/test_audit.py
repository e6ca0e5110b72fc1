"""The chain: what it holds, and that every way of changing the past shows. Tampering is done as the owner of the table,
who has set the maintenance escape: the trigger and the grants are out of the way, the chain alone must tell."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import connection

from tenants import audit
from tenants.audit import AuditEvent, record
from tenants.models import Tenant
from tenants.scoping import Unscoped, tenant_scope

Raw = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def chain(transactional_db: None, muster: Tenant) -> list[AuditEvent]:
    """The events of Muster, with three of ours at the end."""
    with tenant_scope(muster.pk):
        for number in (1, 2, 3):
            record("rule_changed", target=f"rule:{number}", actor="alice@muster.example", after={"account": "469"})
        return list(AuditEvent.objects.order_by("position"))


def tamper(owner: Raw, statement: str, *values: Any) -> None:
    owner.execute("SET app.maintenance = 'on'")
    assert owner.execute(statement, values).rowcount == 1


def test_an_untouched_chain_is_intact(muster: Tenant, chain: list[AuditEvent]) -> None:
    assert [event.position for event in chain] == list(range(1, len(chain) + 1))
    assert audit.verify(muster.pk) == []


def test_the_hash_is_the_one_the_design_names(muster: Tenant, chain: list[AuditEvent]) -> None:
    """h(n) = SHA-256(h(n-1) || canonical JSON), computed here from the columns alone."""
    before, event = chain[-2], chain[-1]
    said = {
        "tenant": muster.pk,
        "position": event.position,
        "at": event.at.isoformat(timespec="microseconds"),
        "actor": "alice@muster.example",
        "action": "rule_changed",
        "target": "rule:3",
        "before": None,
        "after": {"account": "469"},
        "reason": "",
    }
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    assert event.hash == hashlib.sha256((before.hash + canonical).encode()).hexdigest()


COLUMNS = [
    ("actor", "'mallory@muster.example'"),
    ("action", "'rule_deleted'"),
    ("target", "'rule:9'"),
    ("at", "at + interval '1 microsecond'"),
    ("before", "'{}'::jsonb"),
    ("after", """'{"account": "470"}'::jsonb"""),
    ("reason", "'because'"),
]


@pytest.mark.parametrize(("column", "value"), COLUMNS)
def test_a_changed_column_shows(
    owner_role: Raw, muster: Tenant, chain: list[AuditEvent], column: str, value: str
) -> None:
    tamper(owner_role, f"UPDATE audit_event SET {column} = {value} WHERE id = %s", chain[-2].pk)
    assert audit.verify(muster.pk) == [chain[-2].pk]


def test_a_change_that_was_hashed_anew_shows_at_the_next_event(
    owner_role: Raw, muster: Tenant, chain: list[AuditEvent]
) -> None:
    forged = AuditEvent(**{f.attname: getattr(chain[-2], f.attname) for f in AuditEvent._meta.fields})
    forged.actor = "mallory@muster.example"
    new = audit._link(chain[-3].hash, forged)
    tamper(owner_role, "UPDATE audit_event SET actor = %s, hash = %s WHERE id = %s", forged.actor, new, forged.pk)
    assert audit.verify(muster.pk) == [chain[-1].pk]


def test_a_deleted_event_shows_at_the_next_one(owner_role: Raw, muster: Tenant, chain: list[AuditEvent]) -> None:
    tamper(owner_role, "DELETE FROM audit_event WHERE id = %s", chain[-2].pk)
    assert audit.verify(muster.pk) == [chain[-1].pk]


def test_a_missing_end_contradicts_the_head(owner_role: Raw, muster: Tenant, chain: list[AuditEvent]) -> None:
    tamper(owner_role, "DELETE FROM audit_event WHERE id = %s", chain[-1].pk)
    assert audit.verify(muster.pk) == [audit.MISSING_TAIL]


def test_a_smuggled_event_shows(owner_role: Raw, muster: Tenant, chain: list[AuditEvent]) -> None:
    tamper(
        owner_role,
        "INSERT INTO audit_event (tenant_id, position, at, actor, action, target, reason, hash) "
        "SELECT tenant_id, position + 1, at, actor, action, target, reason, hash FROM audit_event WHERE id = %s",
        chain[-1].pk,
    )
    broken = audit.verify(muster.pk)
    assert len(broken) == 2
    assert broken[0] > chain[-1].pk
    assert broken[1] == audit.MISSING_TAIL


def test_an_event_of_another_tenant_does_not_fit(
    owner_role: Raw, muster: Tenant, other: Tenant, chain: list[AuditEvent]
) -> None:
    """The tenant is part of what is hashed, so that events cannot change sides."""
    tamper(owner_role, "UPDATE audit_event SET tenant_id = %s, position = 99 WHERE id = %s", other.pk, chain[-1].pk)
    assert chain[-1].pk in audit.verify(other.pk)


def test_chains_of_tenants_are_separate(muster: Tenant, other: Tenant) -> None:
    with tenant_scope(other.pk):
        first = AuditEvent.objects.order_by("position").first()
    assert first is not None
    assert first.position == 1
    assert audit.verify(muster.pk) == audit.verify(other.pk) == []


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (Decimal("10.50"), "10.50"),
        (date(2026, 1, 31), "2026-01-31"),
        (1e22, "1e+22"),
        (12345678901234567890123, 12345678901234567890123),
        ("Zürich \u202e\x00 \ud800", "Zürich \u202e ?"),
        ({"b": [1, (True, None)]}, {"b": [1, [True, None]]}),
        ({"nested": {"refresh_token": "s3cret"}}, {"nested": {"refresh_token": "[cut]"}}),
    ],
)
def test_values_read_back_as_they_were_hashed(transactional_db: None, muster: Tenant, value: Any, stored: Any) -> None:
    with tenant_scope(muster.pk):
        pk = record("changed", target="x", actor="a", before={"value": value}).pk
        assert AuditEvent.objects.get(pk=pk).before == {"value": stored}
    assert audit.verify(muster.pk) == []


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "client_secret",
        "refresh_token",
        "Authorization",
        "api_key",
        "slack_webhook",
        "magicLinkUrl",
        "cookie",
    ],
)
def test_secrets_never_reach_the_chain(muster: Tenant, key: str) -> None:
    with tenant_scope(muster.pk):
        event = record("changed", target="x", actor="a", before={key: "canary-1"}, after={"deep": [{key: "canary-2"}]})
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_event::text FROM audit_event WHERE id = %s", [event.pk])
            row = cursor.fetchone()
    assert row is not None
    assert "canary" not in row[0]
    assert row[0].count("[cut]") == 2


def test_a_secret_that_is_absent_is_told_as_absent(muster: Tenant) -> None:
    """Whether a webhook was set or removed is no secret, only which."""
    with tenant_scope(muster.pk):
        event = record(
            "changed", target="x", actor="a", before={"slack_webhook": ""}, after={"slack_webhook": "https://x"}
        )
    assert (event.before, event.after) == ({"slack_webhook": ""}, {"slack_webhook": "[cut]"})


def test_recording_needs_a_tenant(db: None) -> None:
    with pytest.raises(Unscoped):
        record("changed", target="x", actor="a")


def test_an_event_shares_the_fate_of_its_transaction(transactional_db: None, muster: Tenant) -> None:
    def record_and_fail() -> None:
        with tenant_scope(muster.pk):
            record("changed", target="lost", actor="a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        record_and_fail()
    with tenant_scope(muster.pk):
        assert not AuditEvent.objects.filter(target="lost").exists()
    assert audit.verify(muster.pk) == []


def test_writers_at_the_same_time_make_one_chain(transactional_db: None, muster: Tenant) -> None:
    """Without the lock on the head two writers would take the same position."""
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            start.wait(timeout=10)
            for turn in range(5):
                with tenant_scope(muster.pk):
                    record("changed", target=f"{number}/{turn}", actor="a")
        except BaseException as error:  # noqa: BLE001  reported by the test's own thread
            failures.append(error)
        finally:
            connection.close()

    _together([lambda number=number: write(number) for number in range(4)])  # type: ignore[misc]
    assert failures == []
    assert audit.verify(muster.pk) == []
    with tenant_scope(muster.pk):
        assert AuditEvent.objects.filter(action="changed").count() == 20


def _together(jobs: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
