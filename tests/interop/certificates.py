"""TLS for the lab: a certificate authority that exists for one test run, and nowhere else."""

from __future__ import annotations

import ssl
from pathlib import Path

import attrs
import trustme

__all__ = ["Certificates", "make_certificates"]


@attrs.frozen
class Certificates:
    """Files of one server certificate, for `localhost` and `127.0.0.1`."""

    ca: Path
    """What a client must trust (PEM)."""
    certificate: Path
    """The server's chain (PEM)."""
    key: Path
    """The server's private key (PEM)."""

    def client_context(self) -> ssl.SSLContext:
        """A context that verifies the lab's servers as a client on the internet would."""
        return ssl.create_default_context(cafile=str(self.ca))

    def server_context(self) -> ssl.SSLContext:
        """A context for servers that run inside the test process."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_certificates(folder: Path) -> Certificates:
    """Write a fresh authority and one server certificate into `folder`."""
    authority = trustme.CA()
    # The names count (RFC 6125 6.4.4); but fetchmail takes no certificate without a Common Name.
    server = authority.issue_cert("localhost", "127.0.0.1", common_name="localhost")
    made = Certificates(
        ca=folder / "ca.pem", certificate=folder / "server.pem", key=folder / "server.key"
    )
    authority.cert_pem.write_to_path(str(made.ca))
    for blob in server.cert_chain_pems:
        blob.write_to_path(str(made.certificate), append=True)
    server.private_key_pem.write_to_path(str(made.key))
    made.key.chmod(0o600)
    return made
