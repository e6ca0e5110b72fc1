"""What became of contacts in the books: merged ones are followed, archived ones ask a person, restored ones go on.

The list is read before counterparties are decided, at most every ten minutes, and only when something is to be decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import QuerySet, Value
from django.db.models.functions import Least, Now

from connectors.contract.errors import Finding, Severity
from connectors.contract.records import DestinationContact
from connectors.models import Reference
from sync.domain.contacts import ContactIndex
from sync.models import ContactLink, Flow, Record, RecordState
from sync.pipeline import contacts, findings
from sync.pipeline.contacts import ARCHIVED
from sync.pipeline.context import Context

FRESH = timedelta(minutes=10)


def keep_fresh(ctx: Context) -> None:
    """Read what changed and follow it, where movements wait to be decided and the last look is ten minutes old."""
    last = ctx.flow.contacts_read_at
    if last is not None and ctx.now() - last < FRESH:
        return
    with ctx.commit():
        if not Record.objects.filter(flow=ctx.flow, state=RecordState.FETCHED).exists():
            return
    read_and_follow(ctx)


def have_read(flows: QuerySet[Flow]) -> None:
    """Let their next pass read the contacts, however short ago that was. Inside the tenant's scope."""
    flows.update(contacts_read_at=Least("contacts_read_at", Now() - Value(FRESH)))


def read_and_follow(ctx: Context) -> None:
    ctx.left = None  # links that are followed or held take their entries along
    contacts.read_contacts(ctx)
    with ctx.commit():
        follow(ctx)
        ctx.store_flow(contacts_read_at=ctx.now())


def follow(ctx: Context) -> None:
    """Bring links in line with what the list says now. Inside `commit`; three statements when nothing changed."""
    gone = Reference.objects.filter(connection=ctx.connection, kind=Reference.Kind.CONTACT).exclude(status="ACTIVE")
    linked = ContactLink.objects.filter(flow=ctx.flow, state=ContactLink.State.LINKED)
    affected = list(linked.filter(contact_id__in=gone.values("external_id")))
    held = [link for link in _held(ctx) if _archived_contact(link)]
    if not affected and not held:
        return
    known = contacts.known_contacts(ctx)
    for link in affected:
        _moved_or_archived(ctx, link, known)
    _restored(held, known)


def _held(ctx: Context) -> list[ContactLink]:
    held = ContactLink.objects.filter(flow=ctx.flow, state=ContactLink.State.REVIEW)
    return list(held.filter(findings__contains=[{"code": ARCHIVED}]))


def _archived_contact(link: ContactLink) -> str:
    return next((str(it["detail"]) for it in link.findings if it["code"] == ARCHIVED), "")


def _moved_or_archived(ctx: Context, link: ContactLink, known: ContactIndex) -> None:
    was = known.by_id[link.contact_id]
    now = known.survivor(was)
    if now.status != "ACTIVE":
        message = f"The contact “{now.name}” is archived in Xero. Restore it there, or choose another contact."
        contacts.hold(ctx, link.pk, findings.review(ARCHIVED, message, detail=now.contact_id))
        return
    link.contact_id, link.findings = now.contact_id, findings.as_json([_merged(was, now)])
    link.save(update_fields=["contact_id", "findings"])


def _merged(was: DestinationContact, now: DestinationContact) -> Finding:
    message = f"The contact “{was.name}” was merged into “{now.name}” in Xero: new documents go there."
    return Finding(code="contact_merged", message=message, detail=now.name, severity=Severity.NOTE)


def _restored(held: Sequence[ContactLink], known: ContactIndex) -> None:
    """The contact lives again: the link holds again. What waited for it goes on when somebody tries it again."""
    for link in held:
        contact = known.by_id.get(_archived_contact(link))
        living = known.survivor(contact) if contact else None
        if living is not None and living.status == "ACTIVE":
            link.state, link.contact_id, link.findings = ContactLink.State.LINKED, living.contact_id, []
            link.save(update_fields=["state", "contact_id", "findings"])
