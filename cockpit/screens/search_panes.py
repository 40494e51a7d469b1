"""The panes of a sweep: what is to be thought of it, its table, and a map of two parameters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from cockpit import format as fmt
from cockpit.commands.sweep_table import FIGURES, carlo, cell, head, verdict
from cockpit.panes.base import ListPane, Pane
from cockpit.panes.text import Line, cells, cut, left, right, table_row, wrapped
from cockpit.screens.search_columns import Shown, columns, key_of, ordered
from cockpit.view import View
from engine.search.findings import Findings, Point, plain

HINTS = (
    ("sweep_sort_right", "sort by"),
    ("sweep_reverse", "turn"),
    ("sweep_filter", "filter"),
    ("sweep_open", "details"),
    ("sweep_copy", "copy command"),
    ("sweep_map", "map"),
    ("sweep_close", "close"),
)
LEVELS = "▁▂▃▄▅▆▇█"


class VerdictPane(Pane, can_focus=False):
    """Where it comes from and how much of it is luck; never left out."""

    pane_id = "sweep-verdict"

    def __init__(self, found: Findings) -> None:
        super().__init__()
        self.found = found

    def title_line(self, _view: View, _width: int) -> Line:
        return [("SWEEP ", "label b"), (self.found.name, "strong")]

    def draw(self, _view: View, width: int, height: int) -> list[Line]:
        found = self.found
        *joined, judged = verdict(found)
        warned = found.verdict is None or found.verdict.warned
        text = judged.removeprefix("WARNING: ")
        lines = wrapped("!" if warned else " ", text, "need" if warned else "good", width, 3)
        lines += [line for told in joined for line in wrapped(" ", told, "value", width, 3)]
        facts: list[Line] = [[("   " + told, "label")] for told in head(found)]
        chance: list[Line] = [[("   " + told.strip(), "value")] for told in carlo(found) if told]
        return [*lines, *facts, *chance][:height]

    def needed(self, width: int, most: int) -> int:
        """Rows with the frame, for a width inside it."""
        view: Any = None
        return min(most, len(self.draw(view, width, 99)) + 2)


class SweepPane(ListPane[Point]):
    """The table; ``sorted_by`` is the column's number, ``turned`` its direction."""

    pane_id = "sweep"

    def __init__(self, found: Findings, keys: dict[str, str]) -> None:
        super().__init__()
        self.found, self.keys = found, keys
        self.shown = columns(found)
        self.sorted_by, self.turned = 0, False
        self._points: list[Point] = list(found.points)
        if found.pairs:
            self._points.sort(key=lambda p: not p.chosen)

    def sort_by(self, step: int) -> None:
        """The next column to the right (1) or to the left (−1), in the direction that most people want."""
        self.sorted_by = (self.sorted_by + step) % len(self.shown)
        self.turned = self.shown[self.sorted_by].falls
        self._sort()

    def reverse(self) -> None:
        self.turned = not self.turned
        self._sort()

    def _sort(self) -> None:
        self._points = ordered(self.found.points, self.shown[self.sorted_by], reverse=self.turned)
        self.move_to("first")
        self.again()

    def title_line(self, view: View, _width: int) -> Line:
        count, all_ = len(self.shown_rows(view)), len(self.found.points)
        line: Line = [("RUNS ", "label b"), (f"{count:,}", "strong")]
        if self.filter_text:
            line += [(f" of {all_:,}  /{self.filter_text}", "need")]
        if self.found.bad:
            line += [(f"  {len(self.found.bad):,} refused by the strategy", "label")]
        failed = self.found.counts.get("failed", 0)
        return [*line, (f"  {failed:,} failed", "bad")] if failed else line

    def subtitle_line(self, _view: View, _width: int) -> Line:
        return [
            p
            for name, label in HINTS
            for p in ((f"{self.keys.get(name, fmt.UNKNOWN)} ", "label b"), (f"{label}  ", "dim"))
        ]

    def rows(self, _view: View) -> Sequence[Point]:
        return self._points

    def key(self, row: Point) -> str:
        return row.row.task.id

    def words(self, row: Point) -> str:
        params = " ".join(f"{name}={plain(value)}" for name, value in row.row.task.params.items())
        return f"{params} {row.row.outcome.status} {'chosen' if row.chosen else ''} window={row.row.task.window + 1}"

    def empty(self, _view: View) -> str:
        return "no run has been made" if not self.found.bad else "the strategy refuses every point of this sweep"

    def head(self, _view: View, width: int) -> Line:
        arrow = "▼" if self.turned else "▲"
        values = []
        for n, shown in enumerate(self.shown):
            here = n == self.sorted_by
            title = cut(shown.column.title, shown.column.width - 1) + arrow if here else shown.column.title
            values.append((title, "focus b" if here else "dim"))
        return table_row(tuple(s.column for s in self.shown), values, width)

    def draw_row(self, _view: View, row: Point, width: int) -> Line:
        return table_row(tuple(s.column for s in self.shown), [s.cell(row) for s in self.shown], width)

    def foot(self, _view: View, row: Point, width: int, room: int) -> list[Line]:
        task, outcome = row.row.task, row.row.outcome
        params: Line = [("╰ ", "rule")]
        for name, value in task.params.items():
            params += [
                (f"{name} ", "label"),
                (f"{plain(value)}  ", "value" if name not in self.found.names else "strong"),
            ]
        lines = [params]
        if outcome.status != "done":
            lines += wrapped(" ", f"{outcome.status}: {outcome.why}", "bad", width)
        else:
            prints = (
                ("run", outcome.run_id),
                ("config", outcome.config_hash[:12]),
                ("data", self.found.plan.data[:12]),
            )
            lines.append([part for name, value in prints for part in ((f"  {name} ", "label"), (value, "value"))])
        if row.test is not None:
            figures = "  ".join(
                f"{title} {cell(row.test.figures.get(figure), form)}" for title, figure, form in FIGURES
            )
            lines.append(
                [("  out of sample  ", "label"), (figures if row.test.status == "done" else row.test.why, "value")]
            )
        return lines[: min(room, 4)]


class MapPane(Pane, can_focus=False):
    """One metric over two parameters: its sign as text (a profit factor's against 1), its height as a block.

    Of several runs in a cell the best one shows.
    """

    pane_id = "sweep-map"

    def __init__(self, found: Findings, keys: dict[str, str]) -> None:
        super().__init__()
        self.found = found
        self.pairs = list(combinations(found.names, 2))
        self.at = 0
        self.metric: Shown = next(s for s in columns(found) if s.figure == "sharpe")
        self.here: Point | None = None
        self.keys = keys

    def subtitle_line(self, _view: View, _width: int) -> Line:
        if len(self.pairs) < 2:
            return []
        return [(f"{self.keys.get('sweep_pair', fmt.UNKNOWN)} ", "label b"), ("other two ", "dim")]

    def turn(self) -> None:
        """The next two parameters."""
        self.at = (self.at + 1) % max(1, len(self.pairs))
        self.again()

    def title_line(self, _view: View, _width: int) -> Line:
        if not self.pairs:
            return [("MAP", "label b")]
        x, y = self.pairs[self.at]
        more = f"  {self.at + 1}/{len(self.pairs)}" if len(self.pairs) > 1 else ""
        return [("MAP ", "label b"), (f"{self.metric.column.title} ", "strong"), (f"{x} → by {y} ↓{more}", "label")]

    def draw(self, _view: View, width: int, height: int) -> list[Line]:
        if not self.pairs:
            return [[("a map needs two parameters", "dim")]]
        x, y = self.pairs[self.at]
        best = self._best(x, y)
        if not best:
            return [[("no run has this metric", "dim")]]
        across, down = (self._values(name) for name in (x, y))
        low, high = min(best.values()), max(best.values())
        margin = min(10, max(cells(plain(v)) for v in down))
        size = max(3, *(min(7, cells(plain(v)) + 1) for v in across))
        most = max(1, (width - margin) // size)
        lines: list[Line] = [[(" " * margin, ""), *((right(plain(v), size), "label") for v in across[:most])]]
        if len(across) > most:
            lines[0] = [*lines[0][:-1], (right("…", size), "label")]
        room = max(1, height - 2)
        for value in down[:room]:
            line: Line = [(left(plain(value), margin), "label")]
            line += [
                self._cell(best.get((v, value)), low, high, size, self._is_here(x, v, y, value)) for v in across[:most]
            ]
            lines.append(line)
        form = next((form for _, figure, form in FIGURES if figure == self.metric.figure), "ratio")
        scale = f"{LEVELS[0]} {cell(low, form)}  {LEVELS[-1]} {cell(high, form)}"
        more = f"  {len(down) - room} rows more" if len(down) > room else ""
        return [*lines, [(scale, "value"), (more, "dim")]]

    def _values(self, name: str) -> list[Any]:
        seen = {plain(p.row.task.params[name]): p for p in self.found.points}
        param = next(s for s in columns(self.found) if s.column.title == name)
        return [p.row.task.params[name] for p in sorted(seen.values(), key=lambda p: key_of(param, p))]

    def _best(self, x: str, y: str) -> dict[tuple[Any, Any], float]:
        found: dict[tuple[Any, Any], float] = {}
        for point in self.found.points:
            value = point.row.outcome.figures.get(self.metric.figure) if point.row.outcome.status == "done" else None
            if value is not None:
                place = point.row.task.params[x], point.row.task.params[y]
                worse = min if self.metric.falls else max
                found[place] = (
                    value
                    if place not in found
                    else max(found[place], value)
                    if worse is min
                    else min(found[place], value)
                )
        return found

    def _is_here(self, x: str, a: Any, y: str, b: Any) -> bool:
        return self.here is not None and self.here.row.task.params[x] == a and self.here.row.task.params[y] == b

    def _cell(self, value: float | None, low: float, high: float, size: int, here: bool) -> tuple[str, str]:
        cursor = "cursor " if here else ""
        if value is None:
            return right("·", size), cursor + "dim"
        share = (value - low) / (high - low) if high > low else 1.0
        glyph = LEVELS[min(len(LEVELS) - 1, int(share * len(LEVELS)))]
        pivot = self.metric.pivot
        sign = "" if pivot is None else "+" if value > pivot else "-" if value < pivot else " "
        style = {"+": "bull", "-": "bear"}.get(sign, "value")
        return right(f"{'›' if here else ''}{sign}{glyph}", size), cursor + style
