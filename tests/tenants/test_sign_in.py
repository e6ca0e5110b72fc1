"""Signing in and staying signed in, through the real pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import mail
from django.test import Client, override_settings

from tenants.audit import AuditEvent
from tenants.models import Tenant, User
from tenants.scoping import tenant_scope
from tests.tenants.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("site")
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def site() -> Iterator[None]:
    with override_settings(ROOT_URLCONF="tests.tenants.pages"):
        yield


def sign_in(client: Client, email: str, password: str = PASSWORD) -> int:
    return client.post("/accounts/login/", {"login": email, "password": password}).status_code


def who(client: Client) -> str:
    return str(client.get("/").json()["user"])


def actions(tenant: Tenant) -> list[tuple[str, str]]:
    with tenant_scope(tenant.pk):
        return list(AuditEvent.objects.order_by("position").values_list("action", "actor"))


def test_a_person_signs_in_by_e_mail_in_any_case(client: Client, alice: User) -> None:
    assert sign_in(client, "Alice@Muster.example") == 302
    assert who(client) == "alice@muster.example"


def test_a_wrong_password_and_an_unknown_person_look_alike(client: Client, alice: User) -> None:
    wrong = client.post("/accounts/login/", {"login": alice.email, "password": "wrong"})
    unknown = client.post("/accounts/login/", {"login": "nobody@muster.example", "password": "wrong"})
    texts = [re.findall(r"errorlist[^>]*>(.*?)</ul>", answer.content.decode()) for answer in (wrong, unknown)]
    assert texts[0] == texts[1] != []
    assert who(client) == "AnonymousUser"


def test_guessing_is_slowed_down(client: Client, alice: User) -> None:
    """Five wrong attempts for one address in five minutes, then not even the right password helps."""
    for _ in range(5):
        sign_in(client, alice.email, "wrong")
    sign_in(client, alice.email)
    assert who(client) == "AnonymousUser"


def test_a_sign_in_gets_a_new_session(client: Client, alice: User) -> None:
    """Whoever planted a session in the browser before must not share it afterwards."""
    client.get("/accounts/invitation/planted/")
    before = client.cookies["sessionid"].value
    sign_in(client, alice.email)
    assert client.cookies["sessionid"].value != before


def test_the_session_cookie_is_out_of_reach_of_scripts(client: Client, alice: User) -> None:
    sign_in(client, alice.email)
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_nobody_signs_up_by_themselves(client: Client, db: None) -> None:
    form = {"email": "eve@evil.example", "password1": PASSWORD}
    for answer in (client.get("/accounts/signup/"), client.post("/accounts/signup/", form)):
        assert "by invitation" in answer.content.decode()
    assert not User.objects.exists()


def test_an_idle_session_ends(client: Client, alice: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(alice)
        clock.shift(timedelta(seconds=settings.SESSION_IDLE_SECONDS))
        assert who(client) == "alice@muster.example"
        clock.shift(timedelta(seconds=settings.SESSION_IDLE_SECONDS + 1))
        assert who(client) == "AnonymousUser"


def test_a_busy_session_ends_too(client: Client, alice: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(alice)
        while datetime.now(UTC) - START < timedelta(seconds=settings.SESSION_ABSOLUTE_SECONDS) - timedelta(hours=1):
            clock.shift(timedelta(hours=1))
            assert who(client) == "alice@muster.example"
        clock.shift(timedelta(hours=1, seconds=1))
        assert who(client) == "AnonymousUser"


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(client: Client, alice: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(alice)
        for _ in range(3):
            clock.shift(timedelta(seconds=settings.SESSION_IDLE_SECONDS / 2 - 1))
            seen = client.get("/", headers={"X-Background": "1"}).json()["user"]
        assert seen == "AnonymousUser"


def test_signing_out_everywhere_ends_the_other_browsers(muster: Tenant, alice: User, bob: User) -> None:
    here, there, bobs = Client(), Client(), Client()
    for client, person in ((here, alice), (there, alice), (bobs, bob)):
        client.force_login(person)
    assert here.get("/accounts/sign-out-everywhere/").status_code == 405
    assert here.post("/accounts/sign-out-everywhere/").status_code == 302
    assert [who(client) for client in (here, there, bobs)] == ["AnonymousUser", "AnonymousUser", "bob@muster.example"]
    assert actions(muster)[-1] == ("signed_out_everywhere", "alice@muster.example")


def test_a_sign_in_is_in_the_audit_trail(client: Client, muster: Tenant, other: Tenant, alice: User) -> None:
    sign_in(client, alice.email)
    assert actions(muster)[-1] == ("signed_in", "alice@muster.example")
    assert "signed_in" not in dict(actions(other))


def test_a_new_password_ends_every_session_and_is_on_record(muster: Tenant, alice: User) -> None:
    here, there = Client(), Client()
    sign_in(here, alice.email)
    there.force_login(alice)
    form = {
        "oldpassword": PASSWORD,
        "password1": "rivers run to the sea, slowly",
        "password2": "rivers run to the sea, slowly",
    }
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert who(there) == "AnonymousUser"
    assert ("password_changed", "alice@muster.example") in actions(muster)


def test_a_forgotten_password_is_set_anew_through_a_mail(client: Client, alice: User) -> None:
    client.post("/accounts/password/reset/", {"email": alice.email})
    found = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    form = client.get(found[1], follow=True)
    new = "rivers run to the sea, slowly"
    client.post(form.redirect_chain[-1][0], {"password1": new, "password2": new})
    assert sign_in(client, alice.email, new) == 302
    assert who(client) == "alice@muster.example"


def test_a_reset_does_not_tell_who_is_known(client: Client, alice: User) -> None:
    answers = [
        client.post("/accounts/password/reset/", {"email": email}) for email in (alice.email, "eve@evil.example")
    ]
    assert [answer["Location"] for answer in answers] == ["/accounts/password/reset/done/"] * 2


def test_another_address_is_on_record(client: Client, muster: Tenant, alice: User) -> None:
    EmailAddress.objects.create(user=alice, email="alice@alpen.example", verified=True)
    client.force_login(alice)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.post("/accounts/email/", {"action_primary": "", "email": "alice@alpen.example"})
    assert who(client) == "alice@alpen.example"
    assert actions(muster)[-1] == ("email_changed", "alice@alpen.example")


def test_the_admin_signs_in_through_the_same_door(client: Client, alice: User, charlie: User) -> None:
    """Its own form knows neither rate limits nor second factors."""
    assert client.get("/admin/login/")["Location"].startswith("/accounts/login/")
    client.force_login(alice)
    assert client.get("/admin/").status_code == 302
    as_staff(client, charlie)
    assert client.get("/admin/").status_code == 200


def test_staff_see_people_and_never_a_password(client: Client, alice: User, charlie: User) -> None:
    as_staff(client, charlie)
    assert alice.email in client.get("/admin/tenants/user/").content.decode()
    shown = client.get(f"/admin/tenants/user/{alice.pk}/change/").content.decode()
    assert alice.email in shown
    assert alice.password not in shown
    assert client.get("/admin/tenants/user/add/").status_code == 403
    assert client.get(f"/admin/tenants/user/{alice.pk}/delete/").status_code == 403


def test_staff_switch_a_person_off_and_it_is_on_record(
    client: Client, muster: Tenant, bob: User, charlie: User
) -> None:
    as_staff(client, charlie)
    client.post(f"/admin/tenants/user/{bob.pk}/change/", {"name": "Bob"})  # an unticked box is "not active"
    assert not User.objects.get(pk=bob.pk).is_active
    assert actions(muster)[-1] == ("person_changed_by_staff", "charlie@other.example")


def as_staff(client: Client, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    client.force_login(user)


PAGES = [
    "/accounts/login/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/1-x/",
    "/accounts/password/reset/key/done/",
    "/accounts/signup/",
    "/accounts/inactive/",
    "/accounts/invitation/",
]
SIGNED_IN_PAGES = [
    "/accounts/logout/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/reauthenticate/",
    "/accounts/security/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
]


@pytest.mark.parametrize("address", PAGES)
def test_public_pages_wear_our_clothes_and_no_inline_code(client: Client, db: None, address: str) -> None:
    check_page(client.get(address).content.decode())


@pytest.mark.parametrize("address", SIGNED_IN_PAGES)
def test_account_pages_wear_our_clothes_and_no_inline_code(client: Client, alice: User, address: str) -> None:
    client.force_login(alice)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    answer = client.get(address)
    assert answer.status_code == 200
    check_page(answer.content.decode())


def check_page(html: str) -> None:
    assert "dashboard/app.css" in html
    assert "<h1" in html
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
