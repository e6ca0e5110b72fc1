"""The browser flow: /oauth/authorize, then an authorisation code at the token endpoint."""

import base64
import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.sandbox.amnis.conftest import Bank

CALLBACK = "http://localhost:8000/oauth/amnis/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
REQUEST = {"response_type": "code", "client_id": "millrace", "redirect_uri": CALLBACK, "state": "st&1", "scope": "x"}


def _answer(bank: Bank, *, decision: str = "approve", company: str = "ck_2", **changes: str) -> dict[str, list[str]]:
    """Open the page, press a button, return the query that the browser carries back."""
    browser = bank.browser()
    shown = browser.get("/oauth/authorize", params={**REQUEST, **changes})
    assert shown.status_code == 200
    question = re.search(r'name="request" value="([^"]+)"', shown.text)
    assert question
    form = {"request": question[1], "decision": decision, "company": company}
    back = browser.post("/oauth/authorize", data=form)
    assert back.status_code == 302
    assert back.headers["Location"].startswith(CALLBACK + "?")
    return parse_qs(urlsplit(back.headers["Location"]).query)


def _exchange(bank: Bank, code: str, **changes: str) -> httpx.Response:
    body = {"grant_type": "authorization_code", "client_id": "millrace", "code": code, "redirect_uri": CALLBACK}
    return bank.token(**{**body, **changes})


def test_the_page_offers_the_companies(bank: Bank) -> None:
    shown = bank.browser().get("/oauth/authorize", params=REQUEST).text
    for name in ("Muster Handels AG", "Muster Immobilien AG", "Exempla Trading GmbH"):
        assert name in shown


def test_approval_leads_to_tokens_of_the_chosen_company(bank: Bank) -> None:
    bank.amnis.company("ck_2").pay_in(amount="77.00", account=21)
    back = _answer(bank)
    assert back["state"] == ["st&1"]
    body = _exchange(bank, back["code"][0]).json()
    headers = {"Authorization": f"Bearer {body['access_token']}", "Accept": "application/json"}
    assert [row["amount"] for row in bank.browser().get("/api/transactions", headers=headers).json()] == ["77.00"]
    again = bank.token(client_id="millrace", grant_type="refresh_token", refresh_token=body["refresh_token"])
    assert again.json()["refresh_token"] != body["refresh_token"]


def test_a_code_works_once(bank: Bank) -> None:
    code = _answer(bank)["code"][0]
    assert _exchange(bank, code).status_code == 200
    assert _exchange(bank, code).json()["error"] == "invalid_grant"


def test_a_code_dies_after_five_minutes(bank: Bank) -> None:
    code = _answer(bank)["code"][0]
    bank.clock.advance(minutes=5, seconds=1)
    assert _exchange(bank, code).json()["error"] == "invalid_grant"


def test_the_code_is_bound_to_address_and_verifier(bank: Bank) -> None:
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    elsewhere = _exchange(bank, _answer(bank, **pkce)["code"][0], redirect_uri=CALLBACK + "/x", code_verifier=VERIFIER)
    assert elsewhere.json()["error"] == "invalid_grant"
    unproven = _exchange(bank, _answer(bank, **pkce)["code"][0])
    assert unproven.json()["error"] == "invalid_grant"
    assert _exchange(bank, _answer(bank, **pkce)["code"][0], code_verifier=VERIFIER).status_code == 200


def test_cancelling_carries_an_error_back(bank: Bank) -> None:
    assert _answer(bank, decision="cancel") == {"error": ["access_denied"], "state": ["st&1"]}


def test_an_unknown_application_is_not_redirected(bank: Bank) -> None:
    shown = bank.browser().get("/oauth/authorize", params={**REQUEST, "client_id": "evil"})
    assert (shown.status_code, "Location" in shown.headers) == (400, False)


def test_a_question_is_answered_once(bank: Bank) -> None:
    browser = bank.browser()
    shown = browser.get("/oauth/authorize", params=REQUEST).text
    question = re.search(r'name="request" value="([^"]+)"', shown)
    assert question
    form = {"request": question[1], "decision": "approve", "company": "ck_1"}
    assert browser.post("/oauth/authorize", data=form).status_code == 302
    assert browser.post("/oauth/authorize", data=form).status_code == 400


def test_the_application_needs_consent(bank: Bank) -> None:
    assert bank.token(client_id="millrace").json()["error"] == "unauthorized_client"
