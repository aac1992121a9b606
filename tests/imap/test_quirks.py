"""What servers and clients in the field write otherwise than the RFC has it, and what is read.

Each row: who writes it, the line, the value that is read, and the codes of the defects. The line is
always followed by another, which has to be read as what it is: the stream stays in step.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mailproto import imap
from mailproto.imap import (
    Address,
    Body,
    BodyStructure,
    CapabilityData,
    Condition,
    Continuation,
    Envelope,
    Exists,
    FetchData,
    IdData,
    ListData,
    NamespaceData,
    NamespaceItem,
    QuotaData,
    QuotaResource,
    ResponseCode,
    SearchData,
    Section,
    SequenceSet,
    StatusData,
    UnknownData,
    Unparsed,
)

NEXT = b"* 23 EXISTS\r\n"


def envelope(subject: str | None = "s", **fields: Any) -> Envelope:
    """An envelope with a date and, unless told otherwise, nothing but a subject."""
    names = ("from_", "sender", "reply_to", "to", "cc", "bcc", "in_reply_to", "message_id")
    given: dict[str, Any] = dict.fromkeys(names, ())
    given |= {"date": "d", "subject": subject, "in_reply_to": None, "message_id": None}
    given |= fields
    return Envelope(**given)


def part(kind: str = "text/plain", **fields: Any) -> BodyStructure:
    """A part; a text of one octet and one line unless told otherwise."""
    maintype, _, subtype = kind.partition("/")
    given: dict[str, Any] = {
        "params": (),
        "id": None,
        "description": None,
        "encoding": "7bit",
        "octets": 0 if maintype == "multipart" else 1,
        "lines": 1 if maintype == "text" else None,
        "md5": None,
        "disposition": None,
        "language": (),
        "location": None,
        **fields,
    }
    return BodyStructure(maintype=maintype, subtype=subtype, **given)


def code(name: str, value: Any, text: str = "x", tag: str | None = None) -> Condition:
    """An OK with a response code."""
    return Condition("OK", text, ResponseCode(name, value), tag)


def structure(line: bytes) -> bytes:
    return b"* 1 FETCH (BODYSTRUCTURE %b)\r\n" % line


def enveloped(line: bytes) -> bytes:
    return b"* 1 FETCH (ENVELOPE %b)\r\n" % line


def read(line: bytes) -> Any:
    """The response on a line, if the next one can still be read."""
    parser = imap.ResponseParser()
    parser.receive_data(line + NEXT)
    found = parser.next()
    assert parser.next() == Exists(23)
    assert not parser.open
    return found


ANN = Address("a", None, "b", "c")
PLAIN = b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1%b)'

FRAMING = [
    ("imapflow: padding", b"\0\0* 1 EXISTS\r\n", Exists(1), {"nul"}),
    (
        "Outlook.com",
        b"Server Unavailable. 15\r\n",
        Condition("BAD", "Server Unavailable. 15"),
        {"not_a_response"},
    ),
    (
        "a busy server",
        b"421 Server is busy\r\n",
        Condition("BAD", "421 Server is busy"),
        {"not_a_response"},
    ),
    (
        "a firewall",
        b"NO LOGOUT Intrusion attempt detected\r\n",
        Condition("NO", "LOGOUT Intrusion attempt detected"),
        {"no_tag"},
    ),
    (
        "SMTP",
        b"220 host ESMTP\r\n",
        Condition("BAD", "220 host ESMTP"),
        {"not_a_response"},
    ),
    ("LF alone", b"* 1 EXISTS\n", Exists(1), {"bare_lf"}),
    ("LF alone behind {n}", b"* LIST () NIL {1}\nx\r\n", ListData((), None, "x"), {"odd_literal"}),
    ("{n} in text", b"* OK quota is {5}\r\n", Condition("OK", "quota is {5}"), set()),
    ("{n} in a tagged text", b"A NO at {5}\r\n", Condition("NO", "at {5}", tag="A"), set()),
    ("{n} in a continuation", b"+ send {5}\r\n", Continuation("send {5}"), set()),
    (
        "{n} in a quoted string",
        enveloped(b'("d" "Subject: {50} Test" NIL NIL NIL NIL NIL NIL NIL NIL)'),
        FetchData(1, (("ENVELOPE", envelope("Subject: {50} Test")),)),
        set(),
    ),
    (
        "{n} in a string that is not closed",
        b'* 1 FETCH (UID 4 ENVELOPE ("d" "x {5}\r\n',
        FetchData(1, (("UID", 4), ("ENVELOPE", Unparsed(b'("d" "x {5}')))),
        {"missing_parenthesis", "unreadable_value"},
    ),
    (
        "leading zeros",
        b"* 1 FETCH (BODY[] {0005}\r\nhello)\r\n",
        FetchData(1, ((Body(), b"hello"),)),
        {"odd_literal"},
    ),
    (
        "junk before the brace",
        b"* 1 FETCH (BODY[] {5 }\r\nhello)\r\n",
        FetchData(1, ((Body(), b"hello"),)),
        {"odd_literal"},
    ),
    (
        "{n+} from a server",
        b"* 1 FETCH (BODY[] {5+}\r\nhello)\r\n",
        FetchData(1, ((Body(), b"hello"),)),
        {"odd_literal"},
    ),
    (
        "cpython#88574: a line end behind a literal",
        b"* 1 FETCH (BODY[] {5}\r\nhello\r\n UID 5)\r\n",
        FetchData(1, ((Body(), b"hello"), ("UID", 5))),
        {"extra_line_end"},
    ),
    (
        "the same at the end",
        b"* 1 FETCH (BODY[] {5}\r\nhello\r\n)\r\n",
        FetchData(1, ((Body(), b"hello"),)),
        {"extra_line_end"},
    ),
    ("no space behind +", b"+\r\n", Continuation(), {"missing_space"}),
    ("QQ", b"+ VXNlciBOYW1lAA==\r\n", Continuation("VXNlciBOYW1lAA=="), set()),
    (
        "mixed case",
        b'* List (\\HasNoChildren) "/" "INBOX"\r\n',
        ListData(("\\HasNoChildren",), "/", "INBOX"),
        set(),
    ),
    ("mixed case, tagged", b"a1 Ok done\r\n", Condition("OK", "done", tag="a1"), set()),
    ("two spaces", b"*  1 EXISTS\r\n", Exists(1), {"odd_space"}),
]

STATUS = [
    ("iCloud", b"* OK [UIDVALIDITY 1]\r\n", code("UIDVALIDITY", 1, ""), {"no_text"}),
    ("go-imap", b"A1 OK\r\n", Condition("OK", tag="A1"), {"no_text"}),
    (
        "trailing space",
        b'* STATUS "x" (UIDNEXT 4) \r\n',
        StatusData("x", (("UIDNEXT", 4),)),
        {"trailing_space"},
    ),
    (
        "trailing space",
        b"* CAPABILITY IMAP4rev1 \r\n",
        CapabilityData(("IMAP4rev1",)),
        {"extra_space"},
    ),
    ("trailing space", b"* ID NIL \r\n", IdData(), {"trailing_space"}),
    ("trailing space", b"* SEARCH 1 2 \r\n", SearchData((1, 2)), {"trailing_space"}),
    (
        "imapflow#1654",
        b"* CAPABILITY IMAP4rev1 LITERAL + ID\r\n",
        CapabilityData(("IMAP4rev1", "LITERAL+", "ID")),
        {"space_in_capability"},
    ),
    ("#1010", b"* OK [UIDNEXT 0] x\r\n", code("UIDNEXT", 0), {"zero"}),
    ("#150", b"* OK [UIDVALIDITY 0] x\r\n", code("UIDVALIDITY", 0), {"zero"}),
    ("#34", b"* OK [UNSEEN 0] x\r\n", code("UNSEEN", 0), {"zero"}),
    (
        "Outlook: messages that were gone",
        b"A OK [COPYUID 1  ] x\r\n",
        code("COPYUID", (1, imap.EMPTY, imap.EMPTY), tag="A"),
        {"no_sets"},
    ),
    (
        "Office 365",
        b"A OK [COPYUID 55 31 6] x\r\n",
        code("COPYUID", (55, SequenceSet("31"), SequenceSet("6")), tag="A"),
        set(),
    ),
    (
        "home.pl: no OK",
        b"* [COPYUID 55 31 6] x\r\n",
        code("COPYUID", (55, SequenceSet("31"), SequenceSet("6"))),
        {"no_status"},
    ),
    (
        "a bracket that is not closed",
        b"* OK [foo text\r\n",
        Condition("OK", "[foo text"),
        {"code_without_end"},
    ),
    (
        "brackets inside",
        b"* OK [FOO [bar] baz] x\r\n",
        code("FOO", "[bar] baz"),
        {"bracket_in_code"},
    ),
    (
        "a bracket inside",
        b"* OK [BADURL imap://h/;section=1.5]x] x\r\n",
        code("BADURL", "imap://h/;section=1.5]x"),
        {"bracket_in_code"},
    ),
    (
        "cpython#21815",
        b"* OK [PERMANENTFLAGS (a]b \\*)] x\r\n",
        code("PERMANENTFLAGS", ("a]b", "\\*")),
        {"odd_flag"},
    ),
    (
        "Gmail",
        b"* OK [PERMANENTFLAGS ([Gmail] \\*)] x\r\n",
        code("PERMANENTFLAGS", ("[Gmail]", "\\*")),
        {"odd_flag"},
    ),
    (
        "no parentheses",
        b"* OK [MAILBOXID F1] x\r\n",
        code("MAILBOXID", "F1"),
        {"missing_parenthesis"},
    ),
    ("RFC 2060", b"* OK [NEWNAME a b] x\r\n", code("NEWNAME", ("a", "b")), set()),
    ("Gmail", b"* OK [WEBALERT https://h/] x\r\n", code("WEBALERT", "https://h/"), set()),
]

MAILBOXES = [
    (
        "Exchange #945",
        b'* LIST (\\HasNoChildren) "/" INBOX/Da\tOggetto\t\r\n',
        ListData(("\\HasNoChildren",), "/", b"INBOX/Da\tOggetto\t"),
        {"unquoted_name"},
    ),
    ("a literal", b'* LIST () "/" {3}\r\na b\r\n', ListData((), "/", "a b"), set()),
    (
        "a literal",
        b"* STATUS {3}\r\na b (MESSAGES 1)\r\n",
        StatusData("a b", (("MESSAGES", 1),)),
        set(),
    ),
    ("no delimiter", b"* LIST () NIL x\r\n", ListData((), None, "x"), set()),
    ("an empty delimiter", b'* LIST () "" x\r\n', ListData((), None, "x"), {"empty_delimiter"}),
    ("a mailbox NIL", b'* LIST () "/" NIL\r\n', ListData((), "/", "NIL"), {"nil_name"}),
    (
        "no delimiter",
        b'* NAMESPACE (("" NIL)) NIL NIL\r\n',
        NamespaceData((NamespaceItem("", None),), None, None),
        set(),
    ),
    ("a leading delimiter", b'* LIST () "/" /x\r\n', ListData((), "/", "/x"), set()),
    (
        "IMAPClient: spaces",
        b"* STATUS My files (UIDNEXT 24369)\r\n",
        StatusData("My files", (("UIDNEXT", 24369),)),
        {"unquoted_name"},
    ),
    (
        "no limit",
        b"* STATUS x (APPENDLIMIT NIL)\r\n",
        StatusData("x", (("APPENDLIMIT", None),)),
        set(),
    ),
    ("strato.de", b"* LIST\r\n", UnknownData("LIST", Unparsed(b"")), {"unreadable"}),
    ("strato.de", b"* XLIST\r\n", UnknownData("XLIST", Unparsed(b"")), {"unreadable"}),
    (
        "UTF-8 that was not enabled: sent back as it came",
        '* LIST () "/" Entwürfe\r\n'.encode(),
        ListData((), "/", "Entwürfe".encode()),
        {"odd_atom", "undecodable_name"},
    ),
    (
        "not modified UTF-7: sent back as it came",
        b'* LIST () "/" &Jjo\r\n',
        ListData((), "/", b"&Jjo"),
        {"undecodable_name"},
    ),
    (
        "two spaces",
        b'* QUOTA "" (STORAGE  10 512)\r\n',
        QuotaData("", (QuotaResource("STORAGE", 10, 512),)),
        {"extra_space"},
    ),
    (
        "no root",
        b"* QUOTA (STORAGE 10 512)\r\n",
        QuotaData("", (QuotaResource("STORAGE", 10, 512),)),
        {"no_root"},
    ),
]

FETCHES = [
    ("Courier #428", b"* 0 FETCH (UID 1)\r\n", FetchData(0, (("UID", 1),)), {"zero"}),
    ("QQ", b"* 11487 FETCH (UID 19436 )\r\n", FetchData(11487, (("UID", 19436),)), {"extra_space"}),
    (
        "Domino",
        b'* 1 FETCH (UID 1 (ENVELOPE ("d" "s" NIL NIL NIL NIL NIL NIL NIL NIL)) BODYSTRUCTURE %b)'
        b"\r\n" % (PLAIN % b""),
        FetchData(1, (("UID", 1), ("ENVELOPE", envelope()), ("BODYSTRUCTURE", part()))),
        {"extra_parenthesis"},
    ),
    (
        "Yandex",
        b"* 1 FETCH (UID 2 BODY[2] )\r\n",
        FetchData(1, (("UID", 2), (Body(Section((2,))), None))),
        {"missing_value", "extra_space"},
    ),
    (
        "the partial, echoed",
        b'* 1 FETCH (BODY[]<0.10> "x")\r\n',
        FetchData(1, ((Body(offset=0), b"x"),)),
        {"echoed_request"},
    ),
    (
        "no octets there",
        b"* 1 FETCH (BODY[1.TEXT]<0> NIL)\r\n",
        FetchData(1, ((Body(Section((1,), "TEXT"), 0), None),)),
        set(),
    ),
    (
        "DavMail",
        structure(b'"" ' + PLAIN % b""),
        FetchData(1, (("BODYSTRUCTURE", part()),)),
        {"extra_string"},
    ),
    (
        "items behind the literal",
        b"* 1 FETCH (BODY[1] {3}\r\nabc UID 4 FLAGS ())\r\n",
        FetchData(1, ((Body(Section((1,))), b"abc"), ("UID", 4), ("FLAGS", ()))),
        set(),
    ),
    ("Zoho", b"* 1 FETCH (MODSEQ (0))\r\n", FetchData(1, (("MODSEQ", 0),)), {"zero"}),
    ("Zoho", b"* 1 FETCH (MODSEQ (-5))\r\n", FetchData(1, (("MODSEQ", 0),)), {"negative_number"}),
    (
        "Zoho",
        b"* 1 FETCH (MODSEQ (18446744073709551615))\r\n",
        FetchData(1, (("MODSEQ", 2**64 - 1),)),
        {"large_number"},
    ),
    (
        "mail.ru #1838",
        b"* 1 FETCH (RFC822.SIZE 9.3736e+06 UID 1)\r\n",
        FetchData(1, (("RFC822.SIZE", 9_373_600), ("UID", 1))),
        {"not_an_integer"},
    ),
    (
        "no size",
        b"* 1 FETCH (RFC822.SIZE -1 UID 1)\r\n",
        FetchData(1, (("RFC822.SIZE", 0), ("UID", 1))),
        {"negative_number"},
    ),
    (
        "QQ: no padding",
        b'* 1 FETCH (INTERNALDATE "9-Feb-2007 01:02:03 +0000")\r\n',
        FetchData(1, (("INTERNALDATE", datetime(2007, 2, 9, 1, 2, 3, tzinfo=UTC)),)),
        {"odd_date"},
    ),
    (
        "no date",
        b"* 1 FETCH (INTERNALDATE NIL UID 1)\r\n",
        FetchData(1, (("INTERNALDATE", None), ("UID", 1))),
        {"nil_date"},
    ),
    (
        "no date at all",
        b'* 1 FETCH (INTERNALDATE "garbage" UID 1)\r\n',
        FetchData(1, (("INTERNALDATE", Unparsed(b'"garbage"')), ("UID", 1))),
        {"unreadable_value"},
    ),
    (
        "NIL among labels",
        b'* 1 FETCH (X-GM-LABELS ("\\\\Inbox" x NIL))\r\n',
        FetchData(1, (("X-GM-LABELS", ("\\Inbox", "x", "NIL")),)),
        {"nil_label"},
    ),
    ("no thread", b"* 1 FETCH (THREADID NIL)\r\n", FetchData(1, (("THREADID", None),)), set()),
    (
        "NIL as a flag",
        b"* 1 FETCH (FLAGS (NIL))\r\n",
        FetchData(1, (("FLAGS", ("NIL",)),)),
        {"nil_flag"},
    ),
    (
        "odd flags",
        b"* 1 FETCH (FLAGS (+ \\Recent a{b))\r\n",
        FetchData(1, (("FLAGS", ("+", "\\Recent", "a{b")),)),
        {"odd_flag"},
    ),
]

ENVELOPES: list[tuple[str, bytes, Any, set[str]]] = [
    (
        "#485: quotes inside",
        b'("d" "a "quoted" subj" NIL NIL NIL NIL NIL NIL NIL NIL)',
        envelope('a "quoted" subj'),
        {"bad_quoting"},
    ),
    (
        "an escape of nothing",
        b'("d" "te\\Zst" NIL NIL NIL NIL NIL NIL NIL NIL)',
        envelope("te\\Zst"),
        {"bad_quoting"},
    ),
    (
        "8-bit",
        b'("d" "\xe9t\xe9" NIL NIL NIL NIL NIL NIL NIL NIL)',
        envelope("\udce9t\udce9"),
        {"eight_bit"},
    ),
    (
        "an atom for a string",
        b'("d" subject NIL NIL NIL NIL NIL NIL NIL NIL)',
        envelope("subject"),
        {"unquoted"},
    ),
    ("#669", b'("d" "s" NIL NIL NIL NIL NIL NIL)', envelope(), {"envelope_fields"}),
    (
        "#932",
        b'("d" "s" NIL NIL NIL NIL NIL NIL "<m@x>")',
        envelope(message_id="<m@x>"),
        {"envelope_fields"},
    ),
    ("no envelope", b"NIL", None, {"no_envelope"}),
    ("an empty list", b'("d" "s" () NIL NIL NIL NIL NIL NIL NIL)', envelope(), {"empty_list"}),
    (
        "SmarterMail #991",
        b'("d" "s" (("a" NIL "b" "c") NIL) NIL NIL NIL NIL NIL NIL NIL)',
        envelope(from_=(ANN,)),
        {"extra_space", "nil_address"},
    ),
    (
        "spaces between addresses",
        b'("d" "s" (("a" NIL "b" "c") ("a" NIL "b" "c")) NIL NIL NIL NIL NIL NIL NIL)',
        envelope(from_=(ANN, ANN)),
        {"extra_space"},
    ),
    (
        "a missing space",
        b'("d" "s" (("a" NIL "b" "c"))NIL NIL NIL NIL NIL NIL NIL)',
        envelope(from_=(ANN,)),
        {"missing_space"},
    ),
    (
        "NIL and an address",
        b'("d" "s" (NIL ("a" NIL "b" "c")) NIL NIL NIL NIL NIL NIL NIL)',
        envelope(from_=(ANN,)),
        {"nil_address", "extra_space"},
    ),
    (
        "an address that is no list",
        b'("d" "s" ("a" NIL "b" "c") NIL NIL NIL NIL NIL NIL NIL)',
        envelope(from_=(ANN,)),
        {"bare_address"},
    ),
    (
        "Gmail #494",
        b'("d" "s" (("<s@d>" NIL "=?UTF-8?Q?"Dummy"?=" NIL)) NIL NIL NIL NIL NIL NIL NIL)',
        envelope(from_=(Address("<s@d>", None, '=?UTF-8?Q?"Dummy"?=', None),)),
        {"bad_quoting"},
    ),
    (
        "angle brackets",
        b'("d" "s" ((NIL NIL "<members=x.com" "members.x.com>")) NIL NIL NIL NIL NIL NIL NIL)',
        envelope(from_=(Address(None, None, "<members=x.com", "members.x.com>"),)),
        set(),
    ),
    (
        "no mailbox, a route, a group without an end",
        b'("d" "s" ((NIL "@a,@b" NIL "MISSING")) NIL NIL ((NIL NIL "g" NIL)) NIL NIL NIL NIL)',
        envelope(
            from_=(Address(None, "@a,@b", None, "MISSING"),),
            to=(Address(None, None, "g", None),),
        ),
        set(),
    ),
    (
        "MailKit#1369: characters were counted, not octets",
        b'("d" "s" (({5}\r\nhello wor NIL "facility" "x.com")) NIL NIL NIL NIL NIL NIL NIL)',
        envelope(from_=(Address("hello wor", None, "facility", "x.com"),)),
        {"unquoted", "address_fields"},
    ),
]

STRUCTURES = [
    (
        "#205: no parts",
        b'(%b("ALTERNATIVE" ("BOUNDARY" "x") NIL NIL) "MIXED")' % (PLAIN % b""),
        part(
            "multipart/mixed",
            parts=(part(), part("multipart/alternative", params=(("boundary", "x"),))),
        ),
        {"empty_multipart"},
    ),
    (
        "#777",
        b'("RELATED" NIL ("ATTACHMENT" NIL) NIL)',
        part("multipart/related", disposition=("attachment", ())),
        {"empty_multipart"},
    ),
    ("#1841", b'("ALTERNATIVE")', part("multipart/alternative"), {"empty_multipart"}),
    (
        "Dovecot #1393",
        b'(NIL "alternative" ("boundary" "x") NIL NIL NIL)',
        part("multipart/alternative", params=(("boundary", "x"),)),
        {"empty_multipart"},
    ),
    (
        "Office 365 #1446",
        b'(NIL NIL NIL NIL NIL "7BIT" 0 NIL NIL NIL NIL)',
        part("application/octet-stream", octets=0),
        {"no_type"},
    ),
    (
        "a multipart as a basic part",
        b'("multipart" "related" ("boundary" "x") NIL NIL "7bit" 400 (("a" "b")) 5)',
        part("multipart/related", params=(("boundary", "x"),), octets=400),
        {"unknown_fields"},
    ),
    (
        "no type",
        b'( "X-ZIP" NIL NIL NIL "BASE64" 5 NIL NIL NIL NIL)',
        part("application/x-zip", encoding="base64", octets=5),
        {"no_type"},
    ),
    (
        "no type",
        b'( "PLAIN" ("charset" "x") NIL NIL "7BIT" 5 1 NIL NIL NIL NIL)',
        part(params=(("charset", "x"),), octets=5),
        {"no_type"},
    ),
    ("an empty type", b'("" "PLAIN" NIL NIL NIL "7BIT" 1 1)', part(), {"no_type"}),
    (
        "#944: () as the body of a message",
        b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 1 ("d" "s" NIL NIL NIL NIL NIL NIL NIL NIL) () 5)',
        part("message/rfc822", envelope=envelope(), lines=5),
        {"empty_list"},
    ),
    ("() as the location", PLAIN % b" NIL NIL NIL ()", part(), {"empty_list"}),
    (
        "#919",
        PLAIN % b' NIL "inline" NIL NIL',
        part(disposition=("inline", ())),
        {"bare_disposition"},
    ),
    ("NIL as a disposition", PLAIN % b" NIL (NIL NIL) NIL NIL", part(), {"nil_disposition"}),
    (
        "#486: quotes in quotes",
        PLAIN % b' NIL ("\\"inline\\"" NIL) NIL NIL',
        part(disposition=("inline", ())),
        {"bad_quoting"},
    ),
    (
        "disposition and language swapped",
        PLAIN % b' NIL NIL ("inline" ("filename" "x")) NIL',
        part(disposition=("inline", (("filename", "x"),))),
        {"swapped"},
    ),
    (
        "#953: NIL among languages",
        PLAIN % b' NIL ("inline" NIL) ("en" NIL) NIL',
        part(disposition=("inline", ()), language=("en",)),
        {"nil_language"},
    ),
    (
        "Exchange: a description where the disposition belongs",
        b'(%b "MIXED" ("boundary" "x") "a desc" NIL)' % (PLAIN % b""),
        part("multipart/mixed", params=(("boundary", "x"),), parts=(part(),)),
        {"no_disposition"},
    ),
    (
        "mail.ru #124",
        b'(%b "MIXED" ("boundary" NIL) NIL NIL)' % (PLAIN % b""),
        part("multipart/mixed", params=(("boundary", ""),), parts=(part(),)),
        {"nil_parameter"},
    ),
    ("maddy", b'("TEXT" "PLAIN" NIL NIL NIL NIL 1 1)', part(), {"no_encoding"}),
    (
        "Bluemind: eleven elements",
        b'("TEXT" "HTML" ("charset" "x") NIL NIL "7BIT" 1 NIL NIL NIL NIL)',
        part("text/html", params=(("charset", "x"),), lines=None),
        {"no_lines"},
    ),
    (
        "Gmail #32: a message as a basic part",
        b'("MESSAGE" "RFC822" NIL NIL NIL "BASE64" 1 NIL NIL NIL NIL)',
        part("message/rfc822", encoding="base64"),
        {"opaque_message"},
    ),
    (
        "go-imap#557: fields are missing",
        b'("APPLICATION" "PDF" NIL NIL NIL "BASE64" 1)',
        part("application/pdf", encoding="base64"),
        set(),
    ),
    (
        "UTF-8 in a name",
        '("APPLICATION" "PDF" ("name" "ф.pdf") NIL NIL "BASE64" 1)'.encode(),
        part("application/pdf", params=(("name", "ф.pdf"),), encoding="base64"),
        {"eight_bit"},
    ),
    (
        "-1 octets",
        b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" -1 -1)',
        part(octets=0, lines=0),
        {"negative_number"},
    ),
    (
        "163.com: quotes as a description",
        b'("TEXT" "PLAIN" NIL NIL """" "7BIT" 1 1)',
        part(description='""'),
        {"bad_quoting"},
    ),
    (
        "a quote that is not closed",
        b'("TEXT" "NIL NIL NIL NIL "7BIT" 5 1)',
        Unparsed(b'("TEXT" "NIL NIL NIL NIL "7BIT" 5 1)'),
        {"unreadable_value"},
    ),
]

ROWS = [
    *FRAMING,
    *STATUS,
    *MAILBOXES,
    *FETCHES,
    *(
        (who, enveloped(line), FetchData(1, (("ENVELOPE", value),)), codes)
        for who, line, value, codes in ENVELOPES
    ),
    *(
        (who, structure(line), FetchData(1, (("BODYSTRUCTURE", value),)), codes)
        for who, line, value, codes in STRUCTURES
    ),
]


@pytest.mark.parametrize(("who", "line", "value", "codes"), ROWS, ids=[row[0] for row in ROWS])
def test_servers(who: str, line: bytes, value: Any, codes: set[str]) -> None:
    found = read(line)
    assert found == value, who
    assert found.anomalies == codes


def test_the_rest_of_a_fetch_survives() -> None:
    """An item that cannot be read is `Unparsed` in its place (law 4)."""
    found = read(b'* 1 FETCH (UID 1 BODYSTRUCTURE ("TEXT" "NIL NIL "7BIT" 5) FLAGS (\\Seen))\r\n')
    assert found.uid == 1
    assert found["BODYSTRUCTURE"] == Unparsed(b'("TEXT" "NIL NIL "7BIT" 5)')
    assert found.flags == ("\\Seen",)


@pytest.mark.parametrize("name", [b"&Jjo", "Entwürfe".encode(), b"&AGE-", b"\xff\xfe"])
def test_a_name_that_does_not_decode_goes_back_as_it_came(name: bytes) -> None:
    found = read(b'* LIST () "/" "%b"\r\n' % name)
    assert found.mailbox == name
    sent = b"".join(
        fragment.octets
        for fragment in imap.encode(imap.Select(found.mailbox), tag="A")
        if isinstance(fragment, imap.Fragment)
    )
    assert name in sent


# --- What clients write ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "command", "codes"),
    [
        (b"A1 IDLE \r\n", imap.Idle(), {"trailing_space"}),
        (b"a1 login ann secret\r\n", imap.Login("ann", "secret"), set()),
        (
            b"a1 uId fEtch 1:* flags\r\n",
            imap.Fetch(SequenceSet("1:*"), ("FLAGS",), uid=True),
            set(),
        ),
        (b"done\r\n", imap.Done(), set()),
        (
            b'A1 STATUS "x" (messages uidnext)\r\n',
            imap.Status("x", ("MESSAGES", "UIDNEXT")),
            set(),
        ),
        (
            b"A1 SEARCH RETURN () SINCE 1-Feb-1994 not from Smith\r\n",
            imap.Search(
                (
                    imap.Key("SINCE", datetime(1994, 2, 1, tzinfo=UTC).date()),
                    imap.Not(imap.Key("FROM", "Smith")),
                ),
                returns=(),
            ),
            set(),
        ),
    ],
)
def test_clients(line: bytes, command: Any, codes: set[str]) -> None:
    found = imap.parse_command(line)
    assert found == command
    assert found.anomalies == codes


@pytest.mark.parametrize(
    "line",
    [
        b'A1 LOGIN "a\nb" x\r\n',  # greenmail#999
        b'A1 LOGIN "a\rb" x\r\n',
        b'A1 LOGIN "a\\nb" x\r\n',
        b'A1 LOGIN "a\0b" x\r\n',
        b"A1  NOOP\r\n",
        b"A1 NOOP x\r\n",
        b"A1 LOGIN ann\r\n",
        b"A1 FETCH 0 FLAGS\r\n",
        b"A1 FETCH 4294967296 FLAGS\r\n",
        b"A1 FETCH 1 (FLAGS\r\n",
        b"A1 SEARCH OR SEEN\r\n",
        b"A1 SEARCH (SEEN\r\n",
        b"A1 STORE 1 FLAGS (\\Seen\r\n",
        b"+ NOOP\r\n",
        b"A+ NOOP\r\n",
        b"\r\n",
        b"A1\r\n",
    ],
)
def test_what_is_refused_from_clients(line: bytes) -> None:
    """A server is strict, and stays in step (RFC 9051 section 9)."""
    parser = imap.CommandParser()
    parser.receive_data(line + b"A2 NOOP\r\n")
    assert isinstance(parser.next(), imap.BadCommand)
    assert parser.next() == imap.Noop()


def test_charsets_without_parentheses() -> None:
    """BADCHARSET as RFC 5182 section 2.2 and RFC 9051 section 6.4.4.4 show it."""
    found = imap.parse_response(b"A1 NO [BADCHARSET UTF-8 US-ASCII] x\r\n")
    code = ResponseCode("BADCHARSET", ("UTF-8", "US-ASCII"))
    assert found == Condition("NO", "x", code, "A1")
    assert found.anomalies == {"missing_parenthesis"}
    written = b"A1 NO [BADCHARSET (UTF-8 US-ASCII)] x\r\n"
    assert imap.encode(found) == (imap.Fragment(written),)


@pytest.mark.parametrize(
    ("line", "items"),
    [
        (b'* LIST () "/" x (FOO 1:5 BAR 7 BAZ (a (b)))\r\n', ("FOO", "BAR", "BAZ")),
        (b"* STATUS x (FOO 1:5,7 BAR 7)\r\n", ("FOO", "BAR")),
        (b'* ESEARCH (TAG "a") FOO 1:* BAR (1 2)\r\n', ("FOO", "BAR")),
    ],
)
def test_a_value_that_a_later_rfc_adds_may_be_a_set(line: bytes, items: tuple[str, ...]) -> None:
    """tagged-ext-simple in RFC 9051 section 9."""
    found: Any = imap.parse_response(line)
    values = dict(found.extended if isinstance(found, ListData) else found.items)
    assert tuple(values) == items
    assert isinstance(values["FOO"], SequenceSet)
    assert not found.defects
    assert imap.encode(found) == (imap.Fragment(line),)


def test_an_extended_list_item_has_a_value_always() -> None:
    """mbox-list-extended-item; RFC 9051 section 7.3.1 shows a bare string, against its grammar."""
    found = imap.parse_response(b'* LIST () ":" t (a (b) Sample "text")\r\n')
    assert found == ListData((), ":", "t", (("A", ("b",)), ("SAMPLE", ("text",))))
    assert found.anomalies == {"missing_parenthesis"}


def test_parentheses_that_belong_to_nothing_cost_no_more_than_their_octets() -> None:
    """What is behind each of them is not looked at again."""
    found = imap.parse_response(b"* 1 FETCH (UID 7" + b") " * 300_000 + b"\r\n")
    assert found == FetchData(1, (("UID", 7),))
    assert found.anomalies == {"extra_parenthesis", "extra_space"}  # of the first hundred


def test_a_code_that_nobody_knows_needs_no_argument() -> None:
    """resp-text-code ends with `atom [SP 1*<any TEXT-CHAR except "]">]` (RFC 9051 section 9)."""
    found = imap.parse_response(b"* NO [THROTTLED] x\r\n")
    assert found == Condition("NO", "x", ResponseCode("THROTTLED"))
    assert not found.defects
    assert imap.encode(found) == (imap.Fragment(b"* NO [THROTTLED] x\r\n"),)
