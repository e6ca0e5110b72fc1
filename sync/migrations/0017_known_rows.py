"""Rows without a number are counted within one reading; rows whose account changed are found by their number."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0016_fewer_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='record',
            name='shown_in',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='record',
            index=models.Index(condition=models.Q(('source_id', ''), _negated=True), fields=['flow', 'source_id'], name='record_by_number'),
        ),
        migrations.AddIndex(
            model_name='record',
            index=models.Index(condition=models.Q(('source_id', '')), fields=['flow', 'content_hash'], name='record_without_number'),
        ),
    ]
