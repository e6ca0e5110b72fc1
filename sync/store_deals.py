"""The hand-written statements about conversions and overpaid rests: what waits for its first document, what needs a person."""

from __future__ import annotations

from collections.abc import Sequence
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
    SELECT DISTINCT ON (gone.unit) gone.unit, gone.leg, gone.amount, gone.currency,
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
), told AS (
    SELECT CASE WHEN leg = 'rest' THEN 'half_rest' WHEN is_half_posted THEN 'open_fx' ELSE 'waiting_fx' END AS kind, unit, leg,
           amount, currency, booking_date, NULL::numeric AS staying, findings -> 0 ->> 'message' AS why
      FROM held WHERE is_half_posted OR is_alone
    UNION ALL
    SELECT CASE WHEN leg IN ('sold', 'bought') THEN 'open_fx' ELSE 'half_undone' END, unit, leg, amount, currency, booking_date,
           staying, why
      FROM half_undone
), troubled AS (
    SELECT left(kind || ':' || %(flow)s::text || ':' || regexp_replace(unit, '^(fx|rest):', ''), 120) AS cause, * FROM told
), known AS (
    SELECT cause FROM incident
     WHERE flow_id = %(flow)s AND closed_at IS NULL
       AND (cause LIKE 'waiting_fx:%%' OR cause LIKE 'half_rest:%%' OR cause LIKE 'half_undone:%%' OR cause LIKE 'open_fx:%%'
            OR cause LIKE 'half_fx:%%')
)
SELECT cause, troubled.cause IS NULL AS is_over, kind, leg, amount, currency, booking_date, staying, why
  FROM troubled FULL JOIN known USING (cause)
 WHERE known.cause IS NULL OR troubled.cause IS NULL OR cause LIKE 'open_fx:%%' ORDER BY cause
"""


def troubled_deals(*, flow_id: int) -> list[dict[str, Any]]:
    """Deals and overpaid rests that wait for a person, also after an undo that came halfway (`staying`: what stands): those
    without an incident, and the causes of incidents that are over. A cause names the flow, because two companies may have
    deals of one number. One of an open clearing account is always among these, to be looked at anew."""
    return rows(_TROUBLED, {"flow": flow_id})


_CLEARING = """
WITH found AS (
    SELECT entry.id, entry.unit, entry.leg, entry.record_id, entry.amount, entry.currency, entry.booking_date, entry.state,
           entry.findings, entry.organisation_id, entry.destination_id,
           (entry.document -> 'lines' -> 0 ->> 'amount')::numeric AS line,
           lower(entry.document -> 'lines' -> 0 ->> 'account_id') AS account_id,
           entry.document -> 'lines' -> 0 ->> 'account_code' AS account_code,
           coalesce(mirror.status, '') IN ('DELETED', 'VOIDED') AND entry.destination_id IS NOT NULL
               OR entry.findings @> '[{"code": "deleted_in_xero"}]' AS is_deleted,
           mirror.date AS stands_on, coalesce(mirror.total, abs(entry.amount)) AS total, mirror.by_account,
           mirror.document_id AS lost_document, entry.destination_id IS NULL
               AND mirror.status NOT IN ('DELETED', 'VOIDED') AS was_linked,
           CASE WHEN entry.currency = %(base)s THEN 1
                ELSE coalesce(nullif(mirror.rate, 0), entry.posted_rate,
                              (entry.document ->> 'rate')::numeric) END AS rate
      FROM entry
      LEFT JOIN mirror_document AS mirror
        ON mirror.connection_id = %(connection)s AND mirror.document_id = CASE
           WHEN entry.destination_id IS NOT NULL THEN entry.destination_id
           WHEN entry.findings @> '[{"code": "link_changed"}]' THEN entry.lost_link END
     WHERE entry.flow_id = %(flow)s AND entry.unit <> '' AND entry.movement = 'fx' AND {units}
), half AS (
    SELECT id, unit, leg, record_id, amount, currency, booking_date, state, findings, organisation_id, rate, is_deleted,
           stands_on,
           destination_id, by_account, state = 'duplicate' AS is_linked,
           coalesce(was_linked, false) AND NOT EXISTS (
               SELECT FROM entry AS owner WHERE owner.organisation_id = found.organisation_id
                  AND owner.destination_id = lost_document) AS is_edited,
           destination_id IS NOT NULL AND state <> 'undone' AND NOT is_deleted AS stands,
           CASE WHEN state = 'duplicate' OR was_linked THEN total ELSE line END AS planned,
           coalesce(min(account_id) FILTER (WHERE destination_id IS NOT NULL AND state <> 'duplicate') OVER deal,
                    min(account_id) OVER deal, '') AS account_id,
           coalesce(min(account_code) FILTER (WHERE destination_id IS NOT NULL AND state <> 'duplicate') OVER deal,
                    min(account_code) OVER deal, '') AS account_code
      FROM found WINDOW deal AS (PARTITION BY unit)
), cleared AS (
    SELECT *, CASE WHEN by_account IS NULL OR account_id = '' THEN planned
                   ELSE coalesce((by_account ->> account_id)::numeric, (by_account ->> account_code)::numeric, 0) END AS cleared
      FROM half
), deal AS (
    SELECT unit, min(account_id) AS account_id, bool_or(findings @> '[{"code": "fx_rest"}]') AS is_told,
           bool_or(state IN ('fetched', 'ready', 'in_flight', 'unconfirmed'))
               OR (bool_or(state = 'waiting')
                   AND NOT bool_or(state IN ('review', 'failed', 'skipped', 'undone'))) AS is_on_its_way,
           (array_agg(destination_id ORDER BY leg DESC) FILTER (WHERE stands))[1] AS document,
           sum(CASE WHEN leg = 'sold' THEN 1 ELSE -1 END * round(cleared / rate, 2))
               FILTER (WHERE stands OR is_edited) AS rest
      FROM cleared GROUP BY unit
    HAVING bool_or(stands) AND bool_and(NOT stands OR cleared / rate IS NOT NULL)
), open_deal AS (
    SELECT deal.*, is_on_its_way OR EXISTS (
               SELECT FROM entry JOIN amendment ON amendment.entry_id = entry.id
                  AND amendment.state IN ('asked', 'in_flight', 'unconfirmed')
                WHERE entry.flow_id = %(flow)s AND entry.unit <> '' AND entry.unit = deal.unit) AS is_moving
      FROM deal WHERE rest <> 0 AND NOT (is_told AND abs(rest) <= 0.01)
)
SELECT open_deal.unit, open_deal.is_moving, abs(rest) AS rest, open_deal.document, open_deal.account_id, half.account_code,
       half.record_id, half.leg, half.amount, half.currency, half.booking_date, half.stands_on, half.state, half.stands,
       half.is_linked, half.is_deleted, half.rate, half.planned, half.cleared, half.findings, record.reason AS put_aside,
       refused.note AS refused,
       abs(rest + CASE WHEN half.leg = 'sold' THEN 1 ELSE -1 END * alike.worth) AS rest_with_alike,
       accepted.reason AS accepted, accepted.accepted_by
  FROM open_deal JOIN cleared AS half USING (unit) JOIN record ON record.id = half.record_id
  LEFT JOIN accepted_document AS accepted ON accepted.flow_id = %(flow)s AND accepted.document_id = open_deal.document
        AND accepted.account_id = open_deal.account_id AND accepted.amount = abs(rest) AND accepted.withdrawn_at IS NULL
  LEFT JOIN LATERAL (SELECT note FROM amendment WHERE entry_id = half.id AND half.stands AND amendment.state = 'refused'
                      ORDER BY id DESC LIMIT 1) AS refused ON true
  LEFT JOIN LATERAL (
       SELECT round(coalesce((it.by_account ->> half.account_id)::numeric, (it.by_account ->> half.account_code)::numeric, 0)
                    / CASE WHEN it.currency = %(base)s THEN 1 ELSE nullif(it.rate, 0) END, 2) AS worth
         FROM jsonb_array_elements(half.findings) AS finding
         JOIN mirror_document AS it ON it.connection_id = %(connection)s AND it.document_id = finding ->> 'detail'
        WHERE finding ->> 'code' = 'already_in_xero' AND NOT half.stands
          AND it.status NOT IN ('DELETED', 'VOIDED')
          AND NOT EXISTS (SELECT FROM entry AS owner WHERE owner.organisation_id = half.organisation_id
                             AND owner.destination_id = it.document_id)
        LIMIT 1) AS alike ON true
 ORDER BY open_deal.unit, half.leg DESC
"""


def open_clearing(
    *, flow_id: int, connection_id: int, base_currency: str, units: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Deals whose standing documents do not return the clearing account to 0.00, each with `rest` in base currency and its
    halves as rows, sold first, whatever became of the other half. `is_moving`: something of the deal is on its way.

    What a document puts on that account is what its lines said when it was last read; one that was linked, and that somebody
    edited since, counts as it reads now. `accepted` is set where a person
    lives with just this rest. `units`: these alone. One statement, by the index of units.
    """
    asked = "true" if units is None else "entry.unit = ANY(%(units)s)"
    found = {"flow": flow_id, "connection": connection_id, "base": base_currency}
    return rows(_CLEARING.replace("{units}", asked), found if units is None else {**found, "units": list(units)})


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
