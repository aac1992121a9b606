"""Writing a field: RFC 5322 section 2.2 and 3, RFC 2047, RFC 2231, RFC 6532; and no injection."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto import strategies as mail
from mailproto.message import (
    AddressList,
    ContentType,
    Disposition,
    Group,
    Header,
    Mailbox,
    MessageIds,
    MimeParam,
    Text,
    Token,
    Tokens,
    Unparsed,
    Writable,
    format_field,
    parse_field,
)

from .counting import assert_linear

WHEN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

said = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60)


def read_back(name: str, written: bytes) -> Any:
    (field,) = Header.parse(written).fields
    assert field.raw == written
    assert not list(field.spelling())
    assert len(field.defects) == 0, field.defects
    return parse_field(name, field.body)


def well_folded(written: bytes) -> None:
    assert written.endswith(b"\r\n")
    lines = written[:-2].split(b"\r\n")
    for number, line in enumerate(lines):
        assert len(line) <= 998
        assert line.strip(b" \t")
        assert line == line.rstrip(b" \t") or number == 0
        assert number == 0 or line[:1] in (b" ", b"\t")
        assert b"\r" not in line
        assert b"\n" not in line
        assert b"\0" not in line


# --- Round trips ----------------------------------------------------------------------------------


@given(said, st.booleans())
@example(" leading", False)
@example("trailing ", False)
@example("=?utf-8?q?typed?=", False)
@example("a  ü  b", False)
@example("x" * 2_000, False)
@example("", False)
def test_text(text: str, utf8: bool) -> None:
    written = format_field("Subject", text, utf8=utf8)
    well_folded(written)
    assert utf8 or written.isascii()
    assert read_back("Subject", written) == Text(text)
    assert written == format_field("Subject", Text(text), utf8=utf8)


@given(st.lists(mail.mailboxes() | mail.groups(), min_size=1, max_size=5))
@example([Mailbox("a b", "x", "Ada, the (first)")])
@example([Mailbox("a", "x", "=?utf-8?q?a=40b?=")])
@example([Mailbox("a", "x", "ü" * 100)])
@example([Mailbox("x@gmail.com y", "internal.domain")])
@example([Group("undisclosed", ())])
def test_addresses(items: list[Mailbox | Group]) -> None:
    for given_ in (items, tuple(items), AddressList(tuple(items))):
        written = format_field("To", given_)
        well_folded(written)
        assert written.isascii()
        assert read_back("To", written).items == tuple(items)


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("Subject", "Hello", b"Subject: Hello\r\n"),
        ("Subject", "", b"Subject:\r\n"),
        ("Subject", "Grüße", b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"),
        ("From", Mailbox("a", "b.c"), b"From: a@b.c\r\n"),
        ("From", Mailbox("a", "b.c", "A. B"), b'From: "A. B" <a@b.c>\r\n'),
        ("To", Group("g", (Mailbox("a", "b"),)), b"To: g: a@b;\r\n"),
        ("Return-Path", Mailbox("", ""), b"Return-Path: <>\r\n"),
        ("Date", WHEN, b"Date: Mon, 23 Nov 2026 09:30:00 +0000\r\n"),
        ("MIME-Version", Token("1.0"), b"MIME-Version: 1.0\r\n"),
        ("Content-Language", Tokens(("de", "en")), b"Content-Language: de, en\r\n"),
        # RFC 1864 section 2: base64 is one word, though it is no token
        (
            "Content-MD5",
            Token("Q2hlY2sgSW50ZWdyaXR5IQ=="),
            b"Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n",
        ),
        ("Reply-To", "A <a@b>, c@d", b"Reply-To: A <a@b>, c@d\r\n"),
        ("To", Mailbox("a", "grün.example"), b"To: a@xn--grn-ioa.example\r\n"),
    ],
)
def test_what_is_written(name: str, value: Writable, written: bytes) -> None:
    assert format_field(name, value) == written


def test_utf8_is_written_as_it_is() -> None:
    # RFC 6532
    box = Mailbox("grüße", "grüße.example", "Grüße")
    assert format_field("To", box, utf8=True) == "To: Grüße <grüße@grüße.example>\r\n".encode()


def test_lines_are_folded_at_78_where_they_can_be() -> None:
    boxes = [Mailbox(f"user{number}", "example.org", "Some Body") for number in range(50)]
    lines = format_field("To", boxes).split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert len(lines) > 10


# --- No injection ---------------------------------------------------------------------------------

EVIL = ["a\nBcc: x@e", "a\r\nBcc: x@e", "a\rb", "a\0b", "\n", "a\ud800", "a\x1bb", "a\x7f"]


def places(evil: str) -> list[tuple[str, Any]]:
    return [
        ("Subject", evil),
        ("Subject", Text(evil)),
        ("To", Mailbox("a", "b", evil)),
        ("To", Mailbox(evil, "b")),
        ("To", Mailbox("a", evil)),
        ("To", [Mailbox("a", "b"), Mailbox("c", evil)]),
        ("To", Group(evil, ())),
        ("To", f"{evil} <a@b>"),
        ("Message-ID", MessageIds((evil,))),
        ("Content-Type", ContentType(evil, "x")),
        ("Content-Type", ContentType("x", evil)),
        ("Content-Type", ContentType("x", "y", (MimeParam(evil, "z"),))),
        ("Content-Type", ContentType("x", "y", (MimeParam("boundary", evil),))),
        ("Content-Disposition", Disposition("x", (MimeParam("filename", evil),))),
        ("Content-Disposition", Disposition("x", (MimeParam("filename", "a", language=evil),))),
        ("MIME-Version", Token(evil)),
        ("Content-Language", Tokens((evil,))),
        (evil, "value"),
    ]


@pytest.mark.parametrize("evil", EVIL, ids=repr)
@pytest.mark.parametrize("place", range(len(places(""))))
def test_no_value_begins_a_field(evil: str, place: int) -> None:
    # CVE-2024-6923, CVE-2026-1299, CVE-2026-30227, dotnet/runtime#131820
    name, value = places(evil)[place]
    for utf8 in (False, True):
        try:
            written = format_field(name, value, utf8=utf8)
        except ValueError:
            continue
        # Where it can be said safely (a parameter with an escape, say) nothing got out.
        assert "\x7f" in evil or "\x1b" in evil
        well_folded(written)
        assert written.count(b"\n") == 1 or b"\n " in written


def test_what_says_a_newline_does_not_write_one() -> None:
    # CVE-2024-6923 the other way round, gh-132105
    for raw in (b"Subject: =?utf-8?q?=0A?=Bcc: x@e\r\n", b"Subject: =?utf-8?B?YQo=?=\r\n"):
        text = Header.parse(raw).subject
        assert "\n" not in text
        well_folded(format_field("Subject", text))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("To", Unparsed("x")),
        ("To", [Unparsed("x")]),
        ("Date", Unparsed("x")),
        ("To", 5),
        ("To", b"a@b"),
        ("To", [b"a@b"]),
        (b"To", "a@b"),
        ("Subject", None),
    ],
)
def test_classes_that_no_field_has(name: Any, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        format_field(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("A B", "x"),
        ("A:", "x"),
        ("Ä", "x"),
        ("To", Mailbox("a", "")),
        ("To", Mailbox("", "b")),
        ("To", Mailbox("a", "b c")),
        ("To", Mailbox("a", "b>, <c@d")),
        ("To", Mailbox("grüße", "b")),
        ("To", Mailbox("a", "grüße.example")),  # ss and ß are two domains (RFC 5891)
        ("To", Mailbox("a" * 1_000, "b")),
        ("To", Mailbox("a", "[b]")),
        ("To", Group("", ())),
        ("To", "a@b <c@d>"),
        ("To", "g: <@x:a@b>;"),
        ("Date", "yesterday"),
        ("Date", WHEN.replace(tzinfo=None)),
        ("Message-ID", MessageIds(("a b",))),
        ("Message-ID", MessageIds(("a>b",))),
        ("Message-ID", MessageIds(("a" * 1_000,))),
        ("MIME-Version", Token("1 0")),
    ],
)
def test_what_the_grammar_does_not_hold(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        format_field(name, value)


@pytest.mark.parametrize(
    "text",
    # bpo-33529, gh-143935: stdlib's folding loops, or grows with the square
    ["ä" * 2_000, "(" + "A" * 2_000 + ") a", "ä " * 2_000, "a " * 2_000, "=?x " * 500, " " * 500],
)
def test_folding_ends(text: str) -> None:
    written = format_field("Subject", text)
    well_folded(written)
    assert read_back("Subject", written) == Text(text)


@pytest.mark.parametrize("piece", ["a ", "ä", "ä ", "x", "=? "])
def test_folding_is_linear(piece: str) -> None:
    assert_linear(lambda n: piece * n, lambda text: format_field("Subject", text), 300)


def test_linear_addresses() -> None:
    assert_linear(
        lambda n: [Mailbox("a", "b", "Ü")] * n, lambda boxes: format_field("To", boxes), 40
    )
