"""What a campaign does: which crash point, on which call, how often. Pure; the same seed gives the same plan."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

QUARANTINE, PROBE_GAP, SEND_DEADLINE, HTTP_TIMEOUT, LEASE = 5.5, 0.3, 0.5, 1.5, 2.1
# Everything that waits for minutes in production, in seconds. The lease ends long before the quarantine, so that a
# successor looks several times while a request may still be on its way.
COMPRESSED = {
    "QUARANTINE_SECONDS": f"{QUARANTINE:g}",
    "PROBE_SECONDS": "0.2,0.8",
    "PROBE_GAP_SECONDS": f"{PROBE_GAP:g}",
    "SEND_DEADLINE_SECONDS": f"{SEND_DEADLINE:g}",
    "HTTP_TIMEOUT_SECONDS": f"{HTTP_TIMEOUT:g}",
    "LEASE_SECONDS": f"{LEASE:g}",
    "RETRY_SCHEDULE_SECONDS": "0.1,0.1,0.1,0.1",
}


class Point(StrEnum):
    """Where the process dies: the four windows around a call, and one after a change was read back."""

    AFTER_CLAIM = "after_claim_before_call"  # the intent is committed, nothing was sent
    DURING_CALL = "during_call"  # the request is with Xero, which has not committed yet
    ANSWER_UNREAD = "after_commit_answer_unread"  # Xero has committed, its answer is still on the wire
    AFTER_ANSWER = "after_answer_before_settle"  # the answer was read and not recorded
    BEFORE_DONE = "before_amendment_done"  # the document reads as wanted, and that is not written down


class Target(StrEnum):
    """The call that is hit: the first three are made by one pass in this order, of the others a pass makes only the one."""

    CONTACTS = "Contacts"
    BANK_TRANSACTIONS = "BankTransactions"
    BANK_TRANSFERS = "BankTransfers"
    OPTIONS = "Options"
    PAYMENTS = "Payments"
    BATCH_PAYMENTS = "BatchPayments"
    CHANGES = "changes"  # of a posted bank transaction
    REMOVALS = "removals"  # of one that is undone
    REMOVED_TRANSFERS = "removed transfers"
    REMOVED_PAYMENTS = "removed payments"
    CONFIRMED_CONTACTS = "confirmed contacts"  # proposed, and to be created because a person said so
    CHOSEN_CONTACTS = "chosen contacts"  # the document of a movement whose contact a person chose

    @property
    def endpoint(self) -> str:
        """As our intents name it."""
        return _ENDPOINTS.get(self, self.value)

    @property
    def path(self) -> str:
        """As the vendor's address begins."""
        return "TrackingCategories" if self is Target.OPTIONS else self.endpoint

    @property
    def amends(self) -> bool:
        return self in _AMENDING


_AMENDING = {Target.CHANGES, Target.REMOVALS, Target.REMOVED_TRANSFERS, Target.REMOVED_PAYMENTS}
_ENDPOINTS = {
    Target.CHANGES: "BankTransactions",
    Target.REMOVALS: "BankTransactions",
    Target.REMOVED_TRANSFERS: "BankTransfers",
    Target.REMOVED_PAYMENTS: "Payments",
    Target.CONFIRMED_CONTACTS: "Contacts",
    Target.CHOSEN_CONTACTS: "BankTransactions",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One death. `arrives_after`: seconds from its sending until a held request is carried out; None: never."""

    point: Point
    target: Target
    seed: int
    arrives_after: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Trial:
        arrives = found["arrives_after"]
        return cls(
            point=Point(found["point"]),
            target=Target(found["target"]),
            seed=int(found["seed"]),
            arrives_after=None if arrives is None else float(arrives),
        )


def planned(*, times: int, seed: int) -> list[Trial]:
    """Every point `times` times, each kind of call that passes it in turn, in a random order."""
    dice = random.Random(seed)
    trials = [
        Trial(
            point=point,
            target=passing(point)[number % len(passing(point))],
            seed=dice.randrange(2**31),
            arrives_after=_arrival(number, dice) if point is Point.DURING_CALL else None,
        )
        for point in Point
        for number in range(times)
    ]
    dice.shuffle(trials)
    return trials


def passing(point: Point) -> list[Target]:
    """The calls that come by this point."""
    return [target for target in Target if target.amends or point is not Point.BEFORE_DONE]


def _arrival(number: int, dice: random.Random) -> float | None:
    """In turn: just before the quarantine ends, when a successor has long begun to look; never; before it may look."""
    early, late = (0.1, LEASE - 0.3), (QUARANTINE - 1.3, QUARANTINE - 0.8)
    match (number + number // len(Target)) % 3:
        case 0:
            return round(dice.uniform(*late), 2)
        case 1:
            return None
        case _:
            return round(dice.uniform(*early), 2)


def dealt(trials: Sequence[Trial], *, hands: int) -> list[list[Trial]]:
    """The trials shared out, so that every hand has about as many of each point."""
    in_order = sorted(trials, key=lambda trial: trial.point)
    return [list(in_order[number::hands]) for number in range(hands)]
