"""Database and broker for one campaign, in a folder of its own that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config.settings_test import TEST_ENVIRON
from config.supervisor.environment import NAMES, ROOT
from config.supervisor.postgres import DATABASE, OWNER_ROLE, Passwords, Postgres, find_place
from config.supervisor.valkey import Valkey, free_port
from tests.chaos.campaign import TIMES_AND_LIMITS, Campaign, CampaignError

# What a machine without power would lose is of no interest here: only processes die.
QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "100"}


@contextmanager
def stage() -> Iterator[Campaign]:
    """Both servers, and a migrated database to copy from."""
    folder = Path(tempfile.mkdtemp(prefix="millrace-chaos-"))
    folder.chmod(0o711)  # Postgres runs as another user when root runs the campaign
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        environ = {**_plain_environ(), **_servers(stack, folder)}
        _migrate(environ, folder)
        yield Campaign(environ=environ, template=DATABASE, folder=folder)


def _plain_environ() -> dict[str, str]:
    """The caller's environment without settings of ours: the campaign must not depend on them."""
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in NAMES}
    return {
        **kept,
        "SECRET_KEY": TEST_ENVIRON["SECRET_KEY"],
        "FIELD_ENCRYPTION_KEY": TEST_ENVIRON["FIELD_ENCRYPTION_KEY"],
    }


def _servers(stack: ExitStack, folder: Path) -> dict[str, str]:
    place = find_place(folder)
    if place.moved_to is not None:
        stack.callback(shutil.rmtree, place.moved_to, ignore_errors=True)
    postgres = Postgres(place=place, passwords=Passwords.fresh(), log=folder / "postgres.log", settings=QUICK)
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
    return {
        "DATABASE_URL": postgres.url(),
        "DATABASE_ADMIN_URL": postgres.url(OWNER_ROLE),
        "REDIS_URL": valkey.url,
        "DATA_DIR": str(folder / "data"),
    }


def _migrate(environ: dict[str, str], folder: Path) -> None:
    """As every start does; without a sandbox there is no demo company."""
    with (folder / "migrate.log").open("ab") as log:
        boot = [sys.executable, "-m", "config.boot"]
        env = {**environ, **TIMES_AND_LIMITS, "SANDBOX": "0"}
        done = subprocess.run(boot, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise CampaignError((folder / "migrate.log").read_text(encoding="utf-8")[-2000:])
