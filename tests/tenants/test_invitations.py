"""How people come in: a link that works once, for one address, for one week."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.db import connection
from django.test import Client, override_settings

from tenants.audit import AuditEvent
from tenants.models import Membership, Role, Tenant, User
from tenants.scoping import tenant_scope
from tenants.selectors import open_invitation, tenants_of
from tenants.services import InvitationInvalid, invitation_create, invitation_find, invitation_redeem, user_create
from tests.tenants.conftest import ACTOR, PASSWORD
from tests.tenants.test_sign_in import check_page, sign_in, who

pytestmark = pytest.mark.usefixtures("site")
FORM = {"name": "Dora", "password": "the wheel turns, the flour falls"}
ACCEPT = "/accounts/invitation/"


@pytest.fixture
def site() -> Iterator[None]:
    with override_settings(ROOT_URLCONF="tests.tenants.pages"):
        yield


def invite(tenant: Tenant, email: str, role: Role = Role.BOOKKEEPER) -> str:
    """The path of a fresh link."""
    with tenant_scope(tenant.pk):
        return urlsplit(invitation_create(email=email, role=role, actor="alice@muster.example").url).path


def roles(user: User) -> dict[str, str]:
    return {found.tenant.slug: found.role for found in tenants_of(user)}


def test_a_new_person_chooses_a_password_and_is_in(client: Client, muster: Tenant) -> None:
    opened = client.get(invite(muster, "Dora@Muster.example"), follow=True)
    page = opened.content.decode()
    check_page(page)
    assert "Join Muster Handels AG" in page
    assert "dora@muster.example" in page
    assert client.post(ACCEPT, FORM).status_code == 302
    assert who(client) == "dora@muster.example"
    dora = User.objects.get(email="dora@muster.example")
    assert (dora.name, roles(dora)) == ("Dora", {"muster": "bookkeeper"})
    with tenant_scope(muster.pk):
        told = list(AuditEvent.objects.order_by("position").values_list("action", "actor"))
    assert told[told.index(("invitation_created", "alice@muster.example")) + 1 :] == [
        ("user_created", dora.email),
        ("invitation_accepted", dora.email),
        ("membership_added", dora.email),
        ("signed_in", dora.email),
    ]
    assert sign_in(Client(), dora.email, FORM["password"]) == 302


def test_the_token_leaves_the_address_at_once(client: Client, muster: Tenant) -> None:
    path = invite(muster, "dora@muster.example")
    answer = client.get(path)
    assert answer["Location"] == ACCEPT
    assert answer["Cache-Control"].startswith("max-age=0")


def test_opening_the_link_uses_nothing_up(client: Client, muster: Tenant) -> None:
    """Mail programs follow links before people do."""
    path = invite(muster, "dora@muster.example")
    for _ in range(2):
        assert Client().get(path, follow=True).status_code == 200
    client.get(path)
    client.post(ACCEPT, FORM)
    assert who(client) == "dora@muster.example"


def test_a_link_works_once(client: Client, muster: Tenant) -> None:
    path = invite(muster, "dora@muster.example")
    client.get(path)
    client.post(ACCEPT, FORM)
    again = Client()
    answer = again.get(path, follow=True)
    assert answer.status_code == 410
    check_page(answer.content.decode())
    assert again.post(ACCEPT, {**FORM, "name": "Eve"}).status_code == 410
    assert who(again) == "AnonymousUser"


def test_of_two_at_once_one_is_second(muster: Tenant) -> None:
    invitation = invitation_find(invite(muster, "dora@muster.example").split("/")[-2])
    invitation_redeem(invitation=invitation, name="Dora", password=PASSWORD)
    with pytest.raises(InvitationInvalid):
        invitation_redeem(invitation=invitation, name="Eve", password="another one, far too long")


def test_a_link_ends_after_a_week(client: Client, muster: Tenant) -> None:
    path = invite(muster, "dora@muster.example")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=7, seconds=1), tick=False):
        assert client.get(path, follow=True).status_code == 410


def test_a_newer_link_replaces_the_older_one(client: Client, muster: Tenant) -> None:
    old, new = invite(muster, "dora@muster.example"), invite(muster, "dora@muster.example", Role.AUDITOR)
    assert client.get(old, follow=True).status_code == 410
    assert client.get(new, follow=True).status_code == 200
    with tenant_scope(muster.pk):
        waiting = open_invitation("dora@muster.example")
    assert waiting is not None
    assert waiting.role == Role.AUDITOR


@pytest.mark.parametrize("password", ["ElevenChars", "password1234", "12345678901234", "dora@muster.example"])
def test_a_weak_password_is_refused_with_a_reason(client: Client, muster: Tenant, password: str) -> None:
    client.get(invite(muster, "dora@muster.example"))
    answer = client.post(ACCEPT, {"name": "Dora", "password": password})
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not User.objects.filter(email="dora@muster.example").exists()


def test_a_person_with_a_password_must_prove_it(client: Client, muster: Tenant, charlie: User) -> None:
    """A link that fell into wrong hands must not open an account that exists, nor go round its second factor."""
    client.get(invite(muster, charlie.email, Role.AUDITOR))
    assert client.get(ACCEPT)["Location"].startswith("/accounts/login/")
    assert client.post(ACCEPT, FORM)["Location"].startswith("/accounts/login/")
    assert roles(charlie) == {}
    assert sign_in(Client(), charlie.email) == 302  # the password is still the old one


def test_a_person_who_is_signed_in_joins_with_one_click(
    client: Client, muster: Tenant, other: Tenant, charlie: User
) -> None:
    client.force_login(charlie)
    client.get(invite(muster, charlie.email, Role.AUDITOR))
    assert client.get(ACCEPT).status_code == 200
    client.post(ACCEPT)
    assert roles(charlie) == {"muster": "auditor", "other": "owner"}


def test_somebody_elses_link_is_refused(client: Client, muster: Tenant, charlie: User, bob: User) -> None:
    client.force_login(charlie)
    client.get(invite(muster, bob.email, Role.OWNER))
    assert client.get(ACCEPT).status_code == 403
    assert client.post(ACCEPT).status_code == 403
    assert roles(charlie) == {}


def test_an_invitation_does_not_change_the_role_of_a_member(client: Client, muster: Tenant, bob: User) -> None:
    client.force_login(bob)
    client.get(invite(muster, bob.email, Role.OWNER))
    client.post(ACCEPT)
    assert roles(bob) == {"muster": "bookkeeper"}


def test_a_person_without_a_password_sets_one(client: Client, muster: Tenant) -> None:
    """Made by an import, invited afterwards."""
    user_create(email="dora@muster.example", actor=ACTOR)
    client.get(invite(muster, "dora@muster.example"))
    client.post(ACCEPT, FORM)
    assert who(client) == "dora@muster.example"


def test_accepting_makes_a_new_session(client: Client, muster: Tenant) -> None:
    client.get(invite(muster, "dora@muster.example"))
    before = client.cookies["sessionid"].value
    client.post(ACCEPT, FORM)
    assert client.cookies["sessionid"].value != before


def test_the_database_never_holds_the_token(muster: Tenant) -> None:
    token = invite(muster, "dora@muster.example").split("/")[-2]
    with tenant_scope(muster.pk), connection.cursor() as cursor:
        cursor.execute("SELECT invitation::text FROM invitation UNION SELECT audit_event::text FROM audit_event")
        rows = " ".join(row[0] for row in cursor.fetchall())
    assert "dora@muster.example" in rows
    assert token not in rows


def test_an_invitation_stays_inside_its_tenant(muster: Tenant, other: Tenant) -> None:
    invite(muster, "dora@muster.example")
    with tenant_scope(other.pk):
        assert open_invitation("dora@muster.example") is None
        assert Membership.objects.count() == 1
