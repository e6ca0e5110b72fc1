"""Changes of contacts and invoices are told to who listens, signed, in order, until they are heard."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from yaml import safe_load

from sandbox.app import Sandbox
from sandbox.scenarios import reset
from sandbox.xero.people import People
from sandbox.xero.seed import TRADING
from sandbox.xero.webhooks import Answer, post_over_http
from tests.connectors.xero.spec import specs_folder
from tests.sandbox.xero.conftest import Office

YES = Answer(status=200)
URL, KEY = "http://localhost:8000/webhooks/xero", "invented-key"


def signature(body: bytes, key: str = KEY) -> str:
    return base64.b64encode(hmac.new(key.encode(), body, "sha256").digest()).decode()


@dataclass
class Listener:
    """Answers as the documentation asks for; `statuses` are answered first to what is rightly signed."""

    statuses: list[int] = field(default_factory=list)
    answer: Answer = YES
    asked: int = 0
    heard: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        assert url == URL
        self.asked += 1
        if headers["x-xero-signature"] != signature(body):
            return Answer(status=401)
        content = json.loads(body)
        if content["events"] and self.statuses:
            return Answer(status=self.statuses.pop(0))
        if content["events"]:
            self.heard.append(content)
        return self.answer

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for content in self.heard for event in content["events"]]


@pytest.fixture
def listener(office: Office) -> Listener:
    found = Listener()
    office.xero.webhooks.post = found
    office.xero.webhooks.subscribe(URL, KEY)
    return found


@pytest.fixture
def people(office: Office) -> People:
    return office.xero.people(TRADING)


def bill(people: People, number: str) -> dict[str, Any]:
    return people.type_invoice(
        Type="ACCPAY",
        InvoiceNumber=number,
        Contact={"Name": "Neu AG"},
        Date="2026-11-10",
        DueDate="2026-11-30",
        LineAmountTypes="NoTax",
        LineItems=[{"Description": "Paper", "Quantity": 1, "UnitAmount": "100.00", "AccountCode": "400"}],
    )


def test_each_change_is_told_once_and_in_order(office: Office, people: People, listener: Listener) -> None:
    made = bill(people, "B-1")
    people.rename_contact(made["Contact"]["ContactID"], "Neuer AG")
    people.credit(made["InvoiceID"], Decimal("40.00"))

    assert office.xero.webhooks.deliver() == 4
    assert office.xero.webhooks.deliver() == 0

    told = [(event["eventCategory"], event["eventType"], event["resourceId"]) for event in listener.events]
    contact, invoice = made["Contact"]["ContactID"], made["InvoiceID"]
    assert told == [
        ("CONTACT", "CREATE", contact),
        ("INVOICE", "CREATE", invoice),
        ("CONTACT", "UPDATE", contact),
        ("INVOICE", "UPDATE", invoice),
    ]
    assert {event["tenantId"] for event in listener.events} == {office.org(TRADING)}
    assert listener.events[0]["eventDateUtc"] == "2026-11-20T09:00:00.000"
    assert listener.events[0]["resourceUrl"] == f"https://api.xero.com/api.xro/2.0/Contacts/{contact}"


def test_what_is_sent_has_the_shape_of_the_specification(office: Office, people: People, listener: Listener) -> None:
    folder = specs_folder()
    if folder is None:
        pytest.skip("the vendors' specifications are not at hand")
    schema = safe_load((folder / "xero-webhooks.yaml").read_text())["components"]["schemas"]["WebhookEvent"]
    bill(people, "B-1")
    office.xero.webhooks.deliver()
    (content,) = listener.heard
    Draft202012Validator(schema).validate(content)


def test_many_changes_go_in_batches(office: Office, people: People, listener: Listener) -> None:
    for number in range(250):
        people.type_contact(Name=f"Kontakt {number}")
    assert office.xero.webhooks.deliver() == 250
    assert [len(content["events"]) for content in listener.heard] == [100, 100, 50]
    ends = [(content["firstEventSequence"], content["lastEventSequence"]) for content in listener.heard]
    assert ends == [(1, 100), (101, 200), (201, 250)]


def test_what_was_not_heard_is_told_again(office: Office, people: People, listener: Listener) -> None:
    listener.statuses = [500, 0]
    people.type_contact(Name="Kontakt")
    assert office.xero.webhooks.deliver() == 0
    assert office.xero.webhooks.deliver() == 0  # at once
    assert office.xero.webhooks.deliver() == 0  # waits
    assert listener.statuses == []
    office.clock.advance(seconds=15)
    assert office.xero.webhooks.deliver() == 1
    assert office.xero.webhooks.waiting == 0


def test_who_fails_too_often_has_to_show_its_intent_again(office: Office, people: People, listener: Listener) -> None:
    people.type_contact(Name="Kontakt")
    listener.statuses = [500] * 4
    for _ in range(4):
        office.xero.webhooks.deliver()
        office.clock.advance(seconds=60)
    assert not office.xero.webhooks.is_active
    assert office.xero.webhooks.deliver() == 1
    assert office.xero.webhooks.is_active


@pytest.mark.parametrize(
    "answer",
    [Answer(status=0), Answer(status=202), Answer(status=200, body=b"ok"), Answer(status=200, cookies=True)],
)
def test_who_answers_otherwise_is_told_nothing(
    office: Office, people: People, listener: Listener, answer: Answer
) -> None:
    listener.answer = answer
    people.type_contact(Name="Kontakt")
    assert office.xero.webhooks.deliver() == 0
    assert (office.xero.webhooks.is_active, listener.heard) == (False, [])


def test_who_takes_every_signature_is_told_nothing(office: Office, people: People, listener: Listener) -> None:
    office.xero.webhooks.post = lambda url, body, headers: Answer(status=200)
    people.type_contact(Name="Kontakt")
    assert office.xero.webhooks.deliver() == 0
    assert office.xero.webhooks.waiting == 1


def test_a_change_that_is_taken_back_is_not_told(office: Office, people: People, listener: Listener) -> None:
    def change_and_fail() -> None:
        with office.xero.core.store.transaction():
            people.type_contact(Name="Kontakt")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_and_fail()
    assert office.xero.webhooks.deliver() == 0


def test_without_a_listener_nothing_is_kept(office: Office, people: People, listener: Listener) -> None:
    people.type_contact(Name="Kontakt")
    office.xero.webhooks.subscribe("", "")
    people.type_contact(Name="Kontakt 2")
    assert office.xero.webhooks.waiting == 0
    assert (office.xero.webhooks.deliver(), listener.asked) == (0, 0)


@pytest.mark.parametrize("url", ["https://localhost/x", "http://books.example/x", "http://169.254.169.254/", "x"])
def test_another_machine_is_never_told(office: Office, url: str) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        office.xero.webhooks.subscribe(url, KEY)


def test_a_subscription_survives_a_reset(sandbox_world: Sandbox) -> None:
    sandbox_world.xero.webhooks.post = listener = Listener()
    sandbox_world.xero.webhooks.subscribe(URL, KEY)
    reset(sandbox_world, empty=True)
    assert sandbox_world.xero.webhooks.deliver() > 0
    assert "CREATE" in {event["eventType"] for event in listener.events}


@pytest.fixture
def sandbox_world() -> Any:
    world = Sandbox(None, limits=False)
    yield world
    world.close()


def test_over_the_wire(serve: Callable[[int], str]) -> None:
    """A real server: the status is told, no redirect followed, nobody there is status 0."""
    assert post_over_http(serve(200), b"{}", {"x-xero-signature": "s"}) == Answer(status=200)
    assert post_over_http(serve(302), b"{}", {}).status == 302
    assert post_over_http("http://localhost:9/nobody", b"{}", {}).status == 0


@pytest.fixture
def serve() -> Any:
    servers: list[HTTPServer] = []

    def start(status: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.send_header("Location", "http://localhost:9/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}/webhooks/xero"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
