"""What people are told, in their words. PURE: incidents and a period's figures become a `Message`, and that becomes text.

Counterparties, references and vendors' sentences are attacker-controlled: everything passes `_clean` on its way in, and
`slack_text` escapes on the way out. The HTML of e-mails is a template's, which escapes by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from connectors.contract.money import MINOR_UNITS
from connectors.contract.redact import redact
from sync.domain.printable import visible

LONGEST_SUBJECT = 150
LONGEST_LINE = 600
MOST_LISTED = 8
_EVERYBODY = re.compile(r"@(?=channel|here|everyone)", re.IGNORECASE)
_REASONS = {
    "gave_up": "Not posted after several tries",
    "incomplete": "The movement is incomplete",
    "contact_unknown": "Xero does not know the counterparty",
    "review_by_rule": "A rule asks for a look",
    "": "Waits for a decision",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing to tell: a subject, some lines, and the page with the way out ("" where there is none)."""

    subject: str
    lines: tuple[str, ...]
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What a message needs to know of an incident. `since` and `until` are in the tenant's time zone."""

    title: str
    body: str
    is_critical: bool
    count: int
    since: datetime
    until: datetime | None = None
    resolution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What was confirmed in the books in one currency. No sum is negative; `moved` went between own wallets."""

    currency: str
    count: int
    money_in: Decimal
    money_out: Decimal
    moved: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A period's figures, first to last day inclusive, and how things stand at its end."""

    first: date
    last: date
    posted: tuple[Posted, ...]
    waiting: int
    held: tuple[tuple[str, int], ...]  # reason's code, how many
    last_success: datetime | None
    open_troubles: tuple[Trouble, ...]
    resolved: int


# ------------------------------------------------------------------- incidents


def alert(trouble: Trouble, *, company: str, link: str) -> Message:
    """Something is wrong now: what, and what to do."""
    word = "Action needed" if trouble.is_critical else "To note"
    struck = f", {trouble.count} times by now" if trouble.count > 1 else ""
    lines = [trouble.body, f"{company}, since {_moment(trouble.since)}{struck}."]
    return _message(f"{word}: {trouble.title} ({company})", lines, link=link)


def resolved(trouble: Trouble, *, company: str, link: str) -> Message:
    """It is over: since when, and how."""
    until = f" to {_moment(trouble.until)}" if trouble.until else ""
    lines = [
        trouble.resolution or "The cause is gone. There is nothing to do.",
        f"{company}, from {_moment(trouble.since)}{until}.",
    ]
    return _message(f"Resolved: {trouble.title} ({company})", lines, link=link)


# ------------------------------------------------------------------- summaries


def summary(period: Summary, *, company: str, link: str) -> Message:
    """What went into the books, what is held and why, when the last sync succeeded, what is wrong."""
    lines = [*_posted(period.posted), *_held(period), *_health(period)]
    return _message(f"{company}: {_summarised(period)} ({_days(period)})", lines, link=link)


def _summarised(period: Summary) -> str:
    count = sum(posted.count for posted in period.posted)
    held = sum(number for _, number in period.held)
    parts = [f"{count:,} posted", f"{held:,} held" if held else "nothing held"]
    if period.open_troubles:
        parts.append(f"{_count(len(period.open_troubles), 'open alert')}")
    return ", ".join(parts)


def _posted(posted: Sequence[Posted]) -> list[str]:
    if not posted:
        return ["No movement was posted to Xero."]
    return ["Posted to Xero:", *(_posted_in(one) for one in posted)]


def _posted_in(one: Posted) -> str:
    sums = f"in {_amount(one.money_in, one.currency)}, out {_amount(one.money_out, one.currency)}"
    moved = f", between own accounts {_amount(one.moved, one.currency)}" if one.moved else ""
    return f"• {_count(one.count, 'movement')} in {one.currency}: {sums}{moved}"


def _held(period: Summary) -> list[str]:
    lines = [f"Still on their way: {period.waiting:,}."] if period.waiting else []
    if not period.held:
        return [*lines, "Nothing waits for a decision."]
    total = sum(number for _, number in period.held)
    reasons = [f"• {_reason(code)}: {number:,}" for code, number in period.held]
    return [*lines, f"Held for a decision: {total:,}", *_first(reasons)]


def _health(period: Summary) -> list[str]:
    said = _moment(period.last_success) if period.last_success else "none yet"
    lines = [f"Last successful sync: {said}."]
    if period.resolved:
        lines.append(f"Resolved since: {_count(period.resolved, 'alert')}.")
    if not period.open_troubles:
        return [*lines, "No alert is open."]
    told = [
        f"• {'Critical' if it.is_critical else 'Warning'}: {it.title} (since {_moment(it.since)})"
        for it in period.open_troubles
    ]
    return [*lines, f"Open alerts: {len(told)}", *_first(told)]


def _first(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - MOST_LISTED
    return list(lines) if rest <= 0 else [*lines[:MOST_LISTED], f"• and {rest} more"]


def _reason(code: str) -> str:
    return _REASONS.get(code) or code.replace("_", " ").capitalize()


def _days(period: Summary) -> str:
    if period.first == period.last:
        return period.first.strftime("%-d %b %Y")
    return f"{period.first:%-d %b} to {period.last:%-d %b %Y}"


# ------------------------------------------------------------------------ text


def slack_text(message: Message, *, url: str) -> str:
    """The message in Slack's markup. Nothing in it can mention people, name a link other than ours, or break out."""
    lines = [f"*{_escaped(message.subject)}*", *map(_escaped, message.lines)]
    return "\n".join([*lines, f"<{url}|Open in Millrace>"] if url else lines)


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _EVERYBODY.sub("@\u2060", text)  # a word joiner: reads the same, calls nobody


def _message(subject: str, lines: Iterable[str], *, link: str) -> Message:
    said = tuple(line for line in (_clean(text, longest=LONGEST_LINE) for text in lines) if line)
    return Message(subject=_clean(subject, longest=LONGEST_SUBJECT), lines=said, link=link)


def _clean(text: str, *, longest: int) -> str:
    """One line, without marks that hide or turn text, account numbers or secrets."""
    said = redact(visible(text))
    return said if len(said) <= longest else f"{said[: longest - 1]}…"


def _amount(value: Decimal, currency: str) -> str:
    digits = max(MINOR_UNITS.get(currency, 2), -int(value.normalize().as_tuple().exponent))
    return f"{currency} {value:,.{digits}f}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _moment(moment: datetime) -> str:
    return moment.strftime("%-d %b %Y, %H:%M")
