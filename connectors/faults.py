"""Named crash windows. A point is a no-op unless MILLRACE_FAULT_POINT names it; then the process kills itself there.

The crash campaign and the tests set the variable for one process: "after_refresh_before_store", or "name:3" for the third
time the point is passed.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

POINTS = ("after_refresh_before_store",)
_wanted, _, _nth = os.environ.get("MILLRACE_FAULT_POINT", "").partition(":")
_passed: Counter[str] = Counter()


def point(name: str) -> None:
    """Die here, at once and without cleaning up, if this process was started to do so."""
    if not _wanted or name != _wanted:
        return
    _passed[name] += 1
    if _passed[name] == int(_nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
