"""EMAIL_URL as Django's settings, and as what smtplib needs when Django is not there to help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from config.env import Env, EnvError


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """One SMTP server. `tls` is "", "starttls" or "ssl"."""

    host: str
    port: int
    user: str
    password: str
    tls: str
    sender: str


def mail_server(env: Env) -> MailServer | None:
    """The server of `smtp://user:password@host:port?tls=starttls&from=address`, or None when mail goes to a file."""
    parts = urlsplit(env.email_url)
    if parts.scheme not in ("smtp", "smtps"):
        return None
    query = parse_qs(parts.query)
    tls = "ssl" if parts.scheme == "smtps" else query.get("tls", [""])[0]
    if tls not in ("", "starttls", "ssl") or not parts.hostname:
        raise EnvError("EMAIL_URL must look like smtp://user:password@host:587?tls=starttls&from=millrace@example.com")
    return MailServer(
        host=parts.hostname,
        port=parts.port or (465 if tls == "ssl" else 587 if tls else 25),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
        sender=query.get("from", [default_sender(env)])[0],
    )


def default_sender(env: Env) -> str:
    """The address mails come from when EMAIL_URL names none."""
    return f"Millrace <millrace@{urlsplit(env.public_url).hostname}>"


def email_settings(env: Env) -> dict[str, Any]:
    """Django's e-mail settings. Without EMAIL_URL every mail becomes a file in DATA_DIR/mail."""
    server = mail_server(env)
    if server is None:
        sender = default_sender(env)
        return {"DEFAULT_FROM_EMAIL": sender, "SERVER_EMAIL": sender, **_local_backend(env)}
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": server.host,
        "EMAIL_PORT": server.port,
        "EMAIL_HOST_USER": server.user,
        "EMAIL_HOST_PASSWORD": server.password,
        "EMAIL_USE_TLS": server.tls == "starttls",
        "EMAIL_USE_SSL": server.tls == "ssl",
        "EMAIL_TIMEOUT": 15,
        "DEFAULT_FROM_EMAIL": server.sender,
        "SERVER_EMAIL": server.sender,
    }


def _local_backend(env: Env) -> dict[str, Any]:
    parts = urlsplit(env.email_url)
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    folder = parts.path or str(env.data_dir / "mail")
    return {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend", "EMAIL_FILE_PATH": folder}
