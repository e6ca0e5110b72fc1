"""What every source must do, whoever the vendor is."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.errors import ActionRequired, RetryLater, Severity
from connectors.contract.ports import Source
from connectors.contract.records import Cursor, ExecutedMovement, Execution, Page, RawRecord, SourceTransaction
from connectors.contract.spec import Role
from connectors.registry import SPECS
from tests.contract.conftest import Stage, nobody

MANY = 120
SOURCES = [found for found in SPECS if found.role is Role.SOURCE]


def read_all(source: Source, *, pages: int = 1) -> list[RawRecord]:
    cursor, found = Cursor(since=None), list[RawRecord]()
    while True:
        page = source.read(cursor, pages=pages)
        found += page.records
        if page.at_end:
            return found
        assert page.cursor.page > cursor.page  # reading moves on
        cursor = page.cursor


def test_every_source_of_the_registry_has_a_stage(source_stage: Stage) -> None:
    assert source_stage.kind in {found.kind for found in SOURCES}
    assert source_stage.source().kind == source_stage.kind


def test_wallets_have_ids_of_their_own_and_a_currency(source_stage: Stage) -> None:
    accounts = source_stage.source().accounts()
    assert len({account.account_id for account in accounts}) == len(accounts) > 0
    assert all(len(account.currency) == 3 for account in accounts)


@pytest.mark.parametrize("pages", [1, 2, 50])
def test_every_row_is_read_once_however_the_reading_is_sliced(source_stage: Stage, pages: int) -> None:
    source_stage.add_movements(MANY)
    ids = [record.source_id for record in read_all(source_stage.source(), pages=pages)]
    assert len(ids) == len(set(ids)) == MANY


def test_reading_again_gives_the_same_payloads(source_stage: Stage) -> None:
    source_stage.add_movements(10)
    assert read_all(source_stage.source()) == read_all(source_stage.source())


def test_at_the_end_the_cursor_tells_the_newest_change_and_an_empty_reading_forgets_nothing(
    source_stage: Stage,
) -> None:
    source_stage.add_movements(3)
    page = source_stage.source().read(Cursor(since=None), pages=5)
    changes = [record.updated_at for record in page.records if record.updated_at is not None]
    assert page.at_end
    assert page.cursor == Cursor(since=None, page=1, high=max(changes))
    later = Cursor(since=max(changes) + timedelta(days=1))
    assert source_stage.source().read(later, pages=5).cursor == later


def test_payloads_are_plain_json(source_stage: Stage) -> None:
    source_stage.add_movements(3)
    for record in read_all(source_stage.source()):
        assert json.loads(json.dumps(record.payload)) == record.payload


def test_reading_by_date_finds_what_reading_by_change_found(source_stage: Stage) -> None:
    source_stage.add_movements(MANY)
    by_change = {record.source_id for record in read_all(source_stage.source())}
    pages: list[Page] = list(source_stage.source().read_executed(since=date(2020, 1, 1)))
    assert {record.source_id for page in pages for record in page.records} == by_change


def test_a_proof_reads_what_is_posted(source_stage: Stage) -> None:
    """The short reading knows the same movements, amounts and days as the long one."""
    source_stage.add_movements(MANY)
    source = source_stage.source()
    rows = [source.normalise(raw) for page in source.read_executed(since=date(2020, 1, 1)) for raw in page.records]
    done = [it for it in rows if it.execution is Execution.EXECUTED]
    short = [it for page in source.executed(since=date(2020, 1, 1)) for it in page]
    assert [_moved(it) for it in short] == [_moved(it) for it in done]
    assert len(short) > MANY / 2


def _moved(it: SourceTransaction | ExecutedMovement) -> tuple[object, ...]:
    days = (it.execution_date, it.settlement_date, it.value_date, it.deal_date)
    return (it.account_id, it.source_id, it.amount, *days)


def test_a_reading_only_reads(source_stage: Stage) -> None:
    source_stage.add_movements(3)
    source = source_stage.source()
    source.accounts(), read_all(source), list(source.references()), list(source.deals(since=date(2020, 1, 1)))
    assert {request.method for request in source_stage.transport.requests} == {"GET"}


def test_normalising_is_pure(source_stage: Stage) -> None:
    source_stage.add_movements(5)
    reader, other = source_stage.source(), source_stage.source()
    records = read_all(reader)
    calls = len(source_stage.transport.requests)
    assert [reader.normalise(record) for record in records] == [other.normalise(record) for record in records]
    assert len(source_stage.transport.requests) == calls


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=15), inner, max_size=4),
        max_leaves=10,
    )
)
def test_no_payload_makes_normalising_fail_or_post(payload: object) -> None:
    for found in SOURCES:
        source = cast(Source, found.open(nobody()))
        raw = RawRecord(account_id="", source_id="", updated_at=None, payload={"row": payload, "detail": payload})
        movement = source.normalise(raw)
        assert movement.execution is not Execution.EXECUTED or any(
            finding.severity is Severity.REVIEW for finding in movement.findings
        )


@pytest.mark.parametrize("fault", ["offline", "server_error", "reset", "garble", "truncate"])
def test_a_failing_vendor_raises_and_never_looks_like_the_end(source_stage: Stage, fault: str) -> None:
    source_stage.add_movements(60)
    source = source_stage.source()
    getattr(source_stage.faults, fault)(times=9)
    with pytest.raises(RetryLater):
        source.read(Cursor(since=None), pages=5)


def test_a_vendor_that_no_longer_knows_us_needs_a_person(source_stage: Stage) -> None:
    source_stage.tokens.value = "withdrawn"
    with pytest.raises(ActionRequired):
        source_stage.source().read(Cursor(since=None), pages=1)


def test_health_tells_and_never_raises(source_stage: Stage) -> None:
    assert source_stage.source().health().reachable
    source_stage.tokens.value = "withdrawn"
    health = source_stage.source().health()
    assert (health.reachable, bool(health.message)) == (False, True)


def test_every_call_has_a_place_in_the_budget_and_a_line_in_the_log_without_the_token(source_stage: Stage) -> None:
    source_stage.add_movements(60)
    source_stage.faults.offline(times=1)
    read_all(source_stage.source())
    calls = len(source_stage.transport.requests)
    assert source_stage.throttle.taken == source_stage.throttle.given_back == calls == len(source_stage.calls)
    assert source_stage.tokens.value not in repr(source_stage.calls)
