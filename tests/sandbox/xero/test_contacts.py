"""Contacts: matching, uniqueness, archiving, search."""

from typing import Any

import httpx
import pytest

from tests.sandbox.xero.conftest import Office, messages, put_one


def names(client: httpx.Client, **query: object) -> list[str]:
    found = client.get("Contacts", params={key: str(value) for key, value in query.items()}).json()["Contacts"]
    return [contact["Name"] for contact in found]


def write(client: httpx.Client, method: str, *contacts: dict[str, Any], path: str = "Contacts") -> dict[str, Any]:
    query = {"summarizeErrors": "false"}
    answer = client.request(method, path, params=query, json={"Contacts": list(contacts)})
    found: dict[str, Any] = answer.json()["Contacts"][0]
    return found


def test_archived_contacts_are_left_out_unless_asked_for(client: httpx.Client) -> None:
    assert "Alt & Vergessen AG" not in names(client)
    assert "Alt & Vergessen AG" in names(client, includeArchived="true")


def test_a_merged_contact_points_to_the_other(client: httpx.Client) -> None:
    everybody = client.get("Contacts", params={"includeArchived": "true", "page": 1}).json()["Contacts"]
    [merged] = [contact for contact in everybody if contact.get("MergedToContactID")]
    target = client.get(f"Contacts/{merged['MergedToContactID']}").json()["Contacts"][0]
    assert (merged["ContactStatus"], target["Name"]) == ("ARCHIVED", "Bäckerei Müller & Söhne GmbH")


def test_a_contact_is_found_by_id_and_by_number(client: httpx.Client) -> None:
    made = write(client, "PUT", {"Name": "Rossi", "ContactNumber": "MR-7QK3P9ZD4WXYZ"})
    by_number = client.get("Contacts/MR-7QK3P9ZD4WXYZ").json()["Contacts"][0]
    assert by_number["ContactID"] == made["ContactID"]
    assert client.get(f"Contacts/{made['ContactID']}").json()["Contacts"][0]["Name"] == "Rossi"
    assert client.get("Contacts/nobody").status_code == 404


@pytest.mark.parametrize("name", ["HELVETIA PAPIER AG", " Helvetia  Papier AG ", "Hélvetia Papier AG"])
def test_a_name_is_taken_whatever_its_case_accents_and_blanks(client: httpx.Client, name: str) -> None:
    refused = write(client, "PUT", {"Name": name})
    assert refused["StatusAttributeString"] == "ERROR"
    shown = " ".join(name.split())
    assert messages(refused) == [
        f"The contact name {shown} is already assigned to another contact. "
        "The contact name must be unique across all active contacts."
    ]


def test_the_name_of_an_archived_contact_is_free(client: httpx.Client) -> None:
    assert write(client, "PUT", {"Name": "Alt & Vergessen AG"})["StatusAttributeString"] == "OK"


def test_numbers_are_unique(client: httpx.Client) -> None:
    write(client, "PUT", {"Name": "Rossi", "ContactNumber": "1", "AccountNumber": "A1"})
    assert write(client, "PUT", {"Name": "Rosso", "ContactNumber": "1"})["StatusAttributeString"] == "ERROR"
    assert messages(write(client, "PUT", {"Name": "Rosso", "AccountNumber": "A1"})) == [
        "The Account Number already exists. Please enter a different Account Number."
    ]


@pytest.mark.parametrize(
    "contact",
    [{"Name": ""}, {"Name": "x" * 256}, {"Name": "<b>"}, {"Name": "A", "EmailAddress": "müller@example.example"}, {}],
)
def test_bad_contacts_are_refused(client: httpx.Client, contact: dict[str, str]) -> None:
    assert write(client, "PUT", contact)["StatusAttributeString"] == "ERROR"


def test_post_updates_by_id_number_or_name_and_leaves_the_rest(client: httpx.Client) -> None:
    made = write(client, "PUT", {"Name": "Rossi", "ContactNumber": "1", "EmailAddress": "a@rossi.example"})
    known = made["ContactID"]
    assert write(client, "POST", {"ContactID": known, "Name": "Rossi SA"})["EmailAddress"] == "a@rossi.example"
    assert write(client, "POST", {"ContactNumber": "1", "FirstName": "Anna"})["ContactID"] == known
    assert write(client, "POST", {"Name": "rossi sa", "LastName": "Rossi"})["ContactID"] == known
    assert write(client, "POST", {"Name": "Verdi"})["ContactID"] != known
    assert write(client, "POST", {"FirstName": "Ada"}, path=f"Contacts/{known}")["FirstName"] == "Ada"


def test_a_contact_can_be_archived_and_made_active_again(client: httpx.Client) -> None:
    known = write(client, "PUT", {"Name": "Rossi"})["ContactID"]
    assert write(client, "POST", {"ContactID": known, "ContactStatus": "ARCHIVED"})["ContactStatus"] == "ARCHIVED"
    assert put_one(client, Contact={"ContactID": known})["StatusAttributeString"] == "ERROR"
    write(client, "POST", {"ContactID": known, "ContactStatus": "ACTIVE"})
    assert put_one(client, Contact={"ContactID": known})["StatusAttributeString"] == "OK"


def test_searching(client: httpx.Client) -> None:
    write(client, "PUT", {"Name": "Rossi", "EmailAddress": "office@rossi.example", "ContactNumber": "R-7"})
    assert names(client, searchTerm="zurich") == ["Café Zürich-Nord Sàrl"]
    assert names(client, searchTerm="ROSSI.example") == ["Rossi"]
    assert names(client, where='Name=="Helvetia Papier AG"') == ["Helvetia Papier AG"]
    assert names(client, where='EmailAddress!=null AND EmailAddress.StartsWith("office")') == ["Rossi"]


def test_by_ids_and_as_a_summary(client: httpx.Client) -> None:
    found = client.get("Contacts").json()["Contacts"][:2]
    wanted = ",".join(contact["ContactID"] for contact in found)
    picked = client.get("Contacts", params={"IDs": wanted, "summaryOnly": "true"}).json()["Contacts"]
    assert {contact["ContactID"] for contact in picked} == {contact["ContactID"] for contact in found}
    assert "Addresses" not in picked[0]
    assert "Addresses" in found[0]


def test_fields_sent_with_a_document_change_the_contact_and_drop_its_persons(
    office: Office, client: httpx.Client
) -> None:
    known = write(client, "PUT", {"Name": "Rossi", "ContactPersons": [{"FirstName": "Ada"}]})["ContactID"]
    put_one(client, Contact={"ContactID": known})
    assert office.xero.ledger().contact("Rossi")["ContactPersons"]
    put_one(client, Contact={"ContactID": known, "EmailAddress": "new@rossi.example"})
    changed = office.xero.ledger().contact("Rossi")
    assert (changed["EmailAddress"], changed["ContactPersons"]) == ("new@rossi.example", [])
