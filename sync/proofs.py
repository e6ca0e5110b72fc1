"""Proofs that are asked for and run apart from the page, the daily one, and documents of others that a person accepts."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from connectors.contract.errors import ConnectorError
from sync import services, store
from sync.domain import explaining
from sync.models import AcceptedDocument, Entry, EntryState, Flow, Proof, ProofCheck
from sync.pipeline.books import DEFAULT_POLICIES
from sync.proving import flow_prove
from sync.services import NotPossible
from tenants import audit
from tenants.models import Tenant
from tenants.scoping import tenant_scope

SILENT = timedelta(minutes=3)  # a check without a sign of life for so long has died with its process
TOLD_EVERY = 1.0
MARGIN = timedelta(days=35)  # a row may have been changed last long before the day it is booked on
OPEN = (ProofCheck.State.ASKED, ProofCheck.State.RUNNING)


class Stopped(Exception):
    """A person asked the reading to stop."""


def proof_ask(
    *, tenant_id: int, flow_id: int, actor: str, since: date | None = None, until: date | None = None
) -> ProofCheck:
    """Have the balance proved as soon as a worker is free; the one that is under way already, if there is one."""
    with tenant_scope(tenant_id, actor=actor):
        flow = Flow.objects.select_for_update().get(pk=flow_id)
        _bury(flow)
        under_way = ProofCheck.objects.filter(flow=flow, state__in=OPEN).first()
        if under_way is not None:
            return under_way
        Flow.objects.filter(pk=flow_id).update(proof_due_at=store.now())
        audit.record("proof.ask", target=f"flow:{flow_id}", actor=actor)
        return ProofCheck.objects.create(
            tenant_id=tenant_id, flow=flow, trigger="person", asked_by=actor, since=since, until=until
        )


def proof_stop(*, tenant_id: int, flow_id: int, actor: str) -> int:
    """Ask the reading that is under way to stop. Nothing is kept of it."""
    with tenant_scope(tenant_id, actor=actor):
        waiting = ProofCheck.objects.filter(flow_id=flow_id, state=ProofCheck.State.ASKED)
        stopped = waiting.update(state=ProofCheck.State.FAILED, error="Stopped.", ended_at=store.now())
        return stopped + ProofCheck.objects.filter(flow_id=flow_id, state=ProofCheck.State.RUNNING).update(
            stop_asked=True
        )


def prove_if_due(*, tenant_id: int, flow_id: int) -> ProofCheck | None:
    """Run the check that was asked for, or the daily one if its time has come. None: nothing was due."""
    check = _claim(tenant_id, flow_id)
    return None if check is None else run_check(tenant_id=tenant_id, check=check)


def run_check(*, tenant_id: int, check: ProofCheck) -> ProofCheck:
    """Read, compare, keep; the progress stands in the check. Raises the connectors' errors after writing them down."""
    try:
        result = flow_prove(
            tenant_id=tenant_id,
            flow_id=check.flow_id,
            since=check.since,
            until=check.until,
            trigger=check.trigger,
            actor=check.asked_by,
            progress=_teller(tenant_id, check.pk),
        )
    except Stopped:
        _end(tenant_id, check, state=ProofCheck.State.FAILED, error="Stopped.")
    except ConnectorError as error:
        _end(tenant_id, check, state=ProofCheck.State.FAILED, error=error.message)
        raise
    except Exception:
        said = "Something unforeseen happened while both sides were read. Try again."
        _end(tenant_id, check, state=ProofCheck.State.FAILED, error=said)
        raise
    else:
        _end(tenant_id, check, state=ProofCheck.State.DONE, proof_id=result["proof"])
    return check


def next_due(now: datetime, *, at: str, zone: str) -> datetime:
    """The next time that this hour strikes in the tenant's zone."""
    local = now.astimezone(ZoneInfo(zone))
    hour, minute = map(int, at.split(":"))
    today = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today if today > local else today + timedelta(days=1)


def document_accept(
    *, tenant_id: int, flow_id: int, actor: str, document_id: str, account_id: str, reason: str
) -> None:
    """A document that the last proof found without a movement belongs into the books, or what an exchange leaves on the
    clearing account is right; the reason is kept and certified.

    It holds for the amount (and a document's day) that the proof showed. Raises NotPossible.
    """
    if not reason.strip():
        raise NotPossible("Please give a reason.")
    with tenant_scope(tenant_id, actor=actor):
        item = _unexpected(flow_id, document_id, account_id)
        try:
            with transaction.atomic():
                AcceptedDocument.objects.filter(
                    flow_id=flow_id, document_id=document_id, account_id=account_id, withdrawn_at=None
                ).update(withdrawn_at=store.now(), withdrawn_by=actor)  # what it said before no longer holds
                AcceptedDocument.objects.create(
                    tenant_id=tenant_id, flow_id=flow_id, document_id=document_id, account_id=account_id,
                    kind=item["type"], date=date.fromisoformat(item["date"]), amount=Decimal(item["amount"]),
                    currency=item["currency"], reference=item["reference"], reason=reason.strip()[:300], accepted_by=actor,
                )  # fmt: skip
        except IntegrityError as error:
            raise NotPossible("Somebody accepted this document at the same moment.") from error
        said = {name: item.get(name, "") for name in ("source", "type", "date", "amount", "currency", "reference")}
        audit.record("proof.accept", target=f"document:{document_id}", actor=actor, after=said, reason=reason)


def document_withdraw(*, tenant_id: int, flow_id: int, actor: str, document_id: str, account_id: str) -> int:
    """Take an acceptance back: the document is unexpected again with the next proof."""
    with tenant_scope(tenant_id, actor=actor):
        standing = AcceptedDocument.objects.filter(
            flow_id=flow_id, document_id=document_id, account_id=account_id, withdrawn_at=None
        )
        taken = standing.update(withdrawn_at=store.now(), withdrawn_by=actor)
        if taken:
            audit.record("proof.withdraw", target=f"document:{document_id}", actor=actor)
        return taken


def gap_fill(*, tenant_id: int, flow_id: int, actor: str) -> str:
    """Read again what the last proof found at the source and not here, and decide anew what failed. What was done."""
    with tenant_scope(tenant_id, actor=actor):
        flow = Flow.objects.select_for_update().get(pk=flow_id)
        last = Proof.objects.filter(flow=flow).order_by("-id").first()
        held = last.result["held_items"] if last else []
        unread = [date.fromisoformat(it["booking_date"]) for it in held if it["reason"] == explaining.NOT_FETCHED]
        if unread:
            since = datetime.combine(min(unread) - MARGIN, datetime.min.time(), tzinfo=UTC)
            known = flow.cursor.get("since")
            start = min(since, datetime.fromisoformat(known)) if known else since
            flow.cursor = {**flow.cursor, "since": start.isoformat(), "page": 1}
            flow.save(update_fields=["cursor"])
        Flow.objects.filter(pk=flow_id).update(next_at=store.now())
        failed = list(Entry.objects.filter(flow=flow, state=EntryState.FAILED).values_list("id", flat=True))
        audit.record(
            "proof.fill", target=f"flow:{flow_id}", actor=actor, after={"read": len(unread), "retried": len(failed)}
        )
    retried = services.entry_retry(tenant_id=tenant_id, entry_ids=failed, actor=actor, reason="fill the gap")
    return f"{len(unread)} movements are read with the next sync, {retried} that failed are decided anew."


def _unexpected(flow_id: int, document_id: str, account_id: str) -> dict[str, Any]:
    last = Proof.objects.filter(flow_id=flow_id).order_by("-id").first()
    found = [*last.result["unexpected"], *last.result.get("clearing", [])] if last else []
    for item in found:
        if (item.get("document"), item.get("account_id")) == (document_id, account_id):
            return dict(item)
    raise NotPossible("The last proof does not show this as a difference. Check again first.")


def _claim(tenant_id: int, flow_id: int) -> ProofCheck | None:
    with tenant_scope(tenant_id):
        flow = Flow.objects.select_for_update().get(pk=flow_id)
        now = store.now()
        _bury(flow)
        due = next_due(
            now,
            at=str(flow.policies.get("proof_time") or DEFAULT_POLICIES["proof_time"]),
            zone=Tenant.objects.get().timezone,
        )
        asked = ProofCheck.objects.filter(flow=flow, state__in=OPEN).first()
        if asked is not None and asked.state == ProofCheck.State.RUNNING:
            return None
        if asked is None and (flow.proof_due_at is None or flow.proof_due_at > now):
            if flow.proof_due_at is None:
                Flow.objects.filter(pk=flow_id).update(proof_due_at=due)
            return None
        Flow.objects.filter(pk=flow_id).update(proof_due_at=due)
        check = asked or ProofCheck.objects.create(tenant_id=tenant_id, flow=flow, trigger="schedule")
        check.state, check.started_at, check.seen_at = ProofCheck.State.RUNNING, now, now
        check.save(update_fields=["state", "started_at", "seen_at"])
        return check


def _bury(flow: Flow) -> None:
    """A check whose process died stands in nobody's way."""
    ProofCheck.objects.filter(flow=flow, state=ProofCheck.State.RUNNING, seen_at__lt=store.now() - SILENT).update(
        state=ProofCheck.State.FAILED, error="Its process ended early. Check again.", ended_at=store.now()
    )


def _teller(tenant_id: int, check_id: int) -> Any:
    last = [0.0]

    def told(step: str, done: int, total: int) -> None:
        if done and time.monotonic() - last[0] < TOLD_EVERY:
            return
        last[0] = time.monotonic()
        with tenant_scope(tenant_id):
            row = ProofCheck.objects.filter(pk=check_id)
            row.update(step=step, done=done, total=total, seen_at=store.now())
            if row.values_list("stop_asked", flat=True).get():
                raise Stopped

    return told


def _end(tenant_id: int, check: ProofCheck, *, state: str, error: str = "", proof_id: int | None = None) -> None:
    with tenant_scope(tenant_id):
        check.state, check.error, check.proof_id, check.ended_at = state, error, proof_id, store.now()
        check.save(update_fields=["state", "error", "proof_id", "ended_at"])
