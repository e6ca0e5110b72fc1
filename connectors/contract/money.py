"""Money: decimal amounts that know their currency, and rates that know their direction.

Rounding happens here and in the FX arithmetic only. Minor units are those of ISO 4217, kept by hand because
display libraries carry CLDR digits, which differ for some currencies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

ZERO = Decimal(0)
NO_CURRENCY = "XXX"  # ISO 4217: no currency is involved; stands where a source names one that does not exist
# fmt: off
_TWO_DIGITS = (
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BMD",
    "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP", "CRC",
    "CUP", "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL",
    "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IRR", "JMD",
    "KES", "KGS", "KHR", "KPW", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA",
    "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO",
    "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR",
    "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL",
    "THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "UYU", "UZS", "VED", "VES",
    "WST", "XCD", "XCG", "YER", "ZAR", "ZMW", "ZWG",
)
_NO_DIGITS = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
    "XOF", "XPF",
)
_THREE_DIGITS = (
    "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND",
)
# fmt: on
MINOR_UNITS: dict[str, int] = {
    **dict.fromkeys(_TWO_DIGITS, 2),
    **dict.fromkeys(_NO_DIGITS, 0),
    **dict.fromkeys(_THREE_DIGITS, 3),
    NO_CURRENCY: 2,
}
_PLAIN_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,12})?")


class MoneyError(ValueError):
    """An amount, currency or rate that cannot stand in a ledger."""


def decimal_of(value: object) -> Decimal:
    """Read a vendor's amount: a plain decimal string, int or Decimal. Floats, NaN and exponents are refused."""
    if isinstance(value, str):
        return _decimal_of(value)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise MoneyError(f"{value!r} is not a decimal amount")
    return _decimal_of(format(value, "f") if isinstance(value, Decimal) and value.is_finite() else str(value))


@lru_cache(maxsize=4096)  # a row says its amount several times
def _decimal_of(value: str) -> Decimal:
    text = value.strip()
    if not _PLAIN_DECIMAL.fullmatch(text):
        raise MoneyError(f"{value!r} is not a plain decimal amount")
    try:
        return Decimal(text) + ZERO  # the sum turns a negative zero into zero
    except InvalidOperation as error:
        raise MoneyError(f"{value!r} is not a decimal amount") from error


def minor_units(currency: str) -> int:
    """Digits after the point that ISO 4217 gives the currency. Raises MoneyError for an unknown code."""
    try:
        return MINOR_UNITS[currency]
    except KeyError:
        raise MoneyError(f"{currency!r} is not an ISO 4217 currency") from None


def round_half_up(value: Decimal, digits: int) -> Decimal:
    """Commercial rounding, ties away from zero."""
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP) + ZERO


@dataclass(frozen=True, slots=True, kw_only=True, order=False)
class Money:
    """A signed amount in one ISO 4217 currency. Sums of two currencies are refused."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal) or not self.amount.is_finite():
            raise MoneyError(f"{self.amount!r} is not a finite Decimal")
        minor_units(self.currency)

    @classmethod
    def of(cls, amount: object, currency: str) -> Money:
        return cls(amount=decimal_of(amount), currency=currency)

    def rounded(self) -> Money:
        return Money(amount=round_half_up(self.amount, minor_units(self.currency)), currency=self.currency)

    @property
    def is_exact(self) -> bool:
        """Does the amount fit the currency's minor units without rounding?"""
        return self.rounded().amount == self.amount

    def __add__(self, other: Money) -> Money:
        return Money(amount=self.amount + self._same(other), currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(amount=self.amount - self._same(other), currency=self.currency)

    def __neg__(self) -> Money:
        return Money(amount=ZERO - self.amount, currency=self.currency)

    def __abs__(self) -> Money:
        return Money(amount=abs(self.amount), currency=self.currency)

    def __str__(self) -> str:
        """As people read it: no zeros behind the currency's own digits (a table keeps four)."""
        text, digits = f"{self.amount:,f}", max(2, minor_units(self.currency))
        whole, point, fraction = text.partition(".")
        kept = fraction[:digits] + fraction[digits:].rstrip("0")
        return f"{self.currency} {whole}{point}{kept}"

    def _same(self, other: Money) -> Decimal:
        if not isinstance(other, Money) or other.currency != self.currency:
            raise MoneyError(f"cannot add {other} to {self}: different currencies")
        return other.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class FxRate:
    """`value` units of `quote` for one unit of `base` (Xero's CurrencyRate has the organisation's currency as base)."""

    base: str
    quote: str
    value: Decimal

    def __post_init__(self) -> None:
        if self.base == self.quote or not self.value.is_finite() or self.value <= 0:
            raise MoneyError(f"{self.value!r} {self.quote} per {self.base} is not a rate")
        minor_units(self.base), minor_units(self.quote)
