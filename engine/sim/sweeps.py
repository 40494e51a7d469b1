"""Stop runs: where one would hurt, the minute that makes it, and whether it is a setup that a trader would take.

``side`` is the trade that the run sets up: +1 LONG after a swept low, -1 SHORT after a swept high. All in ticks.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from engine.sim.microstructure import SEGMENTS, Minute, Path, bridge

_WINDOWS = (10, 15, 20, 30, 40)
_NEEDED = 120
"""Bars of history that the averages want."""


class Bar(NamedTuple):
    """A closed minute, in ticks."""

    open: int
    high: int
    low: int
    close: int
    volume: float


def bar_of(minute: Minute) -> Bar:
    return Bar(minute.path[0], max(minute.path), min(minute.path), minute.path[-1], minute.volume)


# ── features ──────────────────────────────────────────────────────────────────────────────────────────────────


def ema(closes: list[int], n: int) -> float:
    value = sum(closes[:n]) / n
    for close in closes[n:]:
        value += (close - value) * 2 / (n + 1)
    return value


def atr(bars: list[Bar]) -> float:
    """Mean true range of the last 14."""
    total = 0
    for before, bar in zip(bars[-15:-1], bars[-14:], strict=True):
        total += max(bar.high, before.close) - min(bar.low, before.close)
    return total / 14


def vwap(bars: list[Bar]) -> float:
    last = bars[-60:]
    volume = sum(b.volume for b in last)
    return sum((b.high + b.low + b.close) / 3 * b.volume for b in last) / volume if volume else last[-1].close


def level_of(bars: list[Bar], side: int, window: int) -> int:
    """The low (LONG) or high (SHORT) of the last ``window`` bars."""
    return min(b.low for b in bars[-window:]) if side > 0 else max(b.high for b in bars[-window:])


def _flow(bar: Bar) -> float:
    span = bar.high - bar.low
    return bar.volume * ((bar.close - bar.low) - (bar.high - bar.close)) / span if span else 0.0


def _flow_agrees(bars: list[Bar], side: int) -> bool:
    """The last bar's cumulative flow is not the extreme of the last five, though its price is."""
    total, running = 0.0, []
    for bar in bars[-5:]:
        total += _flow(bar)
        running.append(total)
    return running[-1] > min(running[:-1]) if side > 0 else running[-1] < max(running[:-1])


def reward_risk(bars: list[Bar], side: int, level: int) -> float:
    """From the last close: to VWAP60 against to half an ATR beyond ``level``. Negative on the losing side."""
    entry = bars[-1].close
    risk = side * (entry - level) + 0.5 * atr(bars)
    return side * (vwap(bars) - entry) / risk if risk > 0 else 0.0


def is_setup(bars: list[Bar], side: int) -> bool:
    """Whether the last bar is a ten-bar sweep worth taking against VWAP60, with a little to spare, in no trend."""
    last, before = bars[-1], bars[:-1]
    level, opposite = level_of(before, side, 10), level_of(before, -side, 10)
    beyond = last.low < level < last.close if side > 0 else last.close < level < last.high
    both = last.high > opposite if side > 0 else last.low < opposite
    if not beyond or both or not _flow_agrees(bars, side):
        return False
    closes = [b.close for b in bars[-_NEEDED:]]
    fast, middle, slow = ema(closes, 9), ema(closes, 20), ema(closes, 50)
    trending = (middle - slow) * (last.close - middle) > 0
    if side * (fast - middle) <= 0 or trending:
        return False
    enough_volume = last.volume >= 1.05 * sum(b.volume for b in bars[-21:-1]) / 20
    return enough_volume and reward_risk(bars, side, level) >= 1.6


# ── the run itself ────────────────────────────────────────────────────────────────────────────────────────────


class Plan(NamedTuple):
    """A stop run to make: beyond ``level`` and back."""

    side: int
    level: int


def sweep_path(rng: Random, plan: Plan, start: int, usual_range: float) -> Path:
    """From ``start`` to the level, through it, and back inside by the close."""
    side, level = plan
    beyond = level - side * max(1, round(rng.uniform(0.3, 0.8) * usual_range))
    close = level + side * max(1, round(rng.uniform(0.06, 0.22) * usual_range))
    arrive, turn = rng.choice(((3, 5), (4, 6), (5, 7), (5, 8)))
    near = level + side * max(1, round(0.1 * usual_range))
    low, high = sorted((beyond, max(start, close) if side > 0 else min(start, close)))
    anchors = [(0, start), (arrive, near), (turn, beyond), (SEGMENTS, close)]
    return bridge(rng, anchors, 0.12 * usual_range, low, high)


def find_plan(rng: Random, bars: list[Bar], start: int, *, picky: bool) -> Plan | None:
    """A level within reach: one whose sweep would be a setup if ``picky``, else any."""
    usual = atr(bars)
    closes = [b.close for b in bars[-_NEEDED:]]
    trend = 1 if ema(closes, 9) > ema(closes, 20) else -1
    middle = vwap(bars)
    for window in _WINDOWS if picky else rng.sample(_WINDOWS, len(_WINDOWS)):
        for side in (trend, -trend):
            level = level_of(bars, side, window)
            distance = side * (start - level)
            worth = window == 10 and side == trend and side * (middle - level) > 1.2 * usual
            if 0 < distance < (2.8 if picky else 1.7) * usual and (worth or not picky):
                return Plan(side, level)
    return None


# ── staged runs ───────────────────────────────────────────────────────────────────────────────────────────────

_PUSH = [(9, 0.6), (8, 0.1), (7, 0.3), (6, 0.7), (5, 1.1), (4, 1.4), (3, 1.6), (2, 1.7), (1, 1.8)]
"""(bars before the run, close in ordinary ranges from where it started, LONG): a dip, then a push."""

OPENING = [*[(60 - j, 0.0) for j in range(36)], *[(24 - j, 0.07 * j) for j in range(15)], *_PUSH]
LEAD_IN = [*[(13 - j, 0.2 * j) for j in range(4)], *_PUSH]

_DIP_BAR, _DIP_WICK = 8, -0.85
"""The bar whose wick leaves the obvious stop level."""


def staged(
    rng: Random,
    before: list[Bar],
    shape: list[tuple[int, float]],
    side: int,
    *,
    sigma: float,
    volume: float,
    first_ms: int,
) -> list[Minute]:
    """The minutes of ``shape`` after the bars ``before``, then a stop run; ``sigma``: a minute's deviation in ticks."""
    minutes: list[Minute] = []
    at = start = before[-1].close
    stray = 0.0
    unit = 1.6 * sigma
    for to_go, target in shape:
        stray = 0.75 * stray + rng.gauss(0.0, 0.36)
        close = start + side * round((target + stray * min(1.0, to_go / 12)) * unit)
        anchors = [(0, at), (SEGMENTS, close)]
        if to_go == _DIP_BAR:
            anchors.insert(1, (rng.randrange(5, 9), start + side * round((_DIP_WICK + rng.gauss(0.0, 0.1)) * unit)))
        path = bridge(rng, anchors, 1.1 * sigma / SEGMENTS**0.5, 1, 1 << 60)
        minutes.append(Minute(first_ms + len(minutes) * 60_000, path, round(volume * rng.lognormvariate(0.0, 0.3), 3)))
        at = close
    bars = [*before[-15:], *map(bar_of, minutes)]
    plan = Plan(side, level_of(bars, side, 10))
    run = sweep_path(rng, plan, at, atr(bars))
    minutes.append(Minute(first_ms + len(minutes) * 60_000, run, round(volume * rng.uniform(1.5, 2.4), 3)))
    return minutes
