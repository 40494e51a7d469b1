"""Rows of a backtest's recording, from packed events: in this process, or in one of its own so that the run need not wait.

    python -m engine.runner.scribe FILE

reads batches from its input, each a length (four bytes, little-endian) and that many bytes of msgpack: a list of (kind, time,
event). It says how many rows are durable once the input has ended; a batch of length zero before that marks a complete recording.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from engine.journal import schema
from engine.journal.codec import checksum, decode

_maybe_not_finite = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]", re.DOTALL).search
"""Finds every packed float that is NaN or infinite, and now and then other bytes that look like one."""
_unpack = msgspec.msgpack.Decoder(list[tuple[str, int, msgspec.Raw]]).decode


class Scribe:
    """Writes into a journal that exists and is empty; sqlite3.Error, or CodecError for a number that is not finite."""

    def __init__(self, path: Path) -> None:
        self.seq = 0
        self._db = sqlite3.connect(path, isolation_level=None, timeout=2.0)
        self._db.execute("PRAGMA synchronous=FULL")

    def write(self, batch: bytes | bytearray) -> None:
        """One batch, in one transaction."""
        rows, seq = [], self.seq
        for kind, t, raw in _unpack(batch):
            seq += 1
            payload = bytes(raw)
            if _maybe_not_finite(payload):
                decode(kind, payload)
            rows.append((seq, t, kind, payload, checksum(seq, t, kind, payload)))
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(schema.INSERT, rows)
        self._db.execute("COMMIT")
        self.seq = seq

    def close(self, *, complete: bool) -> None:
        """``complete`` says that nothing is missing behind the last event, and leaves a single file."""
        try:
            if complete:
                self._db.execute(schema.SET_META, ("closed_seq", str(self.seq)))
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._db.execute("PRAGMA journal_mode=DELETE")
        finally:
            self._db.close()


def serve(path: Path, source: BinaryIO) -> int:
    scribe = Scribe(path)
    complete = False
    try:
        while len(head := source.read(4)) == 4:
            size = int.from_bytes(head, "little")
            if not size:
                complete = True
                break
            scribe.write(source.read(size))
    finally:
        scribe.close(complete=complete)
    return scribe.seq


if __name__ == "__main__":
    sys.stdout.write(f"{serve(Path(sys.argv[1]), sys.stdin.buffer)}\n")
