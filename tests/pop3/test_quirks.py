"""Odd bytes met in the field, and the reading each gets: the value, and the defect that says so.

Every input is tried in one piece, octet by octet, and cut in two everywhere.
"""

from __future__ import annotations

from typing import Any

import pytest

from mailproto import RemoteProtocolError
from mailproto.errors import LimitExceeded
from mailproto.pop3 import (
    BodyChunk,
    BodyEnd,
    Capa,
    Capabilities,
    Client,
    Greeting,
    List,
    Noop,
    Quirks,
    Replied,
    Reply,
    ResponseCode,
    Retr,
    Size,
    Stat,
    Totals,
    Uidl,
    UniqueId,
    UnknownCommand,
    Unparsed,
)
from mailproto.testing import assert_chunk_invariant
from tests.pop3.talk import LOGIN, client, kind, lines, logged_in, names, sends, server, serving

ids = pytest.mark.parametrize


def replied(item: Any, wire: bytes) -> Any:
    trace = assert_chunk_invariant(logged_in(), [sends(item), wire])
    assert trace.error is None
    return trace.events[-1]


# --- Status lines ---------------------------------------------------------------------------------


@ids(
    ("wire", "reply", "codes"),
    [
        (b"+OK\r\n", Reply(True), set()),
        (b"-ERR\r\n", Reply(False), set()),
        (b"+OKfoo\r\n", Reply(True, "foo"), {"no_space_after_status"}),
        (b"+ok fine\r\n", Reply(True, "fine"), {"lower_case"}),
        (b"-Err no\r\n", Reply(False, "no"), {"lower_case"}),
        (b"+OK fine\n", Reply(True, "fine"), {"bare_lf"}),
        (b"+OK gr\xfc\xdf\r\n", Reply(True, "gr\udcfc\udcdf"), {"eight_bit"}),
        (b"+OK a\0b\r\n", Reply(True, "a\0b"), {"nul"}),
        (b"\r\n\r\n+OK\r\n", Reply(True), {"blank_line"}),
    ],
)
def test_status_lines(wire: bytes, reply: Reply, codes: set[str]) -> None:
    event = replied(Noop(), wire)
    assert event.reply == reply
    assert event.reply.anomalies == codes


def test_too_many_blank_lines() -> None:
    trace = assert_chunk_invariant(logged_in(), [sends(Noop()), b"\r\n" * 9 + b"+OK\r\n"])
    assert isinstance(trace.error, LimitExceeded)


@ids("wire", [b"OK\r\n", b"ERR no\r\n", b"-\r\n", b"+O\r\n", b"=OK\r\n", b"? +OK\r\n"])
def test_what_cannot_be_read_as_a_reply(wire: bytes) -> None:
    trace = assert_chunk_invariant(logged_in(), [sends(Noop()), wire])
    assert isinstance(trace.error, RemoteProtocolError)


@ids(
    ("wire", "timestamp"),
    [
        (b"+OK\r\n", None),
        (b"+OKready\r\n", None),
        (b"+OK<x@y>\r\n", "<x@y>"),
        (b"+OK <x@y> ready\r\n", "<x@y>"),
        (
            b"+OK Dovecot (Debian) ready. <63e0.27.6b03b4e1.T9tBj057eCZqMau+GS0siQ==@vm>\r\n",
            "<63e0",
        ),
        (b"+OK The Microsoft Exchange POP3 service is ready. [QgBMADAARwBYAA==]\r\n", None),
    ],
)
def test_greetings(wire: bytes, timestamp: str | None) -> None:
    trace = assert_chunk_invariant(Client, wire)
    assert kind(trace, Greeting).reply.ok
    machine: Any = trace.machine
    assert (machine.timestamp or "").startswith(timestamp or "")
    assert (machine.timestamp is None) is (timestamp is None)


@ids(
    ("wire", "code"),
    [
        (b"-ERR [IN-USE] locked\r\n", ResponseCode.IN_USE),
        (b"-ERR [LOGIN-DELAY] wait\r\n", ResponseCode.LOGIN_DELAY),
        (b"-ERR [SYS/TEMP] later\r\n", ResponseCode.SYS_TEMP),
        (b"-ERR [AUTH] no\r\n", ResponseCode.AUTH),
        (b"-ERR [auth] no\r\n", ResponseCode.AUTH),
        (b"-ERR [XYZ] no\r\n", "XYZ"),
        (b"-ERR locked [IN-USE]\r\n", None),
    ],
)
def test_response_codes(wire: bytes, code: str | None) -> None:
    assert replied(Noop(), wire).reply.code == code


# --- STAT, LIST n, UIDL n -------------------------------------------------------------------------


@ids(
    ("item", "text", "value", "codes"),
    [
        (Stat(), b"2 320 x", Totals(2, 320), {"extra_text"}),
        (Stat(), b" 2  320", Totals(2, 320), set()),
        (Stat(), b"2", None, {"unreadable"}),
        (Stat(), b"two 320", None, {"unreadable"}),
        (Stat(), b"2 -1", None, {"unreadable"}),
        (Stat(), b"", None, {"unreadable"}),
        (List(7), b"7", None, {"unreadable"}),
        (List(7), b"7 ten", None, {"unreadable"}),
        (List(7), b"7 10 octets", Size(7, 10), {"extra_text"}),
        (Uidl(7), b"abc", UniqueId(7, "abc"), {"no_number"}),
        (Uidl(7), b"7   abc", UniqueId(7, "abc"), set()),
        (Uidl(7), b"x abc", None, {"unreadable"}),
        (Uidl(7), b"", None, {"unreadable"}),
    ],
)
def test_values(item: Any, text: bytes, value: Any, codes: set[str]) -> None:
    event = replied(item, b"+OK " + text + b"\r\n")
    assert event.value == value
    assert event.reply.anomalies == codes


# --- Listings -------------------------------------------------------------------------------------


@ids(
    ("line", "entry", "codes"),
    [
        (b"1 120 extra text", (1, 120), {"extra_text"}),
        (b"1  120", (1, 120), {"extra_space"}),
        (b" 1 120", (1, 120), {"extra_space"}),
        (b"1\t120", (1, 120), {"extra_space"}),
        (b"7", Unparsed(b"7"), set()),
        (b"7 ten", Unparsed(b"7 ten"), set()),
        (b"", Unparsed(b""), set()),
        (b". ", Unparsed(b" "), set()),
        (b"+OK FORGED", Unparsed(b"+OK FORGED"), set()),
        (b"1 99999999999999999999", (1, 99999999999999999999), set()),
    ],
)
def test_lines_of_list(line: bytes, entry: Any, codes: set[str]) -> None:
    wire = b"+OK\r\n3 5\r\n" + line + b"\r\n2 6\r\n.\r\n"
    trace = assert_chunk_invariant(logged_in(), [sends(List()), wire])
    listing, last = trace.events
    assert listing.entries == ((3, 5), entry, (2, 6))
    assert listing.anomalies == codes
    assert last == Replied(3, List(), Reply(True))


@ids(
    ("line", "entry", "codes"),
    [
        (b"1   abc", (1, "abc"), {"extra_space"}),
        (b"1 " + b"x" * 71, (1, "x" * 71), {"long_unique_id"}),
        (b"1 caf\xc3\xa9", (1, "café"), {"eight_bit"}),
        (b"1 caf\xe9", (1, "caf\udce9"), {"eight_bit"}),
        (b"1 a b", (1, "a b"), {"space_in_unique_id"}),
        (b"1", Unparsed(b"1"), set()),
        (b"1 ", Unparsed(b"1 "), set()),
        (b"x abc", Unparsed(b"x abc"), set()),
        (b"1 a\0b", (1, "a\0b"), {"nul"}),
        (b"1 a\rb", (1, "a\rb"), {"bare_cr"}),
        (b"3 dup", (3, "dup"), set()),
    ],
)
def test_lines_of_uidl(line: bytes, entry: Any, codes: set[str]) -> None:
    wire = b"+OK\r\n3 dup\r\n" + line + b"\r\n.\r\n"
    trace = assert_chunk_invariant(logged_in(), [sends(Uidl()), wire])
    listing = trace.events[0]
    assert listing.entries == ((3, "dup"), entry)
    assert listing.anomalies == codes


def test_lf_alone_between_lines_of_a_listing() -> None:
    trace = assert_chunk_invariant(logged_in(), [sends(List()), b"+OK\r\n1 2\n2 3\r\n.\r\n"])
    assert trace.events[0].entries == ((1, 2), (2, 3))
    assert trace.events[0].anomalies == {"bare_lf"}


def test_a_dot_and_a_space_end_nothing() -> None:
    wire = b"+OK\r\n1 2\r\n. \r\n+OK\r\n"
    trace = assert_chunk_invariant(logged_in(), [sends(List(), Noop()), wire])
    assert trace.events == ()
    assert len(trace.machine.outstanding) == 2


# --- CAPA -----------------------------------------------------------------------------------------


@ids(
    ("text", "offered", "codes"),
    [
        (b"TOP\r\n\r\nUIDL\r\n", ["TOP", "UIDL"], {"blank_line"}),
        (b"top\r\n", ["TOP"], set()),
        (b"TOP \r\n", ["TOP"], set()),
        (b"X-\xe9\r\n", ["X-\udce9"], {"eight_bit"}),
        (b"TOP\nUIDL\r\n", ["TOP", "UIDL"], {"bare_lf"}),
        (b"SASL\r\n", ["SASL"], set()),
        (b"SASL PLAIN\r\nSASL LOGIN\r\n", ["SASL"], set()),
        (b"EXPIRE 0 USER\r\nUTF8 USER\r\n", ["EXPIRE", "UTF8"], set()),
        (b"", [], set()),
    ],
)
def test_capabilities(text: bytes, offered: list[str], codes: set[str]) -> None:
    wire = b"+OK\r\n" + text + b".\r\n"
    trace = assert_chunk_invariant(client(capa=None), [sends(Capa()), wire])
    event = trace.events[0]
    assert list(event.value) == offered
    assert event.reply.anomalies == codes


def test_a_server_without_capa() -> None:
    trace = assert_chunk_invariant(client(capa=None), [sends(Capa()), b"-ERR what?\r\n"])
    machine: Any = trace.machine
    assert machine.capabilities is None
    assert trace.events == (Replied(1, Capa(), Reply(False, "what?")),)


def test_two_lists_of_mechanisms() -> None:
    assert Capabilities.from_lines(["SASL A", "sasl b a"]).sasl == ("A", "B")


# --- Messages -------------------------------------------------------------------------------------


def test_sizes_that_lie() -> None:
    trace = assert_chunk_invariant(
        logged_in(), [sends(Retr(1)), b"+OK 9999 octets\r\nshort\r\n.\r\n"]
    )
    assert trace.events[0].size == 9999
    assert kind(trace, BodyEnd).size == 7


def test_anomalies_of_a_message_are_told() -> None:
    body = b"a\nb\rc\0\xff\r\n" + b"x" * 1000 + b"\r\n"
    trace = assert_chunk_invariant(logged_in(), [sends(Retr(1)), b"+OK\r\n" + body + b".\r\n"])
    assert kind(trace, BodyChunk).data == body
    expected = {"bare_lf", "bare_cr", "nul", "eight_bit", "long_line"}
    assert kind(trace, BodyEnd).anomalies == expected


def test_a_server_that_knows_no_crlf() -> None:
    make = logged_in(quirks=Quirks(bare_lf_texts=True))
    wire = b"+OK\nA: 1\n\n..x\n.\ry\n.\n+OK\n1 2\n2 3\n.\n"
    trace = assert_chunk_invariant(make, [sends(Retr(1), List()), wire])
    assert kind(trace, BodyChunk).data == b"A: 1\n\n.x\n\ry\n"
    assert "bare_lf" in kind(trace, BodyEnd).anomalies
    assert trace.events[-2].entries == ((1, 2), (2, 3))
    # Without the quirk the end has not come.
    trace = assert_chunk_invariant(logged_in(), [sends(Retr(1)), b"+OK\nA: 1\n\nx\n.\n"])
    assert "BodyEnd" not in names(trace)


# --- Commands -------------------------------------------------------------------------------------


@ids(
    ("wire", "status"),
    [
        (b"list\r\n", "+OK 3 messages (81 octets)"),
        (b"Stat\r\n", "+OK 3 81"),
        (b"STAT \r\n", "+OK 3 81"),
        (b"LIST  1\r\n", "+OK 1 44"),
        (b"LAST\r\n", "-ERR Unknown command"),
        (b"RPOP x\r\n", "-ERR Unknown command"),
        (b"XTND XLST\r\n", "-ERR Unknown command"),
        (b"AUTH\r\n", "-ERR Syntax: AUTH mechanism [initial-response]"),
        (b"AUTH PLAIN\r\n", "-ERR Only before the login"),
        (b"NOOP x\r\n", "-ERR NOOP takes no argument"),
        (b"\r\n", "-ERR Empty line"),
        (b"TOP 1\r\n", "-ERR Syntax: TOP message lines"),
    ],
)
def test_commands(wire: bytes, status: str) -> None:
    trace = assert_chunk_invariant(server(LOGIN), wire, make_play=serving())
    assert lines(trace)[0] == status


def test_lf_alone_ends_a_command_where_that_was_asked_for() -> None:
    make = server(LOGIN, quirks=Quirks(bare_lf_commands=True))
    trace = assert_chunk_invariant(make, b"NOOP\nLIST 1\nSTAT\r\n", make_play=serving())
    assert [event.anomalies for event in trace.events] == [{"bare_lf"}, {"bare_lf"}, set()]
    trace = assert_chunk_invariant(server(LOGIN), b"NOOP\nNOOP\r\n", make_play=serving())
    assert lines(trace) == ["-ERR The line has a control character"]


def test_spaces_in_names_and_passwords() -> None:
    """RFC 1939 section 7: PASS may "treat spaces ... as part of the password"."""
    wire = b"USER two words\r\nPASS  two  words \r\n"
    trace = assert_chunk_invariant(server(), wire, make_play=serving())
    assert trace.events[0].name == "two words"
    assert trace.events[1].password == " two  words "


def test_old_commands_can_be_sent() -> None:
    event = replied(UnknownCommand("LAST"), b"+OK 1\r\n")
    assert event.reply == Reply(True, "1")
