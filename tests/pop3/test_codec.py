"""Lines: one table drives writing, reading, and reading what others write."""

from __future__ import annotations

from typing import Any

import pytest

from mailproto.pop3 import (
    Apop,
    Auth,
    AuthCancel,
    AuthResponse,
    Capa,
    Challenge,
    Dele,
    Lang,
    List,
    Noop,
    Pass,
    Quit,
    Reply,
    Retr,
    Rset,
    Stat,
    Stls,
    SyntaxRefused,
    Top,
    Uidl,
    UnknownCommand,
    User,
    Utf8,
    encode,
    parse_command,
    parse_reply,
)
from mailproto.pop3._codec import (
    announced_size,
    parse_auth_response,
    parse_challenge,
    parse_size,
    parse_sizes,
    parse_unique_id,
    parse_unique_ids,
)

ids = pytest.mark.parametrize
DIGEST = "c4c9334bac560ecc979e58001b3e22fb"

# RFC 1939 section 9, RFC 2449 section 3, RFC 2595 section 4, RFC 5034 section 4, RFC 6856.
LINES: list[tuple[Any, bytes]] = [
    (User("mrose"), b"USER mrose\r\n"),
    (User("two words"), b"USER two words\r\n"),
    (Pass("secret"), b"PASS secret\r\n"),
    (Pass(" two  words "), b"PASS  two  words \r\n"),
    (Apop("mrose", DIGEST), b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n"),
    (Auth("CRAM-MD5"), b"AUTH CRAM-MD5\r\n"),
    (Auth("PLAIN", b""), b"AUTH PLAIN =\r\n"),
    (Auth("PLAIN", b"\0a\0b"), b"AUTH PLAIN AGEAYg==\r\n"),
    (Stls(), b"STLS\r\n"),
    (Capa(), b"CAPA\r\n"),
    (Stat(), b"STAT\r\n"),
    (List(), b"LIST\r\n"),
    (List(2), b"LIST 2\r\n"),
    (Retr(1), b"RETR 1\r\n"),
    (Dele(2**63 - 1), b"DELE 9223372036854775807\r\n"),
    (Noop(), b"NOOP\r\n"),
    (Rset(), b"RSET\r\n"),
    (Quit(), b"QUIT\r\n"),
    (Top(1, 10), b"TOP 1 10\r\n"),
    (Uidl(), b"UIDL\r\n"),
    (Uidl(3), b"UIDL 3\r\n"),
    (Utf8(), b"UTF8\r\n"),
    (Lang(), b"LANG\r\n"),
    (Lang("*"), b"LANG *\r\n"),
    (Lang("de-AT"), b"LANG de-AT\r\n"),
    (UnknownCommand("LAST"), b"LAST\r\n"),
    (UnknownCommand("XTND", "XMIT a b"), b"XTND XMIT a b\r\n"),
]


@ids(("command", "line"), LINES, ids=lambda one: repr(one)[:30])
def test_commands_both_ways(command: Any, line: bytes) -> None:
    assert encode(command) == line
    for spelt in (line, line[:-2], line[:-2] + b"\n"):
        read = parse_command(spelt)
        assert read == command
        assert read.defects == ()


@ids(("command", "line"), LINES, ids=lambda one: repr(one)[:30])
def test_verbs_are_read_without_case(command: Any, line: bytes) -> None:
    """RFC 1939 section 3: "a case-insensitive keyword"."""
    verb = line[:4]
    for spelt in (verb.lower(), verb.title()):
        assert parse_command(spelt + line[4:]) == command


@ids(
    ("line", "command", "codes"),
    [
        (b"STAT \r\n", Stat(), ["trailing_space"]),
        (b"STAT\t\r\n", Stat(), ["trailing_space"]),
        (b"LIST  2\r\n", List(2), ["extra_space"]),
        (b"LIST\t2\r\n", List(2), ["extra_space"]),
        (b"LIST 2 \r\n", List(2), ["trailing_space"]),
        (b"LIST 002\r\n", List(2), []),
        (b"TOP 1  2\r\n", Top(1, 2), ["extra_space"]),
        (b"TOP  1 2\r\n", Top(1, 2), ["extra_space"]),
        (b"USER  bob\r\n", User("bob"), ["extra_space"]),
        (b"USER bob \r\n", User("bob"), ["trailing_space"]),
        (b"USER b\xc3\xbc\r\n", User("bü"), ["eight_bit"]),
        (b"PASS\tx\r\n", Pass("x"), ["extra_space"]),
        (b"PASS \xc3\xbc\r\n", Pass("ü"), ["eight_bit"]),
        (b"APOP bob  %b\r\n" % DIGEST.encode(), Apop("bob", DIGEST), ["extra_space"]),
        (b"APOP bob %b\r\n" % DIGEST.upper().encode(), Apop("bob", DIGEST), []),
        (b"APOP a b %b\r\n" % DIGEST.encode(), Apop("a b", DIGEST), []),
        (b"auth plain\r\n", Auth("PLAIN"), []),
        (b"LIST 99999999999\r\n", List(99999999999), []),
    ],
)
def test_commands_written_oddly(line: bytes, command: Any, codes: list[str]) -> None:
    read = parse_command(line)
    assert read == command
    assert [defect.code for defect in read.defects] == codes


@ids(
    "line",
    [
        b"\r\n",
        b" STAT\r\n",
        b"\xff\r\n",
        b"USER f\xc3>\r\n",  # UTF-8 that is cut off
        b"USER a\0b\r\n",
        b"USER a\x1b[2J\r\n",
        b"USER a\rb\r\n",
        b"USER a\nPASS b\r\n",
        b"USER\r\n",
        b"USER \r\n",
        b"PASS\r\n",
        b"PASS \r\n",
        b"APOP\r\n",
        b"APOP bob\r\n",
        b"APOP %b\r\n" % DIGEST.encode(),
        b"APOP bob c4c9\r\n",
        b"AUTH\r\n",
        b"AUTH a b c\r\n",
        b"AUTH PL\xc3\x84IN\r\n",
        b"AUTH PLAIN ?\r\n",
        b"AUTH PLAIN AGEAYg\r\n",
        b"STAT 1\r\n",
        b"QUIT now\r\n",
        b"STLS x\r\n",
        b"RETR\r\n",
        b"RETR one\r\n",
        b"RETR 1 2\r\n",
        b"RETR -1\r\n",
        b"RETR +1\r\n",
        b"RETR 1_0\r\n",
        b"RETR 0x1\r\n",
        b"RETR 1.0\r\n",
        "RETR ٣\r\n".encode(),
        b"RETR " + b"9" * 21 + b"\r\n",
        b"RETR " + b"9" * 5000 + b"\r\n",
        b"RETR 9223372036854775808\r\n",
        b"TOP 1\r\n",
        b"TOP 1 2 3\r\n",
        b"TOP 1 x\r\n",
        b"TOP 1 -1\r\n",
        b"LANG de at\r\n",
        b"LANG d\xc3\xa9\r\n",
        b"LANG 123456789\r\n",
        b"-ERR\r\n",
        b"S\xc5\xbfAT\r\n",  # its upper case would be SSAT
    ],
)
def test_what_is_no_command(line: bytes) -> None:
    """RFC 1939 section 3: "with a negative status indicator"; and nothing is copied into it."""
    with pytest.raises(SyntaxRefused) as caught:
        parse_command(line)
    reply = caught.value.reply
    assert not reply.ok
    assert str(caught.value) == str(reply)
    assert encode(reply).startswith(b"-ERR ")


@ids(
    ("line", "expected"),
    [
        (b"*\r\n", AuthCancel()),
        (b"\r\n", AuthResponse(b"")),
        (b"YQ==\r\n", AuthResponse(b"a")),
    ],
)
def test_answers_to_challenges(line: bytes, expected: Any) -> None:
    """RFC 5034 section 4."""
    assert parse_auth_response(line) == expected
    assert encode(expected) == line


@ids("line", [b"YQ=\r\n", b"=\r\n", b"**\r\n", b"Y Q==\r\n", b"\xff\r\n"])
def test_answers_that_are_not_base64(line: bytes) -> None:
    with pytest.raises(SyntaxRefused):
        parse_auth_response(line)


@ids(
    ("line", "data", "codes"),
    [
        (b"+ \r\n", b"", []),
        (b"+\r\n", b"", []),
        (b"+ YQ==\r\n", b"a", []),
        (b"+ YQ== \r\n", b"a", []),
        (b"+ YQ==\n", b"a", ["bare_lf"]),
        (b"+ ?\r\n", b"", ["bad_base64"]),
    ],
)
def test_challenges(line: bytes, data: bytes, codes: list[str]) -> None:
    read = parse_challenge(line)
    assert read == Challenge(data)
    assert [defect.code for defect in read.defects] == codes


def test_what_is_no_challenge() -> None:
    with pytest.raises(ValueError):
        parse_challenge(b"+OK\r\n")


# --- Replies --------------------------------------------------------------------------------------


@ids(
    ("line", "reply", "codes"),
    [
        (b"+OK\r\n", Reply(True), []),
        (b"-ERR\r\n", Reply(False), []),
        (b"+OK \r\n", Reply(True), []),
        (b"+OK 2 320\r\n", Reply(True, "2 320"), []),
        (b"-ERR [IN-USE] no\r\n", Reply(False, "[IN-USE] no"), []),
        (b"+OK  two\r\n", Reply(True, " two"), []),
        (b"+OK x\n", Reply(True, "x"), ["bare_lf"]),
        (b"+OKfoo\r\n", Reply(True, "foo"), ["no_space_after_status"]),
        (b"+ok x\r\n", Reply(True, "x"), ["lower_case"]),
        (b"-err\r\n", Reply(False), ["lower_case"]),
        (b"+OK \xc3\xbc\r\n", Reply(True, "ü"), ["eight_bit"]),
        (b"+OK \xfc\r\n", Reply(True, "\udcfc"), ["eight_bit"]),
        (b"+OK a\rb\r\n", Reply(True, "a\rb"), ["bare_cr"]),
        (b"+OK a\0b\r\n", Reply(True, "a\0b"), ["nul"]),
    ],
)
def test_replies(line: bytes, reply: Reply, codes: list[str]) -> None:
    read = parse_reply(line)
    assert read == reply
    assert [defect.code for defect in read.defects] == codes
    if not set(codes) & {"bare_cr", "nul"}:
        assert parse_reply(encode(reply)) == reply


@ids("line", [b"\r\n", b"OK\r\n", b"+O\r\n", b"+ \r\n", b"250 ok\r\n", b" +OK\r\n", b"+OK\n\n"])
def test_what_is_no_reply(line: bytes) -> None:
    with pytest.raises(ValueError):
        parse_reply(line)


@ids(
    ("text", "size"),
    [
        ("120 octets", 120),
        ("message follows (120 octets)", 120),
        ("120", 120),
        ("120 bytes", 120),
        ("", None),
        ("message 2 follows", None),
        ("octets", None),
        ("9" * 30 + " octets", None),
        ("-1 octets", None),
    ],
)
def test_the_size_that_a_reply_announces(text: str, size: int | None) -> None:
    """RFC 1939 section 5 shows `+OK 120 octets`, and asks for nothing."""
    assert announced_size(text) == size


# --- Listings -------------------------------------------------------------------------------------


def test_the_short_way_reads_the_usual_lines() -> None:
    assert parse_sizes(b"1 120\r\n2 200\r\n") == [(1, 120), (2, 200)]
    assert parse_unique_ids(b"1 a\r\n2 ~!\r\n") == [(1, "a"), (2, "~!")]


@ids(
    "lines",
    [
        b"1 120\n",
        b"1  120\r\n",
        b"1 120 \r\n",
        b" 1 120\r\n",
        b"1 120\r\n2\r\n",
        b"1 x\r\n",
        b"\r\n",
        b"1 99999999999999999999\r\n",
        b"1 120\r\n2 200",
    ],
)
def test_the_short_way_takes_nothing_else(lines: bytes) -> None:
    assert parse_sizes(lines) is None


@ids("lines", [b"1 a\n", b"1  a\r\n", b"1 a b\r\n", b"1 \xe9\r\n", b"1 %b\r\n" % (b"x" * 71)])
def test_nor_with_unique_ids(lines: bytes) -> None:
    assert parse_unique_ids(lines) is None


@ids("line", [b"1 120\r\n", b"17 0\r\n", b"0 1\r\n"])
def test_both_ways_read_the_same_sizes(line: bytes) -> None:
    assert parse_sizes(line) == [parse_size(line)[0]]


@ids("line", [b"1 a\r\n", b"0 ~\r\n", b"12 <a@b>\r\n"])
def test_both_ways_read_the_same_unique_ids(line: bytes) -> None:
    assert parse_unique_ids(line) == [parse_unique_id(line)[0]]


# --- What cannot be said --------------------------------------------------------------------------


@ids(
    "item",
    [
        User("bob\r\nDELE 1"),
        User("bob\nDELE 1"),
        User("bob\0"),
        User(""),
        User(" bob"),
        User("bob\t"),
        Pass("x\r\nDELE 1"),
        Pass("x\0"),
        Pass(""),
        Pass("\udce9"),
        Apop("bob", "C4C9334BAC560ECC979E58001B3E22FB"),
        Apop("bob", "short"),
        Apop("bob\r\n", DIGEST),
        Auth("PLAIN x"),
        Auth("plain"),
        Auth(""),
        List(0),
        List(-1),
        Retr(True),
        Retr(2**63),
        Top(1, -1),
        Top(0, 1),
        Lang("de\r\nQUIT"),
        Lang(""),
        UnknownCommand("NOOP"),
        UnknownCommand("PASS", "x"),
        UnknownCommand("xtnd"),
        UnknownCommand("X\r\nQUIT"),
        UnknownCommand("XTND", "a\nb"),
        UnknownCommand("XTND", " a"),
        Reply(True, "a\r\n+OK"),
        Reply(True, "a\nb"),
        Reply(False, "\0"),
        Reply(True, "x" * 510),
    ],
    ids=repr,
)
def test_values_that_no_line_can_carry(item: Any) -> None:
    with pytest.raises(ValueError):
        encode(item)


@ids("item", [None, "NOOP", b"NOOP\r\n", 5, Noop], ids=repr)
def test_things_that_are_no_values(item: Any) -> None:
    with pytest.raises(TypeError):
        encode(item)


_ANYTHING: Any = None


@ids(
    "item",
    [User(_ANYTHING), Pass(_ANYTHING), Reply(True, _ANYTHING)],
    ids=repr,
)
def test_fields_of_the_wrong_type(item: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode(item)


def test_a_reply_fills_its_line_and_no_more() -> None:
    """RFC 2449 section 4: 512 octets, CRLF included."""
    assert len(encode(Reply(True, "x" * 506))) == 512
