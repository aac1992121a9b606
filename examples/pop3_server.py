"""A POP3 server: a Maildir, served to one client at a time.

    python -m examples.pop3_server --port 1100 --maildir ./Maildir --user ada:engine --cert pop.pem

What a POP3 session asks about a maildrop, the machine answers by itself. What is left is here: who
may log in, the lock, the octets of a message when they are wanted, and the removal of what was
marked as deleted, when and only when the machine says `Commit`. A session that ends in any other
way, by a lost connection, a timeout or our own end, removes nothing.

Everything that needs an answer takes time, so it is answered when the machine says ANSWER. What
waits for a disk goes to a thread; a message is read from its file piece by piece, as the client
takes it.

The session does not know whether asyncio or trio runs it. The two drivers have the same methods;
what else differs is `Runtime`, two functions, and how one listens and stops.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import attrs

from examples.authentication import MECHANISMS, Authentication, Users
from examples.drivers import asyncio_driver
from examples.maildir import PIECE, Maildir, Maildrop
from mailproto import BodyWanted, Want, pop3, sasl

if TYPE_CHECKING:
    import trio

    from examples.drivers import trio_driver

    Connection: TypeAlias = (
        asyncio_driver.Connection[pop3.ServerEvent] | trio_driver.Connection[pop3.ServerEvent]
    )

__all__ = ["main"]

PATIENCE = 10.0
"""Seconds that open sessions get to hear our -ERR before the program ends."""

IN_USE = pop3.Reply(False, "[IN-USE] Somebody else is reading this maildrop")
UNREADABLE = pop3.Reply(False, "[SYS/TEMP] The maildrop cannot be read now")
SHUTTING_DOWN = pop3.Reply(False, "[SYS/TEMP] The server is shutting down; nothing was removed")


@attrs.frozen
class Runtime:
    """What asyncio and trio call differently."""

    in_thread: Callable[..., Awaitable[Any]]
    lock: Callable[[], contextlib.AbstractAsyncContextManager[Any]]


# --- A connection -------------------------------------------------------------------------------


class Session:
    """One connection: what its events mean, and what is kept between them."""

    def __init__(self, office: Office, server: pop3.Server, connection: Connection) -> None:
        self.office = office
        self.server = server
        self.connection = connection
        self.authentication = Authentication(office.users)
        self.maildrop: Maildrop | None = None
        self.message: BinaryIO | None = None  # the one that is being sent
        self.answering = office.runtime.lock()

    async def run(self) -> None:
        try:
            while True:
                match await self.connection.next():
                    case Want.CLOSE:
                        break
                    case Want.ANSWER:
                        async with self.answering:
                            await self.answer()
                    case pop3.Stls():
                        self.server.accept()
                    case _:
                        pass  # the machine has answered it, or says ANSWER next
        finally:
            self.end_message()
            if self.maildrop is not None:
                self.maildrop.close()

    async def stop(self) -> None:
        """Say -ERR and hang up; but what is being answered gets its answer first."""
        async with self.answering:
            await self.connection.abort(SHUTTING_DOWN)

    async def answer(self) -> None:
        server, users = self.server, self.office.users
        match server.awaiting:
            case pop3.Pass(password):
                await self.log_in(users.verify(server.username or "", password))
            case pop3.Apop(name) as apop:
                secret = users.password(name)
                proven = apop.proves(server.timestamp, secret or "")
                await self.log_in(proven and secret is not None)
            case pop3.Auth() | pop3.AuthResponse() as event:
                match self.authentication.hear(event):
                    case sasl.Challenge() as challenge:
                        server.send(challenge)
                    case step:
                        await self.log_in(isinstance(step, sasl.Success))
            case pop3.Retr(number) | pop3.Top(number):
                self.begin_message(number)
            case BodyWanted():
                await self.send_piece()
            case pop3.Commit(numbers):
                await self.commit(numbers)
            case _:
                pass  # given up meanwhile

    # --- The maildrop ---

    async def log_in(self, proven: bool) -> None:
        """Open the maildrop for who has proven to be a user."""
        if not proven:
            self.server.reject()
            return
        try:
            self.maildrop = maildrop = await self.office.runtime.in_thread(self.office.maildir.open)
        except BlockingIOError:
            self.server.reject(IN_USE)
        except OSError as error:
            say(f"the maildrop cannot be read: {error}")
            self.server.reject(UNREADABLE)
        else:
            self.server.accept(maildrop=maildrop.listing())

    async def commit(self, numbers: tuple[int, ...]) -> None:
        """Remove messages. Whatever happens to one of them, the others are removed."""
        assert self.maildrop is not None
        failure = await self.office.runtime.in_thread(remove, self.maildrop, numbers)
        self.maildrop.close()  # before the answer: who has heard it may come again at once
        if failure is None:
            self.server.accept()
        else:
            say(f"a message could not be removed: {failure}")
            self.server.reject()

    # --- Messages ---

    def begin_message(self, number: int) -> None:
        assert self.maildrop is not None
        try:
            self.message = self.maildrop.read(number)
        except OSError as error:
            say(f"a message cannot be read: {error}")
            self.server.reject()
        else:
            self.server.accept()

    async def send_piece(self) -> None:
        assert self.message is not None
        try:
            # Not in a thread: 64 KiB of a file are there sooner than the thread would be.
            piece = b"" if self.server.enough else self.message.read(PIECE)
        except OSError as error:
            say(f"a message cannot be read: {error}")
            await self.connection.abort()  # never complete what is not
            return
        if piece:
            self.server.send_body(piece)
        else:
            self.end_message()
            self.server.end_body()

    def end_message(self) -> None:
        if self.message is not None:
            self.message.close()
        self.message = None


def remove(maildrop: Maildrop, numbers: tuple[int, ...]) -> OSError | None:
    """Remove what can be removed. Returns why something could not."""
    failure: OSError | None = None
    for number in numbers:
        try:
            maildrop.remove(number)
        except OSError as error:
            failure = error
    return failure


# --- The server ---------------------------------------------------------------------------------


@attrs.define
class Office:
    """What all connections share."""

    config: pop3.ServerConfig
    maildir: Maildir
    users: Users
    apop: bool
    implicit_tls: bool
    tls: ssl.SSLContext | None
    runtime: Runtime = attrs.field(init=False)
    sessions: set[Session] = attrs.field(factory=set["Session"], init=False)

    def server(self) -> pop3.Server:
        """The machine of a new connection."""
        greeting = None
        if self.apop:
            unique = f"{os.getpid()}.{time.time_ns()}.{secrets.token_hex(8)}"
            greeting = self.config.greeting(unique)
        return pop3.Server(self.config, tls=self.implicit_tls, greeting=greeting)

    async def run(self, server: pop3.Server, connection: Connection) -> None:
        session = Session(self, server, connection)
        self.sessions.add(session)
        try:
            await session.run()
        finally:
            self.sessions.discard(session)


async def serve_with_asyncio(office: Office, host: str, port: int) -> None:
    office.runtime = Runtime(asyncio.to_thread, asyncio.Lock)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)

    async def handle(stream: asyncio_driver.Stream) -> None:
        server = office.server()
        async with asyncio_driver.Connection(server, stream, ssl_context=office.tls) as connection:
            await office.run(server, connection)

    listener = await asyncio_driver.start_server(handle, host, port)
    for sock in listener.sockets:
        say("listening on {} port {}".format(*sock.getsockname()))
    await stopping.wait()
    listener.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            stops = [session.stop() for session in office.sessions]
            await asyncio.gather(*stops, return_exceptions=True)


async def serve_with_trio(office: Office, host: str, port: int) -> None:
    import trio  # noqa: PLC0415  # who uses the other driver need not have it

    from examples.drivers import trio_driver  # noqa: PLC0415

    office.runtime = Runtime(trio.to_thread.run_sync, trio.Lock)

    async def handle(stream: trio.SocketStream) -> None:
        server = office.server()
        async with trio_driver.Connection(server, stream, ssl_context=office.tls) as connection:
            await office.run(server, connection)

    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            listeners = await nursery.start(trio_driver.serve, handle, host, port)
            for listener in listeners:
                say("listening on {} port {}".format(*listener.socket.getsockname()))
            async for _ in signals:
                break
        with trio.move_on_after(PATIENCE):
            async with trio.open_nursery() as stops:
                for session in office.sessions:
                    stops.start_soon(session.stop)
        nursery.cancel_scope.cancel()


def say(text: str) -> None:
    print(f"pop3_server: {text}", flush=True)


# --- The command line ---------------------------------------------------------------------------


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pop3_server",
        description="Serve a Maildir by POP3, to one client at a time.",
        epilog="SIGINT (^C) and SIGTERM stop it: open sessions are told -ERR, and nothing is "
        "removed that they have not committed by QUIT.",
    )
    add = parser.add_argument
    add("--maildir", type=Path, required=True, metavar="FOLDER", help="one that is there")
    add("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    add("--port", type=int, default=1100, help="the port; 0: any, see the output (%(default)s)")
    add("--hostname", default="localhost", help="what the server calls itself (%(default)s)")
    add("--driver", choices=("asyncio", "trio"), default="asyncio", help="(%(default)s)")
    tls = parser.add_argument_group("TLS")
    tls.add_argument("--cert", metavar="FILE", help="certificate chain (PEM); STLS is offered")
    tls.add_argument("--key", metavar="FILE", help="its private key, if it is not in that file")
    tls.add_argument("--implicit-tls", action="store_true", help="TLS from the first octet on")
    login = parser.add_argument_group(f"login (USER and PASS; AUTH by {', '.join(MECHANISMS)})")
    login.add_argument(
        "--user",
        action="append",
        required=True,
        metavar="NAME:PASSWORD",
        help="who may open the Maildir; may be repeated",
    )
    login.add_argument("--apop", action="store_true", help="offer APOP, too (it is only MD5)")
    login.add_argument(
        "--plaintext-auth",
        action="store_true",
        help="let passwords be shown to the network: USER, PLAIN and LOGIN without TLS, too",
    )
    options = parser.parse_args(arguments)
    if (options.key or options.implicit_tls) and not options.cert:
        parser.error("--key and --implicit-tls need --cert")
    try:
        options.users = Users(options.user)
    except ValueError as error:
        parser.error(f"--user: {error}")
    return options


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    error: BaseException | None = None
    try:
        tls = None
        if options.cert:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(options.cert, options.key)
        office = Office(
            config=pop3.ServerConfig(
                hostname=options.hostname,
                capabilities=(*pop3.ServerConfig().capabilities, "EXPIRE NEVER"),
                auth=MECHANISMS,
                plaintext_auth=options.plaintext_auth,
                stls=options.cert is not None and not options.implicit_tls,
            ),
            maildir=Maildir(options.maildir),
            users=options.users,
            apop=options.apop,
            implicit_tls=options.implicit_tls,
            tls=tls,
        )
        office.maildir.scan()
        if options.driver == "trio":
            import trio  # noqa: PLC0415

            trio.run(serve_with_trio, office, options.host, options.port)
        else:
            asyncio.run(serve_with_asyncio(office, options.host, options.port))
    except* (OSError, ValueError) as group:
        error = group
    while isinstance(error, BaseExceptionGroup):  # trio's
        error = error.exceptions[0]
    if error is not None:
        sys.exit(f"pop3_server: error: {error}")


if __name__ == "__main__":
    main()
