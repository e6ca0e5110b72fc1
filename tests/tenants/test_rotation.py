from __future__ import annotations

from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from connectors.models import Grant
from tenants.encryption import DecryptionFailed, is_current
from tenants.models import Tenant, User
from tenants.rotation import rotate_keys

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRETS = ("client_secret", "access_token", "refresh_token", "previous_refresh_token", "candidate_refresh_token")


@pytest.fixture
def grants(db: None, muster: Tenant) -> list[Grant]:
    with override_settings(FIELD_ENCRYPTION_KEY=[OLD]):
        return Grant.objects.bulk_create(
            Grant(provider="xero", subject=str(n), client_secret=f"c{n}", refresh_token=f"r{n}") for n in range(5)
        )


def stored() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(SECRETS)} FROM grant_chain ORDER BY id")
        return [text for row in cursor.fetchall() for text in row]


def test_after_a_rotation_the_old_key_can_be_dropped(grants: list[Grant]) -> None:
    with override_settings(FIELD_ENCRYPTION_KEY=[NEW, OLD]):
        done = rotate_keys(batch=2)  # smaller than the table, and not a divisor of it
    assert (done.seen, done.rotated) == (5 * len(SECRETS), 5 * len(SECRETS))
    with override_settings(FIELD_ENCRYPTION_KEY=[NEW]):
        assert [(grant.client_secret, grant.refresh_token) for grant in Grant.objects.order_by("pk")] == [
            (f"c{n}", f"r{n}") for n in range(5)
        ]


def test_a_repeated_rotation_touches_nothing(grants: list[Grant]) -> None:
    with override_settings(FIELD_ENCRYPTION_KEY=[NEW, OLD]):
        rotate_keys()
        before = stored()
        done = rotate_keys()
    assert (done.seen, done.rotated) == (25, 0)
    assert stored() == before


def test_a_rotation_that_was_cut_short_goes_on_where_it_stopped(grants: list[Grant]) -> None:
    """A secret that no key fits stops it; what was rotated before stays, and the next run does the rest."""
    lost = grants[3]
    with override_settings(FIELD_ENCRYPTION_KEY=[Fernet.generate_key().decode()]):
        Grant.objects.filter(pk=lost.pk).update(refresh_token="unreadable")
    with override_settings(FIELD_ENCRYPTION_KEY=[NEW, OLD]):
        with pytest.raises(DecryptionFailed, match=f"Grant {lost.pk}"):
            rotate_keys(batch=1)
        assert [is_current(text) for text in stored()[: 3 * len(SECRETS)]] == [True] * 3 * len(SECRETS)
        Grant.objects.filter(pk=lost.pk).update(refresh_token="r3")
        assert rotate_keys().rotated == 2 * len(SECRETS) - 1


def test_second_factors_are_encrypted_and_rotate_too(alice: User) -> None:
    secret = generate_totp_secret()
    with override_settings(FIELD_ENCRYPTION_KEY=[OLD]):
        TOTP.activate(alice, secret)
        codes = RecoveryCodes.activate(alice).generate_codes()
    assert secret not in str(list(Authenticator.objects.values_list("data", flat=True)))
    with override_settings(FIELD_ENCRYPTION_KEY=[NEW, OLD]):
        assert rotate_keys().rotated == 2
    with override_settings(FIELD_ENCRYPTION_KEY=[NEW]):
        assert RecoveryCodes.activate(alice).generate_codes() == codes


def test_the_command_prints_its_counts(grants: list[Grant]) -> None:
    out = StringIO()
    with override_settings(FIELD_ENCRYPTION_KEY=[NEW, OLD]):
        call_command("rotate_keys", "--json", stdout=out)
    assert out.getvalue() == '{"seen": 25, "rotated": 25}\n'


def test_the_command_ends_with_2_when_a_key_is_missing(grants: list[Grant]) -> None:
    with override_settings(FIELD_ENCRYPTION_KEY=[NEW]), pytest.raises(CommandError) as failure:
        call_command("rotate_keys")
    assert failure.value.returncode == 2
    assert "FIELD_ENCRYPTION_KEY" in str(failure.value)
