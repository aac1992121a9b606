"""Child processes of the lab: found, started, waited for, and always stopped.

The rules: every daemon runs in the foreground as a child of the test run, in a session of its
own; it is ready when it accepts a connection on loopback, not after some time; it is stopped by
the ids of that child and its session, whatever happened meanwhile. A missing program is a
failure that names the Debian package to install, never a skip: an interop run that tested
nothing must not look like a success.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

__all__ = [
    "DEBIAN_PACKAGES",
    "HOST",
    "SYSTEM_FOLDERS",
    "Daemon",
    "LabError",
    "find_program",
    "free_ports",
    "missing",
    "poll",
    "run_program",
]

HOST = "127.0.0.1"

#: Programs of the lab (and what one of them loads) and the Debian package that brings each.
DEBIAN_PACKAGES = {
    "postfix": "postfix",
    "dovecot": "dovecot-lmtpd",
    "swaks": "swaks",
    "swaks --tls": "libnet-ssleay-perl",
    "msmtp": "msmtp",
    "curl": "curl",
}

#: Where daemons live; root's PATH has these, but a bare `env` may not.
SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


class LabError(Exception):
    """The lab itself is not in order: a program is missing, or a daemon did not start."""


def find_program(name: str) -> str:
    """Return the path of a program, or raise `LabError` naming its Debian package."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":" + SYSTEM_FOLDERS)
    if found is None:
        raise missing(name)
    return found


def missing(name: str) -> LabError:
    """The error for something in `DEBIAN_PACKAGES` that is not there."""
    return LabError(
        f"{name!r} is not installed; the interop tests need the Debian package "
        f"{DEBIAN_PACKAGES[name]!r}: apt-get install --no-install-recommends "
        + " ".join(sorted(set(DEBIAN_PACKAGES.values())))
    )


def free_ports(count: int) -> tuple[int, ...]:
    """Return loopback ports that nobody listens on now, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return tuple(one.getsockname()[1] for one in sockets)


def poll(condition: Callable[[], bool], *, deadline: float, what: Callable[[], str]) -> None:
    """Ask until `condition()` holds; raise `LabError(what())` after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"after {deadline:g} s: {what()}")
        time.sleep(0.01)


def run_program(
    name: str,
    arguments: Sequence[str | Path],
    *,
    home: Path,
    stdin: bytes | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[bytes]:
    """Run one of the lab's clients to its end, with nothing of the user's configuration."""
    return subprocess.run(
        [find_program(name), *map(str, arguments)],
        input=b"" if stdin is None else stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
        cwd=home,
        env={"HOME": str(home), "LC_ALL": "C.UTF-8", "PATH": SYSTEM_FOLDERS, "TERM": "dumb"},
    )


class Daemon:
    """A program that serves, as a child process in its own session."""

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.arguments = [str(one) for one in arguments]
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )

    def wait_until_listening(self, *ports: int, deadline: float = 30) -> None:
        """Return when every port accepts connections; `LabError` with the log otherwise."""
        waiting = set(ports)

        def ready() -> bool:
            waiting.difference_update([port for port in waiting if self._accepts(port)])
            return not waiting

        poll(
            ready,
            deadline=deadline,
            what=lambda: self._report(f"nothing listens on {sorted(waiting)}"),
        )

    def _accepts(self, port: int) -> bool:
        if self._process.poll() is not None:
            raise LabError(self._report(f"ended with status {self._process.returncode}"))
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=5):
            return True
        return False

    def _report(self, what: str) -> str:
        log = self.log.read_text("utf-8", "replace")[-4000:] if self.log.exists() else ""
        return f"{self.arguments[0]}: {what}\n{log}"

    def stop(self, *, deadline: float = 10) -> None:
        """Ask it to end, then insist; idempotent.

        Only the child and what is left of the session it was started in are ever signalled.
        """
        self._process.terminate()
        try:
            self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(deadline)
        for pid in _members(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _members(session: int) -> Iterator[int]:
    """The processes that are still in a session (its leader may be gone already)."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _session_of(int(entry.name)) == session:
            yield int(entry.name)
