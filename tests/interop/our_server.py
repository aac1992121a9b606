"""The receiving server of examples/, started as anyone would start it: as a program.

The one place in this folder that knows its command line. Its Maildir keeps the octets as they were
received, CRLF and all, with nothing on top: there is no translation.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .certificates import Certificates
from .maildir import read_maildir
from .peers import PASSWORD
from .processes import HOST, Daemon, Ports, poll

__all__ = ["OurServer"]

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = ["-m", "examples.smtp_sink"]


class OurServer:
    """`examples/smtp_sink.py` on a free port."""

    name = "mailproto"
    host = HOST

    def __init__(
        self,
        folder: Path,
        certificates: Certificates,
        flags: tuple[str, ...] = (),
        port: int | None = None,
    ) -> None:
        self.folder = folder
        self.ca = certificates.ca
        self.flags = flags
        self._ports = Ports(0 if port else 1)
        (self.port,) = self._ports.numbers or (port or 0,)
        self._certificates = certificates
        self._maildir = folder / "Maildir"
        self._daemon: Daemon | None = None

    def arguments(self) -> list[str]:
        """The command line."""
        found = ["--host", HOST, "--port", str(self.port), "--maildir", str(self._maildir)]
        found += ["--cert", str(self._certificates.certificate)]
        found += ["--key", str(self._certificates.key)]
        found += ["--user", f"alice:{PASSWORD}"]
        return [*found, *self.flags]

    def start(self) -> None:
        self.folder.mkdir()
        self._daemon = Daemon(
            [sys.executable, *_PROGRAM, *self.arguments()],
            log=self.folder / "smtp_sink.log",
            folder=_ROOT,
            environment={**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"},
        )
        self._daemon.wait_until_listening(self.port)

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()
        self._ports.release()

    @property
    def log(self) -> str:
        """What it printed so far."""
        return (self.folder / "smtp_sink.log").read_text()

    def take(self) -> list[bytes]:
        """Return and forget what was stored, when no message is on its way any more.

        A client hears 250 only after its message was stored. But one that gave up before may have
        sent the whole of it: that is not to appear in the next test.
        """
        on_its_way = self._maildir / "tmp"
        poll(
            lambda: not any(on_its_way.iterdir()),
            lambda: f"not stored: {[file.name for file in on_its_way.iterdir()]}",
        )
        return read_maildir(self._maildir)
