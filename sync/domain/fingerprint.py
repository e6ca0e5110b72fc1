"""Three digests that are never mixed up: which movement (fingerprint), what it says (content hash), and the marker that
finds our document in the books again. Natural keys only: a new connection or a re-onboarded tenant computes the same.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from itertools import count
from typing import Any

from connectors.contract.records import ExecutedMovement, RawRecord, SourceTransaction

MARKER_PREFIX = "MR-"
MARKER_LENGTH = 13  # 65 bits
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no letter that reads like a digit
_CHANGE_STAMPS = frozenset({"updatedAt", "updated_at"})
_NOT_CONTENT = frozenset({"updated_at", "created_at"})


def natural_keys(
    source_kind: str, records: Iterable[RawRecord | ExecutedMovement], *, equals: Counter[str] | None = None
) -> list[str]:
    """One key for each record of one reading: its own number, or, where the vendor gave none, a digest and an ordinal
    among equals. `equals` carries the count on to the reading's next page."""
    equals = Counter() if equals is None else equals
    keys = []
    for record in records:
        raw = record.raw if isinstance(record, ExecutedMovement) else record
        if raw is None or record.source_id.strip():
            keys.append(numbered_key(source_kind, record))
            continue
        stem = content_key(source_kind, raw)
        equals[stem] += 1
        keys.append(_counted(stem, equals[stem]))
    return keys


def fresh_keys(stem: str, *, known: Iterable[str]) -> Iterator[str]:
    """The further keys of rows that say the same, after the known ones."""
    taken = set(known)
    return (key for key in (_counted(stem, number) for number in count(1)) if key not in taken)


def _counted(stem: str, number: int) -> str:
    return f"{stem}{len(str(number))}:{number}"


def numbered_key(source_kind: str, record: RawRecord | ExecutedMovement) -> str:
    return _joined(source_kind, record.account_id, "id", record.source_id.strip())


def content_key(source_kind: str, record: RawRecord) -> str:
    """What the keys of all rows without a number that say the same begin with; the ordinal follows. That the vendor touched
    a row is nothing it says."""
    digest = _sha256(canonical(_without_stamps(record.payload)))
    return _joined(source_kind, record.account_id, digest) + "|"


def _without_stamps(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_stamps(one) for name, one in value.items() if name not in _CHANGE_STAMPS}
    return [_without_stamps(one) for one in value] if isinstance(value, (list, tuple)) else value


def fingerprint(natural_key: str) -> str:
    return "v1:" + _sha256(natural_key)


def content_hash(transaction: SourceTransaction) -> str:
    """Digest of what the movement says; the vendor's change stamps alone are no change."""
    kind: Any = type(transaction)
    names = _fields_of(kind)
    content = {name: getattr(transaction, name) for name in names if name not in _NOT_CONTENT}
    if transaction.complete:
        del content["complete"]  # only its absence says something; so hashes from before the field stay what they were
    return "v1:" + _sha256(canonical(content))


def marker(natural_key: str, *, leg: str, organisation_id: str, generation: int = 1) -> str:
    """`MR-` and 13 characters, the same for ever for this movement, leg and organisation.

    `generation` counts the documents that people had posted for it: above one where an earlier one was undone.
    """
    again = (str(generation),) if generation > 1 else ()
    digest = hashlib.sha256(_joined(natural_key, leg, organisation_id, *again).encode()).digest()
    number = int.from_bytes(digest[:9], "big") >> (72 - 5 * MARKER_LENGTH)
    return MARKER_PREFIX + "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(MARKER_LENGTH)))


def contact_marker(key: str, *, organisation_id: str) -> str:
    return marker(_joined("contact", key), leg="contact", organisation_id=organisation_id)


def option_marker(category_id: str, key: str, *, organisation_id: str) -> str:
    return marker(_joined("option", category_id, key), leg="option", organisation_id=organisation_id)


def identity_digest(kind: str, value: str, *, organisation_id: str) -> str:
    """What is kept of an IBAN or a source's contact id; "" for none. The same for ever within one organisation."""
    plain = "".join(value.split()).upper()
    return _sha256(_joined("identity", kind, organisation_id, plain)) if plain else ""


def canonical(value: Any) -> str:
    """The one textual form of a value: sorted keys, no spaces, decimals without trailing zeros."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if value is None or type(value) is str:
        return value
    kind: Any = type(value)
    if names := _fields_of(kind):
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


@lru_cache(maxsize=256)
def _fields_of(kind: type) -> tuple[str, ...]:
    """Of a dataclass, else empty."""
    return tuple(f.name for f in fields(kind)) if is_dataclass(kind) else ()


def _joined(*parts: str) -> str:
    """Unambiguous: each part carries its length, so that ("a", "bc") and ("ab", "c") differ."""
    return "|".join(f"{len(part)}:{part}" for part in parts)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
