"""When an entry last became ready by a decision: what was decided long ago is decided anew before it goes."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0032_exact_figures'),
        ('tenants', '0002_fewer_keys'),
    ]

    operations = [
        migrations.AddField(model_name='entry', name='decided_at', field=models.DateTimeField(null=True)),
    ]
