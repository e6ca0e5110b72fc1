"""What of a difference between a document and its movement is the source's: the rest are our own settings of today, which hold
for what is not posted yet. Pure.

Three are compared: what was posted, what the settings of today make of what the source said then, and of what it says now.
Where the latter two agree, what was posted stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from itertools import pairwise
from typing import Any

from connectors.contract.errors import Severity
from connectors.contract.money import ZERO, round_half_up
from connectors.contract.records import Execution
from sync.domain.plan import Outcome, Planned, Skipped

Document = Mapping[str, Any]  # as `documents.to_json` makes it
_TRANSFER, _PAYS = "from_account_id", "allocations"
_CODED = ("account_id", "account_code", "tax_type", "tracking", "description")
_A_CENT = Decimal("0.01")
OF_ORIGIN = frozenset(
    {"lines", "contact_name", "tax_mode"}
)  # of what is given back, of an expense that is complete by now
OF_OTHER_HALF = frozenset({"lines", "rate"})  # of a deal, whose halves follow from each other as they stand


def nothing_moved(outcome: Outcome) -> bool:
    """Is it left out because of what the source says of it, and not because of a setting?"""
    if not isinstance(outcome, Skipped):
        return False
    transaction = outcome.part.transaction
    return transaction.execution in (Execution.PENDING, Execution.CANCELLED) or transaction.amount.amount == 0


def is_left_out(outcome: Outcome | None) -> bool:
    """Is it left out by a setting: first day, wallet, rule, incomplete cards?"""
    return isinstance(outcome, Skipped) and not nothing_moved(outcome)


def same_facts(then: Planned, now: Planned) -> bool:
    """Does the source say the same of a movement of which no document can be made?"""
    return _facts(then) == _facts(now)


def _facts(outcome: Planned) -> tuple[Any, ...]:
    part = outcome.part
    told = [(it.code, it.detail) for it in outcome.findings if it.severity is Severity.REVIEW]
    kind = (part.transaction.movement, part.transaction.amount, part.transaction.execution)
    return (*kind, outcome.booking_date, outcome.other.record_id if outcome.other else None, part.bank, told)


def carried_over(posted: Document, *, then: Document, now: Document, follows: Set[str] = frozenset()) -> dict[str, Any]:
    """The posted document with what the source has changed since, and with nothing else.

    `follows`: the fields that follow from another document, whatever the source says of this movement. Where the settings make
    another kind of document of it and the source changed it as well, all of it is as it would be posted today.
    """
    if _shape(then) == _shape(now) != _shape(posted):
        return dict(posted) if _alike(then, now) else dict(now)
    taken = {name: posted[name] if name in posted and then.get(name) == now[name] else now[name] for name in now}
    taken["marker"] = now["marker"]
    if "lines" in now:
        taken["lines"] = _lines(posted.get("lines", ()), then.get("lines", ()), now["lines"])
    return {**taken, **{name: now[name] for name in follows if name in now}}


def _shape(document: Document) -> tuple[bool, bool]:
    return _TRANSFER in document, _PAYS in document


def _alike(then: Document, now: Document) -> bool:
    return _without_texts(then) == _without_texts(now)


def _without_texts(document: Document) -> dict[str, Any]:
    lines = [{**line, "description": ""} for line in document.get("lines", ())]
    return {**document, "reference": "", "lines": lines}


def _lines(posted: Sequence[Document], then: Sequence[Document], now: Sequence[Document]) -> list[dict[str, Any]]:
    """Line by line where there are as many as before. Amounts go together: they add up to the whole."""
    if [*then] == [*now]:
        return [dict(line) for line in posted]
    if not len(posted) == len(then) == len(now):
        return [dict(line) for line in now]
    as_before = [line["amount"] for line in then] == [line["amount"] for line in now]
    amounts = _amounts(posted, then, now)
    lines = zip(posted, then, now, amounts, strict=True)
    return [_line(*three, amount=amount, as_before=as_before) for *three, amount in lines]


def _amounts(posted: Sequence[Document], then: Sequence[Document], now: Sequence[Document]) -> list[str]:
    """What each line is of now. Where the settings would split it otherwise today, and the source says another total alone, each
    keeps its share: rounded cumulatively, so that they add up."""
    stood, before, wanted = ([Decimal(line["amount"]) for line in lines] for lines in (posted, then, now))
    whole, total = sum(before, ZERO), sum(wanted, ZERO)
    if stood == before or not whole or sum(stood, ZERO) != whole:
        return [line["amount"] for line in now]
    if any(abs(was * total / whole - is_now) > _A_CENT for was, is_now in zip(before, wanted, strict=True)):
        return [line["amount"] for line in now]
    edges = [round_half_up(sum(stood[:end], ZERO) * total / whole, 2) for end in range(len(stood))] + [total]
    return [str(above - below) for below, above in pairwise(edges)]


def _line(posted: Document, then: Document, now: Document, *, amount: str, as_before: bool) -> dict[str, Any]:
    coded = {name: posted[name] if then[name] == now[name] else now[name] for name in _CODED}
    if as_before and coded["tax_type"] == posted["tax_type"]:
        return {**coded, "amount": posted["amount"], "tax": posted.get("tax")}
    is_its_tax = coded["tax_type"] == now["tax_type"] and amount == now["amount"]
    tax = now.get("tax") if is_its_tax else None  # of another rate or amount: left to the books
    return {**coded, "amount": posted["amount"] if as_before else amount, "tax": tax}
