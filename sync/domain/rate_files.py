"""Rate files: our CSV, and the XML of the Swiss customs office (which publishes the tax authority's rates). Pure.

XML, as served: `monatsmittelkurs` with `monat` (2026-03), or `wechselkurse` with `gueltigkeit` (the days it holds for, as
01.03.2026,02.03.2026); in both, `devise code="jpy"` with `waehrung` ("100 JPY") and `kurs` (CHF for that many units).
https://www.bazg.admin.ch/bazg/en/home/information-companies/declaring-goods/exchange-rates--sell-.html
"""

from __future__ import annotations

import csv
import re
from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from io import StringIO
from typing import Any

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from sync.domain.days import DayFault, read_day
from sync.domain.rate_tables import Direction, Method, QuotedRate, RateFault

MOST_BYTES = 512 * 1024
MOST_ROWS = 5000
MOST_FAULTS = 20
COLUMNS = ("currency", "valid_from", "valid_to", "rate", "unit", "direction")
SWISS_SOURCE = "Swiss Federal Tax Administration"
_PLAIN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,10})?")
_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_UNIT = re.compile(r"\s*([0-9]{1,6})\s+([A-Za-z]{3})\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateFile:
    """What a file says. `method` and `source` are None and "" where it does not say."""

    rates: tuple[QuotedRate, ...]
    method: Method | None = None
    source: str = ""


def read_rate_file(content: bytes) -> RateFile:
    """Either format, told apart by its first character. Raises RateFault with every line that is wrong, at most twenty."""
    if len(content) > MOST_BYTES:
        raise RateFault([f"The file is larger than {MOST_BYTES // 1024} kilobytes. Is it the right one?"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RateFault(["The file is not UTF-8 text. Save it as CSV (UTF-8), or take the authority's XML."]) from error
    found = _xml(text) if text.lstrip()[:1] == "<" else RateFile(rates=tuple(_csv(text)))
    if not found.rates:
        raise RateFault(["The file has no rate in it."])
    return found


def as_csv(rates: Iterable[QuotedRate]) -> str:
    """The rates as our own CSV, which `read_rate_file` reads back as they are."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for rate in rates:
        value = f"{rate.value.normalize():f}"
        writer.writerow([rate.currency, rate.valid_from, rate.valid_to, value, rate.unit, rate.direction.value])
    return out.getvalue()


def read_decimal(text: str) -> Decimal:
    """A plain decimal number. Raises ValueError."""
    if not _PLAIN.fullmatch(text.strip()):
        raise ValueError(f"“{text.strip()[:30]}” is not a number like 0.9512")
    return Decimal(text.strip())


# ------------------------------------------------------------------------ CSV


def _csv(text: str) -> list[QuotedRate]:
    delimiter = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    reader = csv.reader(StringIO(text), delimiter=delimiter, strict=True)
    found, faults = list[QuotedRate](), list[str]()
    try:
        _check_head(next(reader, []))
        for cells in reader:
            if len(found) + len(faults) >= MOST_ROWS:
                raise RateFault([f"The file has more than {MOST_ROWS} lines."])
            if not any(cell.strip() for cell in cells):
                continue
            try:
                found.append(_row(cells, line=reader.line_num))
            except (ValueError, InvalidOperation) as error:
                faults.append(f"Line {reader.line_num}: {error}.")
    except csv.Error as error:
        faults.append(f"Line {reader.line_num}: this is not CSV ({error}).")
    if faults:
        raise RateFault(faults[:MOST_FAULTS])
    return found


def _check_head(head: list[str]) -> None:
    if tuple(cell.strip().casefold() for cell in head) != COLUMNS:
        raise RateFault([f"Line 1: the first line must name the columns {', '.join(COLUMNS)}."])


def _row(cells: list[str], *, line: int) -> QuotedRate:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"there are {len(cells)} columns instead of {len(COLUMNS)}")
    currency, first, last, value, unit, direction = (cell.strip() for cell in cells)
    if direction not in tuple(Direction):
        raise ValueError(f"the direction must be {' or '.join(Direction)}, not “{direction[:30]}”")
    if not (unit.isascii() and unit.isdigit() and len(unit) <= 6):
        raise ValueError(f"“{unit[:30]}” is not a unit like 1 or 100")
    return QuotedRate(
        currency=currency.upper(),
        valid_from=read_day(first),
        valid_to=read_day(last),
        value=read_decimal(value),
        unit=int(unit),
        direction=Direction(direction),
        line=line,
    )


# ------------------------------------------------------------------------ XML


def _xml(text: str) -> RateFile:
    try:
        root = ElementTree.fromstring(text, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException) as error:
        place = getattr(error, "position", None)
        where = f"Line {place[0]}: " if place else ""
        raise RateFault([f"{where}this is not the XML of a rate table."]) from error
    kind = _name(root)
    if kind not in ("monatsmittelkurs", "wechselkurse"):
        raise RateFault([f"The XML is a “{kind[:40]}”, not the Swiss table of monthly or daily rates."])
    monthly = kind == "monatsmittelkurs"
    first, last = _month(root) if monthly else _days(root)
    rates, faults = list[QuotedRate](), list[str]()
    for place, element in enumerate(_children(root, "devise"), start=1):
        try:
            rates.append(_devise(element, first=first, last=last))
        except ValueError as error:
            faults.append(f"Rate {place}: {error}.")
    if faults:
        raise RateFault(faults[:MOST_FAULTS])
    if len(rates) > MOST_ROWS:
        raise RateFault([f"The file has more than {MOST_ROWS} rates."])
    method = Method.MONTHLY if monthly else Method.DAILY
    return RateFile(rates=tuple(rates), method=method, source=SWISS_SOURCE)


def _devise(element: Any, *, first: date, last: date) -> QuotedRate:
    found = _UNIT.fullmatch(_text(element, "waehrung"))
    if found is None:
        raise ValueError(f"“{_text(element, 'waehrung')[:30]}” is not a unit and a currency like 100 JPY")
    if found[2].casefold() != element.get("code", found[2]).casefold():
        raise ValueError(f"it is called {element.get('code')[:10]} and {found[2]} at once")
    return QuotedRate(
        currency=found[2].upper(),
        value=read_decimal(_text(element, "kurs")),
        unit=int(found[1]),
        direction=Direction.BASE_PER_FOREIGN,
        valid_from=first,
        valid_to=last,
    )


def _month(root: Any) -> tuple[date, date]:
    found = re.fullmatch(r"\s*([0-9]{4})-?(0[1-9]|1[0-2])\s*", _text(root, "monat"))
    if found is None:
        raise RateFault(["The XML does not say which month its rates are for (monat)."])
    try:
        first = read_day(f"{found[1]}-{found[2]}-01")
    except DayFault as fault:
        raise RateFault([f"Its month (monat): {fault}."]) from fault
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def _days(root: Any) -> tuple[date, date]:
    try:
        days = [
            read_day(f"{year}-{month:0>2}-{day:0>2}") for day, month, year in _DAY.findall(_text(root, "gueltigkeit"))
        ]
    except ValueError:
        days = []
    if not days:
        raise RateFault(["The XML does not say which days its rates are for (gueltigkeit)."])
    return min(days), max(days)


def _children(element: Any, name: str) -> Iterator[Any]:
    return (child for child in element if _name(child) == name)


def _text(element: Any, name: str) -> str:
    return next((child.text or "" for child in _children(element, name)), "")


def _name(element: Any) -> str:
    """The tag without its namespace, which has changed over the years."""
    return str(element.tag).rpartition("}")[2]
