"""The trigger that tells of moves joins the rows before with the rows after by hash, whatever its first statement was.

Its plan is kept for the session. Made for a first statement of few rows it is a nested loop, and then one of a thousand
rows compares a million pairs, three times. Whoever replaces the function says this again: replacing forgets it.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sync", "0020_unmet_contacts")]

    operations = [
        migrations.RunSQL(
            "ALTER FUNCTION entry_moved() SET enable_nestloop = off", "ALTER FUNCTION entry_moved() RESET enable_nestloop"
        )
    ]
