"""What is said, as values: equality, secrets, pickling, and the short forms."""

from __future__ import annotations

import pickle
from typing import Any, get_args

import pytest

from mailproto import pop3, smtp
from mailproto.errors import Defect
from mailproto.pop3 import (
    Apop,
    Auth,
    AuthCancel,
    AuthResponse,
    BadCommand,
    BodyChunk,
    BodyEnd,
    BodyStart,
    Capa,
    Capabilities,
    Challenge,
    Commit,
    Dele,
    Goodbye,
    Greeting,
    Lang,
    Language,
    List,
    Listing,
    Noop,
    Pass,
    Quit,
    Replied,
    Reply,
    ResponseCode,
    Retr,
    Rset,
    Size,
    Stat,
    Stls,
    Timeout,
    TlsEstablished,
    Top,
    Totals,
    Uidl,
    UniqueId,
    UnknownCommand,
    Unparsed,
    User,
    Utf8,
    apop_digest,
    find_timestamp,
)

ids = pytest.mark.parametrize
DIGEST = "c4c9334bac560ecc979e58001b3e22fb"

COMMANDS: list[Any] = [
    User("bob"),
    Pass("hunter2"),
    Apop("bob", DIGEST),
    Auth("PLAIN", b"hunter2"),
    AuthResponse(b"hunter2"),
    AuthCancel(),
    Stls(),
    Capa(),
    Stat(),
    List(),
    List(2),
    Retr(1),
    Dele(1),
    Noop(),
    Rset(),
    Quit(),
    Top(1, 0),
    Uidl(),
    Utf8(),
    Lang("de"),
    UnknownCommand("XTND", "x"),
]
REPLY = Reply(True, "fine")
EVENTS: list[Any] = [
    BadCommand(b"PASS hunter2", REPLY),
    Commit((1, 3), ("a", "c")),
    TlsEstablished("peer", b"hunter2"),
    Timeout(),
    Greeting(REPLY),
    Replied(1, Pass("hunter2"), REPLY, Totals(2, 320)),
    Listing(1, List(), ((1, 2), Unparsed(b"x"))),
    BodyStart(1, Retr(1), REPLY, 120),
    BodyChunk(b"x"),
    BodyEnd(5),
    Challenge(b"hunter2"),
    Goodbye(REPLY),
]
VALUES: list[Any] = [
    *COMMANDS,
    *EVENTS,
    REPLY,
    Totals(1, 2),
    Size(1, 2),
    UniqueId(1, "a"),
    Language("de", "Deutsch"),
    Unparsed(b"x"),
    Capabilities((("TOP", ()),)),
]


def test_every_value_is_here() -> None:
    shown = {type(value) for value in VALUES}
    assert set(get_args(pop3.Event)) <= shown
    assert {type(value) for value in COMMANDS} == set(get_args(pop3.Command))


@ids("value", VALUES, ids=repr)
def test_values_are_equal_hashable_frozen_and_travel(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    assert hash(pickle.loads(pickle.dumps(value))) == hash(value)
    with pytest.raises(AttributeError):
        value.number = 5


@ids("value", VALUES, ids=repr)
def test_secrets_are_not_shown(value: Any) -> None:
    assert "hunter2" not in repr(value)
    assert DIGEST not in repr(value)


@ids(
    ("value", "shown"),
    [
        (List(), "List()"),
        (List(2), "List(number=2)"),
        (Retr(2), "Retr(2)"),
        (Top(2, 0), "Top(2, 0)"),
        (Pass("x"), "Pass(<hidden>)"),
        (Apop("bob", DIGEST), "Apop('bob', <hidden>)"),
        (Reply(True), "Reply(True)"),
        (Reply(False, "no", defects=(Defect("bare_lf"),)).defects, repr((Defect("bare_lf"),))),
    ],
)
def test_repr_is_short(value: Any, shown: str) -> None:
    assert repr(value) == shown


def test_defects_say_how_it_was_written_not_what_it_says() -> None:
    odd = Stat(defects=(Defect("trailing_space"),))
    assert odd == Stat()
    assert odd.anomalies == {"trailing_space"}


def test_the_words_of_sasl_are_the_same_in_all_protocols() -> None:
    """Who runs a mechanism need not know the protocol (RFC 4422)."""
    for name in ("Auth", "AuthResponse", "AuthCancel", "Challenge"):
        assert getattr(pop3, name) is getattr(smtp, name)


# --- Replies --------------------------------------------------------------------------------------


@ids(
    ("text", "code", "message"),
    [
        ("[IN-USE] Do you have another POP session running?", "IN-USE", "Do you have another"),
        ("[in-use] x", "IN-USE", "x"),
        ("[SYS/TEMP] x", "SYS/TEMP", "x"),
        ("[SYS/TEMP]", "SYS/TEMP", ""),
        ("[AUTH]x", "AUTH", "x"),
        ("[LOGIN-DELAY] wait", "LOGIN-DELAY", "wait"),
        ("no [AUTH]", None, "no [AUTH]"),
        ("[not a code] x", None, "[not a code] x"),
        ("[] x", None, "[] x"),
        ("[a//b] x", None, "[a//b] x"),
        ("[open", None, "[open"),
        ("", None, ""),
    ],
)
def test_response_codes(text: str, code: str | None, message: str) -> None:
    """RFC 2449 sections 3 and 8."""
    reply = Reply(False, text)
    assert reply.code == code
    assert reply.message.startswith(message)


def test_response_codes_have_names() -> None:
    """RFC 2449 section 8.1, RFC 3206, RFC 6856 section 5."""
    assert {code.value for code in ResponseCode} == {
        "IN-USE",
        "LOGIN-DELAY",
        "SYS/TEMP",
        "SYS/PERM",
        "AUTH",
        "UTF8",
    }
    assert Reply(False, "[IN-USE] x").code == ResponseCode.IN_USE


def test_unknown_detail_of_a_code_is_ignored() -> None:
    """RFC 2449 section 8: "Clients MUST ignore unknown hierarchical detail"."""
    assert Reply(False, "[SYS/TEMP/DISK] x").means(ResponseCode.SYS_TEMP)
    assert Reply(False, "[sys/temp] x").means(ResponseCode.SYS_TEMP)
    assert not Reply(False, "[SYS/TEMPER] x").means(ResponseCode.SYS_TEMP)
    assert not Reply(False, "x").means(ResponseCode.SYS_TEMP)


def test_a_reply_reads_like_its_line() -> None:
    assert str(Reply(True)) == "+OK"
    assert str(Reply(False, "no")) == "-ERR no"


# --- APOP -----------------------------------------------------------------------------------------


def test_the_example_of_rfc_1939() -> None:
    """RFC 1939 section 7."""
    timestamp = "<1896.697170952@dbc.mtview.ca.us>"
    assert apop_digest(timestamp, "tanstaaf") == DIGEST
    assert apop_digest(timestamp, b"tanstaaf") == DIGEST
    assert Apop.make("mrose", timestamp, "tanstaaf") == Apop("mrose", DIGEST)
    assert Apop("mrose", DIGEST).proves(timestamp, "tanstaaf")
    assert not Apop("mrose", DIGEST).proves(timestamp, "tanstaaff")
    assert not Apop("mrose", DIGEST).proves(None, "tanstaaf")
    assert not Apop("mrose", "é").proves(timestamp, "tanstaaf")


@ids(
    "text",
    [
        "POP3 server ready <1896.697170952@dbc.mtview.ca.us>",
        "<x@y>",
        "before <63e0.27.6b03b4e1.T9tBj057eCZqMau+GS0siQ==@vm> behind",
        "<x@[192.0.2.1]>",
        "<x y> <x@y>",
        "<<x@y>",
    ],
)
def test_a_timestamp_is_found_wherever_it_is(text: str) -> None:
    found = find_timestamp(Reply(True, text))
    assert found is not None
    assert found in text
    assert found.startswith("<")
    assert found.endswith(">")


@ids(
    "text",
    [
        "ready",
        "<>",
        "<x>",
        "<x@>",
        "<@y>",
        "<x y@z>",
        "<x@y",
        "x@y>",
        "<x@y@z>",
        "<x..y@z>",
        "<x\tx@y>",
        "<x\x7f@y>",
        "<é@y>",
        "<x@\udce9>",
        "<x,y@z>",
        "<" * 100,
        "[BL0GXL1EPF0000]",
    ],
)
def test_what_is_no_msg_id_is_no_timestamp(text: str) -> None:
    """RFC 822's msg-id, 7-bit and printable: CVE-2007-1558."""
    assert find_timestamp(Reply(True, text)) is None


def test_a_refusal_has_no_timestamp() -> None:
    assert find_timestamp(Reply(False, "<x@y>")) is None


# --- Capabilities ---------------------------------------------------------------------------------


def test_capabilities_are_typed() -> None:
    """The example of RFC 2449 section 5."""
    found = Capabilities.from_lines(
        [
            "TOP",
            "USER",
            "SASL CRAM-MD5 KERBEROS_V4",
            "RESP-CODES",
            "LOGIN-DELAY 900",
            "PIPELINING",
            "EXPIRE 60",
            "UIDL",
            "IMPLEMENTATION Shlemazle-Plotz-v302",
        ]
    )
    assert found.sasl == ("CRAM-MD5", "KERBEROS_V4")
    assert found.login_delay == 900
    assert found.expire == 60
    assert found.implementation == "Shlemazle-Plotz-v302"
    assert "pipelining" in found
    assert next(iter(found)) == "TOP"


@ids(
    ("line", "name", "value"),
    [
        ("EXPIRE NEVER", "expire", "NEVER"),
        ("EXPIRE never", "expire", "NEVER"),
        ("EXPIRE 0 USER", "expire", 0),
        ("EXPIRE soon", "expire", None),
        ("EXPIRE", "expire", None),
        ("LOGIN-DELAY 9 USER", "login_delay", 9),
        ("LOGIN-DELAY ٣", "login_delay", None),
        ("SASL", "sasl", ()),
        ("sasl plain", "sasl", ("PLAIN",)),
        ("IMPLEMENTATION", "implementation", None),
        ("IMPLEMENTATION a b", "implementation", "a b"),
        ("", "sasl", ()),
    ],
)
def test_odd_capabilities(line: str, name: str, value: object) -> None:
    assert getattr(Capabilities.from_lines([line]), name) == value


def test_what_may_be_another_after_the_login() -> None:
    """RFC 2449 sections 6.5 and 6.7, RFC 6856 section 2.2."""
    found = Capabilities.from_lines(["EXPIRE 5 USER", "LOGIN-DELAY 5", "UTF8 USER"])
    assert found.per_user("EXPIRE")
    assert not found.per_user("LOGIN-DELAY")
    assert found.per_user("utf8")
    assert not found.per_user("TOP")


def test_listing_entries_compare_with_plain_tuples() -> None:
    assert Size(1, 120) == (1, 120)
    assert UniqueId(1, "a") == (1, "a")
    assert Listing(1, List(), (Size(1, 2),)) == Listing(1, List(), ((1, 2),))
