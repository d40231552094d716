"""Moments, and how Go writes them in a layout such as ``2006-01-02T15:04:05Z07:00`` (Go 1.26 ``time``).

Departure: the local zone is UTC, as it is in Flux's container, and no time zone is known by name.
"""

import re
from datetime import date
from typing import Final, NamedTuple

from imagesetter.golang.values import INT, STRING, Int64, Method, Sized, Type

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
LAYOUT: Final = re.compile(
    r"January|Jan(?![a-z])|01|02|03|04|05|06|002|Monday|Mon(?![a-z])|MST|2006|__2|_2006|_2|15|PM|pm"
    r"|-070000|-07:00:00|-0700|-07:00|-07|Z070000|Z07:00:00|Z0700|Z07:00|Z07|[.,](?:0+|9+)(?![0-9])|[1-5]"
)
"""The parts of a layout; the rest of it stands for itself."""
OFFSETS: Final = {"07": 1, "0700": 2, "07:00": 2, "070000": 3, "07:00:00": 3}
"""Hours, minutes and seconds in the forms of an offset, behind ``-`` or ``Z``."""
TIME: Final = Type("time.Time", "struct", string="text")
_MONTH: Final = Type("time.Month", "int", string="text")
_WEEKDAY: Final = Type("time.Weekday", "int", string="text")
_CYCLE_YEARS: Final = 400
_CYCLE_DAYS: Final = 146_097
_EPOCH: Final = 719_163
_DAY: Final = 86_400


def day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01, in any year; a day beyond its month counts into the next one."""
    cycle, rest = divmod(year - 1, _CYCLE_YEARS)
    return date(rest + 1, month, 1).toordinal() + day - 1 + cycle * _CYCLE_DAYS - _EPOCH


class Month(Sized):
    """Go's time.Month."""

    __slots__ = ()
    go_type = _MONTH

    @property
    def text(self) -> str:
        """``String()``."""
        return MONTHS[self - 1]


class Weekday(Sized):
    """Go's time.Weekday, Sunday first."""

    __slots__ = ()
    go_type = _WEEKDAY

    @property
    def text(self) -> str:
        """``String()``."""
        return DAYS[self]


class Time(NamedTuple):
    """A moment, and the zone in which it is shown."""

    seconds: int = day_number(1, 1, 1) * _DAY
    """Since 1970."""
    nanosecond: int = 0
    offset: int = 0
    """Seconds east of UTC."""
    zone: str = "UTC"

    @property
    def go_type(self) -> Type:
        """Go's type."""
        return TIME

    @property
    def text(self) -> str:
        """``String()``."""
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    @property
    def json_text(self) -> str:
        """What JSON has for it."""
        return self.format("2006-01-02T15:04:05.999999999Z07:00")

    @property
    def date(self) -> tuple[int, int, int]:
        """Year, month and day in its zone."""
        cycle, rest = divmod((self.seconds + self.offset) // _DAY + _EPOCH - 1, _CYCLE_DAYS)
        day = date.fromordinal(rest + 1)
        return day.year + cycle * _CYCLE_YEARS, day.month, day.day

    @property
    def clock(self) -> tuple[int, int, int]:
        """Hour, minute and second in its zone."""
        second = (self.seconds + self.offset) % _DAY
        return second // 3600, second // 60 % 60, second % 60

    @property
    def weekday(self) -> int:
        """0 is Sunday."""
        return ((self.seconds + self.offset) // _DAY + 4) % 7

    @property
    def day_of_year(self) -> int:
        """From 1 on."""
        year, month, day = self.date
        return day_number(year, month, day) - day_number(year, 1, 1) + 1

    def later(self, nanoseconds: int) -> "Time":
        """The moment so many nanoseconds on."""
        seconds, rest = divmod(self.nanosecond + nanoseconds, 1_000_000_000)
        return self._replace(seconds=self.seconds + seconds, nanosecond=rest)

    def moved(self, years: int, months: int, days: int) -> "Time":
        """``AddDate``: what overflows a month counts into the next one."""
        year, month, day = self.date
        carried, month = divmod(month - 1 + months, 12)
        moved = day_number(year + years + carried, month + 1, day + days) - day_number(*self.date)
        return self._replace(seconds=self.seconds + moved * _DAY)

    def in_utc(self) -> "Time":
        """``UTC``."""
        return self._replace(offset=0, zone="UTC")

    def format(self, layout: str) -> str:
        """``Format``."""
        return LAYOUT.sub(lambda match: self._shown(match[0]), layout)

    def _shown(self, part: str) -> str:
        if part[0] in ".,":
            return self._fraction(part)
        if part[1:] in OFFSETS and part[0] in "-Z":
            return self._offset(part)
        year, month, day = self.date
        hour, minute, second = self.clock
        hour12 = hour % 12 or 12
        shown = {
            "January": MONTHS[month - 1], "Jan": MONTHS[month - 1][:3], "1": f"{month}", "01": f"{month:02}",
            "Monday": DAYS[self.weekday], "Mon": DAYS[self.weekday][:3], "2": f"{day}", "_2": f"{day:2}",
            "02": f"{day:02}", "002": f"{self.day_of_year:03}", "__2": f"{self.day_of_year:3}", "15": f"{hour:02}",
            "3": f"{hour12}", "03": f"{hour12:02}", "4": f"{minute}", "04": f"{minute:02}", "5": f"{second}",
            "05": f"{second:02}", "2006": f"{year:04}", "_2006": f"_{year:04}", "06": f"{year % 100:02}",
            "PM": "AM" if hour < 12 else "PM", "pm": "am" if hour < 12 else "pm",
            "MST": self.zone or self._offset("-0700"),
        }  # fmt: skip
        return shown[part]

    def _fraction(self, part: str) -> str:
        digits = f"{self.nanosecond:09}".ljust(len(part) - 1, "0")[: len(part) - 1]
        if part[1] == "9":
            digits = digits.rstrip("0")
        return part[0] + digits if digits else ""

    def _offset(self, part: str) -> str:
        if part[0] == "Z" and not self.offset:
            return "Z"
        west = self.offset <= -60  # of less than a minute Go makes "+0000-20"
        hours, rest = divmod(abs(self.offset), 3600)
        fields = [f"{hours:02}", f"{rest // 60:02}", f"{'-' if -60 < self.offset < 0 else ''}{rest % 60:02}"]
        sign = "-" if west else "+"
        return sign + (":" if ":" in part else "").join(fields[: OFFSETS[part[1:]]])


def _moment(time: Time) -> tuple[int, int]:
    return time.seconds, time.nanosecond


TIME.methods = {
    "Format": Method(lambda time, layout: time.format(layout), (STRING,)),
    "String": Method(lambda time: time.text),
    "Year": Method(lambda time: time.date[0]),
    "Month": Method(lambda time: Month(time.date[1])),
    "Day": Method(lambda time: time.date[2]),
    "Weekday": Method(lambda time: Weekday(time.weekday)),
    "YearDay": Method(lambda time: time.day_of_year),
    "Hour": Method(lambda time: time.clock[0]),
    "Minute": Method(lambda time: time.clock[1]),
    "Second": Method(lambda time: time.clock[2]),
    "Nanosecond": Method(lambda time: time.nanosecond),
    "Unix": Method(lambda time: Int64(time.seconds)),
    "UnixMilli": Method(lambda time: Int64(time.seconds * 1000 + time.nanosecond // 1_000_000)),
    "UTC": Method(lambda time: time.in_utc()),
    "Local": Method(lambda time: time.in_utc()),
    "IsZero": Method(lambda time: _moment(time) == _moment(Time())),
    "AddDate": Method(lambda time, years, months, days: time.moved(years, months, days), (INT, INT, INT)),
    "Before": Method(lambda time, other: _moment(time) < _moment(other), (TIME,)),
    "After": Method(lambda time, other: _moment(time) > _moment(other), (TIME,)),
    "Equal": Method(lambda time, other: _moment(time) == _moment(other), (TIME,)),
}
