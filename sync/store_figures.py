"""The hand-written statements that watch, proof and figures ask. As in `store`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sync.store import rows


def state_counts(flow_id: int) -> dict[str, int]:
    found = rows("SELECT state, count(*) AS n FROM entry WHERE flow_id = %s GROUP BY state", [flow_id])
    return {row["state"]: row["n"] for row in found}


def seconds_to_next_wake(flow_id: int) -> float | None:
    """Until the first entry, contact, tracking option or unknown request of the flow is due; None when nothing waits.

    An entry that is to be decided anew is not due by itself: where that was not done yet, its partner is on its way.
    """
    found = rows(
        """SELECT extract(epoch FROM min(at) - clock_timestamp())::double precision AS seconds FROM (
               SELECT min(greatest(entry.not_before, flow.held_until, contact.not_before, option.not_before)) AS at
                 FROM entry JOIN flow ON flow.id = entry.flow_id
                 LEFT JOIN contact_link AS contact ON contact.id = entry.contact_id AND contact.state <> 'linked'
                 LEFT JOIN LATERAL (SELECT max(not_before) AS not_before, bool_and(state = 'ready') AS ready
                                      FROM tracking_link WHERE id = ANY(entry.option_ids) AND state <> 'linked'
                                   ) AS option ON true
                WHERE entry.flow_id = %(flow)s AND entry.state = 'ready' AND NOT held_back
                  AND coalesce(contact.state, 'ready') = 'ready' AND coalesce(option.ready, true)
                  AND entry.record_id NOT IN (SELECT id FROM record WHERE flow_id = %(flow)s AND state = 'fetched')
               UNION ALL SELECT min(not_before) FROM amendment
                          WHERE flow_id = %(flow)s AND state IN ('asked', 'in_flight', 'unconfirmed')
               UNION ALL SELECT min(next_probe) FROM push_intent WHERE flow_id = %(flow)s AND state = 'open'
               UNION ALL SELECT min(asked_at) FROM backfill WHERE flow_id = %(flow)s AND state = 'running'
               UNION ALL SELECT min(lease_until) FROM push_intent
                          WHERE flow_id = %(flow)s AND state = 'open' AND NOT unknown
               UNION ALL SELECT min(not_before) FROM entry
                          WHERE flow_id = %(flow)s AND state = 'unconfirmed' AND destination_id IS NOT NULL
               UNION ALL SELECT min(not_before) FROM entry
                          WHERE flow_id = %(flow)s AND state = 'waiting' AND not_before > clock_timestamp()
           ) AS wakes""",
        {"flow": flow_id},
    )[0]["seconds"]
    return None if found is None else float(found)


# The entries of one record: those that carry it for another one, else its own, and of these no rest that its payment left
# behind. By index for each record, because no
# statistics are needed then: as one big join it takes seconds at a few hundred rows of a table never analysed.
_ENTRIES_OF_RECORD = """
    SELECT entry.* FROM entry WHERE entry.flow_id = record.flow_id AND entry.record_id = record.id
       AND NOT EXISTS (SELECT FROM entry AS shared WHERE shared.other_record_id = record.id)
       AND (entry.leg <> 'rest' OR EXISTS (SELECT FROM entry AS paid WHERE paid.flow_id = entry.flow_id
                                              AND paid.record_id = record.id AND paid.leg = 'main' AND paid.unit = entry.unit))
    UNION ALL
    SELECT entry.* FROM entry WHERE entry.flow_id = record.flow_id AND entry.other_record_id = record.id
"""


def posted_by_fingerprint(flow_id: int, *, since: datetime | None = None) -> list[dict[str, Any]]:
    """For every movement of the flow: its state, why it is held, and the document we say belongs to it; for one that is
    two documents, each of them with its `share`.

    `moving`: it changed after `since`.
    """
    return rows(
        f"""SELECT record.id AS record, record.fingerprint, coalesce(entry.state, record.state) AS state,
                   coalesce(nullif(record.reason, ''), entry.findings -> 0 ->> 'message', entry.state) AS reason,
                   CASE WHEN entry.state <> 'undone' THEN entry.destination_id END AS destination_id, entry.marker,
                   CASE WHEN entry.state <> 'undone' THEN entry.other_destination_id END AS other_destination_id,
                   coalesce(entry.changed_at >= %(since)s, false) AS moving, entry.document ->> 'date' AS day,
                   coalesce(entry.leg, '') AS leg, CASE WHEN entry.unit LIKE 'rest:%%' THEN entry.amount END AS share,
                   record.source_id, record.account_id, record.content_hash, entry.destination_type,
                   entry.booking_date AS booked, record.booking_date AS record_day, entry.lost_link, entry.generation,
                   CASE WHEN entry.generation > 1 THEN record.payload ->> 'key' END AS key,
                   CASE WHEN entry.state IN ('review', 'skipped') AND entry.destination_id IS NULL
                        THEN entry.findings END AS findings,
                   entry.state = 'undone' AND EXISTS (
                       SELECT FROM entry AS half WHERE half.flow_id = entry.flow_id AND half.unit <> '' AND half.unit = entry.unit
                          AND half.id <> entry.id AND half.destination_id IS NOT NULL
                          AND half.state IN ('confirmed', 'review', 'duplicate')) AS halfway
              FROM record LEFT JOIN LATERAL ({_ENTRIES_OF_RECORD}) AS entry ON true
             WHERE record.flow_id = %(flow)s""",
        {"flow": flow_id, "since": since},
    )


def known_sizes(*, flow_id: int, connection_id: int) -> tuple[int, int]:
    """How many movements and how many documents are known here: what a reading afresh has before it, about."""
    found = rows(
        """SELECT (SELECT count(*) FROM record WHERE flow_id = %s) AS records,
                  (SELECT count(*) FROM mirror_document WHERE connection_id = %s) AS documents""",
        [flow_id, connection_id],
    )[0]
    return found["records"], found["documents"]


def entry_lines(flow_id: int, *, source_kind: str) -> list[dict[str, Any]]:
    """One line for each movement and document, as `entries --csv` prints them."""
    return rows(
        f"""SELECT %(kind)s AS source, record.source_id, coalesce(entry.leg, '') AS leg, record.movement AS kind,
                   coalesce(entry.state, record.state) AS state,
                   coalesce(entry.booking_date, record.booking_date) AS booking_date,
                   CASE WHEN entry.unit LIKE 'rest:%%' THEN entry.amount ELSE record.amount END AS amount, record.currency,
                   coalesce(entry.destination_type, '') AS destination_type,
                   coalesce(entry.destination_id, '') AS destination_id, coalesce(entry.marker, '') AS marker
              FROM record LEFT JOIN LATERAL ({_ENTRIES_OF_RECORD}) AS entry ON true
             WHERE record.flow_id = %(flow)s ORDER BY record.booking_date, record.id, entry.leg""",
        {"flow": flow_id, "kind": source_kind},
    )


def sleepers(*, grace: timedelta) -> list[dict[str, Any]]:
    """Entries that are neither at rest nor due to wake: must be empty, else something was lost sight of."""
    return rows(
        """SELECT entry.id, entry.flow_id, entry.state FROM entry JOIN flow ON flow.id = entry.flow_id
            WHERE entry.state IN ('fetched', 'ready', 'in_flight', 'unconfirmed', 'waiting')
              AND NOT entry.held_back AND flow.state = 'active'
              AND greatest(entry.not_before, entry.changed_at, coalesce(flow.held_until, entry.changed_at))
                  < clock_timestamp() - %s
              AND NOT EXISTS (SELECT FROM push_intent_item AS item JOIN push_intent AS intent ON intent.id = item.intent_id
                               WHERE item.entry_id = entry.id AND item.open AND intent.next_probe > clock_timestamp())""",
        [grace],
    )


def twins(*, connection_id: int) -> list[dict[str, Any]]:
    """Markers on more than one live document, or on one that our entry does not know of, with those documents."""
    return rows(
        """SELECT mirror.marker, array_agg(mirror.document_id ORDER BY mirror.document_id) AS documents,
                  max(entry.destination_id) AS linked
             FROM mirror_document AS mirror LEFT JOIN entry ON entry.marker = mirror.marker
            WHERE mirror.connection_id = %s AND mirror.marker <> '' AND mirror.status NOT IN ('DELETED', 'VOIDED')
            GROUP BY mirror.marker
           HAVING count(DISTINCT mirror.document_id) > 1
               OR bool_or(entry.destination_id IS DISTINCT FROM mirror.document_id
                          AND entry.state IN ('failed', 'review', 'skipped', 'duplicate'))""",
        [connection_id],
    )


def freshness(flow_id: int, *, percentile: float, newest: int = 2000) -> float | None:
    """Seconds from a movement's first sight to its confirmation, over the movements confirmed last, within a day."""
    found = rows(
        """SELECT percentile_cont(%s) WITHIN GROUP (ORDER BY extract(epoch FROM entry.confirmed_at - record.fetched_at))
                  AS seconds
             FROM (SELECT record_id, confirmed_at, state FROM entry
                    WHERE flow_id = %s AND confirmed_at > now() - interval '1 day' ORDER BY confirmed_at DESC LIMIT %s) AS entry
            CROSS JOIN LATERAL (SELECT fetched_at FROM record WHERE record.id = entry.record_id OFFSET 0) AS record
            WHERE entry.state = 'confirmed'""",
        [percentile, flow_id, newest],
    )[0]["seconds"]
    return None if found is None else float(found)
