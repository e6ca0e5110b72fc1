from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from sync.certifying import certificate_check, certificate_make
from sync.management.base import DONE, FINDINGS, OPERATOR, WRONG_USE, TenantCommand, day
from sync.models import Flow
from sync.proving import flow_prove
from tenants.models import Tenant

TOLD_EVERY = 2.0
LONGEST_NAME = 255  # bytes of a file's name; the system refuses even to look for a longer one


class Command(TenantCommand):
    help = "Proves the balance, reading both vendors afresh. Exit 0 balanced, 1 not, 3 when a vendor cannot be read."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--from", type=day, dest="since", metavar="DATE")
        parser.add_argument("--to", type=day, dest="until", metavar="DATE")
        parser.add_argument("--certificate", metavar="FILE", help="write the certificate there: .pdf, or .csv")
        parser.add_argument("--verify", metavar="FILE|SHA256", help="prove nothing: is this one of our certificates?")

    def act(self, tenant: Tenant, flow: Flow, **options: Any) -> tuple[int, dict[str, Any]]:
        if options["verify"]:
            return _verified(tenant, options["verify"])
        file = _writable(options["certificate"])
        _refuse_no_days(options["since"] or flow.cutoff, options["until"], cutoff=flow.cutoff)
        _refuse_what_is_to_come(options["since"], today=timezone.localdate(timezone=ZoneInfo(tenant.timezone)))
        result = flow_prove(
            tenant_id=tenant.pk,
            flow_id=flow.pk,
            since=options["since"],
            until=options["until"],
            actor=OPERATOR,
            progress=_Told(),
        )
        if file is not None:
            result["certificate"] = _written(tenant, result["proof"], file)
        return (DONE if result["balanced"] else FINDINGS), result


class _Told:
    """The progress on stderr: n of m, how many a second, how long it still takes."""

    def __init__(self) -> None:
        self._step, self._began, self._last = "", 0.0, 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if step != self._step:
            self._step, self._began, self._last = step, now, now
        if now - self._last < TOLD_EVERY:
            return
        self._last = now
        rate = done / max(now - self._began, 0.001)
        left = f", {(total - done) / rate:.0f} s left" if rate and total > done else ""
        side = "Xero" if step == "books" else "Amnis"
        print(f"{side}: {done} of {total}, {rate:.0f} a second{left}", file=sys.stderr)


def _refuse_no_days(since: date, until: date | None, *, cutoff: date) -> None:
    """Nothing is always in balance: a range without a day proves nothing, and must not be certified."""
    first = max(since, cutoff)
    if until is not None and until < first:
        raise CommandError(f"nothing lies between {first} and {until}: choose other days", returncode=WRONG_USE)


def _refuse_what_is_to_come(since: date | None, *, today: date) -> None:
    if since is not None and since > today:
        raise CommandError(f"nothing has been executed from {since} on: choose other days", returncode=WRONG_USE)


def _writable(name: str | None) -> Path | None:
    if name is None:
        return None
    file = Path(name)
    if file.suffix not in (".pdf", ".csv") or not file.parent.is_dir():
        raise CommandError("--certificate takes a .pdf or .csv file in a folder that exists", returncode=WRONG_USE)
    return file


def _written(tenant: Tenant, proof_id: int, file: Path) -> dict[str, str]:
    made = certificate_make(tenant_id=tenant.pk, proof_id=proof_id, actor=OPERATOR)
    file.write_bytes(bytes(made.pdf if file.suffix == ".pdf" else made.csv))
    return {"number": made.number, "sha256": made.sha256, "file": str(file)}


def _verified(tenant: Tenant, given: str) -> tuple[int, dict[str, Any]]:
    file = Path(given)
    is_file = len(given) <= LONGEST_NAME and file.is_file()
    content = file.read_bytes() if is_file else given.encode(errors="replace")
    found = certificate_check(tenant_id=tenant.pk, given=content)
    if found is None:
        return FINDINGS, {"genuine": False}
    return DONE, {"genuine": True, "number": found.number, "sha256": found.sha256, "made_at": found.made_at.isoformat()}
