"""Changes to connections, and the doors to the vendors. Everything here that calls a vendor opens its own short scopes
and must be called outside of any transaction; everything that changes a connection is audited.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db.models import Value
from django.db.models.functions import Now

from connectors import consent, credentials, opening, providers
from connectors.consent import Company, ConsentRefused, Finished
from connectors.contract.errors import ActionRequired, ConnectorError
from connectors.contract.ports import Health
from connectors.models import Call, Connection, Grant
from connectors.opening import MadeCall, connection_lost, open_destination, open_source, store_calls, take_calls
from connectors.reference import refresh_reference
from connectors.xero.connections import delete_connection, list_connections
from tenants import audit
from tenants.scoping import platform_scope, tenant_scope

KEEP_CALLS = timedelta(days=90)

__all__ = [
    "Company",
    "ConsentRefused",
    "Finished",
    "MadeCall",
    "calls_purge",
    "connection_check",
    "connection_choose",
    "connection_disconnect",
    "connection_finish",
    "connection_lost",
    "connection_start",
    "connection_test",
    "connection_with_key",
    "open_destination",
    "open_source",
    "refresh_reference",
    "store_calls",
    "take_calls",
]


def connection_start(
    *, kind: str, tenant_id: int, user_id: int, session_key: str, connection_id: int | None = None
) -> str:
    """Where to send the browser for the person's consent. `connection_id` names an existing connection to renew.

    Raises ConsentRefused where the platform has no application at this vendor.
    """
    return consent.start(
        kind=kind, tenant_id=tenant_id, user_id=user_id, session_key=session_key, connection_id=connection_id
    )


def connection_finish(
    *,
    kind: str,
    state: str,
    code: str,
    user_id: int,
    session_key: str,
    actor: str,
    error: str = "",
    may_connect: Callable[[int], bool] | None = None,
) -> Finished:
    """Take the callback's parameters to a connection that works, or to several to choose one from.

    The state is used up whatever happens; `may_connect` is asked about its tenant before the vendor is. Raises
    ConsentRefused (unknown, used or late state, another person or session, a right that was lost, consent denied, another
    company than the one to renew) or the connectors' errors.
    """
    found = consent.finish(
        kind=kind,
        state=state,
        code=code,
        user_id=user_id,
        session_key=session_key,
        actor=actor,
        error=error,
        may_connect=may_connect,
    )
    if not found.has_choice:
        for connection in found.connections:
            _first_look(connection)
    return found


def connection_choose(*, tenant_id: int, connection_id: int, actor: str) -> Connection:
    """Of several companies that a consent opened, this one is meant; the others that still wait are forgotten."""
    opening.refuse_open_scope()
    chosen = consent.choose(tenant_id=tenant_id, connection_id=connection_id, actor=actor)
    _first_look(chosen)
    return chosen


def connection_with_key(
    *, tenant_id: int, client_id: str, client_secret: str, actor: str, name: str = ""
) -> Connection:
    """Connect Amnis by the company's own API key. The key is tried before anything is stored.

    Raises ActionRequired for a key that Amnis does not accept, RetryLater where Amnis cannot be reached.
    """
    opening.refuse_open_scope()
    known = credentials.grant_with_key(client_id=client_id, client_secret=client_secret)
    mine = consent.companies_of(known, providers.AMNIS)[0]
    company = Company(external_id=client_id, name=name or mine.name, remote_id=mine.external_id)
    with tenant_scope(tenant_id, actor=actor):
        unchanged = Connection.objects.filter(
            kind=providers.AMNIS, external_id=client_id, grant=known, status=Connection.Status.ACTIVE
        ).first()
        found = unchanged or consent.activate(company, known, kind=providers.AMNIS, actor=actor)
    _first_look(found)
    return found


def connection_disconnect(*, connection: Connection, actor: str) -> None:
    """End the connection at the vendor, then here. The last one of a grant ends the whole grant.

    Raises RetryLater where the vendor cannot be reached; then nothing has changed.
    """
    opening.refuse_open_scope()
    grant = _grant_of(connection)
    if grant is not None and connection.status != Connection.Status.DISCONNECTED:
        _end_at_vendor(connection, grant)
    with tenant_scope(connection.tenant_id, actor=actor):
        _set_status(connection, Connection.Status.DISCONNECTED, error="")
        audit.record("connection_disconnected", target=_about(connection), actor=actor)


def connection_test(*, connection: Connection) -> Health:
    """Ask the vendor now whether it knows us; the row remembers the answer. Raises nothing of the connectors'."""
    opening.refuse_open_scope()
    try:
        is_source = connection.role == Connection.Role.SOURCE
        adapter = opening.open_source(connection) if is_source else opening.open_destination(connection)
    except ConnectorError as error:
        health, calls = Health(reachable=False, message=error.message), list[MadeCall]()
    else:
        health, calls = adapter.health(), opening.take_calls(adapter)
    with tenant_scope(connection.tenant_id):
        opening.store_calls(connection.tenant_id, calls)
        fresh = {"last_ok_at": Now()} if health.reachable else {}
        Connection.objects.filter(pk=connection.pk).update(last_error=health.message[:500], checked_at=Now(), **fresh)
    return health


def connection_check(*, connection: Connection) -> bool:
    """Is the company still connected? A refresh that works does not say so at Xero; its list of connections does.

    False marks the connection as needing a person. Raises RetryLater where the vendor cannot be reached.
    """
    opening.refuse_open_scope()
    grant = _grant_of(connection)
    if grant is None or connection.status != Connection.Status.ACTIVE:
        return False
    try:
        companies = consent.companies_of(grant, connection.kind)
    except ActionRequired as error:
        connection_lost(connection=connection, message=error.message)
        return False
    if connection.kind == providers.XERO and connection.external_id not in {each.external_id for each in companies}:
        connection_lost(connection=connection, message=f"{connection} was disconnected in Xero. Please reconnect.")
        return False
    with tenant_scope(connection.tenant_id):
        Connection.objects.filter(pk=connection.pk).update(checked_at=Now())
    return True


def calls_purge(*, tenant_id: int, older_than: timedelta = KEEP_CALLS) -> int:
    """Delete the tenant's call log beyond its age; how many lines went."""
    with tenant_scope(tenant_id):
        deleted, _ = Call.objects.filter(created_at__lt=Now() - Value(older_than)).delete()
    return deleted


def _first_look(connection: Connection) -> None:
    """Read accounts and the like at once, so that the next page can show them. The connection stands without it."""
    try:
        refresh_reference(connection)
    except ConnectorError as error:
        with tenant_scope(connection.tenant_id):
            Connection.objects.filter(pk=connection.pk).update(last_error=error.message[:500])


def _grant_of(connection: Connection) -> Grant | None:
    return Grant.objects.filter(pk=connection.grant_id).first() if connection.grant_id else None


def _end_at_vendor(connection: Connection, grant: Grant) -> None:
    if _is_last_of_grant(connection):
        credentials.grant_revoke(grant)
        return
    if connection.kind != providers.XERO:
        return
    try:
        wiring = consent.grant_wiring(grant, connection.kind)
        remote = {each.organisation_id: each.connection_id for each in list_connections(wiring)}
        if connection.external_id in remote:
            delete_connection(wiring, remote[connection.external_id])
    except ActionRequired:
        return  # the chain has ended already, so there is nothing left to end


def _is_last_of_grant(connection: Connection) -> bool:
    if connection.grant_id is None:
        return False
    with platform_scope():
        others = Connection.platform.filter(grant_id=connection.grant_id).exclude(pk=connection.pk)
        return not others.exclude(status=Connection.Status.DISCONNECTED).values("id").exists()


def _set_status(connection: Connection, status: str, *, error: str) -> bool:
    """Whether the status was another one before."""
    changed = (
        Connection.objects.filter(pk=connection.pk).exclude(status=status).update(status=status, last_error=error[:500])
    )
    connection.status, connection.last_error = status, error[:500]
    return changed > 0


def _about(connection: Connection) -> str:
    return f"{connection.kind} {connection.name or connection.external_id}"
