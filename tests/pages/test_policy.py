"""The content security policy holds: no page carries a script, a style or a foreign address of its own."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.test import Client

from tests.pages.routes import PAGES, ROUTES
from tests.pages.world import World

HTML_PAGES = [name for name in PAGES if not name.endswith("export")]


class Offences(HTMLParser):
    """Collects what a strict policy would block, and images or fields that nobody can name."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.labels: set[str] = set()
        self.fields: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and not (given.get("src") or "").startswith("/static/")):
            self.found.append(tag)
        for name in ("src", "href", "action"):
            if re.match(r"(?i)\s*(javascript|data):|//", given.get(name) or ""):
                self.found.append(f"{tag} {name}={given[name]}")
        if tag == "label" and given.get("for"):
            self.labels.add(str(given["for"]))
        if tag in ("select", "textarea") or (tag == "input" and given.get("type") not in ("hidden", "radio")):
            self.fields.append(given.get("id") or f"a {tag} without id")


def test_every_page_obeys_the_policy_and_names_its_fields(as_alice: Client, world: World) -> None:
    for name in HTML_PAGES:
        answer = as_alice.get(ROUTES[name].address(name, world), follow=True)
        policy = answer["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        offences = Offences()
        offences.feed(answer.content.decode())
        assert (name, offences.found) == (name, [])
        assert (name, [it for it in offences.fields if it not in offences.labels]) == (name, [])


def test_every_page_has_one_heading_a_title_and_a_way_to_skip(as_alice: Client, world: World) -> None:
    for name in HTML_PAGES:
        if name.endswith("-live") or name == "connections-choices":
            continue
        html = as_alice.get(ROUTES[name].address(name, world)).content.decode()
        assert (name, html.count("<h1")) == (name, 1)
        assert re.search(r"<title>[^<]*\S[^<]* · Millrace</title>", html)
        assert 'href="#content"' in html
        assert 'id="content"' in html


def test_htmx_neither_evaluates_nor_styles(as_alice: Client, world: World) -> None:
    html = as_alice.get(f"/t/{world.tenant.public_id}/").content.decode()
    assert '"allowEval": false' in html
    assert '"includeIndicatorStyles": false' in html


@pytest.mark.parametrize("path", ["/t/AAAAAAAAAAAAAAAAAAAAAA/", "/nowhere"])
def test_errors_obey_it_too(as_alice: Client, path: str) -> None:
    answer = as_alice.get(path)
    assert answer.status_code == 404
    assert "script-src 'self'" in answer["Content-Security-Policy"]


def test_a_browser_that_prefers_german_gets_one_language(as_alice: Client, world: World) -> None:
    """The catalogue is English alone so far: the page says so, and the parts that libraries bring say it too."""
    html = as_alice.get(f"/t/{world.tenant.public_id}/", headers={"accept-language": "de-CH,de;q=0.9"}).content.decode()
    assert '<html lang="en">' in html
    assert "Transactions" in html
