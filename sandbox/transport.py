"""In-process HTTP: an httpx transport that runs a sandbox application and fails as a network fails."""

from collections.abc import Callable, Iterable
from typing import Any

import httpx

from sandbox.faults import AnswerTooSlow, ConnectionCut, Environ, WsgiApp


class SandboxTransport(httpx.BaseTransport):
    """Runs one WSGI application; a cut connection is `httpx.ReadError`, a slow answer `httpx.ReadTimeout`.

    With `by_host` several applications share one client: `SandboxTransport(by_host={"xero.test": app})`.
    """

    def __init__(self, app: WsgiApp | None = None, *, by_host: dict[str, WsgiApp] | None = None) -> None:
        self._app = app
        self._by_host = by_host or {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        app = self._by_host.get(request.url.host, self._app)
        if app is None:
            raise httpx.ConnectError(f"nobody answers at {request.url.host}", request=request)
        patience = request.extensions.get("timeout", {}).get("read")
        try:
            return httpx.WSGITransport(app=_with_patience(app, patience)).handle_request(request)
        except AnswerTooSlow as error:
            raise httpx.ReadTimeout(str(error), request=request) from error
        except ConnectionCut as error:
            raise httpx.ReadError(str(error), request=request) from error


def _with_patience(app: WsgiApp, patience: float | None) -> WsgiApp:
    def run(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"]
        environ.setdefault("CONTENT_LENGTH", str(len(body.getvalue())))
        return app({**environ, "sandbox.read_timeout": patience}, start_response)

    return run
