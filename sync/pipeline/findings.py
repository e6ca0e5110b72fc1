"""Findings on their way into JSON columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.contract.errors import Finding, Severity


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [{"code": f.code, "severity": f.severity.value, "message": f.message, "detail": f.detail} for f in findings]


def review(code: str, message: str, *, detail: str = "") -> list[dict[str, Any]]:
    return as_json([Finding(code=code, message=message, detail=detail, severity=Severity.REVIEW)])
