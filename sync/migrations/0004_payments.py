"""Payments in the mirror, the open invoices and bills they may pay, and a person's choice among them."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

from tenants import rls


class Migration(migrations.Migration):
    dependencies = [("sync", "0003_incident_keys"), ("connectors", "0001_initial"), ("tenants", "0001_initial")]

    operations = [
        migrations.AddField("mirrordocument", "incoming", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("entry", "chosen_invoices", models.JSONField(null=True)),
        migrations.CreateModel(
            name="MirrorInvoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("invoice_id", models.CharField(max_length=100)),
                ("sales", models.BooleanField()),
                ("number", models.CharField(blank=True, default="", max_length=255)),
                ("reference", models.CharField(blank=True, default="", max_length=255)),
                ("contact_id", models.CharField(blank=True, default="", max_length=100)),
                ("contact_name", models.CharField(blank=True, default="", max_length=500)),
                ("total", models.DecimalField(decimal_places=4, max_digits=24)),
                ("due", models.DecimalField(decimal_places=4, max_digits=24)),
                ("currency", models.CharField(max_length=3)),
                ("date", models.DateField()),
                ("due_date", models.DateField(null=True)),
                ("rate", models.DecimalField(decimal_places=6, max_digits=24, null=True)),
                ("status", models.CharField(max_length=12)),
                ("paid_by", models.JSONField(default=list)),
                ("updated_at", models.DateTimeField(null=True)),
                ("read_at", models.DateTimeField(db_default=Now())),
                ("connection", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+",
                                                 to="connectors.connection")),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+",
                                             to="tenants.tenant")),
            ],
            options={"db_table": "mirror_invoice", "abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddIndex(
            "mirrorinvoice",
            models.Index(fields=["connection", "sales", "invoice_id"], name="mirror_invoice_open",
                         condition=models.Q(status="AUTHORISED")),
        ),
        migrations.AddIndex(
            "mirrorinvoice",
            models.Index(fields=["connection", "sales", "updated_at"], name="mirror_invoice_closed",
                         condition=~models.Q(status="AUTHORISED")),
        ),
        migrations.AddConstraint(
            "mirrorinvoice",
            models.UniqueConstraint(fields=["connection", "invoice_id"], name="mirror_invoice_once"),
        ),
        rls.enable_rls("mirror_invoice"),
        rls.composite_fk("mirror_invoice", "connection_id", "connection"),
    ]
