"""The hand-written statements about documents that somebody else made and that were linked to a movement of ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sync.store import MOST_TOUCHED, rows, run_sql


def linked_documents(document_ids: Sequence[str], *, organisation_id: str) -> frozenset[str]:
    """Of these documents the ones that stand for an entry already: nobody else may claim them."""
    found = rows(
        """SELECT destination_id AS id FROM entry WHERE organisation_id = %(org)s AND destination_id = ANY(%(ids)s)
           UNION ALL
           SELECT other_destination_id FROM entry WHERE organisation_id = %(org)s AND other_destination_id = ANY(%(ids)s)""",
        {"org": organisation_id, "ids": list(document_ids)},
    )
    return frozenset(row["id"] for row in found)


def link(entry_id: int, *, document_id: str, other_document_id: str | None, kind: str) -> int:
    """The documents that stand for this entry from now on. The database refuses one that stands for another entry."""
    return run_sql(
        """UPDATE entry SET destination_id = %s, other_destination_id = %s, destination_type = %s, lost_link = ''
            WHERE id = %s""",
        [document_id, other_document_id, kind, entry_id],
    )


def unlink(entry_ids: Sequence[int]) -> int:
    return run_sql(
        """UPDATE entry SET destination_id = NULL, other_destination_id = NULL
            WHERE id = ANY(%s) AND state = 'duplicate'""",
        [list(entry_ids)],
    )


def touched_since_linked(
    *, flow_id: int, connection_id: int, organisation_id: str, looked_at: datetime | None
) -> list[dict[str, Any]]:
    """Linked entries of which a document changed in the books since, beside both documents as they read now (`other` null
    where it is one); `store.MOST_TOUCHED` at most. One document that still is the movement's amount on its account is left
    out.
    """
    return rows(
        """SELECT entry.id, entry.bank_account_id, entry.unit, entry.document, record.amount, record.currency,
                  (SELECT to_jsonb(one) FROM mirror_document AS one
                    WHERE one.connection_id = %(connection)s AND one.document_id = entry.destination_id) AS found,
                  (SELECT to_jsonb(one) FROM mirror_document AS one
                    WHERE one.connection_id = %(connection)s AND one.document_id = entry.other_destination_id) AS other
             FROM (SELECT DISTINCT linked.id
                     FROM (SELECT * FROM mirror_document WHERE connection_id = %(connection)s AND read_at >
                                  coalesce(%(looked)s::timestamptz - interval '5 minutes', '-infinity') OFFSET 0) AS mirror
                    CROSS JOIN LATERAL (
                          SELECT * FROM entry WHERE organisation_id = %(organisation)s
                             AND destination_id = mirror.document_id
                          UNION ALL
                          SELECT * FROM entry WHERE organisation_id = %(organisation)s
                             AND other_destination_id = mirror.document_id OFFSET 0) AS linked
                     JOIN record ON record.id = linked.record_id
                    WHERE linked.flow_id = %(flow)s AND linked.state = 'duplicate'
                      AND (mirror.status IN ('DELETED', 'VOIDED') OR linked.other_destination_id IS NOT NULL
                           OR mirror.total <> abs(record.amount)
                           OR linked.bank_account_id NOT IN (mirror.account_id, mirror.other_account_id))) AS touched
             JOIN entry ON entry.id = touched.id JOIN record ON record.id = entry.record_id
            ORDER BY entry.id LIMIT %(most)s""",
        {
            "connection": connection_id,
            "organisation": organisation_id,
            "flow": flow_id,
            "looked": looked_at,
            "most": MOST_TOUCHED,
        },
    )


def lose(entry_ids: Sequence[int]) -> frozenset[int]:
    """The documents stand for these entries no longer; which they were is remembered, and what a person accepted before is
    asked again. Those that were still linked."""
    run_sql(  # records before entries, as everybody locks them
        """SELECT FROM record WHERE id IN (SELECT unnest(ARRAY[record_id, other_record_id]) FROM entry WHERE id = ANY(%s))
            ORDER BY id FOR UPDATE""",
        [list(entry_ids)],
    )
    found = rows(
        """UPDATE entry SET lost_link = concat_ws('+', destination_id, other_destination_id), destination_id = NULL,
                  other_destination_id = NULL, accepted = '[]'::jsonb
            WHERE id = ANY(%s) AND state = 'duplicate' AND destination_id IS NOT NULL RETURNING id""",
        [list(entry_ids)],
    )
    return frozenset(row["id"] for row in found)


def offered(*, flow_id: int, document_ids: Sequence[str]) -> list[int]:
    """Entries in review to which one of these documents was offered, alone or with others."""
    found = rows(
        """SELECT entry.id FROM entry CROSS JOIN LATERAL jsonb_array_elements(entry.findings) AS finding
            WHERE entry.flow_id = %s AND entry.state = 'review' AND entry.destination_id IS NULL
              AND finding ->> 'code' IN ('already_in_xero', 'already_in_parts')
              AND string_to_array(finding ->> 'detail', '+') && %s::text[] ORDER BY entry.id""",
        [flow_id, list(document_ids)],
    )
    return [row["id"] for row in found]


def dead_offers(*, flow_id: int, connection_id: int) -> list[dict[str, Any]]:
    """Entries in review to which a document was offered that is deleted or voided by now, with the halves that wait for
    them (`waits_for`: the entry; null for the entry itself)."""
    return rows(
        """WITH dead AS (
               SELECT DISTINCT entry.id, entry.unit, entry.leg, entry.findings, entry.note
                 FROM entry CROSS JOIN LATERAL jsonb_array_elements(entry.findings) AS finding
                 JOIN mirror_document AS mirror ON mirror.connection_id = %(connection)s
                      AND mirror.document_id = ANY(string_to_array(finding ->> 'detail', '+'))
                WHERE entry.flow_id = %(flow)s AND entry.state = 'review' AND entry.destination_id IS NULL
                  AND finding ->> 'code' = 'already_in_xero' AND mirror.status IN ('DELETED', 'VOIDED'))
           SELECT id, leg, findings, note, NULL::bigint AS waits_for FROM dead
           UNION ALL
           SELECT half.id, half.leg, half.findings, half.note, dead.id FROM dead
             JOIN entry AS half ON half.flow_id = %(flow)s AND half.unit <> '' AND half.unit = dead.unit AND half.id <> dead.id
            WHERE half.state = 'review' AND half.destination_id IS NULL
              AND half.findings @> '[{"code": "other_half_held"}]'
            ORDER BY id""",
        {"flow": flow_id, "connection": connection_id},
    )


def foreign_by_account(*, connection_id: int, organisation_id: str, account_ids: Sequence[str]) -> list[dict[str, Any]]:
    """For each bank account: the live documents of the last five weeks that are not ours, how many of them a bank
    statement confirmed, and on how many days."""
    return rows(
        """SELECT mirror.account_id, count(*) AS documents, count(*) FILTER (WHERE mirror.reconciled) AS reconciled,
                  count(DISTINCT mirror.date) AS days, max(mirror.date) AS last_day
             FROM mirror_document AS mirror
            WHERE mirror.connection_id = %(connection)s AND mirror.marker = '' AND mirror.account_id = ANY(%(accounts)s)
              AND mirror.status NOT IN ('DELETED', 'VOIDED')
              AND mirror.date > (clock_timestamp() - interval '35 days')::date
              AND NOT EXISTS (SELECT FROM entry WHERE entry.organisation_id = %(organisation)s
                                 AND entry.destination_id = mirror.document_id)
              AND NOT EXISTS (SELECT FROM entry WHERE entry.organisation_id = %(organisation)s
                                 AND entry.other_destination_id = mirror.document_id)
            GROUP BY mirror.account_id ORDER BY mirror.account_id""",
        {"connection": connection_id, "organisation": organisation_id, "accounts": list(account_ids)},
    )
