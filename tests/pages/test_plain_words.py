"""What the pages say is a bookkeeper's word, the same on each of them, and a sentence names the button below it."""

from __future__ import annotations

import re

from django.test import Client

from dashboard.addresses import fix_page
from sync.domain.coding_case import DEFAULT_WORDS
from sync.tenantfile.spec import DEFAULT_KEYS
from tenants import audit
from tenants.scoping import tenant_scope
from tests.pages.test_proof import keep
from tests.pages.world import World, add_movement, finding


def page(client: Client, world: World, path: str) -> str:
    answer = client.get(f"/t/{world.tenant.public_id}/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_overview_and_the_proof_name_an_account_alike(as_alice: Client, world: World) -> None:
    keep(world)
    for path in ("", "proof/"):
        assert re.search(r'<a class="cell-main" href="[^"]*account=1[^"]*">1 CHF</a>', page(as_alice, world, path)), (
            path
        )


def test_a_row_of_the_transactions_names_its_account_and_its_kind_once(as_alice: Client, world: World) -> None:
    with tenant_scope(world.tenant.pk):
        add_movement(world, "exchange", movement="fx", counterparty="", text="")

    html = page(as_alice, world, "transactions/")

    assert '<td class="nowrap" data-label="Account">1 CHF</td>' in html
    nameless = [row for row in html.split("<tr data-row>")[1:] if ">Currency exchange</a>" in row]
    assert nameless
    assert all('<td class="cell-extra" data-label="Type">Currency exchange</td>' in row for row in nameless)


def test_the_team_page_says_how_people_join(as_alice: Client, world: World) -> None:
    assert f"./run manage invite {world.tenant.slug} " in page(as_alice, world, "team/")


def test_the_audit_trail_names_the_contact(as_alice: Client, world: World) -> None:
    about = f"contact:{world.contact.pk}"
    with tenant_scope(world.tenant.pk):
        audit.record("contact.code", target=about, actor="alice@muster.example", after={"out": {"account": "469"}})
        audit.record("entry.skip", target="entry:1,2,3", actor="alice@muster.example")

    html = page(as_alice, world, "audit/")

    assert "Account and tax chosen for a contact" in html
    assert f">Contact {world.contact.name}</span>" in html
    assert ">3 movements</span>" in html
    assert f">{about}<" not in html


def test_what_the_sentence_says_to_do_is_the_button() -> None:
    """ "Name its contact in a rule", "Say in a rule" and "Decide how it is booked" are done on the page of the rules."""
    for code in ("contact_missing", "return_unmatched", "unknown_movement"):
        assert fix_page(code) == "rules", code
    assert fix_page("unknown_status") == "", "there is nothing to be put right here"


def test_a_default_that_is_missing_has_the_name_that_the_settings_give_it(as_alice: Client, world: World) -> None:
    missing = finding("default_missing", "Choose one.", detail="tax_expense")
    with tenant_scope(world.tenant.pk):
        add_movement(world, "no-default", state="review", findings=[missing])

    html = page(as_alice, world, "review/")

    assert ": the tax on expenses</h2>" in html
    assert "tax_expense" not in html


def test_every_default_has_a_word() -> None:
    assert {name for name in DEFAULT_KEYS if name != "tracking_category"} <= set(DEFAULT_WORDS)
