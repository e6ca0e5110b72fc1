"""Which contact a counterparty is: what is remembered, else a fresh decision by name. Decides only; nothing is sent.

In this order: the id that the source gives its own contact, a known IBAN, the name (a person's choice stands there too),
then the contacts of the books. An id or an IBAN is only believed while the names resemble each other: some sources give
one id to many, and one account may collect for many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q
from django.db.models.functions import JSONObject

from connectors.contract.errors import Finding, Severity
from sync.domain.contact_choice import choose_contact
from sync.domain.contacts import ContactMatch, MatchKind, clean_contact_name, contact_key, normalised_name
from sync.domain.fingerprint import contact_marker
from sync.domain.likeness import PROPOSE_FROM, likeness
from sync.models import ContactIdentity, ContactLink
from sync.pipeline import findings
from sync.pipeline.contacts import known_contacts
from sync.pipeline.context import Context

_HOW = {
    MatchKind.EXACT: ContactLink.How.EXACT,
    MatchKind.NORMALISED: ContactLink.How.NORMALISED,
    MatchKind.ALIKE: ContactLink.How.ALIKE,
}
_DECIDED = ("name", "marker", "contact_id", "state", "findings", "how", "score", "proposals")


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A counterparty as a movement names it. `source_contact` and `iban` are digests, "" where there is none."""

    name: str
    card: bool = False
    source_contact: str = ""
    iban: str = ""
    iban_last4: str = ""


def links_for(ctx: Context, whos: Iterable[Who], *, asked: Collection[Who] | None = None) -> dict[Who, ContactLink]:
    """A link for each counterparty, in the order of their movements. Inside `commit`; a constant number of statements
    however many there are.

    `asked`: those whose contact a document needs, where these are not all. What is known of the others is kept as well, but
    nobody is asked who they are, and no contact is created.
    """
    wanted = list(dict.fromkeys(who for who in whos if who.name))
    asked = frozenset(wanted if asked is None else asked)
    if not wanted:
        return {}
    every = _known_links(ctx, wanted)
    met, kept = _Links([it for it in every if it.state != ContactLink.State.UNMET]), _Links(every)
    found = {who: (met if who in asked else kept).of(who) for who in wanted}
    unmet = {link.key: link for link in every if link.state == ContactLink.State.UNMET}
    made = _make(ctx, [who for who, link in found.items() if link is None], unmet, asked=asked)
    links = {who: link or made[contact_key(who.name)[:255]] for who, link in found.items()}
    _remember(ctx, links)
    return links


def contacts_of(ctx: Context, whos: Iterable[Who]) -> dict[Who, str]:
    """The contact in the books of each counterparty that is known already. One statement; nothing is decided."""
    wanted = list(dict.fromkeys(who for who in whos if who.name))
    known = [link for link in _known_links(ctx, wanted) if link.contact_id] if wanted else []
    by_key, by_digest = {link.key: link for link in known}, _by_digest(known)
    found = {who: _remembered(who, by_digest) or by_key.get(contact_key(who.name)[:255]) for who in wanted}
    return {who: link.contact_id for who, link in found.items() if link is not None}


# ----------------------------------------------------------------- remembered


def _known_links(ctx: Context, wanted: Sequence[Who]) -> list[Any]:
    """Links with one of these names, ids or IBANs, each with all its `have` of (kind, digest, known). One statement."""
    keys = {contact_key(who.name)[:255] for who in wanted}
    digests = {digest for who in wanted for digest in (who.source_contact, who.iban) if digest}
    named = Q(key__in=keys)
    if digests:
        named |= Q(pk__in=ContactIdentity.objects.filter(flow=ctx.flow, digest__in=digests).values("contact_id"))
    have = ContactIdentity.objects.filter(contact=OuterRef("pk")).order_by("id")
    as_json = have.values(json=JSONObject(kind="kind", digest="digest", known="known"))
    return list(ContactLink.objects.filter(named, flow=ctx.flow).order_by("id").annotate(have=ArraySubquery(as_json)))


class _Links:
    """Links by what tells whom they are of."""

    def __init__(self, links: Sequence[Any]) -> None:
        self._by_key = {link.key: link for link in links}
        self._by_digest = _by_digest(links)

    def of(self, who: Who) -> ContactLink | None:
        return _remembered(who, self._by_digest) or self._by_key.get(contact_key(who.name)[:255])


def _by_digest(links: Sequence[Any]) -> dict[str, list[ContactLink]]:
    """Links by the ids and IBANs that are known for them."""
    found: dict[str, list[ContactLink]] = {}
    for link in links:
        for identity in link.have:
            if identity["known"]:
                found.setdefault(identity["digest"], []).append(link)
    return found


def _remembered(who: Who, identities: Mapping[str, Sequence[ContactLink]]) -> ContactLink | None:
    """The one counterparty that has this id, else the one that has this IBAN, where the names resemble each other."""
    for digest in (who.source_contact, who.iban):
        links = [link for link in identities.get(digest, ()) if _resembles(who, link)]
        if len(links) == 1:
            return links[0]
    return None


def _resembles(who: Who, link: ContactLink) -> bool:
    if contact_key(who.name) == link.key:
        return True
    one, other = normalised_name(who.name, card=who.card), normalised_name(link.name)
    return one.agrees_with(other) or likeness(one, other) >= PROPOSE_FROM


def _remember(ctx: Context, links: Mapping[Who, ContactLink]) -> None:
    """Keep ids and IBANs. The first IBAN of a counterparty is known; each later one waits for a person."""
    have = {(link.pk, it["kind"], it["digest"]) for link in links.values() for it in getattr(link, "have", ())}
    with_iban = {contact for contact, kind, _digest in have if kind == ContactIdentity.Kind.IBAN}
    fresh = []
    for who, link in links.items():
        for kind, digest in ((ContactIdentity.Kind.SOURCE, who.source_contact), (ContactIdentity.Kind.IBAN, who.iban)):
            if not digest or (link.pk, kind, digest) in have:
                continue
            is_iban = kind == ContactIdentity.Kind.IBAN
            fresh.append(
                ContactIdentity(
                    tenant_id=ctx.tenant_id,
                    flow=ctx.flow,
                    contact=link,
                    kind=kind,
                    digest=digest,
                    last4=who.iban_last4 if is_iban else "",
                    known=not is_iban or link.pk not in with_iban,
                )
            )
            have.add((link.pk, kind, digest))
            with_iban |= {link.pk} if is_iban else set()
    ContactIdentity.objects.bulk_create(fresh)


# --------------------------------------------------------------------- decided


def _make(
    ctx: Context, missing: Sequence[Who], unmet: Mapping[str, Any], *, asked: Collection[Who]
) -> dict[str, ContactLink]:
    """New links by key: decided by name among the contacts of the books. `unmet`: those that are here already, which keep
    their accounts and what was decided for their movements. The first spelling becomes the contact's name."""
    by_key: dict[str, Who] = {}
    for who in sorted(missing, key=lambda it: (contact_key(it.name)[:255] not in unmet, it not in asked)):
        by_key.setdefault(contact_key(who.name)[:255], who)
    if not by_key:
        return {}
    known, threshold = known_contacts(ctx), int(ctx.books.policy("contact_threshold"))
    made: dict[str, ContactLink] = {}
    for key, who in by_key.items():
        found = choose_contact(who.name, known, card=who.card, threshold=threshold)
        link: Any = decide(ctx, key, who.name, found)
        if who not in asked:
            made[key] = _put_off(link)
            continue
        link.have = unmet[key].have if key in unmet else []
        made[key] = _coming(who, made.values()) or link if link.state == ContactLink.State.READY else link
    fresh = list({link.key: link for link in made.values()}.values())
    for link in fresh:
        link.pk = unmet[link.key].pk if link.key in unmet else None
    ContactLink.objects.bulk_create([link for link in fresh if link.key not in unmet])
    ContactLink.objects.bulk_update([link for link in fresh if link.key in unmet], _DECIDED)
    return made


def _put_off(link: ContactLink) -> ContactLink:
    """A contact that the books surely have is taken; all else is decided when a document needs it."""
    if link.state != ContactLink.State.LINKED:
        link.state, link.findings, link.proposals = ContactLink.State.UNMET, [], []
    return link


def _coming(who: Who, made: Iterable[ContactLink]) -> ContactLink | None:
    """Another spelling of a name that is about to be created: one contact is made of the two."""
    wanted = normalised_name(who.name, card=who.card)
    coming = (link for link in made if link.state == ContactLink.State.READY)
    return next((link for link in coming if wanted.agrees_with(normalised_name(link.name))), None)


def decide(ctx: Context, key: str, name: str, found: ContactMatch) -> ContactLink:
    """What a match means for a new link: linked, to be created, or for a person with all who it might be."""
    link = ContactLink(
        tenant_id=ctx.tenant_id,
        flow=ctx.flow,
        key=key,
        name=clean_contact_name(name),
        marker=contact_marker(key, organisation_id=ctx.connection.external_id),
        state=ContactLink.State.READY,
        proposals=[{"contact_id": it.contact_id, "name": it.name, "score": it.score} for it in found.proposals],
    )
    if found.contact_id and not found.archived:
        link.state, link.contact_id = ContactLink.State.LINKED, found.contact_id
        link.how, link.score = _HOW[found.kind], found.score
        link.findings = _told(name, found)
        return link
    problem = _problem(ctx, name, found)
    if problem:
        link.state, link.findings = ContactLink.State.REVIEW, problem
    return link


def _told(name: str, found: ContactMatch) -> list[dict[str, Any]]:
    if found.kind is not MatchKind.ALIKE:
        return []
    message = f"“{name}” was taken for the contact “{found.name}” in Xero: the names are alike by {found.score} of 100."
    return findings.as_json([Finding(code="contact_alike", message=message, detail=found.name, severity=Severity.NOTE)])


def _problem(ctx: Context, name: str, found: ContactMatch) -> list[dict[str, Any]]:
    if found.archived:
        message = f"The contact “{found.name}” is archived in Xero. Restore it there, or choose another contact."
        return findings.review("contact_archived", message, detail=found.contact_id)
    if found.candidates:
        message = f"Several contacts in Xero could be “{name}”. Choose the right one."
        return findings.review("contact_ambiguous", message, detail=name)
    if found.proposals:
        message = f"“{name}” is not in Xero, but perhaps known there as {_listed(found)}. Choose, or create it."
        return findings.review("contact_similar", message, detail=name)
    if ctx.books.policy("contacts") == "match_only":
        message = (
            f"There is no contact “{name}” in Xero, and new contacts are not created by policy. Choose or create one."
        )
        return findings.review("contact_unknown", message, detail=name)
    if ctx.books.policy("contacts") == "preview":
        message = f"“{name}” would be a new contact in Xero. Look at it before it is created: create, rename or choose."
        return findings.review("contact_preview", message, detail=name)
    return []


def _listed(found: ContactMatch) -> str:
    return ", ".join(f"“{it.name}” (alike by {it.score} of 100)" for it in found.proposals)
