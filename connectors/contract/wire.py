"""JSON as money needs it: numbers are exact decimals both ways, and what cannot be trusted is refused, not repaired."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 64
_MAX_NUMBER = 40
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?')  # a string that never ends is taken whole, once
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NOT_SHAPE = bytes(set(range(256)) - set(b'[]{}"'))
_ALIKE = bytes.maketrans(b"[]{}", b"()()")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UNSTORABLE_ESCAPE = re.compile(rb"\\u(0000|[dD][89a-fA-F])")
_ESCAPE = json.encoder.encode_basestring
_WORDS = {None: "null", True: "true", False: "false"}


class WireError(ValueError):
    """JSON that breaks our bounds: NaN, a number out of range, a repeated key, too deep or too large."""


class GarbledError(ValueError):
    """Not JSON at all: cut off, HTML, wrong encoding."""


def decode(body: bytes) -> Any:
    """Decode one JSON document. Every fraction is a Decimal. Raises GarbledError or WireError.

    Characters that no database can hold (NUL, half a surrogate pair) come back as U+FFFD.
    """
    if len(body) > MAX_BYTES:
        raise WireError(f"the answer is larger than {MAX_BYTES} bytes")
    if _is_too_deep(body):
        raise WireError(f"the answer is nested deeper than {MAX_DEPTH} levels")
    try:
        found = json.loads(
            body.decode("utf-8-sig"),
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise GarbledError(f"not JSON: {error}") from error
    return _storable(found) if _UNSTORABLE_ESCAPE.search(body) else found


def encode(value: object) -> bytes:
    """The exact bytes of `value`, the same for the same value: keys in their order, decimals as plain JSON numbers.

    Floats are refused, so that no rounding error can enter a request.
    """
    return _text(value).encode("utf-8", "replace")


def _text(value: object) -> str:
    if isinstance(value, str):
        return _ESCAPE(value)
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_ESCAPE(str(key))}:{_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(item) for item in value) + "]"
    raise WireError(f"{type(value).__name__} has no exact JSON form")


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value


def _is_too_deep(body: bytes) -> bool:
    """Takes the innermost brackets away, layer by layer; which closes which is the decoder's to judge.

    A body that was cut off leaves brackets open: it is garbled, not deep, unless those alone are too many.
    """
    if b'\\"' in body:
        layers = _STRINGS.sub(b"", body).translate(_ALIKE, _NOT_BRACKETS)
    else:  # two quotes side by side change nothing about what is inside of a string and what is not
        shape = body.translate(_ALIKE, _NOT_SHAPE).replace(b'""', b"")
        layers = b"".join(shape.split(b'"')[::2])
    for _ in range(MAX_DEPTH):
        layers = layers.replace(b"()", b"")
    return b"()" in layers or layers.count(b"(") > MAX_DEPTH


@lru_cache(maxsize=4096)  # an amount stands several times in its document, and zero and one in every document
def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if len(text) > _MAX_NUMBER or abs(number.adjusted()) > _MAX_NUMBER:
        raise WireError(f"the number {text[:20]}… is out of range")
    return number


@lru_cache(maxsize=4096)
def _integer(text: str) -> int:
    if len(text) > _MAX_NUMBER:
        raise WireError(f"the number {text[:20]}… is out of range")
    return int(text)


def _refuse_constant(text: str) -> Any:
    raise WireError(f"{text} is no number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise WireError("the answer repeats a key within one object")
    return found
