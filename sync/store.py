"""The hand-written statements of `sync`, by step. Those with a subject of their own are in `store_*.py`, and one more is in
`incidents`.

Every function runs inside the caller's tenant scope and transaction. Times are the database's clock alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from django.db import connection

from sync.domain.reasons import BEFORE_CUTOFF

JSONB = 3802  # Django leaves this type as text in a raw cursor
_from_json = json.JSONDecoder(parse_float=Decimal).decode  # made once: `json.loads` makes one a call
MOST_TOUCHED = 1000  # documents that changed under us, in one look


def rows(sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        if cursor.description is None:
            return []
        names = [column.name for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        documents = [column.name for column in cursor.description if column.type_code == JSONB]
    for row in found:
        row.update({name: _from_json(row[name]) for name in documents if row[name] is not None})
    return found


def run_sql(sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> int:
    """Rows touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def as_json(value: Any) -> str:
    """For a statement's jsonb: rows by the thousand. A Decimal must be text already."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a number beyond 64 bits, or one for a key: slower, and it is kept as it came
        return json.dumps(value)


def now() -> datetime:
    moment: datetime = rows("SELECT clock_timestamp() AS now")[0]["now"]
    return moment


# ------------------------------------------------------------------ the lease


def take_lease(flow_id: int, *, seconds: float) -> tuple[int, datetime] | None:
    """The new epoch and the database's time, or None while somebody else holds the flow."""
    found = rows(
        """UPDATE flow SET lease_until = clock_timestamp() + %s, epoch = epoch + 1,
                  unclean = CASE WHEN lease_until IS NULL THEN 0 ELSE unclean + 1 END
            WHERE id = %s AND (lease_until IS NULL OR lease_until < clock_timestamp())
            RETURNING epoch, clock_timestamp() AS now""",
        [timedelta(seconds=seconds), flow_id],
    )
    return (found[0]["epoch"], found[0]["now"]) if found else None


def keep_lease(flow_id: int, *, epoch: int, seconds: float) -> bool:
    """False when the lease is no longer ours: stop at once."""
    return (
        run_sql(
            "UPDATE flow SET lease_until = clock_timestamp() + %s WHERE id = %s AND epoch = %s",
            [timedelta(seconds=seconds), flow_id, epoch],
        )
        == 1
    )


def end_lease(flow_id: int, *, epoch: int, wait: timedelta, was_due: datetime | None = None) -> None:
    """Due again after `wait`, or when somebody has asked for it meanwhile. `was_due`: as read when the lease began."""
    run_sql(
        """UPDATE flow SET lease_until = NULL, unclean = 0,
                  next_at = CASE WHEN next_at <> %(was)s THEN least(next_at, clock_timestamp() + %(wait)s)
                                 ELSE clock_timestamp() + %(wait)s END
            WHERE id = %(flow)s AND epoch = %(epoch)s""",
        {"was": was_due, "wait": wait, "flow": flow_id, "epoch": epoch},
    )


def give_back(flow_id: int, *, epoch: int) -> None:
    """End the lease without touching the schedule."""
    run_sql("UPDATE flow SET lease_until = NULL, unclean = 0 WHERE id = %s AND epoch = %s", [flow_id, epoch])


# ---------------------------------------------------------------------- fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    new: int
    changed: int
    unchanged: int


_UPSERT_RECORDS = """
WITH incoming AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(
        fingerprint text, account_id text, source_id text, content_hash text, payload jsonb, movement text,
        execution text, unit text, booking_date date, amount numeric, currency text, counterparty text, "text" text,
        source_updated_at timestamptz, source_contact text, iban text, iban_last4 text, made_at timestamptz)
), written AS (
    INSERT INTO record (tenant_id, flow_id, fingerprint, account_id, source_id, content_hash, payload, movement, execution,
                        unit, booking_date, amount, currency, counterparty, text, source_updated_at, source_contact, iban,
                        iban_last4, made_at, state, reason, revision)
    SELECT %(tenant)s, %(flow)s, fingerprint, account_id, source_id, content_hash, payload, movement, execution,
           unit, booking_date, amount, currency, counterparty, "text", source_updated_at, source_contact, iban, iban_last4,
           made_at, 'fetched', '', 1
      FROM incoming ORDER BY fingerprint
    ON CONFLICT (flow_id, fingerprint) DO UPDATE
       SET account_id = EXCLUDED.account_id, content_hash = EXCLUDED.content_hash, payload = EXCLUDED.payload,
           movement = EXCLUDED.movement,
           execution = EXCLUDED.execution,
           unit = CASE WHEN record.unit LIKE 'pair:%%' AND EXCLUDED.unit LIKE 'transfer:%%' THEN record.unit
                       ELSE EXCLUDED.unit END, booking_date = EXCLUDED.booking_date,
           amount = EXCLUDED.amount, currency = EXCLUDED.currency, counterparty = EXCLUDED.counterparty,
           text = EXCLUDED.text, source_updated_at = EXCLUDED.source_updated_at,
           source_contact = EXCLUDED.source_contact, iban = EXCLUDED.iban, iban_last4 = EXCLUDED.iban_last4,
           made_at = EXCLUDED.made_at, state = 'fetched', reason = '',
           revision = record.revision + 1, changed_at = clock_timestamp()
     WHERE record.content_hash <> EXCLUDED.content_hash
    RETURNING id, revision
), told AS (
    INSERT INTO event (tenant_id, flow_id, record_id, run_id, step, from_state, to_state, actor, note)
    SELECT %(tenant)s, %(flow)s, id, %(run)s, 'fetch', '', 'fetched', '',
           CASE WHEN revision = 1 THEN '{}'::jsonb ELSE jsonb_build_object('changed_at_source', revision) END
      FROM written
), was AS (
    SELECT record.id, record.flow_id, record.unit, record.payload || jsonb_build_object('account_id', record.account_id) AS said
      FROM record JOIN written USING (id) WHERE written.revision > 1
), remembered AS (
    UPDATE entry SET decided_from = its.payloads || entry.decided_from
      FROM (SELECT decided.id, jsonb_object_agg(was.id, was.said) AS payloads FROM was CROSS JOIN LATERAL (
                   SELECT id FROM entry WHERE record_id = was.id
                   UNION SELECT id FROM entry WHERE other_record_id = was.id
                   UNION SELECT id FROM entry WHERE flow_id = was.flow_id AND unit <> '' AND unit = was.unit) AS decided
             GROUP BY decided.id) AS its
     WHERE entry.id = its.id
)
SELECT count(*) FILTER (WHERE revision = 1) AS new, count(*) FILTER (WHERE revision > 1) AS changed FROM written
"""


def upsert_records(
    *, tenant_id: int, flow_id: int, run_id: int | None, records: Sequence[Mapping[str, Any]]
) -> Fetched:
    """New rows and rows whose content hash changed become `fetched`, each with its event; equal ones are left alone. Entries
    remember what the source said when they were decided."""
    found = rows(
        _UPSERT_RECORDS, {"rows": as_json(list(records)), "tenant": tenant_id, "flow": flow_id, "run": run_id}
    )[0]
    return Fetched(new=found["new"], changed=found["changed"], unchanged=len(records) - found["new"] - found["changed"])


def wake_before_cutoff(*, flow_id: int, since: date, until: date) -> int:
    """Rows of these days that were left out only because an earlier first day said so are decided again."""
    return run_sql(
        """UPDATE record SET state = 'fetched', reason = ''
            WHERE flow_id = %s AND state = 'skipped' AND booking_date BETWEEN %s AND %s
              AND reason LIKE %s""",
        [flow_id, since, until, f"{BEFORE_CUTOFF}%"],
    )


def count_backfill(backfill_id: int, *, read: int, new: int, changed: int) -> None:
    run_sql(
        'UPDATE backfill SET "read" = "read" + %s, "new" = "new" + %s, changed = changed + %s WHERE id = %s',
        [read, new, changed, backfill_id],
    )


# ------------------------------------------------------------------ transform


def records_to_transform(*, flow_id: int, limit: int) -> list[dict[str, Any]]:
    """Fetched rows, oldest first, each with the partners of its unit (a unit is transformed as a whole).

    A change of a row whose document may or may not stand in the books waits until that is known. (OFFSET 0: each row and its
    entries by their index; as a join they would all be read.)
    """
    return rows(
        """WITH due AS (
               SELECT id, unit FROM record WHERE flow_id = %(flow)s AND state = 'fetched'
                  AND NOT EXISTS (SELECT FROM (SELECT state FROM entry WHERE entry.record_id = record.id OFFSET 0) AS its
                                   WHERE its.state IN ('in_flight', 'unconfirmed'))
                  AND (unit = '' OR NOT EXISTS (SELECT FROM (SELECT state FROM entry WHERE entry.flow_id = %(flow)s
                                     AND entry.unit <> '' AND entry.unit = record.unit OFFSET 0) AS its
                                   WHERE its.state IN ('in_flight', 'unconfirmed')))
                ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
           ), picked AS (
               SELECT id FROM due
               UNION
               SELECT partner.id FROM record AS partner
                WHERE partner.flow_id = %(flow)s AND partner.unit <> ''
                  AND partner.unit IN (SELECT unit FROM due WHERE unit <> '')
           )
           SELECT its.* FROM picked CROSS JOIN LATERAL (
                      SELECT id, account_id, source_id, fingerprint, content_hash, payload, state, unit, revision,
                             source_updated_at, source_contact, iban, iban_last4
                        FROM record WHERE record.id = picked.id OFFSET 0) AS its ORDER BY its.id""",
        {"flow": flow_id, "limit": limit},
    )


def wake_waiting(*, flow_id: int) -> int:
    """Rows that waited for their partner as long as they may are decided again."""
    return run_sql(
        """UPDATE record SET state = 'fetched' FROM entry
            WHERE entry.record_id = record.id AND entry.flow_id = %s AND entry.state = 'waiting' AND entry.document IS NULL
              AND entry.note ->> 'waits_for' = 'partner' AND entry.not_before <= clock_timestamp()
              AND record.state = 'entered'""",
        [flow_id],
    )


def settle_records(states: Iterable[tuple[int, str, str]]) -> None:
    """(id, state, reason) of each transformed record, in one statement."""
    listed = list(states)
    run_sql(
        """UPDATE record SET state = x.state, reason = x.reason
             FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS x(id, state, reason) WHERE record.id = x.id""",
        [[r[0] for r in listed], [r[1] for r in listed], [r[2] for r in listed]],
    )


_ENTRY_COLUMNS = (
    "record_id, other_record_id, leg, unit, movement, state, marker, destination_type, bank_account_id, contact_id, "
    "counterparty_id, option_ids, document, decisions, findings, note, booking_date, amount, currency, record_revision, "
    "accepted, not_before"
)
_WRITE_ENTRIES = f"""
INSERT INTO entry (tenant_id, flow_id, organisation_id, run_id, {_ENTRY_COLUMNS}, attempts, batch_limit, held_back)
SELECT %(tenant)s, %(flow)s, %(organisation)s, %(run)s, record_id, other_record_id, leg, unit, movement, state, marker,
       destination_type, bank_account_id, contact_id, counterparty_id, option_ids, nullif(document, 'null'::jsonb),
       decisions, findings, note, booking_date, amount, currency, record_revision, coalesce(accepted, '[]'::jsonb),
       clock_timestamp() + make_interval(secs => wait), 0, 50, false
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(
       record_id bigint, other_record_id bigint, leg text, unit text, movement text, state text, marker text,
       destination_type text, bank_account_id text, contact_id bigint, counterparty_id bigint, option_ids bigint[],
       document jsonb, decisions jsonb, findings jsonb, note jsonb, booking_date date, amount numeric, currency text,
       record_revision int, accepted jsonb, wait double precision)
ON CONFLICT (flow_id, record_id, leg) DO UPDATE
   SET other_record_id = EXCLUDED.other_record_id, unit = EXCLUDED.unit, movement = EXCLUDED.movement,
       state = EXCLUDED.state, destination_type = EXCLUDED.destination_type, bank_account_id = EXCLUDED.bank_account_id,
       contact_id = EXCLUDED.contact_id, counterparty_id = EXCLUDED.counterparty_id,
       option_ids = EXCLUDED.option_ids, document = EXCLUDED.document,
       decisions = EXCLUDED.decisions, findings = EXCLUDED.findings, note = EXCLUDED.note,
       booking_date = EXCLUDED.booking_date, amount = EXCLUDED.amount,
       currency = EXCLUDED.currency, record_revision = EXCLUDED.record_revision, run_id = EXCLUDED.run_id,
       accepted = EXCLUDED.accepted, decided_from = DEFAULT,
       not_before = EXCLUDED.not_before, changed_at = clock_timestamp()
"""


def write_entries(
    *, tenant_id: int, flow_id: int, organisation_id: str, run_id: int | None, entries: Sequence[Mapping[str, Any]]
) -> None:
    """Insert new entries, or rewrite ones that were never sent (the caller passes no others)."""
    run_sql(
        _WRITE_ENTRIES,
        {
            "rows": as_json(list(entries)),
            "tenant": tenant_id,
            "flow": flow_id,
            "organisation": organisation_id,
            "run": run_id,
        },
    )


# ------------------------------------------------------------ an entry's moves


# `intent` is read only where `store_intents` appends "and the intent is still ours" to the condition.
MOVE_ENTRIES = """
    UPDATE entry SET state = x.state, run_id = coalesce(%(run)s, entry.run_id),
           changed_at = CASE WHEN x.state = entry.state THEN entry.changed_at ELSE clock_timestamp() END,
           decided_at = CASE WHEN x.state = 'ready' AND entry.state NOT IN ('ready', 'in_flight', 'unconfirmed')
                             THEN clock_timestamp() ELSE entry.decided_at END,
           note = coalesce(x.note, '{}'::jsonb), findings = coalesce(x.findings, entry.findings),
           document = coalesce(x.document, entry.document),
           destination_id = coalesce(x.destination_id, entry.destination_id),
           posted_rate = coalesce(x.posted_rate, entry.posted_rate),
           read_back = coalesce(x.read_back, entry.read_back),
           contact_id = coalesce(x.contact_id, entry.contact_id),
           record_revision = coalesce(x.record_revision, entry.record_revision),
           not_before = CASE WHEN x.wait IS NULL THEN entry.not_before
                             ELSE clock_timestamp() + make_interval(secs => x.wait) END,
           attempts = coalesce(x.attempts, entry.attempts),
           batch_limit = coalesce(x.batch_limit, entry.batch_limit),
           confirmed_at = CASE WHEN x.state = 'confirmed' AND entry.state <> 'confirmed' THEN clock_timestamp()
                               ELSE entry.confirmed_at END
      FROM jsonb_to_recordset(%(moves)s::jsonb) AS x(id bigint, state text, note jsonb, findings jsonb,
           document jsonb, destination_id text, posted_rate numeric, read_back jsonb, contact_id bigint,
           wait double precision, attempts int, batch_limit int, record_revision int, intent bigint)
     WHERE entry.id = x.id
"""


def move_entries(moves: Sequence[Mapping[str, Any]], *, run_id: int | None) -> int:
    """Change the state of many entries in one statement; a key that a move leaves out keeps its column.

    Keys: id, state, and optionally note, findings, document, destination_id, posted_rate, contact_id, wait (seconds until
    due again), attempts, batch_limit, record_revision. The database writes the events and refuses impossible moves.
    """
    if not moves:
        return 0
    return run_sql(MOVE_ENTRIES, {"moves": as_json(list(moves)), "run": run_id})


# -------------------------------------------------------------- confirm, drift


def entries_to_confirm(*, flow_id: int, connection_id: int, limit: int) -> list[dict[str, Any]]:
    """Sent entries with an id that should be read back, each beside its document as last read (null where it was not seen)."""
    return rows(
        """SELECT entry.id, entry.marker, entry.document, entry.destination_id, entry.changed_at, entry.posted_rate,
                  entry.findings, to_jsonb(mirror) AS found
             FROM (SELECT id, marker, document, destination_id, changed_at, posted_rate, findings FROM entry
                    WHERE flow_id = %(flow)s AND state = 'unconfirmed' AND destination_id IS NOT NULL
                      AND not_before <= clock_timestamp()
                    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS entry
             LEFT JOIN LATERAL (SELECT * FROM mirror_document WHERE connection_id = %(connection)s
                                   AND document_id = entry.destination_id OFFSET 0) AS mirror ON true
            ORDER BY entry.id""",
        {"flow": flow_id, "connection": connection_id, "limit": limit},
    )


def has_standing(flow_id: int) -> bool:
    """Is there a document whose change in the books would matter: read back, linked, or one that a person is asked about?"""
    found = rows(
        "SELECT 1 AS one FROM entry WHERE flow_id = %s AND state IN ('confirmed', 'duplicate', 'review') LIMIT 1",
        [flow_id],
    )
    return bool(found)


def touched_since_confirmed(
    *, flow_id: int, connection_id: int, organisation_id: str, looked_at: datetime | None
) -> list[dict[str, Any]]:
    """Confirmed entries whose document in the books changed after we last looked at it, and held ones whose document is gone,
    or was worked on while a person is asked about it; `MOST_TOUCHED` at most.

    `looked_at`: what was read before the last look was seen by it. Another flow may have been writing at that moment.
    """
    return rows(
        """SELECT entry.id, entry.state, entry.record_id,
                  entry.marker, entry.document, entry.posted_rate, entry.findings, entry.read_back, entry.note,
                  mirror.updated_at::text AS stamp, to_jsonb(mirror) AS found
             FROM (SELECT * FROM mirror_document WHERE connection_id = %(connection)s AND read_at >
                          coalesce(%(looked)s::timestamptz - interval '5 minutes', '-infinity') OFFSET 0) AS mirror
            CROSS JOIN LATERAL (SELECT * FROM entry WHERE entry.organisation_id = %(organisation)s
                                   AND entry.destination_id = mirror.document_id OFFSET 0) AS entry
            WHERE entry.flow_id = %(flow)s AND (
                  (entry.state = 'confirmed' AND mirror.read_at > entry.confirmed_at
                   AND (mirror.updated_at > entry.confirmed_at - interval '5 minutes'
                        OR mirror.updated_at > (entry.read_back ->> 'stamp')::timestamptz)
                   AND mirror.updated_at::text IS DISTINCT FROM entry.read_back ->> 'seen')
               OR (entry.state = 'review' AND NOT entry.findings @> '[{"code": "deleted_in_xero"}]'
                   AND (mirror.status IN ('DELETED', 'VOIDED')
                        OR (mirror.updated_at::text IS DISTINCT FROM entry.read_back ->> 'seen' AND entry.findings @> ANY (
                            ARRAY['[{"code": "read_back_differs"}]', '[{"code": "source_changed"}]',
                                  '[{"code": "coded_unlike_original"}]']::jsonb[])))
                   AND NOT EXISTS (SELECT FROM amendment WHERE amendment.entry_id = entry.id
                                      AND amendment.state IN ('asked', 'in_flight', 'unconfirmed'))))
            ORDER BY entry.id LIMIT %(most)s""",
        {
            "connection": connection_id,
            "organisation": organisation_id,
            "flow": flow_id,
            "looked": looked_at,
            "most": MOST_TOUCHED,
        },
    )
