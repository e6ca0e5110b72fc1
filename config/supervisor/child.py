"""Starting and stopping one process so that it never outlives its parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def database_account() -> Account | None:
    """Whom Postgres runs as: nobody special, or, because it refuses root, `postgres` or else `nobody`."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise OSError("running as root needs a user named postgres or nobody for the database")


def spawn(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    log: Path | None = None,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    pass_fds: Sequence[int] = (),
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a session of its own; the kernel sends it `death_signal` when the caller's main thread is gone.

    Output is appended to `log`, or shown when there is none. Call it from the main thread only.
    """
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else None
        return subprocess.Popen(
            list(argv),
            env=None if environ is None else dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            cwd=cwd,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
            preexec_fn=dies_with(os.getpid(), death_signal),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


def run(argv: Sequence[str], *, account: Account | None, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a short command as `account`, from the root folder. Output and errors come back together."""
    return subprocess.run(
        list(argv),
        cwd="/",
        input=input,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def dies_with(parent: int, death_signal: signal.Signals) -> Callable[[], None] | None:
    """Runs in the child after the change of user, because that change would erase the wish."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def wish() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # the parent died between fork and prctl
            os._exit(1)

    return wish


def die_with_parent() -> None:
    """For a process that forked by itself (a pool's child): be killed when the parent is gone."""
    wish = dies_with(os.getppid(), signal.SIGKILL)
    if wish is not None:
        wish()


def end_in_order() -> None:
    """From now on SIGTERM and a closed terminal end this process as Ctrl-C does: every `with` is left on the way. Who asks
    again does not disturb that. Call it from the main thread only."""

    def leave(number: int, _: object) -> None:
        for each in asked:
            signal.signal(each, lambda *_: None)  # not SIG_IGN: what is started on the way out would inherit it
        raise SystemExit(128 + number)

    asked = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) != signal.SIG_IGN]  # nohup
    for each in asked:
        signal.signal(each, leave)


def stop(process: subprocess.Popen[bytes], *, how: signal.Signals = signal.SIGTERM, grace: float = 5.0) -> int:
    """Ask, wait `grace` seconds, then kill the whole group. Returns the exit code; nothing of the group is left."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(how)
    return await_end(process, grace=grace)


def await_end(process: subprocess.Popen[bytes], *, grace: float) -> int:
    """As `stop`, for a process that was asked already: some programs take a second request for impatience."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=grace)
    kill_group(process)
    return process.wait()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the session that `spawn` made, forked children too."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
