"""Terminal output that never keeps the engine waiting: not for a terminal that has stopped reading, nor for one that is gone.

Textual's writer blocks the loop when its queue is full, and for ever when its thread has died. Here the newest update wins:
what the terminal could not take is dropped, and once it reads again the whole screen is painted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Full
from typing import IO

from textual.drivers._writer_thread import WriterThread

STALLED_S = 0.25
"""A terminal that takes nothing for this long does not show what is painted."""
FAREWELL_S = 2.0


class Output(WriterThread):
    """``repaint`` is called, in the writer's thread, when updates were dropped and there is room again."""

    def __init__(self, file: IO[str], repaint: Callable[[], object]) -> None:
        super().__init__(file)
        self._repaint = repaint
        self._lost = False
        self._gone = False
        self._since: float | None = None

    @property
    def stalled(self) -> bool:
        """What was painted may not be on the screen."""
        since = self._since
        return self._gone or self._lost or (since is not None and time.monotonic() - since > STALLED_S)

    def write(self, text: str) -> None:
        while True:
            try:
                self._queue.put_nowait(text)
                return
            except Full:
                self._lost = True
                self._forget()

    def _forget(self) -> None:
        with suppress(Empty):
            while True:
                self._queue.get_nowait()

    def run(self) -> None:
        while (text := self._queue.get()) is not None:
            self._since = time.monotonic()
            self._to_terminal(text)
            self._since = None
            if self._lost and self._queue.empty():
                self._lost = False
                self._repaint()

    def _to_terminal(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._file.write(text)
            self._file.flush()
        except (OSError, ValueError):
            self._gone = True

    def stop(self) -> None:
        """What is queued is still written, unless the terminal does not take it within ``FAREWELL_S``."""
        try:
            self._queue.put(None, timeout=FAREWELL_S)
        except Full:
            return
        self.join(FAREWELL_S)
