"""The hand-written statements about the destination's side as it was read: documents, invoices and bills, and the entries that
they prove. As in `store`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.contract.ports import Shown
from sync.store import as_json, rows, run_sql


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
