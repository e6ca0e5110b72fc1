"""What the operators' commands share: the tenant by its slug, JSON on the last line, exit codes of the interface."""

from __future__ import annotations

import json
import math
from argparse import ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connectors.contract.errors import ConnectorError
from sync import selectors
from sync.domain.days import DayFault, read_day
from sync.models import Flow
from tenants.models import Tenant
from tenants.selectors import tenant_by_slug

DONE, FINDINGS, WRONG_USE, TEMPORARY = 0, 1, 2, 3
OPERATOR = "operator (command line)"
LONGEST_WAIT = 24 * 60 * 60


def day(text: str) -> date:
    """An argument that is a day. Raises argparse's own error, in words."""
    try:
        return read_day(text)
    except DayFault as fault:
        raise ArgumentTypeError(str(fault)) from None


def seconds(text: str) -> float:
    """An argument that says how long to wait. Raises argparse's own error, in words."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found <= LONGEST_WAIT:  # no number compares as one
        raise ArgumentTypeError(f"{text[:30]!r} is not a number of seconds from 0 to {LONGEST_WAIT}")
    return found


class TenantCommand(BaseCommand):
    """A command about one tenant's flow. Subclasses implement `act` and return (exit code, answer)."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object on the last line")

    def handle(self, *_args: Any, slug: str, as_json: bool, **options: Any) -> None:
        tenant, flow = _tenant(slug), None
        flow = selectors.flow_of(tenant.pk)
        if flow is None:
            raise CommandError(f"{slug} has no flow yet: connect Amnis and Xero first", returncode=TEMPORARY)
        try:
            code, answer = self.act(tenant, flow, **options)
        except ConnectorError as error:
            raise CommandError(error.message, returncode=TEMPORARY) from error
        self.stdout.write(json.dumps(answer, default=str) if as_json else told(answer))
        if code:
            raise SystemExit(code)

    def act(self, tenant: Tenant, flow: Flow, **options: Any) -> tuple[int, dict[str, Any]]:
        raise CommandError("this command does nothing by itself", returncode=WRONG_USE)


def _tenant(slug: str) -> Tenant:
    try:
        return tenant_by_slug(slug)
    except Tenant.DoesNotExist:
        raise CommandError(f"there is no tenant {slug!r}", returncode=WRONG_USE) from None


def told(answer: dict[str, Any]) -> str:
    """An answer for people: one line per key, lists item by item."""
    lines = []
    for key, value in answer.items():
        if isinstance(value, list):
            lines.append(f"{key}: {len(value)}")
            lines += [f"  {_item(item)}" for item in value]
        else:
            lines.append(f"{key}: {value}")
    return "\n".join(lines)


def _item(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    return ", ".join(f"{key} {value}" for key, value in item.items() if not isinstance(value, list) and value != "")
