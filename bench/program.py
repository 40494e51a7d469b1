"""What the measurements run: the real program on a raw pseudo-terminal, an exchange in a process of its own, and their costs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.terminal import Terminal

COCKPIT = (sys.executable, "-m", "cockpit")
COLUMNS, ROWS = 160, 48
ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[PX\]^_].*?(?:\x1b\\|\x07)|\x1b[ -/]*[0-~]", re.DOTALL)
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Wire(Terminal):
    """A terminal that only notes what comes and when: emulating one would take a share of the machine from the measured."""

    def __init__(self, argv: Sequence[str], columns: int, rows: int, env: Mapping[str, str] | None = None) -> None:
        self.chunks: list[tuple[float, bytes]] = []
        super().__init__(argv, columns, rows, env)

    def take(self, now: float, data: bytes) -> None:
        self.chunks.append((now, data))

    def shown(self, what: str, since: float = 0.0, seconds: float = 20.0) -> float:
        """The monotonic time at which ``what`` (a regular expression) had come after ``since``. Raises TimeoutError."""
        pattern, end = re.compile(what), time.monotonic() + seconds
        first, text, seen = self._first_after(since), b"", 0
        while True:
            for now, data in self.chunks[first + seen :]:
                seen += 1
                text += data
                if pattern.search(plain(text)):
                    return now
                text = text[-8_192:]
            if time.monotonic() > end or not self._reader.is_alive():
                raise TimeoutError(f"{what!r} was not shown within {seconds:g} s: {plain(text)[-600:]}")
            with self._changed:
                self._changed.wait(0.02)

    def _first_after(self, since: float) -> int:
        n = len(self.chunks)
        while n and self.chunks[n - 1][0] >= since:
            n -= 1
        return n

    def bytes_since(self, since: float) -> int:
        return sum(size for now, size in self.received if now >= since)


def plain(data: bytes) -> str:
    """What is written, without the escape sequences between; every jump of the cursor is left out."""
    return ESCAPES.sub(b"", data).decode(errors="replace")


@contextmanager
def home() -> Iterator[Path]:
    """A folder for a session, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cockpit-bench-") as folder:
        yield Path(folder) / "home"


@contextmanager
def cockpit(place: Path, *args: str, argv: Sequence[str] = COCKPIT, **env: str) -> Iterator[Wire]:
    """The program on a terminal of 160×48; ended afterwards, whatever it is doing."""
    surroundings = {"XDG_RUNTIME_DIR": str(place.parent), "COCKPIT_HOME": str(place), **env}
    with Wire([*argv, *args], COLUMNS, ROWS, surroundings) as wire:
        yield wire


class Exchange:
    """A simulated exchange in a process of its own; see ``exchange``."""

    def __init__(self, addresses: dict[str, Any], pid: int) -> None:
        self.addresses = addresses
        self.pid = pid
        self._client = httpx.Client(base_url=addresses["rest"], trust_env=False)

    @property
    def options(self) -> list[str]:
        """What makes ``cockpit`` trade here."""
        return [x for name in ("rest", "public", "private") for x in ("--set", f"venue.{name}={self.addresses[name]}")]

    @property
    def keys(self) -> dict[str, str]:
        """The environment with its keys."""
        return {
            "COCKPIT_API_KEY": self.addresses["api_key"],
            "COCKPIT_API_SECRET": self.addresses["api_secret"],
        }

    def fault(self, **switches: object) -> None:
        self._client.post("/sim/faults", json=switches).raise_for_status()

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get("/sim/state").json()
        return found

    def working(self) -> list[Any]:
        """Open orders of all accounts."""
        return [order for account in self.state()["accounts"].values() for order in account["orders"]]

    def received(self, path: str, since_ns: int) -> list[int]:
        """Arrival times (UTC nanoseconds) of private requests whose path contains ``path``, from ``since_ns`` on."""
        return [r["wall_ns"] for r in self.state()["received"] if path in r["path"] and r["wall_ns"] >= since_ns]


@contextmanager
def exchange(place: Path, *args: str) -> Iterator[Exchange]:
    argv = [*COCKPIT, "exchange", "--json", "--home", str(place), *args]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield Exchange(json.loads(process.stdout.readline()), process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used, without its children (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    """Resident memory in MB (10⁶ bytes; Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024 / 1e6
