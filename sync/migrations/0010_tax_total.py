"""The tax that Xero shows on a document, beside what was expected."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0009_return_links'),
    ]

    operations = [
        migrations.AddField(
            model_name='mirrordocument',
            name='tax_total',
            field=models.DecimalField(decimal_places=4, max_digits=24, null=True),
        ),
    ]
