"""What goes wrong around a session: probes that are asked every second, and speak only when their answer changes."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.model import events as ev
from engine.session.clock import Clock

Probe = Callable[[], str]
"""A sentence while something is wrong, else nothing."""

JUMP_NS = 500_000_000
"""The time of day may leave the session's by this much before it is said."""


def watch(kind: str, probe: Probe, clock: Clock) -> Callable[[], ev.Reported | None]:
    """An event when the trouble that ``probe`` sees begins, and one when it is over."""
    standing = ""

    def look() -> ev.Reported | None:
        nonlocal standing
        found = probe()
        if bool(found) == bool(standing):
            return None
        said, standing = standing, found
        return ev.Reported(clock(), kind, found or f"over: {said}", not found)

    return look


def clock_jump(clock: Clock, wall: Clock = time.time_ns) -> Probe:
    """The computer's clock was set while the session's goes on evenly."""

    def probe() -> str:
        off = wall() - clock()
        return (
            f"the computer's clock is {off / 1e9:+.1f} s off ours, which goes on evenly" if abs(off) > JUMP_NS else ""
        )

    return probe
