"""Rates from a file or typed by hand, and the same again from the preview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from sync.domain.days import read_day_or_none
from sync.domain.rate_files import COLUMNS, MOST_BYTES, as_csv, read_rate_file
from sync.domain.rate_tables import Method, QuotedRate, RateFault

MOST_SOURCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RateForm:
    """Rates as somebody wants them taken. `text` carries them from the preview to the confirmation."""

    rates: tuple[QuotedRate, ...]
    method: Method
    source: str

    @property
    def text(self) -> str:
        return as_csv(self.rates)


def read_rate_form(post: QueryDict, files: Mapping[str, Any]) -> RateForm:
    """Raises RateFault with everything that cannot be read."""
    content = _content(post, files)
    found = read_rate_file(content)
    method = found.method.value if found.method else post.get("method", "")
    source = " ".join(post.get("source", "").split())[:MOST_SOURCE] or found.source
    if method not in tuple(Method):
        raise RateFault([_("Choose how the rates come about: monthly average, daily, or group rates.")])
    if not source:
        raise RateFault([_("Say who publishes these rates.")])
    return RateForm(rates=found.rates, method=Method(method), source=source)


def _content(post: QueryDict, files: Mapping[str, Any]) -> bytes:
    upload = files.get("file")
    if upload is not None:
        if (upload.size or 0) > MOST_BYTES:
            raise RateFault([_("The file is larger than 512 kilobytes. Is it the right one?")])
        content: bytes = upload.read(MOST_BYTES + 1)
        return content
    if "text" in post:
        return post.get("text", "").encode()
    if not post.get("currency"):
        raise RateFault([_("Choose a file, or type a rate.")])
    line = ",".join(f'"{_cell(post, name)}"' for name in COLUMNS)
    return f"{','.join(COLUMNS)}\n{line}\n".encode()


def _cell(post: QueryDict, name: str) -> str:
    """One typed value; an empty last day is the end of the first day's month."""
    typed = post.get(name, "").strip().replace('"', "")[:40]
    if name == "valid_to" and not typed:
        return _month_end(post.get("valid_from", ""))
    return typed


def _month_end(text: str) -> str:
    first = read_day_or_none(text)
    if first is None:
        return text
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1, day=1)
    return date.fromordinal(following.toordinal() - 1).isoformat()
