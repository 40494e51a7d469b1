"""What happens inside a minute: the path, the trades along it, the book around the last trade, the basis.

Prices are whole numbers of ticks here; ``Grid`` turns them into prices.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import NamedTuple

import msgspec

from engine.model.market import Candle, decimals
from engine.sim.source import Level, Print

MINUTE_MS = 60_000
FUNDING_INTERVAL_MS = 8 * 3_600_000
SEGMENTS = 12
"""A minute's path has ``SEGMENTS + 1`` points, evenly spaced in time."""

LOWEST_TICKS = 100
"""No market trades below this many ticks: the deepest bid of the book still has a price."""

Path = list[int]
"""Prices in ticks: first the open, last the close; the extremes are the minute's high and low."""


class Minute(NamedTuple):
    """One minute before it is traded: where the price goes, and how much changes hands (base currency)."""

    open_ms: int
    path: Path
    volume: float


class Grid:
    """The tick, and prices on it."""

    __slots__ = ("digits", "tick")

    def __init__(self, tick: float) -> None:
        if not tick > 0:
            raise ValueError(f"tick must be above 0, not {tick!r}")
        self.tick = tick
        self.digits = decimals(Decimal(repr(tick)))

    def price(self, ticks: int) -> float:
        return round(ticks * self.tick, self.digits)

    def ticks(self, price: float) -> int:
        return round(price / self.tick)

    def snap(self, price: float) -> float:
        return self.price(self.ticks(price))


def candle_of(minute: Minute, grid: Grid) -> Candle:
    path = minute.path
    return Candle(
        open_time=minute.open_ms * 1_000_000,
        open=grid.price(path[0]),
        high=grid.price(max(path)),
        low=grid.price(min(path)),
        close=grid.price(path[-1]),
        volume=minute.volume,
    )


# ── the path ──────────────────────────────────────────────────────────────────────────────────────────────────


def bridge(rng: Random, anchors: list[tuple[int, int]], noise: float, low: int, high: int) -> Path:
    """A rough path through ``anchors`` (point number, ticks; the first is point 0, the last ``SEGMENTS``).

    ``noise`` is the standard deviation of one segment in ticks; nothing leaves ``low``..``high``.
    """
    path = [anchors[0][1]]
    for (i, start), (j, end) in pairwise(anchors):
        steps = j - i
        walk = [0.0]
        for _ in range(steps):
            walk.append(walk[-1] + rng.gauss(0.0, noise))
        for k in range(1, steps):
            share = k / steps
            here = start + (end - start) * share + walk[k] - walk[steps] * share
            path.append(min(max(round(here), low), high))
        path.append(end)
    return path


def path_through(rng: Random, open_: int, high: int, low: int, close: int) -> Path:
    """A path that has exactly this open, high, low and close; a rising bar mostly visits its low first."""
    early, late = sorted(rng.sample(range(1, SEGMENTS), 2))
    low_first = rng.random() < (0.8 if close > open_ else 0.2 if close < open_ else 0.5)
    first, second = (low, high) if low_first else (high, low)
    anchors = [(0, open_), (early, first), (late, second), (SEGMENTS, close)]
    return bridge(rng, anchors, (high - low) / SEGMENTS, low, high)


# ── the trades ────────────────────────────────────────────────────────────────────────────────────────────────

_PRINTS = 120
"""Trades in a minute of ordinary volume."""


def tape(rng: Random, minute: Minute, usual_volume: float, grid: Grid) -> list[Print]:
    """The minute's trades, oldest first: they touch every point of its path and add up to its volume.

    A minute without volume has no trades.
    """
    if minute.volume <= 0:
        return []
    path = minute.path
    low, high = min(path), max(path)
    busy = minute.volume / usual_volume if usual_volume > 0 else 1.0
    count = min(max(round(_PRINTS * busy**0.7), 30), 400)
    pace = (high - low) / 4 + 1
    weights = [1.0 + abs(b - a) / pace for a, b in pairwise(path)]
    per_weight = count / sum(weights)
    rough = max(0.6, 0.03 * (high - low))

    ticks, times, buys, sizes = [path[0]], [rng.randrange(250)], [path[1] >= path[0]], [rng.lognormvariate(0.0, 1.2)]
    price = grid.price
    gauss, random = rng.gauss, rng.random
    segment_ms = MINUTE_MS // SEGMENTS
    for number, (start, end) in enumerate(pairwise(path)):
        n = max(1, round(weights[number] * per_weight))
        push = (end - start) / (abs(end - start) + pace)
        buy_share = 0.5 + 0.4 * push
        begin = max(number * segment_ms, times[-1])
        room = (number + 1) * segment_ms - begin
        moments = sorted([int(random() * room) for _ in range(n)])
        wobble = 0.0
        for k in range(1, n + 1):
            buy = random() < buy_share
            wobble = 0.6 * wobble + gauss(0.0, rough)
            here = end if k == n else round(start + (end - start) * k / n + wobble + (0.5 if buy else -0.5))
            ticks.append(low if here < low else high if here > high else here)
            same_order = k > 1 and random() < 0.2
            times.append(times[-1] if same_order else begin + moments[k - 1])
            buys.append(buys[-1] if same_order else buy)
            sizes.append(min(rng.lognormvariate(0.0, 1.2), 12.0) * (1.0 + abs(push)))
    base = minute.open_ms
    return [
        Print(base + t, price(p), q, "BUY" if b else "SELL")
        for t, p, q, b in zip(times, ticks, _shares(sizes, minute.volume), buys, strict=True)
    ]


def _shares(weights: list[float], volume: float) -> list[float]:
    """``volume`` split in proportion, in round quantities where they are large enough; the largest takes the rest."""
    n = len(weights)
    digits = 4 if volume >= n * 0.02 else 6 if volume >= n * 0.0002 else 0
    unit = volume / sum(weights)
    least = 10.0**-digits if digits else 0.0
    shares = [max(round(w * unit, digits), least) if digits else w * unit for w in weights]
    largest = max(range(n), key=shares.__getitem__)
    shares[largest] = 0.0
    rest = volume - sum(shares)
    shares[largest] = round(rest, 12) if digits else rest
    return shares


# ── the book ──────────────────────────────────────────────────────────────────────────────────────────────────

_MASK = 4095
_DEPTH = [(1, 0.7 + 0.1 * k) for k in range(6)] + [(2, 1.3)] * 8 + [(5, 1.8)] * 6
"""Level by level, from the best: multiple of the tick that prices sit on, and size against the typical level."""


class Book:
    """Resting orders as a function of price and time: a level keeps its size for some seconds, whoever looks."""

    __slots__ = ("_grid", "_noise")

    def __init__(self, rng: Random, grid: Grid) -> None:
        self._grid = grid
        self._noise = [min(rng.lognormvariate(0.0, 0.8), 8.0) for _ in range(_MASK + 1)]

    def spread(self, t_ms: int, heat: float) -> int:
        """Ticks between best bid and ask: 1 to 3 in a market of ordinary heat (1.0), up to 9 in a wild one."""
        calm = self._noise[(t_ms // 800 * 7919) & _MASK]
        return (1 if calm < 1.3 else 2 if calm < 2.6 else 3) + min(6, max(0, int(1.5 * (heat - 1.4))))

    def side(self, best: int, sign: int, t_ms: int, size: float) -> list[Level]:
        """Levels from ``best`` (ticks) outward, ``sign`` +1 for asks and -1 for bids; ``size`` is the typical one."""
        noise, tick, digits = self._noise, self._grid.tick, self._grid.digits
        now = t_ms // 100
        at = sign * best
        levels: list[Level] = []
        for multiple, share in _DEPTH:
            if levels:
                at = (at // multiple + 1) * multiple
            age = (now + (at * 37 & 63)) >> 5
            quantity = round(noise[(at * 7919 + age * 40503) & _MASK] * share * size, 3)
            levels.append((round(sign * at * tick, digits), quantity if quantity > 0.001 else 0.001))
        return levels


# ── basis and funding ─────────────────────────────────────────────────────────────────────────────────────────


class Basis(msgspec.Struct, gc=False):
    """How far the contract trades from its index, as a fraction: ``now`` reverts, ``slow`` is its running mean.

    Longs pay up while the price runs above its four-hour mean, so the basis leans with the trend.
    """

    now: float = 0.0001
    slow: float = 0.0001
    mean_price: float = 0.0

    def advance(self, rng: Random, price: float) -> None:
        """One minute on, at ``price``."""
        self.mean_price = self.mean_price + (price - self.mean_price) / 240 if self.mean_price else price
        lean = min(max(0.02 * (price / self.mean_price - 1), -0.0006), 0.0006)
        self.now += 0.08 * (0.00005 + lean - self.now) + rng.gauss(0.0, 0.00003)
        self.slow += (self.now - self.slow) / 30


def funding_rate(slow_basis: float) -> float:
    """Fraction per interval: 1 bp of interest plus the mean basis, within ±0.3 %."""
    return round(min(max(0.0001 + slow_basis, -0.003), 0.003), 8)


def next_funding(t_ms: int) -> int:
    return (t_ms // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS
