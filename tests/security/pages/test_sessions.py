"""Getting in without being let in: guessing, being sent elsewhere, planted sessions, forged forms, foreign hosts, floods.

That one person's password is slowed down, and what a sign-in does to the session, is in tests/tenants/test_sign_in.py.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time as counters
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tenants.models import Role, User
from tenants.scoping import tenant_scope
from tenants.services import invitation_create
from tests.pages.routes import ROUTES
from tests.pages.world import PASSWORD, World
from tests.security.pages.test_every_address import addresses, filled

ELSEWHERE = (
    "https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example",
    "http:///evil.example", "javascript:alert(1)", "/\t/evil.example", "\n//evil.example", "https://localhost@evil.example/",
    "https://localhost.evil.example/", "//localhost:8000@evil.example/", "\x00//evil.example", "data:text/html,x",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _fresh_counters() -> None:
    cache.clear()


def sign_in(client: Client, email: str, password: str = PASSWORD, *, forwarded: str = "") -> None:
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    client.post("/accounts/login/", {"login": email, "password": password}, headers=headers)


def is_in(client: Client) -> bool:
    return client.get("/accounts/security/").status_code == 200


def is_local(address: str) -> bool:
    parts = urlsplit(address.replace("\\", "/"))
    return not parts.scheme and not parts.netloc and address.startswith("/") and "\t" not in address


# ----------------------------------------------------------------------- guessing


def test_a_guesser_who_changes_names_is_slowed_down_as_well(alice: User) -> None:
    """Ten wrong attempts a minute from one place, whoever they are for; a forged header makes no second place."""
    for number in range(10):
        sign_in(Client(), f"person{number}@muster.example", "wrong", forwarded=f"203.0.113.{number}")
    client = Client()
    sign_in(client, alice.email, forwarded="198.51.100.7")
    assert not is_in(client)


def test_behind_the_proxy_only_its_own_word_counts(alice: User, settings: Settings) -> None:
    """The proxy appends the visitor's address; what stood there before is the visitor's invention."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(10):
        forged = f"203.0.113.{number}, 198.51.100.9"
        sign_in(Client(), f"person{number}@muster.example", "wrong", forwarded=forged)
    client = Client()
    sign_in(client, alice.email, forwarded="192.0.2.1, 198.51.100.9")
    assert not is_in(client)
    sign_in(client, alice.email, forwarded="192.0.2.1, 198.51.100.10")
    assert is_in(client)


def test_the_second_factor_cannot_be_guessed(alice: User) -> None:
    """After a stolen password: a handful of codes, then not even the right one."""
    secret = generate_totp_secret()
    TOTP.activate(alice, secret)
    client = Client()
    sign_in(client, alice.email)
    assert not is_in(client)
    for number in range(10):
        client.post("/accounts/2fa/authenticate/", {"code": f"{number:06d}"})
    right = format_hotp_value(hotp_value(secret, next(iter(counters()))))
    client.post("/accounts/2fa/authenticate/", {"code": right})
    assert not is_in(client)
    assert Authenticator.objects.filter(user=alice).count() == 1


def test_the_second_factor_makes_a_new_session(alice: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(alice, secret)
    client = Client()
    sign_in(client, alice.email)
    between = client.cookies["sessionid"].value
    client.post("/accounts/2fa/authenticate/", {"code": format_hotp_value(hotp_value(secret, next(iter(counters()))))})
    assert is_in(client)
    assert client.cookies["sessionid"].value != between


def test_a_session_that_somebody_else_chose_is_not_taken(alice: User) -> None:
    client = Client()
    client.cookies["sessionid"] = "attacker0chose0this0session0key0"
    sign_in(client, alice.email)
    assert is_in(client)
    assert client.cookies["sessionid"].value != "attacker0chose0this0session0key0"
    other = Client()
    other.cookies["sessionid"] = "attacker0chose0this0session0key0"
    assert not is_in(other)


# ------------------------------------------------------------------ sent elsewhere


def test_nobody_is_sent_elsewhere_after_signing_in(alice: User) -> None:
    for place in ELSEWHERE[:6]:  # the rest once somebody is in: the same judge, without the price of a password
        answer = Client().post("/accounts/login/", {"login": alice.email, "password": PASSWORD, "next": place})
        assert answer.status_code == 302
        assert is_local(answer["Location"]), answer["Location"]


def test_nobody_is_sent_elsewhere_once_signed_in(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    for place in ELSEWHERE:
        for path in ("/accounts/login/", "/accounts/reauthenticate/", "/admin/login/", "/accounts/2fa/reauthenticate/"):
            answer = client.get(path, {"next": place})
            assert is_local(answer.headers.get("Location", "/")), (path, answer.headers.get("Location"))
    for place in ELSEWHERE[:4]:
        answer = client.post("/accounts/logout/", {"next": place})
        assert is_local(answer["Location"]), answer["Location"]
        client.force_login(alice)


def test_an_address_with_two_strokes_leads_nowhere_else(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    for path in ("//evil.example", "//evil.example/x", "/%5Cevil.example", "/t//evil.example", "//evil.example/t/x"):
        for host in ("testserver", "127.0.0.1"):
            answer = client.get(path, headers={"host": host})
            place = answer.headers.get("Location", "/")
            assert is_local(place) or place.startswith("http://localhost"), (path, place)
            assert "@" not in place


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:8000", "localhost@evil.example"]
)
def test_a_foreign_host_gets_no_page_and_no_mail(alice: User, host: str) -> None:
    """A link to set a new password must never be made for an address that the asker chose."""
    answer = Client().post("/accounts/password/reset/", {"email": alice.email}, headers={"host": host})
    assert answer.status_code == 400
    assert mail.outbox == []
    Client().post("/accounts/password/reset/", {"email": alice.email}, headers={"x-forwarded-host": host})
    assert all("evil.example" not in letter.body for letter in mail.outbox)


# ------------------------------------------------------------------- forged, flooded


def test_every_form_asks_for_its_token(world: World, alice: User) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(alice)
    for name, route in ROUTES.items():
        if route.writes:
            assert careful.post(route.address(name, world), dict(route.data)).status_code == 403, name
    for name, path in addresses():
        if careful.get(filled(path, 1)).status_code == 200:
            assert careful.post(filled(path, 1)).status_code in (403, 405), name


def test_a_body_that_is_too_large_is_refused_before_it_is_read(world: World, alice: User) -> None:
    """Also for who is not signed in: files would be written to the disk before any view is asked."""
    for client in (Client(), Client()):
        for path in ("/accounts/login/", ROUTES["proof-verify"].address("proof-verify", world), "/nowhere/"):
            for said in (str(3 * 1024 * 1024 + 1), "9" * 30, "-1", "x"):
                assert client.post(path, {"a": "b"}, headers={"content-length": said}).status_code == 413, said
            assert client.post(path, {"a": "b"}).status_code != 413
        client.force_login(alice)


def test_an_invitation_gives_what_it_says_and_nothing_more(world: World) -> None:
    """Mass assignment: a new person who sends more fields than the form has."""
    with tenant_scope(world.tenant.pk):
        link = invitation_create(email="new@muster.example", role=Role.AUDITOR, actor="test").url
    client = Client()
    client.get(urlsplit(link).path)
    more = {
        "role": "owner",
        "is_staff": "on",
        "is_superuser": "on",
        "email": "boss@muster.example",
        "tenant": "1",
        "id": "1",
    }
    client.post("/accounts/invitation/", {"name": "New", "password": "a mill turns while the water runs", **more})
    made = User.objects.get(email="new@muster.example")
    assert (made.is_staff, made.is_superuser) == (False, False)
    assert not User.objects.filter(email="boss@muster.example").exists()
    with tenant_scope(world.tenant.pk):
        assert list(world.tenant._meta.apps.get_model("tenants.Membership").objects.values_list("role", flat=True)) == [
            "auditor"
        ]
