"""Remembered codings in the tenant file: there and back, twice is once, refused with the line, and in the books."""

from __future__ import annotations

from datetime import date

import pytest

from sandbox.app import Sandbox
from sync import coding_memory
from sync.models import ContactLink, Entry, Flow
from sync.pipeline.run import run_pass
from sync.tenantfile.exporter import tenant_export
from sync.tenantfile.nodes import FileFault
from sync.tenantfile.parser import parse
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.tenantfile.test_import import FILE, Load, inside

CODING = '{counterparty: Probst Logistik AG, direction: out, account: "429"}'


def with_codings(*lines: str) -> str:
    return f"{FILE.rstrip()}\n  codings:\n" + "".join(f"    - {line}\n" for line in lines)


def test_a_coding_in_the_file_goes_there_and_back_and_twice_is_once(world: Sandbox, load: Load) -> None:
    text = with_codings(CODING, '{counterparty: Probst Logistik AG, direction: in, account: "200", tax: NONE}')
    assert {it.path for it in load(text).changes} >= {
        "flow.codings.probst logistik ag.out", "flow.codings.probst logistik ag.in",
    }  # fmt: skip
    assert load(text).changes == ()
    with inside():
        [link] = ContactLink.objects.all()
        assert (link.state, link.contact_id) == ("unmet", "")
        assert {way: (said["account"], said["tax"]) for way, said in link.coding.items()} == {
            "out": ("429", ""), "in": ("200", "NONE"),
        }  # fmt: skip
        assert AuditEvent.objects.filter(action="contact.code").count() == 2, "each written down once"
        exported = tenant_export()
        coding_memory.contact_uncode(tenant_id=link.tenant_id, link_id=link.pk, direction="out", actor="bob")
    said = parse(exported).flow
    assert said is not None
    assert said.codings is not None
    assert [(it.counterparty, it.direction, it.account, it.tax) for it in said.codings] == [
        ("Probst Logistik AG", "in", "200", "NONE"), ("Probst Logistik AG", "out", "429", ""),
    ]  # fmt: skip
    assert [it.path for it in load(exported).changes] == ["flow.codings.probst logistik ag.out"], "set anew"


def test_the_first_movement_of_a_counterparty_from_the_file_is_coded_by_it_and_finds_its_contact(
    world: Sandbox, load: Load
) -> None:
    contact = world.xero.people("Muster Handels AG").type_contact(Name="Probst Logistik AG")["ContactID"]
    load(with_codings(CODING))
    world.amnis.company("ck_1").payout(amount="10.00", to="Probst Logistik AG", executed_on=date(2026, 3, 2))
    with inside() as tenant:
        flow = Flow.objects.get()

    run_pass(tenant_id=tenant.pk, flow_id=flow.pk, trigger="test")

    [document] = world.xero.ledger("Muster Handels AG").bank_transactions()
    assert [line["AccountCode"] for line in document["LineItems"]] == ["429"], "not 400, the default"
    assert document["Contact"]["ContactID"] == contact, "the one that was there: no second one is made"
    with tenant_scope(tenant.pk):
        link = ContactLink.objects.get(name="Probst Logistik AG")
        assert (link.state, link.how, link.coding["out"]["account"]) == ("linked", "exact", "429")
        decided = {it["field"]: it for it in Entry.objects.get().decisions["decisions"]}
        assert (decided["account"]["by"], decided["tax"]["by"]) == ("contact", "default")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "[{counterparty: A AG, direction: out, account: A}, {counterparty: a ag, direction: out, account: B}]",
            "twice",
        ),
        ('[{counterparty: "?", direction: out, account: A}]', "no name"),
        ("[{counterparty: A AG, account: A}]", "direction"),
        ("[{counterparty: A AG, direction: up, account: A}]", "direction"),
        ("[{counterparty: A AG, direction: in}]", "account"),
        ("[{counterparty: A AG, direction: in, account: 1.5}]", "unquoted decimal"),
        ("[{counterparty: A AG, direction: in, account: A, colour: red}]", "colour"),
    ],
)
def test_what_is_wrong_with_a_coding_is_said_with_its_line(lines: str, said: str) -> None:
    with pytest.raises(FileFault, match=said) as fault:
        parse(f"tenant: {{slug: m, name: M}}\nflow:\n  cutoff: 2026-01-01\n  codings: {lines}\n")
    assert fault.value.line == 4


def test_an_account_that_xero_does_not_have_is_refused_and_one_that_is_archived_is_doubted(
    world: Sandbox, load: Load
) -> None:
    with pytest.raises(FileFault, match=r"Probst Logistik AG.*Account 9999 does not exist"):
        load(with_codings(CODING.replace("429", "9999")))
    world.xero.people("Muster Handels AG").archive_account("429")
    told = load(with_codings(CODING))
    assert any("429" in it and "is archived in Xero" in it for it in told.findings), told.findings
