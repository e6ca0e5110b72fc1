"""The clock as a program of its own: it sends hints by name and needs neither Django nor the tasks.

`celery -A config.beat beat`; exactly one runs.
"""

from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery
from celery.beat import PersistentScheduler

from config import heartbeat
from config.broker import broker_settings
from config.env import load


class Scheduler(PersistentScheduler):  # type: ignore[misc]
    """Celery's own clock, which also says that it ticks."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.max_interval = heartbeat.EVERY_SECONDS
        self._client = heartbeat.broker(self.app.conf.broker_url)
        self._said = 0.0

    def tick(self, *args: Any, **options: Any) -> float:
        if time.monotonic() - self._said >= heartbeat.EVERY_SECONDS:
            heartbeat.say_alive(self._client, heartbeat.BEAT)
            self._said = time.monotonic()
        return float(super().tick(*args, **options))


app = Celery("millrace-beat", fixups=(), set_as_current=False)
app.conf.update(broker_settings(load(os.environ)), beat_scheduler="config.beat:Scheduler")
