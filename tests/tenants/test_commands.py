from __future__ import annotations

import json
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from tenants.audit import AuditEvent
from tenants.models import Tenant
from tenants.scoping import tenant_scope


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def events(tenant: Tenant) -> list[int]:
    with tenant_scope(tenant.pk):
        return list(AuditEvent.objects.order_by("position").values_list("pk", flat=True))


def test_an_intact_chain_is_told_as_such(muster: Tenant, other: Tenant) -> None:
    mine, theirs = len(events(muster)), len(events(other))
    assert json.loads(run("verify_audit", "muster", "--json")) == {"events": mine, "broken": []}
    assert json.loads(run("verify_audit", "--json")) == {"events": mine + theirs, "broken": []}
    assert run("verify_audit", "muster") == f"{mine} events, the chain is intact\n"


def test_a_broken_chain_names_the_place_and_ends_with_1(
    owner_role: psycopg.Connection[Any], muster: Tenant, other: Tenant
) -> None:
    broken = events(muster)[1]
    owner_role.execute("SET app.maintenance = 'on'")
    owner_role.execute("UPDATE audit_event SET actor = 'mallory' WHERE id = %s", [broken])
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("verify_audit", "--json", stdout=out)
    assert end.value.code == 1
    assert json.loads(out.getvalue())["broken"] == [broken]
    assert json.loads(run("verify_audit", "other", "--json"))["broken"] == []


@pytest.mark.parametrize("command", [["verify_audit", "nobody"], ["invite", "nobody", "dora@muster.example"]])
def test_an_unknown_tenant_is_wrong_use(db: None, command: list[str]) -> None:
    with pytest.raises(CommandError, match="nobody") as failure:
        run(*command)
    assert failure.value.returncode == 2


def test_an_invitation_from_the_command_line_works(client: Client, muster: Tenant) -> None:
    link = run("invite", "muster", "dora@muster.example", "--role", "auditor").strip()
    assert link.startswith("http://localhost:8000/accounts/invitation/")
    page = client.get(link.removeprefix("http://localhost:8000"), follow=True)
    assert "dora@muster.example" in page.content.decode()
    with pytest.raises(CommandError, match="not an e-mail"):
        run("invite", "muster", "dora at muster")


def test_the_commands_leave_no_tenant_behind(muster: Tenant) -> None:
    run("verify_audit")
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('app.tenant', true), ''), current_user = session_user")
        assert cursor.fetchone() == ("", True)
