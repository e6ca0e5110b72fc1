"""What a document's lines put on each account, as last read: what a deal leaves on the clearing account is their sum."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0021_moves_joined_by_hash")]

    operations = [
        migrations.AddField(model_name="mirrordocument", name="by_account", field=models.JSONField(null=True)),
    ]
