"""A process that uses one chain of tokens again and again, each time in a child of its own.

`python -m tests.security.vendors.refresher GRANT` reads one word a line: `die` uses the chain in a child that kills itself
between the vendor's answer and the storing, `live` in one that does not. Each line is answered with the child's end (-9: it
was killed) and, of one that lived, the error it met.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta

import django

LEASE = 0.15  # seconds; what a dead child leaves behind ends soon


def main(grant_id: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from connectors import credentials  # noqa: F401  once, before any child is made: it is most of what a child costs

    for line in sys.stdin:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            _use(grant_id, dies=line.strip() == "die", writer=writer)
        os.close(writer)
        with os.fdopen(reader) as said:
            error = said.read()
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), error, flush=True)


def _use(grant_id: int, *, dies: bool, writer: int) -> None:
    """In the child: its own connections, its own fault point, and no way back."""
    from connectors import faults
    from connectors.credentials import Credentials, Timing

    faults._wanted = {"after_refresh_before_store": 1} if dies else {}
    try:
        expire(grant_id)
        Credentials(grant_id, timing=Timing(lease=timedelta(seconds=LEASE), patience=10.0)).token()
    except Exception as error:  # noqa: BLE001  told to the parent, whatever it is
        os.write(writer, f"{type(error).__name__}: {error}".replace("\n", " ").encode())
    os._exit(0)


def expire(grant_id: int) -> None:
    """As if half an hour had passed; when the refresh token was rotated stays as it is."""
    from connectors.models import Grant

    past = datetime.now(UTC) - timedelta(minutes=5)
    Grant.objects.filter(pk=grant_id).update(access_expires_at=past, refreshed_at=past - timedelta(minutes=30))


if __name__ == "__main__":
    main(int(sys.argv[1]))
