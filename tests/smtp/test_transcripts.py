"""Excerpts of sessions between real programs, replayed into both machines.

`C:` is what the client said, `S:` what the server said; a line ends with CRLF on the wire. The
server machine gets the client's octets and an application that answers as the real server did; the
client machine gets the server's octets and is told to send what the real client sent.
"""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest

from mailproto import BodyWanted, Want
from mailproto._grammar import b64decode
from mailproto.smtp import (
    BareNewlines,
    Bdat,
    BodyChunk,
    Capabilities,
    Challenge,
    Client,
    Quirks,
    Reply,
    Server,
    ServerConfig,
    encode,
    parse_command,
    parse_reply,
)
from mailproto.smtp._codec import parse_auth_response
from mailproto.testing import Play, assert_chunk_invariant

# swaks pipelines to Postfix: one recipient is refused.
SWAKS_POSTFIX = """
S: 220 postfix.lab.test ESMTP Postfix lab
C: EHLO client.lab.test
S: 250-postfix.lab.test
S: 250-PIPELINING
S: 250-SIZE 20480000
S: 250-AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250-DSN
S: 250-SMTPUTF8
S: 250 CHUNKING
C: AUTH PLAIN AGFsaWNlAHNlY3JldA==
S: 235 2.7.0 Authentication successful
C: MAIL FROM:<alice@lab.test>
C: RCPT TO:<bob@lab.test>
C: RCPT TO:<reject@lab.test>
C: RCPT TO:<alice@lab.test>
C: DATA
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 550 5.1.1 <reject@lab.test>: Recipient address rejected: No such user here
S: 250 2.1.5 Ok
S: 354 End data with <CR><LF>.<CR><LF>
C: Subject: from swaks
C:
C: Hello
C: ..dot
C:
C: .
S: 250 2.0.0 Ok: queued as 8E61624C63F
C: QUIT
S: 221 2.0.0 Bye
"""

# Exim to Postfix: everything in one go, the message by BDAT, QUIT behind it.
EXIM_POSTFIX = """
S: 220 postfix.lab.test ESMTP Postfix lab
C: EHLO exim.lab.test
S: 250-postfix.lab.test
S: 250-PIPELINING
S: 250-SIZE 20480000
S: 250 CHUNKING
C: MAIL FROM:<alice@lab.test> SIZE=1409
C: RCPT TO:<bob@plain.viaexim.test>
C: RCPT TO:<nobody@plain.viaexim.test>
C: BDAT 38 LAST
C: Subject: plain ascii
C:
C: .dot line
C: .
C: QUIT
S: 250 2.1.0 Ok
S: 250 2.1.5 Ok
S: 550 5.1.1 <nobody@plain.viaexim.test>: Recipient address rejected: User unknown
S: 250 2.0.0 Ok: 386 bytes queued as B923E24C356
S: 221 2.0.0 Bye
"""

# Postfix to Dovecot by LMTP: QUIT with the body's end, one reply for each recipient.
POSTFIX_DOVECOT = """
S: 220 mail.lab.test Dovecot (Debian) ready.
C: LHLO postfix.lab.test
S: 250-mail.lab.test
S: 250-8BITMIME
S: 250-CHUNKING
S: 250-ENHANCEDSTATUSCODES
S: 250-PIPELINING
S: 250 STARTTLS
C: MAIL FROM:<alice@lab.test>
C: RCPT TO:<alice@lmtp.viapostfix.test>
C: RCPT TO:<bob@lmtp.viapostfix.test>
C: RCPT TO:<nobody@lmtp.viapostfix.test>
C: DATA
S: 250 2.1.0 OK
S: 250 2.1.5 OK
S: 250 2.1.5 OK
S: 550 5.1.1 <nobody@lmtp.viapostfix.test> User doesn't exist: nobody@lmtp.viapostfix.test
S: 354 OK
C: Subject: plain ascii
C:
C: ...two dots
C: .
C: QUIT
S: 250 2.0.0 <alice@lmtp.viapostfix.test> WMemJX61A2vVBAAAg+zDdQ Saved
S: 250 2.0.0 <bob@lmtp.viapostfix.test> WMemJX61A2vVBAAAg+zDdQ:R2 Saved
S: 221 2.0.0 Bye
"""

# msmtp with LOGIN to Postfix, and smtplib's way of writing its verbs.
LOGIN_POSTFIX = """
S: 220 postfix.lab.test ESMTP Postfix lab
C: ehlo client.lab.test
S: 250-postfix.lab.test
S: 250 AUTH PLAIN LOGIN
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: YWxpY2U=
S: 334 UGFzc3dvcmQ6
C: c2VjcmV0
S: 235 2.7.0 Authentication successful
C: mail FROM:<alice@lab.test>
S: 250 2.1.0 Ok
C: rcpt TO:<bob@lab.test>
S: 250 2.1.5 Ok
C: data
S: 354 End data with <CR><LF>.<CR><LF>
C: x
C: .
S: 250 2.0.0 Ok: queued as 8E61624C63F
C: quit
S: 221 2.0.0 Bye
"""

# A script that tries aiosmtpd's patience: bad exchanges, a cancelled one, odd paths and parameters.
SCRIPTED_AIOSMTPD = """
S: 220 aiosmtpd.lab.test Python SMTP 1.4.6
C: NOOP
S: 250 OK
C: HELO client.lab.test
S: 250 aiosmtpd.lab.test
C: EHLO client.lab.test
S: 250-aiosmtpd.lab.test
S: 250-SIZE 33554432
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-AUTH LOGIN PLAIN
S: 250 HELP
C: AUTH PLAIN AGFsaWNlAHdyb25n
S: 535 5.7.8 Authentication credentials invalid
C: AUTH LOGIN
S: 334 VXNlciBOYW1lAA==
C: *
S: 501 5.7.0 Auth aborted
C: AUTH PLAIN AGFsaWNlAHNlY3JldA==
S: 235 2.7.0 Authentication successful
C: VRFY bob@lab.test
S: 252 Cannot VRFY user, but will accept message and attempt delivery
C: HELP
S: 250 Supported commands: AUTH DATA EHLO HELO HELP MAIL NOOP QUIT RCPT RSET STARTTLS VRFY
C: MAIL FROM:<>
S: 250 OK
C: RSET
S: 250 OK
C: MAIL FROM:<alice@lab.test> BODY=8BITMIME SIZE=100
S: 250 OK
C: RCPT TO:<bob@lab.test>
S: 250 OK
C: RCPT TO:<"q u"@lab.test>
S: 250 OK
C: RCPT TO:<x@[127.0.0.1]>
S: 250 OK
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: x
C: .
S: 250 OK
"""

XFORWARD_POSTFIX = """
S: 220 postfix.lab.test ESMTP Postfix lab
C: EHLO client.lab.test
S: 250-postfix.lab.test
S: 250 XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT
C: XFORWARD ADDR=192.0.2.7
S: 250 2.0.0 Ok
C: QUIT
S: 221 2.0.0 Bye
"""

# swaks speaks for another client, and Postfix begins anew.
XCLIENT_POSTFIX = """
S: 220 postfix.lab.test ESMTP Postfix lab
C: EHLO client.lab.test
S: 250-postfix.lab.test
S: 250-PIPELINING
S: 250-AUTH PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256
S: 250-XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT
S: 250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT
S: 250-ENHANCEDSTATUSCODES
S: 250 CHUNKING
C: XCLIENT ADDR=192.0.2.7
S: 220 postfix.lab.test ESMTP Postfix lab
C: EHLO client.lab.test
S: 250-postfix.lab.test
S: 250-PIPELINING
S: 250-AUTH PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256
S: 250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT
S: 250-ENHANCEDSTATUSCODES
S: 250 CHUNKING
C: AUTH PLAIN AGFsaWNlAHNlY3JldA==
S: 235 2.7.0 Authentication successful
C: MAIL FROM:<alice@lab.test>
S: 250 2.1.0 Ok
C: RCPT TO:<bob@lab.test>
S: 250 2.1.5 Ok
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
C: Subject: from swaks
C:
C: Hello
C: ..dot
C:
C: .
S: 250 2.0.0 Ok: queued as 5E76024C619
C: QUIT
S: 221 2.0.0 Bye
"""

SESSIONS = {
    "swaks to Postfix": SWAKS_POSTFIX,
    "Exim to Postfix": EXIM_POSTFIX,
    "Postfix to Dovecot": POSTFIX_DOVECOT,
    "LOGIN to Postfix": LOGIN_POSTFIX,
    "script to aiosmtpd": SCRIPTED_AIOSMTPD,
    "XFORWARD to Postfix": XFORWARD_POSTFIX,
    "XCLIENT to Postfix": XCLIENT_POSTFIX,
}
every_session = pytest.mark.parametrize("text", SESSIONS.values(), ids=SESSIONS)


@attrs.frozen
class Session:
    turns: tuple[tuple[str, bytes], ...]
    """(side, octets): neighbouring lines of one side are one turn."""

    def said(self, side: str) -> bytes:
        return b"".join(octets for who, octets in self.turns if who == side)

    @property
    def replies(self) -> list[Reply]:
        found = re.findall(rb"(?:[0-9]{3}-.*\r\n)*[0-9]{3} .*\r\n", self.said("S"))
        return [parse_reply(wire) for wire in found]

    @property
    def offer(self) -> Capabilities:
        return Capabilities.from_reply(
            next(reply for reply in self.replies if len(reply.lines) > 1)
        )


def session(text: str) -> Session:
    turns: list[tuple[str, bytes]] = []
    for line in text.strip().split("\n"):
        side, octets = line[0], line[3:].encode() + b"\r\n"
        if turns and turns[-1][0] == side:
            turns[-1] = (side, turns[-1][1] + octets)
        else:
            turns.append((side, octets))
    return Session(tuple(turns))


def bodies(text: str) -> bytes:
    """What the messages in the session hold, dots undoubled where they were doubled."""
    match = re.search(r"\nS: 354.*\n((?:C:.*\n)*?)C: \.\n", text)
    if match is not None:
        lines = [line[3:] for line in match[1].splitlines()]
        return "".join(f"{line.removeprefix('.')}\r\n" for line in lines).encode()
    match = re.search(r"\nC: BDAT [0-9]+ LAST\n((?:C:.*\n)*?)C: QUIT\n", text)
    lines = [line[3:] for line in match[1].splitlines()] if match else []
    return "".join(f"{line}\r\n" for line in lines).encode()


# --- The server machine ---------------------------------------------------------------------------


@every_session
def test_the_server_machine_understands_the_client(text: str) -> None:
    found = session(text)
    greeting, *answers = found.replies
    offer = found.offer
    config = ServerConfig(
        hostname="mx.example",
        lmtp=b"LHLO" in found.said("C"),
        size=offer.size,
        auth=offer.auth,
        plaintext_auth=True,
        extensions=tuple(
            " ".join((keyword, *offer[keyword]))
            for keyword in offer
            if keyword not in ("SIZE", "AUTH", "STARTTLS")
        ),
    )
    left: list[Reply] = []

    def make_play() -> Play:
        left[:] = answers

        def play(machine: Any, event: object) -> None:
            if isinstance(event, BodyChunk):
                return
            if isinstance(machine.awaiting, Bdat):
                machine.accept()
                return
            if machine.awaiting is None:
                # The machine answered by itself, and with the same class of reply.
                code = left.pop(0).code
                assert (code // 100 == 2) or type(event).__name__ == "AuthCancel"
            while machine.awaiting is not None:
                reply = left.pop(0)
                if reply.code == 334:
                    machine.send(Challenge(b64decode(reply.text.encode())))
                else:
                    machine.send(reply)

        return play

    steps = [octets for side, octets in found.turns if side == "C"]
    trace = assert_chunk_invariant(
        lambda: Server(config, greeting=greeting), steps, make_play=make_play
    )
    assert trace.error is None
    assert left == []
    assert "BadCommand" not in [type(event).__name__ for event in trace.events]
    content = b"".join(event.data for event in trace.events if isinstance(event, BodyChunk))
    assert content == bodies(text)
    assert trace.end is (Want.CLOSE if b"QUIT" in found.said("C").upper() else Want.DATA)


# --- The client machine ---------------------------------------------------------------------------


def talks(octets: bytes) -> Any:
    """A step: the application says what the real client said in this turn."""

    def act(machine: Any) -> None:
        left = octets
        while left:
            if isinstance(machine.awaiting, BodyWanted):
                text, dot, left = left.partition(b"\r\n.\r\n")
                assert dot
                machine.send_body(re.sub(rb"(^|\r\n)\.", rb"\1", text) + b"\r\n")
                machine.end_body()
                continue
            line, _, left = left.partition(b"\r\n")
            if isinstance(machine.awaiting, Challenge):
                machine.send(parse_auth_response(line))
                continue
            command = parse_command(line)
            machine.send(command)
            if isinstance(command, Bdat):
                machine.send_body(left[: command.size])
                machine.end_body()
                left = left[command.size :]

    return act


@every_session
@pytest.mark.parametrize("cut", [0, 1, 2, 7])
def test_the_client_machine_understands_the_server(text: str, cut: int) -> None:
    found = session(text)
    machine = Client(quirks=Quirks(plaintext_auth=True, bare_newlines=BareNewlines.REJECT))
    said: list[bytes] = []
    replies: list[Reply] = []
    for side, octets in found.turns:
        if side == "C":
            talks(octets)(machine)
        else:
            size = cut or len(octets)
            for at in range(0, len(octets), size):
                machine.receive_data(octets[at : at + size])
                _pump(machine, said, replies)
        _pump(machine, said, replies)
    # What the real client said, but for the case of its verbs.
    assert b"".join(said).upper() == found.said("C").upper()
    # Every reply came, and each to something.
    assert [reply.code for reply in replies] == [reply.code for reply in found.replies]
    assert machine.outstanding == ()


def _pump(machine: Any, said: list[bytes], replies: list[Reply]) -> None:
    while True:
        event = machine.next_event()
        if event is Want.SEND:
            said.append(machine.data_to_send())
        elif isinstance(event, Want):
            return
        elif isinstance(event, Challenge):
            replies.append(parse_reply(encode(event)))
        else:
            replies.append(event.reply)
