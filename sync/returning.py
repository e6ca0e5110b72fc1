"""What a person decides about money that came back: which payment or purchase it belongs to."""

from __future__ import annotations

from sync.domain.returns import CERTAINTY, GIVES_BACK, How
from sync.models import Entry, Record, ReturnLink
from sync.services import NotPossible, entry_retry
from tenants import audit
from tenants.scoping import tenant_scope


def return_choose(*, tenant_id: int, record_id: int, origin_id: int, actor: str) -> int:
    """From now on `record` gives back `origin`; it is decided anew. Raises NotPossible. Returns how many entries move."""
    with tenant_scope(tenant_id, actor=actor):
        record = Record.objects.filter(pk=record_id).first()
        origin = Record.objects.filter(pk=origin_id).first()
        if record is None or origin is None or not _fits(record, origin):
            raise NotPossible("This movement cannot give that one back.")
        entries = list(Entry.objects.filter(record=record).values_list("id", "destination_id"))
        if any(destination for _, destination in entries):
            raise NotPossible("It is in the books already. Undo it there first, then choose.")
        link, _ = ReturnLink.objects.update_or_create(
            flow_id=record.flow_id,
            record=record,
            defaults={
                "origin": origin, "how": How.PERSON.value, "certainty": CERTAINTY[How.PERSON], "decided_by": actor,
            },
            create_defaults={
                "tenant_id": tenant_id, "origin": origin, "how": How.PERSON.value,
                "certainty": CERTAINTY[How.PERSON], "decided_by": actor,
            },
        )  # fmt: skip
        audit.record("return.choose", target=f"record:{record.pk}", actor=actor, after={"origin": link.origin_id})
        return entry_retry(tenant_id=tenant_id, entry_ids=[pk for pk, _ in entries], actor=actor, reason="its original")


def _fits(record: Record, origin: Record) -> bool:
    wanted = {back.value: out.value for back, out in GIVES_BACK.items()}.get(record.movement)
    return record.flow_id == origin.flow_id and wanted == origin.movement
