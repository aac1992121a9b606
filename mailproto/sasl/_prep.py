"""Names and passwords in one spelling (RFC 3454 and its profiles).

`saslprep()` is for names and passwords (RFC 4013), `check_trace()` for the trace that ANONYMOUS
leaves (RFC 4505 section 3). Both are functions of the text alone, in the Unicode 3.2 that RFC 3454
prescribes, whatever Python's own tables say.

Texts are of limited length: to normalise a hostile one takes quadratic time.
"""

from __future__ import annotations

import stringprep
from collections.abc import Callable, Iterable
from unicodedata import ucd_3_2_0

from .._grammar import has_control

__all__ = ["LONGEST", "check_trace", "saslprep"]

LONGEST = 1_024
"""Characters of the longest name or password. RFC 4616 section 2 asks for 255 octets at least."""

_Table = Callable[[str], bool]

_TRACE_PROHIBITED: tuple[_Table, ...] = (
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
_PROHIBITED = (stringprep.in_table_c12, *_TRACE_PROHIBITED, stringprep.in_table_c7)


def saslprep(text: str, *, stored: bool = False) -> str:
    """`text` as names and passwords are compared (RFC 4013). May be empty.

    With `stored`, as it is before it is stored or hashed: characters that Unicode 3.2 does not have
    are refused then (RFC 3454 section 7). Raises ValueError for what is prohibited, and for more
    than 1,024 characters.
    """
    _check_length(text)
    if text.isascii():
        if has_control(text):
            raise ValueError("has a control character")
        return text
    mapped = (
        " " if stringprep.in_table_c12(one) else one
        for one in text
        if stringprep.in_table_c12(one) or not stringprep.in_table_b1(one)
    )
    prepared = ucd_3_2_0.normalize("NFKC", "".join(mapped))
    _check(prepared, _PROHIBITED)
    if stored and any(map(stringprep.in_table_a1, prepared)):
        raise ValueError("has a character that Unicode 3.2 does not know")
    return prepared


def check_trace(text: str) -> None:
    """Raise ValueError unless `text` is prepared as a trace: nothing is mapped, some is refused."""
    _check_length(text)
    _check(text, _TRACE_PROHIBITED)


def _check_length(text: str) -> None:
    if len(text) > LONGEST:
        raise ValueError(f"has more than {LONGEST} characters")


def _check(text: str, prohibited: Iterable[_Table]) -> None:
    for table in prohibited:
        if any(map(table, text)):
            raise ValueError("has a control character, or another one that is prohibited")
    # RFC 3454 section 6: right-to-left text has no left-to-right letters, and is so at both ends.
    right_to_left = stringprep.in_table_d1
    if any(map(right_to_left, text)):
        mixed = any(map(stringprep.in_table_d2, text))
        if mixed or not (right_to_left(text[0]) and right_to_left(text[-1])):
            raise ValueError("mixes directions of writing")
