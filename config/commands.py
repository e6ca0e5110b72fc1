"""Runs one Django command and turns its end into the exit codes people script against.

0 done; 1 done with findings; 2 wrong use or configuration; 3 temporarily impossible; 4 a defect.
"""

from __future__ import annotations

import sys
import traceback
from contextlib import nullcontext

from config.database import as_owner, grant_defaults
from config.env import EnvError

OWNER_COMMANDS = frozenset({"migrate", "flush", "sqlflush"})
WRONG_USE = 2
DEFECT = 4


def execute(argv: list[str]) -> int:
    """Run `argv` as django-admin would. One line and 2 for a wrong environment, a traceback and 4 for a defect."""
    try:
        return _run(argv)
    except EnvError as error:
        print(f"millrace: {error}", file=sys.stderr)
        return WRONG_USE
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return 130
    except Exception:  # noqa: BLE001  the last door: whatever was not foreseen is a defect and says so
        traceback.print_exc()
        return DEFECT


def _run(argv: list[str]) -> int:
    import django
    from django.core.management import execute_from_command_line, get_commands

    django.setup()
    name = argv[1] if len(argv) > 1 else "help"
    if not name.startswith("-") and name != "help" and name not in get_commands():
        print(f"millrace: there is no command {name!r}: `./run manage help` lists them", file=sys.stderr)
        return WRONG_USE
    with as_owner() if name in OWNER_COMMANDS else nullcontext():
        if name == "migrate":
            grant_defaults()
        execute_from_command_line(argv)
    return 0
