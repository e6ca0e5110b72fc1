"""How alike two counterparty names are, from 0 to 100, and what no likeness can outweigh. Pure.

Names that differ in their legal form, in a number or in a short word ("Filiale 12", "Halle B") are different parties
however alike the rest is. A name that only stands inside a longer one is proposed, but never taken by itself. A legal form
on one side alone speaks for two parties, a company and a person; and one word in common is what strangers have too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rapidfuzz import fuzz, process

from sync.domain.contacts import NormalisedName

PROPOSE_FROM = 88  # below it two names have nothing to do with each other; above, a person is asked
INSIDE_AT_MOST = 90  # one name inside the other, as "Garage Muster" in "Garage Muster Olten"
ONE_FORM_COSTS = 5
REST_FROM = 75  # so alike must the other words be where one alone is the same, as in "Hans Meier" and "Hans Meyer"
SHORTEST = 5  # letters; below it one letter is too much of the name
LENGTH_GUARD = 0.6
SHORT_WORD = 2


def likeness(one: NormalisedName, other: NormalisedName) -> int:
    """100: the same words in any order. 0: a difference that likeness cannot outweigh."""
    if _is_vetoed(one, other):
        return 0
    whole = max(fuzz.ratio(one.core, other.core), fuzz.token_sort_ratio(one.core, other.core))
    if bool(one.form) != bool(other.form):
        whole -= ONE_FORM_COSTS
    elif _may_stand_inside(one.core, other.core):
        whole = max(whole, min(INSIDE_AT_MOST, fuzz.token_set_ratio(one.core, other.core)))
    return max(0, int(min(whole, PROPOSE_FROM - 1) if _share_one_word_alone(one.core, other.core) else whole))


def alike(
    wanted: NormalisedName, cores: Sequence[str], by_word: Mapping[str, Sequence[str]], *, lowest: int
) -> list[str]:
    """The cores that may reach `lowest`, by a fast first sieve: they share a word, or nearly all letters in their order."""
    sharing = (core for word in set(wanted.core.split()) for core in by_word.get(word, ()))
    plain = process.extract(wanted.core, cores, scorer=fuzz.ratio, score_cutoff=lowest, limit=None)
    return list(dict.fromkeys((*sharing, *(core for core, _score, _place in plain))))


def _may_stand_inside(one: str, other: str) -> bool:
    short, long = sorted((len(one), len(other)))
    return short >= LENGTH_GUARD * long


def _share_one_word_alone(one: str, other: str) -> bool:
    mine, theirs = set(one.split()), set(other.split())
    rest = (" ".join(sorted(mine - theirs)), " ".join(sorted(theirs - mine)))
    return len(mine & theirs) == 1 and any(rest) and bool(fuzz.ratio(*rest) < REST_FROM)


def _is_vetoed(one: NormalisedName, other: NormalisedName) -> bool:
    if one.form and other.form and one.form != other.form:
        return True
    if min(len(one.core), len(other.core)) < SHORTEST:
        return True
    return _telling(one.core) != _telling(other.core)


def _telling(core: str) -> set[str]:
    """Words that tell two branches of one name apart: numbers and words of one or two letters."""
    return {word for word in core.split() if len(word) <= SHORT_WORD or any(sign.isdigit() for sign in word)}
