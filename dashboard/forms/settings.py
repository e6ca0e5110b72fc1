"""The settings form: every field with what it means for the books."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from connectors.contract.money import MINOR_UNITS, MoneyError, decimal_of
from dashboard.forms import remarks
from dashboard.queries.chart import ChartChoices
from sync.domain.days import DayFault, read_day
from sync.domain.default_checks import default_objections
from sync.domain.references import ChartIndex
from sync.models import Flow
from sync.tenantfile.spec import DEFAULT_KEYS, POLICIES, REVIEW_AMOUNTS

MOST_MINUTES = 24 * 60
_THRESHOLD = re.compile("([A-Za-z]{3})\\s*([0-9'\u2019]+(?:[.][0-9]+)?)")

_POLICY_WORDS: dict[str, tuple[Promise, dict[str, str | Promise]]] = {
    "card_date": (
        gettext_lazy("A card payment is booked on"),
        {
            "settlement": gettext_lazy("the day it was settled (recommended)"),
            "execution": gettext_lazy("the day it was made"),
        },
    ),
    "card_incomplete": (
        gettext_lazy("A card payment that nobody has completed at Amnis"),
        {
            "post": gettext_lazy("is posted like any other (recommended)"),
            "suspense": gettext_lazy("is posted to the suspense account, and re-coded there when it is complete"),
            "wait": gettext_lazy("is not posted before it is complete"),
        },
    ),
    "fx_date": (
        gettext_lazy("A currency exchange is booked on"),
        {"value": gettext_lazy("its value date (recommended)"), "deal": gettext_lazy("the day of the deal")},
    ),
    "lock_date": (
        gettext_lazy("A movement in a locked period"),
        {
            "hold": gettext_lazy("waits in the review (recommended)"),
            "next_open_day": gettext_lazy("is posted on the first open day, with its own date in the text"),
        },
    ),
    "rate": (
        gettext_lazy("Foreign payments are valued at"),
        {
            "xero_day": gettext_lazy("Xero\u2019s rate of the day (recommended)"),
            "table": gettext_lazy("your own table of rates"),
            "last_deal": gettext_lazy("the rate of the last exchange"),
        },
    ),
    "contacts": (
        gettext_lazy("A counterparty that Xero does not know"),
        {
            "match_or_create": gettext_lazy("becomes a new contact (recommended)"),
            "preview": gettext_lazy("becomes a new contact once somebody has looked at it"),
            "match_only": gettext_lazy("waits in the review"),
        },
    ),
    "contact_threshold": (
        gettext_lazy("A name that is nearly that of a contact in Xero"),
        {
            "100": gettext_lazy("is taken for it only where the words are the same, else you choose (recommended)"),
            "97": gettext_lazy("is taken for it from 97 of 100 alike, else you choose"),
            "95": gettext_lazy("is taken for it from 95 of 100 alike, else you choose"),
            "92": gettext_lazy("is taken for it from 92 of 100 alike, else you choose"),
            "0": gettext_lazy("is another counterparty: likeness says nothing"),
        },
    ),
    "match_invoices": (
        gettext_lazy("A payment that fits an open invoice"),
        {
            "suggest": gettext_lazy("waits in the review with the proposal (recommended)"),
            "off": gettext_lazy("is booked like any other"),
            "auto": gettext_lazy("pays the invoice by itself, where the evidence suffices"),
        },
    ),
    "match_invoices_from": (
        gettext_lazy("A payment pays an invoice by itself"),
        {
            "100": gettext_lazy("from 100 of 100: the payment reference and the exact amount"),
            "95": gettext_lazy("from 95 of 100: the invoice number and the exact amount"),
            "90": gettext_lazy("from 90 of 100: also a part, where number and name agree (recommended)"),
            "75": gettext_lazy("from 75 of 100: a short number and the exact amount"),
            "65": gettext_lazy("from 65 of 100: the name and the exact amount, where only one invoice fits"),
        },
    ),
    "overpaid": (
        gettext_lazy("A payment of more than is due"),
        {
            "review": gettext_lazy("waits in the review (recommended)"),
            "suspense": gettext_lazy("pays what is due; the rest is posted to the suspense account"),
        },
    ),
    "partner_minutes": (
        gettext_lazy("One half of an exchange or own transfer waits for the other"),
        {
            "15": gettext_lazy("15 minutes, then you are told (recommended)"),
            "5": gettext_lazy("5 minutes"),
            "30": gettext_lazy("30 minutes"),
            "60": gettext_lazy("one hour"),
            "240": gettext_lazy("four hours"),
            "1440": gettext_lazy("one day"),
        },
    ),
    "duplicate_days": (
        gettext_lazy("A document of the same amount that somebody else made counts as perhaps the same within"),
        {
            days: ngettext_lazy("%(days)s day", "%(days)s days", int(days)) % {"days": days}
            for days in POLICIES["duplicate_days"]
        },
    ),
    "proof_time": (
        gettext_lazy("The balance is proved each day at"),
        {hour: hour for hour in sorted(POLICIES["proof_time"])},
    ),
    "tracking_options": (
        gettext_lazy("A cost centre that is no tracking option in Xero"),
        {
            "match": gettext_lazy("is left out, and noted (recommended)"),
            "create": gettext_lazy("becomes a new tracking option before the movement is posted"),
        },
    ),
}
_DEFAULT_WORDS: dict[str, Promise] = {
    "income": gettext_lazy("Income"),
    "expense": gettext_lazy("Expenses"),
    "fee": gettext_lazy("Fees of Amnis"),
    "cashback": gettext_lazy("Cashback and interest from Amnis (empty: income)"),
    "fx_clearing": gettext_lazy("Clearing of currency exchanges"),
    "suspense": gettext_lazy("Suspense account"),
    "tax_income": gettext_lazy("Tax on income"),
    "tax_expense": gettext_lazy("Tax on expenses"),
    "tracking_category": gettext_lazy("Tracking category of new cost centres"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One field with its choices. `error` names what is wrong with what was typed."""

    name: str
    label: str | Promise
    value: str
    options: Sequence[tuple[str, Any]] = ()
    error: str = ""


@dataclass(slots=True, kw_only=True)
class SettingsForm:
    frequency: str
    policies: Sequence[Choice]
    defaults: Sequence[Choice]
    review: Sequence[Choice]
    acts: Sequence[Choice]
    numbers: Sequence[Choice]
    cutoff: date | None = None  # None: not asked for, so not changed
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_flow(cls, flow: Flow, choices: ChartChoices) -> SettingsForm:
        values = {key: str(value) for key, value in flow.defaults.items()}
        values |= {key: str(flow.policies.get(key) or options[0]) for key, options in POLICIES.items()}
        values |= {key: _thresholds(flow.review.get(key) or {}) for key in REVIEW_AMOUNTS}
        values |= remarks.stored(flow.review)
        return cls._of(str(flow.frequency_minutes), values, choices, {})

    @classmethod
    def of_post(cls, post: QueryDict, choices: ChartChoices, *, chart: ChartIndex | None) -> SettingsForm:
        """The form as sent, with `errors` by field; read `changes` only where there are none. `chart`: what defaults must
        stand in; None where it is not known yet."""
        names = (*DEFAULT_KEYS, *POLICIES, *REVIEW_AMOUNTS)
        values = {name: post.get(name, "").strip() for name in names} | remarks.typed(post)
        frequency, errors = post.get("frequency", "").strip(), dict[str, str]()
        cutoff = None
        if "cutoff" in post:
            try:
                cutoff = read_day(post.get("cutoff", ""))
            except DayFault as fault:
                errors["cutoff"] = _("Choose a day: %(why)s.") % {"why": fault}
        errors |= default_objections(values, chart) if chart is not None else {}
        form = cls._of(frequency, values, choices, errors | _errors(frequency, values))
        form.cutoff = cutoff
        return form

    @classmethod
    def _of(
        cls, frequency: str, values: Mapping[str, str], choices: ChartChoices, errors: dict[str, str]
    ) -> SettingsForm:
        def choice(name: str, label: str | Promise, options: Sequence[tuple[str, Any]] = ()) -> Choice:
            value = values.get(name, "")
            known = {key for key, _label in options}
            kept = [(value, value)] if options and value and value not in known else []
            return Choice(name=name, label=label, value=value, options=[*options, *kept], error=errors.get(name, ""))

        return cls(
            frequency=frequency,
            policies=[choice(key, label, list(words.items())) for key, (label, words) in _POLICY_WORDS.items()],
            defaults=[choice(key, label, _possible(key, choices)) for key, label in _DEFAULT_WORDS.items()],
            review=[choice(key, label) for key, label in remarks.AMOUNT_WORDS.items()],
            acts=[choice(key, label, list(words.items())) for key, (label, words) in remarks.ACT_WORDS.items()],
            numbers=[choice(key, label) for key, label in remarks.NUMBER_WORDS.items()],
            errors=errors,
        )

    def changes(self) -> dict[str, Any]:
        """The whole of the settings as they are stored."""
        return {
            "frequency_minutes": int(self.frequency),
            "policies": {it.name: it.value for it in self.policies},
            "defaults": {it.name: it.value for it in self.defaults if it.value},
            "review": self.remarks(),
        }

    def remarks(self) -> dict[str, Any]:
        """What a person looks at first, as it is stored."""
        amounts = {it.name: read_thresholds(it.value) for it in self.review if it.value}
        return amounts | remarks.changes({it.name: it.value for it in (*self.acts, *self.numbers)})


def _possible(key: str, choices: ChartChoices) -> Sequence[tuple[str, str]]:
    """What a default may be."""
    if key == "tracking_category":
        return choices.categories
    return choices.taxes if key.startswith("tax_") else choices.accounts


def read_thresholds(text: str) -> dict[str, str]:
    """`CHF 50000, EUR 40000.00` as amounts by currency. Raises ValueError with a sentence for the person."""
    found: dict[str, str] = {}
    for part in filter(None, (it.strip() for it in re.split(r"[,;\n]+", text))):
        match = _THRESHOLD.fullmatch(part)
        if match is None or match[1].upper() not in MINOR_UNITS:
            raise ValueError(_("“%(part)s” is not a currency and an amount, like CHF 50000.00") % {"part": part})
        found[match[1].upper()] = format(_amount(match[2]), "f")
    return found


def _amount(text: str) -> Decimal:
    try:
        return decimal_of(text.replace("'", "").replace("\u2019", ""))
    except MoneyError as error:
        raise ValueError(_("“%(text)s” is not an amount") % {"text": text}) from error


def _thresholds(stored: Mapping[str, Any]) -> str:
    return ", ".join(f"{currency} {amount}" for currency, amount in stored.items())


def _errors(frequency: str, values: Mapping[str, str]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not (frequency.isascii() and frequency.isdigit() and 1 <= int(frequency[:6] or 0) <= MOST_MINUTES):
        errors["frequency"] = _("Choose a whole number of minutes from 1 to 1440.")
    for name, options in POLICIES.items():
        if values[name] not in options:
            errors[name] = _("Choose one of the possibilities.")
    errors |= remarks.errors(values)
    for name in REVIEW_AMOUNTS:
        try:
            read_thresholds(values[name])
        except ValueError as error:
            errors[name] = str(error)
    return errors
