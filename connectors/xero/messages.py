"""Xero's refusals in the words of a bookkeeper: what is wrong, and what to do. Pure.

Xero gives no codes, only sentences with values inside, so they are recognised by pattern and never by equality. What no
pattern knows is shown as Xero said it. `Finding.detail` names the root cause, so that a hundred rows with one cause are
one thing to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.contract.errors import Finding, Severity
from connectors.xero.text import clean, cut

CONTACT_NAME_TAKEN = "contact_name_taken"
IDEMPOTENCY_CONFLICT = "idempotency_conflict"
UNKNOWN_REFUSAL = "xero_refused"
_MAX_QUOTE = 300
_MAX_MESSAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One known sentence. `what` and `detail` may name the groups of `pattern`."""

    code: str
    pattern: str
    what: str
    detail: str = ""

    def finding(self, found: re.Match[str], severity: Severity) -> Finding:
        words = {name: clean(value or "") or "not said" for name, value in found.groupdict().items()}
        return Finding(
            code=self.code,
            message=f"{self.what.format(**words)} (Xero: “{quoted(found.string)}”)",
            severity=severity,
            detail=self.detail.format(**words),
        )


# Order matters: the first pattern that is found decides.
CATALOGUE: tuple[Refusal, ...] = (
    Refusal(
        code="account_archived",
        pattern=r"account code '(?P<account>[^']*)' has been archived, or has been deleted",
        what="The account {account} is archived in Xero. Restore it there or choose another account, then try again.",
        detail="{account}",
    ),
    Refusal(
        code="account_invalid",
        pattern=r"account code '(?P<account>[^']*)' is not a valid code for this document",
        what="The account {account} cannot be used on this document. Choose another account for it, then try again.",
        detail="{account}",
    ),
    Refusal(
        code="tax_not_allowed",
        pattern=r"taxtype code '(?P<tax>[^']*)' cannot be used with account code '(?P<account>[^']*)'",
        what=(
            "Xero does not allow the tax rate {tax} on the account {account}. "
            "Choose a tax rate that this account may carry, then try again."
        ),
        detail="{tax} on {account}",
    ),
    Refusal(
        code="tax_amount_wrong",
        pattern=r"tax amount (?P<sent>\S+) is incorrect for (?P<tax>\S+) tax type, should be (?P<right>[\d.,]+)",
        what="Xero computes {right} of {tax} tax where {sent} was given. Correct the tax of this row, then try again.",
        detail="{tax}",
    ),
    Refusal(
        code="tax_invalid",
        pattern=r"tax ?(rate|type)( code)? .*(must be valid|not valid|is invalid|does not exist)|tax rate must be valid",
        what="The tax rate is not (or no longer) known in Xero. Choose an active tax rate, then try again.",
    ),
    Refusal(
        code="period_locked",
        pattern=r"cannot be before the (?P<lock>end of year|period) lock date(, currently set at (?P<day>[\w /-]+))?",
        what=(
            "The books are closed up to {day} ({lock} lock date). Move the lock date in Xero, or post this row on the "
            "first open day."
        ),
        detail="{lock} lock date {day}",
    ),
    Refusal(
        code=CONTACT_NAME_TAKEN,
        pattern=r"contact name (?P<name>.*) is already assigned to another contact",
        what="Xero already has a contact named {name}. It is used for this row, or choose another contact.",
        detail="{name}",
    ),
    Refusal(
        code="contact_number_taken",
        pattern=r"(contact ?number|account number) .*already (exists|assigned|in use)",
        what="Another contact in Xero carries this number. Open that contact in Xero and free the number, or use it.",
    ),
    Refusal(
        code="contact_archived",
        pattern=r"contact .*has been archived|contact must be un-?archived",
        what="The contact is archived in Xero. Restore it there or choose another contact, then try again.",
    ),
    Refusal(
        code="contact_missing",
        pattern=r"contact must contain at least 1 of|contact must be specified",
        what="No contact is named that Xero knows. Choose a contact for this row, then try again.",
    ),
    Refusal(
        code="contact_name_invalid",
        pattern=r"(contact )?name .*(too long|cannot (contain|exceed)|invalid|must not contain)|name must be specified",
        what="Xero does not accept this contact's name. Choose or create a contact by hand, then try again.",
    ),
    Refusal(
        code="email_invalid",
        pattern=r"email address must be valid",
        what="The contact's e-mail address is not valid in Xero. Correct it there, then try again.",
    ),
    Refusal(
        code="currency_not_subscribed",
        pattern=r"not subscribed to (the )?currency '?(?P<currency>[A-Z]{3})",
        what=(
            "The company in Xero does not use {currency}. Add the currency in Xero (its plan must include several "
            "currencies), then try again."
        ),
        detail="{currency}",
    ),
    Refusal(
        code="currency_mismatch",
        pattern=r"(different|same) currenc|currency .*(bank account|does not match|must match)",
        what="The currencies of the accounts differ. Map the wallet to a Xero bank account of its own currency.",
    ),
    Refusal(
        code="total_not_positive",
        pattern=r"total for this document must be greater than zero|amount must be greater than (0|zero)",
        what="A document in Xero needs a total above zero. Check the amount of this row, or skip it.",
    ),
    Refusal(
        code="totals_differ",
        pattern=r"(sub ?total|total) does not equal the (sub ?)?(total|sum) of the lines",
        what="The lines do not add up to the total. Nothing was posted; report this row to support.",
    ),
    Refusal(
        code="reconciled",
        pattern=r"cannot be edited as it has been reconciled",
        what="The document is reconciled in Xero and cannot be changed. Undo the reconciliation there first.",
    ),
    Refusal(
        code="has_payments",
        pattern=r"(has|have) (a payment|payments) or credit notes? allocated|because it has payments",
        what="A payment or credit note is allocated to this document. Remove it in Xero first.",
    ),
    Refusal(
        code="overpaid",
        pattern=r"payment amount exceeds the amount outstanding",
        what=(
            "The payment is more than what is still open on the invoice: somebody else may have recorded it. Try again, and "
            "Millrace looks anew at what is open."
        ),
    ),
    Refusal(
        code="invoice_not_payable",
        pattern=r"payments can only be made against authorised documents|invoice could not be found",
        what=(
            "The invoice that this movement was to pay is no longer open in Xero: somebody voided it or took it back. "
            "Try again, and Millrace looks for another invoice."
        ),
    ),
    Refusal(
        code="invoice_number_taken",
        pattern=r"invoice # must be unique",
        what="An invoice with this number exists in Xero already. Check whether it is the same one.",
    ),
    Refusal(
        code="invoice_status",
        pattern=r"invoice not of valid status|limit of invoices you can approve",
        what="Xero does not allow this for the invoice as it stands. Open it in Xero and check its status.",
    ),
    Refusal(
        code="link_invalid",
        pattern=r"custom ports are not allowed|url host cannot be|url .*(must be|is not|invalid)",
        what="Xero does not accept the link back to this program. An administrator must correct PUBLIC_URL.",
    ),
    Refusal(
        code="tracking_invalid",
        pattern=r"tracking (category|option|categories).*(not|invalid|archived|more than|only|maximum)",
        what="The tracking option is not usable in Xero. Choose an active one (two at most), then try again.",
    ),
    Refusal(
        code="account_invalid",
        pattern=r"account must be valid|(bank )?account .*(not valid|invalid|does not exist|not found|not a bank account)",
        what="An account of this document cannot be used in Xero. Check the account mapping, then try again.",
    ),
    Refusal(
        code="line_invalid",
        pattern=r"line ?item|description|unit ?amount|quantity",
        what="Xero does not accept a line of this document. Check its text and amount, then try again.",
    ),
    Refusal(
        code="not_found",
        pattern=r"document with the supplied id was not found",
        what="Xero does not know this document any more. It may have been deleted there.",
    ),
    Refusal(
        code="name_not_unique",
        pattern=r"please enter a unique (?P<field>name|code)|price list item with code '.*' already exists",
        what="The name or code exists in Xero already. Choose another one.",
    ),
    Refusal(
        code="journal_unbalanced",
        pattern=r"total debits .* must equal total credits",
        what="Debits and credits differ. Nothing was posted; report this row to support.",
    ),
    Refusal(
        code="permission_missing",
        pattern=r"not permitted to access|higher privileges|does not have permission|not authorised to",
        what="The connected Xero user may not do this. Reconnect with a user who may, or widen the role in Xero.",
    ),
    Refusal(
        code="rate_implausible",
        pattern=r"(currency|exchange) ?rate",
        what="Xero finds the exchange rate unusual. Compare it with the bank's.",
    ),
    Refusal(
        code=IDEMPOTENCY_CONFLICT,
        pattern=r"idempotency key: .* is used with a different request|idempotency key.* length",
        what="Xero took the request for another one. Nothing is sent again before the books have been read.",
    ),
    Refusal(
        code="request_malformed",
        pattern=r"error converting value|not a valid allxsd value|unexpected character|a validation exception",
        what="Xero could not read the request. Nothing was posted; report this row to support.",
    ),
)
_PATTERNS = tuple((re.compile(refusal.pattern, re.IGNORECASE | re.DOTALL), refusal) for refusal in CATALOGUE)


def finding_of(message: str, *, severity: Severity = Severity.REVIEW) -> Finding:
    """One of Xero's sentences as a finding."""
    for pattern, refusal in _PATTERNS:
        if found := pattern.search(message):
            return refusal.finding(found, severity)
    said = quoted(message) or "no reason given"
    return Finding(
        code=UNKNOWN_REFUSAL,
        message=f"Xero says: “{said}”. Correct the row or the books in Xero, then try again.",
        severity=severity,
        detail=cut(said, 100),
    )


def findings_of(messages: Iterable[str], *, severity: Severity = Severity.REVIEW) -> tuple[Finding, ...]:
    """All sentences, each finding once, in their order."""
    found = [finding_of(message, severity=severity) for message in messages]
    return tuple(dict.fromkeys(found))[:_MAX_MESSAGES]


def messages_in(element: object, key: str = "ValidationErrors") -> list[str]:
    """Every sentence under `key`, however deep: on the element, its lines, its contact. Some samples say Description."""
    if isinstance(element, list):
        return [message for item in element for message in messages_in(item, key)]
    if not isinstance(element, dict):
        return []
    found = [said for item in element.get(key) or () if isinstance(item, dict) and (said := _sentence(item))]
    for name, value in element.items():
        if value and name != key and isinstance(value, (dict, list)):
            found += messages_in(value, key)
    return found


def quoted(message: str) -> str:
    """Xero's sentence, fit to show: one line, bounded."""
    text = clean(message)
    return text if len(text) <= _MAX_QUOTE else cut(text, _MAX_QUOTE - 1) + "…"


def _sentence(item: Mapping[str, Any]) -> str:
    return str(item.get("Message") or item.get("Description") or "")
