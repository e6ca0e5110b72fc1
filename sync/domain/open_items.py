"""The open invoices and bills of a company, ready for look-ups, and what is left of them while a slice is decided. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum

from connectors.contract.money import ZERO
from connectors.contract.records import Allocation, OpenItem
from sync.domain.contacts import normalised_name
from sync.domain.payment_references import Number, Word, body_of, number_of, references_in, windows

SHORTEST_SUFFIX = 6  # digits at the end of a reference, behind a customer's number, that may be an invoice number


class Naming(IntEnum):
    """How surely a text names an invoice; the figure is what it counts for in a score."""

    NOT = 0
    DIGITS = 40  # a short number, or its last digits after a word such as "invoice"
    NUMBER = 60  # the whole number
    REFERENCE = 65  # a QR or creditor reference with its check digits

    @property
    def is_proof(self) -> bool:
        return self >= Naming.NUMBER


Side = tuple[bool, str]  # sales or bills, and what is looked for there


@dataclass(slots=True, kw_only=True)
class OpenItems:
    """Items by what may name them. `taken`: what movements claim that the books do not show as paid yet, by invoice."""

    by_id: Mapping[str, OpenItem]
    by_key: Mapping[Side, list[OpenItem]]
    by_contact: Mapping[Side, list[OpenItem]]
    by_amount: Mapping[tuple[bool, str, Decimal], list[OpenItem]]
    taken: dict[str, Decimal] = field(default_factory=dict)

    @classmethod
    def of(cls, items: Iterable[OpenItem], *, taken: Mapping[str, Decimal]) -> OpenItems:
        by_id = {item.invoice_id: item for item in items}
        by_key: dict[Side, list[OpenItem]] = defaultdict(list)
        by_contact: dict[Side, list[OpenItem]] = defaultdict(list)
        by_amount: dict[tuple[bool, str, Decimal], list[OpenItem]] = defaultdict(list)
        found = cls(by_id=by_id, by_key=by_key, by_contact=by_contact, by_amount=by_amount, taken=dict(taken))
        for item in by_id.values():
            for key in _keys(item):
                by_key[item.sales, key].append(item)
            if found.left(item):
                for key in {item.contact_id, normalised_name(item.contact_name).core} - {""}:
                    by_contact[item.sales, key].append(item)
                by_amount[item.sales, item.total.currency, found.left(item)].append(item)
        return found

    def left(self, item: OpenItem) -> Decimal:
        """What can still be paid: due in the books, less what is claimed already."""
        return max(item.due - self.taken.get(item.invoice_id, ZERO), ZERO) if item.is_open else ZERO

    def take(self, allocations: Iterable[Allocation], *, marker: str) -> None:
        """Claim what a movement pays, but for what the books show as paid by its own document already."""
        for part in allocations:
            item = self.by_id.get(part.invoice_id)
            if item is not None and marker in item.paid_by:
                continue
            self.taken[part.invoice_id] = self.taken.get(part.invoice_id, ZERO) + part.amount

    def named_in(self, *texts: str, sales: bool) -> dict[str, Naming]:
        """Items (by id) that the texts name, the surest naming of each; also of items that are paid already."""
        found: dict[str, Naming] = {}
        for item, naming in (*self._by_reference(texts, sales), *self._by_number(texts, sales)):
            if naming > found.get(item.invoice_id, Naming.NOT):
                found[item.invoice_id] = naming
        return found

    def _by_reference(self, texts: Iterable[str], sales: bool) -> Iterator[tuple[OpenItem, Naming]]:
        named = references_in(*texts)
        for reference in (*named.qr, *named.creditor):
            for key in _reference_keys(reference):
                for item in self.by_key.get((sales, key), ()):
                    yield item, _reference_names(reference, item)

    def _by_number(self, texts: Iterable[str], sales: bool) -> Iterator[tuple[OpenItem, Naming]]:
        for text in texts:
            for word in windows(text):
                for item in self.by_key.get((sales, _bare(word.compact)), ()):
                    yield item, _word_names(word, number_of(item.number))


def _keys(item: OpenItem) -> set[str]:
    number, reference = number_of(item.number), number_of(item.reference)
    return {_bare(number.compact), number.digits, number.last, _bare(reference.compact)} - {""}


def _bare(compact: str) -> str:
    """Without the zeros that fill up a number."""
    return compact.lstrip("0")


def _reference_keys(reference: str) -> set[str]:
    """The whole reference, what it says, and every end of what it says that may be an invoice number."""
    body = body_of(reference).casefold()
    ends = {_bare(body[start:]) for start in range(len(body) - SHORTEST_SUFFIX + 1)}
    return {_bare(reference.casefold()), _bare(body), *ends} - {""}


def _reference_names(reference: str, item: OpenItem) -> Naming:
    body = body_of(reference).casefold()
    number = number_of(item.number)
    if number_of(item.reference).compact == reference.casefold() or number.compact == reference.casefold():
        return Naming.REFERENCE
    if _bare(body) in {_bare(number.compact), number.digits}:
        return Naming.REFERENCE if len(_bare(body)) >= 3 else Naming.DIGITS
    if body.endswith(number.digits) and len(number.digits) >= SHORTEST_SUFFIX:
        return Naming.REFERENCE
    return Naming.DIGITS if _bare(body) == number.last and len(number.last) >= 3 else Naming.NOT


def _word_names(word: Word, number: Number) -> Naming:
    if number.is_written_as(word):
        if number.is_telling:
            return Naming.NUMBER
        if number.is_doubtful:
            return Naming.DIGITS if word.introduced else Naming.NOT
        return Naming.NUMBER if word.introduced else Naming.DIGITS
    if not word.compact.isdigit() or word.joined or not number.groups_end_with(word):
        return Naming.NOT
    if _bare(word.compact) == number.digits:
        return Naming.NUMBER if len(number.digits) >= 6 else Naming.DIGITS if word.introduced else Naming.NOT
    is_last = _bare(word.compact) == number.last and len(number.last) >= 3
    return Naming.DIGITS if is_last and word.introduced else Naming.NOT
