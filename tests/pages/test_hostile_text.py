"""Names and texts come from strangers: they are shown as text, exported as text, and never as anything else."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.test import Client

from sync.domain.printable import clean_text, csv_cell
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pages.routes import PAGES, ROUTES
from tests.pages.world import World, add_movement, finding

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% now 'Y' %}",
    "javascript:alert(1)",
    "' OR 1=1 --",
    '=HYPERLINK("http://evil.example")',
    "\u202egnp.exe",
    "a\u0000b\u001b[31mred",
    "&lt;b&gt;",
    "\U0001f9fe" * 200,
]


@pytest.fixture
def marked(world: World) -> World:
    """The company after every hostile text has arrived in every field that a stranger can fill."""
    with tenant_scope(world.tenant.pk):
        for number, text in enumerate(HOSTILE):
            storable = text.replace("\u0000", "")
            add_movement(
                world,
                f"hostile{number}",
                state="review",
                counterparty=storable,
                text=storable,
                findings=[finding("contact_missing", f"Who is {storable}?", detail=storable)],
            )
    return world


def test_no_page_runs_what_a_stranger_wrote(as_alice: Client, marked: World) -> None:
    for name in PAGES:
        if not name.endswith("export"):
            _check(as_alice.get(ROUTES[name].address(name, marked), follow=True).content.decode())


def test_the_page_of_a_hostile_movement_shows_it_as_text(as_alice: Client, marked: World) -> None:
    for number in range(len(HOSTILE)):
        record = marked.records[f"hostile{number}"]
        html = as_alice.get(f"/t/{marked.tenant.public_id}/transactions/{record.pk}/").content.decode()
        _check(html)
        assert ("&lt;script&gt;alert(1)&lt;/script&gt;" in html) == (number == 0)


def test_a_search_is_repeated_as_text(as_alice: Client, world: World) -> None:
    for text in HOSTILE:
        _check(as_alice.get(f"/t/{world.tenant.public_id}/transactions/", {"q": text}).content.decode())


def test_odd_addresses_show_the_list(as_alice: Client, world: World) -> None:
    for query in (
        "after=x",
        "after=2026-13-01.5",
        "after=none.99999999999999999999",
        "from=31.12.2026",
        "state=%00",
        "q=%00",
    ):
        assert as_alice.get(f"/t/{world.tenant.public_id}/transactions/?{query}").status_code == 200


def test_the_export_runs_in_no_spreadsheet(as_alice: Client, marked: World) -> None:
    content = as_alice.get(f"/t/{marked.tenant.public_id}/transactions/export.csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    cells = [cell for row in rows for name, cell in row.items() if name != "amount"]
    assert [cell for cell in cells if cell.lstrip()[:1] in tuple("=+-@")] == []
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert {"-120.50", "8400.00"} <= {row["amount"] for row in rows}


def test_an_export_is_written_down(as_alice: Client, world: World) -> None:
    as_alice.get(f"/t/{world.tenant.public_id}/transactions/export.csv?q=Kunde")
    with tenant_scope(world.tenant.pk):
        last = AuditEvent.objects.order_by("-position")[0]
    assert (last.action, last.target, last.actor) == ("export", "transactions", "alice@muster.example")
    assert last.after == {"q": "Kunde"}


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+41 44 123 45 67", "'+41 44 123 45 67"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\t=1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("-120.50", "-120.50"),
        ("--1", "'--1"),
        ("Rent;=1+1", "Rent;'=1+1"),
        ("-1200", "-1200"),
        ("plain", "plain"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_cell_that_starts_like_a_formula_gets_an_apostrophe(text: str | None, cell: str) -> None:
    assert csv_cell(text) == cell


def test_cleaning_takes_what_hides_and_keeps_what_people_write() -> None:
    assert clean_text("a\u202eb\u200bc\u0007d") == "abcd"
    assert clean_text("Zürich\nBern") == "Zürich Bern"
    assert clean_text("a\nb\tc", keep_lines=True) == "a\nb\tc"
    assert clean_text("\u0645\u06cc\u200c\u062e") == "\u0645\u06cc\u200c\u062e"


def _check(html: str) -> None:
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert 'href="javascript:' not in html
    assert not re.search(r">49([<{\s]|20\d\d)", html), "a template was run"
    for hidden in ("\u202e", "\u001b", "\u0000"):
        assert hidden not in html


@pytest.mark.parametrize(
    ("path", "field"),
    [("accounts/ignore/", "reason"), ("accounts/statements/file/", "wallet"), ("proof/verify/", "sha256")],
)
def test_a_nul_character_in_a_form_is_refused_in_words(as_alice: Client, world: World, path: str, field: str) -> None:
    answer = as_alice.post(f"/t/{world.tenant.public_id}/{path}", {field: "a\x00b"})
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.content.decode()
