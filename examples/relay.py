"""A relay that stores nothing: the server machine in, the client machine out.

    python -m examples.relay --port 2525 --to-host mx.example

For each client one connection to the next server is opened, and the two live and die together. What
the client says, the next server is asked; what that answers, the client is told: recipient by
recipient, and for the message as a whole. So nothing has to be stored, and no bounce is ever
written: the message is always in the hands of somebody who answers for it.

It is short because a command is the same value on both sides: what `server.next_event()` returned
is what `client.send()` takes, and replies and challenges go the other way as they came. That is
enough to pass AUTH on without knowing a password.

A message of any size takes little memory, because nobody reads ahead: a piece is taken from the
client when the next server's machine says ANSWER, which it does when the piece before has left.
"""

from __future__ import annotations

import argparse
import contextlib
import email.utils
import signal
import ssl
import sys
from collections.abc import AsyncGenerator
from typing import Literal

import trio

from examples.drivers.trio_driver import Connection, open_connection, serve
from mailproto import LocalProtocolError, RemoteProtocolError, Want, smtp

__all__ = ["main"]

PATIENCE = 10.0
"""Seconds that open sessions get to hear our 421 before the program ends."""

PASSED_ON = ("8BITMIME", "SMTPUTF8", "DSN", "DELIVERBY", "FUTURERELEASE", "MT-PRIORITY", "RRVS")
"""What is offered where the next server offers it: all it asks of us is to pass parameters on."""

TROUBLE = (trio.BrokenResourceError, trio.TooSlowError)
"""What trio says of a connection that could not be made, besides OSError."""

UNREACHABLE = smtp.Reply(421, "4.4.1 The next server cannot be reached, try again later")
LOST = smtp.Reply(421, "4.4.2 The connection to the next server is lost, try again later")
UNSPEAKABLE = smtp.Reply(554, "5.5.0 This cannot be said to the next server")


class UpstreamError(Exception):
    """The next server cannot be talked to (any more)."""


class Upstream:
    """The way out: the next server is asked something, and answers."""

    def __init__(self, client: smtp.Client, connection: Connection[smtp.ClientEvent]) -> None:
        self.client = client
        self.connection = connection
        self.asked = 0  # the number of the last command

    def offers(self, keyword: str) -> bool:
        return self.client.capabilities is not None and keyword in self.client.capabilities

    async def event(self) -> smtp.ClientEvent | Literal[Want.ANSWER]:
        try:
            event = await self.connection.next()
        except RemoteProtocolError as error:
            raise UpstreamError(str(error)) from error
        if event is Want.CLOSE or isinstance(event, (smtp.Goodbye, smtp.Timeout)):
            raise UpstreamError(f"the next server is gone ({event})")
        return event

    async def ask(self, command: smtp.Command) -> smtp.Reply | smtp.Challenge:
        if self.client.state is smtp.State.CLOSED:
            raise UpstreamError("the next server is gone")
        self.asked = self.client.send(command)
        return await self.answer()

    async def answer(self) -> smtp.Reply | smtp.Challenge:
        """What the server answers (next) to what it was asked last."""
        while True:
            match await self.event():
                case smtp.Replied(number=number, reply=reply) if number == self.asked:
                    return printable(reply)
                case smtp.Challenge() as challenge:
                    return challenge
                case _:
                    pass

    async def must(self) -> None:
        answer = await self.answer()
        if not (isinstance(answer, smtp.Reply) and answer.positive):
            raise UpstreamError(f"the next server refused our {answer}")

    async def introduce(self, hostname: str, *, lmtp: bool, starttls: bool) -> None:
        event = await self.event()
        if not (isinstance(event, smtp.Greeting) and event.reply.positive):
            raise UpstreamError(f"the next server does not want us ({event})")
        self.asked = self.client.hello(hostname, lmtp=lmtp)
        await self.must()
        if starttls:
            self.asked = self.client.send(smtp.StartTls())
            await self.must()
            self.asked = self.client.hello(hostname, lmtp=lmtp)
            await self.must()


def printable(reply: smtp.Reply) -> smtp.Reply:
    """A reply that may be passed on: control characters in it are not worth an error."""
    lines = ["".join(c if c.isprintable() else "?" for c in line) for line in reply.lines]
    return smtp.Reply(reply.code, lines)


class Session:
    """One client, and its connection to the next server."""

    def __init__(
        self,
        server: smtp.Server,
        connection: Connection[smtp.ServerEvent],
        upstream: Upstream,
        peer: str,
    ) -> None:
        self.server = server
        self.connection = connection
        self.upstream = upstream
        self.peer = peer
        self.asking = trio.Lock()
        # The message under way:
        self.complete = False  # whether the next server has all of it
        self.verdict: smtp.Reply | None = None  # a refusal that came before that

    async def run(self) -> None:
        try:
            while True:
                match await self.connection.next():
                    case Want.CLOSE:
                        return
                    case Want.ANSWER:
                        async with self.asking:
                            await self.answer()
                    case smtp.BodyChunk(data):
                        await self.pass_body(data)
                    case smtp.BodyRefused():
                        # There is no way to take back the half that has been passed on.
                        await self.give_up("a message was refused half-way")
                    case _:
                        pass  # answered by the machine, or when it says ANSWER
        except UpstreamError as error:
            await self.give_up(str(error))

    async def give_up(self, why: str) -> None:
        say(f"{self.peer}: {why}")
        await self.connection.abort(LOST)

    async def stop(self) -> None:
        """Say 421 and hang up, but not before the next server's answer has been passed on."""
        async with self.asking:
            await self.connection.abort()

    async def answer(self) -> None:
        """Answer what the client asked: mostly, by asking the next server."""
        owed = self.server.awaiting
        match owed:
            case None:
                pass  # stop() came first
            case smtp.Mail(sender, params) if not self.upstream.offers("SIZE"):
                kept = tuple(param for param in params if param.keyword != "SIZE")  # it was for us
                await self.connection.send(await self.ask(smtp.Mail(sender, kept)))
            case smtp.Mail() | smtp.Rcpt() | smtp.Auth() | smtp.AuthResponse():
                await self.connection.send(await self.ask(owed))
            case smtp.Data():
                answer = await self.ask(owed)
                await self.connection.send(answer)
                if isinstance(answer, smtp.Reply) and answer.intermediate:
                    self.complete, self.verdict = False, None
                    await self.pass_body(self.trace())
            case smtp.BodyEnd():
                while self.server.awaiting is not None:  # in LMTP, for each recipient
                    await self.connection.send(await self.end_body())
            case _:  # StartTls is our own business; Vrfy, Expn and Help are not worth the way
                self.server.accept()

    async def ask(self, command: smtp.Command) -> smtp.Reply | smtp.Challenge:
        client = self.upstream.client
        try:
            # What our machine settled with the client alone, the next server does not know yet.
            if isinstance(client.awaiting, smtp.Challenge) and command.verb:
                await self.upstream.ask(smtp.AuthCancel())
            if command.verb in ("MAIL", "AUTH") and client.state is not smtp.State.READY:
                await self.upstream.ask(smtp.Rset())
            return await self.upstream.ask(command)
        except (LocalProtocolError, ValueError):
            return UNSPEAKABLE

    async def pass_body(self, data: bytes) -> None:
        """Hand on a piece of the message when it is wanted: this is where the client waits."""
        if self.verdict is None and await self.wanted():
            await self.upstream.connection.send_body(data)

    async def end_body(self) -> smtp.Reply | smtp.Challenge:
        """The next server's answer to the message; in LMTP, to one recipient of it."""
        if self.verdict is None and not self.complete and await self.wanted():
            self.complete = True
            await self.upstream.connection.end_body()
        return self.verdict or await self.upstream.answer()

    async def wanted(self) -> bool:
        """Whether the next server wants (more of) the message; if not, `verdict` says why."""
        while True:
            match await self.upstream.event():
                case Want.ANSWER:
                    return True
                case smtp.Replied(reply=reply):
                    self.verdict = printable(reply)
                    return False
                case _:
                    pass

    def trace(self) -> bytes:
        """The field that every relay adds (RFC 5321 section 4.4)."""
        server, hello = self.server, self.server.hello
        assert hello is not None
        words = {"HELO": "SMTP", "EHLO": "ESMTP", "LHLO": "LMTP"}[hello.verb]
        words += "S" * server.tls + "A" * server.authenticated  # RFC 3848
        return (
            f"Received: from {hello.domain} ([{self.peer}])\r\n"
            f"\tby {server.config.hostname} with {words};\r\n"
            f"\t{email.utils.formatdate(localtime=True)}\r\n"
        ).encode()


class Relay:
    """What all connections share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.inward: ssl.SSLContext | None = None
        if options.cert:
            self.inward = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.inward.load_cert_chain(options.cert, options.key)
        self.outward = ssl.create_default_context(cafile=options.cafile)
        self.sessions: set[Session] = set()

    async def handle(self, stream: trio.SocketStream) -> None:
        peer = str(stream.socket.getpeername()[0])
        async with contextlib.AsyncExitStack() as stack:
            try:
                upstream = await stack.enter_async_context(self.upstream())
            except (UpstreamError, LocalProtocolError, OSError, *TROUBLE) as error:
                say(f"{peer}: {error}")
                await turn_away(stream)
                return
            server = smtp.Server(self.offer(upstream.client))
            async with Connection(server, stream, ssl_context=self.inward) as connection:
                session = Session(server, connection, upstream, peer)
                self.sessions.add(session)
                try:
                    await session.run()
                finally:
                    self.sessions.discard(session)

    @contextlib.asynccontextmanager
    async def upstream(self) -> AsyncGenerator[Upstream, None]:
        options = self.options
        client = smtp.Client()
        async with open_connection(
            options.to_host,
            options.to_port,
            client,
            ssl_context=self.outward,
            server_hostname=options.to_name,
        ) as connection:
            upstream = Upstream(client, connection)
            await upstream.introduce(
                options.hostname, lmtp=options.lmtp, starttls=options.to_starttls
            )
            yield upstream

    def offer(self, client: smtp.Client) -> smtp.ServerConfig:
        """Offer what the next server offers, as far as we can keep the promise."""
        there = client.capabilities or smtp.Capabilities()
        return smtp.ServerConfig(
            hostname=self.options.hostname,
            lmtp=self.options.lmtp,
            size=there.size,
            extensions=(
                "PIPELINING",
                "ENHANCEDSTATUSCODES",
                *(" ".join((word, *there[word])) for word in PASSED_ON if word in there),
            ),
            auth=there.auth if client.tls else (),  # a password is safe all the way, or not asked
            starttls=self.inward is not None,
        )

    async def serve(self) -> None:
        async with trio.open_nursery() as nursery:
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                listeners = await nursery.start(
                    serve, self.handle, self.options.host, self.options.port
                )
                for listener in listeners:
                    say("listening on {} port {}".format(*listener.socket.getsockname()))
                async for _ in signals:
                    break
            with trio.move_on_after(PATIENCE):
                async with trio.open_nursery() as stops:
                    for session in self.sessions:
                        stops.start_soon(session.stop)
            nursery.cancel_scope.cancel()


async def turn_away(stream: trio.SocketStream) -> None:
    async with Connection(smtp.Server(greeting=UNREACHABLE), stream) as connection:
        while await connection.next() is not Want.CLOSE:
            pass


def say(text: str) -> None:
    print(f"relay: {text}", flush=True)


# --- The command line ---------------------------------------------------------------------------


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="relay",
        description="Pass mail on to the next server while it comes in. Nothing is stored.",
        epilog="SIGINT (^C) and SIGTERM stop it: open sessions are told 421 first.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    add("--port", type=int, default=2525, help="the port; 0: any, see the output (%(default)s)")
    add("--hostname", default="localhost", help="what the relay calls itself (%(default)s)")
    add("--lmtp", action="store_true", help="speak LMTP instead of SMTP, on both sides")
    add("--cert", metavar="FILE", help="certificate chain (PEM); clients are offered STARTTLS")
    add("--key", metavar="FILE", help="its private key, if it is not in that file")
    there = parser.add_argument_group("the next server")
    there.add_argument("--to-host", required=True, metavar="HOST")
    there.add_argument("--to-port", type=int, default=25, metavar="PORT", help="(%(default)s)")
    there.add_argument(
        "--to-starttls",
        action="store_true",
        help="use TLS, or do not talk to it at all; if it offers AUTH, it is passed on to clients",
    )
    there.add_argument("--to-name", metavar="NAME", help="in its certificate, if not --to-host")
    there.add_argument("--cafile", metavar="FILE", help="trust this authority (PEM) only")
    options = parser.parse_args(arguments)
    if options.key and not options.cert:
        parser.error("--key needs --cert")
    return options


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    error: BaseException | None = None
    try:
        trio.run(Relay(options).serve)
    except* OSError as group:
        error = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is not None:
        sys.exit(f"relay: error: {error}")


if __name__ == "__main__":
    main()
