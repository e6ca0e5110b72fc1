"""The door for Xero's webhooks: nothing gets in without the key, and with it nothing but the hint that it is time to look.

What counts is what the database holds afterwards: of the company, and of the stranger's.
"""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connectors.models import Connection
from connectors.xero import webhooks
from sync import store
from sync.models import Flow
from tenants.models import Tenant
from tenants.scoping import tenant_scope
from tests.pages.test_access import taken_back
from tests.pages.world import World, make_company
from tests.security.flow.canaries import dump
from tests.security.vendors.test_bombs import BOMBS, little_memory

KEY = "invented-webhook-key-of-the-tests"
DOOR = "/webhooks/xero"
OURS, THEIRS = "c2cc9b6e-9458-4c7d-93cc-f02b81b0594f", "11111111-2222-4333-8444-555555555555"
RESTING = timedelta(minutes=5)
MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def _key(settings: Any, reached_vendors: None) -> None:
    settings.ENV = replace(settings.ENV, xero_webhook_key=KEY)


@pytest.fixture
def ours(world: World) -> Tenant:
    return at_rest(world, OURS)


@pytest.fixture
def theirs(db: None) -> Tenant:
    return at_rest(make_company(slug="andere", name="Andere GmbH"), THEIRS)


def at_rest(world: World, organisation: str) -> Tenant:
    """Connected with this organisation; looked a while ago and looks again in five minutes."""
    with tenant_scope(world.tenant.pk):
        Connection.objects.filter(kind="xero").update(external_id=organisation, status="active")
        now = store.now()
        earlier = {"fetched_at": now - RESTING, "contacts_read_at": now - timedelta(seconds=1)}
        Flow.objects.update(state="active", next_at=now + RESTING, lease_until=None, **earlier)
    return world.tenant


def event(organisation: str = OURS, **changes: Any) -> dict[str, Any]:
    return {
        "resourceUrl": "https://api.xero.com/api.xro/2.0/Invoices/717f2bfc-c6d4-41fd-b238-3f2f0c0cf777",
        "resourceId": "717f2bfc-c6d4-41fd-b238-3f2f0c0cf777",
        "eventDateUtc": "2026-06-21T01:15:39.902",
        "eventType": "UPDATE",
        "eventCategory": "INVOICE",
        "tenantId": organisation,
        "tenantType": "ORGANISATION",
        **changes,
    }


def body(*events: Any) -> bytes:
    return json.dumps(
        {"events": list(events), "firstEventSequence": 1, "lastEventSequence": 1, "entropy": "S0m3r4Nd0mt3xt"}
    ).encode()


def signature(content: bytes, key: str = KEY) -> str:
    return base64.b64encode(hmac.new(key.encode(), content, "sha256").digest()).decode()


def knock(content: bytes, signed: str | None = None, *, client: Client | None = None) -> Any:
    """POST these bytes, rightly signed unless `signed` says otherwise."""
    given = {"x-xero-signature": signature(content) if signed is None else signed}
    return (client or Client()).post(DOOR, data=content, content_type="application/json", headers=given)


def flow_of(tenant: Tenant) -> Flow:
    with tenant_scope(tenant.pk):
        return Flow.objects.get()


def is_due(tenant: Tenant) -> bool:
    with tenant_scope(tenant.pk):
        return Flow.objects.get().next_at <= store.now()


def told_until(tenant: Tenant) -> datetime | None:
    with tenant_scope(tenant.pk):
        return Connection.objects.get(kind="xero").told_until


# ------------------------------------------------------------------------ what is meant


def test_a_change_makes_the_flow_due_and_has_the_contacts_read_anew(ours: Tenant, theirs: Tenant) -> None:
    stranger = dump(theirs)
    answer = knock(body(event()))
    assert (answer.status_code, answer.content, answer.cookies) == (200, b"", {})
    assert is_due(ours)
    read_at = flow_of(ours).contacts_read_at
    assert read_at is not None
    assert timezone.now() - read_at > timedelta(minutes=9)  # ten minutes is how old the list may be
    assert dump(theirs) == stranger


def test_the_event_leaves_nothing_but_its_time(ours: Tenant) -> None:
    at = datetime.fromisoformat("2026-06-21T01:15:39.902+00:00")
    knock(body(event(resourceUrl="https://evil.example/x", resourceId="canary-resource", data={"Type": "canary"})))
    assert told_until(ours) == at
    assert not [word for word in ("canary-resource", "evil.example", '"canary"') if word in dump(ours)]


def test_the_intent_to_receive(ours: Tenant) -> None:
    before = dump(ours)
    asked = json.dumps({"events": [], "firstEventSequence": 0, "lastEventSequence": 0, "entropy": "x"}).encode()
    right, wrong = knock(asked), knock(asked, signature(asked, "another key"))
    assert (right.status_code, right.content, wrong.status_code, wrong.content) == (200, b"", 401, b"")
    assert dump(ours) == before


@pytest.mark.parametrize("category", ["CONTACT", "INVOICE", "CREDITNOTE", "PREPAYMENT", "OVERPAYMENT"])
def test_every_kind_about_the_books_is_heard(ours: Tenant, category: str) -> None:
    knock(body(event(eventCategory=category, eventType="CREATE")))
    assert is_due(ours)


def test_two_companies_in_one_body_are_both_heard(ours: Tenant, theirs: Tenant) -> None:
    knock(body(event(), event(THEIRS.upper())))
    assert (is_due(ours), is_due(theirs)) == (True, True)


def test_the_same_organisation_connected_twice_is_heard_by_both(ours: Tenant, theirs: Tenant) -> None:
    with tenant_scope(theirs.pk):
        Connection.objects.filter(kind="xero").update(external_id=OURS)
    knock(body(event()))
    assert (is_due(ours), is_due(theirs)) == (True, True)


# ------------------------------------------------------------------------------ forgery

CONTENT = body(event())
RIGHT = signature(CONTENT)
FORGED: dict[str, str] = {
    "missing": "",
    "another key": signature(CONTENT, "another key"),
    "no key": signature(CONTENT, ""),
    "another body": signature(body(event(eventType="CREATE"))),
    "re-serialised": signature(json.dumps(json.loads(CONTENT), separators=(",", ":")).encode()),
    "pretty": signature(json.dumps(json.loads(CONTENT), indent=1).encode()),
    "uppercase": RIGHT.upper(),
    "lowercase": RIGHT.lower(),
    "whitespace before": f" {RIGHT}",
    "whitespace after": f"{RIGHT} ",
    "whitespace inside": f"{RIGHT[:20]} {RIGHT[20:]}",
    "without padding": RIGHT.rstrip("="),
    "more padding": f"{RIGHT}=",
    "url-safe": base64.urlsafe_b64encode(base64.b64decode(RIGHT)).decode().replace("=", "%3D"),
    "hexadecimal": base64.b64decode(RIGHT).hex(),
    "its beginning": RIGHT[:-1],
    "twice": f"{RIGHT},{RIGHT}",
    "a prefix": f"sha256={RIGHT}",
    "not ASCII": "ÿ" + RIGHT[1:],
    "not base64": "%%%",
    "very long": RIGHT * 10_000,
    "the key itself": KEY,
    "SHA-1": base64.b64encode(hmac.new(KEY.encode(), CONTENT, "sha1").digest()).decode(),
    "SHA-512": base64.b64encode(hmac.new(KEY.encode(), CONTENT, "sha512").digest()).decode(),
}


def test_a_forged_signature_opens_nothing(ours: Tenant) -> None:
    before = dump(ours)
    for how, forged in FORGED.items():
        with CaptureQueriesContext(connection) as asked:
            answer = knock(CONTENT, forged)
        assert (how, answer.status_code, answer.content, answer.cookies) == (how, 401, b"", {})
        assert len(asked) == 0, "the database was asked before the signature was known to be right"
    assert dump(ours) == before
    assert knock(CONTENT, RIGHT).status_code == 200


def test_each_byte_is_signed(ours: Tenant) -> None:
    before = dump(ours)
    for place in (0, 1, len(CONTENT) // 2, len(CONTENT) - 1):
        changed = bytearray(CONTENT)
        changed[place] ^= 1
        for content in (bytes(changed), CONTENT[:place], CONTENT + b" ", b"\xef\xbb\xbf" + CONTENT):
            assert knock(content, RIGHT).status_code == 401
    assert dump(ours) == before


def test_a_signature_in_another_place_is_none(ours: Tenant) -> None:
    before = dump(ours)
    client = Client()
    for content_type in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"):
        for path in (f"{DOOR}?x-xero-signature={RIGHT}", f"{DOOR}?signature={RIGHT}"):
            answer = client.post(path, data=CONTENT, content_type=content_type, headers={"signature": RIGHT})
            assert answer.status_code == 401
    assert dump(ours) == before


def test_how_the_body_calls_itself_does_not_matter(ours: Tenant) -> None:
    """The signature is over the bytes: a form's parser must not have eaten them."""
    for number, kind in enumerate(("application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/xml")):
        content = body(event(eventDateUtc=f"2026-06-21T01:15:3{number}"))
        answer = Client().post(DOOR, data=content, content_type=kind, headers={"x-xero-signature": signature(content)})
        assert answer.status_code == 200, kind
        assert told_until(ours) == datetime.fromisoformat(f"2026-06-21T01:15:3{number}+00:00")


def test_right_and_wrong_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is a property of the function that compares: it is asked whatever was sent."""
    asked: list[tuple[bytes, bytes]] = []

    def note(one: bytes, other: bytes) -> bool:
        asked.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", note)
    assert webhooks.is_signed(CONTENT, RIGHT, key=KEY)
    assert not webhooks.is_signed(CONTENT, RIGHT, key="another")
    assert not webhooks.is_signed(CONTENT, "", key=KEY)
    assert len(asked) == 3


def test_without_a_key_there_is_no_door(ours: Tenant, settings: Any) -> None:
    settings.ENV = replace(settings.ENV, xero_webhook_key="")
    before = dump(ours)
    for method in ("get", "post", "put", "delete", "patch", "head", "options"):
        for signed in (signature(CONTENT, ""), RIGHT, ""):
            assert ask(method, signed).status_code == 404, method
    assert not webhooks.is_signed(CONTENT, signature(CONTENT, ""), key="")
    assert dump(ours) == before


def test_the_door_knows_post_alone(ours: Tenant) -> None:
    before = dump(ours)
    for method in ("get", "put", "delete", "patch", "head", "options", "trace"):
        answer = ask(method, RIGHT)
        assert (method, answer.status_code, answer["Allow"], answer.content) == (method, 405, "POST", b"")
    assert dump(ours) == before


def ask(method: str, signed: str) -> Any:
    sent = {} if method in ("get", "head", "trace") else {"data": CONTENT, "content_type": "application/json"}
    return getattr(Client(), method)(DOOR, headers={"x-xero-signature": signed}, **sent)


def test_neither_session_nor_token_is_asked_for_or_given(as_alice: Client, ours: Tenant) -> None:
    """Somebody signed in gets no more and no less; a check for forged forms would keep Xero out."""
    careful = Client(enforce_csrf_checks=True)
    assert knock(CONTENT, client=careful).status_code == 200
    assert knock(CONTENT, "", client=careful).status_code == 401
    answer = knock(CONTENT, "", client=as_alice)
    assert (answer.status_code, answer.cookies) == (401, {})


# ------------------------------------------------------------------------ signed, but of no use


def test_a_replay_changes_nothing(ours: Tenant) -> None:
    knock(CONTENT)
    rest(ours)
    before = dump(ours)
    for _ in range(3):
        assert knock(CONTENT).status_code == 200
    assert dump(ours) == before


def test_what_is_told_late_was_read_already(ours: Tenant) -> None:
    """What changed before the newest change that was told of was read with that."""
    knock(body(event(eventDateUtc="2026-06-21T02:00:00")))
    rest(ours)
    before = dump(ours)
    knock(body(event(eventDateUtc="2026-06-21T01:59:59.999"), event(eventCategory="CONTACT")))
    assert dump(ours) == before
    knock(body(event(eventDateUtc="2026-06-21T02:00:00.001"), event()))
    assert is_due(ours)


def test_a_time_to_come_shuts_nothing_out(ours: Tenant) -> None:
    knock(body(event(eventDateUtc="9999-12-31T23:59:59.999")))
    marked = told_until(ours)
    assert marked is not None
    assert abs(timezone.now() - marked) < timedelta(minutes=1)
    rest(ours)
    later = (timezone.now() + timedelta(seconds=1)).replace(tzinfo=None).isoformat()
    knock(body(event(eventDateUtc=later)))
    assert is_due(ours)


def rest(tenant: Tenant) -> None:
    """As after a slice some time ago."""
    with tenant_scope(tenant.pk):
        Flow.objects.update(next_at=store.now() + RESTING)


OF_NO_USE: dict[str, Any] = {
    "an organisation that nobody connected": event("99999999-9458-4c7d-93cc-f02b81b0594f"),
    "an application": event(tenantType="APPLICATION", eventCategory="SUBSCRIPTION"),
    "an application with a company's id": event(tenantType="APPLICATION"),
    "a subscription of a company": event(eventCategory="SUBSCRIPTION"),
    "a kind that nobody knows": event(eventCategory="PAYROLL"),
    "a kind that is no text": event(eventCategory=["INVOICE"]),
    "a type that nobody knows": event(eventType="DELETE"),
    "no organisation": event(tenantId=None),
    "an organisation that is a number": event(tenantId=1),
    "an organisation that is a list": event(tenantId=[OURS]),
    "an organisation that is a pattern": event(tenantId="%"),
    "SQL": event(tenantId=f"{OURS}' OR '1'='1"),
    "an empty organisation": event(tenantId=""),
    "no time": {name: value for name, value in event().items() if name != "eventDateUtc"},
    "a time that is none": event(eventDateUtc="yesterday"),
    "a time that is a number": event(eventDateUtc=1),
    "a time before all times": event(eventDateUtc="0001-01-01T00:00:00+14:00"),
    "a word": "event",
    "nothing": None,
    "a list": [event()],
    "another shape": {"event": event()},
}


def test_what_cannot_be_used_is_answered_and_changes_nothing(ours: Tenant, theirs: Tenant) -> None:
    before = dump(ours), dump(theirs)
    for what, useless in OF_NO_USE.items():
        answer = knock(body(useless))
        assert (what, answer.status_code, answer.content) == (what, 200, b"")
    assert (dump(ours), dump(theirs)) == before
    for what, useless in OF_NO_USE.items():  # what is right beside it counts
        with taken_back():
            assert knock(body(useless, event(), useless)).status_code == 200
            assert (what, is_due(ours), is_due(theirs)) == (what, True, False)


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "cut off": CONTENT[:-10],
    "not JSON": b"<xml/>",
    "not UTF-8": b'{"events": ["\xff"]}',
    "a list": b"[]",
    "null": b"null",
    "no events": b"{}",
    "events that are none": b'{"events": {"a": 1}}',
    **BOMBS,
}


def test_a_signed_body_that_is_malformed_is_answered_and_logged(ours: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    before = dump(ours)
    for how, content in MALFORMED.items():
        caplog.clear()
        with little_memory():
            answer = knock(content)
        large = len(content) > MEGABYTE
        assert (how, answer.status_code, answer.content) == (how, 413 if large else 200, b"")
        assert large or "webhook_unreadable" in caplog.text, how
    assert dump(ours) == before


def test_a_body_above_one_megabyte_is_not_read(ours: Tenant) -> None:
    padded = json.dumps({"events": [event()], "entropy": "x" * (MEGABYTE - 400)}).encode()
    exact = padded[:-2] + b"y" * (MEGABYTE - len(padded)) + b'"}'
    assert len(exact) == MEGABYTE
    before = dump(ours)
    larger = exact[:-2] + b'y"}'
    for signed in (None, ""):
        assert knock(larger, signed).status_code == 413
    # It says that it is large and sends nothing: whoever waited for the rest would wait for ever.
    said = Client().post(DOOR, data=b"", content_type="application/json", CONTENT_LENGTH=str(2 * MEGABYTE))
    assert said.status_code == 413
    assert dump(ours) == before
    assert knock(exact).status_code == 200
    assert is_due(ours)


def test_a_paused_flow_and_a_lost_connection_are_left_alone(ours: Tenant, theirs: Tenant) -> None:
    with tenant_scope(ours.pk):
        Flow.objects.update(state="paused")
    with tenant_scope(theirs.pk):
        Connection.objects.filter(kind="xero").update(status="disconnected")
    knock(body(event(), event(THEIRS)))
    assert (is_due(ours), flow_of(ours).state) == (False, "paused")
    assert (is_due(theirs), told_until(theirs)) == (False, None)


# ------------------------------------------------------------------------------ a flood


def test_a_flood_is_one_hint(ours: Tenant) -> None:
    """Three thousand events in a body cost as many statements as one; each further body leaves the flow as due as it was."""

    def at(number: int) -> str:
        return f"2026-06-21T01:{number // 60:02d}:{number % 60:02d}"

    with CaptureQueriesContext(connection) as one:
        knock(body(event(eventDateUtc=at(0))))
    rest(ours)
    with CaptureQueriesContext(connection) as many:
        knock(body(*(event(eventDateUtc=at(1 + number % 60)) for number in range(2_500))))
    assert len(many) == len(one)
    due = flow_of(ours).next_at
    assert due <= timezone.now()
    for number in range(100, 130):
        knock(body(event(eventDateUtc=at(number))))
    assert flow_of(ours).next_at == due


def test_a_flow_that_has_just_looked_waits_a_moment(ours: Tenant) -> None:
    """Else each body of a flood would bring about a slice of its own, and calls of Xero's and Amnis's limits."""
    with tenant_scope(ours.pk):
        now = store.now()
        Flow.objects.update(fetched_at=now)
    for second in range(10):
        knock(body(event(eventDateUtc=f"2026-06-21T01:15:0{second}")))
    assert flow_of(ours).next_at == now + timedelta(seconds=15)


def test_what_changes_while_a_slice_reads_is_looked_at_after_it(ours: Tenant) -> None:
    with tenant_scope(ours.pk):
        epoch, _ = store.take_lease(flow_of(ours).pk, seconds=60) or (0, None)
        was_due = flow_of(ours).next_at
    knock(body(event()))
    with tenant_scope(ours.pk):
        now = store.now()
        store.end_lease(flow_of(ours).pk, epoch=epoch, wait=RESTING, was_due=was_due)
    assert timedelta() < flow_of(ours).next_at - now <= timedelta(seconds=15)
