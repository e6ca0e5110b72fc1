"""An empty Amnis at a fixed time, and a client that holds a token."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sandbox.amnis.app import AmnisSandbox
from sandbox.amnis.company import Company
from sandbox.clock import Clock
from sandbox.core import Core
from sandbox.faults import FaultPlan
from sandbox.store import Store
from sandbox.transport import SandboxTransport

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CREDENTIALS = {"grant_type": "client_credentials", "client_id": "ck_1", "client_secret": "cs_demo"}


@dataclass
class Bank:
    """The sandbox's Amnis, its clock, and clients for it."""

    amnis: AmnisSandbox
    clock: Clock
    company: Company
    _clients: list[httpx.Client] = field(default_factory=list)

    def browser(self) -> httpx.Client:
        """A client without a token that follows no redirect."""
        client = httpx.Client(transport=SandboxTransport(self.amnis), base_url="http://amnis.test")
        self._clients.append(client)
        return client

    def token(self, **changes: Any) -> httpx.Response:
        return self.browser().post("/api/token", json={**CREDENTIALS, **changes})

    def client(self, client_id: str = "ck_1", *, accept: str = "application/json") -> httpx.Client:
        client = self.browser()
        token = self.token(client_id=client_id).json()["access_token"]
        client.headers.update({"Authorization": f"Bearer {token}", "Accept": accept})
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.amnis.core.store.close()


@pytest.fixture
def make_bank() -> Iterator[Callable[..., Bank]]:
    made: list[Bank] = []

    def make(*, now: datetime = NOW, limits: bool = False) -> Bank:
        store = Store(None)
        clock = Clock(store, base=lambda: now)
        amnis = AmnisSandbox(Core(store=store, clock=clock, faults=FaultPlan(clock), limits=limits))
        made.append(Bank(amnis=amnis, clock=clock, company=amnis.company("ck_1")))
        return made[-1]

    yield make
    for bank in made:
        bank.close()


@pytest.fixture
def bank(make_bank: Callable[..., Bank]) -> Bank:
    return make_bank()
