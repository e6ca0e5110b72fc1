"""Rows that no bank should send, over real HTTP: each is a finding in words, kept as it came, and its neighbours are posted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sync.models import Entry, Record
from tenants.scoping import tenant_scope
from tests.pipeline.conftest import World
from tests.pipeline.served import ended, start, vendors_at

MARCH = date(2026, 3, 2)
LONG = "Langname " * 45  # 405 characters
TURNED = "\u202eGA lepsieB\u202c"


def pay_in(world: World, **changes: Any) -> int:
    row = world.amnis.pay_in(amount="50.00", payer="Seltsam AG", executed_on=MARCH)
    world.amnis.change(row, **changes)
    return row


def contradicted(world: World, **changes: Any) -> int:
    row = world.amnis.payout(amount="50.00", to="Seltsam Lieferant AG", executed_on=MARCH)
    world.amnis.change_detail(row, **changes)
    return row


def detail_of_another(world: World) -> int:
    """A card row that points at the details of another purchase."""
    other = world.amnis.card(amount="9.90", merchant="KIOSK PROBE", executed_on=MARCH)
    row = world.amnis.card(amount="50.00", merchant="HOTEL MUSTERHOF", executed_on=MARCH)
    world.amnis.change(row, transactionDetailId=world.amnis.row(other)["transactionDetailId"])
    return row


# What is made, and the words that say what is wrong with it.
HELD: tuple[tuple[Callable[[World], int], str], ...] = (
    (lambda w: pay_in(w, amount="50.005"), "more decimals than"),
    (lambda w: pay_in(w, amount="fünfzig"), "no readable amount"),
    (lambda w: pay_in(w, currency="QQQ"), "a currency that does not exist: “QQQ”"),
    (lambda w: pay_in(w, currency=None), "a currency that does not exist"),
    (lambda w: pay_in(w, executionDate="2026-02-31T00:00:00+01:00"), "not a possible date: 2026-02-31"),
    (lambda w: pay_in(w, executionDate="0000-01-01T00:00:00+01:00"), "not a possible date: 0000-01-01"),
    (lambda w: pay_in(w, executionDate="9999-12-31T00:00:00+01:00"), "not a possible date: 9999-12-31"),
    (lambda w: pay_in(w, executionDate="2099-03-02T00:00:00+01:00"), "lies in the future"),
    (lambda w: pay_in(w, amount="-50.00"), "a payment that came in, but money went out"),
    (lambda w: contradicted(w, amount="51.00"), "CHF 50.00, the details of the same movement say CHF 51.00"),
    (lambda w: contradicted(w, currency="EUR"), "CHF 50.00, the details of the same movement say EUR 50.00"),
    (lambda w: contradicted(w, account=2), "in the wallet 1, its details in the wallet 2"),
    (detail_of_another, "CHF 50.00, the details of the same movement say CHF 9.90"),
)
NAMES = (LONG, TURNED, "<b>Spitz & Klammer</b> AG", "Null\x00Byte\u200b GmbH")


@pytest.mark.parametrize("field", [10**30, [1, 2.25, 10**19], "NaN"], ids=str)
def test_a_field_that_nobody_knows_is_kept_as_it_came(world: World, field: Any) -> None:
    pay_in(world, sequence=field)
    world.settle()
    assert world.states() == ["confirmed"]
    assert world.records()[0].payload["row"]["sequence"] == ([1, "2.25", 10**19] if isinstance(field, list) else field)


def test_odd_rows_are_findings_in_words_and_their_neighbours_are_posted(
    committed_world: World, process_environ: dict[str, str]
) -> None:
    world = committed_world
    odd = [(make(world), words) for make, words in HELD]
    for number, name in enumerate(NAMES):
        world.amnis.pay_in(amount=f"{100 + number}.00", payer=name, executed_on=MARCH, reference="")
    nothing = pay_in(world, amount="-0.00")
    with vendors_at(world.sandbox) as addresses:
        ended(start({**process_environ, **addresses}, "sync", "muster", "--json", "--wait", "20"), seconds=90)

    said = {row: " / ".join(findings(world, row)) for row, _ in odd}
    assert [(row, words, said[row]) for row, words in odd if words not in said[row]] == []
    posted = sorted(Decimal(str(it["Total"])) for it in world.books.bank_transactions())
    assert posted == [Decimal("9.90"), *(Decimal(100 + n) for n in range(len(NAMES)))]
    assert all(visible(it["Contact"]["Name"]) for it in world.books.bank_transactions())
    assert entry_of(world, nothing) is None, "a negative zero is nothing"
    with tenant_scope(world.tenant.pk):
        kept = Record.objects.get(source_id=str(odd[1][0]))
    assert kept.payload["row"]["amount"] == "fünfzig", "the row is kept as it came"


def visible(name: str) -> bool:
    return 0 < len(name) <= 255 and name.isprintable() and "<" not in name


def findings(world: World, row: int) -> list[str]:
    entry = entry_of(world, row)
    return [it["message"] for it in entry.findings] if entry and entry.state == "review" else []


def entry_of(world: World, row: int) -> Entry | None:
    with tenant_scope(world.tenant.pk):
        return Entry.objects.filter(record__source_id=str(row)).first()
