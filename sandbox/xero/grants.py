"""Who may do what: users, apps, codes, token chains and connections, kept in the store.

https://developer.xero.com/documentation/guides/oauth2/auth-flow/
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.clock import Clock
from sandbox.store import Json, Row, Store
from sandbox.xero.wire import new_id

USER, CODE, GRANT, REFRESH, CONNECTION = "xero.user", "xero.code", "xero.grant", "xero.refresh", "xero.connection"
CODE_LIFE, ACCESS_LIFE, GRACE, IDLE_LIFE = 5 * 60, 30 * 60, 30 * 60, 60 * 86_400
ISSUER = "https://identity.xero.com"
_LOCAL_CALLBACK = re.compile(r"^http://localhost(:\d+)?/oauth/xero/callback$")


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A registered app. One without a secret is a native app: PKCE and no Basic authentication."""

    client_id: str
    secret: str | None
    name: str
    redirect_uris: frozenset[str] = frozenset()

    def may_redirect_to(self, uri: str) -> bool:
        return uri in self.redirect_uris or bool(_LOCAL_CALLBACK.match(uri))


class TokenRefused(Exception):
    """The token endpoint's error word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """What a valid access token says."""

    client_id: str
    user: str
    scopes: frozenset[str]


class BearerRefused(Exception):
    """The Detail of the 401."""


class Grants:
    """Token chains per user and app. All times are the sandbox's clock."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._key = self._signing_key()

    def _signing_key(self) -> bytes:
        key = self._store.setting("xero.key", "")
        if not key:
            key = secrets.token_hex(32)
            self._store.set_setting("xero.key", key)
        return key.encode()

    @property
    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def users(self) -> list[Json]:
        return self._store.find(USER, "")

    def user(self, user_id: str) -> Json | None:
        return self._store.get(USER, "", user_id)

    def _put(self, kind: str, id: str, body: Json, *, name: str | None = None) -> None:
        self._store.put(Row(kind=kind, org="", id=id, body=body, updated=self._clock.milliseconds(), name=name))

    # -- consent ------------------------------------------------------------------------------------------------------

    def consent(self, app: App, user: str, scopes: set[str], organisations: list[Json], details: Json) -> str:
        """Note what a user allowed and return the authorisation code; `details` are redirect_uri, nonce and challenge."""
        event = new_id()
        with self._store.transaction():
            for organisation in organisations:
                self._connect(app, user, organisation, event)
            code = secrets.token_urlsafe(32)
            body = {"client": app.client_id, "user": user, "scopes": sorted(scopes), "event": event, "at": self._now}
            self._put(CODE, code, {**body, **details})
        return code

    def _connect(self, app: App, user: str, organisation: Json, event: str) -> None:
        existing = self._connection(app.client_id, user, organisation["OrganisationID"])
        now = datetime.fromtimestamp(self._clock.milliseconds() / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"
        connection = existing or {
            "id": new_id(),
            "tenantId": organisation["OrganisationID"],
            "tenantType": "ORGANISATION",
            "tenantName": organisation["Name"],
            "createdDateUtc": now,
            "_client": app.client_id,
            "_user": user,
        }
        connection |= {"authEventId": event, "updatedDateUtc": now}
        name = _connection_name(app.client_id, user, organisation["OrganisationID"])
        self._put(CONNECTION, connection["id"], connection, name=name)

    # -- connections --------------------------------------------------------------------------------------------------

    def _connection(self, client_id: str, user: str, tenant: str) -> Json | None:
        name = _connection_name(client_id, user, tenant)
        found = self._store.find(CONNECTION, "", where="name=?", parameters=(name,))
        return found[0] if found else None

    def is_connected(self, bearer: Bearer, tenant: str) -> bool:
        return self._connection(bearer.client_id, bearer.user, tenant) is not None

    def connections(self, bearer: Bearer) -> list[Json]:
        found = self._store.find(CONNECTION, "")
        return [c for c in found if (c["_client"], c["_user"]) == (bearer.client_id, bearer.user)]

    def disconnect(self, bearer: Bearer, connection: str) -> bool:
        """Remove one connection by its own id (not the organisation's)."""
        if not any(found["id"] == connection for found in self.connections(bearer)):
            return False
        self._store.delete(CONNECTION, "", connection)
        return True

    def disconnect_organisation(self, tenant: str) -> int:
        """As a person does in Xero: every app loses the organisation; the tokens live on."""
        found = [c for c in self._store.find(CONNECTION, "") if c["tenantId"] == tenant]
        for connection in found:
            self._store.delete(CONNECTION, "", connection["id"])
        return len(found)

    # -- tokens -------------------------------------------------------------------------------------------------------

    def exchange(self, app: App, *, code: str, redirect_uri: str, verifier: str | None) -> Json:
        """Tokens for a code, which works once and for five minutes."""
        with self._store.transaction():
            found = self._store.get(CODE, "", code)
            if found is not None:
                self._store.delete(CODE, "", code)
        if found is None or found["client"] != app.client_id or found["redirect_uri"] != redirect_uri:
            raise TokenRefused("invalid_grant")
        if self._now - found["at"] > CODE_LIFE or not _proves(found, verifier):
            raise TokenRefused("invalid_grant")
        return self._new_chain(app, found)

    def _new_chain(self, app: App, code: Json) -> Json:
        """A grant of its own; scopes add up over all consents of this user to this app."""
        earlier = {
            scope
            for grant in self._store.find(GRANT, "", where="name=?", parameters=(f"{app.client_id}|{code['user']}",))
            if grant["alive"]
            for scope in grant["scopes"]
        }
        grant = {
            "id": new_id(),
            "client": app.client_id,
            "user": code["user"],
            "scopes": sorted(earlier | set(code["scopes"])),
            "event": code["event"],
            "session": secrets.token_hex(16),
            "since": code["at"],
            "alive": True,
        }
        self._put(GRANT, grant["id"], grant, name=f"{app.client_id}|{code['user']}")
        return self._tokens(app, grant, nonce=code.get("nonce"))

    def refresh(self, app: App, token: str) -> Json:
        """New tokens for a refresh token: unused for at most 60 days, or first used within the last 30 minutes."""
        with self._store.transaction():
            found = self._store.get(REFRESH, "", token)
            grant = self._store.get(GRANT, "", found["grant"]) if found else None
            if not found or not grant or not grant["alive"] or grant["client"] != app.client_id:
                raise TokenRefused("invalid_grant")
            used = found.get("used")
            if self._now - (found["at"] if used is None else used) > (IDLE_LIFE if used is None else GRACE):
                raise TokenRefused("invalid_grant")
            if used is None:
                self._put(REFRESH, token, found | {"used": self._now})
            return self._tokens(app, grant)

    def revoke(self, app: App, token: str) -> None:
        """End the chain and remove all connections of its user to the app; an unknown token is no error."""
        found = self._store.get(REFRESH, "", token)
        grant = self._store.get(GRANT, "", found["grant"]) if found else None
        if grant is None or grant["client"] != app.client_id:
            return
        with self._store.transaction():
            name = f"{app.client_id}|{grant['user']}"
            for other in self._store.find(GRANT, "", where="name=?", parameters=(name,)):
                self._put(GRANT, other["id"], other | {"alive": False}, name=name)
            for connection in self._store.find(CONNECTION, ""):
                if (connection["_client"], connection["_user"]) == (app.client_id, grant["user"]):
                    self._store.delete(CONNECTION, "", connection["id"])

    def _tokens(self, app: App, grant: Json, *, nonce: str | None = None) -> Json:
        tokens: Json = {"access_token": self._access_token(grant), "expires_in": ACCESS_LIFE, "token_type": "Bearer"}
        tokens["scope"] = " ".join(grant["scopes"])
        if "offline_access" in grant["scopes"]:
            tokens["refresh_token"] = secrets.token_urlsafe(32)
            self._put(REFRESH, tokens["refresh_token"], {"grant": grant["id"], "at": self._now})
        if "openid" in grant["scopes"]:
            tokens["id_token"] = self._id_token(app, grant, nonce)
        return tokens

    def _access_token(self, grant: Json) -> str:
        claims = {
            "nbf": self._now,
            "exp": self._now + ACCESS_LIFE,
            "iss": ISSUER,
            "aud": f"{ISSUER}/resources",
            "client_id": grant["client"],
            "sub": _subject(grant["user"]),
            "auth_time": grant["since"],
            "xero_userid": grant["user"],
            "global_session_id": grant["session"],
            "jti": secrets.token_hex(16),
            "authentication_event_id": grant["event"],
            "scope": grant["scopes"],
        }
        return _signed(claims, self._key)

    def _id_token(self, app: App, grant: Json, nonce: str | None) -> str:
        user = self.user(grant["user"]) or {}
        claims = {
            "nbf": self._now,
            "iat": self._now,
            "exp": self._now + 5 * 60,
            "iss": ISSUER,
            "aud": app.client_id,
            "sub": _subject(grant["user"]),
            "auth_time": grant["since"],
            "xero_userid": grant["user"],
            "global_session_id": grant["session"],
            "preferred_username": user.get("email", ""),
            "email": user.get("email", ""),
            "given_name": user.get("given_name", ""),
            "family_name": user.get("family_name", ""),
            "name": f"{user.get('given_name', '')} {user.get('family_name', '')}".strip(),
        }
        if nonce:
            claims["nonce"] = nonce
        return _signed(claims, (app.secret or "").encode())

    def bearer(self, header: str, *, may_be_expired: bool = False) -> Bearer:
        """Read an Authorization header; raises BearerRefused with the Detail that Xero gives."""
        kind, _, token = header.partition(" ")
        claims = _verified(token, self._key) if kind.lower() == "bearer" else None
        if claims is None:
            raise BearerRefused("AuthenticationUnsuccessful")
        if claims["exp"] <= self._now and not may_be_expired:
            raise BearerRefused(expired_detail(claims["exp"]))
        return Bearer(client_id=claims["client_id"], user=claims["xero_userid"], scopes=frozenset(claims["scope"]))


def expired_detail(expired_at: int) -> str:
    return f"TokenExpired: token expired at {datetime.fromtimestamp(expired_at, UTC):%m/%d/%Y %H:%M:%S}"


def _connection_name(client_id: str, user: str, tenant: str) -> str:
    return f"{client_id}|{user}|{tenant}"


def _subject(user: str) -> str:
    return hashlib.sha256(user.encode()).hexdigest()[:32]


def _proves(code: Json, verifier: str | None) -> bool:
    challenge = code.get("code_challenge")
    if not challenge:
        return True
    digest = hashlib.sha256((verifier or "").encode()).digest()
    return hmac.compare_digest(_base64(digest), challenge)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _signed(claims: Json, key: bytes) -> str:
    head = _base64(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    body = f"{head}.{_base64(json.dumps(claims).encode())}"
    return f"{body}.{_base64(hmac.digest(key, body.encode(), 'sha256'))}"


def _verified(token: str, key: bytes) -> dict[str, Any] | None:
    body, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_base64(hmac.digest(key, body.encode(), "sha256")).encode(), signature.encode()):
        return None
    text = body.partition(".")[2]
    claims = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return claims if isinstance(claims, dict) else None
