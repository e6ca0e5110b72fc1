"""When to try again. Clock and dice are arguments; the waits live in rows, so they survive a restart and can be seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from connectors.contract.errors import ActionRequired, ConnectorError, OutcomeUnknown, RetryLater

JITTER = 0.1
LOOK_AGAIN_AFTER = timedelta(minutes=5)  # what is ready for longer is decided anew before it is sent
ABSENCES = 2  # complete looks after the quarantine that found nothing


class Move(StrEnum):
    RETRY = "retry"
    LOOK_FIRST = "look_first"
    PAUSE_FLOW = "pause_flow"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    move: Move
    wait: timedelta = timedelta()
    counts_as_attempt: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Waits between the attempts of one entry: 1 min, 5 min, 30 min, 2 h by default."""

    waits: tuple[timedelta, ...]

    def __len__(self) -> int:
        return len(self.waits)

    @property
    def first(self) -> timedelta:
        """The wait after whatever stopped a whole slice; exact, because nobody shares it."""
        return self.waits[0]

    def wait(self, attempt: int, dice: float) -> timedelta:
        """The wait after the `attempt`-th failure (from 0), spread by ±10 %. `dice` in [0, 1)."""
        return self.waits[min(attempt, len(self.waits) - 1)] * (1 + JITTER * (2 * dice - 1))


def judge(error: ConnectorError, *, attempt: int, dice: float, schedule: Schedule) -> Verdict:
    """What happens next to an item whose `attempt`-th try (from 0) surely changed nothing, or may have."""
    match error:
        case ActionRequired():
            return Verdict(move=Move.PAUSE_FLOW, counts_as_attempt=False)
        case OutcomeUnknown():
            return Verdict(move=Move.LOOK_FIRST)  # giving up needs proven absence, and that is the reconciler's to find
        case RetryLater(wait=timedelta() as wait):
            return Verdict(move=Move.RETRY, wait=wait, counts_as_attempt=False)  # the vendor said when
        case _ if attempt >= len(schedule):
            return Verdict(move=Move.GIVE_UP)
        case _:
            return Verdict(move=Move.RETRY, wait=schedule.wait(attempt, dice))


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """How an unknown request was looked for so far, in vain."""

    last_send: datetime
    probes: int = 0
    absences: int = 0
    absent_seen_at: datetime | None = None

    @property
    def prove_absence(self) -> bool:
        return self.absences >= ABSENCES


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """When an unknown request may be looked for, and from when its absence counts."""

    probes: tuple[timedelta, ...]
    quarantine: timedelta
    gap: timedelta

    def next_probe(self, *, last_send: datetime, probes_made: int, absent_seen_at: datetime | None) -> datetime:
        """Early looks to adopt what is there, then the quarantine's end, then one gap after the first absence."""
        if absent_seen_at is not None:
            return absent_seen_at + self.gap
        early = [last_send + wait for wait in self.probes if wait < self.quarantine]
        return early[probes_made] if probes_made < len(early) else last_send + self.quarantine

    def counts_as_absence(self, *, last_send: datetime, looked_at: datetime, absent_seen_at: datetime | None) -> bool:
        """A complete look after the quarantine counts; a second one must be a gap later than the first."""
        if looked_at < last_send + self.quarantine:
            return False
        return absent_seen_at is None or looked_at >= absent_seen_at + self.gap

    def after_look(self, looks: Looks, *, looked_at: datetime) -> Looks:
        """One more complete look that did not find it; the first of them that counts is remembered."""
        counts = self.counts_as_absence(
            last_send=looks.last_send, looked_at=looked_at, absent_seen_at=looks.absent_seen_at
        )
        return replace(
            looks,
            probes=looks.probes + 1,
            absences=looks.absences + counts,
            absent_seen_at=(looks.absent_seen_at or looked_at) if counts else looks.absent_seen_at,
        )
