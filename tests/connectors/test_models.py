"""What the database itself forbids about connections and grants."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from connectors.models import Connection, Grant, Reference
from tenants.models import Tenant
from tenants.scoping import tenant_scope

pytestmark = pytest.mark.django_db


def test_another_tenants_connections_do_not_exist(alice: Tenant, charlie: Tenant) -> None:
    with tenant_scope(alice.pk):
        Connection.objects.create(kind="xero", role="destination", external_id="org-1")
    with tenant_scope(charlie.pk), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM connection")
        assert cursor.fetchone() == (0,)


def test_a_reference_cannot_hang_on_another_tenants_connection(alice: Tenant, charlie: Tenant) -> None:
    with tenant_scope(alice.pk):
        foreign = Connection.objects.create(kind="xero", role="destination", external_id="org-1")
    with tenant_scope(charlie.pk), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError), transaction.atomic():
            Reference.objects.create(connection_id=foreign.pk, kind="account", external_id="a")


def test_one_company_is_connected_once_per_tenant_and_may_be_shared_by_two(alice: Tenant, charlie: Tenant) -> None:
    for tenant in (alice, charlie):
        with tenant_scope(tenant.pk):
            Connection.objects.create(kind="xero", role="destination", external_id="org-1")
    with tenant_scope(alice.pk), pytest.raises(IntegrityError), transaction.atomic():
        Connection.objects.create(kind="xero", role="destination", external_id="org-1")


def test_an_amnis_connection_cannot_be_a_destination(alice: Tenant) -> None:
    with tenant_scope(alice.pk), pytest.raises(IntegrityError), transaction.atomic():
        Connection.objects.create(kind="amnis", role="destination", external_id="c")


def test_tokens_are_not_readable_in_the_table() -> None:
    grant = Grant.objects.create(provider="xero", subject="u", refresh_token="canary-1", access_token="canary-2")
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(g)::text FROM grant_chain g WHERE id = %s", [grant.pk])
        stored = cursor.fetchone()[0]
    assert "canary" not in stored
    assert Grant.objects.get(pk=grant.pk).refresh_token == "canary-1"
