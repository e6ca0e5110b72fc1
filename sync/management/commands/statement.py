from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync import statements
from sync.domain.statement import MOST_LINES, parts_of
from sync.management.base import DONE, FINDINGS, OPERATOR, WRONG_USE, TenantCommand
from sync.models import Flow
from tenants.models import Tenant
from tenants.scoping import tenant_scope


class Command(TenantCommand):
    help = (
        "Tells what was posted on a wallet's bank account in a month; with --csv prints the file for Xero's statement "
        "import. Exit 1 where lines of it were exported before (--only-new leaves them out)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--account", required=True, metavar="ID", help="the wallet's id at the source")
        parser.add_argument("--month", required=True, type=_month, metavar="YYYY-MM")
        parser.add_argument("--csv", action="store_true", dest="as_csv")
        parser.add_argument("--part", type=int, metavar="N", help="this part of the month alone: Xero takes 1000 lines")
        parser.add_argument("--only-new", action="store_true", dest="only_new")

    def act(self, tenant: Tenant, flow: Flow, **options: Any) -> tuple[int, dict[str, Any]]:
        with tenant_scope(tenant.pk):
            mapping = statements.bank_account_of(flow, options["account"])
            if mapping is None:
                message = f"wallet {options['account']!r} stands for no bank account in Xero"
                raise CommandError(message, returncode=WRONG_USE)
            told = statements.statement_of(flow, bank_account_id=mapping.destination_account_id, month=options["month"])
        if options["as_csv"]:
            raise SystemExit(self._write(tenant, flow, told, only_new=options["only_new"], part=options["part"]))
        return (FINDINGS if told.exports else DONE), _shown(told)

    def _write(
        self, tenant: Tenant, flow: Flow, told: statements.Statement, *, only_new: bool, part: int | None
    ) -> int:
        if part is not None and not 1 <= part <= parts_of(len(told.lines)):
            raise CommandError(f"the month has {parts_of(len(told.lines))} parts", returncode=WRONG_USE)
        made = statements.statement_export(
            tenant_id=tenant.pk,
            flow_id=flow.pk,
            bank_account_id=told.bank_account_id,
            month=told.month,
            only_new=only_new,
            actor=OPERATOR,
            part=part,
        )
        files = len(made.files)
        if files > 1:
            self.stderr.write(
                f"these are {len(made.lines)} lines, and Xero takes {MOST_LINES} in one import: take them with --part 1 to "
                f"--part {parts_of(len(told.lines))}"
            )
        self.stdout.write(made.text, ending="")
        twice = 0 if only_new else len(made.statement.since.same)
        if twice:
            self.stderr.write(f"{twice} of these lines were exported before: --only-new leaves them out")
        moved = len(made.statement.since.changed) + len(made.statement.since.gone)
        if moved:
            self.stderr.write(f"{moved} lines exported before read otherwise now: correct them by hand in Xero")
        return FINDINGS if twice or moved or files > 1 else DONE


def _month(text: str) -> date:
    try:
        return statements.read_month(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a month like 2026-03") from None


def _shown(told: statements.Statement) -> dict[str, Any]:
    return {
        "month": f"{told.month:%Y-%m}",
        "lines": len(told.lines),
        "parts": parts_of(len(told.lines)),
        "sum": f"{told.total:.2f}",
        "new": len(told.since.new),
        "exported": len(told.since.same),
        "changed": len(told.since.changed),
        "gone": len(told.since.gone),
        "not_posted": told.not_posted,
        "exports": [
            {"at": export.at.isoformat(), "actor": export.actor, "lines": len(export.lines)} for export in told.exports
        ],
    }
