"""The hand-written statements about conversions and overpaid rests: what waits for its first document, what needs a person."""

from __future__ import annotations

from typing import Any

from sync.store import rows

_TROUBLED = """
WITH held AS (
    SELECT DISTINCT ON (unit) unit, leg, amount, currency, booking_date, findings,
           EXISTS (SELECT FROM entry AS other WHERE other.flow_id = entry.flow_id AND other.unit <> '' AND other.unit = entry.unit
                      AND other.destination_id IS NOT NULL AND other.state <> 'undone') AS is_half_posted,
           findings @> '[{"code": "fx_partner_missing"}]' AS is_alone
      FROM entry
     WHERE flow_id = %(flow)s AND unit <> '' AND (movement = 'fx' OR leg = 'rest') AND state IN ('review', 'failed')
       AND destination_id IS NULL
     ORDER BY unit, id
), half_undone AS (
    SELECT DISTINCT ON (gone.unit) left('half_undone:' || gone.unit, 120) AS cause, gone.leg, gone.amount, gone.currency,
           gone.booking_date, stays.amount AS staying, stays.note AS why
      FROM entry AS gone JOIN LATERAL (
           SELECT half.amount, refused.note FROM entry AS half
             JOIN amendment AS refused ON refused.entry_id = half.id AND refused.state = 'refused'
             JOIN amendment AS done ON done.entry_id = gone.id AND done.state = 'done' AND done.batch = refused.batch
            WHERE half.flow_id = gone.flow_id AND half.unit <> '' AND half.unit = gone.unit AND half.id <> gone.id
              AND half.destination_id IS NOT NULL AND half.state IN ('confirmed', 'review')
              AND NOT EXISTS (SELECT FROM amendment AS coming WHERE coming.entry_id = half.id
                                 AND coming.state IN ('asked', 'in_flight', 'unconfirmed'))
            ORDER BY refused.id DESC LIMIT 1) AS stays ON true
     WHERE gone.flow_id = %(flow)s AND gone.state = 'undone' AND gone.unit <> ''
     ORDER BY gone.unit, gone.id
), unposted AS (
    SELECT left(CASE WHEN leg = 'rest' THEN 'half_' || unit
                     WHEN is_half_posted THEN 'half_fx:' || substr(unit, 4)
                     ELSE 'waiting_fx:' || substr(unit, 4) END, 120) AS cause, *
      FROM held WHERE is_half_posted OR is_alone
), troubled AS (
    SELECT cause, is_half_posted, leg, amount, currency, booking_date, NULL::numeric AS staying,
           findings -> 0 ->> 'message' AS why FROM unposted
    UNION ALL SELECT cause, false, leg, amount, currency, booking_date, staying, why FROM half_undone
), known AS (
    SELECT cause FROM incident
     WHERE flow_id = %(flow)s AND closed_at IS NULL
       AND (cause LIKE 'half_fx:%%' OR cause LIKE 'waiting_fx:%%' OR cause LIKE 'half_rest:%%'
            OR cause LIKE 'half_undone:%%' OR cause LIKE 'open_fx:%%')
)
SELECT cause, known.cause IS NULL AS is_new, troubled.cause IS NULL AS is_over, is_half_posted, leg, amount, currency,
       booking_date, staying, why
  FROM troubled FULL JOIN known USING (cause) WHERE known.cause IS NULL OR troubled.cause IS NULL ORDER BY cause
"""


def troubled_deals(*, flow_id: int) -> list[dict[str, Any]]:
    """Deals of which one row is still missing, or one document alone stands in the books, also after an undo that came
    halfway (`staying`: what stands): those without an incident (`is_new`), and the causes of incidents that are over. One of
    an open clearing account is always among these, to be looked at anew."""
    return rows(_TROUBLED, {"flow": flow_id})


_CLEARING = """
WITH half AS (
    SELECT entry.unit, entry.id, entry.record_id, entry.leg, entry.amount, entry.currency, entry.booking_date, entry.state,
           entry.state = 'duplicate' AS is_linked, entry.findings @> '[{"code": "fx_rest"}]' AS is_told,
           entry.state = 'undone' AS is_undone,
           entry.state <> 'undone' AND coalesce(mirror.status, '') NOT IN ('DELETED', 'VOIDED')
               AND NOT entry.findings @> '[{"code": "deleted_in_xero"}]' AS stands,
           CASE WHEN entry.leg = 'sold' THEN 1 ELSE -1 END
               * CASE WHEN entry.state = 'duplicate' THEN coalesce(mirror.total, abs(entry.amount))
                      ELSE (entry.document -> 'lines' -> 0 ->> 'amount')::numeric END AS cleared,
           CASE WHEN entry.currency = %(base)s THEN 1
                ELSE coalesce(nullif(mirror.rate, 0), entry.posted_rate, (entry.document ->> 'rate')::numeric) END AS rate
      FROM entry LEFT JOIN mirror_document AS mirror
        ON mirror.connection_id = %(connection)s AND mirror.document_id = entry.destination_id
     WHERE entry.flow_id = %(flow)s AND entry.unit <> '' AND entry.movement = 'fx' AND entry.destination_id IS NOT NULL
), deal AS (
    SELECT unit, count(*) FILTER (WHERE stands) AS standing, bool_or(is_told) AS is_told,
           bool_or(is_undone) AS is_undone, bool_or(stands AND is_linked) AS has_linked,
           bool_and(NOT stands OR is_linked) AS all_linked,
           sum(round(cleared / rate, 2)) FILTER (WHERE stands) AS rest
      FROM half GROUP BY unit HAVING count(*) = 2 AND bool_and(NOT stands OR cleared / rate IS NOT NULL)
), open_deal AS (
    SELECT * FROM deal
     WHERE rest <> 0 AND NOT (is_told AND abs(rest) <= 0.01) AND (standing = 2 OR NOT is_undone OR has_linked)
       AND NOT EXISTS (SELECT FROM entry JOIN amendment ON amendment.entry_id = entry.id
                          AND amendment.state IN ('asked', 'in_flight', 'unconfirmed')
                        WHERE entry.flow_id = %(flow)s AND entry.unit <> '' AND entry.unit = deal.unit)
)
SELECT open_deal.unit, standing, open_deal.is_undone, has_linked, all_linked, abs(rest) AS rest, half.record_id, half.amount,
       half.currency, half.booking_date, half.stands, half.is_linked, half.rate
  FROM open_deal JOIN half USING (unit) ORDER BY open_deal.unit, half.leg DESC
"""


def open_clearing(*, flow_id: int, connection_id: int, base_currency: str) -> list[dict[str, Any]]:
    """Deals whose documents, as last read, do not return the clearing account to 0.00, each with `rest` in base currency and
    its two halves as rows, sold first. Also where one of the two was deleted in the books, or was undone beside a document
    that somebody else made. One statement, by the index of units."""
    return rows(_CLEARING, {"flow": flow_id, "connection": connection_id, "base": base_currency})


def second_legs(*, flow_id: int) -> list[dict[str, Any]]:
    """Documents that wait for the first one of their deal, and rests that wait for their payment, each with that one
    (`first`: state, total, rate, …). `unit <> ''` is what the index of units asks for; OFFSET 0: by that index."""
    return rows(
        """SELECT entry.id, entry.leg, entry.marker, entry.record_id, entry.booking_date, to_jsonb(other) AS first
             FROM entry JOIN LATERAL (
                  SELECT leg, state, amount, currency, posted_rate, findings, document, destination_id FROM (
                         SELECT * FROM entry AS it WHERE it.flow_id = entry.flow_id AND it.unit <> '' AND it.unit = entry.unit
                            AND it.id <> entry.id OFFSET 0) AS its
                   ORDER BY its.id LIMIT 1) AS other ON true
            WHERE entry.flow_id = %s AND entry.state = 'waiting' AND entry.unit <> ''
              AND (entry.movement = 'fx' OR entry.leg = 'rest')
            ORDER BY entry.id""",
        [flow_id],
    )
