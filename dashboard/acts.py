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
    needs_document: bool = False  # there must be something to post
    finding: str = ""  # only where this is what stands against the entry
    posted: bool | None = False  # where a document stands for it in the books, where none does, or in both cases
    help: str | Promise = ""


ACTS: tuple[Act, ...] = (
    Act(
        name="link",
        label=_("It is this one: link it"),
        action=Action.REVIEW,
        states=frozenset({EntryState.REVIEW}),
        finding="already_in_xero",
    ),
    Act(
        name="accept",
        label=_("Accept as it is"),
        action=Action.REVIEW,
        states=frozenset({EntryState.REVIEW}),
        needs_document=True,
    ),
    Act(
        name="retry",
        label=_("Try again"),
        action=Action.REVIEW,
        states=frozenset({EntryState.FAILED, EntryState.SKIPPED, EntryState.REVIEW}),
    ),
    Act(
        name="unlink",
        label=_("It is another one: take the link back"),
        action=Action.REVIEW,
        states=frozenset({EntryState.DUPLICATE}),
        posted=None,
        help=_("The movement is decided anew. The document in Xero stays as it is."),
    ),
    Act(
        name="leave",
        label=_("Leave it as it is in Xero"),
        action=Action.REVIEW,
        states=frozenset({EntryState.REVIEW}),
        posted=True,
        needs_reason=True,
        help=_("The question is settled, and Xero is not touched. It is asked again only if something changes."),
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
    return [act for act in ACTS if allowed(role, act.action) and _fits(act, entry)]


def finding_detail(entry: Entry, code: str) -> str:
    """What the finding of this code names, e.g. the document that is already in Xero; "" without such a finding."""
    return next((str(it.get("detail", "")) for it in entry.findings if it.get("code") == code), "")


def _fits(act: Act, entry: Entry) -> bool:
    if act.posted is not None and act.posted != (entry.destination_id is not None):
        return False
    if entry.state not in act.states or (act.needs_document and entry.document is None):
        return False
    return not act.finding or bool(finding_detail(entry, act.finding))
