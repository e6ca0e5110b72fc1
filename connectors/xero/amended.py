"""What an answer of Xero means for each document that was to be changed or removed. Pure.

An answer is a hint here: whatever it says, the document itself is read afterwards. So a refusal counts where it names our
document, success where the element shows it, and everything else is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.contract.records import Amending, Classified, Endpoint, ItemOutcome, Outcome, Receipt, Removal
from connectors.xero import reading
from connectors.xero.amending import ID_KEYS
from connectors.xero.messages import findings_of, messages_in
from connectors.xero.reading import Wire
from connectors.xero.text import find_marker


def judged(endpoint: Endpoint, elements: Sequence[Wire], items: Sequence[Amending]) -> Classified:
    """A 2xx answer, element by element."""
    owners = _owners(endpoint, elements, items)
    outcomes = tuple(_outcome(item, owners.get(item.document_id.lower())) for item in items)
    whole = len(owners) == len(items) == len(elements)
    return Classified(items=outcomes, message="" if whole else "Xero's answer does not fit what was sent.")


def refused(endpoint: Endpoint, body: Wire, items: Sequence[Amending], *, others: Outcome) -> Classified | None:
    """A validation error that names our documents; None where it names none of them."""
    elements = [element for element in reading.parts(body, "Elements") if messages_in(element)]
    owners = _owners(endpoint, elements, items)
    if not owners:
        return None
    outcomes = tuple(
        _refusal(item, owners[item.document_id.lower()])
        if item.document_id.lower() in owners
        else ItemOutcome(marker=item.marker, outcome=others)
        for item in items
    )
    return Classified(items=outcomes, message="Xero refused the request because of the documents named.")


def _owners(endpoint: Endpoint, elements: Sequence[Wire], items: Sequence[Amending]) -> dict[str, Wire]:
    """Elements by our documents' ids; one without an id belongs to its place where all the others agree with theirs."""
    wanted = [item.document_id.lower() for item in items]
    found = [reading.identifier(element, ID_KEYS[endpoint]) for element in elements]
    owners = {
        shown: element
        for shown, element in zip(found, elements, strict=True)
        if shown in wanted and found.count(shown) == 1
    }
    if len(found) == len(wanted) and all(shown in ("", own) for shown, own in zip(found, wanted, strict=True)):
        owners.update(zip(wanted, elements, strict=True))
    return owners


def _outcome(item: Amending, element: Wire | None) -> ItemOutcome:
    if element is None:
        return ItemOutcome(marker=item.marker, outcome=Outcome.UNKNOWN)
    if reading.text(element, "StatusAttributeString").upper() == "ERROR" or messages_in(element):
        return _refusal(item, element)
    gone = reading.text(element, "Status") == "DELETED"
    if gone is not isinstance(item, Removal):
        return ItemOutcome(marker=item.marker, outcome=Outcome.UNKNOWN)
    receipt = Receipt(document_id=item.document_id, marker=find_marker(reading.text(element, "Reference")))
    return ItemOutcome(marker=item.marker, outcome=Outcome.APPLIED, receipt=receipt)


def _refusal(item: Amending, element: Wire) -> ItemOutcome:
    findings = findings_of(messages_in(element)) or findings_of([""])
    return ItemOutcome(marker=item.marker, outcome=Outcome.REFUSED, findings=findings)
