"""The POP3 server of examples/, started as anyone would start it: as a program.

The one place in this folder that knows its command line. Its Maildir has the octets of the messages
as they are on the wire, CRLF and all, or with LF, as other programs write them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .certificates import Certificates
from .maildir import read_maildir, write_maildir
from .peers import PASSWORD
from .processes import HOST, Daemon, Ports, poll

__all__ = ["OurPop3Server"]

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = ["-m", "examples.pop3_server"]


class OurPop3Server:
    """`examples/pop3_server.py` on a free port. alice and bob may log in, to the same maildrop."""

    def __init__(
        self, folder: Path, certificates: Certificates, flags: tuple[str, ...] = ()
    ) -> None:
        self.folder = folder
        self.flags = flags
        self._ports = Ports(1)
        (self.port,) = self._ports.numbers
        self._certificates = certificates
        self._maildir = folder / "Maildir"
        self._unused = 1_000_000_000
        self._daemon: Daemon | None = None

    def arguments(self) -> list[str]:
        """The command line."""
        found = ["--host", HOST, "--port", str(self.port), "--maildir", str(self._maildir)]
        found += ["--cert", str(self._certificates.certificate)]
        found += ["--key", str(self._certificates.key)]
        found += ["--user", f"alice:{PASSWORD}", "--user", f"bob:{PASSWORD}"]
        return [*found, *self.flags]

    def start(self) -> None:
        self.folder.mkdir()
        write_maildir(self._maildir, [])
        self._daemon = Daemon(
            [sys.executable, *_PROGRAM, *self.arguments()],
            log=self.folder / "pop3_server.log",
            folder=_ROOT,
            environment={**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"},
        )
        self._daemon.wait_until_listening(self.port)

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()
        self._ports.release()

    def fill(self, messages: Sequence[bytes]) -> None:
        """Put these messages into the maildrop, and nothing else."""
        self.wait()
        for part in ("tmp", "new", "cur"):
            shutil.rmtree(self._maildir / part)
        write_maildir(self._maildir, messages, self._unused)
        self._unused += len(messages)

    def left(self) -> list[bytes]:
        """Take what is still there, in order; when no session is under way any more."""
        self.wait()
        return read_maildir(self._maildir)

    def wait(self) -> None:
        """Wait until nobody is logged in: the server holds a lock meanwhile."""
        poll(self._free, lambda: "a session does not end")

    def _free(self) -> bool:
        with (self._maildir / "pop3.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True
