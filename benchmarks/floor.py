"""The floor: hand-written loops on the same bytes, with no state machine and next to no checks.

They show what is left to gain, not what anyone should use: they believe whatever they are sent.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from .workloads import RECIPIENTS, SENDER, Sink

__all__ = ["bdat", "client", "data", "line", "server", "stuffing", "text"]

_COMMAND = re.compile(rb"(?i)(MAIL) FROM:<([^>]*)>|(RCPT) TO:<([^>]*)>|(DATA)")


def server(reads: Sequence[bytes], sink: Sink) -> int:
    """Whole transactions, one `find` for a line, one regex for a command."""
    buffer = bytearray()
    out: list[bytes] = []
    sender, recipients = "", list[str]()
    in_text = False
    for read in reads[1:]:
        buffer += read
        while buffer:
            if in_text:
                end = buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                content = bytes(buffer[: end + 2]).replace(b"\r\n..", b"\r\n.")
                del buffer[: end + 5]
                in_text = False
                sink.deliver(sender, recipients, content)
                recipients = []
                out.append(b"250 OK\r\n")
                continue
            end = buffer.find(b"\r\n")
            if end < 0:
                break
            match = _COMMAND.match(buffer, 0, end)
            if match is None:
                raise ValueError(bytes(buffer[:end]))
            if match.lastindex == 2:
                sender = str(match[2], "ascii")
                out.append(b"250 OK\r\n")
            elif match.lastindex == 4:
                recipients.append(str(match[4], "ascii"))
                out.append(b"250 OK\r\n")
            else:
                in_text = True
                out.append(b"354 go\r\n")
            del match
            del buffer[: end + 2]
        b"".join(out)
        out.clear()
    return sink.messages


def data(reads: Sequence[bytes], sink: Sink) -> int:
    """One large text."""
    text(reads[2:], sink)
    sink.end(SENDER, RECIPIENTS[:1])
    return sink.octets


def text(reads: Sequence[bytes], sink: Sink) -> None:
    """What is dot-stuffed: three octets are held back, the rest is unstuffed chunk by chunk."""
    held = b"\r\n"
    first = True
    for read in reads:
        piece = held + read
        if piece.endswith(b"\r\n.\r\n"):
            sink.write(piece[:-3].replace(b"\r\n.", b"\r\n")[2 if first else 0 :])
            break
        cut = len(piece) - 4
        # The cut must not part a CRLF from its dot: that would unstuff it twice or never.
        while piece[cut - 1] in b"\r\n.":
            cut -= 1
        sink.write(piece[:cut].replace(b"\r\n.", b"\r\n")[2 if first else 0 :])
        held = piece[cut:]
        first = False


def bdat(reads: Sequence[bytes], sink: Sink) -> int:
    """One large BDAT: count the octets down."""
    left = int(reads[1].rsplit(b"BDAT ", 1)[1].split()[0])
    for read in reads[2:]:
        sink.write(read[:left])
        left -= len(read)
    sink.end(SENDER, RECIPIENTS[:1])
    return sink.octets


def client(
    count: int, content: bytes, write: Callable[[bytes], object], replies: Iterator[bytes]
) -> int:
    """Whole transactions in lock step: format, stuff, split the reply."""
    sender = SENDER.encode("ascii")
    recipients = [recipient.encode("ascii") for recipient in RECIPIENTS]
    accepted = 0
    for _ in range(count):
        write(b"MAIL FROM:<" + sender + b">\r\n")
        codes = [int(next(replies)[:3])]
        for recipient in recipients:
            write(b"RCPT TO:<" + recipient + b">\r\n")
            codes.append(int(next(replies)[:3]))
        write(b"DATA\r\n")
        codes.append(int(next(replies)[:3]))
        write(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        codes.append(int(next(replies)[:3]))
        accepted += codes == [250, 250, 250, 250, 354, 250]
    return accepted


def stuffing(pieces: Sequence[bytes], write: Callable[[bytes], object]) -> int:
    """One large text out: a `replace` on each piece, and a look at the two octets before it."""
    before = b"\r\n"
    total = 0
    for piece in pieces:
        stuffed = (before + piece).replace(b"\r\n.", b"\r\n..")[len(before) :]
        write(stuffed)
        before = piece[-2:]
        total += len(piece)
    write(b".\r\n")
    return total


def line(octets: Sequence[bytes]) -> int:
    """One line from one-octet reads: append, look for LF."""
    buffer = bytearray()
    for octet in octets:
        buffer += octet
        if octet == b"\n":
            break
    return len(buffer)
