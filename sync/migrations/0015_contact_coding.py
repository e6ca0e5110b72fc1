"""What a person decided for the movements of a counterparty: account and tax, by direction."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0014_rest")]

    operations = [
        migrations.AddField(
            model_name="contactlink",
            name="coding",
            field=models.JSONField(default=dict, db_default=models.Value({}, models.JSONField())),
        ),
    ]
