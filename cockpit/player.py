"""Playing a recording: how the cursor moves through recorded time. Pure; the clock comes from outside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

SPEEDS: tuple[float, ...] = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 100, 300, 1000, math.inf)
"""Recorded seconds a second; the last one is as fast as events can be folded."""
NORMAL = SPEEDS.index(1)
LONGEST_S = 0.25
"""Time between two looks that counts: after a stall the cursor goes on from where it was instead of leaping."""
LEFT_NS = 1_000_000_000
"""So much of a gap is still played: one sees that nothing happens."""


class Player:
    """A position ``t`` (UTC nanoseconds) between ``first`` and ``last``. ``advance`` moves it while playing.

    ``a`` and ``b`` are the ends of a loop; it runs when both are set. ``gaps`` are times without events, which are skipped.
    """

    def __init__(self, first: int, last: int, clock: Callable[[], float]) -> None:
        self.first, self.last = first, last
        self.t = last
        self.playing = False
        self.a: int | None = None
        self.b: int | None = None
        self.gaps: Sequence[tuple[int, int]] = ()
        self.again = True
        """Playing from the end begins anew; where the end is only the newest event, it waits there."""
        self._clock = clock
        self._looked = clock()
        self._speed = NORMAL

    @property
    def speed(self) -> float:
        return SPEEDS[self._speed]

    @property
    def flat_out(self) -> bool:
        """Events set the pace, not time."""
        return math.isinf(self.speed)

    @property
    def loop(self) -> tuple[int, int] | None:
        """The loop's ends in order, when both are set apart."""
        if self.a is None or self.b is None or self.a == self.b:
            return None
        return min(self.a, self.b), max(self.a, self.b)

    def place(self, t: int) -> int:
        """Put the position somewhere within the recording."""
        self.t = min(max(t, self.first), self.last)
        self._looked = self._clock()
        return self.t

    def play(self) -> None:
        """From the end it begins anew: at the loop's beginning, else at the first event."""
        loop = self.loop
        if loop is not None and self.t >= loop[1]:
            self.place(loop[0])
        elif self.t >= self.last and self.again:
            self.place(self.first)
        self.playing, self._looked = True, self._clock()

    def pause(self) -> None:
        self.advance()
        self.playing = False

    def toggle(self) -> None:
        if self.playing:
            self.pause()
        else:
            self.play()

    def faster(self, steps: int) -> float:
        """``steps`` along ``SPEEDS``, slower where negative; returns the speed."""
        self.advance()
        self._speed = min(max(self._speed + steps, 0), len(SPEEDS) - 1)
        return self.speed

    def set_speed(self, speed: float) -> None:
        """The nearest of ``SPEEDS``."""
        self._speed = min(range(len(SPEEDS)), key=lambda n: _distance(SPEEDS[n], speed))

    def advance(self) -> int:
        """Where the cursor is now; at the end it stops, at the loop's end it goes back."""
        now = self._clock()
        elapsed, self._looked = min(max(0.0, now - self._looked), LONGEST_S), now
        if self.playing and not self.flat_out:
            self.arrive(self.t + int(elapsed * self.speed * 1e9))
        return self.t

    def arrive(self, t: int) -> int:
        """Playing has brought the cursor to ``t``: loop, skip a gap, or stop at the end. Returns where it is then."""
        loop = self.loop
        if loop is not None and t >= loop[1] > self.t:
            t = loop[0] + (t - loop[1]) % (loop[1] - loop[0])
        gap = next((end for start, end in self.gaps if start + LEFT_NS < t < end), t)
        self.t = min(max(gap, self.first), self.last)
        if self.t >= self.last:
            self.playing = False
        return self.t


def _distance(a: float, b: float) -> float:
    if math.isinf(a) or math.isinf(b):
        return 0.0 if a == b else math.inf
    return abs(math.log(a) - math.log(max(b, 1e-9)))
