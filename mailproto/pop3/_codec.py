"""POP3 lines, read and written: `parse_command`, `parse_reply`, `encode`.

One grammar for both roles. The readers are lenient where a line has one sensible reading and say so
in `defects`; the writers are strict. `parse(encode(x)) == x` for whatever `encode` takes.

The lines of which a session has thousands have a short way of their own: those without an argument
are looked up, those with a message number are cut in two. It accepts nothing that the full reader
behind it would read otherwise.

Invariants

* What `encode` returns ends with CRLF and holds no other CR, LF or NUL; whatever could put one
  there is a ValueError.
* The readers of commands raise `SyntaxRefused` (with the reply to give) and nothing else.
* Of a listing nothing is skipped: a line is an entry, or `Unparsed`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from .._grammar import ascii_upper, b64decode, b64encode, has_control, parse_number
from ..errors import Defect
from ._vocabulary import (
    Apop,
    Auth,
    AuthCancel,
    AuthResponse,
    Capa,
    Challenge,
    Command,
    Dele,
    Lang,
    Language,
    List,
    Noop,
    Pass,
    Quit,
    Reply,
    Retr,
    Rset,
    Size,
    Stat,
    Stls,
    Top,
    Totals,
    Uidl,
    UniqueId,
    UnknownCommand,
    Unparsed,
    User,
    Utf8,
)

__all__ = [
    "UNIQUE_ID",
    "Entries",
    "SyntaxRefused",
    "announced_size",
    "encode",
    "lines_of",
    "parse_auth_response",
    "parse_challenge",
    "parse_command",
    "parse_language",
    "parse_reply",
    "parse_size",
    "parse_sizes",
    "parse_unique_id",
    "parse_unique_ids",
    "plain_reply",
    "reply_value",
    "split_lines",
]


class SyntaxRefused(ValueError):
    """A line that is no command, and the reply a server gives to it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)

    @property
    def reply(self) -> Reply:
        """What a server answers."""
        reply: Reply = self.args[0]
        return reply

    def __str__(self) -> str:
        return str(self.reply)


def _refuse(text: str) -> SyntaxRefused:
    return SyntaxRefused(Reply(False, text))


# --- Commands, read -------------------------------------------------------------------------------

_Defects: TypeAlias = tuple[Defect, ...]
_Reader: TypeAlias = Callable[[str, _Defects], Command]
_Plain: TypeAlias = Capa | Noop | Quit | Rset | Stat | Stls | Utf8
_Numbered: TypeAlias = List | Retr | Dele | Uidl

_BLANK = re.compile(r"[ \t]+")  # not str.split(): Unicode knows more white space than POP3
_VERB = re.compile(r"[A-Z][A-Z0-9-]*")
_MOST = 2**63 - 1  # beyond it nobody has counted
_DIGEST = re.compile(r"[0-9a-f]{32}")
_RANGE = re.compile(r"\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")
UNIQUE_ID = re.compile(r"[!-~]{1,70}")
"""A unique-id (RFC 1939 section 7)."""


def parse_command(line: bytes) -> Command:
    """The command on `line` (CRLF or LF at its end is optional). An AUTH answer is no command.

    Raises `SyntaxRefused` with an -ERR reply.
    """
    exact = _EXACT.get(line)
    if exact is not None:
        return exact
    cls = _USUAL.get(line[:5])
    if cls is not None:
        digits = line[5:-2]
        if len(digits) <= 10 and digits.isdigit() and line[-2:] == b"\r\n":
            return cls(int(digits))
    text = _text(line)
    word = _BLANK.split(text, maxsplit=1)[0]
    verb = ascii_upper(word)
    if verb == "PASS":
        return _parse_pass(text)
    argument, defects = _argument(text, len(word))
    reader = _READERS.get(verb)
    if reader is not None:
        return reader(argument, defects)
    if _VERB.fullmatch(verb) is None:
        raise _refuse("Unknown command" if text else "Empty line")
    return UnknownCommand(verb, argument, defects=defects)


def _text(line: bytes) -> str:
    """The line as text, without its end; refuses control characters and what is not UTF-8."""
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise _refuse("The line is not valid UTF-8") from None
    if has_control(text.replace("\t", " ")):
        raise _refuse("The line has a control character")
    return text


def _argument(text: str, at: int) -> tuple[str, _Defects]:
    """What is behind the verb that ends at `at`, and what was odd about the space around it."""
    rest = text[at:]
    stripped = rest.strip(" \t")
    defects: _Defects = ()
    if rest != (f" {stripped}" if stripped else ""):
        if rest.rstrip(" \t") != rest:
            defects += (Defect("trailing_space", len(text.rstrip(" \t"))),)
        if stripped and rest.rstrip(" \t") != f" {stripped}":
            defects += (Defect("extra_space", at),)
    if not stripped.isascii():
        defects += (Defect("eight_bit", at),)
    return stripped, defects


def _words(argument: str, defects: _Defects) -> tuple[list[str], _Defects]:
    words = _BLANK.split(argument) if argument else []
    if " ".join(words) != argument and all(defect.code != "extra_space" for defect in defects):
        defects += (Defect("extra_space"),)
    return words, defects


def _bare(cls: type[_Plain]) -> _Reader:
    def read(argument: str, defects: _Defects) -> Command:
        if argument:
            raise _refuse(f"{cls.verb} takes no argument")
        return cls(defects=defects)

    return read


def _number(word: str, usage: str) -> int:
    try:
        number = parse_number(word)
    except ValueError:
        raise _refuse(f"Syntax: {usage}") from None
    if number > _MOST:
        raise _refuse("No such message")
    return number


def _numbered(cls: type[Retr | Dele]) -> _Reader:
    def read(argument: str, defects: _Defects) -> Command:
        return cls(_number(argument, f"{cls.verb} message"), defects=defects)

    return read


def _maybe_numbered(cls: type[List | Uidl]) -> _Reader:
    def read(argument: str, defects: _Defects) -> Command:
        number = _number(argument, f"{cls.verb} [message]") if argument else None
        return cls(number, defects=defects)

    return read


def _parse_top(argument: str, defects: _Defects) -> Command:
    words, defects = _words(argument, defects)
    if len(words) != 2:
        raise _refuse("Syntax: TOP message lines")
    number, lines = (_number(word, "TOP message lines") for word in words)
    return Top(number, lines, defects=defects)


def _parse_user(argument: str, defects: _Defects) -> Command:
    if not argument:
        raise _refuse("Syntax: USER name")
    return User(argument, defects=defects)


def _parse_pass(text: str) -> Command:
    # A password may have spaces wherever it likes (RFC 1939 section 7): only one is not its own.
    password = text[5:]
    if not password:
        raise _refuse("Syntax: PASS password")
    defects: _Defects = () if text[4] == " " else (Defect("extra_space", 4),)
    if not password.isascii():
        defects += (Defect("eight_bit", 4),)
    return Pass(password, defects=defects)


def _parse_apop(argument: str, defects: _Defects) -> Command:
    *names, digest = _BLANK.split(argument)
    name = argument[: len(argument) - len(digest)].rstrip(" \t")
    digest = ascii_upper(digest).lower()
    if not names or _DIGEST.fullmatch(digest) is None:
        raise _refuse("Syntax: APOP name digest")
    if argument[len(name) : len(name) + 2].strip(" \t") == "" and not defects:
        defects = (Defect("extra_space", len(name) + 5),)
    return Apop(name, digest, defects=defects)


def _parse_auth(argument: str, defects: _Defects) -> Command:
    words, defects = _words(argument, defects)
    if not 1 <= len(words) <= 2 or _MECHANISM.fullmatch(ascii_upper(words[0])) is None:
        raise _refuse("Syntax: AUTH mechanism [initial-response]")
    initial: bytes | None = None
    if len(words) == 2:
        try:
            initial = b"" if words[1] == "=" else b64decode(words[1].encode())
        except ValueError:
            raise _refuse("The initial response is not base64") from None
    return Auth(words[0].upper(), initial, defects=defects)


def _parse_lang(argument: str, defects: _Defects) -> Command:
    if argument and _RANGE.fullmatch(argument) is None:
        raise _refuse("Syntax: LANG [language]")
    return Lang(argument or None, defects=defects)


_PLAIN: tuple[type[_Plain], ...] = (Capa, Noop, Quit, Rset, Stat, Stls, Utf8)

_READERS: dict[str, _Reader] = {
    **{cls.verb: _bare(cls) for cls in _PLAIN},
    "LIST": _maybe_numbered(List),
    "UIDL": _maybe_numbered(Uidl),
    "RETR": _numbered(Retr),
    "DELE": _numbered(Dele),
    "TOP": _parse_top,
    "USER": _parse_user,
    "APOP": _parse_apop,
    "AUTH": _parse_auth,
    "LANG": _parse_lang,
}
"""How each verb's argument is read; PASS is apart, because its spaces are its own."""

_EXACT: dict[bytes, Command] = {
    spelt(f"{cls.verb}\r\n").encode(): cls()
    for cls in (*_PLAIN, List, Uidl, Lang)
    for spelt in (str.upper, str.lower)
}
"""The common spelling of commands without an argument."""

_USUAL: dict[bytes, type[_Numbered]] = {
    spelt(f"{cls.verb} ").encode(): cls
    for cls in (List, Retr, Dele, Uidl)
    for spelt in (str.upper, str.lower)
}
"""The common spelling of those with a message number."""


def parse_auth_response(line: bytes) -> AuthResponse | AuthCancel:
    """The client's line behind a challenge. Raises `SyntaxRefused` for what is not base64."""
    text = line.removesuffix(b"\n").removesuffix(b"\r")
    if text == b"*":
        return AuthCancel()
    try:
        return AuthResponse(b64decode(text))
    except ValueError:
        raise _refuse("The response is not base64") from None


# --- Replies, read --------------------------------------------------------------------------------

_STATUS = re.compile(rb"(\+OK|-ERR)( ?)(.*)", re.DOTALL | re.IGNORECASE)
_PLAIN_REPLY = re.compile(rb"(\+OK|-ERR)(?: ([\t -~]*))?\r\n")


@lru_cache(maxsize=256)
def plain_reply(line: bytes) -> Reply | None:
    """The reply on this line, if it is of the usual kind; None for any other.

    Servers say the same few lines over and over, and a `Reply` never changes: the last ones are
    kept. Give it short lines only.
    """
    match = _PLAIN_REPLY.fullmatch(line)
    return None if match is None else Reply(match[1] == b"+OK", (match[2] or b"").decode("ascii"))


def parse_reply(line: bytes) -> Reply:
    """The reply on one line (CRLF or LF at its end). Raises ValueError for what is none."""
    codes: tuple[str, ...] = ()
    if line.endswith(b"\r\n"):
        line = line[:-2]
    else:
        line = line.removesuffix(b"\n")
        codes = ("bare_lf",)
    match = _STATUS.fullmatch(line)
    if match is None or b"\n" in line:
        raise ValueError("not a reply line")
    status, space, text = match.groups()
    if not status.isupper():
        codes += ("lower_case",)
    if text and not space:
        codes += ("no_space_after_status",)
    return Reply(
        status.upper() == b"+OK", _shown(text), defects=_odd_octets(text, codes, len(status))
    )


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _odd_octets(text: bytes, codes: tuple[str, ...], offset: int) -> _Defects:
    if not text.isascii():
        codes += ("eight_bit",)
    if b"\r" in text:
        codes += ("bare_cr",)
    if b"\0" in text:
        codes += ("nul",)
    return tuple(Defect(code, offset) for code in codes)


def parse_challenge(line: bytes) -> Challenge:
    """The challenge on one line: `+ ` and base64. Raises ValueError for what is none."""
    text = line.removesuffix(b"\n").removesuffix(b"\r")
    if text[:2] not in (b"+", b"+ "):
        raise ValueError("not a challenge")
    defects = () if line.endswith(b"\r\n") else (Defect("bare_lf", len(text)),)
    data = text[2:].strip(b" ")
    try:
        return Challenge(b64decode(data), defects=defects)
    except ValueError:
        return Challenge(b"", defects=(*defects, Defect("bad_base64", 2, data)))


def reply_value(
    command: Command, text: str
) -> tuple[Totals | Size | UniqueId | None, tuple[str, ...]]:
    """(what a positive reply to STAT, LIST n or UIDL n says, codes of its defects)."""
    words = [word for word in _BLANK.split(text) if word]
    codes: tuple[str, ...] = ()
    if isinstance(command, Uidl) and len(words) == 1:
        words = [str(command.number), *words]
        codes += ("no_number",)
    try:
        if isinstance(command, Uidl):
            value: Totals | Size | UniqueId = UniqueId(parse_number(words[0]), words[1])
        else:
            kind = Totals if isinstance(command, Stat) else Size
            value = kind(parse_number(words[0]), parse_number(words[1]))
    except (IndexError, ValueError):
        codes += ("unreadable",)
        return None, codes
    if len(words) > 2:
        codes += ("extra_text",)
    return value, codes


_OCTETS = re.compile(r"(?<![0-9-])([0-9]{1,19}) octets(?![a-z])", re.IGNORECASE | re.ASCII)
_LEADING = re.compile(r"([0-9]{1,19})(?: |$)", re.ASCII)


def announced_size(text: str) -> int | None:
    """The octets that a reply to RETR announces: `120 octets` somewhere, or a number in front.

    RFC 1939 shows the first in its examples and asks for nothing.
    """
    match = _OCTETS.search(text) or _LEADING.match(text)
    return None if match is None else int(match[1])


# --- Answers of several lines, read ---------------------------------------------------------------

Entries: TypeAlias = list[tuple[int, int] | tuple[int, str] | Unparsed]

_LINE = re.compile(rb"[^\n]*\n")


def split_lines(text: bytes) -> list[bytes]:
    """Whole lines, each with its end: CRLF, or LF."""
    return _LINE.findall(text)


def lines_of(text: bytes) -> tuple[list[str], tuple[str, ...]]:
    """(each line without its end, codes of defects) of the answer to CAPA or LANG."""
    lines = [_shown(line[:-1].removesuffix(b"\r")) for line in split_lines(text)]
    codes: tuple[str, ...] = ()
    if text.count(b"\n") != text.count(b"\r\n"):
        codes += ("bare_lf",)
    if not all(lines):
        codes += ("blank_line",)
    if not text.isascii():
        codes += ("eight_bit",)
    if b"\0" in text:
        codes += ("nul",)
    return lines, codes


# Possessive, so that a match of thousands of lines keeps nothing to go back to.
_SIZES = re.compile(rb"(?:[0-9]{1,10}+ [0-9]{1,19}+\r\n)++")
_UNIQUE_IDS = re.compile(rb"(?:[0-9]{1,10}+ [!-~]{1,70}+\r\n)++")


def parse_sizes(lines: bytes) -> Entries | None:
    """The entries on whole lines of LIST, or None when one of them is not of the usual kind."""
    if _SIZES.fullmatch(lines) is None:
        return None
    words = list(map(int, lines.split()))
    return list(zip(words[::2], words[1::2], strict=True))


def parse_unique_ids(lines: bytes) -> Entries | None:
    """The entries on whole lines of UIDL, or None when one of them is not of the usual kind."""
    if _UNIQUE_IDS.fullmatch(lines) is None:
        return None
    words = lines.decode("ascii").split()
    return list(zip(map(int, words[::2]), words[1::2], strict=True))


def parse_size(line: bytes) -> tuple[tuple[int, int] | Unparsed, _Defects]:
    """One line of LIST, as it may be met in the field."""
    raw, text, defects = _entry(line)
    words = _BLANK.split(text)
    try:
        entry = (parse_number(words[0]), parse_number(words[1]))
    except (IndexError, ValueError):
        return Unparsed(raw), ()
    if len(words) > 2:
        defects += (Defect("extra_text", raw=raw),)
    return entry, defects


def parse_unique_id(line: bytes) -> tuple[tuple[int, str] | Unparsed, _Defects]:
    """One line of UIDL, as it may be met in the field. What follows the number is the id."""
    raw, text, defects = _entry(line)
    number, *rest = _BLANK.split(text, maxsplit=1)
    try:
        entry = (parse_number(number), rest[0])
    except (IndexError, ValueError):
        return Unparsed(raw), ()
    if len(rest[0]) > 70:
        defects += (Defect("long_unique_id", raw=raw),)
    if _BLANK.search(rest[0]):
        defects += (Defect("space_in_unique_id", raw=raw),)
    return entry, defects


def _entry(line: bytes) -> tuple[bytes, str, _Defects]:
    raw = line.removesuffix(b"\n").removesuffix(b"\r")
    codes: tuple[str, ...] = () if line.endswith(b"\r\n") else ("bare_lf",)
    text = _shown(raw)
    stripped = text.strip(" \t")
    words = _BLANK.split(stripped, maxsplit=1)
    if " ".join(words) != text:
        codes += ("extra_space",)
    return raw, stripped, _odd_octets(raw, codes, 0)


def parse_language(line: str) -> Language:
    """One line of LANG's list."""
    tag, _, description = line.strip(" \t").partition(" ")
    return Language(tag, description)


# --- Both, written --------------------------------------------------------------------------------

REPLY_LINE = 512
"""Octets of a reply's line, CRLF included (RFC 2449 section 4)."""


def _clean(text: str, what: str) -> str:
    if has_control(text):
        raise ValueError(f"{what} has a control character")
    return text


def _string(text: str, what: str) -> str:
    if not text or _clean(text, what) != text.strip(" "):
        raise ValueError(f"{what} is empty, or begins or ends with a space")
    return text


def _count(number: int | None, what: str, least: int) -> int:
    if number is None or type(number) is not int or not least <= number <= _MOST:
        raise ValueError(f"{what} is a number from {least}")
    return number


def _encode_verb(command: _Plain | AuthCancel) -> str:
    return command.verb


def _encode_numbered(command: _Numbered) -> str:
    if command.number is None and isinstance(command, (List, Uidl)):
        return command.verb
    return f"{command.verb} {_count(command.number, 'a message', 1)}"


def _encode_top(command: Top) -> str:
    number = _count(command.number, "a message", 1)
    return f"TOP {number} {_count(command.lines, 'how many lines', 0)}"


def _encode_user(command: User) -> str:
    return f"USER {_string(command.name, 'the name')}"


def _encode_pass(command: Pass) -> str:
    if not _clean(command.password, "the password"):
        raise ValueError("the password is empty")
    return f"PASS {command.password}"


def _encode_apop(command: Apop) -> str:
    if _DIGEST.fullmatch(command.digest) is None:
        raise ValueError("the digest is 32 hexadecimal digits in lower case (see Apop.make())")
    return f"APOP {_string(command.name, 'the name')} {command.digest}"


def _encode_auth(command: Auth) -> str:
    if _MECHANISM.fullmatch(command.mechanism) is None:
        raise ValueError("a mechanism is 1 to 20 of A-Z, 0-9, - and _")
    if command.initial_response is None:
        return f"AUTH {command.mechanism}"
    return f"AUTH {command.mechanism} {b64encode(command.initial_response).decode() or '='}"


def _encode_lang(command: Lang) -> str:
    if command.tag is None:
        return "LANG"
    if _RANGE.fullmatch(command.tag) is None:
        raise ValueError("a language is a tag such as en or de-AT, or *")
    return f"LANG {command.tag}"


def _encode_unknown(command: UnknownCommand) -> str:
    known = command.verb in _READERS or command.verb == "PASS"
    if known or _VERB.fullmatch(command.verb) is None:
        raise ValueError(
            "a private verb is letters, digits and hyphens, in upper case, and private"
        )
    argument = _clean(command.argument, "the argument")
    if argument != argument.strip(" "):
        raise ValueError("the argument begins or ends with a space")
    return f"{command.verb} {argument}" if argument else command.verb


def _encode_auth_response(command: AuthResponse) -> str:
    return b64encode(command.data).decode()


def _encode_challenge(challenge: Challenge) -> str:
    return f"+ {b64encode(challenge.data).decode()}"


def _encode_reply(reply: Reply) -> str:
    if has_control(reply.text.replace("\t", " ")):
        raise ValueError("the text of a reply has a control character, or more than one line")
    return str(reply)


_ENCODERS: dict[type, Callable[..., str]] = {
    **dict.fromkeys((*_PLAIN, AuthCancel), _encode_verb),
    **dict.fromkeys((List, Retr, Dele, Uidl), _encode_numbered),
    Top: _encode_top,
    User: _encode_user,
    Pass: _encode_pass,
    Apop: _encode_apop,
    Auth: _encode_auth,
    Lang: _encode_lang,
    UnknownCommand: _encode_unknown,
    AuthResponse: _encode_auth_response,
    Challenge: _encode_challenge,
    Reply: _encode_reply,
}


def encode(item: Command | Reply | Challenge) -> bytes:
    """The line for `item`, CRLF included.

    Raises TypeError for what is no command, reply or challenge, ValueError for what cannot be said:
    control characters, numbers out of range, replies of more than 512 octets.
    """
    encoder = _ENCODERS.get(type(item))
    if encoder is None:
        raise TypeError(f"not a POP3 command, reply or challenge: {type(item).__name__}")
    # Replies keep what was not UTF-8; a command has to be.
    errors = "surrogateescape" if encoder is _encode_reply else "strict"
    try:
        line = (encoder(item) + "\r\n").encode("utf-8", errors)
    except AttributeError:  # None where a string belongs
        raise TypeError(f"a field of {type(item).__name__} has the wrong type") from None
    if encoder is _encode_reply and len(line) > REPLY_LINE:
        raise ValueError(f"a reply is at most {REPLY_LINE} octets (RFC 2449 section 4)")
    return line
