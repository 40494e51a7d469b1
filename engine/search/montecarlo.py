"""The same trades in another order, and drawn again: how far luck could have carried the account up or down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import floor
from operator import mul, truediv
from random import Random

import msgspec

LEVELS = (5, 25, 50, 75, 95)
"""Percentiles that are given."""
RUIN_PCT = 50.0
"""An account that lost so much of its start is called ruined; few go on from there."""


class Paths(msgspec.Struct, frozen=True):
    """Of many sequences: percentiles (see ``LEVELS``) of the final equity and of the deepest fall (percent, positive).

    ``ruined`` is the share of sequences whose equity fell to ``100 − RUIN_PCT`` percent of the start or lower.
    """

    kind: str
    final: tuple[float, ...]
    fall_pct: tuple[float, ...]
    ruined: float


class MonteCarlo(msgspec.Struct, frozen=True):
    """``order``: each trade once, in another order; ``drawn``: as many trades, drawn with replacement."""

    runs: int
    trades: int
    seed: int
    ruin_pct: float
    actual_final: float
    actual_fall_pct: float
    order: Paths
    drawn: Paths


def returns(profits: Sequence[float], cash: float) -> list[float]:
    """Each trade's profit over the equity before it; a trade that takes all that is left, or more, is −1."""
    equity, found = cash, []
    for profit in profits:
        if equity <= 0:
            break
        found.append(max(profit / equity, -1.0))
        equity += profit
    return found


def monte_carlo(profits: Sequence[float], cash: float, runs: int, seed: int, ruin_pct: float = RUIN_PCT) -> MonteCarlo:
    """Sequences of the trades' returns, compounded from ``cash``. Seeded: the same input gives the same numbers.

    Raises ValueError without trades or runs.
    """
    if not profits or runs < 1:
        raise ValueError("a Monte Carlo needs at least one trade and one run")
    factors = [1 + r for r in returns(profits, cash)]
    chance = Random(seed)
    final, deepest, _ = _walk(factors)
    lowest = 1 - ruin_pct / 100
    return MonteCarlo(
        runs, len(factors), seed, ruin_pct, cash * final, deepest * 100,
        _paths("order", lambda: _shuffled(factors, chance), runs, cash, lowest),
        _paths("drawn", lambda: _drawn(factors, chance), runs, cash, lowest),
    )  # fmt: skip


def _paths(kind: str, draw: Callable[[], list[float]], runs: int, cash: float, lowest: float) -> Paths:
    finals, falls, ruined = [], [], 0
    for _ in range(runs):
        final, deepest, low = _walk(draw())
        finals.append(cash * final)
        falls.append(deepest * 100)
        ruined += low <= lowest
    return Paths(kind, percentiles(finals), percentiles(falls), ruined / runs)


def _walk(factors: Sequence[float]) -> tuple[float, float, float]:
    """Final equity, deepest fall from a peak and lowest equity, of a start of 1."""
    path = list(accumulate(factors, mul, initial=1.0))
    worst = min(map(truediv, path, accumulate(path, max)))
    return path[-1], 1 - worst, min(path)


def _shuffled(values: list[float], chance: Random) -> list[float]:
    """A random order: sorting by random keys takes a third of the time of ``Random.shuffle``."""
    keys = memoryview(chance.randbytes(8 * len(values))).cast("Q").tolist()
    return [values[n] for n in sorted(range(len(values)), key=keys.__getitem__)]


def _drawn(values: list[float], chance: Random) -> list[float]:
    """As many, with replacement; 32 random bits a draw, whose bias is under one in a million for a thousand trades."""
    count = len(values)
    return [values[(bits * count) >> 32] for bits in memoryview(chance.randbytes(4 * count)).cast("I")]


def percentiles(values: Sequence[float], levels: Sequence[int] = LEVELS) -> tuple[float, ...]:
    """Linear between the two nearest ranks, as most libraries do by default."""
    ranked = sorted(values)
    return tuple(_at(ranked, (len(ranked) - 1) * level / 100) for level in levels)


def _at(ranked: Sequence[float], place: float) -> float:
    low = floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)
