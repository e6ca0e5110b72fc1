"""A linked document that goes or changes in the books: the program takes the link back and asks a person."""

from importlib import import_module

from django.db import migrations, models

rules = import_module("sync.migrations.0002_ground_rules")

_LAST = "('confirmed','review')"
_AND_LINKED = f"{_LAST}, ('duplicate','review')"


def _replaced(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("sync", "0017_known_rows")]

    operations = [
        migrations.AddField(
            model_name="entry", name="lost_link", field=models.CharField(blank=True, default="", db_default="", max_length=210)
        ),
        migrations.RunSQL(
            _replaced(rules.ENTRY_MOVED.replace(_LAST, _AND_LINKED)), _replaced(rules.ENTRY_MOVED)
        ),
    ]
