"""Keys are rotated while workers read and renew tokens: nobody reads ciphertext, nobody's new token is overwritten."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from pytest_django import Settings

from connectors import credentials, oauth, providers
from connectors.credentials import Credentials
from connectors.models import Grant
from sandbox.app import Sandbox
from tenants.encryption import is_current, raw
from tenants.rotation import rotate_keys
from tests.security.vendors.refresher import expire

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 3.0
WORKERS = 3


@pytest.fixture
def grants(world: Sandbox) -> list[Grant]:
    """Three chains, each of a Xero user of its own."""
    found = []
    for number in range(WORKERS):
        given = world.xero.issue_tokens()
        tokens = oauth.TokenSet(access_token=given["access_token"], refresh_token=given["refresh_token"])
        found.append(
            credentials.grant_store(provider=providers.provider("xero"), subject=f"user-{number}", tokens=tokens)
        )
    return found


def test_tokens_are_renewed_and_read_while_the_keys_turn(grants: list[Grant], settings: Settings) -> None:
    first, second = (Fernet.generate_key().decode() for _ in range(2))
    settings.FIELD_ENCRYPTION_KEY = [first, second, *settings.FIELD_ENCRYPTION_KEY]
    over = Event()

    def turn() -> int:
        turned = 0
        while not over.is_set():
            settings.FIELD_ENCRYPTION_KEY = [settings.FIELD_ENCRYPTION_KEY[1], settings.FIELD_ENCRYPTION_KEY[0],
                                             *settings.FIELD_ENCRYPTION_KEY[2:]]  # fmt: skip
            turned += rotate_keys().rotated
        return turned

    def renew(grant: Grant) -> int:
        """Only this worker renews this chain: what it reads back must be what it stored."""
        renewed = 0
        while not over.is_set():
            before = Grant.objects.get(pk=grant.pk)
            expire(grant.pk)
            token = Credentials(grant.pk).token()
            after = Grant.objects.get(pk=grant.pk)
            assert after.access_token == token
            assert after.previous_refresh_token == before.refresh_token, "a rotation wrote an older token back"
            assert token.count(".") == 2, "a token of Xero is a JWT, ciphertext is none"
            renewed += 1
        return renewed

    with ThreadPoolExecutor(WORKERS + 1) as pool:
        turning = pool.submit(_closing(turn))
        renewing = [pool.submit(_closing(renew), grant) for grant in grants]
        time.sleep(SECONDS)
        over.set()
        turned, renewed = turning.result(), [worker.result() for worker in renewing]
    assert turned > 10
    assert min(renewed) > 3
    assert {found.status for found in Grant.objects.all()} == {Grant.Status.ACTIVE}


def test_after_it_the_old_key_can_go(grants: list[Grant], settings: Settings) -> None:
    """What was written during the rotation is under the newest key as well."""
    old = list(settings.FIELD_ENCRYPTION_KEY)
    settings.FIELD_ENCRYPTION_KEY = [Fernet.generate_key().decode(), *old]
    rotate_keys()
    expire(grants[0].pk)
    Credentials(grants[0].pk).token()
    settings.FIELD_ENCRYPTION_KEY = settings.FIELD_ENCRYPTION_KEY[:1]
    for row in Grant.objects.annotate(stored=raw("refresh_token")):
        assert is_current(row.stored)
    assert all(Credentials(grant.pk).token() for grant in grants)


def _closing(work: Callable[..., int]) -> Callable[..., int]:
    def inner(*arguments: Grant) -> int:
        try:
            return work(*arguments)
        finally:
            connection.close()

    return inner
