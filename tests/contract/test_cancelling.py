"""Cancelling, where there is cancelling: a `next()` that was given up loses nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import trio

from examples.drivers import asyncio_driver, trio_driver
from mailproto import ConnectionLost, Want
from tests.contract import toy
from tests.contract.harness import DRIVERS, App, Peer, Side

Pair = Callable[..., tuple[socket.socket, socket.socket]]

COUNT = 300
MOMENT = 0.0001  # some calls end in time and some do not: all must come to the same


def pusher() -> App:
    """A server that says COUNT things unasked when it is asked for one."""
    machine = yield "machine"
    while (event := (yield "next")) is not Want.CLOSE:
        if isinstance(event, toy.Echo):
            for number in range(COUNT):
                yield "send", toy.Push(str(number))
        if machine.awaiting is not None:
            machine.accept()


def is_complete(seen: list[Any]) -> bool:
    return [event.text for event in seen if isinstance(event, toy.Push)] == [
        str(number) for number in range(COUNT)
    ]


async def with_asyncio(sock: socket.socket, context: ssl.SSLContext | None) -> list[Any]:
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    _, stream = await loop.create_connection(asyncio_driver.Stream, sock=sock)
    seen: list[Any] = []
    async with asyncio_driver.Connection(
        toy.Client(), stream, ssl_context=context, server_hostname="localhost"
    ) as connection:
        if context is not None:
            await connection.send(toy.StartTls())
            while not isinstance(await connection.next(), toy.Replied):
                pass
        await connection.send(toy.Echo("go"))
        while not (seen and isinstance(seen[-1], toy.Replied)):
            try:
                async with asyncio.timeout(MOMENT):
                    seen.append(await connection.next())
            except TimeoutError:
                await asyncio.sleep(0)
    return seen


async def with_trio(sock: socket.socket, context: ssl.SSLContext | None) -> list[Any]:
    sock.setblocking(False)
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
    seen: list[Any] = []
    async with trio_driver.Connection(
        toy.Client(), stream, ssl_context=context, server_hostname="localhost"
    ) as connection:
        if context is not None:
            await connection.send(toy.StartTls())
            while not isinstance(await connection.next(), toy.Replied):
                pass
        await connection.send(toy.Echo("go"))
        while not (seen and isinstance(seen[-1], toy.Replied)):
            with trio.move_on_after(MOMENT):
                seen.append(await connection.next())
    return seen


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("server_driver", DRIVERS)
@pytest.mark.parametrize("runtime", ["asyncio", "trio"])
def test_a_cancelled_next_loses_nothing(
    runtime: str,
    server_driver: str,
    tls: bool,
    pair: Pair,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
) -> None:
    ours, theirs = pair()
    server = Side(server_driver, toy.Server(), pusher(), theirs, context=server_context)
    context = client_context if tls else None
    if runtime == "asyncio":
        seen = asyncio.run(with_asyncio(ours, context))
    else:
        seen = trio.run(with_trio, ours, context)
    assert is_complete(seen)
    assert server.join() is None


def test_asyncio_cancelled_in_the_handshake(pair: Pair, client_context: ssl.SSLContext) -> None:
    """What TLS has said by then cannot be taken back: the connection is lost."""
    ours, theirs = pair()
    peer = Peer(theirs)
    peer.send(b"+hello\r\n+go\r\n")

    async def main() -> None:
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        _, stream = await loop.create_connection(asyncio_driver.Stream, sock=ours)
        client = toy.Client()
        client.send(toy.StartTls())
        async with asyncio_driver.Connection(
            client, stream, ssl_context=client_context, server_hostname="localhost"
        ) as connection:
            assert await connection.next() == toy.Greeted("hello")
            task = asyncio.create_task(connection.next())
            assert await asyncio.to_thread(peer.exactly, 6) == b"TLS\r\n\x16"
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(ConnectionLost):
                await connection.next()

    asyncio.run(main())
    peer.rest()


def test_trio_cancelled_in_the_handshake(pair: Pair, client_context: ssl.SSLContext) -> None:
    ours, theirs = pair()
    peer = Peer(theirs)
    peer.send(b"+hello\r\n+go\r\n")

    async def main() -> None:
        ours.setblocking(False)
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        client = toy.Client()
        client.send(toy.StartTls())
        async with trio_driver.Connection(
            client, stream, ssl_context=client_context, server_hostname="localhost"
        ) as connection:
            assert await connection.next() == toy.Greeted("hello")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.next)
                begun = await trio.to_thread.run_sync(peer.exactly, 6)
                assert begun == b"TLS\r\n\x16"
                nursery.cancel_scope.cancel()
            with pytest.raises(ConnectionLost):
                await connection.next()

    trio.run(main)
    peer.rest()


@pytest.mark.parametrize("runtime", ["asyncio", "trio"])
def test_leaving_the_block_by_an_error_hangs_up_and_shows_the_error_itself(
    runtime: str, pair: Pair
) -> None:
    ours, theirs = pair()
    ours.setblocking(False)

    async def with_asyncio() -> None:
        loop = asyncio.get_running_loop()
        _, stream = await loop.create_connection(asyncio_driver.Stream, sock=ours)
        async with asyncio_driver.Connection(toy.Client(), stream):
            raise KeyError("not in a group")

    async def with_trio() -> None:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        async with trio_driver.Connection(toy.Client(), stream):
            raise KeyError("not in a group")

    run = {"asyncio": lambda: asyncio.run(with_asyncio()), "trio": lambda: trio.run(with_trio)}
    with pytest.raises(KeyError, match="not in a group"):
        run[runtime]()
    assert Peer(theirs).rest() == b""
