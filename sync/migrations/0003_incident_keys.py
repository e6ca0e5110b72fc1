"""What the alerts need of an incident: a key that names its tenant, and a quick way to those open or just closed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0002_ground_rules")]

    operations = [
        migrations.AddIndex("incident", models.Index(fields=["closed_at"], name="incident_to_tell")),
        migrations.AddConstraint(
            "incident", models.UniqueConstraint(fields=["tenant", "id"], name="incident_tenant_id")
        ),
    ]
