from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sync.management.base import FINDINGS, OPERATOR, TEMPORARY, WRONG_USE
from sync.tenantfile.importer import Report, tenant_import
from sync.tenantfile.nodes import MAX_FILE, FileFault
from sync.tenantfile.secrets import SecretStore
from sync.tenantfile.vendors import Unreachable
from tenants.services import TenantError


class Command(BaseCommand):
    help = "Brings a tenant to what a file says, and prints the difference. Exit 2 for a wrong file, 3 to try later."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="print the difference and change nothing")
        parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object on the last line")

    def handle(self, *_args: Any, file: Path, dry_run: bool, as_json: bool, **_options: Any) -> None:
        secrets = SecretStore(environ=os.environ, folder=file.absolute().parent)
        try:
            report = tenant_import(_text(file), secrets=secrets, actor=OPERATOR, dry_run=dry_run)
        except FileFault as fault:
            raise CommandError(f"{file}: {fault}", returncode=WRONG_USE) from fault
        except TenantError as error:
            raise CommandError(f"{file}: {error}", returncode=WRONG_USE) from error
        except Unreachable as error:
            raise CommandError(f"{error} Nothing was changed; try again later.", returncode=TEMPORARY) from error
        self.stdout.write(json.dumps(answer(report)) if as_json else told(report, dry_run=dry_run))
        if report.findings:
            raise SystemExit(FINDINGS)


def _text(file: Path) -> str:
    """What it says, read no further than a tenant's file goes: a device never ends, and a pipe may not."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            message = f"{file} is longer than the {MAX_FILE // 1024} kilobytes of a tenant's file"
            raise CommandError(message, returncode=WRONG_USE)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not UTF-8 text", returncode=WRONG_USE) from error
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", returncode=WRONG_USE) from error


def answer(report: Report) -> dict[str, Any]:
    return {
        "tenant": report.slug,
        "changes": [{"path": one.path, "before": one.before, "after": one.after} for one in report.changes],
        "findings": list(report.findings),
        "links": [{"email": link.email, "url": link.url} for link in report.links],
    }


def told(report: Report, *, dry_run: bool) -> str:
    """The report for people: what changed, what is doubtful, and the links of new people."""
    lines = [str(change) for change in report.changes]
    count = f"{len(lines)} change{'' if len(lines) == 1 else 's'}"
    lines.append(
        f"{report.slug}: {count if lines else 'nothing changes'}{' (not applied)' if dry_run and lines else ''}"
    )
    lines += [f"finding: {finding}" for finding in report.findings]
    lines += [f"sign-in link for {link.email}, once, within seven days: {link.url}" for link in report.links]
    return "\n".join(lines)
