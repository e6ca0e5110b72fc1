from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync import selectors
from sync.backfilling import backfill_preview, backfill_start
from sync.domain.backfill import Window
from sync.management.base import DONE, FINDINGS, OPERATOR, TEMPORARY, WRONG_USE, TenantCommand, day
from sync.management.passes import patiently, run_once
from sync.models import Backfill, Flow
from sync.services import NotPossible
from tenants.models import Tenant
from tenants.scoping import tenant_scope

PAUSE = 0.2


class Command(TenantCommand):
    help = (
        "Reads a range of booking dates afresh and posts what is missing. Exit 0 done, 1 with items held, 3 not done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--from", type=day, dest="since", metavar="DATE", required=True)
        parser.add_argument("--to", type=day, dest="until", metavar="DATE", required=True)
        parser.add_argument("--dry-run", action="store_true", help="read both sides and show what would be posted")

    def act(self, tenant: Tenant, flow: Flow, **options: Any) -> tuple[int, dict[str, Any]]:
        asked = Window(since=options["since"], until=options["until"])
        about: dict[str, Any] = {"tenant_id": tenant.pk, "flow_id": flow.pk, "asked": asked, "actor": OPERATOR}
        try:
            if options["dry_run"]:
                return DONE, patiently(lambda: backfill_preview(**about))
            if flow.state != Flow.State.ACTIVE:
                raise CommandError(f"the flow is {flow.state}: resume it first", returncode=TEMPORARY)
            made = backfill_start(**about)
        except NotPossible as problem:
            raise CommandError(str(problem), returncode=WRONG_USE) from problem
        return self._carried_out(tenant, flow, made)

    def _carried_out(self, tenant: Tenant, flow: Flow, made: Backfill) -> tuple[int, dict[str, Any]]:
        """Pass after pass until the range is read and everything rests. Interrupted, the worker goes on with it."""
        while True:
            result = patiently(lambda: run_once(tenant, flow))
            with tenant_scope(tenant.pk):
                made.refresh_from_db()
                totals = selectors.flow_totals(flow.pk)
            self.stderr.write(f"{made.days_done} of {made.days} days read, {made.new} new")
            if result.error:
                self.stderr.write(result.error)
            if result.error or (made.state != Backfill.State.RUNNING and not totals["open"]):
                break
            time.sleep(PAUSE)
        code = TEMPORARY if result.error else FINDINGS if totals["review"] or totals["failed"] else DONE
        return code, {**_told(made), **totals}


def _told(made: Backfill) -> dict[str, Any]:
    return {
        "backfill": made.pk,
        "from": made.since.isoformat(),
        "to": made.until.isoformat(),
        "notes": made.notes,
        "state": made.state,
        "days": made.days,
        "days_done": made.days_done,
        "read": made.read,
        "new": made.new,
        "changed": made.changed,
    }
