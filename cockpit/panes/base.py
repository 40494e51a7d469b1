"""What every pane is: a pure function from a view to lines, and a widget that repaints only the rows that changed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment as RichSegment
from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.style import Style as ContentStyle
from textual.widget import Widget

from cockpit.panes.text import Line, Segment, clean, fit, width_of
from cockpit.theme import Palette, palette
from cockpit.view import View


def content(line: Line, colours: Palette) -> Content:
    """A line as Textual content, for border titles: never markup."""
    return Content.assemble(
        *((clean(text), ContentStyle.from_rich_style(colours(style))) for text, style in line if text)
    )


class Pane(Widget, can_focus=True):
    """Base of all panes: implement ``draw`` (and ``title``); hand in views with ``show``."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Pane { border: round $border-blurred; padding: 0 1; background: $background; }
    Pane:focus { border: round $border; }
    Pane:focus:nocolor { border: double $border; }
    Pane.-need { border: heavy $warning; }
    Pane.-alarm { border: heavy $error; }
    """

    pane_id: ClassVar[str] = ""

    class Failed(Message):
        """The pane could not be drawn outside of ``show``, and says so in its place."""

        def __init__(self, pane: Pane, error: Exception) -> None:
            super().__init__()
            self.pane, self.error = pane, error

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id or self.pane_id or None, classes=classes)
        self._view: View | None = None
        self._signature: Hashable = None
        self._lines: list[Line] = []
        self._strips: list[Strip] = []
        self._made_for: tuple[int, int, str, str] | None = None
        self._frame: tuple[Line, Line, str, str] | None = None
        self._stale = True

    # --- what a pane says -----------------------------------------------------------------------------------

    @abstractmethod
    def draw(self, view: View, width: int, height: int) -> list[Line]:
        """The rows, not yet cut to size."""
        raise NotImplementedError

    def title(self, _view: View) -> str:
        """The heading in the top border; empty for none."""
        return ""

    def title_line(self, view: View, _width: int) -> Line:
        """The heading with its focus digit; override where parts of it have styles of their own."""
        text = self.title(view)
        return [self.digit(view), (text, "label b")] if text else []

    def digit(self, view: View) -> Segment:
        """The key that focuses the pane, bright while it does."""
        return (f"{view.key(f'pane_{self.pane_id}')} ", "focus b" if self.has_focus else "dim")

    def subtitle_line(self, _view: View, _width: int) -> Line:
        """What stands in the bottom border."""
        return []

    def ground(self, _view: View) -> str:
        """Style names that lie under every row."""
        return ""

    def mood(self, _view: View) -> str:
        """``need`` or ``alarm`` for the heavy border, else empty."""
        return ""

    def signature(self, _view: View) -> Hashable:
        """Equal signatures promise equal lines, so drawing is skipped; None promises nothing."""
        return None

    def lines(self, view: View, width: int, height: int) -> list[Line]:
        """At most ``height`` lines of at most ``width`` cells, without control characters."""
        if width <= 0 or height <= 0:
            return []
        return [fit(line, width) for line in self.draw(view, width, height)[:height]]

    # --- what the widget does -------------------------------------------------------------------------------

    @property
    def palette(self) -> Palette:
        return palette("dark" if self.app.current_theme.dark else "light", self.app.no_color)

    def show(self, view: View) -> None:
        """Draw this view; only rows that differ from what is on the screen are painted again.

        What ``draw`` raises comes through, and the view before stays.
        """
        signature = self.signature(view)
        if signature is not None and signature == self._signature and not self._stale:
            self._view = view
            return
        before = self._view, self._signature
        self._view, self._signature = view, signature
        try:
            self._redraw()
        except Exception:
            self._view, self._signature = before
            raise

    def again(self) -> None:
        """Draw the last view again, after something of the pane's own has changed (cursor, tab, filter, focus).

        What fails is shown by ``render_line`` instead: raised in a handler, it would end the app.
        """
        try:
            self._redraw()
        except Exception as error:
            self._made_for = None
            self.post_message(self.Failed(self, error))
            self.refresh()

    def _redraw(self) -> None:
        if self._view is None or not self.is_attached:
            self._stale = True
            return
        self._dress(self._view)
        width, height = self.content_size
        if width > 0 and height > 0:
            changed = self._make(width, height)
            if changed:
                self.refresh(*(Region(0, y, width, 1) for y in changed))

    def _dress(self, view: View) -> None:
        """Border title, subtitle and class: set only when changed, because each one repaints the pane."""
        width = max(0, self.size.width - 2)
        mood, colours = self.mood(view), self.palette
        frame = (
            fit(self.title_line(view, width), width),
            fit(self.subtitle_line(view, width), width),
            mood,
            colours.look,
        )
        if frame == self._frame:
            return
        before, self._frame = self._frame, frame
        restyled = before is None or before[3] != frame[3]
        if restyled or before is None or before[0] != frame[0]:
            self.border_title = content(frame[0], colours) if frame[0] else None
        if restyled or before is None or before[1] != frame[1]:
            self.border_subtitle = content(frame[1], colours) if frame[1] else None
        if before is None or before[2] != mood:
            self.set_class(mood == "need", "-need")
            self.set_class(mood == "alarm", "-alarm")

    def _make(self, width: int, height: int) -> list[int]:
        """Bring lines and strips up to date; the numbers of the rows that changed."""
        assert self._view is not None
        ground, colours = self.ground(self._view), self.palette
        made_for = (width, height, colours.look, ground)
        lines = self.lines(self._view, width, height)
        lines += [[] for _ in range(height - len(lines))]
        self._stale = False
        if made_for != self._made_for:
            changed = list(range(height))
            self._strips = [Strip.blank(width)] * height
        else:
            changed = [y for y, line in enumerate(lines) if line != self._lines[y]]
        self._made_for, self._lines = made_for, lines
        for y in changed:
            self._strips[y] = _strip(lines[y], width, ground, colours)
        return changed

    def render_line(self, y: int) -> Strip:
        width, height = self.content_size
        try:  # raised while painting, it would end the app
            if self._view is None:
                return Strip.blank(width, self.palette(""))
            ground = self.ground(self._view)
            if self._stale or self._made_for != (width, height, self.palette.look, ground):
                self._make(
                    width, height
                )  # without the border: a title set while painting leaves an old row in the cache
            return self._strips[y] if y < len(self._strips) else Strip.blank(width, self.palette(ground))
        except Exception as error:
            self.post_message(self.Failed(self, error))
            line = fit([(f"cannot be drawn: {type(error).__name__}", "bad")], width)
            return _strip(line, width, "", self.palette)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._made_for = self._signature = None

    def on_focus(self) -> None:
        self.again()

    def on_blur(self) -> None:
        self.again()

    def on_resize(self) -> None:
        self.again()


def _strip(line: Line, width: int, ground: str, colours: Palette) -> Strip:
    """The line in its styles over the ground, filled up to ``width`` cells."""
    under = ground + " " if ground else ""
    segments = [RichSegment(text, colours(under + style)) for text, style in line]
    rest = width - width_of(line)
    if rest > 0:
        segments.append(RichSegment(" " * rest, colours(ground)))
    return Strip(segments, width)


T = TypeVar("T")


class ListPane(Pane, Generic[T]):
    """Rows with a cursor, newest first. The cursor stays on its row when rows come in above it, except at the top."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._key: str | None = None
        self._index = 0
        self._top = 0
        self._filter: tuple[tuple[bool, str], ...] = ()
        self._first_row = 0
        self._page = 1

    # --- what a list says -----------------------------------------------------------------------------------

    @abstractmethod
    def rows(self, view: View) -> Sequence[T]:
        """All rows, newest first."""
        raise NotImplementedError

    @abstractmethod
    def key(self, row: T) -> str:
        """What ``selected`` returns for this row; unique."""
        raise NotImplementedError

    @abstractmethod
    def words(self, row: T) -> str:
        """What the filter looks at."""
        raise NotImplementedError

    @abstractmethod
    def head(self, view: View, width: int) -> Line:
        raise NotImplementedError

    @abstractmethod
    def draw_row(self, view: View, row: T, width: int) -> Line:
        raise NotImplementedError

    def empty(self, _view: View) -> str:
        """The sentence that stands where there is nothing."""
        return "nothing yet"

    def foot(self, _view: View, _row: T, _width: int, _room: int) -> list[Line]:
        """Lines about the selected row, below the list; ``room`` is how many there may be."""
        return []

    # --- cursor and filter ----------------------------------------------------------------------------------

    @property
    def filter_text(self) -> str:
        return " ".join(("!" if negated else "") + word for negated, word in self._filter)

    def set_filter(self, text: str) -> None:
        """Words that must all occur (any case); a leading ``!`` means must not."""
        parts = text.lower().split()
        self._filter = tuple((p.startswith("!"), p.lstrip("!")) for p in parts if p.lstrip("!"))
        self.again()

    def shown_rows(self, view: View) -> Sequence[T]:
        rows = self.rows(view)
        if not self._filter:
            return rows
        return [row for row in rows if all((word in self.words(row).lower()) != no for no, word in self._filter)]

    def move(self, delta: int) -> None:
        """Move the cursor by rows; negative is up (newer)."""
        self._place(lambda index, last: max(0, min(last, index + delta)))

    def move_to(self, where: str) -> None:
        """``first`` or ``last``."""
        self._place(lambda _, last: 0 if where == "first" else last)

    def page(self, direction: int) -> None:
        """Move by a page: -1 up, 1 down."""
        self.move(direction * max(1, self._page - 1))

    def selected(self, view: View) -> str | None:
        """The key of the row under the cursor; None in an empty list."""
        row = self.selected_row(view)
        return None if row is None else self.key(row)

    def selected_row(self, view: View) -> T | None:
        rows = self.shown_rows(view)
        return rows[self._find(rows)] if rows else None

    def _place(self, rule: Callable[[int, int], int]) -> None:
        if self._view is None:
            return
        rows = self.shown_rows(self._view)
        if rows:
            self._index = rule(self._find(rows), len(rows) - 1)
            self._key = self.key(rows[self._index]) if self._index else None
            self.again()

    def _find(self, rows: Sequence[T]) -> int:
        """Where the cursor is; None as key is the top, whatever comes in there. A row that left is followed by its neighbour."""
        if self._key is None:
            self._index = 0
            return 0
        for index, row in enumerate(rows):
            if self.key(row) == self._key:
                self._index = index
                return index
        self._index = min(self._index, len(rows) - 1)
        self._key = self.key(rows[self._index]) if self._index else None
        return self._index

    # --- drawing --------------------------------------------------------------------------------------------

    def draw(self, view: View, width: int, height: int) -> list[Line]:
        rows = self.shown_rows(view)
        lines = [self.head(view, width)] if height > 1 else []
        self._first_row = len(lines)
        if not rows:
            text = f"nothing matches “{self.filter_text}”" if self._filter else self.empty(view)
            return [*lines, [(text, "dim")]]
        index = self._find(rows)
        foot = self.foot(view, rows[index], width, max(0, height - len(lines) - 3)) if height >= 6 else []
        room = max(1, height - len(lines) - len(foot))
        self._page = room
        self._top = max(0, min(self._top, index, len(rows) - room))
        if self._key is None:
            self._top = 0
        self._top = max(self._top, index - room + 1)
        for n in range(self._top, min(len(rows), self._top + room)):
            line = self.draw_row(view, rows[n], width)
            if n == index:
                line = [(text, f"cursor {style}") for text, style in line]
                line.append((" " * (width - width_of(line)), "cursor"))
            lines.append(line)
        if foot:
            lines += [[] for _ in range(height - len(foot) - len(lines))]
        return lines + foot

    # --- mouse ----------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        if self._view is None:
            return
        inside = event.get_content_offset(self)
        if inside is None or inside.y < self._first_row:
            return
        rows = self.shown_rows(self._view)
        index = self._top + inside.y - self._first_row
        if inside.y - self._first_row < self._page and index < len(rows):
            self._place(lambda _, last: min(index, last))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move(-1)
