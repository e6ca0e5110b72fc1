"""Database and broker for one campaign, in a folder of its own that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from config.settings_test import TEST_ENVIRON
from config.supervisor.environment import NAMES, ROOT
from config.supervisor.postgres import DATABASE, OWNER_ROLE, Passwords, Place, Postgres, find_place
from config.supervisor.valkey import Valkey, free_port
from tests.chaos.campaign import TIMES_AND_LIMITS, Campaign, CampaignError
from tests.embedded import KEPT, PASSWORDS, schema_key

# What a machine without power would lose is of no interest here: only processes die.
QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "100"}


# A database that is stopped at once must keep what it said it had committed.
DURABLE = {**QUICK, "synchronous_commit": "on", "max_wal_size": "192MB", "min_wal_size": "32MB"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Both servers, running and migrated, and the environment that leads to them. `small_disk`: the mounted file system
    of the database, None where mounting is not permitted."""

    folder: Path
    environ: dict[str, str]
    postgres: Postgres
    valkey: Valkey
    small_disk: Path | None


@contextmanager
def stage() -> Iterator[Campaign]:
    """Both servers, and a migrated database to copy from."""
    with ground(settings=QUICK, times=TIMES_AND_LIMITS) as found:
        yield Campaign(environ=found.environ, template=DATABASE, folder=found.folder)


@contextmanager
def ground(*, settings: Mapping[str, str], times: Mapping[str, str], small_disk_megabytes: int = 0) -> Iterator[Ground]:
    folder = Path(tempfile.mkdtemp(prefix="millrace-chaos-"))
    folder.chmod(0o711)  # Postgres runs as another user when root runs the campaign
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        found = _started(stack, folder, settings, times, small_disk_megabytes)
        yield found


def plain_environ() -> dict[str, str]:
    """The caller's environment without settings of ours: the campaign must not depend on them."""
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in NAMES}
    return {
        **kept,
        "SECRET_KEY": TEST_ENVIRON["SECRET_KEY"],
        "FIELD_ENCRYPTION_KEY": TEST_ENVIRON["FIELD_ENCRYPTION_KEY"],
    }


def _started(
    stack: ExitStack, folder: Path, settings: Mapping[str, str], times: Mapping[str, str], megabytes: int
) -> Ground:
    place = find_place(folder)
    if place.moved_to is not None:
        stack.callback(shutil.rmtree, place.moved_to, ignore_errors=True)
    small = _small_disk(stack, place, megabytes) if megabytes else None
    if small is not None:
        place = replace(place, cluster=small / "cluster")
    kept = KEPT.with_name("chaos-cluster") / schema_key()
    is_kept = _take(kept, place)
    postgres = Postgres(place=place, passwords=PASSWORDS, log=folder / "postgres.log", settings=settings)
    valkey = Valkey(
        folder=folder / "valkey",
        port=free_port(),
        password=Passwords.fresh().app,
        log=folder / "valkey.log",
        durable=False,
    )
    for server in (postgres, valkey):
        stack.callback(server.stop)
        server.start()
    environ = {
        **plain_environ(),
        "DATABASE_URL": postgres.url(),
        "DATABASE_ADMIN_URL": postgres.url(OWNER_ROLE),
        "REDIS_URL": valkey.url,
        "DATA_DIR": str(folder / "data"),
    }
    if not is_kept:
        _migrate({**environ, **times}, folder)
        postgres.stop()
        _keep(kept, place)
        postgres.start()
    return Ground(folder=folder, environ=environ, postgres=postgres, valkey=valkey, small_disk=small)


def _take(kept: Path, place: Place) -> bool:
    """Begin with the cluster that an earlier campaign migrated, if nothing that shapes it has changed since."""
    if not kept.is_dir():
        return False
    shutil.copytree(kept, place.cluster)
    for path in (place.cluster, *place.cluster.rglob("*")):
        if place.account is not None:
            os.chown(path, place.account.uid, place.account.gid)
    return True


def _keep(kept: Path, place: Place) -> None:
    """The newest one; nothing depends on it."""
    shutil.rmtree(kept.parent, ignore_errors=True)
    kept.parent.mkdir(parents=True)
    fresh = kept.with_name("new")
    shutil.copytree(place.cluster, fresh)
    fresh.rename(kept)


def _small_disk(stack: ExitStack, place: Place, megabytes: int) -> Path | None:
    """A file system of this size for the database alone, where this user may mount one."""
    disk = place.cluster.with_name("disk")
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        return None
    stack.callback(subprocess.run, ["umount", "-l", str(disk)], capture_output=True, check=False)
    if place.account is not None:
        os.chown(disk, place.account.uid, place.account.gid)
    return disk


def _migrate(environ: dict[str, str], folder: Path) -> None:
    """As every start does; without a sandbox there is no demo company."""
    with (folder / "migrate.log").open("ab") as log:
        boot = [sys.executable, "-m", "config.boot"]
        env = {**environ, "SANDBOX": "0"}
        done = subprocess.run(boot, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise CampaignError((folder / "migrate.log").read_text(encoding="utf-8")[-2000:])
