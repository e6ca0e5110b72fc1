"""Counterparty names: how they are compared, which known contact a name means, and how a new contact is called. Pure.

Two keys: the *contact key* is equal where Xero itself takes two names for one (case and accents do not count); the
*normalised name* also looks through legal forms, umlaut spellings and what card terminals add. A match on the second
is only trusted where it is the only one and no two different legal forms stand against each other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from connectors.contract.records import DestinationContact
from sync.domain.printable import visible

MAX_NAME = 255

_FORMS = {
    "stock": "ag sa spa ltd limited inc incorporated corp corporation plc nv",
    "limited": "gmbh sarl sagl srl llc bv sro kft",
    "partnership": "kg kgaa ohg gbr klg kmg snc scs llp lp",
    "cooperative": "genossenschaft eg coop",
    "association": "verein ev asbl",
    "foundation": "stiftung fondation",
}
_FORM_OF = {word: form for form, words in _FORMS.items() for word in words.split()}
# Legal forms of several words, among them those that are written with points ("S.à r.l.", "S. p. A.").
_COMPOUND_FORMS = {
    "gmbh und co kg": "kg", "gmbh co kg": "kg", "ag und co kg": "kg", "ag co kg": "kg",
    "s a r l": "sarl", "s a rl": "sarl", "s a": "sa", "s p a": "spa", "s r l": "srl", "s r o": "sro", "b v": "bv",
    "n v": "nv", "e v": "ev", "e g": "eg", "g m b h": "gmbh", "l l c": "llc",
}  # fmt: skip
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "œ": "oe"})
_TERMINAL_PREFIX = re.compile(r"^(paypal|sumup|sq|zettle|iz|twint|stripe|sp|nyx|ppro|adyen|worldline)\s*[*_]+\s*")
_TERMINAL_NUMBER = re.compile(r"(?<!\S)(#\s*\d+|(?=\S*\d{3})[\d*./-]+)(?!\S)")
_JUNK = frozenset(
    {"na", "n a", "none", "null", "unknown", "unbekannt", "inconnu", "notprovided", "not provided", "test"}
)


@lru_cache(maxsize=8192)
def contact_key(name: str) -> str:
    """Equal for two names that Xero holds to be one: NFKC, case and accents folded, spaces collapsed."""
    return " ".join(_without_accents(visible(name).casefold()).split())


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalisedName:
    """`core` is the name without its legal form; `form` the family of legal forms, "" where none was written."""

    core: str
    form: str = ""

    def agrees_with(self, other: NormalisedName) -> bool:
        """The same name, and no two different legal forms: a Meier AG is not a Meier GmbH."""
        return self.core == other.core != "" and (not self.form or not other.form or self.form == other.form)


@lru_cache(maxsize=8192)
def normalised_name(name: str, *, card: bool = False) -> NormalisedName:
    """The name as people mean it. `card`: also without the prefixes and numbers that card terminals print."""
    text = visible(name).casefold()
    if card:
        text = _TERMINAL_NUMBER.sub(" ", _TERMINAL_PREFIX.sub("", text.strip()))
    text = _without_accents(text.translate(_UMLAUTS)).replace("&", " und ").replace("+", " und ")
    words = re.sub(r"[\W_]+", " ", text).split()
    core, form = _split_form(words)
    return NormalisedName(core=" ".join(core), form=form)


@lru_cache(maxsize=8192)
def clean_contact_name(name: str) -> str:
    """The name for a contact to be created: printable, without < and >, at most 255 characters; "" where it says nothing.

    Xero refuses angle brackets and doubled spaces in names.
    """
    text = " ".join(visible(name).replace("<", " ").replace(">", " ").split())
    text = text[:MAX_NAME].strip()
    return text if says_something(text) else ""


class MatchKind(StrEnum):
    EXACT = "exact"
    NORMALISED = "normalised"
    ALIKE = "alike"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A contact that a name might mean, and how alike the two names are (0 to 100)."""

    contact_id: str
    name: str
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactMatch:
    """Which contact a name means. `candidates`: several contacts it might be, so none was taken.

    `archived`: the contact was found but cannot carry new documents until somebody restores it. `proposals`: what a
    person chooses from, the most alike first.
    """

    kind: MatchKind
    contact_id: str = ""
    name: str = ""
    archived: bool = False
    candidates: tuple[str, ...] = ()
    score: int = 100
    proposals: tuple[Proposal, ...] = ()


NO_MATCH = ContactMatch(kind=MatchKind.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactIndex:
    """The destination's contacts, ready for look-ups by name. Merged contacts stand for the one they became."""

    by_id: Mapping[str, DestinationContact]
    by_key: Mapping[str, tuple[DestinationContact, ...]]
    by_core: Mapping[str, tuple[DestinationContact, ...]]
    cores: tuple[str, ...] = ()
    by_word: Mapping[str, list[str]] = field(default_factory=dict)  # cores by each of their words

    @classmethod
    def of(cls, contacts: Iterable[DestinationContact]) -> ContactIndex:
        by_id = {contact.contact_id: contact for contact in contacts}
        by_key: dict[str, tuple[DestinationContact, ...]] = {}
        by_core: dict[str, tuple[DestinationContact, ...]] = {}
        for contact in by_id.values():
            key, core = contact_key(contact.name), normalised_name(contact.name).core
            by_key[key] = (*by_key.get(key, ()), contact)
            by_core[core] = (*by_core.get(core, ()), contact)
        by_word: dict[str, list[str]] = {}
        for core in by_core:
            for word in set(core.split()):
                by_word.setdefault(word, []).append(core)
        return cls(by_id=by_id, by_key=by_key, by_core=by_core, cores=tuple(by_core), by_word=by_word)

    def survivor(self, contact: DestinationContact) -> DestinationContact:
        """The contact itself, or the one it was merged into."""
        seen = {contact.contact_id}
        while contact.merged_into in self.by_id and contact.merged_into not in seen:
            contact = self.by_id[contact.merged_into]
            seen.add(contact.contact_id)
        return contact


def match_contact(name: str, known: ContactIndex, *, card: bool = False) -> ContactMatch:
    """The known contact this name means: the same name first, then the only one that agrees when normalised."""
    if not says_something(visible(name)):
        return NO_MATCH
    same = _living(known, known.by_key.get(contact_key(name), ()))
    if same:
        return _chosen(MatchKind.EXACT, same)
    wanted = normalised_name(name, card=card)
    alike = [
        contact
        for contact in _living(known, known.by_core.get(wanted.core, ()))
        if wanted.agrees_with(normalised_name(contact.name)) and contact.status == "ACTIVE"
    ]
    return _chosen(MatchKind.NORMALISED, alike) if alike else NO_MATCH


def _living(known: ContactIndex, found: Iterable[DestinationContact]) -> list[DestinationContact]:
    """Survivors of merges, each once, active ones alone where there are any."""
    survivors = list({survivor.contact_id: survivor for survivor in map(known.survivor, found)}.values())
    return [contact for contact in survivors if contact.status == "ACTIVE"] or survivors


def _chosen(kind: MatchKind, found: list[DestinationContact]) -> ContactMatch:
    if len(found) > 1:
        proposals = tuple(Proposal(contact_id=it.contact_id, name=it.name, score=100) for it in found)
        candidates = tuple(sorted(contact.contact_id for contact in found))
        return ContactMatch(kind=MatchKind.NONE, candidates=candidates, proposals=proposals)
    contact = found[0]
    return ContactMatch(
        kind=kind, contact_id=contact.contact_id, name=contact.name, archived=contact.status != "ACTIVE"
    )


def _split_form(words: list[str]) -> tuple[list[str], str]:
    """Take the legal form off the end (or, as some write it, off the front), unless nothing would be left."""
    for length in (4, 3, 2):
        compound = _COMPOUND_FORMS.get(" ".join(words[-length:]))
        if compound and len(words) > length:
            return words[:-length], _FORM_OF[compound]
    if len(words) > 1 and words[-1] in _FORM_OF:
        return words[:-1], _FORM_OF[words[-1]]
    if len(words) > 1 and words[0] in ("genossenschaft", "verein", "stiftung", "fondation"):
        return words[1:], _FORM_OF[words[0]]
    return words, ""


def says_something(text: str) -> bool:
    """A name has a letter and is not one of the words that stand for "no name"."""
    plain = re.sub(r"[\W_]+", " ", text.casefold()).strip()
    return any(sign.isalpha() for sign in plain) and plain not in _JUNK


def _without_accents(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
