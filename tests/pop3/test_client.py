"""The client machine: what it may say, and what it makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from mailproto import (
    LimitExceeded,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
    Timeout,
    TlsEstablished,
    Want,
)
from mailproto.errors import ConnectionLost
from mailproto.pop3 import (
    Apop,
    Auth,
    AuthCancel,
    AuthResponse,
    BodyChunk,
    BodyEnd,
    BodyStart,
    Capa,
    Capabilities,
    Challenge,
    Client,
    Dele,
    Goodbye,
    Greeting,
    Lang,
    Language,
    List,
    Listing,
    Noop,
    NotOffered,
    Pass,
    Quirks,
    Quit,
    Replied,
    Reply,
    Retr,
    Rset,
    Size,
    Stat,
    State,
    Stls,
    Top,
    Totals,
    Uidl,
    UniqueId,
    UnknownCommand,
    User,
    Utf8,
)
from mailproto.testing import EOF, TIMEOUT, Trace, assert_chunk_invariant, run
from tests.pop3.talk import CAPA, GREETING, client, logged_in, sends, silent

ids = pytest.mark.parametrize


def answer(make: Any, item: Any, wire: bytes) -> Trace:
    """`wire` in answer to `item`, cut everywhere."""
    return assert_chunk_invariant(make, [sends(item), wire])


# --- Greeting -------------------------------------------------------------------------------------


def test_the_greeting() -> None:
    trace = assert_chunk_invariant(Client, b"+OK POP3 server ready <1896.697170952@x>\r\n")
    assert trace.events == (Greeting(Reply(True, "POP3 server ready <1896.697170952@x>")),)
    assert trace.machine.state is State.AUTHORIZATION
    machine: Any = trace.machine
    assert machine.timestamp == "<1896.697170952@x>"


def test_a_greeting_that_sends_away() -> None:
    trace = assert_chunk_invariant(Client, b"-ERR [SYS/TEMP] Too many connections\r\n")
    assert trace.events == (Greeting(Reply(False, "[SYS/TEMP] Too many connections")),)
    assert trace.end is Want.CLOSE


def test_nothing_is_said_before_the_greeting() -> None:
    with pytest.raises(LocalProtocolError, match="greeting"):
        Client().send(Capa())


# --- Simple answers -------------------------------------------------------------------------------


@ids(
    ("item", "wire", "value"),
    [
        (Stat(), b"+OK 2 320\r\n", Totals(2, 320)),
        (List(2), b"+OK 2 200\r\n", Size(2, 200)),
        (Uidl(2), b"+OK 2 QhdPYR:00WBw1Ph7x7\r\n", UniqueId(2, "QhdPYR:00WBw1Ph7x7")),
        (Dele(1), b"+OK message 1 deleted\r\n", None),
        (Noop(), b"+OK\r\n", None),
        (Rset(), b"+OK maildrop has 2 messages (320 octets)\r\n", None),
        (UnknownCommand("LAST"), b"+OK 1\r\n", None),
        (Stat(), b"-ERR no\r\n", None),
        (List(3), b"-ERR no such message, only 2 messages in maildrop\r\n", None),
        (Uidl(), b"-ERR no\r\n", None),
        (Retr(9), b"-ERR no\r\n", None),
        (Top(9, 0), b"-ERR no\r\n", None),
        (Capa(), b"-ERR what?\r\n", None),
    ],
    ids=repr,
)
def test_answers_of_one_line(item: Any, wire: bytes, value: Any) -> None:
    """The examples of RFC 1939 sections 5 and 7."""
    trace = answer(logged_in(), item, wire)
    reply = Reply(wire.startswith(b"+"), wire.decode().partition(" ")[2].rstrip("\r\n"))
    assert trace.events == (Replied(3, item, reply, value),)
    assert trace.machine.outstanding == ()


def test_capabilities() -> None:
    """RFC 2449 section 5."""
    trace = answer(client(capa=None), Capa(), b"+OK list\r\nTOP\r\nSASL PLAIN\r\n..X\r\n.\r\n")
    offered = Capabilities((("TOP", ()), ("SASL", ("PLAIN",)), (".X", ())))
    assert trace.events == (Replied(1, Capa(), Reply(True, "list"), offered),)
    machine: Any = trace.machine
    assert machine.capabilities == offered


def test_languages() -> None:
    """RFC 6856 section 3.3."""
    make = client(capa=None)
    trace = answer(make, Lang(), b"+OK\r\nen English\r\nes Espa\xc3\xb1ol\r\nsv\r\n.\r\n")
    assert trace.events[0].value == (
        Language("en", "English"),
        Language("es", "Español"),
        Language("sv"),
    )
    trace = answer(make, Lang("es"), b"+OK es Idioma cambiado\r\n")
    assert trace.events == (Replied(1, Lang("es"), Reply(True, "es Idioma cambiado")),)


# --- Listings -------------------------------------------------------------------------------------


def test_listings_come_in_batches() -> None:
    make = logged_in(limits=Limits(batch=2))
    trace = answer(
        make, List(), b"+OK 5\r\n" + b"".join(b"%d 7\r\n" % n for n in range(5)) + b".\r\n"
    )
    assert [event.entries for event in trace.events[:-1]] == [
        ((0, 7), (1, 7)),
        ((2, 7), (3, 7)),
        ((4, 7),),
    ]
    assert {event.number for event in trace.events} == {3}
    assert trace.events[-1] == Replied(3, List(), Reply(True, "5"))
    trace = answer(make, Uidl(), b"+OK\r\n1 a\r\n2 b\r\n.\r\n")
    assert trace.events == (
        Listing(3, Uidl(), ((1, "a"), (2, "b"))),
        Replied(3, Uidl(), Reply(True)),
    )


def test_an_empty_listing() -> None:
    """RFC 1939 section 5: "a line containing a termination octet"."""
    trace = answer(logged_in(), List(), b"+OK\r\n.\r\n")
    assert trace.events == (Replied(3, List(), Reply(True)),)


def test_a_long_listing_is_compact() -> None:
    count = 100_000
    wire = b"+OK\r\n" + b"".join(b"%d u%d\r\n" % (n, n) for n in range(1, count + 1)) + b".\r\n"
    trace = run(logged_in()(), [sends(Uidl()), wire], cuts=lambda _: 65_536)
    *batches, _ = trace.events
    assert {len(batch.entries) for batch in batches} == {1_000}
    entries = [entry for batch in batches for entry in batch.entries]
    assert entries[0] == (1, "u1")
    assert entries[-1] == (count, f"u{count}")
    assert len(entries) == count


def test_a_line_of_a_listing_is_bounded() -> None:
    make = logged_in(limits=Limits(reply=20, batch=2), capa=None)
    wire = b"+OK\r\n1 a\r\n2 b\r\n3 c\r\n4 " + b"x" * 20 + b"\r\n5 d\r\n.\r\n"
    trace = answer(make, Uidl(), wire)
    assert trace.events == (Listing(2, Uidl(), ((1, "a"), (2, "b"))),)
    assert isinstance(trace.error, LimitExceeded)


# --- Messages -------------------------------------------------------------------------------------

MESSAGE = b"Subject: x\r\n\r\n..dot\r\n...\r\n\r\nend\r\n"
READ = b"Subject: x\r\n\r\n.dot\r\n..\r\n\r\nend\r\n"


@ids("item", [Retr(1), Top(1, 5)], ids=repr)
def test_messages(item: Any) -> None:
    trace = answer(logged_in(), item, b"+OK 120 octets\r\n" + MESSAGE + b".\r\n")
    reply = Reply(True, "120 octets")
    assert trace.events == (
        BodyStart(3, item, reply, 120),
        BodyChunk(READ),
        BodyEnd(len(READ)),
        Replied(3, item, reply),
    )


def test_an_empty_message() -> None:
    trace = answer(logged_in(), Retr(1), b"+OK\r\n.\r\n")
    reply = Reply(True)
    assert trace.events == (
        BodyStart(3, Retr(1), reply, None),
        BodyEnd(0),
        Replied(3, Retr(1), reply),
    )


@ids("size", [1, 3, 8, 20])
def test_chunks_are_no_larger_than_their_limit(size: int) -> None:
    machine = logged_in(limits=Limits(chunk=size))()
    sizes: list[int] = []

    def play(machine: Any, event: object) -> None:
        if isinstance(event, BodyChunk):
            sizes.append(len(event.data))

    trace = run(machine, [sends(Retr(1)), b"+OK\r\n" + MESSAGE + b".\r\n"], play)
    assert max(sizes) <= size
    assert trace.events[1] == BodyChunk(READ)


def test_a_command_is_outstanding_until_its_replied() -> None:
    machine: Any = logged_in()()
    number = machine.send(Retr(1))
    machine.data_to_send()
    machine.receive_data(b"+OK\r\nx\r\n.\r\n")
    for kind in (BodyStart, BodyChunk, BodyEnd):
        assert type(machine.next_event()) is kind
        assert machine.outstanding == ((number, Retr(1)),)
    assert type(machine.next_event()) is Replied
    assert machine.outstanding == ()


# --- Pipelining -----------------------------------------------------------------------------------


def test_answers_belong_to_commands_in_order() -> None:
    """RFC 2449 section 6.6: "match server responses to commands in order"."""
    items = [Stat(), Retr(1), Dele(1), List(), Uidl(2), Noop()]
    trace = assert_chunk_invariant(
        logged_in(),
        [
            sends(*items),
            b"+OK 1 5\r\n+OK\r\n+OK\r\n.\r\n-ERR no\r\n+OK\r\n1 5\r\n.\r\n+OK 2 a\r\n+OK\r\n",
        ],
    )
    replied = [event for event in trace.events if isinstance(event, Replied)]
    assert [event.command for event in replied] == items
    assert [event.number for event in replied] == [3, 4, 5, 6, 7, 8]
    assert [event.reply.ok for event in replied] == [True, True, False, True, True, True]


def test_without_pipelining_one_waits() -> None:
    machine = logged_in(capa=None)()
    machine.send(Noop())
    with pytest.raises(LocalProtocolError, match="PIPELINING"):
        machine.send(Noop())


@ids("item", [Quit(), UnknownCommand("LAST")], ids=repr)
def test_nothing_is_sent_behind_what_changes_everything(item: Any) -> None:
    machine = logged_in()()
    machine.send(Noop())
    machine.send(item)
    with pytest.raises(LocalProtocolError, match="wait"):
        machine.send(Noop())
    assert machine.data_to_send().count(b"\r\n") == 2


def test_user_and_pass_go_together() -> None:
    """RFC 2449 section 6.6: "USER and PASS could be batched"."""
    machine = client(tls=True)()
    machine.send(User("bob"))
    machine.send(Pass("secret"))
    assert machine.data_to_send() == b"USER bob\r\nPASS secret\r\n"
    trace = run(machine, b"-ERR no\r\n-ERR what?\r\n")
    assert trace.machine.state is State.AUTHORIZATION
    trace = run(trace.machine, [sends(User("bob"), Pass("secret")), b"+OK\r\n+OK\r\n"])
    assert trace.machine.state is State.TRANSACTION


def test_a_refused_user_leads_back_for_what_follows() -> None:
    machine = client(tls=True)()
    machine.send(User("bob"))
    machine.send(Capa())
    run(machine, b"-ERR no\r\n")
    with pytest.raises(LocalProtocolError, match="authorization"):
        machine.send(Pass("secret"))


# --- What may not be said -------------------------------------------------------------------------


@ids("item", [User("bob"), Auth("PLAIN", b"x")], ids=repr)
def test_secrets_need_tls(item: Any) -> None:
    machine = client()()
    with pytest.raises(LocalProtocolError, match="plaintext_auth"):
        machine.send(item)
    assert machine.data_to_send() == b""
    for able in (client(tls=True)(), client(quirks=Quirks(plaintext_auth=True))()):
        able.send(item)


def test_what_capa_does_not_offer_is_not_sent() -> None:
    bare = b"+OK\r\nPIPELINING\r\n.\r\n"
    machine = client(tls=True, capa=bare)()
    for item in (User("bob"), Auth("SCRAM-SHA-256"), Utf8(), Lang()):
        with pytest.raises(NotOffered):
            machine.send(item)
    with pytest.raises(NotOffered):
        client(capa=bare)().send(Stls())
    # Without CAPA one has to try.
    client(capa=None)().send(Stls())
    client(capa=None)().send(Auth("SCRAM-SHA-256"))


def test_a_mechanism_that_is_not_offered() -> None:
    with pytest.raises(NotOffered, match="NOVEL"):
        client()().send(Auth("NOVEL"))


def test_names_beyond_ascii_need_utf8_user() -> None:
    """RFC 6856 section 2.2: "Clients MUST NOT use UTF-8 characters ..."."""
    capa = b"+OK\r\nUSER\r\nUTF8 USER\r\n.\r\n"
    for item in (User("bücher"), Apop("bücher", "c4c9334bac560ecc979e58001b3e22fb")):
        with pytest.raises(NotOffered, match="UTF8 USER"):
            client(tls=True, greeting=b"+OK <a@b>\r\n", capa=None)().send(item)
        client(tls=True, greeting=b"+OK <a@b>\r\n", capa=capa)().send(item)
    machine = client(sends(User("bob")), b"+OK\r\n", tls=True)()
    with pytest.raises(NotOffered):
        machine.send(Pass("geheim\u00fc"))


def test_apop_needs_a_sound_timestamp() -> None:
    command = Apop.make("bob", "<a@b>", "secret")
    with pytest.raises(LocalProtocolError, match="timestamp"):
        client(greeting=b"+OK <a b@c>\r\n")().send(command)
    machine = client(greeting=b"+OK <a@b>\r\n")()
    machine.send(command)
    assert machine.data_to_send() == b"APOP bob " + command.digest.encode() + b"\r\n"


@ids("item", [Reply(True), Challenge(b"x"), "NOOP", None], ids=repr)
def test_what_no_client_says(item: Any) -> None:
    with pytest.raises(TypeError):
        client()().send(item)


# --- AUTH -----------------------------------------------------------------------------------------


def test_an_exchange() -> None:
    """RFC 5034 section 4."""
    trace = assert_chunk_invariant(
        client(), [sends(Auth("SCRAM-SHA-256")), b"+ c2Fs\r\n", b"+\r\n", b"+OK in\r\n"], silent
    )
    assert trace.output == b"AUTH SCRAM-SHA-256\r\n\r\n\r\n"
    assert trace.events == (
        Challenge(b"sal"),
        Challenge(b""),
        Replied(2, Auth("SCRAM-SHA-256"), Reply(True, "in")),
    )
    assert trace.machine.state is State.TRANSACTION


def test_giving_an_exchange_up() -> None:
    machine: Any = client()()

    def play(machine: Any, event: object) -> None:
        if event is Want.ANSWER:
            assert machine.send(AuthCancel()) == 2

    trace = run(machine, [sends(Auth("SCRAM-SHA-256")), b"+ \r\n", b"-ERR cancelled\r\n"], play)
    assert trace.output.endswith(b"*\r\n")
    assert trace.machine.state is State.AUTHORIZATION
    with pytest.raises(LocalProtocolError, match="challenge"):
        machine.send(AuthResponse(b""))


def test_a_long_initial_response_goes_in_two_steps() -> None:
    """RFC 5034 section 4, RFC 2449 section 4: a command has at most 255 octets."""
    item = Auth("SCRAM-SHA-256", b"x" * 300)
    trace = assert_chunk_invariant(client(), [sends(item), b"+ \r\n", b"+OK\r\n"])
    assert trace.events == (Replied(2, item, Reply(True)),)
    first, second, _ = trace.output.split(b"\r\n")
    assert first == b"AUTH SCRAM-SHA-256"
    assert second == b"eHh4" * 100
    fits = Auth("SCRAM-SHA-256", b"x" * 174)
    machine = client()()
    machine.send(fits)
    assert len(machine.data_to_send()) == 19 + 232 + 2
    # A server that begins by itself has not asked for it.
    trace = run(client()(), [sends(item), b"+ c2Fs\r\n"], silent)
    assert trace.events == (Challenge(b"sal"),)


def test_a_flood_of_challenges() -> None:
    make = client(limits=Limits(challenges=2))
    trace = assert_chunk_invariant(make, [sends(Auth("SCRAM-SHA-256")), *[b"+ \r\n"] * 3], silent)
    assert isinstance(trace.error, LimitExceeded)


@ids(
    "steps",
    [
        [b"+ \r\n"],
        [sends(Noop()), b"+ \r\n"],
        [sends(Retr(1)), b"+ \r\n"],
    ],
)
def test_challenges_to_nothing(steps: list[Any]) -> None:
    trace = assert_chunk_invariant(logged_in(), steps)
    assert isinstance(trace.error, RemoteProtocolError)


def test_a_second_challenge_before_the_first_was_answered() -> None:
    trace = run(client()(), [sends(Auth("SCRAM-SHA-256")), b"+ \r\n+ \r\n"], lambda *_: None)
    assert trace.events == (Challenge(b""),)
    assert isinstance(trace.error, RemoteProtocolError)


# --- STLS -----------------------------------------------------------------------------------------


def test_stls_forgets_what_was_before() -> None:
    """RFC 2595 section 4: "the client MUST discard cached information"."""
    make = client(greeting=b"+OK <a@b>\r\n")
    trace = run(make(), [sends(Stls()), b"+OK go\r\n", sends(Capa()), CAPA])
    assert trace.events[:2] == (TlsEstablished(), Replied(2, Stls(), Reply(True, "go")))
    machine: Any = run(make(), [sends(Stls()), b"+OK go\r\n"]).machine
    assert machine.capabilities is None
    assert machine.timestamp is None
    assert machine.state is State.AUTHORIZATION
    machine.send(User("bob"))
    with pytest.raises(LocalProtocolError):
        machine.send(Pass("x"))


def test_stls_refused() -> None:
    trace = run(client()(), [sends(Stls()), b"-ERR no\r\n"])
    assert trace.events == (Replied(2, Stls(), Reply(False, "no")),)
    assert not trace.machine.tls


def test_when_stls_is_out_of_place() -> None:
    with pytest.raises(LocalProtocolError, match="already"):
        client(tls=True)().send(Stls())
    machine = client(sends(Utf8()), b"+OK\r\n", capa=None)()
    assert machine.utf8
    with pytest.raises(LocalProtocolError, match="UTF8"):
        machine.send(Stls())


# --- The end --------------------------------------------------------------------------------------


def test_quit() -> None:
    trace = assert_chunk_invariant(logged_in(), [sends(Quit()), b"+OK bye\r\n+OK more\r\n"])
    assert trace.events == (Replied(3, Quit(), Reply(True, "bye")),)
    assert trace.end is Want.CLOSE


def test_quit_that_could_not_delete() -> None:
    """RFC 1939 section 6."""
    trace = answer(logged_in(), Quit(), b"-ERR some deleted messages not removed\r\n")
    assert not trace.events[0].reply.ok
    assert trace.end is Want.CLOSE


def test_the_end_instead_of_an_answer_to_quit() -> None:
    trace = run(logged_in()(), [sends(Quit()), EOF])
    assert trace.events == ()
    assert trace.end is Want.CLOSE


@ids(
    "steps",
    [
        [sends(Noop())],
        [sends(Noop()), b"+O"],
        [b"+"],
        [b"\r\n"],
        [sends(Retr(1)), b"+OK\r\nhalf"],
        [sends(Retr(1)), b"+OK\r\nhalf\r\n."],
        [sends(List()), b"+OK\r\n1 2\r\n"],
        [sends(Capa()), b"+OK\r\n"],
    ],
)
def test_the_end_in_the_middle_of_something(steps: list[Any]) -> None:
    trace = assert_chunk_invariant(logged_in(), [*steps, EOF])
    assert isinstance(trace.error, ConnectionLost)
    assert BodyEnd not in {type(event) for event in trace.events}


def test_the_end_before_the_greeting() -> None:
    assert isinstance(run(Client(), [EOF]).error, ConnectionLost)


def test_the_end_between_two_commands() -> None:
    trace = run(logged_in()(), [EOF])
    assert trace.end is Want.CLOSE


def test_a_farewell() -> None:
    trace = assert_chunk_invariant(logged_in(), b"-ERR [SYS/TEMP] Idle for too long\r\n")
    assert trace.events == (Goodbye(Reply(False, "[SYS/TEMP] Idle for too long")),)
    assert trace.end is Want.CLOSE


def test_a_client_that_gives_up_says_nothing() -> None:
    """QUIT would commit the deletions; so might what is queued."""
    machine: Any = logged_in()()
    machine.send(Dele(1))
    machine.send(Quit())
    machine.abort()
    assert machine.data_to_send() == b""
    assert machine.next_event() is Want.CLOSE
    trace = run(logged_in()(), [sends(Noop()), TIMEOUT])
    assert trace.events == (Timeout(),)
    assert trace.end is Want.CLOSE
    assert trace.output == b"NOOP\r\n"


def test_timeouts() -> None:
    machine = Client()
    found = [machine.timeout]
    for act in (
        lambda: run(machine, GREETING),
        lambda: machine.send(Capa()),
        machine.abort,
    ):
        act()
        found.append(machine.timeout)
    assert found == [600, None, 600, None]
