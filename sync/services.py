"""What people do to flows, entries, mappings and rules. Every act is checked by its caller's permission and audited here.

All functions open the tenant's scope themselves, with the person's e-mail as the actor, which is what opens the moves
that the program may not make.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.models import Connection
from sync import bank_details, store, store_amend
from sync.domain import deleted, reasons
from sync.domain.invoices import DOUBTS
from sync.domain.rule_format import parse_rule
from sync.models import AccountMapping, Entry, EntryState, Flow, Incident, Record, RecordState, Rule
from sync.pipeline import contact_changes, contacts, findings, pairs
from tenants import audit
from tenants.scoping import tenant_scope

UNSENT = (
    EntryState.REVIEW, EntryState.FAILED, EntryState.SKIPPED, EntryState.DUPLICATE, EntryState.WAITING, EntryState.READY,
    EntryState.FETCHED,
)  # fmt: skip


_WALLET_CODES = (
    "account_not_mapped",
    "account_archived",
    "currency_mismatch",
    "other_half_held",
    "collateral_movement",
)


class NotPossible(ValueError):
    """The act makes no sense in this state; the text says why."""


# ----------------------------------------------------------------------- flows


def flow_sync_now(*, tenant_id: int, flow_id: int, actor: str) -> None:
    """Due at once, ahead of the schedule; a held flow is tried again."""
    with tenant_scope(tenant_id, actor=actor):
        Flow.objects.filter(pk=flow_id).update(next_at=store.now(), held_until=None)
        audit.record("flow.sync_now", target=f"flow:{flow_id}", actor=actor)


def flow_pause(*, tenant_id: int, flow_id: int, actor: str, reason: str = "") -> None:
    _flow_state(tenant_id, flow_id, actor, Flow.State.PAUSED, "flow.pause", reason)


def flow_resume(*, tenant_id: int, flow_id: int, actor: str, reason: str = "") -> None:
    """Also after a stop by the program, once its cause was seen to. Closes the incidents that stopped it."""
    _flow_state(tenant_id, flow_id, actor, Flow.State.ACTIVE, "flow.resume", reason)
    with tenant_scope(tenant_id, actor=actor):
        Incident.objects.filter(
            flow_id=flow_id, closed_at=None, cause__in=["reconnect:connection", "contract:vendor"]
        ).update(closed_at=store.now(), resolution=f"Resumed by {actor}")


def flow_reconnected(*, tenant_id: int, flow_id: int, actor: str) -> bool:
    """After a reconnect: a flow that the missing connection had stopped goes on by itself, and the gap fills itself."""
    with tenant_scope(tenant_id, actor=actor):
        stopped = (
            Flow.objects.filter(pk=flow_id, state=Flow.State.STOPPED).select_related("source", "destination").first()
        )
        waits = Incident.objects.filter(flow_id=flow_id, closed_at=None, cause="reconnect:connection").exists()
        if stopped is None or not waits:
            return False
        sides = (stopped.source, stopped.destination)
        if not all(side is not None and side.is_usable for side in sides):
            return False
        flow_resume(tenant_id=tenant_id, flow_id=flow_id, actor=actor, reason="reconnected")
        return True


def _flow_state(tenant_id: int, flow_id: int, actor: str, state: str, action: str, reason: str) -> None:
    with tenant_scope(tenant_id, actor=actor):
        flow = Flow.objects.select_for_update().get(pk=flow_id)
        before = flow.state
        flow.state, flow.stopped_because, flow.next_at, flow.held_until = state, "", store.now(), None
        flow.failures = 0
        flow.save(update_fields=["state", "stopped_because", "next_at", "held_until", "failures"])
        audit.record(
            action,
            target=f"flow:{flow_id}",
            actor=actor,
            before={"state": before},
            after={"state": state},
            reason=reason,
        )


# --------------------------------------------------------------------- entries


def entry_retry(*, tenant_id: int, entry_ids: Sequence[int], actor: str, reason: str = "") -> int:
    """Decide anew from the stored movement and the settings of today. Returns how many entries move."""
    return _reopen(tenant_id, entry_ids, actor, reason, accept=False)


def entry_accept(*, tenant_id: int, entry_ids: Sequence[int], actor: str, reason: str = "") -> int:
    """Post although it was remarkable: the findings that are shown now are accepted, then everything is decided anew.
    Raises NotPossible where they ask which contact, tax or rate: that is decided, not accepted."""
    return _reopen(tenant_id, entry_ids, actor, reason, accept=True)


def _reopen(tenant_id: int, entry_ids: Sequence[int], actor: str, reason: str, *, accept: bool) -> int:
    with tenant_scope(tenant_id, actor=actor):
        entries = reopenable(entry_ids)
        if accept:
            _refuse_without_yes(entries)
            bank_details.accept_with(entries, actor=actor)
        return reopen(entries, actor=actor, reason=reason, accept=accept)


def _refuse_without_yes(entries: Sequence[Entry]) -> None:
    """Raises NotPossible where all that stands against these entries asks which one, so that a yes is no answer."""
    if not entries or any(findings.may_be_accepted(entry.findings) for entry in entries):
        return
    asked = next(it for it in entries[0].findings if findings.blocks(it, accepted=()))
    raise NotPossible(f"Accepting does not answer this: {asked['message']}")


def reopenable(entry_ids: Sequence[int]) -> list[Entry]:
    """Those of these entries that were surely never posted, locked. Inside the tenant's scope."""
    entry_ids = _with_other_halves(entry_ids)
    lock_records(entry_ids)
    movable = Entry.objects.select_for_update().filter(pk__in=entry_ids, state__in=UNSENT, destination_id=None)
    in_doubt = Entry.objects.filter(pk__in=entry_ids, intent_items__open=True).values_list("id", flat=True)
    return list(movable.exclude(pk__in=list(in_doubt)).order_by("pk"))


def _with_other_halves(entry_ids: Sequence[int]) -> list[int]:
    """An act on one half of a conversion, or of a payment with its rest, is an act on both, as far as neither was sent."""
    deals = Entry.objects.filter(pairs.whole_units(), pk__in=entry_ids).values("flow_id", "unit")
    units = {(row["flow_id"], row["unit"]) for row in deals}
    halves = Entry.objects.filter(
        flow_id__in={flow_id for flow_id, _ in units}, unit__in={unit for _, unit in units}, destination_id=None
    )
    return sorted({*entry_ids, *(halves.values_list("pk", flat=True) if units else ())})


def lock_records(entry_ids: Sequence[int]) -> None:
    """Records before entries, as the transform step locks them: the other order ends in a deadlock with it, or with a
    second click."""
    pairs = Entry.objects.filter(pk__in=entry_ids).values_list("record_id", "other_record_id")
    wanted = {record_id for pair in pairs for record_id in pair if record_id}
    list(Record.objects.select_for_update().filter(pk__in=wanted).order_by("pk").values_list("pk", flat=True))


def reopen(entries: Sequence[Entry], *, actor: str, reason: str = "", accept: bool = False) -> int:
    """Take entries that were never posted back to the start: transform decides them again. Inside the tenant's scope."""
    if not entries:
        return 0
    for entry in entries:
        taken = [findings.accepted_as(it) for it in entry.findings if accept and findings.is_acceptable(it["code"])]
        as_it_is = {"chosen_invoices": None} if DOUBTS & set(taken) else {}  # no invoice is looked for any more
        Entry.objects.filter(pk=entry.pk).update(
            accepted=sorted({*entry.accepted, *taken}), held_back=False, attempts=0, batch_limit=50, **as_it_is
        )
    note = {"step": "review", "accepted" if accept else "retried": True, **({"reason": reason} if reason else {})}
    movable = [entry for entry in entries if entry.state != EntryState.FETCHED]
    store.move_entries(
        [{"id": entry.pk, "state": EntryState.FETCHED, "wait": 0, "note": note} for entry in movable], run_id=None
    )
    records = {entry.record_id for entry in entries} | {
        entry.other_record_id for entry in entries if entry.other_record_id
    }
    Record.objects.filter(pk__in=records).update(state=RecordState.FETCHED, reason="")
    flows = Flow.objects.filter(pk__in={entry.flow_id for entry in entries})
    # Somebody may have opened the period as well: what was held for a rate would be held for the lock, as it was known before.
    flows.update(next_at=store.now(), lock_read_at=None)
    codes = {finding["code"] for entry in entries for finding in entry.findings}
    if codes & {"account_archived", "tracking_archived", "tracking_missing"}:
        flows.update(reference_read_at=None)  # or made or restored the account or the option
    if contacts.ARCHIVED in codes:
        contact_changes.have_read(flows)  # or the contact
    audit.record(
        "entry.accept" if accept else "entry.retry",
        target=targets(entries),
        actor=actor,
        reason=reason,
        after={"entries": len(entries)},
    )
    return len(entries)


def go_on(entries: Iterable[Entry], *, actor: str, reason: str) -> int:
    """Take up again what is held for a cause that is over. What a person had put aside waits for that person's word. Inside the
    tenant's scope."""
    return reopen([it for it in entries if not findings.of_put_aside(it.findings)], actor=actor, reason=reason)


def entry_skip(*, tenant_id: int, entry_ids: Sequence[int], actor: str, reason: str) -> int:
    """Leave out for good (until somebody retries). A reason is required."""
    return _put_aside(tenant_id, entry_ids, actor, reason, "entry.skip")


def entry_handled_by_hand(*, tenant_id: int, entry_ids: Sequence[int], actor: str, reason: str) -> int:
    """Somebody booked it in Xero by hand: out of automation, listed as held with the reason."""
    return _put_aside(tenant_id, entry_ids, actor, f"{reasons.BY_HAND}: {reason}", "entry.by_hand")


def _put_aside(tenant_id: int, entry_ids: Sequence[int], actor: str, reason: str, action: str) -> int:
    if not reason.strip():
        raise NotPossible("Please give a reason.")
    with tenant_scope(tenant_id, actor=actor):
        entry_ids = _with_other_halves(entry_ids)
        lock_records(entry_ids)
        movable = Entry.objects.select_for_update().filter(pk__in=entry_ids, state__in=(*UNSENT, EntryState.UNDONE))
        entries = list(movable.exclude(state__in=[EntryState.SKIPPED, EntryState.DUPLICATE]).order_by("pk"))
        moves = {entry.pk: _aside(entry) for entry in entries}
        store.move_entries(
            [{"id": pk, **move, "note": {"step": "review", "reason": reason}} for pk, move in moves.items()],
            run_id=None,
        )
        out = [entry.record_id for entry in entries if moves[entry.pk]["state"] != EntryState.CONFIRMED]
        Record.objects.filter(pk__in=out).update(reason=reason[:300])
        store_amend.withdraw_proposals([entry.pk for entry in entries], note=reason)
        if entries:
            audit.record(action, target=targets(entries), actor=actor, reason=reason)
        return len(entries)


def _aside(entry: Entry) -> dict[str, Any]:
    """Where a document stands in the books, leaving the question aside means that it stays as it is there, and can still
    be undone; where somebody deleted it, it is out, as is what was undone before."""
    if entry.state == EntryState.UNDONE:
        return {"state": EntryState.UNDONE}
    if entry.destination_id is None:
        return {"state": EntryState.SKIPPED}
    if deleted.is_told(entry.findings):
        return {"state": EntryState.UNDONE}
    return {"state": EntryState.CONFIRMED, "findings": []}


def targets(entries: Sequence[Entry]) -> str:
    """How the audit trail names entries."""
    return "entry:" + ",".join(str(entry.pk) for entry in entries[:50])


# -------------------------------------------------------------------- accounts


def mapping_set(
    *,
    tenant_id: int,
    flow_id: int,
    source_account_id: str,
    destination_account_id: str,
    actor: str,
    currency: str = "",
    label: str = "",
) -> None:
    """Map a wallet to a bank account. What was waiting for it is decided anew. NotPossible where it is another wallet's."""
    values = {"destination_account_id": destination_account_id, "ignored": False, "ignore_reason": ""}
    _mapping(tenant_id, flow_id, source_account_id, actor, values, currency, label)


def mapping_ignore(
    *,
    tenant_id: int,
    flow_id: int,
    source_account_id: str,
    reason: str,
    actor: str,
    currency: str = "",
    label: str = "",
) -> None:
    """Leave a wallet out, on purpose."""
    if not reason.strip():
        raise NotPossible("Please give a reason.")
    values = {"destination_account_id": "", "ignored": True, "ignore_reason": reason}
    _mapping(tenant_id, flow_id, source_account_id, actor, values, currency, label)


def _mapping(
    tenant_id: int, flow_id: int, source_account_id: str, actor: str, values: dict[str, Any], currency: str, label: str
) -> None:
    with tenant_scope(tenant_id, actor=actor):
        old = AccountMapping.objects.filter(flow_id=flow_id, source_account_id=source_account_id).first()
        before = {name: getattr(old, name) for name in values} if old else None
        if before == values:
            return
        _check_is_free(flow_id, source_account_id, values["destination_account_id"])
        extra = {"source_currency": currency, "source_label": label} if currency or label or old is None else {}
        AccountMapping.objects.update_or_create(
            flow_id=flow_id,
            source_account_id=source_account_id,
            defaults={**values, **extra, "updated_at": store.now()},
            create_defaults={**values, **extra, "tenant_id": tenant_id},
        )
        audit.record("mapping.set", target=f"wallet:{source_account_id}", actor=actor, before=before, after=values)
        _decide_anew(flow_id, actor, _WALLET_CODES)
        _wake_skipped(flow_id, source_account_id)


def _check_is_free(flow_id: int, source_account_id: str, bank_account_id: str) -> None:
    """Raises NotPossible, naming the wallet. The flow is locked, so that of two people who choose at once one is told."""
    if not bank_account_id:
        return
    Flow.objects.select_for_update().get(pk=flow_id)
    others = AccountMapping.objects.filter(flow_id=flow_id, destination_account_id=bank_account_id)
    taken = others.exclude(source_account_id=source_account_id).first()
    if taken is not None:
        raise NotPossible(
            f"This bank account stands for wallet {taken.source_account_id} already, and one stands for one wallet only. Choose "
            "another bank account, or no longer match that wallet first."
        )


def _decide_anew(flow_id: int, actor: str, codes: Sequence[str]) -> None:
    """Fix once, all flow: entries held for one of these causes start again. Inside the tenant's scope."""
    held = Entry.objects.filter(flow_id=flow_id, state=EntryState.REVIEW, destination_id=None)
    entries = [entry for entry in held if any(finding["code"] in codes for finding in entry.findings)]
    go_on(entries, actor=actor, reason="its cause was fixed")


def _wake_skipped(flow_id: int, source_account_id: str) -> None:
    Record.objects.filter(
        flow_id=flow_id,
        account_id=source_account_id,
        state=RecordState.SKIPPED,
        reason__startswith=reasons.WALLET_LEFT_OUT,
    ).update(state=RecordState.FETCHED, reason="")


# ----------------------------------------------------------------------- rules


def rule_save(
    *, tenant_id: int, flow_id: int, actor: str, spec: Mapping[str, Any], key: str = "", position: int | None = None
) -> Rule:
    """A new rule, or a new version of the one with this key. Raises RuleError. The past is not rewritten."""
    parsed = parse_rule(dict(spec))
    with tenant_scope(tenant_id, actor=actor):
        old = (
            Rule.objects.select_for_update().filter(flow_id=flow_id, key=key, superseded_at=None).first()
            if key
            else None
        )
        if old is not None:
            if old.spec == parsed.to_json() and old.active:
                return old
            Rule.objects.filter(pk=old.pk).update(superseded_at=store.now())
        last = Rule.objects.filter(flow_id=flow_id, superseded_at=None).order_by("-position").first()
        rule = Rule.objects.create(
            tenant_id=tenant_id,
            flow_id=flow_id,
            **({"key": old.key} if old else {}),
            version=old.version + 1 if old else 1,
            position=position or (old.position if old else (last.position if last else 0) + 1),
            name=parsed.name,
            spec=parsed.to_json(),
            created_by=actor,
        )
        before = old.spec if old else None
        audit.record("rule.save", target=f"rule:{rule.key}", actor=actor, before=before, after=rule.spec)
        return rule


def rule_switch(*, tenant_id: int, rule_id: int, actor: str, active: bool) -> None:
    with tenant_scope(tenant_id, actor=actor):
        rule = Rule.objects.select_for_update().get(pk=rule_id, superseded_at=None)
        Rule.objects.filter(pk=rule_id).update(active=active)
        audit.record(
            "rule.switch",
            target=f"rule:{rule.key}",
            actor=actor,
            before={"active": rule.active},
            after={"active": active},
        )


def rule_move(*, tenant_id: int, rule_id: int, actor: str, up: bool) -> None:
    """Change places with the neighbour above or below."""
    with tenant_scope(tenant_id, actor=actor):
        rule = Rule.objects.select_for_update().get(pk=rule_id, superseded_at=None)
        current = Rule.objects.filter(flow_id=rule.flow_id, superseded_at=None)
        neighbours = (
            current.filter(position__lt=rule.position).order_by("-position")
            if up
            else current.filter(position__gt=rule.position).order_by("position")
        )
        neighbour = neighbours.first()
        if neighbour is None:
            return
        Rule.objects.filter(pk=rule.pk).update(position=neighbour.position)
        Rule.objects.filter(pk=neighbour.pk).update(position=rule.position)
        audit.record("rule.move", target=f"rule:{rule.key}", actor=actor, after={"position": neighbour.position})


def rule_remove(*, tenant_id: int, rule_id: int, actor: str) -> None:
    with tenant_scope(tenant_id, actor=actor):
        rule = Rule.objects.select_for_update().get(pk=rule_id, superseded_at=None)
        Rule.objects.filter(pk=rule_id).update(superseded_at=store.now())
        audit.record("rule.remove", target=f"rule:{rule.key}", actor=actor, before=rule.spec)


# ---------------------------------------------------------------------- set-up


def flow_ensure(
    *, tenant_id: int, actor: str, source: Connection | None, destination: Connection | None, **values: Any
) -> Flow:
    """The tenant's flow between these two connections; made if there is none."""
    with tenant_scope(tenant_id, actor=actor):
        flow = Flow.objects.filter(source=source, destination=destination).first()
        if flow is None:
            flow = Flow.objects.create(tenant_id=tenant_id, source=source, destination=destination, **values)
            audit.record("flow_created", target=f"flow:{flow.pk}", actor=actor)
        return flow
