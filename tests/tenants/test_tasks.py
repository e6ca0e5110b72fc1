from __future__ import annotations

from typing import Any

import pytest
import structlog
from celery import Celery

from tenants.scoping import current_tenant_id
from tenants.tasks import TenantTask

app = Celery("test", broker="memory://", set_as_current=False)


@app.task(base=TenantTask, name="test.look", bind=True)  # type: ignore[untyped-decorator]
def look(self: Any, word: str, *, tenant_id: int) -> dict[str, Any]:
    context = structlog.contextvars.get_contextvars()
    return {"word": word, "tenant": tenant_id, "log": context, "scope": current_tenant_id(), "id": self.request.id}


def test_a_task_says_whose_work_it_is_and_opens_no_transaction() -> None:
    seen = look.apply(args=("hello",), kwargs={"tenant_id": 7}, task_id="abc").get()
    assert seen == {
        "word": "hello",
        "tenant": 7,
        "log": {"tenant": 7, "task": "test.look"},
        "scope": None,
        "id": "abc",
    }
    assert structlog.contextvars.get_contextvars() == {}


def test_a_task_without_a_tenant_does_not_start() -> None:
    with pytest.raises(TypeError, match="tenant_id"):
        look.apply(args=("hello",), throw=True)
