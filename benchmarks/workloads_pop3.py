"""The bytes of POP3 that every side is fed.

Unique-ids look like those of a server with a Maildir: two numbers of eight hexadecimal digits. Of
a long session of commands each is one that a client may say there and then: nothing is refused.
"""

from collections.abc import Iterator

from .workloads import chunks, stuff

__all__ = [
    "ENTRY",
    "GREETING",
    "LOGIN",
    "LOGIN_REPLIES",
    "MESSAGES",
    "commands",
    "listing",
    "maildrop",
    "retrieval",
]

GREETING = b"+OK pop.example.com ready\r\n"
LOGIN = (b"USER anna\r\n", b"PASS secret\r\n")
LOGIN_REPLIES = (b"+OK\r\n", b"+OK logged in\r\n")

MESSAGES = 500
"""Messages of a usual maildrop."""
ENTRY = 25
"""Octets of an entry of `listing()` at most."""


def maildrop(count: int) -> Iterator[tuple[int, str]]:
    """(octets, unique-id) of each message of a maildrop."""
    return ((2_000 + number % 977, f"{number:08x}5f3b2c1a") for number in range(1, count + 1))


def commands(count: int, messages: int = MESSAGES) -> list[bytes]:
    """The reads of a server that gets `count` commands, pipelined, for `maildrop(messages)`.

    For each message in turn STAT, LIST n, UIDL n, NOOP and DELE n; RSET when all are deleted.
    """
    turn: list[str] = []
    for number in range(1, messages + 1):
        turn += ["STAT", f"LIST {number}", f"UIDL {number}", "NOOP", f"DELE {number}"]
    turn.append("RSET")
    return chunks("".join(f"{turn[at % len(turn)]}\r\n" for at in range(count)).encode("ascii"))


def listing(count: int) -> list[bytes]:
    """The reads of a client that said UIDL to a maildrop of `count` messages."""
    ids = enumerate((unique_id for _, unique_id in maildrop(count)), 1)
    text = "".join(f"{number} {unique_id}\r\n" for number, unique_id in ids)
    return chunks(b"+OK\r\n" + text.encode("ascii") + b".\r\n")


def retrieval(content: bytes) -> list[bytes]:
    """The reads of a client that said RETR: the status line, then the text in chunks."""
    return [b"+OK %d octets\r\n" % len(content), *chunks(stuff(content))]
