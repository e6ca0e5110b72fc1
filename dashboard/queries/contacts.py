"""Counterparties with the contact each of them is, as lists, and the story of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import QueryDict

from connectors.models import Reference
from dashboard.paging import PAGE_SIZE, ListPage
from sync.domain.printable import clean_text
from sync.models import ContactIdentity, ContactLink, Entry, EntryState, Flow, MirrorDocument

SHOWN = 50
EXPORT_CHUNK = 1000
STATES = {
    "decide": Q(state=ContactLink.State.REVIEW),
    "coming": Q(state__in=(ContactLink.State.READY, ContactLink.State.IN_FLIGHT, ContactLink.State.UNCONFIRMED)),
    "alias": Q(how=ContactLink.How.PERSON),
    "created": Q(created_by_us=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFilter:
    search: str = ""
    state: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> ContactFilter:
        state = query.get("state", "")
        known = {*STATES, "details"}
        return cls(search=clean_text(query.get("q", "")).strip()[:200], state=state if state in known else "")

    @property
    def is_set(self) -> bool:
        return bool(self.search or self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRow:
    """A counterparty, the contact it is in the books, and how many documents it has there or waiting."""

    link: ContactLink
    contact: str
    posted: int
    waiting: int
    new_details: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """Documents that stand in the books under one contact."""

    contact_id: str
    contact: str
    count: int


def contact_page(*, flow: Flow, filters: ContactFilter, after: str) -> ListPage[ContactRow]:
    """One page in the order of names. Three queries."""
    found = list(_told(filtered(flow=flow, filters=filters).filter(key__gt=after[:255]))[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    return ListPage(
        items=_rows(flow, shown),
        next_cursor=shown[-1].key if len(found) > PAGE_SIZE else "",
        is_later=bool(after),
    )


def contact_export(*, flow: Flow, filters: ContactFilter) -> Iterator[ContactRow]:
    """Every matching row, in chunks."""
    after = ""
    while True:
        chunk = list(_told(filtered(flow=flow, filters=filters).filter(key__gt=after))[:EXPORT_CHUNK])
        if not chunk:
            return
        yield from _rows(flow, chunk)
        after = chunk[-1].key


def to_decide(*, flow: Flow) -> list[ContactRow]:
    """What waits for a choice, what is about to be created, and new bank details. Three queries."""
    wanted = STATES["decide"] | STATES["coming"] | Q(Exists(_new_details()))
    return _rows(flow, list(_told(ContactLink.objects.filter(wanted, flow=flow))[:SHOWN]))


def filtered(*, flow: Flow, filters: ContactFilter) -> QuerySet[ContactLink]:
    links = ContactLink.objects.filter(flow=flow).order_by("key")
    if filters.search:
        named = Reference.objects.filter(
            connection=flow.destination_id, kind=Reference.Kind.CONTACT, name__icontains=filters.search
        )
        links = links.filter(
            Q(name__icontains=filters.search) | Q(contact_id__in=named.values("external_id"), state="linked")
        )
    if filters.state == "details":
        return links.filter(Exists(_new_details()))
    return links.filter(STATES[filters.state]) if filters.state else links


def one_link(*, flow: Flow, link_id: int) -> ContactRow | None:
    found = _rows(flow, list(_told(ContactLink.objects.filter(flow=flow, pk=link_id))))
    return found[0] if found else None


def identities(link: ContactLink) -> list[ContactIdentity]:
    return list(ContactIdentity.objects.filter(contact=link, kind=ContactIdentity.Kind.IBAN).order_by("id")[:SHOWN])


def posted_by(*, flow: Flow, link: ContactLink) -> list[Posted]:
    """What this counterparty's documents stand under in the books, as last read. Two queries."""
    documents = MirrorDocument.objects.filter(
        connection=flow.destination_id,
        document_id__in=Entry.objects.filter(_of(link), destination_id__isnull=False).values("destination_id"),
    )
    documents = documents.exclude(contact_id="")  # a batch shows none
    counts = list(documents.values("contact_id").annotate(count=Count("id")).order_by("-count"))
    names = contact_names(flow, [row["contact_id"] for row in counts])
    return [
        Posted(contact_id=it["contact_id"], contact=names.get(it["contact_id"], it["contact_id"]), count=it["count"])
        for it in counts
    ]


def entries_of(link: ContactLink) -> list[Entry]:
    """The newest movements of this counterparty."""
    found = Entry.objects.filter(_of(link)).select_related("record").defer("document", "decisions", "record__payload")
    return list(found.order_by("-booking_date", "-id")[:SHOWN])


def _of(link: ContactLink) -> Q:
    """Movements with this counterparty, and documents under its contact."""
    return Q(contact=link) | Q(counterparty=link)


def contacts_named(*, flow: Flow, search: str) -> list[Reference]:
    """Active contacts of the books to choose from; none before something is searched for."""
    if not search:
        return []
    found = Reference.objects.filter(connection=flow.destination_id, kind=Reference.Kind.CONTACT, status="ACTIVE")
    return list(found.filter(name__icontains=search).order_by("name")[:20])


def contact_names(flow: Flow, ids: Iterable[str]) -> dict[str, str]:
    """Names in the books by contact id, as last read."""
    found = Reference.objects.filter(
        connection=flow.destination_id, kind=Reference.Kind.CONTACT, external_id__in=set(ids)
    )
    return dict(found.values_list("external_id", "name"))


def _new_details() -> QuerySet[ContactIdentity]:
    return ContactIdentity.objects.filter(contact=OuterRef("pk"), kind=ContactIdentity.Kind.IBAN, known=False)


def _told(links: QuerySet[ContactLink]) -> QuerySet[ContactLink]:
    return links.order_by("key").annotate(new_details=Exists(_new_details()))


def _rows(flow: Flow, links: Sequence[Any]) -> list[ContactRow]:
    names: Mapping[str, str] = contact_names(flow, [link.contact_id for link in links if link.contact_id])
    counts = _documents_of(links)
    return [
        ContactRow(
            link=link,
            contact=names.get(link.contact_id, link.name) if link.contact_id else "",
            posted=counts.get((link.pk, EntryState.CONFIRMED), 0),
            waiting=counts.get((link.pk, EntryState.REVIEW), 0),
            new_details=link.new_details,
        )
        for link in links
    ]


def _documents_of(links: Sequence[ContactLink]) -> dict[tuple[int, str], int]:
    """By link and state, of the links that are shown: as a part of the list they would be counted for all."""
    entries = Entry.objects.filter(contact__in=links, state__in=(EntryState.CONFIRMED, EntryState.REVIEW))
    found = entries.values_list("contact", "state").annotate(n=Count("id")).order_by()
    return {(link, state): number for link, state, number in found}
