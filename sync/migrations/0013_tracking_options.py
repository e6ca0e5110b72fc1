"""Tracking options that are created in the books: each once per category, as a subject of intents, before the entries that wait."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0012_statements'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='TrackingLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('category_id', models.CharField(max_length=100)),
                ('key', models.CharField(max_length=300)),
                ('name', models.CharField(max_length=100)),
                ('label', models.CharField(max_length=210)),
                ('marker', models.CharField(max_length=50)),
                ('option_id', models.CharField(blank=True, default='', max_length=100)),
                ('state', models.CharField(choices=[('ready', 'Ready'), ('in_flight', 'In Flight'), ('unconfirmed', 'Unconfirmed'), ('linked', 'Linked'), ('review', 'Review')], default='ready', max_length=12)),
                ('findings', models.JSONField(default=list)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('name_taken', models.BooleanField(default=False)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'tracking_link',
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.RemoveConstraint(
            model_name='pushintentitem',
            name='item_one_subject',
        ),
        migrations.AddField(
            model_name='entry',
            name='option_ids',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=models.Value([], django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)), default=list, size=None),
        ),
        migrations.AddField(
            model_name='trackinglink',
            name='flow',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='sync.flow'),
        ),
        migrations.AddField(
            model_name='trackinglink',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddField(
            model_name='pushintentitem',
            name='option',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='intent_items', to='sync.trackinglink'),
        ),
        migrations.AddConstraint(
            model_name='pushintentitem',
            constraint=models.UniqueConstraint(condition=models.Q(('open', True)), fields=('option',), name='item_option_one_open'),
        ),
        migrations.AddConstraint(
            model_name='pushintentitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('contact__isnull', True), ('entry__isnull', False), ('option__isnull', True)), models.Q(('contact__isnull', False), ('entry__isnull', True), ('option__isnull', True)), models.Q(('contact__isnull', True), ('entry__isnull', True), ('option__isnull', False)), _connector='OR'), name='item_one_subject'),
        ),
        migrations.AddIndex(
            model_name='trackinglink',
            index=models.Index(condition=models.Q(('state', 'ready')), fields=['flow', 'not_before', 'id'], name='tracking_due'),
        ),
        migrations.AddConstraint(
            model_name='trackinglink',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='tracking_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='trackinglink',
            constraint=models.UniqueConstraint(fields=('flow', 'category_id', 'key'), name='tracking_once_per_name'),
        ),
        migrations.AddConstraint(
            model_name='trackinglink',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'linked'), _negated=True), models.Q(('option_id', ''), _negated=True), _connector='OR'), name='tracking_linked_has_id'),
        ),
        rls.enable_rls("tracking_link"),
        rls.composite_fk("tracking_link", "flow_id", "flow"),
        rls.composite_fk("push_intent_item", "option_id", "tracking_link"),
    ]
