"""Invented exchange rates, good for balances in the base currency and for plausible deals. Pure."""

from decimal import Decimal

PER_CHF = {
    "CHF": Decimal("1"),
    "EUR": Decimal("1.0553"),
    "USD": Decimal("1.1458"),
    "GBP": Decimal("0.9147"),
    "JPY": Decimal("171.85"),
    "CZK": Decimal("26.114"),
}
_SIX = Decimal("0.000001")


def convert(amount: Decimal, source: str, target: str) -> Decimal:
    """The amount in the other currency, rounded to the cent; an unknown currency counts as CHF."""
    rate = PER_CHF.get(target, Decimal(1)) / PER_CHF.get(source, Decimal(1))
    return (amount * rate).quantize(Decimal("0.01"))


def quoted(sold: Decimal, bought: Decimal) -> tuple[str, str]:
    """Platform rate and spot rate of a deal, units bought per unit sold; the margin is inside the platform rate."""
    if not sold:
        return "0.000000", "0.000000"
    platform = (bought / sold).quantize(_SIX)
    return str(platform), str((platform * Decimal("1.0015")).quantize(_SIX))
