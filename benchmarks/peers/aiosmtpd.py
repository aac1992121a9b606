"""aiosmtpd's SMTP protocol on an event loop, over a transport that is a stub.

The stub obeys `pause_reading()` and `resume_reading()`, which is how aiosmtpd paces its peer: it
feeds reads until it is paused, and goes on from the loop when resumed, as a socket transport does.
The size limit is lifted (it would refuse 100 MB). Its timers are not an option and stay on.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiosmtpd.smtp import SMTP

from benchmarks.workloads import Sink

__all__ = ["server"]


class _Handler:
    """Accepts everyone, delivers to the sink, says when `expected` messages have come."""

    def __init__(self, sink: Sink, expected: int, finished: "asyncio.Future[None]") -> None:
        self._sink = sink
        self._expected = expected
        self._finished = finished

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self._sink.deliver(envelope.mail_from, envelope.rcpt_tos, envelope.content)
        if self._sink.messages == self._expected:
            self._finished.set_result(None)
        return "250 2.0.0 OK"


class _Transport(asyncio.Transport):
    """Feeds `reads` to the protocol whenever it is not paused; throws away what is written."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Any) -> None:
        super().__init__()
        self._loop = loop
        self._feed_protocol = protocol.data_received
        self._paused = False
        self._closed = False
        self.reads = iter(list[bytes]())

    def feed(self) -> None:
        while not self._paused:
            read = next(self.reads, None)
            if read is None:
                return
            self._feed_protocol(read)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._loop.call_soon(self.feed)

    def write(self, data: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 12345) if name == "peername" else default


def server(reads: Sequence[bytes], sink: Sink, expected: int) -> Callable[[], None]:
    """A run that feeds everything behind the EHLO, until `expected` messages were delivered."""
    loop = asyncio.new_event_loop()
    finished: asyncio.Future[None] = loop.create_future()
    protocol: Any = SMTP(
        _Handler(sink, expected, finished),
        data_size_limit=None,
        hostname="mx.example.com",
        loop=loop,
    )
    transport = _Transport(loop, protocol)
    protocol.connection_made(transport)
    transport.reads = iter(reads[:1])
    transport.feed()
    loop.run_until_complete(_turns(10))
    transport.reads = iter(reads[1:])

    async def until_finished() -> None:
        transport.feed()
        await finished

    def run() -> None:
        loop.run_until_complete(until_finished())
        protocol._handler_coroutine.cancel()
        protocol._timeout_handle.cancel()
        loop.run_until_complete(_turns(3))
        loop.close()

    return run


async def _turns(count: int) -> None:
    """Let the loop go round `count` times."""
    for _ in range(count):
        await asyncio.sleep(0)
