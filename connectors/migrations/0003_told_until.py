from django.db import migrations, models

from tenants.rls import dispatch_reads_too


class Migration(migrations.Migration):

    dependencies = [
        ('connectors', '0002_fewer_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='connection',
            name='told_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='connection',
            index=models.Index(condition=models.Q(('kind', 'xero')), fields=['external_id'], name='connection_by_company'),
        ),
        dispatch_reads_too('connection', columns=['external_id']),  # a webhook names the company, not whose it is
    ]
