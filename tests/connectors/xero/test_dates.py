"""Xero's dates. Expected values: the epoch milliseconds were converted with `date -u -d @seconds`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from connectors.contract.errors import ContractBroken
from connectors.xero.dates import calendar_day, date_filter, instant, lock_day, modified_since
from connectors.xero.timezones import IANA, iana_zone
from tests.connectors.xero.spec import _spec, needs_specs


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("/Date(1439434356790)/", datetime(2015, 8, 13, 2, 52, 36, 790_000, UTC)),
        ("/Date(1551213567813+0000)/", datetime(2019, 2, 26, 20, 39, 27, 813_000, UTC)),
        ("/Date(1551213567813+1300)/", datetime(2019, 2, 26, 20, 39, 27, 813_000, UTC)),  # decoration only
        ("/Date(-86400000+0000)/", datetime(1969, 12, 31, tzinfo=UTC)),
        ("2019-02-26T00:00:00", datetime(2019, 2, 26, tzinfo=UTC)),
        ("2019-02-26T00:00:00+01:00", datetime(2019, 2, 25, 23, tzinfo=UTC)),
        ("2019-03-05T18:59:06Z", datetime(2019, 3, 5, 18, 59, 6, tzinfo=UTC)),
        ("2019-07-09T23:40:30.1833130", datetime(2019, 7, 9, 23, 40, 30, 183_313, UTC)),
        ("2019-12-07T18:46:19.51", datetime(2019, 12, 7, 18, 46, 19, 510_000, UTC)),
    ],
)
def test_a_moment_is_read_in_utc(text: str, moment: datetime) -> None:
    assert instant(text) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "/Date(x)/", "/Date(99999999999999999)/", "20100510T", None, 17])
def test_what_is_no_date_breaks_the_contract(text: object) -> None:
    with pytest.raises(ContractBroken):
        instant(text)


def test_a_documents_date_is_the_utc_day() -> None:
    assert calendar_day("/Date(1551139200000+0000)/") == date(2019, 2, 26)
    assert calendar_day("/Date(1478985000000+0000)/") == date(2016, 11, 12)  # a transfer with a time of day: 21:10


@pytest.mark.parametrize(
    ("text", "zone", "day"),
    [
        ("/Date(1546214400000+0000)/", "Pacific/Auckland", date(2018, 12, 31)),  # midnight UTC
        ("/Date(1419937200000+0000)/", "Pacific/Auckland", date(2014, 12, 31)),  # 30 Dec 11:00 UTC is midnight there
        ("/Date(1419980400000+0000)/", "Europe/Berlin", date(2014, 12, 31)),  # 30 Dec 23:00 UTC
        ("/Date(1419937200000+0000)/", "", date(2014, 12, 31)),  # zone unknown: the later day
        ("/Date(1419919200000+0000)/", "America/Chicago", date(2014, 12, 30)),  # 30 Dec 06:00 UTC
        ("/Date(1419919200000+0000)/", "", date(2014, 12, 30)),
        ("/Date(1420020000000+0000)/", "Pacific/Honolulu", date(2014, 12, 31)),  # 31 Dec 10:00 UTC
        ("/Date(1420020000000+0000)/", "", date(2015, 1, 1)),  # it might be 1 January, fourteen hours ahead
        ("2025-12-31", "Europe/Berlin", date(2025, 12, 31)),
    ],
)
def test_a_lock_date_may_come_as_midnight_of_the_organisations_zone(text: str, zone: str, day: date) -> None:
    assert lock_day(text, zone=zone) == day


@pytest.mark.parametrize("offset", range(-11, 15))
def test_a_lock_date_is_never_read_too_early_whatever_the_zone(offset: int) -> None:
    midnight = datetime(2025, 12, 31, tzinfo=timezone(timedelta(hours=offset)))
    read = lock_day(midnight.isoformat(), zone="")
    assert read >= date(2025, 12, 31)
    assert read == date(2025, 12, 31) or offset < -9


def test_the_boundary_of_a_delta_read_is_one_whole_second_early() -> None:
    moment = datetime(2026, 1, 31, 1, 0, 0, 900_000, timezone(timedelta(hours=1)))
    assert modified_since(moment) == "2026-01-30T23:59:59"


def test_a_first_load_is_bounded_by_the_document_date() -> None:
    assert date_filter(date(2026, 1, 5)) == "Date >= DateTime(2026, 01, 05)"


@needs_specs
def test_every_zone_of_ours_is_one_of_xeros() -> None:
    known = _spec("xero_accounting.yaml")["components"]["schemas"]["TimeZone"]["enum"]
    assert set(IANA) <= set(known)
    assert iana_zone("WEUROPESTANDARDTIME") == "Europe/Berlin"
    assert iana_zone("SOMEWHERE") == ""
