"""What people decide about movements that may pay invoices: this proposal, or none of them. Audited here.

Whoever books the movement as it is accepts its findings instead (`services.entry_accept`): no invoice is then looked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync.domain.invoices import DOUBTS
from sync.models import Entry
from sync.services import NotPossible, reopen, reopenable
from tenants import audit
from tenants.scoping import tenant_scope


def invoice_choose(*, tenant_id: int, entry_id: int, key: str, actor: str) -> int:
    """The movement pays what this proposal says; it is decided anew, and the books are asked once more whether it may.

    Returns 0 where the movement has moved on. Raises NotPossible for a proposal that is not among its own.
    """
    with tenant_scope(tenant_id, actor=actor):
        found = reopenable([entry_id])
        if not found:
            return 0
        proposal = _proposal(found[0], key)
        if proposal is None:
            raise NotPossible("This proposal is gone: the books have changed since. Look at the new ones.")
        return _choose(found[0], proposal, actor)


def invoices_choose_best(*, tenant_id: int, entry_ids: Sequence[int], at_least: int, actor: str) -> int:
    """Each movement pays what its best proposal says, where that has this score and nothing is to be compared by a person
    first; the others are left alone."""
    with tenant_scope(tenant_id, actor=actor):
        chosen = [(entry, it) for entry in reopenable(entry_ids) if (it := best_of(entry, at_least=at_least))]
        return sum(_choose(entry, proposal, actor) for entry, proposal in chosen)


def proposals_of(entry: Entry) -> list[dict[str, Any]]:
    """What the entry may pay, best first, as the decision trace keeps it."""
    found = entry.decisions.get("proposals") if isinstance(entry.decisions, dict) else None
    return list(found or ())


def best_of(entry: Entry, *, at_least: int) -> dict[str, Any] | None:
    """The best proposal, where it may be accepted together with others."""
    first = next(iter(proposals_of(entry)), None)
    return first if first is not None and first["score"] >= at_least and not first.get("doubted") else None


def _proposal(entry: Entry, key: str) -> dict[str, Any] | None:
    return next((it for it in proposals_of(entry) if it["key"] == key), None)


def _choose(entry: Entry, proposal: Mapping[str, Any], actor: str) -> int:
    parts = [{"invoice_id": item["invoice_id"], "amount": item["paid"]} for item in proposal["items"]]
    accepted = sorted(set(entry.accepted) - DOUBTS)  # whatever else is remarkable still waits for its own word
    Entry.objects.filter(pk=entry.pk).update(chosen_invoices=parts, accepted=accepted)
    entry.accepted = accepted
    numbers = ", ".join(item["number"] for item in proposal["items"])
    audit.record("entry.invoice", target=f"entry:{entry.pk}", actor=actor, after={"pays": numbers, "parts": parts})
    return reopen([entry], actor=actor, reason=f"pays {numbers}")
