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
from sandbox.faults import WsgiApp
from sandbox.server import Server
from sandbox.xero.limits import Quota
from tests.chaos.gate import Gate, GateControl

PLENTY = 1_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.vendors", description=__doc__)
    parser.add_argument("--worlds", type=int, required=True)
    parser.add_argument("--note", type=Path, required=True, help="where the addresses are written")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    addresses = [_open_world() for _ in range(options.worlds)]
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
        "amnis": _serve(sandbox.amnis),
        "xero": _serve(gate),
        "control": _serve(GateControl(gate, sandbox.control)),
    }


def _serve(app: WsgiApp) -> str:
    server = Server(app, port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.port}"


if __name__ == "__main__":
    sys.exit(main())
