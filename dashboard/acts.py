"""What a person can do with one movement, and in which states."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sync.models import Entry, EntryState
from sync.pipeline.findings import may_be_accepted
from sync.undoing import can_be_posted_again
from tenants.models import Role
from tenants.permissions import Action, allowed


class Document(Enum):
    """How it is with the document of an entry."""

    NONE = "nothing was posted"
    STANDS = "it stands in the books"
    GONE = "it was posted, and somebody deleted it"


NOTHING_POSTED = frozenset({Document.NONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """`name` is its part of an address; `states` where it makes sense."""

    name: str
    label: str | Promise
    action: Action
    states: frozenset[str]
    needs_reason: bool = False
    needs_document: bool = False  # there must be something to post
    needs_a_yes: bool = False  # there must be a question that a yes answers
    finding: str = ""  # only where this is what stands against the entry
    document: frozenset[Document] = NOTHING_POSTED  # with which of these it makes sense
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
        needs_a_yes=True,
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
        document=frozenset(Document),
        help=_("The movement is decided anew. The document in Xero stays as it is."),
    ),
    Act(
        name="leave",
        label=_("Leave it as it is in Xero"),
        action=Action.REVIEW,
        states=frozenset({EntryState.REVIEW}),
        document=frozenset({Document.STANDS}),
        needs_reason=True,
        help=_("The question is settled, and Xero is not touched. It is asked again only if something changes."),
    ),
    Act(
        name="leave_out",
        label=_("Leave it out"),
        action=Action.REVIEW,
        states=frozenset({EntryState.REVIEW}),
        document=frozenset({Document.GONE}),
        needs_reason=True,
        help=_("Its document is gone from Xero, and nothing is posted for it. You can still post it again later."),
    ),
    Act(
        name="handled",
        label=_("Handled by hand"),
        action=Action.REVIEW,
        states=frozenset({EntryState.REVIEW, EntryState.FAILED, EntryState.UNDONE}),
        document=frozenset({Document.NONE, Document.GONE}),
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


def document_of(entry: Entry) -> Document:
    if entry.destination_id is None:
        return Document.NONE
    return Document.GONE if can_be_posted_again(entry) else Document.STANDS


def finding_detail(entry: Entry, code: str) -> str:
    """What the finding of this code names, e.g. the document that is already in Xero; "" without such a finding."""
    return next((str(it.get("detail", "")) for it in entry.findings if it.get("code") == code), "")


def _fits(act: Act, entry: Entry) -> bool:
    if document_of(entry) not in act.document:
        return False
    if entry.state not in act.states or (act.needs_document and entry.document is None):
        return False
    if act.needs_a_yes and not may_be_accepted(entry.findings):
        return False
    return not act.finding or bool(finding_detail(entry, act.finding))
