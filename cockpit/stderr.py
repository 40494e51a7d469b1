"""Lines on standard error that never keep the engine waiting."""

from __future__ import annotations

import os
import select
import sys


def say(line: str, patience_s: float = 0.2) -> None:
    """Print ``line``; it is dropped where that would wait for a reader that does not read.

    A reader who has gone (a closed pipe or terminal) is no reason to stop trading: the recording has it all.
    """
    try:
        if sys.platform == "win32" or select.select([], [sys.stderr], [], patience_s)[1]:
            print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
