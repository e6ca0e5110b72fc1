from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync import selectors
from sync.management.base import DONE, FINDINGS, OPERATOR, TEMPORARY, TenantCommand, seconds
from sync.management.passes import PAUSE, patiently, run_once
from sync.models import Flow
from sync.pipeline.dryrun import dry_run
from tenants.models import Tenant
from tenants.scoping import tenant_scope

COUNTED = ("fetched", "new", "changed", "skipped", "pushed", "confirmed")


class Command(TenantCommand):
    help = "Carries what is new from Amnis into Xero, here and now. Exit 0 at rest, 1 with items held, 3 not at rest."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="read both sides and show what would be posted")
        parser.add_argument("--wait", type=seconds, metavar="SECONDS", help="go on until every entry is at rest")

    def act(self, tenant: Tenant, flow: Flow, **options: Any) -> tuple[int, dict[str, Any]]:
        if flow.state != Flow.State.ACTIVE:
            raise CommandError(
                f"the flow is {flow.state}: {flow.stopped_because or 'resume it first'}", returncode=TEMPORARY
            )
        started = time.monotonic()
        if options["dry_run"]:
            return DONE, patiently(lambda: dry_run(tenant_id=tenant.pk, flow_id=flow.pk, actor=OPERATOR))
        answer = self._pass(tenant, flow)
        until = started + (options["wait"] or 0)
        while options["wait"] and time.monotonic() < until and not _at_rest(tenant, flow):
            time.sleep(PAUSE)
            answer = _added(answer, self._pass(tenant, flow))
        answer["seconds"] = round(time.monotonic() - started, 1)
        return _exit_code(tenant, flow, answer), answer

    def _pass(self, tenant: Tenant, flow: Flow) -> dict[str, Any]:
        result = patiently(lambda: run_once(tenant, flow))
        if result.error:
            self.stderr.write(result.error)
        with tenant_scope(tenant.pk):
            totals = selectors.flow_totals(flow.pk)
        return {
            "run": result.run_id,
            **{name: result.counts.get(name, 0) for name in COUNTED},
            **totals,
            "api_calls": result.api_calls,
            "write_calls": result.write_calls,
            **({"error": result.error} if result.error else {}),
        }


def _added(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    summed = {name: before[name] + after[name] for name in (*COUNTED, "api_calls", "write_calls")}
    return {**after, **summed}


def _at_rest(tenant: Tenant, flow: Flow) -> bool:
    with tenant_scope(tenant.pk):
        return selectors.is_at_rest(flow.pk)


def _exit_code(tenant: Tenant, flow: Flow, answer: dict[str, Any]) -> int:
    if answer.get("error") or not _at_rest(tenant, flow):
        return TEMPORARY
    return FINDINGS if answer["review"] or answer["failed"] else DONE
