"""Messages for comparing what IMAP servers make of them: with CRLF, each about one thing."""

from __future__ import annotations

__all__ = ["MIME"]

_TOP = (
    "From: Ada Lovelace <ada@example.org>\n"
    "To: charles@example.net\n"
    "Subject: %s\n"
    "Date: Mon, 23 Nov 2026 09:30:00 +0000\n"
    "Message-ID: <%s@example.org>\n"
    "MIME-Version: 1.0\n"
)


def _mail(name: str, rest: str) -> bytes:
    text = _TOP % (name, name) + rest
    return text.replace("\n", "\r\n").encode()


def _header(name: str, fields: str) -> bytes:
    """A message that is all header: no other fields than these."""
    return f"X-Name: {name}\n{fields}\n\nbody\n".replace("\n", "\r\n").encode()


_NESTED = """\
Content-Type: multipart/mixed; boundary="outer"

This is the preamble.
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe
--inner
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+R3LDvMOfZTwvcD4=
--inner--
--outer
Content-Type: application/pdf; name="a report.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="a report.pdf"; size=1234
Content-ID: <part2@example.org>
Content-Description: The report
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Language: en, de
Content-Location: http://example.org/report

JVBERi0xLjQK
--outer
Content-Type: message/rfc822
Content-Description: forwarded

From: "Babbage, Charles" <charles@example.net>
Sender: <office@example.net>
Reply-To: Office <office@example.net>, other@example.net
To: Ada <ada@example.org>
Cc: friends: a@example.org, "B" <b@example.org>;
Bcc: hidden@example.org
Subject: inside
Date: Sun, 22 Nov 2026 10:00:00 +0100
In-Reply-To: <x@example.org>
Message-ID: <inside@example.net>
Content-Type: multipart/mixed; boundary=inside

--inside

implicit text
of two lines
--inside
Content-Type: image/png
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--inside--
epilogue inside
--outer--
This is the epilogue.
"""

_DIGEST = """\
Content-Type: multipart/digest; boundary=d

--d

From: one@example.org
Subject: first

text one
--d
Content-Type: text/plain

not a message
--d

Subject: second

text two
--d--
"""

_REPORT = """\
Content-Type: multipart/report; report-type=delivery-status; boundary="r"

--r

It could not be delivered.

--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; nobody@example.net
Action: failed
Status: 5.1.1

--r
Content-Type: text/rfc822-headers

Subject: lost

--r--
"""

MIME: dict[str, bytes] = {
    "plain": _mail("plain", "\nHello\nworld\n"),
    "no_type": _mail("no_type", "Content-Type: text\n\nx\n").replace(b"MIME-Version", b"X-None"),
    "html": _mail("html", "Content-Type: TEXT/HTML; Charset=ISO-8859-1\n\n<p>\n"),
    "empty_body": _mail("empty_body", "\n"),
    "nested": _mail("nested", _NESTED),
    "digest": _mail("digest", _DIGEST),
    "report": _mail("report", _REPORT),
    "not_closed": _mail(
        "not_closed", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n"
    ),
    "inner_not_closed": _mail(
        "inner_not_closed",
        "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--a\n\ntwo\n--a--\n",
    ),
    "empty_parts": _mail(
        "empty_parts",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\n--b\n\n--b\n\nx\n--b--\n",
    ),
    "padded_delimiters": _mail(
        "padded_delimiters",
        "Content-Type: multipart/mixed; boundary=b\n\n"
        "--b  \n\none\n--b\t\n\ntwo\n--b-- \nepilogue\n",
    ),
    "message_in_message": _mail(
        "message_in_message",
        "Content-Type: message/rfc822\n\nSubject: 1\nContent-Type: message/rfc822\n\n"
        "Subject: 2\n\nthe text\n",
    ),
    "rfc2231": _mail(
        "rfc2231",
        'Content-Type: application/x-stuff; title*0=one; title*1=two;\n title*2=" three"\n'
        "Content-Disposition: attachment; filename*=utf-8''%E2%82%AC%20rates.txt\n\nx\n",
    ),
    "comments": _mail(
        "comments",
        "Content-Type: (a) text (b) / plain (c); (d) charset (e) = (f) utf-8 (g)\n"
        "Content-Transfer-Encoding: (h) 8bit (i)\nContent-ID: (j) <x@y> (k)\n\nx\n",
    ),
    "encoded_words": _header(
        "encoded_words",
        "From: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <a@example.org>\n"
        "To: =?utf-8?b?w6Q=?= =?utf-8?b?w7Y=?= <b@example.org>\n"
        "Subject: =?iso-8859-1?q?=FCber?= und =?utf-8?q?=C3=BC?=",
    ),
    "folded": _header(
        "folded",
        "Subject: one\n two\n\tthree   four\nFrom: A\n B <a@\n example.org>\nTo:\n x@y.org",
    ),
    "quoted": _header(
        "quoted",
        'From: "A. \\"quoted\\" name, here" <"a b"@example.org>\nTo: "only quotes"@example.org\n'
        'Cc: A. B. Dotted <c@example.org>, "(no comment)" <d@example.org>',
    ),
    "comment_names": _header(
        "comment_names", "From: a@example.org (Ada (the) First)\nTo: b@example.org (B), c@x.org"
    ),
    "groups": _header(
        "groups",
        "From: a@example.org\nTo: undisclosed-recipients:;\n"
        'Cc: A: a@x.org, B <b@x.org>; , c@x.org, "D: E": d@x.org;',
    ),
    "routes": _header("routes", "From: A <@one.org,@two.org:a@three.org>\nReturn-Path: <>"),
    "literals": _header("literals", "From: a@[192.0.2.1]\nTo: b@[IPv6:2001:db8::1]"),
    "utf8": _header("utf8", "From: Grüße <grüße@example.org>\nSubject: Grüße"),
    "empty_fields": _header("empty_fields", "From:\nTo: \nSubject:\nDate: \nMessage-ID:"),
    "nothing": b"\r\nbody only\r\n",
    "sender_and_reply": _header(
        "sender_and_reply", "From: a@x.org, b@x.org\nSender: S <s@x.org>\nReply-To: r@x.org"
    ),
    "in_reply_to": _header(
        "in_reply_to", "In-Reply-To: <a@b>\n <c@d>\nReferences: <a@b>\nMessage-ID:  <e@f>  "
    ),
    "many_levels": _mail(
        "many_levels",
        "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(20))
        + "\nx\n"
        + "".join(f"--b{n}--\n" for n in reversed(range(20))),
    ),
}
