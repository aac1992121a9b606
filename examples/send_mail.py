"""Send one message by SMTP or LMTP, and say what became of each recipient.

    python -m examples.send_mail --host mx.example --from me@a.example --to you@b.example FILE

The shape of every client made with mailproto. `Session.event()` is the one place where the machine
is driven: what it asks for on the way (the next piece of the message) is given there, everything
else is returned. The rest reads like the conversation it is: greeting, EHLO, STARTTLS, AUTH, the
transaction, QUIT.

`client.submit()` knows what the server offers: it pipelines, sends chunks or dot-stuffed text, and
asks for the message only if somebody will get it. A refused recipient is no exception: it is a
reply in the `Outcome`. The message is read as it is sent, so its size does not matter; its lines
may end in LF or CRLF, and leave as CRLF. For a server without 8BITMIME it is read as a whole, and
what is 8-bit in it is said in 7 bits.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import ssl
import stat
import sys
import time
from pathlib import Path
from typing import BinaryIO

from examples.authentication import exchange_of, secret_of
from examples.drivers.threads_driver import Connection, open_connection
from mailproto import LocalProtocolError, RemoteProtocolError, Want, message, smtp

__all__ = ["main"]

PIECE = 65_536
"""Octets read from the message at a time."""

ALL, SOME, NONE = 0, 1, 2
"""Exit statuses: who got the message."""


class FailureError(Exception):
    """Nothing was delivered, and this is why."""


# --- A conversation -----------------------------------------------------------------------------


class Session:
    """One connection, seen as a conversation."""

    def __init__(
        self,
        client: smtp.Client,
        connection: Connection[smtp.ClientEvent],
        message: File,
    ) -> None:
        self.client = client
        self.connection = connection
        self.message = message

    def event(self) -> smtp.ClientEvent:
        """The next event. What the machine wants on the way to it is given."""
        while True:
            match self.connection.next():
                case Want.CLOSE:
                    raise FailureError("the server closed the connection")
                case Want.ANSWER:
                    self.answer()
                case smtp.Goodbye(reply):
                    raise FailureError(f"the server said goodbye: {reply}")
                case smtp.Timeout():
                    raise FailureError("the server did not answer in time")
                case event:
                    return event

    def answer(self) -> None:
        if piece := self.message.read():
            self.connection.send_body(piece)
        else:
            self.connection.end_body()

    def must(self, number: int) -> None:
        """Wait for the reply to what was just sent. It has to be a yes."""
        while True:
            event = self.event()
            if isinstance(event, smtp.Replied) and event.number == number:
                if event.reply.positive:
                    return
                raise FailureError(f"the server refused {event.command.verb}: {event.reply}")

    def greeting(self) -> None:
        event = self.event()
        if isinstance(event, smtp.Greeting) and not event.reply.positive:
            raise FailureError(f"the server refused the connection: {event.reply}")

    def hello(self, options: argparse.Namespace) -> None:
        self.must(self.client.hello(options.hello, lmtp=options.lmtp))

    def authenticate(self, options: argparse.Namespace, secret: str) -> None:
        offered = self.client.capabilities.auth if self.client.capabilities else ()
        exchange = exchange_of(options, secret, offered, tls=self.client.tls)
        self.must(self.client.authenticate(exchange))  # the machine answers the challenges

    def transaction(self, envelope: smtp.Envelope) -> smtp.Outcome:
        if self.client.capabilities is not None and "8BITMIME" in self.client.capabilities:
            # It may be 8-bit: we have not read it yet.
            self.client.submit(envelope, size=self.message.size, body="8BITMIME")
        else:
            mail = message.Message.parse(self.message.read_all())
            self.client.submit(envelope, mail)  # in 7 bits, if it can be said in them
        while True:
            event = self.event()
            if isinstance(event, smtp.Outcome):
                return event

    def quit(self) -> None:
        """Be polite. The message has been answered for, whatever happens now."""
        with contextlib.suppress(FailureError, LocalProtocolError, RemoteProtocolError):
            self.must(self.client.send(smtp.Quit()))


class File:
    """The message, read piece by piece, and the progress of that."""

    def __init__(self, file: BinaryIO, show_progress: bool) -> None:
        self.file = file
        status = os.fstat(file.fileno())
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None  # in octets, if known
        self.done = 0
        self.complete = False  # whether the server has all of it
        self.show_progress = show_progress
        self.shown = time.monotonic()  # nothing is shown of what takes no time

    def read(self) -> bytes:
        piece = self.file.read(PIECE)
        self.done += len(piece)
        self.complete = not piece
        if self.show_progress and (time.monotonic() > self.shown + 0.5 or not piece):
            self.shown = time.monotonic()
            self.show(end="" if piece else "\n")
        return piece

    def read_all(self) -> bytes:
        self.complete = True  # for all that can be said
        return self.file.read()

    def show(self, end: str) -> None:
        share = f" of {self.size:,} ({self.done / self.size:.0%})" if self.size else ""
        print(f"\rsent {self.done:,}{share} octets", end=end, file=sys.stderr, flush=True)


def deliver(
    options: argparse.Namespace, envelope: smtp.Envelope, message: File, secret: str
) -> smtp.Outcome:
    client = smtp.Client(
        tls=options.implicit_tls,
        quirks=smtp.Quirks(
            bare_newlines=smtp.BareNewlines.NORMALIZE, plaintext_auth=options.plaintext_auth
        ),
    )
    with open_connection(
        options.host,
        options.port,
        client,
        ssl_context=ssl.create_default_context(cafile=options.cafile),
        server_hostname=options.server_name,
    ) as connection:
        session = Session(client, connection, message)
        session.greeting()
        session.hello(options)
        if options.starttls:
            session.must(client.send(smtp.StartTls()))
            session.hello(options)  # what was said in plaintext is forgotten (RFC 3207)
        if options.user:
            session.authenticate(options, secret)
        outcome = session.transaction(envelope)
        session.quit()
        return outcome


# --- The command line ---------------------------------------------------------------------------


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="send_mail",
        description="Send one message by SMTP or LMTP, and say what became of each recipient.",
        epilog=f"Exit status: {ALL} if every recipient was accepted, {SOME} if some were refused, "
        f"{NONE} if all were, or nothing could be sent.",
    )
    add = parser.add_argument
    add("message", metavar="FILE", help="the message, with its header; -: standard input")
    add("--host", default="127.0.0.1", help="the server (%(default)s)")
    add("--port", type=int, help="its port (25; with --implicit-tls 465, with --lmtp 24)")
    add("--from", dest="sender", required=True, metavar="ADDRESS", help="'' is the null path")
    add("--to", action="append", required=True, metavar="ADDRESS", help="once for each recipient")
    add("--hello", default=socket.gethostname(), metavar="NAME", help="who we are (%(default)s)")
    add("--lmtp", action="store_true", help="speak LMTP instead of SMTP")
    add("--progress", action="store_true", help="show it, even if standard error is no terminal")
    tls = parser.add_argument_group("TLS")
    when = tls.add_mutually_exclusive_group()
    when.add_argument("--starttls", action="store_true", help="or do not send at all")
    when.add_argument("--implicit-tls", action="store_true", help="TLS from the first octet on")
    tls.add_argument("--cafile", metavar="FILE", help="trust this authority (PEM) only")
    tls.add_argument("--server-name", metavar="NAME", help="in the certificate, if not --host")
    auth = parser.add_argument_group("AUTH, with the best SASL mechanism that is offered")
    auth.add_argument("--user", default="", metavar="NAME")
    auth.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="the first line of it; without, the environment variable SEND_MAIL_PASSWORD",
    )
    auth.add_argument("--mechanism", metavar="NAME", help="this one and no other")
    auth.add_argument("--token", action="store_true", help="the password is an OAuth token")
    auth.add_argument("--plaintext-auth", action="store_true", help="even without TLS")
    dsn = parser.add_argument_group("delivery status notifications, if the server offers DSN")
    dsn.add_argument("--notify", metavar="WHEN", help="NEVER, or some of SUCCESS,FAILURE,DELAY")
    dsn.add_argument("--ret", choices=("FULL", "HDRS"), help="how much of the message to return")
    dsn.add_argument("--envid", metavar="TEXT", help="a name for this envelope")
    options = parser.parse_args(arguments)
    if options.port is None:
        options.port = 465 if options.implicit_tls else 24 if options.lmtp else 25
    return options


def envelope_of(options: argparse.Namespace) -> smtp.Envelope:
    """Sender, recipients and what DSN adds to them. Raises ValueError."""
    params: tuple[smtp.Param, ...] = (smtp.RET(options.ret),) if options.ret else ()
    params += (smtp.ENVID(options.envid),) if options.envid else ()
    notify = (smtp.NOTIFY(tuple(options.notify.split(","))),) if options.notify else ()
    recipients = [smtp.Recipient(address, notify) for address in options.to]
    return smtp.Envelope(options.sender, recipients, params)


def printable(text: str) -> str:
    """What a server has said must not speak to the terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def report(outcome: smtp.Outcome) -> int:
    for address, reply in outcome.results:
        word = "accepted" if reply.positive else "refused"
        print(f"<{address}> {word}: {printable(str(reply))}")
    if not outcome.delivered:
        return NONE
    return SOME if outcome.refused else ALL


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    complete = False
    try:
        envelope, secret = envelope_of(options), secret_of(options, "SEND_MAIL_PASSWORD")
        with contextlib.ExitStack() as stack:
            if options.message == "-":
                file: BinaryIO = sys.stdin.buffer
            else:
                file = stack.enter_context(Path(options.message).open("rb"))
            message = File(file, options.progress or sys.stderr.isatty())
            try:
                return report(deliver(options, envelope, message, secret))
            finally:
                complete = message.complete
    except RemoteProtocolError as error:
        why = f"{error} ({error.__cause__})" if error.__cause__ else str(error)
    except (FailureError, LocalProtocolError, OSError, ValueError) as error:
        why = str(error)
    except KeyboardInterrupt:
        why = "interrupted"
    if complete:
        why += "; the message may have been delivered all the same"
    print(f"send_mail: error: {printable(why)}", file=sys.stderr)
    return NONE


if __name__ == "__main__":
    sys.exit(main())
