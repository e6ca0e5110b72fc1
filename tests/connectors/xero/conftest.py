"""Xero in process: the sandbox's books, an adapter that is connected to them, every request checked on its way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.xero.destination import XeroDestination
from sandbox.clock import Clock
from sandbox.core import Core
from sandbox.faults import FaultPlan
from sandbox.store import Store
from sandbox.transport import SandboxTransport
from sandbox.xero.app import CLIENT_ID, XeroSandbox
from sandbox.xero.seed import ALICE, TRADING
from tests.connectors.xero.factories import wiring
from tests.connectors.xero.spec import CheckedTransport

SCOPES = frozenset(
    ["openid", "offline_access", "accounting.banktransactions", "accounting.contacts", "accounting.settings"]
)
BASE_URL = "http://xero.test"


class AliceToken:
    """Alice's consent to this app, given once; each renewal is a new token of the same chain."""

    def __init__(self, xero: XeroSandbox, *, scopes: frozenset[str] = SCOPES) -> None:
        self._xero, self._app = xero, xero.apps[CLIENT_ID]
        details = {"redirect_uri": "http://localhost/oauth/xero/callback"}
        code = xero.grants.consent(self._app, ALICE, set(scopes), xero.organisations(), details)
        tokens = xero.grants.exchange(self._app, code=code, redirect_uri=details["redirect_uri"], verifier=None)
        self._access, self._refresh = tokens["access_token"], tokens["refresh_token"]
        self.renewals = 0

    def token(self) -> str:
        return str(self._access)

    def renew(self, stale: str) -> str:
        tokens = self._xero.grants.refresh(self._app, self._refresh)
        self._access, self._refresh = tokens["access_token"], tokens["refresh_token"]
        self.renewals += 1
        return str(self._access)


@pytest.fixture
def xero() -> Iterator[XeroSandbox]:
    store = Store(None)
    clock = Clock(store)
    yield XeroSandbox(Core(store=store, clock=clock, faults=FaultPlan(clock), limits=False))
    store.close()


@pytest.fixture
def tokens(xero: XeroSandbox) -> AliceToken:
    return AliceToken(xero)


@pytest.fixture
def transport(xero: XeroSandbox) -> CheckedTransport:
    return CheckedTransport(SandboxTransport(xero))


@pytest.fixture
def organisation_id(xero: XeroSandbox) -> str:
    return xero.books(TRADING).org


@pytest.fixture
def destination(tokens: AliceToken, transport: CheckedTransport, organisation_id: str) -> XeroDestination:
    return XeroDestination(
        wiring(transport, base_url=BASE_URL, organisation_id=organisation_id, tokens=tokens, short_code="!mu5t3")
    )
