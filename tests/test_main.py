"""`python -m mailproto`: one mail through all the machines, and every octet of it arrives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailproto.__main__ import main

STAGES = (
    "Envelope ---",
    "Header ---",
    "Body ---",
    "SMTP submission",
    "LMTP delivery",
    "POP3 retrieval",
    "IMAP archive",
)


def test_the_sample_goes_through_every_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    at = [printed.index(stage) for stage in STAGES]
    assert at == sorted(at)
    for line in ("C: STARTTLS", "C: BDAT", "C: LHLO", "C: DATA", "C: STLS", "C: RETR 1", "C: DONE"):
        assert line in printed
    assert printed.endswith("octets arrived, identical.\n")


def test_it_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert "not shown below" not in capsys.readouterr().out


def test_it_runs_as_a_program() -> None:
    ran = subprocess.run([sys.executable, "-m", "mailproto"], capture_output=True, check=True)
    assert ran.stdout.rstrip().endswith(b"identical.")
    assert ran.stderr == b""


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\r\n",
        b".",
        b"Subject: no end of line",
        b"Subject: dots\r\n\r\n.\r\n..\r\n.\r\n",
        b"Subject: bare newlines\n\n.\nFrom here\r.\r\n\n",
        b"Subject: 8-bit and NUL\r\n\r\n\xff\0\xc3\r\n",
        b"Subject: long\r\n\r\n" + b"x" * 200_000 + b"\r\n",
    ],
    ids=lambda message: repr(message[:24]),
)
def test_a_message_of_ones_own(
    message: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "message.eml"
    path.write_bytes(message)
    assert main([str(path)]) == 0
    assert capsys.readouterr().out.endswith("octets arrived, identical.\n")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\xff", b":", b" "])).map(b"".join))
def test_any_octets_arrive(tmp_path: Path, message: bytes) -> None:
    path = tmp_path / "message.eml"
    path.write_bytes(message)
    assert main([str(path)]) == 0


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / "none.eml")])
    assert ended.value.code == 2
    assert "none.eml: No such file" in capsys.readouterr().err
