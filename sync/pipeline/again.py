"""Posting again what was undone, or what somebody deleted in the books: a new generation of the same movement.

The marker is for ever, and the deleted document carries it. So the new document gets the marker of the next generation,
which is as natural a key as the first: whoever loses our tables finds both.
"""

from __future__ import annotations

from collections.abc import Sequence

from sync import store, store_amend
from sync.domain.fingerprint import marker
from sync.models import Entry, Flow, MirrorDocument, Record, RecordState


def post_again(entry_ids: Sequence[int], *, organisation_id: str, reason: str) -> int:
    """Back to the start under a new marker; transform decides them anew. Inside a person's scope."""
    entries = list(
        Entry.objects.filter(pk__in=entry_ids).values(
            "id", "leg", "generation", "record_id", "other_record_id", "flow_id", "record__payload"
        )
    )
    moved = store_amend.begin_again(
        [
            {
                "id": entry["id"],
                "generation": entry["generation"] + 1,
                "marker": marker(
                    entry["record__payload"]["key"],
                    leg=entry["leg"],
                    organisation_id=organisation_id,
                    generation=entry["generation"] + 1,
                ),
                "note": {"step": "review", "reason": reason},
            }
            for entry in entries
        ]
    )
    records = {entry["record_id"] for entry in entries} | {entry["other_record_id"] for entry in entries}
    Record.objects.filter(pk__in=[pk for pk in records if pk]).update(state=RecordState.FETCHED, reason="")
    Flow.objects.filter(pk__in={entry["flow_id"] for entry in entries}).update(next_at=store.now())
    return moved


def renew(entry_ids: Sequence[int], *, connection_id: int, organisation_id: str) -> int:
    """Entries whose document is deleted while the next generation's stands in the books: somebody had it posted again, and
    we have forgotten it. They take that generation's marker, by which its document is found. Inside `commit`."""
    if not entry_ids:
        return 0
    following = {}
    for entry in Entry.objects.filter(pk__in=entry_ids).values(
        "id", "leg", "generation", "document", "record__payload"
    ):
        key, number = entry["record__payload"]["key"], entry["generation"] + 1
        mark = marker(key, leg=entry["leg"], organisation_id=organisation_id, generation=number)
        following[mark] = (entry, number)
    known = MirrorDocument.objects.filter(connection_id=connection_id, marker__in=list(following))
    found = set(known.values_list("marker", flat=True))
    for mark in found:
        entry, number = following[mark]
        document = {**(entry["document"] or {}), "marker": mark}
        Entry.objects.filter(pk=entry["id"]).update(marker=mark, generation=number, document=document)
    return len(found)
