"""Runs one of our programs and counts the SQL statements that it and its forked children send.

`python -m bench.counted FOLDER celery -A config.celery worker …`: each process keeps its count in FOLDER/PID.count.
BEGIN, COMMIT and savepoints are not statements; one COPY is one; executemany counts each of its rows.
"""

from __future__ import annotations

import mmap
import os
import runpy
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from django.db.backends.signals import connection_created

CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


class Counter:
    """One number in a small file, shared through the page cache; a forked child begins its own."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._pid, self._number = folder, 0, 0
        self._map: mmap.mmap | None = None

    def add(self, count: int) -> None:
        if os.getpid() != self._pid:
            self._open()
        self._number += count
        assert self._map is not None
        self._map[:8] = struct.pack("q", self._number)

    def _open(self) -> None:
        self._pid, self._number = os.getpid(), 0
        with (self._folder / f"{self._pid}.count").open("w+b") as file:
            file.write(bytes(8))
            file.flush()
            self._map = mmap.mmap(file.fileno(), 8)


def count_statements(folder: Path) -> None:
    """From now on, for every database connection of this process and its children."""
    counter = Counter(folder)

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(CONTROL):
            counter.add(len(params) if many and isinstance(params, Sequence) else 1)
        return execute(sql, params, many, context)

    def watch(connection: Any, **_: Any) -> None:
        if note not in connection.execute_wrappers:
            connection.execute_wrappers.append(note)

    connection_created.connect(watch, weak=False)
    copy = psycopg.Cursor.copy

    def counted_copy(self: Any, *arguments: Any, **options: Any) -> Any:
        counter.add(1)
        return copy(self, *arguments, **options)

    psycopg.Cursor.copy = counted_copy  # type: ignore[method-assign]


def main() -> None:
    folder, module, *rest = sys.argv[1:]
    count_statements(Path(folder))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
