"""A small IMAP server: mailboxes in memory, several clients on one of them.

    python -m examples.imap_server --port 1143 --user ada:engine

A lesson, not a product: what a server has to decide for itself. The machine knows the words, the
states and when something may be said. What is left is here: who may log in, which mailboxes and
messages there are, and what each session has been told of them.

The last is the part that is easy to get wrong. Message numbers are a session's own: they change
when the *session* is told of an EXPUNGE, not when a message goes. So each session keeps a `view`,
the messages it has been told of in order, and `tell()` says what has changed since: new messages
and flags at any time, EXPUNGE only while no command is in progress that names messages by number.

Nothing here knows how octets travel: `Session.hear()` is given an event and answers at once, so
every driver runs it.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import attrs

from examples.drivers import asyncio_driver
from mailproto import Want, imap
from mailproto.imap import (
    And,
    Body,
    BodyChunk,
    BodyEnd,
    Exists,
    Expunged,
    FetchData,
    Flag,
    Key,
    Not,
    Or,
    ResponseCode,
    SequenceSet,
)
from mailproto.message import Message, bodystructure, imap_envelope, section_octets

__all__ = ["Mailbox", "Session", "Store", "main"]

CONFIG = imap.ServerConfig(plaintext_auth=True)  # a lesson on a loopback port
KNOWN = (Flag.SEEN, Flag.ANSWERED, Flag.FLAGGED, Flag.DELETED, Flag.DRAFT)
FAST = ("FLAGS", "INTERNALDATE", "RFC822.SIZE")
MACROS = {"FAST": FAST, "ALL": (*FAST, "ENVELOPE"), "FULL": (*FAST, "ENVELOPE", "BODY")}
ITEMS = {*MACROS["FULL"], "UID", "BODYSTRUCTURE", "RFC822"}


@attrs.define(eq=False)
class Stored:
    """A message in a mailbox."""

    uid: int
    octets: bytes
    flags: set[str]
    date: datetime
    gone: bool = False


@attrs.define(eq=False)
class Mailbox:
    """Messages in the order of their UIDs, and the sessions that look at them."""

    messages: list[Stored] = attrs.Factory(list[Stored])
    uidnext: int = 1
    uidvalidity: int = 1
    sessions: list[Session] = attrs.Factory(list["Session"])

    def add(self, octets: bytes, flags: tuple[str, ...], date: datetime | None) -> int:
        """Store a message. Returns its UID."""
        uid, self.uidnext = self.uidnext, self.uidnext + 1
        self.messages.append(Stored(uid, octets, set(flags), date or datetime.now(UTC)))
        self.changed()
        return uid

    def remove(self, gone: list[Stored]) -> None:
        """Remove messages. Sessions learn of it when they may."""
        for one in gone:
            one.gone = True
        self.messages = [one for one in self.messages if not one.gone]
        self.changed()

    def changed(self) -> None:
        """Tell those who wait for it."""
        for session in self.sessions:
            if session.server.idling:
                session.tell()
                session.wake()


class Store:
    """All mailboxes of one user."""

    def __init__(self, user: str, password: str) -> None:
        self.user = user
        self.password = password
        self.mailboxes: dict[str | bytes, Mailbox] = {"INBOX": Mailbox()}


class Session:
    """One client: what its commands mean, and what it has been told."""

    def __init__(
        self, store: Store, server: imap.Server, wake: Callable[[], object] = lambda: None
    ) -> None:
        self.store = store
        self.server = server
        self.wake = wake
        self.mailbox: Mailbox | None = None
        self.readonly = False
        self.view: list[Stored] = []  # what it has been told of: numbers are places in it
        self.told: dict[int, set[str]] = {}  # flags, by UID
        self.incoming: list[bytes] = []
        self.append: imap.Append | None = None

    def hear(self, event: object) -> None:
        """React to an event of the machine. What is owed is answered when it says ANSWER."""
        if isinstance(event, BodyChunk):
            self.incoming.append(event.data)
        elif isinstance(event, (imap.Noop, imap.Check, imap.IdleDone)):
            self.tell()  # goes out before the completion
        elif event is Want.ANSWER and self.server.awaiting is not None:
            self.answer(self.server.awaiting)

    def end(self) -> None:
        """The connection is closed, or the mailbox is."""
        if self.mailbox is not None:
            self.mailbox.sessions.remove(self)
        self.mailbox, self.view, self.told = None, [], {}

    # --- What has changed -----------------------------------------------------------------------

    def tell(self, *, expunges: bool = True) -> None:
        """Say what has changed since this session was told last."""
        if self.mailbox is None:
            return
        if expunges:
            for place in range(len(self.view) - 1, -1, -1):
                if self.view[place].gone:
                    self.server.send(Expunged(place + 1))
                    self.told.pop(self.view.pop(place).uid, None)
        known = self.view[-1].uid if self.view else 0
        new = [one for one in self.mailbox.messages if one.uid > known and one.uid not in self.told]
        if new:
            self.view += new
            self.told |= {one.uid: set(one.flags) for one in new}
            self.server.send(Exists(len(self.view)))
        for place, one in enumerate(self.view, 1):
            if self.told[one.uid] != one.flags and not one.gone:
                self.tell_flags(place, one)

    def tell_flags(self, place: int, one: Stored) -> None:
        self.told[one.uid] = set(one.flags)
        self.server.send(FetchData(place, (("UID", one.uid), ("FLAGS", tuple(sorted(one.flags))))))

    # --- Commands -------------------------------------------------------------------------------

    def answer(self, command: object) -> None:
        """Answer what is owed an answer."""
        server, mailboxes = self.server, self.store.mailboxes
        match command:
            case imap.Login(user, password):
                right = (user, password) == (self.store.user, self.store.password)
                server.accept() if right else server.reject()
            case imap.List(_, patterns) | imap.Lsub(_, patterns):
                self.list(patterns if isinstance(patterns, tuple) else (patterns,))
            case imap.Namespace():
                server.send(imap.NamespaceData((imap.NamespaceItem("", "/"),), None, None))
                server.accept()
            case imap.Create(name) if name not in mailboxes:
                mailboxes[name] = Mailbox()
                server.accept()
            case imap.Subscribe() | imap.Unsubscribe():
                server.accept()
            case imap.Status(name, items) if name in mailboxes:
                self.status(name, items)
            case imap.Select(name) | imap.Examine(name) if name in mailboxes:
                self.select(mailboxes[name], readonly=isinstance(command, imap.Examine))
            case imap.Append(name) if name in mailboxes:
                self.append = command
                self.incoming.clear()
                server.accept()
            case imap.NextMessage() | imap.Idle():
                server.accept()
            case BodyEnd():
                self.store_message()
            case imap.Close() | imap.Unselect():
                if isinstance(command, imap.Close) and self.mailbox and not self.readonly:
                    self.mailbox.remove([one for one in self.view if Flag.DELETED in one.flags])
                self.end()
                server.accept()
            case imap.Fetch():
                self.fetch(command)
            case imap.Store() if not self.readonly and not command.labels:
                self.change_flags(command)
            case imap.Search(returns=None):
                found = [n for n, one in enumerate(self.view, 1) if self.matches(n, one, command)]
                uids = [self.view[number - 1].uid for number in found]
                server.send(imap.SearchData(tuple(uids if command.uid else found)))
                self.finish(command)
            case imap.Copy() | imap.Move():
                self.copy(command)
            case imap.Expunge() if self.mailbox is not None and not self.readonly:
                chosen = [
                    one
                    for one in self.view
                    if Flag.DELETED in one.flags
                    and (command.uids is None or one.uid in self.resolved(command.uids, uid=True))
                ]
                self.mailbox.remove(chosen)
                self.tell()
                server.accept()
            case _:
                server.reject(text="That cannot be done here")

    def finish(self, command: imap.Command) -> None:
        """Complete a command that names messages: EXPUNGE only if it named them by UID."""
        self.tell(expunges=bool(getattr(command, "uid", False)))
        self.server.accept()

    def list(self, patterns: tuple[str | bytes, ...]) -> None:
        for pattern in patterns:
            if pattern == "":
                self.server.send(imap.ListData(("\\Noselect",), "/", ""))
            parts = re.split("([*%])", pattern if isinstance(pattern, str) else "")
            wild = {"*": ".*", "%": "[^/]*"}
            regex = "".join(wild.get(part) or re.escape(part) for part in parts)
            for name in self.store.mailboxes:
                if isinstance(name, str) and pattern and re.fullmatch(regex, name):
                    self.server.send(imap.ListData(("\\HasNoChildren",), "/", name))
        self.server.accept()

    def status(self, name: str | bytes, items: tuple[str, ...]) -> None:
        mailbox = self.store.mailboxes[name]
        known = {
            "MESSAGES": len(mailbox.messages),
            "RECENT": 0,
            "UIDNEXT": mailbox.uidnext,
            "UIDVALIDITY": mailbox.uidvalidity,
            "UNSEEN": sum(Flag.SEEN not in one.flags for one in mailbox.messages),
            "SIZE": sum(len(one.octets) for one in mailbox.messages),
        }
        found = tuple((item, known[item]) for item in items if item in known)
        self.server.send(imap.StatusData(name, found))
        self.server.accept()

    def select(self, mailbox: Mailbox, *, readonly: bool) -> None:
        self.end()
        self.mailbox, self.readonly = mailbox, readonly
        mailbox.sessions.append(self)
        self.view = list(mailbox.messages)
        self.told = {one.uid: set(one.flags) for one in self.view}
        ok = imap.Condition
        self.server.send(imap.Flags(KNOWN))
        self.server.send(Exists(len(self.view)))
        self.server.send(imap.Recent(0))
        permanent = () if readonly else (*KNOWN, Flag.ANY)
        for code, value in (
            ("PERMANENTFLAGS", permanent),
            ("UIDVALIDITY", mailbox.uidvalidity),
            ("UIDNEXT", mailbox.uidnext),
        ):
            self.server.send(ok("OK", "so it is", ResponseCode(code, value)))
        self.server.accept(code=ResponseCode("READ-ONLY" if readonly else "READ-WRITE"))

    def store_message(self) -> None:
        assert self.append is not None
        message = self.append.messages[-1]
        mailbox = self.store.mailboxes[self.append.mailbox]
        uid = mailbox.add(b"".join(self.incoming), message.flags or (), message.date)
        self.incoming.clear()
        self.tell()
        code = ResponseCode("APPENDUID", (mailbox.uidvalidity, SequenceSet.of(uid)))
        self.server.accept(code=code)

    # --- Messages -------------------------------------------------------------------------------

    def resolved(self, wanted: SequenceSet, *, uid: bool) -> SequenceSet:
        largest = (self.view[-1].uid if self.view else 0) if uid else len(self.view)
        return wanted.resolve(largest)

    def chosen(self, wanted: SequenceSet, *, uid: bool) -> Iterator[tuple[int, Stored]]:
        """(number, message) of what a set names in this session."""
        numbers = self.resolved(wanted, uid=uid)
        for place, one in enumerate(self.view, 1):
            if (one.uid if uid else place) in numbers:
                yield place, one

    def fetch(self, command: imap.Fetch) -> None:
        items: list[imap.FetchAttribute] = []
        for item in command.items:
            items += MACROS[item] if isinstance(item, str) and item in MACROS else (item,)
        if not all(isinstance(item, Body) or item in ITEMS for item in items):
            self.server.reject(text="There is nothing of that kind here")
            return
        if command.uid and "UID" not in items:
            items.append("UID")
        for place, one in self.chosen(command.messages, uid=command.uid):
            message = Message.parse(one.octets)
            found = [(self.named(item), self.item(item, one, message)) for item in items]
            seen = any(isinstance(item, Body) and not item.peek for item in items)
            if seen and not self.readonly and Flag.SEEN not in one.flags:
                one.flags.add(Flag.SEEN)
                self.told[one.uid] = set(one.flags)
                found.append(("FLAGS", tuple(sorted(one.flags))))
            self.server.send(FetchData(place, found))
        self.finish(command)

    def named(self, item: imap.FetchAttribute) -> imap.FetchAttribute:
        return Body(item.section, item.offset) if isinstance(item, Body) else item

    def item(self, item: imap.FetchAttribute, one: Stored, message: Message) -> object:
        match item:
            case Body(section, offset, count):
                octets = section_octets(message, section)
                if octets is None or offset is None:
                    return octets
                return octets[offset : offset + (count or len(octets))]
            case "UID":
                return one.uid
            case "FLAGS":
                return tuple(sorted(one.flags))
            case "RFC822.SIZE":
                return len(one.octets)
            case "INTERNALDATE":
                return one.date.replace(microsecond=0)
            case "ENVELOPE":
                return imap_envelope(message)
            case "BODY" | "BODYSTRUCTURE":
                return bodystructure(message)
            case _:  # RFC822
                return one.octets

    def change_flags(self, command: imap.Store) -> None:
        for place, one in self.chosen(command.messages, uid=command.uid):
            given = set(command.flags) - {Flag.RECENT}
            match command.action:
                case "+":
                    one.flags |= given
                case "-":
                    one.flags -= given
                case _:
                    one.flags = given
            if command.silent:
                self.told[one.uid] = set(one.flags)
            else:
                self.tell_flags(place, one)
        self.finish(command)
        if self.mailbox is not None:
            self.mailbox.changed()

    def copy(self, command: imap.Copy | imap.Move) -> None:
        target = self.store.mailboxes.get(command.mailbox)
        if target is None or self.mailbox is None:
            self.server.reject(code=ResponseCode("TRYCREATE"))
            return
        chosen = [one for _, one in self.chosen(command.messages, uid=command.uid)]
        new = [target.add(one.octets, tuple(one.flags), one.date) for one in chosen]
        code = None
        if new:
            sets = (SequenceSet.of(*(one.uid for one in chosen)), SequenceSet.of(*new))
            code = ResponseCode("COPYUID", (target.uidvalidity, *sets))
        if isinstance(command, imap.Move):
            self.mailbox.remove(chosen)
        self.tell()
        self.server.accept(code=code)

    def matches(self, place: int, one: Stored, search: imap.Search) -> bool:
        return all(self.match(place, one, key) for key in search.keys)

    def match(self, place: int, one: Stored, key: imap.SearchKey) -> bool:
        match key:
            case SequenceSet():
                return place in self.resolved(key, uid=False)
            case Not(inner):
                return not self.match(place, one, inner)
            case Or(left, right):
                return self.match(place, one, left) or self.match(place, one, right)
            case And(keys):
                return all(self.match(place, one, inner) for inner in keys)
            case Key("ALL"):
                return True
            case Key("UID", (SequenceSet() as wanted,)):
                return one.uid in self.resolved(wanted, uid=True)
            case Key("SEEN" | "ANSWERED" | "FLAGGED" | "DELETED" | "DRAFT" as flag):
                return f"\\{flag.capitalize()}" in one.flags
            case Key("UNSEEN" | "UNANSWERED" | "UNFLAGGED" | "UNDELETED" | "UNDRAFT" as flag):
                return f"\\{flag[2:].capitalize()}" not in one.flags
            case Key("KEYWORD", (str() as flag,)):
                return flag in one.flags
            case Key("SUBJECT", (str() as text,)):
                subject = Message.parse(one.octets).header.subject or ""
                return text.lower() in subject.lower()
            case Key("TEXT" | "BODY", (str() as text,)):
                return text.lower().encode() in one.octets.lower()
            case _:
                return False


# --- The program ----------------------------------------------------------------------------------


async def serve(store: Store, host: str, port: int) -> asyncio.Server:
    """Listen, and serve whoever comes."""

    async def handle(stream: asyncio_driver.Stream) -> None:
        server = imap.Server(CONFIG)
        connection = asyncio_driver.Connection(server, stream)
        flushes: set[asyncio.Task[None]] = set()

        def wake() -> None:
            task = asyncio.ensure_future(connection.flush())
            flushes.add(task)
            task.add_done_callback(flushes.discard)

        session = Session(store, server, wake)
        async with connection:
            try:
                while (event := await connection.next()) is not Want.CLOSE:
                    session.hear(event)
            finally:
                session.end()

    return await asyncio_driver.start_server(handle, host, port)


async def _run(arguments: argparse.Namespace) -> None:
    user, _, password = arguments.user.partition(":")
    listener = await serve(Store(user, password), arguments.host, arguments.port)
    print(f"listening on {listener.sockets[0].getsockname()[:2]}", flush=True)
    await listener.serve_forever()


def main() -> None:
    """Read the command line and serve until interrupted."""
    parser = argparse.ArgumentParser(description="a small IMAP server in memory")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1143)
    parser.add_argument("--user", default="ada:engine", help="name:password")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
