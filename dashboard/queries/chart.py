"""What may be chosen for a rule or a default: accounts, tax rates and tracking options as last read from the books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.models import Reference
from sync.models import Flow


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartChoices:
    """Pairs of what is stored and what is shown."""

    accounts: Sequence[tuple[str, str]]
    taxes: Sequence[tuple[str, str]]
    tracking: Sequence[str]
    categories: Sequence[tuple[str, str]] = ()


def rule_choices(*, flow: Flow) -> ChartChoices:
    """One query."""
    kinds = (Reference.Kind.ACCOUNT, Reference.Kind.TAX_RATE, Reference.Kind.TRACKING_CATEGORY)
    found = Reference.objects.filter(connection=flow.destination, kind__in=kinds, status="ACTIVE")
    rows = list(found.order_by("code", "name", "id"))
    return ChartChoices(
        accounts=[_account(it) for it in rows if it.kind == Reference.Kind.ACCOUNT and _kind(it) != "BANK"],
        taxes=[(it.external_id, it.name or it.external_id) for it in rows if it.kind == Reference.Kind.TAX_RATE],
        categories=[(it.name, it.name) for it in rows if it.kind == Reference.Kind.TRACKING_CATEGORY],
        tracking=[label for it in rows if it.kind == Reference.Kind.TRACKING_CATEGORY for label in _options(it)],
    )


def _account(reference: Reference) -> tuple[str, str]:
    return reference.code or reference.external_id, f"{reference.code} {reference.name}".strip()


def _kind(reference: Reference) -> str:
    return str(reference.payload.get("type", "")).upper()


def _options(reference: Reference) -> list[str]:
    options = reference.payload.get("options") or ()
    names = [str(it.get("name", "")) if isinstance(it, dict) else str(it) for it in options]
    return [f"{reference.name}: {name}" for name in names if name]
