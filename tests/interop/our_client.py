"""mailproto's client machine over asyncio: the one place in this folder that drives it.

`deliver()` is a whole session: greeting, EHLO or LHLO, STARTTLS and AUTH where asked for, one
transaction, QUIT. It adds nothing to what the machine says.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Iterator
from typing import Literal

import attrs

from examples.drivers.asyncio_driver import Connection, open_connection
from mailproto import BodyWanted, Want, sasl, smtp
from mailproto.smtp import Envelope

from .processes import PATIENCE

__all__ = ["Delivery", "deliver"]

_HELO = "client.lab.test"


@attrs.frozen
class Delivery:
    """A session of our client, when it is over."""

    outcome: smtp.Outcome | None
    """None when there was no transaction: STARTTLS or AUTH was refused."""
    capabilities: smtp.Capabilities | None
    """What the server offered last."""
    replies: tuple[tuple[str, smtp.Reply], ...]
    """(verb, reply) of the session, in order."""

    @property
    def verbs(self) -> tuple[str, ...]:
        """The verbs that were answered, in order."""
        return tuple(verb for verb, _ in self.replies)


def deliver(
    host: str,
    port: int,
    envelope: Envelope,
    body: bytes | Iterable[bytes],
    *,
    size: int | None = None,
    body_type: Literal["7BIT", "8BITMIME", "BINARYMIME"] | None = None,
    smtputf8: bool | None = None,
    starttls: ssl.SSLContext | None = None,
    implicit_tls: ssl.SSLContext | None = None,
    auth: sasl.ClientExchange | None = None,
    lmtp: bool = False,
    chunking: bool | None = None,
    xclient: smtp.XClient | None = None,
    xforward: smtp.XForward | None = None,
) -> Delivery:
    """Deliver one message and return what the server said to everything.

    `size`, `body_type`, `smtputf8` and `chunking` go to `submit()`; None is what it does by itself.
    """
    pieces = [body] if isinstance(body, bytes) else body

    async def run() -> Delivery:
        client = smtp.Client(tls=implicit_tls is not None)
        connection = await open_connection(
            host,
            port,
            client,
            ssl_context=implicit_tls or starttls,
            server_hostname="localhost",
        )
        async with connection, asyncio.timeout(PATIENCE):
            session = _Session(client, connection, iter(pieces))
            hello = smtp.Lhlo(_HELO) if lmtp else smtp.Ehlo(_HELO)
            await session.greeting()
            await session.reply(await connection.send(hello))
            ready = True
            if starttls is not None:
                ready = (await session.reply(await connection.send(smtp.StartTls()))).positive
                if ready:
                    await session.reply(await connection.send(hello))
            if xclient is not None:
                await session.reply(await connection.send(xclient))
                await session.reply(await connection.send(hello))
            if xforward is not None:
                await session.reply(await connection.send(xforward))
            if ready and auth is not None:
                number = client.authenticate(auth)
                await connection.flush()
                ready = (await session.reply(number)).positive
            outcome = None
            capabilities = client.capabilities
            if ready:
                client.submit(
                    envelope, size=size, body=body_type, smtputf8=smtputf8, chunking=chunking
                )
                await connection.flush()
                outcome = await session.outcome()
            await session.reply(await connection.send(smtp.Quit()))
            while await connection.next() is not Want.CLOSE:
                pass
        return Delivery(outcome, capabilities, tuple(session.replies))

    return asyncio.run(run())


class _Session:
    """The application's side of the machine, between two events."""

    def __init__(
        self,
        client: smtp.Client,
        connection: Connection[smtp.ClientEvent],
        pieces: Iterator[bytes],
    ) -> None:
        self.client = client
        self.connection = connection
        self.pieces = pieces
        self.replies: list[tuple[str, smtp.Reply]] = []

    async def next(self) -> smtp.ClientEvent:
        """The next event; what the machine asks for on the way is given."""
        while True:
            event = await self.connection.next()
            if event is Want.CLOSE:
                raise ConnectionError(f"closed early, after {self.replies}")
            if event is not Want.ANSWER:
                if isinstance(event, smtp.Replied):
                    self.replies.append((event.command.verb, event.reply))
                return event
            match self.client.awaiting:
                case BodyWanted():
                    piece = next(self.pieces, None)
                    if piece is None:
                        await self.connection.end_body()
                    else:
                        await self.connection.send_body(piece)
                case other:
                    raise AssertionError(f"the machine awaits {other!r}")

    async def greeting(self) -> None:
        while not isinstance(await self.next(), smtp.Greeting):
            pass

    async def reply(self, number: int) -> smtp.Reply:
        while True:
            event = await self.next()
            if isinstance(event, smtp.Replied) and event.number == number:
                return event.reply

    async def outcome(self) -> smtp.Outcome:
        while True:
            event = await self.next()
            if isinstance(event, smtp.Outcome):
                return event
