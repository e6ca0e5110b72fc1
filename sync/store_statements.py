"""The hand-written statements of the statement file: what stands in the books for our entries, by bank account."""

from __future__ import annotations

from datetime import date
from typing import Any

from sync.store import rows

# A transfer that somebody typed as two documents stands for one entry with both of them.
_LIVE = """
    FROM (SELECT id, marker, document, destination_id AS document_id FROM entry WHERE flow_id = %(flow)s
          UNION ALL
          SELECT id, marker, document, other_destination_id FROM entry
           WHERE flow_id = %(flow)s AND other_destination_id IS NOT NULL) AS entry
    JOIN mirror_document AS mirror
      ON mirror.connection_id = %(connection)s AND mirror.document_id = entry.document_id
   WHERE mirror.status NOT IN ('DELETED', 'VOIDED')
"""


def posted_on(
    *, flow_id: int, connection_id: int, bank_account_id: str, since: date, before: date
) -> list[dict[str, Any]]:
    """Live documents of our entries that move this bank account in [since, before), with the entry's own texts."""
    return rows(
        "SELECT entry.id AS entry, entry.marker, entry.document, to_jsonb(mirror) AS found"
        + _LIVE
        + """ AND mirror.date >= %(since)s AND mirror.date < %(before)s
              AND (mirror.account_id = %(account)s OR mirror.other_account_id = %(account)s)
            ORDER BY mirror.date, entry.id""",
        {
            "flow": flow_id,
            "connection": connection_id,
            "account": bank_account_id,
            "since": since,
            "before": before,
        },
    )


def posted_months(*, flow_id: int, connection_id: int) -> list[dict[str, Any]]:
    """Each bank account and month with documents of ours: how many, and their signed sum; newest month first."""
    return rows(
        f"""WITH posted AS (SELECT mirror.* {_LIVE}), side AS (
                SELECT account_id, date, CASE
                       WHEN kind IN ('SPEND', 'BANKTRANSFER') OR (kind IN ('PAYMENT', 'BATCHPAYMENT') AND NOT incoming)
                       THEN -total ELSE total END AS amount FROM posted
                UNION ALL SELECT other_account_id, date, total FROM posted WHERE kind = 'BANKTRANSFER')
            SELECT account_id, date_trunc('month', date)::date AS month, count(*) AS lines, sum(amount) AS total
              FROM side GROUP BY 1, 2 ORDER BY 2 DESC, 1""",
        {"flow": flow_id, "connection": connection_id},
    )


def not_posted_in(*, flow_id: int, bank_account_id: str, since: date, before: date) -> int:
    """Movements of the account and month that have no document yet and may still get one."""
    found = rows(
        """SELECT count(*) AS n FROM entry WHERE flow_id = %s AND bank_account_id = %s AND booking_date >= %s
              AND booking_date < %s AND destination_id IS NULL AND state NOT IN ('skipped', 'undone', 'duplicate')""",
        [flow_id, bank_account_id, since, before],
    )
    return int(found[0]["n"])
