"""Foreign text made safe to show and to post: counterparties choose their own names. Pure."""

from __future__ import annotations

import unicodedata

_DROPPED = frozenset({"Cf", "Cs", "Co", "Cn"})  # bidi and other format signs, surrogates, private, unassigned
_SPACED = frozenset({"Cc", "Zl", "Zp"})  # control characters, line and paragraph separators


def visible(text: str) -> str:
    """NFKC, in one line, without control, bidi, surrogate or unassigned characters; spaces collapsed."""
    composed = unicodedata.normalize("NFKC", text)
    shown = composed if composed.isprintable() else "".join(map(_shown, composed))
    return " ".join(shown.split())


def _shown(sign: str) -> str:
    category = unicodedata.category(sign)
    if category in _DROPPED:
        return ""
    return " " if category in _SPACED else sign
