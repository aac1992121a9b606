"""Any mailproto machine over plain sockets and threads: copy this file, it needs nothing else.

What lives here is the I/O that the machines do not do: sockets, TLS, deadlines. What does not is
any knowledge of a protocol. The same `Connection` drives every machine, client or server::

    client = smtp.Client()
    with open_connection("mail.example", 25, client) as connection:
        while True:
            match connection.next():
                case Want.ANSWER:
                    ...  # look at client.awaiting
                case Want.CLOSE:
                    break
                case event:
                    ...


    def handle(sock: socket.socket) -> None:
        server = smtp.Server()
        with Connection(server, sock, ssl_context=context) as connection:
            ...


    with start_server(handle, "127.0.0.1", 2525) as server:
        server.serve_forever()

Invariants

* **One mutex, and nothing waits under it.** It guards the machine, the output queue and the TLS
  state. Waiting is done by `select()`, outside; the `send()` and `recv()` of a socket that never
  blocks take microseconds. TLS works on two memory buffers, because an `SSLSocket` that one thread
  reads and another writes is safe on no Python version that we know of.
* **Nothing is read ahead.** The socket is read when the machine asks for DATA, or while a client's
  output is being written (two sides that both wait to write would wait for ever), and what came
  goes to the machine at once. What came behind STARTTLS is therefore still in the kernel, where
  only the TLS handshake meets it, and fails.
* **Taking output and writing it is one step.** Output goes into a queue while the mutex is still
  held, and whoever has time writes the queue. A server does nothing else before it is empty.
* **Deadlines are the machine's.** A wait begins with `next()`, when what `next()` had to write is
  written, and with a client's own commands. Bytes that make no event do not prolong it, and neither
  does what a server says unasked.

One thread calls `next()`, and closes. Any thread may call `send()` and its like, which wake it. On
servers they return when the bytes have left; on clients at once, because whoever waits there would
not be reading: `next()` writes what is left. Hold `connection.lock` around calls on the machine
itself if more than one thread makes any. To pipeline, call `machine.send()` several times and
`flush()` once, or go on with `next()`, which flushes too.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

from mailproto import Machine, RemoteProtocolError, Want

__all__ = ["Connection", "open_connection", "start_server"]

E = TypeVar("E")
Answer = Literal[Want.ANSWER, Want.CLOSE]

READ_SIZE = 65_536
WRITE_PATIENCE = 300.0
"""Seconds a write may take when the machine names no timeout."""
LINGER = 5.0
"""Seconds the peer may take to read our last words and hang up, before we do."""


class Stream:
    """A socket that never blocks, its TLS, and what is to be written. All but `wait()`: locked."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._bell, self._button = socket.socketpair()
        self._bell.setblocking(False)
        self._button.setblocking(False)
        self.lock = threading.Lock()
        self.tls: ssl.SSLObject | None = None
        self.queue = bytearray()  # what is to be written, as it goes over the wire
        self.deaf = False  # the peer takes no more bytes from us
        self.ended = False  # the peer sends no more bytes
        self.failure: OSError | None = None  # why

    def put(self, data: bytes) -> None:
        """Queue `data`, and write what can be written at once. After a failure it is dropped."""
        if self.tls is None:
            self.queue += data
        elif not self.deaf:
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[self.tls.write(rest) :]
            except OSError as error:
                self._fail(error)
        self.push()

    def push(self) -> None:
        """Write what can be written at once."""
        self.queue += self._outgoing.read()
        try:
            while self.queue and not self.deaf:
                del self.queue[: self._sock.send(self.queue)]
        except BlockingIOError:
            pass
        except OSError as error:
            self._fail(error)
        if self.deaf:
            self.queue.clear()

    def pull(self) -> bytes:
        """Read what there is. b"": nothing yet, or `ended`."""
        raw = self._receive()
        if self.tls is None:
            return raw
        self._give_tls(raw)
        data = self.decrypted()
        self.push()  # TLS may have something to say by itself
        return data

    def decrypted(self) -> bytes:
        """What TLS has read and not yet handed out."""
        data = bytearray()
        if self.tls is not None:
            try:
                while piece := self.tls.read(READ_SIZE):
                    data += piece
                self.ended = True
            except ssl.SSLWantReadError:
                pass
            except OSError as error:
                self._fail(error)
                self.ended = True
        return bytes(data)

    def start_tls(
        self,
        context: ssl.SSLContext,
        server_side: bool,
        server_hostname: str | None,
        deadline: float | None,
    ) -> None:
        """Handshake, certificate check included. Raises OSError; nothing can be said after that."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname)
        try:
            while True:
                with self.lock:
                    try:
                        tls.do_handshake()
                    except ssl.SSLWantReadError:
                        done = False
                    else:
                        done = True
                        self.tls = tls
                    finally:
                        self.push()  # a reason for refusing the peer, among others
                if done:
                    return
                if not self.wait(not self.queue, deadline):
                    raise TimeoutError("the TLS handshake took too long")
                with self.lock:
                    self._give_tls(self._receive())
        except OSError as error:
            self.failure = error
            self.hang_up()
            raise

    def wait(self, read: bool, deadline: float | None) -> bool:
        """Wait until there is something to do, or somebody rang. False: it is too late."""
        timeout = None if deadline is None else deadline - time.monotonic()
        if timeout is not None and timeout <= 0:
            return False
        events = (selectors.EVENT_READ if read else 0) | (
            selectors.EVENT_WRITE if self.queue else 0
        )
        with selectors.DefaultSelector() as selector, contextlib.suppress(ValueError):
            # ValueError: another thread has closed the socket.
            if events:
                selector.register(self._sock, events)
            if read:
                selector.register(self._bell, selectors.EVENT_READ)
            if not selector.select(timeout):
                return False
        with self.lock, contextlib.suppress(OSError):
            if read:
                self._bell.recv(READ_SIZE)
        with self.lock:
            self.push()
        return True

    def ring(self) -> None:
        """Wake the thread that waits to read."""
        with contextlib.suppress(OSError):  # it rings already, or nobody is there any more
            self._button.send(b"!")

    def close(self) -> None:
        """Say that nothing more will come, let the peer hang up first, then close."""
        deadline = time.monotonic() + LINGER
        with self.lock, contextlib.suppress(OSError):
            if self.tls is not None:
                self.tls.unwrap()
        with self.lock:
            self.push()
        # A socket that is closed with unread input resets the connection, and our last words may
        # be lost with it: so read on, and throw it away.
        while self.queue and self.wait(not self.ended, deadline):
            with self.lock:
                self._receive()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        while not self.ended and self.wait(True, deadline):
            with self.lock:
                self._receive()
        self.hang_up()

    def cut(self) -> None:
        """Neither read nor write any more; what has not been written is dropped."""
        self.deaf = True
        self.queue.clear()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # wakes the other threads

    def hang_up(self) -> None:
        """Close at once."""
        with self.lock:
            self.cut()
            self.ended = True
            for sock in (self._sock, self._bell, self._button):
                sock.close()

    def _receive(self) -> bytes:
        try:
            raw = self._sock.recv(READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.failure = self.failure or error
            raw = b""
        self.ended = not raw
        return raw

    def _give_tls(self, raw: bytes) -> None:
        if raw:
            self._incoming.write(raw)
        elif self.ended:
            self._incoming.write_eof()

    def _fail(self, error: OSError) -> None:
        self.failure = self.failure or error
        self.deaf = True


class Connection(Generic[E]):
    """A machine and its socket: to be used in a `with` block.

    `ssl_context` is used when the machine asks for TLS: clients have a careful default, and give
    the `server_hostname` that the certificate must be for. A machine made with `tls=True` gets its
    TLS when the block is entered.
    """

    def __init__(
        self,
        machine: Machine[E],
        sock: socket.socket,
        *,
        ssl_context: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> None:
        self.machine = machine
        self.stream = Stream(sock)
        self.lock = self.stream.lock
        self._is_client = not hasattr(machine, "accept")
        self._ssl_context = ssl_context
        self._server_hostname = server_hostname
        self._since: float | None = None  # when the present wait began

    def __enter__(self) -> Connection[E]:
        if self.machine.tls:
            try:
                self._handshake(self._deadline())
            except BaseException:
                self.stream.hang_up()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        self.stream.hang_up()

    # --- To the peer ----------------------------------------------------------------------------

    def send(self, item: Any) -> Any:
        """Send a command, or a server's reply or response. Returns what `machine.send()` does."""
        with self.lock:
            result = self.machine.send(item)
            self._write()
        self.flush()
        return result

    def send_body(self, data: bytes | bytearray | memoryview) -> None:
        """Send the piece of the body that `Want.ANSWER` asked for."""
        with self.lock:
            self.machine.send_body(data)
            self._write()
        self.flush()

    def end_body(self) -> None:
        """Say that the body is complete."""
        with self.lock:
            self.machine.end_body()
            self._write()
        self.flush()

    def flush(self) -> None:
        """Write what the machine has to say, and let a waiting `next()` look at it again."""
        with self.lock:
            self._write()
        if self._is_client and self._since is not None:
            self._rearm()
        self.stream.ring()
        if not self._is_client:
            self._until_written()

    def abort(self, reply: Any = None) -> None:
        """Give up: a server says so if it can, a client just hangs up. `next()` then says CLOSE."""
        with self.lock:
            self.machine.abort(reply)
            if self._is_client:
                self.stream.cut()
            self._write()
        self.stream.ring()

    def close(self) -> None:
        """Close the connection, politely."""
        if not self.stream.deaf or not self.stream.ended:
            self.stream.close()

    # --- From the peer --------------------------------------------------------------------------

    def next(self) -> E | Answer:
        """The next event; or ANSWER: `machine.awaiting` is your move; or CLOSE: it is closed.

        Raises RemoteProtocolError, with the failure of the network that led to it, if any, as its
        cause. The connection is closed then, too.
        """
        stream = self.stream
        if self._since is None:
            self._rearm()
        while True:
            if not self._is_client:
                self._until_written()
            try:
                with self.lock:
                    if stream.ended:
                        self.machine.receive_eof()
                    result = self.machine.next_event()
            except RemoteProtocolError as error:
                self.close()
                raise error from stream.failure
            if result is Want.SEND:
                with self.lock:
                    self._write()
                if not self._is_client:
                    self._until_written()
                self._rearm()
            elif result is Want.TLS:
                self._start_tls()
            elif result is Want.DATA or (
                result is Want.ANSWER and self._is_client and (stream.queue or stream.deaf)
            ):
                self._read()
            else:
                if result is Want.CLOSE:
                    self.close()
                self._since = None
                return result

    # --- Inside ---------------------------------------------------------------------------------

    def _rearm(self) -> None:
        self._since = time.monotonic()

    def _deadline(self) -> float | None:
        seconds = self.machine.timeout
        return None if seconds is None else (self._since or time.monotonic()) + seconds

    def _write(self) -> None:
        self.stream.put(self.machine.data_to_send())

    def _until_written(self) -> None:
        if not self.stream.queue:
            return
        seconds = self.machine.timeout
        deadline = time.monotonic() + (WRITE_PATIENCE if seconds is None else seconds)
        while self.stream.queue:
            if not self.stream.wait(False, deadline):
                self.stream.hang_up()
                with self.lock:
                    self.machine.receive_timeout()

    def _read(self) -> None:
        with self.lock:
            data = self.stream.decrypted()  # what came with the last bytes of the handshake
        if not data and not self.stream.ended:
            in_time = self.stream.wait(True, self._deadline())
            with self.lock:
                data = self.stream.pull()
                if not (in_time or data or self.stream.ended):
                    if self._is_client and self.stream.queue:
                        self.stream.cut()
                    self.machine.receive_timeout()
        with self.lock:
            self.machine.receive_data(data)

    def _start_tls(self) -> None:
        self._until_written()
        try:
            self._handshake(self._deadline())
        except TimeoutError:
            with self.lock:
                self.machine.receive_timeout()
        except OSError:
            pass  # next() finds the input ended
        else:
            assert self.stream.tls is not None
            with self.lock:
                self.machine.tls_established(peer=self.stream.tls.getpeercert())
            self._rearm()

    def _handshake(self, deadline: float | None) -> None:
        if self._ssl_context is None:
            if not self._is_client:
                raise ValueError("a server needs an ssl_context for TLS")
            self._ssl_context = ssl.create_default_context()
        self.stream.start_tls(
            self._ssl_context, not self._is_client, self._server_hostname, deadline
        )


def open_connection(
    host: str,
    port: int,
    machine: Machine[E],
    *,
    ssl_context: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
) -> Connection[E]:
    """Connect. The certificate must be for `server_hostname`, which is `host` if not given."""
    sock = socket.create_connection((host, port), machine.timeout)
    return Connection(
        machine, sock, ssl_context=ssl_context, server_hostname=server_hostname or host
    )


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        logging.getLogger(__name__).error("a connection's handler failed", exc_info=True)  # noqa: LOG014


def start_server(
    handle: Callable[[socket.socket], object], host: str, port: int
) -> socketserver.ThreadingTCPServer:
    """Listen; `serve_forever()` then runs `handle(sock)` in a thread for each connection.

    A peer that breaks the protocol, fails at TLS or hangs up ends its connection and nothing else;
    what else goes wrong in a handler is logged.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(RemoteProtocolError, ConnectionError, ssl.SSLError):
                handle(self.request)

    return _Server((host, port), Handler)
