"""One chain of tokens, many askers: refreshed once, stored before use, never lost by a crash or a lost answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from pytest_django import Settings

from connectors import credentials, oauth, providers
from connectors.contract.errors import ActionRequired, RetryLater
from connectors.credentials import Credentials, Timing
from connectors.models import Grant
from sandbox.app import Sandbox
from tests.connectors.conftest import AMNIS_KEY, AMNIS_SECRET, AMNIS_URL, XERO_URL

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = timedelta(hours=2)


class Wire(httpx.BaseTransport):
    """The sandbox behind a wire that counts token calls and can be cut before or after the vendor has worked."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.token_calls = 0
        self.after: Callable[[httpx.Response], None] | None = None
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        if request.url.path.endswith("/token"):
            response.read()
            with self._lock:
                self.token_calls += 1
                after, self.after = self.after, None
            if after is not None:
                after(response)
        return response


@pytest.fixture
def wire(world: Sandbox, settings: Settings) -> Wire:
    found = Wire(settings.CONNECTOR_TRANSPORTS[XERO_URL])
    settings.CONNECTOR_TRANSPORTS = {**settings.CONNECTOR_TRANSPORTS, XERO_URL: found}
    return found


@pytest.fixture
def grant(world: Sandbox, wire: Wire) -> Grant:
    """A Xero user's chain whose access token ended two hours ago."""
    given = world.xero.issue_tokens()
    tokens = oauth.TokenSet(access_token=given["access_token"], refresh_token=given["refresh_token"])
    found = credentials.grant_store(
        provider=providers.provider("xero"), subject=credentials.subject_of(tokens), tokens=tokens
    )
    expire(found)
    return found


def expire(grant: Grant, **changes: Any) -> None:
    past = datetime.now(UTC) - LONG_AGO
    Grant.objects.filter(pk=grant.pk).update(
        access_expires_at=past, refreshed_at=past - timedelta(minutes=30), **changes
    )


def fresh(grant: Grant) -> Grant:
    return Grant.objects.get(pk=grant.pk)


def test_fifty_threads_on_one_expired_grant_make_exactly_one_refresh(grant: Grant, wire: Wire) -> None:
    start = threading.Barrier(50)

    def ask(_: int) -> str:
        start.wait()
        try:
            return Credentials(grant.pk).token()
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        tokens = set(pool.map(ask, range(50)))
    assert wire.token_calls == 1
    assert tokens == {fresh(grant).access_token}


def test_fifty_threads_told_401_renew_once(grant: Grant, wire: Wire) -> None:
    stale = Credentials(grant.pk).token()
    before = wire.token_calls
    start = threading.Barrier(50)

    def ask(_: int) -> str:
        start.wait()
        try:
            return Credentials(grant.pk).renew(stale)
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        tokens = set(pool.map(ask, range(50)))
    assert wire.token_calls == before + 1
    assert stale not in tokens
    assert len(tokens) == 1


def test_a_process_killed_between_refresh_and_store_costs_nothing(grant: Grant, wire: Wire) -> None:
    class Killed(BaseException):
        pass

    def kill(response: httpx.Response) -> None:
        raise Killed

    wire.after = kill
    with pytest.raises(Killed):
        Credentials(grant.pk, timing=Timing(lease=timedelta(seconds=0.3))).token()
    assert fresh(grant).refresh_token == grant.refresh_token  # nothing was stored
    token = Credentials(grant.pk, timing=Timing(lease=timedelta(seconds=0.3))).token()
    assert token == fresh(grant).access_token
    assert fresh(grant).status == Grant.Status.ACTIVE
    assert wire.token_calls == 2


def test_a_lost_answer_is_tried_again_with_the_old_token(grant: Grant, wire: Wire) -> None:
    def lose(response: httpx.Response) -> None:
        raise httpx.ReadTimeout("lost")

    wire.after = lose
    with pytest.raises(RetryLater):
        Credentials(grant.pk).token()
    Grant.objects.filter(pk=grant.pk).update(lease_until=None)  # the cool-down is over
    assert Credentials(grant.pk).token()
    assert fresh(grant).refresh_token != grant.refresh_token


def test_while_the_vendor_is_down_nobody_else_asks_during_the_cool_down(grant: Grant, wire: Wire) -> None:
    def lose(response: httpx.Response) -> None:
        raise httpx.ConnectError("down")

    wire.after = lose
    for _ in range(5):
        with pytest.raises(RetryLater):
            Credentials(grant.pk).token()
    assert wire.token_calls == 1


def test_the_new_tokens_are_stored_before_they_are_used(grant: Grant) -> None:
    token = Credentials(grant.pk).token()
    stored = fresh(grant)
    assert stored.access_token == token
    assert stored.previous_refresh_token == grant.refresh_token
    assert stored.refresh_token not in ("", grant.refresh_token)


def test_a_stored_token_that_the_vendor_forgot_falls_back_to_the_previous_one(grant: Grant) -> None:
    expire(
        grant, refresh_token="never-issued", previous_refresh_token=grant.refresh_token, rotated_at=datetime.now(UTC)
    )
    assert Credentials(grant.pk).token()
    assert fresh(grant).status == Grant.Status.ACTIVE


def test_a_previous_token_beyond_its_grace_is_not_tried(grant: Grant, wire: Wire) -> None:
    expire(
        grant,
        refresh_token="never-issued",
        previous_refresh_token=grant.refresh_token,
        rotated_at=datetime.now(UTC) - timedelta(minutes=31),
    )
    with pytest.raises(ActionRequired):
        Credentials(grant.pk).token()
    assert wire.token_calls == 1


def test_a_chain_that_is_dead_asks_for_a_person_once_and_never_loops(grant: Grant, wire: Wire) -> None:
    expire(grant, refresh_token="never-issued", previous_refresh_token="")
    for _ in range(3):
        with pytest.raises(ActionRequired):
            Credentials(grant.pk).token()
    assert wire.token_calls == 1
    assert fresh(grant).status == Grant.Status.NEEDS_RECONNECT


def test_a_frozen_refresher_does_not_overwrite_a_newer_chain(grant: Grant, wire: Wire) -> None:
    def freeze(response: httpx.Response) -> None:
        Grant.objects.filter(pk=grant.pk).update(epoch=99, access_token="newer", refresh_token="newer-refresh")

    wire.after = freeze
    assert Credentials(grant.pk).token() == "newer"
    assert fresh(grant).refresh_token == "newer-refresh"
    assert fresh(grant).candidate_refresh_token not in ("", grant.refresh_token)


def test_a_candidate_of_a_late_refresher_is_tried_when_the_stored_chain_is_dead(grant: Grant) -> None:
    expire(grant, refresh_token="never-issued", candidate_refresh_token=grant.refresh_token)
    assert Credentials(grant.pk).token()


def test_a_token_good_for_a_while_is_used_when_somebody_else_renews(grant: Grant, wire: Wire) -> None:
    now = datetime.now(UTC)
    Grant.objects.filter(pk=grant.pk).update(
        access_expires_at=now + timedelta(minutes=3),
        refreshed_at=now - timedelta(minutes=27),
        lease_until=now + timedelta(seconds=20),
    )
    assert Credentials(grant.pk).token() == grant.access_token
    assert wire.token_calls == 0


def test_a_token_is_renewed_early_by_whoever_comes_first(grant: Grant, wire: Wire) -> None:
    now = datetime.now(UTC)
    Grant.objects.filter(pk=grant.pk).update(
        access_expires_at=now + timedelta(minutes=3), refreshed_at=now - timedelta(minutes=27)
    )
    assert Credentials(grant.pk).token() != grant.access_token
    assert wire.token_calls == 1


def test_the_same_imported_token_never_overwrites_the_rotated_one(world: Sandbox, wire: Wire) -> None:
    token = world.xero.issue_tokens()["refresh_token"]
    first = credentials.grant_import(kind="xero", refresh_token=token)
    again = credentials.grant_import(kind="xero", refresh_token=token)
    assert again.pk == first.pk
    assert again.refresh_token == first.refresh_token != token
    assert wire.token_calls == 1


def test_an_unknown_imported_token_is_refused_and_leaves_nothing(world: Sandbox) -> None:
    with pytest.raises(oauth.InvalidGrant):
        credentials.grant_import(kind="xero", refresh_token="made-up")
    assert not Grant.objects.exists()


def amnis_grant(**changes: Any) -> Grant:
    provider = providers.provider("amnis", client_id=AMNIS_KEY, client_secret=AMNIS_SECRET)
    tokens = oauth.client_credentials(provider)
    found = credentials.grant_store(provider=provider, subject=AMNIS_KEY, tokens=tokens, own_key=True)
    expire(found, **changes)
    return found


def test_amnis_gives_a_new_token_for_the_key_itself(world: Sandbox) -> None:
    grant = amnis_grant()
    assert Credentials(grant.pk).token() not in ("", grant.access_token)


def test_an_amnis_refresh_token_is_used_and_rotated_where_the_server_issues_one(world: Sandbox) -> None:
    world.amnis.switch(issue_refresh_tokens=True)
    grant = amnis_grant()
    assert grant.refresh_token
    Credentials(grant.pk).token()
    assert fresh(grant).refresh_token not in ("", grant.refresh_token)


def test_an_amnis_refresh_token_that_died_falls_back_to_the_key(world: Sandbox) -> None:
    grant = amnis_grant(refresh_token="never-issued")
    assert Credentials(grant.pk).token()
    assert fresh(grant).refresh_token == ""
    assert fresh(grant).status == Grant.Status.ACTIVE


def test_an_amnis_key_whose_secret_changed_is_tried_once_and_then_asks_for_a_person(
    world: Sandbox, settings: Settings
) -> None:
    grant = amnis_grant()
    world.amnis.tokens.change_secret(AMNIS_KEY, "another")
    wire = Wire(settings.CONNECTOR_TRANSPORTS[AMNIS_URL])
    settings.CONNECTOR_TRANSPORTS = {**settings.CONNECTOR_TRANSPORTS, AMNIS_URL: wire}
    for _ in range(3):
        with pytest.raises(ActionRequired):
            Credentials(grant.pk).token()
    assert wire.token_calls == 1  # failed log-ins are limited, so there is no second one


def test_a_very_short_token_is_still_used_for_most_of_its_life(world: Sandbox, settings: Settings) -> None:
    world.amnis.switch(token_ttl=20)
    grant = amnis_grant()
    wire = Wire(settings.CONNECTOR_TRANSPORTS[AMNIS_URL])
    settings.CONNECTOR_TRANSPORTS = {**settings.CONNECTOR_TRANSPORTS, AMNIS_URL: wire}
    provider = Credentials(grant.pk)
    assert provider.token() == provider.token()
    assert wire.token_calls == 1
