"""Settings: saved whole or not at all, written into the audit trail, the first day fixed once movements were read."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from connectors.contract.records import Account, TaxRate
from connectors.models import Reference
from dashboard.forms.settings import read_thresholds
from sync.models import Entry, Flow
from sync.tenantfile.spec import POLICIES
from tenants.models import AuditEvent
from tenants.scoping import tenant_scope
from tests.pages.world import World, add_movement

GOOD = {
    **{name: options[0] for name, options in POLICIES.items()},
    "frequency": "15",
    "card_date": "execution",
    "card_incomplete": "post",
    "fx_date": "value",
    "lock_date": "hold",
    "rate": "xero_day",
    "contacts": "match_or_create",
    "contact_threshold": "95",
    "match_invoices": "suggest",
    "match_invoices_from": "90",
    "partner_minutes": "60",
    "tracking_options": "create",
    "tracking_category": "Region",
    "income": "200",
    "expense": "400",
    "amount_over": "CHF 50'000.00, EUR 40000",
}


def save(client: Client, world: World, **changes: str) -> int:
    return client.post(f"/t/{world.tenant.public_id}/settings/", {**GOOD, **changes}).status_code


def flow_of(world: World) -> Flow:
    with tenant_scope(world.tenant.pk):
        return Flow.objects.get()


def test_a_change_is_saved_and_written_down(as_alice: Client, world: World) -> None:
    assert save(as_alice, world) == 302
    flow = flow_of(world)
    assert flow.frequency_minutes == 15
    assert flow.policies["card_date"] == "execution"
    assert (flow.policies["tracking_options"], flow.defaults["tracking_category"]) == ("create", "Region")
    assert flow.review == {"amount_over": {"CHF": "50000.00", "EUR": "40000"}}
    assert "fee" not in flow.defaults
    with tenant_scope(world.tenant.pk):
        last = AuditEvent.objects.order_by("position").last()
    assert last is not None
    assert last.before
    assert last.after
    assert (last.actor, last.before["frequency_minutes"], last.after["frequency_minutes"]) == (
        "alice@muster.example",
        5,
        15,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"frequency": "0"},
        {"frequency": "1441"},
        {"frequency": "soon"},
        {"card_date": "whenever"},
        {"amount_over": "lots"},
        {"amount_over": "XXQ 5"},
        {"new_counterparty_over": "CHF -5"},
        {"cutoff": "31.12.2026"},
        {"cutoff": "9999-12-31"},
        {"unusual": "perhaps"},
        {"quiet_from": "24"},
        {"repeated_days": "32"},
        {"unusual_score": "many"},
    ],
)
def test_one_wrong_field_saves_nothing(as_alice: Client, world: World, changes: dict[str, str]) -> None:
    assert save(as_alice, world, **changes) == 422
    assert flow_of(world).frequency_minutes == 5


def test_the_first_day_is_fixed_once_movements_were_read(as_alice: Client, world: World) -> None:
    before = flow_of(world).cutoff
    assert save(as_alice, world, cutoff="2026-05-01") == 302
    assert flow_of(world).cutoff == before


def test_thresholds_read_what_people_write() -> None:
    assert read_thresholds("chf 50'000.00; EUR 10\nUSD 7.5") == {"CHF": "50000.00", "EUR": "10", "USD": "7.5"}
    assert read_thresholds("") == {}


def test_what_a_person_looks_at_first_is_saved_where_it_differs_from_the_default(
    as_alice: Client, world: World
) -> None:
    assert save(as_alice, world, unusual="hold", repeated="note", quiet_from="22", new_iban_over="CHF 0") == 302
    assert flow_of(world).review == {
        "amount_over": {"CHF": "50000.00", "EUR": "40000"},
        "new_iban_over": {"CHF": "0"},
        "unusual": "hold",
        "quiet_from": "22",
    }


def test_a_trial_counts_what_would_have_been_held_and_saves_nothing(as_alice: Client, world: World) -> None:
    before = flow_of(world).review
    with tenant_scope(world.tenant.pk):
        add_movement(world, "huge", amount="-300000.01")
        add_movement(world, "old", amount="-300000.02", day=timezone.localdate() - timedelta(days=91))
        looked_at = Entry.objects.filter(amount__isnull=False).count() - 1  # without the one of 91 days ago
    answer = as_alice.post(f"/t/{world.tenant.public_id}/settings/", {**GOOD, "amount_over": "CHF 300000", "try": "1"})
    assert answer.status_code == 200
    trial = answer.context["trial"]
    assert (trial.waiting, trial.looked_at, trial.held["large_amount"]) == (1, looked_at, 1)
    assert f"1 of {looked_at} movements would have waited" in answer.content.decode()
    assert flow_of(world).review == before


def tax_rate(world: World, tax_type: str, name: str, *, on: str = "", status: str = "ACTIVE") -> None:
    """A tax rate in Xero that may stand on accounts of one class (any where none is said)."""
    rate = TaxRate(
        tax_type=tax_type, name=name, rate=Decimal("8.1"), status=status, applies_to=frozenset(filter(None, [on]))
    )
    Reference.objects.create(
        connection=world.sides[1], kind="tax_rate", external_id=tax_type, name=name, status=status,
        payload={**asdict(rate), "rate": "8.1", "applies_to": sorted(rate.applies_to)},
    )  # fmt: skip


def account_in_xero(world: World, code: str, name: str, *, kind: str, status: str = "ACTIVE") -> None:
    account = Account(account_id=f"acc-{code}", code=code, name=name, type=kind, account_class=kind, status=status)
    Reference.objects.create(
        connection=world.sides[1], kind="account", external_id=account.account_id, code=code, name=name, status=status,
        payload=asdict(account),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"income": "201", "tax_income": "INPUT"},
            "Xero does not allow tax Vorsteuer on account 201 Erlöse. Allowed there: Umsatzsteuer.",
        ),
        ({"expense": "401", "tax_expense": "OUTPUT"}, "Xero does not allow tax Umsatzsteuer on account 401 Aufwand."),
        ({"fee": "401", "tax_expense": "OUTPUT"}, "Xero does not allow tax Umsatzsteuer on account 401 Aufwand."),
        ({"suspense": "999"}, "Account 999 Altes Konto is archived in Xero."),
        ({"fx_clearing": "090"}, "is a bank account, and a line cannot stand on a bank account."),
        ({"cashback": "777"}, "Account 777 does not exist in Xero."),
        ({"tax_income": "OLD"}, "Tax Alte Steuer is not active in Xero."),
    ],
)  # fmt: skip
def test_a_default_that_cannot_stand_in_xero_is_refused_with_a_sentence(
    as_alice: Client, world: World, changes: dict[str, str], said: str
) -> None:
    with tenant_scope(world.tenant.pk):
        tax_rate(world, "INPUT", "Vorsteuer", on="EXPENSE")
        tax_rate(world, "OUTPUT", "Umsatzsteuer", on="REVENUE")
        tax_rate(world, "OLD", "Alte Steuer", status="DELETED")
        account_in_xero(world, "201", "Erlöse", kind="REVENUE")
        account_in_xero(world, "401", "Aufwand", kind="EXPENSE")
        account_in_xero(world, "999", "Altes Konto", kind="EXPENSE", status="ARCHIVED")

    answer = as_alice.post(f"/t/{world.tenant.public_id}/settings/", {**GOOD, **changes})

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert flow_of(world).frequency_minutes == 5, "nothing was saved"
    good = {"income": "201", "expense": "401", "fee": "401", "tax_income": "OUTPUT", "tax_expense": "INPUT"}
    assert save(as_alice, world, **good) == 302
    assert flow_of(world).defaults["tax_income"] == "OUTPUT"
