"""Where heartbeats lie. Apart from `heartbeat`, because the supervisor starts without the broker's client."""

from __future__ import annotations

import os

RUN = "MILLRACE_RUN"


def key(name: str) -> str:
    """Of `worker` or `beat`, in this run of the stack: what an earlier run left behind is nobody's heartbeat."""
    return f"heartbeat:{os.environ.get(RUN, '')}:{name}"
