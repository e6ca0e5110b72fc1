"""The stages of the conformance suite: one for each connector, with its vendor played by the sandbox.

A new connector adds a stage here and passes `test_sources` or `test_destinations` as they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, cast

import httpx
import pytest

from connectors.contract.errors import ActionRequired
from connectors.contract.money import Money
from connectors.contract.ports import Destination, Source
from connectors.contract.records import (
    Allocation,
    BankTransaction,
    BankTransfer,
    BatchPayment,
    ContactDraft,
    DocumentKind,
    Endpoint,
    LineItem,
    OptionDraft,
    Payment,
    Writable,
)
from connectors.contract.spec import CallRecord, Wiring
from connectors.registry import spec
from sandbox.app import Sandbox
from sandbox.faults import VendorFaults
from sandbox.transport import SandboxTransport
from tests.kept import new_sandbox


@dataclass
class GivenTokens:
    """A token that works until it is withdrawn; a withdrawn one cannot be renewed."""

    value: str

    def token(self) -> str:
        return self.value

    def renew(self, stale: str) -> str:
        raise ActionRequired("Please reconnect.")


@dataclass
class CountingThrottle:
    """Always open; counts places taken and given back."""

    taken: int = 0
    given_back: int = 0

    def acquire(self, *, cost: int = 1, background: bool = False) -> float:
        self.taken += 1
        return 0.0

    def release(self) -> None:
        self.given_back += 1

    def observe(self, headers: dict[str, str], status: int) -> None:
        pass


@dataclass
class CountingTransport(httpx.BaseTransport):
    inner: httpx.BaseTransport
    requests: list[httpx.Request] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.inner.handle_request(request)


@dataclass(kw_only=True)
class Stage:
    """A vendor that is played, and everything around an adapter in sight."""

    kind: str
    faults: VendorFaults
    transport: CountingTransport
    tokens: GivenTokens
    organisation_id: str = ""
    short_code: str = ""
    throttle: CountingThrottle = field(default_factory=CountingThrottle)
    calls: list[CallRecord] = field(default_factory=list)
    add_movements: Callable[[int], None] = lambda count: None

    def wiring(self) -> Wiring:
        return Wiring(
            base_url=f"http://{self.kind}.test",
            tokens=self.tokens,
            throttle=self.throttle,
            record_call=self.calls.append,
            organisation_id=self.organisation_id,
            short_code=self.short_code,
            timeout_seconds=5,
            transport=self.transport,
        )

    def source(self) -> Source:
        return cast(Source, spec(self.kind).open(self.wiring()))

    def destination(self) -> Destination:
        return cast(Destination, spec(self.kind).open(self.wiring()))


def nobody() -> Wiring:
    """A wiring that leads nowhere, for what must not call anybody."""
    return Wiring(
        base_url="http://nobody.test",
        tokens=GivenTokens("none"),
        throttle=CountingThrottle(),
        record_call=lambda record: None,
        transport=httpx.MockTransport(_unexpected),
    )


def _unexpected(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"nobody may be called here: {request.method} {request.url}")


@pytest.fixture
def world() -> Iterator[Sandbox]:
    found = new_sandbox()
    yield found
    found.close()


@pytest.fixture(params=["amnis"])
def source_stage(request: pytest.FixtureRequest, world: Sandbox) -> Stage:
    return {"amnis": _amnis}[request.param](world)


@pytest.fixture(params=["xero"])
def destination_stage(request: pytest.FixtureRequest, world: Sandbox) -> Stage:
    return {"xero": _xero}[request.param](world)


def _amnis(world: Sandbox) -> Stage:
    transport = CountingTransport(SandboxTransport(world.amnis))
    key = {"grant_type": "client_credentials", "client_id": "ck_1", "client_secret": "cs_demo"}
    with httpx.Client(transport=SandboxTransport(world.amnis)) as client:
        token = client.post("http://amnis.test/api/token", json=key).json()["access_token"]

    def add(count: int) -> None:
        for number in range(count):
            world.amnis.company().pay_in(amount=f"{number + 1}.05", payer=f"Beispiel {number} AG")

    return Stage(
        kind="amnis", faults=world.amnis.faults, transport=transport, tokens=GivenTokens(token), add_movements=add
    )


def _xero(world: Sandbox) -> Stage:
    organisation = world.xero.organisations()[0]
    return Stage(
        kind="xero",
        faults=world.xero.faults,
        transport=CountingTransport(SandboxTransport(world.xero)),
        tokens=GivenTokens(world.xero.issue_tokens()["access_token"]),
        organisation_id=organisation["OrganisationID"],
        short_code=organisation["ShortCode"],
    )


def drafts(count: int) -> list[Writable]:
    return [ContactDraft(name=f"Beispiel {number} AG", number=marker(number)) for number in range(count)]


def entries(destination: Destination, count: int) -> list[Writable]:
    """Plain receipts on a bank account in the organisation's own currency, for a contact that exists."""
    chart = destination.chart()
    base = chart.organisation.base_currency
    bank = next(account for account in chart.accounts if account.is_bank and account.currency == base)
    income = next(a for a in chart.accounts if a.account_class == "REVENUE" and a.status == "ACTIVE" and not a.system)
    contact = next(c for page in destination.contacts(since=None) for c in page if c.status == "ACTIVE")
    return [
        BankTransaction(
            kind=DocumentKind.RECEIVE,
            bank_account_id=bank.account_id,
            contact_id=contact.contact_id,
            contact_name=contact.name,
            date=date(2026, 11, 2),
            total=Money(amount=Decimal(number + 1), currency=base),
            reference="Invoice",
            marker=marker(number),
            lines=(
                LineItem(description="x", amount=Decimal(number + 1), account_id=income.account_id, tax_type="NONE"),
            ),
        )
        for number in range(count)
    ]


def transfers(count: int) -> list[Writable]:
    one, other = "6f7594f2-f059-4d56-9e67-47ac9733bfe9", "7e5e243b-9fcd-4aef-8e3a-c70be1e39bfa"
    return [
        BankTransfer(
            from_account_id=one, to_account_id=other, date=date(2026, 11, 2), total=Money.of("5.00", "CHF"),
            reference="Transfer", marker=marker(number),
        )
        for number in range(count)
    ]  # fmt: skip


def payments(count: int) -> list[Writable]:
    """Five francs each, for one invoice."""
    return [
        Payment(
            bank_account_id="6f7594f2-f059-4d56-9e67-47ac9733bfe9", incoming=True, date=date(2026, 11, 2),
            total=Money.of("5.00", "CHF"), reference="Invoice", marker=marker(number), allocation=part("5.00"),
        )
        for number in range(count)
    ]  # fmt: skip


def batches(count: int) -> list[Writable]:
    return [
        BatchPayment(
            bank_account_id="6f7594f2-f059-4d56-9e67-47ac9733bfe9", incoming=True, date=date(2026, 11, 2),
            total=Money.of("5.00", "CHF"), reference="Invoices", marker=marker(number),
            allocations=(part("2.00"), part("3.00", "d8a3c6f1-52c1-4d2f-bd0e-8c1b4a5a7a51")),
        )
        for number in range(count)
    ]  # fmt: skip


def part(amount: str, invoice: str = "7e5e243b-9fcd-4aef-8e3a-c70be1e39bfa") -> Allocation:
    return Allocation(invoice_id=invoice, number="INV-1", amount=Decimal(amount), currency="CHF")


def marker(number: int) -> str:
    return f"MR-{number:013}"


def writables(endpoint: Endpoint, count: int) -> Sequence[Any]:
    """Items for calls that never reach a vendor: preparing and classifying are pure."""
    if endpoint is Endpoint.CONTACTS:
        return drafts(count)
    if endpoint is Endpoint.TRACKING_OPTIONS:
        return [OptionDraft(category_id="6f7594f2-f059-4d56-9e67-47ac9733bfe9", name=marker(n)) for n in range(count)]
    if endpoint is Endpoint.BANK_TRANSFERS:
        return transfers(count)
    if endpoint is Endpoint.PAYMENTS:
        return payments(count)
    if endpoint is Endpoint.BATCH_PAYMENTS:
        return batches(count)
    return [
        BankTransaction(
            kind=DocumentKind.SPEND,
            bank_account_id="6f7594f2-f059-4d56-9e67-47ac9733bfe9",
            contact_id="5cc8cf28-567e-4d43-b287-687cfcaec47c",
            contact_name="Beispiel AG",
            date=date(2026, 11, 2),
            total=Money.of("5.00", "CHF"),
            reference="Invoice",
            marker=marker(number),
            lines=(
                LineItem(description="x", amount=Decimal("5.00"), account_id="ebd06280-af70-4bed-97c6-7451a454ad85"),
            ),
        )
        for number in range(count)
    ]
