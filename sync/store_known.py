"""The hand-written statements about movements that the source shows once more: without a number, or on another account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sync.store import as_json, rows, run_sql


def without_number(*, flow_id: int, content_hashes: Sequence[str]) -> list[dict[str, Any]]:
    """Movements without a number that say one of these things."""
    return rows(
        """SELECT account_id, content_hash, made_at, payload ->> 'key' AS key,
                  coalesce(payload ->> 'event', '') AS event, source_updated_at, shown_in FROM record
            WHERE flow_id = %s AND source_id = '' AND content_hash = ANY(%s) ORDER BY id""",
        [flow_id, list(content_hashes)],
    )


def under_other_keys(*, flow_id: int, own: Mapping[str, str]) -> dict[str, str]:
    """Of these rows, {number: own fingerprint}, the ones that are known by their number alone: the key of each. Their
    account was another one when they were first read. (OFFSET 0: each by the index of numbers, never the whole table.)"""
    found = rows(
        """SELECT record.source_id, min(record.payload ->> 'key') AS key
             FROM unnest(%s::text[], %s::text[]) AS x(source_id, fingerprint)
            CROSS JOIN LATERAL (SELECT source_id, fingerprint, payload FROM record WHERE record.flow_id = %s
                                   AND record.source_id <> '' AND record.source_id = x.source_id OFFSET 0) AS record
            GROUP BY record.source_id, x.fingerprint
           HAVING count(*) = 1 AND bool_and(record.fingerprint <> x.fingerprint)""",
        [list(own), list(own.values()), flow_id],
    )
    return {row["source_id"]: row["key"] for row in found}


def are_known(*, flow_id: int, said: Mapping[str, str]) -> bool:
    """Is each of these, {fingerprint: content hash}, a movement that is known and said just this when it was last read?"""
    found = rows(
        """SELECT count(*) AS known FROM unnest(%s::text[], %s::text[]) AS x(fingerprint, content_hash)
            CROSS JOIN LATERAL (SELECT content_hash FROM record WHERE record.flow_id = %s
                                   AND record.fingerprint = x.fingerprint OFFSET 0) AS its
            WHERE its.content_hash = x.content_hash""",
        [list(said), list(said.values()), flow_id],
    )
    return bool(found[0]["known"] == len(said))


def mark_shown(*, flow_id: int, reading: datetime, stamps: Iterable[tuple[str, str | None]]) -> None:
    """(fingerprint, moment of the last change) of each movement without a number that this reading showed."""
    run_sql(
        """UPDATE record SET shown_in = %s, source_updated_at = x.stamp
             FROM jsonb_to_recordset(%s::jsonb) AS x(fingerprint text, stamp timestamptz)
            WHERE record.flow_id = %s AND record.fingerprint = x.fingerprint""",
        [reading, as_json([{"fingerprint": one, "stamp": stamp} for one, stamp in stamps]), flow_id],
    )
