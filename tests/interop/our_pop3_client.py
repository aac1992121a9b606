"""mailproto's POP3 client machine over each of the three drivers.

`talk()` connects, hears the greeting, and runs a script: an async function that is given a
`Session` and says whatever a test wants to say. The blocking driver runs the same scripts; what it
is asked for has been done when it returns, so they are never suspended.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import attrs
import trio

from examples.drivers import asyncio_driver, threads_driver, trio_driver
from mailproto import Want, pop3, sasl

from .processes import HOST, PATIENCE

__all__ = ["DRIVERS", "Answer", "Session", "talk"]

T = TypeVar("T")


@attrs.define
class Answer:
    """All that came in answer to one command."""

    command: pop3.Command
    reply: pop3.Reply = attrs.field(default=pop3.Reply(False), init=False)
    value: pop3.Value | None = attrs.field(default=None, init=False)
    entries: list[object] = attrs.field(factory=list[object], init=False)
    """Of a listing."""
    announced: int | None = attrs.field(default=None, init=False)
    """Octets of the message, as the status line has them."""
    message: bytes = attrs.field(default=b"", init=False, repr=False)
    """What RETR or TOP brought."""


class _Connection(Protocol):
    """What the drivers have in common."""

    async def next(self) -> Any: ...

    async def flush(self) -> None: ...


class Session:
    """A session under way."""

    def __init__(self, client: pop3.Client, connection: _Connection) -> None:
        self.client = client
        self.greeting: pop3.Reply = pop3.Reply(False)
        self._connection = connection
        self._answers: dict[int, Answer] = {}
        self._pieces: list[bytes] = []
        self._body_of = 0

    async def begin(self) -> None:
        """Hear the greeting."""
        match await self._connection.next():
            case pop3.Greeting(reply):
                self.greeting = reply
            case other:
                raise AssertionError(f"{other!r} instead of a greeting")

    async def ask(self, command: pop3.Command) -> Answer:
        """Say one command and hear the answer."""
        (answer,) = await self.ask_all([command])
        return answer

    async def ask_all(self, commands: list[pop3.Command]) -> list[Answer]:
        """Say them all at once and hear the answers, in their order."""
        answers = []
        for command in commands:
            answer = self._answers[self.client.send(command)] = Answer(command)
            answers.append(answer)
        await self._hear()
        return answers

    async def authenticate(self, exchange: sasl.ClientExchange) -> pop3.Reply:
        """AUTH, to its end."""
        answer = Answer(pop3.Auth(exchange.mechanism))
        self._answers[self.client.authenticate(exchange)] = answer
        await self._hear()
        return answer.reply

    async def log_in(self, user: str, password: str) -> pop3.Reply:
        """USER and PASS."""
        await self.ask(pop3.User(user))
        return (await self.ask(pop3.Pass(password))).reply

    async def quit(self) -> pop3.Reply:
        """QUIT, and see the server hang up."""
        reply = (await self.ask(pop3.Quit())).reply
        assert await self._connection.next() is Want.CLOSE
        return reply

    async def _hear(self) -> None:
        await self._connection.flush()
        while self._answers:
            event = await self._connection.next()
            match event:
                case pop3.Replied(number, _, reply, value):
                    answer = self._answers.pop(number)
                    answer.reply, answer.value = reply, value
                case pop3.Listing(number, _, entries):
                    self._answers[number].entries += entries
                case pop3.BodyStart(number, size=size):
                    self._answers[number].announced = size
                    self._body_of = number
                case pop3.BodyChunk(data):
                    self._pieces.append(data)
                case pop3.BodyEnd(size):
                    message = b"".join(self._pieces)
                    assert size == len(message)
                    self._pieces.clear()
                    self._answers[self._body_of].message = message
                case pop3.TlsEstablished():
                    pass
                case other:
                    raise ConnectionError(f"{other!r} instead of an answer")


Script = Callable[[Session], Coroutine[Any, Any, T]]
Context = ssl.SSLContext | None


async def _run(session: Session, script: Script[T]) -> T:
    await session.begin()
    return await script(session)


def _over_asyncio(port: int, client: pop3.Client, tls: Context, script: Script[T]) -> T:
    async def run() -> T:
        connection = await asyncio_driver.open_connection(
            HOST, port, client, ssl_context=tls, server_hostname="localhost"
        )
        async with connection, asyncio.timeout(PATIENCE):
            return await _run(Session(client, connection), script)

    return asyncio.run(run())


def _over_trio(port: int, client: pop3.Client, tls: Context, script: Script[T]) -> T:
    async def run() -> T:
        with trio.fail_after(PATIENCE):
            async with trio_driver.open_connection(
                HOST, port, client, ssl_context=tls, server_hostname="localhost"
            ) as connection:
                return await _run(Session(client, connection), script)

    return trio.run(run)


class _Blocking:
    """The blocking driver, in the clothes of the others."""

    def __init__(self, connection: threads_driver.Connection[pop3.ClientEvent]) -> None:
        self._connection = connection

    async def next(self) -> Any:
        return self._connection.next()

    async def flush(self) -> None:
        self._connection.flush()


def _over_threads(port: int, client: pop3.Client, tls: Context, script: Script[T]) -> T:
    with threads_driver.open_connection(
        HOST, port, client, ssl_context=tls, server_hostname="localhost"
    ) as connection:
        running = _run(Session(client, _Blocking(connection)), script)
        try:
            running.send(None)
        except StopIteration as end:
            result: T = end.value
            return result
        raise AssertionError("the blocking driver was suspended")


DRIVERS: dict[str, Callable[..., Any]] = {
    "asyncio": _over_asyncio,
    "trio": _over_trio,
    "threads": _over_threads,
}


def talk(
    port: int,
    script: Script[T],
    *,
    driver: str = "asyncio",
    tls: Context = None,
    implicit_tls: bool = False,
    quirks: pop3.Quirks = pop3.Quirks(plaintext_auth=True),  # noqa: B008 - frozen
) -> T:
    """Connect, run `script` behind the greeting, hang up, and return what it returned.

    `tls` is for STLS, if the script says it, or for `implicit_tls`. A script that does not say QUIT
    leaves the server without a word.
    """
    client = pop3.Client(tls=implicit_tls, quirks=quirks)
    result: T = DRIVERS[driver](port, client, tls, script)
    return result
