"""JSON with exact decimals, and the texts of the call log."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.redact import excerpt, redact
from connectors.contract.wire import GarbledError, WireError, decode, encode

NUMBERS = st.decimals(-(10**12), 10**12, places=6)
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back_exactly(value: Any) -> None:
    assert decode(encode(value)) == value


@given(VALUES)
def test_it_is_ordinary_json_for_everybody_else(value: Any) -> None:
    json.loads(encode(value))


def test_the_same_value_is_the_same_bytes() -> None:
    assert encode({"b": Decimal("1.10"), "a": ["ü", True, None]}) == '{"b":1.10,"a":["ü",true,null]}'.encode()


@pytest.mark.parametrize("value", [1.5, float("nan"), Decimal("NaN"), b"x", object()])
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(WireError):
        encode(value)


@pytest.mark.parametrize(
    "body",
    [b"NaN", b"[Infinity]", b'{"a":1,"a":2}', b"[" * 65 + b"]" * 65, b"[1e99]", b"[" + b"9" * 50 + b"]", b'{"x":{"a":1,"a":1}}'],
)  # fmt: skip
def test_json_that_breaks_our_bounds_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        decode(body)


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b'{"a":1} x', b"\xff\xfe", b'"cut'])
def test_what_is_not_json_is_garbled(body: bytes) -> None:
    with pytest.raises(GarbledError):
        decode(body)


def test_brackets_inside_texts_are_no_depth() -> None:
    assert decode(json.dumps(["[" * 500 + '\\"' + "{" * 500]).encode())


def test_characters_that_no_database_holds_are_replaced() -> None:
    assert decode(b'{"na\\u0000me": "\\ud800x \\ud83d\\ude00"}') == {"na\ufffdme": "\ufffdx \U0001f600"}


@pytest.mark.parametrize(
    "secret",
    [
        '{"refresh_token": "canary-1"}',
        '{"client_secret":"canary-1',
        "grant_type=refresh_token&refresh_token=canary-1",
        "/callback?code=canary-1&state=ok",
        "Authorization: Bearer canary-1",
        "eyJjYW5hcnkt.eyJjYW5hcnkt.canary-1",
        "Atzr|canary-1",
        "https://hooks.slack.com/services/T0/B0/canary-1",
        "xoxb-1-canary-1",
        '{"magicLinkUrl":"https://app.example/canary-1"}',
    ],
)
def test_secrets_are_cut_out(secret: str) -> None:
    assert "canary" not in redact(secret)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("to CH93 0076 2011 6238 5295 7 today", "to CH93…7 today"),
        ("card 4111 1111 1111 1111 used", "card …1111 used"),
        ("/Date(1573755038314)/", "/Date(1573755038314)/"),
        ("QR 210000000003139471430009017", "QR 210000000003139471430009017"),
        ("MR-7QK3P9ZD4WXYZ", "MR-7QK3P9ZD4WXYZ"),
    ],
)
def test_account_and_card_numbers_are_shortened_and_other_numbers_stay(text: str, kept: str) -> None:
    assert redact(text) == kept


def test_a_secret_at_the_edge_of_an_excerpt_is_not_half_shown() -> None:
    body = b'{"a":"' + b"x" * 80 + b'","access_token":"canary-1-canary-1-canary-1"}'
    assert "canary" not in excerpt(body, limit=120)
