"""``cockpit sweep``: run it, print its table, list what there is."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import msgspec

from cockpit import format as fmt
from cockpit.commands import backtest
from cockpit.commands.backtest import configured
from cockpit.commands.sweep_table import as_data, lines
from engine.data.load import candles_from
from engine.data.moments import moment
from engine.model.clean import clean
from engine.model.errors import CockpitError
from engine.ops import paths
from engine.runner.backtest import source_of
from engine.runner.data import bars
from engine.search import store as stores
from engine.search.findings import findings
from engine.search.store import Notes, Store, StoreError
from engine.search.sweep import Progress, Question, complete, opened, plan_of, setup_of

STOPPED = 130
"""Exit code after Ctrl+C, as shells give it."""
BAR = 24
STAGES = {"all": "points", "train": "training runs", "test": "test windows", "best": "the best once more"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line."""

    strategy: str
    data: str
    since: str
    until: str
    grid: tuple[str, ...]
    study: int
    ranges: tuple[str, ...]
    sampler: str
    objective: str
    walk_forward: str
    monte_carlo: int
    jobs: int
    cluster: str
    profile: str
    settings: tuple[str, ...]
    seed: int
    name: str
    resume: bool


def run(asked: Asked, home: Path | None, top: int, *, as_json: bool) -> int:
    """Run what is not known yet and print the table: 0; 130 when it was stopped. CockpitError: nothing could be begun."""
    if not asked.strategy or not asked.data:
        raise CockpitError("--strategy and --data are needed", "", "cockpit sweep --help shows them all")
    place = paths.home(home)
    profile, base = configured(_as_backtest(asked, home), place)
    ask = Question(
        base.name, base.params, asked.grid, asked.ranges, asked.study, asked.sampler, asked.objective, asked.walk_forward,
        asked.monte_carlo, asked.jobs, asked.cluster, asked.seed, asked.name, asked.resume,
    )  # fmt: skip
    now = time.time_ns()
    loaded = candles_from(
        asked.data, place, *(moment(text, now) if text else None for text in (asked.since, asked.until))
    )
    data = bars(loaded.candles)
    symbol = loaded.symbol or profile.symbols[0]
    setup = setup_of(base.name, profile, symbol, asked.seed, data)
    plan = plan_of(ask, setup)
    notes = Notes(
        symbol=symbol, source=loaded.source, data=source_of(asked.data), settings=asked.settings, rows=len(data.candles),
        first_t=data.candles[0].open_time, last_t=data.candles[-1].open_time, cash=f"{setup.cash:f}", objective=asked.objective,
        command=shlex.join(["cockpit", *sys.argv[1:]]), whole=not (asked.since or asked.until),
    )  # fmt: skip
    with closing(opened(ask, plan, setup, notes, place.root)) as kept:
        try:
            with _stoppable(), _Bar(quiet=as_json) as bar:
                new = complete(ask, kept, data, bar.show)
        except CockpitError:
            if not kept.counts():
                stores.delete(kept.path)  # nothing was begun, and the name stays free
            raise
        except KeyboardInterrupt:
            count = sum(kept.counts().values())
            print(
                f"stopped: {count:,} of {kept.notes.wanted:,} runs are kept in {clean(str(kept.path), 300)}",
                file=sys.stderr,
            )
            print("         the same command with --resume goes on", file=sys.stderr)
            return STOPPED
        if not new and not as_json:
            print(f"{kept.name} is finished: nothing was run\n")
        return _print(kept, "", top, as_json=as_json)


def _as_backtest(asked: Asked, home: Path | None) -> backtest.Asked:
    """The same strategy, profile and settings as a backtest: so that its command gives a point's digits."""
    return backtest.Asked(
        asked.strategy, asked.data, asked.profile, [], asked.since, asked.until, "fast", "", "", list(asked.settings), None,
        asked.seed, None, home, as_json=False, report=False,
    )  # fmt: skip


@contextmanager
def _stoppable() -> Iterator[None]:
    """A polite end of the process, or its terminal's, stops the workers as Ctrl+C does."""

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Bar:
    """One line on a terminal that says how far it is and how long it will take."""

    def __init__(self, *, quiet: bool) -> None:
        self.shown = sys.stderr.isatty() and not quiet
        self.began = self.drawn = time.monotonic()
        self.width = 0

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.width:
            print("\r" + " " * self.width + "\r", end="", file=sys.stderr, flush=True)

    def show(self, p: Progress) -> None:
        now = time.monotonic()
        finished = p.done + p.known
        if not self.shown or (self.drawn + 0.1 > now and finished < p.wanted):
            return
        self.drawn = now
        text = line(p, now - self.began)
        print("\r" + text.ljust(self.width), end="", file=sys.stderr, flush=True)
        self.width = max(self.width, len(text))


def line(p: Progress, seconds: float) -> str:
    """``━━━━╸─── 41 % 26/64 points, 1 failed, 00:12 left``."""
    finished = p.done + p.known
    share = finished / p.wanted if p.wanted else 0.0
    filled = int(share * BAR)
    left = ""
    if p.done and finished < p.wanted:
        left = f", {fmt.countdown(int(seconds / p.done * (p.wanted - finished) * fmt.SECOND))} left"
    failed = f", {p.failed} failed" if p.failed else ""
    bar = "━" * filled + "─" * (BAR - filled)
    return f"{bar} {share * 100:3.0f} % {finished:,}/{p.wanted:,} {STAGES.get(p.stage, p.stage)}{failed}{left}"


# --- what is printed --------------------------------------------------------------------------------------------


def show(name: str, objective: str, home: Path | None, top: int, *, as_json: bool) -> int:
    """The table of a sweep: on a terminal as a screen, else printed. Raises StoreError."""
    path = find(name, home)
    if sys.stdout.isatty() and sys.stdin.isatty() and not as_json:
        from cockpit.screens.search import open_table

        return open_table(path, objective, home)
    with closing(stores.open_store(path)) as kept:
        return _print(kept, objective, top, as_json=as_json)


def find(name: str, home: Path | None) -> Path:
    """The sweep of this name, or the only one that begins so; the newest where nothing is given. Raises StoreError."""
    root = paths.home(home).root
    known = stores.names(root)
    if not name:
        if not known:
            raise StoreError(
                "there is no sweep yet", str(root / "sweeps"), "cockpit sweep --help shows how to begin one"
            )
        return known[0]
    path = stores.place_of(root, name)
    if path in known:
        return path
    near = [one for one in known if one.name.startswith(name)]
    if len(near) > 1:
        raise StoreError(
            f"{len(near)} sweeps begin with {name!r}",
            "",
            ", ".join(p.name.removesuffix(stores.SUFFIX) for p in near[:8]),
        )
    return near[0] if near else path


def _print(kept: Store, objective: str, top: int, *, as_json: bool) -> int:
    found = findings(kept, objective)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(as_data(found)), indent=1).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{clean(text, 400)}\n" for text in lines(found, top)))
    return 0


# --- the list ---------------------------------------------------------------------------------------------------


def print_list(home: Path | None, *, as_json: bool) -> int:
    root = paths.home(home).root
    rows = [stores.facts(path) for path in stores.names(root)]
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rows), indent=1).decode() + "\n")
        return 0
    if not rows:
        print(f"no sweep has been made yet in {clean(str(root), 300)}")
        return 0
    for text in _columns([_fact(row) for row in rows]):
        print(text)
    return 0


def _fact(row: dict[str, Any]) -> list[str]:
    if row["problem"]:
        return [clean(row["name"], 40), "", "", "", clean(row["problem"], 120)]
    state = "finished" if row["finished"] else f"{row.get('done', 0):,} of {row['points']:,} runs"
    failed = f", {row['failed']:,} failed" if row.get("failed") else ""
    return [clean(row["name"], 40), clean(row["strategy"], 20), clean(row["symbol"], 16), row["method"], state + failed]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    full = [("name", "strategy", "symbol", "method", "state"), *rows]
    widths = [max(len(row[n]) for row in full) for n in range(5)]
    return ["  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip() for row in full]


__all__ = ["Asked", "as_data", "find", "lines", "print_list", "run", "show"]
