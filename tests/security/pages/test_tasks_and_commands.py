"""Who may set what in motion without a browser: every task and every command, against a stranger's rows.

A task or command without a line here fails the suite. Tasks have no caller whom one could ask for a role: what they are
given is a hint, and a hint that names a stranger's row must reach nothing. Commands are the operator's, for one company.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.core.management import CommandError, call_command, get_commands
from django.db import connection

from config.celery import app
from connectors.contract.errors import ConnectorError
from tenants.models import Tenant
from tenants.scoping import tenant_scope
from tenants.tasks import TenantTask
from tests.pages.test_access import taken_back
from tests.pages.world import World, make_company
from tests.security.rows import OWN_TABLES, PLATFORM

Hint = Callable[[World], dict[str, int]]


def _flow(world: World) -> dict[str, int]:
    return {"flow_id": world.flow.pk}


# For one company: what the hint names beside the company.
FOR_ONE: dict[str, Hint] = {
    "sync.tasks.run_slice": _flow,
    "sync.tasks.prove": _flow,
    "connectors.tasks.check_connection": lambda world: {"connection_id": world.flow.source_id or 0},
    "connectors.tasks.purge_calls": lambda world: {},
    "notifications.tasks.deliver_tenant": lambda world: {},
    "notifications.tasks.summarise_tenant": lambda world: {},
}
# For the platform: they read ids through the narrow role and send one hint for each company. They take no argument.
FOR_ALL = {
    "sync.tasks.tick",
    "sync.tasks.nightly",
    "sync.tasks.prove_due",
    "connectors.tasks.keep_alive",
    "notifications.tasks.deliver",
    "notifications.tasks.daily",
}
# Commands, each as it would be called about Muster with the numbers of a stranger's rows.
FOR_MUSTER: dict[str, Callable[[World], list[str]]] = {
    "backfill": lambda it: ["--from", "2026-03-01", "--to", "2026-03-02", "--dry-run"],
    "entries": lambda it: ["--csv"],
    "pause": lambda it: [],
    "proof": lambda it: [],
    "rates": lambda it: ["--csv"],
    "resume": lambda it: [],
    "retry": lambda it: [],
    "review": lambda it: ["--skip", str(it.entries["unmapped"].pk), "--reason", "not ours"],
    "statement": lambda it: ["--account", "1", "--month", "2026-03"],
    "status": lambda it: [],
    "sync": lambda it: [],
    "tenant_export": lambda it: [],
    "undo": lambda it: ["--entry", str(it.entries["rent"].pk)],
    "invite": lambda it: ["eve@muster.example"],
    "verify_audit": lambda it: [],
}
# Of the whole platform; their own tests say what they do: tests/tenants/test_rotation.py, tests/pipeline/test_commands.py,
# tests/tenantfile.
FOR_OPERATORS = {"rotate_keys", "tick", "demo", "tenant_import"}


@pytest.fixture
def strange(db: None) -> World:
    return make_company(slug="fremd", name="Fremd GmbH")


def everything(tenant: Tenant) -> dict[str, Any]:
    """A digest of every row of the company, table by table."""
    found = {}
    with tenant_scope(tenant.pk), connection.cursor() as cursor:
        cursor.execute(OWN_TABLES)
        for (table,) in cursor.fetchall():
            if table not in PLATFORM:
                cursor.execute(f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t")
                found[table] = cursor.fetchone()
    return found


def our_tasks() -> dict[str, Any]:
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if not name.startswith(("celery.", "test."))}


def test_every_task_is_in_the_table() -> None:
    tasks = our_tasks()
    assert set(tasks) == set(FOR_ONE) | FOR_ALL
    assert {name for name, task in tasks.items() if isinstance(task, TenantTask)} == set(FOR_ONE)


def test_a_task_of_one_company_never_starts_without_its_name() -> None:
    for name in FOR_ONE:
        with pytest.raises(TypeError, match="tenant_id"):
            our_tasks()[name]()


def test_a_hint_with_a_strangers_row_reaches_nothing(world: World, strange: World) -> None:
    before = everything(strange.tenant)
    for name, hint in FOR_ONE.items():
        with taken_back():
            with suppress(ConnectorError, ObjectDoesNotExist):
                our_tasks()[name](tenant_id=world.tenant.pk, **hint(strange))
            assert everything(strange.tenant) == before, name


def test_every_command_is_in_the_table() -> None:
    ours = {
        name for name, place in get_commands().items() if place in ("sync", "tenants", "connectors", "notifications")
    }
    assert ours == set(FOR_MUSTER) | FOR_OPERATORS


def test_a_command_about_one_company_leaves_another_alone(world: World, strange: World) -> None:
    before = everything(strange.tenant)
    for name, options in FOR_MUSTER.items():
        with taken_back():
            with suppress(CommandError, SystemExit):
                call_command(name, "muster", *options(strange))
            assert everything(strange.tenant) == before, name


def test_a_company_that_is_not_there_is_wrong_use(world: World) -> None:
    for name, options in FOR_MUSTER.items():
        with pytest.raises(CommandError) as refused:
            call_command(name, "nobody", *options(world))
        assert (name, refused.value.returncode) == (name, 2)
