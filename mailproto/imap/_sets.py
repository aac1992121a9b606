"""Sets of messages as IMAP writes them: `1:3,5,9:*` (RFC 3501 and RFC 9051 section 9).

`SequenceSet` is the sequence-set of a FETCH, the uid-set of a COPYUID and the answer of an ESEARCH.
Whether the numbers are message sequence numbers or UIDs is for those who hold the set.

Two things are told apart:

* What is written. The order of the ranges counts, because RFC 4315 pairs two sets by it, and so
  does a number that comes twice. The order within a range does not: `5:3` is `3:5`, and `5:5` is
  `5`. This is what `==`, `bytes()`, `ranges` and `numbers()` go by.
* Which numbers are meant: `normal()` is sorted and its ranges neither overlap nor touch. `in`,
  `len()`, iteration and the algebra go by that.

`*` is kept as `STAR`, one more than the largest number there can be. What it stands for depends on
the mailbox, so whatever needs to know raises ValueError until `resolve()` has replaced it. `$` (RFC
5182) is the constant `SAVED`: only the server knows what is in it.

A set has two arrays of bounds, one array if it is all single numbers. `parse()` judges the octets
but leaves the arrays to the first use. No step here takes work for each id of a range, and those
that go over all ranges do so in C: a peer may write a million of them. It may also write
`1:4294967295`. Look at `len()`, or intersect with what exists, before iterating over a peer's set.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain, compress, islice, repeat
from json import loads
from operator import add, gt, le, lt, sub
from typing import Final, TypeAlias, final

__all__ = ["EMPTY", "SAVED", "STAR", "SequenceSet"]

STAR: Final = 2**32
"""`*`: the largest number in use. It compares as larger than every number."""

_LARGEST = str(STAR - 1)
_TOO_LARGE = "|".join(
    f"{_LARGEST[:index]}[{int(digit) + 1}-9][0-9]{{{9 - index}}}"
    for index, digit in enumerate(_LARGEST)
    if digit != "9"
)
# seq-number. The class takes `*` for a first digit, which is quicker than an alternative to it.
_NUMBER = rf"(?!{_TOO_LARGE}|\*[0-9])[1-9*][0-9]{{0,9}}+"
_RANGE = rf"{_NUMBER}(?::{_NUMBER})?+"
_SET = re.compile(rf"{_RANGE}(?:,{_RANGE})*+".encode())

_LONGEST_RANGE = len("4294967294:4294967295")
_SHOWN = 8  # ranges in a repr

# Whether the number before a separator is the end of a range.
_ENDS = bytes.maketrans(b":,", b"\0\1")

_Bounds: TypeAlias = "tuple[array[int], array[int]]"
"""First and last number of each range; the same array twice when all are single numbers."""


@final
class SequenceSet:
    """Numbers of messages, as written: `SequenceSet("2,4:7,9,12:*")`.

    Made by `parse()` from octets, by `of()` from numbers and ranges, by `from_numbers()` from many
    numbers. It never changes, and can be hashed, pickled and sent to other threads.
    """

    __slots__ = ("_merged", "_octets", "_ranges")

    _octets: bytes | None  # what was parsed, as long as `_ranges` is not there; always for `$`
    _ranges: _Bounds | None
    _merged: _Bounds | None  # of `normal()`, once it was asked for

    def __init__(self, text: str = "") -> None:
        """The set that `text` is the wire form of; the empty set without one."""
        octets = text.encode("ascii")
        if octets and octets != b"$" and _SET.fullmatch(octets) is None:
            raise ValueError("not a sequence-set")
        self._octets = octets or None
        self._ranges = None if octets else _NOTHING
        self._merged = None

    # --- Making one ---

    @classmethod
    def parse(cls, octets: bytes) -> SequenceSet:
        """Read a sequence-set, `*` and `$` included. Raises ValueError.

        Numbers are 1 to 4294967295 and have no leading zeros. A uid-set is one without `has_star`.
        """
        if octets == b"$":
            return SAVED
        if _SET.fullmatch(octets) is None:
            raise ValueError("not a sequence-set")
        made = cls.__new__(cls)
        made._octets = octets
        made._ranges = made._merged = None
        return made

    @classmethod
    def of(cls, *items: int | tuple[int, int] | range) -> SequenceSet:
        """A set of numbers, (first, last) pairs and ranges, kept in this order.

        `SequenceSet.of(2, (4, 7), range(9, 11), (12, STAR))` is `2,4:7,9:10,12:*`. The ends of a
        pair are both included and may come in any order; a `range` is what Python says it is.
        """
        firsts: list[int] = []
        lasts: list[int] = []
        for item in items:
            if isinstance(item, range):
                if not item:
                    continue
                first, last = sorted((item[0], item[-1]))
                if last == STAR:  # `range(1, STAR + 1)` is a slip, not `1:*`
                    raise ValueError("a range that goes beyond 4294967295")
                if abs(item.step) > 1:
                    _check(first, last)
                    firsts += item
                    lasts += item
                    continue
            elif isinstance(item, tuple):
                first, last = sorted(item)
            else:
                first = last = item
            _check(first, last)
            firsts.append(first)
            lasts.append(last)
        starts = array("Q", firsts)
        return cls._make((starts, starts if firsts == lasts else array("Q", lasts)))

    @classmethod
    def from_numbers(cls, numbers: Iterable[int]) -> SequenceSet:
        """The numbers, sorted and their runs merged: 5, 3, 4, 9, 3 is `3:5,9`."""
        ordered = sorted(numbers)
        if not ordered:
            return EMPTY
        if ordered[0] < 1 or ordered[-1] >= STAR:
            raise ValueError("a number that is not 1 to 4294967295")
        singles = array("Q", ordered)
        merged = _merge((singles, singles))
        return cls._make(merged, merged)

    @classmethod
    def _make(cls, ranges: _Bounds, merged: _Bounds | None = None) -> SequenceSet:
        made = cls.__new__(cls)
        made._octets = None
        made._ranges = ranges
        made._merged = merged
        return made

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        octets = b"" if not self else bytes(self)
        return (_parse, (octets,)) if octets else (SequenceSet, ())

    # --- What is written ---

    def _bounds(self) -> _Bounds:
        ranges = self._ranges
        if ranges is None:
            assert self._octets is not None
            if self._octets == b"$":
                raise ValueError("only the server knows what $ stands for")
            ranges = self._ranges = _read(self._octets)
            self._octets = None  # last, for a thread that looks on
        return ranges

    @property
    def ranges(self) -> Iterator[tuple[int, int]]:
        """(first, last) of each range as written, the smaller one first. `*` is `STAR`."""
        return zip(*self._bounds(), strict=True)

    def numbers(self) -> Iterator[int]:
        """Every number as written, range by range, and twice if it is there twice.

        This is how the sets of a COPYUID are paired. Within a range the numbers ascend, be it
        written `10:12` or `12:10` (RFC 4315 section 3). Raises ValueError for a `*`.
        """
        self._refuse_star()
        return _numbers(self._bounds())

    @property
    def has_star(self) -> bool:
        """Whether there is a `*`: no uid-set has one (RFC 4315 section 4)."""
        octets = self._octets
        if octets is not None:
            return b"*" in octets
        return STAR in self._bounds()[1]

    def _refuse_star(self) -> None:
        if self.has_star:
            raise ValueError("what * stands for is not known: resolve() it first")

    def __bytes__(self) -> bytes:
        octets = self._octets
        if octets is not None and b":" not in octets:  # then there is one way to write it
            return octets
        ranges = self._bounds()
        if not ranges[0]:
            raise ValueError("an empty set cannot be written")
        return _write(ranges).encode()

    def __str__(self) -> str:
        return bytes(self).decode() if self else ""

    def __repr__(self) -> str:
        if self._octets == b"$":
            return "SequenceSet('$')"
        firsts, lasts = self._bounds()
        if len(firsts) <= _SHOWN + 1:
            return f"SequenceSet('{self}')"
        head = _write((firsts[:_SHOWN], lasts[:_SHOWN]))
        return f"SequenceSet('{head},...,{_write((firsts[-1:], lasts[-1:]))}')"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SequenceSet):
            return NotImplemented
        if self._octets is not None and self._octets == other._octets:
            return True
        if b"$" in (self._octets, other._octets):
            return False
        return self._bounds() == other._bounds()

    def __hash__(self) -> int:
        if self._octets == b"$":
            return hash(b"$")
        firsts, lasts = self._bounds()
        return hash((firsts.tobytes(), lasts.tobytes()))

    def __bool__(self) -> bool:
        return self._octets is not None or bool(self._bounds()[0])

    def chunks(self, octets: int) -> Iterator[SequenceSet]:
        """The set in pieces whose wire form has at most so many octets, in the order written.

        Servers limit the length of a command. Raises ValueError for less than 21 octets, which one
        range may need.
        """
        if octets < _LONGEST_RANGE:
            raise ValueError(f"a range may need {_LONGEST_RANGE} octets")
        if not self:
            return iter(())
        return map(SequenceSet.parse, _cut(bytes(self), octets))

    # --- Which numbers are meant ---

    def resolve(self, largest: int) -> SequenceSet:
        """The set with `largest` for each `*`: `5:*` is `3:5` when the largest number is 3.

        0 says that the mailbox is empty: `*` stands for nothing, and ranges that have it go.
        """
        if not 0 <= largest < STAR:
            raise ValueError("a largest number that is not 0 to 4294967295")
        if not self.has_star:
            self._bounds()  # raises for `$`
            return self
        firsts, lasts = self._bounds()
        pairs: list[tuple[int, int]] = []
        for first, last in zip(firsts, lasts, strict=True):
            if last < STAR:
                pairs.append((first, last))
            elif largest:
                pairs.append((first if first < STAR else largest, largest))
        return SequenceSet.of(*pairs)

    def _normal(self) -> _Bounds:
        merged = self._merged
        if merged is None:
            merged = self._merged = _merge(self._bounds())
        return merged

    def _known(self) -> _Bounds:
        self._refuse_star()
        return self._normal()

    def normal(self) -> SequenceSet:
        """The same numbers, sorted, with ranges that overlap or touch made one."""
        merged = self._normal()
        return self if merged is self._ranges else SequenceSet._make(merged, merged)

    def __contains__(self, number: object) -> bool:
        firsts, lasts = self._known()
        if not isinstance(number, int):
            return False
        index = bisect_right(firsts, number) - 1
        return index >= 0 and number <= lasts[index]

    def __len__(self) -> int:
        firsts, lasts = self._known()
        return sum(lasts) - sum(firsts) + len(firsts)

    def __iter__(self) -> Iterator[int]:
        return _numbers(self._known())

    def __or__(self, other: SequenceSet) -> SequenceSet:
        if not isinstance(other, SequenceSet):
            return NotImplemented
        mine, others = self._normal(), other._normal()
        firsts = mine[0] + others[0]
        single = mine[0] is mine[1] and others[0] is others[1]
        merged = _merge((firsts, firsts if single else mine[1] + others[1]))
        return SequenceSet._make(merged, merged)

    def __and__(self, other: SequenceSet) -> SequenceSet:
        if not isinstance(other, SequenceSet):
            return NotImplemented
        common = _common(self._known(), other._known())
        return SequenceSet._make(common, common)

    def __sub__(self, other: SequenceSet) -> SequenceSet:
        if not isinstance(other, SequenceSet):
            return NotImplemented
        left = _common(self._known(), _others(other._known()))
        return SequenceSet._make(left, left)

    def __le__(self, other: SequenceSet) -> bool:
        if not isinstance(other, SequenceSet):
            return NotImplemented
        return _common(self._known(), other._known()) == self._known()

    def __ge__(self, other: SequenceSet) -> bool:
        if not isinstance(other, SequenceSet):
            return NotImplemented
        return other <= self

    def isdisjoint(self, other: SequenceSet) -> bool:
        """Whether the two have no number in common."""
        return not _common(self._known(), other._known())[0]


# --- Octets ---------------------------------------------------------------------------------------


def _read(octets: bytes) -> _Bounds:
    """The bounds in octets that were found to be a sequence-set."""
    text = octets.decode("ascii").replace("*", str(STAR))
    # The JSON reader is the quickest way in the standard library to a list of integers.
    numbers: list[int] = loads(f"[{text.replace(':', ',')}]")
    bounds = array("Q", numbers)
    if ":" not in text:
        return bounds, bounds
    # What separates the numbers says which are ends: before a comma stands a last one, behind it a
    # first one, and a single number has commas on both sides.
    ends = (octets.translate(None, b"0123456789*") + b",").translate(_ENDS)
    firsts = array("Q", compress(bounds, b"\1" + ends))
    lasts = array("Q", compress(bounds, ends))
    if any(map(gt, firsts, lasts)):
        return array("Q", map(min, firsts, lasts)), array("Q", map(max, firsts, lasts))
    return firsts, lasts


def _write(ranges: _Bounds) -> str:
    firsts, lasts = ranges
    if firsts is lasts:
        text = ",".join(map(str, firsts))
    else:
        text = ",".join(
            [
                str(first) if first == last else f"{first}:{last}"
                for first, last in zip(firsts, lasts, strict=True)
            ]
        )
    return text.replace(str(STAR), "*")  # no other number has these digits in it


def _cut(octets: bytes, size: int) -> Iterator[bytes]:
    start = 0
    while len(octets) - start > size:
        comma = octets.rindex(b",", start, start + size + 1)
        yield octets[start:comma]
        start = comma + 1
    yield octets[start:]


# --- Bounds ---------------------------------------------------------------------------------------
#
# Each of these goes over the bounds a few times, always in C. Sorting costs little: what is sorted
# is in order already, or two such runs one behind the other.

_NOTHING: Final[_Bounds] = (array("Q"), array("Q"))


def _check(first: int, last: int) -> None:
    if first < 1 or last > STAR:
        raise ValueError("a number that is not 1 to 4294967295")


def _numbers(ranges: _Bounds) -> Iterator[int]:
    firsts, lasts = ranges
    if firsts is lasts:
        return iter(firsts)
    return chain.from_iterable(map(range, firsts, map(add, lasts, repeat(1))))


def _gaps(firsts: array[int], lasts: array[int]) -> bytes:
    """For each range but the last, 1 if there is a number between it and the next, otherwise 0."""
    return bytes(map(lt, map(add, lasts, repeat(1)), islice(firsts, 1, None)))


def _merge(ranges: _Bounds) -> _Bounds:
    """Sorted, with ranges that overlap or touch made one; the same object if they are so.

    The bounds can be sorted apart. When the next range to begin, in order, lies beyond the k-th
    end, then k ranges have ended there and those are the k that had begun: none is open.
    """
    firsts, lasts = ranges
    gaps = _gaps(firsts, lasts)
    if 0 not in gaps:
        return ranges
    single = firsts is lasts
    firsts = array("Q", sorted(firsts))
    lasts = firsts if single else array("Q", sorted(lasts))
    gaps = _gaps(firsts, lasts)
    if 0 not in gaps:
        return firsts, lasts
    return (
        array("Q", compress(firsts, b"\1" + gaps)),
        array("Q", compress(lasts, gaps + b"\1")),
    )


def _common(mine: _Bounds, others: _Bounds) -> _Bounds:
    """What two normal forms share, as a normal form.

    No more than two ranges ever overlap: what is shared begins where a range begins while another
    is open. With the bounds sorted apart, that one ends where as many have ended as had begun
    before; where this end lies before the beginning, none was open.
    """
    firsts = sorted(mine[0] + others[0])
    lasts = sorted(mine[1] + others[1])
    del firsts[:1], lasts[-1:]
    shared = bytes(map(le, firsts, lasts))
    return array("Q", compress(firsts, shared)), array("Q", compress(lasts, shared))


def _others(ranges: _Bounds) -> _Bounds:
    """All numbers that are not in a normal form, as a normal form."""
    firsts = array("Q", [1])
    firsts.extend(map(add, ranges[1], repeat(1)))
    lasts = array("Q", map(sub, ranges[0], repeat(1)))
    lasts.append(STAR - 1)
    if lasts[0] == 0:
        del firsts[0], lasts[0]
    if firsts and firsts[-1] == STAR:
        del firsts[-1], lasts[-1]
    return firsts, lasts


# --- Constants ------------------------------------------------------------------------------------


def _parse(octets: bytes) -> SequenceSet:
    """What a pickled set is made of anew: `$` is the one constant."""
    return SequenceSet.parse(octets)


EMPTY: Final = SequenceSet()
"""No numbers. IMAP has no way to write it."""

SAVED: Final = SequenceSet("$")
"""`$`: what the last SEARCH with SAVE found (RFC 5182 section 2.1)."""
