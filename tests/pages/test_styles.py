"""The style sheet's colour pairs are readable in both schemes (WCAG 2.2 AA), and it fetches nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dashboard

SHEET = (Path(dashboard.__file__).parent / "static/dashboard/app.css").read_text()
TEXT, PART = 4.5, 3.0  # WCAG 2.2, success criteria 1.4.3 and 1.4.11

SURFACES = ("page", "panel", "sunken")
TONES = ("good", "warn", "bad", "info", "quiet")
PAIRS = [
    *((ink, surface, TEXT) for ink in ("ink", "ink-soft", "accent") for surface in SURFACES),
    *((tone, f"{tone}-wash", TEXT) for tone in TONES),
    *((tone, "panel", TEXT) for tone in TONES),
    ("accent-ink", "accent", TEXT),
    ("accent-ink", "accent-hover", TEXT),
    ("accent", "accent-wash", TEXT),
    ("ink", "accent-wash", TEXT),
    ("panel", "bad", TEXT),
    ("line-strong", "panel", PART),
    ("focus", "page", PART),
    ("chart-in", "panel", PART),
    ("chart-out", "panel", PART),
]


def tokens(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6});", block))


LIGHT = tokens(SHEET[: SHEET.index("@media (prefers-color-scheme: dark)")])
DARK = LIGHT | tokens(SHEET[SHEET.index("@media (prefers-color-scheme: dark)") : SHEET.index("- base */")])


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_is_right_at_both_ends() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == pytest.approx(1)


@pytest.mark.parametrize(("scheme", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_every_pair_can_be_read(scheme: str, colours: dict[str, str]) -> None:
    weak = {
        (scheme, front, back): round(contrast(colours[front], colours[back]), 2)
        for front, back, least in PAIRS
        if contrast(colours[front], colours[back]) < least
    }
    assert weak == {}


def test_both_schemes_define_the_same_colours() -> None:
    dark_only = tokens(SHEET[SHEET.index("@media (prefers-color-scheme: dark)") : SHEET.index("- base */")])
    assert set(dark_only) == set(LIGHT)


def test_the_sheet_fetches_nothing() -> None:
    assert "@import" not in SHEET
    assert "url(" not in SHEET
