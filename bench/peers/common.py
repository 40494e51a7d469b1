"""What the peers' scripts share: the job, the data, and the line that the bench reads.

    PYTHON bench/peers/NAME.py FILE COUNT FAST SLOW

A script imports this first, then its engine, and ends with ``report``. Only the engine's own run is timed.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import numpy as np

YEAR = 525_600
CASH, QTY, FEE = 1_000_000.0, 0.01, 0.0005
FILE, COUNT, FAST, SLOW = sys.argv[1], *map(int, sys.argv[2:5])


def columns() -> dict[str, Any]:
    """Times (ms) and five columns of prices, as arrays."""
    raw = np.fromfile(FILE, dtype="<f8").reshape(6, YEAR)[:, :COUNT]
    names = ("open", "high", "low", "close", "volume")
    return {"time": raw[0].view("<i8"), **{name: raw[n].copy() for n, name in enumerate(names, 1)}}


class Timer:
    """Wall and CPU seconds from its making to ``stop``."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def stop(self) -> tuple[float, float]:
        return time.perf_counter() - self.wall, time.process_time() - self.cpu


def report(spent: tuple[float, float], flips: int, pnl: float, version: str) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row = {
        "run_s": spent[0],
        "cpu_s": spent[1],
        "flips": flips,
        "pnl": f"{pnl:.4f}",
        "rss_mb": peak,
        "version": version,
    }
    print(json.dumps(row))
