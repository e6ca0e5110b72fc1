"""The product's own due query and claim on a table of many flows, as the application's role runs them.

`python -m bench.due ROUNDS`: prints one JSON object. Each round is a tick: the due flows, then for each what a worker does
before and after its slice (still due? take the lease; give it back with the next time).
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta
from statistics import median, quantiles

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from sync import selectors, store  # noqa: E402
from sync.tasks import HINTS  # noqa: E402
from tenants.scoping import tenant_scope  # noqa: E402

POLL = timedelta(minutes=5)


def main() -> int:
    rounds = int(sys.argv[1])
    looks: list[float] = []
    claimed, claiming = 0, 0.0
    cpu = time.process_time()
    for _ in range(rounds):
        began = time.monotonic()
        found = selectors.due_flows(limit=HINTS)
        looks.append((time.monotonic() - began) * 1000)
        began = time.monotonic()
        claimed += sum(_claim(flow.tenant_id, flow.flow_id) for flow in found)
        claiming += time.monotonic() - began
    answer = {
        "rounds": rounds,
        "due_ms_p50": round(median(looks), 2),
        "due_ms_p99": round(quantiles(looks, n=100, method="inclusive")[98], 2),
        "claimed": claimed,
        "claims_per_second": round(claimed / claiming, 1) if claiming else 0.0,
        "cpu_ms_per_claim": round((time.process_time() - cpu) * 1000 / max(claimed, 1), 3),
    }
    print(json.dumps(answer))
    return 0


def _claim(tenant_id: int, flow_id: int) -> bool:
    if not selectors.is_due(tenant_id=tenant_id, flow_id=flow_id):
        return False
    with tenant_scope(tenant_id):
        lease = store.take_lease(flow_id, seconds=60.0)
    if lease is None:
        return False
    with tenant_scope(tenant_id):
        store.end_lease(flow_id, epoch=lease[0], wait=POLL)
    return True


if __name__ == "__main__":
    sys.exit(main())
