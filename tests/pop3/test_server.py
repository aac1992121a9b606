"""The server machine: what it answers, what it asks, and what it says."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from mailproto import BodyWanted, Limits, LocalProtocolError, Timeout, TlsEstablished, Want
from mailproto.pop3 import (
    Apop,
    Auth,
    AuthCancel,
    AuthResponse,
    BadCommand,
    BareNewlines,
    Capa,
    Challenge,
    Commit,
    Lang,
    Noop,
    Pass,
    Quirks,
    Quit,
    Reply,
    Retr,
    Server,
    ServerConfig,
    State,
    Stls,
    Top,
    UnknownCommand,
    User,
    Utf8,
)
from mailproto.testing import EOF, TIMEOUT, assert_chunk_invariant, run
from tests.pop3.talk import LOGIN, MAILDROP, kind, lines, names, prepared, server, serving

ids = pytest.mark.parametrize
_PLAY = serving()


def told(make: Any, wire: bytes, **how: Any) -> list[str]:
    """The server's lines, the same however the input is cut."""
    return lines(assert_chunk_invariant(make, wire, make_play=serving(**how)))


# --- Greeting and CAPA ----------------------------------------------------------------------------


def test_the_greeting() -> None:
    trace = run(Server(ServerConfig(hostname="pop.example")), b"")
    assert trace.output == b"+OK pop.example ready\r\n"
    trace = run(Server(greeting=Reply(True, "Hello")), b"")
    assert trace.output == b"+OK Hello\r\n"


def test_a_greeting_that_sends_the_client_away() -> None:
    trace = run(Server(greeting=Reply(False, "[SYS/TEMP] Too many connections")), b"")
    assert trace.output == b"-ERR [SYS/TEMP] Too many connections\r\n"
    assert trace.end is Want.CLOSE


def test_what_is_offered_before_the_login() -> None:
    """RFC 2449 section 6: announced in both states; RFC 2595 section 8: STLS before only."""
    config: dict[str, Any] = {
        "capabilities": ("TOP", "UIDL", "USER", "LOGIN-DELAY 900 USER", "EXPIRE 5 USER"),
        "auth": ("SCRAM-SHA-256", "PLAIN"),
        "stls": True,
        "languages": (("en", "English"),),
    }
    assert told(server(tls=False, **config), b"CAPA\r\n") == [
        "+OK Capability list follows",
        "TOP",
        "UIDL",
        "LOGIN-DELAY 900 USER",
        "EXPIRE 5 USER",
        "SASL SCRAM-SHA-256",
        "STLS",
        "LANG",
        ".",
    ]
    assert told(server(tls=False, plaintext_auth=True, **config), b"CAPA\r\n")[3:] == [
        "USER",
        "LOGIN-DELAY 900 USER",
        "EXPIRE 5 USER",
        "SASL SCRAM-SHA-256 PLAIN",
        "STLS",
        "LANG",
        ".",
    ]
    assert told(server(LOGIN, **config), b"CAPA\r\n")[3:] == [
        "USER",
        "LOGIN-DELAY 900",
        "EXPIRE 5",
        "SASL SCRAM-SHA-256 PLAIN",
        "LANG",
        ".",
    ]


def test_what_is_another_for_this_user() -> None:
    """RFC 2449 section 6.7: "the more accurate value in TRANSACTION state"."""

    def play(machine: Any, event: object) -> None:
        if isinstance(machine.awaiting, Pass):
            machine.accept(maildrop=[], capabilities=["EXPIRE 30", "X-OWN yes"])

    make = server(capabilities=("USER", "EXPIRE 5 USER"))
    trace = assert_chunk_invariant(make, LOGIN + b"CAPA\r\n", play)
    assert lines(trace)[-5:] == [
        "+OK Capability list follows",
        "USER",
        "EXPIRE 30",
        "X-OWN yes",
        ".",
    ]


@ids(
    "config",
    [
        {"capabilities": ("TOP\r\nX",)},
        {"capabilities": ("",)},
        {"capabilities": (" TOP",)},
        {"capabilities": ("TÖP",)},
        {"capabilities": ("SASL PLAIN",)},
        {"capabilities": ("stls",)},
        {"capabilities": ("X" * 600,)},
        {"hostname": "a b"},
        {"hostname": ""},
        {"hostname": "a\r\nb"},
        {"auth": ("A B",)},
        {"auth": ("",)},
        {"languages": (("e n", "x"),)},
        {"languages": (("*", "x"),)},
        {"languages": (("en", "a\nb"),)},
        {"verbs": ("STAT",)},
        {"verbs": ("x y",)},
    ],
    ids=repr,
)
def test_configurations_that_cannot_be(config: Any) -> None:
    with pytest.raises(ValueError):
        ServerConfig(**config)


@ids("unique", ["", "a b", "a>b", "a@b", ".a", "a\r\n", "é"])
def test_greetings_that_are_no_timestamps(unique: str) -> None:
    with pytest.raises(ValueError):
        ServerConfig().greeting(unique)


# --- Logins ---------------------------------------------------------------------------------------


def test_user_and_pass() -> None:
    make = server()
    trace = assert_chunk_invariant(make, LOGIN, make_play=_PLAY)
    assert trace.events == (User("bob"), Pass("secret"))
    assert lines(trace) == ["+OK", "+OK 3 messages (81 octets)"]
    assert trace.machine.state is State.TRANSACTION
    machine: Any = trace.machine
    assert machine.username == "bob"
    assert machine.totals == (3, 81)


def test_any_name_is_a_good_name() -> None:
    """RFC 1939 section 13: -ERR would tell "which names are valid"."""
    assert told(server(), b"USER nobody\r\nUSER root\r\n") == ["+OK", "+OK"]


def test_a_refused_login() -> None:
    trace = assert_chunk_invariant(server(), LOGIN, make_play=serving(say=[False]))
    assert lines(trace)[1] == "-ERR [AUTH] Authentication failed"
    machine: Any = trace.machine
    assert machine.username is None


def test_response_codes_only_where_they_are_announced() -> None:
    """RFC 2449 section 6.4, RFC 3206."""
    make = server(capabilities=("USER",))
    assert told(make, LOGIN, say=[False])[1] == "-ERR Authentication failed"


def test_a_login_that_is_refused_for_a_reason() -> None:
    """RFC 2449 section 8.1.2."""
    no = Reply(False, "[IN-USE] Somebody else is reading")
    assert told(server(), LOGIN, say=[no])[1] == "-ERR [IN-USE] Somebody else is reading"


def test_too_many_refused_logins_close_the_connection() -> None:
    make = server(limits=Limits(logins=3))
    trace = assert_chunk_invariant(make, LOGIN * 5, make_play=serving(say=[False] * 5))
    assert lines(trace).count("-ERR [AUTH] Authentication failed") == 3
    assert trace.end is Want.CLOSE
    trace = run(server(limits=Limits(logins=None))(), LOGIN * 50, serving(say=[False] * 50)())
    assert trace.end is Want.DATA


def test_apop_with_a_timestamp_only() -> None:
    """RFC 1939 section 7: the example."""
    wire = b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n"
    assert told(server(), wire) == ["-ERR APOP is not offered"]
    timestamp = "<1896.697170952@dbc.mtview.ca.us>"
    make = server(greeting=Reply(True, f"POP3 server ready {timestamp}"), tls=False)
    assert make().timestamp == timestamp
    heard: list[Any] = []

    def play(machine: Any, event: object) -> None:
        awaiting = machine.awaiting
        if isinstance(awaiting, Apop):
            heard.append((machine.username, awaiting.proves(machine.timestamp, "tanstaaf")))
            machine.accept(maildrop=MAILDROP)

    trace = assert_chunk_invariant(make, wire, play)
    assert trace.machine.state is State.TRANSACTION
    assert set(heard) == {("mrose", True)}


def test_auth_with_and_without_initial_response() -> None:
    """RFC 5034 section 4."""
    make = server(auth=("PLAIN",))
    trace = assert_chunk_invariant(make, b"AUTH PLAIN AGEAYg==\r\n", make_play=_PLAY)
    assert trace.events == (Auth("PLAIN", b"\0a\0b"),)
    trace = assert_chunk_invariant(
        make, b"AUTH PLAIN\r\nAGEAYg==\r\n", make_play=serving(say=[Challenge(b"")])
    )
    assert trace.events == (Auth("PLAIN"), AuthResponse(b"\0a\0b"))
    assert lines(trace) == ["+ ", "+OK 3 messages (81 octets)"]
    trace = assert_chunk_invariant(make, b"AUTH PLAIN =\r\n", make_play=_PLAY)
    assert trace.events == (Auth("PLAIN", b""),)


@ids(
    ("answer", "event"),
    [(b"*\r\n", AuthCancel), (b"?\r\n", BadCommand), (b"x" * 13_000 + b"\r\n", BadCommand)],
)
def test_an_exchange_that_comes_to_nothing(answer: bytes, event: type) -> None:
    make = server(auth=("LOGIN",))
    trace = assert_chunk_invariant(
        make, b"AUTH LOGIN\r\n" + answer + b"CAPA\r\n", make_play=serving(say=[Challenge(b"?")])
    )
    assert [type(one) for one in trace.events] == [Auth, event, Capa]
    assert lines(trace)[1].startswith("-ERR ")


def test_the_name_of_user_is_forgotten_by_auth() -> None:
    make = server(auth=("LOGIN",))
    wire = b"USER bob\r\nAUTH LOGIN\r\n*\r\nPASS secret\r\n"
    assert told(make, wire, say=[Challenge(b"?")])[3] == "-ERR Say USER first"


@ids(
    ("tls", "wire", "line"),
    [
        (False, b"AUTH PLAIN\r\n", "-ERR [AUTH] Plaintext authentication needs TLS"),
        (False, b"USER bob\r\n", "-ERR [AUTH] Plaintext authentication needs TLS"),
        (False, b"AUTH NOVEL\r\n", "-ERR No such mechanism"),
        (True, b"AUTH NOVEL\r\n", "-ERR No such mechanism"),
        (True, b"STLS\r\n", "-ERR TLS is there already"),
    ],
)
def test_what_depends_on_tls(tls: bool, wire: bytes, line: str) -> None:
    assert told(server(tls=tls, auth=("PLAIN",), stls=True), wire) == [line]


def test_a_login_is_accepted_with_its_maildrop() -> None:
    machine: Any = server()()
    machine.receive_data(LOGIN)
    while machine.awaiting is None:
        machine.next_event()
    before = pickle.dumps(machine)
    for refused in (machine.accept, lambda: machine.send(Reply(True))):
        with pytest.raises(LocalProtocolError, match="maildrop="):
            refused()
    for bad in (
        [(1, "a"), (-1, "b")],
        [(1.5, "a")],
        [(True, "a")],
        [(2**63, "a")],
        [(1, "")],
        [(1, "a b")],
        [(1, "x" * 71)],
        [(1, "é")],
        [(1, "a\r\n")],
        [(1,)],
    ):
        with pytest.raises(ValueError):
            machine.accept(maildrop=bad)
    for worse in ([5], [(1, None)], 5):
        with pytest.raises(TypeError):
            machine.accept(maildrop=worse)
    with pytest.raises(ValueError):
        machine.accept(Reply(False, "no"), maildrop=[])
    with pytest.raises(ValueError):
        machine.accept(maildrop=[], capabilities=["A\r\nB"])
    assert pickle.dumps(machine) == before
    machine.accept(Reply(True, "Welcome"), maildrop=iter([(1, "a")]))
    assert machine.state is State.TRANSACTION
    with pytest.raises(LocalProtocolError):
        machine.accept(maildrop=[])


def test_two_messages_may_have_one_unique_id() -> None:
    """RFC 1939 section 7: it may be "a hash of the message"."""
    make = server(LOGIN, play=serving(maildrop=[(1, "same"), (1, "same")])())
    assert told(make, b"UIDL\r\n")[1:] == ["1 same", "2 same", "."]


# --- The maildrop ---------------------------------------------------------------------------------


def test_the_session_of_rfc_1939() -> None:
    """RFC 1939 section 10."""
    make = server(LOGIN, play=serving(maildrop=[(120, "a"), (200, "b")])())
    trace = assert_chunk_invariant(
        make,
        b"STAT\r\nLIST\r\nRETR 1\r\nDELE 1\r\nRETR 2\r\nDELE 2\r\nQUIT\r\n",
        make_play=serving([b"one\r\n", b"two\r\n"]),
    )
    assert lines(trace) == [
        "+OK 2 320",
        "+OK 2 messages (320 octets)",
        "1 120",
        "2 200",
        ".",
        "+OK 120 octets",
        "one",
        ".",
        "+OK Marked as deleted",
        "+OK 200 octets",
        "two",
        ".",
        "+OK Marked as deleted",
        "+OK pop.example signing off",
    ]
    assert trace.events[-1] == Commit((1, 2), ("a", "b"))
    assert trace.end is Want.CLOSE


def test_an_empty_maildrop() -> None:
    """RFC 1939 section 5: "a line containing a termination octet"."""
    make = server(LOGIN, play=serving([])())
    assert told(make, b"STAT\r\nLIST\r\nUIDL\r\nLIST 1\r\n") == [
        "+OK 0 0",
        "+OK 0 messages (0 octets)",
        ".",
        "+OK 0 messages (0 octets)",
        ".",
        "-ERR No such message",
    ]


def test_deleted_messages_are_not_there() -> None:
    """RFC 1939 section 5: "Any future reference ... generates an error"."""
    wire = b"DELE 2\r\nSTAT\r\nLIST\r\nUIDL\r\nLIST 2\r\nUIDL 2\r\nRETR 2\r\nTOP 2 0\r\nDELE 2\r\n"
    said = told(server(LOGIN), wire)
    assert said[:9] == [
        "+OK Marked as deleted",
        "+OK 2 65",
        "+OK 2 messages (65 octets)",
        "1 44",
        "3 21",
        ".",
        "+OK 2 messages (65 octets)",
        "1 uid-1",
        "3 uid-3",
    ]
    assert said[10:] == ["-ERR No such message"] * 5


def test_rset_brings_them_back() -> None:
    wire = b"DELE 1\r\nDELE 2\r\nRSET\r\nSTAT\r\nLIST 1\r\n"
    assert told(server(LOGIN), wire)[2:] == ["+OK", "+OK 3 81", "+OK 1 44"]


@ids("number", [b"0", b"4", b"9223372036854775807"])
@ids("verb", [b"LIST %b", b"UIDL %b", b"RETR %b", b"DELE %b", b"TOP %b 0"])
def test_numbers_that_no_message_has(verb: bytes, number: bytes) -> None:
    assert told(server(LOGIN), verb % number + b"\r\n") == ["-ERR No such message"]


def test_one_at_a_time() -> None:
    wire = b"LIST 3\r\nUIDL 3\r\nNOOP\r\n"
    assert told(server(LOGIN), wire) == ["+OK 3 21", "+OK 3 uid-3", "+OK"]


@ids("wire", [b"UIDL\r\n", b"UIDL 1\r\n", b"TOP 1 0\r\n", b"LANG\r\n", b"LANG en\r\n"])
def test_what_is_not_offered(wire: bytes) -> None:
    verb = wire.split()[0].decode()
    make = server(LOGIN, capabilities=("USER",))
    assert told(make, wire) == [f"-ERR {verb} is not offered"]


def test_what_is_not_offered_before_the_login() -> None:
    make = server(tls=False, capabilities=())
    assert told(make, b"UTF8\r\nSTLS\r\nUSER x\r\n") == [
        "-ERR UTF8 is not offered",
        "-ERR STLS is not offered",
        "-ERR USER is not offered",
    ]


def test_a_long_listing_comes_in_parts() -> None:
    """At the limit comes `Want.SEND`, and nothing of the next part is made before."""
    count = 100_000
    maildrop = [(at, f"{at:070d}") for at in range(count)]
    machine: Any = server(LOGIN, play=serving(maildrop=maildrop)())()
    machine.receive_data(b"UIDL\r\nLIST\r\nNOOP\r\n")
    said: list[bytes] = []
    while (want := machine.next_event()) is not Want.DATA:
        if want is Want.SEND:
            assert machine._out.size <= machine.limits.output + 100
            said.append(machine.data_to_send())
    output = b"".join(said)
    assert output.count(b"\r\n") == 2 * (count + 2) + 1
    assert f"\r\n{count} {count - 1:070d}\r\n.\r\n".encode() in output
    assert output.endswith(b"\r\n%d %d\r\n.\r\n+OK\r\n" % (count, count - 1))


def test_a_listing_of_what_is_left_after_everything_was_deleted() -> None:
    make = server(LOGIN + b"DELE 1\r\nDELE 2\r\nDELE 3\r\n", limits=Limits(output=1))
    assert told(make, b"LIST\r\nSTAT\r\n") == ["+OK 0 messages (0 octets)", ".", "+OK 0 0"]


# --- RETR and TOP ---------------------------------------------------------------------------------

MESSAGE = b"A: 1\r\nB: 2\r\n\r\none\r\n.two\r\n\r\nfour\r\n"


@ids("size", [1, 2, 3, 7, 1000])
@ids(
    ("count", "expected"),
    [
        (0, b"A: 1\r\nB: 2\r\n\r\n"),
        (1, b"A: 1\r\nB: 2\r\n\r\none\r\n"),
        (2, b"A: 1\r\nB: 2\r\n\r\none\r\n..two\r\n"),
        (3, b"A: 1\r\nB: 2\r\n\r\none\r\n..two\r\n\r\n"),
        (4, b"A: 1\r\nB: 2\r\n\r\none\r\n..two\r\n\r\nfour\r\n"),
        (99, b"A: 1\r\nB: 2\r\n\r\none\r\n..two\r\n\r\nfour\r\n"),
    ],
)
def test_top_cuts_at_the_right_line(count: int, expected: bytes, size: int) -> None:
    """RFC 1939 section 7: header, blank line, n lines; "the entire message" if there are fewer."""
    for message in (MESSAGE, MESSAGE.replace(b"\r\n", b"\n")):
        make = server(LOGIN, play=serving([message])())
        trace = run(make(), b"TOP 1 %d\r\n" % count, serving([message], size=size)())
        assert trace.output == b"+OK Top of message follows\r\n" + expected + b".\r\n"


@ids(
    ("message", "expected"),
    [
        (b"", b""),
        (b"\r\nbody\r\n", b"\r\n"),
        (b"\nbody\n", b"\r\n"),
        (b"A: 1\r\n", b"A: 1\r\n"),
        (b"A: 1", b"A: 1\r\n"),
        (b".A: 1\r\n\r\nx", b"..A: 1\r\n\r\n"),
        (b"A: 1\r\n \r\nB: 2\r\n\r\nbody", b"A: 1\r\n \r\nB: 2\r\n\r\n"),
        (b"A: 1\r\r\n\r\nbody", b"A: 1\r\n\r\n"),
    ],
)
@ids("size", [1, 1000])
def test_the_top_of_odd_messages(message: bytes, expected: bytes, size: int) -> None:
    make = server(LOGIN, play=serving([message])())
    trace = run(make(), b"TOP 1 0\r\n", serving([message], size=size)())
    assert trace.output == b"+OK Top of message follows\r\n" + expected + b".\r\n"


def test_the_application_can_see_when_it_is_enough() -> None:
    make = server(LOGIN)
    given: list[bytes] = []

    def play(machine: Any, event: object) -> None:
        if isinstance(machine.awaiting, Top):
            assert not machine.enough
            machine.accept()
        elif event is Want.ANSWER:
            machine.send_body(b"A: 1\r\n\r\n1\r\n2\r\n3\r\n")
            given.append(machine.data_to_send())
            assert machine.enough
            machine.send_body(b"dropped")
            assert machine.data_to_send() == b""
            machine.end_body()

    trace = run(make(), b"TOP 1 1\r\n", play)
    assert given == [b"A: 1\r\n\r\n1\r\n"]
    assert trace.output.endswith(b".\r\n")
    machine: Any = trace.machine
    assert not machine.enough


def test_a_message_is_asked_for_piece_by_piece() -> None:
    make = server(LOGIN)
    machine: Any = make()
    machine.receive_data(b"RETR 1\r\nNOOP\r\n")
    assert machine.next_event() == Retr(1)
    assert machine.awaiting == Retr(1)
    with pytest.raises(LocalProtocolError, match="no body"):
        machine.send_body(b"x")
    with pytest.raises(LocalProtocolError, match="no body"):
        machine.end_body()
    machine.accept()
    assert machine.awaiting == BodyWanted(None, Retr(1))
    for refused in (machine.accept, machine.reject, lambda: machine.send(Reply(True))):
        with pytest.raises(LocalProtocolError, match="send_body"):
            refused()
    assert machine.next_event() is Want.SEND
    assert machine.data_to_send() == b"+OK 44 octets\r\n"
    for piece in (b"one\r", b"\n.", b"", b"two"):
        assert machine.next_event() is Want.ANSWER
        machine.send_body(bytearray(piece))
        if machine.next_event() is Want.SEND:
            machine.data_to_send()
    with pytest.raises(TypeError):
        machine.send_body("text")
    machine.end_body()
    assert machine.awaiting is None
    assert machine.next_event() == Noop()
    assert machine.data_to_send() == b"\r\n.\r\n+OK\r\n"


def test_output_that_waits_is_to_be_flushed_first() -> None:
    machine: Any = server(LOGIN, limits=Limits(output=100))()
    machine.receive_data(b"RETR 1\r\n")
    machine.next_event()
    machine.accept()
    machine.send_body(b"x" * 200)
    for refused in (lambda: machine.send_body(b"x"), machine.end_body):
        with pytest.raises(LocalProtocolError, match="limits"):
            refused()
    machine.data_to_send()
    machine.end_body()


def test_a_message_that_cannot_be_read() -> None:
    assert (
        told(server(LOGIN), b"RETR 1\r\nTOP 1 0\r\n", say=[False, False])
        == ["-ERR [SYS/TEMP] The message cannot be read now"] * 2
    )


def test_a_message_that_breaks_off_is_not_completed() -> None:
    """The client must not take the half of it for the whole."""
    make = server(LOGIN)

    def play(machine: Any, event: object) -> None:
        if isinstance(machine.awaiting, Retr):
            machine.accept()
        elif event is Want.ANSWER:
            machine.send_body(b"half a line")
            machine.abort(Reply(False, "[SYS/TEMP] gone"))

    trace = run(make(), b"RETR 1\r\nQUIT\r\n", play)
    assert trace.output == b"+OK 44 octets\r\nhalf a line"
    assert trace.end is Want.CLOSE
    assert names(trace) == ["Retr"]


@ids("policy", BareNewlines)
def test_bare_newlines_in_a_stored_message(policy: BareNewlines) -> None:
    make = server(LOGIN, quirks=Quirks(bare_newlines=policy))
    refused: list[str] = []

    def play(machine: Any, event: object) -> None:
        if isinstance(machine.awaiting, Retr):
            machine.accept()
        elif event is Want.ANSWER:
            try:
                machine.send_body(b"x\n.\n+OK FORGED\n")
                machine.end_body()
            except ValueError as error:
                refused.append(str(error))
                machine.abort()

    trace = run(make(), b"RETR 1\r\n", play)
    head = b"+OK 44 octets\r\n"
    if policy is BareNewlines.NORMALIZE:
        assert trace.output == head + b"x\r\n..\r\n+OK FORGED\r\n.\r\n"
    elif policy is BareNewlines.PRESERVE:
        assert trace.output == head + b"x\n.\n+OK FORGED\n\r\n.\r\n"
    else:
        assert trace.output == head
        assert trace.end is Want.CLOSE
        assert len(refused) == 1


# --- QUIT and COMMIT ------------------------------------------------------------------------------


def test_quit_asks_once_to_commit() -> None:
    trace = assert_chunk_invariant(server(LOGIN), b"QUIT\r\nQUIT\r\n", make_play=_PLAY)
    assert trace.events == (Quit(), Commit((), ()))
    assert lines(trace) == ["+OK pop.example signing off"]


def test_quit_before_the_login_commits_nothing() -> None:
    """RFC 1939 section 6: it "does NOT enter the UPDATE state"."""
    for before in (b"", b"USER bob\r\n"):
        trace = assert_chunk_invariant(server(before), b"QUIT\r\n", make_play=_PLAY)
        assert trace.events == (Quit(),)
        assert trace.end is Want.CLOSE


def test_the_state_between_quit_and_commit() -> None:
    machine: Any = server(LOGIN + b"DELE 2\r\n")()
    machine.receive_data(b"QUIT\r\n")
    assert machine.next_event() == Quit()
    assert machine.awaiting is None
    assert machine.state is State.UPDATE
    event = machine.next_event()
    assert event == Commit((2,), ("uid-2",))
    assert machine.awaiting is event
    assert machine.next_event() is Want.ANSWER


def test_a_commit_that_fails() -> None:
    """RFC 1939 section 6: "-ERR some deleted messages not removed", and it closes all the same."""
    trace = assert_chunk_invariant(
        server(LOGIN), b"DELE 1\r\nQUIT\r\n", make_play=serving(say=[False])
    )
    assert lines(trace)[1] == "-ERR [SYS/TEMP] Some deleted messages were not removed"
    assert trace.end is Want.CLOSE


@ids(
    "end",
    [
        [EOF],
        [TIMEOUT],
        [b"QUI", EOF],
        [b"QUIT", EOF],
        [lambda machine: machine.abort()],
        [b"\x16\x03\x01"],
        [b"GET / HTTP/1.1\r\n"],
        [b"x" * 20_000_000],
    ],
)
def test_only_quit_commits(end: list[Any]) -> None:
    """RFC 1939 section 6: "for some reason other than a client-issued QUIT command"."""
    make = server(LOGIN, limits=Limits(drain=1_000_000))
    trace = run(make(), [b"DELE 1\r\n", *end], _PLAY())
    assert "Commit" not in names(trace)
    assert "signing off" not in lines(trace)[-1]


def test_a_client_that_hangs_up_behind_quit_has_said_it() -> None:
    trace = run(server(LOGIN)(), [b"DELE 1\r\nQUIT\r\n", EOF], _PLAY())
    assert trace.events[-1] == Commit((1,), ("uid-1",))
    machine: Any = server(LOGIN)()
    machine.receive_data(b"QUIT\r\n")
    machine.receive_eof()
    assert machine.next_event() == Quit()
    assert machine.next_event() == Commit((), ())


def test_a_server_that_waits_too_long_says_nothing() -> None:
    """RFC 1939 section 3: "without removing any messages or sending any response"."""
    trace = run(server(LOGIN)(), [b"DELE 1\r\n", TIMEOUT], _PLAY())
    assert trace.events[-1] == Timeout()
    assert lines(trace) == ["+OK Marked as deleted"]
    assert trace.end is Want.CLOSE


def test_giving_up_with_a_word() -> None:
    reply = Reply(False, "[SYS/TEMP] Shutting down")
    for before in (b"", LOGIN):
        trace = run(server(before)(), [lambda machine: machine.abort(reply)])
        assert lines(trace) == ["-ERR [SYS/TEMP] Shutting down"]
        assert trace.end is Want.CLOSE
    machine: Any = server()()
    for bad, error in ((Reply(True), ValueError), ("bye", TypeError)):
        with pytest.raises(error):
            machine.abort(bad)
    assert machine.state is State.AUTHORIZATION


def test_no_word_in_the_middle_of_a_listing() -> None:
    machine: Any = server(LOGIN, limits=Limits(output=1))()
    machine.receive_data(b"LIST\r\n")
    machine.next_event()
    machine.data_to_send()
    machine.abort(Reply(False, "later"))
    assert machine.next_event() is Want.CLOSE


# --- TLS, UTF8, LANG, private verbs ---------------------------------------------------------------


def test_stls_forgets_what_was_before() -> None:
    """RFC 2595 section 4: "remains in AUTHORIZATION state"."""
    make = server(tls=False, stls=True, plaintext_auth=True)
    trace = run(make(), [b"USER bob\r\nSTLS\r\n", b"PASS x\r\n"], _PLAY())
    assert trace.events[:3] == (User("bob"), Stls(), TlsEstablished())
    assert lines(trace)[1:] == ["+OK Begin TLS negotiation", "-ERR Say USER first"]
    trace = run(make(), b"STLS\r\nCAPA\r\n", serving(say=[False])())
    assert lines(trace)[0] == "-ERR [SYS/TEMP] TLS is not available now"
    assert not trace.machine.tls


def test_no_stls_behind_utf8() -> None:
    """RFC 6856 section 2.1."""
    make = server(tls=False, stls=True, capabilities=("UTF8",))
    trace = assert_chunk_invariant(make, b"UTF8\r\nSTLS\r\n", make_play=_PLAY)
    assert trace.events[0] == Utf8()
    assert lines(trace) == ["+OK", "-ERR STLS must come before UTF8"]
    machine: Any = trace.machine
    assert machine.utf8


def test_languages() -> None:
    """RFC 6856 section 3.3."""
    make = server(languages=(("en", "English"), ("en-boont", "Boontling"), ("de-AT", "")))
    wire = b"LANG\r\nLANG MUL\r\nLANG en-boont\r\nLANG *\r\nLANG DE\r\nLANG e\r\n"
    trace = assert_chunk_invariant(make, wire, make_play=_PLAY)
    assert lines(trace) == [
        "+OK Language listing follows",
        "en English",
        "en-boont Boontling",
        "de-AT",
        ".",
        "-ERR No such language",
        "+OK en-boont Language changed",
        "+OK en Language changed",
        "+OK de-AT Language changed",
        "-ERR No such language",
    ]
    machine: Any = trace.machine
    assert machine.language == "de-AT"
    trace = run(make(), b"LANG en\r\n", serving(say=[False])())
    assert isinstance(trace.events[0], Lang)
    machine = trace.machine
    assert machine.language is None


def test_private_verbs() -> None:
    make = server(LOGIN, verbs=("XTND",))
    trace = assert_chunk_invariant(
        make,
        b"xtnd a b\r\nXTND\r\nXTND\r\nLAST\r\n",
        make_play=serving(say=[True, Reply(True, "yes"), False]),
    )
    assert trace.events[0] == UnknownCommand("XTND", "a b")
    assert lines(trace) == ["+OK", "+OK yes", "-ERR Unknown command", "-ERR Unknown command"]


# --- Answers that are none ------------------------------------------------------------------------


def test_what_cannot_be_answered() -> None:
    make = server(auth=("PLAIN",))
    machine: Any = make()
    for refused in (machine.accept, machine.reject, lambda: machine.send(Reply(True))):
        with pytest.raises(LocalProtocolError, match="no answer is owed"):
            refused()
    machine.receive_data(b"USER a\r\nPASS b\r\n")
    machine.next_event()
    machine.next_event()
    with pytest.raises(LocalProtocolError, match="Challenge"):
        machine.send(Challenge(b"x"))
    with pytest.raises(ValueError):
        machine.reject(Reply(True))
    for bad in ("no", None, Noop()):
        with pytest.raises(TypeError):
            machine.send(bad)
    with pytest.raises(ValueError):
        machine.reject(Reply(False, "a\r\nb"))
    machine.reject()


def test_an_answer_is_refused_while_output_waits() -> None:
    machine: Any = server(LOGIN, limits=Limits(output=20))()
    machine.receive_data(b"RETR 1\r\n")
    machine.next_event()
    machine._out.put(b"x" * 20)
    for refused in (machine.accept, machine.reject):
        with pytest.raises(LocalProtocolError, match=r"limits\.output"):
            refused()


def test_nothing_is_answered_after_the_end() -> None:
    machine: Any = server()()
    machine.receive_data(b"QUIT\r\n")
    machine.next_event()
    with pytest.raises(LocalProtocolError, match="closing"):
        machine.accept()


def test_a_bad_command_shows_its_line_to_the_application_only() -> None:
    trace = assert_chunk_invariant(server(), b"PASS hunter2\r\n", make_play=_PLAY)
    event = kind(trace, BadCommand)
    assert event.raw == b"PASS hunter2\r\n"
    assert "hunter2" not in repr(event)
    assert b"hunter2" not in trace.output


def test_a_server_prepared_twice_is_the_same() -> None:
    make = prepared(Server(), b"CAPA\r\n")
    assert pickle.dumps(make()) == pickle.dumps(make())
