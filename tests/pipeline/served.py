"""Real processes against the sandbox over real HTTP: what one process alone cannot show."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config.supervisor.environment import ROOT
from sandbox.app import Sandbox
from sandbox.server import Server
from sandbox.xero.limits import Quota

PLENTY = 1_000_000

# VmHWM is the peak of this program alone; what getrusage tells contains the process that started it.
SYNC = """
import json, re, sys
from config.commands import execute
code = execute(sys.argv)
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read()).group(1))
print(json.dumps({"code": code, "peak_megabytes": peak / 1024}))
"""


@contextmanager
def vendors_at(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    """The environment that leads a process to this sandbox."""
    sandbox.xero.limiter.quota = Quota(minute=PLENTY, day=PLENTY)  # the answers' headers tell what is left
    servers = [Server(sandbox.amnis, port=0), Server(sandbox.xero, port=0)]
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    amnis, xero = (f"http://localhost:{server.port}" for server in servers)
    yield {
        "AMNIS_BASE_URL": amnis,
        "XERO_API_URL": xero,
        "XERO_IDENTITY_URL": xero,
        "XERO_LOGIN_URL": xero,
        "XERO_CLIENT_ID": "sandbox-xero",
        "XERO_CLIENT_SECRET": "sandbox-xero-secret",
        "AMNIS_LIMIT_MINUTE": str(PLENTY),
        "XERO_LIMIT_MINUTE": str(PLENTY),
        "XERO_LIMIT_DAY": str(PLENTY),
        "PYTHONPATH": str(ROOT),
    }
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


def start(environ: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SYNC, *arguments],
        env=environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str], *, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what the command told, its end: exit code, peak of memory, errors)."""
    out, err = process.communicate(timeout=seconds)
    told = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert told, err[-2000:]
    return (told[-2] if len(told) > 1 else {}), {**told[-1], "errors": err}
