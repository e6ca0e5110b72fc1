"""Named crash windows. A point is a no-op unless MILLRACE_FAULT_POINT names it; then the process kills itself there.

The campaigns and the tests set the variable for one process: "after_claim_before_call", or "name:3" for the third
time the point is passed, or several after commas: it dies at the first of them that it comes to. Its last words, on
standard error, say where it died.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

POINTS = (
    "after_rows_before_commit",  # fetched rows are written; they and the watermark are not committed
    "after_claim_before_call",
    "after_answer_before_settle",
    "after_contacts_answered",  # the same, where the call created contacts
    "mid_reconcile",  # the books were read afresh for unknown requests, and nothing is concluded from it
    "before_confirm_commit",
    "before_amendment_done",
    "after_refresh_before_store",  # the vendor has rotated a token, and ours is the old one
)
LAST_WORDS = "died at the fault point "
_asked = (part.partition(":") for part in os.environ.get("MILLRACE_FAULT_POINT", "").split(",") if part)
_wanted = {name: int(nth or 1) for name, _, nth in _asked}  # each with how often it is to be passed
_passed: Counter[str] = Counter()


def point(name: str) -> None:
    """Die here, at once and without cleaning up, if this process was started to do so."""
    if name not in _wanted:
        return
    _passed[name] += 1
    if _passed[name] == _wanted[name]:
        os.write(2, f"{LAST_WORDS}{name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
