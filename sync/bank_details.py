"""Accepting the bank details of a counterparty: the only way in which an account becomes known after the first one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models.functions import Coalesce

from sync.models import ContactIdentity, Entry
from tenants import audit

CHANGED = "bank_details_changed"


def accept(identities: Iterable[ContactIdentity], *, actor: str) -> None:
    """These accounts belong to their counterparties, says this person. Inside the tenant's scope."""
    for identity in identities:
        ContactIdentity.objects.filter(pk=identity.pk).update(known=True, decided_by=actor[:254])
        after = {"contact": identity.contact_id, "ends_in": identity.last4}
        audit.record("contact.details", target=f"contact:{identity.contact_id}", actor=actor, after=after)


def accept_with(entries: Sequence[Entry], *, actor: str) -> None:
    """Accepting a movement that is held for its new account accepts the account; a mere note does not."""
    held = [entry.pk for entry in entries if is_held_for(entry, CHANGED)]
    if not held:
        return
    party = Coalesce("counterparty_id", "contact_id")
    pairs = set(Entry.objects.filter(pk__in=held).values_list(party, "record__iban"))
    unknown = ContactIdentity.objects.select_for_update().filter(
        contact_id__in=[contact for contact, _digest in pairs], kind=ContactIdentity.Kind.IBAN, decided_by=""
    )  # also the first one of a name, where another name of the same contact had one before
    accept([it for it in unknown if (it.contact_id, it.digest) in pairs], actor=actor)


def is_held_for(entry: Entry, code: str) -> bool:
    """Does a finding whose code begins like this hold the entry?"""
    return any(it["severity"] == "review" and str(it["code"]).startswith(code) for it in entry.findings)
