"""What the connector says about itself."""

from __future__ import annotations

import ast
from pathlib import Path

from connectors.contract.ports import Destination
from connectors.contract.spec import Role
from connectors.xero.destination import XeroDestination
from connectors.xero.spec import SPEC
from tests.connectors.xero.factories import ORGANISATION, wiring

# The default of XERO_SCOPES in the interfaces document.
DEFAULT_SCOPES = [
    "openid",
    "profile",
    "email",
    "offline_access",
    "accounting.banktransactions",
    "accounting.payments",
    "accounting.invoices.read",
    "accounting.contacts",
    "accounting.settings",
]
FOLDER = Path(__file__).resolve().parents[3] / "connectors" / "xero"
PURE = ("text", "dates", "timezones", "mapping", "reading", "chart", "links", "messages", "outcomes")


def imported(module: Path) -> set[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    found = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return found | {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}


def test_every_scope_that_we_ask_for_is_explained() -> None:
    assert list(SPEC.permissions) == DEFAULT_SCOPES
    assert all(text.endswith(".") and len(text) > 30 for text in SPEC.permissions.values())


def test_the_adapter_is_a_destination_for_its_organisation() -> None:
    found = SPEC.open(wiring())
    assert isinstance(found, XeroDestination)
    adapter: Destination = found  # the protocol, checked by the type checker
    assert (SPEC.kind, SPEC.role, adapter.kind) == ("xero", Role.DESTINATION, "xero")
    assert adapter.organisation_id == ORGANISATION


def test_the_core_is_pure() -> None:
    """Clock, dice and network belong to the shell."""
    for name in PURE:
        roots = {module.split(".")[0] for module in imported(FOLDER / f"{name}.py")}
        assert not roots & {"httpx", "time", "random", "os", "logging", "django"}, name
        assert "connectors.http" not in imported(FOLDER / f"{name}.py"), name


def test_the_adapter_needs_no_framework() -> None:
    for module in FOLDER.glob("*.py"):
        roots = {name.split(".")[0] for name in imported(module)}
        assert not roots & {"django", "celery", "redis", "tenants", "sync", "sandbox"}, module.name
