"""A clock that is wrong, for one process: `CHAOS_CLOCK_OFF_SECONDS` is added to every reading of the date.

Python imports this module by itself where its folder is on the path, before anything else. The monotonic clock stays.
"""

from __future__ import annotations

import datetime
import os
import time
from datetime import date as _date
from datetime import datetime as _datetime
from typing import Any

_OFF = float(os.environ.get("CHAOS_CLOCK_OFF_SECONDS", "0"))
_time, _time_ns, _gmtime, _localtime = time.time, time.time_ns, time.gmtime, time.localtime


class _AnyDatetime(type):
    """What C code makes is a datetime too."""

    def __instancecheck__(cls, it: Any) -> bool:
        return isinstance(it, _datetime)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _datetime)


class _AnyDate(type):
    def __instancecheck__(cls, it: Any) -> bool:
        return isinstance(it, _date)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _date)


class WrongDatetime(_datetime, metaclass=_AnyDatetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return _datetime.now(tz) + datetime.timedelta(seconds=_OFF)

    @classmethod
    def utcnow(cls) -> Any:
        return _datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(seconds=_OFF)

    @classmethod
    def today(cls) -> Any:
        return cls.now()


class WrongDate(_date, metaclass=_AnyDate):
    @classmethod
    def today(cls) -> Any:
        return WrongDatetime.now().date()


if _OFF:
    time.time = lambda: _time() + _OFF
    time.time_ns = lambda: _time_ns() + int(_OFF * 1e9)
    time.gmtime = lambda seconds=None: _gmtime(time.time() if seconds is None else seconds)
    time.localtime = lambda seconds=None: _localtime(time.time() if seconds is None else seconds)
    datetime.datetime = WrongDatetime  # type: ignore[misc]
    datetime.date = WrongDate  # type: ignore[misc]
