"""`./run manage CMD`: beside a running stack, or with servers of its own for as long as it takes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping

from config.supervisor import child
from config.supervisor.environment import ROOT, checked, handed_on
from config.supervisor.failure import StartError
from config.supervisor.home import Home
from config.supervisor.prepare import prepare
from config.supervisor.servers import Servers

WAIT_SECONDS = 60.0


def manage(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Run one Django command and return its exit code."""
    env = checked(environ)
    home = Home(env.data_dir)
    home.create()
    if home.is_taken():
        return _beside(home, arguments, environ)
    home.take(f"./run manage {arguments[0] if arguments else 'help'}")
    servers = Servers.start(home, environ, env)
    try:
        prepare(servers)
        if servers.sandbox is not None:
            servers.sandbox.wait()
        home.write_note("running.json", handed_on(servers.environ))
        return _run(arguments, servers.environ)
    finally:
        home.drop_note("running.json")
        home.wait_for_others()
        servers.stop()


def _beside(home: Home, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Use the servers of whoever has the folder, as soon as they are ready."""
    deadline = time.monotonic() + WAIT_SECONDS
    home.join()
    while not (running := home.read_note("running.json")):
        if not home.is_taken() or time.monotonic() > deadline:
            raise StartError(f"{home.holder()} did not become ready: see {home.logs}")
        time.sleep(0.1)
    merged = {**environ, **running, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT)}
    return _run(arguments, {name: value for name, value in merged.items() if not _is_stale_file(name, running)})


def _is_stale_file(name: str, running: Mapping[str, str]) -> bool:
    """`NAME_FILE` of the caller beside `NAME` of the stack would be refused as a contradiction."""
    return name.endswith("_FILE") and name not in running and name.removesuffix("_FILE") in running


def _run(arguments: list[str], environ: Mapping[str, str]) -> int:
    """The command shares our terminal and ends with us, however we end; SIGTERM is handed on."""
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    process = subprocess.Popen(command, env=dict(environ), preexec_fn=child.dies_with(os.getpid(), signal.SIGTERM))
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        with contextlib.suppress(KeyboardInterrupt):  # the command has the terminal's Ctrl-C too and ends by itself
            code = process.wait()
            return code if code >= 0 else 128 - code
