"""A header: RFC 5322 section 2.2, its obsolete forms (4.5), and RFC 7103 section 7 for the rest."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.limits import Limits
from mailproto.message import (
    AddressList,
    AuthenticationResults,
    ContentType,
    Date,
    Disposition,
    Header,
    ListId,
    ListUrls,
    MessageIds,
    Received,
    TagList,
    Text,
    Token,
    Tokens,
    index,
    parse_field,
)
from mailproto.message._header import PARSERS

HEADER = (
    b"Received: from a by b; Mon, 23 Nov 2026 09:30:00 +0000\r\n"
    b"From: Ada <ada@example.org>\r\n"
    b"Subject: one\r\n two\r\n\tthree\r\n"
    b"X-Empty:\r\n"
    b"subject: again\r\n"
    b"\r\n"
)


def test_fields_in_order() -> None:
    header = Header.parse(HEADER)
    assert [field.name for field in header] == ["Received", "From", "Subject", "X-Empty", "subject"]
    assert len(header) == 5
    assert header.items() == [(field.name, field.body) for field in header]
    assert [HEADER[field.offset :].startswith(field.raw) for field in header] == [True] * 5
    assert b"".join(field.raw for field in header) + b"\r\n" == bytes(header) == HEADER


def test_names_have_no_case() -> None:
    header = Header.parse(HEADER)
    assert header["SUBJECT"] is header.fields[2]
    assert header.get("Subject") is header.fields[2]
    assert [field.text for field in header.all("Subject")] == ["one two\tthree", "again"]
    assert "x-empty" in header
    assert "X-None" not in header
    assert 5 not in header
    assert header.get("X-None") is None
    assert header.text("X-None") == ""
    assert header.all("X-None") == ()
    with pytest.raises(KeyError):
        header["X-None"]


def test_folds_stay_in_the_body_and_leave_the_text() -> None:
    # RFC 5322 section 2.2.3: unfolding removes the CRLF before white space, and nothing else
    field = Header.parse(HEADER)["subject"]
    assert field.body == b" one\r\n two\r\n\tthree"
    assert field.raw == b"Subject: one\r\n two\r\n\tthree\r\n"
    assert field.text == "one two\tthree"


@pytest.mark.parametrize("ends", [b"\r\n", b"\n"])
def test_both_line_ends(ends: bytes) -> None:
    header = Header.parse(HEADER.replace(b"\r\n", ends))
    assert [field.text for field in header] == [field.text for field in Header.parse(HEADER)]
    assert header["From"].body == b" Ada <ada@example.org>"


@pytest.mark.parametrize(
    ("raw", "fields", "codes"),
    [
        (b"A: b", [("A", b" b")], []),
        (b"A:b\r\n", [("A", b"b")], []),
        (b"A: b\r\n \r\nC: d\r\n\r\n", [("A", b" b\r\n "), ("C", b" d")], []),
        (b"A \t: b\r\n\r\n", [("A", b" b")], ["space_before_colon"]),
        (b"A: b\r\njunk\r\nC: d\r\n\r\n", [("A", b" b\r\njunk"), ("C", b" d")], ["junk_in_header"]),
        (b" x\r\nA: b\r\n\r\n", [("A", b" b")], ["junk_before_header"]),
        (b"From me today\nA: b\n\n", [("A", b" b")], ["junk_before_header"]),
        (b"A: b\0c\r\n", [("A", b" b\0c")], ["nul"]),
        (b"A: b\rc\r\n", [("A", b" b\rc")], ["bare_cr"]),
        (b"A: \xfc\r\n", [("A", b" \xfc")], ["eight_bit"]),
        ("A: ü\r\n".encode(), [("A", " ü".encode())], []),  # RFC 6532
        (b"", [], []),
        (b"\r\n", [], []),
    ],
)
def test_what_the_field_has(raw: bytes, fields: list[tuple[str, bytes]], codes: list[str]) -> None:
    header = Header.parse(raw)
    assert header.items() == fields
    assert [defect.code for defect in header.defects] == codes
    assert bytes(header) == raw


def test_offsets_of_defects() -> None:
    raw = b"A: b\r\nC : d\r\njunk\r\nTo: a b <\r\n\r\n"
    for defect in Header(raw, 100).defects:
        assert raw[defect.offset - 100 :].startswith(defect.raw[:1])
        assert defect.assumed


def test_what_is_wrong_with_an_address_is_wrong_with_its_field() -> None:
    raw = b"Subject: s\r\nTo: <@a:b@c>, g: x@y, d..e@f;, h\r\n\r\n"
    defects = Header(raw, 100).defects
    assert [one.code for one in defects] == ["route", "dots_in_local_part", "missing_domain"]
    assert defects == Header(raw, 100)["To"].defects
    assert [one.offset - 100 >= raw.index(b"To:") for one in defects] == [True] * 3


KINDS = {
    "From": (b" a@b", AddressList),
    "Return-Path": (b" <>", AddressList),
    "Date": (b" Mon, 23 Nov 2026 09:30:00 +0000", Date),
    "Message-ID": (b" <a@b>", MessageIds),
    "Received": (b" from a by b; Mon, 23 Nov 2026 09:30:00 +0000", Received),
    "Content-Type": (b" text/plain", ContentType),
    "Content-Disposition": (b" inline", Disposition),
    "Content-Transfer-Encoding": (b" 8bit", Token),
    "Content-Language": (b" de, en", Tokens),
    "List-Post": (b" <mailto:a@b>", ListUrls),
    "List-Id": (b" <a.b>", ListId),
    "Authentication-Results": (b" a; none", AuthenticationResults),
    "ARC-Authentication-Results": (b" i=1; a; none", AuthenticationResults),
    "DKIM-Signature": (b" v=1; b=c", TagList),
    "Subject": (b" a@b", Text),
    "X-From": (b" a@b", Text),
    "X-Anything": (b" <a@b>;", Text),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_name_decides_what_a_value_is(name: str) -> None:
    body, kind = KINDS[name]
    for spelled in (name, name.upper()):
        value = parse_field(spelled, body)
        assert type(value) is kind
        assert pickle.loads(pickle.dumps(value)) == value


@given(st.sampled_from([*sorted(PARSERS), "subject"]), st.binary(max_size=80))
def test_no_body_raises(name: str, body: bytes) -> None:
    value = parse_field(name, body)
    assert pickle.loads(pickle.dumps(value)) == value
    for defect in getattr(value, "defects", ()):
        assert defect.code
        assert defect.offset >= 0


def test_a_digest_is_one_word() -> None:
    # RFC 1864 section 2 has this example.
    value = parse_field("Content-MD5", b"  Q2hlY2sgSW50ZWdyaXR5IQ==")
    assert isinstance(value, Token)
    assert (value.text, value.defects) == ("Q2hlY2sgSW50ZWdyaXR5IQ==", ())


def test_a_value_is_read_once() -> None:
    field = Header.parse(HEADER)["From"]
    assert field.value is field.value


# --- What is asked for most -----------------------------------------------------------------------


def test_addresses_of_repeated_fields_come_together() -> None:
    # RFC 7103 section 7.5.1
    header = Header.parse(b"To: a@x\r\nTo: b@x, c@x\r\nCc: d@x\r\n\r\n")
    assert [box.local_part for box in header.to] == ["a", "b", "c"]
    assert [box.local_part for box in header.cc] == ["d"]
    assert header.bcc.items == ()


def test_of_other_repeated_fields_the_first_counts() -> None:
    header = Header.parse(b"Subject: a\r\nSubject: b\r\nDate: x\r\nMessage-ID: <a@b>\r\n\r\n")
    assert header.subject == "a"
    assert header.message_id == "a@b"
    assert header.date is None


def test_threads() -> None:
    header = Header.parse(b"In-Reply-To: <b@x>\r\nReferences: <a@x>\r\n <b@x>\r\n\r\n")
    assert header.in_reply_to == ("b@x",)
    assert header.references == ("a@x", "b@x")


def test_resent_blocks() -> None:
    # RFC 5322 section 3.6.6: each time a message is passed on a block is put before it.
    header = Header.parse(
        b"Resent-From: c@x\r\nResent-To: d@x\r\nResent-From: a@x\r\nResent-To: b@x\r\n"
        b"Received: from a by b; x\r\nResent-From: z@x\r\nFrom: y@x\r\n\r\n"
    )
    senders = []
    for block in header.resent:
        field = block.get("From")
        assert field is not None
        assert field is block.get("resent-from")
        senders.append(field.text)
    assert senders == ["c@x", "a@x", "z@x"]
    assert header.resent[2].get("to") is None


def test_the_way_it_came() -> None:
    header = Header.parse(b"Received: by c\r\nReceived: from a by b\r\n\r\n")
    clauses = [received.get("by") for received in header.received]
    assert [one.value if one else None for one in clauses] == ["c", "b"]


# --- Limits and laws ------------------------------------------------------------------------------


def test_limits_bound_what_is_looked_at() -> None:
    raw = b"A: b\r\n" * 10 + b"\r\n"
    for limits in (Limits(fields=3), Limits(header=18)):
        header = Header.parse(raw, limits=limits)
        assert len(header) == 3
        assert header.overflow
        assert [defect.code for defect in header.defects] == ["header_overflow"]
        assert bytes(header) == raw
    assert not Header.parse(raw).overflow


pieces = st.lists(
    st.sampled_from(
        [
            b"A",
            b": ",
            b":",
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b"\0",
            b"\xff",
            b"b",
            b"-",
            b"From ",
        ]
    ),
    max_size=20,
).map(b"".join)


@given(pieces)
@example(b"A: b\r\n \r\n")
@example(b":\n")
def test_every_octet_is_in_one_place(raw: bytes) -> None:
    block = raw[: index(raw).parts[0].body]
    header = Header.parse(block)
    whole = header.junk + b"".join(field.raw for field in header)
    assert block.startswith(whole)
    assert block[len(whole) :] in (b"", b"\n", b"\r\n")
    for field in header:
        assert field.raw.startswith(field.name.encode())
        assert field.body in field.raw
        assert block[field.offset :].startswith(field.raw)
    assert isinstance(header.defects, tuple)


@given(pieces)
def test_scanner_and_header_agree(raw: bytes) -> None:
    """What the scanner takes for the Content-Type is what the header has."""
    for head in (b"", b"A: b\r\n", b"A : b\r\n"):
        whole = head + b"Content-Type: message/rfc822" + raw + b"\r\n\r\nX: y\r\n\r\n"
        found = index(whole)
        header = Header.parse(whole[: found.parts[0].body])
        value = header.value("content-type", ContentType)
        if len(found.parts) > 1:
            assert value is not None
            assert value.essence == "message/rfc822"
        elif value is not None and value.essence == "message/rfc822":
            pytest.fail(f"the scanner did not see it: {whole!r}")


NAMES = st.sampled_from(
    [
        *("subject", "Subject", "to", "x-a", "content-type", "Content-Type ", "a", "x:a", "é", ""),
        *("cc", "topic"),
    ]
)
HEADS = st.lists(
    st.sampled_from(
        [
            *(b"Subject: x\r\n", b"SUBJECT : y\n", b" fold\r\n", b"junk\r\n", b"To:", b"To:a\r\n"),
            *(b"\r\n", b"\n", b"x-a:\r\n", b"X-A: \r\n\t \r\n", b":\r\n", b"a\r\n", b"a: b", b"\0"),
            *(b"subject\r\n", b" Subject: z\r\n", b"x:a: b\r\n", b"\r", b"Subject:"),
            *(b"Topic: x\r\n", b"CC \t: c\r\n", b"cc", b"To\r\n :\r\n"),
        ]
    ),
    max_size=10,
).map(b"".join)


@given(raw=HEADS, name=NAMES, small=st.booleans())
def test_looking_up_gives_the_fields_that_are_there(raw: bytes, name: str, small: bool) -> None:
    # One by one, or all that are asked for most together.
    limits = Limits(fields=3, header=40) if small else Limits()
    fields = Header.parse(raw, limits=limits).fields
    looked_up = Header.parse(raw, limits=limits).all(name)
    expected = [one for one in fields if one.name.lower() == name.lower()]
    assert list(looked_up) == expected
    assert [(one.name, one.body, one.offset) for one in looked_up] == [
        (one.name, one.body, one.offset) for one in expected
    ]
