"""How many requests may leave: sliding windows under the venue's limits, with room kept for cancelling and closing.

A window of n in any second, unlike a bucket that refills, can never send 2 n around the turn of a second.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal

Lane = Literal["read", "normal", "reserve"]
"""Reads leave room for orders, orders leave room for cancelling and closing."""

MARKET_PER_S = 8.0
CANCELS_PER_S = 4.0
"""80 % of the venue's 10 and 5 a second (protocol sheet, section 4)."""

SECOND = 1.02
"""A window is a little longer than a second: requests may be nearer to each other at the venue than they were here."""
ORDERS_KEPT = 2
"""Requests a second that reads leave free for orders."""
THROTTLED_FIRST_S = 1.0
THROTTLED_MAX_S = 60.0


class Throttled(Exception):
    """No room within the time that the caller can wait; nothing was sent."""


class Window:
    """At most ``per_s`` in any second; the last ``reserve_per_s`` of it only for the reserve lane."""

    def __init__(self, per_s: float, reserve_per_s: float, now: Callable[[], float]) -> None:
        total = max(1, int(per_s))
        self._span = SECOND * max(1.0, 1.0 / per_s)
        normal = max(1, total - int(reserve_per_s))
        self._room: dict[Lane, int] = {"read": max(1, normal - ORDERS_KEPT), "normal": normal, "reserve": total}
        self._sent: deque[float] = deque(maxlen=total)
        self._now = now

    def wait(self, lane: Lane) -> float:
        """Seconds until there is room; 0.0 when there is."""
        now = self._now()
        while self._sent and self._sent[0] <= now - self._span:
            self._sent.popleft()
        room = self._room[lane]
        return 0.0 if len(self._sent) < room else self._sent[-room] + self._span - now

    def take(self) -> None:
        self._sent.append(self._now())


class Budget:
    """The windows of one account, and the pause that the venue's own complaint asks for."""

    def __init__(self, per_s: float, reserve_per_s: float, now: Callable[[], float]) -> None:
        self._now = now
        self._windows = {
            "market": Window(min(per_s, MARKET_PER_S), 0.0, now),
            "account": Window(per_s, reserve_per_s, now),
            "cancel": Window(min(per_s, CANCELS_PER_S), 0.0, now),
        }
        self._paused_until: dict[Lane, float] = {"read": 0.0, "normal": 0.0, "reserve": 0.0}
        self._pause_s = 0.0

    def complained(self, retry_after_s: float | None) -> None:
        """The venue says too many. Doubles the pause of all but the reserve; an explicit Retry-After binds that too."""
        self._pause_s = min(THROTTLED_MAX_S, max(THROTTLED_FIRST_S, self._pause_s * 2))
        for lane in ("read", "normal"):
            self._paused_until[lane] = max(self._paused_until[lane], self._now() + self._pause_s)
        if retry_after_s is not None:
            until = self._now() + min(retry_after_s, 3600.0)
            self._paused_until = {lane: max(old, until) for lane, old in self._paused_until.items()}

    def answered(self) -> None:
        if self._now() >= self._paused_until["normal"]:
            self._pause_s = 0.0

    def wait(self, groups: tuple[str, ...], lane: Lane) -> float:
        room = max(self._windows[group].wait(lane if group == "account" else "reserve") for group in groups)
        return max(room, self._paused_until[lane] - self._now(), 0.0)

    async def acquire(self, groups: tuple[str, ...], lane: Lane, patience_s: float) -> None:
        """Takes one request from each of ``groups``. Raises ``Throttled`` when that would take longer than ``patience_s``."""
        deadline = self._now() + patience_s
        while (delay := self.wait(groups, lane)) > 0.0:
            if self._now() + delay > deadline:
                raise Throttled(f"no room for another request within {patience_s:g} s")
            await asyncio.sleep(delay)
        for group in groups:
            self._windows[group].take()
