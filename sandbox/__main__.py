"""Serve the vendors' world on loopback until SIGTERM or SIGINT."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from sandbox.app import Sandbox
from sandbox.scenarios import seed
from sandbox.server import Server


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sandbox = Sandbox(options.data, limits=not options.no_limits)
    if not sandbox.store.setting("seeded", ""):
        seed(sandbox)
        sandbox.store.set_setting("seeded", sandbox.clock.now().isoformat())
    if url := os.environ.get("SANDBOX_XERO_WEBHOOK_URL"):
        sandbox.xero.webhooks.subscribe(url, os.environ.get("SANDBOX_XERO_WEBHOOK_KEY", ""))
    servers = _serve(sandbox, options)
    threading.Thread(target=sandbox.xero.webhooks.run, args=(stop,), daemon=True).start()
    sys.stdout.write(" ".join(f"{name}=http://127.0.0.1:{server.port}" for name, server in servers.items()) + "\n")
    sys.stdout.flush()
    stop.wait()
    for server in servers.values():
        server.socket.close()
    sandbox.close()
    # Threads that still hold a kept-alive connection must not delay the end; the store is closed, nothing can be lost.
    os._exit(0)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sandbox's books")
    for name in ("amnis", "xero", "control"):
        parser.add_argument(f"--{name}-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--no-limits", action="store_true", help="switch the vendors' rate limits off")
    return parser.parse_args(arguments)


def _serve(sandbox: Sandbox, options: argparse.Namespace) -> dict[str, Server]:
    servers = {
        "amnis": Server(sandbox.amnis, port=options.amnis_port),
        "xero": Server(sandbox.xero, port=options.xero_port),
        "control": Server(sandbox.control, port=options.control_port),
    }
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    return servers


if __name__ == "__main__":
    sys.exit(main())
