"""What a process and everything that it started have used, from /proc; what the database has done, from its statistics."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import psycopg

TICKS = os.sysconf("SC_CLK_TCK")
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, of all that descend from it, and of its children that have ended."""
    return sum(_own_ticks(one) for one in family(pid)) / TICKS


def peak_megabytes(pid: int) -> float:
    """The largest resident memory that a process ever had; 0.0 for one that has ended."""
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def family(pid: int) -> list[int]:
    """The process and everything alive that descends from it."""
    found, queue = list[int](), [pid]
    while queue:
        one = queue.pop()
        found.append(one)
        queue += children(one)
    return found


def children(pid: int) -> list[int]:
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in tasks.read_text(encoding="ascii").split()]
        except OSError:
            continue
    return found


def _own_ticks(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return sum(int(value) for value in stat.rpartition(")")[2].split()[11:15])


def commits(connection: psycopg.Connection[tuple[int]], database: str) -> int:
    """Of one database's clients so far. Read on a connection to another one, so that the reading is not among what it counts."""
    row = connection.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = %s", (database,)).fetchone()
    assert row is not None
    return int(row[0])


def statements(folder: Path) -> int:
    """SQL statements that the processes of `bench.counted` have sent, by their own count."""
    return sum(_counts(folder))


def _counts(folder: Path) -> Iterator[int]:
    for file in folder.glob("*.count"):
        yield struct.unpack("q", file.read_bytes()[:8])[0]
