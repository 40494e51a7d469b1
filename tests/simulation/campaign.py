"""Many worlds, in several processes, until the simulated hours are full; then the table."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context

import msgspec

from .plants import planted
from .sometimes import SHORT, STATES, missing
from .world import Report, World

MINUTES = 20.0
"""Virtual time of one world."""
COUNTS = ("orders", "fills", "faults", "lives", "deaths", "broken", "ended in order", "recoveries", "settled")
FIRST_SHOWN = 12


class Sum(msgspec.Struct):
    hours: float = 0.0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    worlds: int = 0
    slowest_s: float = 0.0
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    seen: Counter[str] = msgspec.field(default_factory=Counter)
    bad: list[Report] = []

    def add(self, report: Report) -> None:
        self.worlds += 1
        self.hours += report.hours
        self.cpu_s += report.cpu_s
        self.slowest_s = max(self.slowest_s, report.slowest_s)
        self.counts.update(report.counts)
        self.seen.update(report.seen)
        if report.violations:
            self.bad.append(report)


def play(seed: int, minutes: float = MINUTES, plant: str = "") -> Report:
    """One world; one with a planted bug ends soon after it was noticed."""
    with planted(plant):
        return World(seed, minutes, hasty=bool(plant)).play()


def tell(line: str) -> None:
    print(line, flush=True)


def run(hours: float, first: int, *, minutes: float = MINUTES, jobs: int = 0, say: Callable[[str], None] = tell) -> Sum:
    """Worlds from seed ``first`` on, until ``hours`` have been simulated."""
    began, total = time.monotonic(), Sum()
    for report in _reports(hours, first, minutes, jobs or os.cpu_count() or 1):
        total.add(report)
        if report.violations:
            say(f"seed {report.seed}: {len(report.violations)} violation(s), first: {report.violations[0][:300]}")
            say(f"    {replay(report.seed, minutes)}")
    total.wall_s = time.monotonic() - began
    return total


def _reports(hours: float, first: int, minutes: float, jobs: int) -> Iterator[Report]:
    """In order of their seeds' ends; which seeds are played does not depend on how many run at a time."""
    seeds = range(first, first + max(1, round(hours * 60 / minutes)))
    if jobs == 1:
        yield from (play(seed, minutes) for seed in seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=5) as pool:
        waiting: set[Future[Report]] = set()
        for seed in seeds:
            waiting.add(pool.submit(play, seed, minutes))
            if len(waiting) >= jobs * 2:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        for future in waiting:
            yield future.result()


def replay(seed: int, minutes: float = MINUTES, plant: str = "") -> str:
    """The command that plays this world again and shows it."""
    more = (f" --minutes {minutes:g}" if minutes != MINUTES else "") + (f" --plant {plant}" if plant else "")
    return f"python -m tests.simulation --seed {seed}{more} --trace"


def caught_by(plant: str, seeds: range, minutes: float = MINUTES) -> Report | None:
    """The first world that notices a planted bug; None: none did."""
    for seed in seeds:
        report = play(seed, minutes, plant)
        if report.violations:
            return report
    return None


def table(total: Sum, *, long: bool) -> list[str]:
    """The figures, one a line, and the states with how often each was reached."""
    violations = sum(len(report.violations) for report in total.bad)
    figures = {
        "simulated hours": f"{total.hours:,.1f}",
        "worlds (seeds)": f"{total.worlds:,}",
        **{name: f"{total.counts[name]:,}" for name in COUNTS},
        "slowest to come right": f"{total.slowest_s:.0f} s",
        "violations": f"{violations:,}" + (f" in {len(total.bad)} worlds" if violations else ""),
        "CPU seconds an hour": f"{total.cpu_s / max(total.hours, 1e-9):.1f}",
        "wall time": f"{total.wall_s:.0f} s",
    }
    rows = [f"{name:<44}{value:>14}" for name, value in figures.items()]
    wanted = STATES if long else SHORT
    states = [f"  {name:<42}{total.seen[name]:>14,}" for name in sorted({*wanted, *total.seen})]
    absent = missing(total.seen, wanted)
    return [*rows, "states reached", *states, *(f"NEVER REACHED: {name}" for name in absent)]


def passed(total: Sum, *, long: bool) -> bool:
    return not total.bad and not missing(total.seen, STATES if long else SHORT)
