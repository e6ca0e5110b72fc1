"""The sandbox as the vendors that a tenant file connects to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from pytest_django import Settings

from sandbox.app import Sandbox
from sandbox.transport import SandboxTransport
from sandbox.xero.app import CLIENT_ID, USUAL_SECRET
from sync.tenantfile.importer import Report, tenant_import
from sync.tenantfile.secrets import SecretStore
from tests.kept import new_sandbox

AMNIS_URL, XERO_URL = "http://amnis.test", "http://xero.test"
ACTOR = "test"


@pytest.fixture
def world(db: None, settings: Settings, valkey: redis.Redis, tmp_path: Path) -> Iterator[Sandbox]:
    """The vendors in process: what the settings' addresses lead to."""
    sandbox = new_sandbox()
    settings.CONNECTOR_TRANSPORTS = {
        AMNIS_URL: SandboxTransport(sandbox.amnis),
        XERO_URL: SandboxTransport(sandbox.xero),
    }
    settings.ENV = replace(
        settings.ENV,
        data_dir=tmp_path / "data",
        amnis_base_url=AMNIS_URL,
        amnis_client_secret="cs_demo",
        xero_client_id=CLIENT_ID,
        xero_client_secret=USUAL_SECRET,
        xero_login_url=XERO_URL,
        xero_identity_url=XERO_URL,
        xero_api_url=XERO_URL,
    )
    yield sandbox
    sandbox.close()


@pytest.fixture
def variables(world: Sandbox) -> dict[str, str]:
    """The environment that the files of these tests name their secrets in."""
    token = world.xero.issue_tokens("Muster Handels AG")["refresh_token"]
    return {"AMNIS_SECRET": "cs_demo", "XERO_TOKEN": str(token)}


@pytest.fixture
def load(variables: dict[str, str], tmp_path: Path) -> Callable[..., Report]:
    """Imports a text as a tenant file."""

    def run(text: str, *, dry_run: bool = False) -> Report:
        store = SecretStore(environ=variables, folder=tmp_path)
        return tenant_import(text, secrets=store, actor=ACTOR, dry_run=dry_run)

    return run
