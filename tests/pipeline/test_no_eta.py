"""Rules about the sources themselves, read as text and as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPS = ("config", "connectors", "dashboard", "notifications", "sync", "tenants")
RAW_SQL = {"execute", "executemany", "raw", "RawSQL", "extra", "copy"}
# Statements written by hand go through one file, whichever `store_*.py` they stand in. The scope, the audit and the
# supervisor speak to Postgres itself; the single flight of tokens and the consent that can be used once are
# compare-and-set, below everything of `sync`.
MAY_WRITE_SQL = ("sync/store.py", "tenants/", "config/", "connectors/credentials.py", "connectors/consent.py")


@cache
def sources() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(_read())


def _read() -> Iterator[tuple[str, ast.Module]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_no_work_is_scheduled_inside_the_broker() -> None:
    """What waits, waits in a row: `eta` and `countdown` are lost with the broker and repeated with every redelivery."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        for node in calls(tree)
        if {"eta", "countdown", "retry_backoff", "autoretry_for"} & {keyword.arg for keyword in node.keywords}
        or (called(node) == "retry" and isinstance(node.func, ast.Attribute))
    ]
    assert found == []


def test_statements_are_written_by_hand_in_one_place() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        if not path.startswith(MAY_WRITE_SQL)
        for node in calls(tree)
        if called(node) in RAW_SQL and (isinstance(node.func, ast.Attribute) or called(node) == "RawSQL")
    ]
    assert found == []


def test_the_walk_sees_what_it_looks_for() -> None:
    """These rules must be able to fail."""
    tree = ast.parse("task.apply_async(countdown=5)\ncursor.execute('SELECT 1')")
    first, second = calls(tree)

    assert [keyword.arg for keyword in first.keywords] == ["countdown"]
    assert called(second) in RAW_SQL
    assert len(sources()) > 100
