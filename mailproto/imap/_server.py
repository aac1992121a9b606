"""The IMAP server machine.

The data flow: `_parse` hands the input to the reader named by `_reader`. Of a command it is
checked, in this order: syntax, the row of its verb for this state, what the configuration offers.
What survives is an event: answered here when the protocol determines the answer, else `awaiting`.

    _reader     does                                            until
    command     reads commands, and the octets of messages      an answer is owed
    auth        reads one line that answers a `Challenge`       it came
    idle        reads DONE                                      it came

An application says what is policy or data: it sends untagged responses with `send()`, and completes
a command with `accept()` or `reject()`. What the machine answers itself (CAPABILITY, NOOP, ENABLE,
LOGOUT, what is out of place) is an event too; the completion of NOOP, CHECK, ENABLE and DONE goes
out when the next event is asked for, so that untagged responses can still be sent before it.

A message (APPEND, REPLACE) is put to the application before its octets come: `accept()` lets them
come as `BodyChunk`s, and the `BodyEnd` of the last message is what the completion answers.

Invariants

* An EXPUNGE that is not legal now is refused, and nothing has changed (RFC 9051 section 7.5.1).
* Octets of a refused message are swallowed before the refusal is said.
* What the client wrote is never copied into an answer, its tag aside.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn, cast

import attrs

from .._grammar import b64decode, b64encode
from .._machine import BodyChunk, BodyWanted, ServerMachine
from .._vocabulary import PLAINTEXT_MECHANISMS, AuthCancel, AuthResponse, Challenge
from .._wire import Input, as_bytes
from ..errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from ..limits import Limits
from ._codec import encode
from ._commands import (
    Append,
    Authenticate,
    Capability,
    Check,
    Command,
    Compress,
    Done,
    Enable,
    Idle,
    Login,
    Logout,
    Noop,
    Replace,
    StartTls,
    Unauthenticate,
    UnknownCommand,
)
from ._events import BadCommand, BodyEnd, IdleDone, NextMessage, ServerEvent
from ._parsers import CommandParser, Dropped, LiteralWanted, MessageEnd, MessageLiteral
from ._response_syntax import WRITERS
from ._responses import (
    CapabilityData,
    Condition,
    Continuation,
    Enabled,
    Expunged,
    Vanished,
)
from ._states import RULES, TIMEOUT, Quirks, State
from ._values import ResponseCode, Streamed
from ._writer import Dialect, Fragment

__all__ = ["Server", "ServerConfig"]

ENABLING = frozenset({"CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "UTF8=ONLY", "IMAP4REV2", "UIDONLY"})
"""What ENABLE can enable, if it is offered."""


@attrs.frozen(kw_only=True)
class ServerConfig:
    """What a server is, and what it offers. One for all its connections."""

    capabilities: tuple[str, ...] = (
        "IMAP4rev1",
        "LITERAL+",
        "ENABLE",
        "IDLE",
        "NAMESPACE",
        "UNSELECT",
        "UIDPLUS",
        "MOVE",
        "SASL-IR",
    )
    """What is offered in every state, beside what the other fields say. Commands that belong to a
    capability that is not offered are refused."""
    authenticated: tuple[str, ...] = ()
    """What is offered behind a login only."""
    auth: tuple[str, ...] = ()
    """SASL mechanisms, strongest first."""
    plaintext_auth: bool = False
    """Whether LOGIN, PLAIN and bearer tokens are offered without TLS."""
    starttls: bool = False
    """Offer STARTTLS while there is no TLS."""
    compress: bool = False
    """Offer COMPRESS=DEFLATE behind a login (RFC 4978)."""
    verbs: tuple[str, ...] = ()
    """Verbs of private extensions, which are put to the application as `UnknownCommand`."""

    def __attrs_post_init__(self) -> None:
        encode(CapabilityData((*self.capabilities, *self.authenticated, *self.auth, "X")))
        for verb in self.verbs:
            encode(UnknownCommand(verb), tag="A")


class Server(ServerMachine[ServerEvent]):
    """A server's end of one IMAP connection. See `mailproto.Machine` for how to drive it.

    `greeting` is what it says first: a `Condition` that is OK, PREAUTH (the client is known) or BYE
    (it is sent away); the capabilities are added where there is no other code.
    """

    def __init__(
        self,
        config: ServerConfig = ServerConfig(),
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        quirks: Quirks = Quirks(),  # noqa: B008 - frozen
        tls: bool = False,
        greeting: Condition | None = None,
    ) -> None:
        super().__init__(limits, quirks, tls)
        self._config = config
        self._state = State.NOT_AUTHENTICATED
        self._parser = CommandParser(limits, messages=True)
        self._reader = "command"
        self._enabled: frozenset[str] = frozenset()
        self._command: Any = None  # whose completion is owed
        self._later: bytes = b""  # a completion that waits for the next question
        self._refusal: bytes = b""  # behind octets that are swallowed
        self._body: deque[Fragment | Streamed] = deque()  # of a response that is being given
        self._body_left = 0
        self._literal: Any = None  # the message that was announced last
        self._following: NextMessage | None = None  # the same, not told yet
        self._failures = 0
        self._inflate: Any = None
        self._deflate: Any = None
        self._deflate_next = False
        self._plain = Input()
        hello = Condition("OK", "ready") if greeting is None else greeting
        if hello.tag is not None or hello.status not in ("OK", "PREAUTH", "BYE"):
            raise ValueError("a greeting is an untagged OK, PREAUTH or BYE")
        if hello.status == "PREAUTH":
            self._state = State.AUTHENTICATED
        if hello.code is None and hello.status != "BYE":
            hello = attrs.evolve(hello, code=self._capability_code())
        self._out.put(_line(hello))
        if hello.status == "BYE":
            self._close()

    # --- What to look at ------------------------------------------------------------------------

    @property
    def config(self) -> ServerConfig:
        """What this server is."""
        return self._config

    @property
    def quirks(self) -> Quirks:
        """The tolerances this machine was made with."""
        return cast(Quirks, self._quirks)

    @property
    def state(self) -> State:
        """Where the completions so far have led."""
        return self._state

    @property
    def enabled(self) -> frozenset[str]:
        """What the client has enabled, in upper case."""
        return self._enabled

    @property
    def idling(self) -> bool:
        """Whether the client is in IDLE: untagged responses may be sent at any time."""
        return self._reader == "idle"

    @property
    def command(self) -> Command | None:
        """The command that is not completed, if there is one."""
        return cast("Command | None", self._command)

    @property
    def timeout(self) -> float | None:
        """1,800 seconds for whatever comes next."""
        return None if self._closing or self._error else TIMEOUT

    @property
    def capabilities(self) -> CapabilityData:
        """What is offered now."""
        config = self._config
        words = list(config.capabilities)
        if self._state is State.NOT_AUTHENTICATED:
            exposed = not self._tls and not config.plaintext_auth
            if config.starttls and not self._tls:
                words.append("STARTTLS")
            words += (
                f"AUTH={mechanism}"
                for mechanism in config.auth
                if not (exposed and mechanism in PLAINTEXT_MECHANISMS)
            )
            if exposed:
                words.append("LOGINDISABLED")
        else:
            words += config.authenticated
            if config.compress and self._inflate is None:
                words.append("COMPRESS=DEFLATE")
        return CapabilityData(tuple(words))

    def _capability_code(self) -> ResponseCode:
        return ResponseCode("CAPABILITY", self.capabilities.capabilities)

    # --- What the application says --------------------------------------------------------------

    def send(self, item: Any) -> None:
        """Send an untagged response, a `Challenge`, or the very completion (a tagged `Condition`).

        A `FetchData` with `Streamed` values makes `awaiting` a `BodyWanted` for each of them, in
        order: give their octets with `send_body()` and `end_body()`.

        Raises LocalProtocolError when it may not be said now (an EXPUNGE during FETCH, STORE or
        SEARCH, or while no command is in progress; a completion of nothing), TypeError or
        ValueError when it cannot be said at all.
        """
        self._check_can_send()
        if isinstance(self._awaiting, BodyWanted):
            raise LocalProtocolError("the octets that were announced come first")
        if isinstance(item, Challenge):
            self._send_challenge(item)
            return
        response: Any = item
        if item.__class__ not in WRITERS or isinstance(item, Continuation):
            raise TypeError(f"a server sends responses, not {type(item).__name__}")
        if isinstance(item, Condition) and item.tag is not None:
            self._complete(item)
            return
        if isinstance(item, (Expunged, Vanished)):
            self._check_expunge(item)
        fragments = encode(response, dialect=Dialect(utf8=self._parser.utf8))
        if isinstance(item, Condition) and item.status in ("BYE", "PREAUTH"):
            raise LocalProtocolError("say goodbye with abort(); PREAUTH is a greeting")
        self._give(deque(fragments))

    def accept(
        self,
        reply: Condition | None = None,
        *,
        code: ResponseCode | None = None,
        text: str | None = None,
    ) -> None:
        """Say yes to `awaiting`: `+` to a message or IDLE, OK to all else.

        `reply` is the OK in other words (its tag is filled in); `code` and `text` are the short
        form. Raises LocalProtocolError when nothing is owed, ValueError for a reply that is no yes.
        """
        event = self._owed()
        if (isinstance(event, (Append, Replace)) and _is_streamed(event)) or isinstance(
            event, NextMessage
        ):
            self._let_come(reply, code, text)
        elif isinstance(event, Idle):
            self._refuse_words(reply, code)
            data = _line(Continuation("idling" if text is None else text))
            self._out.put(data)
            self._awaiting = None
            self._reader = "idle"
        else:
            self._complete(self._answer("OK", reply, code, text))

    def reject(
        self,
        reply: Condition | None = None,
        *,
        code: ResponseCode | None = None,
        text: str | None = None,
    ) -> None:
        """Say no to `awaiting`: NO, or the BAD that `reply` is.

        Raises LocalProtocolError when nothing is owed, ValueError for a reply that is no no.
        """
        self._owed()
        self._complete(self._answer("NO", reply, code, text))

    def send_body(self, data: bytes | bytearray | memoryview) -> None:
        """The next piece of the octets that are wanted. b"" changes nothing.

        Raises LocalProtocolError when none are wanted, output waits to be flushed, or there are
        more of them than was announced.
        """
        self._check_can_send()
        if not isinstance(self._awaiting, BodyWanted):
            raise LocalProtocolError("no body is wanted now")
        octets = as_bytes(data)
        if len(octets) > self._body_left:
            raise LocalProtocolError(f"only {self._body_left} octets are missing")
        if octets:
            self._body_left -= len(octets)
            self._out.put(octets)

    def end_body(self) -> None:
        """The octets are complete. Raises LocalProtocolError as `send_body()` does, or if not."""
        self._check_can_send()
        if not isinstance(self._awaiting, BodyWanted):
            raise LocalProtocolError("no body is wanted now")
        if self._body_left:
            raise LocalProtocolError(f"{self._body_left} octets are missing")
        self._awaiting = self._awaiting.command
        self._body.popleft()
        self._give(self._body)

    def _give(self, fragments: deque[Fragment | Streamed]) -> None:
        """Write a response, up to octets that the application has to give."""
        while fragments:
            fragment = fragments[0]
            if isinstance(fragment, Streamed):
                self._body = fragments
                self._body_left = fragment.size
                # What was owed is owed again when the octets have been given.
                self._awaiting = BodyWanted(None, self._awaiting)
                return
            fragments.popleft()
            self._out.put(fragment.octets)

    def _owed(self) -> Any:
        event = self._awaiting
        if event is None or isinstance(event, BodyWanted):
            self._nothing_owed(event)
        self._check_can_send()
        return event

    def _nothing_owed(self, event: object) -> NoReturn:
        self._check_can_send()
        if event is None:
            raise LocalProtocolError("nothing is to be answered now")
        raise LocalProtocolError("the octets that were announced come first")

    def _answer(
        self, status: Any, reply: Condition | None, code: ResponseCode | None, text: str | None
    ) -> Condition:
        command = self._command
        if reply is not None:
            self._refuse_words(None, code)
            if text is not None:
                raise ValueError("say it with the reply, or with code and text")
            if not isinstance(reply, Condition):
                raise TypeError(f"a completion is a Condition, not {type(reply).__name__}")
            if (reply.status == "OK") != (status == "OK") or reply.status in ("BYE", "PREAUTH"):
                raise ValueError(f"{reply.status} is not what this says")
            return attrs.evolve(reply, tag=command.tag)
        if text is None:
            done = "completed" if status == "OK" else "failed"
            text = f"{command.verb} {done}"
            if status != "OK" and code is None and isinstance(command, (Login, Authenticate)):
                code = ResponseCode("AUTHENTICATIONFAILED")
        return Condition(status, text, code, command.tag)

    def _refuse_words(self, reply: object, code: object) -> None:
        if reply is not None or code is not None:
            raise ValueError("`+` has no code")

    def _let_come(self, reply: object, code: object, text: str | None) -> None:
        """The octets of a message may come."""
        self._refuse_words(reply, code)
        literal = self._literal
        if literal.sync:
            self._out.put(_line(Continuation("go on" if text is None else text)))
        self._parser.accept()
        self._awaiting = None

    def _check_expunge(self, item: Expunged | Vanished) -> None:
        if isinstance(item, Vanished) and item.earlier:
            return
        command = self._command
        if command is None and not self.idling and not self._later:
            raise LocalProtocolError(
                "no command is in progress: hold the EXPUNGE until the client says something"
            )
        if command is not None and not self.idling:
            rule = RULES.get(command.verb)
            uid = getattr(command, "uid", False)
            if rule is not None and not rule.renumbers and not uid:
                raise LocalProtocolError(
                    f"not during {command.verb}: the client's message numbers would change"
                    " under its hands (RFC 9051 section 7.5.1)"
                )

    # --- Completions ----------------------------------------------------------------------------

    def _complete(self, answer: Condition) -> None:
        """Complete the command that is owed its completion."""
        event, command = self._awaiting, self._command
        if event is None or isinstance(event, BodyWanted):
            self._nothing_owed(event)
        if answer.tag != command.tag:
            raise LocalProtocolError(f"the completion of {command.tag} is owed")
        if answer.status in ("BYE", "PREAUTH"):
            raise ValueError(f"{answer.status} completes nothing")
        ok = answer.status == "OK"
        if ok and isinstance(event, (Idle, NextMessage)):
            raise LocalProtocolError("accept() lets it go on; its completion comes later")
        if ok and isinstance(event, (Append, Replace)) and _is_streamed(event):
            raise LocalProtocolError("accept() lets the message come; OK is said behind it")
        rule = RULES.get(command.verb, RULES[""])
        moves = rule.moves if ok else rule.refused if answer.status == "NO" else _NOWHERE
        state = moves.get(self._state, self._state)
        if ok and state is State.AUTHENTICATED and answer.code is None and self._is_login(command):
            before, self._state = self._state, state
            answer = attrs.evolve(answer, code=self._capability_code())
            self._state = before
        data = _line(answer)
        self._awaiting = self._command = None
        self._state = state
        if self._announced_without_asking(event):
            self._refusal = data
            self._parser.refuse()
            return
        if isinstance(event, (Append, Replace, NextMessage)) and _is_streamed(event):
            self._parser.refuse()
        self._out.put(data)
        self._reader = "command"
        if ok:
            self._then(command)
        elif self._is_login(command):
            self._count_failure()

    def _is_login(self, command: Command) -> bool:
        return isinstance(command, (Login, Authenticate))

    def _announced_without_asking(self, event: object) -> bool:
        """Whether the octets of a message come although it was refused."""
        if not isinstance(event, NextMessage) and not (
            isinstance(event, (Append, Replace)) and _is_streamed(event)
        ):
            return False
        return not self._literal.sync

    def _then(self, command: Command) -> None:
        """What an OK changes."""
        if isinstance(command, StartTls):
            self._start_tls()
        elif isinstance(command, Compress):
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            self._deflate_next = True
            self._in.stalled = False
        elif isinstance(command, Unauthenticate):
            self._enabled = frozenset()
            self._parser.utf8 = False

    def _count_failure(self) -> None:
        self._failures += 1
        most = self._limits.logins
        if most is not None and self._failures >= most:
            self._out.put(_line(Condition("BYE", "Too many logins failed")))
            self._close()

    def _hand_out(self) -> None:
        if self._deflate is not None and self._out.size:
            data = self._deflate.compress(self._out.take()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            self._out.put(data)
        if self._deflate_next:
            # The OK to COMPRESS goes out as it is, and everything behind it is deflated.
            self._deflate_next = False
            self._deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)

    def _send_challenge(self, item: Challenge) -> None:
        if not isinstance(self._awaiting, (Authenticate, AuthResponse)):
            raise LocalProtocolError("a challenge answers AUTHENTICATE, or the last response")
        self._out.put(b"+ " + b64encode(item.data) + b"\r\n")
        self._awaiting = None
        self._reader = "auth"

    # --- Commands -------------------------------------------------------------------------------

    def _parse(self) -> ServerEvent | None:
        if self._later:
            later, self._later = self._later, b""
            self._out.put(later)
        if self._following is not None and self._out.size < self._limits.output:
            self._awaiting, self._following = self._following, None
            return cast("ServerEvent", self._awaiting)
        while not self._halted and self._out.size < self._limits.output:
            if self._reader != "command":
                event = _READERS[self._reader](self)
                return cast("ServerEvent | None", event)
            item: Any = self._next_command()
            if item is None:
                return None
            handle = _HANDLERS.get(item.__class__)
            event = self._on_command(item) if handle is None else handle(self, item)
            if event is not None:
                return cast("ServerEvent", event)
        return None

    def _source(self) -> Input:
        """Where octets are read from: inflated, if they are compressed."""
        return self._in if self._inflate is None else self._plain

    def _more(self) -> bool:
        """Inflate some more. False: there is nothing to inflate."""
        if self._inflate is None:
            return False
        if self._inflate.eof:  # nothing can follow: the client is about to close
            self._in.clear()
            return False
        data = self._inflate.unconsumed_tail or self._in.take(self._limits.chunk)
        if not data:
            return False
        try:
            plain = self._inflate.decompress(data, self._limits.chunk)
        except zlib.error:
            raise RemoteProtocolError(
                "what the client sent cannot be inflated", Condition("BYE", "That is no DEFLATE")
            ) from None
        if plain:
            self._plain.feed(plain)
        return True

    def _next_command(self) -> Any:
        if not self._parser.open and self._in.peek(2) == b"\x16\x03" and self._inflate is None:
            raise RemoteProtocolError("the client began a TLS handshake where none was agreed")
        while (item := self._parser.read(self._source())) is None:
            if not self._more():
                return None
        return item

    def _on_command(self, command: Any) -> ServerEvent:
        rule = RULES.get(command.verb)
        unknown = isinstance(command, UnknownCommand)
        if unknown and command.verb in self._config.verbs:
            rule = RULES[""]
        if rule is None or (unknown and command.verb not in self._config.verbs):
            return self._bad(command, "There is no such command here")
        if self._state not in rule.moves:
            return self._bad(command, f"Not in this state ({self._state.value})")
        offered = self.capabilities
        if rule.capabilities and not any(word in offered for word in rule.capabilities):
            return self._bad(command, f"{command.verb} is not offered")
        answer = _ANSWERS.get(command.__class__)
        if answer is not None:
            event: ServerEvent = answer(self, command)
            return event
        self._command = self._awaiting = command
        return cast("ServerEvent", command)

    def _bad(self, command: Any, text: str, code: str | None = None) -> BadCommand:
        status = "BAD" if code is None else "NO"
        reply = Condition(
            cast(Any, status), text, None if code is None else ResponseCode(code), command.tag
        )
        self._out.put(_line(reply))
        return BadCommand(self._parser.raw, reply)

    def _on_bad(self, item: BadCommand) -> BadCommand:
        """A command that cannot be read."""
        reply = item.reply
        if self._command is not None:  # behind a message that has been taken
            reply = attrs.evolve(reply, tag=self._command.tag)
            item = BadCommand(item.raw, reply)
            self._command = None
        self._out.put(_line(reply))
        return item

    def _on_literal_wanted(self, _item: LiteralWanted) -> None:
        self._out.put(b"+ go on\r\n")

    def _on_message(self, item: MessageLiteral) -> ServerEvent:
        self._literal = item
        if not item.first:
            self._following = NextMessage(item.message)
            return BodyEnd()
        command = item.command
        rule = RULES[command.verb]
        refused = None
        if self._state not in rule.moves:
            refused = f"Not in this state ({self._state.value})"
        elif rule.capabilities and not any(word in self.capabilities for word in rule.capabilities):
            refused = f"{command.verb} is not offered"
        if refused is None:
            self._command = self._awaiting = command
            return command
        reply = Condition("BAD", refused, tag=command.tag)
        if item.sync:
            self._out.put(_line(reply))
        else:
            self._refusal = _line(reply)
        self._parser.refuse()
        return BadCommand(self._parser.raw, reply)

    def _on_message_end(self, _item: MessageEnd) -> BodyEnd:
        end = self._awaiting = BodyEnd()
        return end

    def _on_dropped(self, _item: Dropped) -> None:
        refusal, self._refusal = self._refusal, b""
        self._out.put(refusal)

    def _on_chunk(self, item: BodyChunk) -> BodyChunk:
        return item

    # --- Commands that the machine answers ------------------------------------------------------

    def _answer_capability(self, command: Capability) -> Command:
        self._out.put(_line(self.capabilities))
        self._out.put(_line(Condition("OK", "CAPABILITY completed", tag=command.tag)))
        return command

    def _answer_noop(self, command: Noop | Check) -> Command:
        self._later = _line(Condition("OK", f"{command.verb} completed", tag=command.tag))
        return command

    def _answer_logout(self, command: Logout) -> Command:
        self._out.put(_line(Condition("BYE", "Goodbye")))
        self._out.put(_line(Condition("OK", "LOGOUT completed", tag=command.tag)))
        self._close()
        return command

    def _answer_enable(self, command: Enable) -> Command:
        offered = {word.upper() for word in self.capabilities.capabilities}
        asked = [word.upper() for word in command.capabilities]
        able = tuple(word for word in asked if word in ENABLING and word in offered)
        self._enabled |= set(able)
        if not self._enabled.isdisjoint(("UTF8=ACCEPT", "UTF8=ONLY", "IMAP4REV2")):
            self._parser.utf8 = True
        self._out.put(_line(Enabled(able)))
        self._later = _line(Condition("OK", "ENABLE completed", tag=command.tag))
        return command

    def _answer_login(self, command: Login) -> ServerEvent:
        if "LOGINDISABLED" in self.capabilities:
            return self._bad(command, "Not without TLS", "PRIVACYREQUIRED")
        self._command = self._awaiting = command
        return command

    def _answer_authenticate(self, command: Authenticate) -> ServerEvent:
        if command.mechanism not in self.capabilities.arguments("AUTH"):
            return self._bad(command, f"{command.mechanism} is not offered", "CANNOT")
        self._command = self._awaiting = command
        return command

    def _answer_compress(self, command: Compress) -> ServerEvent:
        if command.algorithm != "DEFLATE":
            return self._bad(command, f"{command.algorithm} is not offered", "CANNOT")
        self._command = self._awaiting = command
        return command

    def _on_done(self, _command: Done) -> BadCommand:
        reply = Condition("BAD", "There is no IDLE to end")
        self._out.put(_line(reply))
        return BadCommand(b"DONE\r\n", reply)

    # --- Lines that are no commands -------------------------------------------------------------

    def _take_line(self) -> bytes | None:
        limit = self._limits.line
        while True:
            source = self._source()
            line = source.line(b"\r\n", limit)
            if limit is not None and (len(source) if line is None else len(line)) > limit:
                raise LimitExceeded(
                    "a line is larger than limits.line", Condition("BYE", "The line is too long")
                )
            if line is not None or not self._more():
                return line

    def _read_auth(self) -> ServerEvent | None:
        line = self._take_line()
        if line is None:
            return None
        self._reader = "command"
        text = line.removesuffix(b"\r\n")
        if text == b"*":
            return self._cancelled(AuthCancel(), "Cancelled")
        try:
            self._awaiting = AuthResponse(b64decode(text))
        except ValueError:
            reply = Condition("BAD", "The response is not base64", tag=self._command.tag)
            return self._cancelled(BadCommand(line[:256], reply), reply.text)
        return cast("ServerEvent", self._awaiting)

    def _cancelled(self, event: Any, text: str) -> ServerEvent:
        self._out.put(_line(Condition("BAD", text, tag=self._command.tag)))
        self._command = None
        return cast("ServerEvent", event)

    def _read_idle(self) -> ServerEvent | None:
        line = self._take_line()
        if line is None:
            return None
        self._reader = "command"
        command, self._command = self._command, None
        if line.rstrip(b" \r\n").upper() == b"DONE":
            self._later = _line(Condition("OK", "IDLE completed", tag=command.tag))
            return IdleDone()
        reply = Condition("BAD", "DONE was expected", tag=command.tag)
        self._out.put(_line(reply))
        return BadCommand(line[:256], reply)

    # --- The base class asks --------------------------------------------------------------------

    def _open(self) -> bool:
        return (
            len(self._in) > 0
            or len(self._plain) > 0
            or self._parser.open
            or self._reader != "command"
            or self._command is not None
        )

    def _room(self) -> bool:
        return not (self._parser.open and self._command is not None) and not self._body

    def _encode_reply(self, reply: Condition | None) -> bytes:
        return _line(Condition("BYE", "Goodbye") if reply is None else reply)

    def _forget(self) -> None:
        self._state = State.NOT_AUTHENTICATED
        self._enabled = frozenset()
        self._parser.utf8 = False

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        self._state = State.CLOSED
        return super()._fail(error)

    def _close(self) -> None:
        self._state = State.CLOSED
        if self._later:
            later, self._later = self._later, b""
            self._out.put(later)
        super()._close()

    def __getstate__(self) -> Any:
        if self._inflate is not None:
            raise TypeError("a machine cannot be pickled while COMPRESS is active")
        return super().__getstate__()


_NOWHERE: dict[State, State] = {}


def _line(item: Any) -> bytes:
    """The octets of a response of one line."""
    (fragment,) = encode(item)
    assert isinstance(fragment, Fragment)
    return fragment.octets


def _is_streamed(event: object) -> bool:
    """Whether the octets of a message are still to come."""
    if isinstance(event, NextMessage):
        return True
    if isinstance(event, Append):
        return isinstance(event.messages[-1].data, Streamed)
    return isinstance(event, Replace) and isinstance(event.message.data, Streamed)


_HANDLERS: dict[type, Callable[[Server, Any], Any]] = {
    BadCommand: Server._on_bad,
    LiteralWanted: Server._on_literal_wanted,
    MessageLiteral: Server._on_message,
    MessageEnd: Server._on_message_end,
    Dropped: Server._on_dropped,
    BodyChunk: Server._on_chunk,
    Done: Server._on_done,
}

_ANSWERS: dict[type, Callable[[Server, Any], Any]] = {
    Capability: Server._answer_capability,
    Noop: Server._answer_noop,
    Check: Server._answer_noop,
    Logout: Server._answer_logout,
    Enable: Server._answer_enable,
    Login: Server._answer_login,
    Authenticate: Server._answer_authenticate,
    Compress: Server._answer_compress,
}

_READERS: dict[str, Callable[[Server], Any]] = {
    "auth": Server._read_auth,
    "idle": Server._read_idle,
}
