"""A second start on an account that another process trades: who holds it, and its recording to look at instead."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from engine.ops.lock import LockedError

QUESTION = "Open its recording read-only? [y/N] "


def or_watch(trade: Callable[[], int], home: Path | None, ask: Callable[[str], str] = input) -> int:
    """What ``trade`` returns; where somebody else has the account, a person may watch that session. LockedError for a no."""
    try:
        return trade()
    except LockedError as error:
        holder = error.holder
        if holder is None or not holder.recording or not Path(holder.recording).is_file():
            raise
        print(f"cockpit: {error.what}", file=sys.stderr)
        if not _yes(ask):
            raise
        from cockpit.replay import open_screen

        return open_screen(Path(holder.recording), "", None, home, follow=True)


def _yes(ask: Callable[[str], str]) -> bool:
    try:
        return ask(QUESTION).strip().lower() in ("y", "yes")
    except (EOFError, KeyboardInterrupt):
        return False
