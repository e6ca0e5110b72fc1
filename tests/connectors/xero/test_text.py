"""Text that leaves for Xero: visible, bounded, with our marker at its end."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.xero.text import (
    MarkerError,
    clean,
    contact_name,
    cut,
    find_marker,
    is_public_url,
    reference_with_marker,
)
from tests.connectors.xero.factories import marker

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
markers = st.text(ALPHABET, min_size=13, max_size=13).map("MR-{}".format)
any_text = st.text(st.characters(), max_size=300)


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("  two\t words \r\n next ", "two words next"),
        ("a\u202egnp.exe", "agnp.exe"),  # right-to-left override
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("nul\x00 bell\x07", "nul bell"),
        ("half \ud83d pair", "half pair"),
        ("Zu\u0308rich", "Z\u00fcrich"),  # composed
        ("bad \uffff end", "bad end"),
        ("\ufdcf\ufdd0\ufdef\ufdf0", "\ufdcf\ufdf0"),  # the block that XML forbids, and its neighbours
        ("\U0001fffe\U0001ffff.", "."),
        ("Café 寿司 🍣", "Café 寿司 🍣"),
    ],
)
def test_only_what_people_can_see_is_kept(raw: str, seen: str) -> None:
    assert clean(raw) == seen


@given(any_text)
def test_cleaning_leaves_nothing_that_breaks_xml_or_turns_the_direction(raw: str) -> None:
    text = clean(raw)
    assert not {unicodedata.category(character) for character in text} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert text == clean(text)
    text.encode()  # no half of a surrogate pair


def test_a_text_is_cut_by_the_units_in_which_xero_counts() -> None:
    assert cut("🍣🍣🍣", 5) == "🍣🍣"  # each is two units
    assert cut("short", 5) == "short"


@given(any_text, markers)
def test_a_reference_fits_a_hundred_characters_and_its_marker_is_found_again(raw: str, mark: str) -> None:
    reference = reference_with_marker(raw, mark)
    assert units(reference) <= 100
    assert reference.endswith(mark)
    assert find_marker(reference) == mark


@given(any_text, markers, any_text)
def test_the_text_before_the_marker_is_the_cleaned_text_or_its_beginning(raw: str, mark: str, tail: str) -> None:
    prose = reference_with_marker(raw, mark).removesuffix(mark).rstrip()
    assert clean(raw).startswith(prose) or find_marker(clean(raw))


def test_a_short_text_is_sent_whole() -> None:
    assert reference_with_marker("Rechnung 4711", marker(7)) == "Rechnung 4711 MR-0000000000007"


def test_a_long_text_is_cut_and_the_marker_is_not() -> None:
    reference = reference_with_marker("x" * 500, marker(7))
    assert reference == "x" * 83 + " MR-0000000000007"


def test_a_text_may_be_missing() -> None:
    assert reference_with_marker("\u200b \n", marker(7)) == "MR-0000000000007"


def test_a_marker_in_a_strangers_text_is_no_marker_of_ours() -> None:
    reference = reference_with_marker(f"see {marker(1)}", marker(2))
    assert reference == "see MR 0000000000001 MR-0000000000002"
    people_cut_the_end = reference.removesuffix(marker(2))
    assert find_marker(people_cut_the_end) == ""


@pytest.mark.parametrize("bad", ["", "MR-", "MR-123", "MR-00000000000012", "XX-0000000000001", "mr-000000000000a"])
def test_no_reference_leaves_without_a_marker_that_can_be_found(bad: str) -> None:
    with pytest.raises(MarkerError):
        reference_with_marker("Miete", bad)


@pytest.mark.parametrize(
    ("edited", "found"),
    [
        ("Miete MR-7QK3P9ZD4WXYZ", "MR-7QK3P9ZD4WXYZ"),
        ("MR-7QK3P9ZD4WXYZ", "MR-7QK3P9ZD4WXYZ"),
        ("Miete (MR-7QK3P9ZD4WXYZ), geprüft von Anna", "MR-7QK3P9ZD4WXYZ"),
        ("miete mr-7qk3p9zd4wxyz", "MR-7QK3P9ZD4WXYZ"),
        ("MR-7QK3P9ZD4WXYZ/MR-0000000000001", "MR-0000000000001"),
        ("Miete MR-7QK3P9ZD4WXY", ""),  # one character was lost
        ("Miete MR-7QK3P9ZD4WXYZZ", ""),
        ("XMR-7QK3P9ZD4WXYZ", ""),
        ("Miete MR 7QK3P9ZD4WXYZ", ""),
        ("", ""),
    ],
)
def test_a_marker_is_recognised_wherever_people_moved_it(edited: str, found: str) -> None:
    assert find_marker(edited) == found


def test_a_contact_name_has_no_angle_brackets_and_at_most_255_characters() -> None:
    assert contact_name("  <script>Muster\u202e AG</script> ") == "script Muster AG /script"
    assert contact_name("<>") == ""
    assert units(contact_name("🍣" * 400)) <= 255


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://app.example.com/t/1", True),
        ("https://app.example.com./t/1", True),
        ("http://app.example.com/t/1", False),
        ("https://app.example.com:8443/t/1", False),
        ("https://app.example.com:443/t/1", False),
        ("https://localhost/t/1", False),
        ("https://millrace/t/1", False),
        ("https://millrace.local/t/1", False),
        ("https://millrace.example/t/1", False),
        ("https://10.0.0.1/t/1", False),
        ("https://[2001:db8::1]/t/1", False),
        ("https://3232235521.1/t/1", False),
        ("https://a.b.1/t/1", False),
        ("https://user@app.example.com/", False),
        ("https://xero-sync.example.com/", False),
        ("https://app.example.com:bad/", False),
        ("", False),
    ],
)
def test_a_link_is_sent_only_where_xero_would_accept_it(url: str, accepted: bool) -> None:
    assert is_public_url(url) is accepted
