"""An atheris target: any octets as what an IMAP server or client says.

What must hold: nothing raises but LimitExceeded, and a refusal of `encode()`; the result does not
depend on how the octets were cut; everything that is read late can be read; what was read without a
defect and can be written reads back as the same. `README.md` says how to run this.

An input is whose words they are, the limits, how they are cut, and the octets.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterable
from typing import Any

import atheris

with atheris.instrument_imports(include=["mailproto"]):
    from mailproto import LimitExceeded, Limits, imap

LIMITS = (
    Limits(),
    Limits(command=60, response=120, stream=4, items=3, depth=3, chunk=3),
    Limits(stream=None, depth=None, items=None),
    Limits(stream=0, depth=0, items=0, chunk=1),
)


def said(parser: Any, pieces: Iterable[bytes]) -> list[Any]:
    """What a parser makes of the pieces; neighbouring chunks of one body are joined."""
    found: list[Any] = []
    for piece in pieces:
        parser.receive_data(piece)
        try:
            while (item := parser.next()) is not None:
                if isinstance(item, imap.BodyChunk) and found and isinstance(found[-1], bytes):
                    found[-1] += item.data
                elif isinstance(item, imap.BodyChunk):
                    found.append(item.data)
                else:
                    found.append(item)
        except LimitExceeded as error:
            return [*found, str(error)]
    return found


def cut(octets: bytes, lengths: list[int]) -> Iterable[bytes]:
    """The pieces of `octets`, the rest last."""
    start = 0
    for length in lengths:
        yield octets[start : start + length]
        start += length
    yield octets[start:]


def written(item: Any, *, utf8: bool) -> bytes | None:
    """The octets of an item, or None for what cannot be written."""
    try:
        pieces = imap.encode(item, tag="A", dialect=imap.Dialect(utf8=utf8))
    except (ValueError, TypeError):
        return None
    if not all(isinstance(piece, imap.Fragment) for piece in pieces):
        return None
    return b"".join(piece.octets for piece in pieces if isinstance(piece, imap.Fragment))


PIECES = (imap.FetchStart, imap.FetchItem, imap.BodyStart, imap.BodyEnd, imap.LiteralWanted)


def check(octets: bytes) -> None:
    """One input."""
    data = atheris.FuzzedDataProvider(octets)
    client = data.ConsumeBool()
    utf8 = data.ConsumeBool()
    limits = LIMITS[data.ConsumeIntInRange(0, len(LIMITS) - 1)]
    lengths = [data.ConsumeIntInRange(0, 20) for _ in range(data.ConsumeIntInRange(0, 12))]
    raw = data.ConsumeBytes(data.remaining_bytes())
    make = imap.ResponseParser if client else imap.CommandParser
    whole = said(make(limits, utf8=utf8), [raw])
    assert said(make(limits, utf8=utf8), cut(raw, lengths)) == whole
    for item in whole:
        assert repr(item)
        assert pickle.loads(pickle.dumps(item)) == item  # noqa: S301 - ours
        if isinstance(item, (bytes, str, imap.BadCommand, *PIECES)) or item.defects:
            continue
        again = written(item, utf8=utf8)
        if again is not None:
            read = imap.parse_response if client else imap.parse_command
            assert read(again, utf8=utf8) == item, again


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
