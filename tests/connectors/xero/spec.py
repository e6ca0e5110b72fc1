"""Validates requests against Xero's official OpenAPI files, every object closed: an unknown property is an error.

`check_request` takes one request apart; `CheckedTransport` hooks it in front of any httpx transport. The files are found
through MILLRACE_SPECS or in `../shared/specs` beside the repository; tests that need them are skipped without.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import pytest
import yaml
from openapi_schema_validator import OAS30WriteValidator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

Spec = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]
API = "/api.xro/2.0"
# Sent by every HTTP client; the operations list only their own headers.
_GENERAL_HEADERS = frozenset(
    ["accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host", "user-agent"]
)


class SpecViolation(AssertionError):
    """A request that the official file does not know."""


def specs_folder() -> Path | None:
    candidates = [os.environ.get("MILLRACE_SPECS", ""), str(ROOT.parent / "shared" / "specs")]
    found = (Path(name) / "xero" for name in candidates if name)
    return next((folder for folder in found if (folder / "xero_accounting.yaml").is_file()), None)


needs_specs = pytest.mark.skipif(
    specs_folder() is None, reason="Xero's OpenAPI files are not here (set MILLRACE_SPECS to their folder)"
)


def check_request(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> None:
    """Raises SpecViolation with every reason. `path` without, `query` with its escapes; `headers` in any case."""
    found = {name.lower(): value for name, value in headers.items()}
    operations = list(_operations(method, path))
    if not operations:
        raise SpecViolation(f"{method} {path} is no operation of Xero")
    problems: list[list[str]] = [list(_problems(operation, query, found, body)) for operation in operations]
    if all(problems):
        raise SpecViolation(f"{method} {path}: " + "; ".join(sorted(problems, key=lambda reasons: len(reasons))[0]))


class CheckedTransport(httpx.BaseTransport):
    """Lets only requests pass that the official files know. `seen` counts them by method and path."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.seen: list[tuple[str, str]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if specs_folder() is not None and path.startswith((API, "/connections")):
            query = request.url.query.decode()
            check_request(request.method, path, query, dict(request.headers), request.read())
        self.seen.append((request.method, path))
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    uri: str
    parameters: list[Spec]
    body: Spec
    path_values: Mapping[str, str]


def _operations(method: str, path: str) -> Iterator[Operation]:
    """The operations that the path may mean: /Contacts/{x} is by number or by id."""
    uri, spec, below = ("urn:identity", _spec("xero-identity.yaml"), path)
    if path.startswith(API):
        uri, spec, below = ("urn:accounting", _spec("xero_accounting.yaml"), path.removeprefix(API))
    for template, operations in spec["paths"].items():
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        found = re.fullmatch(pattern, below, re.IGNORECASE if uri == "urn:identity" else 0)
        if found and method.lower() in operations:
            operation = operations[method.lower()]
            shared = operations.get("parameters", [])
            yield Operation(
                uri=uri,
                parameters=[_resolved(spec, item) for item in [*shared, *operation.get("parameters", [])]],
                body=operation.get("requestBody", {}),
                path_values={name: unquote(value) for name, value in found.groupdict().items()},
            )


def _problems(operation: Operation, query: str, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    known = {place: {} for place in ("path", "query", "header")}  # type: dict[str, dict[str, Spec]]
    for parameter in operation.parameters:
        name = parameter["name"].lower() if parameter["in"] == "header" else parameter["name"]
        known[parameter["in"]][name] = parameter
    own_headers = {name: value for name, value in headers.items() if name not in _GENERAL_HEADERS}
    given = {"path": dict(operation.path_values), "query": dict(parse_qsl(query)), "header": own_headers}
    for place, values in given.items():
        yield from _parameter_problems(operation.uri, place, known[place], values)
    yield from _body_problems(operation, headers, body)


def _parameter_problems(uri: str, place: str, known: dict[str, Spec], values: dict[str, str]) -> Iterator[str]:
    yield from (f"unknown {place} parameter {name}" for name in values.keys() - known.keys())
    for name, parameter in known.items():
        if name not in values:
            if parameter.get("required"):
                yield f"{place} parameter {name} is missing"
            continue
        if name == "if-modified-since":  # the file says date-time; Xero's pages say UTC without a zone
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", values[name]):
                yield f"If-Modified-Since {values[name]} has the wrong form"
            continue
        schema = parameter.get("schema", {})
        for error in _validator(uri, schema).iter_errors(_typed(values[name], schema)):
            yield f"{place} parameter {name}: {error.message}"


def _body_problems(operation: Operation, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    if not operation.body:
        if body:
            yield "a body that the operation does not have"
        return
    if "application/json" not in headers.get("content-type", ""):
        yield "the body is not declared as JSON"
    schema = operation.body["content"]["application/json"]["schema"]
    for error in _validator(operation.uri, schema).iter_errors(json.loads(body)):
        yield f"{'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message}"


def _typed(value: str, schema: Spec) -> Any:
    if schema.get("type") == "array":
        return value.split(",")
    if schema.get("type") == "boolean":
        return {"true": True, "false": False}.get(value, value)
    if schema.get("type") == "integer" and value.lstrip("-").isdigit():
        return int(value)
    return value


def _validator(uri: str, schema: Spec) -> Any:
    absolute = json.loads(json.dumps(schema).replace('"$ref": "#', f'"$ref": "{uri}#'))
    return OAS30WriteValidator(absolute, registry=_registry(), format_checker=oas30_format_checker)


@cache
def _registry() -> Any:
    files = {"urn:accounting": "xero_accounting.yaml", "urn:identity": "xero-identity.yaml"}
    return Registry().with_resources((uri, DRAFT4.create_resource(_spec(name))) for uri, name in files.items())


@cache
def _spec(name: str) -> Spec:
    folder = specs_folder()
    assert folder is not None
    spec: Spec = yaml.load((folder / name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    for schema in spec["components"]["schemas"].values():
        _close(schema)
    return spec


def _close(schema: Any) -> None:
    """No object may carry what its schema does not name."""
    if isinstance(schema, list):
        for item in schema:
            _close(item)
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("properties"), dict):
        schema.setdefault("additionalProperties", False)
        for item in schema["properties"].values():
            _close(item)
    for key in ("items", "allOf", "anyOf", "oneOf"):
        _close(schema.get(key))


def _resolved(spec: Spec, item: Spec) -> Spec:
    if "$ref" not in item:
        return item
    found: Any = spec
    for step in item["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)
