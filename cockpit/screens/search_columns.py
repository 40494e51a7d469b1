"""The columns of a sweep's table: what they show, how wide they are, and by what they sort."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from cockpit import format as fmt
from cockpit.commands.sweep_table import FIGURES, cell, form_of, value_of
from cockpit.panes import reading
from cockpit.panes.text import Column, Segment
from engine.search.findings import Findings, Point, plain

WIDTHS = {"net profit": 12, "trades": 8, "Sharpe": 8, "Calmar": 8, "max DD": 7, "PF": 6, "SQN": 7}
RANKS = {"net profit": 1, "Sharpe": 1, "trades": 3, "max DD": 3, "PF": 5, "SQN": 6, "Calmar": 7}
PIVOTS = {"profit_factor": 1.0}
PARAM_WIDTH = (5, 10)
Key = tuple[bool, int, float | Decimal, str]


class Shown(NamedTuple):
    """A column: how it is drawn, its value for sorting (None is last), and a cell. ``figure``: a metric that a map can show.

    ``falls``: most people want the largest first. ``pivot``: what is above it is good, what is below bad.
    """

    column: Column
    value: Callable[[Point], Any]
    cell: Callable[[Point], Segment]
    figure: str = ""
    falls: bool = False
    pivot: float | None = None


def columns(found: Findings) -> list[Shown]:
    """All of them, for a grid or study, or with the tested windows beside."""
    tested = found.plan.windows is not None
    made = [_place(found)]
    if tested:
        made.append(Shown(Column("window", 6, ">", 0), lambda p: p.row.task.window, _window))
    made += [_param(found, name, n) for n, name in enumerate(found.names)]
    if tested:
        made += [_in(found), _out(found), _pnl_out()]
    made += [_figure(title, figure, form, tested) for title, figure, form in FIGURES]
    return made


def key_of(shown: Shown, point: Point) -> Key:
    """Numbers by size, words by their letters, what is missing last in both directions."""
    value = shown.value(point)
    if value is None:
        return True, 0, 0.0, ""
    if isinstance(value, bool | int | float):
        return False, 0, float(value), ""
    try:
        number = Decimal(str(value))
        return (False, 0, number, "") if number.is_finite() else (False, 1, 0.0, str(value))
    except InvalidOperation:
        return False, 1, 0.0, str(value)


def ordered(points: Sequence[Point], shown: Shown, *, reverse: bool) -> list[Point]:
    """By a column; equals stay as they are."""
    known = [p for p in points if shown.value(p) is not None]
    missing = [p for p in points if shown.value(p) is None]
    return [*sorted(known, key=lambda p: key_of(shown, p), reverse=reverse), *missing]


def _place(found: Findings) -> Shown:
    def drawn(p: Point) -> Segment:
        return (f"{'◆' if p.chosen else ' '}{p.place}", "need" if p.chosen else "label")

    least = len(str(len(found.points))) + 2
    return Shown(Column("#", max(3, least), ">", 0), lambda p: p.place, drawn)


def _window(p: Point) -> Segment:
    return str(p.row.task.window + 1), "value"


def _param(found: Findings, name: str, n: int) -> Shown:
    longest = max((len(plain(p.row.task.params[name])) for p in found.points[:500]), default=0)
    width = min(max(len(name), longest, PARAM_WIDTH[0]), PARAM_WIDTH[1])

    def drawn(p: Point) -> Segment:
        return plain(p.row.task.params[name]), "strong"

    return Shown(Column(name, width, ">", 0 if n < 2 else 2 + n), lambda p: p.row.task.params[name], drawn)


def _in(found: Findings) -> Shown:
    form = form_of(found.by)
    pivot = None if form == "share" else PIVOTS.get(found.by.figure, 0.0)

    def value(p: Point) -> float | None:
        return value_of(p, found.by)

    return Shown(Column("in", 9, ">", 0), value, lambda p: _number(value(p), form, pivot), falls=found.by.sign > 0)


def _out(found: Findings) -> Shown:
    form = form_of(found.by)
    pivot = None if form == "share" else PIVOTS.get(found.by.figure, 0.0)

    def value(p: Point) -> float | None:
        return value_of(p, found.by, test=True)

    return Shown(Column("out", 9, ">", 0), value, lambda p: _number(value(p), form, pivot), falls=found.by.sign > 0)


def _pnl_out() -> Shown:
    def value(p: Point) -> float | None:
        return float(p.test.pnl) if p.test is not None and p.test.status == "done" else None

    return Shown(Column("PnL out", 11, ">", 1), value, lambda p: _number(value(p), "money", 0.0), falls=True)


def _figure(title: str, figure: str, form: str, tested: bool) -> Shown:
    def value(p: Point) -> float | None:
        return p.row.outcome.figures.get(figure)

    def drawn(p: Point) -> Segment:
        outcome = p.row.outcome
        if outcome.status != "done":
            return (outcome.status, "bad") if figure == "net_profit" else (fmt.UNKNOWN, "dim")
        return _number(value(p), form, pivot)

    pivot = None if form in ("count", "share") else PIVOTS.get(figure, 0.0)
    column = Column(title, WIDTHS[title], ">", RANKS[title] + 4 * tested)
    return Shown(column, value, drawn, figure, falls=figure != "max_drawdown", pivot=pivot)


def _number(value: float | None, form: str, pivot: float | None) -> Segment:
    if value is None:
        return fmt.UNKNOWN, "dim"
    return cell(value, form), "value" if pivot is None else reading.pnl_style(value - pivot)
