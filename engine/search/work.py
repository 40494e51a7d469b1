"""One run of a sweep, the same wherever it runs: in this process, in a worker of the pool, on a cluster."""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from engine.model.errors import CockpitError
from engine.model.market import Candle
from engine.report.metrics import measure
from engine.report.ratios import returns
from engine.report.series import day_ends
from engine.runner.backtest import Result, backtest
from engine.runner.data import Bars, bars
from engine.search.luck import Moments, moments
from engine.search.task import Outcome, Setup, Task
from engine.strategies import registry

COLUMNS = "qddddd"
MOMENTS = ("daily_returns", "daily_sharpe", "daily_skew", "daily_kurtosis")
"""Figures of a run that are not annualised: what ``engine.search.luck`` judges by."""
KEPT_SLICES = 4
"""Windows whose candles are kept ready: tasks of one window follow each other."""


@dataclass
class Bench:
    """What a worker keeps between tasks."""

    setup: Setup
    bars: Bars
    slices: dict[tuple[int, int], Bars] = field(default_factory=dict)


def packed(data: Bars) -> bytes:
    """The candles as the columns that their digest is made of: int64 times, then five float64, little-endian."""
    import sys

    columns = [
        array(code, [getattr(c, name) for c in data.candles])
        for code, name in zip(COLUMNS, Candle.__struct_fields__, strict=True)
    ]
    if sys.byteorder == "big":
        for column in columns:
            column.byteswap()
    return b"".join(column.tobytes() for column in columns)


def unpacked(raw: bytes | memoryview, digest: str) -> Bars:
    """Raises CockpitError where the bytes are not those of ``digest``."""
    import sys

    if sha256(raw).hexdigest() != digest:
        raise CockpitError("the candles on their way to a worker were changed")
    view = memoryview(raw)
    count = len(view) // 48
    columns = []
    for n, code in enumerate(COLUMNS):
        column = array(code)
        column.frombytes(view[n * count * 8 : (n + 1) * count * 8])
        if sys.byteorder == "big":
            column.byteswap()
        columns.append(column.tolist())
    return bars(list(map(Candle, *columns)))


def bench(setup: Setup, file: Path) -> Bench:
    return Bench(setup, unpacked(file.read_bytes(), setup.data))


def run(at: Bench, task: Task) -> Outcome:
    """Do a task. What a run raises becomes a failed outcome: one bad point does not end a sweep."""
    began = time.perf_counter()
    try:
        result = replay(at, task)
        figures = figured(result, _slice(at, task.first, task.end).candles)
    except (CockpitError, registry.StrategyError, ArithmeticError, ValueError, KeyError, MemoryError) as error:
        return Outcome(task.id, "failed", f"{type(error).__name__}: {error}", seconds=time.perf_counter() - began)
    outcome = Outcome(
        task.id, "done", "", figures, result.pnl, len(result.trades), result.run_id, result.config_hash,
        time.perf_counter() - began,
    )  # fmt: skip
    if task.detail:
        outcome.curve = result.equity.tobytes()
        outcome.trade_list = msgspec.msgpack.encode(result.trades)
        outcome.fill_list = msgspec.msgpack.encode(result.fills)
    return outcome


def replay(at: Bench, task: Task) -> Result:
    """The backtest of a task. In the rows from ``warm`` to ``first`` the strategy only observes: no order is possible there."""
    setup = at.setup
    strategy = registry.build(setup.strategy, task.params)
    for candle in at.bars.candles[task.warm : task.first]:
        strategy.observe(candle)
    return backtest(
        _slice(at, task.first, task.end), strategy, profile=setup.profile, cash=setup.cash, instrument=setup.instrument,
        seed=setup.seed,
    )  # fmt: skip


def _slice(at: Bench, first: int, end: int) -> Bars:
    if first == 0 and end == len(at.bars.candles):
        return at.bars
    found = at.slices.get((first, end))
    if found is None:
        while len(at.slices) >= KEPT_SLICES:
            del at.slices[next(iter(at.slices))]
        found = at.slices[first, end] = bars(at.bars.candles[first:end])
    return found


def figured(result: Result, candles: Sequence[Candle]) -> dict[str, float | None]:
    """All metrics that are numbers, by name, and the moments of the daily returns that the Sharpe ratio is made of."""
    plain = msgspec.structs.asdict(measure(result, candles))
    figures = {
        name: _number(value)
        for name, value in plain.items()
        if not name.endswith(("_t", "_ns")) and (value is None or _is_number(value))
    }
    found = moments(returns(day_ends(result.equity, candles), float(result.cash)))
    if found is not None:
        figures |= dict(zip(MOMENTS, map(float, found), strict=True))
    return figures


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _number(value: Any) -> float | None:
    return float(value) if value is not None and isfinite(value) else None


def moments_of(figures: dict[str, float | None]) -> Moments | None:
    count, sharpe, skew, kurtosis = (figures.get(name) for name in MOMENTS)
    if count is None or sharpe is None or skew is None or kurtosis is None:
        return None
    return Moments(int(count), sharpe, skew, kurtosis)


def curve_of(outcome: Outcome) -> array[float]:
    curve = array("d")
    curve.frombytes(outcome.curve)
    return curve
