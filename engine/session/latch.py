"""The kill latch: a file that outlives the process. While it stands, every session starts with the kill switch on.

It is the kill file too: whoever makes it, by hand as well, halts the sessions of this home within a second.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine.model import events as ev
from engine.model.clean import clean

if TYPE_CHECKING:
    from engine.session.session import Session

LONGEST = 300
PATIENCE_S = 0.02
"""The disk may be stuck: the cancels that follow wait no longer than this for the latch."""


def read(path: Path) -> str | None:
    """Why the switch was tripped; None when it is not. An unreadable latch counts as tripped."""
    if not os.path.lexists(path):
        return None
    try:
        return clean(str(json.loads(path.read_text(encoding="utf-8"))["why"]), LONGEST)
    except (OSError, ValueError, KeyError, TypeError):
        return f"{path.name} stands in the home folder, without a reason that can be read"


def keep(path: Path, event: ev.Event) -> None:
    """Follow the session's trading state: HALTED sets the latch, ACTIVE after it takes it away. Never waits long nor raises."""
    if not isinstance(event, ev.TradingChanged):
        return
    if event.state == "HALTED":
        if event.by == "latch" and os.path.lexists(path):
            return  # it says why already
        writer = threading.Thread(target=_try, args=(path, event.why, event.by, event.t), name="latch", daemon=True)
        writer.start()
        writer.join(PATIENCE_S)
    elif event.state == "ACTIVE":
        with suppress(OSError):  # ``guard`` sees that it still stands
            path.unlink(missing_ok=True)


def _try(path: Path, why: str, by: str, t: int) -> None:
    with suppress(OSError):  # ``guard`` sees that it is missing, tries again and tells
        trip(path, why, by, t)


def guard(session: Session, path: Path) -> Callable[[], ev.Event | None]:
    """A watch: a latch that appears throws the switch, and while the switch is on, one that is missing is made anew."""
    lost = ""

    def look() -> ev.Event | None:
        nonlocal lost
        stands, halted, t = os.path.lexists(path), session.state.trading == "HALTED", session.clock()
        if stands and not halted:
            return ev.Command(t, "kill", "latch", "", read(path) or "")
        problem = ""
        if halted and not stands:
            try:
                trip(path, session.state.trading_why, "latch", t)
            except OSError as error:
                problem = f"the kill switch will not outlive this session: {error.strerror or error}"
        if bool(problem) == bool(lost):
            return None
        said, lost = lost, problem
        return ev.Reported(t, "LatchLost", problem or f"over: {said}", not problem)

    return look


def trip(path: Path, why: str, by: str, t: int) -> None:
    """Set the latch, on the disk when this returns. Raises OSError."""
    part = path.with_name(f"{path.name}.{threading.get_native_id()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"why": why, "by": by, "t": t}, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
