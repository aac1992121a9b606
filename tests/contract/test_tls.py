"""TLS is a barrier (RFC 3207 section 4.2), kept by three drivers against peers that attack it.

The other end is a socket and a TLS object in the test's own hand: it sees every octet that the
driver sends, and decides which octets share a segment.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trustme

from mailproto import ConnectionLost, RemoteProtocolError, Timeout, TlsEstablished, Want
from tests.contract import toy
from tests.contract.harness import DEADLINE, DRIVERS, App, Peer, Side, events, wait_readable

Pair = Callable[..., tuple[socket.socket, socket.socket]]

every_driver = pytest.mark.parametrize("driver", DRIVERS)
INJECTED = b"ECHO injected\r\n"


def kinds(seen: list[Any]) -> list[type]:
    return [type(event) for event in seen]


# --- what should work -----------------------------------------------------------------------------


@pytest.mark.parametrize("server_driver", DRIVERS)
@pytest.mark.parametrize("client_driver", DRIVERS)
def test_upgrade(
    client_driver: str,
    server_driver: str,
    pair: Pair,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
) -> None:
    ours, theirs = pair()
    seen: list[Any] = []

    def app() -> App:
        yield "next"
        yield "send", toy.StartTls()
        established, replied = (yield "next"), (yield "next")
        yield "send", toy.Echo("a")
        echoed = yield "next"
        yield "send", toy.Quit()
        yield "next"
        assert (yield "next") is Want.CLOSE
        return established, replied, echoed

    server = Side(server_driver, toy.Server(), events(seen), ours, context=server_context)
    client = Side(
        client_driver,
        toy.Client(),
        app(),
        theirs,
        context=client_context,
        server_hostname="localhost",
    )
    established, replied, echoed = client.join()
    assert established.peer["subjectAltName"] == (("DNS", "localhost"),)
    assert replied == toy.Replied(1, toy.StartTls(), True, "go")
    assert echoed == toy.Replied(2, toy.Echo("a"), True, "a")
    assert server.join() is None
    assert kinds(seen) == [toy.StartTls, TlsEstablished, toy.Echo, toy.Quit]
    assert server.machine.tls
    assert client.machine.tls


@pytest.mark.parametrize("server_driver", DRIVERS)
@pytest.mark.parametrize("client_driver", DRIVERS)
def test_tls_from_the_first_octet(
    client_driver: str,
    server_driver: str,
    pair: Pair,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
) -> None:
    """RFC 8314 section 3: a machine made with tls=True never says anything in plaintext."""
    ours, theirs = pair()
    seen: list[Any] = []

    def app() -> App:
        assert (yield "next") == toy.Greeted("hello")
        yield "send", toy.Quit()
        yield "next"
        return (yield "next")

    server = Side(server_driver, toy.Server(tls=True), events(seen), ours, context=server_context)
    client = Side(
        client_driver,
        toy.Client(tls=True),
        app(),
        theirs,
        context=client_context,
        server_hostname="localhost",
    )
    assert client.join() is Want.CLOSE
    assert server.join() is None
    assert seen == [toy.Quit()]


@pytest.mark.parametrize("server_driver", DRIVERS)
@pytest.mark.parametrize("client_driver", DRIVERS)
def test_megabytes_both_ways_inside_tls(
    client_driver: str,
    server_driver: str,
    pair: Pair,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
) -> None:
    ours, theirs = pair(buffer=65_536)
    size, text, times = 4_000_000, "x" * 10_000, 400

    def serve() -> App:
        machine = yield "machine"
        while type((yield "next")) is not toy.Put:
            if machine.awaiting is not None:
                machine.accept()
        machine.accept()
        for _ in range(times):
            yield "send", toy.Push(text)
        got = 0
        while not isinstance(event := (yield "next"), toy.BodyEnd):
            got += len(event.data)
        machine.accept()
        assert (yield "next") == toy.Quit()
        assert (yield "next") is Want.CLOSE
        return got

    def put() -> App:
        yield "next"
        yield "send", toy.StartTls()
        yield "next"
        yield "next"
        yield "send", toy.Put(size)
        left, pushed = size, 0
        while not isinstance(event := (yield "next"), toy.Replied):
            if event is Want.ANSWER and left:
                yield "send_body", bytes(40_000)
                left -= 40_000
            elif event is Want.ANSWER:
                yield "end_body"
            else:
                pushed += 1
        yield "send", toy.Quit()
        yield "next"
        assert (yield "next") is Want.CLOSE
        return pushed

    server = Side(server_driver, toy.Server(), serve(), ours, context=server_context)
    client = Side(
        client_driver,
        toy.Client(),
        put(),
        theirs,
        context=client_context,
        server_hostname="localhost",
    )
    assert client.join() == times
    assert server.join() == size


@every_driver
def test_input_that_comes_with_the_end_of_the_handshake_is_read(
    driver: str, pair: Pair, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    """The mode switches in the middle of a segment: Finished, and behind it the first command."""
    ours, theirs = pair()
    seen: list[Any] = []
    server = Side(driver, toy.Server(), events(seen), ours, context=server_context)
    peer = Peer(theirs)
    peer.send(b"TLS\r\n")
    assert peer.line() == b"+hello\r\n"
    assert peer.line() == b"+go\r\n"
    peer.send(peer.hello(client_context, server_hostname="localhost"))
    peer.send(peer.handshake() + peer.seal(b"ECHO a\r\n"))
    assert peer.open(4) == b"+a\r\n"
    peer.send(peer.seal(b"QUIT\r\n"))
    assert peer.open(6) == b"+bye\r\n"
    theirs.close()
    assert server.join() is None
    assert kinds(seen) == [toy.StartTls, TlsEstablished, toy.Echo, toy.Quit]


# --- injection at a server ------------------------------------------------------------------------


@every_driver
def test_plaintext_in_the_segment_of_starttls(
    driver: str, pair: Pair, server_context: ssl.SSLContext
) -> None:
    """CVE-2011-0411: it is never a command, and nothing is answered behind the go-ahead."""
    ours, theirs = pair()
    seen: list[Any] = []
    server = Side(driver, toy.Server(), events(seen), ours, context=server_context)
    peer = Peer(theirs)
    peer.send(b"TLS\r\n" + INJECTED)
    assert peer.rest() == b"+hello\r\n+go\r\n"
    theirs.close()
    assert isinstance(server.join(), RemoteProtocolError)
    assert seen == [toy.StartTls()]
    assert not server.machine.tls


@every_driver
def test_plaintext_in_a_second_segment_while_the_handler_waits(
    driver: str, pair: Pair, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    """It is still in the kernel when TLS begins: only the handshake meets it, and fails."""
    ours, theirs = pair()
    asked, injected = threading.Event(), threading.Event()
    seen: list[Any] = []

    def app() -> App:
        machine = yield "machine"
        seen.append((yield "next"))
        assert (yield "next") is Want.ANSWER
        asked.set()
        yield "wait", injected
        assert (yield "next") is Want.ANSWER
        wait_readable(ours)
        machine.accept()
        return (yield from events(seen))

    server = Side(driver, toy.Server(), app(), ours, context=server_context)
    peer = Peer(theirs)
    peer.send(b"TLS\r\n")
    assert peer.line() == b"+hello\r\n"
    assert asked.wait(DEADLINE)
    peer.send(INJECTED)
    injected.set()
    assert peer.line() == b"+go\r\n"
    peer.send(peer.hello(client_context, server_hostname="localhost"))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        peer.handshake()
    theirs.close()
    error = server.join()
    assert isinstance(error, ConnectionLost)
    assert isinstance(error.__cause__, ssl.SSLError)
    assert seen == [toy.StartTls()]
    assert not server.machine.tls


@every_driver
def test_a_client_hello_in_the_segment_of_starttls(
    driver: str, pair: Pair, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    """It was sent before the go-ahead, and nobody can tell who sent it: refused."""
    ours, theirs = pair()
    seen: list[Any] = []
    server = Side(driver, toy.Server(), events(seen), ours, context=server_context)
    peer = Peer(theirs)
    peer.send(b"TLS\r\n" + peer.hello(client_context, server_hostname="localhost"))
    assert peer.rest() == b"+hello\r\n+go\r\n"
    theirs.close()
    assert isinstance(server.join(), RemoteProtocolError)
    assert seen == [toy.StartTls()]


@every_driver
def test_a_client_hello_that_comes_before_the_go_ahead(
    driver: str, pair: Pair, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    """In a segment of its own it waits in the kernel, and is what the handshake begins with."""
    ours, theirs = pair()
    asked, impatient = threading.Event(), threading.Event()
    seen: list[Any] = []

    def app() -> App:
        machine = yield "machine"
        seen.append((yield "next"))
        assert (yield "next") is Want.ANSWER
        asked.set()
        yield "wait", impatient
        wait_readable(ours)
        machine.accept()
        return (yield from events(seen))

    server = Side(driver, toy.Server(), app(), ours, context=server_context)
    peer = Peer(theirs)
    peer.send(b"TLS\r\n")
    assert asked.wait(DEADLINE)
    peer.send(peer.hello(client_context, server_hostname="localhost"))
    impatient.set()
    assert peer.line() == b"+hello\r\n"
    assert peer.line() == b"+go\r\n"
    peer.send(peer.handshake())
    peer.send(peer.seal(b"QUIT\r\n"))
    assert peer.open(6) == b"+bye\r\n"
    theirs.close()
    assert server.join() is None
    assert kinds(seen) == [toy.StartTls, TlsEstablished, toy.Quit]


# --- injection at a client ------------------------------------------------------------------------


def upgrade(seen: list[Any]) -> App:
    """A client that wants TLS. Returns the error it ends with."""
    assert (yield "next") == toy.Greeted("hello")
    yield "send", toy.StartTls()
    return (yield from events(seen))


@every_driver
@pytest.mark.parametrize("injected", [b"!evil\r\n", b"!evi", b"\r\n"])
def test_plaintext_behind_the_go_ahead(
    driver: str, injected: bytes, pair: Pair, client_context: ssl.SSLContext
) -> None:
    """CVE-2021-38371 and others: neither an event nor the beginning of one, and no ClientHello."""
    ours, theirs = pair()
    seen: list[Any] = []
    client = Side(
        driver,
        toy.Client(),
        upgrade(seen),
        ours,
        context=client_context,
        server_hostname="localhost",
    )
    peer = Peer(theirs)
    peer.send(b"+hello\r\n")
    assert peer.line() == b"TLS\r\n"
    peer.send(b"+go\r\n" + injected)
    assert peer.rest() == b""
    theirs.close()
    assert isinstance(client.join(), RemoteProtocolError)
    assert seen == []


@every_driver
def test_plaintext_behind_the_go_ahead_in_a_second_segment(
    driver: str, pair: Pair, client_context: ssl.SSLContext, server_context: ssl.SSLContext
) -> None:
    ours, theirs = pair()
    seen: list[Any] = []
    client = Side(
        driver,
        toy.Client(),
        upgrade(seen),
        ours,
        context=client_context,
        server_hostname="localhost",
    )
    peer = Peer(theirs)
    peer.send(b"+hello\r\n")
    assert peer.line() == b"TLS\r\n"
    peer.send(b"+go\r\n")
    assert peer.exactly(1) == b"\x16"  # the ClientHello: the go-ahead has been read
    peer.send(b"!evil\r\n")
    peer.rest()
    theirs.close()
    error = client.join()
    assert isinstance(error, ConnectionLost)
    assert isinstance(error.__cause__, ssl.SSLError)
    assert seen == []
    assert not client.machine.tls


# --- what else goes wrong -------------------------------------------------------------------------


@every_driver
@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_is_not_good(
    driver: str, wrong: str, pair: Pair, authority: trustme.CA
) -> None:
    """Not a command goes into such a connection; the reason is the cause of the error."""
    ours, theirs = pair()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trusted = ssl.create_default_context()
    (trustme.CA() if wrong == "authority" else authority).issue_cert("localhost").configure_cert(
        context
    )
    authority.configure_trust(trusted)
    seen: list[Any] = []
    client = Side(
        driver,
        toy.Client(),
        upgrade(seen),
        ours,
        context=trusted,
        server_hostname="localhost" if wrong == "authority" else "mail.example",
    )
    peer = Peer(theirs)
    peer.send(b"+hello\r\n")
    assert peer.line() == b"TLS\r\n"
    peer.send(b"+go\r\n")
    peer.hello(context, server_side=True)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        peer.handshake()
    theirs.close()
    error = client.join()
    assert isinstance(error, ConnectionLost)
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    assert seen == []


@every_driver
@pytest.mark.parametrize("machine", [toy.Server, toy.Client])
@pytest.mark.parametrize("how", ["fin", "reset"])
def test_the_peer_hangs_up_in_the_handshake(
    driver: str,
    machine: Callable[[], Any],
    how: str,
    pair: Pair,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
) -> None:
    ours, theirs = pair()
    is_server = machine is toy.Server
    seen: list[Any] = []
    side = Side(
        driver,
        machine(),
        events(seen) if is_server else upgrade(seen),
        ours,
        context=server_context if is_server else client_context,
        server_hostname=None if is_server else "localhost",
    )
    peer = Peer(theirs)
    if is_server:
        peer.send(b"TLS\r\n")
        assert peer.line() == b"+hello\r\n"
        assert peer.line() == b"+go\r\n"
        peer.send(peer.hello(client_context, server_hostname="localhost")[:50])
    else:
        peer.send(b"+hello\r\n")
        assert peer.line() == b"TLS\r\n"
        peer.send(b"+go\r\n")
        assert peer.exactly(1) == b"\x16"
    if how == "reset":
        peer.reset()
    else:
        theirs.shutdown(socket.SHUT_WR)
        peer.rest()
        theirs.close()
    assert isinstance(side.join(), ConnectionLost)
    assert side.failure is not None
    assert TlsEstablished not in kinds(seen)


@every_driver
@pytest.mark.parametrize("machine", [toy.Server, toy.Client])
def test_timeout_in_the_handshake(
    driver: str,
    machine: Callable[[], Any],
    pair: Pair,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
) -> None:
    """Not a byte of a farewell: the peer would read it as TLS."""
    ours, theirs = pair()
    is_server = machine is toy.Server
    one = machine()

    def app() -> App:
        if is_server:
            assert (yield "next") == toy.StartTls()
            one.accept()
            yield "flush"
        else:
            assert (yield "next") == toy.Greeted("hello")
            yield "send", toy.StartTls()
        one.timeout = 0.05 if is_server else 0.5
        assert (yield "next") == Timeout()
        return (yield "next")

    side = Side(
        driver,
        one,
        app(),
        ours,
        context=server_context if is_server else client_context,
        server_hostname=None if is_server else "localhost",
    )
    peer = Peer(theirs)
    if is_server:
        peer.send(b"TLS\r\n")
        assert peer.rest() == b"+hello\r\n+go\r\n"
    else:
        peer.send(b"+hello\r\n")
        assert peer.line() == b"TLS\r\n"
        peer.send(b"+go\r\n")
        assert peer.rest()[:1] in {b"\x16", b""}
    theirs.close()
    assert side.join() is Want.CLOSE


@every_driver
def test_the_end_of_the_input_inside_tls(
    driver: str, pair: Pair, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    """A close_notify, or a plain FIN without one: both are the end."""
    for polite in (True, False):
        ours, theirs = pair()
        seen: list[Any] = []
        server = Side(driver, toy.Server(), events(seen), ours, context=server_context)
        peer = Peer(theirs)
        peer.send(b"TLS\r\n")
        assert peer.line() == b"+hello\r\n"
        assert peer.line() == b"+go\r\n"
        peer.send(peer.hello(client_context, server_hostname="localhost"))
        peer.send(peer.handshake() + peer.seal(b"ECHO a\r\n"))
        assert peer.open(4) == b"+a\r\n"
        if polite:
            assert peer.tls is not None
            with pytest.raises(ssl.SSLWantReadError):
                peer.tls.unwrap()
            peer.send(peer.outgoing.read())
        theirs.shutdown(socket.SHUT_WR)
        peer.rest()
        theirs.close()
        assert server.join() is None
        assert kinds(seen) == [toy.StartTls, TlsEstablished, toy.Echo]
