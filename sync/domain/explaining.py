"""What to do next about each difference of a balance proof, in a bookkeeper's words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from connectors.contract.money import NO_CURRENCY

_OPENING = re.compile(r"opening balance|conversion balance|eröffnung|saldovortrag|anfangsbestand", re.IGNORECASE)
_NEXT = {
    "review": "Decide it in the review.",
    "failed": "Look at why it failed, then try again.",
    "waiting": "Nothing: it waits for its other half and goes on by itself.",
    "skipped": "Nothing, if it was left out on purpose; else try it again.",
    "undone": "Nothing: it was taken out of the books on purpose. Post it again if it belongs there.",
    "half_undone": "Only one document of its movement was taken out, the other one stands in Xero: undo that one as well, or "
    "post this one again.",
    "duplicate": "Link it to the document in Xero that is this movement.",
}
_ON_ITS_WAY = "Nothing: it is on its way into the books."
NOT_FETCHED = "not fetched yet"
FETCH = "Fill the gap: it is read with the next sync."
MISSING = "Somebody removed the document in Xero. Open the movement: post it again, or leave it out with a reason."
GONE_OR_EARLIER = (
    "It was not looked up, because there are too many like it: it does not stand in Xero on the days that were read, so somebody "
    "removed it there, or gave it an earlier date. Prove again after the next sync, or look at its document in Xero."
)
ELSEWHERE = (
    "The document stands on another bank account. Open the movement, and decide the question that waits there. If none does, "
    "its wallet was mapped anew since: undo the movement and post it again (a linked one: take its link back), or correct the "
    "document in Xero."
)
IN_DOUBT = (
    "Amnis' ledger and its details contradict each other about whether this movement took place. Ask Amnis. If it did not, open "
    "the movement and undo it, or take its link back."
)
DIFFERENT = "Compare the document in Xero with the movement, and correct the document there."
DUPLICATED = "Delete what is too much in Xero, or try the movement again to link it."


def different(*, is_payment: bool, is_nothing: bool) -> str:
    """The next step for a document of another amount than its movement. `is_nothing`: nothing of the movement is left for it."""
    if is_nothing:
        return "Nothing of the movement is left for this document. Open the movement: apply the change, or undo it."
    if is_payment:
        return "Nobody can change a payment in Xero. Open the movement: undo it and post it again."
    return DIFFERENT


def in_other_currency(currency: str, *, of: str) -> str:
    """The next step for a movement that names another currency than its bank account's (`of`)."""
    said = "a currency that does not exist" if currency == NO_CURRENCY else currency
    return (
        f"Amnis says {said}, and the bank account in Xero is kept in {of}, so no balance is proved with it. Ask Amnis to correct "
        f"the movement, or map the wallet to a bank account of its own currency."
    )


def held_action(state: str, reason: str) -> str:
    """The next step for a movement that is not in the books."""
    return FETCH if reason == NOT_FETCHED else _NEXT.get(state, _ON_ITS_WAY)


def moved_away(*, source_id: str, wallet: str, why: str, is_held: bool) -> tuple[str, str, str]:
    """(cause, explanation, next step) of a document of ours whose movement stands on a wallet that is not proved."""
    said = f"It was posted for movement {source_id}, which stands on wallet {wallet} now. That wallet is {why}."
    if is_held:
        step = "Open the movement, which waits in the review: take the document out of Xero, or leave it as it is."
    else:
        step = "Open the movement and undo it, or map the wallet to a bank account."
    return "moved", said, step


_WHY = {
    "linked": "The document that somebody entered in Xero has another date than the movement.",
    "lock": "The period was locked in Xero, so it was posted on another day on purpose.",
    "transfer": "The two halves of this transfer are of two days, and it is booked on the day on which the money left.",
    "source": "Amnis moved the movement to another day after it was posted.",
    "payment": "Amnis moved the movement to another day after it was posted.",
    "books": "Somebody gave the document another date in Xero.",
}
_STEP = {
    "linked": "Nothing, if that date is right; else correct it in Xero.",
    "lock": "Nothing: the original date stands in its reference.",
    "transfer": "Nothing: Xero keeps one date for a transfer.",
    "source": "Open the movement: apply the change, or leave the document as it is.",
    "payment": "Nothing; or undo the payment and post it again. Xero cannot change the date of one.",
    "books": "Nothing, if that date is right; else correct it in Xero.",
}


def moved_day(*, why: str, stands: date, counts: bool, own_counts: bool) -> tuple[str, str]:
    """(explanation, next step) of a movement whose document stands on another day. `counts`: is that day proved,
    `own_counts`: is the movement's own?"""
    if not counts:
        place = f"It stands in Xero on {stands:%-d %b %Y}, outside the days of this proof, and counts there."
    elif not own_counts:
        place = f"It counts here, on {stands:%-d %b %Y}, as Xero says."
    else:
        place = f"Both count on {stands:%-d %b %Y}, as Xero says."
    return f"{_WHY[why]} {place}", _STEP[why]


def known(
    *,
    source_id: str,
    wallet: str,
    day: date | None,
    is_linked: bool,
    is_its_document: bool,
    is_read: bool,
    is_claimed: bool,
) -> tuple[str, str, str]:
    """(cause, explanation, next step) of a document of a movement that we know, on an account where no row claims it.

    `is_its_document`: by its id, not by its marker alone (which a movement has that was not read); `is_read`: this reading of
    the source showed the movement; `is_claimed`: the other side of the document is that movement's.
    """
    movement = _named(source_id, day)
    made = "It is linked to" if is_linked and is_its_document else "It was posted for"
    if is_claimed:
        said = f"{made} {movement} on wallet {wallet}. That explains one side of it: no movement of this wallet is the other."
        step = "take the link back, or correct the document in Xero" if is_linked else "apply the change, or undo it"
        return "other_side", said, f"Open the movement: {step}."
    if is_read:
        said = f"{made} {movement} on wallet {wallet}, and stands on this wallet's bank account now."
        return "elsewhere", said, ELSEWHERE.partition(". ")[2]
    said = (
        f"{made} {movement}. Amnis did not show that movement as executed in this reading: it was withdrawn there, or lies "
        "further back than what was read."
    )
    step = "take the link back" if is_linked else "undo it"
    return "not_shown", said, f"Open the movement, and look it up at Amnis: if it did not take place, {step}."


def unlinked(*, source_id: str, wallet: str, day: date | None, has_other: bool, is_read: bool) -> tuple[str, str, str]:
    """(cause, explanation, next step) of a document that was linked to a movement and is no longer. `has_other`: the
    movement has another document in the books by now."""
    said = f"It was linked to {_named(source_id, day)} on wallet {wallet}, until one of the two was changed."
    if not is_read:
        said += " Amnis did not show that movement as executed in this reading."
    if has_other or not is_read:
        step = "Delete it in Xero if it was meant to be that movement; else accept it with a reason."
    else:
        step = (
            "Open the movement. If it is that money: correct it, try the movement again, and link it. Else leave the movement "
            "out and accept this one, with a reason each."
        )
    return "unlinked", said, step


def copied(
    *, source_id: str, wallet: str, day: date | None, has_other: bool, is_out: bool, was_posted_again: bool
) -> tuple[str, str, str]:
    """(cause, explanation, next step) of a document that carries the marker of a movement and is not its document. `has_other`:
    its document was read as well; `is_out`: the movement was taken out of the books; `was_posted_again`: under another marker
    than this one."""
    said = f"It carries the marker of {_named(source_id, day)} on wallet {wallet}, "
    if is_out:
        step = "Delete it in Xero. Or open the movement and post it again: this one is offered for the link then."
        return "own_twin", f"{said}which was taken out of the books: somebody copied its document.", step
    if has_other:
        again = "was posted again under another marker" if was_posted_again else "has another document by now"
        return (
            "own_twin",
            f"{said}which {again}.",
            "Open the movement, and decide which of the two documents stays in Xero.",
        )
    step = "Open the movement, which says what became of its own document, and decide whether this one stays in Xero."
    return "own_twin", f"{said}whose own document is another one.", step


def _named(source_id: str, day: date | None) -> str:
    movement = f"movement {source_id}" if source_id else "a movement without a number"
    return movement + (f" of {day:%-d %b %Y}" if day else "")


def link_step(state: str, *, is_offered: bool = False, fits: bool = True, is_rest: bool = False) -> str:
    """The next step for a document that looks like a movement that is not posted. `is_offered`: a person was asked about
    it; `fits`: it can stand for the whole movement and for nothing else; `is_rest`: it is part of a movement."""
    if is_offered and fits:
        return "Link it to that movement."
    if is_offered or is_rest:
        return "It cannot be linked as it is. Open the movement: it says what is missing or too much."
    if state == "fetched":
        return "Let the sync read that movement: this document is offered for the link then."
    if state in ("undone", "half_undone"):
        return (
            "If it is that movement, open it and post it again: this document is offered for the link then. Else accept it with "
            "a reason, or delete it in Xero."
        )
    if state in ("skipped", "duplicate"):
        return (
            "If the movement was put aside because of this document, accept it with a reason. Or open the movement and try it "
            "again: this document is offered for the link then."
        )
    return "Open the movement and try it again: this document is offered for the link then, or it says why not."


def offered(*, source_id: str, fits: bool) -> tuple[str, str, str]:
    """(cause, explanation, next step) of a document of which a person is asked whether it is this movement."""
    said = f"It looks like {_named(source_id, None)}, which is not posted and to which it is offered: entered by hand."
    return "typed", said, link_step("review", is_offered=True, fits=fits)


def unexpected(
    *,
    kind: str,
    reference: str,
    marker: str,
    twin: bool,
    reconciled: bool,
    waits: str,
    link: str,
    gone: str,
    posted: str,
) -> tuple[str, str, str]:
    """(cause, explanation, next step) of a document without a movement. `link`: the step where it looks like `waits`.

    `waits`, `gone` and `posted`: the source ids of a movement of the same amount and day that is held, whose document
    somebody removed, or that is posted already.
    """
    accept = "Accept it with a reason if it belongs there, or delete it in Xero."
    if twin:
        return "twin", "A second document with the marker of a movement that is posted already.", DUPLICATED
    if marker:
        said = "It carries a marker of Millrace that belongs to no movement of this company as it is set up now."
        return "foreign_marker", said, accept
    if waits:
        said = (
            f"It looks like movement {waits}, which is not posted: somebody typed it by hand, or a bank feed made it."
        )
        return "typed", said, link
    if gone:
        said = f"It looks like movement {gone}, whose document somebody removed in Xero: probably typed anew by hand."
        step = "Do not delete it. Open the movement, choose that it is handled by hand, then accept this one with a reason."
        return "retyped", said, step
    if posted:
        said = f"It equals movement {posted}, which is posted already: probably the same money a second time."
        return "double", said, "Delete one of the two in Xero; accept it only if the money really moved twice."
    if _OPENING.search(reference):
        return "opening", "It looks like an opening balance.", accept
    if kind in ("PAYMENT", "BATCHPAYMENT"):
        return "payment", "A payment that somebody entered on an invoice or bill in Xero.", accept
    if reconciled:
        said = "It was reconciled with a line of a bank statement: a bank feed or an import may serve this account too."
        return "feed", said, accept
    return "hand", "Somebody entered it in Xero by hand, or another app did.", accept


BY_NOTHING_ELSE = frozenset({"payment", "feed", "hand"})  # causes that name no movement
_TWICE = "Accept {it} only if the money really moved twice."


def part_of(*, source_id: str, day: date, others: int, is_posted: bool) -> tuple[str, str, str]:
    """(cause, explanation, next step) of a document that makes the amount of one movement with `others`."""
    with_others = "another document" if others == 1 else f"{others} other documents"
    said = f"Together with {with_others} of these days it makes the amount of {_named(source_id, day)}, which is "
    if is_posted:
        step = "Decide which stays: undo the movement and keep these, or delete these in Xero. "
        return (
            "double",
            f"{said}posted already: probably the same money a second time.",
            step + _TWICE.format(it="them"),
        )
    step = (
        "Do not delete it. Open the movement and leave it out as handled by hand, unless that is done; then accept these "
        "documents with a reason. If they are other money, decide the movement first."
    )
    return "typed", f"{said}not posted: somebody entered that money by hand.", step


def sum_of(source_ids: Sequence[str]) -> tuple[str, str, str]:
    """(cause, explanation, next step) of a payment that is the sum of movements that are posted."""
    named = " and ".join(_named(one, None) for one in source_ids)
    said = f"It makes the sum of {named}, which are posted already: probably the same money a second time."
    step = "Decide which stays: undo the movements and keep this one, or delete it in Xero. "
    return "double", said, step + _TWICE.format(it="it")
