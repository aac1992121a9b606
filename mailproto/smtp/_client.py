"""The SMTP client machine: also LMTP (say `Lhlo`) and submission.

Three ways in, from small to large:

* `send(command)` queues one command and returns its number; `Replied` brings the number back. As
  many as RFC 2920 allows may be in flight, where the server offered PIPELINING.
* `hello(domain)` says EHLO, and HELO to a server that does not know it; `authenticate(exchange)`
  runs a SASL exchange.
* `submit(envelope, message)` runs a whole transaction and ends in one `Outcome`.

What is in flight is a queue of `_Pending`; a complete reply belongs to its head, and to nothing
else. A reply when the queue is empty is an error (421 excepted): taking it for the answer to the
next command is how response injection works.

Two states are kept: `state`, where the replies so far have led, and the planned state, where the
session will be when everything in flight has succeeded. `send()` is checked against the second.

Invariants

* Nothing is queued before all of it has been checked: a refused call changes nothing.
* A parameter or command that needs an extension goes out only if the server offered it.
* After a 354 only the body goes out, and only `end_body()` completes it.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Literal, cast

import attrs

from .._envelope import Envelope, Param
from .._grammar import b64decode
from .._machine import BodyWanted, ClientMachine, Exchange
from .._vocabulary import PLAINTEXT_MECHANISMS
from .._wire import BareNewlines, TextEncoder, as_bytes
from ..errors import Defect, LimitExceeded, LocalProtocolError, NotOffered, RemoteProtocolError
from ..limits import Limits
from ._codec import encode, join_reply, known_reply, parse_reply_line, plain_reply, rcpt_lines
from ._extensions import (
    BODY,
    EXTENSIONS,
    PEER_LOGIN,
    PRDR,
    SIZE,
    SMTPUTF8,
    Absent,
    Capabilities,
    Extension,
    parameters_of,
)
from ._states import RULES, TIMEOUTS, Quirks, State
from ._transaction import Phase, Plannable, Planned, Transaction
from ._vocabulary import (
    Auth,
    AuthCancel,
    AuthResponse,
    Bdat,
    Burl,
    Challenge,
    ClientEvent,
    Command,
    Data,
    Ehlo,
    Etrn,
    Goodbye,
    Greeting,
    Helo,
    Lhlo,
    Mail,
    Quit,
    Rcpt,
    Replied,
    Reply,
    Rset,
    StartTls,
    UnknownCommand,
    XClient,
    XForward,
)

__all__ = ["Client"]

COMMAND_LINE = 512
"""Octets of a command line that every server takes (RFC 5321 section 4.5.3.1.4). An AUTH with a
longer initial response is sent in two steps (RFC 4954 section 4)."""


_SHORT = 128  # octets of a line that is worth remembering


@attrs.define
class _Pending:
    """A command in flight."""

    number: int
    command: Command
    fall_back: bool = False
    """EHLO: whether HELO is to follow a refusal."""
    body_sent: bool = False
    """DATA, BDAT: whether the reply to come is the one to the body."""
    later: bytes | None = attrs.field(default=None, repr=False)
    """AUTH: the initial response that waits for an empty challenge."""
    rounds: int = 0
    """AUTH: challenges so far."""
    exchange: Exchange | None = None
    """AUTH: what answers the challenges, if it is not the application."""


class Client(ClientMachine[ClientEvent]):
    """A client's end of one SMTP or LMTP connection. See `mailproto.Machine` for how to drive it.

    `awaiting` is a `Challenge` (answer with `send(AuthResponse(...))` or `send(AuthCancel())`), or
    a `BodyWanted` (`send_body()`, and at last `end_body()`). `tls=True`: TLS is there from the
    start.
    """

    __slots__ = (
        "_accepted",
        "_answered",
        "_authenticated",
        "_blank_lines",
        "_body",
        "_capabilities",
        "_chunks",
        "_codes",
        "_cut_off",
        "_each",
        "_ending",
        "_go_ahead",
        "_left",
        "_lines",
        "_lmtp",
        "_mail",
        "_number",
        "_odd",
        "_offered",
        "_partial",
        "_pending",
        "_plan",
        "_prdr",
        "_registry",
        "_reply_size",
        "_rows",
        "_served",
        "_state",
        "_transaction",
        "_untaken",
    )

    def __init__(
        self,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        quirks: Quirks = Quirks(),  # noqa: B008 - frozen
        tls: bool = False,
        registry: tuple[Extension, ...] = EXTENSIONS,
    ) -> None:
        super().__init__(limits, quirks, tls)
        self._registry = registry
        self._rows = parameters_of(registry)
        self._state = State.GREETING
        self._number = 0
        self._pending: deque[_Pending] = deque()
        self._capabilities: Capabilities | None = None
        self._offered: frozenset[str] = frozenset()
        self._lmtp = False
        self._authenticated = False
        # The reply under way.
        self._partial = False
        self._codes: list[int] = []
        self._lines: list[str] = []
        self._odd: list[Defect] = []
        self._reply_size = 0
        self._blank_lines = 0
        # The transaction as the replies tell it.
        self._accepted: list[str] = []
        self._answered = 0  # LMTP, PRDR: recipients whose final reply came
        self._served = False  # LMTP: whether one of them was positive
        self._prdr = False  # whether MAIL asked for it
        self._each = False  # PRDR: a 353 came, so each recipient gets a reply, then the message
        self._untaken = 0  # commands in flight that data_to_send() has not handed out
        # What was sent: the last MAIL, and where everything sent leads (None: to be computed).
        self._mail: Mail | None = None
        self._plan: State | None = None
        self._go_ahead: Reply | None = None  # to STARTTLS
        # The body under way.
        self._body: TextEncoder | None = None
        self._left: int | None = None  # octets of a BDAT that was announced
        self._chunks = 0  # BDAT commands in flight
        self._transaction: Transaction | None = None
        self._ending = 0  # number of the command whose end of body is still queued
        self._cut_off = False  # the input ended inside a transaction whose outcome was told

    # --- What to look at ------------------------------------------------------------------------

    @property
    def quirks(self) -> Quirks:
        """The tolerances this machine was made with."""
        return cast(Quirks, self._quirks)

    @property
    def state(self) -> State:
        """Where the replies so far have led the session."""
        return self._state if self._transaction is None else self._transaction.state

    @property
    def capabilities(self) -> Capabilities | None:
        """What the server offered to EHLO or LHLO; None before, and after STARTTLS."""
        return self._capabilities

    @property
    def authenticated(self) -> bool:
        """Whether an AUTH succeeded, or an XCLIENT with a LOGIN."""
        return self._authenticated

    @property
    def outstanding(self) -> tuple[tuple[int, Command], ...]:
        """(number, command) of every command that is not completely answered, in order."""
        plain = [(pending.number, pending.command) for pending in self._pending]
        if self._transaction is not None:
            number = self._transaction.number
            plain += [(number, command) for command in self._transaction.outstanding]
        return tuple(plain)

    @property
    def timeout(self) -> float | None:
        """Seconds to wait, by the command whose reply is due (RFC 5321 section 4.5.3.2)."""
        if self._closing or self._error:
            return None
        if self._body is not None or self._left is not None:
            return TIMEOUTS["BODY"]
        if not self._pending:
            if self._transaction is not None:
                return TIMEOUTS[self._transaction.waits_for]
            return TIMEOUTS[""] if self._state is State.GREETING else None
        head = self._pending[0]
        if head.body_sent:
            return TIMEOUTS["END"]
        return TIMEOUTS.get(head.command.verb, TIMEOUTS[""])

    # --- Commands -------------------------------------------------------------------------------

    def send(self, item: Command) -> int:
        """Queue a command. Returns the number that its `Replied` will carry.

        Raises LocalProtocolError when it may not be said now, `NotOffered` when the server did not
        offer what it needs, TypeError or ValueError when it cannot be said at all.
        """
        self._check_can_send()
        line = encode(item)
        if isinstance(item, (Reply, Challenge)):
            raise TypeError(f"a client sends commands, not {type(item).__name__}")
        if isinstance(item, (AuthResponse, AuthCancel)):
            return self._answer_challenge(line)
        if self._transaction is not None:
            raise LocalProtocolError("a submitted transaction is under way: wait for its Outcome")
        self._check(item)
        return self._queue(item, line)

    def hello(self, domain: str, *, lmtp: bool = False) -> int:
        """Say EHLO, and HELO if that is refused for good (RFC 5321 section 3.2); or LHLO.

        Returns a number; the `Replied` that brings it back has the command that was answered last.
        """
        number = self.send(Lhlo(domain) if lmtp else Ehlo(domain))
        self._pending[-1].fall_back = not lmtp
        return number

    def authenticate(self, exchange: Exchange) -> int:
        """AUTH, and the answers to its challenges, by a SASL exchange (`sasl.choose()` makes one).

        Returns a number; the `Replied` that brings it back ends the exchange, and when it is a no,
        `exchange.refusal` may say more. No `Challenge` is given meanwhile. `next_event()` raises
        `sasl.ExchangeFailed` when the server cannot be trusted: it broke the exchange, or said yes
        without having proven what the mechanism promises. Raises as `send()` does.
        """
        number = self.send(Auth(exchange.mechanism, exchange.initial))
        self._pending[-1].exchange = exchange
        return number

    def _queue(self, command: Command, line: bytes) -> int:
        self._number += 1
        pending = _Pending(self._number, command)
        self._plan = _after(command, self._planned())
        if type(command) is Mail:
            self._mail = command
        elif type(command) is Auth:
            if len(line) > COMMAND_LINE and command.initial_response is not None:
                pending.later = line.split(b" ")[2]
                line = encode(Auth(command.mechanism))
        elif type(command) is Bdat:
            self._left = command.size
            self._chunks += 1
            self._awaiting = BodyWanted(self._number, command)
        elif type(command) is Burl:
            self._chunks += 1
            pending.body_sent = True
        self._pending.append(pending)
        self._untaken += 1
        self._out.put(line)
        return self._number

    def _answer_challenge(self, line: bytes) -> int:
        if not isinstance(self._awaiting, Challenge):
            raise LocalProtocolError("there is no challenge to answer")
        self._out.put(line)
        self._awaiting = None
        return self._pending[0].number

    # --- May it be said? ------------------------------------------------------------------------

    def _check(self, command: Command) -> None:
        """Raise unless `command` may be said now."""
        self._check_place(command.verb)
        check = _CHECKS.get(type(command))
        if check is not None:
            check(self, command)

    def _check_place(self, verb: str) -> None:
        """Raise unless `verb` may be said where everything in flight leads."""
        if self._body is not None or self._left is not None:
            raise LocalProtocolError("a body is being sent: end_body() first")
        if self._pending:
            last = self._pending[-1]
            rule = RULES.get(last.command.verb, RULES[""])
            if rule.sync and not last.body_sent:
                raise LocalProtocolError(
                    f"wait for the reply to {last.command.verb}: nothing may be sent behind it"
                )
            if not self._offers("PIPELINING"):
                raise LocalProtocolError(
                    f"no PIPELINING was offered: wait for the reply to {last.command.verb}"
                )
        state = self._planned()
        if state not in (RULES.get(verb) or RULES[""]).states:
            raise LocalProtocolError(f"{verb} is out of place in state {state.value!r}")

    def _planned(self) -> State:
        """The state when everything in flight has succeeded."""
        if self._plan is not None:
            return self._plan
        if not self._pending:
            return self._state
        # Only what was said since the last command that leads somewhere whatever was before it.
        said: list[Command] = []
        for pending in reversed(self._pending):
            said.append(pending.command)
            if RULES.get(pending.command.verb, RULES[""]).then is not None:
                break
        state = self._state
        for command in reversed(said):
            state = _after(command, state)
        return state

    def _offers(self, keyword: str) -> bool:
        return keyword in self._offered

    def _need(self, keyword: str, what: str) -> None:
        if not self._offers(keyword):
            raise NotOffered(f"{what} needs {keyword}, which the server did not offer")

    def _check_params(self, verb: str, params: tuple[Param, ...]) -> None:
        for param in params:
            row = self._rows.get((verb, param.keyword))
            self._need(row.needs(param) if row else param.keyword, param.keyword)

    def _check_mail(self, command: Mail) -> None:
        self._check_params("MAIL", command.params)
        if not _is_ascii(command.sender, command.params) and command.get(SMTPUTF8) is None:
            raise LocalProtocolError("a MAIL that is not ASCII needs the SMTPUTF8 parameter")

    def _check_rcpt(self, command: Rcpt) -> None:
        self._check_params("RCPT", command.params)
        if not _is_ascii(command.recipient, command.params) and (
            self._mail is None or self._mail.get(SMTPUTF8) is None
        ):
            raise LocalProtocolError("an RCPT that is not ASCII needs MAIL's SMTPUTF8 parameter")

    def _check_data(self, command: Data) -> None:
        if self._mail is not None and self._mail.get(BODY) == "BINARYMIME":
            raise LocalProtocolError("BODY=BINARYMIME needs BDAT")

    def _check_chunk(self, command: Bdat | Burl) -> None:
        self._need("CHUNKING", command.verb)
        if isinstance(command, Burl):
            self._need("BURL", "BURL")
        if self._chunks >= self._window():
            raise LocalProtocolError("too many unanswered chunks (limits.window): wait")

    def _check_peer(self, command: XClient | XForward) -> None:
        self._need(command.verb, command.verb)
        assert self._capabilities is not None
        taken = self._capabilities.arguments(command.verb)
        for param in command.params:
            if param.keyword not in (name.upper() for name in taken):
                raise NotOffered(f"the server does not take {param.keyword} in {command.verb}")

    def _check_hello(self, command: Helo | Ehlo | Lhlo) -> None:
        if self._lmtp and self._capabilities is not None and not isinstance(command, Lhlo):
            raise LocalProtocolError("this is an LMTP session: say Lhlo")

    def _check_starttls(self, command: StartTls) -> None:
        if self._tls:
            raise LocalProtocolError("TLS is there already")
        self._need("STARTTLS", "STARTTLS")

    def _check_auth(self, command: Auth) -> None:
        self._need("AUTH", "AUTH")
        assert self._capabilities is not None
        if self._authenticated:
            raise LocalProtocolError("already authenticated (RFC 4954 section 4: once a session)")
        if command.mechanism not in self._capabilities.auth:
            raise NotOffered(f"the server did not offer the mechanism {command.mechanism}")
        exposed = command.mechanism in PLAINTEXT_MECHANISMS and not self._tls
        if exposed and not self.quirks.plaintext_auth:
            raise LocalProtocolError(
                f"{command.mechanism} without TLS shows the secret to the network:"
                " STARTTLS first, or set quirks.plaintext_auth"
            )

    def _check_verb(self, command: Command) -> None:
        for extension in self._registry:
            if command.verb in extension.verbs:
                self._need(extension.keyword, command.verb)

    # --- Bodies ---------------------------------------------------------------------------------

    def send_body(self, data: bytes | bytearray | memoryview) -> None:
        """The next piece of the body that `awaiting` asks for. b"" changes nothing.

        For DATA it is cut, stuffed and checked as the newline policy says; for BDAT it goes out as
        it is. Raises LocalProtocolError when no body is wanted or it exceeds the announced size,
        ValueError for a bare CR or LF under BareNewlines.REJECT.
        """
        self._check_body()
        data = as_bytes(data)
        if not data:
            return
        if self._left is not None:
            if len(data) > self._left:
                raise LocalProtocolError(
                    f"{len(data) - self._left} octets more than were announced"
                )
            self._left -= len(data)
            self._out.put(data)
            return
        if self._transaction is not None:
            piece = self._transaction.send_body(data)
        else:
            assert self._body is not None
            piece = self._body.feed(data)
        if piece:
            self._out.put(piece)

    def end_body(self) -> None:
        """The body is complete; it is always called.

        Raises LocalProtocolError when no body is wanted or fewer octets than announced were given,
        ValueError for a bare CR at the very end under BareNewlines.REJECT.
        """
        self._check_body()
        if self._transaction is not None:
            self._out.put(self._transaction.end_body())
            self._awaiting = None
            return
        if self._left is not None:
            if self._left:
                raise LocalProtocolError(f"{self._left} octets fewer than were announced")
            self._left = None
        else:
            assert self._body is not None
            self._out.put(self._body.end())
            self._body = None
        self._awaiting = None
        if self._pending:  # a refused chunk has its answer already
            self._pending[-1].body_sent = True
            self._ending = self._pending[-1].number

    def _check_body(self) -> None:
        if type(self._awaiting) is not BodyWanted:
            raise LocalProtocolError("no body is wanted now")
        if self._transaction is not None and self._transaction.supplies:
            raise LocalProtocolError("submit() was given the message: it is sent by itself")
        if not self._may_answer():
            raise LocalProtocolError("the next piece is not wanted yet: wait for Want.ANSWER")
        self._check_can_send()

    def _window(self) -> int:
        if not self._offers("PIPELINING"):
            return 1
        return 2**62 if self._limits.window is None else max(self._limits.window, 1)

    def _may_answer(self) -> bool:
        transaction = self._transaction
        return not self._eof and (
            transaction is None or (transaction.takes_body and not transaction.supplies)
        )

    # --- Transactions ---------------------------------------------------------------------------

    def submit(
        self,
        envelope: Envelope,
        message: Plannable | None = None,
        *,
        size: int | None = None,
        body: Literal["7BIT", "8BITMIME", "BINARYMIME"] | None = None,
        smtputf8: bool | None = None,
        chunking: bool | None = None,
        prdr: bool | None = None,
    ) -> int:
        """Run a whole transaction: MAIL, RCPT for each recipient, then the body.

        Pipelined where the server allows it, BDAT where it offers CHUNKING (`chunking` decides
        otherwise), an answer for each of several recipients where it offers PRDR (`prdr` decides
        otherwise), in one `Outcome` at the end, after which the session is ready for the next.
        `ANSWER` asks for the body when at least one recipient was accepted, and never otherwise.

        With a `message` nothing is asked: its `plan()` is told what the server offers, and what
        comes of it is sent, with the parameters it needs. Messages of `mailproto.message` have one.

        `size` (octets, an estimate is fine) and `body` become parameters; SMTPUTF8 is added when an
        address needs it, or by `smtputf8=True` when the header does. SIZE is left out where it is
        not offered. Raises LocalProtocolError when no transaction may begin, `NotOffered` when the
        envelope or body needs an extension the server did not offer or the message cannot be
        brought into a form for it, ValueError for what cannot be said.
        """
        self._check_can_send()
        if self._transaction is not None:
            raise LocalProtocolError("a submitted transaction is under way: wait for its Outcome")
        if not isinstance(envelope, Envelope):
            raise TypeError(f"an Envelope is needed, not {type(envelope).__name__}")
        if body not in (None, "7BIT", "8BITMIME", "BINARYMIME"):
            raise ValueError("body is 7BIT, 8BITMIME, BINARYMIME or None")
        if not envelope.recipients:
            raise ValueError("an envelope without recipients")
        for recipient in envelope.recipients:
            if recipient.params:
                self._check_params("RCPT", recipient.params)
        text = rcpt_lines(envelope.recipients)
        supply = None
        if message is not None:
            if not (size is None and body is None and smtputf8 is None):
                raise ValueError("size, body and smtputf8 are those of the message")
            planned = self._fitted(message, chunking)
            supply = bytes(planned.message)
            size, body = len(supply), None if planned.body == "7BIT" else planned.body
            smtputf8 = planned.smtputf8 or None
        if smtputf8 is None:
            smtputf8 = not (text.isascii() and _is_ascii(envelope.sender, envelope.params))
        if prdr is None:
            prdr = "PRDR" in self._offered and len(envelope.recipients) > 1 and not self._lmtp
        mail = self._mail_for(envelope, size, body, smtputf8, prdr)
        if not text.isascii() and mail.get(SMTPUTF8) is None:
            raise LocalProtocolError("an RCPT that is not ASCII needs MAIL's SMTPUTF8 parameter")
        binary = bool(mail.params) and mail.get(BODY) == "BINARYMIME"
        offered = self._offered
        if chunking is None:
            chunking = "CHUNKING" in offered
        elif chunking:
            self._need("CHUNKING", "BDAT")
        if binary and not chunking:
            raise NotOffered("BODY=BINARYMIME needs CHUNKING")
        self._check(mail)
        text = encode(mail) + text
        if not chunking:
            text += b"DATA\r\n"
        self._number += 1
        self._mail = mail
        self._transaction = transaction = Transaction(
            self._number,
            envelope,
            mail,
            text,
            pipelining="PIPELINING" in offered,
            chunking=chunking,
            lmtp=self._lmtp,
            prdr=bool(mail.params) and mail.get(PRDR) is True and not self._lmtp,
            window=self._window() if chunking else 0,
            policy=BareNewlines.PRESERVE if binary else self.quirks.bare_newlines,
            supply=supply,
        )
        self._out.put(transaction.lines_to_send(self._limits.output - self._out.size))
        return self._number

    def _fitted(self, message: Plannable, chunking: bool | None) -> Planned:
        """The message in a form for this server. Raises NotOffered if there is none."""
        if not hasattr(message, "plan"):
            raise TypeError(f"a message.Message is needed, not {type(message).__name__}")
        offered = self._offered
        planned = message.plan(
            eight_bit_mime="8BITMIME" in offered,
            smtputf8="SMTPUTF8" in offered,
            binary_mime="BINARYMIME" in offered and "CHUNKING" in offered and chunking is not False,
        )
        if not planned.possible:
            raise NotOffered(
                "the message cannot be sent to this server: see its plan()'s obstacles"
            )
        return planned

    def _supply_more(self, transaction: Transaction) -> None:
        """The next piece of a message that `submit()` was given."""
        self._out.put(transaction.supply(max(self._limits.chunk, 1)))
        if not transaction.supplies:
            self._awaiting = None

    def _mail_for(
        self, envelope: Envelope, size: int | None, body: str | None, smtputf8: bool, prdr: bool
    ) -> Mail:
        """MAIL with the parameters that this peer and this envelope ask for."""
        if not envelope.params and size is None and body is None and not (smtputf8 or prdr):
            return Mail(envelope.sender)
        params = {param.keyword: param for param in envelope.params}
        if len(params) != len(envelope.params):
            raise ValueError("the envelope has a parameter twice")
        if size is not None:
            params["SIZE"] = SIZE(size)
        if "SIZE" in params and not self._offers("SIZE"):
            del params["SIZE"]
        if body is not None:
            params["BODY"] = BODY(body)
        if params.get("BODY") == Param("BODY", "7BIT") and not self._offers("8BITMIME"):
            del params["BODY"]  # it says nothing
        if smtputf8:
            params["SMTPUTF8"] = SMTPUTF8(True)
        if prdr:
            params["PRDR"] = PRDR(True)
        return Mail(envelope.sender, tuple(params.values()))

    def _on_transaction(self, transaction: Transaction) -> ClientEvent | None:
        """A reply has moved the transaction on."""
        urgent = transaction.take_urgent()
        if urgent:
            self._out.put(urgent)
        phase = transaction.phase
        if phase is _ENVELOPE:
            if transaction.unsaid:
                self._say_more(transaction)
        elif phase is _BODY:
            if self._awaiting is None:
                self._awaiting = BodyWanted(transaction.number, transaction.body_command)
        else:
            self._awaiting = None
            if phase is _DONE or phase is _CUT:
                self._transaction = None
                self._plan = None
                if phase is _CUT:
                    self._close()
                else:
                    self._end_transaction(State.READY)
                return transaction.outcome()
        return None

    def _say_more(self, transaction: Transaction) -> None:
        lines = transaction.lines_to_send(self._limits.output - self._out.size)
        if lines:
            self._out.put(lines)

    # --- Replies --------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        self._untaken = 0
        self._ending = 0
        if self._transaction is not None:
            self._transaction.taken()
            if self._transaction.unsaid or self._transaction.supplies:
                self._in.stalled = False  # `_parse()` has more to say

    def _parse(self) -> ClientEvent | None:
        source = self._in
        limit = self._limits.reply
        while not self._halted:
            left = limit if limit is None or not self._partial else limit - self._reply_size
            line = source.line(b"\n", left)
            size = len(source) if line is None else len(line)
            if left is not None and size > left:
                raise LimitExceeded("a reply is larger than limits.reply")
            if line is None:
                transaction = self._transaction
                if transaction is not None and not self._eof:
                    if transaction.unsaid:
                        self._say_more(transaction)
                    elif transaction.supplies and transaction.takes_body and not self._out.size:
                        self._supply_more(transaction)
                return None
            transaction = self._transaction
            if size > _SHORT or self._partial:
                reply = None
            elif transaction is None or transaction.phase is _ENVELOPE:
                reply = known_reply(line)
            else:
                reply = plain_reply(line)
            if reply is None:
                reply = self._assemble(line)
                if reply is None:
                    continue
            if self._out.size:
                reply = self._with_verdict(reply)
            if transaction is None or self._pending:
                event = self._on_reply(reply)
            elif transaction.on_reply(reply):
                event = self._on_transaction(transaction)
            else:
                continue
            if event is not None:
                return event
        return None

    def _last_event(self) -> ClientEvent | None:
        if self._transaction is None:
            return None
        self._cut_off = True
        self._plan = None
        self._tell_outcome()
        return self._made.popleft() if self._made else None

    def _open(self) -> bool:
        return (
            len(self._in) > 0
            or bool(self._codes)
            or self._state is State.GREETING
            or self._transaction is not None
            or self._cut_off
            or any(not isinstance(pending.command, Quit) for pending in self._pending)
        )

    def _with_verdict(self, reply: Reply) -> Reply:
        """Mark a reply to what the server cannot have seen: response injection looks like that."""
        if self._pending:
            early = len(self._pending) <= self._untaken or self._pending[0].number == self._ending
        else:
            early = self._transaction is not None and self._transaction.awaits_untaken
        if not early:
            return reply
        return attrs.evolve(reply, defects=(*reply.defects, Defect("early_talk")))

    def _assemble(self, line: bytes) -> Reply | None:
        """Take one line of a reply, of any kind; the reply when it was the last."""
        if line in (b"\r\n", b"\n") and not self._codes:
            self._partial = True
            self._blank_lines += 1
            most = self._limits.blank_lines
            if most is not None and self._blank_lines > most:
                raise LimitExceeded("more empty lines before a reply than limits.blank_lines")
            return None
        try:
            code, more, text, odd = parse_reply_line(line)
        except ValueError:
            raise RemoteProtocolError("the server sent something that is no reply") from None
        if self._blank_lines:
            self._odd.append(Defect("blank_line"))
            self._blank_lines = 0
        self._odd += [Defect(name, self._reply_size) for name in odd]
        self._codes.append(code)
        self._lines.append(text)
        self._reply_size += len(line)
        self._partial = more
        if more:
            return None
        reply = join_reply(self._codes, self._lines, tuple(self._odd))
        self._codes, self._lines, self._odd = [], [], []
        self._reply_size = 0
        return reply

    def _on_reply(self, reply: Reply) -> ClientEvent | None:
        if self._state is State.GREETING:
            self._plan = None
            return self._on_greeting(reply)
        if not self._pending:
            if reply.code == 421:
                self._close()
                return Goodbye(reply)
            raise RemoteProtocolError("the server sent a reply to nothing")
        pending = self._pending[0]
        if reply.code == 421:
            return self._on_closing(pending, reply)
        if reply.intermediate:
            return self._on_intermediate(pending, reply)
        if reply.code == 235 and not isinstance(pending.command, Auth):
            raise RemoteProtocolError("the server sent 235 to something else than AUTH")
        then = _THEN.get(type(pending.command))
        if then is not None:
            event: ClientEvent | None = then(self, pending, reply)
            return event
        return self._done(pending, reply)

    def _done(self, pending: _Pending, reply: Reply, recipient: str | None = None) -> ClientEvent:
        """The head of the queue has its answer."""
        self._pending.popleft()
        if not reply.positive:
            self._plan = None
        return Replied(pending.number, pending.command, reply, recipient)

    def _on_greeting(self, reply: Reply) -> ClientEvent:
        if reply.code == 421:
            self._close()
        else:
            self._state = State.START if reply.positive else State.REFUSED
        return Greeting(reply)

    def _on_closing(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        """421: the server closes, whatever else is in flight (RFC 5321 section 3.8)."""
        if self._transaction is not None:
            self._tell_outcome(reply)
        self._close()
        return Replied(pending.number, pending.command, reply)

    def _on_intermediate(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        command = pending.command
        if isinstance(command, Auth) and reply.code == 334:
            return self._on_challenge(pending, reply)
        if isinstance(command, Data) and reply.code == 354 and not pending.body_sent:
            return self._on_go_ahead(pending, reply)
        if reply.code == 353 and self._takes_each(pending):
            self._each = True
            return Replied(pending.number, command, reply)
        raise RemoteProtocolError(f"the server sent {reply.code} to {command.verb}")

    def _takes_each(self, pending: _Pending) -> bool:
        """Whether a 353 can stand here: PRDR was asked for, and the message is complete."""
        command = pending.command
        whole = isinstance(command, Data) or (isinstance(command, (Bdat, Burl)) and command.last)
        asked = self._prdr and not self._lmtp and not self._each
        spoilt = self._state is State.SPOILT
        return whole and pending.body_sent and asked and bool(self._accepted) and not spoilt

    def _on_challenge(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        if self._awaiting is not None:
            raise RemoteProtocolError("the server sent a challenge before the last was answered")
        pending.rounds += 1
        most = self._limits.challenges
        if most is not None and pending.rounds > most:
            raise LimitExceeded("more challenges than limits.challenges")
        if pending.later is not None and not reply.text.strip(" "):
            self._out.put(pending.later)
            pending.later = None
            return None
        pending.later = None
        defects = reply.defects
        try:
            data = b64decode(reply.text.strip(" ").encode("utf-8", "surrogateescape"))
        except ValueError:
            data = b""
            defects += (Defect("bad_base64", 4, reply.text.encode("utf-8", "surrogateescape")),)
        challenge = Challenge(data, defects=defects)
        if pending.exchange is not None:
            said = None if "bad_base64" in challenge.anomalies else data
            self._out.put(encode(AuthResponse(self._ask_exchange(pending.exchange, said))))
            return None
        self._awaiting = challenge
        return challenge

    def _on_go_ahead(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        if not self._accepted:
            # Every recipient was refused and the server did not notice: an empty message, which
            # it must not send to anybody (RFC 2920 section 3.1).
            if self._lmtp:
                raise RemoteProtocolError("the LMTP server wants a body for no recipient")
            self._out.put(b".\r\n")
            pending.body_sent = True
        else:
            self._body = TextEncoder(self.quirks.bare_newlines)
            self._state = State.TEXT
            self._answered = 0
            self._awaiting = BodyWanted(pending.number, pending.command)
        return Replied(pending.number, pending.command, reply)

    # --- What a final reply does ----------------------------------------------------------------

    def _then_hello(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        command = cast("Helo | Ehlo | Lhlo", pending.command)
        if reply.positive:
            self._end_transaction(State.READY)
            self._lmtp = isinstance(command, Lhlo)
            self._capabilities = (
                Capabilities(reply.text.split(" ")[0])
                if isinstance(command, Helo)
                else Capabilities.from_reply(reply)
            )
        elif reply.permanent and pending.fall_back:
            pending.command = Helo(command.domain)
            pending.fall_back = False
            self._out.put(encode(pending.command))
            return None
        self._offered = frozenset(self._capabilities or ())
        return self._done(pending, reply)

    def _then_mail(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        if reply.positive:
            self._end_transaction(State.MAIL)
            self._prdr = cast(Mail, pending.command).get(PRDR) is True
        return self._done(pending, reply)

    def _then_rcpt(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        if reply.positive and self._state in (State.MAIL, State.RCPT):
            self._accepted.append(cast(Rcpt, pending.command).recipient)
            self._state = State.RCPT
        return self._done(pending, reply)

    def _then_data(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        if self._body is not None:
            return self._cut_short(pending, reply)
        if not pending.body_sent:
            if reply.positive:
                raise RemoteProtocolError("the server took a body that was not sent")
            return self._done(pending, reply)
        return self._then_body(pending, reply)

    def _then_bdat(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        command = cast("Bdat | Burl", pending.command)
        self._chunks -= 1
        if not pending.body_sent and reply.positive:
            raise RemoteProtocolError("the server took a chunk that was not sent")
        if command.last and (self._lmtp or self._each) and self._state is not State.SPOILT:
            return self._then_body(pending, reply)
        if not reply.positive:
            self._state = State.SPOILT
            if not pending.body_sent:
                # The announced octets still have to follow, or the server would read commands as
                # octets of the chunk; its answer has come.
                pending.body_sent = True
        elif command.last:
            if self._state is not State.SPOILT:
                return self._then_body(pending, reply)
        elif self._state is not State.SPOILT:
            self._state = State.CHUNKS
        return self._done(pending, reply)

    def _then_body(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        """The answer to a complete message; in LMTP and PRDR, to one of its recipients."""
        chunked = isinstance(pending.command, (Bdat, Burl))
        recipient: str | None = None
        if (self._lmtp or self._each) and self._answered < len(self._accepted):
            recipient = self._accepted[self._answered]
            self._answered += 1
            self._served = self._served or reply.positive
            if self._each or self._answered < len(self._accepted):
                self._chunks += chunked  # still in flight
                return Replied(pending.number, pending.command, reply, recipient)
        refused = chunked and not (self._served if recipient else reply.positive)
        self._end_transaction(State.SPOILT if refused else State.READY)
        return self._done(pending, reply, recipient)

    def _cut_short(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        """A final reply before the end of the body. There is no way back into step."""
        if reply.positive:
            raise RemoteProtocolError("the server took a body before its end")
        self._close()
        return Replied(pending.number, pending.command, reply)

    def _then_rset(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        if reply.positive:
            self._end_transaction(State.START if self._capabilities is None else State.READY)
        return self._done(pending, reply)

    def _then_starttls(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        if not reply.positive:
            return self._done(pending, reply)
        if reply.code != 220:
            raise RemoteProtocolError(f"the server sent {reply.code} to STARTTLS")
        # Success is told after the handshake, behind TlsEstablished.
        self._go_ahead = reply
        self._start_tls()
        return None

    def _then_auth(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        self._awaiting = None
        if reply.positive and reply.code != 235:
            raise RemoteProtocolError(f"the server sent {reply.code} to AUTH")
        if reply.positive and pending.exchange is not None:
            pending.exchange.succeeded()
        self._authenticated = reply.positive
        return self._done(pending, reply)

    def _then_quit(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        event = self._done(pending, reply)
        self._close()
        return event

    def _then_xclient(self, pending: _Pending, reply: Reply) -> ClientEvent | None:
        if reply.positive:  # the session begins anew
            self._capabilities = None
            self._offered = frozenset()
            login = cast(XClient, pending.command).get(PEER_LOGIN)
            self._authenticated = login is not None and not isinstance(login, Absent)
            self._end_transaction(State.START)
        return self._done(pending, reply)

    def _end_transaction(self, state: State) -> None:
        self._state = state
        self._accepted = []
        self._answered = 0
        self._served = self._prdr = self._each = False

    # --- The base class asks --------------------------------------------------------------------

    def _forget(self) -> None:
        self._capabilities = None
        self._offered = frozenset()
        self._authenticated = False
        self._end_transaction(State.START)
        pending = self._pending.popleft()
        assert self._go_ahead is not None
        self._made.append(Replied(pending.number, pending.command, self._go_ahead))

    def _tell_outcome(self, end: Reply | None = None) -> None:
        """Say what is known of a transaction that was cut off: sending it again may be wrong."""
        transaction, self._transaction = self._transaction, None
        outcome = None if transaction is None else transaction.outcome(end)
        if outcome is not None and outcome.results:
            self._made.append(outcome)

    def receive_timeout(self) -> None:
        transaction = self._transaction
        super().receive_timeout()
        if self._transaction is None:
            self._transaction = transaction
            self._tell_outcome()

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        self._tell_outcome()
        self._state = State.CLOSED
        return super()._fail(error)

    def _close(self) -> None:
        self._state = State.CLOSED
        self._body = None
        self._left = None
        self._transaction = None
        super()._close()


_ENVELOPE, _BODY, _DONE, _CUT = Phase.ENVELOPE, Phase.BODY, Phase.DONE, Phase.CUT


def _is_ascii(address: str, params: tuple[Param, ...]) -> bool:
    if not params:
        return address.isascii()
    return address.isascii() and all((param.value or "").isascii() for param in params)


def _after(command: Command, state: State) -> State:
    """Where `command` leads from `state` when it succeeds."""
    if isinstance(command, Rset):
        return State.READY if state is not State.START else state
    if isinstance(command, Data) or (isinstance(command, (Bdat, Burl)) and command.last):
        return State.READY
    return RULES.get(command.verb, RULES[""]).then or state


_CHECKS: dict[type, Any] = {
    Mail: Client._check_mail,
    Rcpt: Client._check_rcpt,
    Data: Client._check_data,
    Bdat: Client._check_chunk,
    Burl: Client._check_chunk,
    Helo: Client._check_hello,
    Ehlo: Client._check_hello,
    Lhlo: Client._check_hello,
    StartTls: Client._check_starttls,
    Auth: Client._check_auth,
    Etrn: Client._check_verb,
    XClient: Client._check_peer,
    XForward: Client._check_peer,
    UnknownCommand: Client._check_verb,
}

_THEN: dict[type, Any] = {
    Helo: Client._then_hello,
    Ehlo: Client._then_hello,
    Lhlo: Client._then_hello,
    Mail: Client._then_mail,
    Rcpt: Client._then_rcpt,
    Data: Client._then_data,
    Bdat: Client._then_bdat,
    Burl: Client._then_bdat,
    Rset: Client._then_rset,
    StartTls: Client._then_starttls,
    Auth: Client._then_auth,
    XClient: Client._then_xclient,
    Quit: Client._then_quit,
}
