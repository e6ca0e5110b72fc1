"""How a command ends: the exit codes that people script against, one line for what they can change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError
from django.db import OperationalError

from config.commands import guarded
from config.env import EnvError
from config.supervisor.valkey import free_port

ROOT = Path(__file__).resolve().parent.parent.parent


def run(environ: dict[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *argv], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("problem", "code", "line"),
    [
        (EnvError("PORT is wrong"), 2, "millrace: PORT is wrong\n"),
        (ImproperlyConfigured("the role owns tables"), 2, "millrace: the role owns tables\n"),
        (OperationalError("no\nroute"), 3, "millrace: the database cannot be reached: no\n"),
        (psycopg.OperationalError("no"), 3, "millrace: the database cannot be reached: no\n"),
        (CommandError("not now", returncode=3), 3, "millrace: not now\n"),
        (SystemExit(3), 3, ""),
        (SystemExit(None), 0, ""),
        (SystemExit("text"), 1, ""),
    ],
)
def test_each_end_has_its_code(
    capsys: pytest.CaptureFixture[str], problem: BaseException, code: int, line: str
) -> None:
    def end() -> int:
        raise problem

    assert guarded(end) == code
    assert capsys.readouterr().err == line


def test_what_nobody_foresaw_is_a_defect_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: 1 // 0) == 4
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.django_db(transaction=True)
def test_a_strong_role_refuses_the_start(process_environ: dict[str, str]) -> None:
    strong = {**process_environ, "DATABASE_URL": process_environ["DATABASE_ADMIN_URL"], "SANDBOX": "0"}

    ended = run(strong, "-m", "config.boot")

    assert ended.returncode == 2
    assert "'millrace_owner' owns tables" in ended.stderr.splitlines()[-1]


@pytest.mark.django_db(transaction=True)
def test_the_plain_role_is_welcome_and_booting_twice_changes_nothing(process_environ: dict[str, str]) -> None:
    ended = run({**process_environ, "SANDBOX": "0"}, "-m", "config.boot")

    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr


def test_a_database_that_is_away_is_temporary(process_environ_nowhere: dict[str, str]) -> None:
    ended = run(process_environ_nowhere, "manage.py", "migrate", "--check")

    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-1].startswith("millrace: the database cannot be reached: ")


@pytest.fixture
def process_environ_nowhere() -> dict[str, str]:
    url = f"postgresql://app@127.0.0.1:{free_port()}/none"
    needed = {
        "DATABASE_URL": url,
        "DATABASE_ADMIN_URL": url,
        "SECRET_KEY": "k" * 40,
        "FIELD_ENCRYPTION_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    return {**os.environ, **needed}


def test_an_incomplete_environment_is_one_line() -> None:
    ended = run({"PATH": "/usr/bin:/bin"}, "manage.py", "check")

    assert (ended.returncode, ended.stderr) == (2, "millrace: SECRET_KEY (or SECRET_KEY_FILE) is not set\n")
