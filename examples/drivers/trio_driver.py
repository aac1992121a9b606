"""Any mailproto machine over trio: copy this file, it needs nothing else.

What lives here is the I/O that the machines do not do: streams, TLS, deadlines. What does not is
any knowledge of a protocol. The same `Connection` drives every machine, client or server::

    client = smtp.Client()
    stream = await trio.open_tcp_stream("mail.example", 25)
    async with Connection(client, stream, server_hostname="mail.example") as connection:
        while True:
            match await connection.next():
                case Want.ANSWER:
                    ...  # look at client.awaiting
                case Want.CLOSE:
                    break
                case event:
                    ...


    async def handle(stream: trio.SocketStream) -> None:
        server = smtp.Server()
        async with Connection(server, stream, ssl_context=context) as connection:
            ...


    await serve(handle, "127.0.0.1", 2525)

Invariants

* **Nothing is read ahead.** `receive_some()` is called when the machine asks for DATA, or while a
  client's output is being written (two sides that both wait to write would wait for ever), and what
  it returns goes to the machine at once. What came behind STARTTLS is therefore still in the
  kernel, where only the TLS handshake meets it, and fails.
* **Taking output and writing it is one step.** Output goes into a queue in the moment it is taken,
  and one task writes the queue. That is also why cancelling is safe: no write is ever cut in two. A
  server does nothing else before the queue is empty.
* **Deadlines are the machine's.** A wait begins with `next()`, when what `next()` had to write is
  written, and with a client's own commands. Bytes that make no event do not prolong it, and neither
  does what a server says unasked.
* **Cancelling is safe.** A cancelled `next()` loses nothing, and may be called again; one that was
  cancelled in a TLS handshake finds the connection lost.

One task calls `next()`. Any task may call `send()` and its like. On servers they return when the
bytes have left; on clients at once, because whoever waits there would not be reading: `next()` sees
to it that no more of a body is asked for while they have not left. To pipeline, call
`machine.send()` several times and `flush()` once, or go on with `next()`, which flushes too.
"""

from __future__ import annotations

import contextlib
import logging
import math
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

import trio

from mailproto import Machine, RemoteProtocolError, Want

__all__ = ["Connection", "open_connection", "serve"]

E = TypeVar("E")
Answer = Literal[Want.ANSWER, Want.CLOSE]
Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]
BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError)

WRITE_PATIENCE = 300.0
"""Seconds a write may take when the machine names no timeout."""
LINGER = 5.0
"""Seconds the peer may take to read our last words and hang up, before we do."""


class Connection(Generic[E]):
    """A machine and its stream: to be used in an `async with` block.

    `ssl_context` is used when the machine asks for TLS: clients have a careful default, and give
    the `server_hostname` that the certificate must be for. A machine made with `tls=True` gets its
    TLS when the block is entered.
    """

    def __init__(
        self,
        machine: Machine[E],
        stream: trio.SocketStream,
        *,
        ssl_context: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> None:
        self.machine = machine
        self.failure: BaseException | None = None  # what the network did to us
        self._socket = stream
        self._stream: Stream = stream
        self._is_client = not hasattr(machine, "accept")
        self._ssl_context = ssl_context
        self._server_hostname = server_hostname
        self._since: float | None = None  # when the present wait began
        self._reading: trio.CancelScope | None = None  # cancelled when next() must look again
        self._queue: deque[bytes] = deque()  # what is to be written; its first is being written
        self._queued = trio.Event()
        self._written = trio.Event()
        self._written.set()
        self._deaf = False  # the peer takes no more bytes from us
        self._ended = False  # the peer sends no more bytes
        self._closed = False
        self._gone = trio.Event()  # closed, and done with it
        self._block = self._run()

    async def __aenter__(self) -> Connection[E]:
        return await self._block.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._block.__aexit__(kind, error, traceback)

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
        if self._is_client and self._since is not None:
            self._rearm()
        self._look_again()
        if not self._is_client:
            await self._until_written()

    async def abort(self, reply: Any = None) -> None:
        """Give up: a server says so if it can, a client just hangs up."""
        self.machine.abort(reply)
        if self._is_client:
            self._hang_up()
        await self.flush()
        await self.close()

    async def close(self) -> None:
        """Say that nothing more will come, let the peer hang up first, then close."""
        if self._closed:
            await self._gone.wait()  # another task is at it, or was
            return
        # A socket that is closed with unread input resets the connection, and our last words may
        # be lost with it: so read on, and throw it away.
        self._look_again()
        self._closed = True
        try:
            with trio.move_on_after(LINGER), contextlib.suppress(*BROKEN, trio.BusyResourceError):
                await self._written.wait()
                if isinstance(self._stream, trio.SSLStream):
                    await self._stream.unwrap()
                await self._socket.send_eof()
                while await self._socket.receive_some():
                    pass
        finally:
            self._hang_up()

    # --- From the peer --------------------------------------------------------------------------

    async def next(self) -> E | Answer:
        """The next event; or ANSWER: `machine.awaiting` is your move; or CLOSE: it is closed.

        Raises RemoteProtocolError, with the failure of the network that led to it, if any, as its
        cause. The connection is closed then, too.
        """
        machine = self.machine
        if self._since is None:
            self._rearm()
        while True:
            if not self._is_client:
                await self._until_written()
            if self._ended:
                machine.receive_eof()
            try:
                result = machine.next_event()
            except RemoteProtocolError as error:
                await self.close()
                raise error from self.failure
            if result is Want.SEND:
                self._write()
                if not self._is_client:
                    await self._until_written()
                self._rearm()
            elif result is Want.TLS:
                await self._start_tls()
            elif result is Want.DATA or (
                result is Want.ANSWER and self._is_client and (self._queue or self._deaf)
            ):
                await self._read()
            else:
                if result is Want.CLOSE:
                    await self.close()
                self._since = None
                return result

    # --- Inside ---------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _run(self) -> AsyncGenerator[Connection[E], None]:
        failed: Exception | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_queue)
                try:
                    if self.machine.tls:
                        with trio.fail_after(_seconds(self.machine.timeout)):
                            await self._handshake()
                    yield self
                    await self.close()
                except Exception as error:  # noqa: BLE001  # raised below, not in a group
                    failed = error
                nursery.cancel_scope.cancel()
        finally:
            self._hang_up()
        if failed is not None:
            raise failed

    def _rearm(self) -> None:
        self._since = trio.current_time()

    def _deadline(self) -> float:
        return (self._since or trio.current_time()) + _seconds(self.machine.timeout)

    def _look_again(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    def _write(self) -> None:
        data = self.machine.data_to_send()
        if data and not self._deaf:
            if not self._queue:
                self._written = trio.Event()
            self._queue.append(data)
            self._queued.set()

    async def _write_queue(self) -> None:
        while True:
            await self._queued.wait()
            self._queued = trio.Event()
            while self._queue:
                try:
                    await self._stream.send_all(self._queue[0])
                except BROKEN as error:
                    self._no_more_writing(error)
                else:
                    if self._queue:
                        self._queue.popleft()
            self._written.set()
            self._look_again()

    def _no_more_writing(self, error: BaseException | None) -> None:
        self._deaf = True
        self._queue.clear()
        self._written.set()
        self.failure = self.failure or error

    async def _until_written(self) -> None:
        if self._written.is_set():
            return
        seconds = self.machine.timeout
        with trio.move_on_after(WRITE_PATIENCE if seconds is None else seconds) as scope:
            await self._written.wait()
        if scope.cancelled_caught:
            self._hang_up()
            self.machine.receive_timeout()

    async def _read(self) -> None:
        if self._ended:
            await trio.lowlevel.checkpoint()
            return
        data = b""
        with trio.CancelScope(deadline=self._deadline()) as self._reading:
            try:
                data = bytes(await self._stream.receive_some())
            except BROKEN as error:
                self.failure = self.failure or error
            self._ended = not data
        scope, self._reading = self._reading, None
        if not scope.cancelled_caught:
            self.machine.receive_data(data)
        elif trio.current_time() >= self._deadline():
            if self._is_client and self._queue:
                self._hang_up()
            self.machine.receive_timeout()

    async def _start_tls(self) -> None:
        await self._until_written()
        try:
            with trio.CancelScope(deadline=self._deadline()) as scope:
                await self._handshake()
        except BROKEN as error:
            self.failure = error.__cause__ or error  # trio keeps ssl's error as the cause
            return  # next() finds the input ended
        if scope.cancelled_caught:
            self.machine.receive_timeout()
            return
        assert isinstance(self._stream, trio.SSLStream)
        self.machine.tls_established(peer=self._stream.getpeercert())
        self._rearm()

    async def _handshake(self) -> None:
        if self._ssl_context is None:
            if not self._is_client:
                raise ValueError("a server needs an ssl_context for TLS")
            self._ssl_context = ssl.create_default_context()
        # Whatever goes wrong in here, nothing can be said afterwards.
        stream = trio.SSLStream(
            self._socket,
            self._ssl_context,
            server_hostname=self._server_hostname,
            server_side=not self._is_client,
            https_compatible=True,  # mail programs hang up without a close_notify, too
        )
        try:
            await stream.do_handshake()
        except BaseException:
            self._hang_up()
            raise
        self._stream = stream

    def _hang_up(self) -> None:
        self._closed = self._ended = True
        self._gone.set()
        self._no_more_writing(None)
        self._look_again()
        self._socket.socket.close()


def _seconds(timeout: float | None) -> float:
    return math.inf if timeout is None else timeout


@contextlib.asynccontextmanager
async def open_connection(
    host: str,
    port: int,
    machine: Machine[E],
    *,
    ssl_context: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
) -> AsyncGenerator[Connection[E], None]:
    """Connect. The certificate must be for `server_hostname`, which is `host` if not given."""
    with trio.fail_after(_seconds(machine.timeout)):
        stream = await trio.open_tcp_stream(host, port)
    async with Connection(
        machine, stream, ssl_context=ssl_context, server_hostname=server_hostname or host
    ) as connection:
        yield connection


async def serve(
    handle: Callable[[trio.SocketStream], Awaitable[None]],
    host: str,
    port: int,
    *,
    task_status: trio.TaskStatus[list[trio.SocketListener]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Listen until cancelled, and run `handle(stream)` in a task for each connection.

    A peer that breaks the protocol, fails at TLS or hangs up ends its connection and nothing else;
    what else goes wrong in a handler is logged.
    """

    async def run(stream: trio.SocketStream) -> None:
        try:
            await handle(stream)
        except (RemoteProtocolError, *BROKEN):
            pass
        except Exception:
            logging.getLogger(__name__).exception("a connection's handler failed")
        finally:
            await trio.aclose_forcefully(stream)

    await trio.serve_tcp(run, port, host=host, task_status=task_status)
