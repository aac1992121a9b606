"""Known attacks on whole messages, by their names; and shapes that parsers in the field read apart.

Attacks on single values are in the files of their readers (`test_addresses`, `test_words`,
`test_parameters`, ...), those on time in `test_linear`.
"""

from __future__ import annotations

import base64
import contextlib
import re
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.limits import Limits
from mailproto.message import (
    READINGS,
    Attachment,
    Field,
    Leaf,
    Mailbox,
    Message,
    MimeParam,
    Multipart,
    Text,
    _scan,
    bodystructure,
    casemap,
    compose,
    decode_charset,
    format_field,
    imap_envelope,
    index,
    parse_mailbox,
    render,
)
from mailproto.message._header import PARSERS

from .counting import assert_linear

PAYLOAD = b"PAYLOAD"
ENCODED = "UEFZTE9BRA=="
PART = (
    "Content-Type: application/octet-stream\r\n"
    "Content-Disposition: attachment; filename=x.exe\r\n"
    f"Content-Transfer-Encoding: base64\r\n\r\n{ENCODED}\r\n"
)
MULTIPART = "Content-Type: multipart/mixed; boundary="


def holding(header: str, boundary: str = "B", body: str | None = None) -> bytes:
    """A message with the payload as its only part."""
    if body is None:
        body = f"--{boundary}\r\n{PART}--{boundary}--\r\n"
    return f"{header}\r\n\r\n{body}".encode()


def encoded(header: str, body: str = ENCODED) -> bytes:
    return f"{header}\r\n\r\n{body}\r\n".encode()


def named(disposition: str, more: str = "") -> bytes:
    return f"{more}Content-Disposition: attachment; {disposition}\r\n\r\n".encode()


# --- Two readings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "seen", "code"),
    [
        pytest.param(
            holding(MULTIPART + "a; boundary=B"), False, "duplicate_parameter", id="boundary a, B"
        ),
        pytest.param(
            holding(MULTIPART + "B; boundary=a"), True, "duplicate_parameter", id="boundary B, a"
        ),
        pytest.param(holding(MULTIPART + "B (c)"), True, "comment_in_parameter", id="boundary (c)"),
        pytest.param(holding(MULTIPART + '""', ""), False, "empty_boundary", id="boundary empty"),
        pytest.param(
            holding("Content-Type: multipart/mixed"), False, "missing_boundary", id="no boundary"
        ),
        pytest.param(
            holding(MULTIPART + "B; boundary*=utf-8''C"),
            False,
            "parameter_twice",
            id="boundary and boundary*",
        ),
        pytest.param(
            holding(MULTIPART + '"=?utf-8?q?B?="', "=?utf-8?q?B?="),
            False,
            "encoded_word_in_parameter",
            id="boundary an encoded-word",
        ),
        pytest.param(
            holding(MULTIPART + "B/C", "B/C"), True, "unquoted_parameter", id="boundary unquoted"
        ),
        pytest.param(
            holding("Content-Type : multipart/mixed; boundary=B"),
            True,
            "space_before_colon",
            id="Content-Type :",
        ),
        pytest.param(
            holding("Subject: s\r\nContent-\0Type: multipart/mixed; boundary=B"),
            False,
            "nul",
            id="NUL in a name",
        ),
        pytest.param(
            holding("Content-\0Type: multipart/mixed; boundary=B"),
            False,
            "no_header",
            id="NUL in the first name",
        ),
        pytest.param(
            holding("Content-Type: multipart/mixed\0; boundary=B"), True, "nul", id="NUL in a type"
        ),
        pytest.param(
            holding("Content-Type:\r\n multipart/mixed; boundary=B"),
            True,
            "empty_line_in_field",
            id="empty first line",
        ),
        pytest.param(
            holding("Content-Type: multipart/mixed;\r\n \r\n boundary=B"),
            True,
            "empty_line_in_field",
            id="a fold of white space",
        ),
        pytest.param(
            holding("Subject: s\rContent-Type: multipart/mixed; boundary=B"),
            False,
            "bare_cr",
            id="bare CR in a header",
        ),
        pytest.param(
            holding(MULTIPART + "B").replace(b"--\r\n", b"--\r"), True, "bare_cr", id="bare CR"
        ),
        pytest.param(
            holding(MULTIPART + "B", body=f"x\r--B\r\n{PART}--B--\r\n"),
            False,
            "bare_cr",
            id="bare CR before a delimiter",
        ),
        pytest.param(
            holding(MULTIPART + "B", body=f"--B--\r\n--B\r\n{PART}--B--\r\n"),
            False,
            "parts_after_close",
            id="close delimiter first",
        ),
        pytest.param(
            holding(MULTIPART + "B", body=f"--Bx\r\n{PART}--B--\r\n"),
            False,
            "prefix_of_line",
            id="--Bx",
        ),
        pytest.param(
            holding("Content-Type: text/plain\r\n" + MULTIPART + "B"),
            False,
            "duplicate_field",
            id="Content-Type twice",
        ),
        pytest.param(
            holding("Content-Type: multipart/mixed x; boundary=B"),
            True,
            "unreadable_parameter",
            id="junk behind the type",
        ),
        pytest.param(
            holding("X: y\r\njunk\r\n" + MULTIPART + "B"), True, "junk_in_header", id="junk line"
        ),
        pytest.param(
            holding(" x\r\n" + MULTIPART + "B"), True, "leading_fold", id="first line with space"
        ),
        pytest.param(
            holding(MULTIPART + "B\r\nContent-Transfer-Encoding: base64"),
            True,
            "encoded_multipart",
            id="base64 multipart",
        ),
        pytest.param(
            encoded("Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 8bit"),
            True,
            "duplicate_field",
            id="encoding base64, 8bit",
        ),
        pytest.param(
            encoded("Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: base64"),
            False,
            "duplicate_field",
            id="encoding 8bit, base64",
        ),
        pytest.param(
            encoded("Content-Transfer-Encoding: base64 (x)"),
            True,
            "comment_in_encoding",
            id="encoding base64 (x)",
        ),
        pytest.param(
            encoded("Content-Transfer-Encoding: base-64"), True, "odd_encoding", id="base-64"
        ),
        pytest.param(
            encoded("Content-Transfer-Encoding: base64 base64"),
            False,
            "unknown_encoding",
            id="two words",
        ),
        pytest.param(
            encoded("Content-Transfer-Encoding: base64", "UEFZ*TE9BRA=="),
            True,
            "junk_in_base64",
            id="base64 junk",
        ),
        pytest.param(
            encoded("Content-Transfer-Encoding: base64", "UA==QVlMT0FE"),
            True,
            "data_after_padding",
            id="base64 data after pad",
        ),
        pytest.param(
            encoded("Content-Transfer-Encoding: base64", "UEFZTE9BRA"),
            True,
            "missing_padding",
            id="base64 missing pad",
        ),
    ],
)
def test_differentials_that_hide_a_payload(raw: bytes, seen: bool, code: str) -> None:
    """What we see, and that it is told: another parser sees the other thing."""
    message = Message.parse(raw)
    assert (PAYLOAD in [part.content for part in message.walk()]) is seen
    found = {one.code: one for one in message.ambiguities}
    assert code in found
    assert found[code].read_as
    assert found[code].otherwise
    assert 0 <= found[code].offset <= len(raw)
    assert bytes(message) == raw


@pytest.mark.parametrize(
    ("raw", "name", "code"),
    [
        pytest.param(
            named("filename=a.txt; filename*=utf-8''x.exe"),
            "x.exe",
            "filename_twice",
            id="filename*",
        ),
        pytest.param(
            named("filename=a.txt; filename*0=x; filename*1=.exe"),
            "x.exe",
            "filename_twice",
            id="filename*0",
        ),
        pytest.param(
            named("filename=a.txt; filename=x.exe"), "a.txt", "duplicate_parameter", id="twice"
        ),
        pytest.param(
            named('filename="=?utf-8?q?x.exe?="'), "x.exe", "encoded_word_in_parameter", id="word"
        ),
        pytest.param(
            named("filename=a.txt", "Content-Type: a/b; name=x.exe\r\n"),
            "a.txt",
            "two_filenames",
            id="name and filename",
        ),
        pytest.param(named("filename*0=a; filename*2=.exe"), "a", "missing_section", id="a gap"),
        pytest.param(named('filename="a.txt\0.exe"'), "a.txt\ufffd.exe", "nul", id="NUL"),
        pytest.param(named("filename=a.txt (.exe)"), "a.txt", "comment_in_parameter", id="comment"),
        pytest.param(named("filename=a b.exe"), "a b.exe", "unquoted_parameter", id="unquoted"),
    ],
)
def test_differentials_in_the_name_of_a_file(raw: bytes, name: str, code: str) -> None:
    message = Message.parse(raw)
    assert message.filename == name
    assert code in [one.code for one in message.ambiguities]


def test_an_encoded_message_is_seen_and_told() -> None:
    # RFC 2046 section 5.2.1 forbids it; some decode it, some do not
    inner = base64.b64encode(b"Subject: in\r\n\r\n" + PAYLOAD).decode()
    raw = encoded("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64", inner)
    message = Message.parse(raw)
    assert message.message is not None
    assert message.message.content == PAYLOAD
    assert [one.code for one in message.ambiguities] == ["encoded_message"]


@pytest.mark.parametrize(
    "raw",
    [
        holding(MULTIPART + "B"),
        holding(MULTIPART + '"B"'),
        holding("MIME-Version: 1.0 (x)\r\nContent-Type: multipart/mixed;\r\n boundary=B"),
        holding(MULTIPART + "B\r\nContent-Transfer-Encoding: 8bit"),
        holding(MULTIPART + "B").replace(b"\r\n", b"\n"),
        named("filename=a.txt", "Content-Type: a/b; name=a.txt\r\n"),
        b"Subject:\r\n one\r\n\r\nx",
    ],
)
def test_what_is_usual_has_one_reading(raw: bytes) -> None:
    assert Message.parse(raw).ambiguities == ()


def test_switch_ch_an_attachment_that_was_not_there() -> None:
    # A blank in the encoding's line, a header without its empty line: stdlib saw no attachment
    raw = holding(
        MULTIPART + "B", body=f"--B\r\n{PART.replace(chr(13) + chr(10) * 2, '')}--B--\r\n"
    )
    message = Message.parse(raw)
    assert [part.filename for part in message.attachments] == ["x.exe"]


def test_composition_kills() -> None:
    # USENIX 2020: several From fields; a name that looks like an address
    message = Message.parse(b"From: a@evil.example\r\nFrom: b@bank.example\r\n\r\n")
    assert [box.addr_spec for box in message.header.from_] == ["a@evil.example", "b@bank.example"]
    assert [one.code for one in message.ambiguities] == ["duplicate_field"]
    message = Message.parse(b'From: "b@bank.example" <a@evil.example>\r\n\r\n')
    assert [box.addr_spec for box in message.header.from_] == ["a@evil.example"]


def test_every_reading_is_told_both_ways() -> None:
    for here, elsewhere in READINGS.values():
        assert here
        assert elsewhere
        assert here != elsewhere


# --- Size and depth -------------------------------------------------------------------------------


def nested(levels: int) -> bytes:
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(levels)
    )
    return head + b"\r\nx\r\n"


TINY = b"Content-Type: multipart/mixed; boundary=a\n\n"
BOMBS: dict[str, bytes] = {
    "CVE-2020-12100, postal-mime#77: multiparts": nested(20_000),
    "mailparse#134 messages": b"Content-Type: message/rfc822\n\n" * 100_000,
    "pecl-mailparse#59 one boundary": b"Content-Type: multipart/mixed; boundary=a\n\n--a\n"
    * 20_000,
    "mailsplit#4 emailjs#39 Email-MIME#66 maildev#531 gh-75630": TINY + b"--a\n" * 5_000_000,
    "CVE-2024-23184 address fields": b"To: a@b\r\n" * 500_000 + b"\r\n",
    "CVE-2024-23185 one huge field": b"X: " + b"y" * 100_000_000 + b"\r\n\r\n",
    "CVE-2024-23185 tiny fields": b"a:\n" * 1_000_000 + b"\n",
    "CVE-2026-27859 sections": (
        b"Content-Type: a/b" + b"".join(b"; n*%d*=a" % n for n in range(100_000)) + b"\r\n\r\n"
    ),
    "gh-87075 semicolons": b"Content-Type: text/plain" + b";" * 100_000 + b"\r\n\r\n",
    "CVE-2025-14874 groups": b"To: " + b"a:" * 50_000 + b"\r\n\r\n",
    "CVE-2025-14874 comments": b"To: " + b"(" * 50_000 + b"\r\n\r\n",
    "namecheap#21 levels": nested(105) + b"x" * 25_000_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_cut_and_told(bomb: str) -> None:
    """With the limits that everybody has. A recursion, or a square, would not come to its end."""
    raw = BOMBS[bomb]
    message = Message.parse(raw)
    assert len(message.index.parts) <= 10_000
    assert len(message.header) <= 10_000
    assert max(part.span.parent for part in message.walk()) < 10_000
    assert len(message.header.to.mailboxes) <= 100_000
    assert len(message.content_type.params) <= 1_000
    assert bodystructure(message).octets is not None
    assert imap_envelope(message) is not None
    told = {one.code for one in message.defects} | {one.code for one in message.ambiguities}
    assert told or bomb == "gh-87075 semicolons"
    assert bytes(message) is raw


# --- Line ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "smuggled", [b"\n.\n", b"\r.\r", b"\r\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\r", b"\r\n\0.\r\n"]
)
def test_smtp_smuggling_is_no_structure(smuggled: bytes) -> None:
    """A dot between odd line ends is content, and `conformance()` tells of the line ends."""
    raw = b"From: a@b\r\nDate: 1 Jan 2024 00:00 +0000\r\n\r\nx" + smuggled + b"MAIL FROM:<e@e>\r\n"
    message = Message.parse(raw)
    assert message.body.raw == raw[raw.index(b"\r\n\r\n") + 4 :]
    codes = {one.code for one in message.conformance().problems}
    assert codes & {"bare_lf", "bare_cr", "nul"}
    assert not message.conformance().ascii


def test_a_deep_message_is_not_copied_at_each_level() -> None:
    """namecheap#21: what is wrong with 100 levels around 25 MB took 2.5 GB to find out."""
    raw = nested(90) + b"x" * 1_000_000
    tracemalloc.start()
    try:
        message = Message.parse(raw)
        assert message.defects
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(raw)


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"--B", b"A: b", b" "]), max_size=12))
@example([b"A: b", b"\r", b"A: b", b"\r\n"])
@example([b"A: b", b"\r", b"\r\n", b"A: b"])
def test_a_bare_cr_is_nowhere_a_line_end(pieces: list[bytes]) -> None:
    """CPython finds fields behind a bare CR; nothing here does. Parts: see the differentials."""
    raw = b"".join(pieces) + b"\r\n"  # a CR at the very end is half of a CRLF
    other = re.sub(rb"\r(?!\n)", b"\0", raw)
    assert len(Message.parse(raw).header) == len(Message.parse(other).header)


# --- Writing --------------------------------------------------------------------------------------

NOW = datetime(2024, 1, 1, tzinfo=UTC)
HEADER_EVIL = ["x\r\nBcc: y", "x\nBcc: y", "x\rBcc: y", "x\r\n\r\nbody", "x\0", "\r\n", "x\r\n y"]


def made(**more: Any) -> Message:
    given_: dict[str, Any] = {"from_": "a@b", "to": ["c@d"], "date": NOW, "text": "hello", **more}
    return compose(**given_)


PATHS: dict[str, Callable[[str], bytes | Message]] = {
    "CVE-2024-6923 Subject": lambda evil: made(subject=evil),
    "CVE-2026-1299 Text": lambda evil: format_field("Subject", Text(evil)),
    "CVE-2024-6923 any field": lambda evil: made(fields=[("X-A", evil)]),
    "name of a field": lambda evil: made(fields=[(evil, "x")]),
    "CVE-2026-30227 local part": lambda evil: made(to=[Mailbox(evil, "b")]),
    "CVE-2026-30227 quoted local part": lambda evil: made(to=[f'"{evil}"@b']),
    "domain": lambda evil: made(to=[Mailbox("a", evil)]),
    "display name": lambda evil: made(from_=Mailbox("a", "b", evil)),
    "Cc": lambda evil: made(cc=[evil]),
    "Message-ID": lambda evil: made(message_id=evil),
    "References": lambda evil: made(references=[evil]),
    "dotnet#131820 boundary": lambda evil: render(
        Multipart("mixed", [Leaf("x")], (MimeParam("boundary", evil),))
    ),
    "dotnet#131820 filename": lambda evil: made(attachments=[Attachment(b"x", evil)]),
    "dotnet#131820 cid": lambda evil: render(Leaf(b"x", content_id=evil)),
    "dotnet#131820 type": lambda evil: render(Leaf(b"x", evil)),
    "dotnet#131820 parameter": lambda evil: render(
        Multipart("mixed", [Leaf("x")], (MimeParam("a", evil),))
    ),
    "subtype": lambda evil: render(Multipart(evil, [Leaf("x")])),
}


# Addresses that are given as text are read first: white space is none of them, folds are undone.
READ_FIRST = [("Cc", "\r\n"), ("CVE-2026-30227 quoted local part", "x\r\n y")]
USUAL_FIELDS = frozenset(
    [
        *("from", "to", "cc", "date", "subject", "mime-version"),
        *("content-type", "content-transfer-encoding"),
    ]
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("evil", HEADER_EVIL, ids=repr)
def test_no_writer_lets_a_line_end_through(path: str, evil: str) -> None:
    if (path, evil) in READ_FIRST:
        made_ = PATHS[path](evil)
        assert isinstance(made_, Message)
        assert {field.name.lower() for field in made_.header} <= USUAL_FIELDS
        assert all(b"\n" not in field.body or b"\n " in field.body for field in made_.header)
        return
    with pytest.raises((ValueError, TypeError)):
        PATHS[path](evil)


@pytest.mark.parametrize("path", PATHS)
def test_no_writer_takes_octets_for_text(path: str) -> None:
    # CVE-2026-1299: str was checked, bytes were not
    evil: Any = b"x\nBcc: y"
    try:
        written = PATHS[path](evil)
    except (ValueError, TypeError, AttributeError):
        return
    assert b"\nBcc" not in bytes(written)


def test_gh_143935_a_comment_that_cannot_be_folded() -> None:
    # Comments are not written; what is read from such a field can be.
    raw = b"To: (" + b"A" * 400 + b") a@b\r\n\r\n"
    boxes = Message.parse(raw).header.to.mailboxes
    assert [box.addr_spec for box in boxes] == ["a@b"]
    written = format_field("To", list(boxes))
    assert Message.parse(written + b"\r\n").header.to == Message.parse(raw).header.to
    assert all(len(line) <= 998 for line in written.split(b"\r\n"))


def test_gh_132105_what_was_decoded_is_written_again() -> None:
    for raw in (
        b"Subject: =?utf-8?B?YQo=?=\r\n\r\n",
        b"Subject: =?UTF-8?Q?=0A?=Bcc: x@e\r\n\r\n",
        b"Subject: =?utf-8?q?a=0D=0ABcc:_x?=\r\n\r\n",
    ):
        written = format_field("Subject", Message.parse(raw).header.subject)
        assert written.count(b"\n") == 1
        assert [field.name for field in Message.parse(written + b"\r\n").header] == ["Subject"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(" + "A" * 400 + ") a@b", id="gh-143935"),
        pytest.param("ä" * 1_000, id="bpo-33529"),
        pytest.param("=?utf-8?q?a?= " * 100, id="words that look encoded"),
        pytest.param("a" * 900, id="nowhere to fold"),
    ],
)
def test_what_cannot_be_folded_ends(text: str) -> None:
    written = format_field("Subject", text)
    assert all(len(line) <= 998 for line in written.split(b"\r\n"))
    assert Message.parse(written + b"\r\n").header.subject == text


# --- As it arrives --------------------------------------------------------------------------------


HEADERS = [
    *("Content-Type: multipart/mixed; boundary=B\r\n", "A: b\r\n", "A :b\n", " c\r\n", "A:"),
    *("Content-Type: text/plain\n", "\r\n", "\n", "--B\r\n", "--B--\r\n", "junk\r\n", "-: x\r\n"),
    *("A\0: b\r\n", "Content-Type: message/rfc822\r\n", "\r", "x: y", ":", "A:\r\n b\r\n", "-"),
    *('content-type:multipart/x;boundary="B"\r\n', "Content-Type:text/html;\r\n a=b\r\n", "\r\r\n"),
    *(
        "Content-Type :multipart/mixed;\r\n boundary=B\n",
        "Content-Type: a\r\n/b\r\n",
        " \r\n",
        "\t\n",
    ),
    *("From x\r\n", "Content-Type\r\n", "Content-Transfer-Encoding: base64\r\n", "ä: b\r\n", "--B"),
]
headers = st.lists(st.sampled_from(HEADERS), max_size=14).map(
    lambda pieces: "".join(pieces).encode()
)


@given(headers, st.sampled_from([Limits(), Limits(header=40), Limits(depth=2, parts=3)]))
@example(b"Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n-: x\r\n\r\n", Limits())
@example(b"A: b\r\nContent-Type:text/html;\r\n a=b\r\n\r\r\n", Limits())
def test_the_pattern_for_headers_and_the_walk_agree(raw: bytes, limits: Limits) -> None:
    fast = index(raw, limits=limits)
    types = [part.content_type for part in Message.parse(raw, limits=limits).walk()]
    regular = _scan._REGULAR
    try:
        setattr(_scan, "_REGULAR", re.compile(rb"(?!)"))  # noqa: B010 - it is final
        slow = index(raw, limits=limits)
        found = [part.content_type for part in Message.parse(raw, limits=limits).walk()]
    finally:
        setattr(_scan, "_REGULAR", regular)  # noqa: B010
    assert fast == slow
    assert types == found


# --- Time -----------------------------------------------------------------------------------------

UNLIMITED = Limits(
    depth=None, parts=None, header=None, fields=None, addresses=None, parameters=None
)
PIECES = [b"(", b"()", b'"', b"<", b"<a@b> ", b";", b"; a=b", b",", b"a ", b"=?utf-8?q?a?= ", b"\\"]
MORE = [b"\r\n ", b"\xff", b"a:", b"=", b"*0=a;", b"[", b"\0"]
READERS = sorted({str(reader): name for name, (reader, _) in PARSERS.items()}.values())


@pytest.mark.parametrize("piece", PIECES + MORE, ids=repr)
@pytest.mark.parametrize("name", [*READERS, "subject"])
def test_every_reader_of_fields_is_linear(name: str, piece: bytes) -> None:
    def read(body: bytes) -> object:
        field = Field(name, body, name.encode() + b":" + body + b"\r\n", 0, UNLIMITED)
        return field.value, field.text, field.defects

    # Content-Types that are short are read once and kept: that would be no measure.
    size = 220 if name == "content-type" else 60
    assert_linear(lambda n: b" x" + piece * n, read, size)


@pytest.mark.parametrize("piece", ["a", "(", "a@b", " ", "ä", "=?utf-8?q?a?= "])
def test_what_is_typed_in_is_linear(piece: str) -> None:
    def typed(text: str) -> None:
        with contextlib.suppress(ValueError):
            parse_mailbox(text)
        casemap(text)

    assert_linear(lambda n: piece * n, typed, 60)


@pytest.mark.parametrize(
    "label", ["us-ascii", "iso-8859-1", "utf-8", "utf-16", "x-none", "utf-7", "gbk"]
)
@pytest.mark.parametrize("piece", [b"\x81", b"\xff", b"\xc3", b"\x1b", b"+", b"\0\xd8"])
def test_charsets_are_linear(label: str, piece: bytes) -> None:
    assert_linear(lambda n: piece * n, lambda octets: decode_charset(octets, label), 100)
    assert decode_charset(piece * 200_000, label).charset
