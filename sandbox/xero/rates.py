"""The sandbox's own day rates: deterministic, a plausible size, slightly different each day.

Always foreign units for one unit of the organisation's base currency, six decimals, as Xero's CurrencyRate.
"""

import math
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from sandbox.store import Store

_PER_FRANC = {
    "CHF": 1.0,
    "EUR": 1.0553,
    "USD": 1.1458,
    "GBP": 0.9147,
    "JPY": 171.85,
    "CZK": 26.114,
    "AUD": 1.7421,
    "CAD": 1.5873,
    "CNY": 8.2034,
    "DKK": 7.8752,
    "HKD": 8.9145,
    "HUF": 421.37,
    "NOK": 12.248,
    "PLN": 4.5011,
    "RON": 5.2517,
    "SEK": 12.104,
    "SGD": 1.5398,
    "AED": 4.2081,
    "ZAR": 20.731,
    "THB": 38.214,
    "TRY": 39.077,
    "MXN": 22.913,
    "ILS": 4.2735,
}
_SIX = Decimal("0.000001")
_SWING = 0.006
_PREFIX = "xero.rate."
IMPLAUSIBLE = Decimal("0.10")


def _per_franc(currency: str, day: date) -> float:
    if currency == "CHF":
        return 1.0
    phase = sum(ord(letter) for letter in currency)
    return _PER_FRANC[currency] * (1 + _SWING * math.sin(day.toordinal() * 0.37 + phase))


class DayRates:
    """The rate Xero would take when a document names none; single days can be fixed for a test."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fixed = {name: Decimal(value) for name, value in store.settings(_PREFIX).items()}

    def rate(self, *, base: str, currency: str, day: date) -> Decimal:
        """Foreign units per one base unit."""
        if base == currency:
            return Decimal(1)
        if fixed := self._fixed.get(_name(base, currency, day)):
            return fixed
        rate = Decimal(repr(_per_franc(currency, day) / _per_franc(base, day)))
        return rate.quantize(_SIX, ROUND_HALF_UP)

    def fix(self, *, base: str, currency: str, day: date, rate: Decimal) -> None:
        """Let this be the rate of that day."""
        self._store.set_setting(_name(base, currency, day), str(rate))
        self._fixed[_name(base, currency, day)] = rate

    def knows(self, currency: str) -> bool:
        return currency in _PER_FRANC

    def is_implausible(self, rate: Decimal, *, base: str, currency: str, day: date) -> bool:
        usual = self.rate(base=base, currency=currency, day=day)
        return abs(rate / usual - 1) > IMPLAUSIBLE


def _name(base: str, currency: str, day: date) -> str:
    return f"{_PREFIX}{base}.{currency}.{day.isoformat()}"
