"""A receiving mail server: SMTP or LMTP in, a Maildir out.

    python -m examples.smtp_sink --port 2525 --maildir ./Maildir

The shape of every server made with mailproto. Most events are answered at once, with
`server.accept()` or `server.reject()`; `connection.next()` sees to it that the answers leave, those
to pipelined commands in one piece. Only storing a message takes time: its `BodyEnd` is not answered
where it comes, but when the machine says ANSWER; everything before it has been sent by then. And
in LMTP and PRDR each recipient has its own answer: `awaiting` goes from one to the next.

A message is never held in memory. Its chunks go to a file in the Maildir's `tmp`, which moves to
`new` when the message is complete and on disk; then, and only then, the client hears 250. The file
has the octets that were received, CRLF and all. Nothing is put on top of them unless `--trace` asks
for what a final delivery adds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import email.utils
import mailbox
import signal
import ssl
from pathlib import Path

import attrs

from examples.authentication import MECHANISMS, Authentication, Users
from examples.drivers.asyncio_driver import Connection, Stream, start_server
from examples.maildir import Delivery
from mailproto import Want, sasl, smtp

__all__ = ["main"]

PATIENCE = 10.0
"""Seconds that open sessions get to hear our 421 before the program ends."""

NOT_STORED = smtp.Reply(451, "4.3.0 The message could not be stored, try again later")
FULL = smtp.Reply(452, "4.2.2 The mailbox is full")

FROM_PROXIES = (
    "XCLIENT NAME ADDR PORT PROTO HELO REVERSE_NAME LOGIN DESTADDR DESTPORT",
    "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
)
"""What is offered to the proxies that --trust-proxy names, and to nobody else."""


def address_of(stream: Stream) -> str:
    """The peer's IP address, or, if it has gone already, a word for that."""
    peer = None if stream.transport is None else stream.transport.get_extra_info("peername")
    return peer[0] if peer else "unknown"


# --- A connection -------------------------------------------------------------------------------


class Session:
    """One connection: what its events mean, and what is kept between them."""

    def __init__(
        self, sink: Sink, server: smtp.Server, connection: Connection[smtp.ServerEvent]
    ) -> None:
        self.sink = sink
        self.server = server
        self.connection = connection
        self.address = address_of(connection.stream)
        self.delivery: Delivery | None = None
        self.storing = asyncio.Lock()
        self.authentication = Authentication(sink.users)

    async def run(self) -> None:
        server = self.server
        try:
            while True:
                match await self.connection.next():
                    case Want.CLOSE:
                        break
                    case Want.ANSWER:
                        async with self.storing:
                            await self.answer_message()
                    case smtp.Rcpt(recipient) if recipient.casefold() in self.sink.refused:
                        server.reject()
                    case smtp.Data() | smtp.Bdat():
                        self.begin_message()
                    case smtp.BodyChunk(data):
                        if self.delivery is not None:
                            self.delivery.write(data)
                    case smtp.BodyEnd():
                        pass  # answered when the machine says ANSWER
                    case smtp.Auth() | smtp.AuthResponse() as event:
                        self.authenticate(event)
                    case smtp.Etrn() | smtp.UnknownCommand():
                        server.reject()
                    case smtp.XClient() | smtp.XForward() as event:
                        self.hear_of_client(event)
                        server.accept()
                    case smtp.Mail():
                        self.end_message()  # one that was given up
                        server.accept()
                    case _ if server.awaiting is not None:
                        server.accept()
                    case _:
                        pass  # the machine has answered it
        finally:
            self.end_message()

    async def stop(self) -> None:
        """Say 421 and hang up; but a message that is being stored gets its answer first."""
        async with self.storing:
            await self.connection.abort()

    # --- Messages ---

    def begin_message(self) -> None:
        """At DATA, and at the first of some BDAT."""
        try:
            if self.delivery is None:
                self.delivery = Delivery(self.sink.maildir, "smtp_sink")
                self.delivery.write(self.trace())
        except OSError as error:
            self.sink.complain(error)
            self.server.reject(NOT_STORED)
        else:
            self.server.accept()

    async def answer_message(self) -> None:
        """Answer `BodyEnd`: once, or in LMTP and PRDR once for each recipient."""
        stored: smtp.Reply | None = None
        while isinstance(owed := self.server.awaiting, smtp.BodyEnd):
            if self.is_full(owed.recipient):
                reply = FULL
            else:
                reply = stored = stored or await self.store(owed)
            await self.connection.send(reply)
        self.end_message()

    def is_full(self, recipient: str | None) -> bool:
        """Whether this mailbox is; where the answer is for all of them, whether each is."""
        envelope = self.server.envelope
        assert envelope is not None
        named = [recipient] if recipient is not None else map(str, envelope.recipients)
        return all(address.casefold() in self.sink.full for address in named)

    async def store(self, message: smtp.BodyEnd) -> smtp.Reply:
        delivery, envelope = self.delivery, self.server.envelope
        assert delivery is not None
        assert envelope is not None
        try:
            await asyncio.to_thread(delivery.commit)
        except OSError as error:
            self.sink.complain(error)
            return NOT_STORED
        to = ", ".join(f"<{recipient}>" for recipient in envelope.recipients)
        self.sink.say(f"{message.size} octets from <{envelope.sender}> to {to}: {delivery.name}")
        return smtp.Reply(250, f"2.0.0 Stored as {delivery.name}")

    def end_message(self) -> None:
        if self.delivery is not None:
            self.delivery.discard()
        self.delivery = None

    def trace(self) -> bytes:
        """What a final delivery puts on top (RFC 5321 section 4.4), if it was asked for."""
        server, hello, envelope = self.server, self.server.hello, self.server.envelope
        if not self.sink.trace:
            return b""
        assert hello is not None
        assert envelope is not None
        words = {"HELO": "SMTP", "EHLO": "ESMTP", "LHLO": "LMTP"}[hello.verb]
        words += "S" * server.tls + "A" * server.authenticated  # RFC 3848
        lines = [f"Return-Path: <{envelope.sender}>"]
        lines += [f"Delivered-To: {recipient}" for recipient in envelope.recipients]
        lines += [
            f"Received: from {hello.domain} ([{self.address}])",
            f"\tby {server.config.hostname} with {words};",
            f"\t{email.utils.formatdate(localtime=True)}",
        ]
        return "".join(f"{line}\r\n" for line in lines).encode()

    # --- Proxies ---

    def hear_of_client(self, event: smtp.XClient | smtp.XForward) -> None:
        """XCLIENT: the session is that client's from now on. XFORWARD: only for the log."""
        address = event.get(smtp.PEER_ADDR)
        if address is not None and not isinstance(address, smtp.Absent):
            if isinstance(event, smtp.XClient):
                self.address = address
            self.sink.say(f"{event.verb}: the client is {address}")

    # --- AUTH ---

    def authenticate(self, event: smtp.Auth | smtp.AuthResponse) -> None:
        match self.authentication.hear(event):
            case sasl.Challenge() as challenge:
                self.server.send(challenge)
            case sasl.Success():
                self.server.accept()
            case sasl.Failure():
                self.server.reject()


# --- The server ---------------------------------------------------------------------------------


@attrs.define
class Sink:
    """What all connections share."""

    config: smtp.ServerConfig
    maildir: Path
    users: Users
    refused: set[str]
    full: set[str]
    proxies: set[str]
    trace: bool
    implicit_tls: bool
    tls: ssl.SSLContext | None
    once: bool
    sessions: set[Session] = attrs.field(factory=set["Session"])
    stopping: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def handle(self, stream: Stream) -> None:
        config = self.config
        if address_of(stream) in self.proxies:
            config = attrs.evolve(config, extensions=(*config.extensions, *FROM_PROXIES))
        server = smtp.Server(config, tls=self.implicit_tls)
        async with Connection(server, stream, ssl_context=self.tls) as connection:
            session = Session(self, server, connection)
            self.sessions.add(session)
            try:
                await session.run()
            finally:
                self.sessions.discard(session)
                if self.once:
                    self.stopping.set()

    async def serve(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stopping.set)
        listener = await start_server(self.handle, host, port)
        for sock in listener.sockets:
            self.say("listening on {} port {}".format(*sock.getsockname()))
        await self.stopping.wait()
        listener.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                stops = [session.stop() for session in self.sessions]
                await asyncio.gather(*stops, return_exceptions=True)

    def say(self, text: str) -> None:
        print(f"smtp_sink: {text}", flush=True)

    def complain(self, error: OSError) -> None:
        self.say(f"a message could not be stored: {error}")


# --- The command line ---------------------------------------------------------------------------


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="smtp_sink",
        description="Receive mail by SMTP or LMTP and store it in a Maildir, octet for octet.",
        epilog="SIGINT (^C) and SIGTERM stop it: open sessions are told 421 first.",
    )
    add = parser.add_argument
    add("--maildir", type=Path, required=True, metavar="FOLDER", help="made if it is not there")
    add("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    add("--port", type=int, default=2525, help="the port; 0: any, see the output (%(default)s)")
    add("--hostname", default="localhost", help="what the server calls itself (%(default)s)")
    add("--lmtp", action="store_true", help="speak LMTP instead of SMTP")
    add("--size", type=int, metavar="OCTETS", help="the largest message to take")
    add("--offer", action="append", default=[], metavar="KEYWORD", help="an EHLO keyword more: DSN")
    add("--trace", action="store_true", help="put Return-Path, Delivered-To and Received on top")
    add(
        "--trust-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="believe the XCLIENT and XFORWARD of the proxy at this IP address",
    )
    add("--once", action="store_true", help="stop after one connection")
    tls = parser.add_argument_group("TLS")
    tls.add_argument("--cert", metavar="FILE", help="certificate chain (PEM); STARTTLS is offered")
    tls.add_argument("--key", metavar="FILE", help="its private key, if it is not in that file")
    tls.add_argument("--implicit-tls", action="store_true", help="TLS from the first octet on")
    auth = parser.add_argument_group(f"AUTH ({', '.join(MECHANISMS)})")
    auth.add_argument("--user", action="append", default=[], metavar="NAME:PASSWORD")
    auth.add_argument("--require-auth", action="store_true", help="refuse mail from others")
    auth.add_argument(
        "--plaintext-auth", action="store_true", help="PLAIN and LOGIN without TLS, too"
    )
    refusals = parser.add_argument_group("refusals, for testing clients")
    refusals.add_argument("--refuse", action="append", default=[], metavar="ADDRESS", help="by 550")
    refusals.add_argument(
        "--full",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="LMTP, and with --offer PRDR: by 452, after the message",
    )
    options = parser.parse_args(arguments)
    try:
        options.users = Users(options.user)
    except ValueError as error:
        parser.error(f"--user: {error}")
    if (options.key or options.implicit_tls) and not options.cert:
        parser.error("--key and --implicit-tls need --cert")
    if options.require_auth and not options.user:
        parser.error("--require-auth needs --user")
    if options.full and not (options.lmtp or "PRDR" in options.offer):
        parser.error("--full needs --lmtp or --offer PRDR")
    return options


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    try:
        config = smtp.ServerConfig(
            hostname=options.hostname,
            lmtp=options.lmtp,
            size=options.size,
            extensions=(*smtp.ServerConfig().extensions, "BINARYMIME", *options.offer),
            auth=MECHANISMS if options.user else (),
            plaintext_auth=options.plaintext_auth,
            starttls=options.cert is not None and not options.implicit_tls,
            require_auth=options.require_auth,
        )
        tls = None
        if options.cert:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(options.cert, options.key)
        mailbox.Maildir(options.maildir, create=True).clean()
        sink = Sink(
            config=config,
            maildir=options.maildir,
            users=options.users,
            refused={address.casefold() for address in options.refuse},
            full={address.casefold() for address in options.full},
            proxies=set(options.trust_proxy),
            trace=options.trace,
            implicit_tls=options.implicit_tls,
            tls=tls,
            once=options.once,
        )
        asyncio.run(sink.serve(options.host, options.port))
    except (OSError, ValueError) as error:
        raise SystemExit(f"smtp_sink: error: {error}") from None


if __name__ == "__main__":
    main()
