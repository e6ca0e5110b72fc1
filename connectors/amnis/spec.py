"""What Amnis says about itself."""

from __future__ import annotations

from connectors.amnis.source import AmnisSource
from connectors.contract.spec import ConnectorSpec, Role

SPEC = ConnectorSpec(
    kind="amnis",
    title="Amnis",
    role=Role.SOURCE,
    open=AmnisSource,
    permissions={
        "": "Read accounts, movements and their details. Millrace never creates a payment or a conversion.",
        "ACCOUNTING": "Read expense categories, cost centres and VAT codes, so that coding done in Amnis is kept.",
    },
)
