"""Plays planned minutes as a market: trades up to the asked moment, the book, mark, index and funding around them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter
from random import Random

from engine.model.market import Candle
from engine.sim.microstructure import (
    MINUTE_MS,
    Basis,
    Book,
    Grid,
    Minute,
    funding_rate,
    next_funding,
    tape,
)
from engine.sim.source import MarketStep, Print

_TIME = attrgetter("t_ms")
_LEVEL_NOTIONAL = 6_000.0
"""A typical book level is worth at least this much (quote currency): thin candle files stay tradable."""


class Playback:
    """The moving part of a market source.

    ``minutes`` come in order and may have gaps; each is drawn once, whole, when its time begins, so the trades do not
    depend on how often ``step`` is called. After the last minute everything stands still.
    """

    def __init__(
        self, minutes: Iterator[Minute], history: list[Candle], *, start_ms: int, seed: int, grid: Grid
    ) -> None:
        self._rng = Random(f"tape:{seed}")
        self._grid = grid
        self._book = Book(self._rng, grid)
        self._minutes = minutes
        self._next = next(minutes, None)
        self._tape: list[Print] = []
        self._played = 0
        self._open_ms = self._end_ms = self._now_ms = start_ms
        self._basis = Basis()
        self._heat = 1.0
        self._usual_range = self._usual_volume = 0.0
        self._last, self._last_is_buy = 0, True
        if self._next is not None:
            self._last = self._next.path[0]
        for candle in history[-240:]:
            self._usual(grid.ticks(candle.high) - grid.ticks(candle.low), candle.volume)
            self._basis.advance(self._rng, candle.close)
            self._last = grid.ticks(candle.close)
        self._before = (self._basis.now, self._basis.slow)

    def step(self, t_ms: int) -> MarketStep:
        if t_ms < self._now_ms:
            raise ValueError(f"the market is at {self._now_ms} ms and cannot go back to {t_ms} ms")
        self._now_ms = t_ms
        prints: list[Print] = []
        while self._next is not None and self._next.open_ms <= t_ms:
            prints += self._tape[self._played :]
            self._begin(self._next)
        to = bisect_right(self._tape, t_ms, self._played, key=_TIME)
        prints += self._tape[self._played : to]
        self._played = to
        if prints:
            self._last = self._grid.ticks(prints[-1].price)
            self._last_is_buy = prints[-1].side == "BUY"
        return self._seen(t_ms, prints)

    def _begin(self, minute: Minute) -> None:
        """Make ``minute`` the current one and look up the one after it."""
        usual_range = self._usual_range or 1.0
        span = max(minute.path) - min(minute.path)
        self._heat = span / usual_range
        self._usual(span, minute.volume)
        self._tape = tape(self._rng, minute, self._usual_volume, self._grid)
        self._played = 0
        if not self._tape:
            self._last = minute.path[-1]
        self._before = (self._basis.now, self._basis.slow)
        self._basis.advance(self._rng, self._grid.price(minute.path[0]))
        self._open_ms = minute.open_ms
        self._next = next(self._minutes, None)
        self._end_ms = minute.open_ms + MINUTE_MS

    def _usual(self, span: int, volume: float) -> None:
        self._usual_range += (span - self._usual_range) / 60 if self._usual_range else span
        self._usual_volume += (volume - self._usual_volume) / 60 if self._usual_volume else volume

    def _seen(self, t_ms: int, prints: list[Print]) -> MarketStep:
        """The state of the market at ``t_ms``; after the last minute, at its end."""
        grid = self._grid
        seen_ms = t_ms if self._next is not None else min(t_ms, self._end_ms)
        spread = self._book.spread(seen_ms, self._heat)
        bid, ask = (self._last - spread, self._last) if self._last_is_buy else (self._last, self._last + spread)
        last = grid.price(self._last)
        size = max(0.015 * self._usual_volume, _LEVEL_NOTIONAL / last)
        share = min(1.0, (seen_ms - self._open_ms) / MINUTE_MS)
        basis = self._before[0] + (self._basis.now - self._before[0]) * share
        slow = self._before[1] + (self._basis.slow - self._before[1]) * share
        index = last * (1 - basis)
        return MarketStep(
            t_ms=t_ms,
            prints=prints,
            bids=self._book.side(bid, -1, seen_ms, size),
            asks=self._book.side(ask, 1, seen_ms, size),
            last=last,
            mark=grid.snap(index * (1 + slow)),
            index=grid.snap(index),
            funding_rate=funding_rate(slow),
            next_funding_ms=next_funding(t_ms),
        )
