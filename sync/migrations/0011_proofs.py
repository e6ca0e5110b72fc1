"""Proofs that stay as they are, their certificates, what was accepted, and documents of others linked to a movement."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('connectors', '0001_initial'),
        ('sync', '0010_tax_total'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AcceptedDocument',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('document_id', models.CharField(max_length=100)),
                ('account_id', models.CharField(max_length=100)),
                ('kind', models.CharField(max_length=20)),
                ('date', models.DateField()),
                ('amount', models.DecimalField(decimal_places=4, max_digits=24)),
                ('currency', models.CharField(max_length=3)),
                ('reference', models.TextField(blank=True, default='')),
                ('reason', models.CharField(max_length=300)),
                ('accepted_by', models.CharField(max_length=254)),
                ('accepted_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('withdrawn_by', models.CharField(blank=True, default='', max_length=254)),
                ('withdrawn_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'accepted_document',
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Certificate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=40)),
                ('content', models.TextField()),
                ('sha256', models.CharField(max_length=64)),
                ('pdf', models.BinaryField()),
                ('pdf_sha256', models.CharField(max_length=64)),
                ('csv', models.BinaryField()),
                ('csv_sha256', models.CharField(max_length=64)),
                ('version', models.CharField(max_length=40)),
                ('made_by', models.CharField(max_length=254)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('keep_until', models.DateField()),
            ],
            options={
                'db_table': 'certificate',
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='ProofCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('asked', 'Asked'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='asked', max_length=8)),
                ('trigger', models.CharField(max_length=10)),
                ('asked_by', models.CharField(blank=True, default='', max_length=254)),
                ('since', models.DateField(null=True)),
                ('until', models.DateField(null=True)),
                ('step', models.CharField(blank=True, default='', max_length=10)),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('started_at', models.DateTimeField(null=True)),
                ('seen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
                ('stop_asked', models.BooleanField(db_default=False, default=False)),
                ('error', models.TextField(blank=True, default='')),
            ],
            options={
                'db_table': 'proof_check',
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.AddField(
            model_name='entry',
            name='other_destination_id',
            field=models.CharField(max_length=100, null=True),
        ),
        migrations.AddField(
            model_name='flow',
            name='proof_due_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='proof',
            name='made_by',
            field=models.CharField(blank=True, db_default='', default='', max_length=254),
        ),
        migrations.AddField(
            model_name='proof',
            name='seconds',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='proof',
            name='since',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='proof',
            name='trigger',
            field=models.CharField(db_default='command', default='command', max_length=10),
        ),
        migrations.AddField(
            model_name='proof',
            name='until',
            field=models.DateField(null=True),
        ),
        migrations.AddIndex(
            model_name='flow',
            index=models.Index(condition=models.Q(('state', 'active')), fields=['proof_due_at'], name='flow_proof_due'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.UniqueConstraint(fields=('organisation_id', 'other_destination_id'), name='entry_other_destination_id'),
        ),
        migrations.AddConstraint(
            model_name='proof',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='proof_tenant_id'),
        ),
        migrations.AddField(
            model_name='accepteddocument',
            name='flow',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='sync.flow'),
        ),
        migrations.AddField(
            model_name='accepteddocument',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddField(
            model_name='certificate',
            name='proof',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='certificate', to='sync.proof'),
        ),
        migrations.AddField(
            model_name='certificate',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddField(
            model_name='proofcheck',
            name='flow',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='sync.flow'),
        ),
        migrations.AddField(
            model_name='proofcheck',
            name='proof',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='sync.proof'),
        ),
        migrations.AddField(
            model_name='proofcheck',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddConstraint(
            model_name='accepteddocument',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('flow', 'document_id', 'account_id'), name='accepted_document_once'),
        ),
        migrations.AddConstraint(
            model_name='certificate',
            constraint=models.UniqueConstraint(fields=('tenant', 'number'), name='certificate_number'),
        ),
        migrations.AddIndex(
            model_name='proofcheck',
            index=models.Index(fields=['flow', '-id'], name='proof_check_list'),
        ),
        migrations.AddConstraint(
            model_name='proofcheck',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['asked', 'running'])), fields=('flow',), name='proof_check_one_open'),
        ),
        *[rls.enable_rls(table) for table in ("accepted_document", "certificate", "proof_check")],
        rls.composite_fk("accepted_document", "flow_id", "flow"),
        rls.composite_fk("certificate", "proof_id", "proof"),
        rls.composite_fk("proof_check", "flow_id", "flow"),
        rls.composite_fk("proof_check", "proof_id", "proof"),
        rls.append_only("proof"),
        rls.append_only("certificate"),
        rls.dispatch_reads_too("flow", columns=["proof_due_at"]),
    ]
