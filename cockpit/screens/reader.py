"""A list to read over the trade screen: bookmarks, hits, the why of an order, differences. Enter goes to a row's moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from cockpit.actions import ActionSpec
from cockpit.guard import Press
from cockpit.panes.base import ListPane
from cockpit.panes.text import Column, Line, plain, table_head, table_row
from cockpit.view import View

LEAST_ROWS, MARGIN = 10, 7
"""Rows of a short list, and what stands beside the rows: frame, heading, the sentence about one of them."""


class Entry(NamedTuple):
    """A row: the event that it stands for (0: none) and its cells."""

    seq: int
    cells: Line


class Sheet(NamedTuple):
    """What is to be read: a heading, columns, rows from the top, sentences about a row, hints for the lower border."""

    title: Line
    columns: tuple[Column, ...]
    entries: Sequence[Entry]
    empty: str
    hints: Line = []  # noqa: RUF012
    about: Callable[[Entry], list[Line]] = lambda _entry: []


class SheetPane(ListPane[tuple[int, Entry]]):
    pane_id = "sheet"

    def __init__(self, sheet: Sheet) -> None:
        super().__init__()
        self.sheet = sheet

    def title_line(self, _view: View, _width: int) -> Line:
        return self.sheet.title

    def subtitle_line(self, _view: View, _width: int) -> Line:
        return self.sheet.hints

    def rows(self, _view: View) -> Sequence[tuple[int, Entry]]:
        return list(enumerate(self.sheet.entries))

    def key(self, row: tuple[int, Entry]) -> str:
        return str(row[0])

    def words(self, row: tuple[int, Entry]) -> str:
        return plain([row[1].cells])

    def head(self, _view: View, width: int) -> Line:
        return table_head(self.sheet.columns, width)

    def draw_row(self, _view: View, row: tuple[int, Entry], width: int) -> Line:
        return table_row(self.sheet.columns, row[1].cells, width)

    def foot(self, _view: View, row: tuple[int, Entry], _width: int, room: int) -> list[Line]:
        return self.sheet.about(row[1])[:room]

    def empty(self, _view: View) -> str:
        return self.sheet.empty


class Reader(ModalScreen[int], inherit_bindings=False):
    """Its result is the number of the event to go to; None when it was closed. ``drop`` removes a row, where rows can go."""

    situation = "reader"

    def __init__(self, make: Callable[[], Sheet], view: View, drop: Callable[[int], None] | None = None) -> None:
        super().__init__(classes="-reader")
        self.make, self.view, self.drop = make, view, drop
        self.pane = SheetPane(make())

    def compose(self) -> ComposeResult:
        with Vertical(id="reader"):
            yield self.pane

    def on_mount(self) -> None:
        self.pane.styles.height = max(LEAST_ROWS, len(self.pane.sheet.entries) + MARGIN)
        self.pane.focus()
        self.pane.show(self.view)

    def act(self, spec: ActionSpec, _press: Press) -> None:
        pane = self.pane
        row = pane.selected_row(self.view)
        if spec.id == "jump" and row is not None and row[1].seq:
            self.dismiss(row[1].seq)
        elif spec.id == "drop" and row is not None and self.drop is not None:
            self.drop(row[1].seq)
            pane.sheet = self.make()
            pane.again()
        elif spec.id == "reader_close":
            self.dismiss(None)
        else:
            walk(pane, spec.id)


def walk(pane: ListPane[Any], action: str) -> None:
    """The list keys."""
    moves: dict[str, Callable[[], None]] = {
        "down": lambda: pane.move(1),
        "up": lambda: pane.move(-1),
        "page_down": lambda: pane.page(1),
        "page_up": lambda: pane.page(-1),
        "top": lambda: pane.move_to("first"),
        "bottom": lambda: pane.move_to("last"),
    }
    moves.get(action, lambda: None)()
