"""What every connector says about itself."""

from __future__ import annotations

import importlib.util

import pytest

from connectors.contract.spec import ConnectorSpec
from connectors.models import Connection
from connectors.registry import SPECS, spec
from tests.contract.conftest import nobody


@pytest.mark.parametrize("found", SPECS, ids=lambda found: found.kind)
def test_a_connector_explains_its_permissions_and_opens_without_calling_anybody(found: ConnectorSpec) -> None:
    assert found.permissions
    assert all(text.endswith(".") for text in found.permissions.values())
    assert getattr(found.open(nobody()), "kind") == found.kind  # noqa: B009


def test_kinds_are_unique_and_known_to_the_table() -> None:
    kinds = [found.kind for found in SPECS]
    assert len(set(kinds)) == len(kinds)
    assert set(kinds) == set(Connection.Kind.values)
    assert {(found.kind, found.role.value) for found in SPECS} == {("amnis", "source"), ("xero", "destination")}


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        spec("ledger-of-dreams")


def test_the_fork_of_httpx_that_authlib_would_prefer_is_not_installed() -> None:
    assert importlib.util.find_spec("httpx2") is None
