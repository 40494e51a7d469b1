"""The generated market: organic regimes, an opening with something to trade, and a stop run every ten minutes or so."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from engine.model.market import Candle
from engine.sim.microstructure import LOWEST_TICKS, MINUTE_MS, Grid, Minute, candle_of
from engine.sim.playback import Playback
from engine.sim.regimes import SIGMA, Walk
from engine.sim.source import MarketStep
from engine.sim.sweeps import (
    LEAD_IN,
    OPENING,
    Bar,
    atr,
    bar_of,
    find_plan,
    is_setup,
    staged,
    sweep_path,
    vwap,
)

_LOWEST_START = 10 * LOWEST_TICKS
_OPENING_LIVE = 2
"""Minutes of the opening that are played live: the last push, then the run. It closes two minutes after the start."""

_MEMORY = 130
_OPENINGS, _OPENINGS_PER_PAST, _STAGED_ATTEMPTS = 240, 40, 14
"""How often to try for a setup: openings, openings after one history, staged runs a minute."""

_PATIENCE = 7
"""Minutes to wait for a market in which a staged run would be a setup."""


class GeneratedMarket:
    """A market that is fun to trade, the same for the same ``seed`` whatever the steps.

    Even seeds open with a swept low (a LONG setup), odd ones with a swept high; it closes two market minutes after
    ``start_ms``, which is rounded down to a whole minute. ``start_price`` is the price an hour before:
    at least 1000 ticks, else ValueError, and better 5000, below which ticks are too coarse for every opening to work.
    """

    def __init__(
        self,
        symbol: str = "BTCUSDT",
        *,
        seed: int,
        start_ms: int,
        start_price: float,
        tick: float = 0.1,
        history_bars: int = 720,
    ) -> None:
        grid = Grid(tick)
        if not start_price >= _LOWEST_START * tick:
            raise ValueError(f"start_price must be at least {_LOWEST_START} ticks of {tick}, not {start_price!r}")
        self.symbol = symbol
        self.tick = tick
        self.start_ms = start_ms - start_ms % MINUTE_MS
        story = _Story(Random(f"market:{seed}"), grid, start_price, 1 if seed % 2 == 0 else -1)
        past, first = story.begin(self.start_ms, max(history_bars, _MEMORY))
        candles = [candle_of(minute, grid) for minute in past]
        self._history = candles[-history_bars:] if history_bars > 0 else []
        self._playback = Playback(story.play(first), candles, start_ms=self.start_ms, seed=seed, grid=grid)

    def history(self) -> list[Candle]:
        return list(self._history)

    def step(self, t_ms: int) -> MarketStep:
        return self._playback.step(t_ms)


class _Story:
    """Decides minute after minute; remembers what a trader would have on the chart."""

    def __init__(self, rng: Random, grid: Grid, start_price: float, side: int) -> None:
        self._rng = rng
        self._walk = Walk(rng, ticks=grid.ticks(start_price), base_price=start_price, lowest=LOWEST_TICKS * 2)
        self._side = side
        self._bars: list[Bar] = []
        self._until_run = 0
        self._stage_next = False

    def begin(self, start_ms: int, bars: int) -> tuple[list[Minute], list[Minute]]:
        """(history before ``start_ms``, the first live minutes)."""
        scripted_ms = start_ms - (60 - (_OPENING_LIVE - 1)) * MINUTE_MS
        organic = bars - (start_ms - scripted_ms) // MINUTE_MS
        start = round(self._walk.at)
        past: list[Minute] = []
        script: list[Minute] = []
        for attempt in range(_OPENINGS):
            if attempt % _OPENINGS_PER_PAST == 0:
                past = _scaled([self._organic(scripted_ms - k * MINUTE_MS) for k in range(organic, 0, -1)], start)
                self._walk.rescale(start)
                self._bars = [bar_of(m) for m in past[-_MEMORY:]]
            script = self._opening(scripted_ms, past)
            if self._is_setup_after(script, self._side):
                break
        self._play_out(script, self._side, success=0.9)
        return past + script[:-_OPENING_LIVE], script[-_OPENING_LIVE:]

    def _opening(self, open_ms: int, past: list[Minute]) -> list[Minute]:
        at = self._walk.at
        sigma = min(max(self._walk.sigma(), 0.65 * SIGMA * at), 1.2 * SIGMA * at)
        volume = sum(m.volume for m in past[-60:]) / 60
        return staged(self._rng, self._bars, OPENING, self._side, sigma=sigma, volume=volume, first_ms=open_ms)

    def _is_setup_after(self, script: list[Minute], side: int) -> bool:
        return is_setup(self._bars + [bar_of(m) for m in script], side)

    def play(self, first: list[Minute]) -> Iterator[Minute]:
        """The live minutes, without end."""
        planned = first
        while True:
            yield from planned
            open_ms = planned[-1].open_ms + MINUTE_MS
            self._until_run -= 1
            planned = (self._run(open_ms) if self._until_run <= 0 else []) or [self._organic(open_ms)]

    def _organic(self, open_ms: int) -> Minute:
        path = self._walk.minute()
        return self._keep(Minute(open_ms, path, self._walk.volume(path)))

    def _run(self, open_ms: int) -> list[Minute]:
        """A stop run, staged if that is what comes next; empty while the market does not lend itself to one."""
        if self._stage_next and self._until_run > -_PATIENCE:
            return self._staged_run(open_ms)
        return self._plain_run(open_ms)

    def _staged_run(self, open_ms: int) -> list[Minute]:
        rng, walk = self._rng, self._walk
        side = 1 if walk.at < vwap(self._bars) else -1
        volume = sum(bar.volume for bar in self._bars[-20:]) / 20
        for _ in range(_STAGED_ATTEMPTS):
            side = -side
            script = staged(rng, self._bars, LEAD_IN, side, sigma=walk.sigma(), volume=volume, first_ms=open_ms)
            if self._is_setup_after(script, side):
                self._play_out(script, side, success=0.7)
                return script
        return []

    def _play_out(self, script: list[Minute], side: int, success: float) -> None:
        for minute in script:
            self._keep(minute)
        self._walk.settle(script[-1].path[-1])
        self._after_run(side, success)

    def _plain_run(self, open_ms: int) -> list[Minute]:
        rng, walk = self._rng, self._walk
        start = round(walk.at)
        plan = find_plan(rng, self._bars, start, picky=not self._stage_next and self._until_run > -4)
        if plan is None:
            return []
        path = sweep_path(rng, plan, start, atr(self._bars))
        if min(path) < LOWEST_TICKS * 2:
            return []
        usual = sum(bar.volume for bar in self._bars[-20:]) / 20
        walk.settle(path[-1])
        self._after_run(plan.side, success=0.6)
        return [self._keep(Minute(open_ms, path, round(usual * rng.uniform(1.5, 2.8), 3)))]

    def _after_run(self, side: int, success: float) -> None:
        """The price leans the way of the trade, or through the level after all."""
        rng = self._rng
        self._walk.lean = side * rng.uniform(0.45, 0.75) * (1 if rng.random() < success else -1)
        self._walk.lean_minutes = rng.randint(4, 8)
        self._stage_next = rng.random() < 0.7
        self._until_run = rng.randint(1, 2) if self._stage_next else rng.randint(6, 10)

    def _keep(self, minute: Minute) -> Minute:
        self._bars.append(bar_of(minute))
        del self._bars[:-_MEMORY]
        return minute


def _scaled(minutes: list[Minute], close: int) -> list[Minute]:
    """The same minutes on a scale on which the last one closes at ``close`` ticks."""
    ratio = close / minutes[-1].path[-1]
    return [m._replace(path=[round(ticks * ratio) for ticks in m.path]) for m in minutes]
