"""Peer (d): our own steps, cut into one Celery task for each transaction. The worker's tasks, imported beside ours.

`celery -A bench.peers.per_task worker` runs them; `python -m bench.peers.per_task TENANT FLOW` reads the source and sends
one task for each row, as the first version of such an integration does.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config.celery import app

app.conf.task_routes = {"bench.*": {"queue": "sync"}}


@app.task(name="bench.carry", ignore_result=True)  # type: ignore[untyped-decorator]
def carry(tenant_id: int, flow_id: int) -> None:
    """One transaction: decided, validated, pushed alone, read back."""
    from sync.pipeline import push as pushing
    from sync.pipeline import transform as deciding
    from sync.pipeline.confirm import confirm
    from sync.pipeline.dependents import release
    from sync.pipeline.run import hold_lease, opened
    from sync.pipeline.validate import validate

    pushing.BATCHES = pushing.SINGLES = 1
    ctx = opened(tenant_id=tenant_id, flow_id=flow_id, trigger="schedule", actor="", seconds=None)
    ctx.source_at_end = True
    with hold_lease(ctx):
        ctx.destination.batch_size = lambda endpoint, *, amending=False: 1  # type: ignore[method-assign]
        deciding.transform(ctx, limit=1)
        validate(ctx, limit=1)
        pushing.push(ctx)
        confirm(ctx)
        if release(ctx).moved:  # the second document of a deal, whose first one is in the books by now
            pushing.push(ctx)
            confirm(ctx)


def main() -> int:
    import django

    django.setup()
    from sync.pipeline.fetch import fetch
    from sync.pipeline.run import hold_lease, opened

    tenant_id, flow_id = (int(word) for word in sys.argv[1:3])
    ctx = opened(tenant_id=tenant_id, flow_id=flow_id, trigger="schedule", actor="", seconds=None)
    with hold_lease(ctx):
        while not ctx.source_at_end:
            fetch(ctx)
    for _ in range(ctx.counts["new"]):
        carry.delay(tenant_id=tenant_id, flow_id=flow_id)
    return 0


if __name__ == "__main__":
    sys.exit(main())
