"""Dates (RFC 5322 section 3.3, the obsolete forms of section 4.3), both ways.

What lives here: reading a date-time as the field writes it, and writing one as the RFC wants it.
Nothing here knows what time it is.

Invariants: what comes out always has a zone; a time without one that means anything is UTC, and
`zone_known` is False; what is not certainly a date is `Unparsed`; nothing raises.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from .._grammar import parse_datetime
from ..errors import Defect
from ._lexer import Lexer
from ._vocabulary import Date, Unparsed

__all__ = ["format_date", "parse_date"]

_MONTHS: Final = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
]
_DAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAY_NAMES: Final = [name.capitalize() for name in _DAYS]
_MONTH_NAMES: Final = ["", *(name.capitalize() for name in _MONTHS)]
_MONTH: Final = {name: number for number, name in enumerate(_MONTHS, 1)}
_DAY: Final = {name: number for number, name in enumerate(_DAYS)}
# RFC 5322 section 4.3. Military zones were defined the wrong way round: they mean nothing.
_ZONES: Final = {
    "ut": 0,
    "gmt": 0,
    "utc": 0,
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
}
_USUAL: Final = re.compile(
    r"[ \t\r\n]*+(?:([A-Z][a-z]{2}), )?([0-9]{1,2}) ([A-Z][a-z]{2}) ([0-9]{4}) "
    r"((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]) ([+-][0-9]{2})([0-5][0-9])"
    r"(?: \([A-Za-z]{1,9}\))?[ \t\r\n]*+"
)
_USUAL_MONTH: Final = {name.capitalize(): f"{number:02}" for name, number in _MONTH.items()}
_USUAL_DAY: Final = {name.capitalize(): number for name, number in _DAY.items()}
_WORD: Final = re.compile(r"[A-Za-z]+")
_NUMBER: Final = re.compile(r"[0-9]+")
_ZONE: Final = re.compile(r"([+-])([0-9]{1,4})(?::([0-9]{2}))?")
_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}\S*", re.ASCII)


@lru_cache(maxsize=128)
def _offset(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes)) if minutes else UTC


def parse_date(text: str) -> Date | Unparsed:
    """The value of a Date field. Never raises."""
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        day, date, month, year, clock, hours, minutes = usual.groups()
        # One call that reads numbers and zone costs less than a call for each.
        month = _USUAL_MONTH.get(month, "00")
        try:
            value = datetime.fromisoformat(f"{year}-{month}-{date:0>2}T{clock}{hours}:{minutes}")
        except ValueError:
            value = None
        if (
            value is not None
            and (day is None or _USUAL_DAY.get(day) == value.weekday())
            and value.year >= 1900
        ):
            return Date(value, zone_known=hours[0] == "+" or value.tzinfo is not UTC)
    return _Reader(text).read()


class _Reader:
    """The walk over a date that is not spelled as usual."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lexer = Lexer(text)
        self.defects: list[Defect] = []

    def _report(self, code: str, assumed: str) -> None:
        raw = self.text.strip()[:60].encode("utf-8", "replace")
        self.defects.append(Defect(code, 0, raw, assumed))

    def read(self) -> Date | Unparsed:
        """The date; `Unparsed` if it is none."""
        unparsed = Unparsed(self.text.strip(" \t\r\n"))
        stripped = self.text.strip(" \t\r\n")
        if len(stripped) > 998:
            return unparsed
        if _ISO.match(stripped):
            return self._iso(stripped) or unparsed
        lexer = self.lexer
        day = self._name(_DAY)
        lexer.skip()
        lexer.sign(",")
        lexer.skip()
        month = self._name(_MONTH) if day is not None else None
        if month is not None:  # asctime: Mon Nov  3 12:00:00 2025
            date = self._number()
            clock = self._clock()
            if clock is None:
                return unparsed
            zone = self._zone(optional=True)
            year = self._number()
            self._report("asctime", "RFC 5322")
        else:
            date = self._number()
            lexer.skip()
            hyphens = lexer.sign("-")
            month = self._name(_MONTH)
            lexer.skip()
            if lexer.sign("-") or hyphens:
                self._report("hyphens_in_date", "none")
            year = self._number()
            clock = self._clock()
            zone = self._zone()
        if date is None or month is None or year is None or clock is None:
            return unparsed
        lexer.skip()
        if not lexer.done:
            self._report("junk_behind_date", "the date before it")
        return self._made(day, date, month, year, clock, zone) or unparsed

    def _made(
        self,
        day: int | None,
        date: tuple[int, int],
        month: int,
        year: tuple[int, int],
        clock: tuple[int, int, int],
        zone: int | None,
    ) -> Date | None:
        number, digits = year
        # RFC 5322 section 4.3
        if digits == 2:
            number += 2000 if number < 50 else 1900
            self._report("short_year", str(number))
        elif digits == 3:
            number += 1900
            self._report("short_year", str(number))
        elif digits != 4 or number < 1900:
            self._report("odd_year", str(number))
        hour, minute, second = clock
        if second == 60:
            second = 59
            self._report("leap_second", "59")
        try:
            value = datetime(
                number, month, date[0], hour, minute, second, tzinfo=_offset(zone or 0)
            )
        except (ValueError, OverflowError):
            return None
        if day is not None and day != value.weekday():
            self._report("wrong_day", _DAYS[value.weekday()].capitalize())
        return Date(value, zone_known=zone is not None, defects=tuple(self.defects))

    def _iso(self, text: str) -> Date | None:
        text = text.replace(" ", "T", 1).replace(" ", "")
        known = True
        try:
            value = parse_datetime(text)
        except ValueError:
            try:
                value = parse_datetime(f"{text}Z")
            except ValueError:
                return None
            known = False
        self._report("iso_8601", "RFC 5322")
        return Date(value, zone_known=known, defects=tuple(self.defects))

    def _name(self, names: dict[str, int]) -> int | None:
        """The name of a day or month, perhaps written out."""
        lexer = self.lexer
        lexer.skip()
        at = lexer.pos
        word = lexer.take(_WORD)
        number = names.get(word[:3].lower()) if len(word) >= 3 else None
        if number is None:
            lexer.pos = at
            return None
        if len(word) > 3:
            self._report("long_name", word[:3])
            lexer.sign(".")
        return number

    def _number(self) -> tuple[int, int] | None:
        """A number, and how many digits it has."""
        lexer = self.lexer
        lexer.skip()
        digits = lexer.take(_NUMBER)
        if not digits or len(digits) > 4 or not digits.isascii():
            return None
        return int(digits), len(digits)

    def _clock(self) -> tuple[int, int, int] | None:
        lexer = self.lexer
        parts: list[int] = []
        while len(parts) < 3:
            number = self._number()
            if number is None or number[1] > 2:
                return None
            parts.append(number[0])
            lexer.skip()
            if len(parts) == 3 or not lexer.sign(":"):
                break
        if len(parts) < 2:
            return None
        hour, minute, second = (*parts, 0)[:3]
        if hour > 23 or minute > 59 or second > 60:
            return None
        return hour, minute, second

    def _zone(self, *, optional: bool = False) -> int | None:
        """Minutes east of UTC; None if that is not known."""
        lexer = self.lexer
        lexer.skip()
        at = lexer.pos
        name = lexer.take(_WORD).lower()
        if name in _ZONES:
            lexer.skip()
            match = _ZONE.match(self.text, lexer.pos)
            if match is None:
                self._report("obsolete_zone", f"{_ZONES[name]:+03d}00")
                return _ZONES[name] * 60
            # GMT+0100
        elif name:
            self._report("unknown_zone", "UTC")
            return None
        else:
            match = _ZONE.match(self.text, lexer.pos)
        if match is None:
            lexer.pos = at
            if not optional:
                self._report("missing_zone", "UTC")
            return None
        lexer.pos = match.end()
        digits = match[2] + (match[3] or "")
        if len(digits) < 3:
            digits += "00"
        offset = int(digits[:-2]) * 60 + int(digits[-2:])
        if len(match[2]) != 4 or name:
            self._report("odd_zone", f"{match[1]}{digits:0>4}")
        if offset >= 1440 or int(digits[-2:]) > 59:
            self._report("unknown_zone", "UTC")
            return None
        if match[1] == "-":
            return -offset if offset else None
        return offset


def format_date(value: datetime | Date) -> str:
    """A date-time as RFC 5322 section 3.3 wants it: `Mon, 23 Nov 2026 09:30:00 +0000`.

    Raises ValueError for one without a zone, for a zone with seconds, and for years before 1900;
    TypeError for anything else. A `Date` whose zone is not known is written with -0000.
    """
    known = True
    if isinstance(value, Date):
        known, value = value.zone_known, value.value
    if not isinstance(value, datetime):
        raise TypeError(f"a date is a datetime or a Date, not {type(value).__name__}")
    offset = value.utcoffset()
    if offset is None:
        raise ValueError("a date needs its time zone")
    minutes, seconds = divmod(offset.days * 86_400 + offset.seconds, 60)
    if seconds or offset.microseconds:
        raise ValueError("RFC 5322 has no zones with seconds")
    if value.year < 1900:
        raise ValueError("RFC 5322 has no years before 1900")
    if not known and minutes:
        raise ValueError("a date whose zone is not known is in UTC")
    sign = "-" if minutes < 0 or not known else "+"
    hours, minutes = divmod(abs(minutes), 60)
    clock = value.time().isoformat("seconds")
    return (
        f"{_DAY_NAMES[value.weekday()]}, {value.day} {_MONTH_NAMES[value.month]} {value.year:04d}"
        f" {clock} {sign}{hours:02d}{minutes:02d}"
    )
