"""Which documents that somebody else made may be movements of ours: typed by hand, made from a bank feed, by another app.

Pure. Each document explains at most one movement, so that of two equal movements beside one typed document one is posted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from connectors.contract.money import ZERO
from connectors.contract.records import BankTransaction, BankTransfer, DocumentKind, LedgerEntry, MirrorDocument
from sync.domain.match import account_of, signed
from sync.domain.payment_references import number_of, windows

LOOKALIKE_DAYS = 3
REFERENCE_DAYS = 21  # less than a month: a standing order carries one reference every month
_LONG, _DIGITS = 10, 6
_WORD = re.compile(r"\w+")
_BETWEEN = frozenset(" .-/")

Side = tuple[str, Decimal]  # bank account, amount from its view
NO_DAYS: Mapping[int, Collection[date]] = {}
NONE_DECLINED: Mapping[int, Collection[str]] = {}
NO_CONTACTS: Mapping[int, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The document that may be a movement's own. `other`: the second one, where a transfer was typed as two documents.
    `named`: the number of the invoice or bill that it pays, where the movement names it.

    `covers_all` is False where only one side of a transfer stands in the books, `does_more` true where the document moves
    another wallet as well, which the movement does not.
    """

    document: MirrorDocument
    other: MirrorDocument | None = None
    same_reference: bool = False
    named: str = ""
    covers_all: bool = True
    does_more: bool = False

    @property
    def detail(self) -> str:
        """The documents' ids in one word, the sending side first."""
        return self.document.document_id + (f"+{self.other.document_id}" if self.other else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    rank: tuple[bool, int, bool, int, str, int]  # best first
    wanted: int
    side: int
    document: MirrorDocument
    taken: tuple[str, str]  # document and account: what nobody else may claim then
    same_reference: bool
    named: str


def effects(document: MirrorDocument) -> tuple[Side, ...]:
    """What a document does to bank accounts; a transfer moves two."""
    first = (document.account_id, signed(document))
    if document.kind is not DocumentKind.BANK_TRANSFER:
        return (first,)
    return first, (document.other_account_id, document.total.amount)


def wanted_effects(entry: LedgerEntry) -> tuple[Side, ...]:
    """The same for a document of ours that is not posted yet."""
    first = (account_of(entry), signed(entry))
    return (first, (entry.to_account_id, entry.total.amount)) if isinstance(entry, BankTransfer) else (first,)


def missing_effects(
    posted: LedgerEntry | None, *, bank_account_id: str, amount: Decimal, documents: Iterable[MirrorDocument]
) -> frozenset[Side]:
    """What these documents do not do of what a movement does; empty where they can stand for it. `posted`: its document,
    None where it has none of its own (yet); then its account and amount count."""
    wanted = {(bank_account_id, amount)} if posted is None else set(wanted_effects(posted))
    there = {side for document in documents if document.is_live for side in effects(document)}
    return frozenset(wanted - there)


def surplus_effects(
    posted: LedgerEntry | None,
    *,
    bank_account_id: str,
    amount: Decimal,
    documents: Iterable[MirrorDocument],
    mapped: Collection[str],
) -> frozenset[Side]:
    """What these documents do to the bank accounts of wallets (`mapped`) that the movement does not do: who takes them for
    the movement leaves that without one."""
    wanted = {(bank_account_id, amount)} if posted is None else set(wanted_effects(posted))
    return frozenset(side for document in documents for side in effects(document) if side[0] in mapped) - wanted


def claims(
    wanted: Mapping[int, LedgerEntry],
    documents: Iterable[MirrorDocument],
    *,
    days: int = LOOKALIKE_DAYS,
    strays: Collection[str] = (),
    mapped: Collection[str] = (),
    other_days: Mapping[int, Collection[date]] = NO_DAYS,
    declined: Mapping[int, Collection[str]] = NONE_DECLINED,
    contacts: Mapping[int, str] = NO_CONTACTS,
) -> dict[int, Claim]:
    """For each entry (by its id) the live document without our marker that may be it, the best pairs first.

    Same account, direction and amount, and either the same long reference or, of a payment, an invoice that the entry names
    within three weeks, or a date within `days`.
    `strays`: markers that no movement has; a document that carries one may be anybody's. `mapped`: the bank accounts of
    wallets, where every side of a document needs a movement. `other_days`: what else an entry may be dated, as a card
    purchase by its receipt; the nearest day counts. `declined`: the documents of which a person has said that they are
    not this entry. `contacts`: whose money an entry is: its document comes first, and a short number such as A1 names an
    invoice of the same contact, or after a word such as "invoice".
    """
    index: dict[Side, list[MirrorDocument]] = {}
    for document in documents:
        if document.is_live and (not document.marker or document.marker in strays):
            for side in effects(document):
                index.setdefault(side, []).append(document)
    pairs = [
        pair
        for key, entry in wanted.items()
        for pair in _pairs(key, entry, index, days, other_days.get(key, ()), contacts.get(key, ""))
        if pair.document.document_id not in declined.get(key, ())
    ]
    chosen: dict[tuple[int, int], _Pair] = {}
    taken: set[tuple[str, str]] = set()
    for pair in sorted(pairs, key=lambda pair: pair.rank):
        if (pair.wanted, pair.side) not in chosen and pair.taken not in taken:
            chosen[pair.wanted, pair.side] = pair
            taken.add(pair.taken)
    found = {key: [chosen.get((key, n)) for n, _ in enumerate(wanted_effects(entry))] for key, entry in wanted.items()}
    return {key: _claim(sides, wanted[key], mapped) for key, sides in found.items() if any(sides)}


def long_references(text: str) -> frozenset[str]:
    """Words that hardly two payments share: payment slips' and creditors' references, long numbers; spaces left out."""
    runs: list[str] = []
    for words in _groups(text.casefold()):
        runs += [*words, "".join(words)]
    return frozenset(run for run in runs if len(run) >= _LONG and sum(map(str.isdigit, run)) >= _DIGITS)


def _groups(text: str) -> list[list[str]]:
    """Words with a digit in them, together where at most one blank, point, dash or stroke stands between."""
    found: list[list[str]] = []
    end = -1
    for word in _WORD.finditer(text):
        if any(map(str.isdecimal, word[0])):
            is_next = end >= 0 and text[end : word.start()] in _BETWEEN
            found[-1].append(word[0]) if is_next else found.append([word[0]])
            end = word.end()
        else:
            end = -1
    return found


def _pairs(
    key: int,
    entry: LedgerEntry,
    index: Mapping[Side, Sequence[MirrorDocument]],
    days: int,
    other_days: Collection[date],
    contact_id: str,
) -> list[_Pair]:
    sides, references = wanted_effects(entry), long_references(entry.reference)
    found = []
    for number, side in enumerate(sides):
        for document in index.get(side, ()):
            distance = min(_distance(document.date, day) for day in (entry.date, *other_days))
            same = bool(references & long_references(document.reference)) if references else False
            named = "" if same else _named(entry, document, contact_id=contact_id)
            if distance > (max(days, REFERENCE_DAYS) if same or named else days):
                continue
            whole = set(sides) == set(effects(document))
            found.append(
                _Pair(
                    rank=(
                        not (same or named),
                        _strangeness(contact_id, document.contact_id),
                        not whole,
                        distance,
                        document.document_id,
                        key,
                    ),
                    wanted=key,
                    side=number,
                    document=document,
                    taken=(document.document_id, side[0]),
                    same_reference=same,
                    named=named,
                )
            )
    return found


def _strangeness(contact_id: str, whose: str) -> int:
    """Of two equal payments to two payees the document is the one's whose contact it has."""
    if not contact_id or not whose:
        return 1
    return 0 if contact_id == whose else 2


def _named(entry: LedgerEntry, document: MirrorDocument, *, contact_id: str) -> str:
    """The number of an invoice or bill that the document pays and the entry names as a whole word; "" where none is."""
    if not document.pays:
        return ""
    lines = entry.lines if isinstance(entry, BankTransaction) else ()
    known = bool(contact_id) and document.contact_id == contact_id
    said = [word for text in (entry.reference, *(line.description for line in lines)) for word in windows(text)]
    numbers = [(paid, number_of(paid)) for paid in document.pays.split("\n")]
    return next((paid for paid, it in numbers if any(it.is_meant_by(word, known=known) for word in said)), "")


def _claim(sides: Sequence[_Pair | None], entry: LedgerEntry, mapped: Collection[str]) -> Claim:
    there = [pair for pair in sides if pair is not None]
    first, last = there[0].document, there[-1].document
    surplus = surplus_effects(
        entry, bank_account_id="", amount=ZERO, documents=[pair.document for pair in there], mapped=mapped
    )
    return Claim(
        document=first,
        other=last if last.document_id != first.document_id else None,
        same_reference=any(pair.same_reference for pair in there),
        named=next((pair.named for pair in there if pair.named), ""),
        covers_all=len(there) == len(sides),
        does_more=bool(surplus),
    )


def _distance(one: date, other: date) -> int:
    return abs((one - other).days)


def sum_of(sides: Iterable[Side], account_id: str) -> Decimal:
    """What these effects do to one account."""
    return sum((amount for account, amount in sides if account == account_id), ZERO)
