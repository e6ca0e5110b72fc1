"""Who reaches `/t/<public_id>/`: members do, everybody else finds nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import structlog
from django.test import Client, override_settings

from tenants.models import Role, Tenant, User
from tenants.scoping import tenant_scope
from tenants.selectors import belonging, tenant_by_slug, tenant_ids, tenants_of
from tests.tenants.conftest import make_tenant

pytestmark = pytest.mark.usefixtures("site")


@pytest.fixture
def site() -> Iterator[None]:
    with override_settings(ROOT_URLCONF="tests.tenants.pages"):
        yield


def page(tenant: Tenant) -> str:
    return f"/t/{tenant.public_id}/"


def test_a_member_finds_their_tenant(client: Client, muster: Tenant, bob: User) -> None:
    client.force_login(bob)
    seen = client.get(page(muster)).json()
    assert (seen["tenant"], seen["name"]) == ("muster", "Muster Handels AG")
    assert (seen["user"], seen["role"]) == ("bob@muster.example", "bookkeeper")
    assert seen["log"] == {"tenant": muster.pk, "user": bob.pk}
    assert structlog.contextvars.get_contextvars() == {}


def test_no_transaction_is_open_around_a_view(client: Client, muster: Tenant, bob: User) -> None:
    """A view calls services, and services call vendors: that must never happen inside a transaction."""
    client.force_login(bob)
    assert client.get(page(muster)).json()["in_transaction"] is False


def test_a_stranger_and_a_mistyped_address_find_the_same_nothing(
    client: Client, muster: Tenant, other: Tenant, charlie: User
) -> None:
    client.force_login(charlie)
    assert client.get(page(other)).status_code == 200
    there, nowhere = client.get(page(muster)), client.get("/t/AAAAAAAAAAAAAAAAAAAAAA/")
    assert (there.status_code, nowhere.status_code) == (404, 404)
    assert _without_nonce(there.content) == _without_nonce(nowhere.content)
    assert b"Muster" not in there.content


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete", "options"])
def test_no_method_opens_the_door_for_a_stranger(client: Client, muster: Tenant, charlie: User, method: str) -> None:
    client.force_login(charlie)
    assert getattr(client, method)(page(muster)).status_code == 404


def test_the_internal_id_and_the_slug_open_nothing(client: Client, muster: Tenant, bob: User) -> None:
    client.force_login(bob)
    for key in (muster.pk, muster.slug, "", f"{muster.public_id}x", muster.public_id.swapcase()):
        assert client.get(f"/t/{key}/").status_code == 404


def test_staff_are_strangers_too(client: Client, muster: Tenant, charlie: User) -> None:
    charlie.is_staff = charlie.is_superuser = True
    charlie.save()
    client.force_login(charlie)
    assert client.get(page(muster)).status_code == 404


def test_anonymous_visitors_are_sent_to_the_sign_in(client: Client, muster: Tenant) -> None:
    answer = client.get(page(muster) + "?day=1")
    assert answer.status_code == 302
    assert answer["Location"] == f"/accounts/login/?next=/t/{muster.public_id}/%3Fday%3D1"


def test_whoever_was_signed_out_meanwhile_comes_back_to_a_page(client: Client, muster: Tenant) -> None:
    home = f"/accounts/login/?next=/t/{muster.public_id}/"
    assert client.post(page(muster) + "undo/")["Location"] == home

    shown = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{page(muster)}runs/"}
    part = client.get(page(muster) + "live/", headers=shown)
    assert (part.status_code, part["HX-Redirect"]) == (200, home + "runs/")
    assert client.get(page(muster) + "live/", headers={"HX-Request": "true"})["HX-Redirect"] == home

    elsewhere = {"HX-Request": "true", "HX-Current-URL": "https://fake.example/"}
    assert client.get(page(muster) + "live/", headers=elsewhere)["HX-Redirect"] == home


def test_a_removed_member_is_out_at_the_next_request(client: Client, muster: Tenant, bob: User) -> None:
    client.force_login(bob)
    found = belonging(bob, public_id=muster.public_id)
    assert found is not None
    with tenant_scope(muster.pk):
        found.membership.delete()
    assert client.get(page(muster)).status_code == 404


def test_a_switched_off_person_is_signed_out(client: Client, muster: Tenant, bob: User) -> None:
    client.force_login(bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert client.get(page(muster)).status_code == 302


def test_pages_outside_know_no_tenant(client: Client, muster: Tenant, bob: User) -> None:
    client.force_login(bob)
    assert client.get("/").json() == {"user": "bob@muster.example", "has_tenant": False}


def test_the_refusals_carry_the_content_security_policy(client: Client, muster: Tenant, charlie: User) -> None:
    assert "script-src 'self'" in client.get(page(muster))["Content-Security-Policy"]
    client.force_login(charlie)
    assert "script-src 'self'" in client.get(page(muster))["Content-Security-Policy"]


def test_a_person_belongs_to_several_tenants_with_several_roles(muster: Tenant, alice: User) -> None:
    make_tenant("alpen", "Alpen GmbH", {alice: Role.AUDITOR})
    assert [(found.tenant.slug, found.role) for found in tenants_of(alice)] == [
        ("alpen", "auditor"),
        ("muster", "owner"),
    ]
    assert all(
        found.membership.user == alice and found.membership.tenant == found.tenant for found in tenants_of(alice)
    )


def test_public_ids_cannot_be_guessed(muster: Tenant, other: Tenant) -> None:
    """128 random bits: 22 characters of base64."""
    assert {len(muster.public_id), len(other.public_id)} == {22}
    assert muster.public_id != other.public_id


def test_commands_find_a_tenant_by_its_slug(muster: Tenant, other: Tenant) -> None:
    assert tenant_by_slug("muster").name == "Muster Handels AG"
    assert tenant_ids() == [muster.pk, other.pk]
    with pytest.raises(Tenant.DoesNotExist):
        tenant_by_slug("nobody")


def _without_nonce(content: bytes) -> bytes:
    return re.sub(rb'value="[A-Za-z0-9]{64}"', b"", content)
