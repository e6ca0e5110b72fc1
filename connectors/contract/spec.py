"""What a connector says about itself, for the registry, the onboarding pages and the conformance suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import httpx

from connectors.contract.ports import Destination, Source, Throttle, TokenProvider


class Role(StrEnum):
    SOURCE = "source"
    DESTINATION = "destination"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Everything a connector needs from outside, as constructor arguments: no settings, no clock, no storage inside."""

    base_url: str
    tokens: TokenProvider
    throttle: Throttle
    record_call: Callable[[CallRecord], None]
    timezone: str = "Europe/Zurich"
    organisation_id: str = ""
    short_code: str = ""
    timeout_seconds: float = 30.0
    transport: httpx.BaseTransport | None = None
    patience_seconds: float = 5.0  # how long one read may wait in place for a budget or a vendor's Retry-After
    background: bool = False  # reads that may wait for tomorrow: they leave a part of the day's budget to the others


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One HTTP call for the call log, already redacted. Bodies are excerpts."""

    method: str
    path: str
    status: int
    milliseconds: int
    outcome: str
    correlation_id: str = ""
    request_excerpt: str = ""
    response_excerpt: str = ""
    write: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSpec:
    """`open` builds the adapter. `permissions` explains each scope in the user's words."""

    kind: str
    title: str
    role: Role
    open: Callable[[Wiring], Source | Destination]
    permissions: dict[str, str]
