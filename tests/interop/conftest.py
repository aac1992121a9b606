"""The lab: one of each peer for the whole run, on free loopback ports, in a temporary folder."""

from __future__ import annotations

import gc
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from .certificates import Certificates, make_certificates
from .messages import MAILDROP
from .peers import Aiosmtpd, Dovecot, Maildrop, Peer, Postfix

__all__: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    # aiosmtpd and aiosmtplib run in this process, and leave the transport under their TLS open
    # when the other side hangs up first.
    config.addinivalue_line("filterwarnings", "ignore:unclosed:ResourceWarning")
    # A run that is told to stop, by `timeout` for one, stops its daemons too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def leftovers() -> Iterator[None]:
    yield
    gc.collect()  # here, where that filter is in force, and not later


@pytest.fixture(scope="session")
def lab_folder() -> Iterator[Path]:
    # Not pytest's own: the daemons run as other users, who must be able to enter it, and their
    # Unix sockets need a short path.
    folder = Path(tempfile.mkdtemp(prefix="mailproto-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def certificates(lab_folder: Path) -> Certificates:
    folder = lab_folder / "tls"
    folder.mkdir()
    return make_certificates(folder)


@pytest.fixture(scope="session")
def started_dovecot(lab_folder: Path, certificates: Certificates) -> Iterator[Dovecot]:
    folder = lab_folder / "dovecot"
    folder.mkdir()
    peer = Dovecot(folder, certificates)
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()


@pytest.fixture(scope="session")
def started_postfix(
    lab_folder: Path, certificates: Certificates, started_dovecot: Dovecot
) -> Iterator[Postfix]:
    folder = lab_folder / "postfix"
    folder.mkdir()
    peer = Postfix(folder, certificates, started_dovecot.auth_socket)
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()


@pytest.fixture(scope="session")
def started_aiosmtpd_server(certificates: Certificates) -> Iterator[Aiosmtpd]:
    peer = Aiosmtpd(certificates)
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()


# What tests ask for: the running peer, with nothing left in its mailboxes.


@pytest.fixture
def postfix(started_postfix: Postfix) -> Postfix:
    return _emptied(started_postfix)


@pytest.fixture
def dovecot_lmtp(started_dovecot: Dovecot) -> Dovecot:
    return _emptied(started_dovecot)


@pytest.fixture
def dovecot(started_dovecot: Dovecot) -> Dovecot:
    """For POP3, where each test has maildrops of its own."""
    return started_dovecot


@pytest.fixture(scope="session")
def maildrop(started_dovecot: Dovecot) -> Maildrop:
    """`MAILDROP`, for all tests that delete nothing."""
    return started_dovecot.maildrop([one.raw for one in MAILDROP])


@pytest.fixture
def open_folder(lab_folder: Path) -> Path:
    """Like pytest's `tmp_path`, but every user can reach it."""
    folder = Path(tempfile.mkdtemp(prefix="home-", dir=lab_folder))
    folder.chmod(0o755)
    return folder


@pytest.fixture
def aiosmtpd_server(started_aiosmtpd_server: Aiosmtpd) -> Aiosmtpd:
    return _emptied(started_aiosmtpd_server)


@pytest.fixture(params=["postfix", "dovecot_lmtp", "aiosmtpd_server"])
def peer(request: pytest.FixtureRequest) -> Peer:
    """Each peer in turn."""
    found: Peer = request.getfixturevalue(request.param)
    return found


AnyPeer = TypeVar("AnyPeer", bound=Peer)


def _emptied(peer: AnyPeer) -> AnyPeer:
    for user in ("alice", "bob", "full"):
        peer.take(user)
    return peer
