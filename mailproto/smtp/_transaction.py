"""One mail transaction, from MAIL to the last answer: what `Client.submit()` runs.

It is a small machine inside the client's: replies go in (`on_reply`), octets come out
(`lines_to_send`, `send_body`, `end_body`), and `phase` says where it stands::

    ENVELOPE   MAIL, each RCPT and DATA are said and answered, pipelined where that is allowed
    BODY       at least one recipient was accepted: the body is wanted
    END        the body is out; its answers (in LMTP one for each recipient) are due
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

from .._envelope import Envelope
from .._wire import BareNewlines, NewlineFilter, TextEncoder
from ..errors import RemoteProtocolError
from ._states import State
from ._vocabulary import Bdat, Command, Data, Mail, Outcome, Rcpt, Reply, Rset

__all__ = ["Phase", "Transaction"]


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


class Transaction:
    """See the module. Plain data, so that it can be pickled with its client."""

    def __init__(
        self,
        number: int,
        envelope: Envelope,
        mail: Mail,
        lines: list[bytes],
        *,
        pipelining: bool,
        chunking: bool,
        lmtp: bool,
        window: int,
        policy: BareNewlines,
    ) -> None:
        self.number = number
        self.phase = _ENVELOPE
        self._envelope = envelope
        self._count = len(envelope.recipients)
        self._mail = mail
        self._lines = lines  # MAIL, each RCPT, and DATA unless chunking
        self._sent = 0  # of them
        self.unsaid = True
        """Whether `lines_to_send()` may have something, now or later."""
        self._answered = 0  # of them
        self._taken = 0  # of them, by the embedder
        self.pipelining = pipelining
        self._chunking = chunking
        self._lmtp = lmtp
        self._window = window
        self._policy = policy
        self._mail_reply: Reply | None = None
        self._begun = False  # MAIL was accepted
        self._replies: list[tuple[str, Reply]] = []  # to each RCPT
        self._accepted = 0  # recipients
        self._answers: list[Reply] = []  # to the body
        self._refused = False  # the last of them refuses the whole message, in LMTP too
        self._body: TextEncoder | NewlineFilter | None = None
        self._held = b""  # the piece that may turn out to be the last chunk
        self._urgent = b""
        self._end: Reply | None = None  # a 421
        self._chunks: deque[Bdat] = deque()  # sent and not answered

    # --- What to look at ------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The session's state, by the replies so far."""
        if self.phase is _ENVELOPE:
            if self._accepted:
                return State.RCPT
            return State.MAIL if self._begun else State.READY
        if self.phase is _BODY or self.phase is _END:
            return State.CHUNKS if self._chunking else State.TEXT
        return State.READY if self.phase is _DONE else State.SPOILT

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
        return Bdat(0) if self._chunking else Data()

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
        return self.phase is _BODY and len(self._chunks) < self._window

    # --- Out ------------------------------------------------------------------------------------

    def lines_to_send(self, room: int) -> bytes:
        """What may be said now, as far as it fits into `room` octets (one line always does)."""
        if self.phase is not _ENVELOPE:
            self.unsaid = False
            return b""
        lines, start = self._lines, self._sent
        if not self.pipelining:
            if start > self._answered or start == len(lines):
                return b""
            self._sent = start + 1
            self.unsaid = self._sent < len(lines)
            return lines[start]
        if not start:
            whole = b"".join(lines)
            if len(whole) <= room:
                self._sent = len(lines)
                self.unsaid = False
                return whole
        sent = start
        while sent < len(lines) and room > 0:
            room -= len(lines[sent])
            sent += 1
        self._sent = sent
        self.unsaid = sent < len(lines)
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

    def _chunk(self, data: bytes, *, last: bool) -> bytes:
        self._chunks.append(Bdat(len(data), last))
        return b"BDAT %d%b\r\n%b" % (len(data), b" LAST" if last else b"", data)

    # --- In -------------------------------------------------------------------------------------

    def on_reply(self, reply: Reply) -> bool:
        """Take the next reply. Whether the transaction has moved on: see `phase` and `urgent`.

        Raises RemoteProtocolError for a reply that cannot be meant for what was said.
        """
        code = reply.code
        if code == 421:  # the server closes, whatever is in flight (RFC 5321 section 3.8)
            self._end = reply
            self.phase = _CUT
            return True
        if self.phase is _ENVELOPE:
            at = self._answered
            if at == self._sent:
                raise RemoteProtocolError("the server sent a reply to nothing")
            self._answered = at + 1
            if at > self._count:
                self._on_data(reply)
                return True
            if 300 <= code < 400 or code == 235:
                raise RemoteProtocolError(f"the server sent {code} to MAIL or RCPT")
            if at:
                self._replies.append((self._envelope.recipients[at - 1].address, reply))
                if code < 300 and self._begun:
                    self._accepted += 1
            else:
                self._mail_reply = reply
                self._begun = code < 300
            if at + 1 < self._sent:
                return False
            self._settle()
        elif 300 <= code < 400 or code == 235:
            raise RemoteProtocolError(f"the server sent {code} out of place")
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

    def _on_data(self, reply: Reply) -> None:
        if reply.code == 354:
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
            return
        if reply.code < 400:
            raise RemoteProtocolError(f"the server sent {reply.code} to DATA")
        if self._accepted:
            self._answers.append(reply)
            self._refused = True
        self._settle()

    def _settle(self) -> None:
        """All that was said has its answer: what now?"""
        if not self._begun:
            self.phase = _DONE
            return
        left = len(self._lines) - self._sent
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
        if len(self._answers) >= (self._accepted if self._lmtp else 0):
            self.phase = _DONE

    def _on_chunk(self, reply: Reply) -> None:
        if not self._chunks:
            raise RemoteProtocolError("the server sent a reply to nothing")
        if self._chunks[0].last and self.phase is _END:
            self._answers.append(reply)
            if self._lmtp and len(self._answers) < self._accepted:
                return
            self._chunks.popleft()
            if any(answer.positive for answer in self._answers):
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
        mail = self._mail_reply or end
        if mail is None:
            return None
        replies = self._replies if self._begun else []
        whole = self._refused or not self._lmtp
        final = self._answers[-1] if self._answers and whole else end
        each = iter(self._answers if self._lmtp else ())
        results: list[tuple[str, Reply]] = []
        for address, reply in replies:
            last = next(each, final) if reply.code < 300 else reply
            if last is not None:
                results.append((address, last))
        rest = end if self._begun else mail
        if rest is not None:
            left = self._envelope.recipients[len(replies) :]
            results += [(recipient.address, rest) for recipient in left]
        return Outcome(
            self.number,
            self._envelope,
            mail,
            tuple(replies),
            self._answers[-1] if self._answers else None,
            tuple(results),
        )
