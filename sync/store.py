"""The hand-written statements of `sync`, by step; at the end what watch, proof and figures ask. Those with a subject of their
own are in `store_*.py`, and one more is in `incidents`.

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

from connectors.contract.ports import Shown
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


# ---------------------------------------------------------------------- mirror


def upsert_mirror(*, tenant_id: int, connection_id: int, documents: Sequence[Mapping[str, Any]]) -> None:
    """Keep what was read. (The count: a marker is looked up by its index; EXISTS might read every entry there is.)"""
    run_sql(
        """INSERT INTO mirror_document (tenant_id, connection_id, kind, document_id, account_id, other_account_id,
                   incoming, contact_id, date, total, currency, rate, reference, marker, status, reconciled, lines_hash,
                   pays, by_account, tax_total, updated_at, unclaimed)
           SELECT DISTINCT ON (document_id) %(tenant)s, %(connection)s, kind, document_id, account_id, other_account_id,
                  incoming, contact_id, date, total, currency, rate, reference, marker, status, reconciled, lines_hash,
                  pays, by_account, tax_total, updated_at, marker = '' OR (SELECT count(*) FROM entry
                   WHERE organisation_id = (SELECT external_id FROM connection WHERE id = %(connection)s)
                     AND entry.marker = x.marker) = 0
             FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(kind text, document_id text, account_id text,
                  other_account_id text, incoming boolean, contact_id text, date date, total numeric, currency text, rate numeric,
                  reference text, marker text, status text, reconciled boolean, lines_hash text, pays text,
                  by_account jsonb, tax_total numeric, updated_at timestamptz)
            ORDER BY document_id, updated_at DESC NULLS LAST
           ON CONFLICT (connection_id, document_id) DO UPDATE
              SET kind = EXCLUDED.kind, account_id = EXCLUDED.account_id, other_account_id = EXCLUDED.other_account_id,
                  incoming = EXCLUDED.incoming, contact_id = EXCLUDED.contact_id, date = EXCLUDED.date, total = EXCLUDED.total,
                  currency = EXCLUDED.currency, rate = coalesce(EXCLUDED.rate, mirror_document.rate),
                  reference = EXCLUDED.reference, marker = EXCLUDED.marker, status = EXCLUDED.status,
                  reconciled = EXCLUDED.reconciled, lines_hash = EXCLUDED.lines_hash, pays = EXCLUDED.pays,
                  by_account = EXCLUDED.by_account, tax_total = EXCLUDED.tax_total, updated_at = EXCLUDED.updated_at,
                  read_at = clock_timestamp(), unclaimed = EXCLUDED.unclaimed
            WHERE (mirror_document.updated_at, mirror_document.status, mirror_document.reconciled, mirror_document.lines_hash)
                  IS DISTINCT FROM (EXCLUDED.updated_at, EXCLUDED.status, EXCLUDED.reconciled, EXCLUDED.lines_hash)""",
        {"rows": as_json(list(documents)), "tenant": tenant_id, "connection": connection_id},
    )


def already_read(*, connection_id: int, shown: Sequence[Shown]) -> frozenset[str]:
    """Of these documents those that stand in the mirror just so, lines and all: reading them again tells nothing."""
    found = rows(
        """SELECT x.document_id FROM jsonb_to_recordset(%(shown)s::jsonb) AS x(document_id text, updated_at timestamptz,
                       status text, reconciled boolean, total numeric)
            CROSS JOIN LATERAL (SELECT updated_at, status, reconciled, total, lines_hash FROM mirror_document
                                 WHERE connection_id = %(connection)s AND document_id = x.document_id OFFSET 0) AS its
            WHERE (its.updated_at, its.status, its.reconciled, its.total)
                  = (x.updated_at, x.status, x.reconciled, x.total)
              AND its.lines_hash <> ''""",
        {"connection": connection_id, "shown": as_json([it._asdict() for it in shown])},
    )
    return frozenset(row["document_id"] for row in found)


def claim_documents(document_ids: Sequence[str], *, connection_id: int) -> None:
    """An entry carries their marker after all."""
    run_sql(
        "UPDATE mirror_document SET unclaimed = false WHERE connection_id = %s AND document_id = ANY(%s) AND marker <> ''",
        [connection_id, list(document_ids)],
    )


def let_go_of_strays(*, connection_id: int, within: timedelta) -> int:
    """Documents read `within` this time that were claimed by an entry which, at that very moment, took another marker."""
    return run_sql(
        """UPDATE mirror_document SET unclaimed = true
            WHERE connection_id = %(connection)s AND read_at > clock_timestamp() - %(within)s AND NOT unclaimed
              AND (SELECT count(*) FROM entry
                    WHERE organisation_id = (SELECT external_id FROM connection WHERE id = %(connection)s)
                      AND entry.marker = mirror_document.marker) = 0""",
        {"connection": connection_id, "within": within},
    )


def upsert_invoices(*, tenant_id: int, connection_id: int, invoices: Sequence[Mapping[str, Any]]) -> None:
    run_sql(
        """INSERT INTO mirror_invoice (tenant_id, connection_id, invoice_id, sales, number, reference, contact_id, contact_name,
                   total, due, currency, date, due_date, rate, status, paid_by, updated_at)
           SELECT DISTINCT ON (invoice_id) %(tenant)s, %(connection)s, invoice_id, sales, number, reference, contact_id,
                  contact_name, total, due, currency, date, due_date, rate, status, paid_by, updated_at
             FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(invoice_id text, sales boolean, number text, reference text,
                  contact_id text, contact_name text, total numeric, due numeric, currency text, date date, due_date date,
                  rate numeric, status text, paid_by jsonb, updated_at timestamptz)
            ORDER BY invoice_id, updated_at DESC NULLS LAST
           ON CONFLICT (connection_id, invoice_id) DO UPDATE
              SET sales = EXCLUDED.sales, number = EXCLUDED.number, reference = EXCLUDED.reference,
                  contact_id = EXCLUDED.contact_id, contact_name = EXCLUDED.contact_name, total = EXCLUDED.total,
                  due = EXCLUDED.due, currency = EXCLUDED.currency, date = EXCLUDED.date, due_date = EXCLUDED.due_date,
                  rate = EXCLUDED.rate, status = EXCLUDED.status, paid_by = EXCLUDED.paid_by,
                  updated_at = EXCLUDED.updated_at, read_at = clock_timestamp()
            WHERE mirror_invoice.updated_at IS NULL OR EXCLUDED.updated_at >= mirror_invoice.updated_at""",
        {"rows": as_json(list(invoices)), "tenant": tenant_id, "connection": connection_id},
    )


def entries_in_books(*, flow_id: int, connection_id: int) -> list[dict[str, Any]]:
    """Entries without an id whose marker stands in the books, each with every document that carries it; not yet where the
    entry's own is only a draft, without lines."""
    return rows(
        """SELECT entry.id, entry.state, entry.attempts, mirror.document_id, mirror.status, mirror.rate, mirror.kind
             FROM entry CROSS JOIN LATERAL (
                      SELECT document_id, status, rate, kind FROM mirror_document
                       WHERE connection_id = %(connection)s AND marker <> '' AND marker = entry.marker OFFSET 0) AS mirror
            WHERE entry.flow_id = %(flow)s AND entry.destination_id IS NULL AND entry.document IS NOT NULL
              AND entry.document -> 'lines' IS DISTINCT FROM '[]'::jsonb
              AND entry.state IN ('fetched', 'ready', 'waiting', 'unconfirmed')
            ORDER BY entry.id, mirror.document_id""",
        {"flow": flow_id, "connection": connection_id},
    )


# -------------------------------------------------------------- confirm, drift


def entries_to_confirm(*, flow_id: int, connection_id: int, limit: int) -> list[dict[str, Any]]:
    """Sent entries with an id, each beside the document as last read back (null where it was not seen yet)."""
    return rows(
        """SELECT entry.id, entry.marker, entry.document, entry.destination_id, entry.changed_at, entry.posted_rate,
                  entry.findings, to_jsonb(mirror) AS found
             FROM (SELECT id, marker, document, destination_id, changed_at, posted_rate, findings FROM entry
                    WHERE flow_id = %(flow)s AND state = 'unconfirmed' AND destination_id IS NOT NULL
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
                   AND mirror.updated_at > entry.confirmed_at - interval '5 minutes'
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


# ------------------------------------------- what watch, proof and figures ask


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
