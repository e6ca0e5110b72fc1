from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.encryption import DecryptionFailed
from tenants.rotation import rotate_keys


class Command(BaseCommand):
    help = "Brings every stored secret under the first key of FIELD_ENCRYPTION_KEY. Safe to stop and to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on the last line")

    def handle(self, *_args: Any, json: bool, **_options: Any) -> None:
        try:
            done = asdict(rotate_keys())
        except DecryptionFailed as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write(_told(done, as_json=json))


def _told(done: dict[str, int], *, as_json: bool) -> str:
    return json.dumps(done) if as_json else f"{done['seen']} secrets, {done['rotated']} brought under the newest key"
