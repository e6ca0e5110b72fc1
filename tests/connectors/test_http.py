"""What one HTTP exchange may become: JSON or one of our errors for a read, data and never an exception for a write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import respx

from connectors.contract.errors import ActionRequired, ConnectorError, ContractBroken, RetryLater
from connectors.contract.records import Answer, Endpoint, Prepared, Transport
from connectors.contract.spec import CallRecord, Wiring
from connectors.exchange import retry_after
from connectors.http import ApiClient

BASE = "https://vendor.example"


@dataclass
class Tokens:
    values: list[str] = field(default_factory=lambda: ["old", "new"])
    renewed: int = 0

    def token(self) -> str:
        return self.values[0]

    def renew(self, stale: str) -> str:
        self.renewed += 1
        return self.values[1]


@dataclass
class OpenThrottle:
    wait: float = 0.0
    taken: int = 0
    given_back: int = 0
    seen: list[int] = field(default_factory=list)

    def acquire(self, *, cost: int = 1, background: bool = False) -> float:
        self.taken += not self.wait
        return self.wait

    def release(self) -> None:
        self.given_back += 1

    def observe(self, headers: dict[str, str], status: int) -> None:
        self.seen.append(status)


@dataclass
class Bench:
    """A client on respx with everything around it in sight."""

    tokens: Tokens = field(default_factory=Tokens)
    throttle: OpenThrottle = field(default_factory=OpenThrottle)
    calls: list[CallRecord] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    @property
    def client(self) -> ApiClient:
        wiring = Wiring(
            base_url=BASE,
            tokens=self.tokens,
            throttle=self.throttle,
            record_call=self.calls.append,
            timeout_seconds=2,
            transport=httpx.HTTPTransport(),
        )
        return ApiClient(wiring, vendor="Vendor", sleep=self.slept.append)

    def send(self, *, allowed: Callable[[], bool] = lambda: True) -> Answer:
        return self.client.send_once(PREPARED, key="key-1", allowed=allowed)


PREPARED = Prepared(
    endpoint=Endpoint.BANK_TRANSACTIONS,
    method="PUT",
    path="/things?summarizeErrors=false",
    body=b'{"a":1}',
    markers=("MR-1",),
)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def vendor() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=BASE) as router:
        yield router


# ------------------------------------------------------------------------ reads


def test_a_read_gives_exact_decimals(bench: Bench, vendor: respx.MockRouter) -> None:
    vendor.get("/a").respond(content=b'{"amount": 0.10, "rate": 1.055261}')
    assert str(bench.client.get_json("/a")["amount"]) == "0.10"


def test_a_401_renews_once_and_goes_on(bench: Bench, vendor: respx.MockRouter) -> None:
    route = vendor.get("/a")
    route.side_effect = [httpx.Response(401), httpx.Response(200, json=[])]
    assert bench.client.get_json("/a") == []
    assert [call.request.headers["authorization"] for call in route.calls] == ["Bearer old", "Bearer new"]


def test_a_second_401_needs_a_person(bench: Bench, vendor: respx.MockRouter) -> None:
    vendor.get("/a").respond(401)
    with pytest.raises(ActionRequired):
        bench.client.get_json("/a")
    assert bench.tokens.renewed == 1


def test_a_missing_scope_is_not_cured_by_a_new_token(bench: Bench, vendor: respx.MockRouter) -> None:
    vendor.get("/a").respond(401, headers={"WWW-Authenticate": "insufficient_scope"})
    with pytest.raises(ActionRequired):
        bench.client.get_json("/a")
    assert bench.tokens.renewed == 0


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(403, json={"detail": "no"}), ActionRequired),
        (httpx.Response(429), RetryLater),
        (httpx.Response(500, text="<html>"), RetryLater),
        (httpx.Response(502), RetryLater),
        (httpx.Response(503), RetryLater),
        (httpx.Response(200, text="<html>maintenance</html>"), RetryLater),
        (httpx.Response(200, content=b'[{"id": 1}, {"id"'), RetryLater),
        (httpx.Response(200, content=b"[NaN]"), ContractBroken),
        (httpx.Response(200, content=b'{"a": 1, "a": 2}'), ContractBroken),
        (httpx.Response(200, content=b"[" * 200 + b"]" * 200), ContractBroken),
        (httpx.Response(302, headers={"Location": "https://evil.example/"}), ContractBroken),
        (httpx.Response(400, json={}), ContractBroken),
        (httpx.Response(404), ContractBroken),
    ],
)
def test_every_odd_answer_becomes_one_of_our_errors(
    bench: Bench, vendor: respx.MockRouter, response: httpx.Response, error: type[ConnectorError]
) -> None:
    vendor.get("/a").mock(return_value=response)
    with pytest.raises(error):
        bench.client.get_json("/a")


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.PoolTimeout]
)
def test_a_read_that_fails_three_times_gives_up_for_now(
    bench: Bench, vendor: respx.MockRouter, failure: type[httpx.TransportError]
) -> None:
    route = vendor.get("/a").mock(side_effect=failure("gone"))
    with pytest.raises(RetryLater) as raised:
        bench.client.get_json("/a")
    assert route.call_count == 3
    assert raised.value.whole_connection


def test_a_hiccup_is_not_noticed(bench: Bench, vendor: respx.MockRouter) -> None:
    vendor.get("/a").side_effect = [httpx.ReadTimeout("slow"), httpx.Response(503), httpx.Response(200, json={"a": 1})]
    assert bench.client.get_json("/a") == {"a": 1}


def test_a_short_retry_after_is_waited_for(bench: Bench, vendor: respx.MockRouter) -> None:
    vendor.get("/a").side_effect = [httpx.Response(429, headers={"Retry-After": "3"}), httpx.Response(200, json=1)]
    assert bench.client.get_json("/a") == 1
    assert bench.slept == [3.0]


def test_a_long_retry_after_goes_to_the_caller_at_once(bench: Bench, vendor: respx.MockRouter) -> None:
    route = vendor.get("/a").respond(429, headers={"Retry-After": "66975"})
    with pytest.raises(RetryLater) as raised:
        bench.client.get_json("/a")
    assert route.call_count == 1
    assert raised.value.wait == timedelta(seconds=66975)


def test_a_404_may_be_an_answer(bench: Bench, vendor: respx.MockRouter) -> None:
    vendor.get("/a").respond(404)
    assert bench.client.get_json("/a", missing_ok=True) is None


def test_without_a_place_in_the_budget_nothing_is_called(bench: Bench, vendor: respx.MockRouter) -> None:
    bench.throttle.wait = 40.0
    with pytest.raises(RetryLater) as raised:
        bench.client.get_json("/a")
    assert raised.value.wait == timedelta(seconds=40)
    assert bench.calls == []


@pytest.mark.parametrize("background", [True, False])
def test_an_adapter_for_background_reads_says_so_to_the_budget(vendor: respx.MockRouter, background: bool) -> None:
    asked: list[bool] = []

    class Throttle(OpenThrottle):
        def acquire(self, *, cost: int = 1, background: bool = False) -> float:
            asked.append(background)
            return 0.0

    vendor.get("/a").respond(json=1)
    wiring = Wiring(
        base_url=BASE, tokens=Tokens(), throttle=Throttle(), record_call=lambda _: None, background=background
    )
    ApiClient(replace(wiring, transport=httpx.HTTPTransport()), vendor="Vendor").get_json("/a")
    assert asked == [background]


def test_every_place_taken_is_given_back(bench: Bench, vendor: respx.MockRouter) -> None:
    vendor.get("/a").side_effect = [httpx.ReadTimeout("slow"), httpx.Response(401), httpx.Response(200, json=1)]
    bench.client.get_json("/a")
    assert bench.throttle.taken == bench.throttle.given_back == 3
    assert bench.throttle.seen == [401, 200]


# ----------------------------------------------------------------------- writes


@pytest.mark.parametrize(
    ("failure", "transport"),
    [
        (httpx.ConnectError, Transport.NOT_SENT),
        (httpx.ConnectTimeout, Transport.NOT_SENT),
        (httpx.PoolTimeout, Transport.NOT_SENT),
        (httpx.ReadTimeout, Transport.NO_ANSWER),
        (httpx.WriteTimeout, Transport.NO_ANSWER),
        (httpx.ReadError, Transport.NO_ANSWER),
        (httpx.WriteError, Transport.NO_ANSWER),
        (httpx.RemoteProtocolError, Transport.NO_ANSWER),
        (httpx.CloseError, Transport.NO_ANSWER),
    ],
)
def test_a_write_that_fails_says_how_far_it_came_and_is_sent_once(
    bench: Bench, vendor: respx.MockRouter, failure: type[httpx.TransportError], transport: Transport
) -> None:
    route = vendor.put("/things").mock(side_effect=failure("gone"))
    assert bench.send().transport is transport
    assert route.call_count == 1


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500, 503])
def test_every_status_of_a_write_is_an_answer_and_none_is_sent_twice(
    bench: Bench, vendor: respx.MockRouter, status: int
) -> None:
    route = vendor.put("/things").respond(status, content=b"<html>", headers={"Retry-After": "7", "Location": "/b"})
    answer = bench.send()
    assert (answer.transport, answer.status, answer.body) == (Transport.ANSWERED, status, b"<html>")
    assert answer.wait_seconds == 7.0
    assert route.call_count == 1
    assert bench.tokens.renewed == 0


def test_the_bytes_and_the_key_go_out_as_they_are(bench: Bench, vendor: respx.MockRouter) -> None:
    route = vendor.put("/things").respond(200)
    bench.client.send_once(PREPARED, key="tenant-1:abc", allowed=lambda: True)
    request = route.calls.last.request
    assert request.content == PREPARED.body
    assert request.headers["idempotency-key"] == "tenant-1:abc"
    assert request.url.query == b"summarizeErrors=false"


def test_permission_is_asked_last_and_without_it_nothing_leaves(bench: Bench, vendor: respx.MockRouter) -> None:
    asked: list[int] = []

    def refuse() -> bool:
        asked.append(bench.throttle.taken)
        return False

    answer = bench.send(allowed=refuse)
    assert answer.transport is Transport.WITHHELD
    assert asked == [1]  # the place in the budget was taken before
    assert bench.throttle.given_back == 1
    assert not vendor.calls


def test_permission_that_cannot_be_read_withholds(bench: Bench, vendor: respx.MockRouter) -> None:
    def broken() -> bool:
        raise RuntimeError("database gone")

    assert bench.send(allowed=broken).transport is Transport.WITHHELD
    assert not vendor.calls


def test_a_write_never_happens_without_a_place_in_the_budget(bench: Bench, vendor: respx.MockRouter) -> None:
    bench.throttle.wait = 30.0
    answer = bench.send()
    assert (answer.transport, answer.wait_seconds) == (Transport.WITHHELD, 30.0)
    assert not vendor.calls


def test_a_write_without_a_token_is_withheld(bench: Bench, vendor: respx.MockRouter) -> None:
    def no_token() -> str:
        raise RetryLater("later", wait=timedelta(seconds=5))

    bench.tokens.token = no_token  # type: ignore[method-assign]
    answer = bench.send()
    assert (answer.transport, answer.wait_seconds) == (Transport.WITHHELD, 5.0)


# --------------------------------------------------------------------- call log


def test_the_call_log_keeps_the_story_and_no_secret(bench: Bench, vendor: respx.MockRouter) -> None:
    body = b'{"access_token":"canary-1","iban":"CH9300762011623852957","jwt":"eyJhbGciOi.eyJzdWIi.c2ln"}'
    vendor.put("/things").respond(200, content=body, headers={"Xero-Correlation-Id": "c-1"})
    bench.send()
    record = bench.calls[-1]
    assert (record.method, record.path, record.status, record.write) == (
        "PUT",
        "/things?summarizeErrors=false",
        200,
        True,
    )
    assert record.correlation_id == "c-1"
    assert record.request_excerpt == '{"a":1}'
    for secret in ("canary", "CH93007620", "eyJ", "Bearer", "old"):
        assert secret not in repr(record)


def test_a_failed_call_is_logged_too(bench: Bench, vendor: respx.MockRouter) -> None:
    vendor.put("/things").mock(side_effect=httpx.ReadTimeout("slow"))
    bench.send()
    assert (bench.calls[-1].status, bench.calls[-1].outcome) == (0, "no_answer")


# ------------------------------------------------------------------ Retry-After

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("17", 17.0),
        ("-4", 0.0),
        ("Fri, 20 Nov 2026 12:01:30 GMT", 90.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", 60.0),
        ("99999999", 26 * 3600.0),
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after_in_every_form(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, now=NOW) == seconds
