"""Real IMAP clients with mailproto's server machine, as the example uses it."""

from __future__ import annotations

import asyncio
import imaplib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from examples.imap_server import Store, serve

from .processes import HOST, find_program, run_program

pytestmark = pytest.mark.interop

MESSAGE = b"From: ann@example.org\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n\r\nhello\r\n.dot\r\n"


@pytest.fixture
def port() -> Iterator[int]:
    """The example's server, with an empty INBOX for ada."""
    loop = asyncio.new_event_loop()
    listener = loop.run_until_complete(serve(Store("ada", "engine"), HOST, 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield listener.sockets[0].getsockname()[1]

    async def close() -> None:
        listener.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def logged_in(port: int) -> imaplib.IMAP4:
    client = imaplib.IMAP4(HOST, port)
    assert client.login("ada", "engine")[0] == "OK"
    return client


def test_imaplib(port: int) -> None:
    """Log in, append, fetch, search by flag and UID, store, copy, expunge, log out."""
    client = logged_in(port)
    assert client.select() == ("OK", [b"0"])
    when = imaplib.Time2Internaldate(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert client.append("INBOX", r"(\Seen)", when, MESSAGE)[0] == "OK"
    assert client.append("INBOX", None, None, MESSAGE)[0] == "OK"  # type: ignore[arg-type]
    assert client.search(None, "UNSEEN") == ("OK", [b"2"])
    status, data = client.fetch("1", "(UID FLAGS INTERNALDATE RFC822)")
    assert status == "OK"
    assert isinstance(data[0], tuple)
    assert data[0][1] == MESSAGE
    assert b'INTERNALDATE " 2-Jan-2026' in data[0][0]
    assert client.create("Sent")[0] == "OK"
    assert client.copy("1:2", "Sent")[0] == "OK"
    assert client.uid("store", "1", "+FLAGS", r"(\Deleted)")[0] == "OK"
    assert client.expunge() == ("OK", [b"1"])
    assert client.status("Sent", "(MESSAGES)") == ("OK", [b"Sent (MESSAGES 2)"])
    assert client.uid("search", "ALL") == ("OK", [b"2"])
    assert client.logout()[0] == "BYE"


def test_two_clients(port: int) -> None:
    """One is told of what the other does."""
    one, two = logged_in(port), logged_in(port)
    one.select()
    two.append("INBOX", None, None, MESSAGE)  # type: ignore[arg-type]
    assert one.noop()[0] == "OK"
    assert one.response("EXISTS")[1][-1] == b"1"
    one.logout()
    two.logout()


def test_curl(port: int, open_folder: Path) -> None:
    """A client that fetches by UID, lists and searches."""
    client = logged_in(port)
    client.append("INBOX", None, None, MESSAGE)  # type: ignore[arg-type]
    client.logout()
    curl = [find_program("curl"), "-sS", "--user", "ada:engine"]
    where = f"imap://{HOST}:{port}"
    fetched = run_program(curl[0], [*curl[1:], f"{where}/INBOX;UID=1"], home=open_folder)
    assert fetched.stdout == MESSAGE
    listed = run_program(curl[0], [*curl[1:], f"{where}/"], home=open_folder)
    assert b'* LIST (\\HasNoChildren) "/" INBOX' in listed.stdout
    found = run_program(  # the search is by flag
        curl[0],
        [*curl[1:], f"{where}/INBOX", "-X", "SEARCH UNSEEN"],
        home=open_folder,
    )
    assert found.stdout.startswith(b"* SEARCH")
