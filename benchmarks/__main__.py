"""``python -m benchmarks``: run everything, print the tables, write ``RESULTS.md``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import imports, memory, report, rows_message
from .row import FULL, QUICK
from .rows import exponents, rows

__all__ = ["main"]

_RESULTS = Path(__file__).with_name("RESULTS.md")
_PARTS = ("speed", "growth", "memory", "imports")


def main(argv: Sequence[str] | None = None) -> None:
    """Run what `argv` asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="mailproto side by side with other libraries, in CPU time.",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(_PARTS)}; all")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run of some seconds: small, and too noisy"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each row")
    parser.add_argument("--row", default="", metavar="TEXT", help="only rows whose name has TEXT")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="where to write the results (default: RESULTS.md here, for a run of everything)",
    )
    options = parser.parse_args(argv)
    if unknown := set(options.parts) - set(_PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    parts = options.parts or _PARTS
    everything = not (options.parts or options.quick or options.row)
    sizes = QUICK if options.quick else FULL
    rounds = options.rounds or sizes.rounds
    arguments = " ".join(sys.argv[1:] if argv is None else argv)
    pieces: list[str] = []

    def say(text: str) -> None:
        print(text, end="", flush=True)
        pieces.append(text)

    say(report.heading(f"python -m benchmarks {arguments}".rstrip(), rounds))
    if "speed" in parts:
        say(report.speed_head())
        for row in rows(sizes):
            if options.row in row.name:
                say(report.speed(row.run(rounds)))
    if "growth" in parts:
        say(report.exponents(exponents(sizes.line, rounds), sizes.line))
        say(report.attacks(rows_message.exponents(sizes.attack, rounds), sizes.attack))
    if "memory" in parts:
        say(report.memory([memory.measure(case, sizes.memory) for case in memory.CASES]))
        say(report.kept(memory.kept(sizes.fetches), sizes.fetches))
    if "imports" in parts:
        say(report.imports(imports.measure(rounds=5 if options.quick else 15)))
    output = options.output or (_RESULTS if everything else None)
    if output is not None:
        output.write_text("".join(pieces), encoding="utf-8")
        print(f"\nwritten to {output.name}")


if __name__ == "__main__":
    main()
