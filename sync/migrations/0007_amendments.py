"""Amendments: every change of a posted document, with its place in the movement's story; generations of a marker."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from tenants import rls

# Closed is closed: what was done, refused or withdrawn is asked for anew or not at all. Each step is an event.
AMENDMENT_MOVED = """
CREATE FUNCTION amendment_moved() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = NEW.state THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state IN ('done', 'refused', 'withdrawn') THEN
        RAISE EXCEPTION 'an amendment may not move % -> % (amendment %)', OLD.state, NEW.state, NEW.id
              USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO event (tenant_id, flow_id, record_id, entry_id, run_id, step, from_state, to_state, actor, note)
    SELECT NEW.tenant_id, NEW.flow_id, entry.record_id, NEW.entry_id, NULL, 'amend',
           CASE WHEN TG_OP = 'UPDATE' THEN OLD.state ELSE '' END, NEW.state,
           coalesce(nullif(current_setting('app.actor', true), ''), NEW.asked_by),
           jsonb_build_object('deed', NEW.deed, 'reason', CASE WHEN NEW.state IN ('proposed', 'asked') THEN NEW.reason
                                                               ELSE NEW.note END)
      FROM entry WHERE entry.id = NEW.entry_id;
    RETURN NULL;
END $fn$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0006_contacts'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='entry',
            name='generation',
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name='entry',
            name='read_back',
            field=models.JSONField(null=True),
        ),
        migrations.CreateModel(
            name='Amendment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('batch', models.UUIDField(null=True)),
                ('deed', models.CharField(choices=[('change', 'Change'), ('void', 'Void')], max_length=6)),
                ('then', models.CharField(choices=[('undone', 'Undone'), ('again', 'Again'), ('stands', 'Stands')], max_length=8)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('asked', 'Asked'), ('in_flight', 'In Flight'), ('unconfirmed', 'Unconfirmed'), ('done', 'Done'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], max_length=12)),
                ('document_id', models.CharField(max_length=100)),
                ('destination_type', models.CharField(max_length=15)),
                ('marker', models.CharField(max_length=20)),
                ('wanted', models.JSONField(null=True)),
                ('before', models.JSONField(default=dict)),
                ('columns', models.JSONField(default=dict)),
                ('changed', models.JSONField(default=list)),
                ('digest', models.CharField(blank=True, default='', max_length=67)),
                ('scope', models.CharField(blank=True, default='', max_length=60)),
                ('reason', models.CharField(blank=True, default='', max_length=300)),
                ('asked_by', models.CharField(blank=True, default='', max_length=254)),
                ('touched_confirmed', models.BooleanField(default=False)),
                ('kept', models.BooleanField(default=False)),
                ('alone', models.BooleanField(default=False)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('code', models.CharField(blank=True, default='', max_length=60)),
                ('note', models.TextField(blank=True, default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('closed_at', models.DateTimeField(null=True)),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='amendments', to='sync.entry')),
                ('flow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='amendments', to='sync.flow')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'amendment',
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.AddField(
            model_name='pushintentitem',
            name='amendment',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='intent_items', to='sync.amendment'),
        ),
        migrations.AddIndex(
            model_name='amendment',
            index=models.Index(condition=models.Q(('state__in', ['asked', 'in_flight', 'unconfirmed'])), fields=['flow', 'not_before', 'id'], name='amendment_due'),
        ),
        migrations.AddIndex(
            model_name='amendment',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['flow', 'batch', 'id'], name='amendment_batch'),
        ),
        migrations.AddIndex(
            model_name='amendment',
            index=models.Index(fields=['entry', 'id'], name='amendment_of_entry'),
        ),
        migrations.AddConstraint(
            model_name='amendment',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='amendment_tenant_id'),
        ),
        migrations.AddConstraint(
            model_name='amendment',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['proposed', 'asked', 'in_flight', 'unconfirmed'])), fields=('entry',), name='amendment_entry_one_open'),
        ),
        migrations.AddConstraint(
            model_name='amendment',
            constraint=models.CheckConstraint(condition=models.Q(('deed', 'void'), ('wanted__isnull', False), _connector='OR'), name='amendment_change_has_wanted'),
        ),
        rls.enable_rls("amendment"),
        rls.composite_fk("amendment", "flow_id", "flow"),
        rls.composite_fk("amendment", "entry_id", "entry"),
        rls.composite_fk("push_intent_item", "amendment_id", "amendment"),
        migrations.RunSQL(AMENDMENT_MOVED, "DROP FUNCTION amendment_moved()"),
        migrations.RunSQL(
            "CREATE TRIGGER amendment_moved AFTER INSERT OR UPDATE ON amendment FOR EACH ROW "
            "EXECUTE FUNCTION amendment_moved()",
            "DROP TRIGGER amendment_moved ON amendment",
        ),
    ]
