"""Foreign letters on paper whose fonts know Latin ones only: written in Latin letters, or named in brackets. Pure.

Never an empty box, and never nothing: whoever reads the paper sees that something stands there, and what kind of thing.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby

_PAPER = "cp1252"  # what the built-in fonts of a PDF can show
_GREEK = "a v g d e z i th i k l m n x o p r s s t y f ch ps o"  # alpha to omega, with both sigmas
_CYRILLIC = "a b v g d e zh z i j k l m n o p r s t u f kh c ch sh shch - y - e yu ya"  # the Russian alphabet
_FURTHER = {"\u0454": "ye", "\u0456": "i", "\u0457": "yi", "\u0491": "g", "\u045e": "u", "\u0452": "dj", "\u0458": "j",
            "\u0459": "lj", "\u045a": "nj", "\u045b": "c", "\u045f": "dz", "\u0453": "gj", "\u045c": "kj", "\u0455": "dz",
            "\u0142": "l", "\u0111": "d", "\u0131": "i", "\u0127": "h", "\u0167": "t", "\u014b": "n", "\u0259": "e"}  # fmt: skip
_SILENT = {"\u044a": "", "\u044c": ""}  # the hard and the soft sign
_LATIN = {
    **{chr(0x3B1 + place): letters for place, letters in enumerate(_GREEK.split())},
    **{chr(0x430 + place): letters for place, letters in enumerate(_CYRILLIC.split())},
    **_FURTHER,
    **_SILENT,
}
_INVISIBLE = frozenset({"Mn", "Cf", "Me"})  # accents without a letter, joiners, signs that turn the direction


def latin(text: str) -> str:
    """The text as the paper can show it; text that it can show is left as it is."""
    shown = "".join(sign if sign.isprintable() or unicodedata.category(sign) == "Cf" else " " for sign in text)
    if _fits(shown):
        return shown
    runs = groupby(((sign, _letters(sign)) for sign in unicodedata.normalize("NFC", shown)), key=lambda it: _kind(*it))
    return "".join(_told(kind, "".join(letters or "" for _, letters in run)) for kind, run in runs)


def is_rewritten(text: str) -> bool:
    return not _fits("".join(sign for sign in text if sign.isprintable()))


def _fits(text: str) -> bool:
    try:
        text.encode(_PAPER)
    except UnicodeEncodeError:
        return False
    return True


def _letters(sign: str) -> str | None:
    """The sign in Latin letters; "" where it shows nothing by itself; None where it has no such letters."""
    if _fits(sign):
        return sign
    if unicodedata.category(sign) in _INVISIBLE:
        return ""
    small = sign.lower()
    known = _LATIN.get(small) or _LATIN.get(_bare(small))
    if known is None and small not in _LATIN:
        plain = _bare(unicodedata.normalize("NFKC", sign))
        return plain if plain and _fits(plain) else None
    return (known or "").capitalize() if sign != small else known or ""


def _bare(sign: str) -> str:
    """Without its accents."""
    return "".join(it for it in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(it))


def _kind(sign: str, letters: str | None) -> str:
    """ "" for what can be written; else what is said in its place."""
    if letters is not None:
        return ""
    name = unicodedata.name(sign, "")
    if unicodedata.category(sign).startswith("L"):
        script = (name.split() or ["unknown"])[0]
        return f"{script if script == 'CJK' else script.capitalize()} letters"
    return name.lower() or "a sign without a name"


def _told(kind: str, letters: str) -> str:
    return f"[{kind}]" if kind else letters
