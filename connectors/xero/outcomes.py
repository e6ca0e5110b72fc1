"""What an answer of Xero means for each document we asked for. Pure; the table of docs/exactly-once.md in code.

The rule behind every line: only what Xero says clearly counts. An id with our marker is presence. A refusal counts where
it names our element. Everything else is unknown, and unknown means: look first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from connectors.contract import wire
from connectors.contract.errors import ContractBroken, Finding, Severity
from connectors.contract.records import (
    NEVER,
    Answer,
    Change,
    Classified,
    ContactDraft,
    Endpoint,
    ItemOutcome,
    MirrorDocument,
    OptionDraft,
    Outcome,
    Prepared,
    Receipt,
    Removal,
    Transport,
    Writable,
)
from connectors.xero import amended, payments, reading
from connectors.xero.amending import is_amending
from connectors.xero.mapping import marker_of, reports_each_element
from connectors.xero.messages import IDEMPOTENCY_CONFLICT, finding_of, findings_of, messages_in, quoted
from connectors.xero.reading import Wire
from connectors.xero.text import find_marker

PAUSE_CONCURRENT = 5.0  # Xero gives no Retry-After when too many calls run at once
PAUSE_MINUTE = 60.0
_ID_KEYS = {
    Endpoint.BANK_TRANSACTIONS: "BankTransactionID",
    Endpoint.BANK_TRANSFERS: "BankTransferID",
    Endpoint.CONTACTS: "ContactID",
    Endpoint.TRACKING_OPTIONS: "TrackingOptionID",
    Endpoint.PAYMENTS: "PaymentID",
    Endpoint.BATCH_PAYMENTS: "BatchPaymentID",
}
_NOTHING_SENT = frozenset({Transport.NOT_SENT, Transport.WITHHELD})


def classify(prepared: Prepared, answer: Answer, *, items: Sequence[Writable]) -> Classified:
    """One outcome for each of `items`, in their order, and what the answer means for the whole connection."""
    if answer.transport in _NOTHING_SENT:
        return _same_for_all(
            items, Outcome.NOT_APPLIED, message=_not_sent_message(answer), pause_seconds=answer.wait_seconds
        )
    if answer.transport is Transport.NO_ANSWER:
        return _same_for_all(
            items, Outcome.UNKNOWN, message="Xero gave no answer; the books are read before anything else."
        )
    match answer.status:
        case 429:
            return _too_many_calls(answer, items)
        case 401 | 403:
            return _not_let_in(answer, items)
        case 400:
            return _bad_request(prepared, answer, items)
        case status if 200 <= status < 300:
            return _judged(prepared, answer, items)
        case _:
            return _unclear(answer, items)


# ------------------------------------------------------------ the call as a whole


def _same_for_all(items: Sequence[Writable], outcome: Outcome, **about_the_call: Any) -> Classified:
    return Classified(items=tuple(_plain(item, outcome) for item in items), **about_the_call)


def _plain(item: Writable, outcome: Outcome, findings: tuple[Finding, ...] = ()) -> ItemOutcome:
    return ItemOutcome(marker=marker_of(item), outcome=outcome, findings=findings)


def _not_sent_message(answer: Answer) -> str:
    if answer.transport is Transport.NOT_SENT:
        return "Xero could not be reached; nothing was sent."
    return f"Nothing was sent: {answer.error}." if answer.error else "Nothing was sent."


def _too_many_calls(answer: Answer, items: Sequence[Writable]) -> Classified:
    problem = answer.headers.get("x-rate-limit-problem", "").strip().lower()
    usual = PAUSE_CONCURRENT if problem == "concurrent" else PAUSE_MINUTE
    pause = usual if answer.wait_seconds is None else answer.wait_seconds
    return _same_for_all(
        items,
        Outcome.NOT_APPLIED,
        pause_seconds=max(pause, 1.0),
        message=f"Xero's call limit is reached ({problem or 'unnamed'}); nothing was posted.",
    )


def _not_let_in(answer: Answer, items: Sequence[Writable]) -> Classified:
    if "insufficient_scope" in answer.headers.get("www-authenticate", ""):
        message = "Xero says that a permission is missing. Reconnect and grant all of them."
    elif answer.status == 403:
        message = "This company is no longer connected at Xero. Reconnect it."
    else:
        message = "Xero did not accept the sign-in; nothing was posted."
    return _same_for_all(items, Outcome.NOT_APPLIED, reauthorise=True, message=message)


def _unclear(answer: Answer, items: Sequence[Writable]) -> Classified:
    return _same_for_all(
        items,
        Outcome.UNKNOWN,
        pause_seconds=answer.wait_seconds if answer.status == 503 else None,
        message=f"Xero answered {answer.status}; the books are read before anything else.",
    )


# ------------------------------------------------------------------------- 400


def _bad_request(prepared: Prepared, answer: Answer, items: Sequence[Writable]) -> Classified:
    """Xero refused the call. Where it names the elements, only those are refused; else the culprit must be searched.

    A call that Xero judges element by element saves nothing in a 400; for the others only a named element is sure.
    """
    body = _decoded(answer)
    said = quoted(reading.text(body, "Message"))
    if said and finding_of(said).code == IDEMPOTENCY_CONFLICT:
        return _same_for_all(items, Outcome.UNKNOWN, message=f"Xero refused the request's key: “{said}”")
    others = Outcome.NOT_APPLIED if reports_each_element(prepared) else Outcome.UNKNOWN
    ours = [item for item in items if is_amending(item)]
    if ours and (told := amended.refused(prepared.endpoint, body, ours, others=others)):
        return told
    named = _named_refusals(prepared, body, items)
    if named:
        outcomes = tuple(named.get(marker_of(item)) or _plain(item, others) for item in items)
        return Classified(items=outcomes, message="Xero refused the request because of the rows named.")
    findings = findings_of([said] if said else []) if len(items) == 1 else ()
    return Classified(
        items=tuple(_plain(item, others, findings) for item in items),
        batch_refused=True,
        message=f"Xero refused the request: “{said}”" if said else "Xero refused the request without a reason.",
    )


def _named_refusals(prepared: Prepared, body: Wire, items: Sequence[Writable]) -> dict[str, ItemOutcome]:
    """The items whose own element comes back with reasons and without an id; {} unless it is a validation error."""
    if reading.text(body, "Type") != "ValidationException":
        return {}
    elements = [element for element in reading.parts(body, "Elements") if messages_in(element)]
    if any(_id_of(prepared.endpoint, element) for element in elements):
        return {}
    if len(items) == 1 and len(elements) == 1:
        marker = _marker_on(prepared.endpoint, elements[0])
        owners = {marker_of(items[0]): elements[0]} if marker in ("", marker_of(items[0])) else {}
    else:
        owners = {_marker_on(prepared.endpoint, element): element for element in elements}
    return {
        marker_of(item): _plain(item, Outcome.REFUSED, findings_of(messages_in(owners[marker_of(item)])))
        for item in items
        if marker_of(item) in owners
    }


# ------------------------------------------------------------------------- 200


def _judged(prepared: Prepared, answer: Answer, items: Sequence[Writable]) -> Classified:
    try:
        elements = reading.elements_of(_decoded(answer), prepared.endpoint.value)
    except ContractBroken:
        return _same_for_all(
            items, Outcome.UNKNOWN, message="Xero's answer cannot be read; the books are read before anything else."
        )
    ours = [item for item in items if is_amending(item)]
    if ours:
        return amended.judged(prepared.endpoint, elements, ours)
    owners = _owners(prepared.endpoint, elements, items)
    is_whole = len(elements) == len(items) and owners.keys() == {marker_of(item) for item in items}
    outcomes = tuple(_item_outcome(prepared.endpoint, item, owners.get(marker_of(item)), is_whole) for item in items)
    return Classified(items=outcomes, message="" if is_whole else "Xero's answer does not fit what was sent.")


def _owners(endpoint: Endpoint, elements: Sequence[Wire], items: Sequence[Writable]) -> dict[str, Wire]:
    """Which element belongs to which expected marker.

    By marker. An element without a marker belongs to the item of its position, but only where the counts agree and no
    marked element stands at a place that is not its own. A marker that comes twice belongs to no element.
    """
    expected = [marker_of(item) for item in items]
    found = [_marker_on(endpoint, element) for element in elements]
    counts = Counter(found)
    owners = {
        marker: element for marker, element in zip(found, elements, strict=True) if counts[marker] == 1 and marker
    }
    if len(found) == len(expected) and all(mark in ("", own) for mark, own in zip(found, expected, strict=True)):
        by_place = zip(expected, found, elements, strict=True)
        owners.update({own: element for own, mark, element in by_place if not mark})
    return owners


def _item_outcome(endpoint: Endpoint, item: Writable, element: Wire | None, is_whole: bool) -> ItemOutcome:
    """`is_whole`: each item has an element and each element an item; else only presence counts, no refusal."""
    if element is None:
        return _plain(item, Outcome.UNKNOWN)
    refused = _is_refused(element)
    if _id_of(endpoint, element) and not refused:
        return _applied(endpoint, item, element)
    if refused and is_whole and not _id_of(endpoint, element):
        findings = findings_of(messages_in(element)) or findings_of([""])
        return _plain(item, Outcome.REFUSED, findings)
    return _plain(item, Outcome.UNKNOWN)


def _applied(endpoint: Endpoint, item: Writable, element: Wire) -> ItemOutcome:
    marker = _marker_on(endpoint, element)
    warnings = messages_in(element, "Warnings")
    return ItemOutcome(
        marker=marker_of(item),
        outcome=Outcome.APPLIED if marker else Outcome.UNPROVEN,
        receipt=_receipt(endpoint, item, element),
        findings=findings_of(warnings, severity=Severity.NOTE),
    )


def _is_refused(element: Wire) -> bool:
    status = reading.text(element, "StatusAttributeString").upper()
    return status == "ERROR" or (not status and bool(messages_in(element)))


def _receipt(endpoint: Endpoint, item: Writable, element: Wire) -> Receipt:
    """What Xero stored. An echo that cannot be read leaves the id alone, which is enough to read the document back."""
    document_id = _id_of(endpoint, element)
    marker = _marker_on(endpoint, element)
    try:
        if isinstance(item, ContactDraft):
            return Receipt(document_id=document_id, marker=marker, contact=reading.contact(element))
        if isinstance(item, Change | Removal | OptionDraft):
            return Receipt(document_id=document_id, marker=marker)
        document = _document(endpoint, item.total.currency, element)
        return Receipt(document_id=document_id, marker=marker, document=document, tax_total=reading.tax_total(element))
    except ContractBroken:
        return Receipt(document_id=document_id, marker=marker)


def _document(endpoint: Endpoint, currency: str, element: Wire) -> MirrorDocument:
    def currency_of(account_id: str) -> str:
        return currency

    match endpoint:
        case Endpoint.BANK_TRANSFERS:
            return reading.bank_transfer(element, currency_of=currency_of)
        case Endpoint.PAYMENTS:
            return payments.payment(element, currency_of=currency_of)
        case Endpoint.BATCH_PAYMENTS:
            return payments.batch_payment(element, currency_of=currency_of)
        case _:
            return reading.bank_transaction(element, lines_since=NEVER)  # what counts is read back, lines and all


def _id_of(endpoint: Endpoint, element: Wire) -> str:
    return reading.identifier(element, _ID_KEYS[endpoint])


def _marker_on(endpoint: Endpoint, element: Wire) -> str:
    if endpoint is Endpoint.CONTACTS:
        return reading.text(element, "ContactNumber").strip()
    if endpoint is Endpoint.TRACKING_OPTIONS:
        return reading.text(element, "Name").strip()
    if endpoint is Endpoint.BATCH_PAYMENTS:
        return payments.marker_of(element)
    return find_marker(reading.text(element, "Reference"))


def _decoded(answer: Answer) -> Wire:
    try:
        found = wire.decode(answer.body)
    except (wire.WireError, wire.GarbledError):
        return {}
    return found if isinstance(found, dict) else {}
