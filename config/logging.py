"""One JSON line per event on stderr. What looks like a secret is cut out by its key and by its shape."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog

CUT = "[cut]"
SECRET_KEYS = re.compile(
    r"(?i)(authorization|cookie|password|passwd|secret|token|api[-_]?key|private[-_]?key|verifier|signature|webhook|magiclink"
    r"|dsn|database_url|database_admin_url|redis_url|email_url|encryption_key)"
)
SHAPES = re.compile(
    r"eyJ(?:(?!eyJ)[\w-])+\.[\w-]+\.[\w-]*"  # JWT; stops where the next one may begin, so that it stays linear
    r"|(?i:\b(?:bearer|basic)\s+[\w.~+/=-]{8,})"
    r"|https?://hooks\.slack\.com/\S+|xox[abprs]-[\w-]+"
    r"|Atz[ar]\|[\w+/=|.-]+"
    r"|(?<=://)[^\s/:@]*:[^\s/@]+(?=@)"  # user:password in an address
    r"|\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){2,7}(?:\s?[A-Z0-9]{1,4})?\b"  # IBAN
    r"|(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])"  # card number
)


def redact(value: Any, *, key: str = "") -> Any:
    """The same value without secrets: whole under a telling key, else only the part that has a secret's shape."""
    if key and SECRET_KEYS.search(key) and value not in (None, "", 0, True, False):
        return CUT
    if isinstance(value, str):
        return SHAPES.sub(CUT, value)
    if isinstance(value, Mapping):
        return {str(name): redact(item, key=str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


def redact_event(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """structlog's processor around `redact`."""
    return {name: redact(value, key=name) for name, value in event.items()}


_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
)


class StderrHandler(logging.Handler):
    """Writes to whatever stderr is at the moment. A record that cannot be written is replaced by a line without its content."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  the standard reaction prints the arguments, secrets and all
            line = json.dumps({"event": "log_record_lost", "level": "error", "logger": record.name})
        with contextlib.suppress(OSError, ValueError):  # a closed stderr is nobody's fault at the end of a process
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def configure(level: int = logging.INFO) -> None:
    """Send structlog and the standard library's loggers through the same redaction to stderr."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact_event,
            structlog.processors.JSONRenderer(default=str),
        ],
    )
    handler = StderrHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "faker", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
