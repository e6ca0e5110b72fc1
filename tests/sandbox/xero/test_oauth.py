"""Consent, tokens, refresh, revocation, connections: documented facts of Xero's identity service."""

import base64
import hashlib
import json
from datetime import timedelta

import httpx
import pytest

from sandbox.xero.app import CLIENT_ID, USUAL_SCOPES
from sandbox.xero.grants import App
from sandbox.xero.seed import EXEMPLA, TRADING
from tests.sandbox.xero.conftest import API, CALLBACK, Office

VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def claims(token: str) -> dict[str, object]:
    body = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


def test_the_consent_page_offers_the_user_and_every_organisation(office: Office) -> None:
    page = office.browser().get("/identity/connect/authorize", params=office.question())
    assert page.status_code == 200
    for text in ("Alice Muster", "Muster Handels AG", "Muster Immobilien AG", "Exempla Trading GmbH", "Allow access"):
        assert text in page.text


def test_allowing_leads_back_with_code_and_state_and_tokens_follow(office: Office) -> None:
    back = office.consent()
    assert back["state"] == "st4te"
    tokens = office.exchange(back["code"]).json()
    assert tokens["expires_in"] == 1800
    assert tokens["token_type"] == "Bearer"
    assert set(tokens["scope"].split()) == set(USUAL_SCOPES.split())
    assert {"refresh_token", "id_token", "access_token"} <= set(tokens)
    assert claims(tokens["access_token"])["xero_userid"] == office.xero.grants.users()[0]["id"]
    assert "tenant" not in json.dumps(claims(tokens["access_token"]))


def test_cancelling_leads_back_with_access_denied(office: Office) -> None:
    answer = office.browser().post("/identity/connect/authorize", data={**office.question(), "decision": "cancel"})
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{CALLBACK}?error=access_denied")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "http://127.0.0.1:8000/oauth/xero/callback"},
        {"redirect_uri": "https://elsewhere.example/oauth/xero/callback"},
        {"scope": "accounting.transactions offline_access"},
        {"scope": "accounting.contacts accounting.contacts.read"},
        {"scope": "accounting.everything"},
        {"response_type": "token"},
        {"code_challenge": CHALLENGE, "code_challenge_method": "plain"},
    ],
)
def test_a_wrong_request_ends_on_an_error_page_and_never_redirects(office: Office, changes: dict[str, str]) -> None:
    answer = office.browser().get("/identity/connect/authorize", params=office.question(**changes))
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_offline_access_is_needed_for_a_refresh_token(office: Office) -> None:
    scope = "openid accounting.contacts"
    assert "refresh_token" not in office.exchange(office.consent(scope=scope)["code"]).json()


def test_a_code_works_once(office: Office) -> None:
    code = office.consent()["code"]
    assert office.exchange(code).status_code == 200
    second = office.exchange(code)
    assert (second.status_code, second.json()) == (400, {"error": "invalid_grant"})


def test_a_code_lives_five_minutes(office: Office) -> None:
    code = office.consent()["code"]
    office.clock.advance(minutes=6)
    assert office.exchange(code).json() == {"error": "invalid_grant"}


def test_the_redirect_address_of_the_exchange_must_be_the_same(office: Office) -> None:
    code = office.consent()["code"]
    assert office.exchange(code, redirect_uri=CALLBACK + "/").json() == {"error": "invalid_grant"}


def test_pkce_needs_the_verifier(office: Office) -> None:
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    wrong = office.exchange(office.consent(**pkce)["code"], code_verifier="w" * 64)
    assert wrong.json() == {"error": "invalid_grant"}
    assert office.exchange(office.consent(**pkce)["code"], code_verifier=VERIFIER).status_code == 200


def test_a_native_app_sends_its_id_in_the_body_and_needs_pkce(office: Office) -> None:
    office.xero.apps["native"] = App(client_id="native", secret=None, name="Native")
    bare = office.browser().get("/identity/connect/authorize", params=office.question(client_id="native"))
    assert bare.status_code == 400
    back = office.consent(client_id="native", code_challenge=CHALLENGE, code_challenge_method="S256")
    form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": CALLBACK, "client_id": "native"}
    answer = office.browser().post("/connect/token", data={**form, "code_verifier": VERIFIER})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "accounting.contacts"}, "unauthorized_client"),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, "invalid_grant"),
    ],
)
def test_the_token_endpoint_says_only_an_error_word(office: Office, form: dict[str, str], error: str) -> None:
    answer = office.token(**form)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_a_wrong_secret_is_an_invalid_client_and_json_an_invalid_request(office: Office) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    browser = office.browser()
    wrong = browser.post("/connect/token", data=form, auth=(CLIENT_ID, "wrong"))
    assert (wrong.status_code, wrong.json()) == (400, {"error": "invalid_client"})
    assert browser.post("/connect/token", json=form).json() == {"error": "invalid_request"}
    assert browser.post("/connect/token", data=form).json() == {"error": "invalid_request"}


def test_every_refresh_gives_a_new_token_and_the_old_one_works_thirty_minutes_more(office: Office) -> None:
    first = office.xero.issue_tokens()["refresh_token"]
    second = office.refresh(first).json()["refresh_token"]
    assert second != first
    office.clock.advance(minutes=29)
    assert office.refresh(first).status_code == 200
    office.clock.advance(minutes=2)
    assert office.refresh(first).json() == {"error": "invalid_grant"}
    assert office.refresh(second).status_code == 200


def test_a_refresh_token_dies_after_sixty_idle_days(office: Office) -> None:
    token = office.xero.issue_tokens()["refresh_token"]
    office.clock.advance(timedelta(days=59))
    fresh = office.refresh(token).json()["refresh_token"]
    office.clock.advance(timedelta(days=61))
    assert office.refresh(fresh).json() == {"error": "invalid_grant"}


def test_an_access_token_lives_thirty_minutes(office: Office, client: httpx.Client) -> None:
    office.clock.advance(minutes=31)
    answer = client.get("Organisation")
    assert answer.status_code == 401
    assert answer.json()["Detail"].startswith("TokenExpired: token expired at 11/20/2026 09:30:00")


def test_a_scope_once_granted_stays_although_later_consents_ask_for_less(office: Office) -> None:
    office.exchange(office.consent(scope="offline_access accounting.contacts")["code"])
    second = office.exchange(office.consent(scope="offline_access accounting.settings.read")["code"]).json()
    assert {"accounting.contacts", "accounting.settings.read"} <= set(second["scope"].split())


def bearer(tokens: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}", "Accept": "application/json"}


def test_connections_are_a_bare_list_filtered_by_the_event_of_the_consent(office: Office) -> None:
    office.exchange(office.consent(TRADING)["code"])
    office.clock.advance(days=1)
    tokens = office.exchange(office.consent(EXEMPLA)["code"]).json()
    browser = office.browser()
    everything = browser.get("/connections", headers=bearer(tokens))
    assert sorted(c["tenantName"] for c in everything.json()) == [EXEMPLA, TRADING]
    assert "x-appminlimit-remaining" in everything.headers
    assert "x-minlimit-remaining" not in everything.headers
    event = claims(tokens["access_token"])["authentication_event_id"]
    new = browser.get("/connections", params={"authEventId": str(event)}, headers=bearer(tokens)).json()
    assert [c["tenantName"] for c in new] == [EXEMPLA]
    assert new[0]["tenantType"] == "ORGANISATION"
    assert new[0]["createdDateUtc"] == "2026-11-21T09:00:00.0000000"


def test_several_organisations_in_one_consent(office: Office) -> None:
    tokens = office.exchange(office.consent(TRADING, EXEMPLA, acr_values="bulk_connect:true")["code"]).json()
    assert len(office.browser().get("/connections", headers=bearer(tokens)).json()) == 2


def test_disconnecting_goes_by_connection_id_not_by_organisation(office: Office) -> None:
    tokens = office.xero.issue_tokens()
    browser = office.browser()
    [connection] = browser.get("/connections", headers=bearer(tokens)).json()
    assert browser.delete(f"/connections/{connection['tenantId']}", headers=bearer(tokens)).status_code == 404
    assert browser.delete(f"/connections/{connection['id']}", headers=bearer(tokens)).status_code == 204
    assert browser.get("/connections", headers=bearer(tokens)).json() == []


def test_a_refresh_still_works_when_the_organisation_was_disconnected_in_xero(office: Office) -> None:
    tokens = office.xero.issue_tokens()
    office.xero.people().disconnect()
    fresh = office.refresh(tokens["refresh_token"])
    assert fresh.status_code == 200
    headers = {**bearer(fresh.json()), "xero-tenant-id": office.org(TRADING)}
    answer = office.browser().get(f"{API}/Organisation", headers=headers)
    assert (answer.status_code, answer.json()["Detail"]) == (403, "AuthenticationUnsuccessful")


def test_revoking_ends_the_chain_and_removes_all_connections_of_the_user(office: Office) -> None:
    office.xero.issue_tokens(TRADING)
    tokens = office.xero.issue_tokens(EXEMPLA)
    answer = office.browser().post(
        "/connect/revocation", data={"token": tokens["refresh_token"]}, auth=(CLIENT_ID, "sandbox-xero-secret")
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert office.refresh(tokens["refresh_token"]).json() == {"error": "invalid_grant"}
    assert office.browser().get("/connections", headers=bearer(tokens)).json() == []


def test_without_a_token_401_and_without_an_organisation_403(office: Office, client: httpx.Client) -> None:
    bare = office.browser().get(f"{API}/Organisation", headers={"Accept": "application/json"})
    assert (bare.status_code, bare.json()["Detail"]) == (401, "AuthenticationUnsuccessful")
    for org in ("", "00000000-0000-0000-0000-000000000001", office.org(EXEMPLA)):
        answer = client.get("Organisation", headers={"xero-tenant-id": org})
        assert (answer.status_code, answer.json()["Title"]) == (403, "Forbidden")


def test_a_missing_scope_is_a_401_that_the_header_explains(office: Office) -> None:
    client = office.client(scopes="offline_access accounting.contacts.read")
    assert client.get("Contacts").status_code == 200
    for answer in (client.get("BankTransactions"), client.put("Contacts", json={"Contacts": [{"Name": "New"}]})):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "insufficient_scope"
        assert answer.json()["Detail"] == "AuthorizationUnsuccessful"


def test_discovery_names_the_endpoints(office: Office) -> None:
    found = office.browser().get("/.well-known/openid-configuration").json()
    assert found["token_endpoint"] == "http://xero.test/connect/token"
    assert found["code_challenge_methods_supported"] == ["S256"]
