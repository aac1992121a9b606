"""Excerpts of sessions between real programs and Dovecot, replayed into both machines.

`C:` is what the client said, `S:` what the server said; a line ends with CRLF on the wire.
Maildrops are cut down to what is retrieved. The server machine gets the client's octets and an
application that has the messages of the session; the client machine gets the server's octets and is
told to send what the real client sent.
"""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest

from mailproto import BodyWanted, Want
from mailproto.pop3 import (
    Auth,
    AuthCancel,
    AuthResponse,
    BodyChunk,
    Capa,
    Challenge,
    Client,
    Lang,
    List,
    Listing,
    Quirks,
    Replied,
    Reply,
    Retr,
    Server,
    ServerConfig,
    Stat,
    Top,
    Uidl,
    encode,
    parse_command,
    parse_reply,
)
from mailproto.pop3._codec import parse_auth_response, parse_challenge
from mailproto.testing import Play, assert_chunk_invariant
from tests.pop3.talk import LOGINS

# mpop pipelines RETR and DELE.
MPOP = """
S: +OK Dovecot (Debian) ready. <63e0.33.6b03b4e9.t0Yp5PunURY/q/DLdiB76g==@vm>
C: CAPA
S: +OK
S: CAPA
S: TOP
S: UIDL
S: RESP-CODES
S: PIPELINING
S: AUTH-RESP-CODE
S: USER
S: SASL PLAIN CRAM-MD5
S: .
C: USER bob
S: +OK
C: PASS secret
S: +OK Logged in.
C: STAT
S: +OK 2 266
C: LIST
S: +OK 2 messages:
S: 1 219
S: 2 47
S: .
C: UIDL
S: +OK
S: 1 000000026b03b4df
S: 2 000000036b03b4df
S: .
C: RETR 1
C: RETR 2
S: +OK 219 octets
S: Return-Path: <alice@lab.test>
S: Date: Mon, 2 Nov 2026 00:15:00 +0100
S: From: Alice Example <alice@lab.test>
S: To: bob@lab.test
S: Subject: plain ascii
S: Message-ID: <m00@lab.test>
S:
S: Hello Bob,
S: ..dot line
S: ...two dots
S:
S: bye
S: .
S: +OK 47 octets
S: Subject: Re: plain ascii
S: MIME-Version: 1.0
S:
S: .
C: DELE 1
C: DELE 2
S: +OK Marked to be deleted.
S: +OK Marked to be deleted.
C: QUIT
S: +OK Logging out, messages deleted.
"""

# curl gives DIGEST-MD5 up and takes CRAM-MD5.
CURL = """
S: +OK Dovecot (Debian) ready. <63e0.24.6b03b4e0.VP5qLlBAijtp1drtfh/WIw==@vm>
C: CAPA
S: +OK
S: TOP
S: UIDL
S: PIPELINING
S: SASL PLAIN LOGIN CRAM-MD5 DIGEST-MD5
S: .
C: AUTH DIGEST-MD5
S: + cmVhbG09ImxhYi50ZXN0Iixub25jZT0iZUM3b2xXQXR4eS9RTzVJYU1RS3RoQT09Ig==
C: *
S: -ERR Authentication aborted by client.
C: AUTH CRAM-MD5
S: + PDE2NjEyOTE0MDIzMjI2NjguMTc5NTQwNTAyNEB2bT4=
C: Ym9iIDI4MzY0YTJjY2YwYzdmODE3MzgxMWQ5MWI0ZmNmYmVi
S: +OK Logged in.
C: RETR 1
S: +OK 39 octets
S: Subject: plain ascii
S:
S: Hello Bob,
S: .
C: QUIT
S: +OK Logging out.
"""

# mutt asks for capabilities again after the login, and reads headers with TOP.
MUTT = """
S: +OK Dovecot (Debian) ready. <63e0.31.6b03b4e8.GTuxsRP3lbLFtDU0pMW9Xw==@vm>
C: CAPA
S: +OK
S: TOP
S: UIDL
S: USER
S: .
C: USER bob
S: +OK
C: PASS secret
S: +OK Logged in.
C: CAPA
S: +OK
S: TOP
S: UIDL
S: USER
S: .
C: STAT
S: +OK 1 45
C: UIDL
S: +OK
S: 1 000000026b03b4df
S: .
C: LIST 1
S: +OK 1 45
C: TOP 1 0
S: +OK
S: Subject: plain ascii
S: X: y
S:
S: .
C: QUIT
S: +OK Logging out.
"""

# poplib with APOP: no CAPA at all.
POPLIB = """
S: +OK Dovecot (Debian) ready. <63e0.30.6b03b4e8.wotzs8N2JhqSWEymUoHRZQ==@vm>
C: APOP bob 0f0b0e48d58f2095f3a4254d8a9e8633
S: +OK Logged in.
C: STAT
S: +OK 1 5
C: RETR 7
S: -ERR There's no message 7.
C: NOOP
S: +OK
C: RSET
S: +OK
C: QUIT
S: +OK Logging out.
"""

# mpop with SCRAM: the server's last word is a challenge, answered with nothing.
SCRAM = """
S: +OK Dovecot (Debian) ready. <63e0.2c.6b03b4e4.tM9cE2fSaN+zk5vFc24n3Q==@vm>
C: CAPA
S: +OK
S: PIPELINING
S: SASL PLAIN SCRAM-SHA-1
S: .
C: AUTH SCRAM-SHA-1
S: +
C: biwsbj1ib2Iscj1rcWdPV2l2WDJJaHdFb1FUZlJIak0xRFM=
S: + cj1rcWdPV2l2WDJJaHdFb1FUZlJIak0xRFNZPVp2KFU=
C: Yz1iaXdzLHI9a3FnT1dpdlgySWh3RW9RVGZSSGpNMURTWT1a
S: + dj1WQjRhdm5nclpmajBiLzhxRGNyckI5M1M4RUU9
C:
S: +OK Logged in.
C: STAT
S: +OK 0 0
"""

SESSIONS = {
    "mpop to Dovecot": MPOP,
    "curl to Dovecot": CURL,
    "mutt to Dovecot": MUTT,
    "poplib to Dovecot": POPLIB,
    "mpop with SCRAM to Dovecot": SCRAM,
}
every_session = pytest.mark.parametrize("text", SESSIONS.values(), ids=SESSIONS)


@attrs.frozen
class Turn:
    """One thing that a client said, and all that was answered."""

    said: Any
    answer: Reply | Challenge
    lines: tuple[bytes, ...] | None
    """Those between the first and the dot, as they are behind stuffing; None if there is one."""

    @property
    def content(self) -> bytes:
        return b"".join(line.removeprefix(b".") + b"\r\n" for line in self.lines or ())


@attrs.frozen
class Session:
    groups: tuple[tuple[str, bytes], ...]
    """(side, octets): neighbouring lines of one side are one group."""
    greeting: Reply
    turns: tuple[Turn, ...]

    def of(self, *kinds: type) -> list[Turn]:
        return [turn for turn in self.turns if isinstance(turn.said, kinds)]

    @property
    def maildrop(self) -> list[tuple[int, str]]:
        totals = next(turn.answer for turn in self.turns if isinstance(turn.said, (Stat, Retr)))
        assert isinstance(totals, Reply)
        count = 1
        octets = int(totals.text.split()[0])
        if self.of(Stat):
            count, octets = map(int, totals.text.split())
        sizes = [octets] * count
        for turn in self.of(List):
            if turn.lines is not None:
                sizes = [int(line.split()[1]) for line in turn.lines]
        ids = [f"{at}" for at in range(count)]
        for turn in self.of(Uidl):
            if turn.lines is not None:
                ids = [line.split()[1].decode() for line in turn.lines]
        return list(zip(sizes, ids, strict=True))


def session(text: str) -> Session:
    groups: list[tuple[str, bytes]] = []
    client: list[bytes] = []
    server: list[bytes] = []
    for line in text.strip().split("\n"):
        side, octets = line[0], line[3:].encode() + b"\r\n"
        (client if side == "C" else server).append(octets)
        if groups and groups[-1][0] == side:
            groups[-1] = (side, groups[-1][1] + octets)
        else:
            groups.append((side, octets))
    greeting = parse_reply(server.pop(0))
    turns: list[Turn] = []
    exchange = False
    for heard in client:
        said = parse_auth_response(heard) if exchange else parse_command(heard)
        first = server.pop(0)
        exchange = first.startswith((b"+ ", b"+\r"))
        answer = parse_challenge(first) if exchange else parse_reply(first)
        lines: list[bytes] | None = None
        several = isinstance(said, (Retr, Top, Capa)) or (
            isinstance(said, (List, Uidl)) and said.number is None
        )
        if isinstance(answer, Reply) and answer.ok and several:
            end = server.index(b".\r\n")
            lines = [line[:-2] for line in server[:end]]
            del server[: end + 1]
        turns.append(Turn(said, answer, None if lines is None else tuple(lines)))
    assert server == []
    return Session(tuple(groups), greeting, tuple(turns))


# --- The server machine ---------------------------------------------------------------------------


@every_session
def test_the_server_machine_understands_the_client(text: str) -> None:
    found = session(text)
    offers = next((turn.lines for turn in found.of(Capa) if turn.lines), None)
    lines = [line.decode() for line in offers or (b"TOP", b"UIDL")]
    sasl = next((line.split()[1:] for line in lines if line.startswith("SASL")), [])
    config = ServerConfig(
        capabilities=tuple(line for line in lines if not line.startswith("SASL")),
        auth=tuple(sasl),
        plaintext_auth=True,
    )
    left: list[Turn] = []

    def make_play() -> Play:
        left[:] = found.turns

        def play(machine: Any, event: object) -> None:
            awaiting = machine.awaiting
            if isinstance(awaiting, BodyWanted):
                if event is Want.ANSWER:
                    machine.send_body(left.pop(0).content)
                    machine.end_body()
                return
            if awaiting is None:
                if event == found.turns[-1].said:
                    return  # QUIT: its answer is the one to Commit
                turn = left.pop(0)
                assert isinstance(turn.answer, Reply)
                assert turn.answer.ok is (type(event).__name__ not in ("BadCommand", "AuthCancel"))
                return
            turn = left[0]
            assert isinstance(turn.answer, (Reply, Challenge))
            if isinstance(awaiting, LOGINS) and isinstance(turn.answer, Reply):
                machine.accept(turn.answer, maildrop=found.maildrop)
            else:
                machine.send(turn.answer)
            if turn.lines is None:
                left.pop(0)

        return play

    steps = [octets for side, octets in found.groups if side == "C"]
    trace = assert_chunk_invariant(
        lambda: Server(config, greeting=found.greeting), steps, make_play=make_play
    )
    assert trace.error is None
    assert left in ([], [found.turns[-1]])
    # What the real server wrote, but for the texts that are anybody's.
    assert significant(trace.output) == significant(
        b"".join(octets for side, octets in found.groups if side == "S")
    )


def significant(output: bytes) -> list[bytes]:
    """The lines of a server, of which some say the same in many words."""
    found: list[bytes] = []
    for line in output.split(b"\r\n"):
        if line.startswith((b"+OK", b"-ERR")) and not re.fullmatch(rb"\+OK [0-9]+ [0-9]+", line):
            line = line.split(b" ")[0]
        found.append(line.rstrip(b" "))
    # CAPA's lines come in the order of the configuration.
    return sorted(found)


# --- The client machine ---------------------------------------------------------------------------


def talks(octets: bytes) -> Any:
    """A step: the application says what the real client said in this group."""

    def act(machine: Any) -> None:
        for line in octets.split(b"\r\n")[:-1]:
            exchange = isinstance(machine.awaiting, Challenge)
            machine.send(parse_auth_response(line) if exchange else parse_command(line))

    return act


@every_session
def test_the_client_machine_understands_the_server(text: str) -> None:
    found = session(text)
    steps = [octets if side == "S" else talks(octets) for side, octets in found.groups]
    trace = (
        assert_chunk_invariant(
            lambda: Client(quirks=Quirks(plaintext_auth=True)), steps, lambda machine, event: None
        )
        if not found.of(Auth)
        else assert_answers(found, steps)
    )
    assert trace.error is None
    # What the real client said, to the octet.
    assert trace.output == b"".join(octets for side, octets in found.groups if side == "C")
    replied = [event for event in trace.events if isinstance(event, Replied)]
    answers = [turn.answer for turn in found.turns if isinstance(turn.answer, Reply)]
    assert [event.reply for event in replied] == answers
    said = [turn for turn in found.turns if not isinstance(turn.said, (AuthResponse, AuthCancel))]
    assert [event.command for event in replied] == [turn.said for turn in said]
    chunks = [event.data for event in trace.events if isinstance(event, BodyChunk)]
    assert b"".join(chunks) == b"".join(turn.content for turn in found.of(Retr, Top))
    entries = [len(event.entries) for event in trace.events if isinstance(event, Listing)]
    assert entries == [len(turn.lines or ()) for turn in found.of(List, Uidl) if turn.lines]
    assert trace.machine.outstanding == ()
    assert not found.of(Lang)


def assert_answers(found: Session, steps: list[Any]) -> Any:
    """With an exchange in it: its answers are given when they are asked for."""
    answers = [turn.said for turn in found.of(AuthResponse, AuthCancel)]
    lines = {encode(answer) for answer in answers}
    steps = [
        step
        for step, (side, octets) in zip(steps, found.groups, strict=True)
        if side == "S" or octets not in lines
    ]

    def make_play() -> Play:
        left = list(answers)

        def play(machine: Any, event: object) -> None:
            if event is Want.ANSWER:
                machine.send(left.pop(0))

        return play

    return assert_chunk_invariant(
        lambda: Client(quirks=Quirks(plaintext_auth=True)), steps, make_play=make_play
    )
