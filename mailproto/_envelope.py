"""Who a message is really from and to: `Envelope`, and the ESMTP parameters that ride on it.

An envelope is what an MTA reads; the header is what people read. It is plain data: SMTP fills it on
the way in (`Server.envelope`) and runs a transaction from it on the way out (`Client.submit()`).

A parameter is kept as it stands on the wire (`Param`); a `Parameter` is the row that knows its
typed value, both ways. The rows themselves live with the protocol (`smtp.SIZE`, `smtp.RET`, ...).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import attrs

__all__ = ["Envelope", "Param", "Parameter", "Recipient", "WithParams"]

T = TypeVar("T")


@attrs.frozen
class Param:
    """One ESMTP parameter of a MAIL or RCPT command (RFC 5321 section 4.1.2, esmtp-param).

    The attributes of XCLIENT and XFORWARD are written in the same way.
    """

    keyword: str
    """In upper case."""
    value: str | None = None
    """As on the wire (xtext stays encoded), or None without `=`."""


@attrs.frozen
class Parameter(Generic[T]):
    """What there is to know about one parameter: a row of an extension's table.

    `SIZE(1000)` makes the `Param`; `mail.get(SIZE)` reads it back. Both raise ValueError for a
    value that the parameter cannot have; a command that was parsed holds none of those.
    """

    keyword: str
    command: str
    """"MAIL", "RCPT", or the verb of the extension's own command."""
    parse: Callable[[str | None], T] = attrs.field(repr=False)
    """The typed value of what stands on the wire. Raises ValueError."""
    format: Callable[[T], str | None] = attrs.field(repr=False)
    """What stands on the wire for a typed value. Raises ValueError."""
    extension: str = ""
    """The EHLO keyword that offers it; "" when it is the same word."""
    value_extension: tuple[tuple[str, str], ...] = ()
    """(value, EHLO keyword) of values that another keyword offers: BODY=BINARYMIME."""

    excludes: str = ""
    """A parameter that cannot stand beside it."""

    def __call__(self, value: T) -> Param:
        return Param(self.keyword, self.format(value))

    def needs(self, param: Param) -> str:
        """The EHLO keyword that a peer must have offered for `param`."""
        for value, keyword in self.value_extension:
            if param.value is not None and param.value.upper() == value:
                return keyword
        return self.extension or self.keyword


class WithParams:
    """Typed reading of `params`, for everything that has them."""

    __slots__ = ()
    params: tuple[Param, ...]

    def get(self, parameter: Parameter[T]) -> T | None:
        """The typed value of a parameter, or None if it is not there."""
        keyword = parameter.keyword
        for param in self.params:
            if param.keyword == keyword:
                return parameter.parse(param.value)
        return None


@attrs.frozen
class Recipient(WithParams):
    """One recipient: its address and its own parameters (NOTIFY, ORCPT, RRVS)."""

    address: str
    params: tuple[Param, ...] = ()

    def __str__(self) -> str:
        return self.address


def _recipients(given: Iterable[Recipient | str]) -> tuple[Recipient, ...]:
    if isinstance(given, str):
        raise TypeError("recipients is a list of addresses, not one address")
    return tuple([Recipient(one, ()) if isinstance(one, str) else _checked(one) for one in given])


def _checked(one: object) -> Recipient:
    if not isinstance(one, Recipient):
        raise TypeError(f"a recipient is a string or a Recipient, not {type(one).__name__}")
    return one


@attrs.frozen
class Envelope(WithParams):
    """Sender, recipients, and the parameters of both."""

    sender: str
    """The reverse-path without its brackets; "" is the null path of bounces."""
    recipients: tuple[Recipient, ...] = attrs.field(converter=_recipients)
    """In order. Strings are taken as addresses without parameters."""
    params: tuple[Param, ...] = ()
    """Of the MAIL command."""
