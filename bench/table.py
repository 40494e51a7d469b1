"""One row for each figure, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Literal, NamedTuple

FEW = 100
"""Below this many values the worst one stands for the 99th percentile."""


class Row(NamedTuple):
    """One figure. ``goal`` is a ceiling for the ``judged`` column; None where there is no goal."""

    what: str
    unit: str
    middle: float
    worst: float | None = None
    """99th percentile; of fewer than ``FEW`` values the largest."""
    goal: float | None = None
    judged: Literal["middle", "worst"] = "middle"
    n: int = 1

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        value = self.worst if self.judged == "worst" and self.worst is not None else self.middle
        return "ok" if value <= self.goal else "over"


def row(
    what: str,
    unit: str,
    values: Sequence[float],
    goal: float | None = None,
    judged: Literal["middle", "worst"] = "middle",
) -> Row:
    """A row from single measurements."""
    ordered = sorted(values)
    worst = ordered[-1] if len(ordered) < FEW else ordered[int(len(ordered) * 0.99)]
    return Row(what, unit, median(ordered), worst, goal, judged, len(ordered))


HEAD = ("what", "median", "p99/max", "unit", "goal", "", "n")


def cells(r: Row) -> tuple[str, ...]:
    goal = "" if r.goal is None else f"≤ {r.goal:g}{' p99' if r.judged == 'worst' else ''}"
    return r.what, number(r.middle), "" if r.worst is None else number(r.worst), r.unit, goal, r.verdict, str(r.n)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(rows: Iterable[Row]) -> str:
    """The rows under their heads, in columns."""
    lines = [HEAD, *(cells(r) for r in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEAD))]
    right = (1, 2, 6)
    padded = (
        [text.rjust(width) if n in right else text.ljust(width) for n, (text, width) in enumerate(zip(line, widths, strict=True))]
        for line in lines
    )  # fmt: skip
    return "\n".join("  ".join(line).rstrip() for line in padded)
