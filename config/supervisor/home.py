"""The data folder: one user at a time, secrets made once, notes that other commands read."""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from config.supervisor.failure import StartError

LOG_LIMIT = 20 * 1024 * 1024
ENTRIES = (
    "beat", "demo.json", "lock", "logs", "mail", "postgres", "prepared", "running.json", "sandbox", "sandbox.json",
    "secrets.json", "static", "users.lock", "valkey",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Everything random that one installation keeps. Written once, mode 0600."""

    secret_key: str
    field_encryption_key: str
    database_superuser: str
    database_owner: str
    database_app: str
    broker: str
    amnis_client_secret: str
    xero_client_secret: str

    @classmethod
    def fresh(cls) -> Secrets:
        token = secrets.token_urlsafe
        return cls(
            secret_key=token(48),
            field_encryption_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            database_superuser=token(24),
            database_owner=token(24),
            database_app=token(24),
            broker=token(24),
            amnis_client_secret=token(24),
            xero_client_secret=token(24),
        )


class Home:
    """One data folder. `take` makes it ours until the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self._locks: list[int] = []

    def create(self) -> None:
        """Make the folder. Root leaves it passable, because Postgres runs as another user and lives in it."""
        try:
            is_new = not self.path.exists()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_new and os.geteuid() == 0:
                self.path.chmod(0o711)
            for folder in (self.logs, self.path / "beat"):
                folder.mkdir(mode=0o700, exist_ok=True)
            _probe_writable(self.path)
        except OSError as error:
            raise StartError(f"the data folder {self.path} cannot be written: {error.strerror}") from error

    def take(self, purpose: str) -> None:
        """Become the folder's one user. Raises StartError with who has it."""
        if not self._lock("lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
            self._refuse()
        _write(self.path / "lock", f"{purpose} (process {os.getpid()})")
        self.drop_note("running.json")  # of a run that was killed

    def refuse_if_taken(self) -> None:
        """Raise StartError with who has the folder, before anything else is touched."""
        if self.is_taken():
            self._refuse()

    def refuse_if_lost(self) -> None:
        """Raise StartError when the folder that we took is not there any more, or another stands in its place."""
        try:
            same = os.stat(self.path / "lock").st_ino in {os.fstat(descriptor).st_ino for descriptor in self._locks}
        except OSError:
            same = False
        if not same:
            raise StartError(f"the data folder {self.path} was taken away while it was in use")

    def is_taken(self) -> bool:
        """Whether somebody runs here at this moment."""
        with contextlib.suppress(OSError):
            descriptor = os.open(self.path / "lock", os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(descriptor)
        return False

    def _refuse(self) -> NoReturn:
        raise StartError(f"the data folder {self.path} is in use by {self.holder() or 'another run'}: stop that first")

    def holder(self) -> str:
        with contextlib.suppress(OSError):
            return (self.path / "lock").read_text(encoding="utf-8").strip()
        return ""

    def join(self) -> None:
        """Say that we use servers that somebody else started; `wait_for_others` is what they do before they stop them."""
        self._lock("users.lock", fcntl.LOCK_SH)

    def wait_for_others(self) -> None:
        self._lock("users.lock", fcntl.LOCK_EX)

    def secrets(self) -> Secrets:
        """The folder's secrets, made on the first call. Raises StartError when the file is damaged."""
        path = self.path / "secrets.json"
        if not path.exists() and (self.path / "prepared").exists():
            raise StartError(f"{path} is gone, and the database in {self.path} cannot be read without it: restore it")
        if not path.exists():
            _write(path, json.dumps(asdict(Secrets.fresh()), indent=1))
        try:
            return Secrets(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise StartError(
                f"{path} cannot be read: restore it from a backup, or start with an empty folder"
            ) from error

    def log(self, name: str) -> Path:
        """Where a process writes; an overlong file of the last run is set aside."""
        path = self.logs / f"{name}.log"
        with contextlib.suppress(OSError):
            if path.stat().st_size > LOG_LIMIT:
                path.replace(path.with_suffix(".log.1"))
        return path

    def read_note(self, name: str) -> dict[str, Any]:
        """A note of an earlier moment; empty when there is none."""
        with contextlib.suppress(OSError, ValueError):
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        return {}

    def write_note(self, name: str, content: dict[str, Any]) -> None:
        _write(self.path / name, json.dumps(content))

    def drop_note(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def erase(self) -> None:
        """Remove what this program puts into the folder, and the folder when nothing else is in it."""
        for name in ENTRIES:
            entry = self.path / name
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def _lock(self, name: str, how: int) -> bool:
        descriptor = os.open(self.path / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, how)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        self._locks.append(descriptor)  # open for as long as this process lives; not inherited by children
        return True


def _probe_writable(folder: Path) -> None:
    probe = folder / "lock"
    os.close(os.open(probe, os.O_RDWR | os.O_CREAT, 0o600))


def _write(path: Path, text: str) -> None:
    """Whole or not at all, readable by nobody else. The lock's own file is written in place: its inode is the lock."""
    if path.name == "lock":
        path.write_text(text, encoding="utf-8")
        return
    fresh = path.with_name(f"{path.name}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
