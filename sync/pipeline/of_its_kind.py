"""Money that stands in the books as received or spent stays that, whatever the settings and the open invoices would make of it
by now: what the source changes is told of it as what it is.

Where the source itself begins to name an invoice, that is the source's word, and told as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sync.domain import amending, plan
from sync.domain.payments import PAYMENT_TYPES
from sync.domain.plan import Outcome, Planned
from sync.models import EntryState
from sync.pipeline.since import Key, Old, Then


def as_it_stands(
    outcomes: Sequence[Outcome], then: Then, *, paying: Sequence[Outcome], then_paying: Sequence[Outcome],
    standing: Mapping[Key, Old],
) -> tuple[list[Outcome], Then]:  # fmt: skip
    """The outcomes of now and of then. `paying`: the same with what they pay; it is kept where something is posted anew."""
    would = {it.part.record_id for it in then_paying if _pays(it)}
    would |= {it.part.record_id for it in paying if _pays(it)} & then.same
    stays = {pk for (pk, leg), old in standing.items() if pk in would and leg == plan.MAIN and _is_money(old)}
    anew = {
        it.part.record_id: it.document
        for it in paying
        if isinstance(it, Planned) and it.document is not None and it.leg == plan.MAIN and it.part.record_id in stays
    }
    before = _either(then.planned, then_paying, stays)
    return _either(outcomes, paying, stays), replace(then, planned=before, anew=anew)


def _pays(outcome: Outcome) -> bool:
    if not isinstance(outcome, Planned) or outcome.leg != plan.MAIN or outcome.document is None:
        return False
    return amending.is_payment(outcome.document)


def _is_money(old: Old) -> bool:
    """Ours, and neither a payment nor linked: a linked document is somebody's own."""
    if old["destination_id"] is None or old["state"] == EntryState.DUPLICATE or old["document"] is None:
        return False
    return old["document"]["kind"] not in PAYMENT_TYPES


def _either(plain: Sequence[Outcome], paying: Sequence[Outcome], stays: set[int]) -> list[Outcome]:
    kept = [it for it in paying if it.part.record_id not in stays]
    return kept + [it for it in plain if it.part.record_id in stays]
