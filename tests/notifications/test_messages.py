"""What people read: right figures, plain words, and hostile text that stays text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from notifications import messages
from notifications.messages import Message, Posted, Summary, Trouble, slack_text

SINCE = datetime(2026, 11, 19, 8, 30, tzinfo=UTC)
TROUBLE = Trouble(title="A connection needs you", body="Connect Xero again.", is_critical=True, count=1, since=SINCE)
QUIET = Summary(
    first=date(2026, 11, 19),
    last=date(2026, 11, 19),
    posted=(),
    waiting=0,
    held=(),
    last_success=None,
    open_troubles=(),
    resolved=0,
)
HIDDEN = ("\u202e", "\u200b", "\u2066", "\x00", "\x1b", "\r", "\n")


def told(**changes: Any) -> Message:
    return messages.alert(replace(TROUBLE, **changes), company="Muster AG", link="/t/x/runs/")


def summed(**changes: Any) -> Message:
    return messages.summary(replace(QUIET, **changes), company="Muster AG", link="/t/x/")


def test_an_alert_says_what_where_since_when_and_how_often() -> None:
    assert told(count=1200) == Message(
        subject="Action needed: A connection needs you (Muster AG)",
        lines=("Connect Xero again.", "Muster AG, since 19 Nov 2026, 08:30, 1200 times by now."),
        link="/t/x/runs/",
    )


def test_a_resolution_says_how_and_until_when() -> None:
    over = replace(TROUBLE, until=SINCE.replace(hour=9, minute=0), resolution="The next run went through.")
    assert messages.resolved(over, company="Muster AG", link="/t/x/runs/") == Message(
        subject="Resolved: A connection needs you (Muster AG)",
        lines=("The next run went through.", "Muster AG, from 19 Nov 2026, 08:30 to 19 Nov 2026, 09:00."),
        link="/t/x/runs/",
    )


def test_a_summary_counts_values_reasons_and_alerts() -> None:
    message = summed(
        posted=(
            Posted(currency="CHF", count=1, money_in=Decimal("1234.5"), money_out=Decimal(0), moved=Decimal(50)),
            Posted(currency="JPY", count=1001, money_in=Decimal(0), money_out=Decimal("98765")),
        ),
        waiting=2,
        held=(("account_not_mapped", 3), ("gave_up", 1)),
        last_success=SINCE,
        open_troubles=(TROUBLE,),
        resolved=1,
    )
    assert message.subject == "Muster AG: 1,002 posted, 4 held, 1 open alert (19 Nov 2026)"
    assert message.lines == (
        "Posted to Xero:",
        "• 1 movement in CHF: in CHF 1,234.50, out CHF 0.00, between own accounts CHF 50.00",
        "• 1,001 movements in JPY: in JPY 0, out JPY 98,765",
        "Still on their way: 2.",
        "Held for a decision: 4",
        "• Account not mapped: 3",
        "• Not posted after several tries: 1",
        "Last successful sync: 19 Nov 2026, 08:30.",
        "Resolved since: 1 alert.",
        "Open alerts: 1",
        "• Critical: A connection needs you (since 19 Nov 2026, 08:30)",
    )


def test_a_quiet_day_says_so() -> None:
    assert summed() == Message(
        subject="Muster AG: 0 posted, nothing held (19 Nov 2026)",
        lines=(
            "No movement was posted to Xero.",
            "Nothing waits for a decision.",
            "Last successful sync: none yet.",
            "No alert is open.",
        ),
        link="/t/x/",
    )


def test_a_week_names_both_days() -> None:
    assert summed(first=date(2026, 11, 9), last=date(2026, 11, 15)).subject.endswith("(9 Nov to 15 Nov 2026)")


def test_a_long_list_is_cut_and_says_so() -> None:
    message = summed(held=tuple((f"reason_{number}", 1) for number in range(30)))
    assert "Held for a decision: 30" in message.lines
    assert "• and 22 more" in message.lines
    assert len(message.lines) < 20


@pytest.mark.parametrize("sign", HIDDEN)
def test_marks_that_hide_or_turn_text_are_gone(sign: str) -> None:
    message = told(title=f"Pay{sign}ment", body=f"Bcc: x{sign}Subject: y")
    assert sign not in message.subject
    assert not any(sign in line for line in message.lines)


def test_text_is_bounded() -> None:
    message = told(title="x" * 5000, body="y" * 5000)
    assert (len(message.subject), len(message.lines[0])) == (150, 600)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Account CH93 0076 2011 6238 5295 7 was refused", "0076 2011"),
        ("Card 4242 4242 4242 4242 was refused", "4242 4242"),
        ("Authorization: Bearer abcdefghijklmnop", "abcdefghijklmnop"),
        ("see https://hooks.slack.com/services/T1/B1/abc", "T1/B1"),
    ],
)
def test_account_numbers_and_secrets_are_cut(text: str, secret: str) -> None:
    assert secret not in told(body=text).lines[0]


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("<!channel> pay now", "&lt;!channel&gt; pay now"),
        ("<@U012AB3CD>", "&lt;@U012AB3CD&gt;"),
        ("<https://evil.example|Open in Millrace>", "&lt;https://evil.example|Open in Millrace&gt;"),
        ("Tom & Jerry <b>", "Tom &amp; Jerry &lt;b&gt;"),
        ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        ("@here @Channel @everyone", "@\u2060here @\u2060Channel @\u2060everyone"),
    ],
)
def test_slack_gets_text_that_is_text(hostile: str, harmless: str) -> None:
    text = slack_text(Message(subject=hostile, lines=(hostile,)), url="http://localhost:8000/t/x/runs/")
    assert text == f"*{harmless}*\n{harmless}\n<http://localhost:8000/t/x/runs/|Open in Millrace>"


def test_without_a_page_there_is_no_link() -> None:
    assert slack_text(Message(subject="a", lines=("b",)), url="") == "*a*\nb"
