"""Which payment came back, which purchase was refunded."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

from tenants import rls


def link(to, on_delete=django.db.models.deletion.CASCADE, **options):
    return models.ForeignKey(on_delete=on_delete, related_name="+", to=to, **options)


class Migration(migrations.Migration):
    dependencies = [("sync", "0008_rate_tables"), ("tenants", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="ReturnLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("how", models.CharField(max_length=10)),
                ("certainty", models.PositiveSmallIntegerField(default=0)),
                ("given", models.DecimalField(decimal_places=4, max_digits=24, null=True)),
                ("paid", models.DecimalField(decimal_places=4, max_digits=24, null=True)),
                ("currency", models.CharField(blank=True, default="", max_length=3)),
                ("rivals", models.JSONField(default=list)),
                ("decided_by", models.CharField(blank=True, default="", max_length=254)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("flow", link("sync.flow")),
                ("origin", link("sync.record", django.db.models.deletion.PROTECT, null=True)),
                ("record", link("sync.record")),
                ("tenant", link("tenants.tenant", django.db.models.deletion.PROTECT)),
            ],
            options={"db_table": "return_link", "abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddConstraint(
            "returnlink", models.UniqueConstraint(fields=["flow", "record"], name="return_link_once")
        ),
        migrations.AddConstraint(
            "returnlink",
            models.CheckConstraint(
                condition=models.Q(("origin", models.F("record")), _negated=True), name="return_link_two_movements"
            ),
        ),
        rls.enable_rls("return_link"),
        rls.composite_fk("return_link", "flow_id", "flow"),
        rls.composite_fk("return_link", "record_id", "record"),
        rls.composite_fk("return_link", "origin_id", "record"),
    ]
