"""The Contacts pages: one click decides, what waited goes on, an account is trusted only when somebody says so."""

from __future__ import annotations

import csv
from io import StringIO

from django.test import Client
from django.utils import timezone

from connectors.models import Reference
from sync.models import ContactIdentity, ContactLink, Entry
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pages.world import World, add_movement, finding


def address(world: World, rest: str = "") -> str:
    return f"/t/{world.tenant.public_id}/contacts/{rest}"


def know(world: World, contact_id: str, name: str, *, status: str = "ACTIVE") -> None:
    Reference.objects.create(
        connection=world.sides[1], kind="contact", external_id=contact_id, name=name, status=status
    )


def link_of(world: World) -> ContactLink:
    with tenant_scope(world.tenant.pk):
        return ContactLink.objects.get(pk=world.contact.pk)


def hold(world: World) -> int:
    """A movement that waits for the contact of this world."""
    with tenant_scope(world.tenant.pk, actor="test"):
        add_movement(
            world, "held", state="review", findings=[finding("contact_similar", "It is perhaps known in Xero.")]
        )
        entry = world.entries["held"]
        Entry.objects.filter(pk=entry.pk).update(contact=world.contact)
        return entry.pk


def test_one_click_takes_the_proposal_and_what_waited_is_decided_anew(as_alice: Client, world: World) -> None:
    held = hold(world)
    with tenant_scope(world.tenant.pk):
        know(world, "c-2", "Beispiel Logistic")
    shown = as_alice.get(address(world, "decide/")).content.decode()
    assert "Always “Beispiel Logistic” (94/100)" in shown
    assert "1 movement waits" in shown

    answer = as_alice.post(address(world, f"{world.contact.pk}/choose/"), {"contact": "c-2", "from": "decide"})

    assert answer["Location"] == address(world, "decide/")
    link = link_of(world)
    assert (link.state, link.contact_id, link.how, link.decided_by) == (
        "linked", "c-2", "person", "alice@muster.example",
    )  # fmt: skip
    with tenant_scope(world.tenant.pk):
        assert Entry.objects.get(pk=held).state == "fetched"


def test_whom_only_payments_name_is_shown_with_its_movements_and_asked_about_nowhere(
    as_alice: Client, world: World
) -> None:
    held = hold(world)
    with tenant_scope(world.tenant.pk):
        payee = ContactLink.objects.create(
            flow=world.flow, key="fremd factoring ag", name="Fremd Factoring AG", marker="c-factoring", state="unmet"
        )
        Entry.objects.filter(pk=held).update(contact=None, counterparty=payee)
        record_id = world.entries["held"].record_id
    shown = as_alice.get(address(world, f"{payee.pk}/")).content.decode()
    assert "Not needed yet" in shown
    assert f"/transactions/{record_id}/" in shown
    assert "Fremd Factoring AG" not in as_alice.get(address(world, "decide/")).content.decode()


def test_an_archived_contact_cannot_be_chosen(as_alice: Client, world: World) -> None:
    with tenant_scope(world.tenant.pk):
        know(world, "c-9", "Alte AG", status="ARCHIVED")
    answer = as_alice.post(address(world, f"{world.contact.pk}/choose/"), {"contact": "c-9"}, follow=True)
    assert "“Alte AG” is archived in Xero" in answer.content.decode()
    assert link_of(world).state == "review"


def test_an_account_is_known_only_after_somebody_accepts_it(as_alice: Client, world: World) -> None:
    shown = as_alice.get(address(world, f"{world.contact.pk}/")).content.decode()
    assert "ends in 4411" in shown
    assert "New, not accepted" in shown
    with tenant_scope(world.tenant.pk):
        new = ContactIdentity.objects.get(known=False)

    as_alice.post(address(world, f"{world.contact.pk}/details/"), {"identity": str(new.pk)})

    with tenant_scope(world.tenant.pk):
        assert ContactIdentity.objects.get(pk=new.pk).decided_by == "alice@muster.example"
        assert not ContactIdentity.objects.filter(known=False).exists()
        assert AuditEvent.objects.filter(action="contact.details").count() == 1


def test_the_list_is_searched_filtered_and_exported(as_alice: Client, world: World) -> None:
    with tenant_scope(world.tenant.pk):
        ContactLink.objects.create(
            flow=world.flow, key="=zwei", name="=ZWEI()", marker="MR-C2", state="linked", contact_id="c-3", how="exact"
        )
        know(world, "c-3", "Ganz Anders AG")
    assert "=ZWEI()" in as_alice.get(address(world, "?q=ganz+anders")).content.decode()
    assert "=ZWEI()" not in as_alice.get(address(world, "?state=decide")).content.decode()
    text = as_alice.get(address(world, "export.csv")).content.decode("utf-8-sig")
    rows = {row["counterparty"]: row for row in csv.DictReader(StringIO(text))}
    assert rows["'=ZWEI()"]["contact"] == "Ganz Anders AG"
    assert rows["Beispiel Logistik AG"]["state"] == "review"


def test_a_page_starts_after_the_last_name_of_the_one_before(as_alice: Client, world: World) -> None:
    with tenant_scope(world.tenant.pk):
        ContactLink.objects.bulk_create(
            ContactLink(
                flow=world.flow, tenant_id=world.tenant.pk, key=f"name {n:03}", name=f"Name {n:03}",
                marker=f"MR-N{n}", updated_at=timezone.now(),
            )
            for n in range(60)
        )  # fmt: skip
    seen: list[str] = []
    query = ""
    while True:
        page = as_alice.get(address(world, query)).context["page"]
        seen += [row.link.name for row in page.items]
        if not page.has_next:
            break
        query = f"?after={page.next_cursor}"
    assert len(seen) == len(set(seen)) == 61
