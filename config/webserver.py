"""The web server of `./run` and of the image: waitress. Its loop takes requests in and gives answers out, and a thread has a
request only while it is worked on: visitors who send or read slowly, or never finish, keep none. One process."""

from __future__ import annotations

import argparse
import os
import socket
from typing import Any

from django.conf import settings
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from config.supervisor.child import end_in_order
from config.wsgi import application

THREADS = 8
CONNECTIONS = 500  # each costs a file descriptor; some systems allow a thousand
PATIENCE = 30  # seconds: for a request from its first byte to its last, and for the next one on a connection
HEAD = 32 * 1024
GRACE = 1.0  # seconds for requests under way when it is told to end


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A visitor's connection. waitress closes those that are silent; here a byte a second is no sign of life either."""

    last_activity: float

    def handle_read(self) -> None:
        begun = self.last_activity if self.request is not None else None
        super().handle_read()
        if begun is not None and self.request is not None:  # the same request is still incomplete
            self.last_activity = begun


def main() -> None:
    servers: dict[int, Any] = {}
    server = create_server(
        application,
        map=servers,
        sockets=_sockets(),
        threads=THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=PATIENCE,
        cleanup_interval=5,
        max_request_header_size=HEAD,
        max_request_body_size=4 * settings.LARGEST_BODY,  # below, the application refuses in its own words
        clear_untrusted_proxy_headers=False,  # the settings say which of them count, and when
        outbuf_high_watermark=1 << 30,  # an answer that is not read waits on the disk and not in a thread
        asyncore_use_poll=True,
        ident="",
    )
    for each in servers.values():
        if isinstance(each, BaseWSGIServer):
            each.channel_class = Channel
    end_in_order()
    try:
        server.asyncore.loop(timeout=1, map=servers, use_poll=True)
    except (SystemExit, KeyboardInterrupt):
        server.task_dispatcher.shutdown(timeout=GRACE)
    os._exit(0)  # a thread that is still at work is not waited for any longer


def _sockets() -> list[socket.socket]:
    parser = argparse.ArgumentParser(prog="python -m config.webserver", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)  # waitress would listen to the whole world
    where.add_argument("--fd", type=int, action="append", help="a bound socket that was handed over")
    where.add_argument("--bind", type=_bound, metavar="ADDRESS:PORT", help="where there is none")
    told = parser.parse_args()
    return [told.bind] if told.bind else [socket.socket(fileno=fd) for fd in told.fd]


def _bound(text: str) -> socket.socket:
    address, _, port = text.rpartition(":")
    try:
        return socket.create_server((address, int(port)))
    except (OSError, ValueError, OverflowError) as problem:
        raise argparse.ArgumentTypeError(f"{text[:50]!r} cannot be used: {problem}") from None


if __name__ == "__main__":
    main()
