"""Amnis in process: the sandbox's bank and adapters that are connected to it, without a database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import httpx
import pytest

from connectors import oauth
from connectors.amnis.source import AmnisSource
from connectors.contract.spec import CallRecord, Wiring
from connectors.oauth import Provider
from sandbox.amnis.app import AmnisSandbox
from sandbox.amnis.company import Company
from sandbox.transport import SandboxTransport
from tests.connectors.test_http import OpenThrottle
from tests.kept import new_sandbox

BASE_URL = "http://amnis.test"
Edit = Callable[[Any], Any]


class OpenSource(Protocol):
    """Opens a new adapter, as a new slice of work would. `edit` changes every JSON answer to a GET on its way."""

    def __call__(self, *, edit: Edit | None = None) -> AmnisSource: ...


class EditedTransport(httpx.BaseTransport):
    """A vendor that answers in a shape the sandbox has no switch for."""

    def __init__(self, inner: httpx.BaseTransport, edit: Edit) -> None:
        self._inner, self._edit = inner, edit

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        if request.method != "GET" or response.status_code != 200:
            return response
        return httpx.Response(200, json=self._edit(json.loads(response.read())))


class KeyToken:
    """The company's own key: every renewal asks the token endpoint."""

    def __init__(self, bank: AmnisSandbox) -> None:
        self._provider = Provider(
            kind="amnis",
            title="Amnis",
            token_url=f"{BASE_URL}/api/token",
            client_id="ck_1",
            client_secret="cs_demo",
            json_body=True,
            transport=SandboxTransport(bank),
        )
        self._token = oauth.client_credentials(self._provider).access_token

    def token(self) -> str:
        return self._token

    def renew(self, stale: str) -> str:
        self._token = oauth.client_credentials(self._provider).access_token
        return self._token


@pytest.fixture
def bank() -> Iterator[AmnisSandbox]:
    world = new_sandbox()
    yield world.amnis
    world.close()


@pytest.fixture
def company(bank: AmnisSandbox) -> Company:
    return bank.company("ck_1")


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
def open_source(bank: AmnisSandbox, calls: list[CallRecord]) -> OpenSource:
    def build(*, edit: Edit | None = None) -> AmnisSource:
        transport: httpx.BaseTransport = SandboxTransport(bank)
        return AmnisSource(
            Wiring(
                base_url=BASE_URL,
                tokens=KeyToken(bank),
                throttle=OpenThrottle(),
                record_call=calls.append,
                timezone="Europe/Zurich",
                timeout_seconds=5,
                transport=EditedTransport(transport, edit) if edit else transport,
            )
        )

    return build
