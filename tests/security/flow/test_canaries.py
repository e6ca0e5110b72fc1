"""Canary secrets are planted everywhere, a real pass goes wrong in every way, and nothing that anybody can read has one.

Tokens, keys and links that open doors may stand nowhere, not even in a dump of the database. Account and card numbers are the
company's own books: its pages and files show them, logs, alerts and the call log do not.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import CommandError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from config import commands
from config.env import EnvError
from config.logging import configure
from config.urls import urlpatterns as real_patterns
from connectors import consent
from connectors.models import Call, Grant
from notifications import services as notifications
from sync import incidents
from sync.pipeline.result import NotConnected
from sync.pipeline.run import LeaseHeld
from tenants.models import Role, User
from tenants.scoping import tenant_scope
from tenants.services import invitation_create
from tests.notifications.servers import FakeSlack
from tests.pages.world import PASSWORD
from tests.pipeline.conftest import World
from tests.security.flow.canaries import (
    IBAN,
    MAGIC,
    PAN,
    SIGNED,
    Mirror,
    details,
    dump,
    mails,
    pages,
    printed,
    tokens_of,
)

MARCH = date(2026, 3, 2)
Read = Callable[[], str]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Iterator[Read]:
    """The program's log as in production, everything so far."""
    root, seen = logging.getLogger(), [""]
    handlers, level = root.handlers, root.level
    configure()

    def read() -> str:
        captured = capsys.readouterr()
        seen[0] += captured.err + captured.out
        return seen[0]

    yield read
    root.handlers, root.level = handlers, level


@pytest.fixture
def secrets(world: World, owner: User, slack: FakeSlack, settings: Any) -> set[str]:
    """Planted: what must be seen nowhere. The numbers of accounts and cards are planted in the movements."""
    cache.clear()
    settings.ENV = replace(
        settings.ENV,
        amnis_client_id="millrace",
        amnis_client_secret="canary-of-the-platform-at-amnis",
        xero_webhook_key="canary-of-the-webhooks-key",
    )
    with tenant_scope(world.tenant.pk):
        notifications.settings_save(actor="test", slack_webhook=slack.webhook, email=["cfo@muster.example"])
        link = invitation_create(email="new@muster.example", role=Role.AUDITOR, actor="test").url
    state = consent.start(kind="xero", tenant_id=world.tenant.pk, user_id=owner.pk, session_key="canary-session")
    for name, text in (("Canary Eins AG", IBAN), ("Canary Zwei AG", PAN)):
        world.amnis.pay_in(amount="51.00", payer=f"{name} {text}", executed_on=MARCH, reference=f"from {text}")
    row = world.amnis.card(amount="12.00", merchant="CANARY PROBE", executed_on=MARCH)
    world.amnis.change(row, magicLinkUrl=MAGIC, comment=f"see {SIGNED} and {MAGIC}", publicLink=MAGIC)
    return {
        *tokens_of(list(Grant.objects.all())),
        settings.ENV.xero_client_secret,
        settings.ENV.amnis_client_secret,
        settings.ENV.xero_webhook_key,
        settings.SECRET_KEY,
        *settings.FIELD_ENCRYPTION_KEY,
        slack.webhook.rsplit("/", 1)[-1],
        link.rstrip("/").rsplit("/", 1)[-1],
        state.split("state=")[1].split("&")[0],
        PASSWORD,
        MAGIC.rsplit("/", 1)[-1],
        SIGNED.rsplit("=", 1)[-1],
    }


def go_wrong(world: World, settings: Any) -> None:
    """A pass through every kind of trouble; vendors that repeat what they were asked among them."""
    world.sync()
    for number in range(3):
        world.amnis.payout(amount=f"{number + 70}.00", to=f"Canary Drei AG {IBAN}", executed_on=MARCH)
    for url, statuses in ((settings.ENV.amnis_base_url, [500, 400]), (settings.ENV.xero_api_url, [400, 403, 500, 401])):
        mirror = Mirror(settings.CONNECTOR_TRANSPORTS[url], statuses)
        settings.CONNECTOR_TRANSPORTS = {**settings.CONNECTOR_TRANSPORTS, url: mirror}
    faults = world.sandbox.xero.faults
    faults.lose_answer(path="BankTransactions", methods={"PUT"})
    faults.expire_token(path="BankTransactions", methods={"GET"}, after=1)
    faults.server_error(path="Contacts")
    faults.html_body(path="BankTransactions", methods={"GET"}, after=2)
    for _ in range(12):
        with suppress(NotConnected, LeaseHeld):
            world.sync()
    key = settings.ENV.xero_webhook_key
    for body in (b"{}", f'{{"events": "{key}"}}'.encode()):
        for signature in (hmac.digest(key.encode(), body, "sha256"), key.encode()):
            signed = {"x-xero-signature": base64.b64encode(signature).decode()}
            Client().post("/webhooks/xero", data=body, content_type="application/json", headers=signed)
    with tenant_scope(world.tenant.pk):
        incidents.open(
            tenant_id=world.tenant.pk, flow=None, cause="reconnect:xero", severity="critical", error_class="auth",
            title=f"Trouble with {IBAN}", body=f"The card {PAN} was refused.", action="connections",
        )  # fmt: skip
    notifications.collect()
    notifications.deliver_due()


def hits(secrets: set[str], text: str) -> list[str]:
    """Which secrets stand in the text, each with what stands around it."""
    return [text[max(0, text.index(it) - 120) : text.index(it) + 40] for it in secrets if it and it in text]


def test_a_pass_that_goes_wrong_shows_no_secret_to_anybody(
    world: World, owner: User, secrets: set[str], log: Read, slack: FakeSlack, settings: Any
) -> None:
    go_wrong(world, settings)
    secrets |= tokens_of(list(Grant.objects.all()))  # what was renewed meanwhile
    client = Client()
    client.force_login(owner)
    seen = {**pages(client, world.tenant), **details(client, world.tenant)}
    seen["commands"] = printed()
    seen |= {"slack": json.dumps(slack.posts), "mail": mails(), "log": log(), "database": dump(world.tenant)}
    with tenant_scope(world.tenant.pk):
        calls = list(Call.objects.all())
    assert len(secrets) > 13
    assert seen["log"].count("webhook_unreadable") == 2
    assert len(calls) > 10
    assert any(call.status == 400 and "You sent" in call.response_excerpt for call in calls), "the mirror was not seen"
    assert slack.posts
    assert "Canary Eins AG" in seen["transactions"]
    for name, text in seen.items():
        owned = secrets - {slack.webhook.rsplit("/", 1)[-1]} if name == "slack" else secrets  # its own address
        assert not hits(owned, text), name
    told = {name: seen[name] for name in ("slack", "mail", "log")}
    told["call log"] = "\n".join(call.request_excerpt + call.response_excerpt + call.path for call in calls)
    for name, text in told.items():
        assert not hits({IBAN, IBAN.replace(" ", ""), PAN, PAN.replace(" ", "")}, text), name


def test_what_is_planted_would_be_seen(world: World, secrets: set[str]) -> None:
    """Each secret is really there: in the row, in the vendor's answer, in the settings."""
    rows = world.amnis.ledger
    assert rows is not None
    assert {"sandbox-xero-secret", PASSWORD} <= secrets
    assert any(secret.startswith("eyJ") for secret in secrets)
    assert "canary-of-a-signed-link" in secrets


# ------------------------------------------------------------------ error reports


def broken(request: HttpRequest) -> HttpResponse:
    """A view that fails with everything in its hands."""
    token, number = request.GET["token"], IBAN
    raise ValueError(f"could not use Bearer {token} of {number} at https://hooks.slack.com/services/T/B/canary")


urlpatterns = [path("broken/", broken), *real_patterns]


def test_the_page_of_an_error_tells_nothing(owner: User, log: Read, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    client = Client(raise_request_exception=False)
    client.force_login(owner)
    token = "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiIxIn0.c2lnbmF0dXJlMTIz"
    answer = client.get("/broken/", {"token": token}, headers={"authorization": f"Bearer {token}"})
    session = Session.objects.get().session_key
    assert answer.status_code == 500
    shown, written = answer.content.decode(), log()
    assert '"exception"' in written, "the traceback was not logged"
    assert not hits({token, IBAN, "services/T/B/canary", session, "ValueError", "Traceback"}, shown)
    assert not hits({token, IBAN, "services/T/B/canary", session}, written)


def test_the_traceback_of_a_command_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiIxIn0.c2lnbmF0dXJlMTIz"

    def fail() -> int:
        raise ValueError(f"refused {token} for {IBAN}, postgresql://app:canary-word@db/books")

    assert commands.guarded(fail) == commands.DEFECT
    shown = capsys.readouterr().err
    assert "ValueError" in shown
    assert not hits({token, IBAN, "canary-word"}, shown)
    for error in (CommandError(f"no: {token}"), EnvError(f"no: {token}")):

        def refuse(error: Exception = error) -> int:
            raise error

        commands.guarded(refuse)
    assert not hits({token}, capsys.readouterr().err)
