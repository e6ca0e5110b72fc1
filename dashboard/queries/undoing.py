"""What the pages of an undo or a change show: names beside ids, problems grouped, progress in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from connectors.models import Reference
from sync.domain import change_words
from sync.domain.amending import Effect
from sync.models import Amendment, AmendmentState, Flow
from sync.models.amendment import ON_THE_WAY
from sync.undoing import BatchStory, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEffect:
    name: str
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLeft:
    """One account of a batch: what its documents stood for, and what those still in the books stand for."""

    name: str
    currency: str
    before: Decimal
    left: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedField:
    name: str
    posted: str
    now: str


def account_names(flow: Flow) -> dict[str, str]:
    """Accounts in the books by id, as code and name. One query."""
    found = Reference.objects.filter(connection_id=flow.destination_id or 0, kind=Reference.Kind.ACCOUNT)
    return {it.external_id: f"{it.code} {it.name}".strip() for it in found.only("external_id", "code", "name")}


def shown_effects(effects: Iterable[Effect], names: Mapping[str, str]) -> list[AccountEffect]:
    return [
        AccountEffect(name=names.get(it.account_id, it.account_id), currency=it.currency, amount=it.amount)
        for it in effects
    ]


def shown_left(story: BatchStory, names: Mapping[str, str]) -> list[AccountLeft]:
    left = {(it.account_id, it.currency): it.amount for it in story.left}
    return [
        AccountLeft(
            name=names.get(it.account_id, it.account_id),
            currency=it.currency,
            before=it.amount,
            left=left.get((it.account_id, it.currency), Decimal(0)),
        )
        for it in story.before
    ]


def progress(story: BatchStory) -> dict[str, int]:
    return {
        "total": len(story.amendments),
        "done": story.count(AmendmentState.DONE),
        "refused": story.count(AmendmentState.REFUSED, AmendmentState.WITHDRAWN),
        "open": story.count(*ON_THE_WAY),
        "settled": len(story.amendments) - story.count(*ON_THE_WAY),
    }


def shown_fields(amendment: Amendment, names: Mapping[str, str]) -> list[ProposedField]:
    """Field by field, with accounts by their names."""
    return [
        ProposedField(
            name=name,
            posted=change_words.grouped(name, names.get(posted, posted)),
            now=change_words.grouped(name, names.get(now, now)),
        )
        for name, posted, now in amendment.changed
    ]


def reasons(items: Sequence[Item]) -> list[str]:
    return list(dict.fromkeys(item.problem.message for item in items if item.problem is not None))
