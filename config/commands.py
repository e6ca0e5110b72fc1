"""Runs one Django command and turns its end into the exit codes people script against.

0 done; 1 done with findings; 2 wrong use or configuration; 3 temporarily impossible; 4 a defect.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext

import django
import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, execute_from_command_line, get_commands
from django.db import InterfaceError, OperationalError

from config import celery
from config.database import as_owner
from config.env import EnvError
from config.logging import redact

__all__ = ["celery", "execute", "guarded"]  # hints that a command sends have to find our broker
OWNER_COMMANDS = frozenset({"migrate", "flush"})
WRONG_USE = 2
TEMPORARY = 3
DEFECT = 4


def execute(argv: list[str]) -> int:
    """Run `argv` as django-admin would."""
    return guarded(lambda: _run(argv))


def guarded(run: Callable[[], int]) -> int:
    """The exit code of `run`: one line and 2 for a wrong environment, one line and 3 for a database that is away,
    a traceback and 4 for a defect."""
    try:
        return run()
    except (EnvError, ImproperlyConfigured) as error:
        return _refuse(str(error))
    except CommandError as error:
        sys.stderr.write(f"millrace: {redact(str(error))}\n")
        return error.returncode
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head` has seen enough
        return 0
    except (psycopg.OperationalError, OperationalError, InterfaceError) as error:
        sys.stderr.write(f"millrace: the database cannot be reached: {_first_line(error)}\n")
        return TEMPORARY
    except Exception:  # noqa: BLE001  the last door: whatever was not foreseen is a defect and says so
        sys.stderr.write(redact(traceback.format_exc()))  # an exception's text may hold what a vendor said
        return DEFECT


def _run(argv: list[str]) -> int:
    django.setup()
    name = argv[1] if len(argv) > 1 else "help"
    if not name.startswith("-") and name != "help" and name not in get_commands():
        return _refuse(f"there is no command {name!r}: `./run manage help` lists them")
    with as_owner() if name in OWNER_COMMANDS else nullcontext():
        execute_from_command_line(argv)
    return 0


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _refuse(line: str) -> int:
    sys.stderr.write(f"millrace: {redact(line)}\n")
    return WRONG_USE
