"""What is said of a document of ours that somebody deleted or voided in the books. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.contract.errors import Finding, Severity

GONE = "deleted_in_xero"


def gone(status: str = "DELETED") -> Finding:
    """The one sentence about it, wherever it is noticed. `status`: as Xero calls it."""
    act = "voided" if status == "VOIDED" else "deleted"
    message = f"Somebody {act} this document in Xero. Millrace never posts it again by itself: post it again, or leave it out."
    return Finding(code=GONE, message=message, severity=Severity.REVIEW)


def is_told(findings: Iterable[Mapping[str, Any]] | None) -> bool:
    """Does one of these findings, as kept, say that the document is gone?"""
    return any(it.get("code") == GONE for it in findings or ())
