"""Whole commands and responses, from octets to values and back."""

from __future__ import annotations

from typing import Any

from ..limits import Limits
from ._command_syntax import SyntaxRefused, read_command, write_command
from ._commands import Command
from ._lexer import Frame, announced
from ._response_syntax import WRITERS, read_response
from ._responses import Response
from ._writer import Dialect, Fragments, Writer

__all__ = ["encode", "parse_command", "parse_response"]

_PLAIN = Dialect()
_LIMITS = Limits()


def _framed(octets: bytes) -> Frame:
    """All of `octets` as one frame. Raises ValueError if it is none, or more than one."""
    literals: dict[int, tuple[int, int]] = {}
    start = 0
    while True:
        end = octets.find(b"\n", start) + 1
        if not end:
            raise ValueError("not a whole line")
        if end == len(octets):
            return Frame(octets, literals)
        found = announced(octets[start:end])
        if found is None or end + found.size >= len(octets):
            raise ValueError("more than one line, or part of a literal")
        literals[start + found.at] = (end, end + found.size)
        start = end + found.size


def parse_command(octets: bytes, *, utf8: bool = False, limits: Limits = _LIMITS) -> Command:
    """The command in `octets`, line end and literals included. Raises `SyntaxRefused`.

    `utf8`: names of mailboxes are UTF-8. See `CommandParser` for octets that come piece by piece.
    """
    try:
        frame = _framed(octets)
    except ValueError as error:
        raise SyntaxRefused(str(error)) from None
    if not octets.endswith(b"\r\n"):
        raise SyntaxRefused("A command ends with CRLF")
    return read_command(frame, utf8, limits)


def parse_response(octets: bytes, *, utf8: bool = False, limits: Limits = _LIMITS) -> Response:
    """The response in `octets`, line end and literals included.

    Raises ValueError if they are not one response, whole; never for what is in it. `utf8`: names
    and strings are UTF-8. See `ResponseParser` for octets that come piece by piece.
    """
    return read_response(_framed(octets), utf8=utf8, limits=limits)


def encode(item: Command | Response, *, tag: str = "", dialect: Dialect = _PLAIN) -> Fragments:
    """What is to be sent for a command or response, in fragments.

    Between two fragments a client waits for `+`, if the first says so; a `Streamed` stands where
    the octets of a body belong. `tag` marks a command that has none itself.

    Raises TypeError for what is no command or response or has a field of the wrong type, ValueError
    for what cannot be said.
    """
    try:
        return _encode(item, tag, dialect)
    except AttributeError:  # None where a string belongs
        raise TypeError(f"a field of {type(item).__name__} has the wrong type") from None


def _encode(item: Any, tag: str, dialect: Dialect) -> Fragments:
    write = WRITERS.get(item.__class__)
    if write is not None:
        writer = Writer(dialect, server=True)
        write(writer, item)
    else:
        writer = Writer(dialect, server=False)
        write_command(writer, item, tag or getattr(item, "tag", ""))
    return writer.end()
