"""The tenant's own rates: versions of a table that are added and never changed."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

from tenants import rls

OF_TENANT = ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"))
KEY = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


class Migration(migrations.Migration):
    dependencies = [("sync", "0007_amendments"), ("tenants", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="RateTable",
            fields=[
                KEY,
                ("version", models.PositiveIntegerField()),
                ("method", models.CharField(max_length=10)),
                ("source", models.CharField(max_length=100)),
                ("note", models.CharField(blank=True, default="", max_length=300)),
                ("created_by", models.CharField(max_length=254)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("flow", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="rate_tables",
                                           to="sync.flow")),
                OF_TENANT,
            ],
            options={"db_table": "rate_table", "abstract": False, "base_manager_name": "objects"},
        ),
        migrations.CreateModel(
            name="RateTableRow",
            fields=[
                KEY,
                ("currency", models.CharField(max_length=3)),
                ("valid_from", models.DateField()),
                ("valid_to", models.DateField()),
                ("value", models.DecimalField(decimal_places=10, max_digits=24)),
                ("unit", models.PositiveIntegerField()),
                ("direction", models.CharField(max_length=20)),
                ("per_base", models.DecimalField(decimal_places=6, max_digits=24)),
                ("table", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="rates",
                                            to="sync.ratetable")),
                OF_TENANT,
            ],
            options={"db_table": "rate_table_row", "abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddConstraint(
            "ratetable", models.UniqueConstraint(fields=["tenant", "id"], name="rate_table_tenant_id")
        ),
        migrations.AddConstraint(
            "ratetable", models.UniqueConstraint(fields=["flow", "version"], name="rate_table_version")
        ),
        migrations.AddIndex("ratetablerow", models.Index(fields=["currency", "valid_from"], name="rate_by_day")),
        migrations.AddConstraint(
            "ratetablerow", models.UniqueConstraint(fields=["tenant", "id"], name="rate_row_tenant_id")
        ),
        migrations.AddConstraint(
            "ratetablerow",
            models.UniqueConstraint(fields=["table", "currency", "valid_from"], name="rate_row_once"),
        ),
        migrations.AddConstraint(
            "ratetablerow", models.CheckConstraint(condition=models.Q(per_base__gt=0), name="rate_row_positive")
        ),
        migrations.AddConstraint(
            "ratetablerow",
            models.CheckConstraint(condition=models.Q(valid_to__gte=models.F("valid_from")), name="rate_row_range"),
        ),
        rls.enable_rls("rate_table"),
        rls.enable_rls("rate_table_row"),
        rls.composite_fk("rate_table", "flow_id", "flow"),
        rls.composite_fk("rate_table_row", "table_id", "rate_table"),
        rls.append_only("rate_table"),
        rls.append_only("rate_table_row"),
    ]
