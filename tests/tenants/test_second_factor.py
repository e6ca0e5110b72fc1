"""TOTP and recovery codes through the real pages, and who must have them."""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time as counters
from django.conf import settings
from django.core.cache import cache
from django.test import Client, override_settings

from tenants.audit import AuditEvent
from tenants.models import Tenant, User
from tenants.scoping import tenant_scope
from tests.tenants.conftest import PASSWORD
from tests.tenants.test_sign_in import check_page, sign_in, who

pytestmark = pytest.mark.usefixtures("site")


@pytest.fixture
def site() -> Iterator[None]:
    with override_settings(ROOT_URLCONF="tests.tenants.pages"):
        yield


@pytest.fixture
def https() -> Iterator[None]:
    """The program as the outside world reaches it; only the words for that address change."""
    with override_settings(ENV=dataclasses.replace(settings.ENV, public_url="https://millrace.example")):
        yield


def code(secret: str) -> str:
    """What the app on the phone shows now (RFC 6238, six digits, 30 s)."""
    now = list(counters())
    return str(format_hotp_value(hotp_value(secret, now[len(now) // 2])))


def activate(client: Client) -> str:
    """Set the app up by hand, as the page says, and return its key."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    check_page(page)
    found = re.search(r'<code class="mono wrap-anywhere">([A-Z2-7]+)</code>', page)
    assert found is not None
    answer = client.post("/accounts/2fa/totp/activate/", {"code": code(found[1])})
    assert answer.status_code == 302
    cache.clear()  # allauth lets a code work once: the next sign-in happens within the same 30 seconds
    return found[1]


def test_with_an_app_a_password_alone_is_not_enough(client: Client, alice: User) -> None:
    client.force_login(alice)
    secret = activate(client)
    browser = Client()
    assert sign_in(browser, alice.email) == 302
    assert who(browser) == "AnonymousUser"
    check_page(browser.get("/accounts/2fa/authenticate/").content.decode())
    browser.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert who(browser) == "AnonymousUser"
    browser.post("/accounts/2fa/authenticate/", {"code": code(secret)})
    assert who(browser) == "alice@muster.example"


def test_setting_one_up_and_taking_it_away_is_on_record(
    transactional_db: None, client: Client, muster: Tenant, alice: User
) -> None:
    client.force_login(alice)
    activate(client)
    client.post("/accounts/2fa/recovery-codes/generate/")
    client.post("/accounts/2fa/totp/deactivate/")
    with tenant_scope(muster.pk):
        told = list(AuditEvent.objects.filter(actor=alice.email).order_by("position").values_list("action", flat=True))
    assert told == [
        "signed_in",
        "second_factor_added",
        "second_factor_added",  # the recovery codes that come with the app
        "recovery_codes_renewed",
        "second_factor_removed",
        "second_factor_removed",
    ]


def test_a_recovery_code_works_once(client: Client, alice: User) -> None:
    client.force_login(alice)
    activate(client)
    page = client.get("/accounts/2fa/recovery-codes/").content.decode()
    check_page(page)
    codes = re.findall(r"<li>(\d{8})</li>", page)
    assert len(codes) == 10
    for expected in ("alice@muster.example", "AnonymousUser"):
        browser = Client()
        sign_in(browser, alice.email)
        browser.post("/accounts/2fa/authenticate/", {"code": codes[0]})
        assert who(browser) == expected


def test_the_other_pages_of_the_second_factor(client: Client, alice: User) -> None:
    client.force_login(alice)
    activate(client)
    for address in ("", "totp/deactivate/", "recovery-codes/", "recovery-codes/generate/", "reauthenticate/"):
        answer = client.get(f"/accounts/2fa/{address}")
        assert answer.status_code == 200
        check_page(answer.content.decode())
    assert "On. Signing in asks for a code" in client.get("/accounts/security/").content.decode()


def test_the_code_can_be_scanned_in_dark_mode(client: Client, alice: User) -> None:
    client.force_login(alice)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    found = re.search(
        r'src="data:image/svg\+xml;base64,([^"]+)"', client.get("/accounts/2fa/totp/activate/").content.decode()
    )
    assert found is not None
    assert b'<rect fill="white"' in base64.b64decode(found[1])


def test_its_key_is_stored_encrypted(client: Client, alice: User) -> None:
    client.force_login(alice)
    secret = activate(client)
    data = Authenticator.objects.get(user=alice, type=Authenticator.Type.TOTP).data
    assert secret not in str(data)


@pytest.mark.usefixtures("https")
def test_over_https_an_owner_needs_one_and_a_bookkeeper_does_not(muster: Tenant, alice: User, bob: User) -> None:
    owner, bookkeeper = Client(), Client()
    owner.force_login(alice)
    bookkeeper.force_login(bob)
    page = f"/t/{muster.public_id}/"
    assert owner.get(page)["Location"] == "/accounts/2fa/totp/activate/"
    assert bookkeeper.get(page).status_code == 200
    TOTP.activate(alice, generate_totp_secret())
    assert owner.get(page).status_code == 200


@pytest.mark.usefixtures("https")
def test_over_https_staff_need_one_everywhere_but_on_the_account_pages(client: Client, charlie: User) -> None:
    User.objects.filter(pk=charlie.pk).update(is_staff=True, is_superuser=True)
    client.force_login(charlie)
    for address in ("/", "/admin/"):
        assert client.get(address)["Location"] == "/accounts/2fa/totp/activate/"
    assert client.get("/accounts/security/").status_code == 200
    TOTP.activate(charlie, generate_totp_secret())
    assert client.get("/admin/").status_code == 200


@pytest.mark.usefixtures("https")
def test_over_https_an_owner_cannot_take_it_away(client: Client, muster: Tenant, alice: User, bob: User) -> None:
    for person, left in ((alice, True), (bob, False)):
        TOTP.activate(person, generate_totp_secret())
        client.force_login(person)
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        client.post("/accounts/2fa/totp/deactivate/")
        assert Authenticator.objects.filter(user=person).exists() is left


def test_on_this_machine_it_is_offered_and_not_required(client: Client, muster: Tenant, alice: User) -> None:
    client.force_login(alice)
    assert client.get(f"/t/{muster.public_id}/").status_code == 200
    assert "/accounts/2fa/totp/activate/" in client.get("/accounts/security/").content.decode()
