"""The tenant's own rates in the browser: a file or a typed rate, the preview, one confirmation, the list and its export."""

from __future__ import annotations

import csv
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from sync.models import Entry, EntryState, Flow, RateTableRow
from tenants.models import AuditEvent, User
from tenants.scoping import tenant_scope
from tests.domain.test_rate_tables import HEAD, MONTHLY
from tests.pages.routes import ONE_RATE
from tests.pages.world import World, add_movement, finding


@pytest.fixture
def as_bob(client: Client, bob: User) -> Client:
    client.force_login(bob)
    return client


@pytest.fixture
def as_anna(client: Client, anna: User) -> Client:
    client.force_login(anna)
    return client


@pytest.fixture
def address(world: World) -> str:
    with tenant_scope(world.tenant.pk):
        Flow.objects.update(policies={"rate": "table"})
    return f"/t/{world.tenant.public_id}/rates/"


def upload(client: Client, address: str, content: str, **fields: str) -> Any:
    return client.post(f"{address}preview/", {"file": SimpleUploadedFile("rates", content.encode()), **fields})


def rows(world: World) -> list[tuple[str, str, str]]:
    with tenant_scope(world.tenant.pk):
        found = RateTableRow.objects.order_by("table__version", "currency").select_related("table")
        return [(row.currency, str(row.per_base), row.table.method) for row in found]


def test_the_file_of_the_authority_is_previewed_then_taken(as_bob: Client, world: World, address: str) -> None:
    seen = upload(as_bob, address, MONTHLY)

    assert seen.status_code == 200
    assert rows(world) == [], "a preview keeps nothing"
    form = seen.context["form"]
    assert (form.method, form.source) == ("monthly", "Swiss Federal Tax Administration")
    said = as_bob.post(
        f"{address}take/", {"text": form.text, "method": form.method.value, "source": form.source}, follow=True
    )
    # 1 / 0.9476 = 1.055298; 100 / 0.5819 = 171.850833
    assert rows(world) == [("EUR", "1.055298", "monthly"), ("JPY", "171.850833", "monthly")]
    assert "Version 1 of your rates is in force" in said.content.decode()
    with tenant_scope(world.tenant.pk):
        assert AuditEvent.objects.filter(action="rates.add", actor="bob@muster.example").exists()


def test_a_typed_rate_without_a_last_day_holds_to_the_end_of_its_month(
    as_bob: Client, world: World, address: str
) -> None:
    as_bob.post(f"{address}take/", ONE_RATE)

    with tenant_scope(world.tenant.pk):
        row = RateTableRow.objects.get()
    assert (row.valid_from, row.valid_to) == (date(2026, 3, 1), date(2026, 3, 31))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HEAD + "EUR,2026-03-01,2026-03-31,abc,1,base_per_foreign\n", "Line 2: “abc” is not a number like 0.9512"),
        ("<html/>", "not the Swiss table of monthly or daily rates"),
        (HEAD + "CHF,2026-03-01,2026-03-31,1,1,base_per_foreign\n", "Line 2: CHF is the currency of the books"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_by_line(
    as_bob: Client, world: World, address: str, content: str, words: str
) -> None:
    answer = upload(as_bob, address, content, method="monthly", source="ESTV")

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert rows(world) == []


def test_a_doubtful_rate_needs_its_tick(as_bob: Client, world: World, address: str) -> None:
    """0.9476 CHF for a EUR is known; 1.0553 typed the wrong way round would fit turned upside down."""
    as_bob.post(f"{address}take/", ONE_RATE)
    wrong = {**ONE_RATE, "rate": "1.0553", "valid_from": "2026-04-01"}

    preview = as_bob.post(f"{address}preview/", wrong).content.decode()
    assert "Turned upside down it would fit" in preview
    assert 'name="confirmed"' in preview
    assert as_bob.post(f"{address}take/", wrong).status_code == 422
    assert len(rows(world)) == 1
    assert as_bob.post(f"{address}take/", {**wrong, "confirmed": "yes"}).status_code == 302


def test_what_waits_for_a_rate_is_named_and_counted(as_bob: Client, world: World, address: str) -> None:
    with tenant_scope(world.tenant.pk):
        for number in range(2):
            missing = finding("rate_missing", "No rate.", detail="EUR 2026-03")
            add_movement(world, f"waits{number}", state="review", findings=[missing])
        Entry.objects.filter(findings__contains=[{"code": "rate_missing"}]).update(
            booking_date=date(2026, 3, 4), destination_id=None
        )

    page = as_bob.get(address)
    assert [(it.currency, it.month, it.movements) for it in page.context["missing"]] == [("EUR", date(2026, 3, 1), 2)]

    as_bob.post(f"{address}take/", ONE_RATE)
    with tenant_scope(world.tenant.pk):
        moved = [world.entries[name].pk for name in ("waits0", "waits1")]
        states = set(Entry.objects.filter(pk__in=moved).values_list("state", flat=True))
    assert states == {EntryState.FETCHED}, "they are decided anew"


def test_a_replaced_rate_stays_in_the_list_and_in_the_export(as_bob: Client, world: World, address: str) -> None:
    as_bob.post(f"{address}take/", ONE_RATE)
    as_bob.post(f"{address}take/", {**ONE_RATE, "rate": "0.9500"})

    page = as_bob.get(address)
    assert [row.replaced for row in page.context["page"].items] == [False, True]
    [header, *lines] = csv.reader(StringIO(as_bob.get(f"{address}export.csv").content.decode("utf-8-sig")))
    found = [dict(zip(header, line, strict=True)) for line in lines]
    assert [(it["rate"], it["per_base"], it["version"], it["replaced"]) for it in found] == [
        ("0.95", "1.052632", "2", "no"),
        ("0.9476", "1.055298", "1", "yes"),
    ]


def test_an_auditor_sees_the_rates_and_adds_none(as_anna: Client, world: World, address: str) -> None:
    assert as_anna.get(address).status_code == 200
    assert b'id="rate"' not in as_anna.get(address).content
    assert as_anna.post(f"{address}take/", ONE_RATE).status_code == 403
