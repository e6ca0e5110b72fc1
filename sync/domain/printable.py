"""Foreign text made safe to show, to post and to open in a spreadsheet: counterparties choose their own names. Pure."""

from __future__ import annotations

import re
import unicodedata

_DROPPED = frozenset({"Cf", "Cs", "Co", "Cn"})  # bidi and other format signs, surrogates, private, unassigned
_SPACED = frozenset({"Cc", "Zl", "Zp"})  # control characters, line and paragraph separators
_BREAKS = frozenset("\n\t\r\u2028\u2029")
_JOINERS = frozenset("\u200c\u200d")  # invisible, but some scripts cannot be written without them
# The last four are the full-width forms, which some spreadsheets read like the plain ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Where the list separator is a semicolon (Switzerland, Germany, France), a spreadsheet begins a new cell inside our text.
_NEW_CELL = re.compile(r"[;\t](?:[^\S\t]|[\"'])*(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


def visible(text: str) -> str:
    """As it is posted: NFKC, in one line, without control, bidi, surrogate or unassigned characters; spaces collapsed."""
    composed = unicodedata.normalize("NFKC", text)
    shown = composed if composed.isprintable() else "".join(map(_posted, composed))
    return " ".join(shown.split())


def _posted(sign: str) -> str:
    category = unicodedata.category(sign)
    if category in _DROPPED:
        return ""
    return " " if category in _SPACED else sign


def clean_text(value: str, *, keep_lines: bool = False) -> str:
    """As it is shown: as written, without control characters and without marks that turn the reading direction; both can
    disguise what is said."""
    return "".join(_shown(sign, keep_lines) for sign in value)


def _shown(sign: str, keep_lines: bool) -> str:
    if sign in _BREAKS:
        return sign if keep_lines and sign in "\n\t" else " "
    hidden = unicodedata.category(sign) in ("Cc", "Cf", "Cs") and sign not in _JOINERS
    return "" if hidden else sign


def csv_cell(value: object) -> str:
    """Text that a spreadsheet will not run: what starts like a formula gets an apostrophe in front; amounts stay amounts."""
    text = "" if value is None else clean_text(str(value))
    if _NEW_CELL.search(text):
        text = _NEW_CELL.sub(r"\g<0>'", text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) and not _is_amount(text) else text


def _is_amount(text: str) -> bool:
    digits = text[1:].replace(".", "", 1)
    return text[0] == "-" and digits.isascii() and digits.isdigit()
