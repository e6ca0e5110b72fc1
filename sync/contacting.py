"""What people decide about contacts: which one a counterparty is, that it is created, that its bank details are right.

A decision is remembered under the counterparty's name until somebody decides anew. It holds for what is not posted yet;
documents that stand in the books keep the contact they have.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from connectors.models import Reference
from sync import store
from sync.bank_details import CHANGED, accept, is_held_for
from sync.domain.contacts import clean_contact_name, contact_key
from sync.domain.fingerprint import contact_marker
from sync.models import ContactIdentity, ContactLink, Entry, EntryState, Flow
from sync.services import NotPossible, entry_retry
from tenants import audit
from tenants.scoping import tenant_scope

_ON_ITS_WAY = (ContactLink.State.IN_FLIGHT, ContactLink.State.UNCONFIRMED)


def contact_choose(*, tenant_id: int, link_id: int, contact_id: str, actor: str) -> int:
    """From now on this counterparty is that contact. Returns how many waiting movements are decided anew."""
    with tenant_scope(tenant_id, actor=actor):
        link = _locked(link_id)
        contact = _living(link, contact_id)
        return _decided(link, actor, "contact.choose", state=ContactLink.State.LINKED, contact_id=contact.external_id)


def contact_create(*, tenant_id: int, link_id: int, actor: str, name: str = "") -> int:
    """Create a contact for this counterparty, under another name if one is given. Raises NotPossible."""
    with tenant_scope(tenant_id, actor=actor):
        link = _locked(link_id)
        if link.state == ContactLink.State.LINKED:
            raise NotPossible(f"“{link.name}” has a contact already. Choose another one instead.")
        wanted = clean_contact_name(name or link.name)
        if not wanted:
            raise NotPossible("A contact needs a name with letters.")
        _refuse_taken(link, wanted)
        return _decided(link, actor, "contact.create", state=ContactLink.State.READY, name=wanted, contact_id="")


def contact_hold(*, tenant_id: int, link_id: int, actor: str) -> None:
    """Do not create it yet: what needs it waits in the review. Only before it was sent."""
    with tenant_scope(tenant_id, actor=actor):
        link = _locked(link_id)
        if link.state != ContactLink.State.READY:
            raise NotPossible(f"“{link.name}” is not about to be created.")
        message = f"{actor} wants to look at “{link.name}” before it is created: create, rename or choose a contact."
        problem = [{"code": "contact_held", "severity": "review", "message": message, "detail": link.name}]
        ContactLink.objects.filter(pk=link.pk).update(state=ContactLink.State.REVIEW, findings=problem)
        waiting = Entry.objects.filter(contact=link, state=EntryState.READY).values_list("id", flat=True)
        note = {"step": "review", "contact": "held"}
        store.move_entries(
            [{"id": pk, "state": EntryState.REVIEW, "findings": problem, "note": note} for pk in waiting], run_id=None
        )
        audit.record("contact.hold", target=f"contact:{link.pk}", actor=actor, after={"name": link.name})


def details_accept(*, tenant_id: int, identity_id: int, actor: str) -> int:
    """These bank details belong to the counterparty. What waited for that is decided anew."""
    with tenant_scope(tenant_id, actor=actor):
        identity = ContactIdentity.objects.select_for_update().get(pk=identity_id, kind=ContactIdentity.Kind.IBAN)
        accept([identity], actor=actor)
        return _decide_anew(identity.contact_id, CHANGED, tenant_id, actor, "its bank details were accepted")


def alias_set(*, flow: Flow, name: str, contact_id: str, actor: str) -> None:
    """What a tenant file says about a counterparty, met already or not. Inside the tenant's scope; twice is once."""
    key = contact_key(clean_contact_name(name))[:255]
    link = ContactLink.objects.select_for_update().filter(flow=flow, key=key).first()
    if link is not None and (link.contact_id, link.how, link.state) == (contact_id, "person", "linked"):
        return
    if link is None:
        books = flow.destination.external_id if flow.destination else ""
        link = ContactLink.objects.create(
            tenant_id=flow.tenant_id,
            flow=flow,
            key=key,
            name=clean_contact_name(name),
            marker=contact_marker(key, organisation_id=books),
            state=ContactLink.State.REVIEW,
        )
    _decided(_locked(link.pk), actor, "contact.choose", state=ContactLink.State.LINKED, contact_id=contact_id)


# ------------------------------------------------------------------------ steps


def _locked(link_id: int) -> ContactLink:
    link = ContactLink.objects.select_for_update().get(pk=link_id)
    if link.state in _ON_ITS_WAY:
        raise NotPossible(f"“{link.name}” is being created in Xero at this moment. Try again in a minute.")
    return link


def _living(link: ContactLink, contact_id: str) -> Reference:
    """The contact as last read from the books. Raises NotPossible where it cannot carry documents."""
    flow = link.flow
    known = Reference.objects.filter(connection=flow.destination_id, kind=Reference.Kind.CONTACT)
    contact = known.filter(external_id=contact_id).first()
    if contact is None:
        raise NotPossible("Xero has no such contact. Sync once, and choose again.")
    if contact.status != "ACTIVE":
        raise NotPossible(f"“{contact.name}” is archived in Xero. Restore it there, or choose another contact.")
    return contact


def _refuse_taken(link: ContactLink, name: str) -> None:
    flow, key = link.flow, contact_key(name)
    names = Reference.objects.filter(
        connection=flow.destination_id, kind=Reference.Kind.CONTACT, status="ACTIVE"
    ).values_list("name", flat=True)
    if any(contact_key(other) == key for other in names):
        raise NotPossible(f"Xero has a contact “{name}” already. Choose it, or give another name.")


def _decided(link: ContactLink, actor: str, action: str, **values: Any) -> int:
    before = {"state": link.state, "contact_id": link.contact_id, "name": link.name}
    ContactLink.objects.filter(pk=link.pk).update(
        **values,
        how=ContactLink.How.PERSON if values["contact_id"] else "",
        score=None,
        findings=[],
        attempts=0,
        not_before=store.now(),
        updated_at=store.now(),
        decided_by=actor[:254],
    )
    audit.record(action, target=f"contact:{link.pk}", actor=actor, before=before, after=values)
    return _decide_anew(link.pk, "contact_", link.tenant_id, actor, "its contact was decided")


def _decide_anew(link_id: int, code: str, tenant_id: int, actor: str, reason: str) -> int:
    of_it = Q(contact=link_id) | Q(counterparty=link_id)
    held = Entry.objects.filter(of_it, state=EntryState.REVIEW, destination_id=None).order_by("pk")
    waiting = [entry.pk for entry in held.only("pk", "findings") if is_held_for(entry, code)]
    return entry_retry(tenant_id=tenant_id, entry_ids=waiting, actor=actor, reason=reason) if waiting else 0
