"""The lab: one of each peer for the whole run, on free loopback ports, in a temporary folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .certificates import Certificates, make_certificates
from .peers import Aiosmtpd, Dovecot, Peer, Postfix

__all__: list[str] = []


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
def dovecot_lmtp(lab_folder: Path, certificates: Certificates) -> Iterator[Dovecot]:
    folder = lab_folder / "dovecot"
    folder.mkdir()
    peer = Dovecot(folder, certificates)
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()


@pytest.fixture(scope="session")
def postfix(
    lab_folder: Path, certificates: Certificates, dovecot_lmtp: Dovecot
) -> Iterator[Postfix]:
    folder = lab_folder / "postfix"
    folder.mkdir()
    peer = Postfix(folder, certificates, dovecot_lmtp.auth_socket)
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()


@pytest.fixture(scope="session")
def aiosmtpd_server(certificates: Certificates) -> Iterator[Aiosmtpd]:
    peer = Aiosmtpd(certificates)
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()


@pytest.fixture(params=["postfix", "dovecot_lmtp", "aiosmtpd_server"])
def peer(request: pytest.FixtureRequest) -> Peer:
    """Each peer in turn, with nothing left in its mailboxes."""
    found: Peer = request.getfixturevalue(request.param)
    for user in ("alice", "bob"):
        found.take(user)
    return found
