"""A POP3 server for bearer tokens, in a thread of the test process: what the example does not do.

It shows how little such a server is: the machine, the exchange, and one maildrop in memory.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import threading
from collections.abc import Sequence

from examples.drivers.asyncio_driver import Connection, Stream, start_server
from mailproto import Want, pop3, sasl

from .processes import HOST, PATIENCE

__all__ = ["TokenServer"]


class TokenServer:
    """Lets alice in, who shows `token`, by OAUTHBEARER or XOAUTH2."""

    token = "a-token-of-the-lab"

    def __init__(self) -> None:
        self.messages: Sequence[bytes] = ()
        self.port = 0
        self._config = pop3.ServerConfig(auth=("OAUTHBEARER", "XOAUTH2"), plaintext_auth=True)
        self._listening = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="token server")

    def start(self) -> None:
        self._thread.start()
        assert self._listening.wait(PATIENCE)

    def stop(self) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        listener = await start_server(self._handle, HOST, 0)
        self.port = listener.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        listener.close()

    async def _handle(self, stream: Stream) -> None:
        server = pop3.Server(self._config)
        async with Connection(server, stream) as connection:
            exchange = sasl.server("OAUTHBEARER", nonce=secrets.token_urlsafe())
            while (event := await connection.next()) is not Want.CLOSE:
                match server.awaiting:
                    case pop3.Auth(mechanism, initial):
                        exchange = sasl.server(mechanism, nonce=secrets.token_urlsafe())
                        self._answer(server, self._decide(exchange, exchange.begin(initial)))
                    case pop3.AuthResponse(data):
                        self._answer(server, self._decide(exchange, exchange.receive(data)))
                    case pop3.Pass():
                        server.reject()
                    case pop3.Retr(number):
                        server.accept()
                        server.send_body(self.messages[number - 1])
                        server.end_body()
                    case None:
                        pass
                    case pop3.Commit():
                        server.accept()
                    case _:
                        raise AssertionError(event)

    def _decide(self, exchange: sasl.ServerExchange, step: object) -> object:
        if not isinstance(step, sasl.VerifyToken):
            return step
        good = hmac.compare_digest(step.token.encode(), self.token.encode())
        return exchange.answer("alice" if good else sasl.Refusal("invalid_token"))

    def _answer(self, server: pop3.Server, step: object) -> None:
        match step:
            case sasl.Challenge(data):
                server.send(pop3.Challenge(data))
            case sasl.Success():
                drop = [(len(one), f"id-{at}") for at, one in enumerate(self.messages)]
                server.accept(maildrop=drop)
            case _:
                server.reject()
