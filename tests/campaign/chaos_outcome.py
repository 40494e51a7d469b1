"""What a campaign is asked for, what it gives back, and the row that is printed of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

SHOWN = 12


class Skipped(Exception):
    """The campaign cannot run on this machine; the text says why."""


class Task(NamedTuple):
    folder: Path
    """Empty, and the campaign's own."""
    rounds: int
    seed: int
    plant: str = ""
    """The name of a bug that the program under test is given, and that must be noticed."""
    together: int = 2
    """Rounds at a time, where they can overlap."""


class Outcome(msgspec.Struct):
    """Sums over all rounds. A round survives when it leaves no fault behind."""

    tried: int = 0
    survived: int = 0
    lost: int = 0
    duplicated: int = 0
    unsafe: int = 0
    """Orders without a durable decision, decisions on stale data, writers too many, damage that nobody noticed …"""
    faults: list[str] = []
    figures: list[str] = []
    """Sentences with what was measured."""
    caught: bool | None = None
    """Whether a planted bug was noticed, where that takes more than one bad round."""

    @property
    def good(self) -> bool:
        return bool(self.tried) and not self.faults and not (self.lost or self.duplicated or self.unsafe)

    @property
    def noticed(self) -> bool:
        """Whether a planted bug shows."""
        return bool(self.tried) and (not self.good if self.caught is None else self.caught)

    def count(self, faults: list[str], *, lost: int = 0, duplicated: int = 0, unsafe: int = 0) -> None:
        self.tried += 1
        self.lost += lost
        self.duplicated += duplicated
        self.unsafe += unsafe
        self.survived += not (faults or lost or duplicated or unsafe)
        self.faults = [*self.faults, *faults]


Run = Callable[[Task], Coroutine[Any, Any, Outcome]]


class Campaign(NamedTuple):
    name: str
    about: str
    run: Run
    rounds: int
    plants: dict[str, int]
    """Bugs, each with the rounds in which it must be noticed."""


HEAD = f"{'campaign':<12}{'tried':>7}{'survived':>10}{'lost':>6}{'duplicated':>12}{'unsafe':>8}{'seconds':>9}  planted bug caught"


def row(name: str, o: Outcome, seconds: float, caught: dict[str, bool]) -> str:
    plants = ", ".join(f"{plant}: {'yes' if yes else 'NO'}" for plant, yes in caught.items())
    line = f"{name:<12}{o.tried:>7}{o.survived:>10}{o.lost:>6}{o.duplicated:>12}{o.unsafe:>8}{seconds:>9.0f}  {plants}"
    more = [f"    ✗ and {len(o.faults) - SHOWN} more"] if len(o.faults) > SHOWN else []
    return "\n".join(
        [line, *(f"    · {text}" for text in o.figures), *(f"    ✗ {text}" for text in o.faults[:SHOWN]), *more]
    )
