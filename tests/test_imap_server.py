"""The small IMAP server of the examples: our own client talks to it, in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from examples.imap_server import CONFIG, Session, Store
from mailproto import BodyWanted, Want, imap
from mailproto.imap import (
    AppendMessage,
    Body,
    Completed,
    Exists,
    Expunged,
    FetchData,
    Flag,
    Idling,
    Key,
    SequenceSet,
)

ALL = SequenceSet("1:*")
MESSAGE = b"From: ann@example.org\r\nSubject: one\r\n\r\nhello\r\n"


class Talk:
    """A client and its session, joined."""

    def __init__(self, store: Store) -> None:
        self.server = imap.Server(CONFIG)
        self.session = Session(store, self.server)
        self.client = imap.Client(quirks=imap.Quirks(plaintext_auth=True))
        self.heard: list[Any] = []
        self.go()

    def go(self) -> list[Any]:
        """Until nothing moves. What the client heard."""
        start = len(self.heard)
        moving = True
        while moving:
            moving = self._serve()
            moving = self._listen() or moving
        return self.heard[start:]

    def _serve(self) -> bool:
        moved = False
        while (event := self.server.next_event()) not in (Want.DATA, Want.CLOSE):
            moved = True
            if event is Want.SEND:
                self.client.receive_data(self.server.data_to_send())
            else:
                self.session.hear(event)
        return moved

    def _listen(self) -> bool:
        moved = False
        while (event := self.client.next_event()) not in (Want.DATA, Want.CLOSE):
            moved = True
            if event is Want.SEND:
                self.server.receive_data(self.client.data_to_send())
            elif event is Want.ANSWER:
                assert isinstance(self.client.awaiting, BodyWanted)
                raise AssertionError("no body is streamed here")
            else:
                self.heard.append(event)
        return moved

    def ask(self, *commands: imap.Command) -> list[Any]:
        """What is heard in answer; the last is the completion of the last."""
        for command in commands:
            self.client.send(command)
        return self.go()


def logged_in(store: Store) -> Talk:
    talk = Talk(store)
    assert talk.ask(imap.Login("ada", "engine"))[-1].status == "OK"
    assert talk.ask(imap.Select("INBOX"))[-1].status == "OK"
    return talk


def test_a_session() -> None:
    talk = logged_in(Store("ada", "engine"))
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    *told, done = talk.ask(imap.Append("INBOX", (AppendMessage(MESSAGE, (Flag.SEEN,), when),)))
    assert told == [Exists(1)]
    assert done.code == imap.ResponseCode("APPENDUID", (1, SequenceSet("1")))
    data, done = talk.ask(
        imap.Fetch(ALL, ("UID", "FLAGS", "INTERNALDATE", "ENVELOPE", "BODYSTRUCTURE", Body()))
    )
    assert data.uid == 1
    assert data.flags == ("\\Seen",)
    assert data.internaldate == when
    assert data.envelope.subject == "one"
    assert data.bodystructure.subtype == "plain"
    assert data.section() == MESSAGE
    data, done = talk.ask(imap.Search((Key("SUBJECT", "ONE"), imap.Not(Key("FLAGGED")))))
    assert data.numbers == (1,)
    talk.ask(imap.Create("Else"))
    done = talk.ask(imap.Copy(ALL, "Else"))[-1]
    assert done.code == imap.ResponseCode("COPYUID", (1, SequenceSet("1"), SequenceSet("1")))
    data, done = talk.ask(imap.Store(ALL, "+", (Flag.DELETED,)))
    assert data.flags == ("\\Deleted", "\\Seen")
    assert talk.ask(imap.Expunge())[0] == Expunged(1)
    assert talk.ask(imap.Select("nowhere"))[-1].status == "NO"
    assert [type(one) for one in talk.ask(imap.Logout())] == [imap.Condition, Completed]


def test_a_wrong_password() -> None:
    talk = Talk(Store("ada", "engine"))
    done = talk.ask(imap.Login("ada", "wrong"))[-1]
    assert done.code == imap.ResponseCode("AUTHENTICATIONFAILED")


def test_two_sessions() -> None:
    """One is told of what the other does: at once in IDLE, and of EXPUNGE when it may be."""
    store = Store("ada", "engine")
    one, two = logged_in(store), logged_in(store)
    assert one.ask(imap.Idle()) == [Idling("A3", "idling")]
    two.ask(imap.Append("INBOX", (AppendMessage(MESSAGE),)), imap.Noop())
    assert one.go() == [Exists(1)]
    two.ask(imap.Store(ALL, "", (Flag.FLAGGED,)))
    assert one.go() == [FetchData(1, (("UID", 1), ("FLAGS", ("\\Flagged",))))]
    one.ask(imap.Done())
    two.ask(imap.Append("INBOX", (AppendMessage(MESSAGE),)))
    two.ask(imap.Store(SequenceSet("1"), "+", (Flag.DELETED,)), imap.Expunge())
    # RFC 9051 section 7.5.1: no EXPUNGE during FETCH, so the numbers are as they were.
    told = one.ask(imap.Fetch(ALL, ("UID",)))
    assert Expunged(1) not in told
    assert [data.uid for data in told if isinstance(data, FetchData)] == [1]
    told = one.ask(imap.Noop())
    assert told[0] == Expunged(1)
    told = one.ask(imap.Fetch(ALL, ("UID",)))
    assert [data.uid for data in told if isinstance(data, FetchData)] == [2]
