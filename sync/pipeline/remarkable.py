"""Looks up what makes movements remarkable: their counterparty's past and accounts. One statement for a slice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from connectors.contract.errors import Finding
from connectors.contract.money import MINOR_UNITS, Money
from connectors.contract.records import Movement
from sync import store_history
from sync.domain import plan, rests
from sync.domain.anomalies import Case, Past, histories, remarks
from sync.domain.limits import Limits
from sync.models import ContactLink, Entry
from sync.store_history import Known

Found = Mapping[tuple[int, str], Known]


def remarks_for(entries: Sequence[Entry], *, limits: Limits, zone: ZoneInfo) -> dict[int, list[Finding]]:
    """Remarks by entry. The rows come with their `contact`, `counterparty` and `record`. Inside the tenant's scope.

    What is remarkable is a movement, whatever document it becomes; a payment with a rest is the one movement that it is.
    """
    entries = [entry for entry in entries if entry.leg != plan.REST]
    fit = [entry for entry in entries if entry.amount is not None and entry.currency in MINOR_UNITS]
    known = store_history.known_about(_wanted(fit))
    pasts = histories(
        (contact, currency, number, day, amount)
        for (contact, currency), about in known.items()
        for number, day, amount in about.past
    )
    return {entry.pk: remarks(_case(entry, known, pasts, zone), limits) for entry in fit}


def _wanted(entries: Sequence[Entry]) -> list[store_history.Wanted]:
    counts: Counter[tuple[int, str]] = Counter()
    last: dict[tuple[int, str], date] = {}
    for entry in entries:
        if entry.party_id is not None and entry.booking_date is not None:
            key = (entry.party_id, entry.currency)
            counts[key] += 1
            last[key] = max(last.get(key, entry.booking_date), entry.booking_date)
    return [
        store_history.Wanted(contact_id=contact, currency=currency, day=last[contact, currency], count=count)
        for (contact, currency), count in counts.items()
    ]


def _case(entry: Entry, known: Found, pasts: Mapping[tuple[int, str, bool], Sequence[Past]], zone: ZoneInfo) -> Case:
    link, record = entry.party, entry.record
    amount = record.amount if entry.unit.startswith(rests.UNIT) else entry.amount
    assert amount is not None
    about = known.get((entry.party_id or 0, entry.currency))
    history = pasts.get((entry.party_id or 0, entry.currency, amount < 0), ())
    new, old = _accounts(record.iban, about)
    case = Case(
        movement=Movement(entry.movement),
        amount=Money(amount=amount, currency=entry.currency),
        counterparty=link.name if link else record.counterparty[:100],
        day=entry.booking_date or date.max,
        number=entry.pk,
        made_at=record.made_at.astimezone(zone) if record.made_at else None,
        history=history,
        new_account=new,
        known_accounts=old,
        is_new=link is not None and _is_new(link, entry, about),
    )
    return case


def _is_new(link: ContactLink, entry: Entry, about: Known | None) -> bool:
    """The books do not have it yet, or got it from us for this very movement."""
    if link.state == ContactLink.State.READY:
        return True
    if not link.created_by_us and link.state != ContactLink.State.UNMET:
        return False
    return about is None or about.first is None or about.first >= (entry.booking_date or date.max, entry.pk)


def _accounts(digest: str, about: Known | None) -> tuple[str, tuple[str, ...]]:
    """(the last four of an account that nobody accepted, those that are known); both empty where all is well."""
    if about is None or digest not in about.accounts or about.accounts[digest][1]:
        return "", ()
    return about.accounts[digest][0], tuple(last4 for last4, known in about.accounts.values() if known)
