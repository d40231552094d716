"""Reads a moment by a layout (Go 1.26 ``time``, parse in format.go)."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Final

from imagesetter.golang.errors import Fault
from imagesetter.golang.strings import quote_bytes
from imagesetter.golang.time_format import DAYS, LAYOUT, MONTHS, OFFSETS, Time, day_number

_NUMBERS: Final = {
    "01": "month", "1": "month", "02": "day", "2": "day", "_2": "day", "15": "hour", "03": "hour12", "3": "hour12",
    "04": "minute", "4": "minute", "05": "second", "5": "second",
}  # fmt: skip
_RANGES: Final = {
    "month": range(1, 13), "day": range(100), "hour": range(24), "hour12": range(13), "minute": range(60),
    "second": range(60), "year": range(10_000), "weekday": range(7), "half": range(2), "day_of_year": range(1000),
}  # fmt: skip
_ZONE: Final = r"UTC|ChST|MeST|GMT(?:[+-]\d\d?)?|[+-]\d\d?|WITA|[A-Z]{3}(?![A-Z])|[A-Z]{3}T(?![A-Z])|[A-Z]{4}T(?![A-Z])"
_NAMES: Final = {"January": MONTHS, "Jan": MONTHS, "Monday": DAYS, "Mon": DAYS}


class _Bad(Exception):
    """The text does not go on as the layout does."""


def parse_time(layout: str, text: str) -> Time:
    """``ParseInLocation`` in UTC.

    Raises:
        Fault: the text does not follow the layout, with Go's message.
    """
    return _Reader(layout, text).time()


class _Reader:
    def __init__(self, layout: str, text: str) -> None:
        self._layout = layout
        self._text = text
        self._rest = text
        self._fields: dict[str, int] = {}
        self._fraction = ""
        self._zone = ""
        self._utc = False
        self._offset: int | None = None

    def time(self) -> Time:
        parts = list(LAYOUT.finditer(self._layout))
        done = 0
        for index, part in enumerate(parts):
            self._literal(self._layout[done : part.start()])
            done = part.end()
            held = self._rest
            try:
                self._part(part[0])
            except _Bad as bad:
                raise self._cannot(held, part[0]) from bad
            if part[0] in ("05", "5") and not (index + 1 < len(parts) and parts[index + 1][0][0] in ".,"):
                self._take_fraction(r"[.,]\d+")
        self._literal(self._layout[done:])
        if self._rest:
            raise Fault(f"parsing time {quote_bytes(self._text)}: extra text: {quote_bytes(self._rest)}")
        return self._assembled()

    def _cannot(self, rest: str, wanted: str) -> Fault:
        what, form, left, part = map(quote_bytes, (self._text, self._layout, rest, wanted))
        return Fault(f"parsing time {what} as {form}: cannot parse {left} as {part}")

    def _beyond(self, what: str) -> Fault:
        return Fault(f"parsing time {quote_bytes(self._text)}: {what} out of range")

    def _literal(self, literal: str) -> None:
        """Text that stands for itself; blanks there are blanks here, however many."""
        rest = self._rest
        for piece in re.findall(r" +|[^ ]", literal):
            if piece[0] == " ":
                if rest and rest[0] != " ":
                    raise self._cannot(rest, literal)
                rest = rest.lstrip(" ")
            elif rest[:1] != piece:
                raise self._cannot(rest, literal)
            else:
                rest = rest[1:]
        self._rest = rest

    def _match(self, pattern: str) -> str:
        match = re.compile(pattern, re.ASCII).match(self._rest)
        if match is None:
            raise _Bad
        self._rest = self._rest[match.end() :]
        return match[0]

    def _part(self, part: str) -> None:
        if part in _NUMBERS:
            if part == "_2" and self._rest.startswith(" "):
                self._rest = self._rest[1:]
            # One digit will do unless the layout has a leading zero.
            self._set(_NUMBERS[part], int(self._match(r"\d\d" if part[0] == "0" else r"\d\d?")))
        elif part in _NAMES:
            self._name(part)
        elif part in ("PM", "pm"):
            self._set("half", int(self._match("AM|PM" if part == "PM" else "am|pm") in ("PM", "pm")))
        elif part in ("2006", "_2006"):
            self._set("year", int(self._match(r"_?\d{4}" if part[0] == "_" else r"\d{4}").strip("_")))
        elif part == "06":
            year = int(self._match(r"\d\d"))
            self._set("year", year + (1900 if year >= 69 else 2000))
        elif part in ("002", "__2"):
            self._set("day_of_year", int(self._match(r"\d{3}" if part == "002" else r"[ \d]{2}\d")))
        elif part == "MST":
            zone = self._match(_ZONE)
            if zone == "UTC":
                self._utc = True
            else:
                self._zone = zone
        elif part[0] in ".,":
            if part[1] == "0":
                self._fraction = self._match(rf"[.,]\d{{{len(part) - 1}}}")[1:]
            else:
                self._take_fraction(r"[.,]\d+")
        else:
            self._read_offset(part)

    def _take_fraction(self, pattern: str) -> None:
        match = re.compile(pattern, re.ASCII).match(self._rest)
        if match:
            self._fraction = match[0][1:]
            self._rest = self._rest[match.end() :]

    def _name(self, part: str) -> None:
        field, first = ("month", 1) if part[0] == "J" else ("weekday", 0)
        names = [name if len(part) > 3 else name[:3] for name in _NAMES[part]]
        found = self._match(f"(?i:{'|'.join(names)})").title()
        self._set(field, names.index(found) + first)

    def _set(self, name: str, value: int) -> None:
        if value not in _RANGES[name]:
            raise self._beyond(name.removesuffix("12"))
        self._fields[name] = value

    def _read_offset(self, part: str) -> None:
        if part[0] == "Z" and self._rest.startswith("Z"):
            self._rest = self._rest[1:]
            self._utc = True
            return
        colon = ":" if ":" in part else ""
        written = self._match("." + colon.join([".."] * OFFSETS[part[1:]]))
        pairs = [written[start : start + 2] for start in range(1, len(written), 2 + len(colon))]
        numbers = [int(pair) for pair in takewhile(re.compile(r"\d\d", re.ASCII).fullmatch, pairs)]
        hours, minutes, seconds = [*numbers, 0, 0, 0][:3]
        for value, limit, what in ((seconds, 60, "second"), (minutes, 60, "minute"), (hours, 24, "hour")):
            if value > limit:  # Go looks at this before it looks at the sign and at pairs that are not numbers
                raise self._beyond(f"time zone offset {what}")
        if written[0] not in "+-" or len(numbers) < len(pairs):
            raise _Bad
        offset = hours * 3600 + minutes * 60 + seconds
        self._offset = -offset if written[0] == "-" else offset

    def _assembled(self) -> Time:
        fields = self._fields
        year, hour = fields.get("year", 0), fields.get("hour", 0)
        if "hour12" in fields:
            hour = fields["hour12"]
        if "half" in fields:
            hour = hour + 12 if fields["half"] and hour < 12 else 0 if not fields["half"] and hour == 12 else hour
        month, day = self._month_and_day(year)
        start = day_number(year, month, day) * 86_400
        seconds = start + hour * 3600 + fields.get("minute", 0) * 60 + fields.get("second", 0)
        zone, offset = self._zone_and_offset()
        return Time(seconds - offset, int(self._fraction[:9].ljust(9, "0")), offset, zone)

    def _month_and_day(self, year: int) -> tuple[int, int]:
        month, day = self._fields.get("month", -1), self._fields.get("day", -1)
        if "day_of_year" in self._fields:
            number = self._fields["day_of_year"]
            if not 1 <= number <= day_number(year + 1, 1, 1) - day_number(year, 1, 1):
                raise self._beyond("day-of-year")
            found = Time((day_number(year, 1, 1) + number - 1) * 86_400).date
            if month not in (-1, found[1]) or day not in (-1, found[2]):
                what = "month" if month not in (-1, found[1]) else "day"
                raise Fault(f"parsing time {quote_bytes(self._text)}: day-of-year does not match {what}")
            return found[1:]
        month, day = (1 if month < 0 else month), (1 if day < 0 else day)
        carried, following = divmod(month, 12)
        if not 1 <= day <= day_number(year + carried, following + 1, 1) - day_number(year, month, 1):
            raise self._beyond("day")
        return month, day

    def _zone_and_offset(self) -> tuple[str, int]:
        zone, offset = self._zone, self._offset
        if self._utc or (offset == 0 and not zone):
            return "UTC", 0
        if offset not in (None, -1):  # Go's sign for none
            return zone, offset
        if len(zone) > 3 and zone.startswith("GMT"):
            return zone, int(zone[3:]) * 3600
        return zone or "UTC", 0
