"""Findings on their way into JSON columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from connectors.contract.errors import Finding, Severity

# Another figure is another question, and so is another document of somebody else.
OF_ITS_DETAIL = frozenset({"fx_halves_differ", "already_in_xero", "already_in_parts"})
# Accepting says yes, and these ask which one: the contact (all codes that begin so), the tax, the rate of the period, what
# came back and on which account (all that begin with "return_").
_WHICH_ONE = ("contact_", "default_missing", "rate_missing", "return_", "tax_missing")
NOT_DECIDED = "not_decided"  # asks for nothing at all: the program failed
RETOLD = "put_aside_changed"
# A person had left the movement out, booked it by hand or linked it: only a person's word posts it.
PUT_ASIDE = frozenset({RETOLD, "link_deleted", "link_changed"})


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [{"code": f.code, "severity": f.severity.value, "message": f.message, "detail": f.detail} for f in findings]


def review(code: str, message: str, *, detail: str = "") -> list[dict[str, Any]]:
    return as_json([Finding(code=code, message=message, detail=detail, severity=Severity.REVIEW)])


def of_put_aside(told: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [it for it in told if it["code"] in PUT_ASIDE]


def is_acceptable(code: str) -> bool:
    """Is a yes an answer to a finding of this code? If not, only the decision that it asks for settles it."""
    return not code.startswith((*_WHICH_ONE, NOT_DECIDED))


def may_be_accepted(findings: Iterable[Mapping[str, Any]]) -> bool:
    """Does accepting settle anything here? It does where something blocks that a yes answers, or nothing blocks."""
    blocking = [str(it["code"]) for it in findings if it["severity"] == Severity.REVIEW]
    return not blocking or any(is_acceptable(code) for code in blocking)


def blocks(finding: Mapping[str, Any], *, accepted: Sequence[str]) -> bool:
    """Does this finding still keep its entry back, after what a person has accepted?"""
    if finding["severity"] != Severity.REVIEW:
        return False
    return accepted_as(finding) not in accepted or not is_acceptable(str(finding["code"]))


def accepted_as(finding: Mapping[str, Any]) -> str:
    """What a person accepts with this finding: its code, or with it the figure or documents that it names."""
    code = str(finding["code"])
    return f"{code}:{finding['detail']}" if code in OF_ITS_DETAIL else code


def accepted_details(accepted: Iterable[str], *, codes: Collection[str]) -> frozenset[str]:
    """The figures or documents that a person has accepted with findings of these codes."""
    return frozenset(detail for code, _, detail in (it.partition(":") for it in accepted) if code in codes and detail)
