"""How long the first picture takes: ``python -m bench start``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from bench.program import COCKPIT, cockpit, cpu_s, home
from bench.table import Row, row

FRAME = "3 POSITION"
"""The heading of a pane: the first words that the cockpit itself has drawn."""
PRICE = r"O \d[\d,.]+  H "
"""The chart's line about its newest candle."""
IMPORTS = (
    ("cockpit --help", [*COCKPIT, "--help"], 200.0),
    ("import the core and the strategies", [sys.executable, "-c", "import engine.core.trader"], 80.0),
    ("import the screen", [sys.executable, "-c", "import cockpit.app"], None),
)


def rows(runs: int = 7) -> list[Row]:
    """First frame and first price of the demo, and what single commands and imports take."""
    found = [first_frame() for _ in range(runs)]
    first, cpu, live = (list(values) for values in zip(*found, strict=True))
    made = [
        row("first frame, from the start of the process", "s", first, 0.5),
        row("  CPU used for it", "s", cpu),
        row("first candles of the live market", "s", live, 2.0),
    ]
    for what, argv, goal in IMPORTS:
        spent = [command(argv) for _ in range(runs)]
        made.append(row(what, "ms", [wall for wall, _ in spent], goal))
        made.append(row("  CPU used for it", "ms", [used for _, used in spent]))
    return made


def first_frame() -> tuple[float, float, float]:
    """Seconds to the first frame, seconds of CPU until then, seconds to the first candles."""
    with home() as place, cockpit(place) as wire:
        first = wire.shown(FRAME)
        used = cpu_s(wire.process.pid)
        return first - wire.started, used, wire.shown(PRICE) - wire.started


def command(argv: Sequence[str]) -> tuple[float, float]:
    """Milliseconds of wall time and of CPU."""
    before, started = os.times(), time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, os.times()
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return wall * 1000, used * 1000
