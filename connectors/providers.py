"""The platform's own settings for each vendor: addresses, application identity, limits. Never a tenant's choice."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from django.conf import settings

from connectors.contract.spec import CallRecord
from connectors.oauth import Provider
from connectors.throttle import Limits

AMNIS, XERO = "amnis", "xero"
XERO_APP_MINUTE = 10_000
# A30: Amnis names no figures. Counted in a short window, so that a wait is a short one too.
AMNIS_SECONDS, AMNIS_AT_ONCE = 4, 3


def base_url(kind: str) -> str:
    """Where the vendor's API answers."""
    return str({AMNIS: settings.ENV.amnis_base_url, XERO: settings.ENV.xero_api_url}[kind])


def transport(url: str) -> httpx.BaseTransport | None:
    """An in-process server that plays this address, where the settings name one (tests); None: the network."""
    known: dict[str, httpx.BaseTransport] = getattr(settings, "CONNECTOR_TRANSPORTS", {})
    return known.get(url)


def limits(kind: str) -> Limits:
    """What one organisation may be asked."""
    if kind == XERO:
        return Limits(
            calls=settings.ENV.xero_limit_minute,
            day=settings.ENV.xero_limit_day,
            concurrent=settings.ENV.xero_limit_concurrent,
            app_minute=XERO_APP_MINUTE,
        )
    calls = settings.ENV.amnis_limit_minute * AMNIS_SECONDS // 60
    return Limits(calls=calls, seconds=AMNIS_SECONDS, concurrent=AMNIS_AT_ONCE)


def has_consent(kind: str) -> bool:
    """Can the vendor be connected in the browser?"""
    if kind == XERO:
        return bool(settings.ENV.xero_client_id)
    return bool(settings.ENV.amnis_authorize_url and settings.ENV.amnis_client_id)


def provider(
    kind: str,
    *,
    client_id: str = "",
    client_secret: str = "",
    record_call: Callable[[CallRecord], None] | None = None,
) -> Provider:
    """The vendor's OAuth side; with `client_id` in the name of a tenant's own key, else of the platform."""
    env = settings.ENV
    if kind == XERO:
        return Provider(
            kind=XERO,
            title="Xero",
            authorize_url=f"{env.xero_login_url}/identity/connect/authorize",
            token_url=f"{env.xero_identity_url}/connect/token",
            revoke_url=f"{env.xero_identity_url}/connect/revocation",
            client_id=env.xero_client_id,
            client_secret=env.xero_client_secret,
            redirect_uri=f"{env.public_url}/oauth/xero/callback",
            scope=env.xero_scopes,
            transport=transport(env.xero_identity_url),
            record_call=record_call,
        )
    return Provider(
        kind=AMNIS,
        title="Amnis",
        authorize_url=env.amnis_authorize_url,
        token_url=f"{env.amnis_base_url}/api/token",
        client_id=client_id or env.amnis_client_id,
        client_secret=client_secret if client_id else env.amnis_client_secret,
        redirect_uri=f"{env.public_url}/oauth/amnis/callback",
        json_body=True,
        transport=transport(env.amnis_base_url),
        record_call=record_call,
    )
