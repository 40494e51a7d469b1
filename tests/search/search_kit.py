"""A small market, questions about it, and stores of their answers, for the tests of the search."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.model.market import MINUTE_NS, Candle
from engine.model.settings import Profile
from engine.ops.config import load
from engine.runner.data import Bars, bars
from engine.search import work
from engine.search.pool import Load
from engine.search.store import Notes, Store
from engine.search.sweep import Question, complete, opened, plan_of, setup_of
from engine.search.task import Outcome, Setup, Task

T0 = 1_700_006_400_000_000_000
DAY = 1_440
FREE: dict[str, Any] = {
    "risk.order_spacing_s": 0.0,
    "risk.orders_per_minute": 1_000_000,
    "risk.cooldown_s": 0.0,
    "risk.max_drawdown_pct": 99.0,
    "risk.daily_loss_pct": 99.0,
    "risk.weekly_loss_pct": 99.0,
}
GRID = ("fast=10,20,40", "slow=30,60")


def market(days: int, seed: int = 1, *, per_day: int = DAY) -> Bars:
    """A random walk of minutes; ``per_day`` fewer bars a day keep tests fast and days many (the rest of a day is a gap)."""
    chance, close, rows = random.Random(seed), 42_000.0, list[Candle]()
    for row in range(days * per_day):
        t = T0 + (row // per_day * DAY + row % per_day) * MINUTE_NS
        open_, close = close, round(close * (1 + chance.gauss(0, 0.0008)), 2)
        high, low = round(max(open_, close) + 5, 2), round(min(open_, close) - 5, 2)
        rows.append(Candle(t, open_, high, low, close, 10.0))
    return bars(rows)


def profile(**flags: Any) -> Profile:
    return load("backtest", flags=FREE | {name.replace("__", "."): value for name, value in flags.items()}).profile


class Here:
    """Workers without a process: a task is run when its outcome is asked for, the newest first."""

    def __init__(self, setup: Setup, data: Bars, spoil: Callable[[Task], Outcome | None] = lambda _: None) -> None:
        self.at = work.Bench(setup, data)
        self.tasks: list[Task] = []
        self.ran: list[Task] = []
        self.spoil = spoil
        self.load = Load(0.0, 1)

    @property
    def open(self) -> int:
        return len(self.tasks)

    def submit(self, task: Task) -> None:
        self.tasks.append(task)

    def next(self) -> Outcome:
        task = self.tasks.pop()
        self.ran.append(task)
        return self.spoil(task) or work.run(self.at, task)

    def close(self) -> None:
        self.tasks.clear()


class Sweep:
    """A question with its file; ``run`` answers it in this process, or by ``workers``."""

    def __init__(self, root: Path, data: Bars, rules: Profile | None = None, **ask: Any) -> None:
        self.data = data
        self.ask = Question(**({"strategy": "ma_cross", "grid": GRID} | ask))
        self.setup = setup_of(self.ask.strategy, rules or profile(), "BTCUSDT", self.ask.seed, data)
        self.store: Store = opened(
            self.ask, plan_of(self.ask, self.setup), self.setup, Notes(objective=self.ask.objective), root
        )
        self.here = Here(self.setup, data)

    def run(self, workers: Any = None) -> bool:
        made = workers or self.here
        return complete(self.ask, self.store, self.data, lambda _: None, lambda: made)

    def digits(self) -> list[Any]:
        """Every number that a rerun must repeat."""
        return [
            (r.task.id, r.outcome.status, r.outcome.pnl, r.outcome.figures, r.outcome.config_hash)
            for r in self.store.rows()
        ]
