"""Which movement, what it says, and the mark that finds its document again: three digests that are never mixed up."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.contract.money import Money
from connectors.contract.records import RawRecord
from sync.domain.fingerprint import canonical, contact_marker, content_hash, fingerprint, marker, natural_keys
from tests.domain.movements import movement

CROCKFORD = re.compile(r"MR-[0-9A-HJKMNP-TV-Z]{13}")
WORDS = st.text(min_size=1, max_size=12)


def raw(source_id: str = "", *, account: str = "1", **payload: Any) -> RawRecord:
    return RawRecord(account_id=account, source_id=source_id, updated_at=None, payload=payload)


def test_a_movement_keeps_its_key_whatever_it_says_later() -> None:
    [before], [after] = (
        natural_keys("amnis", [raw("9001", amount="5")]),
        natural_keys("amnis", [raw("9001", amount="6")]),
    )

    assert before == after
    assert fingerprint(before).startswith("v1:")
    assert re.fullmatch(r"v1:[0-9a-f]{64}", fingerprint(before))


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        ("amnis", raw("9002")),
        ("amnis", raw("9001", account="2")),
        ("amazon", raw("9001")),
    ],
    ids=["another row", "another account", "another source"],
)
def test_another_movement_has_another_key(kind: str, other: RawRecord) -> None:
    assert natural_keys(kind, [other]) != natural_keys("amnis", [raw("9001")])


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_id_is_no_id_and_equal_rows_stay_two(empty: str) -> None:
    twins = natural_keys("amnis", [raw(empty, amount="4.60"), raw(empty, amount="4.60"), raw(empty, amount="4.70")])

    assert len(set(map(fingerprint, twins))) == 3


def test_rows_without_id_are_found_again_in_a_second_reading() -> None:
    """The ordinal counts equal rows alone, so that other rows between them change nothing."""
    first = natural_keys("amnis", [raw(amount="1"), raw(amount="1")])
    second = natural_keys("amnis", [raw(amount="1"), raw(amount="7"), raw(amount="1")])

    assert [second[0], second[2]] == first


def test_equal_rows_without_id_on_two_accounts_are_two() -> None:
    assert len(set(natural_keys("amnis", [raw(amount="1"), raw(account="2", amount="1")]))) == 2


@given(left=st.tuples(WORDS, WORDS), right=st.tuples(WORDS, WORDS))
@example(left=("1|id|2", "3"), right=("1", "2|id|3"))
@example(left=("1|2:id|1:2", "3"), right=("1", "2|2:id|1:3"))
def test_no_two_pairs_of_account_and_row_share_a_key(left: tuple[str, str], right: tuple[str, str]) -> None:
    def told(pair: tuple[str, str]) -> tuple[str, str]:
        return pair[0], pair[1].strip()

    if not left[1].strip() or not right[1].strip() or told(left) == told(right):
        return
    keys = [natural_keys("amnis", [raw(row, account=account)])[0] for account, row in (left, right)]

    assert keys[0] != keys[1]


@given(key=WORDS, organisation=WORDS)
def test_a_marker_has_thirteen_signs_that_nobody_misreads(key: str, organisation: str) -> None:
    assert CROCKFORD.fullmatch(marker(key, leg="main", organisation_id=organisation))
    assert CROCKFORD.fullmatch(contact_marker(key, organisation_id=organisation))


def test_a_marker_is_the_same_for_ever_for_movement_leg_and_organisation() -> None:
    """Nothing of ours goes in: no tenant, no flow, no row number, no secret. A new connection finds its own documents."""
    [key] = natural_keys("amnis", [raw("9001")])
    known = marker(key, leg="main", organisation_id="org-1")

    assert known == marker(key, leg="main", organisation_id="org-1")
    different = {
        marker(key, leg="sold", organisation_id="org-1"),
        marker(key, leg="bought", organisation_id="org-1"),
        marker(key, leg="main", organisation_id="org-2"),
        marker(natural_keys("amnis", [raw("9002")])[0], leg="main", organisation_id="org-1"),
        contact_marker(key, organisation_id="org-1"),
    }
    assert len(different | {known}) == 6


def test_a_change_stamp_alone_is_no_change_of_content() -> None:
    said = movement("-120.00", updated_at=datetime(2026, 3, 4, tzinfo=UTC), created_at=datetime(2026, 3, 4, tzinfo=UTC))
    later = replace(said, updated_at=datetime(2026, 3, 5, tzinfo=UTC), created_at=None)

    assert content_hash(later) == content_hash(said)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": Money.of("-120.01", "CHF")},
        {"amount": Money.of("-120.00", "EUR")},
        {"execution_date": date(2026, 3, 5)},
        {"text": "Rechnung 7"},
        {"reference": "RF18"},
        {"cost_centre": "Zürich"},
    ],
)
def test_everything_else_is(change: dict[str, Any]) -> None:
    assert content_hash(replace(movement("-120.00"), **change)) != content_hash(movement("-120.00"))


def test_one_amount_written_in_two_ways_is_one_content() -> None:
    assert content_hash(movement("-120.0")) == content_hash(movement("-120.00"))
    assert (
        canonical({"b": Decimal("1.50"), "a": [1]})
        == canonical({"a": [1], "b": Decimal("1.5")})
        == '{"a":[1],"b":"1.5"}'
    )
