"""Dates: RFC 5322 section 3.3, the obsolete forms of section 4.3, and what else is met."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.message import Date, Unparsed, format_date, parse_date

from .counting import assert_linear


def iso(text: str) -> str:
    found = parse_date(text)
    return found.value.isoformat() if isinstance(found, Date) else "-"


def codes(text: str) -> list[str]:
    found = parse_date(text)
    return [one.code for one in found.defects] if isinstance(found, Date) else ["-"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # RFC 5322 appendix A
        ("Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T09:55:06-06:00"),
        ("Tue, 1 Jul 2003 10:52:37 +0200", "2003-07-01T10:52:37+02:00"),
        ("Thu, 13 Feb 1969 23:32:54 -0330", "1969-02-13T23:32:54-03:30"),
        ("Mon, 24 Nov 1997 14:22:01 -0800", "1997-11-24T14:22:01-08:00"),
        ("21 Nov 1997 10:01:22 -0600", "1997-11-21T10:01:22-06:00"),
        # A.5
        (
            (
                "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n"
                "               -0330 (Newfoundland Time)"
            ),
            "1969-02-13T23:32:00-03:30",
        ),
        # RFC 6376 appendix A
        ("Fri, 11 Jul 2003 21:00:37 -0700 (PDT)", "2003-07-11T21:00:37-07:00"),
        ("Thu, 29 Feb 2024 00:00:00 +0000", "2024-02-29T00:00:00+00:00"),
        ("thu, 29 FEB 2024 00:00:00 +0000", "2024-02-29T00:00:00+00:00"),  # RFC 5234: no case
    ],
)
def test_examples_of_the_rfcs(text: str, value: str) -> None:
    assert iso(text) == value
    assert codes(text) == []


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        # RFC 5322 appendix A.6.2, A.6.3
        ("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06+00:00", ["obsolete_zone", "short_year"]),
        (
            "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600",
            "1997-11-21T09:55:06-06:00",
            [],
        ),
        # Section 4.3: years
        ("1 Jan 00 00:00 +0000", "2000-01-01T00:00:00+00:00", ["short_year"]),
        ("1 Jan 49 00:00 +0000", "2049-01-01T00:00:00+00:00", ["short_year"]),
        ("1 Jan 50 00:00 +0000", "1950-01-01T00:00:00+00:00", ["short_year"]),
        ("1 Jan 99 00:00 +0000", "1999-01-01T00:00:00+00:00", ["short_year"]),
        ("1 Jan 100 00:00 +0000", "2000-01-01T00:00:00+00:00", ["short_year"]),
        ("1 Jan 1800 00:00 +0000", "1800-01-01T00:00:00+00:00", ["odd_year"]),
        ("1 Jan 9 00:00 +0000", "0009-01-01T00:00:00+00:00", ["odd_year"]),
        ("1-Jan-2024 00:00 +0000", "2024-01-01T00:00:00+00:00", ["hyphens_in_date"]),
        ("1 Jan -2024 00:00 +0000", "2024-01-01T00:00:00+00:00", ["hyphens_in_date"]),
        # Section 4.3: zones
        *(
            (f"1 Jan 2024 12:00:00 {zone}", f"2024-01-01T12:00:00{offset}:00", ["obsolete_zone"])
            for zone, offset in (
                ("UT", "+00"),
                ("GMT", "+00"),
                ("EST", "-05"),
                ("EDT", "-04"),
                ("CST", "-06"),
                ("CDT", "-05"),
                ("MST", "-07"),
                ("MDT", "-06"),
                ("PST", "-08"),
                ("PDT", "-07"),
                ("pdt", "-07"),
            )
        ),
        # "military zones ... SHOULD be considered equivalent to -0000"; so are all others
        *(
            (f"1 Jan 2024 12:00:00 {zone}", "2024-01-01T12:00:00+00:00", ["unknown_zone"])
            for zone in ("A", "K", "M", "z", "CET", "XYZ")
        ),
        ("1 Jan 2024 12:00:00 +2400", "2024-01-01T12:00:00+00:00", ["unknown_zone"]),
        ("1 Jan 2024 12:00:00 +0060", "2024-01-01T12:00:00+00:00", ["unknown_zone"]),
        ("1 Jan 2024 12:00:00 +1", "2024-01-01T12:00:00+01:00", ["odd_zone"]),
        ("1 Jan 2024 12:00:00 +01:30", "2024-01-01T12:00:00+01:30", ["odd_zone"]),
        ("1 Jan 2024 12:00:00 GMT+0100", "2024-01-01T12:00:00+01:00", ["odd_zone"]),
        ("1 Jan 2024 12:00:00", "2024-01-01T12:00:00+00:00", ["missing_zone"]),
        # Section 3.3: a leap second
        ("31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59+00:00", ["leap_second"]),
        # Not in any RFC for mail: RFC 850 (as in HTTP), asctime, ISO 8601
        (
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "1994-11-06T08:49:37+00:00",
            ["hyphens_in_date", "long_name", "obsolete_zone", "short_year"],
        ),
        ("Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37+00:00", ["asctime"]),
        ("Sun Nov  6 08:49:37 +0100 1994", "1994-11-06T08:49:37+01:00", ["asctime"]),
        ("2024-01-31T12:00:00Z", "2024-01-31T12:00:00+00:00", ["iso_8601"]),
        ("2024-01-31 12:00:00+01:00", "2024-01-31T12:00:00+01:00", ["iso_8601"]),
        ("2024-01-31T12:00:00", "2024-01-31T12:00:00+00:00", ["iso_8601"]),
        # Wrong, and yet clear
        ("Mon, 21 Nov 1997 09:55:06 -0600", "1997-11-21T09:55:06-06:00", ["wrong_day"]),
        ("1 January 2024 00:00 +0000", "2024-01-01T00:00:00+00:00", ["long_name"]),
        ("1 Jan 2024 00:00 +0000 x", "2024-01-01T00:00:00+00:00", ["junk_behind_date"]),
        ("1 Jan 2024 9:05 +0000", "2024-01-01T09:05:00+00:00", []),
        ("Mon 1 Jan 2024 09:05:00 +0000", "2024-01-01T09:05:00+00:00", []),
    ],
)
def test_what_else_is_met(text: str, value: str, found: list[str]) -> None:
    assert iso(text) == value
    assert sorted(codes(text)) == sorted(found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "Mon",
        "1 Jan 2024",
        "32 Jan 2024 00:00 +0000",
        "0 Jan 2024 00:00 +0000",
        "30 Feb 2024 00:00 +0000",
        "29 Feb 2023 00:00 +0000",
        "1 Foo 2024 00:00 +0000",
        "1 Jan 2024 24:00 +0000",
        "1 Jan 2024 00:60 +0000",
        "1 Jan 2024 00:00:61 +0000",
        "1 Jan 0000 00:00 +0000",
        "1 Jan 12024 00:00 +0000",
        "1 Jan 2024 000:00 +0000",
        "1 Jan --2024 00:00 +0000",
        "2024-02-30T00:00:00Z",
        "\u0661 Jan 2024 00:00 +0000",
        "1 Jan \u0662\u0660\u0662\u0664 00:00 +0000",
        "1 Jan 2024 00:00 +0000" + " " * 2_000 + "x",
        "9" * 5_000,
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text) == Unparsed(text.strip())


def test_minus_zero_is_a_zone_that_is_not_known() -> None:
    # RFC 5322 section 3.3
    for zone, known in (("-0000", False), ("+0000", True), ("Z", False), ("", False)):
        found = parse_date(f"1 Jan 2024 00:00:00 {zone}")
        assert isinstance(found, Date)
        assert found.value == datetime(2024, 1, 1, tzinfo=UTC)
        assert found.zone_known is known


def test_the_ends_of_time() -> None:
    for text in ("1 Jan 1900 00:00:00 +2359", "31 Dec 9999 23:59:59 -2359"):
        found = parse_date(text)
        assert isinstance(found, Date)
        assert found.defects == ()
        assert parse_date(format_date(found)) == found


# --- Two ways to the same -------------------------------------------------------------------------

DAYS = ["", "Mon, ", "Fri, ", "Mon,", "fri, "]
CLOCKS = ["00:00:00", "23:59:59", "23:59:60", "24:00:00", "9:05:01", "12:30"]
ZONES = ["+0000", "-0000", "-0330", "+2359", "+2400", "+0060", "-0860", "GMT", "-0800 (PST)", "+1"]
spelled = st.builds(
    lambda day, number, month, year, clock, zone: f"{day}{number} {month} {year} {clock} {zone}",
    st.sampled_from(DAYS),
    st.integers(0, 32),
    st.sampled_from(["Jan", "Feb", "Dec", "feb", "June"]),
    st.sampled_from(["1899", "1900", "1997", "2024", "9999", "24", "0000"]),
    st.sampled_from(CLOCKS),
    st.sampled_from(ZONES),
)


@given(spelled)
@example("1 Jan 2024 24:00:00 +0000")
@example("1 Jan 2024 00:00:00 +0060")
@example("1 Jan 2024 00:00:00 +0099")
@example("Fri, 21 Nov 1997 09:55:06 -0600")
def test_the_fast_path_and_the_full_one_agree(text: str) -> None:
    """A comment changes no date, and is not in the pattern."""
    fast, full = parse_date(text), parse_date(f"() {text}")
    if isinstance(fast, Unparsed):
        assert isinstance(full, Unparsed)
    else:
        assert fast == full
        assert isinstance(full, Date)
        assert [one.code for one in fast.defects] == [one.code for one in full.defects]


PIECES = [
    *(
        "Mon",
        ",",
        " ",
        "1",
        "21",
        "Jan",
        "2024",
        "97",
        ":",
        "00",
        "+0000",
        "-0330",
        "GMT",
        "(",
        ")",
    ),
    *("\r\n ", "T", "Z", "-", "+", ".", "2024-01-31", "12:00:00", "\0", "ü", "\u0661", "60", "EST"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_nothing_raises(text: str) -> None:
    found = parse_date(text)
    if isinstance(found, Date):
        assert found.value.utcoffset() is not None
        for defect in found.defects:
            assert 0 <= defect.offset <= len(text)
            assert defect.assumed


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(9999, 12, 31)).map(  # noqa: DTZ001
        lambda value: value.replace(microsecond=0)
    ),
    st.integers(-1439, 1439),
)
@example(datetime(2024, 1, 1), -1)  # noqa: DTZ001
def test_what_is_written_is_read(value: datetime, minutes: int) -> None:
    value = value.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    found = parse_date(format_date(value))
    assert isinstance(found, Date)
    assert found.value.isoformat() == value.isoformat()
    assert found.zone_known
    assert found.defects == ()


def test_what_is_not_known_is_written_so() -> None:
    unknown = Date(datetime(2024, 1, 1, tzinfo=UTC), zone_known=False)
    assert format_date(unknown) == "Mon, 1 Jan 2024 00:00:00 -0000"
    assert parse_date(format_date(unknown)) == unknown


@pytest.mark.parametrize(
    "value",
    [
        datetime(2024, 1, 1),  # noqa: DTZ001 - it is refused
        datetime(1899, 12, 31, tzinfo=UTC),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(seconds=1))),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(microseconds=1))),
        Date(datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1))), zone_known=False),
    ],
    ids=repr,
)
def test_what_is_not_written(value: datetime | Date) -> None:
    with pytest.raises(ValueError, match=r".+"):
        format_date(value)


@pytest.mark.parametrize("value", [None, 5, "Mon, 1 Jan 2024 00:00:00 +0000", Unparsed("x")])
def test_what_is_no_date_to_write(value: Any) -> None:
    with pytest.raises(TypeError):
        format_date(value)


@pytest.mark.parametrize(
    "piece", ["(", "()", "1 ", "Mon, ", " ", "\r\n ", "9", "a", "GMT", "+", ":"]
)
def test_linear(piece: str) -> None:
    assert_linear(lambda n: piece * n, parse_date, 60)
    assert_linear(lambda n: "1 Jan 2024 00:00:00 +0000" + piece * n, parse_date, 60)
    assert parse_date(piece * 100_000) is not None
