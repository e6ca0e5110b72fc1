"""Everything that has to be true before the first request, in one process: role, migrations, demo company.

`python -m config.boot` is what the compose file's `migrate` service and the supervisor run.
"""

from __future__ import annotations

import io
import os
import sys

import django
from django.conf import settings
from django.core.management import call_command, get_commands

from config.commands import guarded
from config.database import as_owner
from tenants.checks import require_plain_role

DEMO = "demo"


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    return guarded(_boot)


def _boot() -> int:
    django.setup()
    call_command(
        "check", stdout=io.StringIO()
    )  # a broken installation is told here and not by five deaths of the worker
    with as_owner():
        call_command("migrate", interactive=False, verbosity=0)
    require_plain_role()
    if settings.ENV.sandbox and DEMO in get_commands():
        call_command(DEMO)
    return 0


if __name__ == "__main__":
    sys.exit(main())
