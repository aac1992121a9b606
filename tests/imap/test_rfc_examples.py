"""The sessions that the RFCs show, read and written.

`examples/rfc*.txt` has their protocol lines: `C:` and `S:` as in the RFC, lines that are wrapped
there joined, `# 6.1.1` the section. After a line that announces a literal come its lines; `...`
stands for octets that the RFC leaves out, `+` for `+ `, `;` begins a remark. Lines that an RFC
abbreviates (`* 4 FETCH (...)`) are not there. Where it differs from its own grammar, `WRONG` says
how.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest

from mailproto import imap
from mailproto.imap import (
    AclData,
    Address,
    And,
    Annotation,
    Append,
    AppendMessage,
    Authenticate,
    Binary,
    BinarySize,
    Body,
    BodyStructure,
    CancelUpdate,
    CatenateUrl,
    Comparator,
    ComparatorData,
    Compress,
    Condition,
    Continuation,
    Create,
    Done,
    Enable,
    Enabled,
    Envelope,
    ESearch,
    ESearchData,
    EventGroup,
    Examine,
    Expunge,
    Fetch,
    FetchData,
    Fuzzy,
    GetMetadata,
    Id,
    IdData,
    Key,
    Language,
    LanguageData,
    List,
    ListData,
    ListRightsData,
    Login,
    MailboxFilter,
    MetadataData,
    Move,
    MyRightsData,
    NamespaceData,
    NamespaceItem,
    Not,
    Notify,
    Or,
    QuotaData,
    QuotaResource,
    QuotaRootData,
    Replace,
    ResponseCode,
    Search,
    SearchData,
    Section,
    Select,
    SequenceSet,
    SetAcl,
    SetMetadata,
    SetQuota,
    Sort,
    SortData,
    SortKey,
    Status,
    StatusData,
    Store,
    Thread,
    ThreadData,
    ThreadNode,
    Unauthenticate,
    UnknownCommand,
    UnknownData,
    Unparsed,
    Unselect,
    Vanished,
    encode,
    parse_command,
    parse_response,
)

EXAMPLES = Path(__file__).parent / "examples"


@attrs.frozen
class Line:
    """One command or response: `octets` with its literals and line ends."""

    rfc: str
    section: str
    side: str
    octets: bytes

    @property
    def command(self) -> bool:
        return self.side == "C"


_ANNOUNCED = re.compile(rb"~?\{([0-9]+)\+?\}$")


def load(name: str) -> list[Line]:
    """What is in one file. Answers to AUTHENTICATE are left out: they are base64."""
    found: list[Line] = []
    section = ""
    open_: dict[str, list[bytes]] = {"C": [], "S": []}
    left = {"C": 0, "S": 0}
    exchange = False
    for line in (EXAMPLES / f"{name}.txt").read_bytes().split(b"\n")[:-1]:
        if line[:1] == b";":
            continue
        if line[:1] == b"#":
            assert left == {"C": 0, "S": 0}, (name, section)
            section = line[2:].decode()
            continue
        side, text = line[:1].decode(), line[3:]
        pieces = open_[side]
        if left[side]:
            if text == b"...":
                text = b"x" * left[side]
                left[side] = 0
                pieces.append(text)
                continue
            assert len(text) + 2 <= left[side] or len(text) >= left[side], (name, section, line)
            inside = min(len(text) + 2, left[side])
            left[side] -= inside
            pieces.append(text + b"\r\n" if inside > len(text) else text[:inside])
            if inside > len(text):
                continue
            text = text[inside:]
        if side == "C" and exchange:
            assert re.fullmatch(rb"\*|[A-Za-z0-9+/]*=*", text), line
            continue
        pieces.append((b"+ " if text == b"+" else text) + b"\r\n")
        announced = _ANNOUNCED.search(text)
        if announced and int(announced[1]):
            left[side] = int(announced[1])
            continue
        octets = b"".join(pieces)
        pieces.clear()
        if side == "C" and b"AUTHENTICATE" in octets.upper():
            exchange = True
        elif side == "S" and octets[:1] not in b"*+":
            exchange = False
        found.append(Line(name, section, side, octets))
    assert left == {"C": 0, "S": 0}, (name, section)
    return found


def inside(value: Any) -> list[Any]:
    """A value and all that it is made of."""
    found = [value]
    for one in found:
        if isinstance(one, imap.FetchData):
            found += one.items
        elif isinstance(one, tuple):
            found += one
        elif attrs.has(type(one)):
            found += (getattr(one, field.name) for field in attrs.fields(type(one)))
    return found


def written(value: Any, **how: Any) -> bytes:
    fragments: Any = encode(value, **how)
    return b"".join(fragment.octets for fragment in fragments)


@attrs.frozen
class Wrong:
    """A line of an example that is not in the grammar."""

    names: str
    """The RFCs that have it."""
    line: bytes
    """The start of it."""
    outcome: str
    """The code of the defect that it is read with; or "refused" (a command), "unknown"."""
    why: str


NO_TEXT = "resp-text: a space follows the bracket, and in RFC 3501 a text as well"
_WIDE = "one space separates words"
_PARENTHESES = "the parentheses do not match"
_NO_OK = "there is neither OK nor NO nor BAD"
_CONFUSED = "the RFC shows how other servers and clients go wrong, or uses a shorthand"
WRONG = (
    *(
        Wrong(names, line, "no_text", NO_TEXT)
        for names, line in (
            ("2177 9051", b"* OK [UIDVALIDITY 1]"),
            ("9051", b"* OK [UIDNEXT 1]"),
            ("9051", b"e NO [CONTACTADMIN]"),
            ("5530", b"e OK [CONTACTADMIN]"),
            ("2193", b"* OK [UIDVALIDITY 123456789]"),
            ("4978", b"* OK [CAPABILITY IMAP4REV1 STARTTLS COMPRESS=DEFLATE]"),
            ("5257", rb"* OK [PERMANENTFLAGS (\Answered \Flagged \Draft \Deleted \Seen \*)]"),
            ("5257", b"* OK [UNSEEN 10268]"),
            ("5257", b"* OK [UIDVALIDITY 890061587]"),
            ("5257", b"* OK [UIDNEXT 34643]"),
            ("5257", b"* OK [ANNOTATIONS 20480 NOPRIVATE]"),
            ("5465", b"* OK [CAPABILITY IMAP4REV1 NOTIFY]"),
            ("5465", b"a00 OK"),
            ("6851 9051", b"* OK [COPYUID 432432 42:69 1202:1229]"),
            ("7162", b"* OK [HIGHESTMODSEQ 715194045007]"),
            ("7162", b"* OK [HIGHESTMODSEQ 12111230047]"),
            ("7162", b"* OK [CLOSED]"),
            ("7162", b"a107 OK"),
            ("7162", b"b107 OK"),
        )
    ),
    Wrong("2342 9051", b'* NAMESPACE (("INBOX." ".")) NIL  NIL', "extra_space", _WIDE),
    Wrong("5819 7889 9051", b'* LIST () "."  "INBOX"', "extra_space", _WIDE),
    Wrong("5819 9051", rb'* LIST (\Subscribed) "."  "INBOX"', "extra_space", _WIDE),
    Wrong("9394", b"101 UID FETCH 25900:26600 (UID FLAGS )", "refused", _WIDE),
    Wrong("9394", rb"* 12888 FETCH (FLAGS (\Flagged \Answered )", "extra_space", _WIDE),
    Wrong("2683", rb"* 3 FETCH (FLAGS(\Seen) BODY[1]<0>", "missing_space", _WIDE),
    Wrong("5255", b'* NAMESPACE (("" "/"))((', "missing_space", _WIDE),
    Wrong("5819", b'A02 LIST (SUBSCRIBED RECURSIVEMATCH)"" %', "refused", _WIDE),
    Wrong("4314", rb"* 1 FETCH (FLAGS (\Draft \Deleted)", "missing_parenthesis", _PARENTHESES),
    Wrong("4314", rb"* 2 FETCH (FLAGS (\Answered)", "missing_parenthesis", _PARENTHESES),
    Wrong("4314", rb"* 3 FETCH (FLAGS ($Forwarded \Seen)", "missing_parenthesis", _PARENTHESES),
    Wrong("5257", rb"* 1 FETCH (FLAGS (\Seen)) ANNOTATION", "extra_parenthesis", _PARENTHESES),
    Wrong("2193", b"* OK [PERMANENTFLAGS (Answered Deleted Seen ]", "unknown", _PARENTHESES),
    Wrong("5465", b'* ESEARCH (TAG "a00") (COUNT 17)', "unknown", "no list: search-return-data"),
    Wrong("5464", b'a GETMETADATA "INBOX" /private/comment /sh', "refused", "two are a list"),
    Wrong("5465", b"b notify set status (selected MessageNew", "refused", "events are a list"),
    Wrong("5465", b"e notify set (selected MessageNew", "refused", "events are a list"),
    Wrong(
        "5182 9051",
        b"B283 NO [BADCHARSET UTF-8]",
        "missing_parenthesis",
        "charsets are a list (RFC 9051 section 9)",
    ),
    Wrong("9051", rb'* LIST (\Marked) ":" Tables (', "missing_parenthesis", "tagged-ext-val"),
    Wrong("4314", b"a005 Listrights successful", "not_a_response", _NO_OK),
    Wrong("4314", b"A006 Select Completed", "not_a_response", _NO_OK),
    Wrong("5465", b"d STATUS completed", "not_a_response", _NO_OK),
    Wrong("5032", b"a1 * SEARCH 4 8 15", "not_a_response", "an untagged response has no tag"),
    Wrong("5465", b"* EXISTS 93", "unknown", "the number stands before EXISTS"),
    Wrong("5267", b"B01 SORT RETURN (UPDATE) FLAGGED", "refused", "no criteria and no charset"),
    Wrong("5267", b"B02 UID SORT RETURN (UPDATE COUNT) UTF-8", "refused", "no criteria"),
    Wrong("6237 7377", b"tag1 UID ESEARCH", "refused", "section 5 has ESEARCH without UID only"),
    Wrong("9051", b"* OK [UIDVALIDITY 9877410381]", "large_number", "an nz-number has 32 bits"),
    Wrong("2683", b'* LIST () "" INBOX', "empty_delimiter", _CONFUSED),
    Wrong("2683", b"001 FETCH 1 UID FLAGS INTERNALDATE", "refused", _CONFUSED),
    Wrong("2683", b"002 FETCH 2 UID FLAGS INTERNALDATE", "refused", _CONFUSED),
    Wrong("3501 9051", b"A442 XPIG-LATIN", "unknown", "an extension that nobody knows"),
    Wrong("3501 9051", b"* XPIG-LATIN", "unknown", "an extension that nobody knows"),
)


def read(line: Line) -> Any:
    return parse_command(line.octets) if line.command else parse_response(line.octets)


def outcome(line: Line) -> str:
    """What is wrong with a line: an `outcome` of `Wrong`, or "" if it is understood as it is."""
    try:
        value = read(line)
    except imap.SyntaxRefused:
        return "refused"
    if any(isinstance(one, (UnknownCommand, UnknownData, Unparsed)) for one in inside(value)):
        return "unknown"
    return " ".join(dict.fromkeys(defect.code for defect in value.defects))


NAMES = sorted(path.stem for path in EXAMPLES.glob("*.txt"))


by_rfc = pytest.mark.parametrize("name", NAMES)


@by_rfc
def test_every_line_is_understood(name: str) -> None:
    wrong = [one for one in WRONG if name[3:] in one.names.split()]
    found: list[tuple[Line, str]] = []
    for line in load(name):
        expected = [one.outcome for one in wrong if line.octets.startswith(one.line)]
        if [outcome(line)] != (expected or [""]):
            found.append((line, outcome(line)))
    assert found == []


@by_rfc
def test_every_wrong_line_is_there(name: str) -> None:
    lines = load(name)
    for one in WRONG:
        if name[3:] in one.names.split():
            assert any(line.octets.startswith(one.line) for line in lines), one


@by_rfc
def test_what_was_read_is_written_and_read_again(name: str) -> None:
    for line in load(name):
        if outcome(line) in ("refused", "unknown", "not_a_response", "large_number"):
            continue
        value = read(line)
        if not line.command:
            assert parse_response(written(value)) == value
            continue
        tag = getattr(value, "tag", "")  # DONE has none
        again = parse_command(written(value, tag=tag))
        assert again == value
        assert getattr(again, "tag", "") == tag


# --- What they say --------------------------------------------------------------------------------


def code(name: str, value: Any, text: str, status: Any = "OK", tag: str | None = None) -> Condition:
    return Condition(status, text, ResponseCode(name, value), tag)


def zone(hours: int) -> timezone:
    return timezone(timedelta(hours=hours))


def octets(rfc: str, start: bytes) -> bytes:
    """The line of an RFC that starts so."""
    return next(line.octets for line in load(f"rfc{rfc}") if line.octets.startswith(start))


def literals(rfc: str, start: bytes) -> list[bytes]:
    """The octets of the literals of a line, found by their sizes."""
    found: list[bytes] = []
    rest = octets(rfc, start)
    while announced := re.search(rb"\{([0-9]+)\+?\}\r\n", rest):
        end = announced.end() + int(announced[1])
        found.append(rest[announced.end() : end])
        rest = rest[end:]
    return found


GRAY = Address("Terry Gray", None, "gray", "cac.washington.edu")
MINUTES = Address(None, None, "minutes", "CNRI.Reston.VA.US")
KLENSIN = Address("John Klensin", None, "KLENSIN", "MIT.EDU")
ENVELOPE = Envelope(
    date="Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
    subject="IMAP4rev1 WG mtg summary and minutes",
    from_=(GRAY,),
    sender=(GRAY,),
    reply_to=(GRAY,),
    to=(Address(None, None, "imap", "cac.washington.edu"),),
    cc=(MINUTES, KLENSIN),
    bcc=(),
    in_reply_to=None,
    message_id="<B27397-0100000@cac.washington.edu>",
)
TEXT = BodyStructure(
    maintype="text",
    subtype="plain",
    params=(("charset", "US-ASCII"),),
    id=None,
    description=None,
    encoding="7bit",
    octets=3028,
    lines=92,
    md5=None,
    disposition=None,
    language=(),
    location=None,
)
JUNK = Key("UNKEYWORD", "$Junk")
SMITH = (Key("FLAGGED"), Key("SINCE", date(1994, 2, 1)), Not(Key("FROM", "Smith")))

VALUES: tuple[tuple[str, bytes, Any], ...] = (
    ("2177", b"DONE", Done()),
    (
        "2193",
        b"A001 NO [REFERRAL IMAP://user;AUTH=*@SERVER2/REMOTE",
        code(
            "REFERRAL",
            ("IMAP://user;AUTH=*@SERVER2/REMOTE", "IMAP://user;AUTH=*@SERVER3/REMOTE"),
            "Remote mailbox. Try SERVER2 or SERVER3.",
            "NO",
            "A001",
        ),
    ),
    ("2195", b"A0001 AUTH", Authenticate("CRAM-MD5")),
    (
        "2195",
        b"+ ",
        Continuation("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"),
    ),
    (
        "2221",
        b"* BYE [REFERRAL",
        code(
            "REFERRAL",
            ("IMAP://user;AUTH=*@SERVER2/",),
            "Server not accepting connections.  Try SERVER2",
            "BYE",
        ),
    ),
    (
        "2342",
        b'* NAMESPACE (("" "/")("#mh/"',
        NamespaceData(
            (
                NamespaceItem("", "/"),
                NamespaceItem("#mh/", "/", (("X-PARAM", ("FLAG1", "FLAG2")),)),
            ),
            None,
            None,
        ),
    ),
    (
        "2342",
        b'* NAMESPACE NIL NIL (("" "."))',
        NamespaceData(None, None, (NamespaceItem("", "."),)),
    ),
    ("2683", b'* LIST () "\\\\" {27}', ListData((), "\\", "this\\is\\a\\mailbox\\hierarchy")),
    ("2683", b'002 LIST "" "\\"My', List("", ('"My" mailbox\\%',))),
    (
        "2971",
        b"a023 ID",
        Id((("name", "sodr"), ("version", "19.34"), ("vendor", "Pink Floyd Music Limited"))),
    ),
    ("2971", b"* ID NIL", IdData(None)),
    (
        "3501",
        b"* OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)]",
        code("PERMANENTFLAGS", ("\\Deleted", "\\Seen", "\\*"), "Limited"),
    ),
    (
        "3501",
        b"A654 FETCH",
        Fetch(SequenceSet("2:4"), ("FLAGS", Body(Section((), "HEADER.FIELDS", ("DATE", "FROM"))))),
    ),
    ("3501", b"A282 SEARCH", Search(SMITH)),
    ("3501", b"A284 SEARCH", Search((Key("TEXT", "XXXXXX"),), "UTF-8")),
    ("3501", b"a003 fetch 12 full", Fetch(SequenceSet("12"), ("FULL",))),
    (
        "3501",
        b"* 12 FETCH (FLAGS (\\Seen) INTERNALDATE",
        FetchData(
            12,
            (
                ("FLAGS", ("\\Seen",)),
                ("INTERNALDATE", datetime(1996, 7, 17, 2, 44, 25, tzinfo=zone(-7))),
                ("RFC822.SIZE", 4286),
                ("ENVELOPE", ENVELOPE),
                ("BODY", TEXT),
            ),
        ),
    ),
    (
        "3501",
        b"* 12 FETCH (BODY[HEADER]",
        FetchData(12, ((Body(Section((), "HEADER")), literals("3501", b"* 12 FETCH (BODY[")[0]),)),
    ),
    ("3501", b"A003 STORE 2:4", Store(SequenceSet("2:4"), "+", ("\\Deleted",))),
    ("3501", b"A101 LIST", List("", ("",))),
    ("3501", b"A001 LOGIN {11}", Login("FRED FOOBAR", "fat man")),
    (
        "3502",
        b"A003 APPEND",
        Append(
            "saved-messages",
            (
                AppendMessage(literals("3502", b"A003 APPEND")[0], ("\\Seen",)),
                AppendMessage(
                    literals("3502", b"A003 APPEND")[1],
                    ("\\Seen",),
                    datetime(1994, 2, 7, 22, 43, 4, tzinfo=zone(-8)),
                ),
            ),
        ),
    ),
    ("3691", b"A341 UNSELECT", Unselect()),
    (
        "4314",
        b"* LISTRIGHTS ~/Mail/saved",
        ListRightsData("~/Mail/saved", "smith", "la", ("r", "swicdkxte")),
    ),
    (
        "4314",
        b"* ACL INBOX Fred rwipslxetad -Fred",
        AclData("INBOX", (("Fred", "rwipslxetad"), ("-Fred", "wetd"), ("$team", "w"))),
    ),
    ("4314", b"A002 SETACL", SetAcl("INBOX/Drafts", "Chris", "+cda")),
    ("4314", b"* MYRIGHTS INBOX rwipt", MyRightsData("INBOX", "rwiptsldaex")),
    ("4315", b"A003 UID EXPUNGE", Expunge(SequenceSet("3000:3002"))),
    (
        "4315",
        b"A003 OK [APPENDUID",
        code("APPENDUID", (38505, SequenceSet("3955")), "APPEND completed", tag="A003"),
    ),
    (
        "4315",
        b"A004 OK [COPYUID",
        code(
            "COPYUID",
            (38505, SequenceSet("304,319:320"), SequenceSet("3956:3958")),
            "Done",
            tag="A004",
        ),
    ),
    (
        "4466",
        b"a EXAMINE INBOX (ANNOTATE",
        Examine(
            "INBOX",
            (("ANNOTATE", None), ("RESPONSES", ("UID Responses",)), ("CONDSTORE", None)),
        ),
    ),
    (
        "4469",
        b"A003 APPEND Sent",
        Append(
            "Sent",
            (
                AppendMessage(
                    (
                        literals("4469", b"A003 APPEND Sent")[0],
                        CatenateUrl("/INBOX;UIDVALIDITY=785799047/;UID=11467"),
                        literals("4469", b"A003 APPEND Sent")[1],
                        CatenateUrl("/INBOX;UIDVALIDITY=785799047/;UID=113330/;section=1.5.9"),
                        literals("4469", b"A003 APPEND Sent")[2],
                        CatenateUrl("/INBOX;UIDVALIDITY=785799047/;UID=11916"),
                        literals("4469", b"A003 APPEND Sent")[3],
                    ),
                    ("\\Seen", "$MDNSent"),
                ),
            ),
        ),
    ),
    (
        "4469",
        b"A003 NO [BADURL",
        code(
            "BADURL",
            '"/INBOX;UIDVALIDITY=785799047/;UID=113330;section=1.5.9"',
            "CATENATE append has failed, one message expunged",
            "NO",
            "A003",
        ),
    ),
    ("4505", b"A002 AUTH", Authenticate("ANONYMOUS")),
    (
        "4731",
        b"a1 SEARCH",
        Search((Key("MODSEQ", "/flags/\\draft", "all", 620162338),), returns=(("MIN", None),)),
    ),
    (
        "4731",
        b'* ESEARCH (TAG "a4")',
        ESearchData((("MIN", 2), ("COUNT", 10), ("MODSEQ", 917162500)), "a4"),
    ),
    ("4959", b"A01 AUTHENTICATE EXTERNAL =", Authenticate("EXTERNAL", b"")),
    ("4959", b"A01 AUTHENTICATE PLAIN dGV", Authenticate("PLAIN", b"test\0test\0test")),
    ("4978", b"c compress", Compress("DEFLATE")),
    (
        "4978",
        b"c NO [COMPRESSIONACTIVE]",
        code("COMPRESSIONACTIVE", None, "DEFLATE active via TLS", "NO", "c"),
    ),
    ("5032", b"a1 SEARCH", Search((Key("UNSEEN"), Key("YOUNGER", 259200)))),
    ("5161", b"t2 ENABLE", Enable(("CONDSTORE", "X-GOOD-IDEA"))),
    ("5161", b"* ENABLED X-GOOD", Enabled(("X-GOOD-IDEA",))),
    (
        "5182",
        b"P283 SEARCH",
        Search(
            (And((Or(imap.SAVED, SequenceSet("1,3000:3021")),)), Key("TEXT", "YYYYYYYY")),
            "UTF-8",
        ),
    ),
    (
        "5255",
        b'* NAMESPACE (("" "/")) (("Other Users/"',
        NamespaceData(
            (NamespaceItem("", "/"),),
            (NamespaceItem("Other Users/", "/", (("TRANSLATION", ("Andere Ben&APw-tzer/",)),)),),
            (
                NamespaceItem(
                    "Public Folders/", "/", (("TRANSLATION", ("Gemeinsame Postf&AM8-cher/",)),)
                ),
            ),
        ),
    ),
    ("5255", b"A001 COMPARATOR", Comparator(("cz;*", "i;basic"))),
    ("5255", b"* COMPARATOR", ComparatorData("i;basic")),
    ("5255", b"* LANGUAGE (EN DE", LanguageData(("EN", "DE", "IT", "i-default"))),
    ("5255", b"E001 LANGUAGE", Language(("FR-CA", "EN-CA"))),
    (
        "5256",
        b"A283 SORT",
        Sort((SortKey("SUBJECT"), SortKey("DATE", reverse=True)), "UTF-8", (Key("ALL"),)),
    ),
    ("5256", b"* SORT 2 84 882", SortData((2, 84, 882))),
    (
        "5256",
        b"* THREAD (2)(3 6 (4 23)(44 7 96))",
        ThreadData(
            (
                ThreadNode((2,)),
                ThreadNode((3, 6), (ThreadNode((4, 23)), ThreadNode((44, 7, 96)))),
            )
        ),
    ),
    (
        "5256",
        b"* THREAD ((3)(5))",
        ThreadData((ThreadNode((), (ThreadNode((3,)), ThreadNode((5,)))),)),
    ),
    (
        "5256",
        b"A283 THREAD",
        Thread("ORDEREDSUBJECT", "UTF-8", (Key("SINCE", date(2000, 3, 5)),)),
    ),
    (
        "5257",
        b"a FETCH 1 (ANNOTATION ((/comment /altsubject) value.priv))",
        Fetch(SequenceSet("1"), (Annotation(("/comment", "/altsubject"), ("value.priv",)),)),
    ),
    (
        "5257",
        b"* 1 FETCH (ANNOTATION (/comment (value.priv",
        FetchData(
            1,
            (
                (
                    "ANNOTATION",
                    (
                        (
                            "/comment",
                            (("value.priv", b"My comment"), ("value.shared", b"Group note")),
                        ),
                    ),
                ),
            ),
        ),
    ),
    (
        "5257",
        b"a STORE 1 ANNOTATION (/comment (value.shared NIL))",
        Store(SequenceSet("1"), "", (), annotations=(("/comment", (("value.shared", None),)),)),
    ),
    (
        "5257",
        b"a APPEND drafts",
        Append(
            "drafts",
            (
                AppendMessage(
                    literals("5257", b"a APPEND")[0],
                    annotations=(("/comment", (("value.priv", b"Don't send until I say so"),)),),
                ),
            ),
        ),
    ),
    (
        "5257",
        b"a SEARCH ANNOTATION /comment",
        Search((Key("ANNOTATION", "/comment", "value", b"IMAP4"),)),
    ),
    (
        "5257",
        b"a SORT (ANNOTATION",
        Sort(
            (SortKey("ANNOTATION", False, "/altsubject", "value.shared"),),
            "UTF-8",
            (Key("ALL"),),
        ),
    ),
    (
        "5258",
        b"A05 LIST",
        List("", ("*",), selection=(("REMOTE", None), ("SUBSCRIBED", None))),
    ),
    ("5258", b"A03 LIST () ", List("", ("%",), (), (("CHILDREN", None),))),
    ("5258", b"BBB LIST", List("", ("INBOX", "Drafts", "Sent/%"))),
    (
        "5258",
        b'* LIST (\\NonExistent) "/" "Foo" ("CHILDINFO"',
        ListData(("\\NonExistent",), "/", "Foo", (("CHILDINFO", ("SUBSCRIBED",)),)),
    ),
    (
        "5267",
        b"E01 UID SORT",
        Sort(
            (SortKey("DATE", reverse=True),),
            "UTF-8",
            (Key("UNDELETED"), JUNK),
            returns=(),
            uid=True,
        ),
    ),
    (
        "5267",
        b'* ESEARCH (TAG "C01") UID ADDTO (1 2733 1 2732',
        ESearchData(
            (
                (
                    "ADDTO",
                    (
                        (1, SequenceSet("2733")),
                        (1, SequenceSet("2732")),
                        (1, SequenceSet("2731")),
                    ),
                ),
            ),
            "C01",
            True,
        ),
    ),
    (
        "5267",
        b'* ESEARCH (TAG "B01") UID REMOVEFROM',
        ESearchData((("REMOVEFROM", ((0, SequenceSet("32768")),)),), "B01", True),
    ),
    ("5267", b"* NO [NOUPDATE", code("NOUPDATE", "B02", "Too many contexts", "NO")),
    (
        "5267",
        b'* ESEARCH (TAG "A04") UID PARTIAL',
        ESearchData((("PARTIAL", ((24000, 24500), None)),), "A04", True),
    ),
    ("5267", b"B04 CANCELUPDATE", CancelUpdate(("B01",))),
    (
        "5464",
        b'a GETMETADATA "INBOX" (MAXSIZE',
        GetMetadata("INBOX", ("/shared/comment", "/private/comment"), (("MAXSIZE", 1024),)),
    ),
    (
        "5464",
        b'a GETMETADATA "INBOX" (DEPTH',
        GetMetadata("INBOX", ("/private/filters/values",), (("DEPTH", "1"),)),
    ),
    (
        "5464",
        b"a OK [METADATA LONGENTRIES",
        code("METADATA", ("LONGENTRIES", "2199"), "GETMETADATA complete", tag="a"),
    ),
    (
        "5464",
        b"a SETMETADATA INBOX (/private/comment {33}",
        SetMetadata("INBOX", (("/private/comment", b"My new comment across\r\ntwo lines."),)),
    ),
    (
        "5464",
        b'* METADATA "INBOX" /shared/comment',
        MetadataData("INBOX", changed=("/shared/comment", "/private/comment")),
    ),
    (
        "5464",
        b'* METADATA "INBOX" (/private/filters',
        MetadataData(
            "INBOX",
            (
                ("/private/filters/values/small", b"SMALLER 5000"),
                ("/private/filters/values/boss", b'FROM "boss@example.com"'),
            ),
        ),
    ),
    (
        "5465",
        b"a notify set (selected",
        Notify(
            (
                EventGroup(
                    MailboxFilter("SELECTED"), ("MESSAGENEW", "MESSAGEEXPUNGE"), ("UID", "FLAGS")
                ),
                EventGroup(
                    MailboxFilter("PERSONAL"), ("MESSAGENEW", "FLAGCHANGE", "MESSAGEEXPUNGE")
                ),
            )
        ),
    ),
    (
        "5465",
        b"a00 SEARCH",
        Search(
            (Key("FROM", "boss"),),
            returns=(
                ("COUNT", None),
                (
                    "UPDATE",
                    ("UID", Body(Section((), "HEADER.FIELDS", ("TO", "FROM", "SUBJECT")))),
                ),
            ),
        ),
    ),
    (
        "5465",
        b'* LIST () "/" "NewMailbox" ("OLDNAME"',
        ListData((), "/", "NewMailbox", (("OLDNAME", "OldMailbox"),)),
    ),
    (
        "5466",
        b"a SEARCH UID 300:900 FILTER",
        Search(
            (
                Key("UID", SequenceSet("300:900")),
                Key("FILTER", "on-the-road"),
                Key("SINCE", date(2002, 12, 3)),
            )
        ),
    ),
    (
        "5530",
        b"n2 OK",
        code("OVERQUOTA", None, "You are now over your soft quota", tag="n2"),
    ),
    (
        "5819",
        b"A01 LIST",
        List("", ("%",), returns=(("STATUS", ("MESSAGES", "UNSEEN")),)),
    ),
    ("6154", b"t2 CREATE", Create("MySpecial", (("USE", ("\\Drafts", "\\Sent")),))),
    ("6154", b"t3 NO", code("USEATTR", None, "\\All not supported", "NO", "t3")),
    ("6203", b"A1 SEARCH", Search((Fuzzy(And((Key("SUBJECT", "IMAP break"),))),))),
    (
        "6203",
        b"A2 SEARCH",
        Search((Fuzzy(Key("SUBJECT", "work")), Key("FROM", "user@example.com"))),
    ),
    (
        "6203",
        b'* ESEARCH (TAG "B1")',
        ESearchData((("ALL", SequenceSet("1,5,10")), ("RELEVANCY", (4, 99, 42))), "B1"),
    ),
    (
        "6203",
        b"C2 SORT",
        Sort(
            (SortKey("RELEVANCY"),),
            "UTF-8",
            (Fuzzy(Key("TEXT", "Helo")),),
            (("RELEVANCY", None), ("ALL", None)),
        ),
    ),
    (
        "6237",
        b"tag2 ESEARCH",
        ESearch(
            (Key("SUBJECT", "chad"),),
            sources=(
                MailboxFilter("MAILBOXES", ("folder1",)),
                MailboxFilter("SUBTREE-ONE", ("folder2",)),
            ),
        ),
    ),
    ("6851", b"a UID MOVE", Move(SequenceSet("42:69"), "foo", uid=True)),
    (
        "7162",
        b"A142 SELECT INBOX (QRESYNC",
        Select(
            "INBOX",
            (("QRESYNC", (3857529045, 20010715194032001, SequenceSet("1:198"), None)),),
        ),
    ),
    (
        "7162",
        b"B04 SELECT",
        Select(
            "INBOX",
            (
                (
                    "QRESYNC",
                    (
                        67890007,
                        90060115194045000,
                        SequenceSet("1:29997"),
                        (
                            SequenceSet("5000,7500,9000,9990:9999"),
                            SequenceSet(
                                "15000,22500,27000,29970,29973,29976,29979,29982,29985,29988,"
                                "29991,29994,29997"
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
    (
        "7162",
        b"* VANISHED (EARLIER) 41",
        Vanished(SequenceSet("41,43:116,118,120:211,214:540"), earlier=True),
    ),
    (
        "7162",
        b"d105 STORE",
        Store(
            SequenceSet("7,5,9"),
            "+",
            ("\\Deleted",),
            silent=True,
            modifiers=(("UNCHANGEDSINCE", 320162338),),
        ),
    ),
    (
        "7162",
        b"d105 OK",
        code("MODIFIED", SequenceSet("7,9"), "Conditional STORE failed", tag="d105"),
    ),
    (
        "7162",
        b"s100 UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)",
        Fetch(
            SequenceSet("300:500"),
            ("FLAGS",),
            (("CHANGEDSINCE", 12345), ("VANISHED", None)),
            uid=True,
        ),
    ),
    (
        "7162",
        b"* SEARCH 2 5 6 7",
        SearchData((2, 5, 6, 7, 11, 12, 18, 19, 20, 23), modseq=917162500),
    ),
    (
        "7162",
        b"t SEARCH OR NOT",
        Search((Or(Not(Key("MODSEQ", 720162338)), Key("LARGER", 50000)),)),
    ),
    (
        "7377",
        b'* ESEARCH (TAG "tag1" MAILBOX "folder2/banana"',
        ESearchData((("ALL", SequenceSet("3002,4004")),), "tag1", True, "folder2/banana", 503),
    ),
    (
        "7628",
        b"t1 AUTHENTICATE OAUTHBEARER",
        Authenticate(
            "OAUTHBEARER",
            b"n,a=user@example.com,\1host=server.example.com\1port=143\1"
            b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1",
        ),
    ),
    ("7888", b"A001 LOGIN {11+}", Login("FRED FOOBAR", "fat man")),
    ("7889", b"* STATUS INBOX", StatusData("INBOX", (("APPENDLIMIT", 257890),))),
    ("8438", b"A01 STATUS", Status("frop", ("MESSAGES", "SIZE", "UIDNEXT"))),
    ("8440", b"A01 LIST", List("", ("%",), returns=(("MYRIGHTS", None),))),
    (
        "8457",
        b't1 LIST "" "Imp*"',
        List("", ("Imp*",)),
    ),
    (
        "8457",
        b"* LIST (\\HasNoChildren \\Important)",
        ListData(("\\HasNoChildren", "\\Important"), "/", "Important Messages"),
    ),
    (
        "8474",
        b"3 OK [MAILBOXID",
        code("MAILBOXID", "F2212ea87-6097-4256-9d51-71338625", "Completed", tag="3"),
    ),
    (
        "8474",
        b"* STATUS foo (MAILBOXID",
        StatusData("foo", (("MAILBOXID", "F2212ea87-6097-4256-9d51-71338625"),)),
    ),
    (
        "8474",
        b"* 1 FETCH (EMAILID (M00000001)",
        FetchData(1, (("EMAILID", "M00000001"), ("THREADID", None))),
    ),
    ("8474", b"28 search", Search((Key("THREADID", "T64b478a75b7ea9"),))),
    (
        "8508",
        b"A011 UID REPLACE",
        Replace(
            3002,
            "Drafts",
            AppendMessage(
                (literals("8508", b"A011")[0], CatenateUrl("/Drafts/;UID=3002")),
            ),
            uid=True,
        ),
    ),
    (
        "8514",
        b"* 998 FETCH",
        FetchData(998, (("SAVEDATE", datetime(2015, 1, 1, 18, 50, 53, tzinfo=zone(1))),)),
    ),
    ("8514", b"A102 SEARCH", Search((Key("SAVEDON", date(2014, 12, 28)),))),
    ("8970", b"B1 FETCH", Fetch(SequenceSet("1:4"), ("ENVELOPE", "PREVIEW (LAZY)"))),
    (
        "8970",
        b"* 3 FETCH (PREVIEW {30}",
        FetchData(3, (("PREVIEW", "Message data from message 3.\r\n"),)),
    ),
    ("8970", b"* 9 FETCH (UID 23 PREVIEW NIL", FetchData(9, (("UID", 23), ("PREVIEW", None)))),
    (
        "9051",
        b'* LIST () "/" "Normalized"',
        ListData((), "/", "Normalized", (("OLDNAME", "NonNormalized"),)),
    ),
    (
        "9051",
        b'* LIST () ":" Tables:new',
        ListData(
            (),
            ":",
            "Tables:new",
            (("TABLECLOTH", ("edge", "lacy")), ("SAMPLE", ("text", "more text"))),
        ),
    ),
    ("9051", b"A285 SEARCH CHARSET", Search((Key("TEXT", "отпуск"),), "UTF-8")),
    (
        "9051",
        b"* ESEARCH COUNT 18",
        ESearchData((("COUNT", 18), ("ALL", SequenceSet("1:17,21")))),
    ),
    (
        "9208",
        b'* QUOTA "#user/alice" (STORAGE 54',
        QuotaData(
            "#user/alice", (QuotaResource("STORAGE", 54, 111), QuotaResource("MESSAGE", 42, 1000))
        ),
    ),
    (
        "9208",
        b'* QUOTAROOT INBOX "#user',
        QuotaRootData("INBOX", ("#user/alice", "!partition/sda4")),
    ),
    ("9208", b"* QUOTAROOT comp", QuotaRootData("comp.mail.mime", ())),
    ("9208", b"S0001 SETQUOTA", SetQuota("#user/alice", (("STORAGE", 510),))),
    (
        "9394",
        b"A01 UID SEARCH",
        Search((Key("UNDELETED"), JUNK), returns=(("PARTIAL", (-1, -100)),), uid=True),
    ),
    (
        "9394",
        b"10 UID FETCH",
        Fetch(SequenceSet("25900:26600"), ("UID", "FLAGS"), (("PARTIAL", (-1, -3)),), uid=True),
    ),
)


@pytest.mark.parametrize(
    ("rfc", "start", "value"), VALUES, ids=[f"{rfc} {start!r}" for rfc, start, _ in VALUES]
)
def test_what_a_line_says(rfc: str, start: bytes, value: Any) -> None:
    lines = [line for line in load(f"rfc{rfc}") if line.octets.startswith(start)]
    assert read(lines[0]) == value


def test_every_rfc_with_examples_has_a_value_that_is_looked_at() -> None:
    assert {f"rfc{rfc}" for rfc, _, _ in VALUES} == set(NAMES)


def test_the_tags_of_the_examples() -> None:
    """A tag is what the command or response has, and no part of its value."""
    listing: Any = parse_command(octets("5258", b"a3.1 LIST"))
    assert listing.tag == "a3.1"
    expunge: Any = parse_command(octets("7162", b". UID EXPUNGE"))
    assert expunge.tag == "."
    found = parse_response(octets("7162", b". OK"))
    assert isinstance(found, Condition)
    assert found.tag == "."


# --- RFCs without an example session --------------------------------------------------------------

GRAMMAR: tuple[tuple[str, bytes, Any], ...] = (
    (
        "3516 4.2",
        b"A1 FETCH 1 BINARY.PEEK[1.2]<0.100>\r\n",
        Fetch(SequenceSet("1"), (Binary(Section((1, 2)), 0, 100, True),)),
    ),
    (
        "3516 4.2",
        b"A1 FETCH 1 (BINARY.SIZE[3] BINARY[])\r\n",
        Fetch(SequenceSet("1"), (BinarySize(Section((3,))), Binary())),
    ),
    (
        "3516 4.3",
        b"* 1 FETCH (BINARY[1]<0> ~{4}\r\na\0b\n BINARY.SIZE[1] 4)\r\n",
        FetchData(1, ((Binary(Section((1,)), 0), b"a\0b\n"), (BinarySize(Section((1,))), 4))),
    ),
    (
        "3516 4.4",
        b"A1 APPEND a (\\Seen) ~{3}\r\n\0\r\n\r\n",
        Append("a", (AppendMessage(b"\0\r\n", ("\\Seen",), binary=True),)),
    ),
    ("3516 4.3", b"A1 NO [UNKNOWN-CTE] x\r\n", code("UNKNOWN-CTE", None, "x", "NO", "A1")),
    (
        "5957 4",
        b"A1 SORT (DISPLAYFROM REVERSE DISPLAYTO) UTF-8 ALL\r\n",
        Sort(
            (SortKey("DISPLAYFROM"), SortKey("DISPLAYTO", reverse=True)),
            "UTF-8",
            (Key("ALL"),),
        ),
    ),
    (
        "6855 4",
        b"A1 APPEND a UTF8 (~{3}\r\n\xc3\xa4\n)\r\n",
        Append("a", (AppendMessage("ä\n".encode(), binary=True, utf8=True),)),
    ),
    ("8437 3", b"A1 UNAUTHENTICATE\r\n", Unauthenticate()),
)


@pytest.mark.parametrize(("rfc", "line", "value"), GRAMMAR)
def test_what_the_grammar_of_the_others_has(rfc: str, line: bytes, value: Any) -> None:
    assert rfc
    if line[:1] == b"A" and b" NO " not in line:
        found: Any = parse_command(line)
        assert parse_command(written(found, tag="A1")) == value
    else:
        found = parse_response(line)
        assert parse_response(written(found)) == value
    assert found == value
    assert not found.defects


@pytest.mark.parametrize("rfc", ["3501", "9051"])
def test_a_literal_that_is_refused_is_never_sent(rfc: str) -> None:
    """The last example of RFC 3501 section 7.5 and of RFC 9051 section 7.6."""
    parser = imap.CommandParser()
    parser.receive_data(b"A044 BLURDYBLOOP {102856}\r\n")
    assert parser.next() == imap.LiteralWanted("A044", 102_856)
    parser.refuse()
    parser.receive_data(octets(rfc, b"A443 EXPUNGE"))
    assert parser.next() == Expunge()
