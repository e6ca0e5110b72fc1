"""What a channel is: it sends one message once, or says in one of two ways that it did not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from notifications.messages import Message


class NotSent(Exception):
    """Base of the two. The text is for the tenant and never contains an address that is a secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TryAgain(NotSent):
    """The other side is not well now. Where it named a time, `wait` is it, and the try does not count."""

    def __init__(self, reason: str, *, wait: timedelta | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Refused(NotSent):
    """Another try of the same would be refused again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message on its way: `url` leads to the page, `reference` is the same for every try of one delivery."""

    message: Message
    url: str
    reference: str


class Sender(Protocol):
    def send(self, letter: Letter) -> None:
        """Send it, or raise TryAgain or Refused. Without a database and outside of every transaction."""
