"""The tenant's own rates: what files may say, what they mean in the books, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sync.domain.rate_files import MOST_BYTES, as_csv, read_rate_file
from sync.domain.rate_tables import (
    Direction,
    KnownRate,
    Method,
    QuotedRate,
    RateFault,
    TableOfRates,
    TableRate,
    doubts_of,
    faults_of,
    method_conflict,
    years_of,
)

D = Decimal
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)
MONTHLY = """<?xml version="1.0" encoding="UTF-8"?>
<monatsmittelkurs xmlns="https://www.backend-rates.ezv.admin.ch/avgratesmonth">
  <monat>2026-03</monat>
  <devise code="eur"><land_de>Euro</land_de><waehrung>1 EUR</waehrung><kurs>0.9476</kurs></devise>
  <devise code="jpy"><land_de>Japan</land_de><waehrung>100 JPY</waehrung><kurs>0.5819</kurs></devise>
</monatsmittelkurs>"""
DAILY = """<?xml version="1.0" encoding="UTF-8"?>
<wechselkurse xmlns="https://www.backend-rates.ezv.admin.ch/xmldaily">
  <datum>06.03.2026</datum><zeit>02:00:01</zeit><gueltigkeit>07.03.2026,08.03.2026,09.03.2026</gueltigkeit>
  <devise code="usd"><land_de>USA</land_de><waehrung>1 USD</waehrung><kurs>0.87275</kurs></devise>
</wechselkurse>"""
HEAD = "currency,valid_from,valid_to,rate,unit,direction\n"


def quoted(value: str = "0.9476", **fields: Any) -> QuotedRate:
    known: dict[str, Any] = {"currency": "EUR", "unit": 1, "direction": Direction.BASE_PER_FOREIGN}
    return QuotedRate(value=D(value), **{**known, "valid_from": FIRST, "valid_to": LAST, **fields})


def faults(content: str | bytes) -> list[str]:
    with pytest.raises(RateFault) as refused:
        read_rate_file(content if isinstance(content, bytes) else content.encode())
    return list(refused.value.faults)


def test_francs_for_a_unit_become_units_for_a_franc() -> None:
    """1 / 0.9476 = 1.055298; 100 / 0.5819 = 171.850833 (six decimals, half up)."""
    assert quoted().per_base == D("1.055298")
    assert quoted("0.5819", currency="JPY", unit=100).per_base == D("171.850833")


def test_units_for_a_franc_stay_what_they_are() -> None:
    assert quoted("1.0553", direction=Direction.FOREIGN_PER_BASE).per_base == D("1.055300")


def test_the_monthly_file_of_the_swiss_authority_holds_for_its_month() -> None:
    found = read_rate_file(MONTHLY.encode())

    assert (found.method, found.source) == (Method.MONTHLY, "Swiss Federal Tax Administration")
    assert [(it.currency, it.unit, it.per_base) for it in found.rates] == [
        ("EUR", 1, D("1.055298")),
        ("JPY", 100, D("171.850833")),
    ]
    assert {(it.valid_from, it.valid_to) for it in found.rates} == {(FIRST, LAST)}


def test_the_daily_file_holds_for_the_days_it_names() -> None:
    """A Friday's rates are those of the week-end too."""
    [rate] = read_rate_file(DAILY.encode()).rates

    assert (rate.currency, rate.valid_from, rate.valid_to) == ("USD", date(2026, 3, 7), date(2026, 3, 9))


def test_a_table_as_csv_reads_back_as_it_was() -> None:
    rates = [quoted(), quoted("0.5819", currency="JPY", unit=100)]

    found = read_rate_file(as_csv(rates).encode()).rates

    assert [replace(it, line=0) for it in found] == rates
    assert [it.line for it in found] == [2, 3]


def test_a_spreadsheet_with_semicolons_and_a_byte_order_mark_is_read() -> None:
    text = "\ufeff" + (HEAD + "eur,2026-03-01,2026-03-31,0.9476,1,base_per_foreign\n").replace(",", ";")

    assert [replace(it, line=0) for it in read_rate_file(text.encode()).rates] == [quoted()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("EUR,2026-03-01,2026-03-31,0,9476,1,base_per_foreign", "Line 2: there are 7 columns"),
        ("EUR,01.03.2026,2026-03-31,0.9476,1,base_per_foreign", "Line 2: “01.03.2026” is not a day"),
        (
            "EUR,2026-03-01,2026-03-31,0.9476,1,chf",
            "Line 2: the direction must be base_per_foreign or foreign_per_base",
        ),
        ("EUR,2026-03-01,2026-03-31,NaN,1,base_per_foreign", "Line 2: “NaN” is not a number"),
        ("EUR,2026-03-01,2026-03-31,-0.9,1,base_per_foreign", "Line 2: “-0.9” is not a number"),
        ("EUR,2026-03-01,2026-03-31,0.9476,x,base_per_foreign", "Line 2: “x” is not a unit"),
        ('EUR,"2026-03-01', "Line 2: this is not CSV"),
    ],
)
def test_each_wrong_line_is_named(line: str, words: str) -> None:
    [fault] = faults(HEAD + line + "\n")

    assert fault.startswith(words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "Line 1: the first line must name the columns"),
        (HEAD, "The file has no rate"),
        ("a,b\n1,2\n", "Line 1: the first line must name the columns"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"x" * (MOST_BYTES + 1), "larger than 512 kilobytes"),
        ("<html/>", "The XML is a “html”"),
        ("<monatsmittelkurs>", "Line 1: this is not the XML"),
        ("<monatsmittelkurs/>", "does not say which month"),
        ("<wechselkurse><gueltigkeit>31.02.2026</gueltigkeit></wechselkurse>", "does not say which days"),
        (MONTHLY.replace("100 JPY", "JPY"), "Rate 2: “JPY” is not a unit and a currency"),
        (MONTHLY.replace("100 JPY", "100 USD"), "Rate 2: it is called jpy and USD at once"),
        (MONTHLY.replace("0.5819", "0,5819"), "Rate 2: “0,5819” is not a number"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><monatsmittelkurs/>', "this is not the XML of a rate table"),
    ],
)
def test_files_that_are_no_rate_tables_are_refused_in_words(content: str | bytes, words: str) -> None:
    assert any(words in fault for fault in faults(content))


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (quoted(currency="EUX"), "not a currency"),
        (quoted(currency="CHF"), "has no rate"),
        (quoted(unit=7), "the unit must be one of"),
        (quoted(valid_to=date(2026, 2, 1)), "before the first"),
        (quoted(valid_to=date(2028, 2, 1)), "more than a year"),
        (quoted("0"), "six decimals"),
    ],
)
def test_rates_that_mean_nothing_are_refused(rate: QuotedRate, words: str) -> None:
    assert any(words in fault for fault in faults_of([rate], base="CHF"))


def test_two_rates_for_one_day_are_refused() -> None:
    later = quoted("0.95", valid_from=date(2026, 3, 31), valid_to=date(2026, 4, 30), line=3)

    assert faults_of([quoted(), later], base="CHF") == ("Line 3: there are two EUR rates for the same days.",)
    assert faults_of([quoted(), quoted(currency="USD")], base="CHF") == ()


@pytest.mark.parametrize(
    ("value", "unit", "doubtful"),
    [
        ("0.9476", 1, ""),
        ("0.9300", 1, ""),
        ("1.0553", 1, "upside down"),  # EUR for a franc typed as francs for a EUR
        ("9.476", 1, "times as far"),
        ("94.76", 1, "times as far"),
        ("94.76", 100, ""),
    ],
)
def test_a_rate_upside_down_or_with_a_wrong_unit_must_be_confirmed(value: str, unit: int, doubtful: str) -> None:
    """Known: 1.0553 EUR for a franc. 1 / 9.476 = 0.105530 is ten times less."""
    known = {"EUR": KnownRate(per_base=D("1.0553"), source="the exchange of 02.03.2026")}

    found = doubts_of([quoted(value, unit=unit)], known=known)

    assert [doubtful in doubt.message for doubt in found] == ([True] if doubtful else [])
    assert doubts_of([quoted(value, unit=unit)], known={}) == ()


def test_one_method_holds_for_a_tax_period() -> None:
    standing = {2026: "monthly"}

    assert method_conflict(Method.MONTHLY, {2026}, standing=standing) == ""
    assert method_conflict(Method.DAILY, {2027}, standing=standing) == ""
    assert method_conflict(Method.DAILY, {2026, 2027}, standing=standing).startswith(
        "The tax period 2026 is kept by monthly average rates. One method holds for a whole tax period"
    )
    assert years_of([quoted(valid_from=date(2025, 12, 31))]) == {2025, 2026}


def test_the_newest_version_that_covers_the_day_wins() -> None:
    def row(version: int, first: date, last: date, rate: str) -> TableRate:
        return TableRate(per_base=D(rate), version=version, source="ESTV", valid_from=first, valid_to=last)

    table = TableOfRates(rates={"EUR": [row(1, FIRST, LAST, "1.05"), row(2, LAST, LAST, "1.06")]})

    assert [found.version if (found := table.on("EUR", day)) else 0 for day in (FIRST, LAST, date(2026, 4, 1))] == [
        1,
        2,
        0,
    ]
    assert table.on("USD", FIRST) is None
