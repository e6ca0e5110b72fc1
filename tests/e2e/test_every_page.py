"""Every page in a real browser, wide and narrow, light and dark: nothing is blocked, nothing sticks out, keys work."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tenants.models import Role
from tests.e2e.conftest import Site
from tests.pages.routes import PAGES, ROUTES
from tests.pages.world import World, make_company, make_person

pytestmark = pytest.mark.e2e
# Parts of pages, which are never opened alone, and files are left out.
SHOWN = [name for name in PAGES if name != "connections-choices" and not name.endswith(("-live", "export"))]


@pytest.fixture
def world(site: Site) -> World:
    return make_company(slug="bestand", name="Bestand AG mit einem recht langen Namen")


@pytest.fixture
def signed_in(page: Page, site: Site, world: World) -> Page:
    person = make_person("bob@bestand.example", world.tenant, Role.OWNER)
    page.goto(site.url)
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(site.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/t/**")
    return page


@pytest.mark.parametrize(("scheme", "width"), [("light", 375), ("dark", 1280)])
def test_nothing_sticks_out_and_nothing_is_blocked(
    signed_in: Page, site: Site, world: World, scheme: str, width: int
) -> None:
    signed_in.set_viewport_size({"width": width, "height": 800})
    signed_in.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    for name in SHOWN:
        signed_in.goto(site.url + ROUTES[name].address(name, world), wait_until="domcontentloaded")
        excess = signed_in.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert (name, excess) == (name, 0)


def test_the_list_is_walked_by_keys(signed_in: Page, site: Site, world: World) -> None:
    signed_in.goto(site.url + ROUTES["transactions"].address("transactions", world))
    for key in ("j", "j", "k"):
        signed_in.keyboard.press(key)
    expect(signed_in.locator("tr.is-current")).to_have_count(1)
    expect(signed_in.locator("tbody tr").nth(0)).to_have_class("is-current")
    signed_in.keyboard.press("?")
    expect(signed_in.get_by_role("dialog", name="Keyboard")).to_be_visible()
    signed_in.keyboard.press("Escape")
    signed_in.keyboard.press("/")
    expect(signed_in.get_by_label("Search")).to_be_focused()


def test_a_weighty_act_asks_once(signed_in: Page, site: Site, world: World) -> None:
    asked: list[str] = []

    def refuse(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    signed_in.on("dialog", refuse)
    signed_in.goto(site.url + ROUTES["rules"].address("rules", world))
    signed_in.get_by_role("button", name="Remove").click()
    expect(signed_in.get_by_role("link", name="Rent")).to_be_visible()
    assert asked == ["Remove this rule? What it decided stays."]


def test_pages_work_without_scripts(browser: Browser, site: Site, world: World) -> None:
    person = make_person("bob@bestand.example", world.tenant, Role.OWNER)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url)
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(site.password)
    page.get_by_role("button", name="Sign in").click()
    page.goto(site.url + ROUTES["transactions"].address("transactions", world))
    page.get_by_label("Search").fill("Kunde")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="Kunde AG")).to_be_visible()
    expect(page.get_by_role("link", name="Depot")).to_have_count(0)
    context.close()
