"""The part of the settings form that says what a person looks at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sync.tenantfile.spec import REVIEW_ACTS, REVIEW_NUMBERS

AMOUNT_WORDS: dict[str, Promise] = {
    "amount_over": gettext_lazy("Amounts above"),
    "new_counterparty_over": gettext_lazy("First payments to a new counterparty above"),
    "new_iban_over": gettext_lazy("Payouts to a new account of a known counterparty above"),
}
_ACTS: dict[str, Promise] = {
    "note": gettext_lazy("is posted with a note (recommended)"),
    "hold": gettext_lazy("waits in the review"),
    "off": gettext_lazy("is not looked for"),
}
ACT_WORDS: dict[str, tuple[Promise, dict[str, Promise]]] = {
    "unusual": (gettext_lazy("An amount that is unusual for its counterparty"), _ACTS),
    "repeated": (gettext_lazy("The same amount to the same payee within days"), _ACTS),
    "card_hours": (gettext_lazy("A card used at a weekend or at a quiet hour"), _ACTS),
}
NUMBER_WORDS: dict[str, Promise] = {
    "unusual_score": gettext_lazy("Unusual from a score of (6: about twice or half of equal payments)"),
    "unusual_after": gettext_lazy("… once there are this many payments to compare with"),
    "repeated_days": gettext_lazy("The same amount again within this many days"),
    "quiet_from": gettext_lazy("Quiet hours begin at (hour, 0 to 23)"),
    "quiet_to": gettext_lazy("Quiet hours end at (the same hour: there are none)"),
}


def stored(review: Mapping[str, Any]) -> dict[str, str]:
    """Acts and numbers as the form shows them."""
    acts = {name: str(review.get(name) or known[0]) for name, known in REVIEW_ACTS.items()}
    return acts | {name: str(review.get(name, default)) for name, (default, *_bounds) in REVIEW_NUMBERS.items()}


def typed(post: Mapping[str, Any]) -> dict[str, str]:
    """Acts and numbers as sent; a field that was not sent is as by default."""
    return {name: str(post.get(name, "")).strip() or value for name, value in stored({}).items()}


def errors(values: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, known in REVIEW_ACTS.items():
        if values[name] not in known:
            found[name] = _("Choose one of the possibilities.")
    for name, (_default, low, high) in REVIEW_NUMBERS.items():
        text = values[name]
        if not (text.isascii() and text.isdigit() and low <= int(text[:6]) <= high):
            found[name] = _("Choose a whole number from %(low)s to %(high)s.") % {"low": low, "high": high}
    return found


def changes(values: Mapping[str, str]) -> dict[str, str]:
    """What differs from the defaults, as it is stored."""
    return {name: values[name] for name, value in stored({}).items() if values[name] != value}
