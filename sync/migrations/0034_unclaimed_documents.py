"""Of the books' documents those that no entry of ours is known to have made are found by an index of their own.

Where an entry takes another marker, the document that carries the old one is looked at anew.
"""

from django.db import migrations, models

CLAIM = """
UPDATE mirror_document AS mirror SET unclaimed = false
  FROM connection
 WHERE connection.id = mirror.connection_id AND mirror.marker <> ''
   AND EXISTS (SELECT FROM entry WHERE entry.organisation_id = connection.external_id AND entry.marker = mirror.marker)
"""
LET_GO = """
CREATE FUNCTION marker_let_go() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    UPDATE mirror_document AS mirror SET unclaimed = true
      FROM flow
     WHERE flow.id = OLD.flow_id AND mirror.connection_id = flow.destination_id
       AND mirror.marker <> '' AND mirror.marker = OLD.marker;
    RETURN NULL;
END $fn$
"""
LETS_GO = """
CREATE TRIGGER marker_let_go AFTER UPDATE OF marker ON entry FOR EACH ROW
    WHEN (OLD.marker <> NEW.marker) EXECUTE FUNCTION marker_let_go()
"""


class Migration(migrations.Migration):
    dependencies = [("sync", "0033_decided_at")]

    operations = [
        migrations.AddField(
            model_name="mirrordocument",
            name="unclaimed",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.RunSQL(
            ["SET LOCAL app.maintenance = 'on'", CLAIM, "SET LOCAL app.maintenance = 'off'"], migrations.RunSQL.noop
        ),
        migrations.AddIndex(
            model_name="mirrordocument",
            index=models.Index(
                condition=models.Q(("unclaimed", True)), fields=["connection", "date"], name="mirror_unclaimed"
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(
                    ("destination_id", None), ("state__in", ["fetched", "ready", "waiting", "unconfirmed"])
                ),
                fields=["flow", "id"],
                name="entry_not_sent",
            ),
        ),
        migrations.RunSQL([LET_GO, LETS_GO], "DROP FUNCTION marker_let_go() CASCADE"),
    ]
