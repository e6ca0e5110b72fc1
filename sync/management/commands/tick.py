from __future__ import annotations

import time
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections

from sync import selectors
from sync.tasks import run_slice

logger = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Runs every slice that is due, here, without worker or broker. With --loop again every TICK_SECONDS."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", action="store_true")

    def handle(self, *_args: Any, loop: bool, **_options: Any) -> None:
        while loop:
            self._round()
            time.sleep(settings.ENV.tick_seconds)
        self.stdout.write(f"{one_round()} slices ran")

    def _round(self) -> None:
        """Whatever goes wrong in one round, the next one comes: this is the path for when other things are down."""
        close_old_connections()
        try:
            one_round()
        except (OperationalError, InterfaceError) as error:
            self.stderr.write(f"the database cannot be reached: {error}")
        except Exception:
            logger.exception("round_cut_short")


def one_round() -> int:
    """Every slice that is due, one after the other."""
    return sum(run_slice(tenant_id=due.tenant_id, flow_id=due.flow_id) for due in selectors.due_flows(limit=200))
