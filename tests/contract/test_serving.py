"""The drivers' helpers: connecting by name, listening, and handlers that fail."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from typing import Any

import pytest
import trio

from examples.drivers import asyncio_driver, threads_driver, trio_driver
from mailproto import Want
from tests.contract import toy
from tests.contract.harness import DEADLINE, Peer


def echo_of(text: str, event: Any) -> bool:
    return isinstance(event, toy.Replied) and event.text == text


def test_asyncio(server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> None:
    """Several clients, one of which breaks the protocol, one whose handler breaks."""
    problems: list[dict[str, Any]] = []

    async def handle(stream: asyncio_driver.Stream) -> None:
        server = toy.Server()
        async with asyncio_driver.Connection(
            server, stream, ssl_context=server_context
        ) as connection:
            while (event := await connection.next()) is not Want.CLOSE:
                if event == toy.Echo("break"):
                    raise KeyError("the handler's own fault")
                if server.awaiting is not None:
                    server.accept()

    async def session(port: int, tls: bool) -> None:
        client = toy.Client()
        async with await asyncio_driver.open_connection(
            "localhost", port, client, ssl_context=client_context
        ) as connection:
            assert await connection.next() == toy.Greeted("hello")
            if tls:
                await connection.send(toy.StartTls())
                await connection.next()
                await connection.next()
            await connection.send(toy.Echo("a"))
            assert echo_of("a", await connection.next())
            await connection.send(toy.Quit())
            assert echo_of("bye", await connection.next())
            assert await connection.next() is Want.CLOSE

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: problems.append(context)
        )
        server = await asyncio_driver.start_server(handle, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            assert await asyncio.to_thread(talk, port, b"x" * 20_000) == b"+hello\r\n-too long\r\n"
            assert await asyncio.to_thread(talk, port, b"ECHO break\r\n") == b"+hello\r\n"
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(*(session(port, bool(number % 2)) for number in range(6)))

    asyncio.run(main())
    assert [type(one["exception"]) for one in problems] == [KeyError]


def test_trio(
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(stream: trio.SocketStream) -> None:
        server = toy.Server()
        async with trio_driver.Connection(server, stream, ssl_context=server_context) as connection:
            while (event := await connection.next()) is not Want.CLOSE:
                if event == toy.Echo("break"):
                    raise KeyError("the handler's own fault")
                if server.awaiting is not None:
                    server.accept()

    async def session(port: int, tls: bool) -> None:
        async with trio_driver.open_connection(
            "localhost", port, toy.Client(), ssl_context=client_context
        ) as connection:
            assert await connection.next() == toy.Greeted("hello")
            if tls:
                await connection.send(toy.StartTls())
                await connection.next()
                await connection.next()
            await connection.send(toy.Echo("a"))
            assert echo_of("a", await connection.next())
            await connection.send(toy.Quit())
            assert echo_of("bye", await connection.next())
            assert await connection.next() is Want.CLOSE

    async def main() -> None:
        with trio.fail_after(DEADLINE):
            async with trio.open_nursery() as nursery:
                listeners = await nursery.start(trio_driver.serve, handle, "127.0.0.1", 0)
                port = listeners[0].socket.getsockname()[1]
                said = await trio.to_thread.run_sync(talk, port, b"x" * 20_000)
                assert said == b"+hello\r\n-too long\r\n"
                said = await trio.to_thread.run_sync(talk, port, b"ECHO break\r\n")
                assert said == b"+hello\r\n"
                async with trio.open_nursery() as sessions:
                    for number in range(6):
                        sessions.start_soon(session, port, bool(number % 2))
                nursery.cancel_scope.cancel()

    trio.run(main)
    assert failures(caplog) == [KeyError]


def test_threads(
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def handle(sock: socket.socket) -> None:
        server = toy.Server()
        with threads_driver.Connection(server, sock, ssl_context=server_context) as connection:
            while (event := connection.next()) is not Want.CLOSE:
                if event == toy.Echo("break"):
                    raise KeyError("the handler's own fault")
                if server.awaiting is not None:
                    server.accept()

    with threads_driver.start_server(handle, "127.0.0.1", 0) as server:
        port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            assert talk(port, b"x" * 20_000) == b"+hello\r\n-too long\r\n"
            assert talk(port, b"ECHO break\r\n") == b"+hello\r\n"
            for tls in (False, True):
                with threads_driver.open_connection(
                    "localhost", port, toy.Client(), ssl_context=client_context
                ) as connection:
                    assert connection.next() == toy.Greeted("hello")
                    if tls:
                        connection.send(toy.StartTls())
                        connection.next()
                        connection.next()
                    connection.send(toy.Echo("a"))
                    assert echo_of("a", connection.next())
                    connection.send(toy.Quit())
                    assert echo_of("bye", connection.next())
                    assert connection.next() is Want.CLOSE
        finally:
            server.shutdown()
            thread.join(DEADLINE)
    assert failures(caplog) == [KeyError]


def talk(port: int, data: bytes) -> bytes:
    """Say `data`, and read to the end."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock:
        peer = Peer(sock)
        peer.send(data)
        return peer.rest()


def failures(caplog: pytest.LogCaptureFixture) -> list[type[BaseException] | None]:
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    return [record.exc_info[0] for record in errors if record.exc_info]


@pytest.mark.parametrize("runtime", ["asyncio", "trio", "threads"])
def test_a_server_without_a_context_cannot_do_tls(runtime: str) -> None:
    """An oversight of the program, not of the peer: it is not taken for a failed handshake."""
    server = toy.Server(tls=True)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    async def with_asyncio() -> None:
        loop = asyncio.get_running_loop()
        _, stream = await loop.create_connection(asyncio_driver.Stream, sock=ours)
        async with asyncio_driver.Connection(server, stream):
            pass

    async def with_trio() -> None:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        async with trio_driver.Connection(server, stream):
            pass

    def with_threads() -> None:
        with threads_driver.Connection(server, ours):
            pass

    run = {
        "asyncio": lambda: asyncio.run(with_asyncio()),
        "trio": lambda: trio.run(with_trio),
        "threads": with_threads,
    }[runtime]
    with theirs, ours, pytest.raises(ValueError, match="ssl_context"):
        run()
