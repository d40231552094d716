"""Moments, and Go's layouts for them (Go 1.26 ``time``): ``2006-01-02T15:04:05Z07:00`` and whatever is like it.

Departures: the local zone is UTC, as it is in Flux's container; of the names of time zones only UTC, GMT and the three
or four letters of a parsed one are known; the range is Python's, years 1 to 9999.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import ClassVar, Final

from imagesetter.flux.template.faults import Fault
from imagesetter.flux.template.gostrings import quote_bytes
from imagesetter.flux.template.values import INT, STRING, Int64, Method, Sized, Type

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_LAYOUT: Final = re.compile(
    r"January|Jan(?![a-z])|01|02|03|04|05|06|002|Monday|Mon(?![a-z])|MST|2006|__2|_2006|_2|15|PM|pm"
    r"|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07|[.,](?:0+|9+)(?![0-9])|[1-5]"
)
_ZERO: Final = datetime(1, 1, 1, tzinfo=UTC)
TIME: Final = Type("time.Time", "struct", string="text")
_MONTH: Final = Type("time.Month", "int", string="text")
_WEEKDAY: Final = Type("time.Weekday", "int", string="text")


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


@dataclass(frozen=True, slots=True)
class Time:
    """A moment to the nanosecond, and the zone in which it is shown."""

    moment: datetime = _ZERO
    nanosecond: int = 0
    zone: str = "UTC"
    go_type: ClassVar[Type] = TIME

    @property
    def text(self) -> str:
        """``String()``."""
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    @property
    def json_text(self) -> str:
        """What JSON has for it."""
        return self.format("2006-01-02T15:04:05.999999999Z07:00")

    @property
    def unix(self) -> int:
        """Seconds since 1970."""
        return (self.moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)

    @property
    def weekday(self) -> int:
        """0 is Sunday."""
        return self.moment.isoweekday() % 7

    def later(self, nanoseconds: int) -> Time:
        """The moment so many nanoseconds on.

        Raises:
            Fault: the year would have five digits.
        """
        seconds, rest = divmod(self.nanosecond + nanoseconds, 1_000_000_000)
        return _checked(self, lambda: self.moment + timedelta(seconds=seconds), rest)

    def moved(self, years: int, months: int, days: int) -> Time:
        """``AddDate``: what overflows a month counts into the next one."""
        month = self.moment.month - 1 + months
        year = self.moment.year + years + month // 12
        return _checked(
            self,
            lambda: (
                self.moment.replace(year=year, month=month % 12 + 1, day=1) + timedelta(days=self.moment.day - 1 + days)
            ),
            self.nanosecond,
        )

    def in_utc(self) -> Time:
        """``UTC``."""
        return Time(self.moment.astimezone(UTC), self.nanosecond)

    def format(self, layout: str) -> str:
        """``Format``."""
        return _LAYOUT.sub(lambda match: self._shown(match[0]), layout)

    def _shown(self, part: str) -> str:
        moment = self.moment
        hour12 = moment.hour % 12 or 12
        if part[0] in ".,":
            return self._fraction(part)
        if part[0] in "-Z" and len(part) > 1:
            return self._offset(part)
        day_of_year = moment.timetuple().tm_yday
        shown = {
            "January": MONTHS[moment.month - 1], "Jan": MONTHS[moment.month - 1][:3], "1": f"{moment.month}",
            "01": f"{moment.month:02}", "Monday": DAYS[self.weekday], "Mon": DAYS[self.weekday][:3],
            "2": f"{moment.day}", "_2": f"{moment.day:2}", "02": f"{moment.day:02}", "002": f"{day_of_year:03}",
            "__2": f"{day_of_year:3}", "15": f"{moment.hour:02}", "3": f"{hour12}", "03": f"{hour12:02}",
            "4": f"{moment.minute}", "04": f"{moment.minute:02}", "5": f"{moment.second}",
            "05": f"{moment.second:02}", "2006": f"{moment.year:04}", "_2006": f"_{moment.year:04}",
            "06": f"{moment.year % 100:02}", "PM": "AM" if moment.hour < 12 else "PM",
            "pm": "am" if moment.hour < 12 else "pm", "MST": self.zone,
        }  # fmt: skip
        return shown[part]

    def _fraction(self, part: str) -> str:
        digits = f"{self.nanosecond:09}".ljust(len(part) - 1, "0")[: len(part) - 1]
        if part[1] == "9":
            digits = digits.rstrip("0")
        return part[0] + digits if digits else ""

    def _offset(self, part: str) -> str:
        offset = self.moment.utcoffset() or timedelta()
        seconds = int(offset.total_seconds())
        if part[0] == "Z" and not seconds:
            return "Z"
        sign = "-" if seconds < 0 else "+"
        hours, rest = divmod(abs(seconds), 3600)
        fields = [f"{hours:02}", f"{rest // 60:02}", f"{rest % 60:02}"]
        count = {3: 1, 5: 2, 6: 2, 7: 3, 9: 3}[len(part)]
        return sign + (":" if ":" in part else "").join(fields[:count])


def _checked(time: Time, move: object, nanosecond: int) -> Time:
    assert callable(move)
    try:
        return Time(move(), nanosecond, time.zone)
    except (OverflowError, ValueError) as err:
        raise Fault("time out of the range of years 1 to 9999") from err


def _pattern(part: str) -> str:
    """What a part of a layout takes from a text."""
    if part[0] in ".,":
        return rf"[.,]\d{{{len(part) - 1}}}" if part[1] == "0" else r"(?:[.,]\d+)?"
    if part[0] in "-Z" and len(part) > 1:
        colon = ":" if ":" in part else ""
        count = {3: 1, 5: 2, 6: 2, 7: 3, 9: 3}[len(part)]
        numbers = r"[+-]" + colon.join([r"\d\d"] * count)
        return f"(?:Z|{numbers})" if part[0] == "Z" else numbers
    names = {
        "January": "|".join(MONTHS), "Jan": "|".join(month[:3] for month in MONTHS),
        "Monday": "|".join(DAYS), "Mon": "|".join(day[:3] for day in DAYS), "PM": "AM|PM", "pm": "am|pm",
        "MST": r"[A-Z]{3,4}|[+-]\d\d(?:\d\d)?", "2006": r"\d{4}", "_2006": r"_\d{4}", "06": r"\d\d",
        "002": r"\d{3}", "__2": r"[ \d]{2}\d", "_2": r" ?\d{1,2}",
    }  # fmt: skip
    # Go takes one or two digits for hours, minutes and the like unless the layout has a leading zero.
    return names.get(part) or (r"\d\d" if part[0] == "0" or part == "15" else r"\d\d?")


def parse(layout: str, text: str) -> Time:
    """``ParseInLocation`` in UTC.

    Raises:
        Fault: the text does not follow the layout.
    """
    parts = list(_LAYOUT.finditer(layout))
    values: dict[str, str] = {}
    at, done = 0, 0
    for part in [*parts, None]:
        literal = layout[done : part.start() if part else len(layout)]
        if not text.startswith(literal, at):
            raise _cannot(layout, text, text[at:], literal)
        at += len(literal)
        if part is None:
            break
        done = part.end()
        match = re.compile(_pattern(part[0]), re.IGNORECASE | re.ASCII).match(text, at)
        if match is None:
            raise _cannot(layout, text, text[at:], part[0])
        values[part[0]] = match[0]
        at = match.end()
        if part[0] in ("05", "5") and not layout[done:].startswith((".0", ".9", ",0", ",9")):
            fraction = re.compile(r"[.,]\d+").match(text, at)
            if fraction:
                values[".9"] = fraction[0]
                at = fraction.end()
    if at < len(text):
        raise Fault(f"parsing time {quote_bytes(text)}: extra text: {quote_bytes(text[at:])}")
    return _assembled(text, values)


def _cannot(layout: str, text: str, rest: str, part: str) -> Fault:
    return Fault(
        f"parsing time {quote_bytes(text)} as {quote_bytes(layout)}: cannot parse {quote_bytes(rest)} as {quote_bytes(part)}"
    )


def _assembled(text: str, values: dict[str, str]) -> Time:
    def number(*parts: str, default: int) -> int:
        return next((int(values[part].strip(" _")) for part in parts if part in values), default)

    year = number("2006", "_2006", default=-1)
    if "06" in values:
        short = int(values["06"])
        year = short + (1900 if short >= 69 else 2000)
    month = number("01", "1", default=1)
    for part, width in (("January", None), ("Jan", 3)):
        if part in values:
            month = [name[:width].lower() for name in MONTHS].index(values[part].lower()) + 1
    day = number("02", "_2", "2", default=1)
    hour = number("15", "03", "3", default=0)
    half = values.get("PM", values.get("pm", "")).upper()
    if half:
        hour = hour % 12 + (12 if half == "PM" else 0)
    minute, second = number("04", "4", default=0), number("05", "5", default=0)
    for name, value, limit in (("hour", hour, 24), ("minute", minute, 60), ("second", second, 60)):
        if value >= limit:
            raise Fault(f"parsing time {quote_bytes(text)}: {name} out of range")
    if not 1 <= month <= 12:
        raise Fault(f"parsing time {quote_bytes(text)}: month out of range")
    fraction = next((value[1:] for part, value in values.items() if part[0] in ".," and value), "")
    zone, offset = _zone(values)
    year = 0 if year < 0 else year
    try:
        moment = datetime(year or 1, month, day, hour, minute, second, tzinfo=timezone(offset))
    except ValueError as err:
        raise Fault(f"parsing time {quote_bytes(text)}: day out of range") from err
    if not year:
        raise Fault(f"parsing time {quote_bytes(text)}: year out of range")
    for part in ("002", "__2"):
        if part in values:
            moment += timedelta(days=number(part, default=1) - 1)
    return Time(moment, int(fraction[:9].ljust(9, "0")), zone)


def _zone(values: dict[str, str]) -> tuple[str, timedelta]:
    written = next((value for part, value in values.items() if part[0] in "-Z" and len(part) > 1), "")
    name = values.get("MST", "")
    if written in ("", "Z"):
        return name or "UTC", timedelta()
    digits = written[1:].replace(":", "").ljust(6, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:]))
    if written[0] == "-":
        offset = -offset
    return name or ("UTC" if not offset else written.replace(":", "")), offset


TIME.methods = {
    "Format": Method(lambda time, layout: time.format(layout), (STRING,)),
    "String": Method(lambda time: time.text),
    "Year": Method(lambda time: time.moment.year),
    "Month": Method(lambda time: Month(time.moment.month)),
    "Day": Method(lambda time: time.moment.day),
    "Weekday": Method(lambda time: Weekday(time.weekday)),
    "YearDay": Method(lambda time: time.moment.timetuple().tm_yday),
    "Hour": Method(lambda time: time.moment.hour),
    "Minute": Method(lambda time: time.moment.minute),
    "Second": Method(lambda time: time.moment.second),
    "Nanosecond": Method(lambda time: time.nanosecond),
    "Unix": Method(lambda time: Int64(time.unix)),
    "UnixMilli": Method(lambda time: Int64(time.unix * 1000 + time.nanosecond // 1_000_000)),
    "UnixNano": Method(lambda time: Int64(time.unix * 1_000_000_000 + time.nanosecond)),
    "UTC": Method(lambda time: time.in_utc()),
    "Local": Method(lambda time: time.in_utc()),
    "IsZero": Method(lambda time: time.unix == Time().unix and not time.nanosecond),
    "AddDate": Method(lambda time, years, months, days: time.moved(years, months, days), (INT, INT, INT)),
    "Before": Method(lambda time, other: (time.unix, time.nanosecond) < (other.unix, other.nanosecond), (TIME,)),
    "After": Method(lambda time, other: (time.unix, time.nanosecond) > (other.unix, other.nanosecond), (TIME,)),
    "Equal": Method(lambda time, other: (time.unix, time.nanosecond) == (other.unix, other.nanosecond), (TIME,)),
}
