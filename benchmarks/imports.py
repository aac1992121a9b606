"""What `import` costs: CPU time of a fresh interpreter that imports one thing and ends.

The time of one that imports nothing is taken off. All are run in turn, like every other row.
Bytecode is cached, as it is where software is installed, in a directory of this run's own: the
first turn, which is not counted, fills it.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["NAMES", "Import", "measure"]

NAMES = (
    "mailproto",
    "attrs",
    "mailproto.smtp",
    "mailproto.pop3",
    "mailproto.sasl",
    "mailproto.message",
    "smtplib",
    "poplib",
    "email.policy",
    "fast_mail_parser",
    "smtpproto.protocol",
    "aiosmtpd.smtp",
    "twisted.mail.smtp",
    "twisted.mail.pop3",
)


@dataclass(frozen=True)
class Import:
    """CPU milliseconds and modules loaded; both None if there is no such package here."""

    name: str
    milliseconds: float | None
    modules: int | None


_COUNT = "import sys; before = len(sys.modules); import {}; print(len(sys.modules) - before)"


def measure(names: Sequence[str] = NAMES, rounds: int = 15) -> list[Import]:
    """Measure the import of each of `names`."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        modules = {name: _modules(name, environment) for name in names}
        here = [name for name in names if modules[name] is not None]
        spent: dict[str, list[float]] = {name: [] for name in here}
        for _ in range(rounds):
            nothing = _run("pass", environment)
            for name in here:
                spent[name].append(_run(f"import {name}", environment) - nothing)
    return [
        Import(name, statistics.median(spent[name]) * 1e3 if name in spent else None, modules[name])
        for name in names
    ]


def _modules(name: str, environment: Mapping[str, str]) -> int | None:
    done = subprocess.run(
        [sys.executable, "-c", _COUNT.format(name)],
        env=environment,
        capture_output=True,
        check=False,
    )
    if done.returncode == 0:
        return int(done.stdout)
    if b"ModuleNotFoundError" in done.stderr:
        return None
    raise RuntimeError(done.stderr.decode())


def _run(code: str, environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
