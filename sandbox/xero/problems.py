"""Everything Xero refuses with, in its own words.

https://developer.xero.com/documentation/api/accounting/responsecodes
"""

from typing import Any


class Refusal(Exception):
    """Answers the whole call with an error."""

    status = 400

    def body(self) -> dict[str, Any]:
        return {}


class ApiException(Refusal):
    """A 400 with ErrorNumber, Type and Message."""

    number = 0
    type = ""

    def body(self) -> dict[str, Any]:
        return {"ErrorNumber": self.number, "Type": self.type, "Message": str(self)}


class PostDataInvalid(ApiException):
    number, type = 14, "PostDataInvalidException"


class QueryParse(ApiException):
    number, type = 16, "QueryParseException"


class HighVolume(ApiException):
    number, type = 51, "HighVolumeException"


class IdempotencyConflict(ApiException):
    number, type = 10, "ValidationException"


class ValidationFailed(ApiException):
    """Nothing was saved; each failed element is echoed with its messages."""

    number, type = 10, "ValidationException"

    def __init__(self, elements: list[dict[str, Any]]) -> None:
        super().__init__("A validation exception occurred")
        self.elements = elements

    def body(self) -> dict[str, Any]:
        return super().body() | {"Elements": self.elements}


class NotFound(Refusal):
    status = 404
    text = "The resource you're looking for cannot be found"


class NotImplementedThere(Refusal):
    status = 501
    text = "The method is not implemented for this resource"


class BadCondition(Refusal):
    status = 412
    text = "A condition in the request headers is invalid"


class Denied(Refusal):
    """401 and 403 in the problem form of the resource server."""

    def __init__(self, status: int, detail: str, *, scope_missing: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.scope_missing = scope_missing

    def body(self) -> dict[str, Any]:
        title = {401: "Unauthorized", 403: "Forbidden"}[self.status]
        return {"Type": None, "Title": title, "Status": self.status, "Detail": str(self)}


class Invalid(Exception):
    """One element does not hold; carries every message found."""

    def __init__(self, *messages: str) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages


NO_CONTACT = (
    "The Contact must contain at least 1 of the following elements "
    "to identify the contact: Name, ContactID, ContactNumber"
)
CONTACT_ARCHIVED = (
    "The contact with the specified contact details has been archived. "
    "The contact must be un-archived before creating new invoices or credit notes"
)
ACCOUNT_NUMBER_TAKEN = "The Account Number already exists. Please enter a different Account Number."
RECONCILED = "This Bank Transaction cannot be edited as it has been reconciled with a Bank Statement."
TOTAL_NOT_POSITIVE = "The Total for this document must be greater than zero"
WRONG_SUBTOTAL = "The document sub total does not equal the sub total of the lines"
WRONG_TOTAL = "The document total does not equal the total of the lines"
ID_UNKNOWN = "The document with the supplied id was not found for this endpoint."
ACCOUNT_INVALID = "Account must be valid."
TAX_INVALID = "Tax rate must be valid."
OVERPAID = "Payment amount exceeds the amount outstanding on this document"
INVOICE_NUMBER_TAKEN = "Invoice # must be unique."
INVOICE_STATUS = "Invoice not of valid status for modification"
HAS_PAYMENTS = "This document cannot be edited as it has a payment or credit note allocated to it."
URL_PORT = "Custom ports are not allowed in invoice url"
URL_HOST = "Url host cannot be an IP address, and must be a publicly addressable top level domain"


def account_code_invalid(code: str) -> str:
    return f"Account code '{code}' is not a valid code for this document."


def account_archived(code: str) -> str:
    return (
        f"Account code '{code}' has been archived, or has been deleted. Each line item must reference a valid account."
    )


def name_taken(name: str) -> str:
    return (
        f"The contact name {name} is already assigned to another contact. "
        "The contact name must be unique across all active contacts."
    )


def number_taken(number: str) -> str:
    return (
        f"The contact number {number} is already assigned to another contact. "
        "The contact number must be unique across all contacts."
    )
