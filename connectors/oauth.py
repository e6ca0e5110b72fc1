"""OAuth 2 at the vendors: the consent address, code exchange, refresh, client credentials, revocation. Stores nothing.

Xero takes forms with basic authentication (Authlib); Amnis takes JSON with the credentials in the body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client

from connectors.contract.errors import ActionRequired, ContractBroken, RetryLater
from connectors.contract.redact import redact
from connectors.contract.spec import CallRecord
from connectors.exchange import SmallAnswers, retry_after

TOKEN_SECONDS = 10.0  # a refresh holds a lease, so it has to end well before the lease does
DEFAULT_LIFETIME = 1800


class InvalidGrant(ActionRequired):
    """The vendor does not know this code or refresh token (any more). Another one may still work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A vendor's OAuth addresses and our identity there. `json_body`: credentials and grant travel as JSON."""

    kind: str
    title: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    authorize_url: str = ""
    revoke_url: str = ""
    redirect_uri: str = ""
    scope: str = ""
    json_body: bool = False
    transport: httpx.BaseTransport | None = field(default=None, repr=False)
    record_call: Callable[[CallRecord], None] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSet:
    """What a token endpoint gave. `refresh_token` is "" where it gave none; `expires_in` is in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_in: int = DEFAULT_LIFETIME
    scopes: tuple[str, ...] = ()

    @property
    def claims(self) -> Mapping[str, Any]:
        """The access token's claims, unverified: it came straight from the vendor. Empty for an opaque token."""
        return read_claims(self.access_token)


def new_secret() -> str:
    """A state or code verifier: 256 bits, of the characters that RFC 7636 allows."""
    return secrets.token_urlsafe(32)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of RFC 7636."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def consent_url(provider: Provider, *, state: str, verifier: str) -> str:
    """Where the person gives consent: authorisation code with PKCE (S256)."""
    if provider.json_body:
        query = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": provider.redirect_uri,
            **({"scope": provider.scope} if provider.scope else {}),
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        return f"{provider.authorize_url}{'&' if '?' in provider.authorize_url else '?'}{urlencode(query)}"
    with _form_client(provider) as client:
        url, _ = client.create_authorization_url(
            provider.authorize_url, state=state, code_verifier=verifier, scope=provider.scope
        )
    return str(url)


def exchange(provider: Provider, *, code: str, verifier: str) -> TokenSet:
    """Turn the code of the callback into tokens. Raises InvalidGrant, ActionRequired, RetryLater, ContractBroken."""
    if provider.json_body:
        return _ask_json(
            provider,
            grant_type="authorization_code",
            code=code,
            redirect_uri=provider.redirect_uri,
            code_verifier=verifier,
        )
    return _ask_form(
        provider,
        lambda client: client.fetch_token(
            provider.token_url, grant_type="authorization_code", code=code, code_verifier=verifier
        ),
    )


def refresh(provider: Provider, *, refresh_token: str) -> TokenSet:
    """A new token set. Never retried in here: whoever holds the lease decides. Raises like `exchange`."""
    if provider.json_body:
        return _ask_json(provider, grant_type="refresh_token", refresh_token=refresh_token)
    return _ask_form(provider, lambda client: client.refresh_token(provider.token_url, refresh_token=refresh_token))


def client_credentials(provider: Provider) -> TokenSet:
    """A token for the credentials themselves (Amnis, A1). Raises like `exchange`."""
    return _ask_json(provider, grant_type="client_credentials")


def revoke(provider: Provider, *, refresh_token: str) -> None:
    """End the whole chain, and with it every connection of that user. Raises RetryLater."""
    if not provider.revoke_url:
        return
    try:
        with _form_client(provider) as client:
            response = client.revoke_token(provider.revoke_url, token=refresh_token)
    except (httpx.RequestError, OSError) as error:
        raise _unreachable(provider, error) from error
    if response.status_code >= 500 or response.status_code == 429:
        raise RetryLater(f"{provider.title} is out of order ({response.status_code}).")


def read_claims(token: str) -> Mapping[str, Any]:
    """The payload of a JWT without checking its signature; empty for anything that is not one."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


# ----------------------------------------------------------------- transport


def _form_client(provider: Provider) -> Any:
    return OAuth2Client(
        provider.client_id,
        provider.client_secret,
        redirect_uri=provider.redirect_uri,
        token_endpoint_auth_method="client_secret_basic",
        revocation_endpoint_auth_method="client_secret_basic",
        code_challenge_method="S256",
        timeout=TOKEN_SECONDS,
        transport=SmallAnswers(provider.transport),
        follow_redirects=False,
        trust_env=False,
    )


def _ask_form(provider: Provider, ask: Callable[[Any], Mapping[str, Any]]) -> TokenSet:
    started = time.monotonic()
    try:
        with _form_client(provider) as client:
            found = _token_set(provider, ask(client))
    except OAuthError as error:
        _log(provider, 400, started)
        raise _refusal(provider, str(error.error), str(error.description or "")) from error
    except httpx.HTTPStatusError as error:
        _log(provider, error.response.status_code, started)
        raise _out_of_order(provider, error.response) from error
    except (httpx.RequestError, OSError) as error:
        _log(provider, 0, started)
        raise _unreachable(provider, error) from error
    except (ValueError, RecursionError) as error:
        raise RetryLater(f"{provider.title}'s sign-in answered with something unreadable.") from error
    _log(provider, 200, started)
    return found


def _ask_json(provider: Provider, **grant: str) -> TokenSet:
    """A1: the credentials stand in a JSON body, and so does the grant."""
    started = time.monotonic()
    body = {**grant, "client_id": provider.client_id, "client_secret": provider.client_secret}
    try:
        with httpx.Client(
            timeout=TOKEN_SECONDS, transport=SmallAnswers(provider.transport), follow_redirects=False, trust_env=False
        ) as client:
            response = client.post(provider.token_url, json=body, headers={"Accept": "application/json"})
    except (httpx.RequestError, OSError) as error:
        _log(provider, 0, started)
        raise _unreachable(provider, error) from error
    _log(provider, response.status_code, started)
    return _read_json(provider, response)


def _read_json(provider: Provider, response: httpx.Response) -> TokenSet:
    if response.status_code >= 500 or response.status_code == 429:
        raise _out_of_order(provider, response)
    try:
        found = response.json()
    except (ValueError, RecursionError) as error:
        raise RetryLater(f"{provider.title}'s sign-in answered with something unreadable.") from error
    if response.is_success and isinstance(found, dict):
        return _token_set(provider, found)
    found = found if isinstance(found, dict) else {}
    code = str(found.get("error") or found.get("title") or response.status_code)
    raise _refusal(provider, code, str(found.get("error_description") or found.get("detail") or ""))


def _token_set(provider: Provider, found: Mapping[str, Any]) -> TokenSet:
    access, again = found.get("access_token"), found.get("refresh_token") or ""
    if not isinstance(access, str) or not access or not isinstance(again, str):
        raise ContractBroken(f"{provider.title}'s sign-in gave no access token.")
    scope = found.get("scope") or ""
    return TokenSet(
        access_token=access,
        refresh_token=again,
        expires_in=_lifetime(found.get("expires_in")),
        scopes=tuple(scope.split()) if isinstance(scope, str) else tuple(str(item) for item in scope),
    )


def _lifetime(value: object) -> int:
    try:
        return max(1, min(int(str(value)), 24 * 3600))
    except ValueError:
        return DEFAULT_LIFETIME


def _refusal(provider: Provider, code: str, text: str) -> ActionRequired:
    detail = redact(f"{code} {text}".strip())[:300]
    if code == "invalid_grant":
        return InvalidGrant(f"{provider.title} no longer accepts our access. Please reconnect.", detail=detail)
    if code == "invalid_client":
        return ActionRequired(
            f"{provider.title} does not accept the client id and secret. Please check them.", detail=detail
        )
    return ActionRequired(f"{provider.title} refused the sign-in ({redact(code)[:60]}).", detail=detail)


def _out_of_order(provider: Provider, response: httpx.Response) -> RetryLater:
    wait = retry_after({name.lower(): value for name, value in response.headers.items()})
    return RetryLater(
        f"{provider.title}'s sign-in is out of order ({response.status_code}).",
        wait=None if wait is None else timedelta(seconds=wait),
        whole_connection=True,
    )


def _unreachable(provider: Provider, error: Exception) -> RetryLater:
    return RetryLater(
        f"{provider.title}'s sign-in could not be reached.",
        whole_connection=True,
        detail=redact(f"{type(error).__name__}: {error}")[:300],
    )


def _log(provider: Provider, status: int, started: float) -> None:
    """The call log gets the fact of the call and nothing of its content: both directions are secrets."""
    if provider.record_call is None:
        return
    provider.record_call(
        CallRecord(
            method="POST",
            path=httpx.URL(provider.token_url).path,
            status=status,
            milliseconds=int((time.monotonic() - started) * 1000),
            outcome="answered" if status else "no_answer",
        )
    )
