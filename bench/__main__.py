"""All figures in one table: ``python -m bench [NAME…]``; without a name all but the last two, which take minutes."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib import import_module

from bench.table import Row, table

NAMES = ("start", "steady", "keys", "kill", "core", "strategies", "chart", "journal", "backtest")
"""Each is a module ``bench.NAME_bench`` with a function ``rows``."""
LONG = ("replay", "scrub")
"""Measured only when asked for by name."""


def machine() -> str:
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    line = f"{time.strftime('%Y-%m-%d %H:%M')}  Python {platform.python_version()}  {cores} × {cpu()}  load {load:.1f}"
    busy = load > cores / 2
    return line + ("\nthe machine is busy with other work: expect longer times than it could do" if busy else "")


def cpu() -> str:
    """The processor's name (Linux), else its family."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES + LONG))
    names = arguments.parse_args().names or NAMES
    unknown = set(names) - set(NAMES + LONG)
    if unknown:
        arguments.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(NAMES + LONG)}")
    print(machine(), flush=True)
    rows: list[Row] = []
    for name in names:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += import_module(f"bench.{name}_bench").rows()
    print(table(rows))
    over = [r.what.strip() for r in rows if r.verdict == "over"]
    print(f"\n{len(over)} over: {'; '.join(over)}" if over else "\nall goals met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
