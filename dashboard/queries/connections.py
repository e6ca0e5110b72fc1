"""The vendors that a company can connect, and how each connection stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors import providers
from connectors.contract.spec import ConnectorSpec
from connectors.models import Connection
from connectors.registry import SPECS


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorCard:
    """One vendor with the company's connection to it, if any. `consent`: it can be connected in the browser."""

    spec: ConnectorSpec
    connection: Connection | None
    consent: bool
    own_key: bool
    permissions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_connected(self) -> bool:
        return self.connection is not None and self.connection.status == Connection.Status.ACTIVE

    @property
    def status(self) -> str:
        return self.connection.status if self.connection else "new"


def vendor_cards() -> Sequence[VendorCard]:
    """Every vendor we know, in the order of the registry. One query."""
    newest: dict[str, Connection] = {}
    for it in Connection.objects.select_related("grant").order_by("id"):
        if it.status != Connection.Status.DISCONNECTED or it.kind not in newest:
            newest[it.kind] = it
    return [
        VendorCard(
            spec=spec,
            connection=newest.get(spec.kind),
            consent=providers.has_consent(spec.kind),
            own_key=spec.kind == providers.AMNIS,
            permissions=spec.permissions,
        )
        for spec in SPECS
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedCompany:
    """A company that a consent opened and that waits to be chosen. `proposed`: it is called like the tenant."""

    connection: Connection
    proposed: bool


def open_choice(*, kind: str, wanted: str) -> list[OfferedCompany]:
    """The companies that wait for a choice, by name. One query."""
    waiting = Connection.objects.filter(kind=kind, status=Connection.Status.PENDING).order_by("name", "id")
    return [
        OfferedCompany(connection=it, proposed=bool(wanted) and it.name.casefold() == wanted.casefold())
        for it in waiting
    ]
