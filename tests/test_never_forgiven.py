"""What a bookkeeper never forgives: every line of the list has its guards (`never_forgiven.py`); some of them are here."""

from __future__ import annotations

import ast
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from config.supervisor.environment import ROOT
from sync import services
from sync.models import AccountMapping
from sync.proving import flow_prove
from tenants.scoping import tenant_scope
from tests.golden.ledger import read
from tests.never_forgiven import NEVER_FORGIVEN
from tests.pipeline.conftest import ORGANISATION, World, kept_company, sandbox, world

__all__ = ["kept_company", "sandbox", "world"]
TESTS = Path(__file__).parent
BOB = "bob@muster.example"
MARCH = date(2026, 3, 2)
MONEY = (
    *(ROOT / "sync/domain").glob("*.py"),
    *(ROOT / "connectors/contract").glob("*.py"),
    *(
        ROOT / name
        for name in ("connectors/amnis/values.py", "connectors/amnis/mapping.py", "connectors/amnis/kinds.py")
    ),
    *(
        ROOT / name
        for name in ("connectors/xero/mapping.py", "connectors/xero/payments.py", "connectors/xero/reading.py")
    ),
)
OF_TIME_OR_LIKENESS = {"retry.py", "likeness.py", "spec.py", "certificate_pdf.py"}  # the last: places on paper


def test_the_list_is_whole() -> None:
    assert [line.split(".")[0] for line in NEVER_FORGIVEN] == [str(number) for number in range(1, 16)]
    assert all(NEVER_FORGIVEN.values())


@pytest.mark.parametrize("guard", sorted({guard for guards in NEVER_FORGIVEN.values() for guard in guards}))
def test_each_guard_is_there(guard: str) -> None:
    place, name = guard.split("::")
    path = TESTS / place
    if path.suffix == ".ledger":
        names = {situation.title for situation in read(path).situations}
    else:
        names = {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}
    assert name in names


def test_no_money_passes_through_a_float() -> None:
    found = [
        f"{path.name}:{node.lineno}"
        for path in MONEY
        if path.name not in OF_TIME_OR_LIKENESS
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, float)
            and "seconds" not in _line(path, node.lineno)
        )
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float")
    ]
    assert found == []


def _line(path: Path, number: int) -> str:
    return path.read_text("utf-8").splitlines()[number - 1]


def test_a_source_that_shows_no_rows_deletes_nothing(world: World) -> None:
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.settle()
    world.amnis.remove(row)
    world.set_flow(cursor={})  # everything is read again, and nothing comes

    world.sync()

    assert world.books.balance("090") == 100
    proof = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)
    assert not proof["balanced"]
    assert [Decimal(it["amount"]) for it in proof["unexpected"]] == [Decimal(100)], "it is shown, and a person decides"


def test_nothing_comes_before_the_cut_off_by_an_edit_or_a_refund(world: World) -> None:
    old = date(2025, 12, 28)
    row = world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=old)
    world.amnis.card(amount="80.00", merchant="MODEHAUS PROBE", executed_on=old)
    world.amnis.card(amount="80.00", merchant="MODEHAUS PROBE", executed_on=old + timedelta(days=2), refund=True)
    world.settle()
    world.amnis.change(row, amount="101.00")
    world.settle()

    assert world.books.bank_transactions() == []


def test_a_wallet_is_never_posted_to_a_bank_account_of_another_currency(world: World) -> None:
    francs = world.books.account("090")["AccountID"]
    with tenant_scope(world.tenant.pk):
        AccountMapping.objects.filter(source_account_id="1").delete()
        AccountMapping.objects.filter(source_account_id="2").update(destination_account_id=francs)
    world.amnis.pay_in(amount="100.00", account=2, payer="Beispiel AG", executed_on=MARCH)
    world.settle()

    assert world.books.bank_transactions() == []
    assert world.states() == ["review"]


def test_a_reversal_in_a_closed_period_waits(world: World) -> None:
    purchase = world.amnis.card(amount="80.00", merchant="MODEHAUS PROBE", executed_on=MARCH)
    world.settle()
    world.sandbox.xero.people(ORGANISATION).set_lock_dates(period=date(2026, 3, 31))
    world.set_flow(lock_read_at=None)

    world.amnis.card(amount="80.00", merchant="MODEHAUS PROBE", executed_on=MARCH + timedelta(days=5), refund=True)
    world.amnis.change(purchase, amount="-90.00")
    world.settle()

    assert [Decimal(str(it["Total"])) for it in world.books.bank_transactions()] == [Decimal(80)]
    assert world.states() == ["review", "review"]
    assert "period_locked" in world.codes()


def test_a_changed_rule_leaves_the_past_and_each_entry_names_the_version_that_coded_it(world: World) -> None:
    spec = {
        "name": "Strom",
        "when": {"all": [{"field": "counterparty", "op": "is", "value": "Musterwerke Strom AG"}]},
        "then": {"account": "469"},
    }
    saved = services.rule_save(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB, spec=spec)
    world.amnis.payout(amount="340.00", to="Musterwerke Strom AG", executed_on=MARCH)
    world.settle()

    changed = {**spec, "then": {"account": "400"}}
    services.rule_save(tenant_id=world.tenant.pk, flow_id=world.flow_id, actor=BOB, spec=changed, key=str(saved.key))
    world.amnis.payout(amount="350.00", to="Musterwerke Strom AG", executed_on=MARCH + timedelta(days=30))
    world.settle()

    lines = [(Decimal(str(it["Total"])), it["LineItems"][0]["AccountCode"]) for it in world.books.bank_transactions()]
    assert sorted(lines) == [(Decimal(340), "469"), (Decimal(350), "400")]
    assert [entry.decisions["rule"]["version"] for entry in world.entries()] == [1, 2]


def test_without_a_default_nothing_is_guessed(world: World) -> None:
    world.set_flow(defaults={})
    world.amnis.pay_in(amount="100.00", payer="Beispiel AG", executed_on=MARCH)
    world.amnis.payout(amount="50.00", to="Lieferant Exempla AG", executed_on=MARCH)
    world.amnis.fee(amount="5.00", executed_on=MARCH)
    world.settle()

    assert world.books.bank_transactions() == []
    assert world.states() == ["review"] * 3


def test_what_xero_shows_teaches_nothing_and_what_the_source_shows_does(world: World) -> None:
    """Eight payments that somebody typed into Xero make no past for an amount to be unusual against; eight of Amnis' do."""
    world.set_flow(review={"unusual": "hold"})
    for week in range(8):
        day = date(2026, 1, 5) + timedelta(weeks=week)
        world.sandbox.xero.people(ORGANISATION).type_bank_transaction(
            Type="SPEND",
            Contact={"Name": "Probst Logistik AG"},
            BankAccount={"Code": "090"},
            Date=day.isoformat(),
            LineItems=[{"Description": "Fracht", "Quantity": 1, "UnitAmount": "110.00", "AccountCode": "400"}],
        )
        world.amnis.payout(amount="100.00", to="Kerzen Birnbaum", executed_on=day)
    world.settle()
    for name in ("Probst Logistik AG", "Kerzen Birnbaum"):
        world.amnis.payout(amount="1000.00", to=name, executed_on=MARCH + timedelta(days=14))
    world.settle()

    assert world.codes() == ["unusual_amount"]
    [held] = [entry for entry in world.entries() if entry.state == "review"]
    assert (held.document or {})["contact_name"] == "Kerzen Birnbaum"
