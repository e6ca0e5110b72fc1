"""What every destination must do, whoever the vendor is: the promises that "exactly once" is built on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.errors import ActionRequired, RetryLater
from connectors.contract.ports import Destination
from connectors.contract.records import Answer, DocumentKind, Endpoint, MirrorDocument, Outcome, Transport
from connectors.contract.spec import Role
from connectors.registry import SPECS
from tests.contract.conftest import Stage, entries, marker, nobody, writables

DESTINATIONS = [found for found in SPECS if found.role is Role.DESTINATION]
APPLIED = {Outcome.APPLIED, Outcome.UNPROVEN}
ENDPOINTS = list(Endpoint)


def opened(kind: str) -> Destination:
    found = next(spec for spec in DESTINATIONS if spec.kind == kind)
    return cast(Destination, found.open(nobody()))


def everything(destination: Destination) -> list[MirrorDocument]:
    found = destination.changes(Endpoint.BANK_TRANSACTIONS, since=None)
    return [document for page in found for document in page]


def test_every_destination_of_the_registry_has_a_stage(destination_stage: Stage) -> None:
    assert destination_stage.kind in {found.kind for found in DESTINATIONS}
    destination = destination_stage.destination()
    assert (destination.kind, destination.organisation_id) == (
        destination_stage.kind,
        destination_stage.organisation_id,
    )


def test_the_chart_names_everything_by_an_id_of_its_own(destination_stage: Stage) -> None:
    chart = destination_stage.destination().chart()
    assert len({account.account_id for account in chart.accounts}) == len(chart.accounts) > 0
    assert all(account.currency for account in chart.accounts if account.is_bank)
    assert chart.organisation.base_currency in chart.currencies
    assert chart.organisation.organisation_id == destination_stage.organisation_id


@pytest.mark.parametrize("kind", [found.kind for found in DESTINATIONS])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_preparing_is_pure_and_the_same_bytes_come_out_again(kind: str, endpoint: Endpoint) -> None:
    size = opened(kind).batch_size(endpoint)
    assert size >= 1
    items = writables(endpoint, min(size, 5))
    first, again = (opened(kind).prepare(endpoint, items) for _ in range(2))
    assert first == again
    assert first.markers == tuple(marker(number) for number in range(len(items)))
    assert all(found.encode() in first.body for found in first.markers)


ANSWERS = st.builds(
    Answer,
    transport=st.sampled_from(list(Transport)),
    status=st.sampled_from([0, 200, 201, 204, 301, 400, 401, 403, 404, 409, 429, 500, 502, 503]),
    headers=st.sampled_from([{}, {"retry-after": "7"}, {"x-rate-limit-problem": "concurrent"}]),
    body=st.sampled_from([b"", b"{}", b"[]", b"null", b"<html>", b'{"BankTransactions":[', b'{"Elements":[]}'])
    | st.binary(max_size=60),
)


@pytest.mark.parametrize("kind", [found.kind for found in DESTINATIONS])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@given(answer=ANSWERS)
def test_whatever_comes_back_each_item_gets_one_outcome_and_none_is_believed_without_an_id(
    kind: str, endpoint: Endpoint, answer: Answer
) -> None:
    destination = opened(kind)
    items = writables(endpoint, min(3, destination.batch_size(endpoint)))
    prepared = destination.prepare(endpoint, items)
    found = destination.classify(prepared, answer, items=items)
    assert tuple(item.marker for item in found.items) == prepared.markers
    for item in found.items:
        assert item.outcome not in APPLIED or (item.receipt is not None and item.receipt.document_id)
        if answer.transport in (Transport.NOT_SENT, Transport.WITHHELD):
            assert item.outcome is Outcome.NOT_APPLIED
        if answer.transport is Transport.NO_ANSWER or (answer.transport is Transport.ANSWERED and answer.status >= 500):
            assert item.outcome is Outcome.UNKNOWN


def test_what_was_written_is_proven_by_its_marker_and_read_back(destination_stage: Stage) -> None:
    destination = destination_stage.destination()
    items = entries(destination, 3)
    prepared = destination.prepare(Endpoint.BANK_TRANSACTIONS, items)
    answer = destination.send(prepared, key="key-1", allowed=lambda: True)
    found = destination.classify(prepared, answer, items=items)
    assert [item.outcome for item in found.items] == [Outcome.APPLIED] * 3
    by_marker = {document.marker: document for document in everything(destination)}
    for item in found.items:
        assert item.receipt is not None
        assert by_marker[item.marker].document_id == item.receipt.document_id
        assert item.receipt.document is not None
        read = destination.document(DocumentKind.RECEIVE, item.receipt.document_id)
        assert read is not None
        assert (read.marker, read.total) == (item.marker, item.receipt.document.total)
        assert destination.link(DocumentKind.RECEIVE, item.receipt.document_id).startswith("http")


@pytest.mark.parametrize("fault", ["lose_answer", "reset", "garble", "truncate", "half_batch"])
def test_an_answer_that_got_lost_is_unknown_and_the_books_decide(destination_stage: Stage, fault: str) -> None:
    destination = destination_stage.destination()
    items = entries(destination, 4)
    prepared = destination.prepare(Endpoint.BANK_TRANSACTIONS, items)
    getattr(destination_stage.faults, fault)(times=1)
    before = len(destination_stage.transport.requests)
    answer = destination.send(prepared, key="key-1", allowed=lambda: True)
    assert len(destination_stage.transport.requests) == before + 1  # sent once, whatever happened
    found = destination.classify(prepared, answer, items=items)
    assert {item.outcome for item in found.items} == {Outcome.UNKNOWN}
    present = {document.marker for document in everything(destination)} & set(prepared.markers)
    assert len(present) == {"lose_answer": 4, "reset": 0, "garble": 4, "truncate": 4, "half_batch": 2}[fault]


def test_without_permission_nothing_is_sent(destination_stage: Stage) -> None:
    destination = destination_stage.destination()
    items = entries(destination, 1)
    prepared = destination.prepare(Endpoint.BANK_TRANSACTIONS, items)
    before = len(destination_stage.transport.requests)
    answer = destination.send(prepared, key="key-1", allowed=lambda: False)
    assert answer.transport is Transport.WITHHELD
    assert len(destination_stage.transport.requests) == before


def test_only_what_changed_since_is_told(destination_stage: Stage) -> None:
    destination = destination_stage.destination()
    later = datetime(2099, 1, 1, tzinfo=UTC)
    assert [
        document for page in destination.changes(Endpoint.BANK_TRANSACTIONS, since=later) for document in page
    ] == []


@pytest.mark.parametrize("fault", ["offline", "server_error", "reset", "garble", "truncate"])
def test_a_failing_vendor_raises_and_never_looks_like_the_end(destination_stage: Stage, fault: str) -> None:
    destination = destination_stage.destination()
    getattr(destination_stage.faults, fault)(times=9)
    with pytest.raises(RetryLater):
        everything(destination)


def test_a_vendor_that_no_longer_knows_us_needs_a_person(destination_stage: Stage) -> None:
    destination_stage.tokens.value = "withdrawn"
    with pytest.raises(ActionRequired):
        destination_stage.destination().organisation()


def test_health_tells_and_never_raises(destination_stage: Stage) -> None:
    assert destination_stage.destination().health().reachable
    destination_stage.tokens.value = "withdrawn"
    health = destination_stage.destination().health()
    assert (health.reachable, bool(health.message)) == (False, True)


def test_every_call_has_a_place_in_the_budget_and_a_line_in_the_log_without_the_token(destination_stage: Stage) -> None:
    destination = destination_stage.destination()
    items = entries(destination, 2)
    destination.send(destination.prepare(Endpoint.BANK_TRANSACTIONS, items), key="key-1", allowed=lambda: True)
    calls = len(destination_stage.transport.requests)
    throttle = destination_stage.throttle
    assert throttle.taken == throttle.given_back == calls == len(destination_stage.calls)
    assert [call.write for call in destination_stage.calls].count(True) == 1
    assert destination_stage.tokens.value not in repr(destination_stage.calls)
