"""POST /api/token: as documented, and by the assumptions A1 to A5."""

import httpx
import pytest

from tests.sandbox.amnis.conftest import CREDENTIALS, Bank


def _status(bank: Bank, token: str) -> tuple[int, str]:
    answer = bank.browser().get("/api/info", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json().get("detail", "")


def test_client_credentials_give_a_bearer_token_for_an_hour(bank: Bank) -> None:
    answer = bank.token()
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"token_type", "expires_in", "access_token"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert _status(bank, body["access_token"]) == (200, "")


def test_a_token_expires_when_its_time_is_over(bank: Bank) -> None:
    bank.amnis.switch(token_ttl=120)
    token = bank.token().json()["access_token"]
    bank.clock.advance(seconds=119)
    assert _status(bank, token)[0] == 200
    bank.clock.advance(seconds=2)
    assert _status(bank, token) == (401, "Expired JWT Token")


def test_a_missing_and_a_garbled_token_are_told_apart(bank: Bank) -> None:
    assert bank.browser().get("/api/info").json()["detail"] == "JWT Token not found"
    assert _status(bank, "nonsense") == (401, "Invalid JWT Token")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_secret": ""}, 400, "invalid_request"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "rt_unknown"}, 400, "invalid_grant"),
    ],
)
def test_a_wrong_request_is_refused_in_the_endpoints_words(
    bank: Bank, changes: dict[str, str], status: int, error: str
) -> None:
    answer = bank.token(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_form_is_no_json(bank: Bank) -> None:
    answer = bank.browser().post("/api/token", data=CREDENTIALS)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_guessing_is_stopped_for_fifteen_minutes(bank: Bank) -> None:
    for _ in range(5):
        assert bank.token(client_secret="wrong").status_code == 401
    stopped = bank.token()
    assert (stopped.status_code, stopped.headers["Retry-After"]) == (429, "60")
    assert bank.token(client_id="ck_2").status_code == 200
    bank.clock.advance(minutes=16)
    assert bank.token().status_code == 200


def test_refresh_tokens_rotate_when_they_are_issued(bank: Bank) -> None:
    bank.amnis.switch(issue_refresh_tokens=True)
    first = bank.token().json()["refresh_token"]
    second = bank.token(grant_type="refresh_token", refresh_token=first).json()
    assert _status(bank, second["access_token"])[0] == 200
    assert second["refresh_token"] != first
    assert bank.token(grant_type="refresh_token", refresh_token=first).json()["error"] == "invalid_grant"


def test_a_refresh_token_belongs_to_its_client(bank: Bank) -> None:
    bank.amnis.switch(issue_refresh_tokens=True)
    refresh = bank.token().json()["refresh_token"]
    stolen = bank.token(client_id="ck_2", grant_type="refresh_token", refresh_token=refresh)
    assert stolen.json()["error"] == "invalid_grant"


def test_an_operator_can_expire_and_disconnect_and_renew_the_secret(bank: Bank) -> None:
    token = bank.token().json()["access_token"]
    assert bank.amnis.tokens.expire("ck_2") == 0
    assert bank.amnis.tokens.expire("ck_1") == 1
    assert _status(bank, token) == (401, "Expired JWT Token")
    bank.amnis.tokens.disconnect("ck_1")
    assert _status(bank, token) == (401, "Invalid JWT Token")
    bank.amnis.tokens.change_secret("ck_1", "cs_new")
    assert bank.token().status_code == 401
    assert bank.token(client_secret="cs_new").status_code == 200


def test_a_company_sees_nothing_of_another(bank: Bank) -> None:
    row = bank.company.pay_in(amount="10.00")
    stranger: httpx.Client = bank.client("ck_2")
    for path in (f"/api/transactions/{row}", "/api/payin_transaction_details/1", "/api/accounts/1", "/api/contacts/1"):
        assert stranger.get(path).status_code == 404
    assert stranger.get("/api/transactions").json() == []


def test_without_the_scope_the_expense_data_are_forbidden(bank: Bank) -> None:
    bank.amnis.switch(accounting_scope=False)
    client = bank.client()
    assert client.get("/api/expense_categories").status_code == 403
    assert client.get("/api/accounts").status_code == 200
