"""The rescuer's own small record, a line of JSON for everything that it does: what it sends is written before it is sent."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

PATIENCE_S = 0.25
"""Nothing that it sends can add risk: when the disk is full or stuck it is sent all the same, after this long."""


def within(work: Callable[[], object], seconds: float) -> str:
    """Do what may hang in a thread of its own; returns what went wrong, empty when it was done in time."""
    failed: list[str] = ["no end after {:g} s".format(seconds)]  # noqa: UP032

    def run() -> None:
        try:
            work()
            failed.clear()
        except OSError as error:
            failed[:] = [error.strerror or str(error)]

    thread = threading.Thread(target=run, name="rescue disk", daemon=True)
    thread.start()
    thread.join(seconds)
    return failed[0] if failed else ""


class Record:
    """``run/kill-TIME-xxxx.jsonl`` in ``folder``. ``lost`` is why nothing could be written, if so."""

    def __init__(self, folder: Path, clock: Callable[[], int] = time.time_ns) -> None:
        now = clock()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now / 1e9))
        self.path = folder / f"kill-{stamp}-{secrets.token_hex(2)}.jsonl"
        self.lost = ""
        self._clock = clock

    def note(self, what: str, **fields: Any) -> None:
        """On the disk when this returns, unless ``lost`` says why not. Never raises, never waits long."""
        if self.lost:
            return
        line = msgspec.json.encode({"t": self._clock(), "what": what, **fields}, enc_hook=str) + b"\n"
        self.lost = within(lambda: self._append(line), PATIENCE_S)

    def _append(self, line: bytes) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def last(folder: Path) -> list[dict[str, Any]]:
    """The lines of the newest record; none where there is none. What cannot be read is left out."""
    paths = sorted(folder.glob("kill-*.jsonl")) if folder.is_dir() else []
    rows: list[dict[str, Any]] = []
    for line in paths[-1].read_bytes().splitlines() if paths else []:
        with suppress(msgspec.DecodeError):
            rows.append(msgspec.json.decode(line, type=dict[str, Any]))
    return rows
