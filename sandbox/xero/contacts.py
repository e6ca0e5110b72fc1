"""Contacts: matching, uniqueness, archiving; and the contact of a document.

https://developer.xero.com/documentation/api/accounting/contacts
"""

import re
from typing import Any

from sandbox.store import Json
from sandbox.web import Request, Response
from sandbox.xero import problems
from sandbox.xero.books import CONTACT, Books, fold
from sandbox.xero.call import Batch, Call, Saved
from sandbox.xero.listing import Listing, answer_list
from sandbox.xero.problems import Invalid, NotFound
from sandbox.xero.wire import new_id

_GUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_TEXT_LIMITS = {
    "Name": 255,
    "ContactNumber": 50,
    "AccountNumber": 50,
    "FirstName": 255,
    "LastName": 255,
    "CompanyNumber": 50,
    "EmailAddress": 255,
    "TaxNumber": 50,
}
_WRITABLE = {
    *_TEXT_LIMITS,
    "ContactStatus",
    "ContactPersons",
    "BankAccountDetails",
    "AccountsReceivableTaxType",
    "AccountsPayableTaxType",
    "Addresses",
    "Phones",
    "DefaultCurrency",
    "SalesDefaultAccountCode",
    "PurchasesDefaultAccountCode",
    "PaymentTerms",
}
_DROPPED_IN_SUMMARY = {"Addresses", "Phones", "ContactPersons", "ContactGroups", "IsSupplier", "IsCustomer", "Balances"}
_EMAIL = re.compile(r"^[\x21-\x7e]+@[\x21-\x7e]+\.[\x21-\x7e]+$")
_TIDY = re.compile(r"\s+")

LISTING = Listing(
    kind=CONTACT,
    plural="Contacts",
    id_field="ContactID",
    type_name="Contact",
    fields={
        "ContactID": "id",
        "Name": "@fold:name",
        "ContactStatus": "status",
        "ContactNumber": "account",
        "AccountNumber": "type",
        "UpdatedDateUTC": "@time:updated",
        "EmailAddress": "",
        "FirstName": "",
        "LastName": "",
        "CompanyNumber": "",
        "TaxNumber": "",
        "IsSupplier": "@bool",
        "IsCustomer": "@bool",
    },
    paged=True,
    default_order="name, id",
)


def list_contacts(call: Call) -> Response:
    """GET /Contacts: archived ones only on request; IDs, searchTerm and summaryOnly as documented."""
    conditions: list[tuple[str, list[object]]] = []
    if not call.flag("includeArchived", default=False) and "IDs" not in call.request.args:
        conditions.append(("status='ACTIVE'", []))
    if ids := call.request.args.get("IDs"):
        wanted = [part.strip().lower() for part in ids.split(",") if part.strip()]
        conditions.append((f"id IN ({','.join('?' * len(wanted))})", list(wanted)))
    if term := _search_term(call.request):
        conditions.append(_search(term))
    drop = _DROPPED_IN_SUMMARY if call.flag("summaryOnly", default=False) else set()
    return answer_list(call, LISTING, conditions, drop=drop)


def _search_term(request: Request) -> str | None:
    return request.args.get("searchTerm") or request.args.get("SearchTerm")


def _search(term: str) -> tuple[str, list[object]]:
    fields = ("FirstName", "LastName", "ContactNumber", "CompanyNumber", "EmailAddress")
    parts = ["instr(name, ?)"] + [f"instr(lower(coalesce(json_extract(body,'$.{name}'),'')), ?)" for name in fields]
    return " OR ".join(parts), [fold(term), *[term.lower()] * len(fields)]


def get_contact(call: Call, contact: str) -> Response:
    """GET /Contacts/{ContactID} or /{ContactNumber}."""
    found = _by_id_or_number(call.books, contact)
    if found is None:
        raise NotFound
    return call.answer("Contacts", [found])


def _by_id_or_number(books: Books, text: str) -> Json | None:
    if _GUID.match(text) and (found := books.contact(text)):
        return found
    return _by_number(books, text)


def _by_number(books: Books, number: str) -> Json | None:
    found = books.store.find(CONTACT, books.org, where="account=?", parameters=(number,), limit=1)
    return found[0] if found else None


def put_contacts(call: Call) -> Response:
    """PUT: create; a name or number that is taken is refused."""
    return Batch(plural="Contacts", id_field="ContactID", save=lambda element: _create(call.books, element)).run(call)


def post_contacts(call: Call, contact: str | None = None) -> Response:
    """POST: update the contact with this ContactID, ContactNumber or Name, else create."""

    def save(element: Json) -> Saved:
        return _update_or_create(call.books, {"ContactID": contact, **element} if contact else element)

    return Batch(plural="Contacts", id_field="ContactID", save=save).run(call)


def create(books: Books, element: Json) -> Json:
    return _keep(books, new_contact(), element)


def _create(books: Books, element: Json) -> Saved:
    return Saved(body=create(books, element))


def _update_or_create(books: Books, element: Json) -> Saved:
    existing = _existing(books, element)
    return Saved(body=_keep(books, existing or new_contact(), element))


def _existing(books: Books, element: Json) -> Json | None:
    if contact_id := element.get("ContactID"):
        found = books.contact(str(contact_id))
        if found is None:
            raise Invalid(problems.ID_UNKNOWN)
        return found
    if (number := element.get("ContactNumber")) and (found := _by_number(books, str(number))):
        return found
    return _active(books.contacts_named(str(element.get("Name") or "")))


def new_contact() -> Json:
    return {
        "ContactID": new_id(),
        "ContactStatus": "ACTIVE",
        "Name": "",
        "FirstName": "",
        "LastName": "",
        "EmailAddress": "",
        "BankAccountDetails": "",
        "Addresses": [],
        "Phones": [],
        "UpdatedDateUTC": "",
        "ContactGroups": [],
        "IsSupplier": False,
        "IsCustomer": False,
        "ContactPersons": [],
        "HasAttachments": False,
        "HasValidationErrors": False,
    }


def _keep(books: Books, contact: Json, element: Json) -> Json:
    changed = contact | _read(element)
    _check(books, changed)
    books.save_contact(changed)
    return changed


def _read(element: Json) -> dict[str, Any]:
    fields = {key: value for key, value in element.items() if key in _WRITABLE and value is not None}
    if "Name" in fields:
        fields["Name"] = _TIDY.sub(" ", str(fields["Name"])).strip()
    return fields


def _check(books: Books, contact: Json) -> None:
    messages = [
        f"{name} must be {limit} characters or fewer."
        for name, limit in _TEXT_LIMITS.items()
        if len(str(contact.get(name) or "")) > limit
    ]
    if not contact["Name"] or set("<>") & set(contact["Name"]):
        messages.append("The contact name must be specified and must not contain < or >.")
    if contact["EmailAddress"] and not _EMAIL.match(contact["EmailAddress"]):
        messages.append("Email address must be valid.")
    if contact["ContactStatus"] not in ("ACTIVE", "ARCHIVED"):
        messages.append("The contact status is not valid.")
    if len(contact["ContactPersons"]) > 5:
        messages.append("A contact can have a maximum of 5 contact persons.")
    messages += _clashes(books, contact)
    if messages:
        raise Invalid(*messages)


def _clashes(books: Books, contact: Json) -> list[str]:
    if contact["ContactStatus"] != "ACTIVE":
        return []
    messages = []
    twin = _active(books.contacts_named(contact["Name"]))
    if twin and twin["ContactID"] != contact["ContactID"]:
        messages.append(problems.name_taken(contact["Name"]))
    if number := contact.get("ContactNumber"):
        other = _by_number(books, number)
        if other and other["ContactID"] != contact["ContactID"]:
            messages.append(problems.number_taken(number))
    if account := contact.get("AccountNumber"):
        others = books.store.find(CONTACT, books.org, where="type=?", parameters=(account,))
        if any(other["ContactID"] != contact["ContactID"] for other in others):
            messages.append(problems.ACCOUNT_NUMBER_TAKEN)
    return messages


def _active(contacts: list[Json]) -> Json | None:
    return next((contact for contact in contacts if contact["ContactStatus"] == "ACTIVE"), None)


def contact_of_document(books: Books, element: Json) -> Json:
    """The contact that a document names: by id, number or name; an unknown name becomes a new contact."""
    wish = element.get("Contact")
    if not isinstance(wish, dict) or not any(wish.get(key) for key in ("ContactID", "ContactNumber", "Name")):
        raise Invalid(problems.NO_CONTACT)
    contact = _wished(books, wish)
    if contact and contact["ContactStatus"] != "ACTIVE":
        raise Invalid(problems.CONTACT_ARCHIVED)
    extra = {key: value for key, value in wish.items() if key in _WRITABLE - {"Name", "ContactStatus"}}
    if contact is None:
        return _keep(books, new_contact(), wish)
    if extra and any(contact.get(key) != value for key, value in extra.items()):
        # Xero updates the contact with what a document says about it, and forgets persons that are not named again.
        return _keep(books, contact | {"ContactPersons": []}, extra)
    return contact


def _wished(books: Books, wish: Json) -> Json | None:
    if contact_id := wish.get("ContactID"):
        found = books.contact(str(contact_id))
        if found is None:
            raise Invalid(f"The contact with ID {contact_id} could not be found")
        return found
    if (number := wish.get("ContactNumber")) and (found := _by_number(books, str(number))):
        return found
    if not wish.get("Name"):
        raise Invalid(problems.NO_CONTACT)
    named = books.contacts_named(str(wish["Name"]))
    return _active(named) or (named[0] if named else None)


def as_reference(contact: Json) -> Json:
    """The contact as a document shows it."""
    return {
        "ContactID": contact["ContactID"],
        "ContactStatus": contact["ContactStatus"],
        "Name": contact["Name"],
        "Addresses": [],
        "Phones": [],
        "ContactGroups": [],
        "ContactPersons": [],
        "HasValidationErrors": False,
    }
