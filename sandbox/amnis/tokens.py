"""Access tokens, refresh tokens, authorisation codes: the vendor's token endpoint and the books behind it."""

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sandbox.amnis.problems import Problem, TokenRefused
from sandbox.amnis.setup import NAMES
from sandbox.amnis.switches import Switches
from sandbox.amnis.values import micros
from sandbox.amnis.wire import Body
from sandbox.core import Core

_LOGIN_WINDOW = timedelta(minutes=15)
_CODE_LIFE = timedelta(minutes=5)
_REFRESH_LIFE = timedelta(days=30)
_JWT_HEADER = b'{"alg":"HS256","typ":"JWT"}'
_GRANTS = ("client_credentials", "refresh_token", "authorization_code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person approved in the browser, waiting for its exchange."""

    client_id: str
    company: str
    redirect_uri: str
    challenge: str | None


def app_id() -> str:
    """The one partner application of the consent flow."""
    return os.environ.get("SANDBOX_AMNIS_APP", "millrace")


def _default_secret() -> str:
    return os.environ.get("SANDBOX_AMNIS_SECRET", "cs_demo")


class Tokens:
    """All credentials of the sandbox's Amnis. Nothing here is a real secret."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._store = core.store

    # the endpoint

    def answer(self, body: Body, switches: Switches) -> Body:
        """POST /api/token: the token response, or TokenRefused in the endpoint's own words."""
        client_id, secret, grant = (body.get(name) for name in ("client_id", "client_secret", "grant_type"))
        if not all(isinstance(value, str) and value for value in (client_id, secret, grant)):
            raise TokenRefused(400, "invalid_request", "The request is missing a required parameter.")
        self._refuse_guessing(str(client_id), switches)
        if not self._knows(str(client_id), str(secret)):
            self._store.execute("INSERT INTO amnis_failed_login VALUES (?, ?)", (client_id, self._now()))
            raise TokenRefused(401, "invalid_client", "Client authentication failed")
        if grant not in _GRANTS:
            raise TokenRefused(400, "unsupported_grant_type", "The authorization grant type is not supported.")
        return self._grant(str(client_id), str(grant), body, switches)

    def _grant(self, client_id: str, grant: str, body: Body, switches: Switches) -> Body:
        if grant == "authorization_code":
            company = self._redeem_code(client_id, body)
            return self._issue(client_id, company, switches, refresh=True)
        if grant == "refresh_token":
            company = self._redeem_refresh(client_id, body)
            return self._issue(client_id, company, switches, refresh=True)
        if client_id not in NAMES:
            raise TokenRefused(400, "unauthorized_client", "This application acts for companies that consented.")
        return self._issue(client_id, client_id, switches, refresh=switches.issue_refresh_tokens)

    def _refuse_guessing(self, client_id: str, switches: Switches) -> None:
        since = micros(self._core.clock.now() - _LOGIN_WINDOW)
        query = "SELECT count(*) FROM amnis_failed_login WHERE client_id = ? AND at > ?"
        failed = self._store.execute(query, (client_id, since))[0][0]
        if switches.failed_logins and failed >= switches.failed_logins:
            text = "Too many failed login attempts."
            raise TokenRefused(429, "too_many_requests", text, headers={"Retry-After": "60"})

    def _knows(self, client_id: str, secret: str) -> bool:
        if client_id not in NAMES and client_id != app_id():
            return False
        expected = self._store.setting(f"amnis.secret.{client_id}", _default_secret())
        return hmac.compare_digest(expected.encode(), secret.encode())

    # issuing and redeeming

    def _issue(self, client_id: str, company: str, switches: Switches, *, refresh: bool) -> Body:
        life = timedelta(seconds=switches.token_ttl)
        token = self._jwt(client_id, life)
        self._keep(token, "access", company, life, {"client_id": client_id})
        body: Body = {"token_type": "Bearer", "expires_in": switches.token_ttl, "access_token": token}
        if refresh:
            body["refresh_token"] = "rt_" + secrets.token_urlsafe(32)
            body["refresh_token_expires_in"] = int(_REFRESH_LIFE.total_seconds())
            self._keep(body["refresh_token"], "refresh", company, _REFRESH_LIFE, {"client_id": client_id})
        return body

    def issue_code(self, consent: Consent) -> str:
        """An authorisation code for what a person approved: once, five minutes."""
        code = "ac_" + secrets.token_urlsafe(24)
        details = {
            "client_id": consent.client_id,
            "redirect_uri": consent.redirect_uri,
            "challenge": consent.challenge,
        }
        self._keep(code, "code", consent.company, _CODE_LIFE, details)
        return code

    def _redeem_code(self, client_id: str, body: Body) -> str:
        company, details = self._take("code", str(body.get("code")), client_id)
        if body.get("redirect_uri") != details["redirect_uri"]:
            raise TokenRefused(400, "invalid_grant", "The redirect URI is not the one of the authorization request.")
        challenge = details["challenge"]
        if challenge and _s256(str(body.get("code_verifier", ""))) != challenge:
            raise TokenRefused(400, "invalid_grant", "Failed to verify `code_verifier`.")
        return company

    def _redeem_refresh(self, client_id: str, body: Body) -> str:
        """The old refresh token is dead from here on (rotation without grace)."""
        company, _ = self._take("refresh", str(body.get("refresh_token")), client_id)
        return company

    def _take(self, kind: str, token: str, client_id: str) -> tuple[str, Body]:
        query = "DELETE FROM amnis_token WHERE token = ? AND kind = ? AND expires > ? RETURNING company, body"
        found = self._store.execute(query, (token, kind, self._now()))
        details: Body = json.loads(found[0][1]) if found else {}
        if details.get("client_id") != client_id:
            raise TokenRefused(400, "invalid_grant", f"The {kind} is invalid, expired or used already.")
        return str(found[0][0]), details

    # using and ending

    def company_of(self, header: str | None) -> str:
        """The company behind `Authorization: Bearer ...`; Problem 401 in the words of A29."""
        if not header or not header.startswith("Bearer "):
            raise Problem(401, "JWT Token not found")
        query = "SELECT company, expires FROM amnis_token WHERE token = ? AND kind = 'access'"
        found = self._store.execute(query, (header[7:].strip(),))
        if not found:
            raise Problem(401, "Invalid JWT Token")
        if found[0][1] <= self._now():
            raise Problem(401, "Expired JWT Token")
        return str(found[0][0])

    def expire(self, company: str | None = None) -> int:
        """Every living access token (of one company) is expired from now on; returns how many."""
        changed = self._store.execute(
            "UPDATE amnis_token SET expires = ? WHERE kind = 'access' AND expires > ? AND coalesce(?, company) = company"
            " RETURNING 1",
            (self._now(), self._now(), company),
        )
        return len(changed)

    def disconnect(self, company: str) -> int:
        """Access and refresh tokens of a company are gone; a client with the secret may come back."""
        return len(self._store.execute("DELETE FROM amnis_token WHERE company = ? RETURNING 1", (company,)))

    def change_secret(self, client_id: str, secret: str | None) -> None:
        """The API key's secret was renewed at the bank; None restores the default."""
        self._store.set_setting(f"amnis.secret.{client_id}", secret or _default_secret())

    def alive(self, company: str) -> dict[str, int]:
        """How many tokens of each kind still work."""
        query = "SELECT kind, count(*) FROM amnis_token WHERE company = ? AND expires > ? GROUP BY kind"
        return dict(self._store.execute(query, (company, self._now())))

    # inside

    def _keep(self, token: str, kind: str, company: str, life: timedelta, details: dict[str, Any]) -> None:
        expires = micros(self._core.clock.now() + life)
        values = (token, kind, company, expires, json.dumps(details))
        self._store.execute("INSERT INTO amnis_token VALUES (?, ?, ?, ?, ?)", values)

    def _now(self) -> int:
        return micros(self._core.clock.now())

    def _jwt(self, client_id: str, life: timedelta) -> str:
        """Looks like a JWT and carries A5's claims; a client has to treat it as opaque."""
        now = self._core.clock.now()
        issued, expires = int(now.timestamp()), int((now + life).timestamp())
        claims = {
            "iss": "amnis-sandbox", "sub": client_id, "aud": client_id, "iat": issued, "nbf": issued, "exp": expires,
            "jti": secrets.token_hex(16), "scopes": ["ACCOUNTING"],
        }  # fmt: skip
        signed = f"{_b64(_JWT_HEADER)}.{_b64(json.dumps(claims).encode())}"
        return f"{signed}.{_b64(hmac.digest(self._key(), signed.encode(), 'sha256'))}"

    def _key(self) -> bytes:
        key = self._store.setting("amnis.jwt_key", "")
        if not key:
            key = secrets.token_hex(32)
            self._store.set_setting("amnis.jwt_key", key)
        return bytes.fromhex(key)


def _b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _s256(verifier: str) -> str:
    return _b64(hashlib.sha256(verifier.encode()).digest())
