"""gunicorn's settings: one process, threads, no files outside the data folder."""

from __future__ import annotations

import os
from typing import Any

from config.supervisor.child import die_with_parent

wsgi_app = "config.wsgi"
worker_class = "config.webworker.WholeRequestWorker"  # threads, and none of them waits for a visitor
workers = 1
threads = 8
worker_connections = 500  # a process may often have 1,024 files
timeout = 60
graceful_timeout = 1
keepalive = 5
sendfile = False  # it would wait for a visitor without end
limit_request_line = 8190
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def post_fork(server: Any, worker: Any) -> None:
    """A worker whose master was killed must not keep the port."""
    die_with_parent()
