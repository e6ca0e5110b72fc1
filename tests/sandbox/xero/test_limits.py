"""Rate limits, their headers, and the idempotency cache behind them."""

import threading
from collections.abc import Callable
from typing import Any

import httpx

from sandbox.xero.seed import PROPERTY, TRADING
from tests.sandbox.xero.conftest import Office, put, spend


def test_every_answer_tells_what_is_left(make_office: Callable[..., Office]) -> None:
    client = make_office(limits=True).client()
    answer = client.get("Organisation")
    assert answer.headers["x-minlimit-remaining"] == "59"
    assert answer.headers["x-daylimit-remaining"] == "4999"
    assert answer.headers["x-appminlimit-remaining"] == "9999"


def test_without_limits_nothing_ever_runs_out(office: Office, client: httpx.Client) -> None:
    assert [client.get("Organisation").status_code for _ in range(70)] == [200] * 70
    assert client.get("Organisation").headers["x-minlimit-remaining"] == "60"


def test_the_sixty_first_call_of_a_minute_is_refused_until_the_window_ends(make_office: Callable[..., Office]) -> None:
    office = make_office(limits=True)
    client = office.client()
    assert [client.get("Organisation").status_code for _ in range(61)][-2:] == [200, 429]
    refused = client.get("Organisation")
    assert refused.headers["x-rate-limit-problem"] == "minute"
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 60
    office.clock.advance(seconds=wait - 1)
    assert client.get("Organisation").status_code == 429
    office.clock.advance(seconds=1)
    assert client.get("Organisation").status_code == 200


def test_limits_are_counted_per_organisation(make_office: Callable[..., Office]) -> None:
    office = make_office(limits=True)
    office.xero.limiter.use_up("minute", "sandbox-xero", office.org(TRADING))
    assert office.client(TRADING).get("Organisation").status_code == 429
    assert office.client(PROPERTY).get("Organisation").status_code == 200


def test_the_day_limit_says_so_and_how_long(make_office: Callable[..., Office]) -> None:
    office = make_office(limits=True)
    client = office.client()
    office.xero.limiter.use_up("day", "sandbox-xero", office.org(TRADING))
    answer = client.get("Organisation")
    assert (answer.status_code, answer.headers["x-rate-limit-problem"]) == (429, "day")
    assert 1 <= int(answer.headers["retry-after"]) <= 86_400


def test_the_sixth_call_at_once_is_refused_without_retry_after(make_office: Callable[..., Office]) -> None:
    office = make_office(limits=True)
    org = office.org(TRADING)
    client = office.client()
    running = [office.xero.limiter.call("sandbox-xero", org) for _ in range(5)]
    for call in running:
        call.__enter__()
    answer = client.get("Organisation")
    assert (answer.status_code, answer.headers["x-rate-limit-problem"]) == (429, "concurrent")
    assert "retry-after" not in answer.headers
    running[0].__exit__(None, None, None)
    assert client.get("Organisation").status_code == 200


def test_failing_calls_and_replays_count(make_office: Callable[..., Office]) -> None:
    client = make_office(limits=True).client()
    client.get("BankTransactions/unknown")
    for _ in range(2):
        answer = client.put("BankTransactions", json={"BankTransactions": [spend()]}, headers={"Idempotency-Key": "k"})
    assert answer.headers["x-minlimit-remaining"] == "57"


def test_the_limit_is_looked_at_before_the_key(make_office: Callable[..., Office]) -> None:
    office = make_office(limits=True)
    client = office.client()
    headers = {"Idempotency-Key": "k"}
    client.put("BankTransactions", json={"BankTransactions": [spend()]}, headers=headers)
    office.xero.limiter.use_up("minute", "sandbox-xero", office.org(TRADING))
    again = client.put("BankTransactions", json={"BankTransactions": [spend()]}, headers=headers)
    assert again.status_code == 429


def keyed(client: httpx.Client, key: str, **changes: Any) -> httpx.Response:
    body = {"BankTransactions": [spend(**changes)]}
    return client.put("BankTransactions", json=body, headers={"Idempotency-Key": key})


def test_the_same_key_and_request_give_the_first_answer_and_one_document(office: Office, client: httpx.Client) -> None:
    first, second = keyed(client, "k"), keyed(client, "k")
    assert first.content == second.content
    assert len(office.xero.ledger().bank_transactions()) == 1


def test_a_key_is_forgotten_after_six_minutes(office: Office, client: httpx.Client) -> None:
    keyed(client, "k")
    office.clock.advance(minutes=5, seconds=59)
    keyed(client, "k")
    assert len(office.xero.ledger().bank_transactions()) == 1
    office.clock.advance(seconds=2)
    keyed(client, "k")
    assert len(office.xero.ledger().bank_transactions()) == 2


def test_a_key_with_another_request_is_refused(client: httpx.Client) -> None:
    keyed(client, "k")
    answer = keyed(client, "k", Reference="another")
    assert answer.status_code == 400
    assert answer.json()["Message"] == "Idempotency Key: k is used with a different request."


def test_keys_are_per_app_so_two_organisations_collide(office: Office) -> None:
    assert keyed(office.client(TRADING), "k").status_code == 200
    assert keyed(office.client(PROPERTY), "k").status_code == 400


def test_errors_are_remembered_too(office: Office, client: httpx.Client) -> None:
    wrong = spend(LineItems=[{"Description": "x", "UnitAmount": 1, "AccountCode": "470"}])
    body = {"BankTransactions": [wrong]}
    headers = {"Idempotency-Key": "k"}
    first = client.put("BankTransactions", json=body, headers=headers)
    office.xero.people().change_account("470", Status="ACTIVE")
    assert (first.status_code, client.put("BankTransactions", json=body, headers=headers).status_code) == (400, 400)
    office.xero.idempotency.forget_everything()
    assert client.put("BankTransactions", json=body, headers=headers).status_code == 200


def test_a_key_of_more_than_128_characters_is_refused(client: httpx.Client) -> None:
    assert keyed(client, "k" * 128).status_code == 200
    assert keyed(client, "k" * 129).status_code == 400


def test_the_key_is_ignored_on_reads(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "k"}
    before = client.get("BankTransactions", params={"page": 1}, headers=headers).json()["pagination"]["itemCount"]
    put(client, spend())
    after = client.get("BankTransactions", params={"page": 1}, headers=headers).json()["pagination"]["itemCount"]
    assert (before, after) == (0, 1)


def test_two_threads_with_one_key_make_one_document(office: Office) -> None:
    clients = [office.client() for _ in range(4)]
    threads = [threading.Thread(target=keyed, args=(client, "k")) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(office.xero.ledger().bank_transactions()) == 1
