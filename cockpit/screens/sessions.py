"""All recordings in a list: filter, open, rename, delete, export."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from cockpit.actions import ActionSpec, bindings, caps
from cockpit.commands.recordings import HEADS, folder, table
from cockpit.guard import Press
from cockpit.keymap import resolve
from cockpit.panes import reading
from cockpit.panes.base import ListPane
from cockpit.panes.text import Column, Line, clean, table_head, table_row
from cockpit.screens.listing import ListApp
from cockpit.screens.prompt import Prompt
from cockpit.screens.reader import walk
from cockpit.view import View
from engine.journal.export import write_jsonl
from engine.journal.recording import Recording
from engine.model.errors import CockpitError
from engine.replay.sessions import SUFFIX, SessionRow, delete, rename, sessions

if TYPE_CHECKING:
    from engine.model.settings import ScreenSettings

COLUMNS = (
    Column(HEADS[0], 19), Column(HEADS[1], 0, "<", 0, 14), Column(HEADS[2], 8, "<", 7), Column(HEADS[3], 8, "<", 2),
    Column(HEADS[4], 9, "<", 5), Column(HEADS[5], 8, ">", 3), Column(HEADS[6], 11, ">", 4), Column(HEADS[7], 14, ">", 1),
    Column(HEADS[8], 7, ">", 6), Column(HEADS[9], 12, "<", 2), Column(HEADS[10], 9, ">", 8),
)  # fmt: skip
END_STYLES = {
    "clean": "good",
    "signal": "good",
    "failed": "bad",
    "torn": "need",
    "running": "focus b",
    "unreadable": "bad",
}
HINTS = (("session_open", "open"), ("session_filter", "filter"), ("session_rename", "rename"), ("session_delete", "delete"),
         ("session_export", "export events"), ("session_close", "close"))  # fmt: skip


class SessionsPane(ListPane[SessionRow]):
    pane_id = "sessions"

    def __init__(self, keys: dict[str, str]) -> None:
        super().__init__()
        self.keys = keys
        self.known: Sequence[SessionRow] = ()

    def title_line(self, view: View, _width: int) -> Line:
        count = len(self.shown_rows(view))
        line: Line = [("SESSIONS ", "label b"), (f"{count:,}", "strong")]
        return [*line, (f" of {len(self.known):,}  /{self.filter_text}", "need")] if self.filter_text else line

    def subtitle_line(self, _view: View, _width: int) -> Line:
        return [
            part
            for name, label in HINTS
            for part in ((f"{self.keys.get(name, '–')} ", "label b"), (f"{label}  ", "dim"))
        ]

    def rows(self, _view: View) -> Sequence[SessionRow]:
        return self.known

    def key(self, row: SessionRow) -> str:
        return row.name

    def words(self, row: SessionRow) -> str:
        return " ".join((row.name, row.label, row.venue, row.reason, *table(row)))

    def empty(self, _view: View) -> str:
        return "nothing has been recorded yet: cockpit records every session that it runs"

    def head(self, _view: View, width: int) -> Line:
        return table_head(COLUMNS, width)

    def draw_row(self, _view: View, row: SessionRow, width: int) -> Line:
        pnl = float(row.net_pnl)
        styles = ["label", "strong", "value", "value", "value", "value", "value", reading.pnl_style(pnl) + " b", "value",
                  END_STYLES[row.ending], "label"]  # fmt: skip
        return table_row(COLUMNS, list(zip(table(row), styles, strict=True)), width)

    def foot(self, _view: View, row: SessionRow, _width: int, room: int) -> list[Line]:
        facts: Line = [
            (f"{row.events:,} events", "value"),
            (f"  {row.fills} fills", "value"),
            (f"  {row.venue} {row.version}", "label"),
        ]
        lines: list[Line] = [[("╰ ", "rule"), (row.name, "dim"), ("  ", ""), *facts]]
        if row.reason or row.problem:
            lines.append([("  ", ""), (row.problem or f"ended: {row.reason}", "need" if row.problem else "label")])
        return lines[:room]


class SessionsScreen(Screen[Path], inherit_bindings=False):
    """Its result is the recording to open. ``opens`` is False over a live session, which must stay on its screen."""

    def __init__(self, place: Path, view: View, keys: dict[str, str], *, opens: bool = True) -> None:
        super().__init__()
        self.place, self.view, self.opens = place, view, opens
        self.pane = SessionsPane(keys)
        self.filter = Input(placeholder="filter: words, !not; Enter keeps it, Esc clears it", id="filter", compact=True)
        self.said = Static(Content(""), id="sessions-said")

    @property
    def situation(self) -> str:
        return "typing" if self.focused is self.filter else "sessions"

    def compose(self) -> ComposeResult:
        yield self.pane
        yield self.filter
        yield self.said

    def on_mount(self) -> None:
        self.filter.display = False
        self.pane.styles.height = "1fr"
        self.pane.focus()
        self.reload()

    def reload(self) -> None:
        self.pane.known = sessions(self.place, time.time_ns())
        self.pane.show(self.view)
        self.pane.again()

    def say(self, text: str) -> None:
        self.said.update(Content(clean(text)))

    def act(self, spec: ActionSpec, _press: Press) -> None:
        row = self.pane.selected_row(self.view)
        if spec.id in ("session_close", "back"):
            self._back()
        elif spec.id == "session_filter":
            self.filter.display = True
            self.filter.focus()
        elif spec.id in DEEDS and row is not None:
            try:
                DEEDS[spec.id](self, row)
            except (CockpitError, OSError) as error:
                self.say(f"{row.name}: {error}")
        else:
            walk(self.pane, spec.id)

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

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        self._close_filter()


def open_row(screen: SessionsScreen, row: SessionRow) -> None:
    if row.ending == "unreadable":
        screen.say(f"{row.name}: {row.problem}")
    elif screen.opens:
        screen.dismiss(screen.place / row.name)
    else:
        screen.say(
            f"This screen belongs to a running session. In another terminal: cockpit replay {row.name.removesuffix(SUFFIX)}"
        )


def rename_row(screen: SessionsScreen, row: SessionRow) -> None:
    def take(text: str) -> str:
        try:
            rename(screen.place / row.name, text)
        except OSError as error:
            return f"it cannot be kept: {error}"
        return ""

    prompt = Prompt(f"Name of {row.name}", "a name; nothing takes the name away", take, row.label, empty=True)
    screen.app.push_screen(prompt, lambda _: screen.reload())


def delete_row(screen: SessionsScreen, row: SessionRow) -> None:
    word = "DELETE"

    def take(text: str) -> str:
        if text != word:
            return f"type {word} to delete it for good, or Esc"
        try:
            delete(screen.place / row.name, time.time_ns())
        except (CockpitError, OSError) as error:
            return str(error)
        return ""

    title = f"Delete {row.label or row.name} for good ({row.trades} trades, {table(row)[7]})?"
    screen.app.push_screen(Prompt(title, f"type {word} and Enter; Esc keeps it", take), lambda _: screen.reload())


def export_row(screen: SessionsScreen, row: SessionRow) -> None:
    target = Path.cwd() / f"{Path(row.name).stem}.events.jsonl"
    if target.exists():
        screen.say(f"{target} exists already")
        return
    with Recording.open(screen.place / row.name) as recording:
        count = write_jsonl(recording, target)
    screen.say(f"{target}: {count:,} events. Other formats: cockpit export {row.name.removesuffix(SUFFIX)} --format …")


DEEDS: dict[str, Callable[[SessionsScreen, SessionRow], None]] = {
    "session_open": open_row, "session_rename": rename_row, "session_delete": delete_row, "session_export": export_row,
}  # fmt: skip


class SessionsApp(ListApp[Path]):
    """The list on its own; its result is the recording to open."""

    ACTING = (SessionsScreen, Prompt)

    def __init__(self, place: Path, view: View, settings: ScreenSettings, problem: str = "") -> None:
        specs = resolve(settings.keymap)
        self.list = SessionsScreen(place, view, caps(specs))
        super().__init__(self.list, bindings(specs), settings.theme)
        self.list.say(problem)


def open_list(home: Path | None) -> int:
    """The list, then the recording that was chosen, and the list again, until it is closed. Raises CockpitError."""
    from cockpit.replay import open_screen
    from engine.model.state import State
    from engine.ops import config, paths

    profile = config.load("demo", paths.home(home)).profile
    view = View(State(), time.time_ns(), profile, profile.symbols[0], "replay")
    problem = ""
    while True:
        chosen = SessionsApp(folder(home), view, profile.screen, problem).run()
        if chosen is None:
            return 0
        try:
            open_screen(chosen, "", None, home)
            problem = ""
        except CockpitError as error:
            problem = f"{chosen.name}: {error}"
