"""Odd bytes met in the field, and the reading each gets: the value, and the defect that says so.

Every input is tried in one piece, octet by octet, and cut in two everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailproto import LocalProtocolError, RemoteProtocolError, smtp
from mailproto.errors import LimitExceeded
from mailproto.smtp import (
    AUTH,
    BODY,
    SIZE,
    BadCommand,
    Capabilities,
    Challenge,
    Client,
    Data,
    Ehlo,
    Goodbye,
    Greeting,
    Helo,
    Mail,
    Noop,
    Param,
    Quirks,
    Quit,
    Rcpt,
    Replied,
    Reply,
    Rset,
    State,
)
from mailproto.testing import Trace, assert_chunk_invariant
from tests.smtp.talk import (
    EHLO,
    EVERYTHING,
    MAIL,
    client,
    codes,
    left,
    names,
    sends,
    server,
    silent,
    statuses,
)

ids = pytest.mark.parametrize

# --- Replies --------------------------------------------------------------------------------------


def answer_to_noop(wire: bytes) -> Trace:
    return assert_chunk_invariant(client(then=[sends(Noop())]), wire)


@ids(
    ("wire", "code", "lines", "odd"),
    [
        (b"250\r\n", 250, ("",), set()),
        (b"250 \r\n", 250, ("",), set()),
        (b"250-\r\n250\r\n", 250, ("", ""), set()),
        (b"250ok\r\n", 250, ("ok",), {"no_space_after_code"}),
        (b"250\tok\r\n", 250, ("\tok",), {"no_space_after_code"}),
        (b"250-a\r\n550 b\r\n", 550, ("a", "b"), {"inconsistent"}),
        (b"550-a\r\n250 b\r\n", 550, ("a", "b"), {"inconsistent"}),
        (b"250-a\r\n451-b\r\n250 c\r\n", 451, ("a", "b", "c"), {"inconsistent"}),
        (b"250 ok\n", 250, ("ok",), {"bare_lf"}),
        (b"250-a\n250 b\r\n", 250, ("a", "b"), {"bare_lf"}),
        (b"250 gr\xc3\xbc\xc3\x9f\r\n", 250, ("grüß",), {"eight_bit"}),
        (b"250 gr\xfc\xdf\r\n", 250, ("gr\udcfc\udcdf",), {"eight_bit"}),
        (b"250 a\0b\r\n", 250, ("a\0b",), {"nul"}),
        (b"250 a\rb\r\n", 250, ("a\rb",), {"bare_cr"}),
        (b"\r\n250 ok\r\n", 250, ("ok",), {"blank_line"}),
        (b"\n\r\n250 ok\r\n", 250, ("ok",), {"blank_line"}),
        (b"250 ok \r\n", 250, ("ok ",), set()),
        (b"250  ok\r\n", 250, (" ok",), set()),
        (b"299 what\r\n", 299, ("what",), set()),
        (b"250 " + b"x" * 9000 + b"\r\n", 250, ("x" * 9000,), set()),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else "",
)
def test_a_reply_that_is_written_oddly(
    wire: bytes, code: int, lines: tuple[str, ...], odd: set[str]
) -> None:
    """RFC 5321 section 4.2. Where the lines disagree the worst code counts, never the better."""
    trace = answer_to_noop(wire)
    assert trace.events == (Replied(2, Noop(), Reply(code, lines)),)
    assert trace.events[0].reply.anomalies == odd


@ids("wire", [b"650 x", b"25 ok", b"2500", b"2500 ok", b"ok", b"abc x"], ids=repr)
def test_what_is_no_reply_is_an_error(wire: bytes) -> None:
    trace = answer_to_noop(wire + b"\r\n")
    assert trace.events == ()
    assert isinstance(trace.error, RemoteProtocolError)


def test_blank_lines_are_skipped_up_to_a_limit() -> None:
    assert names(answer_to_noop(b"\r\n" * 8 + b"250 ok\r\n")) == ["Replied"]
    trace = answer_to_noop(b"\r\n" * 9 + b"250 ok\r\n")
    assert isinstance(trace.error, LimitExceeded)


def test_a_blank_line_inside_a_reply_is_an_error() -> None:
    assert isinstance(answer_to_noop(b"250-a\r\n\r\n250 b\r\n").error, RemoteProtocolError)


@ids(
    ("wire", "event", "state"),
    [
        (b"220-a\r\n521 b\r\n", Greeting(Reply(521, "a\nb")), State.REFUSED),
        (b"554 5.7.1 no\r\n", Greeting(Reply(554, "5.7.1 no")), State.REFUSED),
        (b"421 4.3.2 busy\r\n", Greeting(Reply(421, "4.3.2 busy")), State.CLOSED),
        (b"220\r\n", Greeting(Reply(220)), State.START),
        (b"220-one\r\n220 two\r\n", Greeting(Reply(220, "one\ntwo")), State.START),
        (b"\r\n220 late\r\n", Greeting(Reply(220, "late")), State.START),
    ],
    ids=repr,
)
def test_greetings(wire: bytes, event: Greeting, state: State) -> None:
    """RFC 5321 section 3.1: 554 (or 521, RFC 7504) refuses, and QUIT is all there is to say."""
    trace = assert_chunk_invariant(Client, wire)
    assert trace.events == (event,)
    assert trace.machine.state is state
    if state is State.REFUSED:
        with pytest.raises(LocalProtocolError):
            trace.machine.send(Ehlo("x"))
        trace.machine.send(Quit())


def test_421_may_come_at_any_time() -> None:
    """RFC 5321 section 3.8."""
    trace = assert_chunk_invariant(
        client("PIPELINING"), [sends(Mail("a@b.example"), Rset()), b"250 ok\r\n421 bye\r\n"]
    )
    assert [event.reply.code for event in trace.events] == [250, 421]
    assert trace.machine.state is State.CLOSED
    trace = assert_chunk_invariant(client(), b"421 idle\r\n")
    assert trace.events == (Goodbye(Reply(421, "idle")),)


@ids("text", [b"334\r\n", b"334 \r\n", b"334\n"], ids=repr)
def test_an_empty_challenge(text: bytes) -> None:
    """RFC 4954 section 4: `334 ` with nothing behind it; some leave out the space."""
    make = client("AUTH LOGIN", tls=True)
    trace = assert_chunk_invariant(make, [sends(smtp.Auth("LOGIN")), text], silent)
    assert trace.events == (Challenge(b""),)


# --- What EHLO offers -----------------------------------------------------------------------------


def offered(*lines: bytes) -> Capabilities:
    steps = [b"220 mx\r\n", sends(Ehlo("x")), b"".join(lines)]
    trace = assert_chunk_invariant(Client, steps)
    assert names(trace) == ["Greeting", "Replied"]
    machine = trace.machine
    assert isinstance(machine, Client)
    assert machine.capabilities is not None
    return machine.capabilities


def test_a_server_that_offers_nothing() -> None:
    capabilities = offered(b"250 mx.example\r\n")
    assert capabilities.domain == "mx.example"
    assert list(capabilities) == []


def test_a_line_without_a_keyword() -> None:
    capabilities = offered(b"250-h\r\n250-\r\n250 SIZE 10\r\n")
    assert list(capabilities) == ["SIZE"]
    assert capabilities.size == 10


@ids(
    ("line", "keyword", "arguments"),
    [
        (b"SIZE\t10", "SIZE", ("10",)),
        (b"SIZE  10 ", "SIZE", ("10",)),
        (b"size 10", "SIZE", ("10",)),
        (b"STARTTLS ", "STARTTLS", ()),
        (b"X-EXPS LOGIN", "X-EXPS", ("LOGIN",)),
        (b"AUTH", "AUTH", ()),
        (b"AUTH=", "AUTH", ()),
        (b"AUTH=LOGIN PLAIN", "AUTH", ("LOGIN", "PLAIN")),
        (b"X-EXPS=LOGIN", "X-EXPS=LOGIN", ()),
    ],
    ids=repr,
)
def test_keywords_that_are_written_oddly(
    line: bytes, keyword: str, arguments: tuple[str, ...]
) -> None:
    """RFC 5321 section 4.1.1.1: keywords are compared without case."""
    capabilities = offered(b"250-h\r\n250 " + line + b"\r\n")
    assert list(capabilities) == [keyword]
    assert capabilities[keyword] == arguments
    assert keyword.lower() in capabilities


def test_mechanisms_are_merged() -> None:
    lines = b"250-auth plain Login\r\n250-AUTH=LOGIN PLAIN\r\n250 AUTH CRAM-MD5\r\n"
    assert offered(b"250-h\r\n" + lines).auth == ("PLAIN", "LOGIN", "CRAM-MD5")


def test_a_keyword_that_is_offered_twice() -> None:
    capabilities = offered(b"250-h\r\n250-8BITMIME\r\n250-SIZE 5\r\n250-8bitmime\r\n250 SIZE 5\r\n")
    assert list(capabilities) == ["8BITMIME", "SIZE"]
    assert capabilities.size == 5


@ids(("line", "size"), [(b"SIZE", None), (b"SIZE 0", None), (b"SIZE 7", 7), (b"SIZE x", None)])
def test_size(line: bytes, size: int | None) -> None:
    """RFC 1870 section 3: 0 is no fixed limit, nothing is nothing known."""
    capabilities = offered(b"250-h\r\n250 " + line + b"\r\n")
    assert "SIZE" in capabilities
    assert capabilities.size == size


def test_a_line_with_a_mistyped_code() -> None:
    """`205-AUTH` in the middle of an answer to EHLO: the worst code is 250, and it shows."""
    steps = [
        b"220 mx\r\n",
        sends(Ehlo("x")),
        b"250-h\r\n205-AUTH PLAIN\r\n250 SIZE 5\r\n",
    ]
    trace = assert_chunk_invariant(Client, steps)
    reply = trace.events[-1].reply
    assert (reply.code, reply.anomalies) == (250, {"inconsistent"})
    assert left(trace).capabilities.auth == ("PLAIN",)


def test_a_very_long_line() -> None:
    mechanisms = b" ".join(b"X%d" % number for number in range(2000))
    assert len(offered(b"250-h\r\n250 AUTH " + mechanisms + b"\r\n").auth) == 2000


# --- Enhanced status codes ------------------------------------------------------------------------


@ids(
    ("wire", "enhanced"),
    [
        (b"550 5.1.1 No\r\n", "5.1.1"),
        (b"550-5.1.1 No\r\n550 such user\r\n", "5.1.1"),
        (b"550-5.1.1 No\r\n550 5.7.1 such user\r\n", "5.1.1"),
        (b"550 5.1.1<a@b>: No\r\n", "5.1.1"),
        (b"250 2.1.5\r\n", "2.1.5"),
        (b"250 2.1.5 \r\n", "2.1.5"),
        (b"550 2.1.5 liar\r\n", None),
        (b"550 5.1 No\r\n", None),
        (b"550 5.1.1.1 No\r\n", None),
        (b"550 5.1.1234 No\r\n", None),
        (b"550 No 5.1.1\r\n", None),
        (b"354 3.0.0 go\r\n", None),
    ],
    ids=repr,
)
def test_enhanced_codes(wire: bytes, enhanced: str | None) -> None:
    """RFC 2034 section 4, RFC 3463 section 2: class.subject.detail, class as the reply's."""
    assert smtp.parse_reply(wire).enhanced == enhanced


# --- Commands -------------------------------------------------------------------------------------


def said(line: bytes, setup: bytes = EHLO, **config: Any) -> Trace:
    config.setdefault("extensions", EVERYTHING)
    return assert_chunk_invariant(server(setup, **config), line + b"\r\n")


@ids(
    ("line", "sender", "odd"),
    [
        (b"MAIL FROM: <a@b.example>", "a@b.example", {"space_after_colon"}),
        (b"MAIL FROM:\t<a@b.example>", "a@b.example", {"space_after_colon"}),
        (b"MAIL FROM :<a@b.example>", "a@b.example", {"space_before_colon"}),
        (b"MAIL  FROM:<a@b.example>", "a@b.example", {"extra_space"}),
        (b"MAIL\tFROM:<a@b.example>", "a@b.example", {"extra_space"}),
        (b"mail from:<a@b.example>", "a@b.example", set()),
        (b"mAiL fRoM:<a@b.example>", "a@b.example", set()),
        (b"mail from:a@b.example", "a@b.example", {"no_angle_brackets"}),
        (
            b"MAIL FROM: a@b.example",
            "a@b.example",
            {"no_angle_brackets", "space_after_colon"},
        ),
        (b"MAIL FROM:<>", "", set()),
        (b"MAIL FROM:< >", "", {"space_in_path"}),
        (b"MAIL FROM:< a@b.example >", "a@b.example", {"space_in_path"}),
        (b"MAIL FROM:<@h1.example,@h2:a@b.example>", "a@b.example", {"source_route"}),
        (b"MAIL FROM:<@[192.0.2.1]:a@b.example>", "a@b.example", {"source_route"}),
        (b'MAIL FROM:<"a b"@c.example>', '"a b"@c.example', set()),
        (b'MAIL FROM:<"a\\"b"@c.example>', '"a\\"b"@c.example', set()),
        (b'MAIL FROM:<"a>b"@c.example>', '"a>b"@c.example', set()),
        (b'MAIL FROM:<"a@b"@c.example>', '"a@b"@c.example', set()),
        (b"MAIL FROM:<a@[1.2.3.4]>", "a@[1.2.3.4]", set()),
        (b"MAIL FROM:<a@[IPv6:::1]>", "a@[IPv6:::1]", set()),
        (b"MAIL FROM:<a@[x-tag:what]>", "a@[x-tag:what]", set()),
        (b"MAIL FROM:<a..b@c.example>", "a..b@c.example", {"dots_in_local_part"}),
        (b"MAIL FROM:<a.@c.example>", "a.@c.example", {"dots_in_local_part"}),
        (b"MAIL FROM:<.a@c.example>", ".a@c.example", {"dots_in_local_part"}),
        (b"MAIL FROM:<a@b.>", "a@b.", {"odd_domain"}),
        (b"MAIL FROM:<a@under_score>", "a@under_score", {"odd_domain"}),
        (b"MAIL FROM:<" + b"x" * 64 + b"@b.example>", "x" * 64 + "@b.example", set()),
        (
            b"MAIL FROM:<" + b"x" * 65 + b"@b.example>",
            "x" * 65 + "@b.example",
            {"long_local_part"},
        ),
        (
            b"MAIL FROM:<a@" + b"b" * 63 + b"." + b"c" * 189 + b">",
            "a@" + "b" * 63 + "." + "c" * 189,
            {"long_path"},
        ),
    ],
    ids=lambda value: repr(value)[:60] if isinstance(value, bytes) else "",
)
def test_paths_that_are_written_oddly(line: bytes, sender: str, odd: set[str]) -> None:
    """RFC 5321 sections 4.1.1.2, 4.1.2, 4.5.3.1 and appendix C."""
    trace = said(line)
    assert trace.events == (Mail(sender),)
    assert trace.events[0].anomalies == odd
    assert codes(trace) == [250]
    # Recipients are read by the same grammar.
    other = line.replace(b"MAIL", b"RCPT").replace(b"mail", b"rcpt").replace(b"mAiL", b"rCpT")
    for word in (b"FROM", b"from", b"fRoM"):
        other = other.replace(word, b"To")
    trace = said(other, EHLO + MAIL)
    if sender:
        assert trace.events == (Rcpt(sender),)
        assert odd <= trace.events[0].anomalies | {"extra_space"}
    else:
        assert statuses(trace) == ["501 5.1.3"]


@ids(
    "line",
    [
        b"MAIL FROM:<a@b.example>SIZE=1",
        b"MAIL FROM:<a@b.example",
        b"MAIL FROM:a@b.example>",
        b"MAIL FROM:",
        b"MAIL FROM",
        b"MAIL",
        b"MAIL <a@b.example>",
        b"MAIL TO:<a@b.example>",
        b"MAIL FROM <a@b.example>",
        b"MAIL FROM:<<a@b.example>>",
        b"MAIL FROM:<a@b.example>>",
        b"MAIL FROM:<(comment)a@b.example>",
        b"MAIL FROM:<a@b.example(comment)>",
        b"MAIL FROM:<a@b.example> (comment)",
        b"MAIL FROM:<a b@c.example>",
        b"MAIL FROM:<a@b@c.example>",
        b"MAIL FROM:<@c.example>",
        b"MAIL FROM:<a@>",
        b"MAIL FROM:<@h1,h2:a@b.example>",
        b"MAIL FROM:<@h1 a@b.example>",
        b'MAIL FROM:<"a@b.example>',
        b'MAIL FROM:<"a"b@c.example>',
        b"MAIL FROM:<a@[1.2.3]>",
        b"MAIL FROM:<a@[1.2.3.256]>",
        b"MAIL FROM:<a@[IPv6:::1::2]>",
        b"MAIL FROM:<a@[::1]>",
        b"MAIL FROM:<a@" + b"b" * 256 + b">",
        b"MAIL FROM:<a@b.example> =",
        b"MAIL FROM:<a@b.example> =1",
        b"MAIL FROM:<a@b.example> SIZE=",
        b"MAIL FROM:<a@b.example> SIZE",
        b"MAIL FROM:<a@b.example> SIZE=1 SIZE=1",
        b"MAIL FROM:<a@b.example> SIZE=1 size=2",
        b"MAIL FROM:<a@b.example> BODY=9BIT",
        b"MAIL FROM:<a@b.example> SMTPUTF8=yes",
    ],
    ids=lambda value: repr(value)[:60],
)
def test_paths_without_a_certain_reading(line: bytes) -> None:
    """501: syntax error in parameters or arguments (RFC 5321 section 4.2.2)."""
    trace = said(line)
    assert names(trace) == ["BadCommand"]
    assert codes(trace) == [501]
    assert statuses(trace)[0].split()[1].startswith("5.")


@ids("name", ["postmaster", "Postmaster", "POSTMASTER"])
def test_postmaster_needs_no_domain(name: str) -> None:
    """RFC 5321 section 4.1.1.3: in any case."""
    trace = said(f"RCPT TO:<{name}>".encode(), EHLO + MAIL)
    assert trace.events == (Rcpt(name),)
    assert trace.events[0].anomalies == frozenset()


@ids(
    ("line", "setup", "status"),
    [(b"RCPT TO:<root>", EHLO + MAIL, "501 5.1.3"), (b"MAIL FROM:<root>", EHLO, "501 5.1.7")],
    ids=repr,
)
def test_others_do(line: bytes, setup: bytes, status: str) -> None:
    assert statuses(said(line, setup)) == [status]
    trace = said(line, setup, quirks=Quirks(unqualified_addresses=True))
    assert trace.events[0].anomalies == {"no_domain"}


def test_addresses_in_utf_8() -> None:
    """RFC 6531 sections 3.3 and 3.4."""
    line = "MAIL FROM:<grün@bücher.example> SMTPUTF8".encode()
    trace = said(line)
    assert trace.events[0].sender == "grün@bücher.example"
    trace = said("RCPT TO:<büro@bücher.example>".encode(), EHLO + line + b"\r\n")
    assert trace.events == (Rcpt("büro@bücher.example"),)


@ids(
    ("line", "setup"),
    [
        ("MAIL FROM:<grün@b.example>", EHLO),
        ("MAIL FROM:<a@bücher.example>", EHLO),
        ("RCPT TO:<grün@b.example>", EHLO + MAIL),
    ],
)
def test_addresses_in_utf_8_without_the_parameter(line: str, setup: bytes) -> None:
    """RFC 6531 section 3.5: 550 or 553, 5.6.7."""
    trace = said(line.encode(), setup)
    assert names(trace) == ["BadCommand"]
    assert statuses(trace) == ["553 5.6.7"]


@ids(
    ("line", "params"),
    [
        (b"size=1", (Param("SIZE", "1"),)),
        (b"SIZE=1 body=8bitmime", (Param("SIZE", "1"), Param("BODY", "8bitmime"))),
        (b"BODY=8BITMIME ", (Param("BODY", "8BITMIME"),)),
        (b" SIZE=1", (Param("SIZE", "1"),)),
        (b"SIZE=1  BODY=7BIT", (Param("SIZE", "1"), Param("BODY", "7BIT"))),
        (b"SIZE=00000000000000000001", (Param("SIZE", "00000000000000000001"),)),
    ],
    ids=repr,
)
def test_parameters_that_are_written_oddly(line: bytes, params: tuple[Param, ...]) -> None:
    trace = said(b"MAIL FROM:<a@b.example> " + line)
    mail = trace.events[0]
    assert mail == Mail("a@b.example", params)
    assert mail.get(SIZE) in (1, None)
    assert mail.get(BODY) in ("7BIT", "8BITMIME", None)
    assert ("trailing_space" in mail.anomalies) is line.endswith(b" ")
    assert ("extra_space" in mail.anomalies) is (line.lstrip() != line or b"  " in line)


@ids("line", [b"FOO=bar", b"FOO", b"XREQUIRE=1", b"NOTIFY=NEVER"], ids=repr)
def test_an_unknown_parameter(line: bytes) -> None:
    """RFC 5321 section 4.1.1.11: 555."""
    assert statuses(said(b"MAIL FROM:<a@b.example> " + line)) == ["555 5.5.4"]
    line = b"SIZE=1" if line.startswith(b"NOTIFY") else line
    assert statuses(said(b"RCPT TO:<a@b.example> " + line, EHLO + MAIL)) == ["555 5.5.4"]


@ids(
    ("line", "address"),
    [
        (b"AUTH=<>", ""),
        (b"AUTH=a@b.example", "a@b.example"),
        (b"AUTH=e+3Dmc2@example.com", "e=mc2@example.com"),
    ],
    ids=repr,
)
def test_the_auth_parameter(line: bytes, address: str) -> None:
    """RFC 4954 section 5: xtext, and plain addresses are xtext as they stand."""
    trace = said(b"MAIL FROM:<a@b.example> " + line, auth=("CRAM-MD5",))
    assert trace.events[0].get(AUTH) == address
    bad = said(b"MAIL FROM:<a@b.example> AUTH=a=b@c.example", auth=("CRAM-MD5",))
    assert codes(bad) == [501]


@ids(
    ("line", "event", "odd"),
    [
        (b"EHLO  x.example", Ehlo("x.example"), {"extra_space"}),
        (b"EHLO x.example ", Ehlo("x.example"), {"trailing_space"}),
        (b"HELO [1.2.3.4]", Helo("[1.2.3.4]"), set()),
        (b"EHLO [IPv6:2001:db8::1]", Ehlo("[IPv6:2001:db8::1]"), set()),
        (b"EHLO my_host", Ehlo("my_host"), {"odd_domain"}),
        (b"EHLO 1.2.3.4.", Ehlo("1.2.3.4."), {"odd_domain"}),
        (b"ehlo x", Ehlo("x"), set()),
        (b"NOOP anything at all", Noop("anything at all"), set()),
        (b"NOOP ", Noop(), {"trailing_space"}),
        (b"noop", Noop(), set()),
        (b"RSET ", Rset(), {"trailing_space"}),
        (b"RSET\t", Rset(), {"trailing_space"}),
        (b"QUIT ", Quit(), {"trailing_space"}),
    ],
    ids=repr,
)
def test_commands_that_are_written_oddly(line: bytes, event: Any, odd: set[str]) -> None:
    trace = said(line)
    assert trace.events == (event,)
    assert trace.events[0].anomalies == odd
    assert codes(trace)[0] // 100 == 2


def test_a_space_behind_data() -> None:
    trace = said(b"DATA \r\n.", EHLO + MAIL + b"RCPT TO:<b@b.example>\r\n")
    assert trace.events[0] == Data()
    assert trace.events[0].anomalies == {"trailing_space"}
    assert codes(trace) == [354, 250]


@ids(
    ("line", "code"),
    [
        (b"EHLO", 501),
        (b"EHLO ", 501),
        (b"HELO", 501),
        (b"EHLO a b", 501),
        (b"QUIT now", 501),
        (b"RSET x", 501),
        (b"DATA x", 501),
        (b"VRFY", 501),
        (b"EXPN ", 501),
        (b"", 500),
        (b" ", 500),
        (b" NOOP", 500),
        (b"NOOPX", 500),
        (b"MAILFROM:<a@b>", 500),
        (b"XYZZY", 500),
        (b"250 ok", 500),
        (b"STARTTLS now", 501),
        (b"AUTH", 501),
        (b"AUTH PLAIN a b", 501),
    ],
    ids=repr,
)
def test_lines_that_are_no_commands(line: bytes, code: int) -> None:
    """RFC 5321 section 4.2.4: 500 for what is unknown, 501 for wrong arguments."""
    trace = said(line)
    assert names(trace) == ["BadCommand"]
    event = trace.events[0]
    assert isinstance(event, BadCommand)
    assert event.raw == line + b"\r\n"
    assert codes(trace) == [code] == [event.reply.code]


def test_a_quirk_changes_nothing_that_is_written_well() -> None:
    makers: list[Callable[[], Any]] = [
        server(quirks=quirks)
        for quirks in (
            Quirks(),
            Quirks(bare_lf_commands=True),
            Quirks(unqualified_addresses=True),
            Quirks(bare_newlines=smtp.BareNewlines.PRESERVE),
            Quirks(bare_newlines=smtp.BareNewlines.NORMALIZE),
        )
    ]
    wire = EHLO + MAIL + b"RCPT TO:<b@b.example>\r\nDATA\r\ntext\r\n.\r\nQUIT\r\n"
    first, *others = (assert_chunk_invariant(make, wire) for make in makers)
    for other in others:
        assert (other.events, other.output) == (first.events, first.output)
