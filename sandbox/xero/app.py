"""Xero's three hosts (login, identity, API) as one WSGI application."""

from collections.abc import Callable, Iterable
from typing import Any

from sandbox.core import Core
from sandbox.faults import Environ
from sandbox.web import Request, text_response


class XeroSandbox:
    """Xero over WSGI; tests also reach its fault plan here."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.faults = core.faults.of("xero", write_path="/api.xro/")

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        return text_response(f"{request.path} is not there", status=404)(environ, start_response)
