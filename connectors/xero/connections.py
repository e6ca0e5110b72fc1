"""Which organisations a Xero user has connected to us, and ending one connection.

https://developer.xero.com/documentation/guides/oauth2/tenants
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from connectors.contract.errors import ContractBroken
from connectors.contract.spec import Wiring
from connectors.http import ApiClient
from connectors.xero.dates import instant_or_none
from connectors.xero.reading import Wire, identifier, text

ORGANISATION = "ORGANISATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class XeroConnection:
    """One organisation (or practice) that the user connected. Deleting takes `connection_id`, calls `organisation_id`."""

    connection_id: str
    organisation_id: str
    name: str
    type: str
    auth_event_id: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def is_organisation(self) -> bool:
        """Practices keep no books."""
        return self.type == ORGANISATION


def list_connections(wiring: Wiring, *, auth_event_id: str = "") -> tuple[XeroConnection, ...]:
    """All connections of the token's user, or those of one consent. Raises RetryLater, ActionRequired, ContractBroken.

    This, and not a working refresh, tells whether an organisation is still connected.
    """
    query = {"authEventId": auth_event_id} if auth_event_id else {}
    found = ApiClient(wiring, vendor="Xero").get_json("/connections", params=query)
    if not isinstance(found, list) or not all(isinstance(element, dict) for element in found):
        raise ContractBroken("Xero's list of connections is not a list.")
    return tuple(_connection(element) for element in found)


def delete_connection(wiring: Wiring, connection_id: str) -> None:
    """Disconnect one organisation and leave the user's others alone; nothing happens where it is gone already."""
    ApiClient(wiring, vendor="Xero").delete(f"/connections/{quote(connection_id, safe='')}")


def _connection(element: Wire) -> XeroConnection:
    connection_id, organisation_id = identifier(element, "id"), identifier(element, "tenantId")
    if not connection_id or not organisation_id:
        raise ContractBroken("Xero sent a connection without its ids.")
    return XeroConnection(
        connection_id=connection_id,
        organisation_id=organisation_id,
        name=text(element, "tenantName"),
        type=text(element, "tenantType"),
        auth_event_id=identifier(element, "authEventId"),
        created_at=instant_or_none(element.get("createdDateUtc")),
        updated_at=instant_or_none(element.get("updatedDateUtc")),
    )
