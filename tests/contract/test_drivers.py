"""The contract, kept by three drivers over real sockets: everything but TLS."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mailproto import (
    BodyChunk,
    ConnectionLost,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
    Timeout,
    Want,
)
from tests.contract import toy
from tests.contract.harness import DEADLINE, DRIVERS, App, Peer, Side, events, wait_readable

Pair = Callable[..., tuple[socket.socket, socket.socket]]

every_driver = pytest.mark.parametrize("driver", DRIVERS)
MANY = 10_000_000
SOON = 0.01  # a timeout that is meant to pass
LONG = "x" * 60_000


# --- a session, and its pace ----------------------------------------------------------------------


def server_app(seen: list[Any]) -> App:
    """Says yes at once."""
    machine = yield "machine"
    while True:
        event = yield "next"
        if event is Want.CLOSE:
            return
        seen.append(event)
        if machine.awaiting is not None:
            machine.accept()


@every_driver
def test_pipelined_commands_are_answered_in_order(driver: str, pair: Pair) -> None:
    ours, theirs = pair()
    seen: list[Any] = []
    server = Side(driver, toy.Server(), server_app(seen), ours)
    peer = Peer(theirs)
    peer.send(b"ECHO a\r\nNONSENSE\r\nPUT 5\r\nhelloECHO b\r\nQUIT\r\n")
    assert peer.rest() == b"+hello\r\n+a\r\n-what?\r\n>\r\n+stored\r\n+b\r\n+bye\r\n"
    theirs.close()
    server.join()
    assert seen == [
        toy.Echo("a"),
        toy.BadCommand(b"NONSENSE\r\n"),
        toy.Put(5),
        BodyChunk(b"hello"),
        toy.BodyEnd(5),
        toy.Echo("b"),
        toy.Quit(),
    ]


@every_driver
def test_the_mode_switches_in_the_middle_of_a_buffer_at_every_place(
    driver: str, pair: Pair
) -> None:
    data = b"PUT 3\r\n\r\n!PUT 0\r\nECHO x\r\nQUIT\r\n"
    for cut in range(1, len(data)):
        ours, theirs = pair()
        seen: list[Any] = []
        server = Side(driver, toy.Server(), server_app(seen), ours)
        peer = Peer(theirs)
        peer.send(data[:cut])
        peer.send(data[cut:])
        assert peer.rest() == b"+hello\r\n>\r\n+stored\r\n>\r\n+stored\r\n+x\r\n+bye\r\n"
        theirs.close()
        server.join()
        assert b"".join(one.data for one in seen if isinstance(one, BodyChunk)) == b"\r\n!"


@every_driver
def test_everything_earlier_has_been_flushed_when_an_answer_is_slow(
    driver: str, pair: Pair
) -> None:
    ours, theirs = pair()
    told = threading.Event()

    def app() -> App:
        machine = yield "machine"
        assert (yield "next") == toy.Echo("a")
        machine.accept()
        assert (yield "next") == toy.Echo("b")
        assert (yield "next") is Want.ANSWER
        assert (yield "next") is Want.ANSWER  # as often as one asks
        yield "wait", told
        assert machine.awaiting == toy.Echo("b")
        machine.accept("late")
        assert (yield "next") == toy.Echo("c")
        machine.reject()
        assert (yield "next") == toy.Quit()
        return (yield "next")

    server = Side(driver, toy.Server(), app(), ours)
    peer = Peer(theirs)
    peer.send(b"ECHO a\r\nECHO b\r\nECHO c\r\nQUIT\r\n")
    assert peer.line() == b"+hello\r\n"
    assert peer.line() == b"+a\r\n"
    told.set()
    assert peer.rest() == b"+late\r\n-no\r\n+bye\r\n"
    theirs.close()
    assert server.join() is Want.CLOSE


@every_driver
def test_a_server_reads_nothing_while_it_owes_an_answer(driver: str, pair: Pair) -> None:
    ours, theirs = pair()
    asked, more_came = threading.Event(), threading.Event()

    def app() -> App:
        machine = yield "machine"
        assert (yield "next") == toy.Echo("a")
        assert (yield "next") is Want.ANSWER
        asked.set()
        yield "wait", more_came
        assert (yield "next") is Want.ANSWER
        wait_readable(ours)  # it is still in the kernel
        machine.accept()
        assert (yield "next") == toy.Echo("b")
        machine.accept()
        yield "flush"

    server = Side(driver, toy.Server(), app(), ours)
    peer = Peer(theirs)
    peer.send(b"ECHO a\r\n")
    assert peer.line() == b"+hello\r\n"
    assert asked.wait(DEADLINE)
    peer.send(b"ECHO b\r\n")
    more_came.set()
    assert peer.line() == b"+a\r\n"
    assert peer.line() == b"+b\r\n"
    theirs.close()
    server.join()


@every_driver
def test_another_task_pushes_while_the_driver_reads(driver: str, pair: Pair) -> None:
    ours, theirs = pair()
    greeted = threading.Event()
    seen: list[Any] = []

    def pusher() -> App:
        yield "wait", greeted
        for text in ("one", "two"):
            yield "send", toy.Push(text)

    def app() -> App:
        yield "spawn", pusher()
        yield from server_app(seen)

    server = Side(driver, toy.Server(), app(), ours)
    peer = Peer(theirs)
    assert peer.line() == b"+hello\r\n"  # from here on the driver waits for input
    greeted.set()
    assert peer.line() == b"!one\r\n"
    assert peer.line() == b"!two\r\n"
    peer.send(b"QUIT\r\n")
    assert peer.rest() == b"+bye\r\n"
    theirs.close()
    server.join()


@every_driver
def test_a_command_sent_by_another_task_gets_its_reply_and_its_timeout(
    driver: str, pair: Pair
) -> None:
    """A driver that waits for ever learns that there is a deadline now."""
    ours, theirs = pair()
    client = toy.Client()
    greeted = threading.Event()

    def sender() -> App:
        yield "wait", greeted
        client.timeout = SOON
        yield "send", toy.Echo("a")

    def app() -> App:
        yield "spawn", sender()
        assert (yield "next") == toy.Greeted("hello")
        greeted.set()
        assert (yield "next") == Timeout()
        return (yield "next")

    side = Side(driver, client, app(), ours)
    peer = Peer(theirs)
    peer.send(b"+hello\r\n")
    assert peer.rest() == b"ECHO a\r\n"
    theirs.close()
    assert side.join() is Want.CLOSE


# --- bodies ---------------------------------------------------------------------------------------


def put(size: int, *, piece: int = 65_536) -> App:
    """Put `size` octets: what came back, in order, and how many octets were pushed meanwhile."""
    left, pushed = size, 0
    assert (yield "next") == toy.Greeted("hello")
    yield "send", toy.Put(size)
    while True:
        event = yield "next"
        if event is Want.ANSWER:
            if left:
                yield "send_body", bytes(min(left, piece))
                left -= min(left, piece)
            else:
                yield "end_body"
        elif isinstance(event, toy.Push):
            pushed += len(event.text)
        else:
            break
    yield "send", toy.Quit()
    assert isinstance((yield "next"), toy.Replied)
    assert (yield "next") is Want.CLOSE
    return event, pushed


@every_driver
def test_a_client_is_asked_for_its_body(driver: str, pair: Pair) -> None:
    ours, theirs = pair()
    client = Side(driver, toy.Client(), put(5, piece=2), ours)
    peer = Peer(theirs)
    peer.send(b"+hello\r\n")
    assert peer.line() == b"PUT 5\r\n"
    peer.send(b">\r\n")
    assert peer.exactly(5) == bytes(5)
    peer.send(b"+stored\r\n")
    assert peer.line() == b"QUIT\r\n"
    peer.send(b"+bye\r\n")
    theirs.close()
    assert client.join() == (toy.Replied(1, toy.Put(5), True, "stored"), 0)


@every_driver
def test_a_server_is_asked_for_its_body(driver: str, pair: Pair) -> None:
    ours, theirs = pair()

    def app() -> App:
        machine = yield "machine"
        assert (yield "next") == toy.Get(6)
        machine.accept()
        for data in (b"ab", b"", b"cdef"):
            assert (yield "next") is Want.ANSWER
            yield "send_body", data
        assert (yield "next") is Want.ANSWER
        yield "end_body"
        assert (yield "next") == toy.Quit()
        assert (yield "next") is Want.CLOSE

    server = Side(driver, toy.Server(), app(), ours)
    peer = Peer(theirs)
    peer.send(b"GET 6\r\nQUIT\r\n")
    assert peer.rest() == b"+hello\r\n*6\r\nabcdef+bye\r\n"
    theirs.close()
    server.join()


@pytest.mark.parametrize("server_driver", DRIVERS)
@pytest.mark.parametrize("client_driver", DRIVERS)
def test_ten_megabytes_both_ways_at_once(
    client_driver: str, server_driver: str, pair: Pair
) -> None:
    """The server writes all of its part before it reads: the client has to read while it writes."""
    ours, theirs = pair(buffer=65_536)
    seen: list[Any] = []

    def app() -> App:
        machine = yield "machine"
        assert (yield "next") == toy.Put(MANY)
        machine.accept()
        for _ in range(MANY // len(LONG)):
            yield "send", toy.Push(LONG)
        size = 0
        while isinstance(event := (yield "next"), BodyChunk):
            size += len(event.data)
        seen.append(size)
        assert event == toy.BodyEnd(MANY)
        machine.accept()
        assert (yield "next") == toy.Quit()
        assert (yield "next") is Want.CLOSE

    server = Side(server_driver, toy.Server(), app(), ours)
    limits = Limits(line=len(LONG) + 100)
    client = Side(client_driver, toy.Client(limits=limits), put(MANY), theirs)
    reply, pushed = client.join()
    assert reply == toy.Replied(1, toy.Put(MANY), True, "stored")
    assert pushed == MANY // len(LONG) * len(LONG)
    server.join()
    assert seen == [MANY]


# --- the end of the input -------------------------------------------------------------------------

SERVER_STATES = {
    "idle": (b"", b"", False),
    "after a command": (b"ECHO a\r\n", b"+a\r\n", False),
    "in a line": (b"ECH", b"", True),
    "in a body": (b"PUT 5\r\nab", b">\r\n", True),
    "behind a body": (b"PUT 2\r\nab", b">\r\n+stored\r\n", False),
    "after QUIT": (b"QUIT\r\n", b"+bye\r\n", False),
}


@every_driver
@pytest.mark.parametrize("state", SERVER_STATES)
def test_end_of_input_at_a_server(driver: str, state: str, pair: Pair) -> None:
    """Everything owed is still written; then CLOSE, or an error where something was cut short."""
    data, answer, cut_short = SERVER_STATES[state]
    ours, theirs = pair()
    server = Side(driver, toy.Server(), events([]), ours)
    peer = Peer(theirs)
    peer.send(data)
    theirs.shutdown(socket.SHUT_WR)
    assert peer.rest() == b"+hello\r\n" + answer
    error = server.join()
    assert isinstance(error, ConnectionLost) if cut_short else error is None


@every_driver
def test_end_of_input_while_an_answer_is_owed(driver: str, pair: Pair) -> None:
    ours, theirs = pair()
    hung_up = threading.Event()

    def app() -> App:
        machine = yield "machine"
        assert (yield "next") == toy.Echo("a")
        yield "wait", hung_up
        assert (yield "next") is Want.ANSWER
        machine.accept()
        return (yield "next")

    server = Side(driver, toy.Server(), app(), ours)
    peer = Peer(theirs)
    peer.send(b"ECHO a\r\n")
    theirs.shutdown(socket.SHUT_WR)
    hung_up.set()
    assert peer.rest() == b"+hello\r\n+a\r\n"
    assert server.join() is Want.CLOSE


def reach(command: toy.Command | None) -> App:
    """A client that waits for the rest of what `command` brings."""
    yield "next"
    if command is not None:
        yield "send", command
    while True:
        try:
            event = yield "next"
        except RemoteProtocolError as error:
            return error
        if event is Want.CLOSE:
            return None
        if event is Want.ANSWER:
            yield "send_body", b"a"


CLIENT_STATES: dict[str, tuple[toy.Command | None, bytes, bytes, bool]] = {
    "idle": (None, b"", b"", False),
    "in a line": (None, b"!hal", b"", True),
    "waiting for a reply": (toy.Echo("a"), b"", b"ECHO a\r\n", True),
    "in a reply": (toy.Echo("a"), b"+", b"ECHO a\r\n", True),
    "in a body that comes": (toy.Get(3), b"*3\r\nab", b"GET 3\r\n", True),
    "after QUIT, without a reply": (toy.Quit(), b"", b"QUIT\r\n", False),
    "after QUIT": (toy.Quit(), b"+bye\r\n", b"QUIT\r\n", False),
}


@every_driver
@pytest.mark.parametrize("state", CLIENT_STATES)
def test_end_of_input_at_a_client(driver: str, state: str, pair: Pair) -> None:
    command, data, said, cut_short = CLIENT_STATES[state]
    ours, theirs = pair()
    client = Side(driver, toy.Client(), reach(command), ours)
    peer = Peer(theirs)
    peer.send(b"+hello\r\n")
    if command is not None:
        assert peer.line() == said
    peer.send(data)
    theirs.shutdown(socket.SHUT_WR)
    assert peer.rest() == b""
    error = client.join()
    assert isinstance(error, ConnectionLost) if cut_short else error is None


@every_driver
def test_end_of_input_while_a_client_sends_a_body(driver: str, pair: Pair) -> None:
    """Nobody listens any more: no ANSWER, no end of the body, an error."""
    ours, theirs = pair(buffer=4_096)
    client = Side(driver, toy.Client(), put(MANY), ours)
    peer = Peer(theirs)
    peer.send(b"+hello\r\n")
    assert peer.line() == b"PUT 10000000\r\n"
    peer.send(b">\r\n!enough\r\n")
    theirs.shutdown(socket.SHUT_WR)
    body = peer.rest()
    assert len(body) < MANY
    with pytest.raises(ConnectionLost):
        client.join()


# --- failed writes --------------------------------------------------------------------------------


@every_driver
def test_what_is_left_is_read_when_a_write_fails(driver: str, pair: Pair) -> None:
    """The peer said why it hung up: that is an event, and the failure comes behind it."""
    ours, theirs = pair()
    hung_up = threading.Event()

    def app() -> App:
        machine = yield "machine"
        assert (yield "next") == toy.Greeted("hello")
        yield "wait", hung_up
        machine.send(toy.Echo("a"))
        yield "flush"
        machine.send(toy.Echo("b"))
        yield "flush"
        seen = [(yield "next")]
        with pytest.raises(ConnectionLost) as caught:
            seen.append((yield "next"))
        assert isinstance(caught.value.__cause__, OSError) or "Broken" in repr(
            caught.value.__cause__
        )
        with pytest.raises(ConnectionLost):  # and for ever
            yield "next"
        return seen

    client = Side(driver, toy.Client(), app(), ours)
    peer = Peer(theirs)
    peer.send(b"+hello\r\n")
    peer.send(b"!going down\r\n")
    peer.reset()
    hung_up.set()
    assert client.join() == [toy.Push("going down")]


@every_driver
def test_a_server_whose_peer_is_gone_ends_in_order(driver: str, pair: Pair) -> None:
    """Its answers go nowhere; what the peer had said before is still heard."""
    ours, theirs = pair()
    hung_up = threading.Event()
    seen: list[Any] = []

    def app() -> App:
        machine = yield "machine"
        assert (yield "next") == toy.Echo("a")
        yield "wait", hung_up
        for _ in range(3):
            yield "send", toy.Push("anybody there?")
        machine.accept()
        while (event := (yield "next")) is not Want.CLOSE:
            seen.append(event)
            if machine.awaiting is not None:
                machine.accept()

    server = Side(driver, toy.Server(), app(), ours)
    peer = Peer(theirs)
    peer.send(b"ECHO a\r\n")
    assert peer.line() == b"+hello\r\n"
    peer.send(b"ECHO b\r\n")
    peer.reset()
    hung_up.set()
    server.join()
    assert seen == [toy.Echo("b")]


# --- time -----------------------------------------------------------------------------------------


def after(machine: toy.Server | toy.Client, ready: threading.Event) -> App:
    """Take what comes; from `ready` on every wait is short. Returns what came from there on."""
    seen: list[Any] = []

    def hurry() -> App:
        yield "wait", ready
        machine.timeout = SOON
        yield "flush"

    yield "spawn", hurry()
    while True:
        event = yield "next"
        seen.append(event)
        if event is Want.CLOSE:
            return seen[seen.index(Timeout()) :]
        if event == Timeout():
            machine.timeout = None  # it may take its time to say farewell
        elif isinstance(machine, toy.Server) and machine.awaiting is not None:
            machine.accept()


@every_driver
@pytest.mark.parametrize("state", ["idle", "after a command", "in a line", "in a body"])
def test_timeout_at_a_server(driver: str, state: str, pair: Pair) -> None:
    """A farewell between items; not a byte inside a body."""
    data, answer, _ = SERVER_STATES[state]
    ours, theirs = pair()
    ready = threading.Event()
    machine = toy.Server()
    server = Side(driver, machine, after(machine, ready), ours)
    peer = Peer(theirs)
    peer.send(data)
    expected = b"+hello\r\n" + answer
    assert peer.exactly(len(expected)) == expected
    ready.set()
    assert peer.rest() == (b"" if state == "in a body" else b"-closing\r\n")
    theirs.close()
    assert server.join() == [Timeout(), Want.CLOSE]


@every_driver
@pytest.mark.parametrize("state", ["idle", "in a line", "waiting for a reply", "in a reply"])
def test_timeout_at_a_client(driver: str, state: str, pair: Pair) -> None:
    """It closes without a word."""
    command, data, said, _ = CLIENT_STATES[state]
    ours, theirs = pair()
    machine = toy.Client()
    ready = threading.Event()
    if command is not None:
        machine.send(command)
    client = Side(driver, machine, after(machine, ready), ours)
    peer = Peer(theirs)
    if command is not None:
        assert peer.line() == said
    peer.send(b"+hello\r\n" + data)
    ready.set()
    assert peer.rest() == b""
    theirs.close()
    assert client.join() == [Timeout(), Want.CLOSE]


@every_driver
def test_bytes_that_make_no_event_do_not_prolong_a_wait(driver: str, pair: Pair) -> None:
    """The peer of this client says one byte whenever the last one has been read, for ever."""
    ours, theirs = pair()
    machine = toy.Client(limits=Limits(line=None))

    def app() -> App:
        assert (yield "next") == toy.Greeted("hello")
        machine.timeout = 0.2
        assert (yield "next") == Timeout()
        return (yield "next")

    client = Side(driver, machine, app(), ours)
    peer = Peer(theirs)
    peer.send(b"+hello\r\n!")
    theirs.settimeout(SOON)
    for _ in range(2_000):
        try:
            theirs.sendall(b"a")
            if not theirs.recv(1):
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    theirs.close()
    assert client.join() is Want.CLOSE


@every_driver
def test_what_a_server_says_unasked_does_not_prolong_its_wait(driver: str, pair: Pair) -> None:
    """RFC 9051 section 5.4: the timer is about what the client does."""
    ours, theirs = pair()
    machine = toy.Server()
    heard = threading.Event()

    def pusher() -> App:
        with contextlib.suppress(LocalProtocolError):  # the machine is closing
            while True:
                yield "send", toy.Push("still there?")
                yield "wait", heard
                heard.clear()

    def app() -> App:
        yield "flush"
        machine.timeout = 0.2
        yield "spawn", pusher()
        assert (yield "next") == Timeout()
        machine.timeout = None
        return (yield "next")

    server = Side(driver, machine, app(), ours)
    peer = Peer(theirs)
    assert peer.line() == b"+hello\r\n"
    while peer.line() == b"!still there?\r\n":
        heard.set()
    heard.set()
    assert peer.rest() == b""
    theirs.close()
    assert server.join() is Want.CLOSE


@every_driver
def test_timeout_of_a_servers_write(driver: str, pair: Pair) -> None:
    """A peer that reads nothing is given up, and nothing can be said to it."""
    ours, theirs = pair(buffer=4_096)
    machine = toy.Server()

    def app() -> App:
        yield "flush"
        machine.timeout = SOON
        for _ in range(MANY // len(LONG)):
            yield "send", toy.Push(LONG)
            if machine.awaiting is None and (yield "next") == Timeout():
                break
        return (yield "next")

    machine_app = app()
    ours.setblocking(False)
    server = Side(driver, machine, machine_app, ours)
    assert server.join() is Want.CLOSE
    theirs.close()


@every_driver
def test_timeout_of_a_clients_write(driver: str, pair: Pair) -> None:
    ours, theirs = pair(buffer=4_096)
    machine = toy.Client()

    def app() -> App:
        assert (yield "next") == toy.Greeted("hello")
        yield "send", toy.Put(MANY)
        assert (yield "next") is Want.ANSWER
        machine.timeout = SOON
        sent = 0
        while (event := (yield "next")) is Want.ANSWER:
            yield "send_body", bytes(65_536)
            sent += 65_536
        assert event == Timeout()
        assert sent < MANY
        return (yield "next")

    client = Side(driver, machine, app(), ours)
    peer = Peer(theirs)
    peer.send(b"+hello\r\n")
    assert peer.line() == b"PUT 10000000\r\n"
    peer.send(b">\r\n")
    assert client.join() is Want.CLOSE
    assert len(peer.rest()) < MANY


# --- giving up ------------------------------------------------------------------------------------


@every_driver
def test_a_server_says_farewell_when_it_gives_up(driver: str, pair: Pair) -> None:
    ours, theirs = pair()

    def app() -> App:
        assert (yield "next") == toy.Echo("a")
        yield "abort", "-so long"
        return (yield "next")

    server = Side(driver, toy.Server(), app(), ours)
    peer = Peer(theirs)
    peer.send(b"ECHO a\r\nECHO b\r\n")
    assert peer.rest() == b"+hello\r\n-so long\r\n"
    theirs.close()
    assert server.join() is Want.CLOSE


@every_driver
def test_a_server_that_gives_up_inside_a_body_says_nothing(driver: str, pair: Pair) -> None:
    ours, theirs = pair()

    def app() -> App:
        machine = yield "machine"
        assert (yield "next") == toy.Get(5)
        machine.accept()
        assert (yield "next") is Want.ANSWER
        yield "send_body", b"ab"
        yield ("abort",)
        return (yield "next")

    server = Side(driver, toy.Server(), app(), ours)
    peer = Peer(theirs)
    peer.send(b"GET 5\r\n")
    assert peer.rest() == b"+hello\r\n*5\r\nab"
    theirs.close()
    assert server.join() is Want.CLOSE


@every_driver
def test_a_client_that_gives_up_completes_no_body(driver: str, pair: Pair) -> None:
    ours, theirs = pair()

    def app() -> App:
        assert (yield "next") == toy.Greeted("hello")
        yield "send", toy.Put(2)
        assert (yield "next") is Want.ANSWER
        yield "send_body", b"a"
        assert (yield "next") is Want.ANSWER
        machine = yield "machine"
        machine.send_body(b"b")
        yield ("abort",)
        return (yield "next")

    client = Side(driver, toy.Client(), app(), ours)
    peer = Peer(theirs)
    peer.send(b"+hello\r\n")
    assert peer.line() == b"PUT 2\r\n"
    peer.send(b">\r\n")
    assert peer.rest() == b"a"
    theirs.close()
    assert client.join() is Want.CLOSE


@every_driver
@pytest.mark.parametrize("machine", [toy.Server, toy.Client])
def test_another_task_gives_up_while_the_driver_reads(
    driver: str, machine: Callable[[], Any], pair: Pair
) -> None:
    ours, theirs = pair()
    ready = threading.Event()

    def quitter() -> App:
        yield "wait", ready
        yield ("abort",)

    def app() -> App:
        yield "spawn", quitter()
        event = yield "next"
        if event == toy.Greeted("hello"):
            event = yield "next"
        return event

    side = Side(driver, machine(), app(), ours)
    peer = Peer(theirs)
    if machine is toy.Server:
        assert peer.line() == b"+hello\r\n"
    else:
        peer.send(b"+hello\r\n")
    ready.set()
    assert peer.rest() == (b"-closing\r\n" if machine is toy.Server else b"")
    theirs.close()
    assert side.join() is Want.CLOSE


# --- errors ---------------------------------------------------------------------------------------


@every_driver
def test_good_answers_and_the_farewell_reach_the_peer_before_an_error_is_raised(
    driver: str, pair: Pair
) -> None:
    ours, theirs = pair()
    seen: list[Any] = []
    server = Side(driver, toy.Server(limits=Limits(line=20)), events(seen), ours)
    peer = Peer(theirs)
    peer.send(b"ECHO a\r\n" + bytes(21) + b"\r\nECHO never\r\n")
    assert peer.rest() == b"+hello\r\n+a\r\n-too long\r\n"
    theirs.close()
    error = server.join()
    assert isinstance(error, RemoteProtocolError)
    assert seen == [toy.Echo("a")]


@every_driver
def test_last_words_reach_a_peer_that_is_still_writing(driver: str, pair: Pair) -> None:
    """Closing a socket with unread input would reset the connection, and lose them."""
    ours, theirs = pair(buffer=65_536)
    server = Side(driver, toy.Server(), events([]), ours)
    peer = Peer(theirs)
    peer.send(b"QUIT\r\n" + bytes(MANY))
    theirs.shutdown(socket.SHUT_WR)
    assert peer.rest() == b"+hello\r\n+bye\r\n"
    assert server.join() is None
