"""The sandbox as the campaign uses it: movements, tokens, the gate and the exports, all by HTTP."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx

COMPANY, ORGANISATION = "ck_1", "Muster Handels AG"
PATIENCE = 20.0


class Control:
    """One world's control address. Amounts in exports come as Decimals."""

    def __init__(self, url: str, *, company: str = COMPANY, organisation: str = ORGANISATION) -> None:
        self._company, self._organisation = company, organisation
        fresh = httpx.Limits(max_keepalive_connections=0)  # a kept connection may be closed just as a call begins
        self._http = httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False, limits=fresh)
        self._token = str(self._get("/_sandbox/token")["token"])

    def act(self, name: str, /, **fields: Any) -> Any:
        """One act of the control page's JSON interface. Raises httpx.HTTPStatusError where it is refused."""
        answer = self._http.post(f"/_sandbox/{name}", json=fields, headers={"X-Sandbox-Token": self._token})
        return answer.raise_for_status().json()["result"]

    def move(self, kind: str, **arguments: Any) -> str:
        """Add one movement to the company's accounts at Amnis; the id of its row, or "" where it has two."""
        made = self._move(kind, arguments)
        return "" if isinstance(made, dict) else str(made)

    def pair(self, kind: str, **arguments: Any) -> list[str]:
        """The same for a movement between two accounts: the ids of both rows."""
        made = self._move(kind, arguments)
        return [str(made["paid"]), str(made["received"])]

    def _move(self, kind: str, arguments: dict[str, Any]) -> Any:
        return self.act("amnis/movement", company=self._company, kind=kind, arguments=arguments)

    def person(self, deed: str, **arguments: Any) -> None:
        """What somebody with a browser does in Xero."""
        self.act("xero/people", org=self._organisation, act=deed, arguments=arguments)

    def refresh_token(self) -> str:
        """As after a consent in the browser just now."""
        return str(self.act("xero/tokens", organisations=[self._organisation])["refresh_token"])

    def exports(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Everything that stands at Amnis, and in Xero's books."""
        return (
            self._get("/_sandbox/amnis/export", company=self._company),
            self._get("/_sandbox/xero/export", org=self._organisation),
        )

    def faults(self) -> dict[str, Any]:
        """What was planned, what struck, and how many calls were over a limit."""
        found: dict[str, Any] = self._get("/_sandbox/faults")
        return found

    # the gate

    def arm(self, *, endpoint: str, when: str) -> None:
        self._http.post("/_gate/arm", json={"endpoint": endpoint, "when": when}).raise_for_status()

    def is_held(self, *, seconds: float) -> bool:
        return bool(self._get("/_gate/held", seconds=seconds)["held"])

    def let_go(self, *, after: float | None) -> None:
        """`after` None: the held request, or its answer, is lost."""
        told = {"commit": after is not None, "after": after or 0.0}
        self._http.post("/_gate/let_go", json=told).raise_for_status()

    def counts(self, endpoint: str) -> tuple[int, int]:
        """Writes to this endpoint so far: (arrived, carried out)."""
        found = self._get("/_gate/counts")
        return int(found["arrived"].get(endpoint, 0)), int(found["done"].get(endpoint, 0))

    def _get(self, path: str, **parameters: Any) -> Any:
        answer = self._http.get(path, params=parameters).raise_for_status()
        return json.loads(answer.content, parse_float=Decimal)
