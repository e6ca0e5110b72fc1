"""Xero's three hosts (login, identity, API) as one WSGI application, and what tests and the control page may do to it."""

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from werkzeug.exceptions import MethodNotAllowed
from werkzeug.exceptions import NotFound as NoRoute

from sandbox.core import Core
from sandbox.faults import Environ, FaultGate
from sandbox.store import Json, from_json
from sandbox.web import Request, Response, Router, json_response, text_response
from sandbox.xero import journal
from sandbox.xero.answers import edits, html_error, refusal_response, refusals
from sandbox.xero.books import ORGANISATION, Books
from sandbox.xero.call import Call, HalfBatchDone
from sandbox.xero.grants import App, Bearer, BearerRefused, Grants
from sandbox.xero.idempotency import IdempotencyCache
from sandbox.xero.ledger import Ledger
from sandbox.xero.limits import Limiter, OverLimit
from sandbox.xero.oauth import OAuthPages
from sandbox.xero.pages import DocumentPages
from sandbox.xero.people import People
from sandbox.xero.problems import Denied, NotFound, NotImplementedThere, Refusal
from sandbox.xero.rates import DayRates
from sandbox.xero.routes import API, api_routes
from sandbox.xero.scopes import is_granted
from sandbox.xero.seed import seed
from sandbox.xero.switches import Switches
from sandbox.xero.webhooks import Webhooks
from sandbox.xero.wire import new_id, to_xml

CLIENT_ID = "sandbox-xero"
SECRET_VARIABLE = "SANDBOX_XERO_CLIENT_SECRET"
USUAL_SECRET = "sandbox-xero-secret"
USUAL_SCOPES = (
    "openid profile email offline_access accounting.banktransactions accounting.payments accounting.invoices "
    "accounting.contacts accounting.settings"
)
_WRITES = ("PUT", "POST", "DELETE")
_LOG_LENGTH = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """One call that reached the Accounting API, also a refused one."""

    at: datetime
    org: str
    method: str
    resource: str  # "/BankTransactions", "/BankTransactions/{id}", ...
    path: str
    status: int
    idempotency_key: str | None


class XeroSandbox:
    """Xero over WSGI. Attributes for tests: faults, idempotency, limiter, switches, rates, webhooks, grants, apps."""

    def __init__(self, core: Core) -> None:
        self.core = core
        core.store.prepare(journal.SCHEMA)
        self.faults = core.faults.of("xero", write_path=f"{API}/")
        self.limiter = Limiter(core.clock, enabled=core.limits)
        self.idempotency = IdempotencyCache(core.clock)
        self.switches = Switches()
        self.rates = DayRates(core.store)
        self.webhooks = Webhooks(core.store, core.clock)
        self.grants = Grants(core.store, core.clock)
        secret = os.environ.get(SECRET_VARIABLE) or USUAL_SECRET
        self.apps = {CLIENT_ID: App(client_id=CLIENT_ID, secret=secret, name="Millrace")}
        self._books: dict[str, Books] = {}
        self._log: deque[LoggedCall] = deque(maxlen=_LOG_LENGTH)
        self._writing = threading.RLock()
        self._api = Router(api_routes())
        self._pages = self._page_routes()
        self._gate = FaultGate(self._serve, core.faults, vendor="xero", refusals=refusals(self.limiter), edits=edits())

        if not self.organisations():
            seed(self)

    def reopen(self) -> None:
        """Forget everything that is kept in memory and create what is missing; for a store that was emptied."""
        self._books.clear()
        self._log.clear()
        self.idempotency.forget_everything()
        self.switches = Switches()
        self.rates = DayRates(self.core.store)
        if not self.organisations():
            seed(self)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self._gate(environ, start_response)

    # -- for tests, scenarios and the control page --------------------------------------------------------------------

    def organisations(self) -> list[Json]:
        return self.core.store.find_everywhere(ORGANISATION)

    def books(self, org: str | None = None) -> Books:
        """The books of an organisation by id or name; without one, those of the first."""
        organisations = self.organisations()
        found = [o for o in organisations if org is None or org in (o["OrganisationID"], o["Name"])]
        if not found:
            raise LookupError(f"no organisation {org}")
        return self._books_of(found[0]["OrganisationID"])

    def _books_of(self, org: str) -> Books:
        if org not in self._books:
            self._books[org] = Books(self.core.store, self.core.clock, self.rates, org)
        return self._books[org]

    def ledger(self, org: str | None = None) -> Ledger:
        """The books as a test reads them, without HTTP."""
        books = self.books(org)
        self.core.faults.release_due()
        return Ledger(books, calls=self.calls(books.org))

    def people(self, org: str | None = None) -> People:
        """What somebody with a browser does in the organisation meanwhile."""
        return People(self.books(org), self.grants)

    def issue_tokens(self, *organisations: str, scopes: str = USUAL_SCOPES, client_id: str = CLIENT_ID) -> Json:
        """Tokens as the token endpoint gives them, as if the first user who may open them had consented just now.

        Organisations by id or name; without one, the first.
        """
        app = self.apps[client_id]
        chosen = [self.books(organisation).organisation for organisation in organisations or (None,)]
        wanted = {organisation["OrganisationID"] for organisation in chosen}
        user = next(user["id"] for user in self.grants.users() if wanted <= {*user["organisations"]})
        code = self.grants.consent(app, user, set(scopes.split()), chosen, {"redirect_uri": ""})
        return self.grants.exchange(app, code=code, redirect_uri="", verifier=None)

    def log(self, org: str | None = None) -> list[LoggedCall]:
        return [call for call in self._log if org in (None, call.org)]

    def calls(self, org: str | None = None) -> "Counter[str]":
        """How often each operation was called, for example {"PUT /BankTransactions": 2}."""
        return Counter(f"{call.method} {call.resource}" for call in self.log(org))

    def forget_calls(self) -> None:
        self._log.clear()

    # -- serving ------------------------------------------------------------------------------------------------------

    def _page_routes(self) -> Router:
        oauth = OAuthPages(self.grants, self.apps, self._organisations_of)
        return Router(
            [
                ("GET POST", "/identity/connect/authorize", oauth.authorize),
                ("POST", "/connect/token", oauth.token),
                ("POST", "/connect/revocation", oauth.revocation),
                ("GET", "/.well-known/openid-configuration", oauth.discovery),
                ("GET", "/connections", self._connections),
                ("DELETE", "/connections/<connection>", self._disconnect),
                *DocumentPages(self.core.store).routes(),
            ]
        )

    def _organisations_of(self, user: Json) -> list[Json]:
        return [o for o in self.organisations() if o["OrganisationID"] in user["organisations"]]

    def _serve(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        request.get_data(cache=True, parse_form_data=False)
        if request.path.startswith(f"{API}/"):
            response = self._serve_api(request)
        else:
            try:
                response = self._pages.answer(request)
            except Refusal as refusal:
                response = refusal_response(refusal)
        return response(environ, start_response)

    def _connections(self, request: Request) -> Response:
        bearer = self._bearer(request)
        found = self.grants.connections(bearer)
        if event := request.args.get("authEventId"):
            found = [connection for connection in found if connection["authEventId"] == event]
        shown = [{key: value for key, value in c.items() if not key.startswith("_")} for c in found]
        response = json_response(shown)
        response.headers.extend(self.limiter.headers(bearer.client_id, None))
        return response

    def _disconnect(self, request: Request, connection: str) -> Response:
        if not self.grants.disconnect(self._bearer(request), connection):
            raise NotFound
        return Response("", status=204)

    def _bearer(self, request: Request) -> Bearer:
        replayed = bool(request.environ.get("sandbox.replay"))
        try:
            return self.grants.bearer(request.headers.get("Authorization", ""), may_be_expired=replayed)
        except BearerRefused as error:
            raise Denied(401, str(error)) from None

    def _serve_api(self, request: Request) -> Response:
        org = request.headers.get("xero-tenant-id", "").lower()
        try:
            response = self._limited(request, org)
        except Refusal as refusal:
            response = refusal_response(refusal)
        response.headers["Xero-Correlation-Id"] = new_id()
        self._note(request, org, response.status_code)
        return response if _wants_json(request) else _as_xml(response)

    def _limited(self, request: Request, org: str) -> Response:
        """Token, organisation, limits; only then anything that reads or writes."""
        bearer = self._bearer(request)
        if not org or not self.grants.is_connected(bearer, org):
            raise Denied(403, "AuthenticationUnsuccessful")
        if request.environ.get("sandbox.replay"):
            return self._authorised(request, bearer, org)
        try:
            with self.limiter.call(bearer.client_id, org):
                response = self._authorised(request, bearer, org)
        except OverLimit as over:
            response = over_limit(over)
        response.headers.extend(self.limiter.headers(bearer.client_id, org))
        return response

    def _authorised(self, request: Request, bearer: Bearer, org: str) -> Response:
        resource = request.path.removeprefix(f"{API}/").partition("/")[0]
        if not is_granted(set(bearer.scopes), resource=resource, reads=request.method == "GET"):
            return refusal_response(Denied(401, "AuthorizationUnsuccessful", scope_missing=True))
        if request.method not in _WRITES:
            return self._called(request, bearer, org)
        with self._writing:
            return self._once(request, bearer, org)

    def _once(self, request: Request, bearer: Bearer, org: str) -> Response:
        """The remembered answer to this Idempotency-Key, or a new one, remembered whatever it is."""
        try:
            if remembered := self.idempotency.recall(bearer.client_id, request):
                return remembered
        except Refusal as refusal:
            return refusal_response(refusal)
        response = self._called(request, bearer, org)
        self.idempotency.remember(bearer.client_id, request, response)
        return response

    def _called(self, request: Request, bearer: Bearer, org: str) -> Response:
        app = self.apps[bearer.client_id]
        call = Call(request=request, books=self._books_of(org), switches=self.switches, app_name=app.name)
        try:
            endpoint, arguments = self._api.find(request)
            return endpoint(call, **arguments)
        except MethodNotAllowed:
            return refusal_response(NotImplementedThere())
        except NoRoute:
            return refusal_response(NotFound())
        except HalfBatchDone:
            return html_error()
        except Refusal as refusal:
            return refusal_response(refusal)

    def _note(self, request: Request, org: str, status: int) -> None:
        call = LoggedCall(
            at=self.core.clock.now(),
            org=org,
            method=request.method,
            resource=_resource(request.path),
            path=request.full_path.rstrip("?"),
            status=status,
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        self._log.append(call)


def over_limit(over: OverLimit) -> Response:
    """429: the headers decide, the body says nothing; no Retry-After for the concurrent limit."""
    response = text_response("", status=429)
    response.headers["X-Rate-Limit-Problem"] = over.problem
    if over.retry_after is not None:
        response.headers["Retry-After"] = str(over.retry_after)
    return response


def _resource(path: str) -> str:
    parts = path.removeprefix(f"{API}/").strip("/").split("/")
    named = [part if position % 2 == 0 or part == "Actions" else "{id}" for position, part in enumerate(parts)]
    return "/" + "/".join(named)


def _wants_json(request: Request) -> bool:
    return "json" in request.headers.get("Accept", "")


def _as_xml(response: Response) -> Response:
    """XML is what Xero answers unless JSON was asked for."""
    if "json" in (response.content_type or ""):
        response.set_data(to_xml(from_json(response.get_data())))
        response.content_type = "text/xml; charset=utf-8"
    return response
