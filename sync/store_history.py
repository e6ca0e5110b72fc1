"""The hand-written statements about the past: what a counterparty was paid before and to which accounts; known events; the
rates that the books have shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sync.domain.anomalies import MOST
from sync.store import rows

# Whom a movement is with is its `counterparty`, else its `contact`. A payment that leaves a rest counts whole. Accounts are
# those of all names of one contact in the books: the first one is known, and what a person has accepted.
_KNOWN = """
WITH wanted AS (
    SELECT * FROM unnest(%(contacts)s::bigint[], %(currencies)s::text[], %(days)s::date[], %(counts)s::int[])
        AS w(contact_id, currency, day, amounts)
)
SELECT w.contact_id, w.currency,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(past.id, past.booking_date, past.amount::text)), '[]'::jsonb)
          FROM ((SELECT id, booking_date, amount FROM entry
                  WHERE entry.contact_id = w.contact_id AND entry.counterparty_id IS NULL AND entry.currency = w.currency
                    AND entry.booking_date <= w.day AND entry.amount IS NOT NULL AND entry.leg <> 'rest'
                  ORDER BY booking_date DESC, id DESC LIMIT w.amounts)
                UNION ALL
                (SELECT id, booking_date,
                        CASE WHEN starts_with(unit, 'rest:')
                             THEN (SELECT record.amount FROM record WHERE record.id = entry.record_id) ELSE amount END
                   FROM entry
                  WHERE entry.counterparty_id = w.contact_id AND entry.currency = w.currency
                    AND entry.booking_date <= w.day AND entry.amount IS NOT NULL
                  ORDER BY booking_date DESC, id DESC LIMIT w.amounts)) AS past) AS past,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(digest, last4, known) ORDER BY first), '[]'::jsonb)
          FROM (SELECT digest, last4, min(id) AS first, bool_or(known AND (decided_by <> '' OR id = its_first)) AS known
                  FROM (SELECT identity.*, min(identity.id) FILTER (WHERE known) OVER () AS its_first
                          FROM contact_identity AS identity
                         WHERE kind = 'iban' AND identity.contact_id IN (SELECT w.contact_id UNION ALL
                               SELECT other.id FROM contact_link AS own
                                 JOIN contact_link AS other ON other.flow_id = own.flow_id AND other.contact_id = own.contact_id
                                WHERE own.id = w.contact_id AND own.contact_id <> '')) AS each
                 GROUP BY digest, last4) AS it) AS accounts
  FROM wanted AS w
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The past of this counterparty in this currency up to this day, at least as far back as `count` movements need."""

    contact_id: int
    currency: str
    day: date
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """`past`: (number, day, signed amount). `accounts`: by digest, the last four and whether it is accepted."""

    past: Sequence[tuple[int, date, Decimal]]
    accounts: Mapping[str, tuple[str, bool]]
    first: tuple[date, int] | None  # day and number of the earliest


def known_about(wanted: Sequence[Wanted]) -> dict[tuple[int, str], Known]:
    """By counterparty and currency. One statement; none for none. Inside the tenant's scope."""
    if not wanted:
        return {}
    found = rows(
        _KNOWN,
        {
            "contacts": [it.contact_id for it in wanted],
            "currencies": [it.currency for it in wanted],
            "days": [it.day for it in wanted],
            "counts": [it.count + 2 * MOST for it in wanted],
        },
    )
    return {(row["contact_id"], row["currency"]): _known(row["past"], row["accounts"]) for row in found}


def _known(past: Sequence[tuple[int, str, str]], accounts: Sequence[tuple[str, str, bool]]) -> Known:
    told = [(number, date.fromisoformat(day), Decimal(amount)) for number, day, amount in past]
    return Known(
        past=told,
        accounts={digest: (last4, known) for digest, last4, known in accounts},
        first=min(((day, number) for number, day, _amount in told), default=None),
    )


# OFFSET 0 keeps the planner from joining in another order: without statistics it would compare every row with every row.
_TOLD_BEFORE = """
SELECT mine.id, min(earlier.source_id) AS source_id,
       bool_or((earlier.booking_date, earlier.account_id, earlier.currency, earlier.amount)
               = (now.booking_date, now.account_id, now.currency, now.amount)) AS alike
  FROM entry AS mine
  JOIN record AS now ON now.id = mine.record_id AND now.event_id <> ''
 CROSS JOIN LATERAL (SELECT id, source_id, booking_date, account_id, currency, amount, movement, unit FROM record
                      WHERE record.flow_id = now.flow_id AND record.event_id <> '' AND record.event_id = now.event_id
                      OFFSET 0) AS earlier
 WHERE mine.id = ANY(%s)
   AND earlier.movement = now.movement AND earlier.id < now.id
   AND ((earlier.booking_date = now.booking_date AND earlier.account_id = now.account_id
         AND earlier.currency = now.currency AND earlier.amount = now.amount)
        OR ('' IN (earlier.source_id, now.source_id) AND earlier.unit = '' AND now.unit = ''))
   AND EXISTS (SELECT FROM (SELECT state FROM entry WHERE entry.record_id = earlier.id OFFSET 0) AS its
                WHERE its.state NOT IN ('skipped', 'undone'))
 GROUP BY mine.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """Another row of the same event. `alike`: it told of the same account, day and amount."""

    source_id: str
    alike: bool


def told_before(entry_ids: Sequence[int]) -> dict[int, Earlier]:
    """By entry: another row that told of the very same event and has an entry. Where one of the two has no number, also one
    that told of another account, day or amount: nothing else shows that it changed. Inside the tenant's scope."""
    if not entry_ids:
        return {}
    found = rows(_TOLD_BEFORE, [list(entry_ids)])
    return {row["id"]: Earlier(source_id=row["source_id"], alike=bool(row["alike"])) for row in found}


# By its index backwards, for each account and day: of all that a busy account has, the rows of one day are read.
_RATES_SHOWN = """
SELECT DISTINCT ON (shown.currency, asked.day) shown.currency, asked.day, shown.posted_rate AS rate, shown.booking_date AS of
  FROM unnest(%(banks)s::text[], %(days)s::date[]) AS asked(account_id, day)
 CROSS JOIN LATERAL (SELECT id, currency, booking_date, posted_rate FROM entry
                      WHERE flow_id = %(flow)s AND bank_account_id = asked.account_id
                        AND booking_date BETWEEN asked.day - %(lately)s AND asked.day
                        AND destination_type IN ('SPEND', 'RECEIVE') AND destination_id IS NOT NULL AND posted_rate > 0
                      ORDER BY booking_date DESC, id DESC LIMIT 1) AS shown
 ORDER BY shown.currency, asked.day, shown.booking_date DESC, shown.id DESC
"""


def rates_shown(
    *, flow_id: int, wanted: Sequence[tuple[str, date]], lately: timedelta
) -> dict[tuple[str, date], tuple[Decimal, date]]:
    """By currency and day: the rate of the newest document of ours up to that day on one of its accounts (`wanted`: accounts
    and days), and that document's day, which is not longer ago. One statement; none for none."""
    if not wanted:
        return {}
    banks, days = [account_id for account_id, _ in wanted], [day for _, day in wanted]
    found = rows(_RATES_SHOWN, {"flow": flow_id, "banks": banks, "days": days, "lately": lately.days})
    return {(row["currency"], row["day"]): (row["rate"], row["of"]) for row in found}
