"""Certificates, made anew for each run, and sockets that are closed whatever happens."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator

import pytest
import trustme

from tests.contract import harness


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def pair() -> Iterator[Callable[..., tuple[socket.socket, socket.socket]]]:
    made: list[socket.socket] = []

    def make(**options: int) -> tuple[socket.socket, socket.socket]:
        made.extend(harness.pair(**options))
        return made[-2], made[-1]

    yield make
    for sock in made:
        sock.close()
