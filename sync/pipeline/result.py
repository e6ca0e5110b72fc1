"""What one pass over a flow did."""

from __future__ import annotations

from dataclasses import dataclass, field


class NotConnected(Exception):
    """The flow lacks a working connection; the text says which and what to do."""


@dataclass(slots=True, kw_only=True)
class Result:
    """What one pass did. `error`: the sentence for people, "" when it went through."""

    run_id: int | None
    counts: dict[str, int] = field(default_factory=dict)
    api_calls: int = 0
    write_calls: int = 0
    finished: bool = True
    error: str = ""
    error_class: str = ""
