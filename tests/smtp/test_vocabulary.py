"""What is said, as values: equality, secrets, pickling, and the short forms."""

from __future__ import annotations

import pickle
from typing import Any, get_args

import attrs
import pytest

from mailproto import smtp
from mailproto.errors import Defect
from mailproto.smtp import (
    Auth,
    AuthCancel,
    AuthResponse,
    BadCommand,
    Bdat,
    BodyChunk,
    BodyEnd,
    BodyRefused,
    Burl,
    Challenge,
    Data,
    Ehlo,
    Envelope,
    Etrn,
    Expn,
    Goodbye,
    Greeting,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Outcome,
    Param,
    Quit,
    Rcpt,
    Replied,
    Reply,
    Rset,
    StartTls,
    Timeout,
    TlsEstablished,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
)

ids = pytest.mark.parametrize

COMMANDS: list[Any] = [
    Helo("x"),
    Ehlo("x"),
    Lhlo("x"),
    Mail("a@x", (Param("SIZE", "1"),)),
    Rcpt("a@x"),
    Data(),
    Bdat(5, last=True),
    Rset(),
    Vrfy("x"),
    Expn("x"),
    Help("x"),
    Noop(),
    Quit(),
    StartTls(),
    Auth("PLAIN", b"secret"),
    AuthResponse(b"secret"),
    AuthCancel(),
    Etrn("x"),
    Burl("imap://x/y", last=True),
    XClient((Param("NAME", "x"),)),
    XForward((Param("NAME", "x"),)),
    UnknownCommand("XPAINT", "red"),
]
REPLY = Reply(250, "2.0.0 ok")
EVENTS: list[Any] = [
    BadCommand(b"secret", REPLY),
    BodyChunk(b"x"),
    BodyEnd(5, "a@x"),
    BodyRefused(REPLY),
    TlsEstablished("peer", b"secret"),
    Timeout(),
    Greeting(REPLY),
    Replied(1, Noop(), REPLY),
    Challenge(b"secret"),
    Outcome(1, Envelope("", ["a@x"]), REPLY, (("a@x", REPLY),), REPLY, (("a@x", REPLY),)),
    Goodbye(Reply(421, "bye")),
]


@ids("value", COMMANDS + EVENTS + [REPLY], ids=lambda value: type(value).__name__)
def test_values_are_frozen_slotted_and_pickle(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    assert not hasattr(value, "__dict__")
    field = attrs.fields(type(value))
    if field:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, field[0].name, None)


@ids("value", COMMANDS + EVENTS, ids=lambda value: type(value).__name__)
def test_secrets_do_not_show(value: Any) -> None:
    assert "secret" not in repr(value)


def test_the_unions_are_complete() -> None:
    assert set(get_args(smtp.Command)) == {type(command) for command in COMMANDS}
    assert set(get_args(smtp.Event)) == {type(value) for value in COMMANDS + EVENTS}


def test_a_repr_says_what_was_given() -> None:
    assert repr(Mail("a@x")) == "Mail('a@x')"
    assert repr(Bdat(5)) == "Bdat(5)"
    assert repr(Bdat(5, last=True)) == "Bdat(5, last=True)"
    assert repr(Auth("PLAIN", b"secret")) == "Auth('PLAIN', initial_response=<hidden>)"
    assert "bare_lf" in repr(BodyEnd(5, defects=(Defect("bare_lf", 3),)))


def test_defects_are_told_and_not_compared() -> None:
    odd = Mail("a@x", defects=(Defect("space_after_colon", 10), Defect("odd_domain", 13)))
    assert odd == Mail("a@x")
    assert hash(odd) == hash(Mail("a@x"))
    assert odd.anomalies == {"space_after_colon", "odd_domain"}
    assert Mail("a@x").anomalies == frozenset()


# --- Replies (RFC 5321 section 4.2) ---------------------------------------------------------------


def test_a_reply_of_several_lines() -> None:
    assert Reply(250, "a\nb") == Reply(250, ("a", "b")) == Reply(250, iter(["a", "b"]))
    assert Reply(250, "a\nb").text == "a\nb"
    assert Reply(250).lines == Reply(250, ()).lines == ("",)
    assert str(Reply(550, "5.1.1 a\nb")) == "550 5.1.1 a\n550 b"


@ids(
    ("code", "kind"),
    [(250, "positive"), (354, "intermediate"), (451, "transient"), (554, "permanent")],
)
def test_what_a_code_means(code: int, kind: str) -> None:
    """RFC 5321 section 4.2.1: the first digit."""
    for name in ("positive", "intermediate", "transient", "permanent"):
        assert getattr(Reply(code), name) is (name == kind)


def test_an_outcome_tells_who_got_it() -> None:
    no = Reply(550, "5.1.1 no")
    results = (("a@x", REPLY), ("b@x", no), ("c@x", REPLY))
    outcome = Outcome(1, Envelope("", ["a@x", "b@x", "c@x"]), REPLY, results, REPLY, results)
    assert outcome.delivered == ("a@x", "c@x")
    assert outcome.refused == (("b@x", no),)
