"""aioimaplib's protocol, on an event loop, without a transport below it.

Its log of every read is off, as it is by default. The protocol is fed by `data_received()`, as its
transport would.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from aioimaplib import aioimaplib

from benchmarks.workloads import Sink

__all__ = ["bodies"]


class _Transport(asyncio.Transport):
    def write(self, data: Any) -> None:
        pass


def bodies(reads: Sequence[bytes], sink: Sink) -> Callable[[], None]:
    """A run that reads messages, as the list of lines and octets that aioimaplib makes of them.

    The sink wants `bytes`: the copy is the caller's, and small beside the rest.
    """
    logging.getLogger("aioimaplib.aioimaplib").setLevel(logging.WARNING)

    async def session() -> None:
        protocol: Any = aioimaplib.IMAP4ClientProtocol(asyncio.get_running_loop())
        protocol.connection_made(_Transport())
        protocol.state = aioimaplib.SELECTED
        tag = protocol.tagpre + str(protocol.tagnum)
        fetched = asyncio.ensure_future(protocol.fetch("1:*", "(BODY[])"))
        await asyncio.sleep(0)
        for read in reads:
            protocol.data_received(read)
        protocol.data_received(f"{tag} OK done\r\n".encode("ascii"))
        for found in (await fetched).lines:
            if isinstance(found, bytearray):
                sink.write(bytes(found))
                sink.end("", ())

    return lambda: asyncio.run(session())
