"""Any mailproto machine over asyncio: copy this file, it needs nothing else.

What lives here is the I/O that the machines do not do: sockets, TLS, deadlines. What does not is
any knowledge of a protocol. The same `Connection` drives every machine, client or server::

    client = smtp.Client()
    async with await open_connection("mail.example", 25, client) as connection:
        while True:
            match await connection.next():
                case Want.ANSWER:
                    ...  # look at client.awaiting
                case Want.CLOSE:
                    break
                case event:
                    ...


    async def handle(stream: Stream) -> None:
        server = smtp.Server()
        async with Connection(server, stream, ssl_context=context) as connection:
            ...


    listener = await start_server(handle, "127.0.0.1", 2525)

Invariants

* **Nothing is read ahead.** Reading is paused from the first moment on and after every
  `data_received()`; it is resumed only when the machine asks for DATA, or while a client's output
  is being written (two sides that both wait to write would wait for ever). What came behind
  STARTTLS is therefore still in the kernel, where only the TLS handshake meets it, and fails. A
  `StreamReader` would have it in its buffer and hand it out afterwards as if TLS had protected it.
* **Taking output and writing it is one step.** There is no `await` between the two, so no lock is
  needed for what the other drivers need one. The transport's high-water mark is as low as it goes:
  `writable` means that the kernel has everything. A server does nothing else before it does.
* **Deadlines are the machine's.** A wait begins with `next()`, when what `next()` had to write is
  written, and with a client's own commands. Bytes that make no event do not prolong it, and neither
  does what a server says unasked.
* **Cancelling is safe.** A cancelled `next()` loses nothing, and may be called again; one that was
  cancelled in a TLS handshake finds the connection lost.

One task calls `next()`. Any task may call `send()` and its like. On servers they return when the
bytes have left; on clients at once, because whoever waits there would not be reading: `next()` sees
to it that they leave, and asks for no more of a body while they have not. To pipeline, call
`machine.send()` several times and `flush()` once, or go on with `next()`, which flushes too.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

from mailproto import Machine, RemoteProtocolError, Want

__all__ = ["Connection", "Stream", "open_connection", "start_server"]

E = TypeVar("E")
Answer = Literal[Want.ANSWER, Want.CLOSE]

WRITE_PATIENCE = 300.0
"""Seconds a write may take when the machine names no timeout."""
LINGER = 5.0
"""Seconds the peer may take to read our last words and hang up, before we do."""


class Stream(asyncio.Protocol):
    """A transport that reads only when told to."""

    def __init__(self, connected: Callable[[Stream], None] | None = None) -> None:
        self._connected = connected
        self.transport: asyncio.Transport | None = None  # None while TLS is being negotiated
        self.tls: ssl.SSLObject | None = None
        self.changed = asyncio.Event()  # set whenever something below changes
        self.held: list[bytes] = []  # what was read and not yet taken
        self.writable = True  # nothing waits to be written
        self.ended = False  # nothing more will be read
        self.lost = False  # nothing more can be written either
        self.failure: BaseException | None = None  # why
        self._draining = False

    # --- What asyncio calls ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._use(transport)
        if self._connected is not None:
            self._connected(self)

    def data_received(self, data: bytes) -> None:
        if not self._draining:
            self.held.append(data)
            if self.transport is not None:
                self.transport.pause_reading()
            self.changed.set()

    def eof_received(self) -> bool:
        self.ended = True
        self.changed.set()
        return self.tls is None  # plain TCP stays open for our answers; TLS has no half-close

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self.changed.set()

    def connection_lost(self, exc: BaseException | None) -> None:
        if exc is not None and self.tls is None and not self.lost:
            self._salvage()
        self._lose(exc)

    # --- What the connection calls --------------------------------------------------------------

    def take(self) -> bytes:
        """What was read and not yet taken."""
        data = b"".join(self.held)
        self.held.clear()
        return data

    def read(self) -> None:
        """Read once; `changed` tells."""
        if self.transport is not None and not self.ended:
            self.transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Queue `data` behind what waits already. What a lost connection is given is dropped."""
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    async def start_tls(
        self, context: ssl.SSLContext, server_side: bool, server_hostname: str | None
    ) -> ssl.SSLObject:
        """Handshake and check the certificate. If anything is raised, the connection is lost."""
        assert self.transport is not None
        old, self.transport = self.transport, None
        try:
            new = await asyncio.get_running_loop().start_tls(
                old, self, context, server_side=server_side, server_hostname=server_hostname
            )
        except BaseException as error:
            old.abort()
            self._lose(error)
            raise
        if new is None:  # asyncio calls it a success when the socket is closed meanwhile
            closed = ConnectionAbortedError("the connection was closed in the TLS handshake")
            self._lose(closed)
            raise closed
        tls: ssl.SSLObject = new.get_extra_info("ssl_object")
        self.tls = tls
        self._use(new)
        return tls

    async def close(self) -> None:
        """Say that nothing more will come, let the peer hang up first, then close."""
        transport = self.transport
        if self.lost or transport is None:
            return
        # A socket that is closed with unread input resets the connection, and our last words may
        # be lost with it: so read on, and throw it away.
        self._draining = True
        self.held.clear()
        try:
            async with asyncio.timeout(LINGER):
                if self.tls is None:
                    with contextlib.suppress(OSError):  # the peer has reset the connection
                        transport.write_eof()
                    self.read()
                    await self._until(lambda: self.ended and self.writable)
                transport.resume_reading()
                transport.close()
                await self._until(lambda: False)
        except TimeoutError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Close at once; what has not been written is dropped."""
        if self.transport is not None:
            self.transport.abort()
        self._lose(None)

    # --- Inside ---------------------------------------------------------------------------------

    def _use(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=1, low=0)  # with high=0, TLS never stops pausing
        transport.pause_reading()

    def _lose(self, error: BaseException | None) -> None:
        self.ended = self.lost = self.writable = True
        self.failure = self.failure or error
        self.changed.set()

    def _salvage(self) -> None:
        # A write that fails closes the transport at once. What the peer said before it hung up, and
        # why, may still be in the socket, which asyncio closes only after connection_lost().
        assert self.transport is not None
        with contextlib.suppress(OSError), self.transport.get_extra_info("socket").dup() as rest:
            rest.setblocking(False)
            while data := rest.recv(65_536):
                self.held.append(data)

    async def _until(self, done: Callable[[], bool]) -> None:
        while not (self.lost or done()):
            self.changed.clear()
            await self.changed.wait()


class Connection(Generic[E]):
    """A machine and its stream.

    `ssl_context` is used when the machine asks for TLS: clients have a careful default, and give
    the `server_hostname` that the certificate must be for. A machine made with `tls=True` gets its
    TLS when the `async with` block is entered.
    """

    def __init__(
        self,
        machine: Machine[E],
        stream: Stream,
        *,
        ssl_context: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> None:
        self.machine = machine
        self.stream = stream
        self._is_client = not hasattr(machine, "accept")
        self._ssl_context = ssl_context
        self._server_hostname = server_hostname
        self._since: float | None = None  # when the present wait began

    async def __aenter__(self) -> Connection[E]:
        if self.machine.tls and self.stream.tls is None:
            try:
                async with asyncio.timeout(self.machine.timeout):
                    await self._handshake()
            except BaseException:
                self.stream.abort()
                raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.stream.abort()
        await self.stream.close()

    # --- To the peer ----------------------------------------------------------------------------

    async def send(self, item: Any) -> Any:
        """Send a command, or a server's reply or response. Returns what `machine.send()` does."""
        result = self.machine.send(item)
        await self.flush()
        return result

    async def send_body(self, data: bytes | bytearray | memoryview) -> None:
        """Send the piece of the body that `Want.ANSWER` asked for."""
        self.machine.send_body(data)
        await self.flush()

    async def end_body(self) -> None:
        """Say that the body is complete."""
        self.machine.end_body()
        await self.flush()

    async def flush(self) -> None:
        """Write what the machine has to say, and let a waiting `next()` look at it again."""
        self._write()
        self.stream.changed.set()
        if not self._is_client:
            await self._written()
        elif self._since is not None:
            self._rearm()

    async def abort(self, reply: Any = None) -> None:
        """Give up: a server says so if it can, a client just hangs up."""
        self.machine.abort(reply)
        if self._is_client:
            self.stream.abort()
        await self.flush()
        await self.stream.close()

    async def close(self) -> None:
        """Close the connection, politely."""
        await self.stream.close()

    # --- From the peer --------------------------------------------------------------------------

    async def next(self) -> E | Answer:
        """The next event; or ANSWER: `machine.awaiting` is your move; or CLOSE: it is closed.

        Raises RemoteProtocolError, with the failure of the network that led to it, if any, as its
        cause. The connection is closed then, too.
        """
        machine, stream = self.machine, self.stream
        if self._since is None:
            self._rearm()
        while True:
            if not self._is_client and not stream.writable:
                await self._written()
            stream.changed.clear()
            if stream.lost:
                self._feed()
                machine.receive_eof()
            try:
                result = machine.next_event()
            except RemoteProtocolError as error:
                await stream.close()
                raise error from stream.failure
            if result is Want.SEND:
                self._write()
                if not self._is_client:
                    await self._written()
                self._rearm()
            elif result is Want.TLS:
                await self._start_tls()
            elif result is Want.DATA or (
                result is Want.ANSWER and self._is_client and not stream.writable
            ):
                await self._read()
            else:
                if result is Want.CLOSE:
                    await stream.close()
                self._since = None
                return result

    # --- Inside ---------------------------------------------------------------------------------

    def _rearm(self) -> None:
        self._since = asyncio.get_running_loop().time()

    def _deadline(self) -> asyncio.Timeout:
        seconds = self.machine.timeout
        since = self._since
        return asyncio.timeout_at(None if seconds is None or since is None else since + seconds)

    def _feed(self) -> None:
        self.machine.receive_data(self.stream.take())

    def _write(self) -> None:
        self.stream.write(self.machine.data_to_send())

    async def _read(self) -> None:
        stream = self.stream
        if not (stream.held or stream.ended):
            stream.read()
            try:
                async with self._deadline():
                    await stream.changed.wait()
            except TimeoutError:
                if self._is_client and not stream.writable:
                    stream.abort()
                self.machine.receive_timeout()
                return
        if stream.held:
            self._feed()
        elif stream.ended:
            self.machine.receive_eof()

    async def _written(self) -> None:
        seconds = self.machine.timeout
        stream = self.stream
        try:
            async with asyncio.timeout(WRITE_PATIENCE if seconds is None else seconds):
                while not stream.writable:
                    stream.changed.clear()
                    await stream.changed.wait()
        except TimeoutError:
            stream.abort()
            self.machine.receive_timeout()

    async def _start_tls(self) -> None:
        if not self.stream.writable:  # asyncio would never tell us that it is again
            await self._written()
        if self.stream.held:  # plaintext: the machine knows what to say
            self._feed()
            return
        if self.stream.lost:
            return
        deadline = self._deadline()
        try:
            async with deadline:
                await self._handshake()
        except OSError:  # ssl.SSLError and TimeoutError among them
            if deadline.expired():
                self.machine.receive_timeout()
            return  # next() finds the connection lost
        assert self.stream.tls is not None
        self.machine.tls_established(peer=self.stream.tls.getpeercert())
        self._rearm()

    async def _handshake(self) -> None:
        if self._ssl_context is None:
            if not self._is_client:
                raise ValueError("a server needs an ssl_context for TLS")
            self._ssl_context = ssl.create_default_context()
        await self.stream.start_tls(self._ssl_context, not self._is_client, self._server_hostname)


async def open_connection(
    host: str,
    port: int,
    machine: Machine[E],
    *,
    ssl_context: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
) -> Connection[E]:
    """Connect. The certificate must be for `server_hostname`, which is `host` if not given."""
    async with asyncio.timeout(machine.timeout):
        _, stream = await asyncio.get_running_loop().create_connection(Stream, host, port)
    return Connection(
        machine, stream, ssl_context=ssl_context, server_hostname=server_hostname or host
    )


async def start_server(
    handle: Callable[[Stream], Awaitable[None]],
    host: str,
    port: int,
    **options: Any,
) -> asyncio.Server:
    """Listen, and run `handle(stream)` in a task for each connection.

    A peer that breaks the protocol, fails at TLS or hangs up ends its connection and nothing else;
    what else goes wrong in a handler is given to the loop's exception handler. `options` are those
    of `loop.create_server()`.
    """
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly

    async def run(stream: Stream) -> None:
        try:
            await handle(stream)
        except (RemoteProtocolError, ConnectionError, ssl.SSLError):
            pass
        except Exception as error:  # noqa: BLE001
            loop.call_exception_handler(
                {"message": "a connection's handler failed", "exception": error}
            )
        finally:
            stream.abort()

    def connected(stream: Stream) -> None:
        task = loop.create_task(run(stream))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return await loop.create_server(lambda: Stream(connected), host, port, **options)
