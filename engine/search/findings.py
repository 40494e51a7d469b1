"""What a sweep found, ready to be shown: points in order, the choices of a walk-forward, and how much of it is luck."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from math import fsum
from typing import Any, NamedTuple

from engine.data.moments import minute
from engine.report.ratios import DAYS_A_YEAR
from engine.search.luck import Verdict, judge, judge_tested
from engine.search.rank import Objective, best, objective, ranked
from engine.search.space import Bad
from engine.search.store import Notes, Plan, Row, Store
from engine.search.task import Outcome, Setup, Task
from engine.search.windows import Pair, pairs
from engine.search.work import moments_of


class Point(NamedTuple):
    """A line of the table: a run, its place by the objective (from 1; within its window), and what its choice came to."""

    row: Row
    place: int
    test: Outcome | None = None
    chosen: bool = False


class Findings(NamedTuple):
    """``names`` are the parameters that were tried. In a walk-forward ``points`` are training runs, window by window."""

    name: str
    plan: Plan
    setup: Setup
    notes: Notes
    by: Objective
    names: tuple[str, ...]
    points: list[Point]
    bad: list[Bad]
    counts: dict[str, int]
    pairs: list[Pair]
    verdict: Verdict | None


def findings(store: Store, by: str = "") -> Findings:
    """Read a sweep; ``by`` is another objective than the sweep's own (a walk-forward's choices stay with their own)."""
    plan, notes = store.plan, store.notes
    rows = store.rows()
    goal = objective(by or notes.objective)
    chosen = pairs(rows, objective(notes.objective)) if plan.windows is not None else []
    names = tuple(a.name for a in plan.axes) or tuple(r.name for r in plan.ranges)
    points = _tested(rows, goal, chosen) if plan.windows is not None else _plain(rows, goal)
    return Findings(
        store.name, plan, store.setup, notes, goal, names, points, store.bad, store.counts(), chosen,
        _judged(rows, goal, chosen, notes, plan),
    )  # fmt: skip


def _plain(rows: Sequence[Row], by: Objective) -> list[Point]:
    return [Point(row, n) for n, row in enumerate(ranked([row for row in rows if row.task.part == "all"], by), 1)]


def _tested(rows: Sequence[Row], by: Objective, chosen: Sequence[Pair]) -> list[Point]:
    """Window by window; the choice of each beside what it came to."""
    choice = {pair.train.task.id: pair for pair in chosen}
    groups: dict[int, list[Row]] = {}
    for row in rows:
        if row.task.part == "train":
            groups.setdefault(row.task.window, []).append(row)
    found: list[Point] = []
    for _, group in sorted(groups.items()):
        for place, row in enumerate(ranked(group, by), 1):
            pair = choice.get(row.task.id)
            found.append(Point(row, place, pair.test.outcome if pair and pair.test else None, pair is not None))
    return found


def _judged(rows: Sequence[Row], by: Objective, chosen: Sequence[Pair], notes: Notes, plan: Plan) -> Verdict | None:
    if plan.windows is not None:
        if notes.joined is None:
            return None
        inside = [v for pair in chosen if (v := pair.train.outcome.figures.get("sharpe")) is not None]
        windows = {row.task.window for row in rows if row.task.part == "train"}
        trials = sum(1 for row in rows if row.task.part == "train") // max(1, len(windows))
        mean = fsum(inside) / len(inside) if inside else None
        return judge_tested(moments_of(notes.joined.figures), trials, mean, DAYS_A_YEAR)
    done = [row for row in rows if row.task.part == "all" and row.outcome.status == "done"]
    first = best(done, by)
    if first is None:
        return None
    known = [m.sharpe for row in done if (m := moments_of(row.outcome.figures)) is not None]
    return judge(moments_of(first.outcome.figures), known, len(done), DAYS_A_YEAR)


def command(found: Findings, task: Task) -> str:
    """The command line that repeats a run, digit for digit (a test window's strategy has observed its training window before)."""
    n, plan = found.notes, found.plan
    parts = ["cockpit", "backtest", "--strategy", plan.strategy, "--data", n.data, "--profile", plan.profile]
    for name, value in task.params.items():
        parts += ["--param", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    if task.part != "all" or not n.whole:
        parts += ["--from", _time(task.from_t), "--to", _time(task.to_t)]
    for setting in n.settings:
        parts += ["--set", setting]
    parts += ["--seed", str(found.setup.seed)] if found.setup.seed else []
    return shlex.join(parts)


def _time(t: int) -> str:
    return minute(t).replace(" ", "T")


def plain(value: Any) -> str:
    """A parameter's value as text."""
    return f"{value:g}" if isinstance(value, float) else str(value)
