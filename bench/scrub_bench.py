"""Time travel as a person feels it, on a recording of a million events in a real terminal: ``python -m bench scrub``.

python -m bench.scrub_bench --file FILE    (without FILE a recording is made, which takes two minutes)
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

from bench.replay_bench import EVENTS, made
from bench.table import Row, row, table
from bench.terminal import Terminal

COCKPIT = (sys.executable, "-m", "cockpit.cli")
SIZE = (160, 45)
HELD_S = 4.0
REPEAT_HZ = 30.0
GOALS = {"]": 100.0}
"""Milliseconds between two pictures; every mark is a seek to another part of the recording."""
PLACE = re.compile(r"#([\d,]+) of ")
"""The number of the event at the cursor, on the timeline."""
HELD = (
    (".", "a held step on"), (",", "a held step back"), ("right", "held 5 s on"), ("left", "held 5 s back"),
    ("]", "held from mark to mark"),
)  # fmt: skip


class Watched(Terminal):
    """Keeps when the cursor's number changed on the screen."""

    seen = ""

    def __init__(self, *args: object, **options: object) -> None:
        self.changes: list[tuple[float, str]] = []
        super().__init__(*args, **options)  # type: ignore[arg-type]

    def take(self, now: float, data: bytes) -> None:
        super().take(now, data)
        found = [match[1] for line in self._screen.display if (match := PLACE.search(line))]
        if found and found[0] != self.seen:
            self.seen = found[0]
            self.changes.append((now, found[0]))


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return measure(made(Path(folder) / "million.cockpit", EVENTS))


def measure(path: Path) -> list[Row]:
    """Opening, keys one by one, keys that are held, and playing."""
    opening = [opened(path) for _ in range(3)]
    with Watched([*COCKPIT, "replay", str(path), "--at", "50%"], *SIZE) as terminal:
        terminal.wait_for("following", 30)
        time.sleep(1.5)
        found = [row("cockpit replay: process to the first frame of a million events", "s", opening, 1)]
        steps = [single(terminal, key) for key in (".", ",") * 20]
        found.append(row("a step, from the key to its picture", "ms", steps, 50, "worst"))
        terminal.press("2")
        seeks = [single(terminal, key) for key in "3718294650" * 3]
        found.append(row("a seek to a tenth of it, from the key to its picture", "ms", seeks, 150, "worst"))
        for key, what in HELD:
            found.append(
                Row(f"{what}: between two pictures", "ms", 1000 / held(terminal, key), goal=GOALS.get(key, 50))
            )
        terminal.press("home", ">", ">", ">", ">", " ")
        start = time.monotonic()
        time.sleep(HELD_S)
        played = sum(t > start for t, _ in terminal.changes)
        found.append(Row("playing at 30×: between two pictures", "ms", 1000 * HELD_S / max(1, played), goal=100))
        terminal.press(" ", "q")
        terminal.ended()
    return found


def opened(path: Path) -> float:
    """Seconds from the start of the process to the chart of the recording's end."""
    with Terminal([*COCKPIT, "replay", str(path)], *SIZE) as terminal:
        terminal.wait_for("following", 60)
        spent = time.monotonic() - terminal.started
        terminal.press("q")
        terminal.ended()
    return spent


def single(terminal: Watched, key: str, most: float = 3.0) -> float:
    """Milliseconds from a key to the picture with another number; 0 when there was none."""
    time.sleep(0.15)
    before, pressed = len(terminal.changes), time.monotonic()
    terminal.press(key)
    while time.monotonic() - pressed < most:
        if len(terminal.changes) > before:
            return (terminal.changes[-1][0] - pressed) * 1000
        time.sleep(0.001)
    return 0.0


def held(terminal: Watched, key: str) -> float:
    """Pictures a second (at least a hundredth) with other numbers while a key repeats as a held one does."""
    terminal.press("g")
    time.sleep(0.3)
    terminal.press(*"50%", "enter")
    time.sleep(0.8)
    start = time.monotonic()
    while (now := time.monotonic()) - start < HELD_S:
        terminal.press(key)
        time.sleep(max(0.0, 1 / REPEAT_HZ - (time.monotonic() - now)))
    return max(0.01, sum(t > start for t, _ in terminal.changes) / HELD_S)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--file", type=Path, help="a recording that is there already")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(table(measure(given.file or made(Path(folder) / "long.cockpit", EVENTS))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
