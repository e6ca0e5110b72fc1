"""A process killed after the vendor has rotated a token and before we have stored it: never a reconnect.

Ten kills here; `MILLRACE_KILLS=200 ./run test tests/security/vendors/test_killed_refresh.py -q -s` makes the two hundred of
the campaign.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import httpx
import pytest

from config.supervisor.environment import ROOT
from connectors import credentials, oauth, providers
from connectors.models import Grant
from sandbox.app import Sandbox
from tests.pipeline.served import vendors_at

pytestmark = pytest.mark.django_db(transaction=True)
KILLS = int(os.environ.get("MILLRACE_KILLS", "10"))
IN_A_ROW = (1, 2, 3, 1, 5)  # deaths before one lives, over and over


class Refresher:
    """The other process. See `tests.security.vendors.refresher`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def use(self, how: str) -> tuple[int, str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{how}\n")
        self.process.stdin.flush()
        code, _, error = self.process.stdout.readline().strip().partition(" ")
        return int(code), error


@contextmanager
def refresher(grant: Grant, environ: dict[str, str]) -> Iterator[Refresher]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.security.vendors.refresher", str(grant.pk)],
        env=environ, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Refresher(process)
    finally:
        process.communicate(timeout=30)


def test_a_kill_between_refresh_and_store_never_costs_the_connection(
    world: Sandbox, process_environ: dict[str, str]
) -> None:
    given = world.xero.issue_tokens()
    tokens = oauth.TokenSet(access_token=given["access_token"], refresh_token=given["refresh_token"])
    grant = credentials.grant_store(provider=providers.provider("xero"), subject="alice", tokens=tokens)
    killed = lived = 0
    with vendors_at(world) as addresses, refresher(grant, {**process_environ, **addresses}) as other:
        for deaths in cycle(IN_A_ROW):
            for _ in range(min(deaths, KILLS - killed)):
                assert other.use("die") == (-9, "")
                killed += 1
                assert Grant.objects.get(pk=grant.pk).status == Grant.Status.ACTIVE
            assert other.use("live") == (0, "")
            lived += 1
            print(f"{killed} kills, {lived} refreshes that lived", flush=True)
            assert _opens(addresses["XERO_API_URL"], Grant.objects.get(pk=grant.pk)), "the stored token opens nothing"
            if killed == KILLS:
                break
    found = Grant.objects.get(pk=grant.pk)
    print(f"{killed} kills, {lived} refreshes that lived, status {found.status}")
    assert killed == KILLS
    assert (found.status, found.last_error) == (Grant.Status.ACTIVE, "")


def _opens(api: str, grant: Grant) -> bool:
    """Does the vendor let in what stands in the row?"""
    answer = httpx.get(f"{api}/connections", headers={"Authorization": f"Bearer {grant.access_token}"})
    return answer.status_code == 200
