"""A month in several files: cut once, so that its parts neither share nor miss a line."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0018_lost_links")]

    operations = [
        migrations.AddField(model_name="statementexport", name="cut", field=models.JSONField(null=True)),
        migrations.AddField(model_name="statementexport", name="cut_at", field=models.DateTimeField(null=True)),
    ]
