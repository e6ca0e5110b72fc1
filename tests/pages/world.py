"""Rows for the pages, made straight in the tables: what the pipeline would have left behind."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from connectors.contract.records import Account
from connectors.models import Call, Connection, Grant, Reference
from sync.models import (
    AccountMapping,
    Amendment,
    ContactIdentity,
    ContactLink,
    Entry,
    EntryState,
    Event,
    Flow,
    Incident,
    MirrorDocument,
    Proof,
    PushAttempt,
    PushIntent,
    PushIntentItem,
    Record,
    RecordState,
    Rule,
    Run,
)
from tenants import audit
from tenants.models import Role, Tenant, User
from tenants.scoping import tenant_scope
from tenants.services import membership_add, tenant_create, user_create

PASSWORD = "correct horse battery staple"
ACTOR = "alice@muster.example"
BANKS = {"acc-chf": ("090", "Amnis CHF", "CHF"), "acc-eur": ("091", "Amnis EUR", "EUR")}
LINES_ACCOUNTS = {"exp": ("400", "Purchases"), "inc": ("200", "Sales"), "clr": ("850", "FX clearing")}


@dataclass(slots=True, kw_only=True)
class World:
    """A company's rows, by name."""

    tenant: Tenant
    flow: Flow
    records: dict[str, Record] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    run: Run
    rule: Rule
    contact: ContactLink
    proof: Proof = field(init=False)
    serial: int = 0
    batch: uuid.UUID = field(default_factory=uuid.uuid4)  # of an undo that is on its way

    @property
    def sides(self) -> tuple[Connection, Connection]:
        """The source and the destination."""
        assert self.flow.source is not None
        assert self.flow.destination is not None
        return self.flow.source, self.flow.destination


def make_person(email: str, tenant: Tenant, role: Role) -> User:
    with tenant_scope(tenant.pk, actor="test"):
        user = user_create(email=email, actor="test", password=PASSWORD)
        membership_add(user=user, role=role, actor="test")
    return user


def make_company(*, slug: str, name: str) -> World:
    """Connected on both sides, with one movement in each state that a person may meet."""
    tenant = tenant_create(slug=slug, name=name, actor="test")
    with tenant_scope(tenant.pk, actor="test"):
        world = _empty_world(tenant)
        _fill(world)
        audit.record("settings_changed", target=f"flow:{world.flow.pk}", actor=ACTOR, before={"a": 1}, after={"a": 2})
    return world


def add_movement(
    world: World,
    name: str,
    *,
    state: str = EntryState.CONFIRMED,
    movement: str = "pay_out",
    amount: str = "-120.50",
    currency: str = "CHF",
    counterparty: str = "Immobilien Muster AG",
    text: str = "Rent for the office",
    findings: list[dict[str, Any]] | None = None,
    day: date | None = None,
    leg: str = "main",
    unit: str = "",
    document: dict[str, Any] | None = None,
    posted_rate: Decimal | None = None,
) -> Record:
    """One source row with its entry, and, once sent, with the request that carried it. Inside the tenant's scope."""
    world.serial += 1
    record = Record.objects.create(
        flow=world.flow,
        fingerprint=f"v1:{world.tenant.pk}:{world.serial}",
        account_id="1" if currency == "CHF" else "2",
        source_id=str(1000 + world.serial),
        content_hash="v1:x",
        payload={"key": "k", "id": 1000 + world.serial, "comment": text, "beneficiary": {"name": counterparty}},
        state=RecordState.ENTERED,
        movement=movement,
        execution="executed",
        unit=unit,
        booking_date=day or timezone.localdate(),
        amount=Decimal(amount),
        currency=currency,
        counterparty=counterparty,
        text=text,
        source_updated_at=timezone.now() - timedelta(minutes=6),
    )
    Event.objects.create(flow=world.flow, record=record, run_id=world.run.pk, step="fetch", to_state="fetched")
    entry = Entry.objects.create(
        flow=world.flow,
        organisation_id=f"org-{world.tenant.pk}",
        record=record,
        leg=leg,
        unit=unit,
        movement=movement,
        state=EntryState.FETCHED,
        marker=f"MR-{world.tenant.pk:04d}{world.serial:09d}",
        document=document or plain_document(record),
        decisions=_decisions(),
        findings=findings or [],
        booking_date=record.booking_date,
        amount=record.amount,
        currency=currency,
        bank_account_id="acc-chf" if currency == "CHF" else "acc-eur",
        posted_rate=posted_rate,
        run=world.run,
        note={"step": "transform"},
    )
    _walk(world, entry, state)
    world.records[name], world.entries[name] = record, entry
    return record


def plain_document(record: Record) -> dict[str, Any]:
    """A document as `sync.domain.documents` writes it."""
    total = abs(record.amount or Decimal(0))
    kind = "SPEND" if (record.amount or 0) < 0 else "RECEIVE"
    line = {
        "description": record.text,
        "amount": str(total),
        "account_id": "exp",
        "account_code": "400",
        "tax_type": "NONE",
        "tracking": [{"category_id": "c", "option_id": "o", "label": "Region: Zürich"}],
    }
    return {
        "kind": kind,
        "date": str(record.booking_date),
        "total": str(total),
        "currency": record.currency,
        "reference": f"{record.text} MR-1",
        "marker": "MR-1",
        "bank_account_id": "acc-chf",
        "contact_id": "contact-1",
        "contact_name": record.counterparty,
        "tax_mode": "Inclusive",
        "rate": None,
        "url": "",
        "lines": [line],
    }


def finding(code: str, message: str, *, detail: str = "", severity: str = "review") -> dict[str, Any]:
    return {"code": code, "severity": severity, "message": message, "detail": detail}


def _empty_world(tenant: Tenant) -> World:
    now = timezone.now()
    grant = Grant.objects.create(
        provider="xero", subject=f"user-{tenant.slug}", access_expires_at=now + timedelta(minutes=24)
    )
    amnis = Connection.objects.create(
        kind="amnis", role="source", external_id=f"ck-{tenant.pk}", name=tenant.name, status="active", last_ok_at=now
    )
    xero = Connection.objects.create(
        kind="xero",
        role="destination",
        grant=grant,
        external_id=f"org-{tenant.pk}",
        name=f"{tenant.name} (demo)",
        status="active",
        short_code="!x1y2z",
        base_currency="CHF",
        last_ok_at=now,
    )
    flow = Flow.objects.create(
        source=amnis,
        destination=xero,
        cutoff=date(2026, 1, 1),
        last_success_at=now - timedelta(seconds=40),
        defaults={"income": "200", "expense": "400", "fee": "404"},
    )
    run = Run.objects.create(
        flow=flow,
        state=Run.State.DONE,
        counts={"fetched": 12, "new": 9, "pushed": 6, "confirmed": 5, "review": 3},
        timings={"fetch": 812, "transform": 95, "validate": 40, "push": 1430, "confirm": 610, "log": 12},
        api_calls=9,
        write_calls=1,
        ended_at=now,
    )
    rule = Rule.objects.create(
        flow=flow,
        position=1,
        name="Rent",
        spec={
            "name": "Rent",
            "when": {"all": [{"field": "counterparty", "op": "contains", "value": "Immobilien"}]},
            "then": {"account": "469", "tax": "NONE"},
        },
        created_by=ACTOR,
    )
    contact = ContactLink.objects.create(
        flow=flow,
        key="beispiel logistik ag",
        name="Beispiel Logistik AG",
        marker=f"MR-C{tenant.pk:012d}",
        state=ContactLink.State.REVIEW,
        findings=[finding("contact_similar", "It is perhaps known in Xero.", detail="Beispiel Logistik AG")],
        proposals=[{"contact_id": "c-2", "name": "Beispiel Logistic", "score": 94}],
    )
    ContactIdentity.objects.create(flow=flow, contact=contact, kind="iban", digest="d1", last4="2957", known=True)
    ContactIdentity.objects.create(flow=flow, contact=contact, kind="iban", digest="d2", last4="4411")
    return World(tenant=tenant, flow=flow, run=run, rule=rule, contact=contact)


def _undo(world: World, name: str) -> None:
    entry = world.entries[name]
    Amendment.objects.create(
        flow=world.flow,
        entry=entry,
        batch=world.batch,
        deed="void",
        then="undone",
        state="asked",
        document_id=entry.destination_id or "",
        destination_type=entry.destination_type,
        marker=entry.marker,
        scope=f"entry {entry.pk}",
        reason="posted by mistake",
        asked_by=ACTOR,
    )


def _fill(world: World) -> None:
    _references(world)
    _calls(world)
    today = timezone.localdate()
    add_movement(world, "rent", state=EntryState.CONFIRMED)
    add_movement(world, "taken_back", counterparty="Doppelt AG")
    _undo(world, "taken_back")
    add_movement(world, "income", movement="pay_in", amount="8400.00", counterparty="Kunde AG", text="Invoice 4711")
    add_movement(world, "pending", state=EntryState.READY, movement="card", counterparty="Kiosk", text="Newspaper")
    add_movement(world, "unknown", state=EntryState.UNCONFIRMED, counterparty="Druckerei", text="Flyers")
    add_movement(
        world,
        "unmapped",
        state=EntryState.REVIEW,
        counterparty="Zulieferer SA",
        findings=[finding("default_missing", "No fee account is set. Choose one in the settings.", detail="fee")],
    )
    add_movement(
        world,
        "unmapped2",
        state=EntryState.REVIEW,
        findings=[finding("default_missing", "No fee account is set. Choose one in the settings.", detail="fee")],
    )
    add_movement(
        world,
        "nameless",
        state=EntryState.REVIEW,
        counterparty="",
        findings=[
            finding(
                "contact_missing",
                "The movement names nobody. Name its contact in a rule, or skip it and book it by hand.",
            ),
            finding("vat_abroad", "The merchant is abroad.", severity="note"),
        ],
    )
    add_movement(world, "deleted", counterparty="Gelöscht AG")
    entry = world.entries["deleted"]
    entry.state, entry.note = EntryState.REVIEW, {"step": "confirm"}
    entry.findings = [
        finding("deleted_in_xero", "Somebody deleted this document in Xero. Post it again, or leave it out.")
    ]
    entry.save()
    MirrorDocument.objects.filter(document_id=entry.destination_id).update(status="DELETED")
    add_movement(world, "failed", state=EntryState.FAILED, counterparty="Versicherung AG")
    add_movement(world, "skipped", state=EntryState.SKIPPED, counterparty="Depot")
    _conversion(world, today)
    Record.objects.create(
        flow=world.flow,
        fingerprint=f"v1:{world.tenant.pk}:cancelled",
        account_id="1",
        source_id="77",
        content_hash="v1:y",
        payload={"id": 77},
        state=RecordState.SKIPPED,
        reason="Not executed yet: nothing is posted before it is.",
        movement="card",
        execution="pending",
        amount=Decimal("-9.90"),
        currency="CHF",
        counterparty="Tankstelle",
    )
    Incident.objects.create(
        flow=world.flow,
        cause="reconnect:xero",
        severity="critical",
        title="Xero asks to be reconnected",
        body="The consent has ended. Reconnect Xero; the gap fills itself afterwards.",
        action="connections",
        count=3,
    )
    figures = {"source_sum": "8158.50", "xero_sum": "8158.50", "held": "0.00", "accepted": "0.00", "difference": "0.00"}
    world.proof = Proof.objects.create(
        flow=world.flow,
        balanced=True,
        result={
            "balanced": True,
            "accounts": [
                {
                    **{"source": "1", "currency": "CHF", **figures},
                    "days": [{"date": "2026-03-02", **figures}],
                }
            ],
            **{name: [] for name in ("held_items", "missing", "duplicated", "unexpected", "different", "accepted")},
        },
    )


def _conversion(world: World, day: date) -> None:
    """The first worked deal of accounting.md: CHF 250,000.00 become EUR 263,811.37."""
    sold = _fx_document("SPEND", "CHF", "250000.00", None, [("250000.11", "clr"), ("-0.11", "rnd")])
    bought = _fx_document("RECEIVE", "EUR", "263811.37", "1.055245", [("263811.37", "clr")])
    common: dict[str, Any] = {"movement": "fx", "counterparty": "Amnis", "text": "FX 31", "unit": "fx:31", "day": day}
    add_movement(world, "sold", amount="-250000.00", leg="sold", document=sold, **common)
    rate = Decimal("1.055245")
    add_movement(
        world, "bought", amount="263811.37", currency="EUR", leg="bought", document=bought, posted_rate=rate, **common
    )


def _fx_document(
    kind: str, currency: str, total: str, rate: str | None, lines: list[tuple[str, str]]
) -> dict[str, Any]:
    return {
        "kind": kind,
        "date": "2026-11-20",
        "total": total,
        "currency": currency,
        "reference": "FX 31",
        "marker": "MR-1",
        "bank_account_id": "acc-chf",
        "contact_id": "c",
        "contact_name": "Amnis",
        "tax_mode": "NoTax",
        "rate": rate,
        "url": "",
        "lines": [
            {
                "description": "Conversion",
                "amount": amount,
                "account_id": account,
                "account_code": "850",
                "tax_type": "NONE",
                "tracking": [],
            }
            for amount, account in lines
        ],
    }


def _decisions() -> Any:
    return {
        "decisions": [
            {
                "field": "contact",
                "value": "Immobilien Muster AG",
                "by": "policy",
                "why": "the name of the counterparty",
            },
            {
                "field": "account",
                "value": "469 Rent",
                "by": "rule",
                "why": "rule “Rent”",
                "rule": "Rent",
                "rule_version": 1,
            },
        ],
        "rule": {
            "rule": "Rent",
            "version": 1,
            "position": 1,
            "conditions": [
                {
                    "path": "all[0]",
                    "field": "counterparty",
                    "op": "contains",
                    "value": "Immobilien",
                    "seen": ["Immobilien Muster AG"],
                    "held": True,
                }
            ],
        },
    }


def _walk(world: World, entry: Entry, state: str) -> None:
    """Move the entry as the pipeline would, so that the database writes its events."""
    path = {
        EntryState.READY: ["ready"],
        EntryState.REVIEW: ["review"],
        EntryState.SKIPPED: ["skipped"],
        EntryState.FAILED: ["ready", "in_flight", "failed"],
        EntryState.UNCONFIRMED: ["ready", "in_flight", "unconfirmed"],
        EntryState.CONFIRMED: ["ready", "in_flight", "unconfirmed", "confirmed"],
    }.get(EntryState(state), [])
    steps = {"ready": "validate", "review": "validate", "skipped": "transform", "confirmed": "confirm"}
    for place in path:
        if place == "in_flight":
            _send(world, entry)
        if place == "confirmed":
            _store_in_books(world, entry)
        entry.state, entry.note = place, {"step": steps.get(place, "push")}
        entry.save()


def _send(world: World, entry: Entry) -> None:
    body = b'{"BankTransactions":[{"Type":"SPEND","Reference":"Rent MR-1"}]}'
    now = timezone.now()
    intent = PushIntent.objects.create(
        flow=world.flow,
        run=world.run,
        organisation_id=entry.organisation_id,
        endpoint="BankTransactions",
        method="PUT",
        path="/api.xro/2.0/BankTransactions?summarizeErrors=false",
        body=body,
        idempotency_key=str(uuid.uuid4()),
        state="done",
        first_send=now,
        last_send=now,
    )
    PushIntentItem.objects.create(
        intent=intent, entry=entry, marker=entry.marker, position=0, open=False, outcome="applied"
    )
    PushAttempt.objects.create(
        intent=intent,
        epoch=1,
        sent_at=now,
        outcome="applied",
        http_status=200,
        milliseconds=412,
        correlation_id="c-1",
        answer='{"Status":"OK"}',
    )


def _store_in_books(world: World, entry: Entry) -> None:
    document = entry.document or {}
    entry.destination_type, entry.destination_id = document["kind"], str(uuid.uuid4())
    entry.confirmed_at = timezone.now()
    MirrorDocument.objects.create(
        connection=world.sides[1],
        kind=document["kind"],
        document_id=entry.destination_id,
        account_id="acc-chf",
        date=entry.booking_date or timezone.localdate(),
        total=Decimal(document["total"]),
        currency=document["currency"],
        reference=document["reference"],
        marker=entry.marker,
        status="AUTHORISED",
    )


def _references(world: World) -> None:
    source, books = world.sides
    wallets = [("1", "CHF", "CH9300762011623852957"), ("2", "EUR", "CH1500762011623852958"), ("3", "USD", "")]
    for wallet, currency, iban in wallets:
        Reference.objects.create(
            connection=source,
            kind="source_account",
            external_id=wallet,
            name=f"Wallet {currency}",
            currency=currency,
            payload={"kind": "normal", "ibans": [iban] if iban else [], "available": "1250.40"},
        )
    for key, (code, name, currency) in BANKS.items():
        number = "CH93 0076 2011 6238 5295 7" if currency == "CHF" else ""
        account = Account(
            account_id=key,
            code=code,
            name=name,
            type="BANK",
            account_class="ASSET",
            currency=currency,
            bank_number=number,
        )
        payload = asdict(account)
        Reference.objects.create(
            connection=books, kind="account", external_id=key, code=code, name=name, currency=currency, payload=payload
        )
    for key, (code, name) in LINES_ACCOUNTS.items():
        Reference.objects.create(
            connection=books,
            kind="account",
            external_id=key,
            code=code,
            name=name,
            payload=asdict(Account(account_id=key, code=code, name=name, type="EXPENSE")),
        )
    AccountMapping.objects.create(
        flow=world.flow, source_account_id="1", source_currency="CHF", destination_account_id="acc-chf"
    )


def _calls(world: World) -> None:
    for connection, path in zip(world.sides, ("/api/transactions", "/api.xro/2.0/Accounts"), strict=True):
        Call.objects.create(
            connection=connection,
            run_id=world.run.pk,
            method="GET",
            path=path,
            status=200,
            outcome="ok",
            milliseconds=180,
            response_excerpt='{"ok": true}',
        )
