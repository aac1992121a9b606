"""smtpproto, the other SMTP client without I/O.

It takes messages as `EmailMessage` and makes their bytes anew each time; that is the work of the
email package, so the message here already knows its bytes. It has no pipelining.
"""

from collections.abc import Callable
from email.message import EmailMessage
from itertools import cycle
from typing import Any

from smtpproto.protocol import SMTPClientProtocol

from benchmarks.workloads import EHLO_REPLY, GREETING, HOST, RECIPIENTS, SENDER

__all__ = ["client"]


class _Ready(EmailMessage):
    """A message that already knows its bytes."""

    content = b""

    def as_bytes(self, *_args: Any, **_kwargs: Any) -> bytes:
        return self.content


def client(count: int, content: bytes, write: Callable[[bytes], object]) -> Callable[[], int]:
    """A run of `count` whole transactions, each reply a read of its own."""
    protocol = SMTPClientProtocol()
    protocol.feed_bytes(GREETING)
    protocol.send_greeting(HOST)
    protocol.get_outgoing_data()
    protocol.feed_bytes(EHLO_REPLY)
    message = _Ready()
    message.content = content
    replies = cycle(
        [
            b"250 2.1.0 OK\r\n",
            *[b"250 2.1.5 OK\r\n"] * 3,
            b"354 go\r\n",
            b"250 2.0.0 OK\r\n",
        ]
    )

    def ask() -> bool:
        write(protocol.get_outgoing_data())
        response = protocol.feed_bytes(next(replies))
        return response is not None and response.code < 400

    def run() -> int:
        accepted = 0
        for _ in range(count):
            protocol.mail(SENDER, smtputf8=False)
            good = ask()
            for recipient in RECIPIENTS:
                protocol.recipient(recipient)
                good &= ask()
            protocol.start_data()
            good &= ask()
            protocol.data(message)
            accepted += ask() and good
        return accepted

    return run
