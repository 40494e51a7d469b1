"""A sweep's table: sort, filter, look at a point, copy the command that repeats it, and see two parameters as a map."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from cockpit.actions import LISTS, SITUATIONS, ActionSpec, Context, bindings, caps
from cockpit.guard import Press
from cockpit.keymap import resolve
from cockpit.panes.text import Column, clean, wrapped
from cockpit.screens.listing import ListApp
from cockpit.screens.reader import Entry, Reader, Sheet, walk
from cockpit.screens.search_panes import MapPane, SweepPane, VerdictPane
from cockpit.view import View
from engine.search import store as stores
from engine.search.findings import Findings, Point, command, findings, plain

if TYPE_CHECKING:
    from engine.model.settings import ScreenSettings

C: tuple[Context, ...] = ("sessions",)
SWEEP = "Sweeps"
ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("sweep_sort_right", (">", "s"), C, "view", "sort by", "Sort by the next column.", SWEEP, palette=False),
    ActionSpec("sweep_sort_left", ("<", "S"), C, "view", "sort by", "Sort by the column before.", SWEEP, palette=False),
    ActionSpec("sweep_reverse", ("r",), C, "view", "turn", "Turn the order.", SWEEP, palette=False),
    ActionSpec("sweep_filter", ("/",), C, "view", "filter", "Filter: fast=10, !failed, chosen.", SWEEP, palette=False),
    ActionSpec(
        "sweep_open", ("enter",), C, "view", "details", "All figures and the command of the run.", SWEEP, palette=False
    ),
    ActionSpec("sweep_copy", ("c",), C, "view", "copy", "Copy the command that repeats the run.", SWEEP, palette=False),
    ActionSpec("sweep_map", ("m",), C, "view", "map", "Show or hide the map of two parameters.", SWEEP, palette=False),
    ActionSpec("sweep_pair", ("p",), C, "view", "parameters", "Other two parameters on the map.", SWEEP, palette=False),
    ActionSpec("sweep_close", ("escape", "q"), C, "view", "close", "Close the table.", SWEEP, palette=False),
)
"""In the situation of the sessions' list, whose own actions are not there."""
WIDE, LOW = 116, 20
"""From so many columns on the map stands beside the table; under so many rows there is no room for one."""
MAP_WIDTH, MAP_HEIGHT = 46, 11


class SweepScreen(Screen[None], inherit_bindings=False):
    """One sweep, read once: it does not change while it is looked at."""

    DEFAULT_CSS = """
    SweepScreen #body { height: 1fr; }
    SweepScreen #sweep { width: 1fr; height: 1fr; }
    """

    def __init__(self, found: Findings, view: View, keys: dict[str, str]) -> None:
        super().__init__()
        self.found, self.view = found, view
        self.verdict = VerdictPane(found)
        self.pane = SweepPane(found, keys)
        self.map = MapPane(found, keys)
        self.wants_map: bool | None = None
        self.filter = Input(
            placeholder="filter: fast=10, !failed, chosen; Enter keeps it, Esc clears it", id="filter", compact=True
        )
        self.said = Static(Content(""), id="sessions-said")

    @property
    def situation(self) -> str:
        return "typing" if self.focused is self.filter else "sessions"

    def compose(self) -> ComposeResult:
        yield self.verdict
        with Container(id="body"):
            yield self.pane
            yield self.map
        yield self.filter
        yield self.said

    def on_mount(self) -> None:
        self.filter.display = False
        self.pane.focus()
        self.place_map()
        for pane in (self.verdict, self.pane, self.map):
            pane.show(self.view)

    def on_resize(self) -> None:
        self.place_map()

    def place_map(self) -> None:
        """The map beside the table where there is room, below it where it was asked for."""
        width, height = self.size
        wide = width >= WIDE
        shown = self.wants_map if self.wants_map is not None else wide and len(self.found.names) > 1
        self.map.display = bool(shown) and (wide or height >= LOW)
        self.query_one("#body").styles.layout = "horizontal" if wide else "vertical"
        self.map.styles.width, self.map.styles.height = (
            (MAP_WIDTH, "1fr") if wide else ("1fr", min(MAP_HEIGHT, height // 3))
        )
        self.verdict.styles.height = self.verdict.needed(max(10, width - 4), 12 if height >= 36 else 6)

    def say(self, text: str) -> None:
        self.said.update(Content(clean(text)))

    def act(self, spec: ActionSpec, _press: Press) -> None:
        point = self.pane.selected_row(self.view)
        if spec.id in ("sweep_close", "back"):
            self._back()
        elif spec.id == "sweep_filter":
            self.filter.display = True
            self.filter.focus()
        elif spec.id in DEEDS:
            DEEDS[spec.id](self)
        elif spec.id in POINT_DEEDS and point is not None:
            POINT_DEEDS[spec.id](self, point)
        else:
            walk(self.pane, spec.id)
        self._follow()

    def _follow(self) -> None:
        """The map shows the metric that the table is sorted by, and where the cursor is."""
        shown = self.pane.shown[self.pane.sorted_by]
        if shown.figure:
            self.map.metric = shown
        self.map.here = self.pane.selected_row(self.view)
        self.map.again()

    def _back(self) -> None:
        if self.filter.display:
            self.filter.value = ""
            self._close_filter()
        elif self.pane.filter_text:
            self.pane.set_filter("")
        else:
            self.dismiss(None)

    def _close_filter(self) -> None:
        self.filter.display = False
        self.pane.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.pane.set_filter(event.value)
        self._follow()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        self._close_filter()


def _toggle(screen: SweepScreen) -> None:
    screen.wants_map = not screen.map.display
    screen.place_map()
    if screen.wants_map and not screen.map.display:
        screen.say(f"the map needs {LOW} rows")


DEEDS: dict[str, Callable[[SweepScreen], None]] = {
    "sweep_sort_right": lambda screen: screen.pane.sort_by(1),
    "sweep_sort_left": lambda screen: screen.pane.sort_by(-1),
    "sweep_reverse": lambda screen: screen.pane.reverse(),
    "sweep_map": _toggle,
    "sweep_pair": lambda screen: screen.map.turn(),
}


def copy_command(screen: SweepScreen, point: Point) -> None:
    text = command(screen.found, point.row.task)
    screen.app.copy_to_clipboard(clean(text))
    screen.say(f"copied: {text}")


def open_point(screen: SweepScreen, point: Point) -> None:
    sheet = details(screen.found, point)
    screen.app.push_screen(Reader(lambda: sheet, screen.view))


POINT_DEEDS: dict[str, Callable[[SweepScreen, Point], None]] = {"sweep_copy": copy_command, "sweep_open": open_point}


def details(found: Findings, point: Point) -> Sheet:
    """Everything about a run: parameters, all figures (out of sample beside), fingerprints, and the command that repeats it."""
    task, outcome = point.row.task, point.row.outcome
    tested = point.test.figures if point.test is not None else {}
    rows = [("state", outcome.status + (f": {outcome.why}" if outcome.why else ""), "")]
    rows += [("again", command(found, task), "")]
    rows += [(name, plain(value), "") for name, value in task.params.items()]
    rows += [("net profit, exact", f"{outcome.pnl:f}", f"{point.test.pnl:f}" if point.test is not None else "")]
    rows += [
        (name.replace("_", " "), _figure(value), _figure(tested.get(name)) if tested else "")
        for name, value in outcome.figures.items()
    ]
    rows += [
        ("run id", outcome.run_id, ""),
        ("config hash", outcome.config_hash, ""),
        ("data hash", found.plan.data, ""),
    ]
    rows += [("point", task.id, ""), ("settings hash", found.plan.setup, ""), ("seed", str(found.setup.seed), "")]
    rows += [(name, value, "") for name, value in found.setup.versions.items()]
    wide = (
        Column("", 24),
        Column("in sample" if tested else "", 0),
        Column("out of sample" if tested else "", 16, ">", 1),
    )
    cells = [Entry(0, [(name, "label"), (value, "value"), (other, "strong")]) for name, value, other in rows]
    titles = ("window " + str(task.window + 1) + ", ") if task.part == "train" else ""
    heading = ", ".join(f"{name} {plain(task.params[name])}" for name in found.names)
    return Sheet(
        [("RUN ", "label b"), (titles + heading, "strong")], wide, cells, "nothing", [("Esc ", "label b"), ("close", "dim")],
        lambda entry: wrapped(" ", entry.cells[1][0], "value", 70, 5),
    )  # fmt: skip


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:,.6g}"


class SweepApp(ListApp[None]):
    """The table on its own."""

    ACTING = (SweepScreen, Reader)

    def __init__(self, found: Findings, view: View, settings: ScreenSettings) -> None:
        specs = [spec for spec in resolve(settings.keymap) if spec.group == LISTS or _closes(spec)]
        self.sweep = SweepScreen(found, view, caps(ACTIONS))
        super().__init__(self.sweep, bindings([*specs, *ACTIONS]), settings.theme)


def _closes(spec: ActionSpec) -> bool:
    """What closes a reader, and what leaves a text field."""
    return "reader" in spec.contexts or bool(SITUATIONS["typing"].intersection(spec.contexts) - {"everywhere"})


def open_table(path: Path, objective: str, home: Path | None) -> int:
    """Show a sweep until it is closed. Raises StoreError or CockpitError."""
    from engine.model.state import State
    from engine.ops import config, paths

    with closing(stores.open_store(path)) as kept:
        found = findings(kept, objective)
    profile = config.load("demo", paths.home(home)).profile
    view = View(State(), time.time_ns(), profile, profile.symbols[0], "replay")
    SweepApp(found, view, profile.screen).run()
    return 0
