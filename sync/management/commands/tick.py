from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import OperationalError, close_old_connections

from sync import selectors
from sync.tasks import run_slice


class Command(BaseCommand):
    help = "Runs every slice that is due, here, without worker or broker. With --loop again every TICK_SECONDS."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", action="store_true")

    def handle(self, *_args: Any, loop: bool, **_options: Any) -> None:
        ran = one_round()
        while loop:
            time.sleep(settings.ENV.tick_seconds)
            close_old_connections()
            try:
                ran += one_round()
            except OperationalError as error:
                self.stderr.write(f"the database cannot be reached: {error}")
        self.stdout.write(f"{ran} slices ran")


def one_round() -> int:
    """Every slice that is due, one after the other."""
    return sum(run_slice(tenant_id=due.tenant_id, flow_id=due.flow_id) for due in selectors.due_flows(limit=200))
