"""Row-level security, the white list of an entry's moves, the events and roll-ups that the database writes by itself."""

from django.db import migrations, models

from tenants import rls

TABLES = (
    "flow", "account_mapping", "rule", "contact_link", "record", "run", "daily_stat", "entry", "push_intent",
    "push_intent_item", "push_attempt", "event", "incident", "mirror_document", "proof", "booked_conversion",
)
REFERENCES = (
    ("account_mapping", "flow_id", "flow"),
    ("rule", "flow_id", "flow"),
    ("contact_link", "flow_id", "flow"),
    ("record", "flow_id", "flow"),
    ("run", "flow_id", "flow"),
    ("daily_stat", "flow_id", "flow"),
    ("entry", "flow_id", "flow"),
    ("entry", "record_id", "record"),
    ("entry", "other_record_id", "record"),
    ("push_intent", "flow_id", "flow"),
    ("push_intent_item", "intent_id", "push_intent"),
    ("push_intent_item", "entry_id", "entry"),
    ("push_attempt", "intent_id", "push_intent"),
    ("event", "flow_id", "flow"),
    ("event", "record_id", "record"),
    ("event", "entry_id", "entry"),
    ("incident", "flow_id", "flow"),
    ("mirror_document", "connection_id", "connection"),
    ("proof", "flow_id", "flow"),
    ("booked_conversion", "flow_id", "flow"),
    ("flow", "source_id", "connection"),
    ("flow", "destination_id", "connection"),
    ("entry", "depends_on_id", "entry"),
    ("entry", "contact_id", "contact_link"),
    ("entry", "run_id", "run"),
    ("push_intent", "run_id", "run"),
    ("push_intent_item", "contact_id", "contact_link"),
)

# The program's own moves; whoever acts as a person (app.actor is set) may also make the ones below.
MOVES = """
    ('fetched','waiting'), ('fetched','ready'), ('fetched','review'), ('fetched','skipped'), ('fetched','duplicate'),
    ('fetched','unconfirmed'),
    ('waiting','fetched'), ('waiting','ready'), ('waiting','review'), ('waiting','skipped'), ('waiting','unconfirmed'),
    ('ready','in_flight'), ('ready','review'), ('ready','waiting'), ('ready','fetched'), ('ready','skipped'),
    ('ready','duplicate'), ('ready','unconfirmed'),
    ('in_flight','unconfirmed'), ('in_flight','ready'), ('in_flight','review'), ('in_flight','failed'),
    ('unconfirmed','confirmed'), ('unconfirmed','ready'), ('unconfirmed','failed'), ('unconfirmed','review'),
    ('confirmed','review')
"""
PERSONS_MOVES = """
    ('review','fetched'), ('review','ready'), ('review','skipped'), ('review','duplicate'), ('review','confirmed'),
    ('review','undone'), ('failed','fetched'), ('failed','ready'), ('failed','skipped'), ('failed','duplicate'),
    ('skipped','fetched'), ('skipped','ready'), ('duplicate','fetched'), ('duplicate','ready'), ('undone','fetched'),
    ('undone','ready'), ('undone','skipped'), ('confirmed','undone'), ('ready','skipped'), ('waiting','skipped'),
    ('fetched','skipped')
"""
# A row that the source itself changed, and of which nothing was ever sent, is looked at anew without a person.
CHANGED_AT_SOURCE = """
    ('review','fetched'), ('review','waiting'), ('review','skipped'), ('failed','fetched'), ('skipped','fetched'),
    ('skipped','waiting'), ('duplicate','fetched')
"""

ENTRY_MOVED = f"""
CREATE FUNCTION entry_moved() RETURNS trigger LANGUAGE plpgsql AS $fn$
DECLARE
    person text := coalesce(current_setting('app.actor', true), '');
    wrong text;
BEGIN
    SELECT format('%s -> %s (entry %s)', o.state, n.state, n.id) INTO wrong
      FROM new_rows AS n JOIN old_rows AS o USING (id)
     WHERE o.state <> n.state
       AND (o.state, n.state) NOT IN (VALUES {MOVES})
       AND NOT (person <> '' AND (o.state, n.state) IN (VALUES {PERSONS_MOVES}))
       AND NOT (n.record_revision > o.record_revision AND o.destination_id IS NULL
                AND (o.state, n.state) IN (VALUES {CHANGED_AT_SOURCE}))
     LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'an entry may not move %', wrong USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO event (tenant_id, flow_id, record_id, entry_id, run_id, step, from_state, to_state, actor, note)
    SELECT n.tenant_id, n.flow_id, n.record_id, n.id, n.run_id, coalesce(n.note ->> 'step', ''), o.state,
           n.state, person, n.note - 'step'
      FROM new_rows AS n JOIN old_rows AS o USING (id) WHERE o.state <> n.state;
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
    RETURN NULL;
END $fn$
"""

ENTRY_MADE = """
CREATE FUNCTION entry_made() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    INSERT INTO event (tenant_id, flow_id, record_id, entry_id, run_id, step, from_state, to_state, actor, note)
    SELECT tenant_id, flow_id, record_id, id, run_id, coalesce(note ->> 'step', ''), '', state,
           coalesce(current_setting('app.actor', true), ''), note - 'step'
      FROM new_rows;
    RETURN NULL;
END $fn$
"""


class Migration(migrations.Migration):
    dependencies = [("sync", "0001_initial"), ("tenants", "0001_initial"), ("connectors", "0001_initial")]

    operations = [
        migrations.AddConstraint(
            "contactlink", models.UniqueConstraint(fields=["tenant", "id"], name="contact_tenant_id")
        ),
        *[rls.enable_rls(table) for table in TABLES],
        *[rls.composite_fk(*reference) for reference in REFERENCES],
        rls.append_only("event"),
        rls.append_only("push_attempt"),
        rls.dispatch_read("flow", columns=["id", "tenant_id", "state", "next_at", "lease_until", "held_until",
                                           "frequency_minutes", "last_success_at", "fetched_at"]),
        rls.dispatch_read("incident", columns=["id", "tenant_id", "flow_id", "severity", "error_class", "opened_at",
                                               "closed_at"]),
        rls.dispatch_read("entry", columns=["id", "tenant_id", "flow_id", "state", "not_before", "changed_at"]),
        rls.dispatch_read("push_intent", columns=["id", "tenant_id", "flow_id", "state", "unknown", "next_probe", "last_send"]),
        migrations.RunSQL(ENTRY_MOVED, "DROP FUNCTION entry_moved()"),
        migrations.RunSQL(ENTRY_MADE, "DROP FUNCTION entry_made()"),
        migrations.RunSQL(
            "CREATE TRIGGER entry_moved AFTER UPDATE ON entry REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "
            "FOR EACH STATEMENT EXECUTE FUNCTION entry_moved()",
            "DROP TRIGGER entry_moved ON entry",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER entry_made AFTER INSERT ON entry REFERENCING NEW TABLE AS new_rows "
            "FOR EACH STATEMENT EXECUTE FUNCTION entry_made()",
            "DROP TRIGGER entry_made ON entry",
        ),
    ]
