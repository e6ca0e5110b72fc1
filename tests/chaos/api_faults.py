"""What goes wrong at the vendors during a storm: one fault at a time, drawn. Pure."""

from __future__ import annotations

import random
from typing import Any

from tests.chaos.storm import QUARANTINE

READS, WRITES = ["GET"], ["PUT", "POST"]
SLOWEST = 3.0  # longer than the client waits
LATEST = QUARANTINE - 2.5  # a request that arrives later than its quarantine is what nobody can prevent
# Every request of this kind may meet it.
_ANYWHERE = (
    "reset", "offline", "server_error", "rate_minute", "expired_token", "expired_token", "truncated", "slow"
)  # fmt: skip
_WRITING = (
    "lose_answer", "lose_answer", "half_batch", "late_commit", "late_commit", "error_after_commit", "truncated", "garbled",
    "drop_element", "shuffle", "slow", "reset", "offline", "server_error", "rate_minute", "rate_concurrent",
)  # fmt: skip


def drawn(dice: random.Random) -> dict[str, Any]:
    """The fields of one planned fault, as the sandbox's control takes them: half of them at writes."""
    if dice.random() < 0.5:
        return _details({"vendor": "xero", "methods": WRITES, "effect": dice.choice(_WRITING)}, dice)
    vendor = dice.choice(("amnis", "xero", "xero"))
    return _details({"vendor": vendor, "methods": READS, "effect": dice.choice(_ANYWHERE)}, dice)


def _details(fault: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    match fault["effect"]:
        case "slow":
            return {**fault, "seconds": round(dice.uniform(0.3, SLOWEST), 2)}
        case "late_commit":
            late = {"seconds": round(dice.uniform(0.2, LATEST), 2), "answer": dice.choice(("cut", "503"))}
            return {**fault, **late}
        case "rate_minute":
            return {**fault, "seconds": 1}
        case _:
            return fault
