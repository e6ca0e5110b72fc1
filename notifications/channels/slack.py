"""Slack's incoming webhooks through slack-sdk.

The address is put together from the platform's SLACK_BASE_URL and the webhook's path, so a tenant's text never decides
which machine is called. Manual: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/
"""

from __future__ import annotations

import ipaddress
import logging
import re
import ssl
from datetime import timedelta
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from slack_sdk.errors import SlackClientError
from slack_sdk.webhook import WebhookClient, WebhookResponse

from notifications.channels.base import Letter, Refused, TryAgain
from notifications.messages import slack_text

VENDOR = "https://hooks.slack.com"
TIMEOUT_SECONDS = 10
LONGEST_ANSWER = 2000
LONGEST_WAIT = timedelta(hours=1)
_PATH = re.compile(r"/[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+){1,6}", re.ASCII)
_ERROR_WORD = re.compile(r"[a-z_]{3,40}")
_WRONG = "The Slack webhook must be an address that begins with https://hooks.slack.com/ as Slack shows it."


class NotAWebhook(ValueError):
    """The text cannot be a webhook of Slack. The sentence is for people and does not repeat the text."""


def webhook_address(webhook: str, *, base_url: str) -> str:
    """Where to post for this webhook. Raises NotAWebhook.

    Slack's own host is the only one, except that a loopback `base_url` of the platform stands in for it.
    """
    try:
        parts = urlsplit(webhook)
        port = parts.port
    except ValueError:
        raise NotAWebhook(_WRONG) from None
    is_plain = webhook == f"{parts.scheme}://{parts.netloc}{parts.path}" and "@" not in parts.netloc
    if not is_plain or not _PATH.fullmatch(parts.path):
        raise NotAWebhook(_WRONG)
    stand_in = base_url if _is_loopback(base_url) else ""
    is_vendor = (parts.scheme, parts.hostname) == ("https", "hooks.slack.com") and port in (None, 443)
    if not is_vendor and f"{parts.scheme}://{parts.netloc}" != stand_in:
        raise NotAWebhook(_WRONG)
    return f"{stand_in or VENDOR}{parts.path}"


class Slack:
    """Posts to one webhook."""

    def __init__(self, webhook: str, *, base_url: str, timeout: int = TIMEOUT_SECONDS) -> None:
        try:
            self._address = webhook_address(webhook, base_url=base_url)
        except NotAWebhook as error:
            raise Refused(str(error)) from None
        self._timeout = timeout

    def send(self, letter: Letter) -> None:
        """Post it once. The text is escaped and nothing in it is unfurled."""
        client = _Client(self._address, timeout=self._timeout, retry_handlers=[], logger=_silent())
        try:
            answer = client.send(
                text=slack_text(letter.message, url=letter.url), unfurl_links=False, unfurl_media=False
            )
        except (OSError, HTTPException, SlackClientError) as error:
            raise TryAgain(f"Slack did not answer ({type(error).__name__}).") from None  # its text may name the address
        _judge(answer)


class _Client(WebhookClient):
    """slack-sdk's client with two changes that it offers no switch for: no redirect is followed, and an answer is read
    up to a limit. A redirect would carry what we say to a machine that nobody chose."""

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        try:
            answer: Any = _opener(url).open(req, timeout=self.timeout)
        except HTTPError as error:
            answer = error
        with answer:
            body = answer.read(LONGEST_ANSWER).decode("utf-8", "replace")
            return WebhookResponse(url=url, status_code=answer.status, body=body, headers=dict(answer.headers.items()))


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def _opener(url: str) -> OpenerDirector:
    """The environment's proxy is used for Slack itself, never for this machine."""
    proxies = [ProxyHandler({})] if _is_loopback(url) else []
    return build_opener(_NoRedirect, HTTPSHandler(context=ssl.create_default_context()), *proxies)


def _silent() -> logging.Logger:
    """The client writes the whole address into its log; this logger has no parent and no handler."""
    return logging.Logger("slack", level=logging.CRITICAL + 1)


def _judge(answer: WebhookResponse) -> None:
    status = answer.status_code
    if status == 200:
        return
    if status == 429:
        raise TryAgain("Slack asks to wait.", wait=_wait(answer))
    if 300 <= status < 400:
        raise Refused("The webhook leads somewhere else. Make a new one in Slack and enter it under Alerts.")
    if status == 408 or status >= 500:
        raise TryAgain(f"Slack answered with an error ({status}).")
    said = answer.body.strip()
    word = said if _ERROR_WORD.fullmatch(said) else str(status)
    raise Refused(f"Slack refused it ({word}). Make a new webhook in Slack and enter it under Alerts.")


def _wait(answer: WebhookResponse) -> timedelta:
    headers = {str(name).lower(): str(value) for name, value in answer.headers.items()}
    said = headers.get("retry-after", "")
    return (
        min(timedelta(seconds=int(said)), LONGEST_WAIT) if re.fullmatch(r"[0-9]{1,6}", said) else timedelta(minutes=1)
    )


def _is_loopback(url: str) -> bool:
    """Whether the address can only be on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
