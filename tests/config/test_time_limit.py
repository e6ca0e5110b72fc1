"""A soft time limit raises between any two lines. Whatever line that was, the next task of this process works for its own
tenant, and nothing of the former one is left on the kept connection."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from celery.app.trace import build_tracer
from celery.exceptions import SoftTimeLimitExceeded

from sync import store
from tenants.models import Tenant
from tenants.scoping import platform_scope, tenant_scope
from tests.connectors.conftest import make_tenant

PLACES = ("tenants/scoping.py", "django/db/transaction.py", "/contextlib.py")  # where scopes begin and end
ENOUGH = 400  # lines; a scope takes fewer


class StrikesAt:
    """Raises at the n-th line that is run in these files, once."""

    def __init__(self, nth: int) -> None:
        self._left, self.struck = nth, ""

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self._line if frame.f_code.co_filename.endswith(PLACES) else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line" and not self.struck:
            self._left -= 1
            if self._left == 0:
                self.struck = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                sys.settrace(None)
                raise SoftTimeLimitExceeded
        return self._line


def carried_out(function: Callable[[], object]) -> BaseException | None:
    """As a worker does it, signals and all; what it raised."""

    def work() -> None:
        function()

    app = Celery("tests", fixups=(), set_as_current=False)
    task = app.task(name="tests.work", ignore_result=True, shared=False, lazy=False)(work)
    info = build_tracer(task.name, task, app=app)(str(uuid4()), (), {}, {"is_eager": False}).info
    return None if info is None else info.retval


def tenants_seen(tenant: Tenant) -> list[Any]:
    with tenant_scope(tenant.pk):
        return [row["id"] for row in store.rows("SELECT id FROM tenant")]


def test_wherever_it_strikes_the_next_tasks_work(transactional_db: None) -> None:
    one, other = make_tenant(201, "eine"), make_tenant(202, "andere")
    found: list[list[Any]] = []
    before = sys.gettrace()
    for nth in range(1, ENOUGH):
        strikes = StrikesAt(nth)

        def struck(strikes: StrikesAt = strikes) -> None:
            sys.settrace(strikes)
            try:
                tenants_seen(one)
            finally:
                sys.settrace(before)

        ended = carried_out(struck)
        if not strikes.struck:
            assert nth > 50
            return
        assert ended is not None, strikes.struck
        assert carried_out(look_at_all) is None, strikes.struck
        assert carried_out(lambda: found.append(tenants_seen(other))) is None, strikes.struck
        assert carried_out(lambda: found.append(tenants_seen(one))) is None, strikes.struck
        assert found[-2:] == [[other.pk], [one.pk]], strikes.struck
    pytest.fail("a scope takes more lines than that")


def look_at_all() -> None:
    """What the clock's task does."""
    with platform_scope():
        store.rows("SELECT count(*) AS n FROM flow")
