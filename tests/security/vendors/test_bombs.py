"""Answers and files that are small to send and huge to read: refused in words, in bounded time and memory."""

from __future__ import annotations

import base64
import gzip
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO

import httpx
import pytest

from connectors import oauth
from connectors.contract import wire
from connectors.contract.errors import ConnectorError
from connectors.contract.spec import Wiring
from connectors.http import ApiClient
from connectors.oauth import Provider
from sync.domain.rate_files import read_rate_file
from sync.domain.rate_tables import RateFault
from sync.tenantfile.nodes import FileFault
from sync.tenantfile.parser import parse
from tests.connectors.test_http import OpenThrottle, Tokens
from tests.security.test_regexes import MOST_GROWTH, growth

MEGABYTE = 1024 * 1024
MOST_MEMORY = 200 * MEGABYTE  # an answer of 32 MB is allowed, and is copied while it is read
DEEP = 100_000


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


def answering(content: bytes, **headers: str) -> httpx.MockTransport:
    """A vendor that answers everything with this."""
    named = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    pieces = [content[place : place + 16_384] for place in range(0, len(content), 16_384)]  # as a socket gives it
    return httpx.MockTransport(lambda request: httpx.Response(200, content=iter(pieces), headers=named))


BOMBS: dict[str, bytes] = {
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep and cut off": b"[" * DEEP,
    "a number of a million digits": b'{"access_token": ' + b"9" * MEGABYTE + b"}",
    "an exponent": b'{"a": 1e999999999}',
    "a negative exponent": b'{"a": 1e-999999999}',
    "not a number": b'{"a": NaN, "b": Infinity}',
    "a key twice": b'{"a": 1, "a": 2}',
    "a string without end": b'{"a": "' + b'\\"' * MEGABYTE,
    "nothing": b"",
    "half a sign": b'{"a": "\xff\xfe"}',
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_no_answer_of_a_vendor_breaks_the_reader(name: str) -> None:
    with little_memory(), pytest.raises((wire.GarbledError, wire.WireError)):
        wire.decode(BOMBS[name])


@pytest.mark.parametrize("name", sorted(BOMBS))
@pytest.mark.parametrize("is_json", [True, False])
def test_no_answer_of_a_sign_in_breaks_the_reader(name: str, is_json: bool) -> None:
    provider = provider_at(answering(BOMBS[name]), is_json=is_json)
    with little_memory(), pytest.raises(ConnectorError):
        oauth.refresh(provider, refresh_token="r")


@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize("kind", ["packed", "plain"])
def test_a_sign_in_that_answers_with_a_flood_is_cut_off(is_json: bool, kind: str) -> None:
    """Sixty megabytes in sixty kilobytes, and twenty megabytes that are not packed at all."""
    flood = (
        answering(gzip.compress(b" " * (60 * MEGABYTE), 1), content_encoding="gzip")
        if kind == "packed"
        else answering(b" " * (20 * MEGABYTE))
    )
    with pytest.raises(ConnectorError, match="could not be reached"):
        oauth.refresh(provider_at(flood, is_json=is_json), refresh_token="r")


def test_a_read_that_unpacks_to_a_flood_is_cut_off() -> None:
    packed = gzip.compress(b" " * (80 * MEGABYTE), 1)
    wiring = Wiring(
        base_url="http://xero.test", tokens=Tokens(), throttle=OpenThrottle(), record_call=lambda record: None,
        timeout_seconds=30, transport=answering(packed, content_encoding="gzip"),
    )  # fmt: skip
    with little_memory(), pytest.raises(ConnectorError):
        ApiClient(wiring, vendor="Xero", sleep=lambda seconds: None).get_json("/x")


def test_the_claims_of_a_token_are_read_or_left() -> None:
    for content in (b"[" * DEEP, b'{"a":' * DEEP, b"9" * MEGABYTE, b"\xff"):
        token = f"x.{base64.urlsafe_b64encode(content).decode().rstrip('=')}.y"
        assert oauth.read_claims(token) == {}


def provider_at(transport: httpx.BaseTransport, *, is_json: bool) -> Provider:
    return Provider(
        kind="xero", title="Xero", token_url="http://xero.test/connect/token", client_id="i", client_secret="s",
        json_body=is_json, transport=transport,
    )  # fmt: skip


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
FILES: dict[str, bytes] = {
    "a billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><monatsmittelkurs>&l9;</monatsmittelkurs>'.encode(),
    "a file of this machine": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><wechselkurse>&e;</wechselkurse>',
    "an address": b'<!DOCTYPE x SYSTEM "http://169.254.169.254/latest/"><wechselkurse/>',
    "deep": b"<a>" * 100_000,
    "a zip": b"",  # filled below
    "one long cell": b"currency,valid_from,valid_to,rate,unit,direction\n" + b"9" * 400_000,
    "a huge number": b"currency,valid_from,valid_to,rate,unit,direction\nEUR,2026-03-01,2026-03-31,1e999999,1,base_per_foreign\n",
    "many lines": b"currency,valid_from,valid_to,rate,unit,direction\n" + b"x\n" * 200_000,
    "large": b" " * (600 * 1024),
}


def _zip() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("rates.csv", b"0" * (20 * MEGABYTE))
    return out.getvalue()


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_rate_file_breaks_the_reader(name: str) -> None:
    content = FILES[name] or _zip()
    with little_memory(), pytest.raises(RateFault) as refused:
        read_rate_file(content)
    assert all("root:" not in fault for fault in refused.value.faults)


YAML: dict[str, str] = {
    "a billion laughs": "a: &a [x,x]\n" + "".join(f"b{n}: &b{n} [*a,*a]\n" for n in range(20)),
    "a merge": "a: &a {x: 1}\nb: {<<: *a}\n",
    "an object of Python": "tenant: !!python/object/apply:os.system ['id']\n",
    "a tag": "tenant: !!binary aGFsbG8=\n",
    "deep": "[" * 100_000,
    "deep by indent": "".join(f"{' ' * n}a:\n" for n in range(400)),
    "two documents": "tenant: {}\n---\ntenant: {}\n",
    "large": "x" * (2 * MEGABYTE),
    "a control sign": "tenant: \x01\n",
}


@pytest.mark.parametrize("name", sorted(YAML))
def test_no_tenant_file_breaks_the_reader(name: str) -> None:
    with little_memory(), pytest.raises(FileFault):
        parse(YAML[name])


def read_or_refused(read: Callable[[str], object]) -> Callable[[str], object]:
    def work(text: str) -> object:
        try:
            return read(text)
        except (FileFault, RateFault, wire.GarbledError, wire.WireError) as refused:
            return refused

    return work


@pytest.mark.parametrize(
    "piece", ["a: b\n", "- a\n", "{a: b}, ", "[a, ", "'", '"\\u0041', "# x\n", "? a\n", "a: ", "|\n a\n"]
)
def test_reading_a_tenant_file_takes_as_long_as_it_is_long(piece: str) -> None:
    assert growth(read_or_refused(parse), piece) <= MOST_GROWTH


@pytest.mark.parametrize("piece", ['{"a":1},', "[[]],", '"\\"",', "1,", '"\\u0041",', "é"])
def test_reading_an_answer_takes_as_long_as_it_is_long(piece: str) -> None:
    assert growth(read_or_refused(lambda text: wire.decode(f"[{text}".encode())), piece) <= MOST_GROWTH
