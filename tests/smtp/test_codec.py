"""Lines to values and back: one table drives both ways."""

from __future__ import annotations

from typing import Any

import pytest

from mailproto import smtp
from mailproto.smtp import (
    Auth,
    AuthCancel,
    AuthResponse,
    Bdat,
    Challenge,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Param,
    Quit,
    Rcpt,
    Reply,
    Rset,
    StartTls,
    SyntaxRefused,
    UnknownCommand,
    Vrfy,
    encode,
    parse_command,
    parse_reply,
)
from mailproto.smtp._codec import parse_auth_response, parse_reply_line

ids = pytest.mark.parametrize

LINES: list[tuple[Any, bytes]] = [
    # RFC 5321 section 4.1.1
    (Helo("x.example"), b"HELO x.example"),
    (Ehlo("[192.0.2.1]"), b"EHLO [192.0.2.1]"),
    (Mail(""), b"MAIL FROM:<>"),
    (Mail("a@x.example"), b"MAIL FROM:<a@x.example>"),
    (Mail('"a b"@x.example'), b'MAIL FROM:<"a b"@x.example>'),
    (Mail("a@x", (Param("SIZE", "5"), Param("X"))), b"MAIL FROM:<a@x> SIZE=5 X"),
    (Mail("grün@x", (Param("SMTPUTF8"),)), "MAIL FROM:<grün@x> SMTPUTF8".encode()),
    (Rcpt("a@x.example"), b"RCPT TO:<a@x.example>"),
    (Rcpt("Postmaster"), b"RCPT TO:<Postmaster>"),
    (Rcpt("a@x", (Param("NOTIFY", "NEVER"),)), b"RCPT TO:<a@x> NOTIFY=NEVER"),
    (Data(), b"DATA"),
    (Rset(), b"RSET"),
    (Vrfy("someone"), b"VRFY someone"),
    (Expn("a list"), b"EXPN a list"),
    (Help(), b"HELP"),
    (Help("MAIL"), b"HELP MAIL"),
    (Noop(), b"NOOP"),
    (Noop("whatever you say"), b"NOOP whatever you say"),
    (Quit(), b"QUIT"),
    # RFC 2033 section 4.1, RFC 3030 section 2, RFC 3207 section 4, RFC 1985 section 5
    (Lhlo("x.example"), b"LHLO x.example"),
    (Bdat(0), b"BDAT 0"),
    (Bdat(86), b"BDAT 86"),
    (Bdat(9223372036854775807, last=True), b"BDAT 9223372036854775807 LAST"),
    (StartTls(), b"STARTTLS"),
    (Etrn("x.example"), b"ETRN x.example"),
    (Etrn("@x.example"), b"ETRN @x.example"),
    (Etrn("#queue"), b"ETRN #queue"),
    # RFC 4954 section 4
    (Auth("PLAIN"), b"AUTH PLAIN"),
    (Auth("PLAIN", b""), b"AUTH PLAIN ="),
    (Auth("PLAIN", b"\0test\x00test"), b"AUTH PLAIN AHRlc3QAdGVzdA=="),
    (Auth("SCRAM-SHA-256", b"n,,"), b"AUTH SCRAM-SHA-256 biws"),
    (UnknownCommand("XPAINT"), b"XPAINT"),
    (UnknownCommand("XPAINT", "it red"), b"XPAINT it red"),
]


@ids(("command", "line"), LINES, ids=repr)
def test_commands_both_ways(command: Any, line: bytes) -> None:
    assert encode(command) == line + b"\r\n"
    for end in (b"\r\n", b"\n", b""):
        parsed = parse_command(line + end)
        assert parsed == command
        assert type(parsed) is type(command)
        assert parsed.defects == ()


@ids(("command", "line"), LINES, ids=repr)
def test_verbs_are_read_in_any_case(command: Any, line: bytes) -> None:
    """RFC 5321 section 2.4: verbs in any case; arguments keep theirs."""
    verb, space, rest = line.partition(b" ")
    assert parse_command(verb.lower() + space + rest) == command
    assert parse_command(verb.title() + space + rest) == command


def test_keywords_are_read_in_any_case() -> None:
    assert parse_command(b"mail from:<A@x> size=5") == Mail("A@x", (Param("SIZE", "5"),))
    assert parse_command(b"bdat 5 last") == Bdat(5, last=True)
    assert parse_command(b"auth plain AA==") == Auth("PLAIN", b"\0")
    with pytest.raises(ValueError):
        encode(Auth("plain"))


@ids(
    ("item", "line"),
    [
        (AuthResponse(b""), b"\r\n"),
        (AuthResponse(b"user"), b"dXNlcg==\r\n"),
        (AuthCancel(), b"*\r\n"),
    ],
)
def test_answers_to_challenges_both_ways(item: Any, line: bytes) -> None:
    """RFC 4954 section 4: base64, an empty line, or `*`."""
    assert encode(item) == line
    assert parse_auth_response(line) == item


def test_an_equals_sign_is_no_answer_to_a_challenge() -> None:
    """RFC 4954 section 4: only as an initial response."""
    with pytest.raises(SyntaxRefused) as refused:
        parse_auth_response(b"=\r\n")
    assert refused.value.reply.code == 501


REPLIES = [
    (Reply(250, "ok"), b"250 ok\r\n"),
    (Reply(250), b"250 \r\n"),
    (Reply(220, "a\nb\nc"), b"220-a\r\n220-b\r\n220 c\r\n"),
    (Reply(550, "5.1.1 No"), b"550 5.1.1 No\r\n"),
    (Reply(250, "a\n\nb"), b"250-a\r\n250-\r\n250 b\r\n"),
    (Reply(250, "grün"), "250 grün\r\n".encode()),
    (Reply(250, "\udcff"), b"250 \xff\r\n"),
    (Reply(250, "tab\tfine"), b"250 tab\tfine\r\n"),
]


@ids(("reply", "wire"), REPLIES, ids=ascii)
def test_replies_both_ways(reply: Reply, wire: bytes) -> None:
    """RFC 5321 section 4.2.1."""
    assert encode(reply) == wire
    assert parse_reply(wire) == reply


def test_challenges_are_replies() -> None:
    assert encode(Challenge(b"")) == b"334 \r\n"
    assert encode(Challenge(b"Username:")) == b"334 VXNlcm5hbWU6\r\n"


@ids("reply", [Reply(199), Reply(600), Reply(0), Reply(-250), Reply(250, "a\rb"), Reply(250, "\0")])
def test_replies_that_cannot_be_said(reply: Reply) -> None:
    with pytest.raises(ValueError):
        encode(reply)


@ids("wire", [b"", b"250-a\r\n", b"250 a\r\n250 b\r\n", b"x\r\n", b"250-a\r\nb\r\n", b"\r\n"])
def test_what_is_not_one_reply(wire: bytes) -> None:
    with pytest.raises(ValueError):
        parse_reply(wire)


def test_a_line_of_a_reply() -> None:
    assert parse_reply_line(b"250-a\r\n") == (250, True, "a", ())
    assert parse_reply_line(b"250 a\r\n") == (250, False, "a", ())


@ids("item", ["NOOP", b"NOOP\r\n", None, 250, smtp.Greeting(Reply(220)), ("NOOP",)])
def test_what_is_no_item(item: Any) -> None:
    with pytest.raises(TypeError):
        encode(item)


@ids(
    "command",
    [
        Bdat(-1),
        Bdat(2**63),
        Rcpt(""),
        Vrfy(""),
        Expn(""),
        Ehlo(""),
        Ehlo("a b"),
        Etrn(""),
        Etrn("a b"),
        Noop(" x"),
        Noop("x "),
        Auth(""),
        Auth("A" * 21),
        Auth("a b"),
        UnknownCommand("NOOP"),
        UnknownCommand("STARTTLS"),
        UnknownCommand("lower"),
        UnknownCommand("X Y"),
        UnknownCommand(""),
        Mail("a@x", (Param("size", "1"),)),
        Mail("a@x", (Param("SIZE", "x"),)),
        Mail("a@x", (Param("SIZE"),)),
        Mail("a@x", (Param("X", "a b"),)),
        Mail("a@x", (Param("X"), Param("X"))),
        Mail("a@x", (Param("X=Y"),)),
        Mail("a@x", (Param(""),)),
        Mail("a@x", (Param("BODY", "9BIT"),)),
        Rcpt("a@x", (Param("NOTIFY", "NEVER,SUCCESS"),)),
        Mail("no spaces here@x"),
        Mail("a@\ud800"),
    ],
    ids=ascii,
)
def test_commands_that_cannot_be_said(command: Any) -> None:
    with pytest.raises(ValueError):
        encode(command)


def test_every_refusal_has_a_reply() -> None:
    """RFC 5321 section 4.2.4, with enhanced codes of RFC 3463 section 3.6."""
    for line in (b"", b"\xff", b"MAIL", b"EHLO", b"QUIT now", b"NOOPX?", b"VRFY", b"a:b"):
        with pytest.raises(SyntaxRefused) as refused:
            parse_command(line)
        reply = refused.value.reply
        assert reply.code in (500, 501)
        assert (reply.enhanced or "").startswith("5.5.")
        assert str(refused.value) == str(reply)


@ids("character", ["\u3000", "\xa0", "\u2003", "\x85", "\u2028"], ids=ascii)
def test_white_space_is_space_and_tab(character: str) -> None:
    """RFC 5234 appendix B.1: WSP. Unicode's other spaces separate nothing."""
    line = f"MAIL FROM:<a@x> X=1{character}Y=2".encode()
    assert parse_command(line) == Mail("a@x", (Param("X", f"1{character}Y=2"),))
    assert parse_command(f"NOOP {character}a".encode()) == Noop(f"{character}a")


@ids("verb", ["X", "XPAINT", "X-PAINT", "X1"])
def test_any_word_is_a_verb(verb: str) -> None:
    assert parse_command(f"{verb} a".encode()) == UnknownCommand(verb, "a")
