"""Findings on their way into JSON columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.contract.errors import Finding, Severity

OF_ITS_FIGURE = frozenset({"fx_halves_differ"})


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [{"code": f.code, "severity": f.severity.value, "message": f.message, "detail": f.detail} for f in findings]


def review(code: str, message: str, *, detail: str = "") -> list[dict[str, Any]]:
    return as_json([Finding(code=code, message=message, detail=detail, severity=Severity.REVIEW)])


def accepted_as(finding: Mapping[str, Any]) -> str:
    """What a person accepts with this finding: its code, or with it the figure, where another figure is another question."""
    code = str(finding["code"])
    return f"{code}:{finding['detail']}" if code in OF_ITS_FIGURE else code
