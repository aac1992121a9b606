"""One mail transaction, from MAIL to the last answer: what `Client.submit()` runs.

It is a small machine inside the client's: replies go in (`on_reply`), octets come out
(`lines_to_send`, `send_body`, `end_body`), and `phase` says where it stands::

    ENVELOPE   MAIL, each RCPT and DATA are said and answered, pipelined where that is allowed
    BODY       at least one recipient was accepted: the body is wanted
    END        the body is out; its answers (in LMTP and PRDR one for each recipient) are due
    SPOILT     a chunk was refused; those behind it are still answered
    RESET      RSET was said, so that the session can go on
    DONE       there is an outcome
    CUT        there is one, and the session is lost

Replies are matched by position alone (RFC 2920 section 3.1). Nothing here is an exception when a
recipient is refused; a reply that cannot be the answer to what was said is one.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Literal, Protocol, SupportsBytes

from .._envelope import Envelope
from .._wire import BareNewlines, NewlineFilter, TextEncoder
from ..errors import RemoteProtocolError
from ._states import State
from ._vocabulary import Bdat, Command, Data, Mail, Outcome, Rcpt, Reply, Rset

__all__ = ["Phase", "Plannable", "Planned", "Transaction"]


class Planned(Protocol):
    """A message in a form for one server: `message.Plan` is one."""

    @property
    def message(self) -> SupportsBytes:
        """What to send; `bytes()` gives its octets, lines ended with CRLF."""
        ...

    @property
    def body(self) -> Literal["7BIT", "8BITMIME", "BINARYMIME"]:
        """What it is (RFC 6152, RFC 3030)."""
        ...

    @property
    def smtputf8(self) -> bool:
        """Whether its header needs SMTPUTF8 (RFC 6531)."""
        ...

    @property
    def possible(self) -> bool:
        """Whether there is such a form."""
        ...


class Plannable(Protocol):
    """A message that can be brought into a form for a server: `message.Message` is one."""

    def plan(self, *, eight_bit_mime: bool, smtputf8: bool, binary_mime: bool) -> Planned:
        """The form for a server that offers these extensions."""
        ...


class Phase(enum.StrEnum):
    """Where a transaction stands."""

    ENVELOPE = "envelope"
    BODY = "body"
    END = "end"
    SPOILT = "spoilt"
    RESET = "reset"
    DONE = "done"
    CUT = "cut"


_ENVELOPE, _BODY, _END, _SPOILT, _RESET, _DONE, _CUT = Phase

_THE_DATA = Data()
_SOME_BDAT = Bdat(0)
_NOT_FINAL = frozenset({235, *range(300, 400), 421})
"""Codes that are no answer to MAIL, RCPT or a body (235 would be one to AUTH, 421 is one to the
whole session)."""


class Transaction:
    """See the module. Plain data, so that it can be pickled with its client."""

    def __init__(
        self,
        number: int,
        envelope: Envelope,
        mail: Mail,
        text: bytes,
        *,
        pipelining: bool,
        chunking: bool,
        lmtp: bool,
        prdr: bool,
        window: int,
        policy: BareNewlines,
        supply: bytes | None = None,
    ) -> None:
        self.number = number
        self.phase = _ENVELOPE
        self._envelope = envelope
        self._count = len(envelope.recipients)
        self._mail = mail
        self._text = text  # MAIL, each RCPT, and DATA unless chunking
        self._lines: list[bytes] = []  # the same one by one, once that is needed
        self._total = self._count + 1 if chunking else self._count + 2  # of them
        self._sent = 0  # of them
        self.unsaid = True
        """Whether `lines_to_send()` may have something, now or later."""
        self._answered = 0  # of them
        self._taken = 0  # of them, by the embedder
        self.pipelining = pipelining
        self._chunking = chunking
        self._lmtp = lmtp
        self._prdr = prdr
        self._each = False  # PRDR: a 353 came, so each recipient gets an answer, then the message
        self._window = window
        self._policy = policy
        self._replies: list[Reply] = []  # to MAIL, and to each RCPT
        self._accepted = 0  # recipients, once all that was said has its answer
        self._answers: list[Reply] = []  # to the body
        self._refused = False  # the last of them refuses the whole message, in LMTP too
        self._body: TextEncoder | NewlineFilter | None = None
        self._supply = supply  # a message that nobody is asked for, and how much of it is out
        self._supplied = 0
        self._held = b""  # the piece that may turn out to be the last chunk
        self._urgent = b""
        self._end: Reply | None = None  # a 421
        self._chunks: deque[Bdat] = deque()  # sent and not answered

    # --- What to look at ------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The session's state, by the replies so far."""
        if self.phase is _ENVELOPE:
            if self._count_accepted():
                return State.RCPT
            return State.MAIL if self._begun else State.READY
        if self.phase is _BODY or self.phase is _END:
            return State.CHUNKS if self._chunking else State.TEXT
        return State.READY if self.phase is _DONE else State.SPOILT

    @property
    def _begun(self) -> bool:
        """Whether MAIL was accepted."""
        return bool(self._replies) and self._replies[0].code < 300

    def _count_accepted(self) -> int:
        if not self._begun:
            return 0
        return len([reply for reply in self._replies if reply.code < 300]) - 1

    @property
    def outstanding(self) -> list[Command]:
        """What was said and is not answered, in order."""
        if self.phase is _ENVELOPE:
            return [self._command(at) for at in range(self._answered, self._sent)]
        if self.phase is _RESET:
            return [Rset()]
        if self._chunking:
            return list(self._chunks)
        return [Data()]

    def _command(self, at: int) -> Command:
        if at == 0:
            return self._mail
        if at > self._count:
            return Data()
        recipient = self._envelope.recipients[at - 1]
        return Rcpt(recipient.address, recipient.params)

    @property
    def body_command(self) -> Command:
        """The command that the body belongs to."""
        return _SOME_BDAT if self._chunking else _THE_DATA

    @property
    def waits_for(self) -> str:
        """The name of the timeout that applies, see `TIMEOUTS`."""
        if self.phase is _BODY:
            return "BODY"
        if self.phase is _END:
            return "END"
        return "DATA" if self._answered > self._count else "RCPT"

    @property
    def awaits_untaken(self) -> bool:
        """Whether the next reply answers something that is still queued, if anything is queued."""
        if self.phase is _ENVELOPE:
            return self._answered >= self._taken
        return self.phase is _END or self.phase is _RESET

    def taken(self) -> None:
        """Everything queued so far has been handed out."""
        self._taken = self._sent

    @property
    def takes_body(self) -> bool:
        """Whether the next piece of the body may be given now."""
        return self.phase is _BODY and (not self._chunks or len(self._chunks) < self._window)

    @property
    def supplies(self) -> bool:
        """Whether it has the body itself, or what is left of it."""
        return self._supply is not None

    # --- Out ------------------------------------------------------------------------------------

    def lines_to_send(self, room: int) -> bytes:
        """What may be said now, as far as it fits into `room` octets (one line always does)."""
        if self.phase is not _ENVELOPE:
            self.unsaid = False
            return b""
        start, total = self._sent, self._total
        if not start:
            if self.pipelining and len(self._text) <= room:
                self._sent = total
                self.unsaid = False
                return self._text
            self._lines = self._text.splitlines(keepends=True)
        lines, sent = self._lines, start
        if self.pipelining:
            while sent < total and room > 0:
                room -= len(lines[sent])
                sent += 1
        elif start <= self._answered and start < total:
            sent += 1
        self._sent = sent
        self.unsaid = sent < total
        return b"".join(lines[start:sent])

    def send_body(self, data: bytes) -> bytes:
        """The wire form of the next piece. Raises ValueError for what the policy refuses."""
        assert self._body is not None
        piece = self._body.feed(data)
        if not self._chunking or not piece:
            return piece
        held, self._held = self._held, piece
        return self._chunk(held, last=False) if held else b""

    def end_body(self) -> bytes:
        """The end of the body. Raises ValueError as `send_body()` does."""
        assert self._body is not None
        rest = self._body.end()
        if self._chunking:
            rest = self._chunk(self._held + rest, last=True)
            self._held = b""
        self._body = None
        self.phase = _END
        return rest

    def supply(self, size: int) -> bytes:
        """The wire form of the next `size` octets of the body it has itself, and of its end."""
        whole = self._supply
        assert whole is not None
        piece = b""
        while not piece and self._supplied < len(whole):  # the last is held back: it is BDAT LAST
            start = self._supplied
            self._supplied = start + size
            piece = self.send_body(whole[start : start + size])
        if self._supplied >= len(whole) and (not piece or self.takes_body):
            self._supply = None
            piece += self.end_body()
        return piece

    def _chunk(self, data: bytes, *, last: bool) -> bytes:
        self._chunks.append(Bdat(len(data), last))
        return b"BDAT %d%b\r\n%b" % (len(data), b" LAST" if last else b"", data)

    # --- In -------------------------------------------------------------------------------------

    def on_reply(self, reply: Reply) -> bool:
        """Take the next reply. Whether the transaction has moved on: see `phase` and `urgent`.

        Raises RemoteProtocolError for a reply that cannot be meant for what was said.
        """
        code = reply.code
        if self.phase is _ENVELOPE and code not in _NOT_FINAL:
            at = self._answered
            if at == self._sent:
                raise RemoteProtocolError("the server sent a reply to nothing")
            self._answered = at + 1
            if at > self._count:
                self._on_data(reply)
                return True
            self._replies.append(reply)
            if at + 1 < self._sent:
                return False
            self._settle()
        elif code == 421:  # the server closes, whatever is in flight (RFC 5321 section 3.8)
            self._end = reply
            self.phase = _CUT
        elif code in _NOT_FINAL:
            self._on_intermediate(reply)
        elif self.phase is _RESET:
            self.phase = _DONE
        elif self._chunking:
            self._on_chunk(reply)
        else:
            self._on_text(reply)
        return True

    def take_urgent(self) -> bytes:
        """What a reply made it say, to be put behind whatever else is queued."""
        urgent, self._urgent = self._urgent, b""
        return urgent

    def _on_intermediate(self, reply: Reply) -> None:
        at = self._answered
        if reply.code == 353 and self._takes_each:
            self._each = True
            return
        if self.phase is not _ENVELOPE or at == self._sent or at <= self._count:
            raise RemoteProtocolError(f"the server sent {reply.code} out of place")
        if reply.code != 354:
            raise RemoteProtocolError(f"the server sent {reply.code} to DATA")
        self._answered = at + 1
        self._accepted = self._count_accepted()
        if self._accepted:
            self._body = TextEncoder(self._policy)
            self.phase = _BODY
            return
        if self._lmtp:
            raise RemoteProtocolError("the LMTP server wants a body for no recipient")
        # Every recipient was refused and the server did not notice: an empty message, which
        # it must not send to anybody (RFC 2920 section 3.1).
        self.phase = _END
        self._urgent = b".\r\n"

    @property
    def _takes_each(self) -> bool:
        """Whether a 353 can stand here: PRDR was asked for, and the whole message is out."""
        whole = self.phase is _END and len(self._chunks) == self._chunking
        return whole and self._prdr and self._accepted > 0 and not self._each

    def _on_data(self, reply: Reply) -> None:
        if reply.positive:
            raise RemoteProtocolError(f"the server sent {reply.code} to DATA")
        if self._count_accepted():
            self._answers.append(reply)
            self._refused = True
        self._settle()

    def _settle(self) -> None:
        """All that was said has its answer: what now?"""
        self._accepted = self._count_accepted()
        if not self._begun:
            self.phase = _DONE
            return
        left = self._total - self._sent
        data_left = left == 1 and not self._chunking
        if left and (self._accepted or not data_left):
            return  # lines_to_send() has more
        if self._chunking and self._accepted:
            self._body = NewlineFilter(self._policy)
            self.phase = _BODY
        else:
            self._reset()

    def _reset(self) -> None:
        self.phase = _RESET
        self._urgent = b"RSET\r\n"

    def _on_text(self, reply: Reply) -> None:
        if self.phase is _BODY:
            if reply.positive:
                raise RemoteProtocolError("the server took a body before its end")
            self._answers.append(reply)
            self._refused = True
            self.phase = _CUT  # there is no way back into step
            return
        if self._accepted:
            self._answers.append(reply)
        if not (self._lmtp or self._each) or len(self._answers) >= self._answers_due:
            self.phase = _DONE

    @property
    def _answers_due(self) -> int:
        """Answers to the body, if it has more than one."""
        return self._accepted + 1 if self._each else self._accepted

    def _on_chunk(self, reply: Reply) -> None:
        if not self._chunks:
            raise RemoteProtocolError("the server sent a reply to nothing")
        if self._chunks[0].last and self.phase is _END:
            self._answers.append(reply)
            if (self._lmtp or self._each) and len(self._answers) < self._answers_due:
                return
            self._chunks.popleft()
            if any(answer.positive for answer in self._answers[-1 if self._each else 0 :]):
                self.phase = _DONE
            else:
                self._reset()
            return
        self._chunks.popleft()
        if not reply.positive and self.phase is not _SPOILT:
            self._answers.append(reply)
            self._refused = True
            self._body = None
            self._held = b""
            self.phase = _SPOILT
        if self.phase is _SPOILT and not self._chunks:
            self._reset()

    # --- The end --------------------------------------------------------------------------------

    def outcome(self, end: Reply | None = None) -> Outcome | None:
        """All there is to know, or None if that is nothing.

        `end`, or a 421, stands for every answer that will not come, and for no other. Without it
        the recipients whose answer is not known are left out of the results.
        """
        end = end or self._end
        mail = self._replies[0] if self._replies else end
        if mail is None:
            return None
        begun = self._replies != [] and mail.code < 300
        addresses = [recipient.address for recipient in self._envelope.recipients]
        replies = tuple(zip(addresses, self._replies[1:])) if begun else ()  # noqa: B905 - as far
        last = iter(self._last_words(end))
        results = [
            (address, word)
            for address, reply in replies
            if (word := next(last) if reply.code < 300 else reply) is not None
        ]
        rest = end if begun else mail
        if rest is not None:
            results += [(address, rest) for address in addresses[len(replies) :]]
        return Outcome(
            self.number,
            self._envelope,
            mail,
            replies,
            self._answers[-1] if self._answers else None,
            tuple(results),
        )

    def _last_words(self, end: Reply | None) -> list[Reply | None]:
        """What became of each accepted recipient, in order; None where it is not known.

        Perhaps more words than recipients.
        """
        answers, count = self._answers, self._accepted
        if self._refused or not (self._lmtp or self._each):
            return [answers[-1] if answers else end] * self._count
        words: list[Reply | None] = [end] * self._count
        if self._lmtp:
            words[: len(answers)] = answers
            return words
        # PRDR: a yes to one recipient holds only with a yes to the whole message.
        whole = answers[count] if len(answers) > count else end
        if whole is None or not whole.positive:
            words = [whole] * self._count
        for at, own in enumerate(answers[:count]):
            if not own.positive or (whole is not None and whole.positive):
                words[at] = own
        return words
