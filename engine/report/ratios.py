"""Ratios of a series of daily returns and the drawdowns of a curve. Plain functions of floats; undefined is None.

Conventions: 365 days a year (the market never closes), a risk-free rate of 0, sample deviations (``ddof`` 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, isfinite, sqrt

import msgspec

DAYS_A_YEAR = 365
ROUNDING = 1e-14
"""A daily return is a quotient of floats, good to 2e-16: a deviation below this is rounding, and no divisor."""


class Drawdown(msgspec.Struct, frozen=True, kw_only=True):
    """The falls of a curve under its highest value so far. Rows count from 0; −1 is the start, before the first row.

    money         deepest fall in money: max(peak − value)
    fraction      deepest fall as a share of its peak: max((peak − value) / peak); None where the peak is not over 0
    peak, trough  rows of the last high before the fall that ``fraction`` is of, and of its lowest value
    recovered     the first row that is at or over that peak again; None when the curve ends below it
    longest       (row of the high, row of the recovery or None) of the fall that took the most rows
    """

    money: float = 0.0
    fraction: float | None = 0.0
    peak: int = -1
    trough: int = -1
    recovered: int | None = None
    longest: tuple[int, int | None] | None = None


def returns(values: Sequence[float], start: float) -> list[float]:
    """value / value before − 1, the first one against ``start``; empty when one of them has a divisor that is not over 0."""
    before = [start, *values[:-1]]
    return [] if min(before) <= 0 else [value / old - 1 for value, old in zip(values, before, strict=True)]


def mean(values: Sequence[float]) -> float | None:
    return fsum(values) / len(values) if values else None


def deviation(values: Sequence[float]) -> float | None:
    """√(Σ(x − mean)² / (n − 1)); None of fewer than two values."""
    if len(values) < 2:
        return None
    middle = fsum(values) / len(values)
    return sqrt(fsum((value - middle) ** 2 for value in values) / (len(values) - 1))


def volatility(daily: Sequence[float]) -> float | None:
    """Annualised: deviation × √365."""
    found = deviation(daily)
    return None if found is None else found * sqrt(DAYS_A_YEAR)


def sharpe(daily: Sequence[float]) -> float | None:
    """mean / deviation × √365 (Sharpe 1994, at a risk-free rate of 0); None when the returns do not vary."""
    spread = deviation(daily)
    return fsum(daily) / len(daily) / spread * sqrt(DAYS_A_YEAR) if spread is not None and spread > ROUNDING else None


def sortino(daily: Sequence[float]) -> float | None:
    """mean / √(Σ min(x, 0)² / n) × √365 (Sortino and Price 1994, target 0); None when no day lost."""
    if len(daily) < 2:
        return None
    downside = sqrt(fsum(min(value, 0.0) ** 2 for value in daily) / len(daily))
    return fsum(daily) / len(daily) / downside * sqrt(DAYS_A_YEAR) if downside > ROUNDING else None


def cagr(start: float, end: float, days: int) -> float | None:
    """(end / start)^(365 / days) − 1; None where that is no number or one beyond all floats."""
    if start <= 0 or end < 0 or days < 1:
        return None
    try:
        found = (end / start) ** (DAYS_A_YEAR / days) - 1
    except OverflowError:
        return None
    return found if isfinite(found) else None


def quotient(over: float | None, under: float | None) -> float | None:
    """None where either is undefined, the divisor is 0, or the quotient is beyond all floats."""
    if over is None or not under:
        return None
    found = over / under
    return found if isfinite(found) else None


def drawdown(values: Sequence[float], start: float) -> Drawdown:
    """All falls of the curve that begins at ``start`` and goes on with ``values``, in one pass."""
    peak, peak_row, low, low_row = start, -1, start, -1
    money, deepest, found = 0.0, 0.0, (-1, -1, None)
    longest: tuple[int, int | None] | None = None
    span = 0

    def end(row: int | None) -> None:
        """The fall from ``peak`` is over at ``row``, or with the curve."""
        nonlocal money, deepest, found, longest, span
        money = max(money, peak - low)
        depth = (peak - low) / peak if peak > 0 else 0.0
        if depth > deepest:
            deepest, found = depth, (peak_row, low_row, row)  # type: ignore[assignment]
        lasted = (len(values) - 1 if row is None else row) - peak_row
        if lasted > span:
            span, longest = lasted, (peak_row, row)

    for row, value in enumerate(values):
        if value >= peak:
            if low < peak:
                end(row)
            peak, peak_row, low = value, row, value
        elif value < low:
            low, low_row = value, row
    if low < peak:
        end(None)
    return Drawdown(
        money=money, fraction=deepest if start > 0 else None,
        peak=found[0], trough=found[1], recovered=found[2], longest=longest,
    )  # fmt: skip
