"""Statement files that left, with their lines."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('sync', "0011_proofs"),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='StatementExport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('bank_account_id', models.CharField(max_length=100)),
                ('month', models.DateField()),
                ('only_new', models.BooleanField(default=False)),
                ('lines', models.JSONField(default=list)),
                ('total', models.DecimalField(decimal_places=4, max_digits=24)),
                ('sha256', models.CharField(max_length=64)),
                ('actor', models.CharField(max_length=254)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('flow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='statement_exports', to='sync.flow')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'statement_export',
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['flow', 'bank_account_id', 'month', 'id'], name='statement_export_of')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='statement_export_tenant_id'), models.CheckConstraint(condition=models.Q(('month__day', 1)), name='statement_export_month')],
            },
        ),
        rls.enable_rls('statement_export'),
        rls.composite_fk('statement_export', 'flow_id', 'flow'),
    ]
