"""Bytes from the terminal: whatever comes in, the app goes on and no stray key is pressed."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.driver import LenientDecoder

ROOT = Path(__file__).parents[2]


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_raise_however_they_are_cut(data: bytes, cut: int) -> None:
    decoder = LenientDecoder()
    text = decoder.decode(data[:cut]) + decoder.decode(data[cut:]) + decoder.decode(b"", True)
    assert isinstance(text, str)


@given(st.text(max_size=50).filter(lambda text: "\x1b" not in text), st.integers(0, 200))
def test_utf8_comes_through_whole_however_it_is_cut(text: str, cut: int) -> None:
    data = text.encode()
    decoder = LenientDecoder()
    assert decoder.decode(data[:cut]) + decoder.decode(data[cut:]) + decoder.decode(b"", True) == text


@given(st.integers(0, 223), st.integers(0, 223), st.integers(0, 8))
def test_an_x10_mouse_report_becomes_an_sgr_report(column: int, row: int, cut: int) -> None:
    report = b"\x1b[M" + bytes([32, 32 + column, 32 + row])
    data = b"a" + report + b"b"
    decoder = LenientDecoder()
    text = decoder.decode(data[:cut]) + decoder.decode(data[cut:])
    assert text == f"a\x1b[<0;{column};{row}Mb" or 1 < cut < 4


def test_an_x10_release_becomes_an_sgr_release() -> None:
    assert LenientDecoder().decode(b"\x1b[M#!!") == "\x1b[<0;1;1m"


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert LenientDecoder().decode(b"a\xffb") == "a\ufffdb"


PROGRAM = """
import asyncio, sys
sys.path.insert(0, {kit!r})
from app_kit import cockpit
async def main():
    app, source = cockpit()
    result = await app.run_async()
    print("ENDED", result, source.actions, flush=True)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_the_app_survives_bad_bytes_on_a_real_terminal() -> None:
    import fcntl
    import pty
    import struct
    import termios

    main, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    program = PROGRAM.format(kit=str(Path(__file__).parent))
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=inner, stdout=inner, stderr=inner, cwd=ROOT, env={**env, "TERM": "xterm-256color"}, close_fds=True,
    )  # fmt: skip
    os.close(inner)
    try:
        read_until(main, b"READY")
        os.write(main, b"\x1b[M \xc3!" + b"\xff\xfe\x80" + b"\x1b[M#\xe2\x82")
        time.sleep(0.3)
        assert child.poll() is None
        os.write(main, b"\x1b[20~")
        time.sleep(0.2)
        os.write(main, b"q")
        assert b"ENDED Exit(why='quit', choice='flat') ['kill']" in read_until(main, b"['kill']")
        assert child.wait(5) == 0
    finally:
        child.kill()
        os.close(main)


def read_until(terminal: int, wanted: bytes) -> bytes:
    """What the terminal gets, up to ``wanted`` or to the program's end."""
    seen, end = b"", time.monotonic() + 10
    while wanted not in seen:
        assert time.monotonic() < end, seen[-2_000:]
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 65_536)
            except OSError:  # Linux: the other side is closed
                break
    return seen
