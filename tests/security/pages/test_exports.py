"""What leaves the program as a file: by whom, on whose record, and with nothing of anybody else in it."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from tenants.models import AuditEvent, Role
from tenants.scoping import tenant_scope
from tests.pages.routes import ROUTES
from tests.pages.test_access import taken_back
from tests.pages.world import World, add_movement, make_company, make_person
from tests.security.pages.test_tasks_and_commands import everything

STRANGE = "Fremdling Kanarienvogel GmbH"
ROOT = Path(__file__).resolve().parents[3]

# Every file that leaves, and the name under which the audit trail keeps it.
FILES = {
    "transactions-export": "transactions",
    "contacts-export": "contacts",
    "conversions-export": "conversions",
    "rates-export": "rates",
    "audit-export": "audit",
    "accounts-statements-file": "statement",
    "proof-certificate": "certificate:",
    "proof-verify": "",  # no file: it looks for one
}
COMMANDS = {"entries", "rates", "statement", "proof", "tenant_export"}  # the others write no file and no list of rows


@pytest.fixture
def strange(db: None) -> World:
    """Another company whose every row carries one name."""
    other = make_company(slug="fremd", name=STRANGE)
    with tenant_scope(other.tenant.pk):
        add_movement(other, "theirs", counterparty=STRANGE, text=STRANGE)
    return other


def answers(client: Client, world: World, name: str) -> bytes:
    route = ROUTES[name]
    method = "get" if route.reads else "post"
    answer = getattr(client, method)(route.address(name, world), dict(route.data))
    return answer.getvalue() if answer.get("Content-Disposition", "").startswith("attachment") else b""


def test_every_file_that_leaves_is_in_the_table(as_alice: Client, world: World) -> None:
    """Found by asking every address: whatever answers with an attachment is an export."""
    leaving = set()
    for name in ROUTES:
        with taken_back():
            if answers(as_alice, world, name):
                leaving.add(name)
    assert leaving == {name for name, target in FILES.items() if target}


@pytest.mark.parametrize("role", list(Role))
def test_each_file_is_written_down_with_its_taker(client: Client, world: World, role: Role) -> None:
    person = make_person(f"{role}@muster.example", world.tenant, role)
    client.force_login(person)
    for name, target in FILES.items():
        if not target:
            continue
        assert answers(client, world, name), name
        with tenant_scope(world.tenant.pk):
            last = AuditEvent.objects.filter(action="export").order_by("-position")[0]
        assert (name, last.target.startswith(target), last.actor) == (name, True, person.email)


def test_no_file_and_no_page_shows_another_company(as_alice: Client, world: World, strange: World) -> None:
    for name, route in ROUTES.items():
        method = "get" if route.reads else "post"
        with taken_back():
            answer = getattr(as_alice, method)(route.address(name, world), dict(route.data))
        assert STRANGE.encode() not in answer.getvalue(), name
        assert strange.tenant.public_id.encode() not in answer.getvalue(), name


def test_what_is_strange_shows_in_its_own_house(client: Client, strange: World) -> None:
    """Without this the test above would find nothing because there is nothing."""
    client.force_login(make_person("eve@fremd.example", strange.tenant, Role.OWNER))
    assert STRANGE.encode() in answers(client, strange, "transactions-export")


def test_a_number_of_another_company_opens_nothing(as_alice: Client, world: World, strange: World) -> None:
    """Alice's own address with every row number of the stranger's in it: not found, or nothing shown or changed."""
    before = everything(strange.tenant)
    tried = 0
    for name, route in ROUTES.items():
        theirs = route.address(name, strange).replace(strange.tenant.public_id, world.tenant.public_id)
        if theirs == route.address(name, world):
            continue
        tried += 1
        for method, roles in (("get", route.reads), ("post", route.writes)):
            if roles:
                answer = getattr(as_alice, method)(theirs, dict(route.data))
                assert answer.status_code in (302, 404), (name, method)
                assert STRANGE.encode() not in answer.getvalue(), name
    assert tried > 15
    assert everything(strange.tenant) == before


def test_every_command_that_prints_rows_is_in_the_table() -> None:
    printing = {
        path.stem
        for path in (ROOT / "sync/management/commands").glob("*.py")
        if re.search(r"csv\.|\.text\b|certificate|tenant_export\(", path.read_text())
    }
    assert printing - {"tenant_import"} == COMMANDS


def test_no_command_prints_another_company(
    world: World, strange: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for line in (
        ["entries", "muster", "--csv"],
        ["rates", "muster", "--csv"],
        ["statement", "muster", "--account", "1", "--month", "2026-03", "--csv"],
        ["statement", "muster", "--account", "1", "--month", "2026-03", "--files", str(tmp_path)],
        ["tenant_export", "muster"],
        ["status", "muster", "--json"],
        ["review", "muster", "--json"],
        ["verify_audit", "muster", "--json"],
    ):
        with suppress(SystemExit):  # 1 where something waits for a person
            call_command(*line)
    shown = capsys.readouterr().out + "".join(found.read_text() for found in tmp_path.iterdir())
    assert "MR-" in shown
    assert STRANGE not in shown
