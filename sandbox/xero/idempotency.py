"""Xero's memory of answers by Idempotency-Key.

https://developer.xero.com/documentation/guides/idempotent-requests/idempotency
"""

import hashlib
from dataclasses import dataclass

from sandbox.clock import Clock
from sandbox.web import Request, Response
from sandbox.xero.problems import IdempotencyConflict

LIFE_MILLISECONDS = 6 * 60 * 1000
LONGEST_KEY = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    since: int
    digest: bytes
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class IdempotencyCache:
    """First answers, errors included, for six minutes from the first call; per app, not per organisation."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: dict[tuple[str, str], _Remembered] = {}

    def recall(self, app: str, request: Request) -> Response | None:
        """The remembered answer to the same request; raises IdempotencyConflict for another one or a bad key."""
        key = self._key(request)
        if key is None:
            return None
        if len(key) > LONGEST_KEY:
            raise IdempotencyConflict(
                f"Idempotency Key: {key} has a length of {len(key)}, which is more than the {LONGEST_KEY} allowed."
            )
        found = self._answers.get((app, key))
        if found is None or self._clock.milliseconds() - found.since > LIFE_MILLISECONDS:
            return None
        if found.digest != _digest(request):
            raise IdempotencyConflict(f"Idempotency Key: {key} is used with a different request.")
        return Response(found.body, status=found.status, headers=found.headers)

    def remember(self, app: str, request: Request, response: Response) -> None:
        key = self._key(request)
        if key is None or len(key) > LONGEST_KEY:
            return
        self._forget_expired()
        self._answers[app, key] = _Remembered(
            since=self._clock.milliseconds(),
            digest=_digest(request),
            status=response.status_code,
            headers=[("Content-Type", response.content_type or "")],
            body=response.get_data(),
        )

    def forget_everything(self) -> None:
        """As if every key were older than six minutes."""
        self._answers.clear()

    def _forget_expired(self) -> None:
        if len(self._answers) < 2_000:
            return
        oldest = self._clock.milliseconds() - LIFE_MILLISECONDS
        self._answers = {key: answer for key, answer in self._answers.items() if answer.since >= oldest}

    @staticmethod
    def _key(request: Request) -> str | None:
        if request.method not in ("POST", "PUT", "PATCH"):
            return None
        return request.headers.get("Idempotency-Key") or None


def _digest(request: Request) -> bytes:
    tenant = request.headers.get("xero-tenant-id", "")
    head = f"{request.method} {request.full_path} {tenant}\n".encode()
    return hashlib.sha256(head + request.get_data()).digest()
