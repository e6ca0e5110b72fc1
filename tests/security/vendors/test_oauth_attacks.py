"""Attacks on connecting, played through the program's own addresses and the vendors' own pages.

That a state works once, for ten minutes, and for its person, session and vendor alone, is in tests/connectors.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.http import HttpResponseBase
from django.test import Client
from pytest_django import Settings

from connectors import consent as consents
from connectors import oauth, providers
from connectors.contract.errors import ActionRequired
from connectors.models import Connection, Grant, OAuthState
from sandbox.app import Sandbox
from tenants.models import Membership, Role, Tenant, User
from tenants.scoping import tenant_scope
from tests.connectors.test_connections import xero_consent

pytestmark = pytest.mark.django_db


class Heard(httpx.BaseTransport):
    """Notes which requests leave."""

    def __init__(self, inner: httpx.BaseTransport, asked: list[str]) -> None:
        self.inner, self.asked = inner, asked

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return self.inner.handle_request(request)


class Browser:
    """One person's browser, signed in."""

    def __init__(self, person: User, tenant: Tenant) -> None:
        self.client = Client()
        self.client.force_login(person)
        self.tenant = tenant

    def asks(self, kind: str = "xero") -> str:
        """Press "Connect": where the browser is sent."""
        answer = self.client.post(f"/t/{self.tenant.public_id}/connections/{kind}/connect/")
        assert answer.status_code == 302
        return str(answer["Location"])

    def comes_back(self, answer: dict[str, str], kind: str = "xero") -> HttpResponseBase:
        return self.client.get(f"/oauth/{kind}/callback", answer)


@pytest.fixture
def hers(owner: User, alice: Tenant) -> Browser:
    return Browser(owner, alice)


@pytest.fixture
def his(attacker: User, charlie: Tenant) -> Browser:
    return Browser(attacker, charlie)


def connected(*tenants: Tenant) -> list[str]:
    found = []
    for tenant in tenants:
        with tenant_scope(tenant.pk):
            found += list(Connection.objects.values_list("name", flat=True))
    return found


def test_the_honest_way_connects(world: Sandbox, hers: Browser, alice: Tenant) -> None:
    """What every attack below differs from by one thing."""
    assert hers.comes_back(xero_consent(world, hers.asks())).status_code == 302
    assert len(connected(alice)) == 1


def test_a_state_planted_by_an_attacker_connects_nobody(
    world: Sandbox, hers: Browser, his: Browser, alice: Tenant, charlie: Tenant
) -> None:
    """State fixation: he starts, allows his own books, and has her open the link that finishes it."""
    hers.comes_back(xero_consent(world, his.asks()))
    assert connected(alice, charlie) == []
    assert not Grant.objects.exists()


def test_a_code_put_into_anothers_sign_in_is_refused_by_its_proof(
    world: Sandbox, hers: Browser, his: Browser, alice: Tenant, charlie: Tenant
) -> None:
    """Code injection: her own state, his code. The vendor compares the code's challenge with her verifier."""
    injected = {
        "state": parse_qs(urlsplit(hers.asks()).query)["state"][0],
        "code": xero_consent(world, his.asks())["code"],
    }
    assert hers.comes_back(injected).status_code == 302
    assert connected(alice, charlie) == []
    assert not Grant.objects.exists()


def test_a_stolen_code_is_worth_nothing_without_its_verifier(world: Sandbox, hers: Browser) -> None:
    answer = xero_consent(world, hers.asks())
    for verifier in ("", "x" * 43):
        with pytest.raises(ActionRequired):
            oauth.exchange(providers.provider("xero"), code=answer["code"], verifier=verifier)


def test_the_answer_of_one_vendor_is_not_taken_for_the_others(
    world: Sandbox, hers: Browser, alice: Tenant, settings: Settings
) -> None:
    """Mix-up: a code of Xero must never be carried to Amnis' token address, nor the other way round."""
    asked: list[str] = []
    heard = {url: Heard(one, asked) for url, one in settings.CONNECTOR_TRANSPORTS.items()}
    settings.CONNECTOR_TRANSPORTS = heard
    answer = xero_consent(world, hers.asks())
    asked.clear()
    hers.comes_back(answer, "amnis")
    assert asked == []
    assert connected(alice) == []


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"state": ""},
        {"code": "x"},
        {"state": "x", "code": "x"},
        {"state": "' OR '1'='1", "code": "x"},
        {"state": "\x00", "code": "\x00"},
        {"state": "x" * 100_000, "code": "x"},
        {"state": "é" * 50, "code": "é"},
    ],
)
def test_a_callback_out_of_nowhere_connects_nothing(
    world: Sandbox, hers: Browser, alice: Tenant, answer: dict[str, str]
) -> None:
    hers.asks()
    assert hers.comes_back(answer).status_code == 302
    assert connected(alice) == []
    assert OAuthState.objects.count() == 1


@pytest.mark.parametrize("role", [Role.BOOKKEEPER, Role.AUDITOR, None])
def test_who_lost_the_right_while_at_the_vendor_connects_nothing(
    world: Sandbox, hers: Browser, owner: User, alice: Tenant, role: Role | None
) -> None:
    """An owner who was removed or changed to another role must not attach an organisation of their own."""
    answer = xero_consent(world, hers.asks())
    with tenant_scope(alice.pk):
        mine = Membership.objects.filter(user=owner)
        mine.update(role=role) if role else mine.delete()
    hers.comes_back(answer)
    assert connected(alice) == []
    assert not Grant.objects.exists()


def test_another_session_of_the_same_person_does_not_finish_it(
    world: Sandbox, hers: Browser, owner: User, alice: Tenant
) -> None:
    answer = xero_consent(world, hers.asks())
    Browser(owner, alice).comes_back(answer)
    assert connected(alice) == []


def test_the_vendor_never_sends_elsewhere_than_to_us(world: Sandbox, hers: Browser, settings: Settings) -> None:
    """The redirect address is ours, whole and exact, whatever host the browser used."""
    hers.client.defaults["HTTP_X_FORWARDED_HOST"] = "evil.example"
    asked = parse_qs(urlsplit(hers.asks()).query)
    assert asked["redirect_uri"] == [f"{settings.ENV.public_url}/oauth/xero/callback"]
    assert asked["code_challenge_method"] == ["S256"]


def test_neither_state_nor_code_is_shown_or_kept(world: Sandbox, hers: Browser) -> None:
    answer = xero_consent(world, hers.asks())
    page = hers.client.get(hers.comes_back(answer)["Location"], follow=True)
    assert answer["code"] not in page.content.decode()
    assert answer["state"] not in page.content.decode()
    assert not OAuthState.objects.filter(state_hash=consents._hash(answer["state"])).exists()
