"""The watch: tells people directly when what normally tells them is down itself.

Rows and tasks cannot be the path when database, broker, worker or beat are what is down, so this needs none of them:
`python -m config.supervisor.watch` is a member of `./run` and a service of its own in compose.
"""

from __future__ import annotations

import os
import smtplib
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage

import psycopg
import redis
from slack_sdk.errors import SlackClientError
from slack_sdk.webhook import WebhookClient

from config import heartbeat
from config.env import Env, EnvError, load
from config.mail import MailServer, default_sender, mail_server

PATIENCE = 3  # checks in a row: 30 s at the default pace
WORDS = {
    "database": "The database does not answer. Nothing is synced until it does; nothing is lost.",
    "broker": "The broker does not answer. Syncs wait; nothing is lost. `tick --loop` works without it.",
    "worker": "The worker is silent. Nothing is synced until it is back; nothing is lost.",
    "beat": "The clock (beat) is silent. Nobody starts the syncs that are due; nothing is lost.",
}
_TIMEOUT = 5


@dataclass(frozen=True, slots=True)
class News:
    """One message to the operators."""

    subject: str
    text: str

    @classmethod
    def down(cls, cause: str) -> News:
        return cls(f"Millrace: {cause} is down", WORDS[cause])

    @classmethod
    def over(cls, cause: str) -> News:
        return cls(f"Millrace: {cause} works again", f"The {cause} answers again. Processing goes on.")


@dataclass(slots=True)
class Judge:
    """Turns check results into news: each cause once when it has failed `PATIENCE` times in a row, once when it is over."""

    failures: dict[str, int] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def hear(self, results: Mapping[str, bool | None]) -> list[News]:
        """`None` means that a part could not be asked, which is no news about it."""
        news: list[News] = []
        for cause, works in results.items():
            if works is None:
                continue
            self.failures[cause] = 0 if works else self.failures.get(cause, 0) + 1
            if works and cause in self.told:
                self.told.discard(cause)
                news.append(News.over(cause))
            if self.failures[cause] >= PATIENCE and cause not in self.told:
                self.told.add(cause)
                news.append(News.down(cause))
        return news


def look(env: Env) -> dict[str, bool | None]:
    """Ask each part. Without the broker nobody knows about worker and beat."""
    return {"database": _database_works(env.database_url), **_broker_and_beats(env.redis_url)}


def _database_works(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=_TIMEOUT, options="-c statement_timeout=5000") as connection:
            return connection.execute("SELECT 1").fetchone() is not None
    except psycopg.Error:
        return False


def _broker_and_beats(url: str) -> dict[str, bool | None]:
    names = (heartbeat.WORKER, heartbeat.BEAT)
    try:
        with heartbeat.broker(url) as client:
            alive = client.mget([heartbeat.key(name) for name in names])
    except (redis.RedisError, OSError):
        return {"broker": False, **dict.fromkeys(names, None)}
    return {"broker": True, **{name: value is not None for name, value in zip(names, alive, strict=True)}}


def tell(env: Env, news: News) -> list[str]:
    """Post to Slack and send the mail. One way that fails does not stop the other; returns what went wrong."""
    problems: list[str] = []
    ways: list[tuple[str, Callable[[], None]]] = []
    if env.ops_slack_webhook:
        ways.append(("Slack", lambda: _post(env.ops_slack_webhook, news)))
    server = mail_server(env)
    if env.ops_email and server is not None:
        ways.append(("mail", lambda: _mail(server, env, news)))
    for name, way in ways:
        try:
            way()
        except (OSError, SlackClientError, smtplib.SMTPException, ValueError) as error:
            problems.append(f"{name}: {type(error).__name__}")
    return problems


def _post(webhook: str, news: News) -> None:
    answer = WebhookClient(webhook, timeout=_TIMEOUT).send(text=f"{news.subject}\n{news.text}")
    if answer.status_code != 200:
        raise ValueError(f"status {answer.status_code}")


def _mail(server: MailServer, env: Env, news: News) -> None:
    message = EmailMessage()
    message["Subject"] = news.subject
    message["From"] = server.sender or default_sender(env)
    message["To"] = ", ".join(env.ops_email)
    message.set_content(f"{news.text}\n\n{env.public_url}\n")
    with _open(server) as smtp:
        if server.tls == "starttls":
            smtp.starttls(context=ssl.create_default_context())
        if server.user:
            smtp.login(server.user, server.password)
        smtp.send_message(message)


def _open(server: MailServer) -> smtplib.SMTP:
    name = socket.gethostname()
    if server.tls == "ssl":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, local_hostname=name, timeout=_TIMEOUT, context=context)
    return smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=_TIMEOUT)


def watch(env: Env, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Look every WATCHDOG_SECONDS, for ever."""
    judge = Judge()
    while True:
        sleep(env.watchdog_seconds)
        for news in judge.hear(look(env)):
            _tell_and_log(env, news)


def _tell_and_log(env: Env, news: News) -> None:
    problems = tell(env, news)
    failed = f" (not told by {', '.join(problems)})" if problems else ""
    print(f"{news.subject}{failed}", flush=True)


def main(arguments: list[str]) -> int:
    """Watch for ever, or with an argument tell that everything has stopped and why."""
    try:
        env = load(os.environ)
        mail_server(env)
    except EnvError as error:
        sys.stderr.write(f"millrace: {error}\n")
        return 2
    if arguments:
        _tell_and_log(env, News("Millrace has stopped", arguments[0]))
    else:
        watch(env)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
