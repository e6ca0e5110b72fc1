"""Connecting in the browser: a consent is started, comes back once within ten minutes, and becomes connections."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection as database
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Now

from connectors import oauth, opening, providers
from connectors.amnis.source import AmnisSource
from connectors.contract.errors import ActionRequired
from connectors.contract.spec import Wiring
from connectors.credentials import grant_store, subject_of
from connectors.models import Connection, Grant, OAuthState
from connectors.oauth import Provider, TokenSet
from connectors.throttle import Limits
from connectors.xero.connections import XeroConnection, list_connections
from tenants import audit
from tenants.encryption import decrypt
from tenants.scoping import tenant_scope

LIFETIME = timedelta(minutes=10)
ROLES = {"amnis": Connection.Role.SOURCE, "xero": Connection.Role.DESTINATION}


class ConsentRefused(ValueError):
    """The consent cannot be finished. The text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a consent led to: one connection that works now, or several to choose one from (`status` pending)."""

    tenant_id: int
    connections: tuple[Connection, ...]

    @property
    def has_choice(self) -> bool:
        return any(found.status == Connection.Status.PENDING for found in self.connections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A company that the person let us into."""

    external_id: str
    name: str
    remote_id: str = ""


def start(*, kind: str, tenant_id: int, user_id: int, session_key: str, connection_id: int | None = None) -> str:
    """Where to send the browser. `connection_id` where an existing connection is to be renewed.

    Raises ConsentRefused where the platform has no application at this vendor.
    """
    if not providers.has_consent(kind):
        raise ConsentRefused(f"Connecting {kind.title()} in the browser is not set up on this server.")
    state, verifier = oauth.new_secret(), oauth.new_secret()
    with transaction.atomic():
        OAuthState.objects.filter(expires_at__lt=Now()).delete()
        OAuthState.objects.create(
            state_hash=_hash(state),
            provider=kind,
            tenant_id=tenant_id,
            connection_id=connection_id,
            user_id=user_id,
            session_hash=_hash(session_key),
            code_verifier=verifier,
            expires_at=Now() + Value(LIFETIME),
        )
    return oauth.consent_url(providers.provider(kind), state=state, verifier=verifier)


def finish(
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
    """Take the callback's parameters to a connection. The state is used up whatever happens next.

    `may_connect` is asked about the tenant before the vendor is: whoever lost the right meanwhile connects nothing.
    Raises ConsentRefused (unknown, used or late state, another person or session, consent denied, another company than
    the one to renew), or the connectors' errors. Calls the vendor: outside of any transaction.
    """
    opening.refuse_open_scope()
    started = _consume(state=state, kind=kind, user_id=user_id, session_key=session_key)
    if may_connect is not None and not may_connect(started.tenant_id):
        raise ConsentRefused("You may not connect this company any more, so nothing was connected.")
    if error or not code:
        raise ConsentRefused("You did not allow the access, so nothing was connected.")
    provider = providers.provider(kind)
    tokens = oauth.exchange(provider, code=code, verifier=started.code_verifier)
    grant, companies = _arrive(provider, tokens)
    with tenant_scope(started.tenant_id, actor=actor):
        found = _connect(started, grant, companies, actor=actor)
    return Finished(tenant_id=started.tenant_id, connections=tuple(found))


def choose(*, tenant_id: int, connection_id: int, actor: str) -> Connection:
    """Of several companies this one is meant; the others that still wait are forgotten."""
    with tenant_scope(tenant_id, actor=actor):
        chosen = Connection.objects.select_for_update().get(pk=connection_id)
        chosen.status = Connection.Status.ACTIVE
        chosen.save(update_fields=["status"])
        Connection.objects.filter(kind=chosen.kind, status=Connection.Status.PENDING).delete()
        audit.record("connection_connected", target=_about(chosen), actor=actor, after={"company": chosen.external_id})
    return chosen


def companies_of(grant: Grant, kind: str, *, auth_event_id: str = "") -> list[Company]:
    """The companies that this grant lets us into. Calls the vendor."""
    wiring = grant_wiring(grant, kind)
    if kind == providers.AMNIS:
        mine = AmnisSource(wiring).company()
        return [Company(external_id=mine.company_id or grant.client_id or grant.subject, name=mine.name)]
    found = [each for each in list_connections(wiring, auth_event_id=auth_event_id) if each.is_organisation]
    if not found and auth_event_id:  # a reconnect may show under its old event
        return companies_of(grant, kind)
    return [_company(each) for each in found]


def activate(company: Company, grant: Grant, *, kind: str, actor: str, pending: bool = False) -> Connection:
    """The tenant's connection to this company, under this grant. Inside the tenant's scope; audited."""
    values = {
        "role": ROLES[kind],
        "grant": grant,
        "remote_id": company.remote_id,
        "name": company.name[:200],
        "last_error": "",
    }
    found, created = Connection.objects.get_or_create(kind=kind, external_id=company.external_id, defaults=values)
    before = found.status
    for name, value in values.items():
        setattr(found, name, value or getattr(found, name))
    found.last_error = ""
    keep = pending and (created or before != Connection.Status.ACTIVE)
    found.status = Connection.Status.PENDING if keep else Connection.Status.ACTIVE
    found.save()
    if not keep:
        audit.record(
            "connection_connected" if created or before == Connection.Status.PENDING else "connection_reconnected",
            target=_about(found),
            actor=actor,
            before=None if created else {"status": before},
            after={"status": found.status, "company": found.external_id},
        )
    return found


def _arrive(provider: Provider, tokens: TokenSet) -> tuple[Grant, list[Company]]:
    """Store the tokens before anything else uses them, then ask whose companies they open."""
    if provider.kind == providers.AMNIS:
        return _arrive_at_amnis(provider, tokens)
    grant = grant_store(provider=provider, subject=subject_of(tokens), tokens=tokens)
    event = str(tokens.claims.get("authentication_event_id") or "")
    companies = companies_of(grant, provider.kind, auth_event_id=event)
    if not companies:
        raise ConsentRefused("Xero shows no organisation for this sign-in. Choose one when Xero asks for it.")
    return grant, companies


def _arrive_at_amnis(provider: Provider, tokens: TokenSet) -> tuple[Grant, list[Company]]:
    """Amnis' token names our application, not the company (A5), so the company has to be asked first."""
    wiring = Wiring(
        base_url=providers.base_url(provider.kind),
        tokens=_GivenToken(tokens.access_token),
        throttle=opening.budget(provider.kind, "consent", Limits()),
        record_call=lambda record: None,
        transport=provider.transport,
    )
    mine = AmnisSource(wiring).company()
    if not mine.company_id:
        raise ActionRequired("Amnis does not say whose company this is. Connect it with its own API key.")
    grant = grant_store(provider=provider, subject=f"company:{mine.company_id}", tokens=tokens)
    return grant, [Company(external_id=mine.company_id, name=mine.name)]


def _connect(started: OAuthState, grant: Grant, companies: list[Company], *, actor: str) -> list[Connection]:
    if started.connection_id is None:
        several = len(companies) > 1
        return [activate(company, grant, kind=started.provider, actor=actor, pending=several) for company in companies]
    old = Connection.objects.get(pk=started.connection_id)
    same = next((company for company in companies if company.external_id == old.external_id), None)
    if same is None:
        raise ConsentRefused(
            f"You allowed another company, not {old}. Start again and choose {old}, or connect the other one anew."
        )
    return [activate(same, grant, kind=started.provider, actor=actor)]


def _consume(*, state: str, kind: str, user_id: int, session_key: str) -> OAuthState:
    """The started consent, deleted as it is read, so that it can be finished once only."""
    with database.cursor() as cursor:
        cursor.execute(
            "DELETE FROM oauth_state WHERE state_hash = %s"
            " RETURNING provider, tenant_id, connection_id, user_id, session_hash, code_verifier, expires_at > now()",
            [_hash(state)],
        )
        row = cursor.fetchone()
    if row is None or not row[6]:
        raise ConsentRefused("This sign-in took too long or was used already. Please start again.")
    if row[0] != kind or row[3] != user_id or bytes(row[4]) != _hash(session_key):
        raise ConsentRefused("This sign-in was started by somebody else. Please start again.")
    return OAuthState(
        provider=row[0], tenant_id=row[1], connection_id=row[2], user_id=row[3], code_verifier=decrypt(row[5])
    )


@dataclass(frozen=True, slots=True)
class _GivenToken:
    """A token that has just been issued and belongs to no grant yet."""

    value: str

    def token(self) -> str:
        return self.value

    def renew(self, stale: str) -> str:
        raise ActionRequired("Amnis does not accept the access it has just given. Please try again.")


def grant_wiring(grant: Grant, kind: str) -> Wiring:
    """For calls about the grant itself, before or beside any connection."""
    nobody = Connection(tenant_id=0, kind=kind, role=ROLES[kind])
    app_only = Limits(app_minute=providers.limits(kind).app_minute)
    return opening.wiring(nobody, grant_id=grant.pk, recorder=lambda record: None, timezone="UTC", limits=app_only)


def _company(found: XeroConnection) -> Company:
    return Company(external_id=found.organisation_id, name=found.name, remote_id=found.connection_id)


def _about(connection: Connection) -> str:
    return f"{connection.kind} {connection.name or connection.external_id}"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
