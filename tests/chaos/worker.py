"""Real processes that run our commands: forked from one that has Django ready, so that a death costs no start.

The parent holds no connection to database or broker. A child that is to die at a named point has it in its environment
before `connectors.faults` reads it.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import django

django.setup()  # once, before the models are imported; every worker is forked from here

from django.core.management import call_command, load_command_class  # noqa: E402
from django.db import connections  # noqa: E402

from config.commands import guarded  # noqa: E402
from config.supervisor.child import die_with_parent  # noqa: E402
from connectors import faults  # noqa: E402
from sync import contacting, proposals, undoing  # noqa: E402
from sync.models import Amendment, ContactLink, Entry, PushIntent  # noqa: E402
from sync.models.amendment import ON_THE_WAY  # noqa: E402
from sync.selectors import flow_of  # noqa: E402
from tenants.scoping import tenant_scope  # noqa: E402
from tenants.selectors import tenant_by_slug  # noqa: E402

SLUG, PERSON = "chaos", "alice@chaos.example"
COMMANDS = {name: load_command_class("sync", name) for name in ("sync", "entries", "proof", "tenant_import")}
Task = Callable[[], Any]
gc.freeze()  # what is loaded by now stays shared between all the processes


class Stuck(Exception):
    """A process did not end in the time it was given."""


@dataclass(slots=True, kw_only=True)
class Worker:
    """One forked process and the pipe on which it tells its result."""

    pid: int
    pipe: int

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def result(self, *, seconds: float) -> tuple[int, Any]:
        """Wait for the end: (exit code, or minus the signal; what the task returned, None after a death)."""
        told = self._read(time.monotonic() + seconds)
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status), json.loads(told) if told else None

    def _read(self, deadline: float) -> bytes:
        told = b""
        try:
            while select.select([self.pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
                part = os.read(self.pipe, 65536)
                if not part:
                    return told
                told += part
        finally:
            os.close(self.pipe)
        self.kill()
        os.waitpid(self.pid, 0)
        raise Stuck(f"process {self.pid} was still running")


def start(task: Task, *, point: str = "") -> Worker:
    """Fork, and run `task` there. With `point`, the process kills itself at this fault point ("name:2": the second time)."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        os._exit(_live(task, point, theirs))
    os.close(theirs)
    return Worker(pid=pid, pipe=ours)


def done(task: Task, *, seconds: float = 30.0) -> Any:
    """Run `task` in a process of its own and return its result. Raises RuntimeError when it ends badly."""
    code, found = start(task).result(seconds=seconds)
    if code != 0:
        raise RuntimeError(f"a process ended with {code}")
    return found


def _live(task: Task, point: str, pipe: int) -> int:
    """The child's whole life."""

    def tell() -> None:
        told = json.dumps(task()).encode()
        while told:
            told = told[os.write(pipe, told) :]

    return live(tell, point)


def live(task: Callable[[], object], point: str) -> int:
    """What a forked process does to its end; its exit code."""
    try:
        die_with_parent()
        if point:
            os.environ["MILLRACE_FAULT_POINT"] = point
            importlib.reload(faults)
        task()
        connections.close_all()
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001  nothing may return into the parent's code
        traceback.print_exc()
        return 1


# --------------------------------------------------------------- what they do


def command(name: str, *arguments: str) -> tuple[int, str]:
    """One of our commands: its exit code and what it printed."""
    printed = io.StringIO()

    def run() -> int:
        call_command(COMMANDS[name], *arguments, stdout=printed)
        return 0

    return guarded(run), printed.getvalue()


def audit() -> dict[str, Any]:
    """What we say ourselves, through the public commands."""
    _, entries = command("entries", SLUG, "--csv")
    _, proof = command("proof", SLUG, "--json")
    return {"entries": entries, "proof": json.loads(proof.splitlines()[-1])}


def open_requests() -> list[str]:
    """The endpoints of requests that were claimed and never settled: what a dead process leaves behind."""
    tenant = tenant_by_slug(SLUG)
    flow = flow_of(tenant.pk)
    assert flow is not None
    with tenant_scope(tenant.pk):
        left = PushIntent.objects.filter(flow=flow, state=PushIntent.State.OPEN, unknown=False)
        return list(left.order_by("id").values_list("endpoint", flat=True))


def take_back(row: str) -> None:
    """A person asks for the removal of what was posted for this row; nothing is sent yet."""
    tenant_id, flow_id, entry_id = _entry_of(row)
    chosen = undoing.Selection(entry=entry_id)
    asked = undoing.undo(tenant_id=tenant_id, flow_id=flow_id, selection=chosen, actor=PERSON, reason="a campaign")
    assert asked.batch is not None, asked.preview


def apply_proposal(row: str) -> None:
    """A person lets the document follow the changed row; nothing is sent yet."""
    tenant_id, _, entry_id = _entry_of(row)
    batch = proposals.proposal_apply(tenant_id=tenant_id, entry_id=entry_id, actor=PERSON)
    assert batch is not None, f"nothing is proposed for row {row}"


def decide_contact(row: str, *, create: bool) -> str:
    """A person creates the contact of this row although others are proposed, or takes the one that is most alike; the name
    of the contact that was decided on. Nothing is sent yet."""
    tenant_id, _, entry_id = _entry_of(row)
    with tenant_scope(tenant_id):
        link = ContactLink.objects.get(entries=entry_id)
    assert link.state == ContactLink.State.REVIEW, f"nothing is proposed for row {row}: {link.state}"
    best = link.proposals[0]
    if create:
        contacting.contact_create(tenant_id=tenant_id, link_id=link.pk, actor=PERSON)
        return link.name
    contacting.contact_choose(tenant_id=tenant_id, link_id=link.pk, contact_id=best["contact_id"], actor=PERSON)
    return str(best["name"])


def on_the_way() -> int:
    """Changes and removals that have not come to an end."""
    with tenant_scope(tenant_by_slug(SLUG).pk):
        return Amendment.objects.filter(state__in=ON_THE_WAY).count()


def _entry_of(row: str) -> tuple[int, int, int]:
    tenant = tenant_by_slug(SLUG)
    flow = flow_of(tenant.pk)
    assert flow is not None
    with tenant_scope(tenant.pk):
        entry = Entry.objects.filter(flow=flow, record__source_id=row).get()
        return tenant.pk, flow.pk, entry.pk
