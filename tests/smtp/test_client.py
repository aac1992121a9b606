"""The client: replies and their commands, what may be in flight, AUTH, bodies, and all the ends."""

from __future__ import annotations

from typing import Any

import pytest

from mailproto import BodyWanted, Limits, LocalProtocolError, RemoteProtocolError, Timeout, Want
from mailproto.errors import ConnectionLost
from mailproto.smtp import (
    BODY,
    SIZE,
    SMTPUTF8,
    Auth,
    AuthCancel,
    AuthResponse,
    BareNewlines,
    Bdat,
    Challenge,
    Client,
    Data,
    Ehlo,
    Envelope,
    Goodbye,
    Greeting,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    NotOffered,
    Quirks,
    Quit,
    Rcpt,
    Replied,
    Reply,
    Rset,
    StartTls,
    State,
    TlsEstablished,
    Vrfy,
)
from mailproto.testing import EOF, TIMEOUT, Link, accept, assert_chunk_invariant, run, script
from tests.smtp.talk import (
    IN_DATA,
    client,
    flushed,
    left,
    names,
    prepared,
    sends,
    server,
    silent,
    writing,
)

ids = pytest.mark.parametrize

OK = b"250 ok\r\n"
TO_MAIL: list[Any] = [sends(Mail("a@x")), OK]
TO_RCPT: list[Any] = [*TO_MAIL, sends(Rcpt("b@x")), OK]

# --- Replies belong to commands -------------------------------------------------------------------


def test_a_session() -> None:
    """RFC 5321 appendix D.1, from the other side."""
    steps = [
        b"220 foo.com ready\r\n",
        b"250-foo.com greets bar.com\r\n250-8BITMIME\r\n250 SIZE\r\n",
        OK,
        OK,
        b"550 No such user here\r\n",
        b"354 go\r\n",
        OK,
        b"221 bye\r\n",
    ]
    play = [
        Ehlo("bar.com"),
        Mail("Smith@bar.com"),
        Rcpt("Jones@foo.com"),
        Rcpt("Green@foo.com"),
        Data(),
        b"Blah\r\n",
        b".etc.\r\n",
        Quit(),
    ]
    trace = assert_chunk_invariant(Client, steps, make_play=lambda: script(*play))
    assert trace.events == (
        Greeting(Reply(220, "foo.com ready")),
        Replied(1, Ehlo("bar.com"), Reply(250, "foo.com greets bar.com\n8BITMIME\nSIZE")),
        Replied(2, Mail("Smith@bar.com"), Reply(250, "ok")),
        Replied(3, Rcpt("Jones@foo.com"), Reply(250, "ok")),
        Replied(4, Rcpt("Green@foo.com"), Reply(550, "No such user here")),
        Replied(5, Data(), Reply(354, "go")),
        Replied(5, Data(), Reply(250, "ok")),
        Replied(6, Quit(), Reply(221, "bye")),
    )
    assert trace.output == (
        b"EHLO bar.com\r\nMAIL FROM:<Smith@bar.com>\r\nRCPT TO:<Jones@foo.com>\r\n"
        b"RCPT TO:<Green@foo.com>\r\nDATA\r\nBlah\r\n..etc.\r\n.\r\nQUIT\r\n"
    )
    assert trace.end is Want.CLOSE


def test_replies_to_pipelined_commands() -> None:
    """RFC 2920 section 3.1."""
    items = [Rset(), Mail("a@x"), Rcpt("b@x"), Rcpt("c@x"), Data()]
    wire = b"250 r\r\n250 m\r\n550-5.1.1\r\n550 no\r\n250 c\r\n354 go\r\n"
    trace = assert_chunk_invariant(
        client("PIPELINING"), [sends(*items), wire, OK], make_play=writing(b"x")
    )
    assert [(event.number, event.command, event.reply.code) for event in trace.events] == [
        (2, items[0], 250),
        (3, items[1], 250),
        (4, items[2], 550),
        (5, items[3], 250),
        (6, items[4], 354),
        (6, items[4], 250),
    ]


def test_what_is_outstanding() -> None:
    machine = client("PIPELINING")()
    one, two = machine.send(Mail("a@x")), machine.send(Rcpt("b@x"))
    assert machine.outstanding == ((one, Mail("a@x")), (two, Rcpt("b@x")))
    machine.data_to_send()
    machine.receive_data(OK)
    machine.next_event()
    assert machine.outstanding == ((two, Rcpt("b@x")),)


def test_pipelined_commands_leave_in_one_piece() -> None:
    machine = client("PIPELINING")()
    for item in (Mail("a@x"), Rcpt("b@x"), Data()):
        machine.send(item)
    assert machine.next_event() is Want.SEND
    assert machine.data_to_send() == b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n"


# --- What may be sent -----------------------------------------------------------------------------


def test_not_before_the_greeting() -> None:
    """RFC 5321 section 4.3.1: the client SHOULD wait for it."""
    machine = Client()
    with pytest.raises(LocalProtocolError):
        machine.send(Ehlo("x"))
    machine.receive_data(b"220 hi\r\n")
    assert machine.next_event() == Greeting(Reply(220, "hi"))
    machine.send(Ehlo("x"))


def test_one_at_a_time_without_pipelining() -> None:
    """RFC 2920 section 3: the server must have offered it."""
    machine = client()()
    machine.send(Mail("a@x"))
    with pytest.raises(LocalProtocolError, match="PIPELINING"):
        machine.send(Rcpt("b@x"))
    assert machine.data_to_send() == b"MAIL FROM:<a@x>\r\n"
    assert len(machine.outstanding) == 1


SYNC: list[Any] = [
    Ehlo("x"),
    Helo("x"),
    Noop(),
    Vrfy("x"),
    Help(),
    Quit(),
    StartTls(),
    Auth("CRAM-MD5"),
]


@ids("command", SYNC, ids=repr)
def test_nothing_behind_a_command_that_must_be_the_last(command: Any) -> None:
    """RFC 2920 section 3.1: EHLO, DATA, VRFY, EXPN, TURN, QUIT and NOOP; RFC 3207, RFC 4954."""
    machine = client("PIPELINING", "STARTTLS", "AUTH CRAM-MD5")()
    machine.send(command)
    for item in (Noop(), Mail("a@x"), Rset(), Quit()):
        with pytest.raises(LocalProtocolError):
            machine.send(item)
    assert len(machine.outstanding) == 1


@ids("command", [Noop(), Quit(), Vrfy("x")], ids=repr)
def test_but_it_may_follow_others(command: Any) -> None:
    machine = client("PIPELINING")()
    for item in (Rset(), Mail("a@x"), Rcpt("b@x"), command):
        machine.send(item)
    assert len(machine.outstanding) == 4


def test_nothing_behind_data_before_its_body() -> None:
    machine = client("PIPELINING", then=[*TO_RCPT, sends(Data())])()
    with pytest.raises(LocalProtocolError):
        machine.send(Quit())
    machine.receive_data(b"354 go\r\n")
    assert machine.next_event() == Replied(4, Data(), Reply(354, "go"))
    with pytest.raises(LocalProtocolError, match="body"):
        machine.send(Quit())
    machine.send_body(b"x")
    machine.end_body()
    # Behind the body's end the next group may begin.
    machine.send(Mail("c@x"))
    machine.send(Rcpt("d@x"))
    assert machine.data_to_send() == b"x\r\n.\r\nMAIL FROM:<c@x>\r\nRCPT TO:<d@x>\r\n"


@ids(
    ("item", "keyword"),
    [
        (Mail("a@x", (SIZE(5),)), "SIZE"),
        (Mail("a@x", (BODY("8BITMIME"),)), "8BITMIME"),
        (Mail("a@x", (BODY("BINARYMIME"),)), "BINARYMIME"),
        (Mail("a@x", (SMTPUTF8(True),)), "SMTPUTF8"),
        (StartTls(), "STARTTLS"),
        (Auth("CRAM-MD5"), "AUTH"),
    ],
    ids=repr,
)
def test_what_was_not_offered_is_not_sent(item: Any, keyword: str) -> None:
    machine = client("PIPELINING")()
    with pytest.raises(NotOffered, match=keyword):
        machine.send(item)
    assert machine.data_to_send() == b""
    assert machine.outstanding == ()
    offered = f"{keyword} CRAM-MD5" if keyword == "AUTH" else keyword
    assert client(offered)().send(item) == 2


def test_chunks_need_chunking() -> None:
    with pytest.raises(NotOffered, match="CHUNKING"):
        client(then=TO_RCPT)().send(Bdat(1))


def test_binary_mail_needs_bdat() -> None:
    """RFC 3030 section 3."""
    keywords = ("PIPELINING", "CHUNKING", "BINARYMIME", "8BITMIME")
    machine = client(*keywords)()
    machine.send(Mail("a@x", (BODY("BINARYMIME"),)))
    machine.send(Rcpt("b@x"))
    with pytest.raises(LocalProtocolError, match="BDAT"):
        machine.send(Data())
    machine.send(Bdat(0, last=True))


def test_addresses_in_utf_8_need_the_parameter() -> None:
    """RFC 6531 section 3.4."""
    machine = client("SMTPUTF8", "PIPELINING")()
    with pytest.raises(LocalProtocolError, match="SMTPUTF8"):
        machine.send(Mail("grün@x"))
    machine.send(Mail("a@x"))
    with pytest.raises(LocalProtocolError, match="SMTPUTF8"):
        machine.send(Rcpt("grün@x"))
    machine.send(Rset())
    machine.send(Mail("grün@x", (SMTPUTF8(True),)))
    machine.send(Rcpt("grün@x"))


def test_an_lmtp_session_stays_one() -> None:
    """RFC 2033 section 4.1."""
    machine = client(lmtp=True)()
    for item in (Ehlo("x"), Helo("x")):
        with pytest.raises(LocalProtocolError):
            machine.send(item)
    machine.send(Lhlo("x"))


@ids("item", [Reply(250), Challenge(b""), "NOOP", b"NOOP\r\n", None, 5, object()], ids=repr)
def test_what_no_client_says(item: Any) -> None:
    machine = client()()
    with pytest.raises(TypeError):
        machine.send(item)
    assert machine.data_to_send() == b""


def test_output_is_limited() -> None:
    machine = client("PIPELINING", limits=Limits(output=50))()
    machine.send(Noop("x" * 50))
    with pytest.raises(LocalProtocolError, match="output"):
        machine.send(Noop())
    assert machine.next_event() is Want.SEND
    machine.data_to_send()
    assert machine.next_event() is Want.DATA


# --- EHLO and HELO (RFC 5321 section 3.2) ---------------------------------------------------------


def says_hello(**options: Any) -> Any:
    return lambda machine: machine.hello("me.example", **options)


@ids("code", [500, 501, 502, 504, 550])
def test_helo_when_ehlo_is_not_known(code: int) -> None:
    steps = [says_hello(), b"%d what\r\n" % code, b"250 mx.example hi\r\n"]
    trace = assert_chunk_invariant(prepared(Client(), b"220 hi\r\n"), steps)
    assert trace.output == b"EHLO me.example\r\nHELO me.example\r\n"
    assert trace.events == (Replied(1, Helo("me.example"), Reply(250, "mx.example hi")),)
    machine = trace.machine
    assert isinstance(machine, Client)
    assert machine.state is State.READY
    assert machine.capabilities is not None
    assert machine.capabilities.domain == "mx.example"
    assert list(machine.capabilities) == []


def test_no_helo_when_the_server_is_busy() -> None:
    steps = [says_hello(), b"451 later\r\n"]
    trace = assert_chunk_invariant(prepared(Client(), b"220 hi\r\n"), steps)
    assert trace.events == (Replied(1, Ehlo("me.example"), Reply(451, "later")),)
    assert trace.output == b"EHLO me.example\r\n"
    assert trace.machine.state is State.START


def test_no_to_both() -> None:
    steps = [says_hello(), b"502 no\r\n", b"550 no\r\n"]
    trace = assert_chunk_invariant(prepared(Client(), b"220 hi\r\n"), steps)
    assert trace.events == (Replied(1, Helo("me.example"), Reply(550, "no")),)


def test_no_helo_in_lmtp() -> None:
    steps = [says_hello(lmtp=True), b"500 no\r\n"]
    trace = assert_chunk_invariant(prepared(Client(), b"220 hi\r\n"), steps)
    assert trace.events == (Replied(1, Lhlo("me.example"), Reply(500, "no")),)


def test_an_ehlo_that_was_sent_as_such_does_not_fall_back() -> None:
    steps = [sends(Ehlo("x")), b"502 no\r\n"]
    trace = assert_chunk_invariant(prepared(Client(), b"220 hi\r\n"), steps)
    assert trace.output == b"EHLO x\r\n"
    assert trace.events == (Replied(1, Ehlo("x"), Reply(502, "no")),)


def test_a_second_ehlo_replaces_what_was_offered() -> None:
    make = client("PIPELINING", "SIZE 5")
    trace = assert_chunk_invariant(make, [sends(Ehlo("x")), b"250-mx\r\n250 CHUNKING\r\n"])
    assert list(left(trace).capabilities) == ["CHUNKING"]


# --- STARTTLS (RFC 3207) --------------------------------------------------------------------------


def test_starttls() -> None:
    steps = [sends(StartTls()), b"220 go\r\n", sends(Ehlo("x")), b"250-mx\r\n250 SIZE 7\r\n"]
    trace = assert_chunk_invariant(client("STARTTLS"), steps)
    assert trace.events == (
        TlsEstablished(),
        Replied(2, StartTls(), Reply(220, "go")),
        Replied(3, Ehlo("x"), Reply(250, "mx\nSIZE 7")),
    )
    assert trace.output == b"STARTTLS\r\nEHLO x\r\n"
    assert trace.machine.tls


# --- AUTH (RFC 4954) ------------------------------------------------------------------------------


def test_an_exchange() -> None:
    """RFC 4954 section 4.1."""
    steps = [
        sends(Auth("LOGIN")),
        b"334 VXNlcm5hbWU6\r\n",
        b"334 UGFzc3dvcmQ6\r\n",
        b"235 2.7.0 ok\r\n",
    ]
    trace = assert_chunk_invariant(
        client("AUTH LOGIN", tls=True),
        steps,
        make_play=lambda: script(AuthResponse(b"user"), AuthResponse(b"pass")),
    )
    assert trace.events == (
        Challenge(b"Username:"),
        Challenge(b"Password:"),
        Replied(2, Auth("LOGIN"), Reply(235, "2.7.0 ok")),
    )
    assert trace.output == b"AUTH LOGIN\r\ndXNlcg==\r\ncGFzcw==\r\n"
    assert left(trace).authenticated


def test_a_challenge_is_awaited() -> None:
    machine = client("AUTH LOGIN", tls=True, then=[sends(Auth("LOGIN"))])()
    machine.receive_data(b"334 YQ==\r\n")
    event = machine.next_event()
    assert machine.awaiting is event
    assert machine.next_event() is Want.ANSWER
    with pytest.raises(LocalProtocolError):
        machine.send(Noop())
    with pytest.raises(LocalProtocolError):
        machine.send_body(b"x")
    assert machine.send(AuthResponse(b"b")) == 2
    assert machine.awaiting is None
    assert flushed(machine) == b"Yg==\r\n"


@ids("item", [AuthResponse(b"x"), AuthCancel()])
def test_no_answer_without_a_challenge(item: Any) -> None:
    machine = client("AUTH LOGIN", tls=True)()
    with pytest.raises(LocalProtocolError):
        machine.send(item)
    machine.send(Auth("LOGIN"))
    with pytest.raises(LocalProtocolError):
        machine.send(item)
    assert flushed(machine) == b"AUTH LOGIN\r\n"


def test_authentication_happens_once() -> None:
    """RFC 4954 section 4: "After an AUTH command has been successfully completed, no more"."""
    make = client("AUTH PLAIN", tls=True, then=[sends(Auth("PLAIN", b"\0a\0b")), b"235 ok\r\n"])
    with pytest.raises(LocalProtocolError):
        make().send(Auth("PLAIN", b"\0a\0b"))
    failed = client("AUTH PLAIN", tls=True, then=[sends(Auth("PLAIN", b"\0a\0b")), b"535 no\r\n"])
    machine = failed()
    assert not machine.authenticated
    machine.send(Auth("PLAIN", b"\0a\0c"))


@ids("answer", [b"334 cGxlYXNl\r\n", b"334 \r\n"])
def test_the_second_step_waits_for_an_empty_challenge(answer: bytes) -> None:
    """RFC 4954 section 4: a server that speaks first has something to say first."""
    token = b"x" * 900
    steps = [sends(Auth("XOAUTH2", token)), answer]
    trace = run(client("AUTH XOAUTH2", tls=True)(), steps, silent)
    if answer == b"334 \r\n":
        assert len(trace.output) > 1200
        assert trace.events == ()
    else:
        assert trace.events == (Challenge(b"please"),)


# --- Bodies ---------------------------------------------------------------------------------------


def test_a_body_is_asked_for_piece_by_piece() -> None:
    machine = client(then=[*TO_RCPT, *IN_DATA])()
    assert machine.state is State.TEXT
    assert machine.awaiting == BodyWanted(4, Data())
    for piece in (b"one\r\n", b".two"):
        assert machine.next_event() is Want.ANSWER
        machine.send_body(piece)
        assert machine.next_event() is Want.SEND
        machine.data_to_send()
    machine.send_body(b"")
    assert machine.next_event() is Want.ANSWER
    machine.end_body()
    assert machine.awaiting is None
    assert flushed(machine) == b"\r\n.\r\n"


@ids("data", [bytearray(b"x"), memoryview(b"x")])
def test_any_buffer_is_a_piece(data: Any) -> None:
    machine = client(then=[*TO_RCPT, *IN_DATA])()
    machine.send_body(data)
    assert machine.data_to_send() == b"x"


@ids("data", ["x", 5, None, [b"x"]])
def test_and_nothing_else(data: Any) -> None:
    machine = client(then=[*TO_RCPT, *IN_DATA])()
    with pytest.raises(TypeError):
        machine.send_body(data)


def test_no_body_is_wanted() -> None:
    machine = client(then=TO_RCPT)()
    with pytest.raises(LocalProtocolError, match="body"):
        machine.send_body(b"x")
    with pytest.raises(LocalProtocolError, match="body"):
        machine.end_body()


def test_a_chunk_has_the_announced_size() -> None:
    """RFC 3030 section 2."""
    machine = client("CHUNKING", then=TO_RCPT)()
    machine.send(Bdat(5))
    assert machine.awaiting == BodyWanted(4, Bdat(5))
    machine.send_body(b"abc")
    with pytest.raises(LocalProtocolError, match="more"):
        machine.send_body(b"def")
    with pytest.raises(LocalProtocolError, match="fewer"):
        machine.end_body()
    with pytest.raises(LocalProtocolError):
        machine.send(Rset())
    machine.send_body(b"de")
    machine.end_body()
    assert machine.data_to_send() == b"BDAT 5\r\nabcde"


def test_a_chunk_that_is_refused_before_it_was_sent_is_sent_all_the_same() -> None:
    """RFC 3030 section 2: the server swallows it; it must find its octets there."""
    machine = client("CHUNKING", then=TO_RCPT)()
    machine.send(Bdat(5))
    machine.send_body(b"ab")
    machine.data_to_send()
    machine.receive_data(b"503 no\r\n")
    assert machine.next_event() == Replied(4, Bdat(5), Reply(503, "no"))
    with pytest.raises(LocalProtocolError):
        machine.send(Rset())
    machine.send_body(b"cde")
    machine.end_body()
    assert machine.send(Rset()) == 5
    assert machine.data_to_send() == b"cdeRSET\r\n"


def test_a_chunk_is_not_accepted_before_it_was_sent() -> None:
    machine = client("CHUNKING", then=[*TO_RCPT, sends(Bdat(5))])()
    machine.receive_data(OK)
    with pytest.raises(RemoteProtocolError):
        machine.next_event()


@ids("window", [1, 3])
def test_only_so_many_chunks_are_in_flight(window: int) -> None:
    """RFC 3030 section 4.2: BDAT may be pipelined; how far is the client's business."""
    machine = client("CHUNKING", "PIPELINING", limits=Limits(window=window), then=TO_RCPT)()
    for _ in range(window):
        machine.send(Bdat(1))
        machine.send_body(b"x")
        machine.end_body()
    with pytest.raises(LocalProtocolError, match="window"):
        machine.send(Bdat(1))
    machine.data_to_send()
    machine.receive_data(OK)
    assert isinstance(machine.next_event(), Replied)
    machine.send(Bdat(1))


@ids("answer", [b"552 5.3.4 too big\r\n", b"451 4.3.0 no\r\n", b"421 4.3.2 bye\r\n"])
def test_a_refusal_in_the_middle_of_a_text(answer: bytes) -> None:
    """Nothing but the end of the text can follow, and it would be a whole message: so, the end."""
    machine = client(then=[*TO_RCPT, *IN_DATA])()
    machine.send_body(b"half")
    machine.data_to_send()
    machine.receive_data(answer)
    event = machine.next_event()
    assert isinstance(event, Replied)
    assert event.command == Data()
    assert machine.next_event() is Want.CLOSE
    assert machine.data_to_send() == b""
    with pytest.raises(LocalProtocolError):
        machine.end_body()


def test_an_acceptance_in_the_middle_of_a_text() -> None:
    machine = client(then=[*TO_RCPT, *IN_DATA])()
    machine.receive_data(OK)
    with pytest.raises(RemoteProtocolError):
        machine.next_event()


def test_data_without_a_recipient() -> None:
    """RFC 2920 section 3.1: a 354 in spite of it is answered with an empty message."""
    steps = [
        sends(Mail("a@x"), Rcpt("b@x"), Data()),
        b"250 ok\r\n550 no\r\n354 go\r\n",
        b"554 no valid recipients\r\n",
    ]
    trace = assert_chunk_invariant(client("PIPELINING"), steps)
    assert trace.output.endswith(b"DATA\r\n.\r\n")
    assert [event.reply.code for event in trace.events] == [250, 550, 354, 554]
    assert trace.machine.state is State.READY


# --- LMTP (RFC 2033 section 4.2) ------------------------------------------------------------------


@ids("chunking", [False, True])
def test_one_reply_for_each_accepted_recipient(chunking: bool) -> None:
    def body(machine: Any) -> None:
        machine.send(Bdat(1, last=True))
        machine.send_body(b"x")
        machine.end_body()

    steps: list[Any] = [
        sends(Mail("a@x"), Rcpt("b@x"), Rcpt("c@x"), Rcpt("d@x")),
        b"250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n",
        *([body] if chunking else [sends(Data()), b"354 go\r\n"]),
        b"250 for b\r\n452 for d\r\n",
    ]
    make = client("PIPELINING", "CHUNKING", lmtp=True)
    trace = assert_chunk_invariant(make, steps, make_play=writing(b"x"))
    last = trace.events[-2:]
    assert [(event.recipient, event.reply.text) for event in last] == [
        ("b@x", "for b"),
        ("d@x", "for d"),
    ]
    assert last[0].number == last[1].number
    assert trace.machine.outstanding == ()
    extra = run(trace.machine, b"250 for nobody\r\n")
    assert isinstance(extra.error, RemoteProtocolError)


# --- Time (RFC 5321 section 4.5.3.2) --------------------------------------------------------------


@ids(
    ("then", "seconds"),
    [
        ([sends(Ehlo("x"))], 300),
        ([sends(Mail("a@x"))], 300),
        ([*TO_MAIL, sends(Rcpt("b@x"))], 300),
        ([*TO_RCPT, sends(Data())], 120),
        ([*TO_RCPT, *IN_DATA], 180),
        ([*TO_RCPT, *IN_DATA, lambda machine: machine.end_body()], 600),
        ([*TO_RCPT, *IN_DATA, lambda machine: machine.end_body(), OK], None),
        ([sends(Quit())], 300),
        ([], None),
    ],
    ids=["EHLO", "MAIL", "RCPT", "DATA", "body", "end", "idle again", "QUIT", "idle"],
)
def test_how_long_a_client_waits(then: list[Any], seconds: int | None) -> None:
    assert client("PIPELINING", then=then)().timeout == seconds


def test_how_long_it_waits_for_the_greeting() -> None:
    """RFC 5321 section 4.5.3.2.1: five minutes."""
    assert Client().timeout == 300


PLACES: dict[str, list[Any]] = {
    "greeting": [],
    "half a greeting": [b"220 h"],
    "greeted": [b"220 hi\r\n"],
    "waiting": [b"220 hi\r\n", sends(Ehlo("x"))],
    "half a reply": [b"220 hi\r\n", sends(Ehlo("x")), b"250-mx\r\n"],
    "half a line": [b"220 hi\r\n", sends(Ehlo("x")), b"25"],
    "ready": [b"220 hi\r\n", sends(Ehlo("x")), b"250 mx\r\n"],
    "in a body": [b"220 hi\r\n", sends(Ehlo("x")), b"250 mx\r\n", *TO_RCPT, *IN_DATA],
}
IDLE = ("greeted", "ready")


@ids("place", PLACES)
def test_a_timeout(place: str) -> None:
    machine = prepared(Client(), *PLACES[place])()
    machine.receive_timeout()
    assert machine.next_event() == Timeout()
    assert machine.next_event() is Want.CLOSE
    assert machine.data_to_send() == b""
    assert machine.timeout is None
    assert machine.state is State.CLOSED


@ids("place", PLACES)
def test_giving_up(place: str) -> None:
    """A client leaves without a word: behind an unfinished body any word would be part of it."""
    machine = prepared(Client(), *PLACES[place])()
    machine.abort()
    assert machine.next_event() is Want.CLOSE
    assert machine.data_to_send() == b""
    machine.abort()
    with pytest.raises(LocalProtocolError):
        machine.send(Noop())


def test_giving_up_takes_back_an_end_that_was_not_written() -> None:
    machine = client(then=[*TO_RCPT, *IN_DATA])()
    machine.send_body(b"half a message\r\n")
    machine.end_body()
    machine.abort()
    assert machine.data_to_send() == b""


@ids("place", PLACES)
def test_the_end_of_the_input(place: str) -> None:
    machine = prepared(Client(), *PLACES[place])()
    trace = run(machine, [EOF])
    if place in IDLE:
        assert trace.end is Want.CLOSE
    else:
        assert isinstance(trace.error, ConnectionLost)


def test_replies_before_the_end_are_not_lost() -> None:
    steps = [sends(Mail("a@x"), Rcpt("b@x")), OK, EOF]
    trace = run(client("PIPELINING")(), steps)
    assert names(trace) == ["Replied"]
    assert isinstance(trace.error, ConnectionLost)


def test_an_answer_is_not_asked_of_a_client_that_is_alone() -> None:
    machine = client(then=[*TO_RCPT, *IN_DATA])()
    assert machine.next_event() is Want.ANSWER
    machine.receive_eof()
    with pytest.raises(ConnectionLost):
        machine.next_event()


def test_quit() -> None:
    """RFC 5321 section 4.1.1.10."""
    trace = assert_chunk_invariant(client(), [sends(Quit()), b"221 bye\r\n"])
    assert trace.events == (Replied(2, Quit(), Reply(221, "bye")),)
    assert trace.end is Want.CLOSE
    with pytest.raises(LocalProtocolError):
        trace.machine.send(Noop())


@ids("command", [Noop(), Mail("a@x"), Ehlo("x"), Quit(), Auth("CRAM-MD5"), StartTls()], ids=repr)
def test_421_to_anything(command: Any) -> None:
    """RFC 5321 section 3.8."""
    make = client("STARTTLS", "AUTH CRAM-MD5")
    trace = assert_chunk_invariant(make, [sends(command), b"421 4.3.2 bye\r\n"])
    assert trace.events == (Replied(2, command, Reply(421, "4.3.2 bye")),)
    assert trace.end is Want.CLOSE


def test_a_goodbye_in_an_idle_session() -> None:
    trace = assert_chunk_invariant(client(), [b"421 4.4.2 idle\r\n", TIMEOUT])
    assert trace.events == (Goodbye(Reply(421, "4.4.2 idle")),)


# --- Client and server ----------------------------------------------------------------------------

MESSAGE = b"Subject: x\r\n\r\n.dot\r\n..\r\n\r\n.\r\n"


@ids("cut", [1, 2, 5, 1000])
@ids("policy", list(BareNewlines))
def test_what_is_sent_arrives(cut: int, policy: BareNewlines) -> None:
    play = script(Ehlo("x"), Mail("a@x"), Rcpt("b@x"), Data(), MESSAGE[:7], MESSAGE[7:], Quit())
    quirks = Quirks(bare_newlines=policy)
    link = Link(
        Client(quirks=quirks),
        server(quirks=quirks)(),
        play_client=play,
        play_server=accept,
        cuts=[cut] * 5000,
    )
    link.client.machine.receive_data(b"220 hi\r\n")
    link.run()
    got = b"".join(event.data for event in link.server.events if hasattr(event, "data"))
    assert got == MESSAGE
    assert link.closed


def test_an_envelope_arrives() -> None:
    envelope = Envelope("a@x.example", ["b@x.example", "postmaster"], (SIZE(5),))
    seen: list[Envelope | None] = []

    def receive(machine: Any, event: object) -> None:
        if isinstance(event, Data):
            seen.append(machine.envelope)
        accept(machine, event)

    link = Link(
        client("PIPELINING", "SIZE")(),
        server(b"EHLO x\r\n")(),
        play_client=writing(b"x")(),
        play_server=receive,
    )
    sender: Any = link.client.machine
    sender.submit(envelope)
    link.run()
    assert seen == [envelope]
    assert link.client.events[-1].delivered == ("b@x.example", "postmaster")


# --- One code says yes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keyword", "command"),
    [("STARTTLS", StartTls()), ("AUTH SCRAM-SHA-256", Auth("SCRAM-SHA-256"))],
    ids=["STARTTLS", "AUTH"],
)
def test_only_their_own_code_says_yes(keyword: str, command: Any) -> None:
    """RFC 3207 section 4 has 220 for STARTTLS, RFC 4954 section 4 has 235 for AUTH."""
    machine = client(keyword)()
    machine.send(command)
    machine.data_to_send()
    machine.receive_data(b"250 ok\r\n")
    with pytest.raises(RemoteProtocolError):
        machine.next_event()
    assert not machine.authenticated
    assert not machine.tls


def test_submit_waits_for_data_as_long_as_data_does() -> None:
    """RFC 5321 section 4.5.3.2.3: two minutes for the answer to DATA."""
    machine = client("PIPELINING")()
    machine.submit(Envelope("a@x", ["b@x"]))
    machine.data_to_send()
    assert machine.timeout == 300
    machine.receive_data(b"250 ok\r\n250 ok\r\n")
    assert machine.next_event() is Want.DATA
    assert machine.timeout == 120


NOTHING: Any = None


@pytest.mark.parametrize(
    "command", [Mail(NOTHING), Rcpt(NOTHING), Bdat(NOTHING), Bdat(True), Ehlo(NOTHING)], ids=repr
)
def test_fields_of_the_wrong_type(command: Any) -> None:
    """No call raises anything but the promised errors, and a refused one sends nothing."""
    machine = client("CHUNKING")()
    with pytest.raises((TypeError, ValueError)):
        machine.send(command)
    assert machine.data_to_send() == b""


def test_what_comes_behind_the_end_is_dropped() -> None:
    machine = client()()
    machine.receive_eof()
    assert machine.next_event() is Want.CLOSE
    machine.receive_data(b"250 late\r\n")
    assert machine.next_event() is Want.CLOSE
