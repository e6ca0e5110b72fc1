"""Events are written by the database from the rows that they are about: nothing is left to look up for each of them.

What is inserted in any other way is still held to name rows of its tenant, all of it in one statement; and a row that has
a story stays. See docs/decisions/0040.
"""

from importlib import import_module

from django.db import migrations

from tenants import rls

rules = import_module("sync.migrations.0002_ground_rules")
linked = import_module("sync.migrations.0018_lost_links")
before = import_module("sync.migrations.0023_reviews_that_end")

# OFFSET 0: each row by its own key. As a join it would read the whole table where nothing is known of its size.
NAMES_ITS_OWN = """
CREATE FUNCTION event_names_its_own() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    PERFORM FROM new_rows AS n
       LEFT JOIN LATERAL (SELECT id FROM flow WHERE id = n.flow_id AND tenant_id = n.tenant_id OFFSET 0) AS f ON true
       LEFT JOIN LATERAL (SELECT id FROM record WHERE id = n.record_id AND tenant_id = n.tenant_id OFFSET 0) AS r ON true
       LEFT JOIN LATERAL (SELECT id FROM entry WHERE id = n.entry_id AND tenant_id = n.tenant_id OFFSET 0) AS e ON true
      WHERE f.id IS NULL OR r.id IS DISTINCT FROM n.record_id OR e.id IS DISTINCT FROM n.entry_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'an event names a row that its tenant does not have' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $fn$
"""
DIRECTLY = """
CREATE TRIGGER names_its_own AFTER INSERT ON event REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION event_names_its_own()
"""
# Rows before and after are joined twice, a third time only where the daily figures change.
ENTRY_MOVED = f"""
CREATE OR REPLACE FUNCTION entry_moved() RETURNS trigger LANGUAGE plpgsql AS $fn$
DECLARE
    person text := coalesce(current_setting('app.actor', true), '');
    wrong text;
    counted boolean;
BEGIN
    SELECT min(format('%s -> %s (entry %s)', o.state, n.state, n.id)) FILTER (WHERE
               (o.state, n.state) NOT IN (VALUES {rules.MOVES.replace(linked._LAST, linked._AND_LINKED)})
               AND NOT (person <> '' AND (o.state, n.state) IN (VALUES {rules.PERSONS_MOVES}))
               AND NOT (n.record_revision > o.record_revision AND o.destination_id IS NULL
                        AND (o.state, n.state) IN (VALUES {rules.CHANGED_AT_SOURCE}))
               AND NOT (n.note ? 'agreed' AND n.destination_id = o.destination_id
                        AND (o.state, n.state) = ('review','confirmed'))),
           coalesce(bool_or('confirmed' IN (o.state, n.state)), false)
      INTO wrong, counted
      FROM new_rows AS n JOIN old_rows AS o USING (id) WHERE o.state <> n.state;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'an entry may not move %', wrong USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO event (tenant_id, flow_id, record_id, entry_id, run_id, step, from_state, to_state, actor, note)
    SELECT n.tenant_id, n.flow_id, n.record_id, n.id, n.run_id, coalesce(n.note ->> 'step', ''), o.state,
           n.state, person, n.note - 'step'
      FROM new_rows AS n JOIN old_rows AS o USING (id) WHERE o.state <> n.state;
    IF counted THEN
        INSERT INTO daily_stat AS stat (tenant_id, flow_id, day, measure, currency, count, amount)
        SELECT n.tenant_id, n.flow_id, n.booking_date, 'confirmed', n.currency,
               count(*) FILTER (WHERE n.state = 'confirmed') - count(*) FILTER (WHERE o.state = 'confirmed'),
               coalesce(sum(abs(n.amount)) FILTER (WHERE n.state = 'confirmed'), 0)
               - coalesce(sum(abs(o.amount)) FILTER (WHERE o.state = 'confirmed'), 0)
          FROM new_rows AS n JOIN old_rows AS o USING (id)
         WHERE o.state <> n.state AND 'confirmed' IN (o.state, n.state) AND n.booking_date IS NOT NULL
         GROUP BY n.tenant_id, n.flow_id, n.booking_date, n.currency
         ORDER BY n.flow_id, n.booking_date, n.currency
        ON CONFLICT (flow_id, day, measure, currency) DO UPDATE
           SET count = stat.count + EXCLUDED.count, amount = stat.amount + EXCLUDED.amount;
    END IF;
    RETURN NULL;
END $fn$
"""


class Migration(migrations.Migration):
    dependencies = [("sync", "0029_leaner_path")]

    operations = [
        *[
            migrations.RunSQL(key.reverse_sql, key.sql)
            for key in (rls.composite_fk("event", f"{name}_id", name) for name in ("flow", "record", "entry"))
        ],
        migrations.RunSQL(NAMES_ITS_OWN, "DROP FUNCTION event_names_its_own()"),
        migrations.RunSQL(DIRECTLY, "DROP TRIGGER names_its_own ON event"),
        rls.kept("record"),
        rls.kept("entry"),
        migrations.RunSQL([ENTRY_MOVED, before._BY_HASH], [before._AFTER, before._BY_HASH]),
    ]
