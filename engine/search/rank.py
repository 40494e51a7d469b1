"""By what points are compared: objectives by name, and the order that they give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.model.errors import CockpitError
from engine.search.store import Row
from engine.strategies.registry import nearest


class Objective(NamedTuple):
    """``figure`` is the metric's name; ``sign`` −1 where less is better."""

    figure: str
    title: str
    sign: float = 1.0


OBJECTIVES: dict[str, Objective] = {
    "sharpe": Objective("sharpe", "Sharpe"),
    "sortino": Objective("sortino", "Sortino"),
    "calmar": Objective("calmar", "Calmar"),
    "pnl": Objective("net_profit", "net profit"),
    "sqn": Objective("sqn", "SQN"),
    "profit_factor": Objective("profit_factor", "profit factor"),
    "expectancy": Objective("expectancy", "expectancy"),
    "win_rate": Objective("win_rate", "win rate"),
    "drawdown": Objective("max_drawdown", "max drawdown", -1.0),
}


def objective(name: str) -> Objective:
    """Raises CockpitError with the nearest name."""
    found = OBJECTIVES.get(name)
    if found is None:
        raise CockpitError(f"unknown objective {name[:80]!r}{nearest(name, OBJECTIVES)}")
    return found


def worth(row: Row, by: Objective) -> float | None:
    """What the objective says of a point, more is better; None where it is not defined, or nothing was traded."""
    if row.outcome.status != "done" or not row.outcome.trades:
        return None
    value = row.outcome.figures.get(by.figure)
    return None if value is None else value * by.sign


def ranked(rows: Sequence[Row], by: Objective) -> list[Row]:
    """The best first; of equals the one with the lower number, so that the order never depends on who was done first."""

    def place(row: Row) -> tuple[bool, float, int]:
        value = worth(row, by)
        return value is None, -(value or 0.0), row.task.n

    return sorted(rows, key=place)


def best(rows: Sequence[Row], by: Objective) -> Row | None:
    """None where no point has a value."""
    first = ranked(rows, by)[:1]
    return first[0] if first and worth(first[0], by) is not None else None
