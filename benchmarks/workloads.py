"""The bytes that every side is fed, and the sink that every side delivers to.

Everything is made from a fixed seed. Message texts have lines of mixed length, and about one line
in forty begins with a dot, so that dot-stuffing is real work. Nothing here breaks a rule: lines
end in CRLF, commands are pipelined only as RFC 2920 allows (DATA is the last of its group, and the
next group travels behind the end of the text), so no side has to take a path made for bad input.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

__all__ = [
    "CHUNK",
    "EHLO_REPLY",
    "GREETING",
    "HOST",
    "MESSAGE_OCTETS",
    "RECIPIENTS",
    "SENDER",
    "Sink",
    "bdat_stream",
    "chunks",
    "data_stream",
    "long_line",
    "message",
    "sessions",
    "stuff",
]

CHUNK = 65536
"""Octets that one read brings in the large transfers."""
HOST = "client.example.com"
SENDER = "sender.one@example.org"
RECIPIENTS = ("anna@example.com", "bob.builder@mail.example.net", "c+tag@lists.example.com")
MESSAGE_OCTETS = 2048
"""Length of the small message, about."""

GREETING = b"220 mx.example.com ESMTP\r\n"
EHLO_REPLY = (
    b"250-mx.example.com\r\n250-PIPELINING\r\n250-SIZE 209715200\r\n250-8BITMIME\r\n"
    b"250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n"
)

_HEADER = (
    b"From: Sender One <sender.one@example.org>\r\n"
    b"To: anna@example.com, bob.builder@mail.example.net\r\n"
    b"Subject: Minutes of the meeting\r\n"
    b"Date: Thu, 01 Jan 2026 10:00:00 +0000\r\n"
    b"Message-ID: <20260101100000.1@example.org>\r\n"
    b"\r\n"
)
_LETTERS = b"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ,;- 0123456789"


@dataclass
class Sink:
    """Where a message ends up. It counts; with `keep` it also keeps, for comparing."""

    keep: bool = False
    messages: int = 0
    octets: int = 0
    kept: list[tuple[str, tuple[str, ...], bytes]] = field(default_factory=list)
    _pieces: list[bytes] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        """Take a piece of a text."""
        self.octets += len(data)
        if self.keep:
            self._pieces.append(bytes(data))

    def end(self, sender: object, recipients: Sequence[object]) -> None:
        """The text is complete. Addresses may be anything that `str()` makes an address of."""
        self.messages += 1
        if self.keep:
            self.kept.append(
                (str(sender), tuple(map(str, recipients)), b"".join(self._pieces)),
            )
            self._pieces.clear()

    def deliver(self, sender: object, recipients: Sequence[object], content: bytes) -> None:
        """Take a whole message at once."""
        self.write(content)
        self.end(sender, recipients)


def message(octets: int = MESSAGE_OCTETS, *, seed: int = 1) -> bytes:
    """A message of at least `octets` octets, not stuffed, that ends in CRLF."""
    # A large text repeats a block of a prime number of lines: quick to make, and no 64 KiB cut
    # ever falls on the same place of a line twice in a row.
    block = b"".join(_lines(random.Random(seed), 997 if octets > CHUNK else 8 + octets // 40))
    body = block * (octets // len(block) + 1)
    end = body.index(b"\r\n", max(octets - len(_HEADER), 0)) + 2
    return _HEADER + body[:end]


def _lines(rng: random.Random, count: int) -> Iterator[bytes]:
    for number in range(count):
        length = 76 if rng.random() < 0.6 else rng.randrange(77)
        line = bytes(rng.choices(_LETTERS, k=length)).rstrip()
        yield (b"." + line if number % 40 == 7 else line) + b"\r\n"


def stuff(content: bytes) -> bytes:
    """`content` as DATA carries it (RFC 5321 4.5.2), the final dot included."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if content.startswith(b".") else b"") + stuffed + b".\r\n"


def chunks(data: bytes, size: int = CHUNK) -> list[bytes]:
    """`data` cut into reads of `size` octets."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def _envelope(sender: str, recipients: Sequence[str], last: bytes) -> bytes:
    lines = [f"MAIL FROM:<{sender}>\r\n"]
    lines += [f"RCPT TO:<{recipient}>\r\n" for recipient in recipients]
    return "".join(lines).encode("ascii") + last


def sessions(count: int, content: bytes) -> list[bytes]:
    """The reads of a server that is sent `count` messages, pipelined as RFC 2920 allows.

    The first element is the EHLO line, the second the first envelope up to DATA; each further one
    a text and the next envelope.
    """
    envelope = _envelope(SENDER, RECIPIENTS, b"DATA\r\n")
    text = stuff(content)
    # Each read is an object of its own, as each read from a socket is.
    between = [bytes(bytearray(text + envelope)) for _ in range(count - 1)]
    return [f"EHLO {HOST}\r\n".encode("ascii"), envelope, *between, text]


def data_stream(content: bytes) -> list[bytes]:
    """The reads of a server that is sent one large text by DATA, in chunks of `CHUNK`."""
    ehlo = f"EHLO {HOST}\r\n".encode("ascii")
    return [ehlo, _envelope(SENDER, RECIPIENTS[:1], b"DATA\r\n"), *chunks(stuff(content))]


def bdat_stream(content: bytes) -> list[bytes]:
    """The reads of a server that is sent one large text by one BDAT LAST (RFC 3030)."""
    ehlo = f"EHLO {HOST}\r\n".encode("ascii")
    last = f"BDAT {len(content)} LAST\r\n".encode("ascii")
    return [ehlo, _envelope(SENDER, RECIPIENTS[:1], last), *chunks(content)]


def long_line(octets: int, begin: bytes = b"NOOP ") -> bytes:
    """One line of `octets` octets, CRLF included, that starts with `begin`."""
    return begin + b"x" * (octets - len(begin) - 2) + b"\r\n"
