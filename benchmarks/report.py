"""The results as one Markdown text, which is also what is printed."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata

from .imports import Import
from .memory import GOAL, Growth, Kept
from .row import OURS, Result
from .rows import EXPONENT_GOAL

__all__ = [
    "attacks",
    "exponents",
    "heading",
    "imports",
    "kept",
    "memory",
    "speed",
    "speed_head",
]

_PEERS = (
    "aioimaplib",
    "aiosmtpd",
    "fast-mail-parser",
    "imap-codec",
    "imapclient",
    "smtpproto",
    "twisted",
)


def heading(command: str, rounds: int) -> str:
    """What was run, and on what."""
    versions = []
    for name in ("attrs", *_PEERS):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    implementation = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        "# Benchmark results\n\n"
        f"Made by `{command}`; `README.md` beside this file says what is measured and how.\n\n"
        f"* {implementation} on {platform.system()} {platform.machine()}\n"
        f"* {', '.join(versions)}; the rest is the standard library's\n"
        f"* CPU time, median of {rounds} rounds, all sides of a row in turn\n"
    )


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def speed_head() -> str:
    """The head of the table of speed."""
    return (
        "\n## Speed\n\n"
        "The ratio says how many times longer the side took than mailproto.\n\n"
        + _line(["workload", "side", "CPU time", "ratio", "goal", "verdict"])
        + _line(["---", "---", "---:", "---:", "---:", "---"])
    )


def speed(result: Result) -> str:
    """The lines of one row."""
    row = result.row
    goals = {goal.peer: goal for goal in row.goals}
    text = ""
    for side in (OURS, *(name for name in result.measured if name != OURS)):
        figure = f"{_number(row.per(result.measured[side]))} {row.unit}"
        cells = [row.name if side == OURS else "", side, figure]
        if side == OURS:
            cells += ["", "", row.note]
        else:
            ratio, goal = result.ratios[side], goals.get(side)
            cells += [f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.1f}x"]
            cells += [str(goal), goal.verdict(ratio)] if goal else ["", ""]
        text += _line(cells)
    for side in row.missing:
        goal = goals.get(side)
        text += _line(["", side, "not installed", "", str(goal or ""), "not measured"])
    return text


def exponents(found: Mapping[str, float], octets: int) -> str:
    """How cost grows with the length of a line."""
    return _grows("\n## Growth of cost\n", "A line in one-octet reads", "line", found, octets)


def attacks(found: Mapping[str, float], octets: int) -> str:
    """How cost grows with the length of a message that is hard to read."""
    subject = "A message with very many of something, asked for everything, with all limits off"
    return _grows("", subject, "what it has many of", found, octets)


def _grows(heading: str, subject: str, column: str, found: Mapping[str, float], octets: int) -> str:
    text = (
        f"{heading}\n{subject}, {octets // 4096} KiB to {octets // 256} KiB: cost grows with "
        "length to the power of\n\n"
        + _line([column, "exponent", "goal", "verdict"])
        + _line(["---", "---:", "---:", "---"])
    )
    for name, exponent in found.items():
        verdict = "reached" if exponent <= EXPONENT_GOAL else "not reached"
        text += _line([name, f"{exponent:.2f}", f"<= {EXPONENT_GOAL}", verdict])
    return text


def memory(grown: Sequence[Growth]) -> str:
    """How much a large body costs."""
    text = (
        "\n## Memory\n\n"
        "Growth over one body, or one listing, of so many octets.\n\n"
        + _line(["case", "octets", "allocated by Python", "resident set", "goal", "verdict"])
        + _line(["---", "---:", "---:", "---:", "---:", "---"])
    )
    for one in grown:
        resident = "unknown" if one.resident is None else f"{one.resident / 1024:.0f} KiB"
        worst = max(one.allocated, one.resident or 0)
        text += _line(
            [
                one.case,
                f"{one.octets >> 20} MiB",
                f"{one.allocated / 1024:.0f} KiB",
                resident,
                f"< {GOAL >> 10} KiB",
                "reached" if worst < GOAL else "not reached",
            ]
        )
    return text


def kept(found: Sequence[Kept], count: int) -> str:
    """What a listing weighs that is kept."""
    text = (
        f"\n{count:,} answers to FETCH (UID FLAGS RFC822.SIZE INTERNALDATE), all of them kept.\n\n"
        + _line(["side", "allocated by Python"])
        + _line(["---", "---:"])
    )
    for one in found:
        figure = "not installed" if one.octets is None else f"{one.octets:.0f} octets each"
        text += _line([one.side, figure])
    return text


def imports(measured: Sequence[Import]) -> str:
    """What imports cost."""
    text = (
        "\n## Imports\n\n"
        "In a fresh interpreter, above one that imports nothing.\n\n"
        + _line(["import", "CPU time", "modules loaded"])
        + _line(["---", "---:", "---:"])
    )
    for one in measured:
        if one.milliseconds is None:
            text += _line([f"`{one.name}`", "not installed", ""])
        else:
            text += _line([f"`{one.name}`", f"{one.milliseconds:.0f} ms", str(one.modules)])
    return text


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
