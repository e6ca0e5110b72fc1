"""A real browser against the real site: Debian's Chromium, a live server, and the vendors over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from sandbox.app import Sandbox
from sandbox.server import Server
from tenants.models import Role, Tenant
from tenants.services import tenant_create
from tests.pages.world import PASSWORD, make_person

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 15_000  # milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A company that nobody has connected yet, and the two vendors it is going to meet."""

    url: str
    tenant: Tenant
    sandbox: Sandbox
    email: str = "alice@muster.example"
    password: str = PASSWORD

    @property
    def home(self) -> str:
        return f"{self.url}/t/{self.tenant.public_id}/"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, vendors: dict[str, str]) -> Iterator[Page]:
    """A fresh window. Whatever the browser complains about on our pages (a blocked script, a broken file) fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)  # some parts of a page renew themselves every five seconds
    window = context.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        is_ours = not message.location["url"].startswith(tuple(vendors.values()))
        if message.type in ("error", "warning") and is_ours:
            complaints.append(message.text)

    window.on("console", note)
    window.on("pageerror", lambda error: complaints.append(str(error)))
    yield window
    context.close()
    assert complaints == []


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    world = Sandbox(None, limits=False)
    company = world.amnis.company("ck_1")
    company.pay_in(
        amount="8400.00", payer="Beispiel Werke GmbH", executed_on=date(2026, 3, 2), reference="Rechnung 4711"
    )
    company.payout(amount="1250.00", to="Muster Immobilien AG", executed_on=date(2026, 3, 3))
    yield world
    world.close()


@pytest.fixture
def vendors(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    """Both vendors on loopback; their addresses by name."""
    servers = {"amnis": Server(sandbox.amnis, port=0), "xero": Server(sandbox.xero, port=0)}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {name: f"http://localhost:{server.port}" for name, server in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(
    transactional_db: None, live_server: Any, settings: Any, valkey: Any, sandbox: Sandbox, vendors: dict[str, str]
) -> Site:
    settings.ENV = replace(
        settings.ENV,
        public_url=live_server.url,
        amnis_base_url=vendors["amnis"],
        xero_login_url=vendors["xero"],
        xero_identity_url=vendors["xero"],
        xero_api_url=vendors["xero"],
        xero_client_id="sandbox-xero",
        xero_client_secret="sandbox-xero-secret",
    )
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    consent = {**directives, "form-action": [*directives["form-action"], vendors["xero"]]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": consent}
    tenant = tenant_create(slug="muster", name="Muster Handels AG", actor="test")
    make_person("alice@muster.example", tenant, Role.OWNER)
    return Site(url=live_server.url, tenant=tenant, sandbox=sandbox)
