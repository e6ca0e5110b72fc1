"""Whom a movement is with, where its document is with somebody else or with nobody: payments, rules that name a contact."""

import django.db.models.deletion
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):
    dependencies = [("sync", "0026_counted_without_reading"), ("tenants", "0002_fewer_keys")]

    operations = [
        migrations.AddField(
            "entry",
            "counterparty",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="movements",
                to="sync.contactlink",
            ),
        ),
        migrations.AddIndex(
            "entry",
            models.Index(
                condition=models.Q(counterparty__isnull=False),
                fields=["counterparty", "currency", "-booking_date", "-id"],
                name="entry_history_of_party",
            ),
        ),
        rls.composite_fk("entry", "counterparty_id", "contact_link"),
    ]
