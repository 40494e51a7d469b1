"""The recording of a backtest: what was decided and what happened to the account, durable before the result is given.

Market data is in it by reference: ``SessionStarted.config`` names the data's hash and rows, and an event's time says how far the
data had been read. The rows are the journal's own (``engine.journal``), so it opens like any recording.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import msgspec

from engine.journal import schema
from engine.journal.codec import CodecError
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.runner.scribe import Scribe

BATCH = 4_096
"""Events that are written at once; a run with fewer writes them itself at its end."""
PIPE_BYTES = 1 << 20

_HEAD = b"\xdd\x00\x00\x00\x00"
"""A batch is a msgpack array of (kind, time, event); its length is filled in when the batch is full."""

_encode_into = msgspec.msgpack.Encoder().encode_into
_NAMES: dict[type[ev.Event], str] = {kind: name for name, kind in ev.KINDS.items()}


class RecordError(CockpitError):
    exit_code: ClassVar[int] = 5


class Recorder:
    """Takes events in order; ``close`` returns when all of them are on the disk. RecordError when they cannot be written.

    An event is packed as it comes, while it is still in the processor's cache, and not kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._batch = bytearray(_HEAD)
        self._waiting = 0
        self._count = 0
        self._writer: subprocess.Popen[bytes] | None = None
        try:
            schema.create(path).close()
        except FileExistsError as error:
            raise RecordError("a journal is never written over", str(error.filename or path)) from error
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error

    def append(self, event: ev.Event) -> None:
        try:
            _encode_into((_NAMES[type(event)], event.t, event), self._batch, -1)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._failed(error) from error
        self._waiting += 1
        if self._waiting == BATCH:
            self._ship()

    def close(self, *, complete: bool = True) -> None:
        """``complete`` marks the end: nothing is missing behind the last event."""
        if self._writer is None:
            self._write_here(complete)
            return
        if self._waiting:
            self._ship()
        if complete:
            self._send(b"")
        self._end_writer()

    def _write_here(self, complete: bool) -> None:
        try:
            scribe = Scribe(self.path)
            scribe.write(self._packed())
            scribe.close(complete=complete)
        except (sqlite3.Error, CodecError) as error:
            raise self._failed(error) from error

    def _packed(self) -> bytearray:
        """The batch so far, and a new one begins."""
        batch = self._batch
        batch[1 : len(_HEAD)] = self._waiting.to_bytes(4, "big")
        self._count += self._waiting
        self._batch, self._waiting = bytearray(_HEAD), 0
        return batch

    def _ship(self) -> None:
        if self._writer is None:
            self._writer = self._start_writer()
        self._send(self._packed())

    def _start_writer(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "engine.runner.scribe", str(self.path.absolute())]
        pipe = subprocess.PIPE
        try:
            writer = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=Path(__file__).parents[2])
        except OSError as error:
            raise self._failed(error) from error
        with suppress(ImportError, AttributeError, OSError):  # Linux; elsewhere the pipe is smaller
            import fcntl

            assert writer.stdin is not None
            fcntl.fcntl(writer.stdin, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        return writer

    def _send(self, data: bytes | bytearray) -> None:
        assert self._writer is not None
        assert self._writer.stdin is not None
        try:
            self._writer.stdin.write(len(data).to_bytes(4, "little"))
            self._writer.stdin.write(data)
            self._writer.stdin.flush()
        except OSError as error:
            self._end_writer()
            raise self._failed(error) from error

    def _end_writer(self) -> None:
        writer = self._writer
        assert writer is not None
        said, wrong = writer.communicate()
        if writer.returncode or said.strip() != str(self._count).encode():
            reason = wrong.decode(errors="replace").strip().rpartition("\n")[2]
            raise self._failed(reason or f"{said!r} of {self._count} events were written")

    def _failed(self, why: object) -> RecordError:
        return RecordError(f"the recording could not be written: {why}", str(self.path))
