"""The bookkeeper's word and the tone for each state that a page shows."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """`tone`: good, info, warn, bad or quiet; it colours the badge and never stands alone."""

    label: str | Promise
    tone: str = "quiet"


def _w(label: str | Promise, tone: str = "quiet") -> Word:
    return Word(label=label, tone=tone)


WORDS: dict[str, dict[str, Word]] = {
    "entry": {
        "fetched": _w(_("Read"), "info"),
        "waiting": _w(_("Waiting for its partner"), "info"),
        "ready": _w(_("Ready to post"), "info"),
        "in_flight": _w(_("Being posted"), "info"),
        "unconfirmed": _w(_("Sent, not yet read back"), "info"),
        "confirmed": _w(_("In the books"), "good"),
        "skipped": _w(_("Skipped")),
        "duplicate": _w(_("Already in the books")),
        "review": _w(_("Needs review"), "warn"),
        "failed": _w(_("Failed"), "bad"),
        "undone": _w(_("Undone")),
    },
    "run": {
        "running": _w(_("Running"), "info"),
        "done": _w(_("Done"), "good"),
        "failed": _w(_("Failed"), "bad"),
        "abandoned": _w(_("Broken off"), "bad"),
    },
    "connection": {
        "new": _w(_("Not connected")),
        "pending": _w(_("Not finished"), "warn"),
        "active": _w(_("Connected"), "good"),
        "needs_reconnect": _w(_("Reconnect needed"), "bad"),
        "disconnected": _w(_("Disconnected")),
    },
    "flow": {
        "active": _w(_("Running"), "good"),
        "paused": _w(_("Paused"), "warn"),
        "stopped": _w(_("Stopped"), "bad"),
    },
    "incident": {"open": _w(_("Open"), "bad"), "closed": _w(_("Closed"), "good")},
    "severity": {
        "note": _w(_("Note"), "info"),
        "review": _w(_("Needs review"), "warn"),
        "warning": _w(_("Warning"), "warn"),
        "critical": _w(_("Critical"), "bad"),
    },
    "movement": {
        "pay_in": _w(_("Incoming payment")),
        "returned_payment": _w(_("Returned payment")),
        "pay_out": _w(_("Outgoing payment")),
        "card": _w(_("Card payment")),
        "card_refund": _w(_("Card refund")),
        "fee": _w(_("Fee")),
        "fx": _w(_("Currency exchange")),
        "peer": _w(_("Transfer, other company")),
        "own_transfer": _w(_("Transfer between own accounts")),
        "collateral": _w(_("Collateral")),
        "unknown": _w(_("Unknown type"), "warn"),
    },
    "execution": {
        "pending": _w(_("Pending"), "info"),
        "executed": _w(_("Executed"), "good"),
        "cancelled": _w(_("Cancelled")),
        "unknown": _w(_("Unknown"), "warn"),
    },
    "document": {
        "": _w(_("No document yet")),
        "SPEND": _w(_("Spend money")),
        "RECEIVE": _w(_("Receive money")),
        "BANKTRANSFER": _w(_("Bank transfer")),
        "PAYMENT": _w(_("Payment")),
        "BATCHPAYMENT": _w(_("Batch payment")),
    },
    "leg": {"main": _w(_("Document")), "sold": _w(_("Currency sold")), "bought": _w(_("Currency bought"))},
    "step": {
        "fetch": _w(_("Read from Amnis")),
        "transform": _w(_("Coded")),
        "validate": _w(_("Checked")),
        "push": _w(_("Posted to Xero")),
        "confirm": _w(_("Read back from Xero")),
        "log": _w(_("Logged")),
    },
    "role": {
        "owner": _w(_("Owner"), "info"),
        "bookkeeper": _w(_("Bookkeeper")),
        "auditor": _w(_("Auditor")),
    },
    "outcome": {
        "applied": _w(_("Stored by Xero"), "good"),
        "applied_unproven": _w(_("Stored, proof missing"), "warn"),
        "refused": _w(_("Refused"), "bad"),
        "not_applied": _w(_("Not stored"), "info"),
        "unknown": _w(_("Outcome unknown"), "warn"),
    },
    "field": {
        "account": _w(_("Account")),
        "tax": _w(_("Tax")),
        "tracking": _w(_("Tracking")),
        "contact": _w(_("Contact")),
        "rate": _w(_("Rate")),
        "date": _w(_("Date")),
        "counterparty": _w(_("Counterparty")),
        "text": _w(_("Text")),
        "reference": _w(_("Reference")),
        "amount": _w(_("Amount")),
        "currency": _w(_("Currency")),
        "type": _w(_("Type")),
        "direction": _w(_("Direction")),
        "card": _w(_("Card")),
        "category": _w(_("Category at Amnis")),
        "merchant_country": _w(_("Country of the merchant")),
        "iban": _w(_("IBAN")),
        "skip": _w(_("Skip")),
        "review": _w(_("Review")),
    },
    "op": {
        "is": _w(_("is")),
        "is_not": _w(_("is not")),
        "contains": _w(_("contains")),
        "starts_with": _w(_("starts with")),
        "regex": _w(_("matches the pattern")),
        "gt": _w(_("is more than")),
        "gte": _w(_("is at least")),
        "lt": _w(_("is less than")),
        "lte": _w(_("is at most")),
        "in": _w(_("is one of")),
        "empty": _w(_("is empty")),
    },
    "by": {
        "rule": _w(_("Rule")),
        "origin": _w(_("Original payment")),
        "category": _w(_("Captured at Amnis")),
        "contact": _w(_("Earlier decision")),
        "default": _w(_("Default")),
        "policy": _w(_("Policy")),
    },
    "count": {
        "fetched": _w(_("Rows read")),
        "new": _w(_("New")),
        "changed": _w(_("Changed")),
        "skipped": _w(_("Skipped")),
        "pushed": _w(_("Posted")),
        "confirmed": _w(_("Confirmed")),
        "review": _w(_("To review")),
        "failed": _w(_("Failed")),
        "ready": _w(_("Ready to post")),
    },
    "error_class": {
        "transient": _w(_("Passing: it is tried again by itself")),
        "auth": _w(_("Sign-in: reconnect the company")),
        "data": _w(_("Data: the movement waits in the review")),
        "system": _w(_("System: the operators have been told")),
    },
    "cause": {
        "": _w(_("Needs a decision")),
        "gave_up": _w(_("Gave up after four attempts")),
        "account_archived": _w(_("An account is archived in Xero")),
        "account_invalid": _w(_("Xero refuses an account")),
        "account_missing": _w(_("An account does not exist in Xero")),
        "account_not_mapped": _w(_("An account is not matched")),
        "account_unusable": _w(_("An account cannot be used")),
        "already_in_xero": _w(_("Perhaps already in Xero")),
        "amount_not_exact": _w(_("The amount has too many digits")),
        "amount_unreadable": _w(_("The amount cannot be read")),
        "clearing_account_missing": _w(_("No clearing account for currency exchanges")),
        "collateral_movement": _w(_("Collateral")),
        "collateral_unmapped": _w(_("Collateral")),
        "contact_ambiguous": _w(_("Several contacts fit")),
        "contact_archived": _w(_("The contact is archived in Xero")),
        "contact_missing": _w(_("No contact")),
        "contact_name_taken": _w(_("The name of the contact is taken in Xero")),
        "contact_unknown": _w(_("Xero does not know the counterparty")),
        "currency_mismatch": _w(_("The currencies differ")),
        "currency_not_subscribed": _w(_("A currency is not switched on in Xero")),
        "date_impossible": _w(_("The date is impossible")),
        "date_missing": _w(_("No date")),
        "deal_incomplete": _w(_("A currency exchange is incomplete")),
        "default_missing": _w(_("A default is missing")),
        "deleted_in_xero": _w(_("Deleted in Xero")),
        "direction_unknown": _w(_("In or out is not clear")),
        "incomplete": _w(_("The movement is incomplete")),
        "large_amount": _w(_("A large amount")),
        "new_counterparty": _w(_("A new counterparty")),
        "no_multi_currency": _w(_("Xero keeps one currency only")),
        "other_half_held": _w(_("Its other half waits")),
        "period_locked": _w(_("The period is locked in Xero")),
        "read_back_differs": _w(_("Xero shows something else than was sent")),
        "reconciled": _w(_("Already reconciled in Xero")),
        "refused_by_xero": _w(_("Refused by Xero")),
        "return_unmatched": _w(_("A payment came back")),
        "review_by_rule": _w(_("A rule asks for a look")),
        "source_changed": _w(_("Changed at Amnis after it was posted")),
        "source_withdrew": _w(_("Withdrawn at Amnis after it was posted")),
        "tax_archived": _w(_("A tax is archived in Xero")),
        "tax_missing": _w(_("A tax does not exist in Xero")),
        "tax_not_allowed": _w(_("Tax not allowed on the account")),
        "tracking_archived": _w(_("A tracking option is archived in Xero")),
        "tracking_missing": _w(_("A tracking option does not exist in Xero")),
        "transfer_unequal": _w(_("The two sides of a transfer differ")),
        "unknown_movement": _w(_("Unknown kind of movement")),
        "unknown_status": _w(_("Unknown status at Amnis")),
    },
    "action": {
        "view": _w(_("See everything")),
        "export": _w(_("Export lists")),
        "audit_view": _w(_("See the audit trail")),
        "review": _w(_("Accept and skip what waits")),
        "sync": _w(_("Sync now, try again")),
        "undo": _w(_("Undo postings")),
        "pause": _w(_("Pause and resume")),
        "map": _w(_("Match accounts, write rules")),
        "connect": _w(_("Connect and disconnect")),
        "settings": _w(_("Change settings")),
        "alerts": _w(_("Choose who is alerted")),
        "members": _w(_("Invite and remove people")),
    },
    "proposal": {
        "same_iban": _w(_("same IBAN")),
        "only_in_currency": _w(_("the only one in this currency")),
        "similar_name": _w(_("similar name")),
    },
    "yesno": {"True": _w(_("Yes"), "good"), "False": _w(_("No"))},
}


def word_for(kind: str, value: str) -> Word:
    """The word of the vocabulary `kind`; a value that is not in it is shown as it is, never hidden."""
    known = WORDS.get(kind, {}).get(value)
    return known or Word(label=value.replace("_", " ").capitalize() or "\u2013")
