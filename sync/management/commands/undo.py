from __future__ import annotations

import time
import uuid
from contextlib import suppress
from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync import undoing
from sync.management.base import DONE, FINDINGS, OPERATOR, TEMPORARY, WRONG_USE, TenantCommand, day
from sync.models import Amendment, AmendmentState, Flow
from sync.pipeline.result import NotConnected
from sync.pipeline.run import LeaseHeld, run_pass
from sync.undoing import Asked, NothingThere, Paused, Preview, Selection
from tenants.models import Tenant
from tenants.scoping import tenant_scope

PATIENCE = 60.0
PAUSE = 0.5


class Command(TenantCommand):
    help = "Takes documents out of Xero again: --entry ID, --run ID or --day D. Exit 0 all undone, 1 some stay, 3 not done yet."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--entry", type=int, metavar="ID")
        what.add_argument("--run", type=int, metavar="ID")
        what.add_argument("--day", type=day, metavar="D")
        parser.add_argument(
            "--dry-run", action="store_true", help="read Xero and show what would be undone, and what not"
        )
        parser.add_argument("--reason", default="")
        parser.add_argument(
            "--touched", type=int, action="append", default=[], metavar="ID",
            help="an entry that goes although somebody edited its document in Xero",
        )  # fmt: skip

    def act(self, tenant: Tenant, flow: Flow, **options: Any) -> tuple[int, dict[str, Any]]:
        selection = Selection(entry=options["entry"], run=options["run"], day=options["day"])
        chosen: dict[str, Any] = {"tenant_id": tenant.pk, "flow_id": flow.pk, "selection": selection}
        try:
            if options["dry_run"]:
                preview = undoing.undo_preview(**chosen, named=options["touched"])
                return (FINDINGS if preview.staying else DONE), {"dry_run": True, **_counts(preview), **_shown(preview)}
            asked = undoing.undo(**chosen, actor=OPERATOR, reason=options["reason"], named=options["touched"])
        except NothingThere as problem:
            raise CommandError(str(problem), returncode=WRONG_USE) from problem
        except (NotConnected, Paused) as problem:
            raise CommandError(str(problem), returncode=TEMPORARY) from problem
        return self._carry_out(tenant, flow, asked)

    def _carry_out(self, tenant: Tenant, flow: Flow, asked: Asked) -> tuple[int, dict[str, Any]]:
        until = time.monotonic() + PATIENCE
        while asked.batch is not None and _open(tenant, asked.batch) and time.monotonic() < until:
            with suppress(LeaseHeld, NotConnected):  # whoever holds the flow carries it out
                run_pass(tenant_id=tenant.pk, flow_id=flow.pk, trigger="undo", actor=OPERATOR)
            if _open(tenant, asked.batch):
                time.sleep(PAUSE)
        states = _states(tenant, asked.batch)
        answer = {
            "dry_run": False,
            **_counts(asked.preview),
            **_done(asked.preview, states),
            **_shown(asked.preview, states),
        }
        if any(state["state"] not in ("done", "refused", "withdrawn") for state in states.values()):
            return TEMPORARY, answer
        return (FINDINGS if answer["refused"] else DONE), answer


def _counts(preview: Preview) -> dict[str, int]:
    return {"documents": len(preview.items), "undone": 0, "refused": len(preview.staying), "open": 0}


def _done(preview: Preview, states: dict[int, dict[str, Any]]) -> dict[str, int]:
    found = [state["state"] for state in states.values()]
    refused = found.count("refused") + found.count("withdrawn")
    done = found.count("done")
    not_asked = len(preview.items) - len(found)  # refused by the preview, or taken by somebody else meanwhile
    return {"undone": done, "refused": refused + not_asked, "open": len(found) - done - refused}


def _shown(preview: Preview, states: dict[int, dict[str, Any]] | None = None) -> dict[str, Any]:
    known = states or {}
    return {
        "items": [undoing.item_json(item, known.get(item.entry.pk)) for item in preview.items],
        "balances": [
            {
                "account": it.account_id,
                "currency": it.currency,
                "before": f"{it.before:.2f}",
                "after": f"{it.after:.2f}",
            }
            for it in preview.balances
        ],
        "effects": [
            {"account": it.account_id, "currency": it.currency, "amount": f"{it.amount:.2f}"} for it in preview.effects
        ],
        "reopened": [
            {"invoice": it.number or it.invoice_id, "amount": f"{it.amount:.2f}", "currency": it.currency}
            for it in preview.reopened
        ],
    }


def _states(tenant: Tenant, batch: uuid.UUID | None) -> dict[int, dict[str, Any]]:
    with tenant_scope(tenant.pk):
        return {
            it.entry_id: {"state": it.state, "code": it.code, "reason": it.note}
            for it in Amendment.objects.filter(batch=batch)
            if batch is not None
        }


def _open(tenant: Tenant, batch: uuid.UUID) -> bool:
    with tenant_scope(tenant.pk):
        over = (AmendmentState.DONE, AmendmentState.REFUSED, AmendmentState.WITHDRAWN)
        return Amendment.objects.filter(batch=batch).exclude(state__in=over).exists()
