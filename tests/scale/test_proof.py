"""A hundred thousand movements prove in balance within a minute, the vendors' limits being off. Not in the normal suite:
`./run test tests/scale -q -s -p no:xdist` runs it; MILLRACE_SCALE sets another number of movements.

The vendors are a process of their own, as they are for everybody: this one. The proof is the operator's command."""

from __future__ import annotations

import os
import sys
import time

import pytest

from sandbox.amnis.bulk import add_random_movements
from tests.pipeline.conftest import CUTOFF, World, committed_world, sandbox
from tests.pipeline.served import ended, start, vendors_at

__all__ = ["committed_world", "sandbox"]
MOVEMENTS = int(os.environ.get("MILLRACE_SCALE", "100000"))
pytestmark = pytest.mark.skipif(
    "tests/scale" not in " ".join(sys.argv), reason="takes long: run ./run test tests/scale by name"
)


def test_a_hundred_thousand_movements_prove_in_balance_within_a_minute(
    committed_world: World, process_environ: dict[str, str]
) -> None:
    world = committed_world
    add_random_movements(world.amnis, MOVEMENTS, seed=7, first=CUTOFF)
    world.set_flow(policies={"duplicate_days": "3"}, review={})
    began = time.monotonic()
    world.sync()
    synced = time.monotonic() - began

    with vendors_at(world.sandbox) as addresses:
        began = time.monotonic()
        told, end = ended(start({**process_environ, **addresses}, "proof", "muster", "--json"), seconds=600)
        took = time.monotonic() - began

    documents = sum(row["documents"] for row in told["accounts"])
    peak = end["peak_megabytes"]
    print(
        f"\n{MOVEMENTS} movements: sync {synced:.0f} s, proof {took:.1f} s, {documents} documents, {peak:.0f} MB at most"
    )
    assert end["code"] == 0, {name: told[name][:3] for name in ("missing", "unexpected", "different", "duplicated")}
    assert documents > MOVEMENTS * 0.5
    assert took < 60
