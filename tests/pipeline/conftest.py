"""A company with real books on both sides: the sandbox vendors in process, a tenant with a mapped flow between them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db.models.functions import Now
from django.test import override_settings

from connectors import services as connector_services
from connectors.models import Connection, Grant
from connectors.selectors import chart
from sandbox.amnis.company import Company as AmnisCompany
from sandbox.app import Sandbox
from sandbox.transport import SandboxTransport
from sandbox.xero.ledger import Ledger
from sync.models import AccountMapping, Entry, Flow, Record
from sync.models.entry import AT_REST
from sync.pipeline.result import Result
from sync.pipeline.run import run_pass
from tenants.models import Tenant
from tenants.scoping import tenant_scope
from tests.connectors.conftest import make_tenant
from tests.kept import Kept, kept, new_sandbox

CUTOFF = date(2026, 1, 1)
ORGANISATION = "Muster Handels AG"
WALLETS = {"1": "090", "2": "EUR Amnis", "3": "092", "4": "093", "6": "094", "7": "095", "8": "096"}
DEFAULTS = {
    "income": "200",
    "expense": "400",
    "fee": "404",
    "fx_clearing": "850",
    "suspense": "880",
    "tax_income": "NONE",
    "tax_expense": "NONE",
}


@dataclass
class World:
    """Both vendors and the tenant between them. Tests read `books`: what stands in Xero is the proof."""

    sandbox: Sandbox
    tenant: Tenant
    flow_id: int
    has_defects: bool = False  # a test that seeds one; of all others none may be held instead of raised

    @property
    def amnis(self) -> AmnisCompany:
        return self.sandbox.amnis.company("ck_1")

    @property
    def books(self) -> Ledger:
        return self.sandbox.xero.ledger(ORGANISATION)

    def sync(self, **options: Any) -> Result:
        result = run_pass(tenant_id=self.tenant.pk, flow_id=self.flow_id, trigger="test", **options)
        assert self.has_defects or not result.counts.get("undecided"), "the program failed over a movement: see the log"
        return result

    def entries(self) -> list[Entry]:
        with tenant_scope(self.tenant.pk):
            return list(Entry.objects.filter(flow_id=self.flow_id).order_by("id"))

    def records(self) -> list[Record]:
        with tenant_scope(self.tenant.pk):
            return list(Record.objects.filter(flow_id=self.flow_id).order_by("id"))

    def states(self) -> list[str]:
        return [entry.state for entry in self.entries()]

    def settle(self, *, seconds: float = 8.0) -> None:
        """Run until everything is at rest."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.sync()
            if set(self.states()) <= set(AT_REST):
                return
            time.sleep(0.05)
        raise AssertionError(f"not at rest: {Counter(self.states())}")

    def codes(self) -> list[str]:
        """Of every finding that keeps an entry back."""
        return [f["code"] for entry in self.entries() for f in entry.findings if f["severity"] == "review"]

    def documents(self) -> dict[str, Any]:
        """SPEND and RECEIVE documents by the name of their bank account (for tests that make one in each)."""
        return {self.books.account(d["BankAccount"]["AccountID"])["Name"]: d for d in self.books.bank_transactions()}

    def flow(self) -> Flow:
        with tenant_scope(self.tenant.pk):
            return Flow.objects.get(pk=self.flow_id)

    def set_flow(self, **columns: Any) -> None:
        with tenant_scope(self.tenant.pk):
            Flow.objects.filter(pk=self.flow_id).update(**columns)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    world = new_sandbox()
    yield world
    world.close()


@pytest.fixture(scope="module")
def kept_company(django_db_setup: None, django_db_blocker: Any) -> Iterator[Kept[Company]]:
    """The rows of a connected, mapped, empty company, for the worlds of one file."""
    with kept(django_db_blocker, _made_once) as found:
        yield found


@pytest.fixture
def world(kept_company: Kept[Company], db: None, sandbox: Sandbox, settings: Any, valkey: Any) -> World:
    """A connected, mapped, empty company. Times are compressed; the cut-off is the first of January.

    All of it in one transaction that is rolled back: a second process or thread would see nothing.
    """
    return moved_in(kept_company.fresh(), sandbox, settings)


@pytest.fixture
def committed_world(transactional_db: None, sandbox: Sandbox, settings: Any, valkey: Any) -> World:
    """The same with real commits, for tests about several connections, processes or transactions."""
    return company(sandbox, settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The rows alone. They fit every sandbox: the ids in its seed are always the same, but for the tokens."""

    tenant: Tenant
    flow_id: int
    xero_grant: int


def company(sandbox: Sandbox, settings: Any) -> World:
    """Rows and sandbox, both new."""
    _reach(sandbox, settings)
    made = _company(sandbox)
    return World(sandbox=sandbox, tenant=made.tenant, flow_id=made.flow_id)


def moved_in(made: Company, sandbox: Sandbox, settings: Any) -> World:
    """These rows, connected with this sandbox."""
    _reach(sandbox, settings)
    xero = Grant.objects.get(pk=made.xero_grant)
    for name, value in _tokens(sandbox).items():
        setattr(xero, name, value)
    xero.save()
    return World(sandbox=sandbox, tenant=made.tenant, flow_id=made.flow_id)


def _made_once() -> Company:
    sandbox = new_sandbox()
    with override_settings():
        _reach(sandbox, django_settings)
        made = _company(sandbox)
    Grant.objects.filter(provider="amnis").update(access_token="", access_expires_at=None)  # this sandbox's alone
    sandbox.close()
    return made


def _reach(sandbox: Sandbox, settings: Any) -> None:
    settings.ENV = compressed(settings.ENV)
    settings.CONNECTOR_TRANSPORTS = {
        settings.ENV.amnis_base_url: SandboxTransport(sandbox.amnis),
        settings.ENV.xero_api_url: SandboxTransport(sandbox.xero),
        settings.ENV.xero_identity_url: SandboxTransport(sandbox.xero),
    }


def _company(sandbox: Sandbox) -> Company:
    tenant = make_tenant(201, "muster")
    source, destination = connected(tenant, sandbox)
    assert destination.grant_id is not None
    return Company(tenant=tenant, flow_id=mapped_flow(tenant, source, destination), xero_grant=destination.grant_id)


def compressed(env: Any) -> Any:
    """The environment with sandbox credentials and times that let a test see a quarantine end."""
    return replace(
        env,
        xero_client_id="sandbox-xero",
        xero_client_secret="sandbox-xero-secret",
        quarantine_seconds=0.2,
        probe_seconds=(0.05,),
        probe_gap_seconds=0.05,
        retry_schedule_seconds=(0.05, 0.05, 0.05, 0.05),
        lease_seconds=60.0,
        amnis_limit_minute=0,
        xero_limit_minute=0,  # no budget of ours: the sandbox has its limits off too
        xero_limit_day=0,
    )


def connected(tenant: Tenant, sandbox: Sandbox) -> tuple[Connection, Connection]:
    """Both connections, with tokens as the consent pages would have given them."""
    xero = Grant.objects.create(provider="xero", subject="alice", **_tokens(sandbox))
    amnis = Grant.objects.create(provider="amnis", subject="ck_1", client_id="ck_1", client_secret="cs_demo")
    organisation = sandbox.xero.books(ORGANISATION).organisation["OrganisationID"]
    with tenant_scope(tenant.pk):
        source = Connection.objects.create(
            kind="amnis", role="source", grant=amnis, external_id="ck_1", status="active", name="Amnis"
        )
        destination = Connection.objects.create(
            kind="xero", role="destination", grant=xero, external_id=organisation, status="active", name=ORGANISATION
        )
    connector_services.refresh_reference(source)
    connector_services.refresh_reference(destination)
    return source, destination


def _tokens(sandbox: Sandbox) -> dict[str, Any]:
    tokens = sandbox.xero.issue_tokens(ORGANISATION)
    return {
        "access_token": tokens["access_token"],
        "refresh_token": tokens["refresh_token"],
        "access_expires_at": datetime.now(UTC) + timedelta(seconds=tokens["expires_in"]),
    }


def mapped_flow(tenant: Tenant, source: Connection, destination: Connection) -> int:
    accounts = {account.code or account.name: account.account_id for account in _chart(tenant, destination)}
    with tenant_scope(tenant.pk):
        flow = Flow.objects.create(
            source=source, destination=destination, cutoff=CUTOFF, defaults=DEFAULTS, reference_read_at=Now()
        )
        for wallet, code in WALLETS.items():
            AccountMapping.objects.create(flow=flow, source_account_id=wallet, destination_account_id=accounts[code])
        AccountMapping.objects.create(flow=flow, source_account_id="5", ignored=True, ignore_reason="collateral")
        return flow.pk


def _chart(tenant: Tenant, destination: Connection) -> Any:
    with tenant_scope(tenant.pk):
        return chart(destination).accounts
