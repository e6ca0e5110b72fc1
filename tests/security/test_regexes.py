"""No pattern of ours gets slower than the text gets longer: every `re` in the code, on texts made to hurt it.

Judged by growth alone: ten times the text may cost about ten times the time, and never thirty. A machine that is busy makes
both slower. Patterns that tenants write run on RE2 (tests below); these are ours.
"""

from __future__ import annotations

import ast
import importlib
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import re2

from config import logging
from connectors.amnis import values
from connectors.contract import redact as call_log
from connectors.contract import wire
from connectors.xero import text as xero_text
from notifications import messages
from notifications.messages import Message
from sync.domain import conditions, contacts, lookalikes, payment_references, printable

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("connectors", "sync", "tenants", "notifications", "dashboard", "config")
SHORT, LONG = 800, 8_000
MOST_GROWTH = 30.0
NOISE = 0.02  # seconds of the long text below which nothing can be said
ENDLESS = 1.0  # seconds after which nobody waits for the long text any more
# Pieces that are repeated until the text is long: digits, letters, separators, and the beginnings of what we look for.
PIECES = (
    "a", "1", " ", "-", ".", "_", "A1", "a1 ", "1 ", "111'", "1,1", "aaa.", "\t \n", "é", '"', '\\"', "\\", "<", "#", "# ",
    "@", "a@", "a@a.", "eyJ", "eyJ-", "eyJ.", "http://", "https://a:", "://a:", "Bearer ", "basic a", "xoxb-", "Atzr|",
    "RF12", "RF12 ", "CH93", "CH93 0076 ", "4111 ", "MR-", "/Date(", '"token":', "token=", "&code=", "hooks.slack.com/",
    "1.1.", "2026-03-", "paypal *", "*", "/", "''", "[", "{", "()", "CHF 1'", "magic", "share-", "{{", "%", "\u200b", "x\x00",
)  # fmt: skip


Use = tuple[re.Pattern[Any], frozenset[str]]  # a pattern, and the methods that the code calls on it
ANY_METHOD = frozenset({"fullmatch", "finditer"})


def patterns() -> Iterator[tuple[str, Use]]:
    """Every pattern in the code: those that modules keep, and those that stand in a call."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            source = path.read_text()
            if "migrations" not in name and "import re\n" in source:
                yield from _kept(name, source)
                yield from _called(name, source)


def _kept(name: str, source: str) -> Iterator[tuple[str, Use]]:
    for key, value in vars(importlib.import_module(name)).items():
        for number, each in enumerate(value if isinstance(value, tuple) else (value,)):
            found = each[0] if isinstance(each, tuple) and each else each
            if isinstance(found, re.Pattern):
                methods = frozenset(re.findall(rf"\b{key}\.(\w+)", source))
                yield f"{name}.{key}.{number}", (found, methods or ANY_METHOD)


def _called(name: str, source: str) -> Iterator[tuple[str, Use]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            first, where = node.args[0], node.func
            is_ours = isinstance(where.value, ast.Name) and where.value.id == "re" and where.attr != "compile"
            if is_ours and isinstance(first, ast.Constant) and isinstance(first.value, str | bytes):
                yield f"{name}:{node.lineno}", (re.compile(first.value), frozenset({where.attr}))


def seconds(work: Callable[[], object], *, times: int = 3) -> float:
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


@contextmanager
def given_up_after(limit: float) -> Iterator[None]:
    """Python's engine looks for signals while it backtracks."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def growth(work: Callable[[str], object], piece: str) -> float:
    """How many times longer ten times the text takes. What seems too much is measured again: a busy machine is no proof."""
    found = float("inf")
    for _ in range(3):
        found = min(found, _grown(work, piece))
        if found <= MOST_GROWTH:
            break
    return found


def _grown(work: Callable[[str], object], piece: str, *, end: str = "!") -> float:
    """0.0 where the long text is over before it can be measured."""
    long = piece * (LONG // len(piece)) + end
    try:
        with given_up_after(ENDLESS):
            first = seconds(lambda: work(long), times=1)
    except TimeoutError:
        return float("inf")
    if first < NOISE:
        return 0.0
    short = piece * (SHORT // len(piece)) + end
    return first / max(
        seconds(lambda: work(short)), NOISE * SHORT / LONG
    )  # some machines' clocks count in larger steps


def run(pattern: re.Pattern[Any], methods: frozenset[str] = ANY_METHOD) -> Callable[[str], object]:
    """The pattern as the code uses it: on the whole text, at its beginning, or everywhere in it."""

    def work(text: str) -> object:
        given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
        whole = pattern.fullmatch(given) if "fullmatch" in methods else None
        begun = pattern.match(given) if "match" in methods else None
        everywhere = sum(1 for _ in pattern.finditer(given)) if methods - {"fullmatch", "match"} else 0
        return whole, begun, everywhere

    return work


def test_every_pattern_of_ours_is_linear() -> None:
    found = dict(patterns())
    assert len(found) > 50
    slow = {
        (name, piece): ratio
        for name, use in found.items()
        for piece in PIECES
        if (ratio := growth(run(*use), piece)) > MOST_GROWTH
    }
    assert not slow, "\n".join(map(str, slow.items()))


def test_the_measure_sees_what_is_not_linear() -> None:
    """The oldest mistake of them all, and one that is only quadratic."""
    assert growth(run(re.compile(r"\s+$")), " ") > MOST_GROWTH
    assert growth(run(re.compile(r"\d+-\d+x")), "1") > MOST_GROWTH


READERS: dict[str, Callable[[str], object]] = {
    "call log": call_log.redact,
    "depth of JSON": lambda text: wire._is_too_deep(f'["{text}'.encode()),
    "marker": lambda text: xero_text.reference_with_marker(text, "MR-7QK3P9ZD4WXYZ"),
    "shown": printable.csv_cell,
    "log": logging.redact,
    "contact": lambda text: contacts.normalised_name(text, card=True),
    "contact key": contacts.contact_key,
    "references": payment_references.references_in,
    "structured reference": values.structured_reference,
    "storable": lambda text: values.storable({"text": text}),
    "long references": lookalikes.long_references,
    "visible": xero_text.clean,
    "slack": lambda text: messages.slack_text(Message(subject=text, lines=(text,)), url=""),
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_what_reads_foreign_text_is_linear(name: str) -> None:
    slow = {piece: found for piece in PIECES if (found := growth(READERS[name], piece)) > MOST_GROWTH}
    assert slow == {}


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", r"^(\w+\s?)*$", "(x+x+)+y"])
def test_a_tenants_pattern_runs_in_linear_time(pattern: str) -> None:
    """Each of these takes longer than the age of the universe in a backtracking engine."""
    compiled = conditions.compiled(pattern)
    for piece in ("a", "x", "a "):
        assert growth(lambda text: compiled.search(text), piece) <= MOST_GROWTH


@pytest.mark.parametrize("pattern", ["(((a{100}){100}){100}){100}", "a{1001}", "(?=a)", r"(a)\1", "a" * 100_000])
def test_a_tenants_pattern_that_eats_memory_or_needs_backtracking_is_refused(pattern: str) -> None:
    with pytest.raises((re2.error, ValueError)):
        conditions.compiled(pattern)
