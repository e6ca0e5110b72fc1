"""Xero at a fixed time with its seeded organisations, and clients that are connected to one of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sandbox.clock import Clock
from sandbox.core import Core
from sandbox.faults import FaultPlan
from sandbox.store import Store
from sandbox.transport import SandboxTransport
from sandbox.xero.app import CLIENT_ID, USUAL_SCOPES, USUAL_SECRET, XeroSandbox
from sandbox.xero.seed import TRADING

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CALLBACK = "http://localhost:8000/oauth/xero/callback"
API = "/api.xro/2.0"
BASIC = (CLIENT_ID, USUAL_SECRET)


@dataclass
class Office:
    """The sandbox's Xero, its clock, and clients for it."""

    xero: XeroSandbox
    clock: Clock
    _clients: list[httpx.Client] = field(default_factory=list)

    def browser(self) -> httpx.Client:
        """A client without a token that follows no redirect."""
        client = httpx.Client(transport=SandboxTransport(self.xero), base_url="http://xero.test")
        self._clients.append(client)
        return client

    def question(self, **changes: str) -> dict[str, str]:
        """The parameters of an authorisation request."""
        usual = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": CALLBACK,
            "scope": USUAL_SCOPES,
            "state": "st4te",
        }
        return {key: value for key, value in {**usual, **changes}.items() if value}

    def consent(self, *organisations: str, **changes: str) -> dict[str, str]:
        """Allow in the browser and return the parameters of the redirect."""
        form: dict[str, Any] = dict(self.question(**changes))
        form["user"] = self.xero.grants.users()[0]["id"]
        form["organisation"] = [self.org(name) for name in organisations or (TRADING,)]
        answer = self.browser().post("/identity/connect/authorize", data={**form, "decision": "allow"})
        assert answer.status_code == 302
        return {key: values[0] for key, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    def token(self, **form: str) -> httpx.Response:
        return self.browser().post("/connect/token", data=form, auth=BASIC)

    def exchange(self, code: str, **changes: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self.token(**{**form, **changes})

    def refresh(self, token: str) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=token)

    def client(self, organisation: str = TRADING, *, scopes: str = USUAL_SCOPES) -> httpx.Client:
        """A client with a token, an organisation and the right Accept header."""
        client = self.browser()
        token = self.xero.issue_tokens(organisation, scopes=scopes)["access_token"]
        client.headers.update(
            {"Authorization": f"Bearer {token}", "xero-tenant-id": self.org(organisation), "Accept": "application/json"}
        )
        client.base_url = httpx.URL(f"http://xero.test{API}/")
        return client

    def org(self, name: str) -> str:
        return str(next(o["OrganisationID"] for o in self.xero.organisations() if o["Name"] == name))

    def account(self, name: str) -> str:
        """AccountID by code or name in the trading company."""
        return str(self.xero.ledger(TRADING).account(name)["AccountID"])

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.xero.core.store.close()


@pytest.fixture
def make_office() -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(*, limits: bool = False) -> Office:
        store = Store(None)
        clock = Clock(store, base=lambda: NOW)
        xero = XeroSandbox(Core(store=store, clock=clock, faults=FaultPlan(clock), limits=limits))
        made.append(Office(xero, clock))
        return made[-1]

    yield make
    for office in made:
        office.close()


@pytest.fixture
def office(make_office: Callable[..., Office]) -> Office:
    return make_office()


@pytest.fixture
def client(office: Office) -> httpx.Client:
    return office.client()


def spend(bank: str = "090", **changes: Any) -> dict[str, Any]:
    """A valid SPEND of 108.10 on the CHF account; a change of None leaves the field out."""
    document: dict[str, Any] = {
        "Type": "SPEND",
        "Date": "2026-11-10",
        "Reference": "Invoice 12",
        "Contact": {"Name": "Helvetia Papier AG"},
        "BankAccount": {"Code": bank},
        "LineAmountTypes": "Inclusive",
        "LineItems": [line()],
    }
    return {key: value for key, value in {**document, **changes}.items() if value is not None}


def line(amount: object = "108.10", account: str | None = "400", **changes: Any) -> dict[str, Any]:
    row = {"Description": "Paper", "Quantity": 1, "UnitAmount": amount, "AccountCode": account, **changes}
    return {key: value for key, value in row.items() if value is not None}


def put(client: httpx.Client, *documents: dict[str, Any], each: bool = True) -> httpx.Response:
    """PUT bank transactions; `each` asks for a status per element."""
    query = {"summarizeErrors": "false"} if each else {}
    return client.put("BankTransactions", params=query, json={"BankTransactions": list(documents)})


def put_one(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    """PUT one SPEND and return it as answered, whatever its status."""
    answer = put(client, spend(**changes))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["BankTransactions"][0]
    return found


def messages(element: dict[str, Any]) -> list[str]:
    return [error["Message"] for error in element.get("ValidationErrors", [])]
