"""Small web vocabulary of the sandbox: routes, JSON answers, plain pages. Pure WSGI."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sandbox.store import to_json

__all__ = [
    "Endpoint",
    "Markup",
    "Request",
    "Response",
    "Router",
    "escape",
    "json_response",
    "page",
    "redirect",
    "text_response",
]

Endpoint = Callable[..., Response]


class Router:
    """A table of (methods, path, endpoint); `methods` is one word or several separated by blanks."""

    def __init__(self, routes: Iterable[tuple[str, str, Endpoint]]) -> None:
        table = list(routes)
        self._map = _paths(tuple((methods, path) for methods, path, _ in table))
        self._endpoints = [endpoint for _, _, endpoint in table]

    def find(self, request: Request) -> tuple[Endpoint, dict[str, Any]]:
        """The endpoint and its path arguments; raises werkzeug's NotFound or MethodNotAllowed."""
        place, arguments = self._map.bind_to_environ(request.environ).match()
        return self._endpoints[place], dict(arguments)

    def answer(self, request: Request) -> Response:
        """Call the endpoint with the request and its path arguments; unknown paths become plain errors."""
        try:
            endpoint, arguments = self.find(request)
            return endpoint(request, **arguments)
        except HTTPException as error:
            return text_response(error.description or "", status=error.code or 500)


@lru_cache(maxsize=64)
def _paths(table: tuple[tuple[str, str], ...]) -> Map:
    """The compiled paths, each leading to its place in the table. Compiling is most of what a new world costs."""
    rules = [Rule(path, methods=methods.split(), endpoint=place) for place, (methods, path) in enumerate(table)]
    return Map(rules, merge_slashes=False, strict_slashes=False)


def json_response(value: object, status: int = 200) -> Response:
    return Response(to_json(value), status=status, content_type="application/json; charset=utf-8")


def text_response(text: str, status: int = 200) -> Response:
    return Response(text, status=status, content_type="text/plain; charset=utf-8")


def redirect(address: str, status: int = 302) -> Response:
    return Response("", status=status, headers={"Location": address})


_PAGE = Markup(
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title}</title><style>{style}</style><body><main><h1>{title}</h1>{body}</main></body></html>"
)
_STYLE = Markup(
    "body{font:16px/1.5 system-ui,sans-serif;background:#eef2f5;color:#1b2733;margin:0}"
    "main{max-width:44rem;margin:3rem auto;background:#fff;padding:2rem;border-radius:8px}"
    "h1{font-size:1.4rem;margin-top:0}label{display:block;margin:.4rem 0}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.2rem .5rem;border-bottom:1px solid #d8dfe5}"
    "button{font:inherit;padding:.4rem 1rem;margin:.5rem .5rem 0 0;border:1px solid #0b6ea8;border-radius:4px;"
    "background:#0b6ea8;color:#fff;cursor:pointer}button.quiet{background:#fff;color:#0b6ea8}"
)


def page(title: str, body: Markup, status: int = 200) -> Response:
    """One plain HTML page; `body` is markup that the caller has escaped."""
    html = _PAGE.format(title=title, style=_STYLE, body=body)
    return Response(html, status=status, content_type="text/html; charset=utf-8")
