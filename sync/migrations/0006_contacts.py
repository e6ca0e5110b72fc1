"""How a contact was decided, what tells a counterparty apart besides its name, and the history that is compared with."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

from tenants import rls

HOW = [
    ("exact", "Exact"),
    ("normalised", "Normalised"),
    ("alike", "Alike"),
    ("person", "Person"),
    ("created", "Created"),
]


def text(length, **options):
    return models.CharField(blank=True, db_default="", default="", max_length=length, **options)


class Migration(migrations.Migration):
    dependencies = [("sync", "0005_backfill"), ("tenants", "0001_initial")]

    operations = [
        migrations.AddField("contactlink", "how", text(10, choices=HOW)),
        migrations.AddField("contactlink", "score", models.PositiveSmallIntegerField(null=True)),
        migrations.AddField(
            "contactlink",
            "proposals",
            models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
        ),
        migrations.AddField("record", "source_contact", text(64)),
        migrations.AddField("record", "iban", text(64)),
        migrations.AddField("record", "iban_last4", text(4)),
        migrations.AddField("record", "made_at", models.DateTimeField(null=True)),
        migrations.AddField("flow", "contacts_read_at", models.DateTimeField(null=True)),
        migrations.CreateModel(
            name="ContactIdentity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("source", "Source"), ("iban", "Iban")], max_length=6)),
                ("digest", models.CharField(max_length=64)),
                ("last4", models.CharField(blank=True, default="", max_length=4)),
                ("known", models.BooleanField(default=False)),
                ("decided_by", models.CharField(blank=True, default="", max_length=254)),
                ("first_seen_at", models.DateTimeField(db_default=Now())),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="identities", to="sync.contactlink"
                    ),
                ),
                (
                    "flow",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sync.flow"),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
                    ),
                ),
            ],
            options={"db_table": "contact_identity", "abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddIndex(
            "contactidentity", models.Index(fields=["flow", "digest"], name="contact_identity_by_digest")
        ),
        migrations.AddConstraint(
            "contactidentity", models.UniqueConstraint(fields=["tenant", "id"], name="contact_identity_tenant_id")
        ),
        migrations.AddConstraint(
            "contactidentity",
            models.UniqueConstraint(fields=["contact", "kind", "digest"], name="contact_identity_once"),
        ),
        migrations.AddIndex(
            "entry",
            models.Index(fields=["contact", "currency", "-booking_date", "-id"], name="entry_history_of_contact"),
        ),
        rls.enable_rls("contact_identity"),
        rls.composite_fk("contact_identity", "flow_id", "flow"),
        rls.composite_fk("contact_identity", "contact_id", "contact_link"),
    ]
