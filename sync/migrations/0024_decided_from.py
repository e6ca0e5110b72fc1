"""What the source said when a document was decided, kept where it says something else by now: entries that are asked about, or
were, have a difference that nobody kept the other side of."""

from django.db import migrations, models

_NOT_KEPT = "UPDATE entry SET decided_from = NULL WHERE id IN (SELECT entry_id FROM amendment WHERE state = 'proposed' OR kept)"


class Migration(migrations.Migration):
    dependencies = [("sync", "0023_reviews_that_end")]

    operations = [
        migrations.AddField(
            model_name="entry",
            name="decided_from",
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict, null=True),
        ),
        migrations.RunSQL(_NOT_KEPT, migrations.RunSQL.noop),
    ]
