"""The vendors as a process of their own: several empty sandbox worlds over real HTTP, each for one cell.

`python -m tests.chaos.vendors --worlds 8 --note FILE` writes the addresses to FILE when all of them answer.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from sandbox.app import Sandbox
from sandbox.server import serve_aside
from sandbox.xero.limits import Quota
from sandbox.xero.seed import add_copy
from tests.chaos.gate import Gate, GateControl

PLENTY = 1_000_000
CALLS_A_MINUTE = 600  # of one organisation


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.vendors", description=__doc__)
    parser.add_argument("--worlds", type=int, default=0)
    parser.add_argument("--companies", type=int, default=0, help="one world more, with so many like companies")
    parser.add_argument("--note", type=Path, required=True, help="where the addresses are written")
    options = parser.parse_args()
    addresses = [_open_large_world(options.companies)] if options.companies else []
    addresses += [_open_world() for _ in range(options.worlds)]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # until here a signal ends it at once: making a world takes a while
        signal.signal(number, lambda *_: stop.set())
    fresh = options.note.with_suffix(".new")
    fresh.write_text(json.dumps(addresses), encoding="utf-8")
    fresh.rename(options.note)
    stop.wait()
    return 0


def _open_world() -> dict[str, str]:
    """One world with nothing in it but companies and organisations."""
    sandbox = Sandbox(None, limits=False)
    sandbox.xero.limiter.quota = Quota(minute=PLENTY, day=PLENTY)  # the answers' headers tell what is left
    gate = Gate(sandbox.xero, forget_keys=sandbox.xero.idempotency.forget_everything)
    return {
        "amnis": serve_aside(sandbox.amnis),
        "xero": serve_aside(gate),
        "control": serve_aside(GateControl(gate, sandbox.control)),
    }


def _open_large_world(companies: int) -> dict[str, str]:
    """One world of many companies, with the vendors' limits on: those of a day's minute are larger than Xero's, as the
    campaign's times are shorter."""
    sandbox = Sandbox(None)
    sandbox.xero.limiter.quota = Quota(minute=CALLS_A_MINUTE, day=PLENTY, app_minute=PLENTY)
    sandbox.amnis.add_copies(companies)
    for number in range(1, companies + 1):
        add_copy(sandbox.xero, f"Muster Filiale {number} AG")
    return {
        "amnis": serve_aside(sandbox.amnis),
        "xero": serve_aside(sandbox.xero),
        "control": serve_aside(sandbox.control),
    }


if __name__ == "__main__":
    sys.exit(main())
