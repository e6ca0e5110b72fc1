"""What a person can do with one movement, and in which states."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sync.models import Entry, EntryState
from tenants.models import Role
from tenants.permissions import Action, allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """`name` is its part of an address; `states` where it makes sense."""

    name: str
    label: str | Promise
    action: Action
    states: frozenset[str]
    needs_reason: bool = False
    help: str | Promise = ""


ACTS: tuple[Act, ...] = (
    Act(
        name="retry",
        label=_("Try again"),
        action=Action.SYNC,
        states=frozenset({EntryState.FAILED, EntryState.SKIPPED, EntryState.REVIEW}),
    ),
    Act(
        name="accept",
        label=_("Accept as it is"),
        action=Action.REVIEW,
        states=frozenset({EntryState.REVIEW}),
    ),
    Act(
        name="handled",
        label=_("Handled by hand"),
        action=Action.REVIEW,
        states=frozenset({EntryState.REVIEW, EntryState.FAILED}),
        needs_reason=True,
        help=_("You have entered it in Xero yourself. It is never posted from here."),
    ),
    Act(
        name="skip",
        label=_("Skip"),
        action=Action.REVIEW,
        states=frozenset({EntryState.REVIEW, EntryState.FAILED}),
        needs_reason=True,
        help=_("Nothing is posted for it. You can take it back later."),
    ),
)
BY_NAME = {act.name: act for act in ACTS}


def acts_for(entry: Entry | None, *, role: Role) -> list[Act]:
    """What this member may do with this entry as it stands."""
    if entry is None:
        return []
    return [act for act in ACTS if entry.state in act.states and allowed(role, act.action)]
