"""The hand-written statements of amendments: claim, settle, finish, and posting again. As in `store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sync import store, store_intents

# Keys of a move: id, state, and optionally note, code, wait, attempts, alone, before.
MOVE_AMENDMENTS = """
    UPDATE amendment SET state = x.state, note = coalesce(x.note, amendment.note), code = coalesce(x.code, amendment.code),
           attempts = coalesce(x.attempts, amendment.attempts), alone = coalesce(x.alone, amendment.alone),
           before = coalesce(x.before, amendment.before),
           not_before = CASE WHEN x.wait IS NULL THEN amendment.not_before
                             ELSE clock_timestamp() + make_interval(secs => x.wait) END,
           changed_at = CASE WHEN x.state = amendment.state THEN amendment.changed_at ELSE clock_timestamp() END,
           closed_at = CASE WHEN x.state IN ('done', 'refused', 'withdrawn') THEN clock_timestamp() END
      FROM jsonb_to_recordset(%(moves)s::jsonb) AS x(id bigint, state text, note text, code text, wait double precision,
           attempts int, alone boolean, before jsonb, intent bigint)
     WHERE amendment.id = x.id
"""


_OPEN = store_intents.OPEN_INTENTS.format(
    subject="amendment_id, entry_id", ids="x.id, x.entry", table="amendment", moved="changed_at = clock_timestamp()"
)
_SETTLE = store_intents.SETTLE_INTENTS.format(moved=MOVE_AMENDMENTS.strip())


def open_intents(parameters: Mapping[str, Any]) -> dict[str, int]:
    """As `store_intents.open_intents`, with the deed of each item; the amendments are in flight afterwards."""
    return {row["idempotency_key"]: row["id"] for row in store.rows(_OPEN, parameters)}


def settle_intents(parameters: Mapping[str, Any]) -> set[int]:
    """As `store_intents.settle_intents`, with moves of amendments."""
    return {row["id"] for row in store.rows(_SETTLE, parameters)}


def move_amendments(moves: Sequence[Mapping[str, Any]]) -> int:
    return store.run_sql(MOVE_AMENDMENTS, {"moves": store.as_json(list(moves))}) if moves else 0


def withdraw_proposals(entry_ids: Sequence[int], *, note: str) -> int:
    """What was proposed for entries that a person settles in another way."""
    return store.run_sql(
        """UPDATE amendment SET state = 'withdrawn', note = %s, changed_at = clock_timestamp(), closed_at = clock_timestamp()
            WHERE entry_id = ANY(%s) AND state = 'proposed'""",
        [note, list(entry_ids)],
    )


_DUE = """
    SELECT amendment.id, amendment.entry_id, entry.record_id, amendment.deed, amendment.then, amendment.document_id,
           amendment.marker, amendment.destination_type, amendment.wanted, amendment.before, amendment.columns,
           amendment.attempts,
           amendment.alone, amendment.asked_by, amendment.touched_confirmed, amendment.changed_at, amendment.batch,
           amendment.reason, entry.unit, entry.document, entry.read_back, entry.state AS entry_state,
           contact.contact_id AS destination_contact, rest.note AS rest_refused
      FROM amendment JOIN entry ON entry.id = amendment.entry_id
      LEFT JOIN contact_link AS contact ON contact.id = entry.contact_id
      LEFT JOIN LATERAL (
           SELECT other.state, other.note FROM amendment AS other JOIN entry AS half ON half.id = other.entry_id
            WHERE entry.leg = 'main' AND entry.unit LIKE 'rest:%%' AND other.batch = amendment.batch AND half.leg = 'rest'
              AND half.flow_id = entry.flow_id AND half.unit <> ''
              AND half.unit = entry.unit AND other.state NOT IN ('done', 'withdrawn')
            LIMIT 1) AS rest ON true
     WHERE amendment.flow_id = %(flow)s AND amendment.not_before <= clock_timestamp()
"""
# A payment that left a rest is removed after the rest was, and stays where the rest has to stay.
_AFTER_ITS_REST = "coalesce(rest.state, 'refused') = 'refused'"


def due_amendments(*, flow_id: int, limit: int) -> list[dict[str, Any]]:
    """Asked and due, the ones of one unit beside each other, of the kind of document that the oldest has."""
    return store.rows(
        f"""WITH due AS ({_DUE} AND amendment.state = 'asked' AND {_AFTER_ITS_REST})
            SELECT * FROM due
             WHERE replace(destination_type, 'RECEIVE', 'SPEND') =
                   (SELECT replace(destination_type, 'RECEIVE', 'SPEND') FROM due ORDER BY id LIMIT 1)
             ORDER BY alone, min(id) OVER (PARTITION BY coalesce(nullif(unit, ''), entry_id::text)), id LIMIT %(limit)s""",
        {"flow": flow_id, "limit": limit},
    )


def still_asked(ids: Sequence[int]) -> set[int]:
    """Of these, the ones that nobody else took meanwhile; locked for the claim."""
    found = store.rows(
        "SELECT id FROM amendment WHERE id = ANY(%s) AND state = 'asked' ORDER BY id FOR UPDATE SKIP LOCKED",
        [list(ids)],
    )
    return {row["id"] for row in found}


def sent_amendments(*, flow_id: int, limit: int) -> list[dict[str, Any]]:
    """Sent ones whose document is to be read, each with its open intent where the answer was not clear."""
    return store.rows(
        f"""SELECT due.*, intent.id AS intent, intent.last_send, clock_timestamp() AS now
              FROM ({_DUE} AND amendment.state = 'unconfirmed' ORDER BY amendment.id LIMIT %(limit)s) AS due
              LEFT JOIN push_intent_item AS item ON item.amendment_id = due.id AND item.open
              LEFT JOIN push_intent AS intent ON intent.id = item.intent_id""",
        {"flow": flow_id, "limit": limit},
    )


def take_over(*, flow_id: int) -> int:
    """Amendments whose sender is gone (the intent's lease is over): what became of them shows in the document."""
    return store.run_sql(
        """WITH orphan AS (
               UPDATE push_intent SET epoch = epoch + 1, lease_until = NULL, unknown = true
                WHERE flow_id = %(flow)s AND state = 'open' AND NOT unknown AND lease_until < clock_timestamp()
                  AND EXISTS (SELECT FROM push_intent_item AS item
                               WHERE item.intent_id = push_intent.id AND item.amendment_id IS NOT NULL)
               RETURNING id
           )
           UPDATE amendment SET state = 'unconfirmed', not_before = clock_timestamp(), changed_at = clock_timestamp()
            WHERE state = 'in_flight' AND id IN (SELECT amendment_id FROM push_intent_item
                                                  WHERE intent_id IN (SELECT id FROM orphan) AND open)""",
        {"flow": flow_id},
    )


def close_items(ids: Sequence[int], *, outcome: str) -> None:
    """Close the open items of these amendments, and every intent that has none left."""
    store.run_sql(
        """WITH closed AS (
               UPDATE push_intent_item SET open = false, outcome = %s WHERE amendment_id = ANY(%s) AND open
               RETURNING intent_id, id
           )
           UPDATE push_intent SET state = %s, unknown = false, closed_at = clock_timestamp(), next_probe = NULL
            WHERE id IN (SELECT intent_id FROM closed) AND state = 'open'
              AND NOT EXISTS (SELECT FROM push_intent_item AS item WHERE item.intent_id = push_intent.id AND item.open
                                 AND item.id NOT IN (SELECT id FROM closed))""",
        [outcome, list(ids), "absent" if outcome == "absent" else "done"],
    )


def finish_entries(moves: Sequence[Mapping[str, Any]], *, run_id: int | None) -> int:
    """What a done amendment means for its entry. Keys: id, state, note, and optionally document, read_back, booking_date,
    amount, currency, decisions, decided_from, findings, contact_id, movement, record_revision, posted_rate (else that of the
    document)."""
    return store.run_sql(
        """UPDATE entry SET state = x.state, note = x.note, findings = coalesce(x.findings, '[]'::jsonb),
                  run_id = coalesce(%(run)s, entry.run_id), changed_at = clock_timestamp(),
                  document = coalesce(x.document, entry.document), read_back = coalesce(x.read_back, entry.read_back),
                  booking_date = coalesce(x.booking_date, entry.booking_date), amount = coalesce(x.amount, entry.amount),
                  posted_rate = coalesce(x.posted_rate, (x.document ->> 'rate')::numeric, entry.posted_rate),
                  currency = coalesce(x.currency, entry.currency), decisions = coalesce(x.decisions, entry.decisions),
                  contact_id = coalesce(x.contact_id, entry.contact_id),
                  decided_from = coalesce(x.decided_from, entry.decided_from),
                  record_revision = coalesce(x.record_revision, entry.record_revision),
                  confirmed_at = CASE WHEN x.state = 'confirmed' THEN clock_timestamp() ELSE entry.confirmed_at END
             FROM jsonb_to_recordset(%(moves)s::jsonb) AS x(id bigint, state text, note jsonb, document jsonb,
                  read_back jsonb, booking_date date, amount numeric, currency text, decisions jsonb, findings jsonb,
                  decided_from jsonb, contact_id bigint, record_revision int, posted_rate numeric)
            WHERE entry.id = x.id""",
        {"moves": store.as_json(list(moves)), "run": run_id},
    )


def begin_again(entries: Sequence[Mapping[str, Any]]) -> int:
    """Back to the start under a new generation and marker, with no document. Keys: id, generation, marker, note."""
    return store.run_sql(
        """UPDATE entry SET state = 'fetched', generation = x.generation, marker = x.marker, destination_id = NULL,
                  posted_rate = NULL, read_back = NULL, document = NULL, findings = '[]'::jsonb, accepted = '[]'::jsonb,
                  attempts = 0, batch_limit = 50, held_back = false, not_before = clock_timestamp(), note = x.note,
                  changed_at = clock_timestamp()
             FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(id bigint, generation int, marker text, note jsonb)
            WHERE entry.id = x.id""",
        {"rows": store.as_json(list(entries))},
    )


def account_sums(*, connection_id: int, account_ids: Sequence[str], but: Sequence[str] = ()) -> dict[str, Any]:
    """What the live documents that were read from the books add up to, for each bank account. `but`: without these."""
    found = store.rows(
        """SELECT account, sum(amount) AS total FROM (
               SELECT account_id AS account, CASE WHEN kind IN ('RECEIVE', 'RECEIVE-TRANSFER') OR incoming THEN total
                                                  ELSE -total END AS amount
                 FROM mirror_document WHERE connection_id = %(connection)s AND account_id = ANY(%(accounts)s)
                  AND document_id <> ALL(%(but)s) AND status NOT IN ('DELETED', 'VOIDED')
               UNION ALL
               SELECT other_account_id, total FROM mirror_document
                WHERE connection_id = %(connection)s AND other_account_id = ANY(%(accounts)s)
                  AND document_id <> ALL(%(but)s) AND status NOT IN ('DELETED', 'VOIDED')
           ) AS legs GROUP BY account""",
        {"connection": connection_id, "accounts": list(account_ids), "but": list(but)},
    )
    return {row["account"]: row["total"] for row in found}


def sleepers(*, flow_id: int, grace: timedelta) -> list[int]:
    """Amendments on their way that nothing is due to wake: must be empty, else a change was lost sight of."""
    found = store.rows(
        """SELECT amendment.id FROM amendment JOIN flow ON flow.id = amendment.flow_id
            WHERE amendment.flow_id = %s AND amendment.state IN ('asked', 'in_flight', 'unconfirmed')
              AND flow.state = 'active'
              AND greatest(amendment.not_before, amendment.changed_at, coalesce(flow.held_until, amendment.changed_at))
                  < clock_timestamp() - %s
              AND NOT EXISTS (SELECT FROM push_intent_item AS item JOIN push_intent AS intent ON intent.id = item.intent_id
                               WHERE item.amendment_id = amendment.id AND item.open
                                 AND intent.next_probe > clock_timestamp())
            ORDER BY amendment.id""",
        [flow_id, grace],
    )
    return [row["id"] for row in found]
