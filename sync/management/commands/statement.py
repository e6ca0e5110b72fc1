from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync import statements
from sync.domain.days import DayFault, read_month
from sync.domain.statement import MOST_LINES, file_names, parts_of
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
        parser.add_argument(
            "--files", type=Path, metavar="FOLDER", help="write it there, in as many files as Xero needs"
        )
        parser.add_argument("--part", type=int, metavar="N", help="this part of the month alone: Xero takes 1000 lines")
        parser.add_argument("--as-of", type=_moment, metavar="MOMENT", dest="as_of", help="of the parts cut then")
        parser.add_argument("--only-new", action="store_true", dest="only_new")

    def act(self, tenant: Tenant, flow: Flow, **options: Any) -> tuple[int, dict[str, Any]]:
        with tenant_scope(tenant.pk):
            mapping = statements.bank_account_of(flow, options["account"])
            if mapping is None:
                message = f"wallet {options['account']!r} stands for no bank account in Xero"
                raise CommandError(message, returncode=WRONG_USE)
            told = statements.statement_of(flow, bank_account_id=mapping.destination_account_id, month=options["month"])
        if options["files"] is not None:
            return self._write_files(tenant, flow, told, **options)
        if options["as_csv"]:
            raise SystemExit(self._write(tenant, flow, told, **options))
        return (FINDINGS if told.exports else DONE), _shown(told)

    def _write_files(
        self, tenant: Tenant, flow: Flow, told: statements.Statement, *, files: Path, **options: Any
    ) -> tuple[int, dict[str, Any]]:
        """All of it at one moment."""
        if options["part"] is not None:
            raise CommandError("--files writes every part: leave out --part", returncode=WRONG_USE)
        [name] = file_names(options["account"], told.month, files=1)
        there = _files_in(files, f"{name.removesuffix('.csv')}*.csv")
        if there:
            raise CommandError(f"{files} holds {there[0]} already: name another folder", returncode=WRONG_USE)
        names: list[str] = []

        def deliver(made: statements.StatementFile) -> None:
            names.extend(file_names(options["account"], told.month, files=len(made.files)))
            put_all(files, dict(zip(names, made.files, strict=True)))

        try:
            made = self._made(tenant, flow, told, deliver=deliver, **options)
        except OSError as problem:
            why = problem.strerror or str(problem)
            raise CommandError(
                f"{files} could not be written ({why}). Nothing counts as exported: name another folder, or make room",
                returncode=WRONG_USE,
            ) from None
        return self._remarks(made, **options), {**_shown(told), "files": [str(files / name) for name in names]}

    def _write(self, tenant: Tenant, flow: Flow, told: statements.Statement, **options: Any) -> int:
        try:
            made = self._made(tenant, flow, told, deliver=self._print, **options)
        except OSError as problem:
            why = problem.strerror or str(problem)
            message = f"the file could not be printed to its end ({why}). Nothing counts as exported: print it again"
            raise CommandError(message, returncode=WRONG_USE) from None
        files = len(made.files)
        if files > 1:
            self.stderr.write(
                f"these are {len(made.lines)} lines, and Xero takes {MOST_LINES} in one import: take them with --part 1 to "
                f"--part {files}, or all at once with --files FOLDER"
            )
        if made.cut_at is not None:
            self.stderr.write(
                f"part {options['part']} of {made.parts}, cut at {made.cut_at.isoformat()}: every part of it again with "
                f"--as-of {made.cut_at.isoformat()}"
            )
        return max(self._remarks(made, **options), FINDINGS if files > 1 else DONE)

    def _print(self, made: statements.StatementFile) -> None:
        """To the last byte, or it raises OSError; what the reader did not take is not tried again as the process ends."""
        try:
            self.stdout.write(made.text, ending="")
            self.stdout.flush()
        except OSError:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.stdout.fileno())
            raise

    def _made(
        self,
        tenant: Tenant,
        flow: Flow,
        told: statements.Statement,
        *,
        deliver: Callable[[statements.StatementFile], None] | None = None,
        **options: Any,
    ) -> statements.StatementFile:
        if options["as_of"] is not None and options["part"] is None:
            raise CommandError("--as-of goes with --part", returncode=WRONG_USE)
        try:
            return statements.statement_export(
                tenant_id=tenant.pk,
                flow_id=flow.pk,
                bank_account_id=told.bank_account_id,
                month=told.month,
                only_new=options["only_new"],
                actor=OPERATOR,
                part=options["part"],
                as_of=options["as_of"],
                deliver=deliver,
            )
        except ValueError as problem:
            raise CommandError(str(problem), returncode=WRONG_USE) from None

    def _remarks(self, made: statements.StatementFile, *, only_new: bool, **_options: Any) -> int:
        twice = 0 if only_new else len(made.statement.since.same)
        if twice:
            self.stderr.write(f"{twice} of these lines were exported before: --only-new leaves them out")
        moved = len(made.statement.since.changed) + len(made.statement.since.gone)
        if moved:
            self.stderr.write(f"{moved} lines exported before read otherwise now: correct them by hand in Xero")
        return FINDINGS if twice or moved else DONE


def _files_in(folder: Path, pattern: str) -> list[str]:
    """The names of these files. Raises CommandError where it is no folder, or one that cannot be looked into."""
    try:
        if folder.is_dir():
            return sorted(found.name for found in folder.glob(pattern))
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise CommandError(f"{folder} cannot be read ({why}): name another folder", returncode=WRONG_USE) from None
    raise CommandError(f"{folder} is no folder", returncode=WRONG_USE)


def put_all(folder: Path, texts: Mapping[str, str]) -> None:
    """All of these files, or none: written to the disk under other names first, then given theirs. Raises OSError."""
    waiting = {folder / f".{name}.unfinished": folder / name for name in texts}
    done: list[Path] = []
    try:
        for (path, _), text in zip(waiting.items(), texts.values(), strict=True):
            with path.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        for path, final in waiting.items():
            path.rename(final)
            done.append(final)
    except BaseException:
        for path in (*waiting, *done):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a moment like 2026-03-31T08:15:00+00:00") from None
    if moment.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} says no zone, like +00:00")
    return moment


def _month(text: str) -> date:
    try:
        return read_month(text)
    except DayFault as fault:
        raise ArgumentTypeError(str(fault)) from None


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
