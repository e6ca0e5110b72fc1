"""The tables that a first sync fills are analysed each ten seconds meanwhile (decision 44): from a fifth of the rows that Postgres
takes by itself. What is looked for in them is found by keys; estimates need no more.
"""

from django.db import migrations

TABLES = ("entry", "event", "mirror_document", "push_intent", "push_intent_item", "record")
TARGET = 20  # Postgres looks at three hundred times as many rows; the columns that say 0 stay out (0029)
EACH_COLUMN = """
DO $$
DECLARE its record;
BEGIN
    FOR its IN
        SELECT attrelid::regclass AS relation, attname AS name FROM pg_attribute
         WHERE attrelid = ANY ('{%s}'::regclass[]) AND attnum > 0 AND NOT attisdropped AND attstattarget IS DISTINCT FROM 0
    LOOP
        EXECUTE format('ALTER TABLE %%s ALTER COLUMN %%I SET STATISTICS %s', its.relation, its.name);
    END LOOP;
END $$
"""
DEFAULT = -1


def _samples(target: int) -> str:
    return EACH_COLUMN % (",".join(TABLES), target)


class Migration(migrations.Migration):
    dependencies = [("sync", "0034_unclaimed_documents")]

    operations = [migrations.RunSQL(_samples(TARGET), _samples(DEFAULT))]
