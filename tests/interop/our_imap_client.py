"""mailproto's IMAP client machine over the asyncio driver.

`talk()` connects, hears the greeting, and runs a script: an async function that is given a
`Session` and says whatever a test wants to say.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import attrs

from examples.drivers import asyncio_driver
from mailproto import BodyWanted, Want, imap, sasl

from .processes import HOST, PATIENCE

__all__ = ["Answer", "Session", "talk"]

T = TypeVar("T")


@attrs.define
class Answer:
    """A completion, and what was told before it."""

    completed: imap.Completed
    told: list[Any]
    bodies: list[bytes]
    """Octets of sections that came in pieces."""

    @property
    def ok(self) -> bool:
        return self.completed.status == "OK"

    def all(self, kind: type[T]) -> list[T]:
        """What was told, of one kind."""
        return [one for one in self.told if isinstance(one, kind)]

    def one(self, kind: type[T]) -> T:
        """The only thing of its kind that was told."""
        (found,) = self.all(kind)
        return found


class Session:
    """A session under way."""

    def __init__(
        self, client: imap.Client, connection: asyncio_driver.Connection[imap.ClientEvent]
    ) -> None:
        self.client = client
        self.greeting: imap.Greeting | None = None
        self.connection = connection
        self.body: list[bytes] = []
        """Pieces of the body that is given when it is wanted."""

    async def begin(self) -> None:
        """Hear the greeting."""
        event = await self.connection.next()
        assert isinstance(event, imap.Greeting), event
        self.greeting = event

    async def ask(self, *commands: imap.Command) -> Answer:
        """Say commands in one go, and hear all of the answers; the last completion counts."""
        tags = {self.client.send(command) for command in commands}
        return await self.hear(tags)

    async def authenticate(self, exchange: sasl.ClientExchange) -> Answer:
        """AUTHENTICATE, to its end."""
        return await self.hear({self.client.authenticate(exchange)})

    async def log_in(self, user: str, password: str) -> None:
        """LOGIN, and see what is offered then."""
        assert (await self.ask(imap.Login(user, password))).ok
        if self.client.capabilities is None:
            await self.ask(imap.Capability())

    async def hear(self, tags: set[str]) -> Answer:
        """Everything up to the completion of all of these."""
        told: list[Any] = []
        bodies: list[bytes] = []
        await self.connection.flush()
        while True:
            event = await self.connection.next()
            match event:
                case imap.Completed(tag):
                    tags.discard(tag)
                    if not tags:
                        return Answer(event, told, bodies)
                case imap.BodyStart():
                    bodies.append(b"")
                case imap.BodyChunk(data):
                    bodies[-1] += data
                case Want.ANSWER:
                    assert isinstance(self.client.awaiting, BodyWanted)
                    if self.body:
                        self.client.send_body(self.body.pop(0))
                    else:
                        self.client.end_body()
                case Want():
                    raise ConnectionError(f"{event!r} instead of an answer")
                case _:
                    told.append(event)

    async def next(self) -> Any:
        """The next event."""
        await self.connection.flush()
        return await self.connection.next()


Script = Callable[[Session], Coroutine[Any, Any, T]]


def talk(
    port: int,
    script: Script[T],
    *,
    tls: ssl.SSLContext | None = None,
    quirks: imap.Quirks = imap.Quirks(plaintext_auth=True),  # noqa: B008 - frozen
) -> T:
    """Connect, run `script` behind the greeting, hang up, and return what it returned."""

    async def run() -> T:
        client = imap.Client(quirks=quirks)
        connection = await asyncio_driver.open_connection(
            HOST, port, client, ssl_context=tls, server_hostname="localhost"
        )
        async with connection, asyncio.timeout(PATIENCE):
            session = Session(client, connection)
            await session.begin()
            return await script(session)

    return asyncio.run(run())
