"""The grammar that the protocols share: what is in it, what is not, and that both ways agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailproto._grammar import (
    Address,
    b64decode,
    b64encode,
    format_datetime,
    has_control,
    is_address_literal,
    is_domain,
    parse_address,
    parse_datetime,
    parse_number,
    unitext_decode,
    unitext_encode,
    xtext_decode,
    xtext_encode,
)

ids = pytest.mark.parametrize


# --- Control characters ---------------------------------------------------------------------------


def test_control_characters_are_those_of_ascii() -> None:
    """RFC 5234 appendix B.1: CTL is 00-1F and 7F."""
    for number in range(0x180):
        assert has_control(f"a{chr(number)}b") is (number < 0x20 or number == 0x7F)
    for number in range(0x100):
        assert has_control(bytes([number])) is (number < 0x20 or number == 0x7F)


# --- Numbers --------------------------------------------------------------------------------------


@ids(("text", "number"), [("0", 0), ("7", 7), ("007", 7), ("9" * 20, int("9" * 20))])
def test_numbers(text: str, number: int) -> None:
    assert parse_number(text) == number


@ids(
    "text",
    ["", " 5", "5 ", "+5", "-5", "1_0", "٣", "٣5", "²", "0x5", "5.0", "1e3", "9" * 21, "9" * 5000],
    ids=lambda text: repr(text[:8]),
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError):
        parse_number(text)


def test_how_many_digits_is_the_callers_business() -> None:
    assert parse_number("123456789", digits=9) == 123456789
    with pytest.raises(ValueError, match="9 digits"):
        parse_number("1234567890", digits=9)


# --- Domains (RFC 5321 section 4.1.2) -------------------------------------------------------------


@ids(
    "text",
    [
        "a",
        "example.org",
        "a-b.example",
        "a--b.c",
        "1.2.3",
        "xn--bcher-kva.example",
        "bücher.example",
    ],
)
def test_domains(text: str) -> None:
    assert is_domain(text)


@ids(
    "text",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "-a",
        "a-",
        "a.-b",
        "a_b",
        "a b",
        "a@b",
        "[1.2.3.4]",
        "a\n",
        "a" * 256,
    ],
)
def test_what_is_no_domain(text: str) -> None:
    assert not is_domain(text)


@ids(
    "text",
    [
        "[192.0.2.1]",
        "[0.0.0.0]",
        "[255.255.255.255]",
        "[IPv6:::]",
        "[IPv6:::1]",
        "[IPv6:2001:db8::1]",
        "[IPv6:1:2:3:4:5:6:7:8]",
        "[IPv6:1::8]",
        "[IPv6:1:2:3:4:5:6::8]",
        "[IPv6:::ffff:192.0.2.1]",
        "[IPv6:1:2:3:4:5:6:192.0.2.1]",
        "[ipv6:::1]",
        "[x-tag:content]",
        "[x-tag:a=b,c]",
    ],
)
def test_address_literals(text: str) -> None:
    """RFC 5321 section 4.1.3."""
    assert is_address_literal(text)


@ids(
    "text",
    [
        "",
        "[]",
        "192.0.2.1",
        "[192.0.2]",
        "[192.0.2.256]",
        "[192.0.2.1.1]",
        "[192.0.02.1]",
        "[192.0.2.]",
        "[::1]",
        "[IPv6:]",
        "[IPv6:1]",
        "[IPv6::1]",
        "[IPv6:1:2:3:4:5:6:7]",
        "[IPv6:1:2:3:4:5:6:7:8:9]",
        "[IPv6:1::2::3]",
        "[IPv6:::1::]",
        "[IPv6:12345::]",
        "[IPv6:g::]",
        "[IPv6:1:2:3:4:5:6:7:192.0.2.1]",
        "[IPv6:192.0.2.1]",
        "[IPv6:::192.0.2.256]",
        "[tag:]",
        "[tag:a b]",
        "[tag:a[b]",
        "[tag:a]b]",
        "[tag-:a]",
        "[tag]",
        "[192.0.2.1",
        "192.0.2.1]",
        "[x:" + "y" * 255 + "]",
    ],
)
def test_what_is_no_address_literal(text: str) -> None:
    assert not is_address_literal(text)


# --- Mailboxes (RFC 5321 section 4.1.2, RFC 6531 section 3.3) -------------------------------------


@ids(
    ("text", "local", "domain"),
    [
        ("a@b", "a", "b"),
        ("a.b+c@d.example", "a.b+c", "d.example"),
        ("!#$%&'*+-/=?^_`{|}~@b", "!#$%&'*+-/=?^_`{|}~", "b"),
        ('"a b"@c', '"a b"', "c"),
        ('"a\\"b"@c', '"a\\"b"', "c"),
        ('"a\\\\"@c', '"a\\\\"', "c"),
        ('"@"@c', '"@"', "c"),
        ('""@c', '""', "c"),
        ('"a>b"@c', '"a>b"', "c"),
        ("a@[192.0.2.1]", "a", "[192.0.2.1]"),
        ("grün@bücher.example", "grün", "bücher.example"),
        ("postmaster", "postmaster", ""),
        ("PostMaster", "PostMaster", ""),
        ("x" * 64 + "@b", "x" * 64, "b"),
    ],
)
def test_addresses(text: str, local: str, domain: str) -> None:
    assert parse_address(text) == Address(local, domain)


@ids(
    ("text", "defects"),
    [
        ("a..b@c", ("dots_in_local_part",)),
        ("a.@c", ("dots_in_local_part",)),
        (".a@c", ("dots_in_local_part",)),
        ("a@b.", ("odd_domain",)),
        ("a@b_c", ("odd_domain",)),
        ("a@-b", ("odd_domain",)),
        ("a@b..c", ("odd_domain",)),
        ("x" * 65 + "@b", ("long_local_part",)),
        ("é" * 33 + "@b", ("long_local_part",)),
        ("someone", ("no_domain",)),
        ('"some one"', ("no_domain",)),
    ],
    ids=lambda value: str(value)[:30],
)
def test_addresses_that_should_not_be_and_are(text: str, defects: tuple[str, ...]) -> None:
    assert parse_address(text).defects == defects


@ids(
    "text",
    [
        "",
        "@",
        "@b",
        "a@",
        "a b@c",
        "a@b c",
        "a@b@c",
        "<a@b>",
        "a@b>",
        "a,b@c",
        "a:b@c",
        "a;b@c",
        "a(b)@c",
        "a@(b)",
        'a"b@c',
        '"a@c',
        '"a"b@c',
        '"a" @c',
        '"a"@',
        '"a\\"@c',
        'a."b"@c',
        "a\\@b@c",
        "a\n@b",
        "a@b\n",
        "a@b\r\n",
        '"a\n"@b',
        '"a\\\n"@b',
        '"a\0"@b',
        "a@[192.0.2]",
        "a@[::1]",
        "a@[",
        "a@" + "b" * 256,
        "a@" + "é" * 128,
        "a\ud800@b",
        "a@\udc80",
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        parse_address(text)


# --- Base64 (RFC 4648 section 4) ------------------------------------------------------------------


@ids(
    ("octets", "text"),
    # RFC 4648 section 10.
    [
        (b"", b""),
        (b"f", b"Zg=="),
        (b"fo", b"Zm8="),
        (b"foo", b"Zm9v"),
        (b"foob", b"Zm9vYg=="),
        (b"fooba", b"Zm9vYmE="),
        (b"foobar", b"Zm9vYmFy"),
        (b"\xff\xfe", b"//4="),
    ],
)
def test_base64(octets: bytes, text: bytes) -> None:
    assert b64encode(octets) == text
    assert b64decode(text) == octets


def test_base64_stays_on_one_line() -> None:
    assert b"\n" not in b64encode(bytes(range(256)) * 10)


@ids(
    "text",
    [b"Z", b"Zg", b"Zg=", b"Zg===", b"Zm8", b"Z g=", b"Zg==\n", b"Zg==Zg==", b"=", b"*", b"-_-_"],
)
def test_what_is_not_base64(text: bytes) -> None:
    with pytest.raises(ValueError):
        b64decode(text)


# --- xtext (RFC 3461 section 4) -------------------------------------------------------------------


@ids(
    ("text", "encoded"),
    [
        ("abc", "abc"),
        ("", ""),
        ("a b", "a+20b"),
        ("a+b", "a+2Bb"),
        ("a=b", "a+3Db"),
        ("\r\n", "+0D+0A"),
        ("!~", "!~"),
        ("\x7f", "+7F"),
        ("é", "+C3+A9"),
    ],
)
def test_xtext(text: str, encoded: str) -> None:
    assert xtext_encode(text) == encoded
    assert xtext_decode(encoded) == text


def test_hexadecimal_digits_are_read_in_either_case() -> None:
    assert xtext_decode("a+2bb") == xtext_decode("a+2Bb") == "a+b"


@ids("text", ["a b", "a=b", "a+", "a+2", "a+2G", "a+zz", "a\n", "é", "a+FF", "\x7f"], ids=ascii)
def test_what_is_not_xtext(text: str) -> None:
    with pytest.raises(ValueError):
        xtext_decode(text)


# --- unitext (RFC 6533 section 3) -----------------------------------------------------------------


@ids(
    ("text", "encoded"),
    [
        ("abc@d.example", "abc@d.example"),
        ("grün", "grün"),
        ("a b", "a\\x{20}b"),
        ("a+b", "a\\x{2B}b"),
        ("a=b", "a\\x{3D}b"),
        ("a\\b", "a\\x{5C}b"),
        ("\n", "\\x{0A}"),
    ],
)
def test_unitext(text: str, encoded: str) -> None:
    assert unitext_encode(text) == encoded
    assert unitext_decode(encoded) == text


def test_unitext_reads_the_form_that_is_ascii() -> None:
    """utf-8-addr-xtext: the same characters, all of them by number."""
    assert unitext_decode("gr\\x{FC}n@b\\x{FC}cher.example") == "grün@bücher.example"
    assert unitext_decode("\\x{1F600}") == "\U0001f600"


@ids(
    "text",
    [
        "a b",
        "a\\b",
        "a=b",
        "\\x{}",
        "\\x{110000}",
        "\\x{D800}",
        "\\x{zz}",
        "\\x{20",
        "\n",
        "\ud800",
    ],
    ids=ascii,
)
def test_what_is_not_unitext(text: str) -> None:
    with pytest.raises(ValueError):
        unitext_decode(text)


# --- Dates (RFC 3339 section 5.6) -----------------------------------------------------------------

HOUR = timezone(timedelta(hours=1))


@ids(
    ("text", "value"),
    [
        ("2030-01-02T03:04:05Z", datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2030-01-02T03:04:05+01:00", datetime(2030, 1, 2, 3, 4, 5, tzinfo=HOUR)),
    ],
)
def test_dates(text: str, value: datetime) -> None:
    assert parse_datetime(text) == value
    assert parse_datetime(text).utcoffset() == value.utcoffset()
    assert format_datetime(value) == text


@ids(
    ("text", "same"),
    [
        ("2030-01-02t03:04:05z", "2030-01-02T03:04:05Z"),
        ("2030-01-02T03:04:05-00:00", "2030-01-02T03:04:05Z"),
        ("2030-01-02T03:04:05.5Z", "2030-01-02T03:04:05.500000Z"),
        ("2030-01-02T03:04:05.123456789Z", "2030-01-02T03:04:05.123456Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
    ],
)
def test_dates_in_other_words(text: str, same: str) -> None:
    assert format_datetime(parse_datetime(text)) == same


@ids(
    "text",
    [
        "",
        "2030-01-02",
        "2030-01-02T03:04:05",
        "2030-01-02 03:04:05Z",
        "2030-13-02T03:04:05Z",
        "2030-02-30T03:04:05Z",
        "2030-01-02T24:00:00Z",
        "2030-01-02T03:04:61Z",
        "2030-01-02T03:04:05+0100",
        "2030-01-02T03:04:05+25:00",
        "2030-01-02T03:04Z",
        "20300102T030405Z",
        "2030-W01-1T03:04:05Z",
        "2030-01-02T03:04:05Z\n",
        "٢030-01-02T03:04:05Z",
    ],
    ids=ascii,
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError):
        parse_datetime(text)


@ids(
    "value",
    [
        datetime(2030, 1, 2),  # noqa: DTZ001
        datetime(2030, 1, 2, tzinfo=timezone(timedelta(seconds=30))),
    ],
)
def test_dates_that_cannot_be_written(value: datetime) -> None:
    with pytest.raises(ValueError):
        format_datetime(value)


@ids("year", [1, 999])
def test_early_years_have_four_digits(year: int) -> None:
    value = datetime(year, 1, 2, tzinfo=UTC)
    assert parse_datetime(format_datetime(value)) == value
