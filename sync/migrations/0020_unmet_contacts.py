"""A counterparty may be known from a tenant file before its first movement: its coding waits with it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0019_statement_parts")]

    operations = [
        migrations.AlterField(
            model_name="contactlink",
            name="state",
            field=models.CharField(
                choices=[
                    ("unmet", "Unmet"),
                    ("ready", "Ready"),
                    ("in_flight", "In Flight"),
                    ("unconfirmed", "Unconfirmed"),
                    ("linked", "Linked"),
                    ("review", "Review"),
                ],
                default="ready",
                max_length=12,
            ),
        ),
    ]
