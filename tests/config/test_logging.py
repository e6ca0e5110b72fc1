"""Logs: one JSON line per event, and no secret in any of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from config.logging import CUT, StderrHandler, configure, redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "secret",
    [
        JWT,
        "Bearer abcdefgh12345678",
        "Basic dXNlcjpwYXNzd29yZA==",
        "https://hooks.slack.com/services/T00/B00/XXXX",
        "xoxb-123456789-abcdef",
        "Atzr|IwEBIJedGexampletoken",
        "CH9300762011623852957",
        "CH93 0076 2011 6238 5295 7",
        "GB82WEST12345698765432",
        "4111 1111 1111 1111",
        "5500000000000004",
    ],
)
def test_what_has_a_secrets_shape_is_cut_out_of_any_text(secret: str) -> None:
    shown = redact(f"before {secret} after")

    assert shown == f"before {CUT} after"


@pytest.mark.parametrize(
    "key",
    [
        "access_token",
        "refresh_token",
        "Authorization",
        "client_secret",
        "password",
        "SECRET_KEY",
        "api_key",
        "webhook",
        "cookie",
    ],
)
def test_a_telling_key_hides_its_whole_value(key: str) -> None:
    assert redact({"outer": {key: "anything"}}) == {"outer": {key: CUT}}


@pytest.mark.parametrize(
    "plain",
    [
        "2026-11-20T12:00:00Z",
        "MR-7QK3P9ZD4WXYZ",
        "run 123456789012",
        "1234567.89 CHF",
        "b0a1c2d3-1234-5678-9abc-def012345678",
        "http://localhost:8000/t/abc/",
    ],
)
def test_what_explains_a_failure_stays(plain: str) -> None:
    assert redact(plain) == plain


def test_the_password_of_an_address_is_cut() -> None:
    assert redact("postgresql://app:hunter2@db/books") == f"postgresql://{CUT}@db/books"


def test_lists_and_nested_values_are_searched() -> None:
    assert redact([{"note": [f"x {JWT}"]}, ("Bearer abcdefgh12345678",)]) == [{"note": [f"x {CUT}"]}, [CUT]]


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Logging as in production; returns what was written so far."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure()
    yield lambda: capsys.readouterr().err
    root.handlers, root.level = handlers, level


def test_both_kinds_of_logger_write_redacted_json(stderr: Callable[[], str]) -> None:
    with structlog.contextvars.bound_contextvars(tenant=7):
        structlog.get_logger("ours").info("pushed", token="t0p", count=3)
        logging.getLogger("theirs").warning("call failed with %s", JWT)

    ours, theirs = (json.loads(line) for line in stderr().splitlines())

    assert (ours["event"], ours["token"], ours["count"], ours["tenant"], ours["level"]) == ("pushed", CUT, 3, 7, "info")
    assert (theirs["event"], theirs["tenant"], theirs["level"]) == (f"call failed with {CUT}", 7, "warning")


def test_a_traceback_is_searched_too(stderr: Callable[[], str]) -> None:
    try:
        raise ValueError(f"refused {JWT}")
    except ValueError:
        logging.getLogger("theirs").exception("broken")

    line = stderr()

    assert JWT not in line
    assert "ValueError" in json.loads(line)["exception"]


def test_a_record_that_cannot_be_written_does_not_show_its_arguments(stderr: Callable[[], str]) -> None:
    broken = logging.LogRecord("theirs", logging.WARNING, __file__, 1, "two wanted: %s %s", (JWT,), None)
    next(found for found in logging.getLogger().handlers if isinstance(found, StderrHandler)).handle(broken)

    assert json.loads(stderr())["event"] == "log_record_lost"
