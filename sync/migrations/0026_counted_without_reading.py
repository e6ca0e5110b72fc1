
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0025_mirror_pays'),
        ('tenants', '0002_fewer_keys'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='entry',
            name='entry_by_state',
        ),
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(fields=['flow', 'state', 'id'], include=('tenant',), name='entry_by_state'),
        ),
        migrations.AddIndex(
            model_name='record',
            index=models.Index(condition=models.Q(('state', 'skipped')), fields=['flow'], include=('tenant',), name='record_skipped'),
        ),
    ]
