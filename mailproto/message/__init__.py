"""The message model: header, body and parts of what RFC 5322 and MIME describe.

The rooms, from the ground up:

* `_lexer`: the words that structured fields are made of.
* `_vocabulary`: what a header can say, as frozen values.
"""

from __future__ import annotations

from .._envelope import Envelope, Recipient
from ..errors import Defect
from ..limits import Limits
from ._vocabulary import (
    AddressList,
    Ambiguity,
    AuthenticationResults,
    AuthResult,
    ContentType,
    Date,
    Disposition,
    Group,
    ListId,
    ListUrls,
    Mailbox,
    MessageIds,
    MimeParam,
    Received,
    TagList,
    Text,
    Token,
    Tokens,
    TraceClause,
    Unparsed,
)

__all__ = [
    "AddressList",
    "Ambiguity",
    "AuthResult",
    "AuthenticationResults",
    "ContentType",
    "Date",
    "Defect",
    "Disposition",
    "Envelope",
    "Group",
    "Limits",
    "ListId",
    "ListUrls",
    "Mailbox",
    "MessageIds",
    "MimeParam",
    "Received",
    "Recipient",
    "TagList",
    "Text",
    "Token",
    "Tokens",
    "TraceClause",
    "Unparsed",
]
