"""The hand-written statements of intents, the rows that stand before a call leaves: what is due for one, opening and settling
it, taking over one left behind. `store_amend` and `store_tracking` make theirs of the same OPEN_INTENTS and SETTLE_INTENTS. As in
`store`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync.domain.retry import LOOK_AGAIN_AFTER
from sync.store import MOVE_ENTRIES, rows, run_sql

# ----------------------------------------------------------------- what is due


def kinds_ready(*, flow_id: int) -> list[tuple[str, bool, bool]]:
    """(type of document, is it due, does it need tracking options) of what is ready, each combination once."""
    found = rows(
        """SELECT DISTINCT destination_type, not_before <= clock_timestamp() AS due, option_ids <> '{}' AS needs
             FROM entry WHERE flow_id = %s AND state = 'ready' AND NOT held_back""",
        [flow_id],
    )
    return [(row["destination_type"], row["due"], row["needs"]) for row in found]


_CLAIMABLE = """
    FROM entry LEFT JOIN contact_link AS contact ON contact.id = entry.contact_id
   WHERE entry.flow_id = %(flow)s AND entry.state = 'ready' AND entry.not_before <= clock_timestamp()
     AND NOT entry.held_back AND entry.destination_type = ANY(%(types)s)
     AND (entry.contact_id IS NULL OR contact.state = 'linked')
     AND NOT EXISTS (SELECT FROM tracking_link WHERE id = ANY(entry.option_ids) AND state <> 'linked')"""
# An attempt failed since it was decided, or that was long ago: somebody may have booked it by hand meanwhile. (`changed_at`
# will not do: each call that came to nothing, as behind a limit of the minute, changes the state twice.)
_WAITED = """(coalesce(entry.decided_at, entry.changed_at) < clock_timestamp() - %(since)s
             OR (entry.attempts > 0 AND entry.note ->> 'step' IN ('push', 'reconcile')))"""


def due_entries(*, flow_id: int, types: Sequence[str], limit: int) -> list[dict[str, Any]]:
    """Ready and due entries that were decided just now, and whose contact and tracking options exist, locked for the claim.

    `destination_options`: the ids of options that did not exist when the entry was made, by category and folded name.
    """
    return rows(
        f"""SELECT entry.id, entry.marker, entry.document, entry.attempts, entry.batch_limit, entry.booking_date,
                  entry.movement, contact.contact_id AS destination_contact,
                  (SELECT jsonb_object_agg(category_id || ':' || key, option_id) FROM tracking_link
                    WHERE id = ANY(entry.option_ids)) AS destination_options
             {_CLAIMABLE} AND NOT {_WAITED}
            ORDER BY entry.not_before, entry.id LIMIT %(limit)s FOR UPDATE OF entry SKIP LOCKED""",
        {"flow": flow_id, "types": list(types), "since": LOOK_AGAIN_AFTER, "limit": limit},
    )


def due_contacts(*, flow_id: int, limit: int) -> list[dict[str, Any]]:
    """Contacts to create that a ready entry waits for."""
    return rows(
        """SELECT id, name, marker, attempts FROM contact_link AS contact
            WHERE flow_id = %s AND state = 'ready' AND not_before <= clock_timestamp()
              AND EXISTS (SELECT FROM entry WHERE entry.contact_id = contact.id AND entry.state = 'ready')
            ORDER BY not_before, id LIMIT %s FOR UPDATE SKIP LOCKED""",
        [flow_id, limit],
    )


def waited(*, flow_id: int, types: Sequence[str], limit: int) -> list[int]:
    """Records of what could be claimed, were it not that it waited: see `_WAITED`. Who waits longest comes first. Without those
    that are to be looked at again already: they stay so while their partner is on its way."""
    found = rows(
        f"""SELECT entry.record_id {_CLAIMABLE} AND {_WAITED}
               AND NOT EXISTS (SELECT FROM record WHERE record.id = entry.record_id AND record.state = 'fetched')
             ORDER BY entry.not_before, entry.id LIMIT %(limit)s""",
        {"flow": flow_id, "types": list(types), "since": LOOK_AGAIN_AFTER, "limit": limit},
    )
    return [row["record_id"] for row in found]


def decide_anew(record_ids: Sequence[int]) -> None:
    """Have these looked at once more."""
    run_sql("UPDATE record SET state = 'fetched' WHERE id = ANY(%s) AND state = 'entered'", [list(record_ids)])


# ----------------------------------------------------------------------- claim


OPEN_INTENTS = """
WITH intent AS (
    INSERT INTO push_intent (tenant_id, flow_id, run_id, organisation_id, endpoint, method, path, body, idempotency_key,
                             state, epoch, first_send, last_send, lease_until, unknown, probes, absences)
    SELECT %(tenant)s, %(flow)s, %(run)s, %(organisation)s, %(endpoint)s, x.method, x.path, x.body, x.key,
           'open', 1, clock_timestamp(), clock_timestamp(), clock_timestamp() + make_interval(secs => %(lease)s),
           false, 0, 0
      FROM ROWS FROM (jsonb_to_recordset(%(intents)s::jsonb) AS (key text, method text, path text),
                      unnest(%(bodies)s::bytea[])) AS x(key, method, path, body)
    RETURNING id, idempotency_key
), items AS (
    INSERT INTO push_intent_item (tenant_id, intent_id, {subject}, deed, marker, position, open, outcome)
    SELECT %(tenant)s, intent.id, {ids}, coalesce(x.deed, 'create'), x.marker, x.position, true, ''
      FROM jsonb_to_recordset(%(items)s::jsonb) AS x(key text, id bigint, entry bigint, deed text, marker text,
                                                     position int)
      JOIN intent ON intent.idempotency_key = x.key
), moved AS (
    UPDATE {table} SET state = 'in_flight', {moved}
     WHERE id IN (SELECT x.id FROM jsonb_to_recordset(%(items)s::jsonb) AS x(id bigint))
)
SELECT id, idempotency_key FROM intent
"""
_OPEN_ENTRY_INTENTS = OPEN_INTENTS.format(
    subject="entry_id",
    ids="x.id",
    table="entry",
    moved="run_id = coalesce(%(run)s, run_id), changed_at = clock_timestamp(), note = '{}'::jsonb",
)
_OPEN_CONTACT_INTENTS = OPEN_INTENTS.format(
    subject="contact_id", ids="x.id", table="contact_link", moved="updated_at = clock_timestamp()"
)


def open_intents(parameters: Mapping[str, Any], *, contacts: bool) -> dict[str, int]:
    """Write intents, their items and the subjects' new state in one statement; the ids by idempotency key."""
    found = rows(_OPEN_CONTACT_INTENTS if contacts else _OPEN_ENTRY_INTENTS, parameters)
    return {row["idempotency_key"]: row["id"] for row in found}


# -------------------------------------------------------------------- settling


# What `MOVE_ENTRIES` is for entries, for contact links. Keys: id, state, and optionally contact_id, findings, wait, attempts.
_MOVE_CONTACTS = """
    UPDATE contact_link SET state = x.state, contact_id = coalesce(x.contact_id, contact_link.contact_id),
           findings = coalesce(x.findings, contact_link.findings), attempts = coalesce(x.attempts, contact_link.attempts),
           created_by_us = contact_link.created_by_us OR x.contact_id IS NOT NULL,
           how = CASE WHEN x.contact_id IS NULL THEN contact_link.how ELSE 'created' END,
           not_before = CASE WHEN x.wait IS NULL THEN contact_link.not_before
                             ELSE clock_timestamp() + make_interval(secs => x.wait) END,
           updated_at = clock_timestamp()
      FROM jsonb_to_recordset(%(moves)s::jsonb) AS x(id bigint, state text, contact_id text, findings jsonb,
           wait double precision, attempts int, intent bigint)
     WHERE contact_link.id = x.id
"""


SETTLE_INTENTS = """
WITH answered AS (
    SELECT * FROM jsonb_to_recordset(%(settlements)s::jsonb) AS x(
        intent bigint, epoch int, state text, unknown boolean, probe double precision, outcome text, http_status int,
        milliseconds int, correlation text, error text, answer text, answer_sha256 text)
), mine AS (
    UPDATE push_intent SET state = x.state, unknown = x.unknown, lease_until = NULL,
           next_probe = clock_timestamp() + make_interval(secs => x.probe),
           closed_at = CASE WHEN x.state = 'open' THEN NULL ELSE clock_timestamp() END
      FROM answered AS x
     WHERE push_intent.id = x.intent AND push_intent.epoch = x.epoch AND push_intent.state = 'open'
    RETURNING push_intent.id, push_intent.tenant_id, push_intent.last_send
), told AS (
    INSERT INTO push_attempt (tenant_id, intent_id, epoch, sent_at, outcome, http_status, milliseconds, correlation_id,
                              error, answer, answer_sha256)
    SELECT mine.tenant_id, mine.id, x.epoch, mine.last_send, x.outcome, x.http_status, x.milliseconds, x.correlation,
           x.error, x.answer, x.answer_sha256
      FROM mine JOIN answered AS x ON x.intent = mine.id
), items AS (
    UPDATE push_intent_item AS item SET open = x.open, outcome = x.outcome
      FROM jsonb_to_recordset(%(items)s::jsonb) AS x(intent bigint, position int, open boolean, outcome text)
     WHERE item.intent_id = x.intent AND item.position = x.position AND x.intent IN (SELECT id FROM mine)
), moved AS (
    {moved} AND x.intent IN (SELECT id FROM mine)
)
SELECT id FROM mine
"""
_SETTLE_ENTRIES = SETTLE_INTENTS.format(moved=MOVE_ENTRIES.strip())
_SETTLE_CONTACTS = SETTLE_INTENTS.format(moved=_MOVE_CONTACTS.strip())


def settle_intents(parameters: Mapping[str, Any], *, contacts: bool) -> set[int]:
    """Record what came back and move every subject, in one statement, where the epoch is still ours.

    The ids of the intents that were settled; of one that somebody else settles by now, nothing is changed.
    """
    return {row["id"] for row in rows(_SETTLE_CONTACTS if contacts else _SETTLE_ENTRIES, parameters)}


# --------------------------------------------------------- taken over, unknown


def take_over_intents(*, flow_id: int) -> list[dict[str, Any]]:
    """Take over open intents whose sender is gone (lease over): the epoch rises, so a late settle changes nothing."""
    return rows(
        """UPDATE push_intent SET epoch = epoch + 1, lease_until = NULL,
                  unknown = first_send IS NOT NULL,
                  state = CASE WHEN first_send IS NULL THEN 'rejected' ELSE 'open' END,
                  closed_at = CASE WHEN first_send IS NULL THEN clock_timestamp() END,
                  next_probe = CASE WHEN first_send IS NOT NULL THEN clock_timestamp() END
            WHERE flow_id = %s AND state = 'open' AND NOT unknown AND lease_until < clock_timestamp()
              AND NOT EXISTS (SELECT FROM push_intent_item AS item
                               WHERE item.intent_id = push_intent.id AND item.amendment_id IS NOT NULL)
            RETURNING id, endpoint, first_send""",
        [flow_id],
    )


def unknown_intents(*, flow_id: int) -> list[dict[str, Any]]:
    """Open intents with an unknown outcome whose next look is due."""
    return rows(
        """SELECT id, endpoint, first_send, last_send, probes, absences, absent_seen_at FROM push_intent
            WHERE flow_id = %s AND state = 'open' AND unknown AND next_probe <= clock_timestamp()
              AND NOT EXISTS (SELECT FROM push_intent_item AS item
                               WHERE item.intent_id = push_intent.id AND item.amendment_id IS NOT NULL)
            ORDER BY id""",
        [flow_id],
    )


def close_items(intent_ids: Sequence[int], *, outcome: str) -> None:
    run_sql(
        "UPDATE push_intent_item SET open = false, outcome = %s WHERE intent_id = ANY(%s) AND open",
        [outcome, list(intent_ids)],
    )


def close_items_of_entries(entry_ids: Sequence[int], *, outcome: str) -> None:
    """Close the open items of these entries, and every intent that has none left."""
    run_sql(
        """WITH closed AS (
               UPDATE push_intent_item SET open = false, outcome = %s WHERE entry_id = ANY(%s) AND open RETURNING intent_id, id
           )
           UPDATE push_intent SET state = 'done', unknown = false, closed_at = clock_timestamp(), next_probe = NULL
            WHERE id IN (SELECT intent_id FROM closed) AND state = 'open'
              AND NOT EXISTS (SELECT FROM push_intent_item AS item WHERE item.intent_id = push_intent.id AND item.open
                                 AND item.id NOT IN (SELECT id FROM closed))""",
        [outcome, list(entry_ids)],
    )
