"""A question about a document that stands in the books may end without a person: the document and the source agree again."""

from importlib import import_module

from django.db import migrations

rules = import_module("sync.migrations.0002_ground_rules")
linked = import_module("sync.migrations.0018_lost_links")

_BEFORE = linked._replaced(rules.ENTRY_MOVED.replace(linked._LAST, linked._AND_LINKED))
_LAST_CONDITION = "     LIMIT 1;\n    IF wrong"
_OR_AGREED = """       AND NOT (n.note ? 'agreed' AND n.destination_id = o.destination_id AND (o.state, n.state) = ('review','confirmed'))
"""
_AFTER = _BEFORE.replace(_LAST_CONDITION, _OR_AGREED + _LAST_CONDITION)
_BY_HASH = "ALTER FUNCTION entry_moved() SET enable_nestloop = off"  # replacing forgets it


class Migration(migrations.Migration):
    dependencies = [("sync", "0022_mirror_by_account")]

    operations = [migrations.RunSQL([_AFTER, _BY_HASH], [_BEFORE, _BY_HASH])]
