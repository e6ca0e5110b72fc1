"""Foreign text before it is shown or exported. PURE."""

from __future__ import annotations

import re
import unicodedata

# The last four are the full-width forms, which some spreadsheets read like the plain ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Where the list separator is a semicolon (Switzerland, Germany, France), a spreadsheet begins a new cell inside our text.
_NEW_CELL = re.compile(r"[;\t](?:[^\S\t]|[\"'])*(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
_BREAKS = frozenset("\n\t\r\u2028\u2029")
_JOINERS = frozenset("\u200c\u200d")  # invisible, but some scripts cannot be written without them


def clean_text(value: str, *, keep_lines: bool = False) -> str:
    """Without control characters and without marks that turn the reading direction; both can disguise what is said."""
    return "".join(_shown(c, keep_lines) for c in value)


def _shown(character: str, keep_lines: bool) -> str:
    if character in _BREAKS:
        return character if keep_lines and character in "\n\t" else " "
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in _JOINERS
    return "" if hidden else character


def csv_cell(value: object) -> str:
    """Text that a spreadsheet will not run: what starts like a formula gets an apostrophe in front; amounts stay amounts."""
    text = "" if value is None else clean_text(str(value))
    if _NEW_CELL.search(text):
        text = _NEW_CELL.sub(r"\g<0>'", text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) and not _is_amount(text) else text


def _is_amount(text: str) -> bool:
    digits = text[1:].replace(".", "", 1)
    return text[0] == "-" and digits.isascii() and digits.isdigit()
