"""Errors in the vendor's shape (A3, A28, A29)."""

from typing import Any

_TYPE = "https://tools.ietf.org/html/rfc2616#section-10"


class Problem(Exception):
    """An answer that is an error: `status`, the text for `detail`, extra headers."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"type": _TYPE, "title": "An error occurred", "detail": detail}

    content_type = "application/problem+json; charset=utf-8"


class Invalid(Problem):
    """422 on a plain resource, with the field that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(422, f"{field}: {message}")
        self.body["violations"] = [{"propertyPath": field, "message": message, "code": None}]


class ExpenseRefused(Problem):
    """422 of the two expense calls: a list of coded errors, no title."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(422, message)
        self.body = {"errors": [{"field": field, "code": code, "message": message}]}


class TokenRefused(Problem):
    """The token endpoint's own form: `error`, `error_description`, `message`."""

    content_type = "application/json"

    def __init__(self, status: int, error: str, text: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, text, headers=headers)
        self.body = {"error": error, "error_description": text, "message": text}
