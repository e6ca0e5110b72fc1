"""A hundred thousand movements prove in balance within a minute, the vendors' limits being off. Not in the normal suite:
`./run test tests/scale -q -s` runs it; MILLRACE_SCALE sets another number of movements."""

from __future__ import annotations

import os
import resource
import sys
import time

import pytest

from sandbox.amnis.bulk import add_random_movements
from sync.proving import flow_prove
from tests.pipeline.conftest import CUTOFF, World, committed_world, sandbox

__all__ = ["committed_world", "sandbox"]
MOVEMENTS = int(os.environ.get("MILLRACE_SCALE", "100000"))
pytestmark = pytest.mark.skipif(
    "tests/scale" not in " ".join(sys.argv), reason="takes long: run ./run test tests/scale by name"
)


def test_a_hundred_thousand_movements_prove_in_balance_within_a_minute(committed_world: World) -> None:
    world = committed_world
    add_random_movements(world.amnis, MOVEMENTS, seed=7, first=CUTOFF)
    world.set_flow(policies={"duplicate_days": "3"}, review={})
    began = time.monotonic()
    world.sync()
    synced = time.monotonic() - began
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    began = time.monotonic()
    result = flow_prove(tenant_id=world.tenant.pk, flow_id=world.flow_id)
    took = time.monotonic() - began

    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    documents = sum(row["documents"] for row in result["accounts"])
    print(f"\n{MOVEMENTS} movements: sync {synced:.0f} s, proof {took:.1f} s, {documents} documents, +{grown} MiB")
    assert result["balanced"], {name: result[name][:3] for name in ("missing", "unexpected", "different", "duplicated")}
    assert documents > MOVEMENTS * 0.5
    assert took < 60
