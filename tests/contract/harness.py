"""One application, three drivers.

An application here is a generator: it yields what it wants done (`"next"`, `("send", item)`, ...)
and gets the result, or the exception, back. `Side` runs one through one of the drivers, in a thread
of its own, over one end of a real TCP connection; the test holds the other end, or runs a second
`Side` on it.

Nothing here sleeps. Every wait ends with what it waits for, or fails the test at `DEADLINE`.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import trio

from examples.drivers import asyncio_driver, threads_driver, trio_driver
from mailproto import BodyChunk, RemoteProtocolError, Want
from tests.contract import toy

__all__ = [
    "ASYNC",
    "DEADLINE",
    "DRIVERS",
    "App",
    "Peer",
    "Side",
    "events",
    "pair",
    "wait_readable",
]

DEADLINE = 60.0
DRIVERS = ("asyncio", "trio", "threads")
ASYNC = ("asyncio", "trio")

App = Generator[Any, Any, Any]
"""Yields an operation, gets its result:

* `"next"`, `"flush"`, `"end_body"`, `"close"`; `("send", item)`, `("send_body", data)`,
  `("abort",)`, `("abort", reply)`: the connection's method;
* `"machine"`: the machine itself;
* `("wait", event)`: waits for a `threading.Event`;
* `("spawn", app)`: runs another application on the same connection, at the same time.
"""


def pair(*, buffer: int | None = None) -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection; `buffer`: about as many octets fit into each direction."""
    with socket.socket() as listener:
        if buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        one = socket.socket()
        if buffer is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        one.connect(listener.getsockname())
        other, _ = listener.accept()
    if buffer is not None:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    for sock in (one, other):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(DEADLINE)
    return one, other


def wait_readable(sock: socket.socket) -> None:
    """Until the kernel has something that `sock` may read, and nobody has read it."""
    ready, _, _ = select.select([sock], [], [], DEADLINE)
    assert ready, "nothing arrived, or somebody has read ahead"


def events(seen: list[Any]) -> App:
    """The plainest application: takes what comes, says yes, and ends when the connection does.

    Returns the error that ended it, or None.
    """
    machine = yield "machine"
    while True:
        try:
            event = yield "next"
        except RemoteProtocolError as error:
            return error
        if event is Want.CLOSE:
            return None
        if event is Want.ANSWER:
            machine.accept()
        elif isinstance(event, BodyChunk) and seen and isinstance(seen[-1], BodyChunk):
            seen[-1] = BodyChunk(seen[-1].data + event.data)
        else:
            seen.append(event)


class Side:
    """A machine, its application and its driver, at work in a thread."""

    def __init__(
        self,
        driver: str,
        machine: toy.Server | toy.Client,
        app: App,
        sock: socket.socket,
        *,
        context: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> None:
        self.machine = machine
        self.sock = sock
        self.failure: BaseException | None = None
        self._app = app
        self._tls: dict[str, Any] = {"ssl_context": context, "server_hostname": server_hostname}
        self._result: Any = None
        self._error: BaseException | None = None
        run: Callable[[], Any] = getattr(self, f"_run_{driver}")
        self._thread = threading.Thread(target=self._catch, args=(run,), daemon=True)
        self._thread.start()

    def join(self) -> Any:
        """What the application returned. Raises what it did not catch."""
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive(), "the application did not end"
        if self._error is not None:
            raise self._error
        return self._result

    def _catch(self, run: Callable[[], Any]) -> None:
        try:
            self._result = run()
        except BaseException as error:  # noqa: BLE001  # raised again by join()
            self._error = error

    # --- asyncio --------------------------------------------------------------------------------

    def _run_asyncio(self) -> Any:
        async def main() -> Any:
            loop = asyncio.get_running_loop()
            self.sock.setblocking(False)
            _, stream = await loop.create_connection(asyncio_driver.Stream, sock=self.sock)
            connection = asyncio_driver.Connection(self.machine, stream, **self._tls)
            tasks: list[asyncio.Task[Any]] = []

            async def wait(event: threading.Event) -> None:
                assert await asyncio.to_thread(event.wait, DEADLINE)

            async def spawn(app: App) -> None:
                tasks.append(asyncio.create_task(_drive(connection, app, wait, spawn)))

            try:
                async with connection:
                    result = await _drive(connection, self._app, wait, spawn)
                    await asyncio.gather(*tasks)
                    return result
            finally:
                self.failure = stream.failure

        return asyncio.run(main())

    # --- trio -----------------------------------------------------------------------------------

    def _run_trio(self) -> Any:
        async def main() -> Any:
            self.sock.setblocking(False)
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(self.sock))
            connection = trio_driver.Connection(self.machine, stream, **self._tls)
            result = None
            failed: Exception | None = None

            async def wait(event: threading.Event) -> None:
                assert await trio.to_thread.run_sync(event.wait, DEADLINE)

            try:
                async with connection, trio.open_nursery() as nursery:

                    async def spawn(app: App) -> None:
                        nursery.start_soon(_drive, connection, app, wait, spawn)

                    try:
                        result = await _drive(connection, self._app, wait, spawn)
                    except Exception as error:  # noqa: BLE001  # raised below, not in a group
                        failed = error
                if failed is not None:
                    raise failed
            finally:
                self.failure = connection.failure
            return result

        return trio.run(main)

    # --- threads --------------------------------------------------------------------------------

    def _run_threads(self) -> Any:
        connection = threads_driver.Connection(self.machine, self.sock, **self._tls)
        threads: list[threading.Thread] = []

        def drive(app: App) -> Any:
            step: Callable[[Any], Any] = app.send
            value: Any = None
            while True:
                try:
                    operation = step(value)
                except StopIteration as stop:
                    return stop.value
                step, value = app.send, None
                name, *arguments = _split(operation)
                try:
                    if name == "machine":
                        value = self.machine
                    elif name == "wait":
                        assert arguments[0].wait(DEADLINE)
                    elif name == "spawn":
                        threads.append(threading.Thread(target=drive, args=arguments, daemon=True))
                        threads[-1].start()
                    else:
                        value = getattr(connection, name)(*arguments)
                except Exception as error:  # noqa: BLE001  # the application may expect it
                    step, value = app.throw, error

        try:
            with connection:
                result = drive(self._app)
                for thread in threads:
                    thread.join(DEADLINE)
                return result
        finally:
            self.failure = connection.stream.failure


def _split(operation: Any) -> tuple[Any, ...]:
    return (operation,) if isinstance(operation, str) else operation


async def _drive(
    connection: Any,
    app: App,
    wait: Callable[[threading.Event], Awaitable[None]],
    spawn: Callable[[App], Awaitable[None]],
) -> Any:
    step: Callable[[Any], Any] = app.send
    value: Any = None
    while True:
        try:
            operation = step(value)
        except StopIteration as stop:
            return stop.value
        step, value = app.send, None
        name, *arguments = _split(operation)
        try:
            if name == "machine":
                value = connection.machine
            elif name == "wait":
                await wait(arguments[0])
            elif name == "spawn":
                await spawn(arguments[0])
            else:
                value = await getattr(connection, name)(*arguments)
        except Exception as error:  # noqa: BLE001  # the application may expect it
            step, value = app.throw, error


class Peer:
    """The test's own end: a blocking socket, and TLS that shows every octet."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls: ssl.SSLObject | None = None
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """One segment."""
        self.sock.sendall(data)

    def line(self) -> bytes:
        """The next plaintext line; what came of it if the connection ends before it does."""
        while b"\r\n" not in self._buffer:
            if not (data := self._receive()):
                break
            self._buffer += data
        line, end, self._buffer = self._buffer.partition(b"\r\n")
        return line + end

    def exactly(self, size: int) -> bytes:
        """The next `size` plaintext octets; fewer if the connection ends before."""
        while len(self._buffer) < size and (data := self._receive()):
            self._buffer += data
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def rest(self) -> bytes:
        """Everything up to the end of the connection, however it ends."""
        while data := self._receive():
            self._buffer += data
        data, self._buffer = self._buffer, b""
        return data

    def _receive(self) -> bytes:
        with contextlib.suppress(ConnectionError):
            return self.sock.recv(65_536)
        return b""

    def reset(self) -> None:
        """Hang up without a FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    # --- TLS, by hand ---------------------------------------------------------------------------

    def hello(self, context: ssl.SSLContext, **options: Any) -> bytes:
        """Begin a handshake: a client's first octets (b"" for a server)."""
        self.tls = context.wrap_bio(self.incoming, self.outgoing, **options)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.outgoing.read()

    def handshake(self) -> bytes:
        """Go on until it is done: the last octets, which are not sent yet."""
        assert self.tls is not None
        self.incoming.write(self._buffer)  # what came behind the last plaintext line
        self._buffer = b""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                if data := self.outgoing.read():
                    self.send(data)
                if not (data := self._receive()):
                    raise ConnectionAbortedError("in the handshake") from None
                self.incoming.write(data)
            else:
                return self.outgoing.read()

    def seal(self, data: bytes) -> bytes:
        """`data` as it goes over the wire."""
        assert self.tls is not None
        self.tls.write(data)
        return self.outgoing.read()

    def open(self, size: int) -> bytes:
        """The next `size` octets inside TLS."""
        assert self.tls is not None
        data = b""
        while len(data) < size:
            try:
                data += self.tls.read(size - len(data))
            except ssl.SSLWantReadError:
                if not (raw := self._receive()):
                    break
                self.incoming.write(raw)
        return data
