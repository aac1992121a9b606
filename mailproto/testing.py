"""Machines under test: driven alone, wired to each other, cut into pieces, written down.

Nothing here is needed to use a machine; everything here works with any machine, also with your own.

* A **play** is the application: `play(machine, event)` is called for every event, and with
  `Want.ANSWER` whenever the machine says so. `accept` is the play that says yes; `script(...)` is
  a client's play that goes through a list.
* `run()` drives one machine as a lawful driver does, and returns a `Trace` of what came out.
* `assert_chunk_invariant()` does so again and again, cutting the same input everywhere, and
  compares the traces.
* `Link` wires a client to a server through two pipes of limited size. It finds out when neither
  can move (`Deadlock`) or when they never stop (`Livelock`), and keeps a `Transcript`.
* A `Transcript` prints as `C:` and `S:` lines without their secrets; `replay()` feeds what one side
  said to a fresh machine of the other side.

Invariants

* A machine is fed only when it said `Want.DATA` (a client in a `Link` also while its output is
  being written), and what the reader holds is fed before `Want.TLS` is obeyed.
* Nothing waits and nothing is random: the same call does the same thing.
* A transcript shows no secret; `Record.what` keeps the octets as they were.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal, TypeAlias, cast

import attrs

from ._machine import BodyChunk, BodyWanted, Machine, ServerMachine, Want
from .errors import ARRIVAL_VERDICTS, Defect, RemoteProtocolError

__all__ = [
    "ARRIVAL_DEPENDENT",
    "EOF",
    "SECRETS",
    "TIMEOUT",
    "TLS",
    "Cuts",
    "Deadlock",
    "End",
    "Link",
    "Livelock",
    "Mark",
    "Play",
    "Record",
    "Script",
    "Secret",
    "Trace",
    "Transcript",
    "accept",
    "assert_chunk_invariant",
    "replay",
    "run",
    "script",
]

Play: TypeAlias = Callable[[Any, Any], object]
"""`play(machine, event)`: the application. `event` is `Want.ANSWER` when an answer is owed."""

Cuts: TypeAlias = Iterable[int] | Callable[[int], int]
"""How many octets each read gives: sizes in order (the rest comes in one piece), or a function
of how many are there. 0 is a read of nothing."""

ARRIVAL_DEPENDENT: Final = ARRIVAL_VERDICTS
"""Codes of the defects that look at what had arrived when an answer was given. They are left out of
comparisons. The third such verdict, plaintext behind STARTTLS, needs no exception: a lawful driver
hands over all it has read before it starts TLS, however that was cut."""


class Mark(enum.Enum):
    """Something that happens on a connection besides octets."""

    EOF = "eof"
    """The peer ends the connection. In a script for `run()`, None means the same."""
    TIMEOUT = "timeout"
    """The wait takes longer than `machine.timeout`."""
    TLS = "tls"
    """The TLS handshake is done. Only in transcripts: a script needs no mark for it."""

    def __repr__(self) -> str:
        return self.name


EOF: Final = Mark.EOF
TIMEOUT: Final = Mark.TIMEOUT
TLS: Final = Mark.TLS

Script: TypeAlias = "bytes | Iterable[bytes | Mark | Callable[[Any], object] | None]"
"""What happens to one machine, in order; the next thing only when the machine wants data: octets,
`EOF` (or None), `TIMEOUT`, or a function of the machine, with which the application acts."""


class Deadlock(AssertionError):
    """Neither side can move, and it is not the pause between two commands."""


class Livelock(AssertionError):
    """Something is always going on, and it never ends."""


# --- Plays ----------------------------------------------------------------------------------------


def accept(machine: Machine[Any], event: object) -> None:
    """The play that says yes: a server accepts everything at once, and every body wanted is empty.

    A POP3 server's login needs more than a yes: its maildrop.
    """
    if isinstance(machine.awaiting, BodyWanted):
        if event is Want.ANSWER:
            machine.end_body()
    elif isinstance(machine, ServerMachine) and machine.awaiting is not None:
        machine.accept()


def script(*items: object) -> Play:
    """A client's play: send `items` one by one, each when nothing is outstanding.

    `bytes` are pieces of a body, given when one is wanted; the body ends where they end. What is to
    be sent in answer to a challenge stands in the list like any command. A tuple is sent in one go.
    A function is called with the machine. A play made by `script()` serves one connection.
    """
    left = list(items)

    def play(machine: Any, event: object) -> None:
        if event is Want.ANSWER and isinstance(machine.awaiting, BodyWanted):
            if left and isinstance(left[0], bytes):
                machine.send_body(left.pop(0))
            else:
                machine.end_body()
        elif left and (event is Want.ANSWER or not (machine.outstanding or machine.awaiting)):
            item: Any = left.pop(0)
            group = cast("Sequence[Any]", item) if isinstance(item, tuple) else [item]
            for one in group:
                if callable(one):
                    one(machine)
                else:
                    machine.send(one)

    return play


# --- One machine ----------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Trace:
    """What came out of one machine. Two traces are compared with `differs_from()`."""

    events: tuple[Any, ...]
    """The events, neighbouring `BodyChunk`s joined."""
    output: bytes = attrs.field(repr=False)
    """Everything it wanted written."""
    error: RemoteProtocolError | None
    """What it raised, if it did."""
    end: Want | None
    """What it wanted last; None after an error."""
    machine: Machine[Any] = attrs.field(repr=False)
    """The machine, as it was left."""
    questions: int
    """How often `next_event()` was called."""

    def differs_from(
        self, other: Trace, *, ignore: frozenset[str] = ARRIVAL_DEPENDENT
    ) -> str | None:
        """The first thing that differs, in words, or None.

        Events are compared with everything they carry; defects whose code is in `ignore` are not.
        """
        mine, others = self._plain(ignore), other._plain(ignore)
        pairs = zip(mine["events"], others["events"], strict=False)
        for number, (one, two) in enumerate(pairs):
            if one != two:
                return f"event {number} is {self.events[number]!r}, not {other.events[number]!r}"
        if len(self.events) != len(other.events):
            longer, shorter = sorted((self.events, other.events), key=len, reverse=True)
            word = "there is" if longer is self.events else "there is no"
            return f"{word} event {len(shorter)}, {longer[len(shorter)]!r}"
        for name, value in mine.items():
            if value != others[name]:
                return f"{name} is {value!r}, not {others[name]!r}"
        return None

    def _plain(self, ignore: frozenset[str]) -> dict[str, Any]:
        machine = self.machine
        ends = {
            "end": self.end,
            "state": machine.state,
            "awaiting": machine.awaiting,
            "outstanding": machine.outstanding,
            "timeout": machine.timeout,
            "tls": machine.tls,
        }
        return {
            "events": [_plain(event, ignore) for event in self.events],
            "error": _plain(self.error, ignore),
            "output": self.output,
            **{name: _plain(value, ignore) for name, value in ends.items()},
        }


def _plain(value: Any, ignore: frozenset[str]) -> Any:
    # Attributes that do not take part in == (defects, for example) do so here.
    kind = cast("type[Any]", value.__class__)
    if isinstance(value, BaseException):
        return (kind.__qualname__, _plain(value.args, ignore))
    if attrs.has(kind):
        return (
            kind.__qualname__,
            *(
                (field.name, _plain(getattr(value, field.name), ignore))
                for field in attrs.fields(kind)
            ),
        )
    if isinstance(value, (tuple, list)):
        items = cast("Sequence[Any]", value)
        return [
            _plain(one, ignore)
            for one in items
            if not (isinstance(one, Defect) and one.code in ignore)
        ]
    if isinstance(value, frozenset):
        return cast("AbstractSet[Any]", value) - ignore
    if isinstance(value, dict):
        pairs = cast("Mapping[Any, Any]", value).items()
        return {key: _plain(one, ignore) for key, one in pairs}
    return value


def _sizes(cuts: Cuts | None) -> Callable[[int], int]:
    if cuts is None:
        return lambda there: there
    if callable(cuts):
        return cuts
    left = iter(cuts)
    return lambda there: next(left, there)


def _pieces(data: bytes, size: Callable[[int], int]) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        step = max(0, size(len(data) - at))
        yield data[at : at + step]
        at += step


_NOTHINGS = 1_000  # reads of nothing, or answers that answer nothing, in a row


def run(
    machine: Machine[Any],
    steps: Script,
    play: Play = accept,
    *,
    cuts: Cuts | None = None,
    between: Callable[[Machine[Any]], Machine[Any]] | None = None,
) -> Trace:
    """Drive `machine` through `steps`, cut by `cuts`, and return what came out.

    The machine is fed only when it wants data, and one step is finished before the next begins.
    When it wants TLS, TLS is established, after what the step still holds has been handed over.
    `between` may exchange the machine before every question (for a pickled copy of itself, say).

    Raises `Livelock` when the machine asks more than a few questions per octet; what `play` raises
    goes through.
    """
    left = iter([steps] if isinstance(steps, bytes) else steps)
    size = _sizes(cuts)
    pieces: Iterator[bytes] = iter(())
    events: list[Any] = []
    output: list[bytes] = []
    end: Want | None = None
    error: RemoteProtocolError | None = None
    questions = octets = nothings = 0
    while True:
        if between is not None:
            machine = between(machine)
        questions += 1
        if questions > 1_000 + 16 * octets or nothings > _NOTHINGS:
            raise Livelock(f"{questions} questions for {octets} octets; last: {events[-3:]!r}")
        try:
            want = machine.next_event()
        except RemoteProtocolError as raised:
            error = raised
            break
        if want is Want.DATA:
            piece = next(pieces, None)
            if piece is not None:
                nothings = 0 if piece else nothings + 1
                questions -= not piece
                octets += len(piece)
                machine.receive_data(piece)
                continue
            try:
                step = next(left)
            except StopIteration:
                end = want
                break
            questions = octets = 0
            if step is None or step is EOF:
                machine.receive_eof()
            elif step is TIMEOUT:
                machine.receive_timeout()
            elif isinstance(step, (bytes, bytearray, memoryview)):
                pieces = _pieces(bytes(step), size)
            elif callable(step):
                step(machine)
            else:
                raise TypeError(f"not a step: {step!r}")
        elif want is Want.SEND:
            data = machine.data_to_send()
            if not data:
                raise Livelock("Want.SEND without output")
            octets += len(data)
            nothings = 0
            output.append(data)
        elif want is Want.TLS:
            held = b"".join(pieces)
            if held:
                machine.receive_data(held)
            else:
                machine.tls_established()
        elif want is Want.CLOSE:
            end = want
            break
        elif want is Want.ANSWER:
            nothings += 1
            play(machine, want)
        else:
            nothings = 0
            if type(want) is BodyChunk and events and type(events[-1]) is _Chunks:
                events[-1].data.append(want.data)
            else:
                events.append(_Chunks([want.data]) if type(want) is BodyChunk else want)
            play(machine, want)
    return Trace(
        events=tuple(
            BodyChunk(b"".join(event.data)) if type(event) is _Chunks else event for event in events
        ),
        output=b"".join(output),
        error=error,
        end=end,
        machine=machine,
        questions=questions,
    )


@attrs.define
class _Chunks:
    data: list[bytes]


_SHORT = 200  # up to so many octets, every single cut is tried
_SAMPLES = 48  # of longer input, so many evenly spaced ones, and as many around line ends


def assert_chunk_invariant(
    make_machine: Callable[[], Machine[Any]],
    data: Script,
    play: Play = accept,
    *,
    make_play: Callable[[], Play] | None = None,
    schedules: Iterable[Iterable[int]] = (),
    ignore: frozenset[str] = ARRIVAL_DEPENDENT,
) -> Trace:
    """The chunk law: what comes out of a machine does not depend on how the input was cut.

    `data` is given to fresh machines in one piece, octet by octet, with reads of nothing in
    between, cut in two everywhere (in long input: at many places, the same ones every time), in
    pieces of a few sizes, and as each of `schedules` says. Where the application has to act before
    more can come, `data` is a sequence of steps (see `Script`). A play that keeps state is given
    as `make_play`.

    Returns the trace of the one piece. Raises AssertionError naming the cut and what differed.
    """
    steps = [data] if isinstance(data, bytes) else list(data)

    def trace(cuts: Cuts | None) -> Trace:
        return run(make_machine(), steps, make_play() if make_play else play, cuts=cuts)

    whole = trace(None)
    text = b"".join(step for step in steps if isinstance(step, bytes))
    named: list[tuple[str, Cuts]] = [
        ("octet by octet", lambda _: 1),
        ("octet by octet, with reads of nothing", _every_other_nothing(len(text))),
    ]
    named += [(f"cut behind octet {at}", _cut_at(steps, at)) for at in _single_cuts(text)]
    named += [(f"in pieces of {size}", [size] * (len(text) // size + 1)) for size in (2, 3, 7, 61)]
    named += [(f"cut as {sizes}", sizes) for sizes in map(list, schedules)]
    for name, cuts in named:
        try:
            other = trace(cuts)
        except Exception as error:
            error.add_note(f"the input came {name}")
            raise
        difference = other.differs_from(whole, ignore=ignore)
        assert difference is None, f"when the input comes {name}: {difference}"
    return whole


def _every_other_nothing(size: int) -> list[int]:
    return [0, 1, 0] * size


def _cut_at(steps: list[Any], at: int) -> list[int]:
    # Whole steps up to the one that holds the cut, then its two parts.
    sizes: list[int] = []
    for step in steps:
        if isinstance(step, bytes) and step:
            if at < len(step):
                return [*sizes, at, len(step) - at] if at > 0 else sizes
            sizes.append(len(step))
            at -= len(step)
    return sizes


def _single_cuts(text: bytes) -> list[int]:
    if len(text) <= _SHORT:
        return list(range(1, len(text)))
    even = range(1, len(text), max(1, len(text) // _SAMPLES))
    ends = [found.start() for found in re.finditer(rb"[\r\n]", text)]
    ends = ends[:: max(1, len(ends) // _SAMPLES)]
    return sorted({*even, *ends, *(end + 1 for end in ends)} - {0, len(text)})


# --- What was said --------------------------------------------------------------------------------

Side: TypeAlias = Literal["C", "S"]


@attrs.frozen
class Record:
    """One thing that one side did: octets it wrote, or a mark."""

    side: Side
    """"C" for the client, "S" for the server."""
    what: bytes | Mark = attrs.field(repr=False)
    """The octets as they were, secrets included, or `EOF`, `TIMEOUT`, `TLS`."""


@attrs.frozen
class Secret:
    """A row of the redaction table: which words of a session are not for other eyes."""

    command: re.Pattern[bytes]
    """Matched on a client's line. The group `secret` is not shown."""
    asks: re.Pattern[bytes] | None = None
    """Matched on a server's line, once `command` has been seen: what the client says next, until
    the server speaks again, is not shown. None: the command is all there is."""
    asides: re.Pattern[bytes] | None = None
    """Matched on a server's line that changes nothing about that."""
    tagged: bool = False
    """Whether the command begins with a tag, and the server's line with that tag ends it."""


_LOGIN = rb'^\S+ +LOGIN +(?:"(?:[^"\\]|\\.)*"|\S+) *(?P<secret>.*)$'

SECRETS: Final[tuple[Secret, ...]] = (
    # SMTP (RFC 4954 section 4) and POP3 (RFC 5034 section 4): initial response, then challenges.
    Secret(re.compile(rb"(?i)^AUTH[ \t]+\S+[ \t]*(?P<secret>.*)$"), re.compile(rb"^(334|\+( |$))")),
    # SMTP (RFC 4468 section 3): a URL with URLAUTH is the right to read what it names. The octets
    # of a chunk may stand before it on what looks like one line.
    Secret(re.compile(rb"(?i)^.*?BURL[ \t]+(?P<secret>.*)$")),
    # POP3 (RFC 1939 section 7): APOP's digest can be guessed against.
    Secret(re.compile(rb"(?i)^PASS(?P<secret>([ \t].*)?)$")),
    Secret(re.compile(rb"(?i)^APOP[ \t]+\S+[ \t]*(?P<secret>.*)$")),
    # IMAP (RFC 9051 sections 6.2.2 and 6.2.3): literals are asked for like challenges are.
    Secret(
        re.compile(rb"(?i)^\S+ +AUTHENTICATE +\S+ *(?P<secret>.*)$"),
        re.compile(rb"^\+"),
        re.compile(rb"^\* "),
        tagged=True,
    ),
    Secret(re.compile(b"(?i)" + _LOGIN), re.compile(rb"^\+"), re.compile(rb"^\* "), tagged=True),
)
"""What transcripts hide. Where it is not certain that a line is harmless, it is hidden."""

_HIDDEN = b"[hidden]"
_WIDTH = 160


@attrs.define
class Transcript:
    """Who said what, in the order in which it was written.

    `str()` shows it as `C:` and `S:` lines with secrets hidden, whatever the writes' edges were.
    """

    records: list[Record] = attrs.field(factory=list[Record])
    secrets: tuple[Secret, ...] = attrs.field(default=SECRETS, repr=False)

    def add(self, side: Side, what: bytes | Mark) -> None:
        """Write down that `side` did this."""
        self.records.append(Record(side, what))

    def said(self, side: Side) -> bytes:
        """Everything that `side` wrote, unredacted."""
        return b"".join(
            one.what for one in self.records if one.side == side and isinstance(one.what, bytes)
        )

    def lines(self) -> Iterator[str]:
        """The lines of `str()`."""
        begun: dict[Side, bytes] = {"C": b"", "S": b""}
        hide = _Hider(self.secrets)
        for record in self.records:
            side = record.side
            if isinstance(record.what, Mark):
                yield from _unfinished(begun, hide)
                yield f"{side}: ({record.what.name})"
                continue
            *whole, begun[side] = (begun[side] + record.what).split(b"\n")
            for line in whole:
                line = line[:-1] if line.endswith(b"\r") else line + b"\\n"
                yield f"{side}: {_shown(hide(side, line))}"
        yield from _unfinished(begun, hide)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def tail(self, count: int = 40) -> str:
        """The last lines of `str()`, for an error message."""
        lines = list(self.lines())
        left = len(lines) - count
        return "\n".join([f"({left} more lines)", *lines[left:]] if left > 0 else lines)


class _Hider:
    """Goes through the lines of a session and blanks what the table says."""

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        self._secrets = secrets
        self._seen: dict[Secret, bytes] = {}  # with the first word of the command
        self._hiding = False

    def __call__(self, side: Side, line: bytes) -> bytes:
        if side == "S":
            seen = [row for row in self._seen if row.asks is not None]
            if not any(row.asides is not None and row.asides.match(line) for row in seen):
                self._hiding = any(row.asks is not None and row.asks.match(line) for row in seen)
            for row in seen:
                if row.tagged and line.startswith(self._seen[row] + b" "):
                    del self._seen[row]
            return line
        if self._hiding:
            return _HIDDEN
        for row in self._secrets:
            match = row.command.match(line)
            if match is not None:
                self._seen[row] = line.split(b" ", 1)[0]
                self._hiding = row.asks is not None
                start, stop = match.span("secret")
                return line[:start] + _HIDDEN + line[stop:] if start < stop else line
        return line


def _unfinished(begun: dict[Side, bytes], hide: _Hider) -> Iterator[str]:
    for side, line in begun.items():
        if line:
            yield f"{side}: {_shown(hide(side, line))} (unfinished)"
            begun[side] = b""


def _shown(line: bytes) -> str:
    cut = line[:_WIDTH]
    text = cut.decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f"{text}... ({len(line)} octets)" if len(line) > _WIDTH else text


def replay(machine: Machine[Any], transcript: Transcript, play: Play = accept) -> Trace:
    """Feed what the other side said, in the pieces in which it said it, to a fresh `machine`."""
    me: Side = "S" if isinstance(machine, ServerMachine) else "C"
    steps: list[bytes | Mark] = []
    for record in transcript.records:
        mine = record.side == me
        if mine if record.what is TIMEOUT else not mine and record.what is not TLS:
            steps.append(record.what)
    return run(machine, steps, play)


# --- Two machines ---------------------------------------------------------------------------------


class _Pipe:
    """Octets on their way from one side to the other."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held = bytearray()
        self.ended = False  # nothing more will be written
        self.broken = False  # nobody reads any more


class End:
    """One end of a `Link`."""

    def __init__(
        self, side: Side, machine: Machine[Any], play: Play | None, *, duplex: bool
    ) -> None:
        self.machine = machine
        """The machine. A test may call it between two `Link.run()`s."""
        self.events: list[Any] = []
        """Every event so far (none with `record=False`)."""
        self.error: RemoteProtocolError | None = None
        """What the machine raised, if it did."""
        self.want: Want | None = None
        """What the machine wanted last; None after an event or an error."""
        self.closed = False
        """Whether this end has closed the connection."""
        self._side: Side = side
        self._play = play
        self._duplex = duplex
        self._writing = b""
        self._finished = False  # closes when everything has been written
        self._eof_told = False
        self._asked = 0  # times in a row that an answer was wanted and not given

    def __repr__(self) -> str:
        did = "closed" if self.closed else f"wants {self.want.name if self.want else 'nothing'}"
        extra = f", awaiting {self.machine.awaiting!r}" if self.want is Want.ANSWER else ""
        extra += f", {len(self._writing)} octets not written" if self._writing else ""
        return f"<{'client' if self._side == 'C' else 'server'} {did}{extra}>"

    def hang_up(self) -> None:
        """The connection dies here: the peer still gets what was written, then the end."""
        self._writing = b""
        self._link._note(self._side, EOF)
        self._leave()
        if not self._eof_told:
            self._eof_told = True
            self.machine.receive_eof()

    def time_out(self) -> None:
        """The wait takes longer than `machine.timeout`."""
        self._link._note(self._side, TIMEOUT)
        self.machine.receive_timeout()

    def inject(self, data: bytes) -> None:
        """Put octets on the wire behind what this end wrote, as someone in the middle would."""
        self._link._note(self._side, data)
        self._outbox.held += data

    # -- what Link does with it

    def _join(self, link: Link, peer: End, inbox: _Pipe, outbox: _Pipe) -> None:
        self._link = link
        self._peer = peer
        self._inbox = inbox
        self._outbox = outbox

    def _leave(self) -> None:
        self._finished = True
        self._outbox.ended = True
        self._inbox.broken = True
        self._inbox.held.clear()

    def _turn(self) -> bool:
        """Ask one question and do what the answer says. Whether anything moved."""
        if self.closed:
            return False
        moved = self._write()
        if self._finished:
            if self._writing:
                return moved
            if not self._outbox.ended:
                self._link._note(self._side, EOF)
                self._leave()
            self.closed = True
            return True
        if self._writing and not self._duplex:
            return moved
        try:
            want = self.machine.next_event()
        except RemoteProtocolError as error:
            self.error = error
            self.want = None
            self._finished = True
            self._link._failed(error)
            return True
        self.want = want if isinstance(want, Want) else None
        if want is not Want.ANSWER:
            self._asked = 0
        if want is Want.DATA:
            return self._read() or moved
        if want is Want.SEND:
            if self._writing:
                return self._read() or moved
            self._writing = self.machine.data_to_send()
            assert self._writing, "Want.SEND without output"
            self._link._note(self._side, self._writing)
            self._write()
            return True
        if want is Want.ANSWER:
            # While octets are being written no body is handed out, but reading goes on.
            return (self._read() if self._writing else self._answer()) or moved
        if want is Want.TLS:
            return (not self._writing and self._handshake()) or moved
        if want is Want.CLOSE:
            self._finished = True
            return True
        if self._link._recording:
            self.events.append(want)
        if self._play is not None:
            self._play(self.machine, want)
        return True

    def _write(self) -> bool:
        if not self._writing:
            return False
        if self._outbox.broken:
            self._writing = b""  # a failed write; what the peer still said is read, then the end
            return True
        room = max(0, self._outbox.capacity - len(self._outbox.held))
        self._outbox.held += self._writing[:room]
        self._writing = self._writing[room:]
        return room > 0

    def _read(self) -> bool:
        held = self._inbox.held
        if held:
            size = max(0, self._link._size(len(held)))
            piece = bytes(held[:size])
            del held[:size]
            self.machine.receive_data(piece)
            return True
        if self._inbox.ended and not self._eof_told:
            self._eof_told = True
            self.machine.receive_eof()
            return True
        return False

    def _answer(self) -> bool:
        if self._play is None:
            return False
        self._asked += 1
        self._play(self.machine, Want.ANSWER)
        return self._asked == 1

    def _handshake(self) -> bool:
        held = self._inbox.held
        peer = self._peer
        if held:  # plaintext: it is the machine's to complain
            data = bytes(held)
            held.clear()
            self.machine.receive_data(data)
            return True
        if self._inbox.ended:
            return self._read()
        if peer.closed or peer._writing or peer.want is not Want.TLS or self._outbox.held:
            return False
        self._link._note(self._side, TLS)
        for end in (peer, self):
            end.want = None
            if self._link._tls_fails:
                end._eof_told = True
                end.machine.receive_eof()
            else:
                end.machine.tls_established(binding=self._link._binding)
        return True


def _nothing_outstanding(client: Any, _server: Any) -> bool:
    return not client.outstanding


_PATIENCE = 100  # rounds in which somebody is asked for an answer and nothing else happens


class Link:
    """A client and a server machine, wired together in memory.

    ::

        link = Link(client, server, play_client=script(Ehlo("me"), Quit()))
        link.run()
        assert link.client.events == [...]
        print(link.transcript)

    `play_client` and `play_server` act for the applications; with None (as for clients by default)
    the test does, between two `run()`s: `link.client.machine.send(...)`.

    cuts: how many octets each read gives, see `Cuts`. Both sides draw from it.
    pipe: how many octets fit into each direction. A side whose output does not fit is stuck until
    the peer reads.
    duplex: whether the client goes on reading while it is stuck (servers do not).
    binding: given to `tls_established()` on both sides. tls_fails: the handshake fails instead.
    idle: `idle(client, server)` says whether it is a pause when both want data; by default, if the
    client has nothing outstanding.
    record: whether events and transcript are kept; False for very long transfers.
    limit: how many rounds one `run()` may take.
    """

    def __init__(
        self,
        client: Machine[Any],
        server: Machine[Any],
        *,
        play_client: Play | None = None,
        play_server: Play | None = accept,
        cuts: Cuts | None = None,
        pipe: int = 65_536,
        duplex: bool = True,
        binding: bytes | None = None,
        tls_fails: bool = False,
        idle: Callable[[Any, Any], bool] | None = None,
        record: bool = True,
        limit: int = 1_000_000,
    ) -> None:
        if pipe < 1:
            raise ValueError("a pipe holds at least one octet")
        self.transcript = Transcript()
        """What both sides wrote, so far."""
        self.client = End("C", client, play_client, duplex=duplex)
        """The client's end."""
        self.server = End("S", server, play_server, duplex=False)
        """The server's end."""
        self._size = _sizes(cuts)
        self._binding = binding
        self._tls_fails = tls_fails
        self._idle: Callable[[Any, Any], bool] = idle or _nothing_outstanding
        self._recording = record
        self._limit = limit
        self._errors: list[RemoteProtocolError] = []
        there, back = _Pipe(pipe), _Pipe(pipe)
        self.client._join(self, self.server, back, there)
        self.server._join(self, self.client, there, back)

    @property
    def closed(self) -> bool:
        """Whether both ends have closed."""
        return self.client.closed and self.server.closed

    def step(self) -> bool:
        """One turn of each side. Whether anything moved."""
        try:
            moved = self.client._turn()
            return self.server._turn() or moved
        except (Deadlock, Livelock):
            raise
        except Exception as error:
            error.add_note(self._story())
            raise

    def run(self) -> None:
        """Let both go on until both have closed, or nothing is going on and nothing is missing.

        Nothing is missing when both want data and the client has nothing outstanding, or when a
        side without a play has to answer.

        Raises `Deadlock`, `Livelock`, and, when all is over, the first RemoteProtocolError that a
        machine raised; what a play raises goes through. The transcript's end is noted on each.
        """
        still = 0
        for _ in range(self._limit):
            if self.step():
                still = 0
                continue
            still += 1
            asked = self.client._asked or self.server._asked
            if still <= (_PATIENCE if asked else 0):
                continue
            if self._errors:
                break
            if self.closed or self._at_rest():
                return
            raise Deadlock(f"neither side can move\n{self._story()}")
        else:
            raise Livelock(f"no end after {self._limit} rounds\n{self._story()}")
        error = self._errors[0]
        self._errors.clear()
        error.add_note(self._story())
        raise error

    def _at_rest(self) -> bool:
        ends = (self.client, self.server)
        if any(end._writing for end in ends):
            return False
        if any(end.want is Want.ANSWER and end._play is None for end in ends):
            return True
        wants = {end.want for end in ends if not end.closed}
        return wants == {Want.DATA} and self._idle(self.client.machine, self.server.machine)

    def _note(self, side: Side, what: bytes | Mark) -> None:
        if self._recording:
            self.transcript.add(side, what)

    def _failed(self, error: RemoteProtocolError) -> None:
        self._errors.append(error)

    def _story(self) -> str:
        return f"{self.client!r}\n{self.server!r}\n{self.transcript.tail()}"
