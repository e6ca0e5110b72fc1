"""The environment as one typed value. Pure: `load` reads a mapping and the files that `NAME_FILE` names."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_SCOPES = (
    "openid profile email offline_access accounting.banktransactions accounting.payments "
    "accounting.invoices.read accounting.contacts accounting.settings"
)
SECRETS = frozenset(
    {
        "SECRET_KEY",
        "FIELD_ENCRYPTION_KEY",
        "DATABASE_URL",
        "DATABASE_ADMIN_URL",
        "REDIS_URL",
        "EMAIL_URL",
        "OPS_SLACK_WEBHOOK",
        "AMNIS_CLIENT_SECRET",
        "XERO_CLIENT_SECRET",
        "XERO_WEBHOOK_KEY",
        "AMAZON_LWA_CLIENT_SECRET",
    }
)


class EnvError(ValueError):
    """A variable is missing or wrong. The text is one line for the person who started the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Env:
    """Every variable of the program. Times are seconds; base URLs have no trailing slash; "" means "not set"."""

    port: int
    data_dir: Path
    public_url: str
    allowed_hosts: tuple[str, ...]
    secret_key: str
    field_encryption_keys: tuple[str, ...]
    database_url: str
    database_admin_url: str
    redis_url: str
    email_url: str
    slack_base_url: str
    ops_slack_webhook: str
    ops_email: tuple[str, ...]
    sandbox: bool

    amnis_base_url: str
    amnis_authorize_url: str
    amnis_client_id: str
    amnis_client_secret: str
    amnis_limit_minute: int

    xero_client_id: str
    xero_client_secret: str
    xero_webhook_key: str
    xero_login_url: str
    xero_identity_url: str
    xero_api_url: str
    xero_scopes: str
    xero_limit_minute: int
    xero_limit_day: int
    xero_limit_concurrent: int

    amazon_lwa_client_id: str
    amazon_lwa_client_secret: str
    amazon_lwa_url: str
    amazon_consent_url: str
    amazon_api_url: str

    tick_seconds: float
    poll_seconds: float | None
    retry_schedule_seconds: tuple[float, ...]
    lease_seconds: float
    quarantine_seconds: float
    probe_seconds: tuple[float, ...]
    probe_gap_seconds: float
    read_back_seconds: float
    send_deadline_seconds: float
    http_timeout_seconds: float
    watchdog_seconds: float

    @property
    def public_is_loopback(self) -> bool:
        return is_loopback(self.public_url)

    @property
    def public_is_https(self) -> bool:
        return self.public_url.startswith("https://")


def load(environ: Mapping[str, str]) -> Env:
    """Read and check every variable. Raises EnvError with one clear line at the first wrong one."""
    read = _Reader(environ)
    port = read.whole("PORT", 8000, low=1, high=65535)
    public_url = read.base_url("PUBLIC_URL", f"http://localhost:{port}")
    host = urlsplit(public_url).hostname or ""
    env = Env(
        port=port,
        data_dir=Path(read.text("DATA_DIR", ".data")).expanduser().absolute(),
        public_url=public_url,
        allowed_hosts=read.words("ALLOWED_HOSTS") or _default_hosts(host),
        secret_key=read.required("SECRET_KEY", min_length=32),
        field_encryption_keys=read.fernet_keys("FIELD_ENCRYPTION_KEY"),
        database_url=read.service_url("DATABASE_URL", ("postgres", "postgresql")),
        database_admin_url=read.service_url("DATABASE_ADMIN_URL", ("postgres", "postgresql"), optional=True),
        redis_url=read.service_url("REDIS_URL", ("redis", "rediss", "unix")),
        email_url=read.service_url("EMAIL_URL", ("smtp", "smtps", "file", "console"), optional=True),
        slack_base_url=read.base_url("SLACK_BASE_URL", "https://hooks.slack.com"),
        ops_slack_webhook=read.webhook("OPS_SLACK_WEBHOOK"),
        ops_email=read.addresses("OPS_EMAIL"),
        sandbox=read.switch("SANDBOX", default=True) and not public_url.startswith("https://"),
        amnis_base_url=read.base_url("AMNIS_BASE_URL", "https://api.amnistreasury.com"),
        amnis_authorize_url=read.page_url("AMNIS_AUTHORIZE_URL"),
        amnis_client_id=read.text("AMNIS_CLIENT_ID"),
        amnis_client_secret=read.text("AMNIS_CLIENT_SECRET"),
        amnis_limit_minute=read.whole("AMNIS_LIMIT_MINUTE", 330, low=15),
        xero_client_id=read.text("XERO_CLIENT_ID"),
        xero_client_secret=read.text("XERO_CLIENT_SECRET"),
        xero_webhook_key=read.text("XERO_WEBHOOK_KEY"),
        xero_login_url=read.base_url("XERO_LOGIN_URL", "https://login.xero.com"),
        xero_identity_url=read.base_url("XERO_IDENTITY_URL", "https://identity.xero.com"),
        xero_api_url=read.base_url("XERO_API_URL", "https://api.xero.com"),
        xero_scopes=" ".join(read.text("XERO_SCOPES", DEFAULT_SCOPES).split()),
        xero_limit_minute=read.whole("XERO_LIMIT_MINUTE", 60, low=1),
        xero_limit_day=read.whole("XERO_LIMIT_DAY", 5000, low=1),
        xero_limit_concurrent=read.whole("XERO_LIMIT_CONCURRENT", 5, low=1),
        amazon_lwa_client_id=read.text("AMAZON_LWA_CLIENT_ID"),
        amazon_lwa_client_secret=read.text("AMAZON_LWA_CLIENT_SECRET"),
        amazon_lwa_url=read.base_url("AMAZON_LWA_URL", "https://api.amazon.com"),
        amazon_consent_url=read.base_url("AMAZON_CONSENT_URL", "https://sellercentral-europe.amazon.com"),
        amazon_api_url=read.base_url("AMAZON_API_URL", "https://sellingpartnerapi-eu.amazon.com"),
        tick_seconds=read.seconds("TICK_SECONDS", 1),
        poll_seconds=read.seconds("POLL_SECONDS", 0) or None,
        retry_schedule_seconds=read.second_list("RETRY_SCHEDULE_SECONDS", (60, 300, 1800, 7200)),
        lease_seconds=read.seconds("LEASE_SECONDS", 120),
        quarantine_seconds=read.seconds("QUARANTINE_SECONDS", 600),
        probe_seconds=read.second_list("PROBE_SECONDS", (60, 300)),
        probe_gap_seconds=read.seconds("PROBE_GAP_SECONDS", 120),
        read_back_seconds=read.seconds("READ_BACK_SECONDS", 60),
        send_deadline_seconds=read.seconds("SEND_DEADLINE_SECONDS", 20),
        http_timeout_seconds=read.seconds("HTTP_TIMEOUT_SECONDS", 30),
        watchdog_seconds=read.seconds("WATCHDOG_SECONDS", 10),
    )
    _check_times(env, shortened=tuple(read.shortened))
    return env


def is_loopback(url: str) -> bool:
    """Whether the address can only be reached from this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(url: str) -> str:
    """Scheme, host and port of an address, as a Content-Security-Policy names it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _default_hosts(host: str) -> tuple[str, ...]:
    """The public host, and on a developer's machine the other names of the same loopback."""
    local = ("localhost", "127.0.0.1", "[::1]")
    return local if host in ("localhost", "127.0.0.1", "::1") else (host,)


def _check_times(env: Env, *, shortened: tuple[str, ...]) -> None:
    if env.lease_seconds <= env.send_deadline_seconds + env.http_timeout_seconds:
        raise EnvError(
            f"LEASE_SECONDS ({env.lease_seconds:g}) must be longer than SEND_DEADLINE_SECONDS + HTTP_TIMEOUT_SECONDS "
            f"({env.send_deadline_seconds + env.http_timeout_seconds:g})"
        )
    if shortened and not env.public_is_loopback:
        raise EnvError(
            f"{shortened[0]} is below its default, which is allowed only while PUBLIC_URL is a loopback address"
        )


class _Reader:
    """Reads one mapping; remembers which times were set below their default."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.shortened: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        value = self._environ.get(name, "").strip()
        path = self._environ.get(f"{name}_FILE", "").strip() if name in SECRETS else ""
        if value and path:
            raise EnvError(f"{name} and {name}_FILE are both set: keep one of them")
        if path:
            value = self._content(name, path)
        if any(ord(sign) < 32 for sign in value):
            raise EnvError(f"{name} contains a control character or a line break")
        return value or default

    def _content(self, name: str, path: str) -> str:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise EnvError(f"{name}_FILE cannot be read: {path} ({_reason(error)})") from error

    def required(self, name: str, *, min_length: int = 1) -> str:
        value = self.text(name)
        if not value:
            hint = f" (or {name}_FILE)" if name in SECRETS else ""
            raise EnvError(f"{name}{hint} is not set")
        if len(value) < min_length:
            raise EnvError(f"{name} is too short: at least {min_length} characters")
        return value

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(word for word in re.split(r"[,\s]+", self.text(name)) if word)

    def switch(self, name: str, *, default: bool) -> bool:
        value = self.text(name, "1" if default else "0")
        if value not in ("0", "1"):
            raise EnvError(f"{name} must be 0 or 1, not {value!r}")
        return value == "1"

    def whole(self, name: str, default: int, *, low: int, high: int = 10**9) -> int:
        value = self.text(name, str(default))
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise EnvError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        return int(value)

    def seconds(self, name: str, default: float) -> float:
        value = self.text(name)
        return self._time(name, value, default=default) if value else float(default)

    def second_list(self, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
        values = self.text(name)
        if not values:
            return tuple(float(item) for item in default)
        items = values.split(",")
        if len(items) != len(default):
            raise EnvError(f"{name} must be {len(default)} numbers of seconds with commas between, not {values!r}")
        return tuple(self._time(name, item.strip(), default=base) for item, base in zip(items, default, strict=True))

    def _time(self, name: str, value: str, *, default: float) -> float:
        if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,3})?", value) or float(value) <= 0:
            raise EnvError(f"{name} must be a positive number of seconds, not {value!r}")
        if float(value) < default:
            self.shortened.append(name)
        return float(value)

    def base_url(self, name: str, default: str) -> str:
        value = self.text(name, default)
        parts = self._parts(name, value)
        if parts.path not in ("", "/") or parts.query or parts.fragment or "?" in value or "#" in value:
            raise EnvError(f"{name} must be scheme, host and port without a path, not {value!r}")
        return f"{parts.scheme}://{parts.netloc}"

    def page_url(self, name: str) -> str:
        value = self.text(name)
        if value and self._parts(name, value).fragment:
            raise EnvError(f"{name} must not carry a fragment")
        return value

    def webhook(self, name: str) -> str:
        value = self.text(name)
        if value:
            self._parts(name, value, show=False)
        return value

    def _parts(self, name: str, value: str, *, show: bool = True) -> _Parts:
        shown = f", not {value!r}" if show else ""
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError as error:
            raise EnvError(f"{name} is not an address") from error
        if parts.scheme not in ("http", "https") or not _is_host(parts.hostname or ""):
            raise EnvError(f"{name} must be an http(s) address{shown}")
        if parts.username is not None or parts.password is not None:
            raise EnvError(f"{name} must not contain a user name or password")
        if parts.scheme == "http" and not is_loopback(value):
            raise EnvError(f"{name} must use https: http is allowed only for loopback addresses{shown}")
        return _Parts(parts.scheme, parts.netloc.lower(), parts.path, parts.query, parts.fragment)

    def service_url(self, name: str, schemes: tuple[str, ...], *, optional: bool = False) -> str:
        value = self.text(name) if optional else self.required(name)
        if not value:
            return ""
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError as error:
            raise EnvError(f"{name} is not an address") from error
        if parts.scheme not in schemes:
            raise EnvError(f"{name} must start with one of {', '.join(f'{scheme}:' for scheme in schemes)}")
        return value

    def fernet_keys(self, name: str) -> tuple[str, ...]:
        keys = tuple(key.strip() for key in self.required(name).split(",") if key.strip())
        if not keys or not all(_is_fernet(key) for key in keys):
            raise EnvError(f"{name} must be one or more Fernet keys (32 bytes, url-safe base64) with commas between")
        return keys

    def addresses(self, name: str) -> tuple[str, ...]:
        found = self.words(name)
        for address in found:
            if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", address):
                raise EnvError(f"{name} must be e-mail addresses with commas between, not {address!r}")
        return found


@dataclass(frozen=True, slots=True)
class _Parts:
    scheme: str
    netloc: str
    path: str
    query: str
    fragment: str


def _is_host(host: str) -> bool:
    return bool(re.fullmatch(r"[a-z0-9]([a-z0-9.:_-]*[a-z0-9])?|[0-9a-f:]*:[0-9a-f:]*", host))


def _is_fernet(key: str) -> bool:
    try:
        return len(base64.b64decode(key, altchars=b"-_", validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def _reason(error: Exception) -> str:
    return error.strerror or "unreadable" if isinstance(error, OSError) else "not text"
