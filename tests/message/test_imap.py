"""What IMAP asks of a message: RFC 9051 sections 6.4.5.1 and 7.5.2, RFC 3516, 5256, 8970."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.limits import Limits
from mailproto.message import (
    ImapAddress,
    Message,
    Section,
    binary,
    bodystructure,
    imap_envelope,
    preview,
    search_texts,
    section_octets,
    section_ranges,
    sort_keys,
    thread_keys,
)

GRAY = ImapAddress("Terry Gray", None, "gray", "cac.washington.edu")
# The message of RFC 9051 section 8, with a body of its own.
GRAY_MAIL = (
    b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    b"From: Terry Gray <gray@cac.washington.edu>\r\n"
    b"Subject: IMAP4rev2 WG mtg summary\r\n and minutes\r\n"
    b"To: imap@cac.washington.edu\r\n"
    b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
    b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"
    b"\r\n"
    b"one\r\ntwo\r\n"
)


# --- ENVELOPE -------------------------------------------------------------------------------------


def test_envelope_of_the_sample_of_the_rfc() -> None:
    found = imap_envelope(Message.parse(GRAY_MAIL))
    assert found.date == "Wed, 17 Jul 1996 02:23:25 -0700 (PDT)"
    assert found.subject == "IMAP4rev2 WG mtg summary and minutes"
    assert found.from_ == found.sender == found.reply_to == (GRAY,)
    assert found.to == (ImapAddress(None, None, "imap", "cac.washington.edu"),)
    assert found.cc == (
        ImapAddress(None, None, "minutes", "CNRI.Reston.VA.US"),
        ImapAddress("John Klensin", None, "KLENSIN", "MIT.EDU"),
    )
    assert found.bcc == ()
    assert found.in_reply_to is None
    assert found.message_id == "<B27397-0100000@cac.washington.edu>"


def test_groups_have_markers() -> None:
    found = imap_envelope(Message.parse(b"To: friends: a@x, b@x;, c@x\r\n\r\n")).to
    assert found == (
        ImapAddress(None, None, "friends", None),
        ImapAddress(None, None, "a", "x"),
        ImapAddress(None, None, "b", "x"),
        ImapAddress(None, None, None, None),
        ImapAddress(None, None, "c", "x"),
    )


def test_what_is_there_and_empty_is_an_empty_string() -> None:
    found = imap_envelope(Message.parse(b"Subject:\r\nDate: \r\nFrom: \r\n\r\n"))
    assert (found.subject, found.date, found.message_id, found.from_) == ("", "", None, ())


def test_encoded_words_stay_encoded() -> None:
    raw = b"From: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <a@x>\r\nSubject: =?utf-8?q?=C3=BC?=\r\n\r\n"
    found = imap_envelope(Message.parse(raw))
    assert found.subject == "=?utf-8?q?=C3=BC?="
    assert found.from_[0].name == "=?utf-8?q?Gr=C3=BC=C3=9Fe?="


# --- Sections -------------------------------------------------------------------------------------


def part(kind: str, body: str) -> str:
    return f"Content-Type: {kind}\r\n\r\n{body}"


def multi(subtype: str, boundary: str, *parts: str) -> str:
    inside = "".join(f"--{boundary}\r\n{one}\r\n" for one in parts)
    return part(f"multipart/{subtype}; boundary={boundary}", f"{inside}--{boundary}--\r\n")


INNER_3 = "Subject: three\r\n" + multi(
    "mixed", "c", part("text/plain", "3.1"), part("application/octet-stream", "3.2")
)
INNER_42 = "Subject: four-two\r\n" + multi(
    "mixed",
    "e",
    part("text/plain", "4.2.1"),
    multi("alternative", "f", part("text/plain", "4.2.2.1"), part("text/richtext", "4.2.2.2")),
)
# The complex message of RFC 9051 section 6.4.5.1
COMPLEX = (
    "Subject: all\r\nTo: a@x\r\n"
    + multi(
        "mixed",
        "a",
        part("text/plain", "1"),
        part("application/octet-stream", "2"),
        part("message/rfc822", INNER_3),
        multi("mixed", "d", part("image/gif", "4.1"), part("message/rfc822", INNER_42)),
    )
).encode()


@pytest.mark.parametrize("leaf", ["1", "2", "3.1", "3.2", "4.1", "4.2.1", "4.2.2.1", "4.2.2.2"])
def test_part_numbers(leaf: str) -> None:
    message = Message.parse(COMPLEX)
    assert section_octets(message, leaf) == leaf.encode()
    mime = section_octets(message, f"{leaf}.MIME")
    assert mime is not None
    assert mime.startswith(b"Content-Type: ")
    assert mime.endswith(b"\r\n\r\n")


def test_a_message_right_in_a_message_is_its_part_1() -> None:
    # RFC 9051 section 6.4.5.1: what is no multipart has one part, number 1, messages too
    inner = multi("mixed", "a", part("text/plain", "here"))
    message = Message.parse((part("message/rfc822", "") * 2 + inner).encode())
    assert [one.section for one in message.walk()] == ["", "1", "1.1", "1.1.1"]
    assert section_octets(message, "1.1.1") == b"here"
    assert section_octets(message, "1.1") == inner.encode()


def test_sections_of_messages() -> None:
    message = Message.parse(COMPLEX)
    header, _, text = COMPLEX.partition(b"\r\n\r\n")
    assert section_octets(message, "") == COMPLEX
    assert section_octets(message, "HEADER") == header + b"\r\n\r\n"
    assert section_octets(message, "TEXT") == text
    assert section_octets(message, "3") == INNER_3.encode()
    assert section_octets(message, "4.2") == INNER_42.encode()
    inner_header, _, inner_text = INNER_42.encode().partition(b"\r\n\r\n")
    assert section_octets(message, "4.2.HEADER") == inner_header + b"\r\n\r\n"
    assert section_octets(message, "4.2.TEXT") == inner_text
    assert section_octets(message, "HEADER.FIELDS (SUBJECT X)") == b"Subject: all\r\n\r\n"
    assert section_octets(message, "header.fields.not (subject content-type)") == (
        b"To: a@x\r\n\r\n"
    )
    assert section_octets(message, "3.HEADER.FIELDS (Subject)") == b"Subject: three\r\n\r\n"


@pytest.mark.parametrize(
    "spec", ["5", "1.1", "3.3", "4.3", "4.2.3", "1.HEADER", "1.TEXT", "4.TEXT"]
)
def test_what_is_not_there_is_none(spec: str) -> None:
    message = Message.parse(COMPLEX)
    assert section_ranges(message, spec) is None
    assert section_octets(message, spec) is None


def test_a_message_that_is_no_multipart_has_one_part() -> None:
    message = Message.parse(GRAY_MAIL)
    assert section_octets(message, "1") == section_octets(message, "TEXT") == b"one\r\ntwo\r\n"
    assert section_octets(message, "1.MIME") == section_octets(message, "HEADER")
    assert section_octets(message, "2") is None
    assert section_octets(message, "1.1") is None


def test_a_message_that_is_a_message() -> None:
    raw = b"Content-Type: message/rfc822\r\n\r\n" + GRAY_MAIL
    message = Message.parse(raw)
    assert section_octets(message, "1") == GRAY_MAIL
    assert section_octets(message, "1.1") == b"one\r\ntwo\r\n"
    assert section_octets(message, "1.TEXT") == b"one\r\ntwo\r\n"
    assert section_octets(message, "TEXT") == GRAY_MAIL


@pytest.mark.parametrize(
    ("origin", "count", "octets"),
    [(0, 3, b"one"), (5, None, b"two\r\n"), (5, 100, b"two\r\n"), (100, 5, b""), (0, 0, b"")],
)
def test_partial(origin: int, count: int | None, octets: bytes) -> None:
    message = Message.parse(GRAY_MAIL)
    assert section_octets(message, "TEXT", origin, count) == octets
    both = section_octets(message, "HEADER.FIELDS (Date Subject)")
    assert both is not None
    assert section_octets(message, "HEADER.FIELDS (Date Subject)", 3, 60) == both[3:63]


@pytest.mark.parametrize(
    ("spec", "section"),
    [
        ("", Section()),
        ("1.2.mime", Section((1, 2), "MIME")),
        ("HEADER.FIELDS (From To)", Section((), "HEADER.FIELDS", ("From", "To"))),
        ("2.HEADER.FIELDS.NOT (X)", Section((2,), "HEADER.FIELDS.NOT", ("X",))),
    ],
)
def test_specifications(spec: str, section: Section) -> None:
    assert Section.parse(spec) == section


@pytest.mark.parametrize(
    "spec",
    ["0", "1.", ".1", "MIME", "1MIME", "HEADER (X)", "HEADER.FIELDS", "1.2.BODY", "1 2", "1" * 20],
)
def test_what_is_no_specification(spec: str) -> None:
    with pytest.raises(ValueError, match=r"section|MIME"):
        Section.parse(spec)


@given(st.text())
def test_any_text_is_a_specification_or_a_value_error(spec: str) -> None:
    with contextlib.suppress(ValueError):
        section_octets(Message.parse(COMPLEX), spec)


# --- BODYSTRUCTURE --------------------------------------------------------------------------------


def test_a_text() -> None:
    found = bodystructure(Message.parse(GRAY_MAIL))
    assert (found.maintype, found.subtype, found.encoding) == ("text", "plain", "7bit")
    assert [(name, value.lower()) for name, value in found.params] == [("charset", "us-ascii")]
    assert (found.octets, found.lines) == (10, 2)
    assert (found.id, found.description, found.md5, found.disposition) == (None,) * 4
    assert (found.language, found.location, found.parts) == ((), None, ())


def test_a_tree() -> None:
    found = bodystructure(Message.parse(COMPLEX))
    assert (found.maintype, found.subtype) == ("multipart", "mixed")
    assert found.params == (("boundary", "a"),)
    one, two, three, four = found.parts
    assert (one.lines, two.lines) == (0, None)
    assert three.envelope is not None
    assert three.envelope.subject == "three"
    assert three.lines == INNER_3.count("\r\n")
    assert three.octets == len(INNER_3)
    assert three.body is not None
    assert [inner.subtype for inner in three.body.parts] == ["plain", "octet-stream"]
    assert four.envelope is None
    assert four.parts[1].body is not None
    assert four.parts[1].body.parts[1].parts[1].subtype == "richtext"


def test_parameters_are_decoded() -> None:
    # RFC 9051 section 7.5.2: continuations joined; charsets to UTF-8, under a name with a star.
    raw = (
        b"Content-Type: text/plain; charset=utf-8;\r\n name*0=a;\r\n name*1=b\r\n"
        b"Content-Disposition: attachment; filename*0*=iso-8859-1''%fc;\r\n filename*1*=x\r\n"
        b"Content-Language: de, en\r\nContent-ID: <i@x>\r\nContent-Description: d\r\n\r\n"
    )
    found = bodystructure(Message.parse(raw))
    assert ("name", "ab") in found.params
    assert found.disposition == ("attachment", (("filename*", "utf-8''%C3%BCx"),))
    assert found.language == ("de", "en")
    assert (found.id, found.description) == ("<i@x>", "d")


def test_depth_is_no_recursion() -> None:
    raw = b"Content-Type: message/rfc822\r\n\r\n" * 3_000
    found = bodystructure(Message.parse(raw, limits=Limits(depth=None)))
    depth = 0
    while found.body is not None:
        found = found.body
        depth += 1
    assert depth == 3_000


# --- BINARY ---------------------------------------------------------------------------------------


def test_binary_is_decoded() -> None:
    encoded = part("application/x; a=b\r\nContent-Transfer-Encoding: base64", "AAEC")
    unknown = part("application/x\r\nContent-Transfer-Encoding: x-mystery", "???")
    message = Message.parse(multi("mixed", "a", encoded, unknown).encode())
    assert binary(message, (1,)) == b"\0\1\2"
    assert binary(message, (3,)) is None
    assert binary(message, ()) == bytes(message)
    with pytest.raises(ValueError, match="x-mystery"):
        binary(message, (2,))


# --- SEARCH, SORT, THREAD, PREVIEW ----------------------------------------------------------------


def test_search_sees_decoded_texts() -> None:
    raw = (
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
        + multi(
            "mixed",
            "a",
            part(
                "text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable",
                "<b>s=FC</b>=DF",
            ),
            part("application/x", "not a text"),
        )
    ).encode()
    everything = "\n".join(search_texts(Message.parse(raw)))
    assert "Grüße" in everything
    assert "süß" in everything
    assert "<b>sü</b>ß" in everything
    assert "not a text" not in everything
    body = "\n".join(search_texts(Message.parse(raw), header=False))
    assert "Grüße" not in body
    assert "Content-Transfer-Encoding" in body  # RFC 9051 section 6.4.4 BODY: all behind the header


def test_sort_keys() -> None:
    raw = (
        b"Date: Sun, 31 Dec 2000 16:01:33 -0800\r\nFrom: =?utf-8?q?=C3=84da?= <ada@x>\r\n"
        b"To: group: bob@y;\r\nSubject: Re: [x] Fwd: Hello\r\n\r\n"
    )
    found = sort_keys(Message.parse(raw))
    # RFC 5256 section 2.2 has this date as its example.
    assert found.date == datetime(2001, 1, 1, 0, 1, 33, tzinfo=UTC)
    other = sort_keys(Message.parse(raw.replace(b"Re: [x] Fwd: Hello", b"hELLO")))
    assert found.subject == other.subject
    assert found.from_ == sort_keys(Message.parse(b"From: ADA@y\r\n\r\n")).from_
    assert found.to == sort_keys(Message.parse(b"To: Bob@z\r\n\r\n")).to
    assert found.size == len(raw)
    assert sort_keys(Message.parse(b"")).date is None


def test_thread_keys() -> None:
    raw = b"Message-ID: <c@x>\r\nReferences: <a@x>\r\n <b@x>\r\nSubject: Re: s\r\n\r\n"
    found = thread_keys(Message.parse(raw))
    assert (found.message_id, found.references) == ("c@x", ("a@x", "b@x"))
    assert found.reply_or_forward
    # RFC 5256 section 3: without References the first of In-Reply-To counts.
    raw = b"In-Reply-To: <a@x> <b@x>\r\nSubject: s\r\n\r\n"
    found = thread_keys(Message.parse(raw))
    assert found.references == ("a@x",)
    assert not found.reply_or_forward


def test_preview() -> None:
    message = Message.parse(
        b"Content-Type: text/html\r\n\r\n<p>Hello,</p>\r\n<p>world</p>" + b"x" * 999
    )
    assert preview(message).startswith("Hello, world")
    assert len(preview(message)) <= 256
