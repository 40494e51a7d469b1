"""A real program in a pseudo-terminal: keys go in as bytes, what it sends is kept as the cells that a person would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

import pyte

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "f9": "\x1b[20~",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
}

HAND_S = 0.2
"""Between two keys of a quick hand."""


class Terminal:
    """Runs ``argv`` in a pseudo-terminal of ``columns`` × ``rows``; use it as a context manager."""

    def __init__(
        self, argv: Sequence[str], columns: int = 160, rows: int = 45, env: Mapping[str, str] | None = None
    ) -> None:
        self.started = time.monotonic()
        self.received: list[tuple[float, int]] = []
        """(monotonic seconds, bytes) of every read."""
        self._pressed = 0.0
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._reading = threading.Event()
        self._reading.set()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._main, child = pty.openpty()
        self._set_size(columns, rows)
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        for name in ("NO_COLOR", "SSH_CONNECTION", "TEXTUAL_ANIMATIONS", "COLUMNS", "LINES"):
            if name not in (env or {}):
                environment.pop(name, None)
        self.process = subprocess.Popen(
            list(argv), stdin=child, stdout=child, stderr=child, env=environment, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )  # fmt: skip
        os.close(child)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(5)
        self._reader.join(2)
        os.close(self._main)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        with suppress(OSError):
            while data := self._some():
                now = time.monotonic()
                with self._changed:
                    self.received.append((now, len(data)))
                    self.take(now, data)
                    self._changed.notify_all()

    def take(self, _now: float, data: bytes) -> None:
        """What has come goes to the screen."""
        # pyte does not know the private forms of these two and would print their tails
        self._stream.feed(re.sub(rb"\x1b\[[<>=?][\d;]*[uptm]", b"", data))

    def _some(self) -> bytes:
        """What has come; empty bytes only when the program has ended."""
        self._reading.wait()
        while not select.select([self._main], [], [], 0.2)[0]:
            if self.process.poll() is not None:
                return b""
        return os.read(self._main, 65_536)

    # --- what a person does -------------------------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        """Each key by its name in ``KEYS``, or as the text itself; never sooner after the last one than a quick hand."""
        for key in keys:
            time.sleep(max(0.0, self._pressed + HAND_S - time.monotonic()))
            os.write(self._main, KEYS.get(key, key).encode())
            self._pressed = time.monotonic()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The terminal takes nothing while the block runs, as after Ctrl+S or on a line that hangs."""
        self._reading.clear()
        try:
            yield
        finally:
            self._reading.set()

    def resize(self, columns: int, rows: int) -> None:
        with self._lock:
            self._screen.resize(rows, columns)
        self._set_size(columns, rows)
        os.killpg(self.process.pid, signal.SIGWINCH)

    # --- what a person sees -------------------------------------------------------------------------------------

    @property
    def lines(self) -> list[str]:
        with self._lock:
            return list(self._screen.display)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def cells(self) -> list[list[tuple[str, str, str, bool]]]:
        """Rows of (character, foreground, background, bold); colours are ``rrggbb`` or ``default``."""
        with self._lock:
            return [[self._cell(x, y) for x in range(self._screen.columns)] for y in range(self._screen.lines)]

    def _cell(self, x: int, y: int) -> tuple[str, str, str, bool]:
        char = self._screen.buffer[y][x]
        fg, bg = (char.bg, char.fg) if char.reverse else (char.fg, char.bg)
        return char.data, fg, bg, char.bold

    def wait_for(self, what: str | Callable[[str], object], seconds: float = 10.0) -> float:
        """Wait until the screen shows ``what`` (text, or a function of the screen's text); returns the seconds it took."""
        begun = time.monotonic()
        end = begun + seconds
        while True:
            text = self.text
            if what in text if isinstance(what, str) else what(text):
                return time.monotonic() - begun
            if time.monotonic() > end or not self._reader.is_alive():
                raise AssertionError(f"not on the screen within {seconds:g} s: {what!r}\n{text}")
            with self._changed:
                self._changed.wait(0.05)

    def ended(self, seconds: float = 15.0) -> int:
        """Wait for the program's end; returns its exit code."""
        code = self.process.wait(seconds)
        self._reader.join(2)
        return code
