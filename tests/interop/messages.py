"""The messages that every peer gets or has: each one is a way to lose or to invent octets.

All are complete messages in wire form (CRLF line endings), except `no_final_newline`, where the
client must add what RFC 5321 4.1.1.4 asks for: DATA can only carry whole lines. `expected()`
says what arrives.
"""

from __future__ import annotations

import attrs

__all__ = ["BIG", "MAILDROP", "MESSAGES", "SPECIAL", "Sample", "expected", "sample"]

_HEADER = (
    b"From: Alice <alice@lab.test>\r\n"
    b"To: bob@lab.test\r\n"
    b"Subject: %s\r\n"
    b"Date: Mon, 2 Nov 2026 00:15:00 +0100\r\n"
    b"Message-ID: <%s@lab.test>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
    b"\r\n"
)


@attrs.frozen
class Sample:
    """One message of the matrix."""

    name: str
    raw: bytes = attrs.field(repr=False)
    """The octets that the sender hands to its client."""
    smtputf8: bool = False
    """The header holds UTF-8, which only an SMTPUTF8 transaction may carry (RFC 6531)."""
    long_lines: bool = False
    """A line is longer than the 998 octets of RFC 5321 4.5.3.1.6."""

    @property
    def eight_bit(self) -> bool:
        return not self.raw.isascii()

    @property
    def whole_lines(self) -> bool:
        return not self.raw or self.raw.endswith(b"\r\n")


def sample(name: str, body: bytes) -> bytes:
    """A complete message around `body`; the name makes it recognisable."""
    tag = name.encode()
    return _HEADER % (tag, tag) + body


def expected(raw: bytes) -> bytes:
    """What a receiver gets: the same octets, the last line ended (RFC 5321 4.1.1.4)."""
    return raw if not raw or raw.endswith(b"\r\n") else raw + b"\r\n"


def _sample(name: str, body: bytes, *, long_lines: bool = False) -> Sample:
    return Sample(name, sample(name, body), long_lines=long_lines)


MESSAGES: tuple[Sample, ...] = (
    _sample("plain", b"Hello Bob,\r\n\r\nbye\r\n"),
    _sample("empty-body", b""),
    _sample(
        # RFC 5321 4.5.2: a dot is added to, and taken from, lines that begin with one.
        "leading-dots",
        b".\r\n..\r\n...\r\n.one\r\n..two\r\n . not leading\r\n\r\n.\r\nQUIT\r\n.\r\n",
    ),
    _sample("non-ascii", "Grüße, 你好, \N{GRINNING FACE}\r\n.ü\r\n".encode()),
    _sample("every-octet", bytes(one for one in range(1, 256) if one not in b"\r\n") + b"\r\n"),
    _sample("blank-lines", b"\r\n\r\n\r\nx\r\n\r\n\r\n"),
    _sample("trailing-space", b"text \t \r\n \r\n\t\r\n"),
    _sample("no-final-newline", b"the last line is not ended"),
    _sample("no-final-newline-dot", b"the last line is a dot\r\n."),
    _sample("longest-line", b"x" * 998 + b"\r\n" + b"." + b"y" * 997 + b"\r\n"),
    _sample(
        "long-lines",
        b"z" * 5000 + b"\r\n." + b"." * 70_000 + b"\r\n" + b"last\r\n",
        long_lines=True,
    ),
    _sample("many-lines", b"".join(b".%d\r\n" % n for n in range(20_000))),
    Sample(
        # A relay's trace: the peer puts its own above, and leaves this where it is.
        "own-trace",
        b"Received: from a.test by b.test;\r\n\tMon, 2 Nov 2026 00:14:59 +0100\r\n"
        + sample("own-trace", b"body\r\n"),
    ),
    Sample(
        "utf8-header",
        "From: Änne <alice@lab.test>\r\nSubject: Grüße\r\nMessage-ID: <utf8@lab.test>\r\n"
        "Date: Mon, 2 Nov 2026 00:15:00 +0100\r\n\r\nüber\r\n".encode(),
        smtputf8=True,
    ),
)


def _large(name: str, size: int) -> bytes:
    """A message of about `size` octets in whole lines, every tenth with a leading dot."""
    lines = b"".join(
        (b"." if n % 10 == 0 else b"-") + b"%07d " % n + b"0123456789abcdef" * 4 + b"\r\n"
        for n in range(1000)
    )
    header = sample(name, b"")
    count = (size - len(header)) // len(lines) + 1
    return header + lines * count


#: 50 MB (10**6 octets each), apart from the others because it is not for every combination.
BIG = Sample("big", _large("big", 50_000_000))

#: For a maildrop: the messages above, and those that only a server can have.
SPECIAL: tuple[Sample, ...] = (
    *MESSAGES,
    Sample("empty", b""),
    # RFC 1939 3: only CRLF.CRLF ends a response; a line of the message that is "." gets a second.
    _sample("forged-end", b"before\r\n.\r\n+OK FORGED\r\n.\r\n-ERR FORGED\r\nbehind\r\n"),
    Sample("five-megabytes", _large("five-megabytes", 5_000_000)),
)

#: A maildrop that is worth to be read in batches.
MAILDROP: tuple[Sample, ...] = (
    *SPECIAL,
    *(_sample(f"small-{number:04}", b".%d\r\n" % number) for number in range(1000)),
)
