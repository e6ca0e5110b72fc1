"""The connectors there are. Adding one is a folder and a line here; see docs/connectors.md."""

from __future__ import annotations

from connectors.amnis.spec import SPEC as AMNIS
from connectors.contract.spec import ConnectorSpec
from connectors.xero.spec import SPEC as XERO

SPECS: tuple[ConnectorSpec, ...] = (AMNIS, XERO)


def spec(kind: str) -> ConnectorSpec:
    """The connector of this kind. Raises KeyError for a kind that does not exist."""
    return {found.kind: found for found in SPECS}[kind]
