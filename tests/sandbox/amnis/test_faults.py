"""What goes wrong on purpose, and the request limit (A30)."""

from collections.abc import Callable

import httpx
import pytest

from sandbox.amnis.gate import TokenBucket
from sandbox.amnis.problems import Problem
from tests.sandbox.amnis.conftest import Bank


def test_a_rate_limit_says_when_to_come_back(bank: Bank) -> None:
    client = bank.client()
    bank.amnis.faults.rate_limit(retry_after=7)
    answer = client.get("/api/accounts")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert client.get("/api/accounts").status_code == 200


def test_maintenance_an_expired_token_and_an_html_page(bank: Bank) -> None:
    client, faults = bank.client(), bank.amnis.faults
    faults.offline()
    faults.expire_token()
    faults.server_error()
    faults.forbid()
    answers = [client.get("/api/accounts") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [503, 401, 500, 403, 200]
    assert answers[2].headers["Content-Type"].startswith("text/html")


def test_the_second_page_can_fail_alone(bank: Bank) -> None:
    client = bank.client()
    bank.amnis.faults.offline(path="/api/transactions", after=1)
    assert [client.get("/api/transactions").status_code for _ in range(3)] == [200, 503, 200]


def test_faults_strike_reads_and_spare_the_token(bank: Bank) -> None:
    bank.amnis.faults.offline()
    assert bank.token().status_code == 200
    assert len(bank.amnis.faults.hits()) == 0


def test_a_fault_can_be_aimed_at_one_list(bank: Bank) -> None:
    client = bank.client()
    bank.amnis.faults.server_error(path="/api/transactions")
    assert client.get("/api/accounts").status_code == 200
    assert client.get("/api/transactions").status_code == 500


@pytest.mark.parametrize("effect", ["garble", "truncate", "html_body"])
def test_a_spoiled_body_is_no_json(bank: Bank, effect: str) -> None:
    client = bank.client()
    bank.company.pay_in(amount="1.00")
    getattr(bank.amnis.faults, effect)()
    with pytest.raises(ValueError, match=r".+"):
        client.get("/api/transactions").json()


def test_a_reset_is_no_answer(bank: Bank) -> None:
    client = bank.client()
    bank.amnis.faults.reset()
    with pytest.raises(httpx.ReadError):
        client.get("/api/transactions")


def test_a_short_page_misses_its_last_row(bank: Bank) -> None:
    for _ in range(3):
        bank.company.pay_in(amount="1.00")
    client = bank.client()
    bank.amnis.faults.drop_element()
    assert len(client.get("/api/transactions").json()) == 2


def test_more_than_twenty_requests_at_once_are_too_many(make_bank: Callable[..., Bank]) -> None:
    bank = make_bank(limits=True)
    client = bank.client()
    statuses = [client.get("/api/contacts").status_code for _ in range(60)]
    assert statuses[:20] == [200] * 20
    assert 429 in statuses
    bank.amnis.switch(requests_per_second=0)
    assert [client.get("/api/contacts").status_code for _ in range(30)] == [200] * 30


def test_the_bucket_refills_with_time() -> None:
    time = [0.0]
    bucket = TokenBucket(now=lambda: time[0])
    for _ in range(4):
        bucket.take("ck_1", 2)
    with pytest.raises(Problem) as refused:
        bucket.take("ck_1", 2)
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
    bucket.take("ck_2", 2)
    time[0] = 1.0
    bucket.take("ck_1", 2)
    bucket.take("ck_1", 2)
    with pytest.raises(Problem):
        bucket.take("ck_1", 2)


def test_every_request_is_noted(bank: Bank) -> None:
    client = bank.client()
    client.get("/api/transactions", params={"page": "2"})
    client.get("/api/transactions/1")
    seen = [(call.method, call.path, call.query, call.status) for call in bank.amnis.calls]
    assert seen == [
        ("POST", "/api/token", "", 200),
        ("GET", "/api/transactions", "page=2", 200),
        ("GET", "/api/transactions/1", "", 404),
    ]


@pytest.mark.parametrize("change", [{"nonsense": 1}, {"token_ttl": "soon"}, {"signed_amounts": "perhaps"}])
def test_a_wrong_switch_is_refused_and_changes_nothing(bank: Bank, change: dict[str, object]) -> None:
    before = bank.amnis.switches
    with pytest.raises(ValueError, match=r".+"):
        bank.amnis.switch(latency_ms=3, **change)
    assert bank.amnis.switches == before
