"""The way of a new owner through the browser: sign in, connect both sides, match, set, dry run, first sync, one movement."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from sync.models import Flow
from sync.pipeline.run import run_pass
from tenants.scoping import tenant_scope
from tests.e2e.conftest import Site

pytestmark = pytest.mark.e2e
TRADING = "Muster Handels AG"


def test_from_signing_in_to_the_first_movement_in_the_books(page: Page, site: Site) -> None:
    sign_in(page, site)
    expect(page.get_by_role("heading", level=1)).to_have_text(TRADING)
    connect_amnis(page)
    connect_xero(page)
    match_accounts(page)
    choose_defaults(page)
    look_before_posting(page)
    sync(page, site)
    open_the_movement(page, site)


def sign_in(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.get_by_label("Email").fill(site.email)
    page.get_by_label("Password").fill(site.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(site.home)


def go_to(page: Page, name: str) -> None:
    page.get_by_role("complementary").get_by_role("link", name=name).click()


def connect_amnis(page: Page) -> None:
    go_to(page, "Connections")
    page.get_by_label("Client id").fill("ck_1")
    page.get_by_label("Client secret").fill("cs_demo")
    page.get_by_role("button", name="Connect with this key").click()
    expect(page.get_by_role("status")).to_contain_text("Amnis is connected")


def connect_xero(page: Page) -> None:
    """Xero's own consent page offers several organisations; the one chosen there is the one that is connected."""
    page.get_by_role("button", name="Connect Xero").click()
    organisations = page.get_by_role("group", name="Organisation")
    assert organisations.get_by_role("radio").count() > 1
    organisations.get_by_label(TRADING, exact=True).check()
    page.get_by_role("button", name="Allow access").click()
    expect(page.get_by_role("status")).to_contain_text(f"Xero is connected: {TRADING}.")


def match_accounts(page: Page) -> None:
    """Wallets whose pair is beyond doubt are proposed; of two in one currency a person says which is which."""
    go_to(page, "Accounts")
    page.get_by_role("button", name=re.compile("Take .* proposals?")).click()
    expect(page.get_by_role("status")).to_contain_text("matched")
    main_wallet = page.get_by_role("article", name="Amnis 1, CHF", exact=True)
    main_wallet.get_by_label("Bank account in Xero").select_option(label="090 CHF Amnis CHF")
    main_wallet.get_by_role("button", name="Match").click()
    expect(page.get_by_role("status")).to_contain_text("Matched")


def choose_defaults(page: Page) -> None:
    go_to(page, "Settings")
    page.get_by_label("First day").fill("2026-01-01")
    page.get_by_label("Income", exact=True).select_option("200")
    page.get_by_label("Expenses", exact=True).select_option("400")
    page.get_by_label("Tax on income").select_option("NONE")
    page.get_by_label("Tax on expenses").select_option("NONE")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")


def look_before_posting(page: Page) -> None:
    """A dry run shows what would be posted, and posts nothing."""
    go_to(page, "Overview")
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dry run")
    expect(page.get_by_role("cell", name="Beispiel Werke GmbH").first).to_be_visible()


def sync(page: Page, site: Site) -> None:
    """The buttons make the flow due; the pass that a worker would run is run here."""
    assert site.sandbox.xero.ledger(TRADING).bank_transactions() == []
    go_to(page, "Overview")
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Sync now").click()
    expect(page.get_by_role("status")).to_contain_text("The sync has been asked for")
    with tenant_scope(site.tenant.pk):
        flow_id = Flow.objects.get().pk
    run_pass(tenant_id=site.tenant.pk, flow_id=flow_id, trigger="person", actor=site.email)
    assert len(site.sandbox.xero.ledger(TRADING).bank_transactions()) == 2
    in_books = page.locator("#live a", has_text="In the books")
    expect(in_books).to_contain_text("2")  # the page refreshes itself


def open_the_movement(page: Page, site: Site) -> None:
    go_to(page, "Transactions")
    page.keyboard.press("/")
    page.keyboard.type("Beispiel")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Beispiel Werke GmbH").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Beispiel Werke GmbH")
    expect(page.locator(".steps .is-done")).to_have_count(6)
    expect(page.get_by_text("As read back from Xero")).to_be_visible()
    link = page.get_by_role("link", name="Open in Xero").get_attribute("href") or ""
    [document] = [it for it in site.sandbox.xero.ledger(TRADING).bank_transactions() if it["Type"] == "RECEIVE"]
    assert document["BankTransactionID"] in link
