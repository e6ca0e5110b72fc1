"""What a remittance text names: QR references, creditor references, and invoice numbers as whole words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from stdnum import iso11649
from stdnum.ch import esr

from sync.domain.printable import visible

MAX_WINDOW = 5  # words that one invoice number may be written in
QR_DIGITS = 27
_QR = re.compile(r"(?<!\d)(?:\d ?){26}\d(?!\d)")
_CREDITOR = re.compile(r"\bRF\d{2}(?: ?[A-Z0-9]{1,4}){1,6}\b")
_DATE = re.compile(r"(?<!\d)(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|\d{4}-\d{2}-\d{2})(?!\d)")
_AMOUNT = re.compile(r"(?<![\w-])\d{1,3}(?:['’ ]?\d{3}){0,6}[.,]\d{2}(?!\w)")  # noqa: RUF001
_WORD = re.compile(r"[^\W_]+")
_JOINING = frozenset("-/._")
_KEYWORDS = frozenset(
    {
        "rechnung", "rechnungen", "rechnungsnr", "rechnungsnummer", "rg", "rgnr", "re", "renr", "invoice", "invoices", "inv",
        "bill", "bills", "facture", "factures", "fact", "fattura", "fatture", "faktura", "fakturanr", "beleg", "belegnr",
        "nr", "no", "nummer", "number", "num",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """References in a text with correct check digits, without blanks, and those whose check digit is wrong."""

    qr: tuple[str, ...] = ()
    creditor: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


def references_in(*texts: str) -> Named:
    """Every structured reference that the texts name, each once, in their order."""
    qr: list[str] = []
    creditor: list[str] = []
    wrong: list[str] = []
    for text in map(visible, texts):
        for found in _QR.findall(text):
            compact = found.replace(" ", "")
            (qr if is_qr_reference(compact) else wrong).append(compact)
        for found in _CREDITOR.findall(text.upper()):
            reference = _longest_creditor_reference(found)
            (creditor if reference else wrong).append(reference or found.replace(" ", ""))
    return Named(qr=_each_once(qr), creditor=_each_once(creditor), wrong=_each_once(wrong))


def is_qr_reference(compact: str) -> bool:
    """27 digits, the last one being the check digit; all zeros name nothing."""
    return len(compact) == QR_DIGITS and compact.strip("0") != "" and bool(esr.is_valid(compact))


def is_creditor_reference(compact: str) -> bool:
    """ISO 11649: RF, two check digits, up to 21 letters and digits."""
    return bool(iso11649.is_valid(compact))


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One to `MAX_WINDOW` words of a text. `introduced`: a word such as "invoice" stands right before.

    `joined`: another word stands before it without a blank, as the GS of GS-2026-0102, which is no RE-2026-0102.
    `goes_on`: another one follows it by a dash, a stroke or a point, as the 2026 of A1/2026, which is no A1.
    """

    parts: tuple[str, ...]
    introduced: bool
    joined: bool
    goes_on: bool = False

    @property
    def compact(self) -> str:
        return "".join(self.parts)


def windows(text: str) -> Iterator[Word]:
    """Every run of up to five words, folded; dates, amounts and QR references are no words."""
    plain = _QR.sub(" ", visible(text))
    found = list(_WORD.finditer(_AMOUNT.sub(" ", _DATE.sub(" ", plain)).casefold()))
    words = [word[0] for word in found]
    for start in range(len(words)):
        introduced = start > 0 and words[start - 1] in _KEYWORDS
        between = found[start].string[found[start - 1].end() : found[start].start()] if start else " "
        joined = not introduced and " " not in between
        for length in range(1, min(MAX_WINDOW, len(words) - start) + 1):
            parts = tuple(words[start : start + length])
            yield Word(parts=parts, introduced=introduced, joined=joined, goes_on=_goes_on(found, start + length))


def _goes_on(found: Sequence[re.Match[str]], end: int) -> bool:
    """Is the word at `end` joined to the one before it?"""
    if end >= len(found):
        return False
    between = found[end].string[found[end - 1].end() : found[end].start()]
    return bool(between) and not set(between) - _JOINING


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """An invoice number, ready to be found in a text."""

    parts: tuple[str, ...]
    compact: str
    digits: str  # all of them, without leading zeros; "" where letters follow them: 12-B is not 12
    last: str  # the last run of them, without leading zeros

    def is_written_as(self, word: Word) -> bool:
        """The same signs, and for bare digits also the same groups: 12.03 2026 is no invoice 12032026."""
        if word.compact != self.compact:
            return False
        return len(word.parts) == 1 or not self.compact.isdigit() or word.parts == self.parts

    def groups_end_with(self, word: Word) -> bool:
        """Does the word keep the number's groups of digits, or run them together?"""
        if len(word.parts) == 1:
            return True
        groups = tuple(part for part in self.parts if part.isdigit())
        return groups[-len(word.parts) :] == word.parts

    @property
    def is_telling(self) -> bool:
        """Does it stand for itself: letters and digits, or six digits? A year or a house number does not."""
        if self.compact.isdigit():
            return len(self.compact) >= 6
        return len(self.compact) >= 4 and any(sign.isdigit() for sign in self.compact)

    def is_meant_by(self, word: Word, *, known: bool) -> bool:
        """Does the word name this one? Of a number too short to stand for itself, as A1 or B-78: where the word is whole, and
        it is `known` otherwise whom the text is about or a word such as "invoice" stands before it."""
        if not self.is_written_as(word):
            return False
        if self.is_telling:
            return True
        is_whole = not word.joined and not word.goes_on
        return is_whole and (known or word.introduced) and any(map(str.isdigit, self.compact))

    @property
    def is_doubtful(self) -> bool:
        """So short, or so like a year, that it only counts after a word such as "invoice"."""
        return len(self.compact) < 4 or is_like_a_year(self.compact)


def is_like_a_year(digits: str) -> bool:
    return len(digits) == 4 and digits.isdigit() and 1900 <= int(digits) <= 2099


@lru_cache(maxsize=16384)
def number_of(text: str) -> Number:
    parts = tuple(_WORD.findall(visible(text).casefold()))
    compact = "".join(parts)
    runs = re.findall(r"\d+", " ".join(parts))
    digits = "".join(runs)
    if not digits or not compact.endswith(digits):  # letters stand behind or between them
        return Number(parts=parts, compact=compact, digits="", last="")
    return Number(parts=parts, compact=compact, digits=digits.lstrip("0"), last=runs[-1].lstrip("0"))


def body_of(reference: str) -> str:
    """What a structured reference says without its check digits."""
    return reference[4:] if reference.startswith("RF") else reference[:-1]


def _longest_creditor_reference(candidate: str) -> str:
    """Words may follow a reference without a sign between: the longest run of groups that checks."""
    groups = candidate.split(" ")
    for count in range(len(groups), 0, -1):
        compact = "".join(groups[:count])
        if is_creditor_reference(compact):
            return compact
    return ""


def _each_once(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))
