"""What all protocols share: how octets arrive, damage, domains and addresses, words and bodies.

What lives here: the strategies with names of their own (`chunk_schedules()`, `addresses()`, ...),
and what the rooms of the protocols build theirs with. What does not: anything that only one
protocol says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar, cast

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .. import pop3, sasl, smtp
from ..limits import Limits

__all__ = [
    "BEYOND",
    "LINE",
    "MECHANISMS",
    "OCTETS",
    "PRINTABLE",
    "STRING",
    "TEXT",
    "Shown",
    "address_literals",
    "addresses",
    "bodies",
    "chunk_schedules",
    "cuts",
    "domains",
    "local_parts",
    "mutated",
    "once",
    "text_form",
]

P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[P, T]) -> Callable[P, T]:
    """The same strategy for the same arguments: Hypothesis checks each new one, and slowly."""
    made = cast("Callable[P, T]", lru_cache(500)(make))

    @wraps(make)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> T:
        return made(*args, **kwargs)

    return remembered


@attrs.frozen(repr=False)
class Shown:
    """A value whose `repr()` leaves out the fields that have their defaults."""

    def __repr__(self) -> str:
        return _shown(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(_shown(self))  # what Hypothesis prints


# Nothing that is drawn is a secret: a failing example has to be readable.
_SECRETIVE = (sasl.Password, sasl.Token, sasl.Binding)
_LONG = (smtp.ServerConfig, pop3.ServerConfig, Limits)


def _shown(value: object) -> str:
    if not isinstance(value, (Shown, *_LONG, *_SECRETIVE)):
        return repr(value)
    fields = [field for field in attrs.fields(type(value)) if field.init]
    given = [(field.name, getattr(value, field.name), field.default) for field in fields]
    shown = [f"{name}={_shown(one)}" for name, one, default in given if one != default]
    return f"{type(value).__name__}({', '.join(shown)})"


# --- How octets arrive ----------------------------------------------------------------------------


@once
def chunk_schedules(*, max_size: int = 40) -> SearchStrategy[list[int]]:
    """How many octets each read gives, as `mailproto.testing` takes it for `cuts`.

    At most `max_size` reads; what is left then comes in one piece. 0 is a read of nothing.
    """
    sizes = st.sampled_from([0, 1, 1, 2, 3, 5, 64, 1_000]) | st.integers(0, 100)
    return st.lists(sizes, max_size=max_size) | st.integers(0, max_size).map(lambda n: [1] * n)


def cuts(data: bytes, *, max_cuts: int = 20) -> SearchStrategy[list[bytes]]:
    """Ways to cut `data` into pieces, empty ones among them. Joined, they are `data` again."""

    def pieces(places: list[int]) -> list[bytes]:
        ends = sorted(places)
        return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]

    octets = [data[at : at + 1] for at in range(len(data))] or [data]
    return st.lists(st.integers(0, len(data)), max_size=max_cuts).map(pieces) | st.just(octets)


_LINES = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b".\r\n",
    b"\r\n.\r\n",
    b"\n.\n",
    b"\r\n.\n",
    b"QUIT\r\n",
    b"RSET\r\n",
    b"DATA\r\n",
    b"NOOP\n",
    b"*\r\n",
    b"BDAT 3\r\n",
    b"BDAT -1\r\n",
    b"STARTTLS\r\n",
    b"AUTH PLAIN\r\n",
    b"MAIL FROM:<>\r\n",
    b"RCPT TO:<postmaster>\r\n",
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01\x00",
    b"250 ok\r\n",
    b"250-ok\r\n",
    b"334 \r\n",
    b"354 go\r\n",
    b"421 bye\r\n",
    b"550 5.1.1 no\r\n",
    b"999 what\r\n",
    b"PASS x\r\n",
    b"RETR 1\r\n",
    b"STLS\r\n",
    b"+OK\r\n",
    b"-ERR no\r\n",
    b"+ \r\n",
)


def mutated(
    streams: SearchStrategy[bytes], *, lines: Iterable[bytes] = (), max_edits: int = 4
) -> SearchStrategy[bytes]:
    """Damaged `streams`: octets flipped, pieces cut out or repeated, lines put in, ends cut off.

    `lines` are put in besides those that are known to hurt. One edit at least; it may still change
    nothing.
    """
    inserts = st.sampled_from([*_LINES, *lines])
    return _mutated(streams, inserts, max_edits)


@st.composite
def _mutated(
    draw: st.DrawFn, streams: SearchStrategy[bytes], inserts: SearchStrategy[bytes], edits: int
) -> bytes:
    data = draw(streams)
    for _ in range(draw(st.integers(1, edits))):
        at = draw(st.integers(0, len(data)))
        edit = draw(st.sampled_from(["flip", "insert", "cut", "repeat", "truncate", "line end"]))
        upto = at + draw(st.integers(1, 12))
        if edit == "flip" and at < len(data):
            flipped = data[at] ^ draw(st.integers(1, 255))
            data = data[:at] + bytes([flipped]) + data[at + 1 :]
        elif edit == "insert":
            at = data.rfind(b"\n", 0, at) + 1 if draw(st.booleans()) else at
            data = data[:at] + draw(inserts) + data[at:]
        elif edit == "cut":
            data = data[:at] + data[upto:]
        elif edit == "repeat":
            data = data[:upto] + data[at:upto] + data[upto:]
        elif edit == "truncate":
            data = data[:at]
        elif edit == "line end":
            data = data[:at] + data[at:].replace(b"\r\n", draw(st.sampled_from([b"\n", b"\r"])), 1)
    return data


# --- Domains and addresses (RFC 5321 section 4.1.2) -----------------------------------------------

_ALNUM = st.sampled_from("abcxyzABCXYZ0189")
_ATOM = st.sampled_from("abcxyzABC019!#$%&'*+-/=?^_`{|}~")
BEYOND = st.sampled_from("éüßжλ中\u0301\U0001f4e7")
PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)


def _words(
    characters: SearchStrategy[str], joint: str, *, longest: int = 6, most: int = 3
) -> SearchStrategy[str]:
    word = st.text(characters, min_size=1, max_size=longest)
    return st.lists(word, min_size=1, max_size=most).map(joint.join)


@once
def domains(*, utf8: bool = False) -> SearchStrategy[str]:
    """Domain names. With `utf8`, also U-labels (RFC 6531 section 3.3)."""
    label = _words(_ALNUM | BEYOND if utf8 else _ALNUM, "-", most=2)
    edges = ["x", "example.com", "127.example", "xn--bcher-kva.example", "a" * 63 + ".example"]
    edges.append(".".join(["abcdefghij" * 4] * 4))
    return st.lists(label, min_size=1, max_size=3).map(".".join) | st.sampled_from(edges)


@once
def address_literals() -> SearchStrategy[str]:
    """`[192.0.2.1]`, `[IPv6:2001:db8::1]` and general literals (RFC 5321 section 4.1.3)."""
    ipv4 = st.ip_addresses(v=4).map(str)
    ipv6 = st.ip_addresses(v=6)
    double = [f"{left}::{right}" for left in ("", "1", "2001:db8") for right in ("", "1", "1:2")]
    mapped = ipv4.map("::ffff:{}".format)
    content = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="[\\]"))
    tag = st.from_regex(r"[A-Za-z0-9-]{0,5}[A-Za-z0-9]", fullmatch=True)
    return st.one_of(
        ipv4.map("[{}]".format),
        st.one_of(
            ipv6.map(str), ipv6.map(lambda a: a.exploded.upper()), st.sampled_from(double), mapped
        ).map("[IPv6:{}]".format),
        st.builds(
            "[{}:{}]".format,
            tag.filter(lambda tag: tag.lower() != "ipv6"),
            content.map(lambda text: text[:8] or "!"),
        ),
    )


@once
def local_parts(*, utf8: bool = False) -> SearchStrategy[str]:
    """Dot-strings and quoted strings of at most 64 octets; with `utf8`, beyond ASCII too."""
    quotable = PRINTABLE.filter(lambda one: one not in '"\\')
    quoted = st.one_of(
        quotable,
        st.sampled_from([" ", "@", "<", ">", ".", ",", ":", r"\"", r"\\", r"\ ", r"\>"]),
        PRINTABLE.map("\\{}".format),
        *([BEYOND] if utf8 else []),
    )
    return st.one_of(
        _words(_ATOM | BEYOND if utf8 else _ATOM, ".", longest=4),
        st.lists(quoted, max_size=8).map(lambda parts: f'"{"".join(parts)}"'),
        st.sampled_from(["postmaster", "a" * 64, '"' + " " * 62 + '"', "a.b.c", "bounce+a=b"]),
    )


@once
def addresses(*, utf8: bool = False) -> SearchStrategy[str]:
    """Mailboxes, as they stand between angle brackets: quotes are kept.

    With `utf8`, what needs SMTPUTF8 (RFC 6531) is drawn too. Never the null path, and never
    `postmaster` without a domain: add `st.just("")` where a sender is wanted.
    """
    simple = st.sampled_from(["a@example.com", "b@example.net", "c@example.org"])
    domain = domains(utf8=utf8) | address_literals()
    return simple | st.builds("{}@{}".format, local_parts(utf8=utf8), domain)


# --- Words and bodies -----------------------------------------------------------------------------

TEXT = st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"])
_SPACES = st.sampled_from(" \x85\xa0\u2003\u2028\u3000")  # what str.split() takes for a space
LINE = st.text(PRINTABLE | TEXT | _SPACES, max_size=20)
STRING = LINE.map(lambda text: text.strip(" "))
OCTETS = st.binary(max_size=24)
MECHANISMS = st.sampled_from(["PLAIN", "LOGIN", "SCRAM-SHA-256-PLUS", "X_1", "A" * 20])

_WHOLE_LINES = (
    b"\r\n",
    b".\r\n",
    b"..\r\n",
    b".",
    b"text",
    b"\r\n.\r\n",
    b"\r\n.\r\nQUIT\r\n",
    b"Subject: hello\r\n\r\n",
    b"caf\xc3\xa9",
    b"\xff",
    b"\0",
    b"MAIL FROM:<>\r\n",
)
_BROKEN_LINES = (b"\r", b"\n", b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\r\n")


@once
def bodies(*, bare_newlines: bool = False, max_size: int = 8) -> SearchStrategy[bytes]:
    """Message bodies of at most `max_size` lines or parts of lines.

    Empty ones, dots in every place, look-alikes of the end of a text, NUL and 8-bit octets, lines
    above 998 octets, a last line without its end. CR and LF come as CRLF only, unless
    `bare_newlines` says otherwise.
    """
    part = st.sampled_from([*_WHOLE_LINES, *(_BROKEN_LINES if bare_newlines else ())])
    short = st.lists(part, max_size=max_size).map(b"".join)
    # A long line is rare, because it makes an example hard to read.
    seldom = st.sampled_from([*[b""] * 11, b"x" * 1_001 + b"\r\n"])
    return st.tuples(short, seldom).map(b"".join)


def text_form(body: bytes) -> bytes:
    """The text form of a body (RFC 5321 section 4.5.2)."""
    lines = b"\r\n" + body if not body or body.endswith(b"\r\n") else b"\r\n" + body + b"\r\n"
    return lines.replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
