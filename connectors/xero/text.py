"""Text as Xero can store and people can read it, and the marker in a reference. Pure.

Names, references and descriptions come from strangers: what is invisible, turns the writing direction or breaks XML is
taken out here, once, before anything is sent.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

MAX_REFERENCE = 100
MAX_NAME = 255
MAX_DESCRIPTION = 4000

# Sixteen characters that people leave alone when they edit around them; read without regard to case.
_MARKER = re.compile(r"(?<![0-9A-Z])MR-([0-9A-Z]{13})(?![0-9A-Z])", re.IGNORECASE | re.ASCII)
_INVISIBLE = frozenset({"Cf", "Cs", "Co"})  # formatting (bidi, zero width), half surrogates, private use
_BREAKS = frozenset({"Cc", "Zl", "Zp"})
_RESERVED_DOMAINS = frozenset(
    [
        "arpa",
        "corp",
        "example",
        "home",
        "internal",
        "intranet",
        "invalid",
        "lan",
        "local",
        "localdomain",
        "localhost",
        "onion",
        "private",
        "test",
    ]
)


class MarkerError(ValueError):
    """A document would leave without a marker that we could find again: a defect of ours, never sent."""


def clean(text: str) -> str:
    """One line of visible characters, composed (NFC), without control, direction and zero-width characters."""
    composed = unicodedata.normalize("NFC", text)
    if composed.isprintable():  # no control, format or separating character but spaces
        return " ".join(composed.split())
    visible = "".join(_visible(character) for character in composed)
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def cut(text: str, limit: int) -> str:
    """The longest beginning of `text` of at most `limit` UTF-16 units, which is how Xero counts characters."""
    if _units(text) <= limit:
        return text
    kept, used = [], 0
    for character in text:
        used += _units(character)
        if used > limit:
            break
        kept.append(character)
    return "".join(kept).rstrip()


def reference_with_marker(text: str, marker: str) -> str:
    """The reference to send: the text, cut so that the whole fits 100 characters, and our marker at its end.

    A marker that a stranger put into the text is made unrecognisable: it must never be taken for one of ours.
    Raises MarkerError where the marker could not be found again.
    """
    prose = cut(_MARKER.sub(r"MR \1", clean(text)), MAX_REFERENCE - len(marker) - 1)
    reference = f"{prose} {marker}" if prose else marker
    if not marker or find_marker(reference) != marker:
        raise MarkerError(f"{marker!r} is no marker")
    return reference


@lru_cache(maxsize=1024)  # of the documents of a call, whose references are looked at for each of several questions
def find_marker(reference: str) -> str:
    """Our marker in a reference that people may have edited, "" where there is none. The last one counts."""
    found = _MARKER.findall(reference)
    return f"MR-{found[-1].upper()}" if found else ""


def contact_name(name: str) -> str:
    """A name that Xero accepts: no angle brackets, at most 255 characters; may be "" when nothing visible is left."""
    return cut(clean(name.replace("<", " ").replace(">", " ")), MAX_NAME)


def is_public_url(url: str) -> bool:
    """Would Xero accept it as a link: https, a public host name, no port, no credentials, no "xero" in it."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is not None
    except ValueError:
        return False
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https" or has_port or "@" in parts.netloc or "xero" in url.lower():
        return False
    return "." in host and not _is_address(host) and host.rsplit(".", 1)[1] not in _RESERVED_DOMAINS


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return host.rsplit(".", 1)[1].isdigit()
    return True


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in _BREAKS:
        return " "
    return "" if category in _INVISIBLE or _is_noncharacter(ord(character)) else character


def _is_noncharacter(code: int) -> bool:
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text) + sum(1 for character in text if ord(character) > 0xFFFF)
