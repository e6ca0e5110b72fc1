"""A handful of random movements: every kind that becomes a document, and always a counterparty nobody knew before."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.chaos.control import Control

WALLETS = (1, 2, 3)  # CHF, EUR, USD
KNOWN = ("Helvetia Papier AG", "Kessler Treuhand", "Dubois Frères SA", "Northwind Supplies Ltd")
MERCHANTS = ("Café Beispiel", "Papeterie Muster", "Tankstelle Nord")
# account sold from, account bought on, bought for one sold: to base, from base, and between two foreign currencies
DEALS = ((2, 1, Decimal("0.9357")), (1, 3, Decimal("1.2461")), (2, 3, Decimal("1.0857")))
DAYS_BACK = 60


def add_movements(control: Control, dice: random.Random, *, name: str) -> None:
    """Add 7 to 11 rows. `name` tells the new counterparty, so it must not have been used in this world."""
    control.move("pay_in", **paid(dice), payer=f"Neukunde {name} AG", account=dice.choice(WALLETS))
    for _ in range(dice.choice((1, 1, 2))):
        control.move("pay_in", **paid(dice), payer=dice.choice(KNOWN), account=dice.choice(WALLETS))
    control.move("payout", **paid(dice), to=dice.choice(KNOWN), account=dice.choice(WALLETS))
    if dice.random() < 0.4:
        _twins(control, dice)
    source, target = dice.choice(((1, 8), (8, 1)))
    control.move("own_transfer", **paid(dice), source=source, target=target)
    _deal(control, dice)
    if dice.random() < 0.5:
        control.move("card", **paid(dice), merchant=dice.choice(MERCHANTS))
    else:
        control.move("fee", **paid(dice))


def _twins(control: Control, dice: random.Random) -> None:
    """Two payments that nothing but their ids tells apart: neither may be taken for the other."""
    same = paid(dice)
    for _ in range(2):
        control.move("pay_in", **same, payer=KNOWN[0], account=1, reference="Miete")


def _deal(control: Control, dice: random.Random) -> None:
    source, target, rate = dice.choice(DEALS)
    sold = Decimal(dice.randrange(10_000, 900_000)) / 100
    bought = (sold * rate).quantize(Decimal("0.01"))
    day = _day(dice)
    control.move("fx", sold=[source, str(sold)], bought=[target, str(bought)], dealt_on=day, value_on=day)


def paid(dice: random.Random) -> dict[str, str]:
    """An amount and a day."""
    return {"amount": str(Decimal(dice.randrange(500, 4_000_000)) / 100), "executed_on": _day(dice)}


def _day(dice: random.Random) -> str:
    return (datetime.now(UTC) - timedelta(days=dice.randrange(1, DAYS_BACK))).date().isoformat()
