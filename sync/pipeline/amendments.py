"""What becomes of entries whose movement changed at the source: seen, said field by field, changed by a person alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.contract.errors import Finding, Severity
from connectors.contract.records import LedgerEntry
from sync.domain import documents, plan
from sync.domain.plan import Planned, Skipped
from sync.models import EntryState
from sync.pipeline import findings


def amendment(old: Mapping[str, Any], row: Mapping[str, Any], outcome: Planned) -> list[dict[str, Any]]:
    """The source says something else than what was posted: shown field by field, changed by a person alone."""
    if old["state"] not in (EntryState.CONFIRMED, EntryState.REVIEW) or old["document"] is None:
        return []
    changed = changed_fields(old["document"], outcome.document)
    if not changed:
        return []
    told = "; ".join(f"{name}: {before} → {after}" for name, before, after in changed)
    finding = Finding(
        code="source_changed",
        message=f"Amnis changed this movement after it was posted ({told}). Correct the document in Xero, or keep it.",
        severity=Severity.REVIEW,
    )
    note = {"step": "transform", "changed": [list(change) for change in changed]}
    return [{"id": old["id"], "state": EntryState.REVIEW, "findings": findings.as_json([finding]), "note": note}]


def changed_fields(before: Mapping[str, Any], after: LedgerEntry | None) -> list[tuple[str, str, str]]:
    """(field, posted, now) for everything that matters in the books; a contact's id and our own text do not."""
    if after is None:
        return [("document", "posted", "no longer called for")]
    now = documents.to_json(after)
    names = ("kind", "date", "total", "currency", "bank_account_id", "from_account_id", "to_account_id", "contact_name")
    changed = [
        (name, str(before[name]), str(now.get(name)))
        for name in names
        if name in before and before[name] != now.get(name)
    ]
    lines = [(line["account_code"], line["amount"], line["tax_type"]) for line in before.get("lines", [])]
    lines_now = [(line["account_code"], line["amount"], line["tax_type"]) for line in now.get("lines", [])]
    return changed if lines == lines_now else [*changed, ("lines", str(lines), str(lines_now))]


def withdrawn(
    standing: Mapping[tuple[int, str], Mapping[str, Any]], outcomes: Sequence[plan.Outcome]
) -> list[dict[str, Any]]:
    """Entries whose movement now yields nothing: skipped if never sent, for review if something stands in the books."""
    reasons = {outcome.part.record_id: outcome.reason for outcome in outcomes if isinstance(outcome, Skipped)}
    moves = []
    for (record_id, _), old in standing.items():
        if record_id not in reasons:
            continue
        note = {"step": "transform", "reason": reasons[record_id]}
        if old["destination_id"] is None and old["state"] in (
            EntryState.FETCHED,
            EntryState.WAITING,
            EntryState.READY,
            EntryState.REVIEW,
        ):
            moves.append({"id": old["id"], "state": EntryState.SKIPPED, "note": note})
        elif old["state"] == EntryState.CONFIRMED:
            message = f"Amnis says now: {reasons[record_id]}. The document stands in Xero. Decide whether it stays."
            problem = findings.review("source_withdrew", message)
            moves.append({"id": old["id"], "state": EntryState.REVIEW, "findings": problem, "note": note})
    return moves


def taken_in(standing: Mapping[tuple[int, str], Mapping[str, Any]], planned: Sequence[Planned]) -> list[dict[str, Any]]:
    """A receiving row that waited under an entry of its own now belongs to the sending row's transfer."""
    others = {outcome.other.record_id for outcome in planned if outcome.other is not None}
    note = {"step": "transform", "reason": "carried by the sending row of the same transfer"}
    return [
        {"id": old["id"], "state": EntryState.SKIPPED, "note": note}
        for (record_id, _), old in standing.items()
        if record_id in others and old["destination_id"] is None and old["state"] != EntryState.SKIPPED
    ]
