"""imap-codec, which is written in Rust; it is here to show what is left, and has no goal.

It reads one command or response at a time, so the input is cut into lines beforehand, which is not
timed. `as_dict()` is the way from its own objects to values.
"""

from collections.abc import Callable, Sequence
from typing import Any

from imap_codec import CommandCodec, ResponseCodec

__all__ = ["commands", "fetches", "structures"]


def _decoded(
    reads: Sequence[bytes], decode: Callable[[bytes], tuple[bytes, Any]]
) -> Callable[[], list[dict[str, Any]]]:
    lines = b"".join(reads).splitlines(keepends=True)
    return lambda: [decode(line)[1].as_dict() for line in lines]


def fetches(reads: Sequence[bytes], _count: int) -> Callable[[], list[dict[str, Any]]]:
    """A run that reads a listing."""
    return _decoded(reads, ResponseCodec.decode)


structures = fetches


def commands(reads: Sequence[bytes]) -> Callable[[], list[dict[str, Any]]]:
    """A run that reads commands."""
    return _decoded(reads, CommandCodec.decode)
