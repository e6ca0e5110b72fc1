"""The fault plan: what a client sees, and what nevertheless stands in the books; in process and over real sockets."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.clock import Clock
from sandbox.core import Core
from sandbox.faults import FaultPlan
from sandbox.server import Server
from sandbox.store import Store
from sandbox.transport import SandboxTransport
from sandbox.xero.app import XeroSandbox

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
API = "/api.xro/2.0"


@dataclass
class Place:
    """Xero and a client of it."""

    xero: XeroSandbox
    client: httpx.Client

    def put(self, count: int = 4) -> httpx.Response:
        documents = [
            {
                "Type": "SPEND",
                "Reference": f"row {number}",
                "Contact": {"Name": "Helvetia Papier AG"},
                "BankAccount": {"Code": "090"},
                "LineItems": [{"Description": "x", "UnitAmount": "1.00", "AccountCode": "404"}],
            }
            for number in range(count)
        ]
        query = {"summarizeErrors": "false"}
        return self.client.put(f"{API}/BankTransactions", params=query, json={"BankTransactions": documents})

    def get(self) -> httpx.Response:
        return self.client.get(f"{API}/Organisation")

    def booked(self) -> list[str]:
        return [document["Reference"] for document in self.xero.ledger().bank_transactions()]

    def sign_in(self) -> None:
        tokens = self.xero.issue_tokens()
        org = self.xero.organisations()[0]["OrganisationID"]
        self.client.headers.update(
            {
                "Authorization": f"Bearer {tokens['access_token']}",
                "xero-tenant-id": org,
                "Accept": "application/json",
            }
        )


def new_xero(path: Path | None = None) -> XeroSandbox:
    store = Store(path)
    clock = Clock(store, base=lambda: NOW)
    return XeroSandbox(Core(store=store, clock=clock, faults=FaultPlan(clock), limits=False))


@pytest.fixture
def in_process() -> Iterator[Place]:
    xero = new_xero()
    with httpx.Client(transport=SandboxTransport(xero), base_url="http://xero.test") as client:
        place = Place(xero, client)
        place.sign_in()
        yield place
    xero.core.faults.drop_held()
    xero.core.store.close()


@pytest.fixture
def over_http(tmp_path: Path) -> Iterator[Place]:
    xero = new_xero(tmp_path / "books.sqlite3")
    server = Server(xero, port=0)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        place = Place(xero, client)
        place.sign_in()
        yield place
    xero.core.faults.drop_held()
    server.shutdown()
    server.server_close()
    xero.core.store.close()


@pytest.fixture(params=["in_process", "over_http"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def test_a_lost_answer_was_committed(place: Place) -> None:
    place.xero.faults.lose_answer(after_commit=True)
    with pytest.raises(httpx.TransportError):
        place.put(2)
    assert place.booked() == ["row 0", "row 1"]
    assert place.put(1).status_code == 200


def test_a_lost_answer_is_replayed_by_its_key_unless_the_keys_are_forgotten(place: Place) -> None:
    place.client.headers["Idempotency-Key"] = "k"
    place.xero.faults.lose_answer(after_commit=True)
    with pytest.raises(httpx.TransportError):
        place.put(2)
    place.put(2)
    assert len(place.booked()) == 2
    place.xero.idempotency.forget_everything()
    place.put(2)
    assert len(place.booked()) == 4


def test_a_reset_commits_nothing(place: Place) -> None:
    place.xero.faults.reset()
    with pytest.raises(httpx.TransportError):
        place.put()
    assert place.booked() == []


def test_faults_of_writing_spare_reads_and_tokens(in_process: Place) -> None:
    in_process.xero.faults.lose_answer()
    assert in_process.get().status_code == 200
    in_process.client.post("/connect/token", data={"grant_type": "refresh_token"})
    assert in_process.xero.faults.hits() == []


def test_half_a_batch_is_committed_and_the_answer_is_a_500(place: Place) -> None:
    place.xero.faults.half_batch()
    answer = place.put(5)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert place.booked() == ["row 0", "row 1", "row 2"]


def test_the_500_of_half_a_batch_is_remembered_by_its_key(in_process: Place) -> None:
    in_process.client.headers["Idempotency-Key"] = "k"
    in_process.xero.faults.half_batch()
    assert [in_process.put(4).status_code, in_process.put(4).status_code] == [500, 500]
    assert in_process.booked() == ["row 0", "row 1"]


def test_a_late_commit_arrives_on_release(place: Place) -> None:
    place.xero.faults.late_commit()
    with pytest.raises(httpx.TransportError):
        place.put(2)
    assert place.booked() == []
    assert place.xero.faults.release() == 1
    assert place.booked() == ["row 0", "row 1"]


def test_a_late_commit_arrives_when_its_time_has_come_although_the_token_has_expired(in_process: Place) -> None:
    in_process.xero.faults.late_commit(seconds=3600, answer="503")
    assert in_process.put(1).status_code == 503
    in_process.xero.core.clock.advance(seconds=3599)
    assert in_process.booked() == []
    in_process.xero.core.clock.advance(seconds=1)
    assert in_process.booked() == ["row 0"]


def test_a_late_commit_arrives_by_itself(over_http: Place) -> None:
    over_http.xero.core.clock.advance(seconds=-1)
    over_http.xero.faults.late_commit(seconds=0.05)
    with pytest.raises(httpx.TransportError):
        over_http.put(1)
    over_http.xero.core.clock.advance(seconds=1)
    deadline = time.monotonic() + 5
    while not over_http.xero.core.store.count("xero.banktransaction", over_http.xero.books().org):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("kind", "has_wait"), [("minute", True), ("day", True), ("concurrent", False)])
def test_rate_limits_of_each_kind(place: Place, kind: str, has_wait: bool) -> None:
    place.xero.faults.rate_limit(kind)
    answer = place.put()
    assert (answer.status_code, answer.headers["x-rate-limit-problem"]) == (429, kind)
    assert ("retry-after" in answer.headers) is has_wait
    assert place.booked() == []


def test_the_wait_of_a_rate_limit_can_be_chosen(in_process: Place) -> None:
    in_process.xero.faults.rate_limit("day", retry_after=66_975)
    assert in_process.get().headers["retry-after"] == "66975"


def test_offline(place: Place) -> None:
    place.xero.faults.offline(times=2)
    assert [place.get().status_code for _ in range(3)] == [503, 503, 200]


@pytest.mark.parametrize(("after_commit", "booked"), [(False, 0), (True, 1)])
def test_a_500_in_html_before_or_after_the_commit(place: Place, after_commit: bool, booked: int) -> None:
    place.xero.faults.server_error(after_commit=after_commit)
    answer = place.put(1)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert len(place.booked()) == booked


def test_a_token_expires_in_the_middle(in_process: Place) -> None:
    in_process.xero.faults.expire_token()
    answer = in_process.put()
    assert answer.status_code == 401
    assert answer.json()["Detail"].startswith("TokenExpired")
    assert in_process.put(1).status_code == 200


@pytest.mark.parametrize("spoil", ["garble", "truncate"])
def test_a_spoiled_body_after_the_commit(place: Place, spoil: str) -> None:
    getattr(place.xero.faults, spoil)()
    answer = place.put(1)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r".*"):
        answer.json()
    assert place.booked() == ["row 0"]


def test_an_answer_with_a_missing_or_a_moved_element(in_process: Place) -> None:
    def references() -> list[Any]:
        return [element["Reference"] for element in in_process.put(3).json()["BankTransactions"]]

    in_process.xero.faults.drop_element()
    assert references() == ["row 1", "row 2"]
    in_process.xero.faults.shuffle()
    assert references() == ["row 2", "row 1", "row 0"]
    assert len(in_process.booked()) == 6


def test_a_refused_element_can_be_missing_from_the_answer(in_process: Place) -> None:
    in_process.xero.faults.swallow_errors()
    query = {"summarizeErrors": "false"}
    body = {"BankTransactions": [{"Type": "SPEND"}]}
    answer = in_process.client.put(f"{API}/BankTransactions", params=query, json=body)
    assert (answer.status_code, answer.json()["BankTransactions"]) == (200, [])


def test_a_lost_refresh_answer_can_be_had_again_with_the_old_token(place: Place) -> None:
    token = place.xero.issue_tokens()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    place.xero.faults.lose_answer(path="/connect/token")
    with pytest.raises(httpx.TransportError):
        place.client.post("/connect/token", data=form, auth=("sandbox-xero", "sandbox-xero-secret"))
    again = place.client.post("/connect/token", data=form, auth=("sandbox-xero", "sandbox-xero-secret"))
    assert again.json()["refresh_token"] != token


def test_a_slow_answer_is_a_read_time_out_and_committed(in_process: Place) -> None:
    in_process.xero.faults.slow(seconds=60)
    with pytest.raises(httpx.ReadTimeout):
        in_process.put(1)
    assert in_process.booked() == ["row 0"]


def test_a_slow_answer_over_a_socket(over_http: Place) -> None:
    over_http.xero.faults.slow(seconds=0.5)
    over_http.client.timeout = httpx.Timeout(0.1)
    with pytest.raises(httpx.ReadTimeout):
        over_http.put(1)
    assert over_http.booked() == ["row 0"]


def test_faults_stand_in_a_queue_and_are_logged(in_process: Place) -> None:
    in_process.xero.faults.offline()
    in_process.xero.faults.rate_limit("minute")
    assert [in_process.get().status_code for _ in range(3)] == [503, 429, 200]
    assert [hit.effect for hit in in_process.xero.faults.hits()] == ["offline", "rate_minute"]
    assert in_process.xero.faults.hits()[0].path == f"{API}/Organisation"


def test_a_fault_can_be_meant_for_one_path(in_process: Place) -> None:
    in_process.xero.faults.offline(path="/BankTransactions")
    assert in_process.get().status_code == 200
    assert in_process.put().status_code == 503


def test_a_lasting_fault_strikes_by_its_own_dice_the_same_way_each_time() -> None:
    def struck(seed: int) -> list[int]:
        plan = FaultPlan(Clock(Store(None), base=lambda: NOW))
        plan.of("xero", write_path="/").offline(times=None, probability=0.3, seed=seed)
        return [number for number in range(200) if plan.draw("xero", "GET", "/")]

    assert struck(7) == struck(7) != struck(8)
    assert 30 < len(struck(7)) < 90


def test_a_token_expires_for_whoever_was_let_in_with_it_before() -> None:
    plan = FaultPlan(Clock(Store(None), base=lambda: NOW))
    plan.of("xero", write_path="/").expire_token(spares_new=True, times=2)

    struck = [plan.draw("xero", "GET", "/", token=token) is not None for token in ("a", "a", "b", "b", "c", "c")]

    assert struck == [False, True, False, True, False, False]


def test_clearing_and_removing(in_process: Place) -> None:
    number = in_process.xero.faults.offline(times=None)
    assert list(in_process.xero.core.faults.planned()) == [number]
    in_process.xero.core.faults.remove(number)
    assert in_process.get().status_code == 200
    in_process.xero.faults.offline(times=None)
    in_process.xero.faults.clear()
    assert in_process.get().status_code == 200


def test_keep_alive_serves_many_requests_on_one_connection(over_http: Place) -> None:
    start = time.perf_counter()
    assert all(over_http.get().status_code == 200 for _ in range(50))
    assert time.perf_counter() - start < 2.0  # a delayed acknowledgement alone would cost 40 ms each


def test_the_books_survive_a_restart(tmp_path: Path) -> None:
    for expected in (1, 2):
        xero = new_xero(tmp_path / "books.sqlite3")
        with httpx.Client(transport=SandboxTransport(xero), base_url="http://xero.test") as client:
            place = Place(xero, client)
            place.sign_in()
            place.put(1)
            assert len(place.booked()) == expected
        xero.core.store.close()


def test_the_clock_moves_and_remembers(tmp_path: Path) -> None:
    store = Store(tmp_path / "clock.sqlite3")
    Clock(store, base=lambda: NOW).advance(days=1)
    assert Clock(store, base=lambda: NOW).now() == datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    store.close()


def test_threads_write_at_the_same_time(over_http: Place) -> None:
    def work(results: list[int]) -> Callable[[], None]:
        return lambda: results.append(over_http.put(5).status_code)

    results: list[int] = []
    threads = [threading.Thread(target=work(results)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [200] * 8
    assert len(over_http.booked()) == 40
