"""SMTP lines, read and written: `parse_command`, `parse_reply`, `encode`.

One grammar for both roles. The readers are lenient where a line has one sensible reading and say so
in `defects`; the writers are strict. `parse(encode(x)) == x` for whatever `encode` takes.

The two commands that carry addresses have a fast pattern for the common spelling, which accepts
nothing that the full reader behind it would read otherwise.

Invariants

* What `encode` returns ends with CRLF and holds no other CR, LF or NUL; whatever could put one
  there, or end an address or a parameter early, is a ValueError.
* The readers raise `SyntaxRefused` (with the reply to give) and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

from .._envelope import Param, Parameter, Recipient
from .._grammar import (
    PLAIN_ADDRESS,
    ascii_upper,
    b64decode,
    b64encode,
    has_control,
    is_address_literal,
    is_domain,
    parse_address,
    parse_number,
    with_utf8,
)
from ..errors import Defect, RemoteProtocolError
from ._extensions import EXTENSIONS, parameters_of
from ._vocabulary import (
    Auth,
    AuthCancel,
    AuthResponse,
    Bdat,
    Burl,
    Challenge,
    Command,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Reply,
    Rset,
    StartTls,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
)

__all__ = [
    "USUAL_LINE",
    "SyntaxRefused",
    "UnframedChunk",
    "encode",
    "join_reply",
    "known_reply",
    "parse_auth_response",
    "parse_command",
    "parse_reply",
    "parse_reply_line",
    "plain_reply",
    "rcpt_lines",
    "usual_command",
]

_Rows: TypeAlias = Mapping[tuple[str, str], Parameter[Any]]
_Reader: TypeAlias = Callable[[bytes, _Rows], Command]

PARAMETERS = parameters_of(EXTENSIONS)
"""The parameter rows of the standard registry by (command, keyword)."""


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


class UnframedChunk(RemoteProtocolError):
    """A BDAT whose octets cannot be counted: what follows it cannot be told from commands."""


def _refuse(code: int, text: str) -> SyntaxRefused:
    return SyntaxRefused(Reply(code, (text,)))


# --- Commands, read -------------------------------------------------------------------------------

_ATOM = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"
_LOCAL = rb"%b(?:\.%b)*+" % (_ATOM, _ATOM)
_HOST = rb"[A-Za-z0-9]++(?:[.-][A-Za-z0-9]++)*+"
_SHORT = rb"(?=[^>]{0,64}>)"  # in a path no longer than this, no part can be too long
_MAIL = re.compile(rb"MAIL FROM:<%b((?:%b@%b)?)> ([!-~ ]+)\r\n" % (_SHORT, _LOCAL, _HOST))
_RCPT = re.compile(rb"RCPT TO:<%b(%b@%b)> ([!-~ ]+)\r\n" % (_SHORT, _LOCAL, _HOST))
USUAL_LINE = re.compile(
    rb"(?:MAIL FROM:<%b((?:%b@%b)?)>|RCPT TO:<%b(%b@%b)>|DATA)\r\n" % (2 * (_SHORT, _LOCAL, _HOST))
)
"""The common spelling of what a transaction is made of, to be read by `usual_command()`."""
_PATH_VERB = re.compile(
    r"(?:FROM|TO)(?P<before>[ \t]*):(?P<after>[ \t]*)", re.IGNORECASE | re.ASCII
)
_BLANK = re.compile(r"[ \t]+")  # not str.split(): Unicode knows more white space than SMTP
_VERB = re.compile(r"[A-Z][A-Z0-9-]*")
_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_ATTRIBUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")  # REVERSE_NAME
_KEYWORDS = {"MAIL": _KEYWORD, "RCPT": _KEYWORD, "XCLIENT": _ATTRIBUTE, "XFORWARD": _ATTRIBUTE}
_VALUE = re.compile(with_utf8("!-~") + "*")


def _maker(cls: type[_PathCommand], field: str) -> Callable[[str], _PathCommand]:
    """What `cls(path)` does, in two thirds of the time that a frozen class's own way takes."""
    new = object.__new__
    put_path, put_params, put_defects = (
        getattr(cls, name).__set__ for name in (field, "params", "defects")
    )

    def make(path: str) -> _PathCommand:
        command = new(cls)
        put_path(command, path)
        put_params(command, ())
        put_defects(command, ())
        return command

    return make


_PathCommand = TypeVar("_PathCommand", Mail, Rcpt)
_usual_mail, _usual_rcpt = _maker(Mail, "sender"), _maker(Rcpt, "recipient")
_JUST_DATA = Data()


def usual_command(match: re.Match[bytes]) -> Mail | Rcpt | Data:
    """The command that `USUAL_LINE` has matched."""
    kind = match.lastindex
    if kind == 2:
        return _usual_rcpt(match[2].decode())
    return _JUST_DATA if kind is None else _usual_mail(match[1].decode())


def parse_command(
    line: bytes, parameters: Mapping[tuple[str, str], Parameter[Any]] = PARAMETERS
) -> Command:
    """The command on `line` (CRLF or LF at its end is optional). An AUTH answer is no command.

    `parameters` are the rows by which parameter values are checked; parameters without a row are
    kept. Raises `SyntaxRefused` with a 500, 501 or 553 reply, `UnframedChunk` for BDAT.
    """
    exact = _EXACT.get(line)
    if exact is not None:
        return exact
    usual = USUAL_LINE.fullmatch(line)
    if usual is not None:
        return usual_command(usual)
    reader = _FOUR.get(line[:4].upper())
    if reader is None or line[4:5] not in _ENDS_VERB:
        return _parse_other(line, parameters)
    return reader(line, parameters)


_ENDS_VERB = (b" ", b"\r", b"\n", b"\t", b"")


def _text(line: bytes) -> str:
    """The line as text, without its end; refuses control characters and what is not UTF-8."""
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise _refuse(500, "5.5.2 The line is not valid UTF-8") from None
    if has_control(text.replace("\t", " ")):
        raise _refuse(500, "5.5.2 The line has a control character")
    return text


def _split(line: bytes, verb: str) -> tuple[str, tuple[Defect, ...]]:
    """The argument behind `verb`, and what was odd about the white space around it."""
    text = _text(line)
    argument = text[len(verb) :]
    defects: tuple[Defect, ...] = ()
    stripped = argument[1:].strip(" \t")
    if argument[1:] != stripped or argument[:1] == "\t":
        if argument.rstrip(" \t") != argument:
            defects += (Defect("trailing_space", len(verb) + len(argument.rstrip(" \t"))),)
        if stripped and argument.lstrip(" \t") != argument[1:]:
            defects += (Defect("extra_space", len(verb)),)
    elif argument == " ":
        defects = (Defect("trailing_space", len(verb)),)
    return stripped, defects


def _parse_other(line: bytes, rows: _Rows) -> Command:
    text = _text(line)
    verb = ascii_upper(_BLANK.split(text, maxsplit=1)[0])
    reader = _LONGER.get(verb)
    if reader is not None:
        return reader(line, rows)
    if verb.startswith("STARTTLS"):
        raise _refuse(501, "5.5.4 STARTTLS takes no argument")
    if _VERB.fullmatch(verb) is None:
        raise _refuse(500, "5.5.2 Command not recognized" if text else "5.5.2 Empty line")
    argument, defects = _split(line, verb)
    return UnknownCommand(verb, argument, defects=defects)


def _parse_mail(line: bytes, rows: _Rows) -> Command:
    match = _MAIL.fullmatch(line)
    if match is not None:
        params, defects = _parse_params(f" {match[2].decode()}", "MAIL", rows)
        return Mail(match[1].decode(), params, defects=defects)
    path, rest, odd = _parse_path(line, "FROM", "5.1.7")
    params, defects = _parse_params(rest, "MAIL", rows)
    return Mail(path, params, defects=odd + defects)


def _parse_rcpt(line: bytes, rows: _Rows) -> Command:
    match = _RCPT.fullmatch(line)
    if match is not None:
        params, defects = _parse_params(f" {match[2].decode()}", "RCPT", rows)
        return Rcpt(match[1].decode(), params, defects=defects)
    path, rest, odd = _parse_path(line, "TO", "5.1.3")
    if not path:
        raise _refuse(501, "5.1.3 A recipient is needed")
    params, defects = _parse_params(rest, "RCPT", rows)
    return Rcpt(path, params, defects=odd + defects)


def _parse_path(line: bytes, word: str, status: str) -> tuple[str, str, tuple[Defect, ...]]:
    """(path without brackets, what follows it, defects) of a MAIL or RCPT line."""
    text = _text(line)
    verb = text[:4].upper()
    argument = text[4:].lstrip(" \t")
    usage = _refuse(501, f"5.5.4 Syntax: {verb} {word}:<address>")
    match = _PATH_VERB.match(argument)
    if match is None or argument[: len(word)].upper() != word:
        raise usage
    at = len(text) - len(argument)
    codes: list[tuple[str, int]] = []
    if text[4:at] != " ":
        codes.append(("extra_space", 4))
    if match["before"]:
        codes.append(("space_before_colon", at + match.start("before")))
    if match["after"]:
        codes.append(("space_after_colon", at + match.start("after")))
    rest = argument[match.end() :]
    at += match.end()
    if rest.startswith("<"):
        path, rest = _bracketed(rest, usage)
        if rest and rest[0] not in " \t":
            raise usage
    else:
        path = rest.partition(" ")[0]
        rest = rest[len(path) :]
        codes.append(("no_angle_brackets", at))
        if not path or path[0] in '"<':
            raise usage
    if path != path.strip(" \t"):
        path = path.strip(" \t")
        codes.append(("space_in_path", at))
    if path.startswith("@"):
        # A source route: accepted, dropped (RFC 5321 section 3.6.1, appendix C).
        route, colon, path = path.partition(":")
        if not colon or not all(
            hop.startswith("@") and (is_domain(hop[1:]) or is_address_literal(hop[1:]))
            for hop in route.split(",")
        ):
            raise usage
        codes.append(("source_route", at))
    if len(path.encode()) > 254:
        codes.append(("long_path", at))
    if path:
        try:
            codes += [(code, at) for code in parse_address(path).defects]
        except ValueError as error:
            raise _refuse(501, f"{status} Bad address: {error}") from None
    return path, rest, tuple(Defect(code, offset) for code, offset in codes)


_UNQUOTED = r'(?:[^"<>\[]|\[[^\[\]]*\])*'  # an address literal may hold what a path may not
_BRACKETED = re.compile(rf'<({_UNQUOTED}(?:"[^"\\]*(?:\\.[^"\\]*)*"{_UNQUOTED})?)>')


def _bracketed(text: str, usage: SyntaxRefused) -> tuple[str, str]:
    match = _BRACKETED.match(text)
    if match is None:
        raise usage
    return match[1], text[match.end() :]


def _parse_params(
    text: str, command: str, rows: _Rows
) -> tuple[tuple[Param, ...], tuple[Defect, ...]]:
    words = [word for word in _BLANK.split(text) if word]
    params: list[Param] = []
    seen: set[str] = set()
    for word in words:
        keyword, equals, value = word.partition("=")
        keyword = ascii_upper(keyword)
        if _KEYWORDS[command].fullmatch(keyword) is None or _VALUE.fullmatch(value) is None:
            raise _refuse(501, "5.5.4 A parameter is KEYWORD or KEYWORD=value")
        if keyword in seen:
            raise _refuse(501, f"5.5.4 {keyword} is given twice")
        seen.add(keyword)
        param = Param(keyword, value if equals else None)
        row = rows.get((command, keyword))
        if row is not None:
            try:
                row.parse(param.value)
            except ValueError as error:
                raise _refuse(501, f"5.5.4 {keyword}: {error}") from None
        params.append(param)
        if row is not None and row.excludes in seen:
            raise _refuse(501, f"5.5.4 {keyword} and {row.excludes} exclude each other")
    plain = " ".join(words)
    if text == (f" {plain}" if plain else ""):
        return tuple(params), ()
    trailing = text.rstrip(" \t").removeprefix(" ") == plain
    return tuple(params), (Defect("trailing_space" if trailing else "extra_space"),)


def _greets(cls: type[Helo | Ehlo | Lhlo]) -> _Reader:
    def read(line: bytes, _rows: _Rows) -> Command:
        domain, defects = _split(line, cls.verb)
        if not domain or " " in domain or "\t" in domain:
            raise _refuse(501, f"5.5.4 Syntax: {cls.verb} domain")
        if not is_domain(domain) and not is_address_literal(domain):
            defects += (Defect("odd_domain", 5),)
        return cls(domain, defects=defects)

    return read


def _bare(cls: type[Data | Rset | Quit | StartTls]) -> _Reader:
    def read(line: bytes, _rows: _Rows) -> Command:
        argument, defects = _split(line, cls.verb)
        if argument:
            raise _refuse(501, f"5.5.4 {cls.verb} takes no argument")
        return cls(defects=defects)

    return read


def _with_string(cls: type[Vrfy | Expn | Help | Noop], needed: bool) -> _Reader:
    def read(line: bytes, _rows: _Rows) -> Command:
        string, defects = _split(line, cls.verb)
        if needed and not string:
            raise _refuse(501, f"5.5.4 {cls.verb} needs an argument")
        return cls(string, defects=defects)

    return read


def _parse_etrn(line: bytes, _rows: _Rows) -> Command:
    node, defects = _split(line, "ETRN")
    if not node or " " in node:
        raise _refuse(501, "5.5.4 Syntax: ETRN node")
    return Etrn(node, defects=defects)


_MOST_OCTETS = 2**63 - 1  # beyond it nobody has counted


def _parse_bdat(line: bytes, _rows: _Rows) -> Command:
    # A chunk whose size is not certain cannot be swallowed, so there is no going on.
    unframed = UnframedChunk(
        "BDAT without a size that can be read", Reply(501, "5.5.4 Syntax: BDAT octets [LAST]")
    )
    try:
        argument, defects = _split(line, "BDAT")
        size_text, *rest = _BLANK.split(argument)
        if rest and [ascii_upper(word) for word in rest] != ["LAST"]:
            raise unframed
        size = parse_number(size_text)
    except SyntaxRefused as error:
        raise UnframedChunk(str(unframed), error.reply) from None
    except ValueError:
        raise unframed from None
    if size > _MOST_OCTETS:
        raise UnframedChunk("a BDAT beyond all measure", Reply(552, "5.3.4 The chunk is too large"))
    return Bdat(size, bool(rest), defects=defects)


def _parse_auth(line: bytes, _rows: _Rows) -> Command:
    argument, defects = _split(line, "AUTH")
    mechanism, *rest = _BLANK.split(argument)
    if re.fullmatch(r"[A-Za-z0-9_-]{1,20}", mechanism) is None or len(rest) > 1:
        raise _refuse(501, "5.5.4 Syntax: AUTH mechanism [initial-response]")
    initial: bytes | None = None
    if rest:
        try:
            initial = b"" if rest[0] == "=" else b64decode(rest[0].encode())
        except ValueError:
            raise _refuse(501, "5.5.2 The initial response is not base64") from None
    return Auth(mechanism.upper(), initial, defects=defects)


def _parse_burl(line: bytes, _rows: _Rows) -> Command:
    argument, defects = _split(line, "BURL")
    url, *rest = _BLANK.split(argument)
    if not _URL.fullmatch(url) or (rest and [ascii_upper(word) for word in rest] != ["LAST"]):
        raise _refuse(501, "5.5.4 Syntax: BURL absolute-URI [LAST]")
    return Burl(url, bool(rest), defects=defects)


_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")


def _with_attributes(cls: type[XClient | XForward]) -> _Reader:
    def read(line: bytes, rows: _Rows) -> Command:
        params, defects = _parse_params(_text(line)[len(cls.verb) :], cls.verb, rows)
        if not params or any(param.value is None for param in params):
            raise _refuse(501, f"5.5.4 Syntax: {cls.verb} attribute=value ...")
        return cls(params, defects=defects)

    return read


_FOUR: dict[bytes, _Reader] = {
    b"MAIL": _parse_mail,
    b"RCPT": _parse_rcpt,
    b"HELO": _greets(Helo),
    b"EHLO": _greets(Ehlo),
    b"LHLO": _greets(Lhlo),
    b"DATA": _bare(Data),
    b"RSET": _bare(Rset),
    b"QUIT": _bare(Quit),
    b"VRFY": _with_string(Vrfy, True),
    b"EXPN": _with_string(Expn, True),
    b"HELP": _with_string(Help, False),
    b"NOOP": _with_string(Noop, False),
    b"ETRN": _parse_etrn,
    b"BDAT": _parse_bdat,
    b"BURL": _parse_burl,
    b"AUTH": _parse_auth,
}
_LONGER: dict[str, _Reader] = {
    "STARTTLS": _bare(StartTls),
    "XCLIENT": _with_attributes(XClient),
    "XFORWARD": _with_attributes(XForward),
}


def parse_auth_response(line: bytes) -> AuthResponse | AuthCancel:
    """The client's line behind a 334. Raises `SyntaxRefused` (501) for what is not base64."""
    text = line.removesuffix(b"\n").removesuffix(b"\r")
    if text == b"*":
        return AuthCancel()
    try:
        return AuthResponse(b64decode(text))
    except ValueError:
        raise _refuse(501, "5.5.2 The response is not base64") from None


# --- Replies, read --------------------------------------------------------------------------------

_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*)|)", re.DOTALL)
_GLUED = re.compile(rb"([2-5][0-9]{2})([^0-9 -].*)", re.DOTALL)


def parse_reply_line(line: bytes) -> tuple[int, bool, str, tuple[str, ...]]:
    """(code, whether more lines follow, text, codes of defects) of one line.

    A line may end with LF alone. Raises ValueError for what is no reply line.
    """
    codes: tuple[str, ...] = ()
    if line.endswith(b"\r\n"):
        line = line[:-2]
    else:
        line = line.removesuffix(b"\n")
        codes = ("bare_lf",)
    match = _REPLY_LINE.fullmatch(line)
    if match is not None:
        code, separator, text = match.groups(b"")
    else:
        match = _GLUED.fullmatch(line)
        if match is None:
            raise ValueError("not a reply line")
        code, text = match.groups()
        separator = b""
        codes += ("no_space_after_code",)
    if not text.isascii():
        codes += ("eight_bit",)
    if b"\r" in text:
        codes += ("bare_cr",)
    if b"\0" in text:
        codes += ("nul",)
    return int(code), separator == b"-", text.decode("utf-8", "surrogateescape"), codes


def plain_reply(line: bytes) -> Reply | None:
    """The reply that consists of this one line, if it is of the usual kind; None for any other."""
    match = _PLAIN_REPLY.fullmatch(line)
    return None if match is None else Reply(int(match[1]), (match[2].decode("ascii"),))


_PLAIN_REPLY = re.compile(rb"([2-5][0-9]{2}) ([\t -~]*)\r\n")

known_reply = lru_cache(maxsize=256)(plain_reply)
"""The same from memory: servers say the same few short lines over and over, and a `Reply` never
changes. (What answers a body has a number of its own, and is not worth remembering.)"""


def join_reply(codes: list[int], lines: list[str], defects: tuple[Defect, ...]) -> Reply:
    """The reply that consists of these lines.

    When they disagree about the code the worst counts, and `inconsistent` says so: taking the
    better one would turn a refusal into a success.
    """
    worst = max(codes)
    if worst != min(codes):
        defects += (Defect("inconsistent"),)
    return Reply(worst, tuple(lines), defects=defects)


def parse_reply(data: bytes) -> Reply:
    """One whole reply, all its lines. Raises ValueError when it is anything else."""
    codes: list[int] = []
    lines: list[str] = []
    defects: tuple[Defect, ...] = ()
    offset = 0
    more = True
    for line in _LINE.findall(data):
        if not more:
            raise ValueError("more than one reply")
        code, more, text, odd = parse_reply_line(line)
        codes.append(code)
        lines.append(text)
        defects += tuple(Defect(name, offset) for name in odd)
        offset += len(line)
    if more:
        raise ValueError("an incomplete reply")
    return join_reply(codes, lines, defects)


_LINE = re.compile(rb"[^\n]*\n|[^\n]+")

# --- Both, written --------------------------------------------------------------------------------


def _clean(text: str, what: str, *, spaces: bool = False) -> str:
    if has_control(text):
        raise ValueError(f"{what} has a control character")
    if not spaces and (not text or " " in text):
        raise ValueError(f"{what} is empty or has a space")
    return text


def _encode_path(address: str) -> str:
    if not isinstance(address, str):
        raise TypeError(f"an address is a string, not {type(address).__name__}")
    if address and PLAIN_ADDRESS.fullmatch(address) is None:
        parse_address(address)
    return f"<{address}>"


def _encode_params(params: tuple[Param, ...], command: str) -> str:
    words: list[str] = []
    seen: set[str] = set()
    for param in params:
        keyword = _KEYWORDS[command].fullmatch(param.keyword)
        if keyword is None or param.keyword != param.keyword.upper():
            raise ValueError("a parameter's keyword is letters, digits and hyphens, in upper case")
        if param.keyword in seen:
            raise ValueError(f"{param.keyword} is given twice")
        seen.add(param.keyword)
        if param.value is not None and _VALUE.fullmatch(param.value) is None:
            raise ValueError(f"the value of {param.keyword} has a space or a control character")
        row = PARAMETERS.get((command, param.keyword))
        if row is not None:
            row.parse(param.value)
        words.append(param.keyword if param.value is None else f"{param.keyword}={param.value}")
    return "".join(f" {word}" for word in words)


def _encode_mail(command: Mail) -> str:
    options = _encode_params(command.params, "MAIL") if command.params else ""
    return f"MAIL FROM:{_encode_path(command.sender)}{options}"


def _encode_rcpt(command: Rcpt) -> str:
    return _rcpt_line(command.recipient, command.params)


def _rcpt_line(address: str, params: tuple[Param, ...]) -> str:
    if not address:
        raise ValueError("a recipient is needed")
    options = _encode_params(params, "RCPT") if params else ""
    return f"RCPT TO:{_encode_path(address)}{options}"


def rcpt_lines(recipients: Iterable[Recipient]) -> bytes:
    """The RCPT commands for these recipients. Raises ValueError as `encode()` does."""
    plain = PLAIN_ADDRESS.fullmatch
    lines = [
        f"RCPT TO:<{recipient.address}>\r\n"
        if not recipient.params and plain(recipient.address)
        else f"{_rcpt_line(recipient.address, recipient.params)}\r\n"
        for recipient in recipients
    ]
    return "".join(lines).encode()


def _encode_bdat(command: Bdat) -> str:
    if type(command.size) is not int or not 0 <= command.size <= _MOST_OCTETS:
        raise ValueError("a chunk's size is 0 or more octets")
    return f"BDAT {command.size}{' LAST' if command.last else ''}"


def _encode_burl(command: Burl) -> str:
    if _URL.fullmatch(command.url) is None:
        raise ValueError("an absolute URI is needed, without spaces and in ASCII")
    return f"BURL {command.url}{' LAST' if command.last else ''}"


def _encode_attributes(command: XClient | XForward) -> str:
    if not command.params or any(param.value is None for param in command.params):
        raise ValueError(f"{command.verb} needs attributes, each with a value")
    return f"{command.verb}{_encode_params(command.params, command.verb)}"


def _encode_auth(command: Auth) -> str:
    if re.fullmatch(r"[A-Z0-9_-]{1,20}", command.mechanism) is None:
        raise ValueError("a mechanism is 1 to 20 of A-Z, 0-9, - and _")
    if command.initial_response is None:
        return f"AUTH {command.mechanism}"
    return f"AUTH {command.mechanism} {b64encode(command.initial_response).decode() or '='}"


def _encode_string(command: Vrfy | Expn | Help | Noop) -> str:
    string = _clean(command.string, "the argument", spaces=True)
    if string != string.strip(" "):
        raise ValueError("the argument begins or ends with a space")
    if not string and isinstance(command, (Vrfy, Expn)):
        raise ValueError(f"{command.verb} needs an argument")
    return f"{command.verb} {string}" if string else command.verb


def _encode_unknown(command: UnknownCommand) -> str:
    known = command.verb.encode() in _FOUR or command.verb in _LONGER
    known = known or command.verb.startswith("STARTTLS")
    if _VERB.fullmatch(command.verb) is None or known:
        raise ValueError(
            "a private verb is letters, digits and hyphens, in upper case, and private"
        )
    argument = _clean(command.argument, "the argument", spaces=True)
    if argument != argument.strip(" "):
        raise ValueError("the argument begins or ends with a space")
    return f"{command.verb} {argument}" if argument else command.verb


_EXACT: dict[bytes, Command] = {
    b"RSET\r\n": Rset(),
    b"QUIT\r\n": Quit(),
    b"NOOP\r\n": Noop(),
}
"""The common spelling of commands that have no argument."""


def _encode_reply(reply: Reply) -> str:
    if type(reply.code) is not int or not 200 <= reply.code <= 599:
        raise ValueError("a reply code is 200 to 599")
    for line in reply.lines:
        if has_control(line.replace("\t", " ")):
            raise ValueError("the text of a reply has a control character")
    last = len(reply.lines) - 1
    return "\r\n".join(
        f"{reply.code}{' ' if at == last else '-'}{line}" for at, line in enumerate(reply.lines)
    )


def _encode_verb(command: Data | Rset | Quit | StartTls | AuthCancel) -> str:
    return command.verb


def _encode_greeting(command: Helo | Ehlo | Lhlo) -> str:
    return f"{command.verb} {_clean(command.domain, 'the domain')}"


def _encode_etrn(command: Etrn) -> str:
    return f"ETRN {_clean(command.node, 'the node')}"


def _encode_auth_response(command: AuthResponse) -> str:
    return b64encode(command.data).decode()


def _encode_challenge(challenge: Challenge) -> str:
    return f"334 {b64encode(challenge.data).decode()}"


_ENCODERS: dict[type, Callable[..., str]] = {
    Mail: _encode_mail,
    Rcpt: _encode_rcpt,
    Bdat: _encode_bdat,
    Burl: _encode_burl,
    Auth: _encode_auth,
    Reply: _encode_reply,
    UnknownCommand: _encode_unknown,
    AuthResponse: _encode_auth_response,
    Challenge: _encode_challenge,
    **dict.fromkeys((Helo, Ehlo, Lhlo), _encode_greeting),
    **dict.fromkeys((Data, Rset, Quit, StartTls, AuthCancel), _encode_verb),
    **dict.fromkeys((Vrfy, Expn, Help, Noop), _encode_string),
    **dict.fromkeys((XClient, XForward), _encode_attributes),
    Etrn: _encode_etrn,
}


def encode(item: Command | Reply | Challenge) -> bytes:
    """The line or lines for `item`, CRLF included.

    Raises TypeError for what is no command, reply or challenge, ValueError for what cannot be said:
    control characters, addresses and parameters that would end early, values out of range.
    """
    encoder = _ENCODERS.get(type(item))
    if encoder is None:
        raise TypeError(f"not an SMTP command, reply or challenge: {type(item).__name__}")
    # Replies keep what was not UTF-8; a command has to be.
    errors = "surrogateescape" if encoder is _encode_reply else "strict"
    try:
        return (encoder(item) + "\r\n").encode("utf-8", errors)
    except AttributeError:  # None where a string belongs
        raise TypeError(f"a field of {type(item).__name__} has the wrong type") from None
