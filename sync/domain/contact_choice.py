"""Which contact of the books a name means, in order: the same name, the same when normalised, one alike enough. Pure."""

from __future__ import annotations

from sync.domain.contacts import (
    NO_MATCH,
    ContactIndex,
    ContactMatch,
    MatchKind,
    Proposal,
    match_contact,
    normalised_name,
    says_something,
)
from sync.domain.likeness import PROPOSE_FROM, alike, likeness

MOST_PROPOSALS = 5


def choose_contact(name: str, known: ContactIndex, *, card: bool = False, threshold: int = 0) -> ContactMatch:
    """The contact this name means. `threshold`: how alike (1 to 100) is alike enough to be taken; 0 asks for more.

    Below the threshold, or where two contacts reach it, nothing is taken and the proposals say who it might be.
    """
    found = match_contact(name, known, card=card)
    if found is not NO_MATCH or not threshold or not says_something(name):
        return found
    proposals = ranked(name, known, card=card, lowest=min(threshold, PROPOSE_FROM))
    enough = [proposal for proposal in proposals if proposal.score >= threshold]
    if len(enough) == 1:
        [best] = enough
        return ContactMatch(kind=MatchKind.ALIKE, contact_id=best.contact_id, name=best.name, score=best.score)
    return ContactMatch(kind=MatchKind.NONE, proposals=proposals) if proposals else NO_MATCH


def ranked(name: str, known: ContactIndex, *, card: bool = False, lowest: int) -> tuple[Proposal, ...]:
    """Active contacts at least that alike, the most alike first; at most five."""
    wanted = normalised_name(name, card=card)
    scored = [
        Proposal(contact_id=contact.contact_id, name=contact.name, score=score)
        for core in alike(wanted, known.cores, known.by_word, lowest=lowest)
        for contact in known.by_core[core]
        if contact.status == "ACTIVE" and (score := likeness(wanted, normalised_name(contact.name))) >= lowest
    ]
    return tuple(sorted(scored, key=lambda it: (-it.score, it.name, it.contact_id))[:MOST_PROPOSALS])
