"""The daily figures equal a count at every moment, and what is kept keeps its keys as well."""

from importlib import import_module

from django.db import migrations, models

from tenants import rls

rules = import_module("sync.migrations.0002_ground_rules")
linked = import_module("sync.migrations.0018_lost_links")
before = import_module("sync.migrations.0023_reviews_that_end")
events = import_module("sync.migrations.0030_events_of_their_own_rows")

_FIGURES = "({row}.state, {row}.booking_date, {row}.currency, {row}.amount)"
# Of rows before and after: the daily figures change.
_COUNTED = f"""'confirmed' IN (o.state, n.state)
                AND {_FIGURES.format(row="o")} IS DISTINCT FROM {_FIGURES.format(row="n")}"""
_ADD = """INSERT INTO daily_stat AS stat (tenant_id, flow_id, day, measure, currency, count, amount)
        SELECT tenant_id, flow_id, booking_date, 'confirmed', currency, sum(sign), coalesce(sum(sign * abs(amount)), 0)
          FROM {rows}
         WHERE state = 'confirmed' AND booking_date IS NOT NULL
         GROUP BY tenant_id, flow_id, booking_date, currency
        HAVING sum(sign) <> 0 OR sum(sign * abs(amount)) <> 0
         ORDER BY flow_id, booking_date, currency
        ON CONFLICT (flow_id, day, measure, currency) DO UPDATE
           SET count = stat.count + EXCLUDED.count, amount = stat.amount + EXCLUDED.amount"""
# A row leaves as it was and arrives as it is.
_CHANGED = f"""new_rows AS n JOIN old_rows AS o USING (id) CROSS JOIN LATERAL (
               VALUES (-1, o.tenant_id, o.flow_id, o.state, o.booking_date, o.currency, o.amount),
                      (1, n.tenant_id, n.flow_id, n.state, n.booking_date, n.currency, n.amount)
               ) AS it(sign, tenant_id, flow_id, state, booking_date, currency, amount)"""
# Rows before and after are joined twice, a third time only where the daily figures change.
ENTRY_MOVED = f"""
CREATE OR REPLACE FUNCTION entry_moved() RETURNS trigger LANGUAGE plpgsql AS $fn$
DECLARE
    person text := coalesce(current_setting('app.actor', true), '');
    wrong text;
    counted boolean;
BEGIN
    SELECT min(format('%s -> %s (entry %s)', o.state, n.state, n.id)) FILTER (WHERE
               o.state <> n.state
               AND (o.state, n.state) NOT IN (VALUES {rules.MOVES.replace(linked._LAST, linked._AND_LINKED)})
               AND NOT (person <> '' AND (o.state, n.state) IN (VALUES {rules.PERSONS_MOVES}))
               AND NOT (n.record_revision > o.record_revision AND o.destination_id IS NULL
                        AND (o.state, n.state) IN (VALUES {rules.CHANGED_AT_SOURCE}))
               AND NOT (n.note ? 'agreed' AND n.destination_id = o.destination_id
                        AND (o.state, n.state) = ('review','confirmed'))),
           coalesce(bool_or({_COUNTED}), false)
      INTO wrong, counted
      FROM new_rows AS n JOIN old_rows AS o USING (id) WHERE o.state <> n.state OR {_COUNTED};
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'an entry may not move %', wrong USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO event (tenant_id, flow_id, record_id, entry_id, run_id, step, from_state, to_state, actor, note)
    SELECT n.tenant_id, n.flow_id, n.record_id, n.id, n.run_id, coalesce(n.note ->> 'step', ''), o.state,
           n.state, person, n.note - 'step'
      FROM new_rows AS n JOIN old_rows AS o USING (id) WHERE o.state <> n.state;
    IF counted THEN
        {_ADD.format(rows=f"(SELECT it.* FROM {_CHANGED} WHERE {_COUNTED}) AS changed")};
    END IF;
    RETURN NULL;
END $fn$
"""
ENTRY_MADE = f"""
CREATE OR REPLACE FUNCTION entry_made() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    INSERT INTO event (tenant_id, flow_id, record_id, entry_id, run_id, step, from_state, to_state, actor, note)
    SELECT tenant_id, flow_id, record_id, id, run_id, coalesce(note ->> 'step', ''), '', state,
           coalesce(current_setting('app.actor', true), ''), note - 'step'
      FROM new_rows;
    IF EXISTS (SELECT FROM new_rows WHERE state = 'confirmed') THEN
        {_ADD.format(rows="(SELECT 1 AS sign, * FROM new_rows) AS made")};
    END IF;
    RETURN NULL;
END $fn$
"""
# OFFSET 0: as in 0030. An own transfer is an entry of two records.
NAMES_ITS_OWN = """
CREATE OR REPLACE FUNCTION event_names_its_own() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    PERFORM FROM new_rows AS n
       LEFT JOIN LATERAL (SELECT id FROM flow WHERE id = n.flow_id AND tenant_id = n.tenant_id OFFSET 0) AS f ON true
       LEFT JOIN LATERAL (SELECT id FROM record WHERE id = n.record_id AND tenant_id = n.tenant_id OFFSET 0) AS r ON true
       LEFT JOIN LATERAL (SELECT id, record_id, other_record_id FROM entry
                           WHERE id = n.entry_id AND tenant_id = n.tenant_id OFFSET 0) AS e ON true
      WHERE f.id IS NULL OR r.id IS DISTINCT FROM n.record_id OR e.id IS DISTINCT FROM n.entry_id
         OR (e.id IS NOT NULL AND (n.record_id IN (e.record_id, e.other_record_id)) IS NOT TRUE) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'an event names a row that its tenant does not have, or a record that is not its entry''s' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $fn$
"""

# Nobody writes meanwhile: the triggers below were made in this transaction, and hold the table until its end.
COUNTED_ANEW = [
    "SET LOCAL app.maintenance = 'on'",
    "DELETE FROM daily_stat WHERE measure = 'confirmed'",
    """INSERT INTO daily_stat (tenant_id, flow_id, day, measure, currency, count, amount)
       SELECT tenant_id, flow_id, booking_date, 'confirmed', currency, count(*), coalesce(sum(abs(amount)), 0)
         FROM entry WHERE state = 'confirmed' AND booking_date IS NOT NULL
        GROUP BY tenant_id, flow_id, booking_date, currency""",
    "SET LOCAL app.maintenance = 'off'",
]


def _replacing(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("sync", "0031_payments_under_way")]

    operations = [
        migrations.AddIndex(
            "entry",
            models.Index(
                models.F("flow"),
                models.OrderBy(models.F("confirmed_at"), descending=True),
                name="entry_confirmed",
                condition=models.Q(confirmed_at__isnull=False),
            ),
        ),
        *[migrations.RunSQL(rls.kept(table).sql, migrations.RunSQL.noop) for table in ("record", "entry")],
        rls.keeps_keys("record", columns=["id", "tenant_id", "flow_id"]),
        rls.keeps_keys("entry", columns=["id", "tenant_id", "flow_id", "record_id"]),
        migrations.RunSQL(NAMES_ITS_OWN, _replacing(events.NAMES_ITS_OWN)),
        migrations.RunSQL([ENTRY_MOVED, before._BY_HASH], [events.ENTRY_MOVED, before._BY_HASH]),
        migrations.RunSQL(ENTRY_MADE, _replacing(rules.ENTRY_MADE)),
        migrations.RunSQL(COUNTED_ANEW, migrations.RunSQL.noop),
    ]
