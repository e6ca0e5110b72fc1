"""What a payment leaves over is a second document of the same movement: a leg of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0013_tracking_options")]

    operations = [
        migrations.AlterField(
            model_name="entry",
            name="leg",
            field=models.CharField(
                choices=[("main", "Main"), ("sold", "Sold"), ("bought", "Bought"), ("rest", "Rest")],
                default="main",
                max_length=8,
            ),
        ),
    ]
