"""What a paper with Latin fonts says instead of other letters."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from sync.domain import certificate, certificate_pdf
from sync.domain.latin import is_rewritten, latin

SILENT = ("\u044a", "\u044c")  # the Russian hard and soft sign stand for no sound of their own
NAMES = {
    "Zürich Café Straße €": "Zürich Café Straße €",
    "Ελληνική Τράπεζα": "Elliniki Trapeza",
    "Газпром Экспорт": "Gazprom Eksport",
    "Київ": "Kiyiv",
    "Škoda Łódź Győr": "Škoda Lódz Gyor",
    "شركة المثال": "[Arabic letters] [Arabic letters]",
    "株式会社": "[CJK letters]",
    "Fest 🎉 AG": "Fest [party popper] AG",
    "\u202eGA lepsieB\u202c": "GA lepsieB",
}


@pytest.mark.parametrize(("name", "shown"), list(NAMES.items()))
def test_other_letters_are_written_or_named(name: str, shown: str) -> None:
    assert latin(name).strip() == shown


@given(st.text(max_size=60))
def test_nothing_visible_is_dropped_and_everything_fits_the_paper(text: str) -> None:
    shown = latin(text)

    shown.encode("cp1252")
    if any(sign.isalnum() for sign in text if sign.lower() not in SILENT):
        assert shown.strip()
    if text.isprintable() and not is_rewritten(text):
        assert shown == text


def pdf_text(result: dict[str, Any], **head: str) -> str:
    pdf = certificate_pdf.as_pdf(head={"number": "MR-2026-000001", **head}, result=result, sha256="0" * 64)
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def result_with(reference: str) -> dict[str, Any]:
    item = {"source": "1", "date": "2026-03-02", "type": "SPEND", "amount": "-12.00", "currency": "CHF"}
    figures = dict.fromkeys(("source_sum", "held", "xero_sum", "accepted", "difference"), "0.00")
    return {
        "balanced": False,
        "accounts": [{"source": "1", "currency": "CHF", **figures, "days": []}],
        "unexpected": [{**item, "reference": reference, "explanation": ""}],
    }


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(("Zürich", "\u202e"))])
def test_the_certificate_shows_every_name_says_what_it_did_and_its_csv_has_the_original(name: str) -> None:
    text = pdf_text(result_with(name), company=name)

    assert text.count(NAMES[name].split()[0]) >= 2, "as the company, and in the list"
    assert "This paper shows Latin letters only" in " ".join(text.split())
    csv = certificate.as_csv(head={"company": name}, result=result_with(name), sha256="0").decode("utf-8-sig")
    assert csv.count(name) == 2


def test_a_certificate_in_latin_letters_says_nothing_of_others() -> None:
    assert "Latin letters only" not in pdf_text(result_with("Müller"), company="Zürich AG")
