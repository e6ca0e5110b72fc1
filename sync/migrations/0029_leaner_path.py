"""What each of a movement's rows is written into: no index that another one serves, none that holds only nulls.

Nothing is estimated from the insides of a document either, and comparing them was most of what an ANALYZE cost.
"""

import django.db.models.deletion
from django.db import migrations, models

DOCUMENTS = {
    "entry": ("accepted", "chosen_invoices", "decided_from", "decisions", "document", "findings", "note", "read_back"),
    "event": ("note",),
    "mirror_document": ("by_account",),
    "push_attempt": ("answer",),
    "push_intent": ("body",),
    "record": ("payload",),
}


def _statistics(value: str) -> list[str]:
    return [
        f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS {value}"
        for table, columns in DOCUMENTS.items()
        for column in columns
    ]


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0028_contact_by_books_id'),
        ('tenants', '0002_fewer_keys'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='entry',
            name='entry_once_per_leg',
        ),
        migrations.RemoveConstraint(
            model_name='entry',
            name='entry_destination_id',
        ),
        migrations.RemoveConstraint(
            model_name='entry',
            name='entry_other_destination_id',
        ),
        migrations.RemoveConstraint(
            model_name='pushintentitem',
            name='item_contact_one_open',
        ),
        migrations.RemoveConstraint(
            model_name='pushintentitem',
            name='item_option_one_open',
        ),
        migrations.RemoveIndex(
            model_name='entry',
            name='entry_to_validate',
        ),
        migrations.RemoveIndex(
            model_name='entry',
            name='entry_to_confirm',
        ),
        migrations.RemoveIndex(
            model_name='entry',
            name='entry_dependents',
        ),
        migrations.RemoveIndex(
            model_name='event',
            name='event_of_entry',
        ),
        migrations.AlterField(
            model_name='dailystat',
            name='flow',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='stats', to='sync.flow'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='record',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='sync.record'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='run',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='sync.run'),
        ),
        migrations.AlterField(
            model_name='pushintent',
            name='flow',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='intents', to='sync.flow'),
        ),
        migrations.AlterField(
            model_name='pushintent',
            name='run',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='sync.run'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.UniqueConstraint(fields=('record', 'leg', 'flow'), name='entry_once_per_leg'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.UniqueConstraint(condition=models.Q(('destination_id__isnull', False)), fields=('organisation_id', 'destination_id'), name='entry_destination_id'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.UniqueConstraint(condition=models.Q(('other_destination_id__isnull', False)), fields=('organisation_id', 'other_destination_id'), name='entry_other_destination_id'),
        ),
        migrations.AddConstraint(
            model_name='pushintentitem',
            constraint=models.UniqueConstraint(condition=models.Q(('contact__isnull', False), ('open', True)), fields=('contact',), name='item_contact_one_open'),
        ),
        migrations.AddConstraint(
            model_name='pushintentitem',
            constraint=models.UniqueConstraint(condition=models.Q(('open', True), ('option__isnull', False)), fields=('option',), name='item_option_one_open'),
        ),
        migrations.RunSQL(_statistics("0"), _statistics("-1")),
    ]
