"""The numbers of the invoices and bills that a payment pays, as last read: a movement that names one may be that payment."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0024_decided_from")]

    operations = [
        migrations.AddField(
            model_name="mirrordocument", name="pays", field=models.TextField(blank=True, db_default="", default="")
        ),
    ]
