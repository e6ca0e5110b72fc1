"""The strict field, on the table of the grants: what is stored, what comes back, and what is refused."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat, Upper
from django.test import override_settings

from connectors.models import Grant
from tenants.encryption import DecryptionFailed, decrypt, encrypt, is_current

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
TOKEN = "canary-of-a-refresh-token"


@pytest.fixture
def grant(db: None) -> Grant:
    return Grant.objects.create(provider="xero", subject="alice", refresh_token=TOKEN)


def stored(grant: Grant, column: str = "refresh_token") -> str:
    """What a dump would contain."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM grant_chain WHERE id = %s", [grant.pk])
        row = cursor.fetchone()
    assert row is not None
    return str(row[0])


def test_a_dump_reveals_nothing_and_the_program_reads_it(grant: Grant) -> None:
    assert "canary" not in stored(grant)
    assert Grant.objects.get(pk=grant.pk).refresh_token == TOKEN
    assert list(Grant.objects.values_list("refresh_token", flat=True)) == [TOKEN]


def test_save_update_bulk_create_and_bulk_update_all_encrypt(grant: Grant) -> None:
    """The stock field stores the text of a CASE expression in bulk_update."""
    other = Grant(provider="xero", subject="bob", refresh_token="canary-b", client_secret="canary-c")
    Grant.objects.bulk_create([other])
    grant.refresh_token, other.refresh_token = "canary-1", "canary-2"
    Grant.objects.bulk_update([grant, other], ["refresh_token"])
    Grant.objects.filter(pk=grant.pk).update(access_token="canary-3")
    assert [Grant.objects.get(pk=row.pk).refresh_token for row in (grant, other)] == ["canary-1", "canary-2"]
    assert Grant.objects.get(pk=grant.pk).access_token == "canary-3"
    for row in (grant, other):
        for column in ("refresh_token", "access_token", "client_secret"):
            assert "canary" not in stored(row, column)


def test_reading_and_saving_again_does_not_encrypt_twice(grant: Grant) -> None:
    Grant.objects.get(pk=grant.pk).save()
    assert decrypt(stored(grant)) == TOKEN


def test_a_text_that_looks_encrypted_is_kept_as_it_is(grant: Grant) -> None:
    """The stock field decrypts whatever is assigned to it and happens to fit."""
    looks = encrypt("inner")
    grant.refresh_token = looks
    grant.save()
    assert Grant.objects.get(pk=grant.pk).refresh_token == looks


def test_a_wrong_key_raises_and_stores_nothing(db: None) -> None:
    with override_settings(FIELD_ENCRYPTION_KEY=[OLD]):
        grant = Grant.objects.create(provider="xero", subject="alice", refresh_token=TOKEN)
    before = stored(grant)
    with override_settings(FIELD_ENCRYPTION_KEY=[NEW]):
        with pytest.raises(DecryptionFailed, match=r"connectors\.Grant"):
            Grant.objects.get(pk=grant.pk)
        with pytest.raises(DecryptionFailed, match=r"connectors\.Grant\.refresh_token") as failure:
            list(Grant.objects.values_list("refresh_token"))
    assert before not in str(failure.value)
    assert stored(grant) == before


def test_plain_text_in_the_column_is_not_taken_for_a_secret(grant: Grant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE grant_chain SET refresh_token = 'plain' WHERE id = %s", [grant.pk])
    with pytest.raises(DecryptionFailed):
        Grant.objects.get(pk=grant.pk)


def test_every_key_of_the_list_decrypts_and_the_first_encrypts(db: None) -> None:
    with override_settings(FIELD_ENCRYPTION_KEY=[OLD]):
        grant = Grant.objects.create(provider="xero", subject="alice", refresh_token=TOKEN)
    with override_settings(FIELD_ENCRYPTION_KEY=[NEW, OLD]):
        assert Grant.objects.get(pk=grant.pk).refresh_token == TOKEN
        assert not is_current(stored(grant))
        Grant.objects.get(pk=grant.pk).save()
        assert is_current(stored(grant))
    with override_settings(FIELD_ENCRYPTION_KEY=NEW):  # one key may stand alone
        assert Grant.objects.get(pk=grant.pk).refresh_token == TOKEN


def test_a_secret_cannot_be_searched(grant: Grant) -> None:
    """The stock field finds nothing and says nothing."""
    for lookup in ("refresh_token", "refresh_token__in", "refresh_token__contains"):
        with pytest.raises(FieldError, match="encrypted"):
            Grant.objects.filter(**{lookup: [TOKEN]}).exists()
    assert Grant.objects.filter(refresh_token__isnull=False).count() == 1


@pytest.mark.parametrize("expression", [F("subject"), Upper("subject"), Concat(Value("a"), F("subject"))])
def test_an_expression_over_other_columns_is_refused(grant: Grant, expression: object) -> None:
    """It would be computed inside the database and stored in plain text."""
    with pytest.raises(FieldError, match="only values"):
        Grant.objects.update(refresh_token=expression)


def test_a_secret_is_not_serialised(grant: Grant) -> None:
    """Django's dumpdata would write it in plain text."""
    with pytest.raises(FieldError, match="secret"):
        serializers.serialize("json", [grant])
