"""Xero's login and identity hosts: consent pages, token endpoint, revocation, discovery."""

import base64
import binascii
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from sandbox.store import Json
from sandbox.web import Markup, Request, Response, escape, json_response, page, redirect
from sandbox.xero import scopes
from sandbox.xero.grants import App, Grants, TokenRefused

_CARRIED = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "acr_values",
)


class OAuthPages:
    """Everything before the first API call."""

    def __init__(self, grants: Grants, apps: Mapping[str, App], organisations: Callable[[Json], list[Json]]) -> None:
        self._grants = grants
        self._apps = apps
        self._organisations = organisations

    def authorize(self, request: Request) -> Response:
        """GET shows the consent page, POST takes the decision; a wrong request never redirects back."""
        asked = request.form if request.method == "POST" else request.args
        app = self._apps.get(asked.get("client_id", ""))
        if problem := _problem(app, asked):
            return _error_page(problem)
        assert app is not None
        if request.method == "GET":
            return self._consent_page(app, asked)
        if request.form.get("decision") != "allow":
            return _back(asked, {"error": "access_denied", "error_description": "User cancelled"})
        return self._allow(app, request)

    def _allow(self, app: App, request: Request) -> Response:
        asked = request.form
        user = self._grants.user(asked.get("user", ""))
        if user is None:
            return _error_page("invalid_request")
        chosen = {organisation.lower() for organisation in asked.getlist("organisation")}
        organisations = [o for o in self._organisations(user) if o["OrganisationID"] in chosen]
        needs_organisation = bool(_asked_scopes(asked) - scopes.IDENTITY)
        if needs_organisation and not organisations:
            return self._consent_page(app, asked, note="Please choose an organisation.")
        details = {key: asked[key] for key in ("redirect_uri", "nonce", "code_challenge") if asked.get(key)}
        code = self._grants.consent(app, user["id"], _asked_scopes(asked), organisations, details)
        return _back(asked, {"code": code, "scope": asked.get("scope", "")})

    def _consent_page(self, app: App, asked: Mapping[str, str], *, note: str = "") -> Response:
        kind = "checkbox" if "bulk_connect:true" in asked.get("acr_values", "") else "radio"
        users = self._grants.users()
        organisations = {o["OrganisationID"]: o for user in users for o in self._organisations(user)}
        body = Markup("").join(
            [
                Markup("<p><strong>{}</strong> wants access to your organisation data.</p>").format(app.name),
                Markup('<p role="alert">{}</p>').format(note) if note else Markup(""),
                Markup('<form method="post" action="/identity/connect/authorize">'),
                *(_hidden(key, asked[key]) for key in _CARRIED if asked.get(key)),
                _choices("Sign in as", "user", "radio", [(user["id"], _name(user)) for user in users]),
                _choices("Organisation", "organisation", kind, [(i, o["Name"]) for i, o in organisations.items()]),
                _scope_list(asked.get("scope", "")),
                Markup('<button name="decision" value="allow">Allow access</button>'),
                Markup('<button name="decision" value="cancel" class="quiet">Cancel</button></form>'),
            ]
        )
        return page("Xero sandbox: connect an app", body)

    def token(self, request: Request) -> Response:
        """Exchange and refresh; form only, Basic authentication for apps with a secret."""
        try:
            if request.mimetype != "application/x-www-form-urlencoded":
                raise TokenRefused("invalid_request")
            app = self._authenticated(request)
            return _no_store(json_response(self._granted(app, request)))
        except TokenRefused as error:
            return _no_store(json_response({"error": str(error)}, 400))

    def _granted(self, app: App, request: Request) -> Json:
        form = request.form
        match form.get("grant_type", ""):
            case "authorization_code":
                return self._grants.exchange(
                    app,
                    code=form.get("code", ""),
                    redirect_uri=form.get("redirect_uri", ""),
                    verifier=form.get("code_verifier"),
                )
            case "refresh_token":
                return self._grants.refresh(app, form.get("refresh_token", ""))
            case "client_credentials":
                raise TokenRefused("unauthorized_client")
            case _:
                raise TokenRefused("unsupported_grant_type")

    def _authenticated(self, request: Request) -> App:
        client_id, secret = _basic(request)
        client_id = client_id or request.form.get("client_id", "")
        if not client_id:
            raise TokenRefused("invalid_request")
        app = self._apps.get(client_id)
        if app is None or app.secret != secret:
            raise TokenRefused("invalid_client")
        return app

    def revocation(self, request: Request) -> Response:
        try:
            self._grants.revoke(self._authenticated(request), request.form.get("token", ""))
        except TokenRefused as error:
            return json_response({"error": str(error)}, 400)
        return Response("")

    def discovery(self, request: Request) -> Response:
        root = request.host_url.rstrip("/")
        return json_response(
            {
                "issuer": "https://identity.xero.com",
                "authorization_endpoint": f"{root}/identity/connect/authorize",
                "token_endpoint": f"{root}/connect/token",
                "revocation_endpoint": f"{root}/connect/revocation",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": ["HS256"],
                "scopes_supported": sorted(scopes.KNOWN),
                "subject_types_supported": ["public"],
            }
        )


def _problem(app: App | None, asked: Mapping[str, str]) -> str | None:
    if app is None:
        return "invalid_client"
    if not app.may_redirect_to(asked.get("redirect_uri", "")):
        return "invalid_redirect_uri"
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if asked.get("code_challenge") and asked.get("code_challenge_method") != "S256":
        return "invalid_request"
    if app.secret is None and not asked.get("code_challenge"):
        return "invalid_request"
    if not _asked_scopes(asked):
        return "invalid_scope"
    return scopes.refused(_asked_scopes(asked))


def _asked_scopes(asked: Mapping[str, str]) -> set[str]:
    return set(asked.get("scope", "").split())


def _back(asked: Mapping[str, str], answer: dict[str, str]) -> Response:
    if asked.get("state"):
        answer["state"] = asked["state"]
    return redirect(f"{asked['redirect_uri']}?{urlencode(answer)}")


def _error_page(problem: str) -> Response:
    body = Markup("<p>Sorry, something went wrong.</p><p>Error: {}</p>").format(problem)
    return page("Xero sandbox: error", body, status=400)


def _hidden(name: str, value: str) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(name, value)


def _choices(legend: str, name: str, kind: str, options: list[tuple[str, str]]) -> Markup:
    inputs = Markup("").join(
        Markup('<label><input type="{}" name="{}" value="{}"{}> {}</label>').format(
            kind, name, value, Markup(" checked") if position == 0 else "", text
        )
        for position, (value, text) in enumerate(options)
    )
    return Markup("<fieldset><legend>{}</legend>{}</fieldset>").format(legend, inputs)


def _scope_list(scope: str) -> Markup:
    items = Markup("").join(Markup("<li>{}</li>").format(word) for word in scope.split())
    return Markup("<details><summary>What it may do</summary><ul>{}</ul></details>").format(items)


def _name(user: Json) -> Markup:
    return escape(f"{user['given_name']} {user['family_name']} ({user['email']})")


def _basic(request: Request) -> tuple[str, str | None]:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return "", None
    try:
        client_id, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise TokenRefused("invalid_client") from None
    return client_id, secret


def _no_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
