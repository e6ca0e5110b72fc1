"""The dashboard's own tags: what every page shows the same way (icons, badges, money, times, JSON)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from connectors.contract.money import MINOR_UNITS
from dashboard.addresses import tenant_url
from dashboard.icons import ICONS
from dashboard.presenting import target_text
from dashboard.words import Word, word_for
from sync.domain.printable import clean_text
from sync.models import Record
from tenants.models import Tenant

NOTHING = "\u2013"  # what a cell shows that has no value
register = template.Library()


@register.simple_tag
def icon(name: str, css_class: str = "") -> SafeString:
    """One of our icons, hidden from screen readers: the text beside it says what it means."""
    return format_html(
        '<svg class="icon {}" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="{}"/></svg>',
        css_class,
        ICONS[name],
    )


@register.simple_tag
def badge(kind: str, value: object) -> SafeString:
    """The word for a state, in its tone. `kind` names the vocabulary: entry, run, connection, finding, incident, …"""
    word: Word = word_for(kind, str(value))
    return format_html('<span class="badge badge--{}">{}</span>', word.tone, word.label)


@register.simple_tag
def word(kind: str, value: object) -> str:
    """The word for a value, without a badge."""
    return str(word_for(kind, str(value)).label)


@register.simple_tag
def money(amount: Decimal | str | None, currency: str = "") -> SafeString:
    """An amount with its currency beside it, tabular, with the currency's own number of digits."""
    return _money(amount, currency, tone="")


@register.simple_tag
def signed_money(amount: Decimal | str | None, currency: str = "") -> SafeString:
    """The same for a movement: what came in also differs by colour; the sign says it too."""
    came_in = amount not in (None, "") and Decimal(str(amount)) > 0
    return _money(amount, currency, tone="money--in" if came_in else "")


def _money(amount: Decimal | str | None, currency: str, *, tone: str) -> SafeString:
    if amount is None or amount == "":
        return format_html('<span class="money soft">{}</span>', NOTHING)
    return format_html(
        '<span class="money {}"><span class="money-currency">{}</span> {}</span>',
        tone,
        clean_text(currency),
        format_amount(Decimal(amount), currency),
    )


def format_amount(value: Decimal, currency: str) -> str:
    """Grouped digits with a real minus sign; never fewer digits than the amount has."""
    digits = max(MINOR_UNITS.get(currency, 2), -int(value.normalize().as_tuple().exponent))
    text = f"{abs(value):,.{digits}f}"
    return f"−{text}" if value < 0 else text  # noqa: RUF001  the typographic minus is wide enough to be seen


@register.simple_tag
def when(value: datetime | None, empty: str = "") -> SafeString:
    """How long ago (or until), with the exact moment on hover."""
    if value is None:
        return format_html('<span class="soft">{}</span>', empty or _("never"))
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        format_date(local, "j M Y, H:i:s T"),
        relative(value, now=timezone.now()),
    )


@register.filter
def moment(value: datetime | None) -> str:
    """The exact moment in the tenant's zone."""
    return NOTHING if value is None else format_date(timezone.localtime(value), "j M Y, H:i:s")


@register.filter
def day(value: date | None) -> str:
    """A bank date, written so that nobody mixes up day and month."""
    return NOTHING if value is None else format_date(value, "j M Y")


@register.filter
def iso_day(value: str | None) -> str:
    """A stored ISO day like any other day; what is no day is shown as it is."""
    try:
        return day(date.fromisoformat(value or ""))
    except ValueError:
        return value or NOTHING


@register.filter
def duration(milliseconds: int | float | None) -> str:
    """Milliseconds as people say them."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1000:
        return _("%(n)s ms") % {"n": round(milliseconds)}
    return seconds(milliseconds / 1000)


@register.filter
def seconds(value: int | float | None) -> str:
    """Seconds as people say them: 4.2 s, 3 min, 5 h."""
    if value is None:
        return NOTHING
    if value < 10:
        return _("%(n)s s") % {"n": f"{value:.1f}"}
    if value < 90:
        return _("%(n)s s") % {"n": round(value)}
    if value < 5400:
        return _("%(n)s min") % {"n": round(value / 60)}
    return _("%(n)s h") % {"n": round(value / 3600)}


def relative(value: datetime, *, now: datetime) -> str:
    """Past and future in one short phrase."""
    distance = (now - value).total_seconds()
    text = _span(abs(distance))
    if abs(distance) < 5:
        return _("just now")
    return _("%(span)s ago") % {"span": text} if distance > 0 else _("in %(span)s") % {"span": text}


def _span(distance: float) -> str:
    if distance < 60:
        return _("%(n)s s") % {"n": int(distance)}
    if distance < 3600:
        return _("%(n)s min") % {"n": int(distance // 60)}
    if distance < 86400:
        return _("%(n)s h") % {"n": int(distance // 3600)}
    days = int(distance // 86400)
    return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}


@register.filter
def pretty_json(value: object) -> str:
    """A payload for reading: sorted as it came, indented, without control or direction-changing characters."""
    if value in (None, "", b""):
        return ""
    if isinstance(value, (bytes, memoryview)):
        value = _decoded(bytes(value))
    if isinstance(value, str):
        return clean_text(value, keep_lines=True)
    return clean_text(json.dumps(value, indent=2, ensure_ascii=False, default=str), keep_lines=True)


def _decoded(value: bytes) -> object:
    text = value.decode("utf-8", errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


@register.filter
def safe_text(value: object) -> str:
    """Foreign text for display: control and direction-changing characters removed. Escaping stays with the template."""
    return clean_text("" if value is None else str(value))


@register.filter
def record_title(record: Record) -> str:
    """Who the movement was with, else what kind of movement it is: an exchange or a fee names nobody."""
    return clean_text(record.counterparty) or str(word_for("movement", record.movement).label)


@register.filter
def target(value: str, contacts: Mapping[str, str]) -> str:
    """What an audit event is about."""
    return clean_text(target_text(value, contacts))


@register.filter
def get(mapping: Mapping[Any, Any], key: object) -> object:
    return mapping.get(key)


@register.filter
def percent(part: int, whole: int) -> int:
    return 0 if not whole else round(100 * part / whole)


@register.simple_tag
def brand_mark() -> SafeString:
    """The mill wheel over its water, drawn by us."""
    return mark_safe(
        '<svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false" fill="none" '
        'stroke="currentColor" stroke-width="2.4" stroke-linecap="round">'
        '<circle cx="16" cy="13" r="8.5"/><circle cx="16" cy="13" r="1.6" fill="currentColor"/>'
        '<path d="M16 4.5v5M16 16.5v5M7.5 13h5M19.5 13h5M10 7l3.5 3.5M18.5 15.5 22 19M22 7l-3.5 3.5M13.5 15.5 10 19"/>'
        '<path d="M3 26c3-2.4 5.7-2.4 8.7 0s5.7 2.4 8.7 0 5.7-2.4 8.7 0"/></svg>'
    )


@register.simple_tag(takes_context=True)
def turl(context: Any, name: str, *args: object) -> str:
    """The address of a page of the company that is shown."""
    return tenant_url(_tenant_of(context), name, *args)


def _tenant_of(context: Any) -> Tenant:
    shell = context["shell"]
    tenant: Tenant = shell["tenant"] if isinstance(shell, dict) else shell.tenant
    return tenant
