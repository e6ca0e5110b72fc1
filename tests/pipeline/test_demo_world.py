"""A whole company's year, with every kind of row: in balance, read back from Xero's own ledger."""

from __future__ import annotations

from decimal import Decimal

from sandbox import scenarios
from sync.proving import flow_prove
from tests.pipeline.conftest import World


def test_the_demo_company_is_in_balance_and_a_second_sync_writes_nothing(committed_world: World) -> None:
    world = committed_world
    scenarios.seed(world.sandbox)

    world.sync()
    second = world.sync()
    proof = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)

    assert second.write_calls == 0
    assert proof["balanced"], {key: proof[key] for key in ("missing", "duplicated", "unexpected")}
    assert all(item["reason"] for item in proof["held_items"])
    assert len(world.records()) >= 300
    assert world.books.base_balance("850") == Decimal("0.00"), "the clearing account of all conversions"


def test_every_held_row_is_listed_with_its_reason_and_nothing_else_is_missing(committed_world: World) -> None:
    world = committed_world
    scenarios.seed(world.sandbox)
    world.sync()

    proof = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)
    executed = [row for row in world.amnis.rows(executed=True)]

    shown = {entry.record_id for entry in world.entries()}
    assert len(executed) > 300
    assert shown
    assert proof["unexpected"] == []


def test_a_newcomer_is_asked_whether_a_payer_is_a_contact_of_nearly_that_name(committed_world: World) -> None:
    """Xero's contacts hold a Helvetia Papier AG; Helvetia Papiere AG pays 890.40. Neither taken for it nor made anew."""
    world = committed_world
    scenarios.seed(world.sandbox)
    world.sync()

    [held] = [entry for entry in world.entries() if entry.findings and entry.findings[0]["code"] == "contact_similar"]
    assert (held.state, held.amount) == ("review", Decimal("890.40"))
    assert "perhaps known there as “Helvetia Papier AG”" in held.findings[0]["message"]
    assert not [it for it in world.books.contacts() if it["Name"] == "Helvetia Papiere AG"]
