"""The control page, and the same for tools as JSON under `/_sandbox/`. Loopback only.

Pages carry a token bound to a cookie in every form. Tools read `GET /_sandbox/token` and send it as `X-Sandbox-Token` with
every POST; a page of a foreign origin can do neither.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from werkzeug.exceptions import BadRequest, Forbidden, HTTPException

from sandbox.faults import Environ
from sandbox.panel import amnis_acts, amnis_page, state, world_acts, world_page, xero_acts, xero_page
from sandbox.panel.fields import Fields, Mistake
from sandbox.panel.html import Frame, page
from sandbox.web import Markup, Request, Response, Router, json_response, redirect, text_response

if TYPE_CHECKING:
    from sandbox.app import Sandbox

Act = Callable[["Sandbox", Fields], Any]

# what tools may do: POST /_sandbox/<name> with a JSON object
ACTS: dict[str, Act] = {
    "amnis/movement": amnis_acts.add_movement,
    "amnis/raw": amnis_acts.add_raw,
    "amnis/random": amnis_acts.add_random,
    "amnis/row": amnis_acts.move_row,
    "amnis/change": amnis_acts.change_row,
    "amnis/cost_center": amnis_acts.add_cost_center,
    "amnis/pending": amnis_acts.execute_pending,
    "amnis/switches": amnis_acts.turn_switches,
    "amnis/tokens": amnis_acts.tokens,
    "xero/lock": xero_acts.set_lock_dates,
    "xero/document": xero_acts.touch_document,
    "xero/typed": xero_acts.type_document,
    "xero/people": xero_acts.people,
    "xero/disconnect": xero_acts.disconnect,
    "xero/tokens": xero_acts.issue_tokens,
    "xero/switches": xero_acts.turn_switches,
    "xero/webhook": xero_acts.set_webhook,
    "clock": world_acts.move_clock,
    "faults/add": world_acts.plan_fault,
    "faults/remove": world_acts.remove_fault,
    "faults/clear": world_acts.clear_faults,
    "faults/release": world_acts.release,
    "reset": world_acts.reset,
}
# what the page's forms do: each act answers with a sentence
FORMS = {
    **ACTS,
    "amnis/add": amnis_acts.add_from_form,
    "amnis/amount": amnis_acts.correct_amount,
    "faults/add": world_acts.plan_from_form,
}

_HOSTS = {"localhost", "127.0.0.1", "::1"}
_COOKIE = "sandbox"
_CSS = Path(__file__).with_name("panel") / "control.css"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ControlApp:
    """WSGI: pages at `/`, `/xero`, `/world`; forms at `/do/<act>`; tools at `/_sandbox/`."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self._key = secrets.token_bytes(32)
        self._router = Router(
            [
                ("GET", "/", self._amnis),
                ("GET", "/xero", self._xero),
                ("GET", "/world", self._world),
                ("GET", "/control.css", self._style),
                ("POST", "/do/<path:name>", self._form),
                ("GET", "/_sandbox/token", lambda request: json_response({"token": self.token})),
                ("GET", "/_sandbox/state", lambda request: json_response(state.overview(self.sandbox))),
                ("GET", "/_sandbox/faults", lambda request: json_response(state.faults(self.sandbox))),
                (
                    "GET",
                    "/_sandbox/clock",
                    lambda request: json_response({"now": self.sandbox.clock.now().isoformat()}),
                ),
                ("GET", "/_sandbox/amnis/export", partial(self._export, state.amnis_export, amnis_acts.company_of)),
                ("GET", "/_sandbox/xero/export", partial(self._export, state.xero_export, xero_acts.org_of)),
                ("POST", "/_sandbox/<path:name>", self._tool),
            ]
        )

    @property
    def token(self) -> str:
        """What tools have to send with every POST: SANDBOX_CONTROL_TOKEN, else one of this world's own."""
        given = os.environ.get("SANDBOX_CONTROL_TOKEN") or self.sandbox.store.setting("control.token", "")
        if not given:
            given = secrets.token_urlsafe(24)
            self.sandbox.store.set_setting("control.token", given)
        return given

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        try:
            _refuse_strangers(request)
            endpoint, arguments = self._router.find(request)
            response = endpoint(request, **arguments)
        except HTTPException as error:
            response = text_response(error.description or error.name, status=error.code or 500)
        response.headers.extend(_HEADERS)
        return response(environ, start_response)

    # pages

    def _amnis(self, request: Request) -> Response:
        company = request.args.get("company", "ck_1")
        if company not in self.sandbox.amnis.companies:
            raise BadRequest("There is no such company.")
        return self._page(request, "Amnis", lambda frame: amnis_page.body(self.sandbox, frame, company))

    def _xero(self, request: Request) -> Response:
        try:
            org = xero_acts.org_of(self.sandbox, Fields(request.args))
        except Mistake as error:
            raise BadRequest(str(error)) from None
        return self._page(request, "Xero", lambda frame: xero_page.body(self.sandbox, frame, org))

    def _world(self, request: Request) -> Response:
        return self._page(request, "Time and faults", lambda frame: world_page.body(self.sandbox, frame))

    def _page(self, request: Request, title: str, body: Callable[[Frame], Markup]) -> Response:
        session = request.cookies.get(_COOKIE) or secrets.token_urlsafe(24)
        frame = Frame(
            title=title,
            path=request.path,
            now=f"{self.sandbox.clock.now():%Y-%m-%d %H:%M:%S}",
            csrf=self._csrf(session),
            note=request.args.get("note", "")[:400],
            wrong="wrong" in request.args,
        )
        response = Response(page(frame, body(frame)), content_type="text/html; charset=utf-8")
        response.set_cookie(_COOKIE, session, httponly=True, samesite="Strict")
        return response

    def _style(self, request: Request) -> Response:
        return Response(_CSS.read_bytes(), content_type="text/css; charset=utf-8")

    def _form(self, request: Request, name: str) -> Response:
        session = request.cookies.get(_COOKIE, "")
        if not session or not hmac.compare_digest(request.form.get("csrf", ""), self._csrf(session)):
            raise Forbidden("This form is too old. Go back, reload the page, and try again.")
        asked = {key: value for key, value in request.form.items() if key not in {"csrf", "back"}}
        shown: dict[str, str] = {key: asked[key] for key in ("company", "org") if key in asked}
        try:
            shown["note"] = str(self._do(FORMS, name, asked))
        except Mistake as error:
            shown |= {"note": str(error), "wrong": "1"}
        return redirect(f"{_back(request)}?{urlencode(shown)}", status=303)

    def _csrf(self, session: str) -> str:
        return hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()

    # tools

    def _export(
        self, export: Callable[["Sandbox", str], Any], choose: Callable[["Sandbox", Fields], Any], request: Request
    ) -> Response:
        try:
            chosen = choose(self.sandbox, Fields(request.args))
        except Mistake as error:
            raise BadRequest(str(error)) from None
        return json_response(export(self.sandbox, chosen if isinstance(chosen, str) else chosen.client_id))

    def _tool(self, request: Request, name: str) -> Response:
        if not hmac.compare_digest(request.headers.get("X-Sandbox-Token", ""), self.token):
            raise Forbidden("X-Sandbox-Token is missing or wrong; GET /_sandbox/token tells it.")
        body = request.get_json(silent=True) if request.get_data() else {}
        if not isinstance(body, dict):
            raise BadRequest("The body is one JSON object.")
        try:
            return json_response({"result": self._do(ACTS, name, body)})
        except Mistake as error:
            return json_response({"error": str(error)}, status=400)

    def _do(self, acts: dict[str, Act], name: str, asked: dict[str, Any]) -> Any:
        """Run one act; whatever the input made impossible becomes a Mistake with its text."""
        if name not in acts:
            raise Mistake(f"there is no act {name!r}")
        try:
            return acts[name](self.sandbox, Fields(asked))
        except Mistake:
            raise
        except (ValueError, LookupError, ArithmeticError, TypeError) as error:
            raise Mistake(f"{error}" or type(error).__name__) from error


def _refuse_strangers(request: Request) -> None:
    """Only this machine, and only under a loopback name: a foreign page cannot reach it by renaming itself."""
    host = urlsplit(f"//{request.host}").hostname
    address = request.remote_addr or "127.0.0.1"
    if host not in _HOSTS or not (address.startswith("127.") or address == "::1"):
        raise Forbidden("The sandbox can be steered from this machine only.")


def _back(request: Request) -> str:
    """The page the form stood on, and no other address."""
    back = request.form.get("back", "/")
    return back if back in {"/", "/xero", "/world"} else "/"
