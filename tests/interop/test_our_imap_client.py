"""mailproto's IMAP client machine with Dovecot: what it stores, finds, and is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from mailproto import imap
from mailproto.imap import (
    AppendMessage,
    Body,
    Exists,
    FetchData,
    Flag,
    Idling,
    Key,
    Section,
    SequenceSet,
    Streamed,
)

from .certificates import Certificates
from .mechanisms import exchange
from .messages import SPECIAL
from .our_imap_client import Session, talk
from .peers import MECHANISMS, PASSWORD, Dovecot

pytestmark = pytest.mark.interop

ALL = SequenceSet("1:*")
FEW = [one.raw for one in SPECIAL[:3]]


def wire(message: bytes) -> bytes:
    return message if message.endswith(b"\r\n") else message + b"\r\n"


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    """Somebody with a few messages in the INBOX, and nobody else's."""
    return dovecot.maildrop(FEW).user


async def opened(session: Session, user: str, *parameters: tuple[str, None]) -> None:
    await session.log_in(user, PASSWORD)
    assert (await session.ask(imap.Select("INBOX", parameters))).ok


@pytest.mark.parametrize("mechanism", [one.upper() for one in MECHANISMS if one != "apop"])
def test_every_mechanism(dovecot: Dovecot, user: str, mechanism: str) -> None:
    """RFC 9051 section 6.2.2."""
    secret = dovecot.token(user) if mechanism in ("OAUTHBEARER", "XOAUTH2") else PASSWORD

    async def script(session: Session) -> None:
        answer = await session.authenticate(exchange(mechanism, user, secret, service="imap"))
        assert answer.ok, answer.completed
        assert (await session.ask(imap.Logout())).ok

    talk(dovecot.imap_port, script)


def test_a_wrong_password(dovecot: Dovecot, user: str) -> None:
    async def script(session: Session) -> None:
        answer = await session.ask(imap.Login(user, "wrong"))
        assert answer.completed.code == imap.ResponseCode("AUTHENTICATIONFAILED")
        assert session.client.state is imap.State.NOT_AUTHENTICATED

    talk(dovecot.imap_port, script)


def test_starttls(dovecot: Dovecot, user: str, certificates: Certificates) -> None:
    """RFC 9051 section 6.2.1: what was learnt before is forgotten."""

    async def script(session: Session) -> None:
        assert (await session.ask(imap.StartTls())).ok
        assert session.client.capabilities is None
        await session.log_in(user, PASSWORD)
        assert (await session.ask(imap.Logout())).ok

    talk(dovecot.imap_port, script, tls=certificates.client_context(), quirks=imap.Quirks())


def test_what_is_fetched(dovecot: Dovecot, user: str) -> None:
    """Sections, structures, dates; every octet as it was stored, held or in pieces."""

    async def script(session: Session) -> None:
        await opened(session, user)
        items = ("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE")
        answer = await session.ask(imap.Fetch(ALL, (*items, Body(peek=True))))
        found = {one.number: one for one in answer.all(FetchData)}
        assert len(found) == len(FEW)
        for number, raw in enumerate(FEW, 1):
            data = found[number]
            assert data.section() == wire(raw)
            assert not data.defects
            assert data.uid is not None
            assert data.envelope is not None
            assert data.bodystructure is not None
            assert data.internaldate is not None
        header = await session.ask(
            imap.Fetch(
                SequenceSet("1"), (Body(Section((), "HEADER.FIELDS", ("Subject",)), peek=True),)
            )
        )
        octets = header.one(FetchData).section("HEADER.FIELDS (Subject)")
        assert isinstance(octets, bytes)
        assert octets.endswith(b"\r\n")

    talk(dovecot.imap_port, script)


def test_a_large_message_both_ways(dovecot: Dovecot, user: str) -> None:
    """50 MB in, streamed, and out again, in pieces."""
    line = b"x" * 70 + b"\r\n"
    piece = line * 10_000
    head = b"Subject: large\r\n\r\n"
    size = len(head) + 70 * len(piece)

    async def script(session: Session) -> None:
        await session.log_in(user, PASSWORD)
        session.body = [head, *[piece] * 70]
        answer = await session.ask(
            imap.Append("INBOX", (AppendMessage(Streamed(size), (Flag.SEEN,)),))
        )
        assert answer.ok, answer.completed
        assert answer.completed.code is not None
        assert answer.completed.code.name == "APPENDUID"
        await session.ask(imap.Select("INBOX"))
        answer = await session.ask(imap.Fetch(SequenceSet("*"), ("UID", Body(peek=True))))
        assert answer.one(FetchData).section() == Streamed(size)
        assert answer.bodies == [head + piece * 70]

    talk(dovecot.imap_port, script)


def test_compress(dovecot: Dovecot, user: str) -> None:
    """RFC 4978."""

    async def script(session: Session) -> None:
        await session.log_in(user, PASSWORD)
        assert (await session.ask(imap.Compress())).ok
        await session.ask(imap.Select("INBOX"))
        answer = await session.ask(imap.Fetch(ALL, (Body(peek=True),)))
        assert [one.section() for one in answer.all(FetchData)] == [wire(raw) for raw in FEW]
        assert (await session.ask(imap.Logout())).ok

    talk(dovecot.imap_port, script)


def test_mailboxes(dovecot: Dovecot, user: str) -> None:
    """Names in modified UTF-7, LIST with options, STATUS, NAMESPACE, subscriptions."""

    async def script(session: Session) -> None:
        await session.log_in(user, PASSWORD)
        assert (await session.ask(imap.Create("Entwürfe & Co"), imap.Create("日本"))).ok
        assert (await session.ask(imap.Subscribe("Entwürfe & Co"))).ok
        answer = await session.ask(
            imap.List("", ("*",), returns=(("SUBSCRIBED", None), ("STATUS", ("MESSAGES",))))
        )
        names = {one.mailbox: one.attributes for one in answer.all(imap.ListData)}
        assert set(names) >= {"INBOX", "Entwürfe & Co", "日本"}
        assert "\\Subscribed" in names["Entwürfe & Co"]
        counts = {one.mailbox: one["MESSAGES"] for one in answer.all(imap.StatusData)}
        assert counts["INBOX"] == len(FEW)
        answer = await session.ask(imap.Namespace())
        assert answer.one(imap.NamespaceData).personal
        assert (await session.ask(imap.Rename("日本", "日本語"))).ok
        assert (await session.ask(imap.Delete("日本語"))).ok
        answer = await session.ask(imap.Delete("日本語"))
        assert answer.completed.code == imap.ResponseCode("NONEXISTENT")

    talk(dovecot.imap_port, script)


def test_searches(dovecot: Dovecot, user: str) -> None:
    """SEARCH, ESEARCH, SORT, THREAD."""

    async def script(session: Session) -> None:
        await opened(session, user)
        search = await session.ask(imap.Search((Key("ALL"),)))
        assert search.one(imap.SearchData).numbers == (1, 2, 3)
        returns = (("MIN", None), ("MAX", None), ("COUNT", None), ("ALL", None))
        extended = await session.ask(
            imap.Search(
                (imap.Or(Key("SEEN"), imap.Not(Key("SUBJECT", 'no "such" text'))),),
                returns=returns,
                uid=True,
            )
        )
        found = extended.one(imap.ESearchData)
        assert (found["MIN"], found["COUNT"]) == (1, 3)
        assert found["ALL"] == SequenceSet("1:3")
        assert found.uid
        ordered = await session.ask(
            imap.Sort((imap.SortKey("SIZE", reverse=True),), "UTF-8", (Key("ALL"),))
        )
        assert sorted(ordered.one(imap.SortData).numbers) == [1, 2, 3]
        threads = await session.ask(imap.Thread("REFERENCES", "UTF-8", (Key("ALL"),)))
        assert threads.one(imap.ThreadData).threads
        text = await session.ask(imap.Search((Key("TEXT", "grüße\r\n"),), "UTF-8"))
        assert text.completed.status in ("OK", "NO")

    talk(dovecot.imap_port, script)


def test_changes(dovecot: Dovecot, user: str) -> None:
    """STORE, COPY, MOVE, EXPUNGE, and what is told of them."""

    async def script(session: Session) -> None:
        await opened(session, user)
        await session.ask(imap.Create("Else"))
        stored = await session.ask(imap.Store(SequenceSet("1"), "+", (Flag.FLAGGED, "$own")))
        assert Flag.FLAGGED in (stored.one(FetchData).flags or ())
        copied = await session.ask(imap.Copy(SequenceSet("1:2"), "Else", uid=True))
        assert copied.completed.code is not None
        assert copied.completed.code.name == "COPYUID"
        moved = await session.ask(imap.Move(SequenceSet("3"), "Else"))
        assert moved.all(imap.Expunged) == [imap.Expunged(3)]
        await session.ask(imap.Store(SequenceSet("2"), "+", (Flag.DELETED,), silent=True))
        expunged = await session.ask(imap.Expunge(SequenceSet("2")))
        assert expunged.all(imap.Expunged) == [imap.Expunged(2)]
        status = await session.ask(imap.Status("Else", ("MESSAGES", "UIDNEXT", "UIDVALIDITY")))
        assert status.one(imap.StatusData)["MESSAGES"] == 3

    talk(dovecot.imap_port, script)


def test_idle(dovecot: Dovecot, user: str) -> None:
    """RFC 9051 section 6.3.13: another session appends, and this one is told."""

    async def other(session: Session) -> None:
        await session.log_in(user, PASSWORD)
        assert (await session.ask(imap.Append("INBOX", (AppendMessage(FEW[0]),)))).ok

    async def script(session: Session) -> None:
        await opened(session, user)
        tag = session.client.send(imap.Idle())
        assert isinstance(await session.next(), Idling)
        await run_other()
        while not isinstance(event := await session.next(), Exists):
            pass
        assert event.count == len(FEW) + 1
        assert session.client.send(imap.Done()) == tag
        assert (await session.hear({tag})).ok

    async def run_other() -> None:
        await asyncio.to_thread(talk, dovecot.imap_port, other)

    talk(dovecot.imap_port, script)


def test_condstore_and_qresync(dovecot: Dovecot, user: str) -> None:
    """RFC 7162: what has changed since, and what is gone, in one SELECT."""

    async def first(session: Session) -> tuple[int, int]:
        await session.log_in(user, PASSWORD)
        answer = await session.ask(imap.Select("INBOX", (("CONDSTORE", None),)))
        codes = {one.code.name: one.code.value for one in answer.all(imap.Condition) if one.code}
        await session.ask(imap.Store(SequenceSet("2"), "+", (Flag.FLAGGED,)))
        await session.ask(imap.Store(SequenceSet("3"), "+", (Flag.DELETED,)))
        await session.ask(imap.Expunge())
        return codes["UIDVALIDITY"], codes["HIGHESTMODSEQ"]

    validity, modseq = talk(dovecot.imap_port, first)

    async def second(session: Session) -> None:
        await session.log_in(user, PASSWORD)
        assert (await session.ask(imap.Enable(("QRESYNC",)))).ok
        assert "QRESYNC" in session.client.enabled
        answer = await session.ask(
            imap.Select("INBOX", (("QRESYNC", (validity, modseq, None, None)),))
        )
        assert answer.one(imap.Vanished) == imap.Vanished(SequenceSet("3"), earlier=True)
        changed = answer.one(FetchData)
        assert changed.uid == 2
        assert Flag.FLAGGED in (changed.flags or ())
        assert changed.modseq is not None
        assert changed.modseq > modseq

    talk(dovecot.imap_port, second)


def test_dates(dovecot: Dovecot, user: str) -> None:
    """INTERNALDATE comes back as it was given."""
    when = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)

    async def script(session: Session) -> None:
        await session.log_in(user, PASSWORD)
        message = AppendMessage(FEW[0], (Flag.SEEN, "$own"), when)
        assert (await session.ask(imap.Append("INBOX", (message,)))).ok
        await session.ask(imap.Select("INBOX"))
        answer = await session.ask(imap.Fetch(SequenceSet("*"), ("INTERNALDATE", "FLAGS")))
        data = answer.one(FetchData)
        assert data.internaldate == when
        assert set(data.flags or ()) >= {Flag.SEEN, "$own"}

    talk(dovecot.imap_port, script)


def test_quota(dovecot: Dovecot) -> None:
    """RFC 9208: somebody who may store one octet."""

    async def script(session: Session) -> None:
        await session.log_in("full", PASSWORD)
        answer = await session.ask(imap.GetQuotaRoot("INBOX"))
        assert answer.one(imap.QuotaRootData) == imap.QuotaRootData("INBOX", ("User quota",))
        assert answer.one(imap.QuotaData).resources
        answer = await session.ask(imap.Append("INBOX", (AppendMessage(FEW[0]),)))
        assert answer.completed.code == imap.ResponseCode("OVERQUOTA")

    talk(dovecot.imap_port, script)


def test_identity_and_rights(dovecot: Dovecot, user: str) -> None:
    """RFC 2971, RFC 4314."""

    async def script(session: Session) -> None:
        await session.log_in(user, PASSWORD)
        answer = await session.ask(imap.Id((("name", "mailproto"),)))
        known = dict(answer.one(imap.IdData).parameters or ())
        assert known["name"] == "Dovecot"
        answer = await session.ask(imap.MyRights("INBOX"))
        assert "l" in answer.one(imap.MyRightsData).rights
        await session.ask(imap.SetAcl("INBOX", "bob", "lr"))
        answer = await session.ask(imap.GetAcl("INBOX"))
        assert ("bob", "lr") in answer.one(imap.AclData).rights

    talk(dovecot.imap_port, script)
