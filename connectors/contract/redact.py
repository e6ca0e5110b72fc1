"""What the call log may keep of a request or an answer: enough to understand it, nothing that opens a door."""

from __future__ import annotations

import re

HIDDEN = "[redacted]"
SECRET_KEYS = (
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "code_verifier",
    "authorization",
    "password",
    "code",
    "token",
    "magicLinkUrl",
)
_JSON_SECRET = re.compile(rf'("(?:{"|".join(SECRET_KEYS)})"\s*:\s*)"[^"]*"?', re.IGNORECASE)
_FORM_SECRET = re.compile(rf"((?:^|[?&\s])(?:{'|'.join(SECRET_KEYS)})=)[^&\s]+", re.IGNORECASE)
_PATTERNS = {  # by what the text must have in it, in small letters: nearly all texts have none, and each pattern takes its time
    "eyj": re.compile(r"\beyJ(?:(?!eyJ)[\w-])+\.[\w-]+(?:\.[\w-]*)?"),  # stops where the next one may begin: linear
    "bearer": re.compile(r"(?i)\bbearer\s+[\w.~+/-]+=*"),
    "atz": re.compile(r"\bAtz[ar]\|[\w/+=.-]+"),
    "xox": re.compile(r"\bxox[a-z]-[\w-]+"),
    "slack": re.compile(r"hooks\.slack\.com/\S+"),
}
_IBAN = re.compile(r"\b([A-Z]{2}[0-9]{2})(?: ?[A-Z0-9]{4}){2,7} ?([A-Z0-9]{1,4})\b")
_PAN = re.compile(r"(?<![0-9])[0-9]{4}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{3,7}(?![0-9])")


def redact(text: str) -> str:
    """`text` without tokens, secrets, account numbers and card numbers."""
    text = _JSON_SECRET.sub(rf'\1"{HIDDEN}"', text)
    if "=" in text:
        text = _FORM_SECRET.sub(rf"\1{HIDDEN}", text)
    small = text.lower()
    for word, pattern in _PATTERNS.items():
        if word in small:
            text = pattern.sub(HIDDEN, text)
    return _PAN.sub(_hide_card, _IBAN.sub(r"\1…\2", text))


def excerpt(body: bytes, *, limit: int) -> str:
    """The first `limit` characters, redacted before they are cut, so that no half of a secret slips through."""
    return redact(body[: 2 * limit].decode("utf-8", "replace")).replace("\x00", "\ufffd")[:limit]


def _hide_card(found: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", found.group())
    return f"…{digits[-4:]}" if _passes_luhn(digits) else found.group()


def _passes_luhn(digits: str) -> bool:
    total = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    return total % 10 == 0
