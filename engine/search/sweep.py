"""A sweep from its question to its last number: plan, run what is not known yet, choose, test, judge."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS
from engine.model.settings import Profile
from engine.report.series import thin
from engine.runner.backtest import limit
from engine.runner.data import Bars
from engine.runner.terms import terms_of
from engine.search import space, study, windows, work
from engine.search.montecarlo import monte_carlo
from engine.search.pool import Load, Pool
from engine.search.rank import OBJECTIVES, Objective, best, objective
from engine.search.store import (
    Headline,
    Notes,
    Plan,
    Row,
    Store,
    StoreError,
    create,
    difference,
    open_store,
    place_of,
)
from engine.search.task import Outcome, Part, Setup, Task, task, versions

POINTS_OF_LINE = 60
"""Four values each: enough for a curve across the widest terminal."""


class Workers(Protocol):
    """Where tasks run: ``engine.search.pool.Pool`` or ``engine.search.cluster.Cluster``."""

    load: Load

    @property
    def open(self) -> int: ...

    def submit(self, task: Task) -> None: ...

    def next(self) -> Outcome: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. ``grid`` and ``ranges`` as typed (``fast=5:30:5``); ``trials`` 0 is a grid, else a study.

    ``base`` are the parameters that are not tried, where they are not the defaults.

    ``jobs`` 0 is all cores; ``cluster`` is a scheduler's address. ``name`` empty is made of the strategy and the plan's hash.
    """

    strategy: str
    base: Mapping[str, Any] = field(default_factory=dict)
    grid: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    trials: int = 0
    sampler: str = "tpe"
    objective: str = "sharpe"
    walk_forward: str = ""
    monte_carlo: int = 0
    jobs: int = 0
    cluster: str = ""
    seed: int = 0
    name: str = ""
    resume: bool = False


@dataclass(slots=True)
class Progress:
    """``known`` were there before; ``wanted`` grows when a stage is added."""

    done: int = 0
    known: int = 0
    failed: int = 0
    wanted: int = 0
    stage: str = ""


def setup_of(strategy: str, profile: Profile, symbol: str, seed: int, data: Bars) -> Setup:
    """What all points share. Limits, terms and cash of a symbol are those that ``cockpit backtest`` would take."""
    limit(profile, symbol)
    return Setup(
        strategy, profile, terms_of(symbol, data.candles), profile.exchange.balance_quote, seed, data.digest, versions()
    )


def plan_of(ask: Question, setup: Setup) -> Plan:
    """Raises SpaceError or CockpitError: contradicting options, unknown names."""
    kind = space.strategy_of(ask.strategy).params_type
    if bool(ask.grid) == bool(ask.trials):
        raise space.SpaceError(
            "give either --grid NAME=VALUES or --study N with --range NAME=FROM:TO", "", space.GRID_HINT
        )
    if bool(ask.ranges) != bool(ask.trials):
        raise space.SpaceError("--range belongs to --study N, --grid to a grid", "", space.RANGE_HINT)
    if ask.trials > space.MOST_POINTS:
        raise space.SpaceError(f"{ask.trials:,} trials are too many (at most {space.MOST_POINTS:,})")
    objective(ask.objective)
    made = windows.parse(ask.walk_forward) if ask.walk_forward else None
    common: dict[str, Any] = {
        "setup": setup.hash, "data": setup.data, "strategy": ask.strategy, "profile": setup.profile.name, "seed": ask.seed,
        "windows": made, "base": dict(ask.base),
    }  # fmt: skip
    if not ask.trials:
        return Plan("grid", **common, axes=tuple(space.axis(text, kind) for text in ask.grid))
    ranges = tuple(space.span(text, kind) for text in ask.ranges)
    names = [r.name for r in ranges]
    if len(set(names)) < len(names):
        raise space.SpaceError("--range names a parameter twice", "", space.RANGE_HINT)
    study.begin(ask.sampler, ask.seed)
    library = study.optuna().__version__
    return Plan("study", **common, ranges=ranges, sampler=ask.sampler, objective=ask.objective, library=library)


def default_name(plan: Plan) -> str:
    from hashlib import sha256

    return f"{plan.strategy}-{sha256(msgspec.json.encode(plan)).hexdigest()[:8]}"


def opened(ask: Question, plan: Plan, setup: Setup, notes: Notes, root: Path) -> Store:
    """The file of the sweep: a new one, or the one to go on with.

    Raises StoreError: the name belongs to another sweep, or to an unfinished one and ``resume`` was not asked for.
    """
    path = place_of(root, ask.name or default_name(plan))
    if not path.exists():
        return create(path, plan, setup, notes, [])
    store = open_store(path, write=True)
    other = difference(plan, store.plan)
    problem = hint = ""
    if other:
        problem, hint = f"{store.name} is a sweep of something else: {other}", "choose another --name, or delete it"
    elif not ask.resume and not _finished(store, ask):
        kept = sum(store.counts().values())
        problem, hint = (
            f"{store.name} was begun and is not finished ({kept:,} points are kept)",
            "go on with it: --resume",
        )
    if problem:
        store.close()
        raise StoreError(problem, "", hint)
    return store


def _finished(store: Store, ask: Question) -> bool:
    return store.notes.finished and (not ask.trials or ask.trials <= store.notes.trials)


def complete(
    ask: Question,
    store: Store,
    data: Bars,
    told: Callable[[Progress], object],
    workers: Callable[[], Workers] | None = None,
) -> bool:
    """Run everything that is not known yet. False where there was nothing to run. What is done stays done, whatever is raised.

    KeyboardInterrupt comes through when the workers have been stopped.
    """
    if _settled(ask, store):
        store.notes.objective = ask.objective
        store.note()
        return False
    run = _Run(ask, store, data, told, workers)
    store.notes.objective = ask.objective
    try:
        run.all_stages()
        store.notes.finished = True
        store.notes.trials = max(ask.trials, store.notes.trials)
    finally:
        run.close()
        store.note()
    return bool(run.progress.done)


def _settled(ask: Question, store: Store) -> bool:
    """Whether everything that is asked for is known: a finished sweep, and what hangs on the objective made by the same one."""
    notes = store.notes
    chosen = store.plan.windows is not None or bool(notes.carlo_runs)
    return (
        _finished(store, ask)
        and ask.monte_carlo in (0, notes.carlo_runs)
        and not (chosen and notes.objective != ask.objective)
        and not (ask.resume and store.counts().get("failed"))
    )


class _Run:
    """One call of ``complete``: workers start when the first task needs them."""

    def __init__(
        self,
        ask: Question,
        store: Store,
        data: Bars,
        told: Callable[[Progress], object],
        workers: Callable[[], Workers] | None,
    ) -> None:
        self.ask, self.store, self.data, self.told = ask, store, data, told
        self.by: Objective = OBJECTIVES[ask.objective]
        self.progress = Progress()
        self.began = time.perf_counter()
        self._make = workers or self._start
        self._workers: Workers | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._tasks: dict[str, Task] = {}
        self._profits: list[float] = []

    def all_stages(self) -> None:
        plan = self.store.plan
        pieces = windows.cut(self.data.candles, plan.windows) if plan.windows is not None else []
        stretches: list[tuple[Part, int, int, int]] = (
            [("train", piece.n, piece.train, piece.test) for piece in pieces]
            if pieces
            else [("all", 0, 0, len(self.data.candles))]
        )
        if plan.method == "grid":
            self._grid(stretches)
        else:
            self._study(stretches)
        if plan.windows is not None:
            self._test(pieces)
        self._shuffle()

    def _grid(self, stretches: Sequence[tuple[Part, int, int, int]]) -> None:
        kind = space.strategy_of(self.ask.strategy).params_type
        good, bad = space.grid(kind, self.store.plan.axes, self.store.plan.base)
        self.store.refuse(bad)
        self._all(
            [self._task(params, n, *stretch) for stretch in stretches for n, params in enumerate(good)], stretches[0][0]
        )

    def _study(self, stretches: Sequence[tuple[Part, int, int, int]]) -> None:
        kind = space.strategy_of(self.ask.strategy).params_type
        plan, bad = self.store.plan, list[space.Bad]()
        self._stage(stretches[0][0], self.ask.trials * len(stretches))
        for stretch in stretches:
            open_: dict[str, list[int]] = {}

            def start(
                n: int, params: dict[str, Any], stretch: Any = stretch, open_: dict[str, list[int]] = open_
            ) -> study.Result | None:
                one = self._task(params, n, *stretch)
                if one.id in open_:
                    open_[one.id].append(n)
                    return None
                known = self.store.found(one.id)
                if known is not None:
                    self.progress.known += 1
                    return (self._worth(one, known),)
                open_[one.id] = [n]
                self._submit(one)
                return None

            def wait(open_: dict[str, list[int]] = open_) -> tuple[list[int], study.Result]:
                one, outcome = self._take()
                return open_.pop(one.id), (self._worth(one, outcome),)

            bad += study.seek(kind, plan.ranges, plan.base, self.ask.trials, plan.sampler, plan.seed, start, wait)
        self.store.refuse(bad)

    def _test(self, pieces: Sequence[windows.Window]) -> None:
        chosen = windows.choose(self.store.rows("train"), self.by)
        tasks = [
            self._task(
                chosen[p.n].task.params, chosen[p.n].task.n, "test", p.n, p.test, p.end, warm=p.train, detail=True
            )
            for p in pieces
            if p.n in chosen
        ]
        self._all(tasks, "test")
        wanted = {one.id for one in tasks}
        tests = [row for row in self.store.rows("test", heavy=True) if row.task.id in wanted]
        joined = windows.join(tests, self.store.setup, self.data.candles)
        self.store.notes.joined = joined and Headline(
            joined.figures, joined.pnl, len(joined.trades), len(tests), self.data.candles[joined.start].open_time,
            self.data.candles[joined.end - 1].open_time + MINUTE_NS,
            tuple(joined.curve[n] for n in thin(joined.curve, POINTS_OF_LINE)),
        )  # fmt: skip
        self._profits = [float(trade.pnl) for trade in joined.trades] if joined else []

    def _shuffle(self) -> None:
        """Monte Carlo of the joined test windows' trades, else of the best point's, which runs once more for its trades."""
        notes = self.store.notes
        notes.carlo_runs = self.ask.monte_carlo or notes.carlo_runs
        notes.carlo = None
        if not notes.carlo_runs:
            return
        if self.store.plan.windows is None:
            first = best(self.store.rows("all"), self.by)
            if first is not None:
                t = first.task
                self._stage("best", 1)
                self._submit(self._task(t.params, t.n, "all", 0, t.first, t.end, detail=True))
                self._profits = windows.profits(self._take(keep=False)[1])
        if self._profits:
            notes.carlo = monte_carlo(self._profits, float(self.store.setup.cash), notes.carlo_runs, self.ask.seed)

    # --- tasks -------------------------------------------------------------------------------------------------

    def _task(
        self, params: dict[str, Any], n: int, part: Part, window: int, first: int, end: int, *, warm: int | None = None,
        detail: bool = False,
    ) -> Task:  # fmt: skip
        start = first if warm is None else warm
        candles = self.data.candles
        span = candles[first].open_time, candles[end - 1].open_time + MINUTE_NS
        return task(self.store.plan.setup, params, n, part, window, start, first, end, *span, detail=detail)

    def _all(self, tasks: Sequence[Task], stage: str) -> None:
        self._stage(stage, len(tasks))
        for one in tasks:
            if self.store.found(one.id) is not None:
                self.progress.known += 1
            else:
                self._submit(one)
        self.told(self.progress)
        while self._tasks:
            self._take()

    def _stage(self, name: str, count: int) -> None:
        self.progress.stage = name
        self.progress.wanted += count
        if name != "best":
            self.store.notes.wanted = self.progress.wanted
        self.told(self.progress)

    def _submit(self, one: Task) -> None:
        if self._workers is None:
            self._workers = self._make()
        self._tasks[one.id] = one
        self._workers.submit(one)

    def _take(self, *, keep: bool = True) -> tuple[Task, Outcome]:
        assert self._workers is not None
        outcome = self._workers.next()
        one = self._tasks.pop(outcome.id)
        if keep:
            self.store.keep(one, outcome)
        self.progress.done += 1
        self.progress.failed += outcome.status == "failed"
        self.told(self.progress)
        return one, outcome

    def _worth(self, one: Task, outcome: Outcome) -> float | None:
        from engine.search.rank import worth

        return worth(Row(one, outcome), self.by)

    def _start(self) -> Workers:
        if self.ask.cluster:
            from engine.search.cluster import Cluster

            return Cluster(self.store.setup, work.packed(self.data), self.ask.cluster)
        from engine.search.pool import cores

        self._folder = tempfile.TemporaryDirectory(prefix="cockpit-sweep-")
        file = Path(self._folder.name) / "candles"
        file.write_bytes(work.packed(self.data))
        return Pool(self.store.setup, file, self.ask.jobs or cores())

    def close(self) -> None:
        notes = self.store.notes
        notes.seconds += time.perf_counter() - self.began
        if self._workers is not None:
            load = self._workers.load
            notes.busy, notes.cpu, notes.workers = load.share, load.cpu, load.workers
            self._workers.close()
        if self._folder is not None:
            self._folder.cleanup()


__all__ = ["CockpitError", "Progress", "Question", "complete", "default_name", "opened", "plan_of", "setup_of"]
