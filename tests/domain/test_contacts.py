"""Names of counterparties: compared, matched, cleaned."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.contract.records import DestinationContact
from sync.domain.contacts import (
    ContactIndex,
    MatchKind,
    clean_contact_name,
    contact_key,
    match_contact,
    normalised_name,
)


def known(*names: str) -> ContactIndex:
    return ContactIndex.of(DestinationContact(contact_id=f"c-{name}", name=name) for name in names)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller & Söhne GmbH", "MUELLER UND SOEHNE GMBH"),
        ("Müller & Söhne GmbH", "Mu\u0308ller + So\u0308hne"),
        ("Garage Dupont S.à r.l.", "garage dupont sarl"),
        ("Garage Dupont Sàrl", "Garage Dupont GmbH"),  # one form in two of the country's languages
        ("Nestor S.A.", "Nestor AG"),
        ("Bauer Ltd.", "Bauer Ltd"),
        ("Huber GmbH & Co. KG", "Huber KG"),
        ("Stiftung Seeblick", "Seeblick Stiftung"),
        ("Fußpflege Weiß", "Fusspflege Weiss"),
        ("  Café   Zürich ", "cafe zuerich"),
    ],
)
def test_two_spellings_of_one_name_agree(one: str, other: str) -> None:
    assert normalised_name(one).agrees_with(normalised_name(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Meier AG", "Meier GmbH"),
        ("Baur", "Bauer"),
        ("Migros Zürich", "Migros Bern"),
        ("AG", "GmbH"),
        ("3M", "M"),
    ],
)
def test_two_names_do_not_agree(one: str, other: str) -> None:
    assert not normalised_name(one).agrees_with(normalised_name(other))


@pytest.mark.parametrize(
    ("seen", "core"),
    [
        ("PAYPAL *SPOTIFY", "spotify"),
        ("SumUp  *Café Bar", "cafe bar"),
        ("SBB CFF FFS 0123 ZUERICH", "sbb cff ffs zuerich"),
        ("COOP #4711", "coop"),
        ("7-Eleven", "7 eleven"),
        ("3M Company", "3m company"),
        ("H&M", "h und m"),
    ],
)
def test_what_card_terminals_add_is_looked_through(seen: str, core: str) -> None:
    assert normalised_name(seen, card=True).core == core


def test_the_same_name_is_found_whatever_case_and_accents() -> None:
    match = match_contact("GARAGE  DUPONT SARL", known("Garage Dupont Sàrl", "Garage Dupont"))
    assert (match.kind, match.contact_id) == (MatchKind.EXACT, "c-Garage Dupont Sàrl")


def test_a_normalised_name_is_taken_where_it_is_the_only_one() -> None:
    match = match_contact("Müller Handels", known("MUELLER HANDELS AG", "Other AG"))
    assert (match.kind, match.contact_id) == (MatchKind.NORMALISED, "c-MUELLER HANDELS AG")


def test_two_candidates_are_not_guessed_between() -> None:
    match = match_contact("Meier", known("Meier AG", "Meier GmbH"))
    assert (match.kind, match.contact_id, match.candidates) == (MatchKind.NONE, "", ("c-Meier AG", "c-Meier GmbH"))


def test_another_legal_form_is_another_company() -> None:
    assert match_contact("Meier GmbH", known("Meier AG")).kind is MatchKind.NONE


@pytest.mark.parametrize("name", ["", " ", "123", "n/a", "NOTPROVIDED", "---", "\u202e"])
def test_nothing_matches_a_name_that_says_nothing(name: str) -> None:
    assert match_contact(name, known("123", "n/a", "---", "Meier AG")).kind is MatchKind.NONE


def test_a_merged_contact_stands_for_the_one_it_became() -> None:
    index = ContactIndex.of(
        [
            DestinationContact(contact_id="old", name="Meier AG", status="ARCHIVED", merged_into="new"),
            DestinationContact(contact_id="new", name="Meier Holding AG"),
        ]
    )
    assert match_contact("Meier AG", index).contact_id == "new"


def test_merges_in_a_circle_come_to_an_end() -> None:
    index = ContactIndex.of(
        DestinationContact(contact_id=one, name="Meier", status="ARCHIVED", merged_into=other)
        for one, other in (("a", "b"), ("b", "a"))
    )
    assert match_contact("Meier", index).kind is MatchKind.NONE


def test_an_archived_contact_is_found_and_said_to_be_archived() -> None:
    archived = DestinationContact(contact_id="old", name="Meier AG", status="ARCHIVED")
    match = match_contact("meier ag", ContactIndex.of([archived]))
    assert (match.contact_id, match.archived) == ("old", True)
    both = ContactIndex.of([archived, DestinationContact(contact_id="new", name="Meier AG")])
    assert match_contact("meier ag", both).contact_id == "new"
    assert match_contact("Meier", ContactIndex.of([archived])).kind is MatchKind.NONE


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("  Meier   AG ", "Meier AG"),
        ("Meier <script> AG", "Meier script AG"),
        ("Me\u202eier\x00 AG\n", "Meier AG"),
        ("Meier\tAG", "Meier AG"),
        ("\ud83d Meier", "Meier"),
        ("株式会社テスト", "株式会社テスト"),
        ("x" * 300, "x" * 255),
        ("12345", ""),
        ("+41 79 000 00 00", ""),
        ("", ""),
        ("N/A", ""),
    ],
)
def test_a_new_contact_gets_a_clean_name(name: str, clean: str) -> None:
    assert clean_contact_name(name) == clean


@given(st.text(max_size=400))
def test_a_clean_name_is_what_xero_takes(name: str) -> None:
    clean = clean_contact_name(name)
    assert clean_contact_name(clean) == clean
    assert len(clean) <= 255
    assert not set("<>\n\t\x00\u202e") & set(clean)
    assert "  " not in clean
    assert clean == clean.strip()
    assert not any(unicodedata.category(sign) in ("Cc", "Cf", "Cs") for sign in clean)


@given(st.text(max_size=60))
@example("NÀ")  # a name, though it folds to a word that stands for none
def test_a_known_name_finds_itself(name: str) -> None:
    clean = clean_contact_name(name)
    match = match_contact(clean, ContactIndex.of([DestinationContact(contact_id="it", name=clean)]))
    assert (match.contact_id == "it") is bool(clean)
    assert contact_key(clean.upper()) == contact_key(clean) or clean.upper().casefold() != clean.casefold()
