"""The comparison job of backtest engines: ``python bench/backtest_bench.py [--runs N] [--bars N] [--only ours|peers]``.

525,600 one-minute bars (a year, seeded walk, whole cents, each open a little off the close before), an SMA cross that is
always in the market with 0.01 at 5 bps: dense 10/30 (20,330 flips) and sparse 300/900 (712). Ours runs with its risk gate,
order states and exact accounts, and "recorded" writes every order, fill and refusal durably. Each row is a process of its
own; the profit must be that of the fill rule to the last digit. ``run`` is the engine alone, with the data in its own form;
``process`` is everything.

``cpu`` is the processor time of the run (the writer of the recording is another process), which other work on the machine
changes less. The data needs numpy (``pip install numpy``) and is made once; other engines run the same job (``bench/peers``).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
sys.path[:0] = [os.environ.get("COCKPIT_BENCH_ENGINE", str(ROOT)), str(ROOT)]

from bench.peers import PEERS, interpreter  # noqa: E402
from bench.peers import measure as measure_peer  # noqa: E402
from bench.table import Row, row  # noqa: E402

YEAR, SEED = 525_600, 7
CASH, QTY, FEE = 1_000_000, "0.01", "0.0005"
JOBS = {"dense": (10, 30), "sparse": (300, 900)}
PROFIT = {
    ("dense", "next_open"): "-8830.1687",
    ("dense", "same_close"): "-8832.7159",
    ("dense", "next_close"): "-8914.5855",
    ("sparse", "next_open"): "-718.3337",
    ("sparse", "same_close"): "-718.3590",
    ("sparse", "next_close"): "-727.1506",
}
"""Of the whole year, from integer cents; an engine that hits none of them has a fault or an unstated cost."""
FLAGS: dict[str, Any] = {
    "risk.order_spacing_s": 0.0,  # a flip is two orders at once
    "risk.orders_per_minute": 1_000_000,
    "risk.cooldown_s": 0.0,
    "risk.require_stop": False,  # the job has no stops
    "trading.naked_grace_s": 1e9,
    "trading.on_quit": "leave",
}
GOALS = {"dense": 600_000, "sparse": 1_000_000}
GOAL_PROCESS_S, GOAL_RSS_MB = 1.6, 250


def make(path: Path) -> None:
    """The year of bars as six columns of eight bytes; numpy's generator makes the same numbers everywhere."""
    import numpy as np

    n, rng = YEAR, np.random.default_rng(SEED)
    sigma = 0.60 / np.sqrt(YEAR)
    steps = rng.standard_normal(n) * sigma - 0.5 * sigma**2
    close = np.rint(42_000.0 * np.exp(np.cumsum(steps)) * 100).astype(np.int64)
    opens = np.empty(n, dtype=np.int64)
    opens[0] = 4_200_000
    opens[1:] = close[:-1] + rng.integers(-50, 51, n - 1)
    wick = sigma * close * 0.5
    high = np.maximum(opens, close) + np.rint(np.abs(rng.standard_normal(n)) * wick).astype(np.int64)
    low = np.minimum(opens, close) - np.rint(np.abs(rng.standard_normal(n)) * wick).astype(np.int64)
    volume = 1_000_000 + np.rint(rng.lognormal(2.0, 1.0, n) * 1e6).astype(np.int64)
    times = 1_672_531_200_000 + 60_000 * np.arange(n, dtype=np.int64)
    with path.open("wb") as file:
        for column in (times, opens / 100.0, high / 100.0, low / 100.0, close / 100.0, volume / 1e6):
            file.write(column.tobytes())


def load(path: Path, count: int) -> dict[str, Any]:
    from array import array

    columns = {}
    with path.open("rb") as file:
        for name, code in zip(("time", "open", "high", "low", "close", "volume"), "qddddd", strict=True):
            column = array(code)
            column.fromfile(file, YEAR)
            columns[name] = column[:count]
    return columns


def ours(path: Path, count: int, job: str, rule: Any, recorded: bool) -> dict[str, Any]:
    from decimal import Decimal

    import msgspec

    from engine import FillModel, backtest, bars
    from engine.ops.config import load as load_profile
    from engine.runner.terms import BTCUSDT

    fast, slow = JOBS[job]
    data = bars(load(path, count))
    cpu = time.process_time()
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        result = backtest(
            data,
            "ma_cross",
            params={"fast": fast, "slow": slow, "quantity": QTY, "stop_atr": 0.0},
            profile=load_profile("backtest", flags=FLAGS).profile,
            fill=FillModel(market=rule),
            cash=CASH,
            instrument=msgspec.structs.replace(BTCUSDT, taker_fee=Decimal(FEE)),
            journal=Path(folder) / "run.cockpit" if recorded else None,
        )
    cpu = time.process_time() - cpu
    return {"run_s": result.seconds, "cpu_s": cpu, "flips": result.entries, "pnl": f"{result.pnl:.4f}"}


def one(arguments: list[str]) -> None:
    """A row, in the process that was started for it."""
    path, count, job, rule, recorded = arguments
    found = ours(Path(path), int(count), job, rule, recorded == "recorded")
    found["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def measure(path: Path, count: int, job: str, rule: str, recorded: str, source: Path = ROOT) -> dict[str, Any]:
    began = time.perf_counter()
    command = [sys.executable, __file__, "--one", str(path), str(count), job, rule, recorded]
    environment = {**os.environ, "COCKPIT_BENCH_ENGINE": str(source.absolute())}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    found["process_s"] = time.perf_counter() - began
    return found


class Run(NamedTuple):
    """A row of the comparison: ``once`` gives one measurement of it."""

    engine: str
    job: str
    rule: str
    recorded: str
    once: Callable[[], dict[str, Any]]


def own_runs(path: Path, count: int, source: Path = ROOT) -> list[Run]:
    wanted = [(job, "next_open", recorded) for job in JOBS for recorded in ("recorded", "")]
    wanted += [("dense", rule, "recorded") for rule in ("same_close", "next_close")]
    return [Run("ours", *what, partial(measure, path, count, *what, source)) for what in wanted]


def peer_runs(path: Path, count: int) -> list[Run]:
    """Those that are installed."""
    return [
        Run(peer.name, job, peer.rule, "", partial(measure_peer, peer, path, count, *lengths))
        for peer in PEERS
        if interpreter(peer)
        for job, lengths in JOBS.items()
    ]


def missing() -> str:
    names = [peer.name for peer in PEERS if not interpreter(peer)]
    return f"not installed: {', '.join(names)} (bench/peers/README.md)" if names else ""


def rows() -> list[Row]:
    """For ``python -m bench``: seconds of a year of minutes, recorded, and of peers; nothing where the data cannot be made."""
    path = data_file()
    if path is None:
        return []
    found = []
    for job, goal in GOALS.items():
        runs = [measure(path, YEAR, job, "next_open", "recorded") for _ in range(3)]
        found.append(row(f"backtest {job}, a year of minutes", "s", [r["run_s"] for r in runs], YEAR / goal))
        found.append(row("  processor time", "s", [r["cpu_s"] for r in runs]))
        if job == "dense":
            found.append(row("  whole process", "s", [r["process_s"] for r in runs], GOAL_PROCESS_S))
            found.append(row("  memory", "MB", [r["rss_mb"] for r in runs], GOAL_RSS_MB))
    for run in peer_runs(path, YEAR):
        found.append(row(f"  the same by {run.engine}, {run.job} ({run.rule})", "s", [run.once()["run_s"]]))
    if missing():
        print(missing(), file=sys.stderr)
    return found


def data_file() -> Path | None:
    """Made once a machine, in the temporary folder; None without numpy."""
    path = Path(tempfile.gettempdir()) / f"cockpit-bench-{SEED}-{YEAR}.columns"
    if path.exists() and path.stat().st_size == YEAR * 48:
        return path
    if importlib.util.find_spec("numpy") is None:
        return None
    fresh = path.with_suffix(f".{os.getpid()}")
    make(fresh)
    fresh.replace(path)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--bars", type=int, default=YEAR)
    parser.add_argument("--only", choices=("ours", "peers"), default="")
    parser.add_argument("--engine", type=Path, default=ROOT, help="folder with another copy of the engine")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one)
        return 0
    path = data_file()
    if path is None:
        print("the data is made with numpy: pip install numpy", file=sys.stderr)
        return 2
    runs = own_runs(path, options.bars, options.engine) if options.only != "peers" else []
    runs += peer_runs(path, options.bars) if options.only != "ours" else []
    wrong = 0
    heads = ("run s", "bars/s", "cpu s", "process s", "MB", "flips", "PnL")
    print(f"{'engine':<12}{'job':<8}{'fill rule':<12}{'':<10}" + "".join(f"{head:>11}" for head in heads))
    for run in runs:
        tries = [run.once() for _ in range(options.runs)]
        best = min(tries, key=lambda found: found["run_s"])
        verdict = ""
        if options.bars == YEAR and best["pnl"] != PROFIT[run.job, run.rule]:
            verdict, wrong = f"  WRONG: {PROFIT[run.job, run.rule]} expected", wrong + (run.engine == "ours")
        cpu_s, process_s = (min(found[name] for found in tries) for name in ("cpu_s", "process_s"))
        print(
            f"{run.engine:<12}{run.job:<8}{run.rule:<12}{run.recorded:<10}{best['run_s']:>11.3f}"
            f"{options.bars / best['run_s']:>11,.0f}{cpu_s:>11.3f}{process_s:>11.2f}{best['rss_mb']:>11.0f}"
            f"{best['flips']:>11,}{best['pnl']:>11}{verdict}",
            flush=True,
        )
    if missing() and options.only != "ours":
        print(missing())
    goals = f"goals: {GOALS['dense']:,} bars/s dense, {GOALS['sparse']:,} sparse;"
    print(f"{goals} dense process at most {GOAL_PROCESS_S} s and {GOAL_RSS_MB} MB")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
