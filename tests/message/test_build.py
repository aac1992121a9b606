"""Building messages: what was given is what is read, by us and by others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.message import (
    Attachment,
    ContentType,
    Disposition,
    Leaf,
    Mailbox,
    Message,
    MimeParam,
    Multipart,
    compose,
    render,
)

WHEN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ADA = Mailbox("ada", "example.org", "Ada Lovelace")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
names = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=30)


def usual(**more: Any) -> Message:
    given_: dict[str, Any] = {"from_": ADA, "to": ["b@example.net"], "date": WHEN, **more}
    return compose(**given_)


def clean(message: Message) -> None:
    assert message.defects == ()
    assert message.ambiguities == ()
    assert message.conformance().problems == ()


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


TEXT: Any = "text"


# --- compose() ------------------------------------------------------------------------------------


@given(texts, texts, names)
@example("=_", "--=_" + "0" * 30, "../a")
@example("From x\n.\n\n", "", "")
@example("x" * 2_000, "ü" * 2_000, "ü" * 200)
def test_what_was_given_is_what_is_read(text: str, html: str, filename: str) -> None:
    data = text.encode("utf-8") + b"\0\r\n--\xff"
    message = usual(
        subject=filename,
        text=text,
        html=html,
        inline=[Attachment(data, filename, "image/png", "cid@example.org")],
        attachments=[Attachment(data, filename), Attachment(text, filename, "text/plain")],
    )
    clean(message)
    assert [part.type for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/octet-stream",
        "text/plain",
    ]
    parts = list(message.walk())
    assert parts[2].text == lines(text)
    assert parts[4].text == lines(html)
    assert parts[5].content == parts[6].content == data
    assert parts[7].text == lines(text)
    assert [part.filename for part in parts[5:]] == [filename] * 3
    assert parts[5].content_id == "cid@example.org"
    assert message.header.subject == filename
    assert bytes(message).isascii()
    assert message.attachments[-2:] == (parts[6], parts[7])


@pytest.mark.parametrize(
    ("given_", "types"),
    [
        ({"text": "x"}, ["text/plain"]),
        ({}, ["text/plain"]),
        ({"html": "x"}, ["text/html"]),
        ({"text": "x", "html": "y"}, ["multipart/alternative", "text/plain", "text/html"]),
        (
            {"html": "y", "inline": [Attachment(b"z", "", "image/gif", "c@d")]},
            ["multipart/related", "text/html", "image/gif"],
        ),
        (
            {"attachments": [Attachment(b"z")]},
            ["multipart/mixed", "text/plain", "application/octet-stream"],
        ),
    ],
)
def test_the_shape_follows_from_what_there_is(given_: dict[str, Any], types: list[str]) -> None:
    message = usual(**given_)
    clean(message)
    assert [part.type for part in message.walk()] == types


def test_a_message_is_attached_as_it_is() -> None:
    inner = usual(subject="inner", text="innen ü", eight_bit=True)
    assert not bytes(inner).isascii()
    message = usual(subject="outer", attachments=[inner, Attachment(inner, "inner.eml")])
    clean(message)
    # RFC 2045 section 6.4: what is composite says how wide a way it needs, and is not encoded.
    assert message.encoding == "8bit"
    for part in message.attachments:
        assert part.type == "message/rfc822"
        assert part.encoding == "8bit"
        assert part.message == inner
        assert bytes(part.body) == bytes(inner)
    assert message.attachments[1].filename == "inner.eml"


def test_header_fields() -> None:
    message = compose(
        from_="Ada <ada@example.org>, Charles <c@example.net>",
        sender="ada@example.org",
        reply_to="office@example.org",
        to="friends: b@example.net, d@example.net;",
        cc=[Mailbox("e", "example.net", "É")],
        date=WHEN,
        subject="Grüße",
        message_id="<x@example.org>",
        in_reply_to=["a@b"],
        references=["a@b", "<c@d>"],
        fields=[("X-Mailer", "mailproto"), ("Auto-Submitted", "auto-generated")],
        text="x",
    )
    clean(message)
    header = message.header
    assert [box.local_part for box in header.from_] == ["ada", "c"]
    assert [box.local_part for box in header.to] == ["b", "d"]
    assert header.cc.mailboxes[0].name == "É"
    assert header.date == WHEN
    assert (header.message_id, header.in_reply_to, header.references) == (
        "x@example.org",
        ("a@b",),
        ("a@b", "c@d"),
    )
    assert [field.name for field in header] == [
        "Date", "From", "Sender", "Reply-To", "To", "Cc", "Subject", "Message-ID", "In-Reply-To",
        "References", "X-Mailer", "Auto-Submitted", "MIME-Version", "Content-Type",
        "Content-Transfer-Encoding",
    ]  # fmt: skip


def test_nothing_is_taken_from_chance() -> None:
    assert bytes(usual(text="x", html="y")) == bytes(usual(text="x", html="y"))


# --- Trees ----------------------------------------------------------------------------------------


def test_a_boundary_does_not_occur() -> None:
    """Not even where somebody knows how it is made."""

    def built(body: str) -> Message:
        return render(Multipart("mixed", [Leaf(body)]), [("From", ADA), ("Date", WHEN)])

    boundary = built("x" * 80).content_type.get("boundary")
    assert boundary is not None
    body = f"--{boundary}\r\n\r\nforged".ljust(80)
    message = built(body)
    assert message.content_type.get("boundary") != boundary
    clean(message)
    assert len(message.parts) == 1
    assert message.parts[0].content == body.encode()


@pytest.mark.parametrize(
    "bad",
    [
        lambda: render(Multipart("mixed", [])),
        lambda: render(Multipart("mi xed", [Leaf("x")])),
        lambda: render(Multipart("mixed", [Leaf("x")], (MimeParam("boundary", "x\r\nBcc: y"),))),
        lambda: render(Multipart("mixed", [Leaf("x")], (MimeParam("a", "x\r\nBcc: y"),))),
        lambda: render(Leaf(b"x", "multipart/mixed")),
        lambda: render(Leaf(b"x", "message/rfc822")),
        lambda: render(Leaf(b"x", "text/plain\r\nBcc: y")),
        lambda: render(Leaf(b"x", "text")),
        lambda: render(Leaf(b"x", content_id="a\r\nBcc: y")),
        lambda: render(Leaf("\ud800")),
        lambda: render(Leaf(b"x", disposition=Disposition("x", (MimeParam("filename", "\n"),)))),
        lambda: render(Leaf(b"x"), [("Bcc: y\r\nX", "z")]),
        lambda: usual(from_="a@b\r\nBcc: y"),
        lambda: usual(from_="a@b <c@d>"),
        lambda: usual(to="g: <@x:a@b>;"),
        lambda: usual(to="g: a..b@c;"),
        lambda: usual(to=['"a\r\nRCPT TO:<x@e>"@b']),
        lambda: usual(subject="a\nb"),
        lambda: usual(message_id="a\r\nb"),
        lambda: usual(fields=[("Content-Type", "text/html")]),
        lambda: usual(inline=[Attachment(b"x")]),
        lambda: usual(date=WHEN.replace(tzinfo=None)),
        lambda: usual(attachments=[Attachment(b"x", "a\r\nb")]),
        lambda: usual(attachments=[Attachment(b"x", "a", ContentType("a\nb", "c"))]),
    ],
)
def test_what_cannot_be_written(bad: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        bad()


@pytest.mark.parametrize(
    "bad",
    [
        lambda: usual(references="a@b"),
        lambda: usual(to=[5]),
        lambda: render(TEXT),
        lambda: render(Leaf("x", "image/png")),
    ],
)
def test_classes_that_cannot_be_written(bad: Any) -> None:
    with pytest.raises(TypeError):
        bad()
