"""A terminal that cannot end the session: input that survives bytes which are not UTF-8, and output that never blocks.

A legacy X10 mouse report with a column past 95 (after a tmux re-attach or an SSH reconnect) is not valid UTF-8; Textual's
input thread decodes strictly and ends the app (upstream issues 6456 and 6668). Here X10 reports are rewritten as SGR
reports, so that none of their bytes is taken for a key, and whatever else is not UTF-8 becomes U+FFFD.
"""

from __future__ import annotations

import asyncio
import re
import sys
from codecs import getincrementaldecoder
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.driver import Driver

X10 = re.compile(rb"\x1b\[M([\x20-\xff])([\x20-\xff])([\x20-\xff])")
UNFINISHED = re.compile(rb"\x1b\[M[\x20-\xff]{0,2}\Z")


class LenientDecoder:
    """Incremental decoder of terminal input to text; never raises."""

    def __init__(self) -> None:
        self._held = b""
        self._utf8 = getincrementaldecoder("utf-8")("replace")

    def decode(self, data: bytes, final: bool = False) -> str:
        """Text of ``data`` and of what earlier calls held back; ``final`` holds nothing back."""
        data = X10.sub(_sgr, self._held + data)
        unfinished = None if final else UNFINISHED.search(data)
        self._held = unfinished[0] if unfinished else b""
        return self._utf8.decode(data[: unfinished.start()] if unfinished else data, final)


def _sgr(report: re.Match[bytes]) -> bytes:
    """X10's button, column and row, each offset by 32, as ``CSI < button ; column ; row M``, or ``m`` for a release."""
    button, column, row = (part[0] - 32 for part in report.groups())
    release = button & 3 == 3 and not button & 96
    return b"\x1b[<%d;%d;%d%c" % (button & ~3 if release else button, column, row, b"m" if release else b"M")


def lenient_decoder(_encoding: str) -> type[LenientDecoder]:
    """Stands in for ``codecs.getincrementaldecoder`` in Textual's driver module."""
    return LenientDecoder


def driver_class() -> type[Driver] | None:
    """Driver for this platform; None where Textual's own is right (Windows reads keys as records, not bytes)."""
    if sys.platform == "win32":
        return None
    from textual.drivers import linux_driver

    from cockpit.output import Output

    class LenientDriver(linux_driver.LinuxDriver):
        """The Linux driver with a decoder that does not raise and a writer that does not block; the loops stay upstream's."""

        @property
        def stalled(self) -> bool:
            """The terminal does not take what is painted."""
            return isinstance(self._writer_thread, Output) and self._writer_thread.stalled

        def start_application_mode(self) -> None:
            loop = asyncio.get_running_loop()

            def repaint() -> None:
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(self._app.screen.refresh)

            vars(linux_driver)["WriterThread"] = partial(Output, repaint=repaint)
            super().start_application_mode()  # type: ignore[no-untyped-call]

        def run_input_thread(self) -> None:
            vars(linux_driver)["getincrementaldecoder"] = lenient_decoder
            super().run_input_thread()

    return LenientDriver
