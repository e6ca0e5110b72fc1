from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress

from tenants.audit import AuditEvent
from tenants.models import Membership, Role, Tenant, User
from tenants.scoping import tenant_scope
from tenants.services import (
    TenantError,
    membership_add,
    membership_change,
    tenant_change,
    tenant_create,
    user_create,
)
from tests.tenants.conftest import ACTOR

ALICE = "alice@muster.example"


def member(user: User) -> Membership:
    return Membership.objects.get(user=user)


def last_event() -> AuditEvent:
    event = AuditEvent.objects.order_by("-position").first()
    assert event is not None
    return event


def test_a_tenant_is_made_with_its_defaults_and_on_record(db: None) -> None:
    tenant = tenant_create(slug="muster", name="  Muster Handels AG ", actor=ACTOR)
    assert (tenant.name, tenant.timezone, tenant.status) == ("Muster Handels AG", "Europe/Zurich", "active")
    assert tenant.created_at is not None
    with tenant_scope(tenant.pk):
        event = last_event()
        assert Tenant.objects.get() == tenant
    assert (event.position, event.action, event.actor, event.target) == (
        1,
        "tenant_created",
        ACTOR,
        f"tenant:{tenant.pk}",
    )
    assert event.after == {
        "slug": "muster",
        "name": "Muster Handels AG",
        "timezone": "Europe/Zurich",
        "status": "active",
    }


def test_a_slug_is_used_once(muster: Tenant) -> None:
    with pytest.raises(TenantError, match="muster"):
        tenant_create(slug="muster", name="Another", actor=ACTOR)


@pytest.mark.parametrize(
    ("slug", "name", "zone", "said"),
    [
        ("Mu ster", "M", "UTC", "slug"),
        ("", "M", "UTC", "slug"),
        ("m", " ", "UTC", "name"),
        ("m", "M", "Moon/Sea", "Moon/Sea"),
    ],
)
def test_a_wrong_tenant_is_refused_in_words(db: None, slug: str, name: str, zone: str, said: str) -> None:
    with pytest.raises(TenantError, match=said):
        tenant_create(slug=slug, name=name, timezone=zone, actor=ACTOR)


def test_a_change_is_on_record_with_before_and_after(muster: Tenant) -> None:
    with tenant_scope(muster.pk):
        tenant_change(actor=ALICE, reason="new name", name="Muster AG", timezone="Europe/Vienna")
        event = last_event()
        assert Tenant.objects.get().name == "Muster AG"
    assert (event.action, event.actor, event.reason) == ("tenant_changed", ALICE, "new name")
    assert event.before is not None
    assert event.after is not None
    assert (event.before["name"], event.after["name"]) == ("Muster Handels AG", "Muster AG")
    assert (event.before["timezone"], event.after["timezone"]) == ("Europe/Zurich", "Europe/Vienna")


def test_a_change_to_the_same_leaves_no_trace(muster: Tenant) -> None:
    with tenant_scope(muster.pk):
        before = AuditEvent.objects.count()
        tenant_change(actor=ALICE, name="Muster Handels AG")
        assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("changes", [{"slug": "x"}, {"public_id": "x"}, {"timezone": "Moon/Sea"}, {"status": "gone"}])
def test_what_must_not_change_is_refused(muster: Tenant, changes: dict[str, str]) -> None:
    with tenant_scope(muster.pk), pytest.raises(TenantError):
        tenant_change(actor=ALICE, **changes)


def test_a_person_is_known_by_one_address_in_any_case(alice: User) -> None:
    with pytest.raises(TenantError, match=re.escape(ALICE)):
        user_create(email=" Alice@MUSTER.example ", actor=ACTOR)
    address = EmailAddress.objects.get(user=alice)
    assert (address.email, address.verified, address.primary) == (ALICE, True, True)


def test_a_wrong_address_is_refused(db: None) -> None:
    with pytest.raises(TenantError, match="not an e-mail"):
        user_create(email="alice at muster", actor=ACTOR)


def test_a_person_without_a_password_cannot_sign_in(db: None) -> None:
    assert not user_create(email="dora@muster.example", actor=ACTOR).has_usable_password()


def test_memberships_are_on_record(muster: Tenant, charlie: User) -> None:
    with tenant_scope(muster.pk):
        added = membership_add(user=charlie, role=Role.AUDITOR, actor=ALICE)
        membership_change(membership=added, role=Role.BOOKKEEPER, actor=ALICE, reason="helps out")
        told = list(
            AuditEvent.objects.filter(target=f"membership:{added.pk}")
            .order_by("position")
            .values_list("action", "before__role", "after__role")
        )
    assert told == [
        ("membership_added", None, "auditor"),
        ("membership_changed", "auditor", "bookkeeper"),
    ]


def test_a_person_has_one_role_in_a_tenant(muster: Tenant, bob: User) -> None:
    with tenant_scope(muster.pk), pytest.raises(TenantError, match="already"):
        membership_add(user=bob, role=Role.OWNER, actor=ALICE)


def test_a_tenant_keeps_an_owner(muster: Tenant, alice: User, bob: User) -> None:
    with tenant_scope(muster.pk):
        with pytest.raises(TenantError, match="needs an owner"):
            membership_change(membership=member(alice), role=Role.AUDITOR, actor=ALICE)
        membership_change(membership=member(bob), role=Role.OWNER, actor=ALICE)
        membership_change(membership=member(alice), role=Role.AUDITOR, actor=ALICE)
        assert Membership.objects.filter(role=Role.OWNER).get().user_id == bob.pk


def test_a_member_of_another_tenant_is_out_of_reach(muster: Tenant, other: Tenant, charlie: User) -> None:
    with tenant_scope(other.pk):
        theirs = member(charlie)
    with tenant_scope(muster.pk), pytest.raises(Membership.DoesNotExist):
        membership_change(membership=theirs, role=Role.AUDITOR, actor=ALICE)
