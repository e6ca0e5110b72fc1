"""Contacts of the books: which one a counterparty is, and which are to be created. Creating goes through intents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.contract.errors import Severity
from connectors.contract.records import DestinationContact
from connectors.models import Reference
from sync import store
from sync.domain.contacts import ContactIndex, match_contact
from sync.models import ContactLink, Entry, EntryState
from sync.pipeline import findings
from sync.pipeline.context import Context

BATCH = 1000
MARGIN = timedelta(minutes=5)
ARCHIVED = "contact_archived"
NAME_TAKEN = 99  # attempts of a link whose name the destination already has


def read_contacts(ctx: Context) -> None:
    """Bring the local list of the destination's contacts up to date: a delta read, in pages."""
    with ctx.commit():
        since = _since(ctx)
    for page in ctx.destination.contacts(since=since):
        with ctx.commit():
            keep(ctx, page)


def _since(ctx: Context) -> datetime | None:
    """The newest stamp seen, but never after the last whole reading: a look for single contacts skips others' changes."""
    stamped = Reference.objects.filter(connection=ctx.connection, kind=Reference.Kind.CONTACT, updated_at__isnull=False)
    newest = stamped.order_by("-updated_at").values_list("updated_at", flat=True).first()
    last = ctx.flow.contacts_read_at
    return min(newest, last or newest) - MARGIN if newest else None


def keep(ctx: Context, page: Sequence[DestinationContact]) -> None:
    """Write these contacts into the local list. Inside `commit`; one statement, none for none."""
    Reference.objects.bulk_create(
        [
            Reference(
                tenant_id=ctx.tenant_id,
                connection=ctx.connection,
                kind=Reference.Kind.CONTACT,
                external_id=contact.contact_id,
                code=contact.number[:60],
                name=contact.name[:500],
                status=contact.status,
                payload={"merged_into": contact.merged_into},
                updated_at=contact.updated_at,
            )
            for contact in page
        ],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["connection", "kind", "external_id"],
        update_fields=["code", "name", "status", "payload", "updated_at"],
    )


def known_contacts(ctx: Context) -> ContactIndex:
    """Every contact of the books as last read. Inside `commit`."""
    rows = Reference.objects.filter(connection=ctx.connection, kind=Reference.Kind.CONTACT)
    return ContactIndex.of(
        DestinationContact(
            contact_id=row["external_id"],
            name=row["name"],
            number=row["code"],
            status=row["status"],
            merged_into=row["payload"].get("merged_into", ""),
        )
        for row in rows.values("external_id", "name", "code", "status", "payload")
    )


def link_move(ctx: Context, move: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of a contact that was sent: linked, to be looked for, due again, or for a person."""
    if "destination_id" in move:
        return {"id": move["id"], "state": ContactLink.State.LINKED, "contact_id": move["destination_id"]}
    if move["state"] == EntryState.UNCONFIRMED:
        return {"id": move["id"], "state": ContactLink.State.UNCONFIRMED}
    if move["state"] == EntryState.READY:
        kept = {name: move[name] for name in ("wait", "attempts") if name in move}
        return {"id": move["id"], "state": ContactLink.State.READY, **kept}
    if any(finding["code"] == "contact_name_taken" for finding in move["findings"]):
        ctx.contacts_stale = True  # the contact exists: it is read again before the next attempt finds it by name
        return {"id": move["id"], "state": ContactLink.State.READY, "attempts": NAME_TAKEN, "wait": 0}
    return {"id": move["id"], "state": ContactLink.State.REVIEW, "findings": move["findings"]}


def hold_waiting(ctx: Context, moves: Sequence[Mapping[str, Any]]) -> None:
    """Entries whose contact went to a person go with it. Inside `commit`."""
    for move in moves:
        if move["state"] == ContactLink.State.REVIEW:
            hold(ctx, move["id"], move["findings"])


def match_again(ctx: Context) -> None:
    """After a fresh reading: links whose name was taken find their contact, or a person chooses. Inside `commit`."""
    ctx.contacts_stale = False
    known = known_contacts(ctx)
    for link in ContactLink.objects.filter(flow=ctx.flow, state=ContactLink.State.READY, attempts=NAME_TAKEN):
        found = match_contact(link.name, known)
        if found.contact_id and not found.archived:
            link.state, link.contact_id, link.attempts = ContactLink.State.LINKED, found.contact_id, 0
            link.save(update_fields=["state", "contact_id", "attempts"])
        else:
            message = f"Xero says that the contact name “{link.name}” is taken, but shows no such contact. Choose one."
            hold(ctx, link.pk, findings.review("contact_name_taken", message, detail=link.name))


def objections(link: ContactLink) -> list[dict[str, Any]]:
    """What stands against an entry because of its contact: notes at most once it is settled, a question until then."""
    if link.state != ContactLink.State.REVIEW or any(it["severity"] == Severity.REVIEW for it in link.findings):
        return list(link.findings)
    message = f"It is not decided which contact in Xero “{link.name}” is. Choose or create one."
    return [*link.findings, *findings.review("contact_held", message, detail=link.name)]


def undecided(link: ContactLink | None) -> set[str]:
    """The codes of the questions about this contact that wait for a person."""
    if link is None or link.state != ContactLink.State.REVIEW:
        return set()
    return {it["code"] for it in objections(link) if it["severity"] == Severity.REVIEW}


def hold_undecided(ctx: Context) -> None:
    """No entry stays ready while a person is asked about its contact, however it became so: it would wait for ever, and
    nobody would know. One statement where there is none."""
    with ctx.commit():
        ready = Entry.objects.filter(flow=ctx.flow, state=EntryState.READY, contact__state=ContactLink.State.REVIEW)
        for link in ContactLink.objects.filter(pk__in=ready.values("contact_id")):
            hold(ctx, link.pk, objections(link))


def hold(ctx: Context, link_id: int, problem: list[dict[str, Any]]) -> None:
    """A contact that a person must decide holds every entry that waits for it. Inside `commit`."""
    ContactLink.objects.filter(pk=link_id).update(state=ContactLink.State.REVIEW, findings=problem)
    waiting = Entry.objects.filter(contact_id=link_id, state=EntryState.READY).values_list("id", flat=True)
    moves = [
        {"id": entry_id, "state": EntryState.REVIEW, "findings": problem, "note": {"step": "push", "contact": "held"}}
        for entry_id in waiting
    ]
    store.move_entries(moves, run_id=ctx.run_id)
