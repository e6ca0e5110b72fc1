"""What somebody does in Xero is told to us, and the flow looks at once instead of at its next poll."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from config.supervisor.environment import sandbox_variables
from config.supervisor.home import Secrets
from sandbox.xero.people import People
from sandbox.xero.webhooks import Answer
from sync import store
from sync.tasks import run_slice
from tests.pipeline.conftest import ORGANISATION, World
from tests.pipeline.test_invoices import invoice, standing

KEY = "invented-webhook-key"
MARCH = date(2026, 3, 20)


def post_to_ours(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """The sandbox's request, in process."""
    client = Client(enforce_csrf_checks=True)
    given = {name: value for name, value in headers.items() if name != "Content-Type"}
    answer = client.post(urlsplit(url).path, data=body, content_type=headers["Content-Type"], headers=given)
    return Answer(status=answer.status_code, body=answer.content, cookies=bool(answer.cookies))


@pytest.fixture
def told(world: World, settings: Any) -> World:
    """A company at rest whose sandbox tells us what changes."""
    settings.ENV = replace(settings.ENV, xero_webhook_key=KEY)
    world.set_flow(policies={"match_invoices": "auto"})
    world.sandbox.xero.webhooks.post = post_to_ours
    world.sandbox.xero.webhooks.subscribe("http://localhost:8000/webhooks/xero", KEY)
    world.settle()
    rest(world)
    return world


def rest(world: World) -> None:
    """Two minutes later: nothing is due for three more."""
    now = store.now()
    world.set_flow(fetched_at=now - timedelta(minutes=2), next_at=now + timedelta(minutes=3))


def hear(world: World) -> int:
    return world.sandbox.xero.webhooks.deliver()


def slice_if_due(world: World) -> bool:
    """What the clock's hint does."""
    return bool(run_slice(tenant_id=world.tenant.pk, flow_id=world.flow_id))


def people(world: World) -> People:
    return world.sandbox.xero.people(ORGANISATION)


def test_an_invoice_that_was_written_is_paid_at_once(told: World) -> None:
    told.amnis.pay_in(amount="480.00", payer="Beispiel AG", reference="Rechnung RE-2026-7001", executed_on=MARCH)
    invoice(told, "RE-2026-7001", "480.00")
    assert not slice_if_due(told)

    assert hear(told) == 2  # the new contact, and its invoice
    assert told.flow().next_at <= store.now()
    assert slice_if_due(told)
    told.settle()

    assert standing(told, "RE-2026-7001")["Status"] == "PAID"
    [paid] = told.books.payments()
    assert (paid["Amount"], paid["Invoice"]["InvoiceNumber"]) == (Decimal("480.00"), "RE-2026-7001")


def test_a_contact_that_was_merged_a_moment_ago_is_followed(told: World) -> None:
    """The list of contacts may be ten minutes old where nobody says that it changed."""
    told.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    told.settle()
    hear(told)
    told.settle()
    into = people(told).type_contact(Name="Beispiel Werke AG")
    people(told).merge_contact(told.books.contact("Beispiel AG")["ContactID"], into["ContactID"])
    told.amnis.pay_in(amount="101.00", payer="Beispiel AG", executed_on=MARCH)
    rest(told)

    assert hear(told) > 0
    assert slice_if_due(told)
    told.settle()

    latest = told.books.bank_transactions()[-1]
    assert (latest["Total"], latest["Contact"]["Name"]) == (Decimal("101.00"), "Beispiel Werke AG")


def test_what_we_write_ourselves_echoes_once(told: World) -> None:
    """Xero tells us of our own contacts and payments too: one more look, which writes nothing and so ends it."""
    told.amnis.pay_in(amount="100.00", payer="Neuer Kunde AG", executed_on=MARCH)
    told.settle()
    assert hear(told) > 0
    rest(told)
    told.sync()
    written = told.books.write_calls()

    assert hear(told) == 0
    rest(told)
    assert not slice_if_due(told)
    assert (len(told.books.bank_transactions()), told.books.write_calls()) == (1, written)


def test_a_hint_that_is_forged_brings_about_nothing(told: World) -> None:
    told.sandbox.xero.webhooks.subscribe("http://localhost:8000/webhooks/xero", "a key that is guessed")
    told.amnis.pay_in(amount="480.00", payer="Beispiel AG", executed_on=MARCH)
    invoice(told, "RE-2026-7001", "480.00")
    assert hear(told) == 0
    assert not told.sandbox.xero.webhooks.is_active
    assert not slice_if_due(told)
    assert told.books.payments() == []


def test_over_the_wire_as_run_wires_it(committed_world: World, live_server: Any, settings: Any) -> None:
    """Two real sockets, the sandbox's own thread, and the variables that `./run` gives to both sides."""
    urls = dict.fromkeys(("amnis", "xero", "control"), "http://localhost:9")
    wired = sandbox_variables(urls, Secrets.fresh(), public_url=live_server.url)
    settings.ENV = replace(settings.ENV, xero_webhook_key=wired["XERO_WEBHOOK_KEY"])
    rest(committed_world)
    hooks, stop = committed_world.sandbox.xero.webhooks, threading.Event()
    hooks.subscribe(wired["SANDBOX_XERO_WEBHOOK_URL"], wired["SANDBOX_XERO_WEBHOOK_KEY"])
    teller = threading.Thread(target=hooks.run, args=(stop,), kwargs={"every": 0.02})
    teller.start()
    try:
        people(committed_world).type_contact(Name="Kontakt")
        until = time.monotonic() + 10
        while committed_world.flow().next_at > store.now():
            assert time.monotonic() < until, f"not heard: active {hooks.is_active}, {hooks.waiting} waiting"
            time.sleep(0.02)
    finally:
        stop.set()
        teller.join()
    assert (hooks.is_active, hooks.waiting) == (True, 0)
