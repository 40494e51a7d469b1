"""Peers that are installed, and their rows. The scripts beside this run in other environments; README.md says how to make one."""

from __future__ import annotations

import json
import os
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent


class Peer(NamedTuple):
    """``rule`` is where it fills; ``module`` tells whether it is installed."""

    name: str
    script: str
    module: str
    rule: str


PEERS = (
    Peer("backtesting", "backtesting_py.py", "backtesting", "next_open"),
    Peer("nautilus", "nautilus_py.py", "nautilus_trader", "same_close"),
    Peer("backtrader", "backtrader_py.py", "backtrader", "next_open"),
)


@cache
def interpreter(peer: Peer) -> str:
    """The first interpreter that has it; empty when none does."""
    given = os.environ.get("COCKPIT_PEERS", str(HERE / ".venv" / "bin" / "python"))
    probe = f"import importlib.util as u, sys; sys.exit(not (u.find_spec('numpy') and u.find_spec({peer.module!r})))"
    for python in filter(None, given.split(os.pathsep)):
        if Path(python).exists() and subprocess.run([python, "-c", probe], check=False).returncode == 0:
            return str(Path(python).absolute())
    return ""


def measure(peer: Peer, data: Path, count: int, fast: int, slow: int) -> dict[str, Any]:
    """One run, with ``process_s`` of everything from start to end."""
    command = [interpreter(peer), str(HERE / peer.script), str(data), str(count), str(fast), str(slow)]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    found["process_s"] = time.perf_counter() - began
    return found
