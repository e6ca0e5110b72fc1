"""Names that are alike, and differences that no likeness outweighs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract.records import DestinationContact
from sync.domain.contact_choice import choose_contact
from sync.domain.contacts import ContactIndex, MatchKind, normalised_name
from sync.domain.likeness import INSIDE_AT_MOST, PROPOSE_FROM, likeness


def score(one: str, other: str) -> int:
    return likeness(normalised_name(one), normalised_name(other))


def known(*names: str, archived: tuple[str, ...] = ()) -> ContactIndex:
    return ContactIndex.of(
        DestinationContact(contact_id=f"c-{name}", name=name, status="ARCHIVED" if name in archived else "ACTIVE")
        for name in (*names, *archived)
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Meier Bau AG", "Meier Bau GmbH"),  # two legal forms are two companies
        ("Filiale 12 AG", "Filiale 13 AG"),
        ("Lager Halle A", "Lager Halle B"),
        ("Baur", "Bauer"),  # one letter is too much of so short a name
    ],
)
def test_no_likeness_outweighs_what_tells_two_parties_apart(one: str, other: str) -> None:
    assert score(one, other) == 0


def test_the_same_words_in_another_order_are_wholly_alike() -> None:
    assert score("Meier Hans", "Hans Meier") == 100


def test_one_letter_of_twenty_costs_five_points() -> None:
    # "muster logistik zuric" / "muster logistic zuric": 21 letters, 20 of them in common: 2 * 20 / 42 = 0.952
    assert score("Muster Logistik Zuric", "Muster Logistic Zuric") == 95


def test_a_name_inside_a_longer_one_is_never_more_than_a_proposal() -> None:
    assert score("Garage Muster", "Garage Muster Olten") == INSIDE_AT_MOST


def test_a_legal_form_on_one_side_alone_speaks_for_two_parties() -> None:
    # 95 as above without a form on either side or with the same on both; less five where one is a company and one is not
    assert score("Muster Logistik Zuric AG", "Muster Logistic Zuric") == 90
    assert score("Muster Logistik Zuric AG", "Muster Logistic Zuric AG") == 95
    assert score("Garage Muster AG", "Garage Muster Olten") < PROPOSE_FROM, "no company stands inside another name"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Beispiel AG", "Lina Beispiel"),  # a company and a person
        ("Beispiel", "Lina Beispiel"),
        ("Weihnachtsmarktgesellschaft Ulm", "Weihnachtsmarktgesellschaft Bern"),  # 92 of 100 letters in common
    ],
)
def test_one_word_in_common_is_not_worth_a_question(one: str, other: str) -> None:
    assert score(one, other) < PROPOSE_FROM


def test_one_word_in_common_and_a_misspelt_other_one_is() -> None:
    # "hans meier", "hans meyer": 9 of 10 letters: 18 / 20
    assert score("Hans Meier", "Hans Meyer") == 90


def test_a_company_is_not_proposed_for_a_person_of_its_name() -> None:
    assert choose_contact("Beispiel AG", known("Lina Beispiel"), threshold=100).proposals == ()


@given(st.text(max_size=40), st.text(max_size=40))
def test_likeness_is_the_same_from_both_sides(one: str, other: str) -> None:
    assert score(one, other) == score(other, one)
    assert 0 <= score(one, other) <= 100


def test_a_contact_is_taken_at_the_threshold_and_proposed_below_it() -> None:
    books = known("Muster Logistic Zuric")
    taken = choose_contact("Muster Logistik Zuric", books, threshold=95)
    assert (taken.kind, taken.contact_id, taken.score) == (MatchKind.ALIKE, "c-Muster Logistic Zuric", 95)
    asked = choose_contact("Muster Logistik Zuric", books, threshold=96)
    assert (asked.kind, asked.contact_id) == (MatchKind.NONE, "")
    assert [(it.name, it.score) for it in asked.proposals] == [("Muster Logistic Zuric", 95)]


def test_zero_switches_likeness_off() -> None:
    found = choose_contact("Muster Logistik Zuric AG", known("Muster Logistic Zuric"), threshold=0)
    assert (found.kind, found.proposals) == (MatchKind.NONE, ())


def test_two_contacts_that_reach_the_threshold_are_a_person_s_to_choose() -> None:
    books = known("Hans Peter Muster", "Muster Peter Hans")
    found = choose_contact("Peter Hans Muster", books, threshold=90)
    assert (found.contact_id, len(found.proposals)) == ("", 2)


def test_the_same_name_goes_before_a_likeness() -> None:
    books = known("Muster Logistik Zuric", "Muster Logistic Zuric")
    assert choose_contact("muster logistik zuric", books, threshold=80).kind is MatchKind.EXACT


def test_an_archived_contact_is_not_proposed_for_a_name_that_is_only_alike() -> None:
    assert (
        choose_contact("Muster Logistik Zuric", known(archived=("Muster Logistic Zuric",)), threshold=90).proposals
        == ()
    )
