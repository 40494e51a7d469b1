"""The log file: one line of JSON for everything worth knowing, in a file a day that only its owner can read.

Who logs never waits: a record goes into a bounded queue, and a thread renders and writes it. What does not fit, or cannot be
written, is counted and told with the next line that can. The session's own record is its journal; this is for looking in.
"""

from __future__ import annotations

import calendar
import copy
import json
import logging
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from logging.handlers import QueueHandler
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.model.clean import masked
from engine.model.settings import LogSettings
from engine.ops.paths import Home

ROOT = logging.getLogger("cockpit")
ROOT.addHandler(logging.NullHandler())
"""Without a log file nothing of ours is said on the terminal."""

ids: ContextVar[Mapping[str, str]] = ContextVar("ids", default=MappingProxyType({}))
"""What the work under way belongs to (``client_id``): on every line of its task and of the tasks that it starts."""

MOST_WAITING = 10_000
MOST_BYTES = 256 << 20
"""Of one day's file: a library that floods it must not take the journal's disk."""
LONGEST = 4_000
CLOSE_S = 2.0
FRAMES = 30
_NAME = re.compile(r"cockpit-(\d{4}-\d{2}-\d{2})\.jsonl").fullmatch
_DAY = "%Y-%m-%d"


def folder(home: Home) -> Path:
    return home.root / "logs"


class Logs:
    """An open log. ``session`` is written on every line; ``dropped`` counts the lines that were lost."""

    def __init__(self, home: Home, settings: LogSettings) -> None:
        self.session = ""
        self.dropped = 0
        self._file = _Daily(folder(home), settings.keep_days)
        self._waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def take(self, record: logging.LogRecord) -> None:
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what is left; a disk that is stuck holds nobody for more than two seconds."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=CLOSE_S / 2)
        self._thread.join(CLOSE_S)

    def _write(self) -> None:
        render, told = None, 0
        while (record := self._waiting.get()) is not None:
            try:
                render = render or _renderer(lambda: self.session)
                if self.dropped > told:
                    told, lost = self.dropped, self.dropped - told
                    self._file.write(render.format(_note(record.created, lost)), record.created)
                self._file.write(masked(render.format(record)), record.created)
            except Exception:  # whatever a record holds, and whatever the disk does: the next line may fare better
                self.dropped += 1
        self._file.close()


def _note(created: float, lost: int) -> logging.LogRecord:
    record = logging.makeLogRecord({"name": "cockpit.log", "levelno": logging.WARNING, "levelname": "WARNING"})
    record.msg, record.created, record.lost = f"{lost} line(s) of the log were lost", created, lost
    return record


class _Queued(QueueHandler):
    """Takes a record as it is now, with what its task belongs to. Never raises and never prints."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(logs)  # type: ignore[arg-type]
        self._logs = logs

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        taken = copy.copy(record)
        taken.msg, taken.args = record.getMessage()[:LONGEST], None
        for name, value in ids.get().items():
            if name not in taken.__dict__:
                taken.__dict__[name] = value
        return taken

    def enqueue(self, record: logging.LogRecord) -> None:
        self._logs.take(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        self._logs.dropped += 1


class _Daily:
    """``cockpit-YYYY-MM-DD.jsonl`` by the UTC day of the line; older files than ``keep_days`` go when a new one begins."""

    def __init__(self, place: Path, keep_days: int) -> None:
        self._place = place
        self._keep_days = keep_days
        self._day = ""
        self._descriptor = -1

    def write(self, line: str, t: float) -> None:
        """``t`` is UTC seconds. Raises OSError."""
        day = time.strftime(_DAY, time.gmtime(t))
        if day != self._day:
            self._begin(day)
        if os.fstat(self._descriptor).st_size >= MOST_BYTES:
            raise OSError("the day's file is full")
        raw = line.encode() + b"\n"
        if os.write(self._descriptor, raw) != len(raw):
            raise OSError("the disk is full")

    def _begin(self, day: str) -> None:
        self.close()
        self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        self._descriptor = os.open(self._place / f"cockpit-{day}.jsonl", flags, 0o600)
        os.fchmod(self._descriptor, 0o600)
        self._day = day
        for path in outdated(self._place, day, self._keep_days):
            with suppress(OSError):
                path.unlink()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._day = -1, ""


def outdated(place: Path, day: str, keep_days: int) -> list[Path]:
    """Files of days that are not among the ``keep_days`` up to ``day``."""
    names = [(path, found[1]) for path in place.iterdir() if (found := _NAME(path.name))]
    return sorted(path for path, its in names if _days(day) - _days(its) >= keep_days)


def _days(day: str) -> int:
    try:
        return calendar.timegm(time.strptime(day, _DAY)) // 86_400
    except (ValueError, OverflowError):
        return 0


def _renderer(session: Any) -> logging.Formatter:
    """One JSON object a line, all of it ASCII: what came from outside can neither break a line nor speak to a terminal."""
    import structlog
    from structlog.tracebacks import ExceptionDictTransformer

    def head(_: Any, __: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
        record: logging.LogRecord = fields["_record"]
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        first = {"t": f"{at}.{int(record.created % 1 * 1000):03d}Z", "level": record.levelname.lower()}
        first |= {"logger": record.name, "event": fields.pop("event"), "session": session()}
        return first | dict(fields)

    stdlib = structlog.stdlib
    return stdlib.ProcessorFormatter(
        foreign_pre_chain=[stdlib.ExtraAdder()],
        processors=[
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False, max_frames=FRAMES)),
            head,
            stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(serializer=json.dumps, default=str),
        ],
    )


@contextmanager
def written(home: Home, settings: LogSettings) -> Iterator[Logs]:
    """Until the end of the block everything that is logged in this process goes to the file, warnings of libraries too.

    Libraries are heard from warnings on: what they say below that may hold addresses, headers and bodies.
    """
    logs, root = Logs(home, settings), logging.getLogger()
    handler, before = _Queued(logs), ROOT.level
    silenced = [h for h in root.handlers if _prints(h)]
    for printer in silenced:
        root.removeHandler(printer)
    root.addHandler(handler)
    ROOT.setLevel(settings.level.upper())
    logging.captureWarnings(True)
    try:
        yield logs
    finally:
        logging.captureWarnings(False)
        ROOT.setLevel(before)
        root.removeHandler(handler)
        for printer in silenced:
            root.addHandler(printer)
        logs.close()


def _prints(handler: logging.Handler) -> bool:
    """Whether a handler writes to the terminal, which is the screen's."""
    terminal = (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
    return isinstance(handler, logging.StreamHandler) and handler.stream in terminal
