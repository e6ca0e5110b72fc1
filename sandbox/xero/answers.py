"""Answers of Xero that are no success: refusals, planned faults, spoiled bodies."""

from collections.abc import Callable
from typing import Any

from sandbox.faults import Answer, Edits, Effect, Environ, Fault, Refusals, server_error
from sandbox.store import from_json, to_json
from sandbox.web import Response, json_response, text_response
from sandbox.xero.grants import expired_detail
from sandbox.xero.limits import DAY, MINUTE, Limiter
from sandbox.xero.problems import Denied, Refusal
from sandbox.xero.wire import new_id

OFFLINE = "The Organisation is offline"


def refusal_response(refusal: Refusal) -> Response:
    """The HTTP answer of a refusal: JSON where Xero gives a body, its plain sentence elsewhere."""
    if text := getattr(refusal, "text", None):
        return text_response(text, status=refusal.status)
    body = refusal.body()
    if isinstance(refusal, Denied):
        body |= {"Instance": new_id(), "Extensions": {}}
    response = json_response(body, refusal.status)
    if isinstance(refusal, Denied) and refusal.scope_missing:
        response.headers["WWW-Authenticate"] = "insufficient_scope"
    return response


def html_error() -> Response:
    answer = server_error()
    return Response(answer.body, status=500, headers=answer.headers)


def refusals(limiter: Limiter) -> Refusals:
    """Planned refusals in Xero's words; none of them commits anything."""
    return {
        Effect.RATE_MINUTE: _rate(limiter, "minute", MINUTE),
        Effect.RATE_DAY: _rate(limiter, "day", DAY),
        Effect.RATE_CONCURRENT: _rate(limiter, "concurrent", None),
        Effect.OFFLINE: lambda environ, fault: _answer(text_response(OFFLINE, status=503)),
        Effect.SERVER_ERROR: lambda environ, fault: server_error(),
        Effect.FORBIDDEN: lambda environ, fault: _answer(refusal_response(Denied(403, "AuthenticationUnsuccessful"))),
        Effect.EXPIRED_TOKEN: lambda environ, fault: _answer(refusal_response(Denied(401, expired_detail(0)))),
    }


def _rate(limiter: Limiter, problem: str, seconds: int | None) -> Callable[[Environ, Fault], Answer]:
    def answer(environ: Environ, fault: Fault) -> Answer:
        response = text_response("", status=429)
        response.headers["X-Rate-Limit-Problem"] = problem
        if seconds is not None:
            org = environ.get("HTTP_XERO_TENANT_ID", "")
            wait = fault.seconds or limiter.seconds_left(org, seconds)
            response.headers["Retry-After"] = str(int(wait))
        return _answer(response)

    return answer


def _answer(response: Response) -> Answer:
    return Answer(status=response.status, headers=list(response.headers.items()), body=response.get_data())


def edits() -> Edits:
    """How an answer lies about a batch."""
    return {
        Effect.DROP_ELEMENT: _edit_elements(lambda elements: elements[1:]),
        Effect.SHUFFLE: _edit_elements(lambda elements: elements[::-1]),
        Effect.SWALLOW_ERRORS: _edit_elements(_accepted),
    }


def _accepted(elements: list[Any]) -> list[Any]:
    return [element for element in elements if element.get("StatusAttributeString") != "ERROR"]


def _edit_elements(edit: Callable[[list[Any]], list[Any]]) -> Callable[[bytes], bytes]:
    def run(body: bytes) -> bytes:
        answer = from_json(body)
        for key, value in answer.items():
            if isinstance(value, list):
                answer[key] = edit(value)
        return to_json(answer).encode()

    return run
