"""The managers' net and the scopes: what happens in Python before the database is asked."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tenants.models import AuditEvent, Membership, Role, Tenant, User
from tenants.scoping import (
    ScopeConflict,
    Unscoped,
    current_tenant_id,
    in_platform_scope,
    platform_scope,
    tenant_scope,
)


def test_an_unscoped_query_raises_instead_of_finding_nothing(muster: Tenant) -> None:
    for ask in (Membership.objects.count, Tenant.objects.first, lambda: AuditEvent.objects.filter(action="x").exists()):
        with pytest.raises(Unscoped):
            ask()


def test_relations_are_scoped_as_well(muster: Tenant, alice: User) -> None:
    with tenant_scope(muster.pk):
        membership = Membership.objects.get(user=alice)
    with pytest.raises(Unscoped):
        membership.refresh_from_db()
    with pytest.raises(Unscoped):
        Membership(user=alice, role=Role.OWNER, tenant_id=muster.pk).validate_constraints()


def test_the_manager_filters_where_row_level_security_does_not(
    owner_role: psycopg.Connection[Any], muster: Tenant, other: Tenant
) -> None:
    """The policy is taken away; the manager alone must keep the other tenant's rows out."""
    owner_role.execute("ALTER TABLE membership DISABLE ROW LEVEL SECURITY")
    try:
        with tenant_scope(muster.pk):
            assert {found.tenant_id for found in Membership.objects.all()} == {muster.pk}
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(DISTINCT tenant_id) FROM membership")
                assert cursor.fetchone() == (2,)
    finally:
        owner_role.execute("ALTER TABLE membership ENABLE ROW LEVEL SECURITY")


def test_a_new_row_belongs_to_the_open_scope(muster: Tenant, charlie: User) -> None:
    with tenant_scope(muster.pk):
        assert Membership.objects.create(user=charlie, role=Role.AUDITOR).tenant_id == muster.pk
    with pytest.raises(Unscoped):
        Membership(user=charlie, role=Role.AUDITOR, tenant=muster).save(force_insert=True)


def test_a_row_that_names_another_tenant_is_refused(muster: Tenant, other: Tenant, bob: User) -> None:
    stray = Membership(tenant=other, user=bob, role=Role.OWNER)
    with tenant_scope(muster.pk), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        stray.save(force_insert=True)


def test_nesting_the_same_tenant_costs_no_statement(muster: Tenant) -> None:
    with tenant_scope(muster.pk, actor="alice@muster.example"), CaptureQueriesContext(connection) as queries:
        with tenant_scope(muster.pk, actor="somebody else"):
            assert current_tenant_id() == muster.pk
        assert current_tenant_id() == muster.pk
    assert len(queries) == 0


def test_nesting_another_tenant_raises(muster: Tenant, other: Tenant) -> None:
    with tenant_scope(muster.pk):
        with pytest.raises(ScopeConflict), tenant_scope(other.pk):
            pass
        with pytest.raises(ScopeConflict), platform_scope():
            pass
        assert current_tenant_id() == muster.pk
    with platform_scope(), pytest.raises(ScopeConflict), tenant_scope(muster.pk):
        pass


def test_a_scope_inside_an_outer_transaction_takes_its_setting_back(db: None, muster: Tenant) -> None:
    """The `db` fixture is such an outer transaction: its end is far away, the setting must not wait for it."""
    with tenant_scope(muster.pk, actor="alice@muster.example"):
        assert setting("app.tenant") == str(muster.pk)
        assert setting("app.actor") == "alice@muster.example"
    assert setting("app.tenant") == ""
    assert setting("app.actor") == ""


def test_an_error_inside_a_scope_closes_it_and_undoes_its_work(db: None, muster: Tenant, bob: User) -> None:
    def demote_and_fail() -> None:
        with tenant_scope(muster.pk):
            Membership.objects.filter(user=bob).update(role=Role.AUDITOR)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        demote_and_fail()
    assert current_tenant_id() is None
    assert not setting("app.tenant")
    with tenant_scope(muster.pk):
        assert Membership.objects.get(user=bob).role == Role.BOOKKEEPER


def test_work_after_the_commit_runs_outside_of_the_scope(transactional_db: None, muster: Tenant) -> None:
    seen: list[int | None] = []
    with tenant_scope(muster.pk):
        transaction.on_commit(lambda: seen.append(current_tenant_id()))
    assert seen == [None]


def test_the_platform_reads_its_columns_across_tenants(muster: Tenant, other: Tenant) -> None:
    with platform_scope():
        assert set(Tenant.platform.values_list("slug", flat=True)) == {"muster", "other"}
        assert in_platform_scope()
    assert not in_platform_scope()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user = session_user")
        assert cursor.fetchone() == (True,)


def test_the_platform_reads_no_content(muster: Tenant) -> None:
    with platform_scope(), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Tenant.platform.values_list("name", flat=True).first()


def test_the_platforms_manager_is_closed_outside_of_its_scope(muster: Tenant) -> None:
    with pytest.raises(Unscoped):
        Tenant.platform.count()
    with tenant_scope(muster.pk), pytest.raises(Unscoped):
        Membership.platform.count()


def setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting(%s, true), '')", [name])
        row = cursor.fetchone()
    assert row is not None
    return str(row[0])
