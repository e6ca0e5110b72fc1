"""Real workers, forked from a process that has Django and the tasks ready, so that a start costs no second.

`python -m tests.chaos.nursery LOGS BUSY`: each line of its input starts one process: {"kind", "point", "name"}; the answer
is its pid. A forked worker then does what the supervisor's command line makes a fresh one do: `celery worker` with the
same options, or the operator's `tick --loop`. Besides, each pool child leaves a file named by its pid in the folder BUSY
while it works on a flow (the file says which), so that the monkey knows whom it kills.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()  # once, before the models are imported; every worker is forked from here

from celery.signals import task_postrun, task_prerun  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from config.celery import app  # noqa: E402
from config.supervisor.up import WORKER  # noqa: E402
from connectors.contract.errors import ConnectorError  # noqa: E402
from sync import proposals, selectors  # noqa: E402
from sync.models import Amendment  # noqa: E402
from sync.pipeline.result import NotConnected  # noqa: E402
from tenants.scoping import tenant_scope  # noqa: E402
from tests.chaos import worker  # noqa: E402

SLICE_TASK = "sync.tasks.run_slice"
PERSONS_PAUSE = 1.0
Life = Callable[[], object]


def main() -> int:
    logs, busy = Path(sys.argv[1]), Path(sys.argv[2])
    app.loader.import_default_modules()
    _tell_who_is_busy(busy)
    while True:
        _bury()
        if not select.select([0], [], [], 0.05)[0]:
            continue
        line = sys.stdin.readline()
        if not line:
            return 0
        asked = json.loads(line)
        pid = _fork(asked, log=logs / f"{asked['name']}.log")
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _tell_who_is_busy(folder: Path) -> None:
    def began(task: Any = None, kwargs: Any = None, **_: Any) -> None:
        if task is not None and task.name == SLICE_TASK:
            (folder / str(os.getpid())).write_text(str(kwargs["flow_id"]), encoding="ascii")

    def ended(**_: Any) -> None:
        (folder / str(os.getpid())).unlink(missing_ok=True)

    task_prerun.connect(began, weak=False)
    task_postrun.connect(ended, weak=False)


def _bury() -> None:
    """Nobody else waits for the dead."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return


def _fork(asked: dict[str, str], *, log: Path) -> int:
    life = LIVES[asked["kind"]]
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number in (1, 2):
        os.dup2(output, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    random.seed()
    os._exit(worker.live(life, asked["point"]))


def _celery() -> None:
    app.worker_main(argv=WORKER[WORKER.index("worker") :])


def _loop() -> None:
    call_command("tick", "--loop")


def _person() -> None:
    """Lets every document follow the change of its row, as somebody does who looks at the review page all day."""
    while True:
        try:
            _decide()
        except Exception as problem:  # noqa: BLE001  whatever is away now, a person tries again
            print(f"the person could not decide: {problem!r}", file=sys.stderr)
            connections.close_all()
        time.sleep(PERSONS_PAUSE)


def _decide() -> None:
    for tenant_id, _ in selectors.active_flows():
        with tenant_scope(tenant_id):
            decidable = Amendment.objects.filter(state__in=proposals.DECIDABLE, entry__state="review")
            entries = list(decidable.values_list("entry_id", flat=True).distinct())
        for entry_id in entries:
            try:
                proposals.proposal_apply(tenant_id=tenant_id, entry_id=entry_id, actor=worker.PERSON)
            except (ConnectorError, NotConnected) as problem:
                print(f"the person could not decide: {problem}", file=sys.stderr)


LIVES: dict[str, Life] = {"celery": _celery, "loop": _loop, "person": _person}

if __name__ == "__main__":
    sys.exit(main())
