"""Reference pages that are made from the code, so that they cannot disagree with it.

A Sphinx extension: before the sources are read, each function in `PAGES` writes one page into
`reference/generated/`. To add a page, write a function that returns Markdown and give it a row.

Tables are written here where the code has no place for them: what each defect code means
(`DEFECTS`), where a state stands in the diagram (`DIAGRAMS`), what a machine says by itself
(`INFORMATION`). Each has a part for each protocol. The build fails when they and the code disagree;
so it does when a protocol's page leaves out a public name.
"""

from __future__ import annotations

import ast
import enum
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import attrs

import mailproto
import mailproto.limits
from mailproto import imap, message, pop3, smtp
from mailproto.imap import _codes, _fetch, _search, _syntax
from mailproto.imap._syntax import Kind
from mailproto.pop3 import _server as pop3_server
from mailproto.smtp import _server as smtp_server
from mailproto.smtp import _states

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SOURCE = Path(mailproto.__file__).parent
SPHINX = Path(__file__).parent


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table. Cells are Markdown; bars and newlines in them are taken care of."""

    def line(cells: Iterable[object]) -> str:
        return "| " + " | ".join(" ".join(str(c).split()).replace("|", r"\|") for c in cells) + " |"

    return "\n".join([line(head), line("---" for _ in head), *map(line, rows)]) + "\n"


def prose(text: str) -> str:
    """A paragraph, whatever its line breaks."""
    return " ".join(text.split())


def code(text: object) -> str:
    """`text` as code; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def codes(texts: Iterable[object]) -> str:
    """A list of code."""
    return ", ".join(map(code, texts))


def rfc(number: str) -> str:
    """A link to an RFC."""
    return f"[{number}](https://www.rfc-editor.org/rfc/rfc{number})"


def field_docs(cls: type) -> dict[str, str]:
    """The docstring under each field of an attrs class, by field name."""
    return named_docs(ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0])


def named_docs(tree: ast.AST) -> dict[str, str]:
    """The docstring under each assignment of a class or module, by name."""
    assert isinstance(tree, (ast.ClassDef, ast.Module))
    docs: dict[str, str] = {}
    for statement, doc in zip(tree.body, [*tree.body[1:], None], strict=True):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                pass
            case _:
                continue
        match doc:
            case ast.Expr(value=ast.Constant(value=str(text))):
                docs[name] = text
            case _:
                docs[name] = ""
    return docs


# -- limits and timeouts ---------------------------------------------------------------------------


def limits() -> str:
    """Every limit, its default and where that comes from."""
    defaults = mailproto.Limits()
    rows = (
        (
            f"`{name}`",
            "unlimited" if (value := getattr(defaults, name)) is None else f"{value:,}",
            doc,
        )
        for name, doc in field_docs(mailproto.Limits).items()
    )
    essay = (inspect.getdoc(mailproto.limits) or "").partition("\n\n")[2]
    return "\n\n".join(
        [
            "# Limits",
            "```{eval-rst}\n.. py:class:: mailproto.limits.Limits\n```",
            essay,
            "Sizes are octets unless said otherwise.",
            table(["field", "default", "what it bounds"], rows),
        ]
    )


WAITS = {
    "": "any other reply, the greeting among them",
    "MAIL": "the reply to MAIL",
    "RCPT": "the reply to RCPT; in a submitted transaction, all replies before the body",
    "DATA": "the 354 to a DATA that was sent with `send()`",
    "BODY": "each piece of the body to be taken by the network",
    "END": "the reply to the complete body",
}
"""What a client waits for, by the row of `TIMEOUTS`."""


def timeouts() -> str:
    """How long each wait may take."""
    rows = [("client", WAITS[row], f"{seconds:g}") for row, seconds in smtp.TIMEOUTS.items()]
    rows.append(("server", "whatever comes next", f"{_states.SERVER_TIMEOUT:g}"))
    return (
        "# SMTP: timeouts\n\nSeconds, from RFC 5321 section 4.5.3.2. `machine.timeout` is the one "
        "that applies now; a client with nothing in flight has none.\n\n"
        + table(["machine", "waits for", "seconds"], rows)
    )


# -- states ----------------------------------------------------------------------------------------

Way: TypeAlias = tuple[enum.Enum, enum.Enum, str]
"""(from, to, what is said)"""

OTHER_WAYS: tuple[Way, ...] = (
    (smtp.State.GREETING, smtp.State.START, "220"),
    (smtp.State.GREETING, smtp.State.REFUSED, "554"),
    (smtp.State.TEXT, smtp.State.READY, "CRLF . CRLF"),
    (smtp.State.CHUNKS, smtp.State.READY, "BDAT LAST"),
    (smtp.State.CHUNKS, smtp.State.SPOILT, "BDAT refused"),
    (smtp.State.RCPT, smtp.State.SPOILT, "BDAT refused"),
)
"""Ways that no row leads: the greeting, the end of a body, a refused chunk."""

FEW = 2
"""A verb that may be said in more states than this is drawn at the first, and told in words."""


def smtp_ways() -> Iterator[Way]:
    """What is drawn of SMTP's table."""
    for verb, rule in smtp.RULES.items():
        drawn = rule.states if len(rule.states) <= FEW else rule.states & {smtp.State.START}
        for state in smtp.State:
            if rule.then is not None and state in drawn:
                yield state, rule.then, verb
    yield from OTHER_WAYS


def pop3_ways() -> Iterator[Way]:
    """What is drawn of POP3's table."""
    for verb, rule in pop3.RULES.items():
        for state, then in rule.moves.items():
            if then is not state:
                yield state, then, verb
    yield pop3.State.GREETING, pop3.State.AUTHORIZATION, "+OK"
    yield pop3.State.UPDATE, pop3.State.CLOSED, "committed"


@attrs.frozen
class Diagram:
    """A protocol's states, and where each stands."""

    places: Mapping[enum.Enum, tuple[int, int]]
    """The middle of each state's box."""
    ways: Callable[[], Iterator[Way]]
    size: tuple[int, int]
    hub: enum.Enum
    """Where many ways lead back to: they arrive from above and below."""
    name: str

    def svg(self) -> str:
        """The states and the ways between them."""
        states = type(self.hub)
        assert set(self.places) == set(states), f"the diagram of {self.name} lacks a state"
        labels: dict[tuple[enum.Enum, enum.Enum], list[str]] = {}
        for start, end, label in self.ways():
            labels.setdefault((start, end), []).append(label)
        width, height = self.size
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
            ' font-family="sans-serif" font-size="13" text-anchor="middle">',
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7"',
            ' markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="#555"/></marker>',
            "</defs>",
        ]
        parts += [self.arrow(*way, names) for way, names in labels.items()]
        for state, (x, y) in self.places.items():
            half = self.half(state)
            parts.append(
                f'<rect x="{x - half}" y="{y - 16}" width="{2 * half}" height="32" rx="8"'
                f' fill="#eef3f8" stroke="#345"/>'
                f'<text x="{x}" y="{y + 5}" fill="#123">{state.name}</text>'
            )
        return "".join(parts) + "</svg>\n"

    def half(self, state: enum.Enum) -> int:
        """Half the width of a state's box."""
        return max(45, 5 * len(state.name))

    def arrow(self, start: enum.Enum, end: enum.Enum, names: list[str]) -> str:
        """One way, and the names above it: straight ahead or down, in a bow where it leads back."""
        (x1, y1), (x2, y2) = self.places[start], self.places[end]
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        out, into = self.half(start), self.half(end)
        if start is end:
            path = f"M{x - 18} {y - 16}C{x - 30} {y - 62} {x + 30} {y - 62} {x + 18} {y - 16}"
            y -= 56
        elif x1 == x2:
            path = f"M{x} {y1 + 16}L{x} {y2 - 16}"
            x, y = x + 8 + 3 * max(map(len, names)), y2 - 30
        elif x2 < x1 and y1 == y2:
            path = f"M{x1 - 25} {y + 16}Q{x} {y + 60} {x2 + 25} {y + 16}"
            y += 54
        elif end is self.hub and x2 < x1:
            side = -1 if y1 < y2 else 1
            path = f"M{x1 - out} {y1}Q{x} {y2 + side * 110} {x2 + 15} {y2 + side * 16}"
            y = y2 + side * 96
        elif x2 < x1:
            path = f"M{x1} {y1 + 16}L{x2 + into} {y2}"
            x, y = x + 60, y + 24
        elif y1 == y2:
            path = f"M{x1 + out} {y}L{x2 - into} {y}"
            y -= 8
        else:
            side = -1 if y1 > y2 else 1
            path = f"M{x1 + out} {y1 + side * 10}L{x2 - into} {y2}"
            x, y = x - 8, y + (-10 if side < 0 else 22)
        words = "".join(
            f'<text x="{x:g}" y="{y - 13 * at:g}" fill="#555" font-size="11">{escape(name)}</text>'
            for at, name in enumerate(names)
        )
        return f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#tip)"/>{words}'


DIAGRAMS = {
    "smtp": Diagram(
        places={
            smtp.State.GREETING: (70, 120),
            smtp.State.REFUSED: (70, 230),
            smtp.State.START: (220, 120),
            smtp.State.READY: (370, 120),
            smtp.State.MAIL: (520, 120),
            smtp.State.RCPT: (670, 120),
            smtp.State.TEXT: (820, 50),
            smtp.State.CHUNKS: (820, 190),
            smtp.State.SPOILT: (670, 270),
            smtp.State.CLOSED: (220, 230),
        },
        ways=smtp_ways,
        size=(900, 310),
        hub=smtp.State.READY,
        name="smtp",
    ),
    "pop3": Diagram(
        places={
            pop3.State.GREETING: (70, 120),
            pop3.State.AUTHORIZATION: (260, 120),
            pop3.State.USER: (450, 50),
            pop3.State.TRANSACTION: (640, 120),
            pop3.State.UPDATE: (820, 120),
            pop3.State.CLOSED: (820, 230),
        },
        ways=pop3_ways,
        size=(900, 290),
        hub=pop3.State.AUTHORIZATION,
        name="pop3",
    ),
}


def draw(name: str) -> None:
    """Write a protocol's diagram."""
    page = SPHINX / "reference" / "generated" / f"{name}-states.svg"
    page.write_text(DIAGRAMS[name].svg(), "utf-8")


def pop3_states() -> str:
    """The table of states and verbs, and the diagram."""
    draw("pop3")
    members = named_docs(ast.parse(textwrap.dedent(inspect.getsource(pop3.State))).body[0])
    rows: list[tuple[str, ...]] = []
    for verb, rule in pop3.RULES.items():
        moves = [
            code(state.name) + ("" if then is state else f" to {code(then.name)}")
            for state, then in rule.moves.items()
        ]
        rows.append(
            (
                code(verb) or "any other verb",
                ", ".join(moves),
                code(rule.refused.name) if rule.refused else "",
                "yes" if rule.sync else "",
                code(rule.capability or ""),
                f"`-ERR {rule.out_of_place}`",
            )
        )
    return "\n".join(
        [
            "# POP3: states",
            "",
            prose(
                f"""Made from `pop3.RULES`: the server refuses by this table, and the client refuses
                itself by it, against the state it will be in when everything in flight has
                succeeded. Either side waits {pop3.TIMEOUT:g} seconds (RFC 1939 section 3)."""
            ),
            "",
            "![The states of a POP3 session and the ways between them](pop3-states.svg)",
            "",
            table(["state", "meaning"], ((code(name), doc) for name, doc in _upper(members))),
            "",
            table(
                [
                    "verb",
                    "may be said in, and a positive answer leads to",
                    "a negative one leads to",
                    "ends a pipelined group",
                    "needs the capability",
                    "a server's answer elsewhere",
                ],
                rows,
            ),
        ]
    )


def states() -> str:
    """The table of states and verbs, and the diagram."""
    draw("smtp")
    members = named_docs(ast.parse(textwrap.dedent(inspect.getsource(smtp.State))).body[0])
    everywhere = smtp.RULES["RSET"].states
    rows: list[tuple[str, ...]] = []
    for verb, rule in smtp.RULES.items():
        said = [state for state in smtp.State if state in rule.states]
        where = codes(state.name for state in said)
        if rule.states >= everywhere:
            extra = [state for state in said if state not in everywhere]
            where = "anywhere in a session" + (
                f", and {codes(s.name for s in extra)}" if extra else ""
            )
        rows.append(
            (
                code(verb) or "verbs of private extensions",
                where,
                code(rule.then.name) if rule.then else "",
                "yes" if rule.sync else "",
                f"`{rule.out_of_place}`",
            )
        )
    wide = [verb for verb, rule in smtp.RULES.items() if rule.then and len(rule.states) > FEW]
    session = codes(state.name for state in smtp.State if state in everywhere)
    return "\n".join(
        [
            "# SMTP: states",
            "",
            prose(
                """Made from `smtp.RULES`: the server refuses by this table, and the client refuses
                itself by it, against the state it will be in when everything in flight has
                succeeded."""
            ),
            "",
            "![The states of an SMTP session and the ways between them](smtp-states.svg)",
            "",
            prose(
                f"""Drawn once, but good anywhere in a session: {codes(wide)}. Not drawn: `RSET`,
                which leads from a transaction back to `READY`, and what changes no state."""
            ),
            "",
            table(["state", "meaning"], ((code(name), doc) for name, doc in _upper(members))),
            "",
            prose(
                f"""Anywhere in a session: in {session}. A verb that ends a pipelined group (RFC
                2920 section 3.1) is one that a client waits behind."""
            ),
            "",
            table(
                [
                    "verb",
                    "may be said in",
                    "a positive answer leads to",
                    "ends a pipelined group",
                    "a server's answer elsewhere",
                ],
                rows,
            ),
        ]
    )


def _upper(members: dict[str, str]) -> Iterator[tuple[str, str]]:
    return ((name, doc) for name, doc in members.items() if name.isupper())


# -- events, extensions, defects -------------------------------------------------------------------

INFORMATION: dict[str, dict[type, str]] = {
    "smtp": {
        smtp.AuthCancel: "501, the exchange is over",
        smtp.BadCommand: "`event.reply`",
        smtp.BodyRefused: "`event.reply`; in LMTP once for each recipient",
        smtp.BodyChunk: "nothing: there is no answer to a part",
        smtp.TlsEstablished: "nothing",
        smtp.Timeout: "421 where there is room for it; the connection closes",
        smtp.Helo: "250 and the host name",
        smtp.Ehlo: "250, the host name and the extensions of `ServerConfig`",
        smtp.Lhlo: "250, the host name and the extensions of `ServerConfig`",
        smtp.Rset: "250; the transaction is forgotten",
        smtp.Noop: "250",
        smtp.Quit: "221; the connection closes",
    },
    "pop3": {
        pop3.User: "+OK, whatever the name; -ERR without TLS, unless `plaintext_auth`",
        pop3.AuthCancel: "-ERR, the exchange is over",
        pop3.Capa: "what `ServerConfig` offers in this state",
        pop3.Stat: "the totals of the maildrop",
        pop3.List: "the size of one message, or of all",
        pop3.Uidl: "the unique-id of one message, or of all",
        pop3.Dele: "+OK, and the message is marked",
        pop3.Rset: "+OK, and none is marked any more",
        pop3.Noop: "+OK",
        pop3.Utf8: "+OK, and `server.utf8` is true",
        pop3.Lang: "without a tag: the list of languages",
        pop3.Quit: "nothing after a login: `Commit` follows; else +OK, and the connection closes",
        pop3.BadCommand: "`event.reply`",
        pop3.TlsEstablished: "nothing",
        pop3.Timeout: "nothing; the connection closes",
    },
}
"""What the machine says to the events that it answers itself."""

_LOGIN = ("+OK 2 messages (320 octets)", str(pop3_server._NO[pop3.Pass]))

ASKED: dict[str, dict[type, tuple[str, str]]] = {
    "smtp": {
        kind: (yes.decode().strip(), smtp_server._NO[kind].decode().strip())
        for kind, yes in smtp_server._YES.items()
    },
    "pop3": {
        **{kind: ("", str(no)) for kind, no in pop3_server._NO.items()},
        **{kind: (yes.decode().strip(), "") for kind, yes in pop3_server._YES.items()},
        **dict.fromkeys(pop3_server._LOGINS, _LOGIN),
        pop3.Retr: ("+OK 120 octets", ""),
        pop3.Lang: ("+OK en Language changed", ""),
        pop3.Commit: ("+OK localhost signing off", ""),
    },
}
"""(the normal yes, the normal no) to the events that the application answers."""

for _kind, (_yes, _no) in ASKED["pop3"].items():
    ASKED["pop3"][_kind] = (_yes, _no or str(pop3_server._NO[_kind]))

NOTES = {
    "smtp": """`Auth` and `AuthResponse` also take `send(Challenge(...))`. `BodyEnd` is answered
        once, in LMTP and PRDR once for each recipient. `UnknownCommand` is a verb of a private
        extension.""",
    "pop3": """The logins (`Pass`, `Apop`, `Auth`, `AuthResponse`) are accepted with
        `accept(maildrop=...)`; `Auth` and `AuthResponse` also take `send(Challenge(...))`. Behind
        an accepted `Retr` or `Top`, `awaiting` is a `BodyWanted`. `UnknownCommand` is a verb of a
        private extension. Codes in brackets are said where AUTH-RESP-CODE is offered.""",
}
EVENTS = {"smtp": smtp.ServerEvent, "pop3": pop3.ServerEvent}


def answers(name: str) -> str:
    """Every event of a server: who answers it, and with what."""
    asked: list[tuple[str, ...]] = []
    told: list[tuple[str, ...]] = []
    kinds: tuple[type, ...] = get_args(EVENTS[name])
    for kind in kinds:
        home = kind.__module__ if kind.__name__ in mailproto.__all__ else f"mailproto.{name}"
        role = f"{{py:class}}`~{home}.{kind.__name__}`"
        if kind in ASKED[name]:
            yes, no = ASKED[name][kind]
            asked.append(
                (role, code(yes) or "nothing: the answer comes with what follows", code(no))
            )
        if kind in INFORMATION[name]:
            told.append((role, INFORMATION[name][kind]))
        assert kind in ASKED[name] or kind in INFORMATION[name], f"INFORMATION lacks {kind}"
    return "\n".join(
        [
            f"# {name.upper()}: a server's events",
            "",
            "## The application answers",
            "",
            prose(
                """`server.awaiting` is the event until it is answered. Without an argument,
                `accept()` and `reject()` say this; with a `Reply`, and with `send()`, they say
                what you like, as long as it means yes or no to this event."""
            ),
            "",
            table(["event", "`accept()`", "`reject()`"], asked),
            "",
            prose(NOTES[name]),
            "",
            "## The machine answers",
            "",
            "These are for your information; `awaiting` is None.",
            "",
            table(["event", "what the machine says"], told),
        ]
    )


def extensions() -> str:
    """The registry, and what is known of each parameter."""
    module = named_docs(ast.parse((SOURCE / "smtp" / "_extensions.py").read_text("utf-8")))
    rows: list[tuple[str, ...]] = []
    params: list[tuple[str, ...]] = []
    peers: dict[str, list[str]] = {}
    for extension in smtp.EXTENSIONS:
        rows.append(
            (
                code(extension.keyword),
                rfc(extension.rfc) if extension.rfc else "",
                codes(row.keyword for row in extension.mail),
                codes(row.keyword for row in extension.rcpt),
                codes(extension.verbs),
            )
        )
        for row in (*extension.mail, *extension.rcpt):
            name = next(name for name in module if getattr(smtp, name, None) is row)
            params.append((code(f"smtp.{name}"), code(row.keyword), row.command, module[name]))
        for row in extension.own:  # a row may stand in several extensions
            peers.setdefault(row.keyword, []).append(extension.keyword)
    own = {
        row.keyword: name
        for name in module
        if name.startswith("PEER_")
        for row in [getattr(smtp, name)]
    }
    params += [
        (code(f"smtp.{own[keyword]}"), code(keyword), ", ".join(verbs), module[own[keyword]])
        for keyword, verbs in peers.items()
    ]
    return "\n".join(
        [
            "# SMTP: extensions",
            "",
            prose(
                """Made from `smtp.EXTENSIONS`. A server offers those that `ServerConfig` names, a
                client uses those that the server offered."""
            ),
            "",
            table(["EHLO keyword", "RFC", "adds to MAIL", "adds to RCPT", "commands"], rows),
            "",
            "## Parameters",
            "",
            prose(
                """Each is a row that knows its typed value both ways: `smtp.SIZE(1000)` makes the
                parameter, `mail.get(smtp.SIZE)` reads it."""
            ),
            "",
            table(["row", "parameter", "command", "value"], params),
        ]
    )


DEFECTS: dict[str, dict[str, tuple[str, str]]] = {
    "smtp": {
        "bad_base64": ("`Challenge`", 'The challenge is not base64; its `data` is `b""`.'),
        "bare_cr": ("`BodyEnd`, `Reply`", "A CR without LF behind it."),
        "bare_lf": (
            "`BodyEnd`, `Reply`, a command",
            prose(
                """An LF without CR before it: in a body, or as the end of a line (of a command only
                with `Quirks.bare_lf_commands`)."""
            ),
        ),
        "blank_line": ("`Reply`", "Empty lines came before the reply and were skipped."),
        "dots_in_local_part": (
            "`Mail`, `Rcpt`",
            "A dot too many, at an end or two in a row, unquoted.",
        ),
        "early_talk": (
            "a server's first event, `Reply`",
            prose(
                """Arrival. Server: the client spoke before the greeting had been taken. Client: the
                reply came before its command had left, so it cannot be the answer to it."""
            ),
        ),
        "eight_bit": (
            "`BodyEnd`, `Reply`",
            prose(
                """An octet above 127. In a body that was declared 8BITMIME there is nothing odd
                about it."""
            ),
        ),
        "extra_space": ("a command", "White space where the grammar has one space."),
        "inconsistent": (
            "`Reply`",
            "The lines of the reply disagree about the code; the worst one counts.",
        ),
        "long_line": ("`BodyEnd`", "A line of more than 998 octets (RFC 5321 section 4.5.3.1.6)."),
        "long_local_part": ("`Mail`, `Rcpt`", "More than 64 octets (RFC 5321 section 4.5.3.1.1)."),
        "long_path": ("`Mail`, `Rcpt`", "More than 254 octets (RFC 5321 section 4.5.3.1.3)."),
        "no_angle_brackets": ("`Mail`, `Rcpt`", "`MAIL FROM:ada@example.org`."),
        "no_domain": (
            "`Mail`, `Rcpt`",
            prose(
                """An address without a domain that is not `postmaster`. Answered 501, unless
                `Quirks.unqualified_addresses` takes it."""
            ),
        ),
        "no_space_after_code": ("`Reply`", "The text is glued to the code: `250OK`."),
        "nul": ("`BodyEnd`, `Reply`", "An octet that is zero."),
        "odd_domain": (
            "`Helo`, `Ehlo`, `Lhlo`, `Mail`, `Rcpt`",
            "Not a domain by the grammar, but what the field has: underscores, a last dot.",
        ),
        "source_route": (
            "`Mail`, `Rcpt`",
            "`<@hop:ada@example.org>`: dropped (RFC 5321 appendix C).",
        ),
        "space_after_colon": ("`Mail`, `Rcpt`", "`MAIL FROM: <...>`."),
        "space_before_colon": ("`Mail`, `Rcpt`", "`MAIL FROM :<...>`."),
        "space_in_path": ("`Mail`, `Rcpt`", "White space just inside the angle brackets."),
        "trailing_space": ("a command", "White space before the end of the line."),
        "unauthorized_pipelining": (
            "a command, `BodyEnd`, `BodyRefused`",
            prose(
                """Arrival. The client did not wait for an answer it must wait for (RFC 2920 section
                3.1), or pipelined where that was not offered."""
            ),
        ),
    },
    "pop3": {
        "bad_base64": ("`Challenge`", 'The challenge is not base64; its `data` is `b""`.'),
        "bare_cr": ("`BodyEnd`, `Reply`, `Listing`", "A CR without LF behind it."),
        "bare_lf": (
            "`BodyEnd`, `Reply`, `Listing`, `Challenge`, a command",
            prose(
                """An LF without CR before it: in a message, or as the end of a line (of a command
                only with `Quirks.bare_lf_commands`)."""
            ),
        ),
        "blank_line": ("`Reply`", "Empty lines came before the reply, or in the answer to CAPA."),
        "early_talk": (
            "`Reply`",
            prose(
                """Arrival. The reply came before its command had left, so it cannot be the answer
                to it."""
            ),
        ),
        "eight_bit": (
            "`BodyEnd`, `Reply`, `Listing`, `User`, `Pass`, ...",
            "An octet above 127, in a message or where RFC 1939 has ASCII.",
        ),
        "extra_space": ("a command, `Listing`", "White space where the grammar has one space."),
        "extra_text": (
            "`Reply`, `Listing`",
            "Something behind the size (RFC 1939 section 5 discourages it). It is not kept.",
        ),
        "long_line": ("`BodyEnd`", "A line of more than 998 octets."),
        "long_unique_id": ("`Listing`", "More than 70 characters (RFC 1939 section 7)."),
        "lower_case": ("`Reply`", "`+ok`: RFC 1939 section 3 wants upper case."),
        "no_number": ("`Reply`", "UIDL n was answered by the id alone."),
        "no_space_after_status": ("`Reply`", "The text is glued to the status: `+OKready`."),
        "nul": ("`BodyEnd`, `Reply`, `Listing`", "An octet that is zero."),
        "space_in_unique_id": (
            "`Listing`",
            "White space in what follows the number: all of it is kept.",
        ),
        "trailing_space": ("a command", "White space before the end of the line."),
        "unreadable": ("`Reply`", "What STAT, LIST n or UIDL n should bring is not there."),
    },
}
"""By protocol: where each defect is met and what it means."""


def defect_codes(name: str = "**") -> set[str]:
    """Every code that the source gives to a `Defect`, or puts into a list that becomes some."""
    found: set[str] = set()

    def take(node: ast.AST) -> None:
        match node:
            case (
                ast.Constant(value=str(text)) | ast.Tuple(elts=[ast.Constant(value=str(text)), *_])
            ):
                found.add(text)
            case _:
                pass

    lists = {"codes", "defects"}
    for page in SOURCE.glob(f"{name}/*.py"):
        if page.parent.name in ("imap", "message"):  # have tables of their own, and tests
            continue
        for node in ast.walk(ast.parse(page.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Defect"), args=[ast.Constant() as first, *_]):
                    take(first)
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=args
                ):
                    for argument in args if name in lists else ():
                        take(argument)
                case (
                    ast.AugAssign(target=ast.Name(id=name), value=ast.Tuple() as value)
                    | ast.Assign(targets=[ast.Name(id=name)], value=ast.Tuple() as value)
                ) if name in lists:
                    for one in value.elts:
                        take(one)
                case ast.Subscript(value=ast.Attribute(attr="_found"), slice=ast.Constant() as key):
                    take(key)
                case ast.AnnAssign(target=ast.Name(id="_BARE_KINDS"), value=ast.Tuple() as value):
                    for one in value.elts:
                        take(one)
                case _:
                    pass
    return found


def defects(name: str) -> str:
    """Every defect code, and what it means."""
    # A protocol's own, and, of the modules that all share, those that any of them names.
    missing = (defect_codes() ^ set().union(*DEFECTS.values())) | (
        defect_codes(name) - set(DEFECTS[name])
    )
    assert not missing, f"DEFECTS in docs/_generate.py and the code disagree about {missing}"
    rows = ((code(one), where, what) for one, (where, what) in sorted(DEFECTS[name].items()))
    return "\n".join(
        [
            f"# {name.upper()}: defects",
            "",
            prose(
                """What a machine reads although it is odd. `event.defects` has a
                {py:class}`~mailproto.errors.Defect` for each; `event.anomalies` is the set of
                their codes. In a body each kind is reported once, where it occurs first. Those
                marked *arrival* depend on what had arrived when an answer was given; all others
                depend on the octets alone."""
            ),
            "",
            table(["code", "on", "meaning"], rows),
        ]
    )


def message_defects() -> str:
    """The codes of the message model."""
    rows = (
        (code(one), what, *(message.READINGS.get(one) or ("", "")))
        for one, what in sorted(message.DEFECTS.items())
    )
    return "\n".join(
        [
            "# Messages: defects and ambiguities",
            "",
            prose(
                """What is read although it is odd: `mailproto.message.DEFECTS`. Where programs in
                the field are known to read it differently it is an
                {py:class}`~mailproto.message.Ambiguity` as well, and the last columns say how it
                is read here, unless the defect itself says otherwise, and elsewhere."""
            ),
            "",
            table(["code", "meaning", "here", "elsewhere"], rows),
        ]
    )


def imap_defects() -> str:
    """The codes of IMAP."""
    rows = ((code(one), what) for one, what in sorted(imap.DEFECTS.items()))
    return "\n".join(
        [
            "# IMAP: defects",
            "",
            prose(
                """What is read although it is odd: `mailproto.imap.DEFECTS`. All of it depends on
                the octets alone."""
            ),
            "",
            table(["code", "meaning"], rows),
        ]
    )


def kind_name(kind: Kind) -> str:
    """What is read and written by a kind, in words."""
    known = {
        id(getattr(_syntax, name)): words
        for name, words in {
            "ANNOTATIONS": "annotations",
            "ANY": "any form",
            "ATOM": "str, an atom",
            "DATE": "datetime.date",
            "ENTRY_PATTERN": "str, an entry",
            "FLAGS": "tuple of str",
            "GMAIL_LABEL": "str, a label",
            "MODSEQ": "int",
            "NSTRING": "bytes or None",
            "NTEXT": "str or None",
            "NUMBER": "int",
            "NZ_NUMBER": "int",
            "SET": "SequenceSet",
            "TEXT": "str",
        }.items()
    }
    return known.get(id(kind), "")


def imap_words() -> str:
    """Response codes, search keys and message data items of IMAP."""
    values = {
        "APPENDUID": "(int, SequenceSet)",
        "BADCHARSET": "tuple of str, or None",
        "BADEVENT": "tuple of str",
        "BADURL": "str",
        "CAPABILITY": "tuple of str",
        "COPYUID": "(int, SequenceSet, SequenceSet)",
        "INPROGRESS": "(str or None, int or None, int or None), or None",
        "MAILBOXID": "str",
        "MESSAGELIMIT": "(int,) or (int, int)",
        "NOUPDATE": "str",
        **dict.fromkeys(("ANNOTATE", "ANNOTATIONS", "METADATA", "NEWNAME"), "tuple of str"),
        "REFERRAL": "tuple of str",
        "BODY": "BodyStructure",
        "BODYSTRUCTURE": "BodyStructure",
        "EMAILID": "str",
        "ENVELOPE": "Envelope",
        "INTERNALDATE": "datetime, or None",
        "MODSEQ": "int",
        **dict.fromkeys(("RFC822", "RFC822.HEADER", "RFC822.TEXT"), "bytes, None or Streamed"),
        "SAVEDATE": "datetime, or None",
        "THREADID": "str or None",
        "X-GM-LABELS": "tuple of str",
    }
    codes = (
        (code(name), "" if row.kind is None else kind_name(row.kind) or values[name])
        for name, row in sorted(_codes.CODES.items())
    )
    keys = (
        (code(name), ", ".join(map(kind_name, kinds)))
        for name, kinds in sorted(_search.SEARCH_KEYS.items())
    )
    items = (
        (code(name), kind_name(kind) or values[name])
        for name, kind in sorted(_fetch.FETCH_VALUES.items())
    )
    return "\n\n".join(
        [
            "# IMAP: words",
            prose(
                """What is known by name, and the type of what belongs to it. Other response codes
                have their text, other message data items a value of any form."""
            ),
            "## Response codes",
            table(["code", "value"], codes),
            "## Search keys",
            prose(
                """Besides `SequenceSet`, `Not`, `Or`, `And` and `Fuzzy`. MODSEQ may have an entry
                and its type before the number."""
            ),
            table(["key", "arguments"], keys),
            "## Message data items",
            "Besides `Body`, `Binary` (bytes, None or `Streamed`) and `BinarySize` (int).",
            table(["item", "value"], items),
        ]
    )


def check_page(name: str) -> None:
    """Every public name of a protocol is on its page, once; unless another page has it."""
    module = getattr(mailproto, name)
    page = (SPHINX / "reference" / f"{name}.md").read_text("utf-8")
    pattern = rf"^\.\. (?:auto\w+:: mailproto\.{name}\.|py:data:: )(\w+)$"
    listed = re.findall(pattern, page, re.MULTILINE)
    parameters = {one for one in module.__all__ if isinstance(getattr(module, one), smtp.Parameter)}
    again = {one for one in listed if listed.count(one) > 1}
    missing = set(module.__all__) - set(listed) - parameters - set(mailproto.__all__)
    assert not missing, f"reference/{name}.md lacks {missing}"
    assert not again, f"reference/{name}.md has {again} twice"


PAGES: dict[str, Callable[[], str]] = {
    "limits": limits,
    "smtp-timeouts": timeouts,
    "smtp-states": states,
    "smtp-answers": partial(answers, "smtp"),
    "smtp-extensions": extensions,
    "smtp-defects": partial(defects, "smtp"),
    "pop3-states": pop3_states,
    "pop3-answers": partial(answers, "pop3"),
    "pop3-defects": partial(defects, "pop3"),
    "message-defects": message_defects,
    "imap-defects": imap_defects,
    "imap-words": imap_words,
}


def generate(app: Sphinx) -> None:
    """Write every page whose text has changed."""
    folder = Path(app.srcdir) / "reference" / "generated"
    folder.mkdir(exist_ok=True)
    for name in ("smtp", "pop3", "sasl", "message", "imap"):
        check_page(name)
    for name, make in PAGES.items():
        page = folder / f"{name}.md"
        text = make()
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def plurals(
    _app: Sphinx, _what: str, _name: str, _of: Any, _options: Any, lines: list[str]
) -> None:
    """Let docstrings say `Thing`s: reStructuredText wants a mark between the two."""
    lines[:] = [re.sub(r"(?<!`)(`[^`]+`)(?=[A-Za-z])", r"\1\\ ", line) for line in lines]


def defaults(
    _app: Sphinx, _what: str, _name: str, of: Any, _options: Any, signature: str | None, result: Any
) -> tuple[str | None, Any]:
    """Show the defaults of an attrs class; its constructor's source has only their places."""
    if not (isinstance(of, type) and attrs.has(of) and signature):
        return signature, result

    def shown(match: re.Match[str]) -> str:
        default = attrs.fields_dict(of)[match[1]].default
        text = str(default) if isinstance(default, enum.Enum) else repr(default)
        return "..." if len(text) > LONG or text.startswith("Factory(") else text

    return re.sub(r"attr_dict\['(\w+)'\]\.default", shown, signature), result


LONG = 200  # of a default's repr: what is longer has a name, and a docstring that tells it


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("builder-inited", generate)
    app.connect("autodoc-process-docstring", plurals)
    app.connect("autodoc-process-signature", defaults)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
