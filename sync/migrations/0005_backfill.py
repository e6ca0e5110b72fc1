"""Back-fills: a range of days that is read afresh, month by month."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0004_payments'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Backfill',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateField()),
                ('until', models.DateField()),
                ('reached', models.DateField()),
                ('state', models.CharField(choices=[('running', 'Running'), ('done', 'Done'), ('stopped', 'Stopped')], default='running', max_length=10)),
                ('notes', models.JSONField(default=list)),
                ('read', models.PositiveIntegerField(default=0)),
                ('new', models.PositiveIntegerField(default=0)),
                ('changed', models.PositiveIntegerField(default=0)),
                ('asked_by', models.CharField(blank=True, default='', max_length=254)),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
                ('flow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='backfills', to='sync.flow')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'backfill',
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['flow', '-id'], name='backfill_list')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='backfill_tenant_id'), models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('flow',), name='backfill_one_running'), models.CheckConstraint(condition=models.Q(('since__lte', models.F('until'))), name='backfill_range')],
            },
        ),
        rls.enable_rls('backfill'),
        rls.composite_fk('backfill', 'flow_id', 'flow'),
    ]
