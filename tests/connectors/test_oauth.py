"""What the vendors' token endpoints may answer, and what must never stand in an address or a log."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import respx

from connectors import oauth
from connectors.contract.errors import ActionRequired, ConnectorError, ContractBroken, RetryLater
from connectors.contract.spec import CallRecord
from connectors.oauth import InvalidGrant, Provider, TokenSet

TOKEN_URL, REVOKE_URL = "https://id.vendor.example/connect/token", "https://id.vendor.example/connect/revocation"
GOOD = {"access_token": "at-1", "refresh_token": "rt-2", "expires_in": 1800, "token_type": "Bearer", "scope": "a b"}


def provider(*, json_body: bool = False, calls: list[CallRecord] | None = None) -> Provider:
    return Provider(
        kind="amnis" if json_body else "xero",
        title="Vendor",
        authorize_url="https://login.vendor.example/authorize",
        token_url=TOKEN_URL,
        revoke_url=REVOKE_URL,
        client_id="app",
        client_secret="canary-secret",
        redirect_uri="http://localhost:8000/oauth/xero/callback",
        scope="openid offline_access",
        json_body=json_body,
        record_call=None if calls is None else calls.append,
    )


Ask = Callable[[Provider], TokenSet]
ASKS: list[Ask] = [
    lambda who: oauth.refresh(who, refresh_token="rt-1"),
    lambda who: oauth.exchange(who, code="c-1", verifier="v" * 43),
]


@pytest.fixture
def vendor() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.mark.parametrize("ask", ASKS, ids=["refresh", "exchange"])
@pytest.mark.parametrize("json_body", [True, False], ids=["json", "form"])
def test_tokens_come_back_whole(vendor: respx.MockRouter, ask: Ask, json_body: bool) -> None:
    vendor.post(TOKEN_URL).respond(json=GOOD)
    found = ask(provider(json_body=json_body))
    assert (found.access_token, found.refresh_token, found.expires_in, found.scopes) == (
        "at-1",
        "rt-2",
        1800,
        ("a", "b"),
    )


@pytest.mark.parametrize("ask", ASKS, ids=["refresh", "exchange"])
@pytest.mark.parametrize("json_body", [True, False], ids=["json", "form"])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), InvalidGrant),
        (httpx.Response(400, json={"error": "invalid_client"}), ActionRequired),
        (httpx.Response(401, json={"error": "invalid_client"}), ActionRequired),
        (httpx.Response(400, json={"error": "unauthorized_client"}), ActionRequired),
        (httpx.Response(429, text="slow down", headers={"Retry-After": "60"}), RetryLater),
        (httpx.Response(500, json={"error": "server_error"}), RetryLater),
        (httpx.Response(503, text="<html>"), RetryLater),
        (httpx.Response(200, text="<html>"), RetryLater),
        (httpx.Response(200, json={}), ContractBroken),
        (httpx.Response(200, json={"access_token": 7}), ContractBroken),
        (httpx.ConnectError("no"), RetryLater),
        (httpx.ReadTimeout("no"), RetryLater),
        (httpx.RemoteProtocolError("no"), RetryLater),
    ],
)
def test_every_odd_answer_becomes_one_of_our_errors(
    vendor: respx.MockRouter, ask: Ask, json_body: bool, answer: httpx.Response | Exception, error: type[ConnectorError]
) -> None:
    route = vendor.post(TOKEN_URL)
    route.side_effect = [answer]
    with pytest.raises(error) as raised:
        ask(provider(json_body=json_body))
    assert type(raised.value) is error
    assert route.call_count == 1  # never retried in here: whoever holds the lease decides
    assert "canary" not in f"{raised.value.message} {raised.value.detail}"


def test_xero_gets_a_form_with_basic_authentication(vendor: respx.MockRouter) -> None:
    route = vendor.post(TOKEN_URL).respond(json=GOOD)
    oauth.refresh(provider(), refresh_token="rt-1")
    request = route.calls.last.request
    assert parse_qs(request.content.decode()) == {"grant_type": ["refresh_token"], "refresh_token": ["rt-1"]}
    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"app:canary-secret").decode()


def test_amnis_gets_json_with_the_credentials_in_the_body(vendor: respx.MockRouter) -> None:
    route = vendor.post(TOKEN_URL).respond(json=GOOD)
    oauth.client_credentials(provider(json_body=True))
    request = route.calls.last.request
    assert json.loads(request.content) == {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": "canary-secret",
    }
    assert (request.headers["accept"], request.headers["content-type"]) == ("application/json", "application/json")


def test_the_verifier_of_the_exchange_fits_the_challenge_of_the_address(vendor: respx.MockRouter) -> None:
    route = vendor.post(TOKEN_URL).respond(json=GOOD)
    verifier = oauth.new_secret()
    for who in (provider(), provider(json_body=True)):
        asked = parse_qs(urlsplit(oauth.consent_url(who, state="s", verifier=verifier)).query)
        oauth.exchange(who, code="c-1", verifier=verifier)
        body = route.calls.last.request.content.decode()
        sent = json.loads(body) if who.json_body else {key: values[0] for key, values in parse_qs(body).items()}
        assert asked["code_challenge"] == [oauth.challenge_of(sent["code_verifier"])]
        assert sent["redirect_uri"] == asked["redirect_uri"][0]


def test_the_challenge_is_the_one_of_the_standard() -> None:
    # RFC 7636, appendix B
    assert (
        oauth.challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_the_consent_address_holds_no_secret() -> None:
    for who in (provider(), provider(json_body=True)):
        address = oauth.consent_url(who, state="s-1", verifier="v" * 43)
        assert "canary" not in address
        assert "v" * 43 not in address
        assert parse_qs(urlsplit(address).query)["state"] == ["s-1"]


def test_a_redirect_of_the_token_endpoint_is_not_followed(vendor: respx.MockRouter) -> None:
    vendor.post(TOKEN_URL).respond(302, headers={"Location": "https://evil.example/"})
    evil = vendor.route(host="evil.example").respond(json=GOOD)
    with pytest.raises(ConnectorError):
        oauth.refresh(provider(), refresh_token="rt-1")
    assert not evil.called


def test_the_call_log_gets_the_fact_and_nothing_of_the_content(vendor: respx.MockRouter) -> None:
    vendor.post(TOKEN_URL).respond(json=GOOD)
    calls: list[CallRecord] = []
    for json_body in (True, False):
        oauth.refresh(provider(json_body=json_body, calls=calls), refresh_token="canary-refresh")
    assert [(call.path, call.status, call.response_excerpt) for call in calls] == [("/connect/token", 200, "")] * 2
    assert "canary" not in repr(calls)


def test_revoking_what_is_revoked_already_is_fine_and_an_outage_is_told(vendor: respx.MockRouter) -> None:
    vendor.post(REVOKE_URL).respond(400, json={"error": "invalid_token"})
    oauth.revoke(provider(), refresh_token="rt-1")
    vendor.post(REVOKE_URL).respond(503)
    with pytest.raises(RetryLater):
        oauth.revoke(provider(), refresh_token="rt-1")


def test_no_secret_is_shown_when_one_is_printed() -> None:
    tokens = TokenSet(access_token="canary-a", refresh_token="canary-r")
    assert "canary" not in repr(tokens) + repr(provider())


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.bnVsbA.c", "..", ""])
def test_a_token_that_is_no_jwt_has_no_claims(token: str) -> None:
    assert oauth.read_claims(token) == {}
