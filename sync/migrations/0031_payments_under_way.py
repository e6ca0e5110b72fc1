"""Payments under way are found among all that is under way: a long first sync has thousands of others."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0030_events_of_their_own_rows'),
        ('tenants', '0002_fewer_keys'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(condition=models.Q(('destination_type__in', ('PAYMENT', 'BATCHPAYMENT'))), fields=['flow', 'state'], name='entry_payments'),
        ),
    ]
