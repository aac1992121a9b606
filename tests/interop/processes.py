"""Child processes of the lab: found, started, waited for, and always stopped.

The rules: every daemon runs in the foreground as a child of the test run, in a session of its
own; its ports are its own before it starts; it is ready when it accepts a connection on loopback,
not after some time; it is stopped by the ids of that child and its session, whatever happened
meanwhile. The machine may be busy: nothing is given up before `PATIENCE` is at its end. A missing
program is a failure that names the Debian package to install, never a skip: an interop run that
tested nothing must not look like a success.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = [
    "DEBIAN_PACKAGES",
    "HOST",
    "PATIENCE",
    "SYSTEM_FOLDERS",
    "Daemon",
    "LabError",
    "Ports",
    "find_program",
    "missing",
    "poll",
    "run_program",
]

HOST = "127.0.0.1"

#: Seconds after which what is waited for counts as hung: far above what anything takes, and below
#: pytest's own timeout, so that the failure says what it was.
PATIENCE = 200

#: Programs of the lab (and what one of them loads) and the Debian package that brings each.
DEBIAN_PACKAGES = {
    "postfix": "postfix",
    "dovecot": "dovecot-lmtpd",
    "doveconf": "dovecot-core",
    "dovecot pop3": "dovecot-pop3d",
    "swaks": "swaks",
    "swaks --tls": "libnet-ssleay-perl",
    "msmtp": "msmtp",
    "curl": "curl",
    "fetchmail": "fetchmail",
    "mpop": "mpop",
    "getmail": "getmail6",
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


class Ports:
    """Loopback ports that are nobody else's, from here to `release()`.

    Each is held by a socket that is bound, and never listens. A daemon can bind to the same port,
    because both say SO_REUSEADDR (socket(7)); the kernel chooses it for no other socket, neither
    for one that listens somewhere nor for one that connects.
    """

    def __init__(self, count: int) -> None:
        self._held = [socket.socket() for _ in range(count)]
        for one in self._held:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((HOST, 0))
        self.numbers: tuple[int, ...] = tuple(one.getsockname()[1] for one in self._held)

    def release(self) -> None:
        for one in self._held:
            one.close()


def poll(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Ask until `condition()` holds; raise `LabError(what())` when `PATIENCE` is at its end."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"after {PATIENCE} s: {what()}")
        time.sleep(0.01)


def run_program(
    name: str,
    arguments: Sequence[str | Path],
    *,
    home: Path,
    stdin: bytes | None = None,
    user: str | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run one of the lab's clients to its end, with nothing of the user's configuration.

    As `user`, if one is given, with no group but that user's own.
    """
    group = None if user is None else pwd.getpwnam(user).pw_gid
    return subprocess.run(
        [find_program(name), *map(str, arguments)],
        input=b"" if stdin is None else stdin,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        cwd=home,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
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

    def wait_until_listening(self, *ports: int) -> None:
        """Return when every port accepts connections; `LabError` with the log otherwise."""
        waiting = set(ports)

        def ready() -> bool:
            waiting.difference_update([port for port in waiting if self._accepts(port)])
            return not waiting

        poll(ready, lambda: self._report(f"nothing listens on {sorted(waiting)}"))

    def _accepts(self, port: int) -> bool:
        if self._process.poll() is not None:
            raise LabError(self._report(f"ended with status {self._process.returncode}"))
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=5):
            return True
        return False

    def _report(self, what: str) -> str:
        log = self.log.read_text("utf-8", "replace")[-4000:] if self.log.exists() else ""
        return f"{self.arguments[0]}: {what}\n{log}"

    def stop(self) -> None:
        """Ask it to end, then insist; idempotent. When this returns, nothing of it runs any more.

        Only the child and what is left of the session it was started in are ever signalled.
        """
        session = self._process.pid
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(PATIENCE)
        poll(lambda: not _kill_session(session), lambda: f"session {session} does not end")


def _kill_session(session: int) -> bool:
    """Kill what still runs in a session (its leader may be gone already); was there anything?"""
    found = False
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # gone meanwhile
                # proc(5): "pid (program) state parent group session ..."; zombies have ended.
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                if int(fields[3]) == session and fields[0] not in {b"Z", b"X"}:
                    found = True
                    os.kill(int(entry.name), signal.SIGKILL)
    return found
