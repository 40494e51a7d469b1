"""The kill latch: a file that outlives the process. While it stands, every session starts with the kill switch on."""

from __future__ import annotations

import json
import os
from pathlib import Path

from engine.model import events as ev


def read(path: Path) -> str | None:
    """Why the switch was tripped; None when it is not. An unreadable latch counts as tripped."""
    if not path.exists():
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["why"])
    except (OSError, ValueError, KeyError, TypeError):
        return "the kill latch cannot be read"


def keep(path: Path, event: ev.Event) -> None:
    """Follow the session's trading state: HALTED sets the latch, ACTIVE after it takes it away."""
    if not isinstance(event, ev.TradingChanged):
        return
    if event.state == "HALTED":
        _write(path, {"why": event.why, "by": event.by, "t": event.t})
    elif event.state == "ACTIVE":
        path.unlink(missing_ok=True)


def _write(path: Path, content: dict[str, object]) -> None:
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
