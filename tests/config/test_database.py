"""The tests themselves stand on two roles: what they may and may not do is tested here."""

from __future__ import annotations

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import ProgrammingError, connection

from config.database import as_owner, from_url
from config.env import EnvError


def _current_user() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
def test_queries_run_as_the_application_role() -> None:
    ContentType.objects.create(app_label="a", model="b")

    assert _current_user() == "millrace_app"


@pytest.mark.django_db(transaction=True)
def test_the_owner_is_there_only_inside_its_door() -> None:
    with as_owner():
        assert _current_user() == "millrace_owner"

    assert _current_user() == "millrace_app"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "TRUNCATE django_content_type",
        "ALTER TABLE django_content_type DISABLE TRIGGER ALL",
        "CREATE ROLE another",
        "SET ROLE millrace_owner",
    ],
)
def test_the_application_role_owns_nothing(statement: str) -> None:
    with pytest.raises(ProgrammingError), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", [1, 2])
def test_a_committed_row_is_gone_in_the_next_test(time: int) -> None:
    assert not ContentType.objects.filter(app_label="left").exists()

    ContentType.objects.create(app_label="left", model="behind")


def test_a_socket_folder_and_options_are_read_from_the_address() -> None:
    found = from_url("postgresql://me:p%40ss@/books?host=/run/here&sslmode=disable")

    assert {key: found[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")} == {
        "USER": "me",
        "PASSWORD": "p@ss",
        "HOST": "/run/here",
        "PORT": "",
        "NAME": "books",
    }
    assert found["OPTIONS"]["sslmode"] == "disable"


def test_plans_are_kept_unless_the_address_says_that_a_pooler_cannot() -> None:
    kept = {
        words: from_url(f"postgresql://me@here/books{words}")["OPTIONS"]["prepare_threshold"]
        for words in ("", "?prepare_threshold=off", "?prepare_threshold=7")
    }
    assert kept == {"": 3, "?prepare_threshold=off": None, "?prepare_threshold=7": 7}
    with pytest.raises(EnvError, match="a number of times, or off"):
        from_url("postgresql://me@here/books?prepare_threshold=never")
