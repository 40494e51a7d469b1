"""A sweep's findings as lines of text, and as data for ``--json``."""

from __future__ import annotations

from typing import Any

import msgspec

from cockpit import format as fmt
from engine.data.moments import minute
from engine.search import store as stores
from engine.search.findings import Findings, Point, command, plain
from engine.search.montecarlo import LEVELS
from engine.search.rank import Objective, worth


def lines(found: Findings, top: int) -> list[str]:
    """The whole printed answer."""
    return [*head(found), "", *table(found, top), "", *verdict(found), *carlo(found), "", *foot(found)]


def head(found: Findings) -> list[str]:
    n, plan = found.notes, found.plan
    counts = found.counts
    parts = [f"{sum(counts.values()):,} runs"]
    parts += [f"{counts['failed']:,} failed"] if counts.get("failed") else []
    parts += [f"{len(found.bad):,} points refused by the strategy"] if found.bad else []
    if not n.finished:
        parts.append(f"not finished: {n.wanted - sum(counts.values()):,} to go")
    what = [f"{a.name} {plain(a.values[0])}…{plain(a.values[-1])} ({len(a.values)})" for a in plan.axes]
    what += [f"{r.name} " + (", ".join(map(plain, r.choices)) or f"{r.low:g}…{r.high:g}") for r in plan.ranges]
    method = "grid" if plan.method == "grid" else f"study ({plan.sampler}, seed {plan.seed})"
    rows = [
        f"{found.name}: {plan.strategy} on {n.symbol}, {', '.join(parts)}",
        f"{method}: {', '.join(what)}",
        f"data {n.source}, {n.rows:,} bars, {minute(n.first_t)} to {minute(n.last_t)}",
        f"profile {plan.profile}, cash {n.cash}. {found.setup.profile.fill.rule}",
    ]
    if plan.windows is not None:
        w = plan.windows
        kind = "from the first bar" if w.anchored else "rolling"
        rows.append(
            f"walk-forward, {kind}: train {_length(w.train)}, test {_length(w.test)}, {len(found.pairs)} windows"
        )
    return rows


def _length(ns: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if not ns % (size * fmt.SECOND):
            return f"{ns // (size * fmt.SECOND)} {unit}"
    return f"{ns / fmt.SECOND:g} s"


FIGURES: tuple[tuple[str, str, str], ...] = (
    ("net profit", "net_profit", "money"),
    ("trades", "trades", "count"),
    ("Sharpe", "sharpe", "ratio"),
    ("Calmar", "calmar", "ratio"),
    ("max DD", "max_drawdown", "share"),
    ("PF", "profit_factor", "ratio"),
    ("SQN", "sqn", "ratio"),
)
"""Columns of every table: title, metric, how it is written."""


def cell(value: float | None, form: str) -> str:
    """A metric as text; a dash where it is not defined."""
    if value is None:
        return fmt.UNKNOWN
    if form == "count":
        return f"{value:,.0f}"
    if form == "share":
        return fmt.share(value * 100, 1)
    return fmt.signed(value, 2) if form == "money" else fmt.money(value, 2)


def form_of(by: Objective) -> str:
    return {"net_profit": "money", "max_drawdown": "share", "win_rate": "share"}.get(by.figure, "ratio")


def value_of(point: Point, by: Objective, *, test: bool = False) -> float | None:
    """What the objective is of a point, or of its test window; None where nothing was traded."""
    row = point.row
    if test:
        if point.test is None:
            return None
        row = stores.Row(row.task, point.test)
    known = worth(row, by)
    return None if known is None else known * by.sign


def table(found: Findings, top: int) -> list[str]:
    tested = found.plan.windows is not None
    points = [p for p in found.points if p.chosen] if tested else found.points[:top]
    if not points:
        return ["no point has a result"]
    heads = ["#" if not tested else "window", *found.names]
    heads += [f"{found.by.title} in", f"{found.by.title} out", "PnL in", "PnL out", "trades out"] if tested else []
    heads += [title for title, *_ in FIGURES] if not tested else []
    rows = [heads, *(_windowed(found, p) if tested else _listed(found, p) for p in points)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(heads))]
    text = ["  ".join(value.rjust(width) for value, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    more = len(found.points) - len(points)
    return [*text, f"… and {more:,} more (--top)"] if not tested and more > 0 else text


def _listed(found: Findings, point: Point) -> list[str]:
    outcome = point.row.outcome
    values = [str(point.place), *(plain(point.row.task.params[name]) for name in found.names)]
    if outcome.status != "done":
        return [*values, outcome.status, *[""] * (len(FIGURES) - 1)]
    return [*values, *(cell(outcome.figures.get(figure), form) for _, figure, form in FIGURES)]


def _windowed(found: Findings, point: Point) -> list[str]:
    form, test = form_of(found.by), point.test
    return [
        str(point.row.task.window + 1),
        *(plain(point.row.task.params[name]) for name in found.names),
        cell(value_of(point, found.by), form),
        cell(value_of(point, found.by, test=True), form),
        fmt.signed(point.row.outcome.pnl),
        fmt.signed(test.pnl) if test is not None and test.status == "done" else fmt.UNKNOWN,
        f"{test.trades:,}" if test is not None and test.status == "done" else (test.status if test else fmt.UNKNOWN),
    ]


def verdict(found: Findings) -> list[str]:
    rows = []
    joined = found.notes.joined
    if joined is not None:
        figures = [f"{title} {cell(joined.figures.get(figure), form)}" for title, figure, form in FIGURES[2:]]
        rows += [
            f"OUT OF SAMPLE, {joined.windows} windows joined, {minute(joined.start_t)} to {minute(joined.end_t)}: "
            f"net profit {fmt.signed(joined.pnl)}, {joined.trades:,} trades, {', '.join(figures)}",
            "Each window begins flat with the same cash; its strategy has observed the training window's candles before.",
        ]
    windows = {point.row.task.window for point in found.points}
    if found.plan.windows is not None and len(found.pairs) < len(windows):
        rows.append(
            f"In {len(windows) - len(found.pairs)} of {len(windows)} windows nothing was chosen: no training run traded and has "
            f"a {found.notes.objective}."
        )
    v = found.verdict
    if v is None:
        return [*rows, "Nothing can be said about luck: no point has daily returns that vary."]
    return [*rows, f"{'WARNING: ' if v.warned else ''}{v.sentence}"]


def carlo(found: Findings) -> list[str]:
    m = found.notes.carlo
    if m is None:
        return []
    whose = "the joined test windows" if found.plan.windows is not None else "the best point"
    rows = ["", f"Monte Carlo, {m.runs:,} times the {m.trades:,} trades of {whose} (seed {m.seed}):"]
    for name, p in (("drawn again", m.drawn), ("another order", m.order)):
        falls = " ".join(f"{value:.1f} %" for value in p.fall_pct)
        finals = (
            " ".join(f"{value:,.0f}" for value in p.final) if name == "drawn again" else f"{m.actual_final:,.0f} always"
        )
        rows.append(f"  {name:<13}  final equity {finals};  max drawdown {falls};  ruin {p.ruined * 100:.1f} %")
    levels = ", ".join(map(str, LEVELS))
    rows.append(
        f"  (percentiles {levels}; as it was: {m.actual_final:,.0f} and {m.actual_fall_pct:.1f} %; ruin is −{m.ruin_pct:g} %)"
    )
    return rows


def foot(found: Findings) -> list[str]:
    n = found.notes
    rows = [f"{bad}" for bad in _refusals(found)]
    if n.workers:
        rows.append(f"{n.workers} workers, {n.busy * 100:.0f} % of their time at work, {n.seconds:.1f} s in all")
    return [*rows, f"cockpit sweep show {found.name}"]


def _refusals(found: Findings) -> list[str]:
    rows = [f"refused: {bad.why}" for bad in found.bad[:1]]
    rows += [f"         and {len(found.bad) - 1:,} more"] if len(found.bad) > 1 else []
    failed = [p.row for p in found.points if p.row.outcome.status == "failed"]
    return [*rows, *(f"failed: {row.outcome.why}" for row in failed[:1])]


def as_data(found: Findings) -> dict[str, Any]:
    """The answer of ``--json``: money as text, figures that are not defined as null."""
    n = found.notes
    return {
        "name": found.name, "strategy": found.plan.strategy, "method": found.plan.method, "objective": n.objective,
        "symbol": n.symbol, "source": n.source, "data_hash": found.plan.data, "setup_hash": found.plan.setup,
        "finished": n.finished, "counts": found.counts, "invalid": [msgspec.to_builtins(bad) for bad in found.bad],
        "points": [_point(found, p) for p in found.points],
        "out_of_sample": msgspec.to_builtins(n.joined), "monte_carlo": msgspec.to_builtins(n.carlo),
        "overfitting": _verdict(found), "workers": n.workers, "busy": n.busy, "cpu_seconds": n.cpu, "seconds": n.seconds,
    }  # fmt: skip


def _verdict(found: Findings) -> dict[str, Any] | None:
    if found.verdict is None:
        return None
    fields = found.verdict._asdict()
    return {name: None if value == float("inf") else value for name, value in fields.items()}


def _point(found: Findings, point: Point) -> dict[str, Any]:
    task, outcome = point.row.task, point.row.outcome
    data: dict[str, Any] = {
        "place": point.place, "id": task.id, "params": task.params, "part": task.part, "status": outcome.status,
        "why": outcome.why, "pnl": f"{outcome.pnl:f}", "trades": outcome.trades, "run_id": outcome.run_id,
        "config_hash": outcome.config_hash, "figures": outcome.figures, "command": command(found, task),
    }  # fmt: skip
    if found.plan.windows is not None:
        test = point.test
        data |= {"window": task.window, "chosen": point.chosen, "rows": [task.first, task.end]}
        data["test"] = None if test is None else {
            "status": test.status, "why": test.why, "pnl": f"{test.pnl:f}", "trades": test.trades, "figures": test.figures,
        }  # fmt: skip
    return data
