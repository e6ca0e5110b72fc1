"""Contacts that people chose, in the tenant file: there and back, twice is once, and in the books."""

from __future__ import annotations

import pytest

from sandbox.app import Sandbox
from sync.models import ContactLink
from sync.tenantfile.exporter import tenant_export
from sync.tenantfile.nodes import FileFault
from sync.tenantfile.parser import parse
from tenants.scoping import tenant_scope
from tests.tenantfile.test_import import FILE, Load, inside


def with_alias(world: Sandbox, name: str = "MIGROS 4711 BERN") -> str:
    contact = world.xero.people("Muster Handels AG").type_contact(Name="Migros Genossenschaft")["ContactID"]
    line = f'    - {{counterparty: "{name}", contact: Migros Genossenschaft, contact_id: "{contact}"}}\n'
    return f"{FILE.rstrip()}\n  contacts:\n{line}"


def test_an_alias_in_the_file_is_a_person_s_choice_and_twice_is_once(world: Sandbox, load: Load) -> None:
    text = with_alias(world)
    assert "flow.contacts.migros 4711 bern" in {change.path for change in load(text).changes}
    with inside() as tenant:
        [link] = ContactLink.objects.all()
        assert (link.state, link.how, link.decided_by, link.name) == ("linked", "person", "test", "MIGROS 4711 BERN")
    assert load(text).changes == ()
    with tenant_scope(tenant.pk):
        exported = tenant_export()
        assert [link.contact_id, link.name] == [parse(exported).flow.contacts[0].contact_id, link.name]  # type: ignore[union-attr,index]
    assert load(exported).changes == ()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('[{counterparty: A AG, contact_id: "1"}, {counterparty: "a ag", contact_id: "2"}]', "twice"),
        ('[{counterparty: "?", contact_id: "1"}]', "no name"),
        ("[{counterparty: A AG}]", "contact_id"),
        ('[{counterparty: A AG, contact_id: "1", colour: red}]', "colour"),
    ],
)
def test_what_is_wrong_with_an_alias_is_said_with_its_line(lines: str, said: str) -> None:
    with pytest.raises(FileFault, match=said) as fault:
        parse(f"tenant: {{slug: m, name: M}}\nflow:\n  cutoff: 2026-01-01\n  contacts: {lines}\n")
    assert fault.value.line == 4
