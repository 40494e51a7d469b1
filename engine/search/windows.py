"""Walk-forward: choose on a training window, trade the window behind it, move on; the traded windows are joined.

- A training run sees its own window and nothing else. The choice for a window depends on its training runs alone.
- Before its test window a strategy observes the candles of the training window, so that its indicators are ready; the account,
  the orders and the risk gate begin with the test window, so nothing can be traded before it.
- Every window begins with the same cash, flat. The joined curve adds up their profits.
- Test windows touch and never overlap. What is left at the end and makes no whole window is not used.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS, Candle
from engine.model.orders import Fill, Trade
from engine.model.state import Market, State
from engine.runner.backtest import Result
from engine.search.rank import Objective, best
from engine.search.store import Row, Windows
from engine.search.task import Outcome, Setup
from engine.search.work import curve_of, figured

HINT = "for example: --walk-forward train=30d,test=7d or train=12h,test=90m,anchored"
UNITS = {"m": MINUTE_NS, "h": 60 * MINUTE_NS, "d": 1_440 * MINUTE_NS, "w": 10_080 * MINUTE_NS}
_LENGTH = re.compile(r"([1-9]\d{0,6})([mhdw])").fullmatch
MOST = 10_000
"""Windows; more of them are a mistake in a unit."""


class Window(NamedTuple):
    """Rows: trained on ``train`` to before ``test``, tested from there to before ``end``."""

    n: int
    train: int
    test: int
    end: int


def parse(text: str) -> Windows:
    """``train=30d,test=7d[,anchored]``: m, h, d and w. Raises CockpitError."""
    lengths: dict[str, int] = {}
    anchored = False
    for part in text.split(","):
        key, equals, value = part.strip().partition("=")
        found = _LENGTH(value.strip())
        if key == "anchored" and not equals and not anchored:
            anchored = True
        elif key in ("train", "test") and key not in lengths and found:
            lengths[key] = int(found[1]) * UNITS[found[2]]
        else:
            raise CockpitError(f"--walk-forward: {part.strip()[:60]!r} is not understood", "", HINT)
    if len(lengths) < 2:
        raise CockpitError("--walk-forward: train and test are needed", "", HINT)
    return Windows(lengths["train"], lengths["test"], anchored)


def cut(candles: Sequence[Candle], windows: Windows) -> list[Window]:
    """All whole windows, oldest first; stretches without a candle to train or to test on are left out. Raises CockpitError."""
    times = [candle.open_time for candle in candles]
    found: list[Window] = []
    start, after = times[0], times[-1] + MINUTE_NS
    span = (after - start - windows.train) // windows.test
    if span < 1:
        raise CockpitError("the data is shorter than one training and one test window", "", HINT)
    if span > MOST:
        raise CockpitError(f"--walk-forward makes {span:,} windows, at most {MOST:,}", "", HINT)
    for n in range(span):
        begin = start if windows.anchored else start + n * windows.test
        split = start + n * windows.test + windows.train
        train, test, end = (bisect_left(times, t) for t in (begin, split, split + windows.test))
        if train < test < end:
            found.append(Window(len(found), train, test, end))
    return found


def choose(rows: Sequence[Row], by: Objective) -> dict[int, Row]:
    """Window → the training row whose parameters are tested; a window in which no point traded has none."""
    groups: dict[int, list[Row]] = {}
    for row in rows:
        if row.task.part == "train":
            groups.setdefault(row.task.window, []).append(row)
    chosen = {window: best(group, by) for window, group in groups.items()}
    return {window: row for window, row in sorted(chosen.items()) if row is not None}


class Pair(NamedTuple):
    """A window's choice beside what it came to; ``test`` None: not run yet, or failed."""

    window: int
    train: Row
    test: Row | None


def pairs(rows: Sequence[Row], by: Objective) -> list[Pair]:
    tests = {(row.task.window, _key(row.task.params)): row for row in rows if row.task.part == "test"}
    return [Pair(window, row, tests.get((window, _key(row.task.params)))) for window, row in choose(rows, by).items()]


def _key(params: dict[str, Any]) -> bytes:
    return msgspec.json.encode(params, order="sorted")


class Joined(NamedTuple):
    """All test windows as one run: ``curve`` has a value for every bar from the first test row to before ``end``."""

    figures: dict[str, float | None]
    pnl: Decimal
    trades: list[Trade]
    curve: array[float]
    start: int
    end: int


def join(tests: Sequence[Row], setup: Setup, candles: Sequence[Candle]) -> Joined | None:
    """Window after window; a stretch without one (a failed run, nothing chosen) is flat. Needs rows with their curves."""
    done = sorted((row for row in tests if row.outcome.status == "done"), key=lambda row: row.task.first)
    if not done:
        return None
    cash, base = float(setup.cash), Decimal(0)
    start, end = done[0].task.first, done[-1].task.end
    curve, trades, fills = array("d"), list[Trade](), list[Fill]()
    for row in done:
        gap = row.task.first - start - len(curve)
        curve.extend([cash + float(base)] * gap)
        curve.extend(value + float(base) for value in curve_of(row.outcome))
        trades += msgspec.msgpack.decode(row.outcome.trade_list, type=list[Trade])
        fills += msgspec.msgpack.decode(row.outcome.fill_list, type=list[Fill])
        base += row.outcome.pnl
    result = _result(setup, candles[start:end], curve, trades, fills, base)
    return Joined(figured(result, candles[start:end]), base, trades, curve, start, end)


def _result(
    setup: Setup, candles: Sequence[Candle], curve: array[float], trades: list[Trade], fills: list[Fill], pnl: Decimal
) -> Result:
    """What the metrics are measured on. Costs are not: the orders that they are split by stay in their windows."""
    state = State()
    state.account.currency = setup.instrument.quote
    state.markets[setup.instrument.symbol] = Market(setup.instrument.symbol)
    model = setup.profile.fill
    return Result(
        run_id="", config="", config_hash="", data_hash=setup.data, seed=setup.seed, versions=setup.versions, rule=model.rule,
        model=model, assumptions=model.words(), symbol=setup.instrument.symbol, rows=len(candles),
        start_t=candles[0].open_time, end_t=candles[-1].open_time + MINUTE_NS, cash=setup.cash, pnl=pnl,
        fees=sum((f.fee for f in fills), Decimal(0)), funding=sum((t.funding for t in trades), Decimal(0)), trades=trades,
        orders=[], fills=fills, rejections={}, refusals=[], equity=curve, state=state, seconds=0.0, steps=0, quiet=0,
    )  # fmt: skip


def profits(outcome: Outcome) -> list[float]:
    """Net profits of a detailed outcome's trades, in their order."""
    return [float(trade.pnl) for trade in msgspec.msgpack.decode(outcome.trade_list, type=list[Trade])]
