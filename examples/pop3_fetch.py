"""Fetch new mail by POP3 into a Maildir.

    python -m examples.pop3_fetch --host pop.example --stls --user ada --maildir ./Maildir

What is new is decided by unique-ids: those that were fetched are kept in a file. For each message
it goes: store the message, then write down its unique-id, then, with `--delete`, mark it as deleted
on the server; each step only when the one before is on the disk. So a run may be interrupted
anywhere. The server removes nothing without our QUIT, and the next run goes on where this one
ended: at worst one message comes twice (stored, and not yet written down), and none is lost.

`Collection.run()` keeps some commands in flight where the server offers PIPELINING, one where it
does not; that is the only difference. Messages are written as they come, whatever their size.
"""

from __future__ import annotations

import argparse
import contextlib
import mailbox
import os
import ssl
import sys
import time
import urllib.parse
from collections import Counter, deque
from pathlib import Path

from examples.authentication import exchange_of, secret_of
from examples.drivers.threads_driver import Connection, open_connection
from examples.maildir import Delivery
from mailproto import LocalProtocolError, RemoteProtocolError, Want, pop3

__all__ = ["main"]

AHEAD = 16
"""Commands in flight where PIPELINING is offered."""

ALL, SOME, NONE = 0, 1, 2
"""Exit statuses: how much of what was to be done was done."""


class FailureError(Exception):
    """Nothing more can be done, and this is why."""


# --- A conversation -----------------------------------------------------------------------------


class Session:
    """One connection, seen as a conversation."""

    def __init__(self, client: pop3.Client, connection: Connection[pop3.ClientEvent]) -> None:
        self.client = client
        self.connection = connection

    def event(self) -> pop3.ClientEvent:
        """The next event."""
        match self.connection.next():
            case Want.CLOSE | Want.ANSWER:  # the latter never: the machine answers challenges
                raise FailureError("the server closed the connection")
            case pop3.Goodbye(reply):
                raise FailureError(f"the server said goodbye: {reply}")
            case pop3.Timeout():
                raise FailureError("the server did not answer in time")
            case event:
                return event

    def ask(self, number: int) -> pop3.Replied:
        """Wait for the reply to what was just sent."""
        while True:
            event = self.event()
            if isinstance(event, pop3.Replied) and event.number == number:
                return event

    def must(self, number: int) -> None:
        """Wait for the reply to what was just sent. It has to be a yes."""
        event = self.ask(number)
        if not event.reply.ok:
            raise FailureError(f"the server refused {event.command.verb}: {event.reply}")

    def greeting(self) -> None:
        event = self.event()
        if isinstance(event, pop3.Greeting) and not event.reply.ok:
            raise FailureError(f"the server refused the connection: {event.reply}")

    def log_in(self, options: argparse.Namespace, secret: str) -> None:
        client = self.client
        if options.apop:
            if client.timestamp is None:
                raise FailureError("the server's greeting has no sound timestamp, so no APOP")
            self.must(client.send(pop3.Apop.make(options.user, client.timestamp, secret)))
        elif options.auth:
            offered = client.capabilities.sasl if client.capabilities else ()
            exchange = exchange_of(options, secret, offered, tls=client.tls)
            self.must(client.authenticate(exchange))
        else:
            self.must(client.send(pop3.User(options.user)))
            self.must(client.send(pop3.Pass(secret)))

    def quit(self) -> pop3.Reply:
        """Say QUIT: now the server removes what is marked as deleted."""
        try:
            return self.ask(self.client.send(pop3.Quit())).reply
        except (FailureError, RemoteProtocolError) as error:
            return pop3.Reply(False, f"(no answer to QUIT: {error})")


# --- What was fetched ---------------------------------------------------------------------------


class Seen:
    """The unique-ids of what is stored, kept in a file, one a line. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a+b")
        self.file.seek(0)
        whole, end, torn = self.file.read().rpartition(b"\n")
        if torn:  # an interrupted run was about to write this
            self.file.truncate(len(whole + end))
        self.unique_ids = set(whole.split(b"\n"))

    def __contains__(self, unique_id: str) -> bool:
        return _octets(unique_id) in self.unique_ids

    def add(self, unique_id: str) -> None:
        """Write it down. When this returns, it survives a crash."""
        octets = _octets(unique_id)
        self.unique_ids.add(octets)
        self.file.write(octets + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def close(self) -> None:
        self.file.close()


def _octets(unique_id: str) -> bytes:
    return unique_id.encode("utf-8", "surrogateescape")


# --- Messages -----------------------------------------------------------------------------------


class Collection:
    """What is in the maildrop, what of it is new, and what becomes of it."""

    def __init__(self, maildir: Path, seen: Seen, progress: Progress, *, delete: bool) -> None:
        self.maildir = maildir
        self.seen = seen
        self.progress = progress
        self.delete = delete
        self.there: dict[int, str] = {}  # the unique-id of each message
        self.unreadable = 0  # entries of the listing
        self.delivery: Delivery | None = None
        self.stored = 0
        self.known = 0  # stored by an earlier run
        self.deleted = 0
        self.complaints: list[str] = []

    def list(self, session: Session) -> None:
        """See what is there."""
        number = session.client.send(pop3.Uidl())
        while True:
            match session.event():
                case pop3.Listing(entries=entries):
                    for entry in entries:
                        if isinstance(entry, pop3.Unparsed):
                            self.unreadable += 1
                        else:
                            self.there[entry[0]] = str(entry[1])
                case pop3.Replied(reply=reply) as replied if replied.number == number:
                    if not reply.ok:
                        raise FailureError(f"the server refused UIDL: {reply}")
                    return
                case _:
                    pass

    def plan(self) -> deque[pop3.Command]:
        """What to say: RETR for what is new, and DELE for what an earlier run has stored."""
        # Two messages may share a unique-id (RFC 1939 section 7). Of those only what this very run
        # has stored is deleted: which of them an earlier one has, nobody can tell.
        shared = {one for one, count in Counter(self.there.values()).items() if count > 1}
        commands: deque[pop3.Command] = deque()
        for number, unique_id in self.there.items():
            if unique_id not in self.seen:
                commands.append(pop3.Retr(number))
                self.progress.messages += 1
            else:
                self.known += 1
                if self.delete and unique_id not in shared:
                    commands.append(pop3.Dele(number))
        return commands

    def run(self, session: Session) -> None:
        """Fetch what is new."""
        client = session.client
        commands = self.plan()
        offered = client.capabilities
        ahead = AHEAD if offered is not None and "PIPELINING" in offered else 1
        while commands or client.outstanding:
            while commands and len(client.outstanding) < ahead:
                client.send(commands.popleft())
            match session.event():
                case pop3.BodyStart(size=size):
                    self.delivery = Delivery(self.maildir, "pop3_fetch")
                    self.progress.begin(size)
                case pop3.BodyChunk(data):
                    assert self.delivery is not None
                    self.delivery.write(data)
                    self.progress.add(len(data))
                case pop3.Replied(command=pop3.Retr(number), reply=reply):  # behind BodyEnd
                    if not reply.ok:
                        self.complaints.append(f"message {number} is refused: {reply}")
                        continue
                    self.store(number)
                    if self.delete:
                        commands.appendleft(pop3.Dele(number))
                case pop3.Replied(command=pop3.Dele(number), reply=reply):
                    if reply.ok:
                        self.deleted += 1
                    else:
                        self.complaints.append(f"message {number} cannot be deleted: {reply}")
                case _:
                    pass

    def store(self, number: int) -> None:
        assert self.delivery is not None
        self.delivery.commit()
        self.delivery = None
        self.stored += 1
        self.seen.add(self.there[number])

    def close(self) -> None:
        self.progress.close()
        if self.delivery is not None:
            self.delivery.discard()


class Progress:
    """A line that says how far we are, if somebody looks at it."""

    def __init__(self, show: bool) -> None:
        self.show = show
        self.messages = 0  # to be fetched
        self.number = 0  # of the one that is being fetched
        self.size: int | None = None  # its octets, as the server has announced them
        self.done = 0  # how many of them are here
        self.shown = time.monotonic()  # nothing is shown of what takes no time

    def begin(self, size: int | None) -> None:
        self.number += 1
        self.size, self.done = size, 0

    def add(self, octets: int) -> None:
        self.done += octets
        if time.monotonic() > self.shown + 0.5:
            self.say("")

    def close(self) -> None:
        if self.number:
            self.say("\n")

    def say(self, end: str) -> None:
        if self.show:
            share = f" of {self.size:,}" if self.size else ""
            line = f"message {self.number} of {self.messages}: {self.done:,}{share} octets"
            # The control sequence clears what is left of a longer line.
            print(f"\r{line}\033[K", end=end, file=sys.stderr, flush=True)
        self.shown = time.monotonic()


def fetch(options: argparse.Namespace, secret: str, collection: Collection) -> None:
    client = pop3.Client(
        tls=options.implicit_tls, quirks=pop3.Quirks(plaintext_auth=options.plaintext_auth)
    )
    with open_connection(
        options.host,
        options.port,
        client,
        ssl_context=ssl.create_default_context(cafile=options.cafile),
        server_hostname=options.server_name,
    ) as connection:
        session = Session(client, connection)
        session.greeting()
        if options.stls:
            session.must(client.send(pop3.Stls()))
        session.ask(client.send(pop3.Capa()))  # a no is no harm: then nothing is offered
        session.log_in(options, secret)
        collection.list(session)
        collection.run(session)
        reply = session.quit()
        if collection.deleted and not reply.ok:
            collection.deleted = 0
            collection.complaints.append(f"what was to be deleted may still be there: {reply}")


# --- The command line ---------------------------------------------------------------------------


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pop3_fetch",
        description="Fetch new mail by POP3 into a Maildir.",
        epilog=f"Exit status: {ALL} if everything new was stored, {SOME} if some messages could "
        f"not be fetched or deleted, {NONE} if the run failed: what it had stored before is stored "
        "and written down, and the next run goes on from there.",
    )
    add = parser.add_argument
    add("--maildir", type=Path, required=True, metavar="FOLDER", help="made if it is not there")
    add("--host", default="127.0.0.1", help="the server (%(default)s)")
    add("--port", type=int, help="its port (110; with --implicit-tls 995)")
    add("--delete", action="store_true", help="delete on the server what is stored here")
    add(
        "--seen",
        type=Path,
        metavar="FILE",
        help="where to write down what was fetched; pop3_fetch-USER@HOST in the Maildir if not "
        "given",
    )
    add("--progress", action="store_true", help="show it, even if standard error is no terminal")
    tls = parser.add_argument_group("TLS")
    when = tls.add_mutually_exclusive_group()
    when.add_argument("--stls", action="store_true", help="or do not log in at all")
    when.add_argument("--implicit-tls", action="store_true", help="TLS from the first octet on")
    tls.add_argument("--cafile", metavar="FILE", help="trust this authority (PEM) only")
    tls.add_argument("--server-name", metavar="NAME", help="in the certificate, if not --host")
    login = parser.add_argument_group("login (USER and PASS, if nothing else is asked for)")
    login.add_argument("--user", required=True, metavar="NAME")
    login.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="the first line of it; without, the environment variable POP3_FETCH_PASSWORD",
    )
    login.add_argument("--apop", action="store_true", help="by APOP; it is only MD5")
    login.add_argument("--auth", action="store_true", help="by AUTH, with the best SASL mechanism")
    login.add_argument("--mechanism", metavar="NAME", help="by AUTH, with this one and no other")
    login.add_argument(
        "--token", action="store_true", help="by AUTH; the password is an OAuth token"
    )
    login.add_argument("--plaintext-auth", action="store_true", help="show it even without TLS")
    options = parser.parse_args(arguments)
    options.auth = bool(options.auth or options.mechanism or options.token)
    if options.apop and options.auth:
        parser.error("APOP is a login without AUTH")
    if options.apop and options.stls:
        parser.error("--apop needs the greeting, and TLS by --stls begins behind it")
    if options.port is None:
        options.port = 995 if options.implicit_tls else 110
    if options.seen is None:
        name = f"pop3_fetch-{options.user}@{options.host}"
        options.seen = options.maildir / urllib.parse.quote(name, safe="@")
    return options


def printable(text: str) -> str:
    """What a server has said must not speak to the terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def report(collection: Collection) -> int:
    said = [f"{collection.stored} new", f"{collection.known} fetched before"]
    if collection.delete:
        said.append(f"{collection.deleted} deleted")
    print(", ".join(said))
    if collection.unreadable:
        collection.complaints.append(f"{collection.unreadable} entries of UIDL cannot be read")
    for complaint in collection.complaints:
        print(f"pop3_fetch: {printable(complaint)}", file=sys.stderr)
    return SOME if collection.complaints else ALL


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    stored = 0
    try:
        secret = secret_of(options, "POP3_FETCH_PASSWORD")
        mailbox.Maildir(options.maildir, create=True).clean()
        progress = Progress(options.progress or sys.stderr.isatty())
        with contextlib.closing(Seen(options.seen)) as seen:
            collection = Collection(options.maildir, seen, progress, delete=options.delete)
            with contextlib.closing(collection):
                try:
                    fetch(options, secret, collection)
                finally:
                    stored = collection.stored
            return report(collection)
    except RemoteProtocolError as error:
        why = f"{error} ({error.__cause__})" if error.__cause__ else str(error)
    except (FailureError, LocalProtocolError, OSError, ValueError) as error:
        why = str(error)
    except KeyboardInterrupt:
        why = "interrupted"
    if stored:
        why += f"; {stored} new before that: the next run goes on from there"
    print(f"pop3_fetch: error: {printable(why)}", file=sys.stderr)
    return NONE


if __name__ == "__main__":
    sys.exit(main())
