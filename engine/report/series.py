"""Curves and holdings of a run on the grid of its candles: day ends, rows of a time, bars in the market, thinned lines."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import attrgetter

from engine.model.market import MINUTE_NS, SECOND_NS, Candle
from engine.model.orders import ZERO, Fill, sign

DAY_NS = 86_400 * SECOND_NS
Held = tuple[int, int, int]
"""First bar, the bar after the last one, and the side (1 long, −1 short)."""

_open_time = attrgetter("open_time")


def row_at(candles: Sequence[Candle], t: int) -> int:
    """The last row that opens at or before ``t``; −1 when none does."""
    guess = (t - candles[0].open_time) // MINUTE_NS
    if 0 <= guess < len(candles) and candles[guess].open_time <= t:
        return guess
    return bisect_right(candles, t, key=_open_time) - 1


def day_ends(equity: Sequence[float], candles: Sequence[Candle]) -> list[float]:
    """The equity at the end of every UTC day from the first bar's to the last bar's; a day without bars keeps the one before."""
    first, last = candles[0].open_time // DAY_NS, candles[-1].open_time // DAY_NS
    return [equity[row_at(candles, (day + 1) * DAY_NS - 1)] for day in range(first, last + 1)]


def holdings(fills: Iterable[Fill], candles: Sequence[Candle]) -> list[Held]:
    """Stretches of bars in which a position was held for longer than an instant; no bar is in two of them."""
    found: list[Held] = []
    qty, since, free = ZERO, 0, 0
    for fill in fills:
        after = qty + sign(fill.side) * fill.qty
        if qty and qty * after <= 0:
            free = _held(found, candles, qty, since, fill.t, free)
        if qty * after <= 0:
            since = fill.t
        qty = after
    if qty:
        _held(found, candles, qty, since, candles[-1].open_time + MINUTE_NS, free)
    return found


def _held(found: list[Held], candles: Sequence[Candle], qty: Decimal, since: int, until: int, free: int) -> int:
    """Adds the bars that overlap ``since`` to ``until``; gives the first bar that is still free."""
    begin = max(row_at(candles, since - MINUTE_NS) + 1, free)
    end = row_at(candles, until - 1) + 1
    if until <= since or end <= begin:
        return free
    found.append((begin, end, 1 if qty > 0 else -1))
    return end


def thin(values: Sequence[float], buckets: int) -> list[int]:
    """Rows that draw the same line: of each of ``buckets`` stretches the first, the lowest, the highest and the last.

    No extreme is lost: the highest and the lowest value of all are among them.
    """
    count = len(values)
    if count <= 4 * buckets:
        return list(range(count))
    rows: set[int] = set()
    for bucket in range(buckets):
        start, stop = bucket * count // buckets, (bucket + 1) * count // buckets
        part = values[start:stop]
        rows.update((start, start + part.index(min(part)), start + part.index(max(part)), stop - 1))
    return sorted(rows)


def drawdowns(equity: Sequence[float], start: float) -> array[float]:
    """How far every value is under the highest until then, as a fraction of that (0 at a high, −0.1 ten percent under it)."""
    peak, found = start, array("d")
    for value in equity:
        peak = max(peak, value)
        found.append((value - peak) / peak if peak > 0 else 0.0)
    return found
