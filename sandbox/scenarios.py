"""The demo world: both vendors filled with an invented company's year, and the way back to its beginning."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.amnis import bulk, world
from sandbox.amnis.values import parse_moment
from sandbox.xero.seed import TRADING

if TYPE_CHECKING:
    from sandbox.app import Sandbox

# who is connected survives a reset, so that a visitor need not consent again
_KEPT_TABLES = ("amnis_token",)
_KEPT_SETTINGS = ("xero.key", "amnis.jwt_key", "seeded", "control.token", "xero.webhook")
_KEPT_KINDS = ("xero.user", "xero.code", "xero.grant", "xero.refresh", "xero.connection")


def seed(sandbox: "Sandbox") -> None:
    """Fill an empty world; the same one for the same moment. (Companies and organisations exist already.)"""
    world.build(sandbox.amnis)
    _fix_rate_of_worked_deal(sandbox)


def _fix_rate_of_worked_deal(sandbox: "Sandbox") -> None:
    """The deal between two foreign currencies was worked out with this day rate."""
    sold, bought = ("EUR", "250000.00"), ("USD", "271433.21")
    with sandbox.amnis.company("ck_1").ledger() as ledger:
        for deal in ledger.details("fx_transaction_details", "ck_1"):
            if (deal["currencyFrom"], deal["amountFrom"]) == sold and (deal["currencyTo"], deal["amountTo"]) == bought:
                day = parse_moment(deal["valueDate"]).date()
                sandbox.xero.people(TRADING).fix_day_rate("EUR", day, Decimal("1.055312"))


def add_random_movements(
    sandbox: "Sandbox", company: str, count: int, *, seed: int = 0, first: date | None = None, history: bool = False
) -> int:
    """Add at least `count` executed ledger rows to an Amnis company (a pair is never cut), spread from `first` (default:
    90 days ago) to yesterday; returns how many were added. The same seed gives the same rows. They are news of this
    moment, unless `history` lets them look as if each had been there since its day."""
    return bulk.add_random_movements(sandbox.amnis.company(company), count, seed=seed, first=first, history=history)


def reset(sandbox: "Sandbox", *, empty: bool = False) -> None:
    """Back to the first day: movements, documents, switches, faults and clock; tokens and connections stay."""
    sandbox.faults.clear()
    sandbox.faults.drop_held()
    with sandbox.store.transaction():
        for (table,) in sandbox.store.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            if table.startswith(("amnis_", "xero_")) and table not in _KEPT_TABLES:
                sandbox.store.execute(f"DELETE FROM {table}")
        sandbox.store.execute(f"DELETE FROM document WHERE kind NOT IN {_KEPT_KINDS}")
        sandbox.store.execute(f"DELETE FROM setting WHERE name NOT IN {_KEPT_SETTINGS}")
    sandbox.clock.reset()
    sandbox.amnis.reopen()
    sandbox.xero.reopen()
    if not empty:
        seed(sandbox)
