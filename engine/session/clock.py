"""The session's clock: the time of day at the start, counted on from there, whatever the computer's clock is set to."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.ops.running import steady_ns

Clock = Callable[[], int]
"""UTC nanoseconds."""


def steady(wall: Clock = time.time_ns, passing: Clock = steady_ns) -> Clock:
    """A clock that never goes back and never jumps, however the time of day is set.

    If the time of day was wrong at the start, the venue's clock tells (``preflight.max_clock_offset_ms``).
    """
    offset = wall() - passing()
    return lambda: passing() + offset
