from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from connectors.contract.errors import ConnectorError
from sync.management.base import TEMPORARY, WRONG_USE
from sync.tenantfile.demo import demo_ensure
from sync.tenantfile.vendors import Unreachable


class Command(BaseCommand):
    help = "Sets up the demo company beside the sandbox, once; prints its sign-in."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.ENV.sandbox:
            raise CommandError("the demo company needs the sandbox: leave SANDBOX at 1", returncode=WRONG_USE)
        try:
            login = demo_ensure()
        except (Unreachable, ConnectorError) as error:
            raise CommandError(f"the demo company could not be set up: {error}", returncode=TEMPORARY) from error
        # A log is no place for a password: whoever is not at a terminal finds it in the note.
        secret = login.password if self.stdout.isatty() else f"the password in {settings.ENV.data_dir / 'demo.json'}"
        self.stdout.write(f"demo: sign in as {login.email} with {secret}")
