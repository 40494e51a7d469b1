"""Circuit breakers: requests of a family that get no answer again and again are left alone for a while, then one tries.

closed → open after ``breaker_failures`` in a row → after a rest half-open: one request goes out → closed, or open for twice as
long. Any answer of the venue closes a breaker, a refusal too: what it measures is whether somebody is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from engine.model.events import BreakerReport
from engine.model.settings import ErrorSettings
from engine.venues.port import Clock, Emit

Family = Literal["reads", "orders", "exits"]
"""``exits`` are cancels, protective stops and orders that only reduce: counted and shown, but never held back."""

Asked = Callable[[bool, str], None]
"""(the venue answered, else why not): what became of the request."""

_S = 1_000_000_000


class BreakerOpen(Exception):
    """Nothing was sent; the text says why and when to try again."""


class Breakers:
    """One breaker a family. Without settings nothing is ever held back."""

    def __init__(
        self, settings: ErrorSettings | None = None, clock: Clock = time.time_ns, emit: Emit = lambda _: None
    ) -> None:
        self._breakers: dict[Family, Breaker] = {}
        if settings is not None:
            families: tuple[Family, ...] = ("reads", "orders", "exits")
            self._breakers = {family: Breaker(family, settings, clock, emit) for family in families}

    @contextmanager
    def request(self, family: Family, *, must: bool) -> Iterator[Asked]:
        """Around one request. Raises ``BreakerOpen``, but not where it ``must`` go out, as questions about an order do."""
        breaker = self._breakers.get(family)
        if breaker is None:
            yield lambda *_: None
            return
        probes = breaker.admit(must=must or family == "exits")
        try:
            yield breaker.asked
        finally:
            if probes:
                breaker.release()


class Breaker:
    def __init__(self, family: Family, settings: ErrorSettings, clock: Clock, emit: Emit) -> None:
        self._family = family
        self._settings = settings
        self._clock = clock
        self._emit = emit
        self._state: Literal["closed", "open", "half"] = "closed"
        self._failures = 0
        self._rest_s = settings.breaker_rest_s
        self._until = 0

    def admit(self, *, must: bool) -> bool:
        """Whether this request is the one that tries for a breaker that is open. BreakerOpen."""
        if self._state == "closed":
            return False
        wait = (self._until - self._clock()) / _S
        if self._state == "open" and wait <= 0:
            self._become("half")
            return True
        if must:
            return False
        again = f"the next try is in {wait:.0f} s" if self._state == "open" else "one is trying now"
        raise BreakerOpen(f"{self._failures} {self._family} in a row got no answer: {again}")

    def asked(self, answered: bool, why: str) -> None:
        if answered:
            self._failures, self._rest_s = 0, self._settings.breaker_rest_s
            if self._state != "closed":
                self._become("closed")
            return
        self._failures += 1
        if self._state == "half":
            self._rest_s = min(2 * self._rest_s, self._settings.breaker_rest_max_s)
            self._open(why)
        elif self._state == "closed" and self._failures >= self._settings.breaker_failures:
            self._open(why)

    def release(self) -> None:
        """The trying request is over; where it never came to an answer, another may try."""
        if self._state == "half":
            self._become("open", "the try was given up")

    def _open(self, why: str) -> None:
        self._until = self._clock() + int(self._rest_s * _S)
        self._become("open", f"for {self._rest_s:g} s after {self._failures} without an answer, last: {why}")

    def _become(self, state: Literal["closed", "open", "half"], detail: str = "") -> None:
        self._state = state
        self._emit(BreakerReport(self._clock(), self._family, state, self._failures, self._until, detail))
