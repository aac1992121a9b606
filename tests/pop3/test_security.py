"""Attacks that have worked on mail software, octet by octet, and what happens to them here.

Every input is tried in one piece, octet by octet, and cut in two everywhere.
"""

from __future__ import annotations

from typing import Any

import pytest

from mailproto import (
    LimitExceeded,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
    TlsEstablished,
    Want,
)
from mailproto.pop3 import (
    Apop,
    Auth,
    AuthCancel,
    BadCommand,
    BodyChunk,
    BodyEnd,
    Capa,
    Challenge,
    Client,
    Dele,
    Goodbye,
    Lang,
    List,
    Noop,
    Pass,
    Quirks,
    Quit,
    Replied,
    Reply,
    Retr,
    Server,
    Stat,
    State,
    Stls,
    Top,
    Uidl,
    UnknownCommand,
    User,
    find_timestamp,
)
from mailproto.testing import assert_chunk_invariant, run
from tests.pop3.talk import (
    GREETING,
    LOGIN,
    client,
    kind,
    lines,
    logged_in,
    names,
    sends,
    server,
    serving,
    silent,
)

ids = pytest.mark.parametrize
_PLAY = serving()

# --- 1. The end of a text -------------------------------------------------------------------------

NOT_THE_END = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\n.\r",
    b"\r.\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n\0.\r\n",
]


@ids("ending", NOT_THE_END, ids=repr)
def test_only_crlf_dot_crlf_ends_a_message(ending: bytes) -> None:
    """RFC 1939 section 3: "terminated with the five octets CRLF.CRLF"."""
    forged = b"+OK FORGED\r\n"
    wire = b"+OK\r\nx" + ending + forged + b"\r\n.\r\n"
    trace = assert_chunk_invariant(logged_in(), [sends(Retr(1), Noop()), wire + b"+OK\r\n"])
    body = kind(trace, BodyChunk).data
    expected = b"x" + ending + forged + b"\r\n"
    assert body == expected.replace(b"\r\n.", b"\r\n")
    assert [event.reply.text for event in trace.events if isinstance(event, Replied)] == ["", ""]


@ids(
    ("wire", "body"),
    [
        (b"a\r\r\n.\r\n", b"a\r\r\n"),
        (b".\r\n", b""),
        (b"..\r\n.\r\n", b".\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a\n..\r\n.\r\n", b"a\n..\r\n"),
        (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n"),
        (b"a\r\n..\r\n.\r\n", b"a\r\n.\r\n"),
    ],
)
def test_edges_of_a_message(wire: bytes, body: bytes) -> None:
    trace = assert_chunk_invariant(logged_in(), [sends(Retr(1)), b"+OK\r\n" + wire])
    assert b"".join(event.data for event in trace.events if isinstance(event, BodyChunk)) == body
    assert type(trace.events[-1]) is Replied


@ids("ending", NOT_THE_END, ids=repr)
def test_the_same_for_listings(ending: bytes) -> None:
    wire = b"+OK\r\n1 a" + ending + b"+OK FORGED\r\n\r\n.\r\n+OK\r\n"
    trace = assert_chunk_invariant(logged_in(), [sends(Uidl(), Noop()), wire])
    assert [event.reply.text for event in trace.events if isinstance(event, Replied)] == ["", ""]


# --- 3. STLS injection ----------------------------------------------------------------------------


@ids("rest", [b"USER evil\r\n", b"U", b"\r", b"QUIT\r\n", b"\x16\x03\x01"])
def test_commands_behind_stls_are_not_carried_out(rest: bytes) -> None:
    make = server(tls=False, stls=True, plaintext_auth=True)
    trace = assert_chunk_invariant(make, b"STLS\r\n" + rest, make_play=_PLAY)
    assert trace.events == (Stls(),)
    assert lines(trace) == ["+OK Begin TLS negotiation"]
    assert isinstance(trace.error, RemoteProtocolError)
    assert not trace.machine.tls


@ids("rest", [b"+OK forged\r\n", b"+OK", b"-ERR\r\n", b"+", b"\r\n"])
def test_replies_behind_the_go_ahead_are_not_believed(rest: bytes) -> None:
    trace = assert_chunk_invariant(client(), [sends(Stls()), b"+OK\r\n" + rest])
    assert trace.events == ()
    assert isinstance(trace.error, RemoteProtocolError)
    assert not trace.machine.tls


def test_a_login_in_plaintext_does_not_survive() -> None:
    """Session fixation: what was said before TLS was perhaps somebody else's."""
    make = server(tls=False, stls=True, plaintext_auth=True)
    trace = run(make(), [b"USER evil\r\nSTLS\r\n", b"PASS secret\r\n"], _PLAY())
    assert TlsEstablished() in trace.events
    assert lines(trace)[-1] == "-ERR Say USER first"
    machine: Any = trace.machine
    assert machine.username is None


def test_no_stls_after_a_login() -> None:
    make = server(LOGIN, tls=False, stls=True, plaintext_auth=True)
    trace = assert_chunk_invariant(make, b"STLS\r\n", make_play=_PLAY)
    assert lines(trace) == ["-ERR Only before the login"]
    with pytest.raises(LocalProtocolError):
        logged_in()().send(Stls())


@ids("wire", [b"STLSfoo\r\n", b"STLS x\r\n", b"STLS\0\r\n"])
def test_stls_with_something_behind_it(wire: bytes) -> None:
    make = server(tls=False, stls=True)
    trace = assert_chunk_invariant(make, wire, make_play=_PLAY)
    assert names(trace) == ["BadCommand"]
    assert lines(trace)[0].startswith("-ERR ")


# --- 4. CRLF and NUL in what a client says --------------------------------------------------------


@ids("poison", ["\r\nDELE 1", "\nDELE 1", "\rDELE 1", "\0", "\x1b", "\x7f"])
@ids(
    "make",
    [
        User,
        Pass,
        lambda text: Apop(text, "c4c9334bac560ecc979e58001b3e22fb"),
        lambda text: Apop("bob", text),
        Lang,
        lambda text: UnknownCommand("XTND", text),
        UnknownCommand,
        Auth,
    ],
)
def test_no_value_smuggles_a_command(make: Any, poison: str) -> None:
    machine = client(tls=True, greeting=b"+OK <a@b>\r\n", capa=None)()
    for text in ("bob" + poison, poison):
        with pytest.raises(ValueError):
            machine.send(make(text))
    assert machine.data_to_send() == b""
    assert machine.outstanding == ()


@ids("number", [0, -1, 2**63, True, "1\r\nDELE 1", 1.5])
@ids("kind", [List, Retr, Dele, Uidl, lambda number: Top(number, 0), lambda number: Top(1, number)])
def test_no_number_smuggles_a_command(kind: Any, number: Any) -> None:
    machine = logged_in()()
    if kind(number) == Top(1, 0):
        return
    with pytest.raises(ValueError):
        machine.send(kind(number))
    assert machine.data_to_send() == b""


# --- 5. What a server says of what it heard -------------------------------------------------------


@ids(
    "wire",
    [
        b"HELLOworld\r\n",
        b"USER evil\x1b[2J\r\n",
        b"USER evil\rbad\r\n",
        b"RETR evil\r\n",
        b"evil evil\r\n",
        b"LANG evil-evilevilevil\r\n",
        b"AUTH EVIL\r\n",
        b"PASS evil\r\n",
    ],
)
def test_nothing_is_copied_into_a_reply(wire: bytes) -> None:
    make = server(LOGIN)
    for maker in (make, server()):
        trace = assert_chunk_invariant(maker, wire, make_play=_PLAY)
        assert b"evil" not in trace.output.lower()
        assert b"world" not in trace.output


def test_no_reply_of_the_application_is_two() -> None:
    machine: Any = server()()
    machine.receive_data(LOGIN)
    while machine.awaiting is None:
        machine.next_event()
    with pytest.raises(ValueError):
        machine.reject(Reply(False, "no\r\n+OK"))
    with pytest.raises(ValueError):
        machine.accept(maildrop=[(1, "a\r\n.\r\n+OK")])
    assert machine.data_to_send() == b"+OK\r\n"


# --- 6. Replies out of step -----------------------------------------------------------------------


def test_an_injected_reply_answers_nothing() -> None:
    machine: Any = logged_in()()
    machine.send(Stat())
    trace = run(machine, b"+OK 1 5\r\n+OK injected\r\n")
    assert isinstance(trace.error, RemoteProtocolError)
    with pytest.raises(LocalProtocolError):
        machine.send(Dele(1))


def test_a_reply_that_came_before_its_command_is_marked() -> None:
    machine: Any = logged_in()()
    machine.send(Dele(1))
    machine.receive_data(b"+OK\r\n")
    event = machine.next_event()
    assert event.reply.anomalies == {"early_talk"}


def test_an_unsolicited_refusal_is_a_farewell() -> None:
    """It must not become the answer to the next command either."""
    trace = assert_chunk_invariant(logged_in(), b"-ERR bye\r\n+OK\r\n")
    assert trace.events == (Goodbye(Reply(False, "bye")),)
    assert trace.end is Want.CLOSE


@ids("wire", [b"250 ok\r\n", b"* OK\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\x15\x03\x01\r\n"])
def test_what_is_no_pop3_server(wire: bytes) -> None:
    trace = assert_chunk_invariant(Client, wire)
    assert isinstance(trace.error, RemoteProtocolError)


# --- 7. Who is no POP3 client ---------------------------------------------------------------------


@ids("verb", [b"GET", b"POST", b"CONNECT", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"PATCH"])
def test_a_browser_is_sent_away_at_its_first_line(verb: bytes) -> None:
    wire = verb + b" / HTTP/1.1\r\nHost: x\r\n\r\nUSER bob\r\n"
    trace = assert_chunk_invariant(server(), wire, make_play=_PLAY)
    assert trace.events == ()
    assert lines(trace) == ["-ERR This is not a web server"]
    assert isinstance(trace.error, RemoteProtocolError)


@ids("wire", [b"\x16\x03\x01\x02\x00\x01\x00", b"\x16\x03\r\n", b"\x16\x03\x03" + b"x" * 20_000])
def test_tls_where_none_was_agreed(wire: bytes) -> None:
    trace = assert_chunk_invariant(server(), wire, make_play=_PLAY)
    assert trace.output == b""
    assert isinstance(trace.error, RemoteProtocolError)


# --- 9. Numbers -----------------------------------------------------------------------------------


@ids("digits", ["9" * 5000, "٣", "1_0", "+5", "-5", "0x5", "1e3", "5.0", "²"])
def test_numbers_that_python_would_read(digits: str) -> None:
    for verb in ("RETR {}", "LIST {}", "UIDL {}", "DELE {}", "TOP {} 1", "TOP 1 {}"):
        trace = run(server(LOGIN)(), f"{verb.format(digits)}\r\n".encode(), _PLAY())
        assert names(trace) == ["BadCommand"]
        assert lines(trace)[0].startswith("-ERR ")


@ids("digits", ["9" * 5000, "٣", "1_0", "+5", "-5", "0x5", ""])
def test_numbers_that_a_server_makes_up(digits: str) -> None:
    make = logged_in()
    for item, answer in ((Stat(), "+OK {} {}"), (List(1), "+OK 1 {}"), (Uidl(1), "+OK {} a")):
        wire = answer.format(digits, digits).encode() + b"\r\n"
        trace = run(make(), [sends(item), wire])
        value = trace.events[0].value
        assert value is None or digits == ""
    wire = b"+OK\r\n" + f"1 {digits}\r\n{digits} 5\r\n".encode() + b".\r\n"
    trace = run(make(), [sends(List()), wire])
    assert trace.error is None
    assert len(trace.events[0].entries) == 2
    assert all(type(entry).__name__ == "Unparsed" for entry in trace.events[0].entries)


# --- 10. Limits -----------------------------------------------------------------------------------


def test_a_command_line_without_end() -> None:
    make = server(limits=Limits(drain=1_000_000))
    trace = run(make(), [b"x" * 100_000, b"y" * 100_000 + b"\r\nCAPA\r\n"], _PLAY())
    assert names(trace) == ["BadCommand", "Capa"]
    assert len(trace.events[0].raw) == make().limits.line
    trace = run(make(), [b"x" * 2_000_000], _PLAY())
    assert isinstance(trace.error, LimitExceeded)
    assert lines(trace) == ["-ERR Too much to swallow"]


def test_a_long_auth_line_is_taken() -> None:
    """RFC 4954 section 4 has 12,288 octets; tokens are long in POP3 as well."""
    make = server(auth=("XOAUTH2",))
    wire = b"AUTH XOAUTH2 " + b"YWFh" * 3_000 + b"\r\n"
    trace = run(make(), wire, _PLAY())
    assert trace.events == (Auth("XOAUTH2", b"aaa" * 3_000),)


@ids(
    ("item", "wire"),
    [
        (Stat(), b"+OK " + b"x" * 40_000),
        (Capa(), b"+OK\r\n" + b"x" * 40_000),
        (Capa(), b"+OK\r\n" + b"X a\r\n" * 10_000),
        (Lang(), b"+OK\r\n" + b"en x\r\n" * 10_000),
        (List(), b"+OK\r\n" + b"1" * 40_000),
        (Uidl(), b"+OK\r\n1 " + b"x" * 40_000),
        (Noop(), b"\r\n" * 100),
    ],
    ids=repr,
)
def test_answers_without_end(item: Any, wire: bytes) -> None:
    make = logged_in(capa=None)
    trace = run(make(), [sends(item), wire], cuts=lambda _: 4_096)
    assert isinstance(trace.error, LimitExceeded)


def test_messages_have_no_limit() -> None:
    trace = run(logged_in()(), [sends(Retr(1)), b"+OK\r\n", *[b"x" * 65_536] * 20, b"\r\n.\r\n"])
    assert kind(trace, BodyEnd).size == 20 * 65_536 + 2


# --- 11. Authentication ---------------------------------------------------------------------------


def test_a_server_that_wants_the_password_in_the_clear() -> None:
    """Downgrade: only LOGIN and PLAIN are left of what the server offers."""
    machine = client(capa=b"+OK\r\nSASL LOGIN PLAIN XOAUTH2\r\nUSER\r\n.\r\n")()
    for item in (Auth("LOGIN"), Auth("PLAIN", b"x"), Auth("XOAUTH2", b"x"), User("bob")):
        with pytest.raises(LocalProtocolError, match="without TLS"):
            machine.send(item)
    assert machine.data_to_send() == b""


@ids("mechanism", ["PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"])
def test_a_server_does_not_offer_to_read_it(mechanism: str) -> None:
    make = server(tls=False, auth=(mechanism, "SCRAM-SHA-256"))
    trace = run(make(), b"CAPA\r\n", _PLAY())
    assert "SASL SCRAM-SHA-256" in lines(trace)
    trace = run(make(), f"AUTH {mechanism}\r\n".encode(), _PLAY())
    assert names(trace) == ["BadCommand"]


def test_cancel_and_empty_initial_response() -> None:
    make = server(auth=("EXTERNAL",))
    trace = assert_chunk_invariant(make, b"AUTH EXTERNAL =\r\n", make_play=_PLAY)
    assert trace.events == (Auth("EXTERNAL", b""),)
    trace = assert_chunk_invariant(
        make, b"AUTH EXTERNAL\r\n*\r\n", make_play=serving(say=[Challenge(b"")])
    )
    assert trace.events == (Auth("EXTERNAL"), AuthCancel())
    assert lines(trace)[1].startswith("-ERR ")


def test_a_second_login() -> None:
    make = server(LOGIN, auth=("PLAIN",), greeting=Reply(True, "<a@b>"))
    for wire in (
        b"AUTH PLAIN\r\n",
        b"USER eve\r\n",
        b"PASS x\r\n",
        b"APOP eve c4c9334bac560ecc979e58001b3e22fb\r\n",
    ):
        trace = assert_chunk_invariant(make, wire, make_play=_PLAY)
        assert names(trace) == ["BadCommand"]
        assert trace.machine.state is State.TRANSACTION


def test_a_greeting_that_costs_time() -> None:
    """CVE-2018-1060: the search for a timestamp was quadratic."""
    for text in ("<" * 100_000, "<a@" * 30_000, "<" + "a." * 50_000, "<a@[" * 25_000):
        assert find_timestamp(Reply(True, text)) is None
    trace = run(Client(limits=Limits(reply=None)), b"+OK" + b"<" * 100_000 + b"\r\n")
    machine: Any = trace.machine
    assert machine.timestamp is None


@ids("stamp", [b"<\xff\xfe@x>", b"<a\x01b@x>", b"<a b@x>", b"<a@b\xe9>"])
def test_a_timestamp_that_was_made_to_collide(stamp: bytes) -> None:
    """CVE-2007-1558: octets chosen by the server find out the password."""
    trace = assert_chunk_invariant(Client, b"+OK " + stamp + b"\r\n")
    machine: Any = trace.machine
    assert machine.timestamp is None


def test_apop_is_never_said_by_itself() -> None:
    trace = run(client(greeting=b"+OK <a@b>\r\n", capa=None)(), [])
    assert trace.output == b""


def test_a_flood_of_challenges() -> None:
    trace = run(client()(), [sends(Auth("SCRAM-SHA-256")), *[b"+ \r\n"] * 40], silent)
    assert isinstance(trace.error, LimitExceeded)


# --- 12. Response smuggling -----------------------------------------------------------------------

STORED = b"Subject: x\n\nhello\n.\n+OK FORGED\n.\r\n+OK FORGED\r\n\n.\r\nend\n"


def test_a_stored_message_cannot_end_its_own_retrieval() -> None:
    """What a strict client, and one that ends lines at LF, would read as the end."""
    trace = run(server(LOGIN)(), b"RETR 1\r\n", serving([STORED])())
    head, _, text = trace.output.partition(b"\r\n")
    assert head.startswith(b"+OK ")
    assert text.endswith(b"\r\n.\r\n")
    assert text.count(b"\n") == text.count(b"\r\n")
    ends = [line for line in text.replace(b"\r\n", b"\n").split(b"\n") if line == b"."]
    assert len(ends) == 1


@ids("size", [1, 2, 3, 5])
def test_nor_in_pieces(size: int) -> None:
    whole = run(server(LOGIN)(), b"RETR 1\r\nTOP 1 99\r\n", serving([STORED])())
    cut = run(server(LOGIN)(), b"RETR 1\r\nTOP 1 99\r\n", serving([STORED], size=size)())
    assert cut.output == whole.output


def test_a_lenient_client_has_been_told_so() -> None:
    wire = b"+OK\r\nx\n.\n+OK FORGED\n"
    trace = run(logged_in(quirks=Quirks(bare_lf_texts=True))(), [sends(Retr(1), Noop()), wire])
    assert [event.reply.text for event in trace.events if isinstance(event, Replied)] == [
        "",
        "FORGED",
    ]


# --- 13. NUL and 8-bit ----------------------------------------------------------------------------


@ids("line", [b"USER a\0b\r\n", b"USER f\xc3>\r\n", b"USER \xff\r\n", b"PASS \xc3\r\n", b"\0\r\n"])
def test_nul_and_broken_utf8_are_refused(line: bytes) -> None:
    trace = assert_chunk_invariant(server(b"USER a\r\n"), line, make_play=_PLAY)
    assert names(trace) == ["BadCommand"]
    assert lines(trace)[0].startswith("-ERR ")


# --- Secrets --------------------------------------------------------------------------------------


def test_secrets_are_shown_nowhere() -> None:
    make = server(auth=("PLAIN",))
    wire = b"USER bob\r\nPASS hunter2\r\nAUTH PLAIN aHVudGVyMg==\r\nPASS hunter2\r\n"
    trace = run(make(), wire, serving(say=[False, False])())
    shown = repr(trace.events)
    assert "hunter2" not in shown
    assert "aHVudGVyMg" not in shown
    machine = client(greeting=GREETING, capa=None)()
    for item in (Pass("hunter2\r\n"), Pass("hunter2")):
        with pytest.raises((ValueError, LocalProtocolError)) as caught:
            machine.send(item)
        assert "hunter2" not in str(caught.value)


def test_a_bad_line_is_told_without_being_shown() -> None:
    trace = run(Server(), b"PASS hunter2\r\n", _PLAY())
    assert kind(trace, BadCommand).raw == b"PASS hunter2\r\n"


def test_nothing_is_carried_out_behind_quit() -> None:
    trace = assert_chunk_invariant(server(LOGIN), b"QUIT\r\nDELE 1\r\n", make_play=_PLAY)
    assert names(trace) == ["Quit", "Commit"]
    trace = assert_chunk_invariant(logged_in(), [sends(Quit()), b"+OK\r\n-ERR\r\n"])
    assert len(trace.events) == 1
