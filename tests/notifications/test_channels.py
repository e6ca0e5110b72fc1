"""The two ways out, against real servers: where a webhook may lead, what is never followed, what a mail looks like."""

from __future__ import annotations

import logging
import socket

import pytest

from notifications.channels.base import Letter, NotSent, Refused, TryAgain
from notifications.channels.email import Email
from notifications.channels.slack import VENDOR, NotAWebhook, Slack, webhook_address
from notifications.messages import Message
from tests.notifications.servers import PATH, Answer, FakeMail, FakeSlack, slack_server

LETTER = Letter(
    message=Message(subject="Action needed: <b>&", lines=("First <script>alert(1)</script>", "Second & last")),
    url="http://localhost:8000/t/abc/runs/",
    reference="delivery-7.abc@localhost",
)
HERE = "http://127.0.0.1:9"


# ------------------------------------------------------------------- the address


def test_a_webhook_of_slack_leads_to_slack() -> None:
    assert webhook_address(f"{VENDOR}{PATH}", base_url=VENDOR) == f"{VENDOR}{PATH}"
    assert webhook_address(f"https://HOOKS.slack.com:443{PATH}", base_url=VENDOR) == f"{VENDOR}{PATH}"


@pytest.mark.parametrize(
    "webhook",
    [
        "",
        "hooks.slack.com/services/T/B/x",
        f"http://hooks.slack.com{PATH}",
        f"https://hooks.slack.com.evil.example{PATH}",
        f"https://evil.example{PATH}",
        f"https://evil.example/hooks.slack.com{PATH}",
        f"https://hooks.slack.com@evil.example{PATH}",
        f"https://user:word@hooks.slack.com{PATH}",
        f"https://hooks.slack.com:8443{PATH}",
        f"https://hooks.slack.com{PATH}?next=https://evil.example",
        f"https://hooks.slack.com{PATH}#x",
        "https://hooks.slack.com/",
        "https://hooks.slack.com/services/../../T/B/x",
        "https://hooks.slack.com//evil.example/x",
        f"https://hooks.slack.com{PATH}\n",
        f"https://hooks.slack.com\\@evil.example{PATH}",
        f"https://169.254.169.254{PATH}",
        f"http://127.0.0.1:8000{PATH}",
        f"https://hooks.slack.com:99999{PATH}",
        f"https://hooks.slack.com:x{PATH}",
        f"https://hooks.slack.cöm{PATH}",
        "https://[hooks.slack.com/services/T/B/x",
    ],
)
def test_anything_else_is_no_webhook(webhook: str) -> None:
    with pytest.raises(NotAWebhook, match="must be an address that begins with https:") as refusal:
        webhook_address(webhook, base_url=VENDOR)
    assert "T01" not in str(refusal.value)


def test_the_platforms_stand_in_on_this_machine_takes_the_place_of_slack() -> None:
    """Then nothing goes to the real Slack, whichever of the two the webhook names."""
    assert webhook_address(f"{HERE}{PATH}", base_url=HERE) == f"{HERE}{PATH}"
    assert webhook_address(f"{VENDOR}{PATH}", base_url=HERE) == f"{HERE}{PATH}"
    with pytest.raises(NotAWebhook):
        webhook_address(f"http://127.0.0.1:10{PATH}", base_url=HERE)


def test_a_stand_in_elsewhere_counts_for_nothing() -> None:
    with pytest.raises(NotAWebhook):
        webhook_address(f"https://chat.example{PATH}", base_url="https://chat.example")
    assert webhook_address(f"{VENDOR}{PATH}", base_url="https://chat.example") == f"{VENDOR}{PATH}"


# -------------------------------------------------------------------------- Slack


def test_slack_gets_one_post(slack: FakeSlack) -> None:
    Slack(slack.webhook, base_url=slack.url).send(LETTER)
    [(path, body)] = slack.posts
    assert path == PATH
    assert body["text"].startswith("*Action needed: &lt;b&gt;&amp;*\nFirst &lt;script&gt;")
    assert (body["unfurl_links"], body["unfurl_media"]) == (False, False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(slack: FakeSlack, status: int) -> None:
    with slack_server() as elsewhere:
        slack.ever = Answer(status=status, headers=(("Location", f"{elsewhere.url}/stolen"),))
        with pytest.raises(Refused, match="leads somewhere else"):
            Slack(slack.webhook, base_url=slack.url).send(LETTER)
        assert (len(slack.requests), elsewhere.requests) == (1, [])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=500), TryAgain),
        (Answer(status=503), TryAgain),
        (Answer(status=408), TryAgain),
        (Answer(status=400, body="invalid_payload"), Refused),
        (Answer(status=403, body="action_prohibited"), Refused),
        (Answer(status=404, body="no_service"), Refused),
        (Answer(status=410, body="channel_is_archived"), Refused),
    ],
)
def test_what_slack_says_decides_whether_it_is_tried_again(
    slack: FakeSlack, answer: Answer, error: type[Exception]
) -> None:
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/#handling-errors"""
    slack.ever = answer
    with pytest.raises(error, match=answer.body or str(answer.status)):
        Slack(slack.webhook, base_url=slack.url).send(LETTER)
    assert len(slack.requests) == 1


def test_foreign_words_of_an_answer_are_not_repeated(slack: FakeSlack) -> None:
    slack.ever = Answer(status=404, body="<h1>call 555 now</h1>")
    with pytest.raises(Refused) as refusal:
        Slack(slack.webhook, base_url=slack.url).send(LETTER)
    assert "555" not in refusal.value.reason


def test_no_answer_is_tried_again() -> None:
    here = _closed()
    with pytest.raises(TryAgain, match="did not answer"):
        Slack(f"{here}{PATH}", base_url=here).send(LETTER)


def test_a_slow_answer_is_tried_again(slack: FakeSlack) -> None:
    slack.ever = Answer(status=200, body="ok", delay=3)
    with pytest.raises(TryAgain, match="did not answer"):
        Slack(slack.webhook, base_url=slack.url, timeout=1).send(LETTER)


def test_a_stored_webhook_that_may_no_longer_be_is_refused_before_anything_is_sent(slack: FakeSlack) -> None:
    with pytest.raises(Refused):
        Slack(slack.webhook, base_url=VENDOR)
    assert slack.requests == []


@pytest.mark.parametrize("answer", [Answer(status=500), Answer(status=404, body="no_service"), None])
def test_the_webhook_is_in_no_log_and_no_reason(
    slack: FakeSlack, caplog: pytest.LogCaptureFixture, answer: Answer | None
) -> None:
    caplog.set_level(logging.DEBUG)
    base = slack.url if answer else _closed()
    slack.answers = [answer] if answer else []
    with pytest.raises(NotSent) as failure:
        Slack(f"{base}{PATH}", base_url=base).send(LETTER)
    assert "T01" not in failure.value.reason + caplog.text
    Slack(slack.webhook, base_url=slack.url).send(LETTER)
    assert "T01" not in caplog.text


def _closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


# -------------------------------------------------------------------------- e-mail


def test_a_mail_is_text_and_plain_html(mail: FakeMail) -> None:
    Email("cfo@muster.example").send(LETTER)
    [letter] = mail.mails
    assert (letter["Subject"], letter["Auto-Submitted"]) == ("Action needed: <b>&", "auto-generated")
    assert letter["Message-ID"] == "<delivery-7.abc@localhost>"
    text, html = (letter.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines()[2:4] == ["First <script>alert(1)</script>", "Second & last"]
    assert "Open in Millrace: http://localhost:8000/t/abc/runs/" in text.get_content()
    assert "First &lt;script&gt;alert(1)&lt;/script&gt;" in html.get_content()


def test_a_mail_loads_nothing_from_anywhere(mail: FakeMail) -> None:
    Email("cfo@muster.example").send(LETTER)
    html = mail.mails[0].get_body(("html",))
    assert html is not None
    content = html.get_content().lower()
    for word in ("src=", "url(", "<img", "<link", "<script", "<style", "@import", "<iframe"):
        assert word not in content, word
    assert content.count("http") == 1  # the one link


def test_one_mail_goes_to_one_person(mail: FakeMail) -> None:
    Email("cfo@muster.example").send(LETTER)
    [letter] = mail.mails
    assert (letter["To"], letter["Cc"], letter["Bcc"]) == ("cfo@muster.example", None, None)


@pytest.mark.parametrize(("said", "error"), [("550 no such user", Refused), ("452 mailbox full", TryAgain)])
def test_the_mail_servers_answer_decides(mail: FakeMail, said: str, error: type[Exception]) -> None:
    mail.refused["cfo@muster.example"] = said
    with pytest.raises(error, match=said[:3]):
        Email("cfo@muster.example").send(LETTER)


def test_no_mail_server_is_tried_again(mail: FakeMail, settings: object) -> None:
    settings.EMAIL_PORT = int(_closed().rsplit(":", 1)[1])  # type: ignore[attr-defined]
    with pytest.raises(TryAgain, match="did not take it"):
        Email("cfo@muster.example").send(LETTER)
