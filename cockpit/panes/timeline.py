"""The session as a line: how much happened when, what happened, and where the cursor is. Click and drag move it."""

from __future__ import annotations

from collections.abc import Hashable

from textual import events
from textual.message import Message

from cockpit import format as fmt
from cockpit.panes.base import Pane
from cockpit.panes.text import Line, cut, width_of
from cockpit.panes.timeline_rows import Parts, buttons, live_parts, live_rows, parts, time_at, travel_rows
from cockpit.view import Strip, View

HINTS = (
    (("step_back", "step_on"), "step"),
    (("previous_mark", "next_mark"), "mark"),
    (("slower", "faster"), "speed"),
    (("goto",), "go to"),
    (("bookmark",), "bookmark"),
    (("loop_a", "loop_b"), "loop"),
    (("why",), "why"),
    (("diff",), "diff"),
)


class TimelinePane(Pane):
    """Posts ``Seek`` for a click or drag on the line and ``Pressed`` for a button."""

    DEFAULT_CSS = """
    TimelinePane { height: 5; width: 100%; padding: 0; }
    TimelinePane.-live { height: 4; }
    TimelinePane.-low { height: 4; }
    TimelinePane.-bare, TimelinePane.-bare:focus, TimelinePane.-bare:focus:nocolor { border: none; height: 2; }
    """
    pane_id = "timeline"

    class Seek(Message):
        """Go to a time; while dragging ``held``, many of them follow each other and only the last matters."""

        def __init__(self, t: int, held: bool) -> None:
            super().__init__()
            self.t, self.held = t, held

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, TimelinePane.Seek)

    class Pressed(Message):
        """A button: the id of its action."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._dragging = False

    def dress(self, size: str, source: str) -> None:
        """The form for a screen of this size."""
        self.set_class(size == "narrow", "-bare")
        self.set_class(size == "medium" and source != "live", "-low")
        self.set_class(source == "live", "-live")

    @property
    def says(self) -> bool:
        """Whether there is a border for a remark."""
        return not self.has_class("-bare")

    def title_line(self, view: View, width: int) -> Line:
        strip = view.strip
        if strip is None or view.source == "live":
            return [self.digit(view), ("SESSION", "label b")]
        word = "REPLAY" if view.source == "replay" else "BEHIND LIVE"
        name = (
            [(f" {cut(strip.name.removesuffix('.cockpit'), max(8, width // 3))} ", "value")]
            if view.source == "replay"
            else []
        )
        return [self.digit(view), (word, "need"), *name]

    def subtitle_line(self, view: View, width: int) -> Line:
        strip = view.strip
        if strip is None:
            return []
        if view.source == "live":
            return [(f"{view.key('step_back')} ", "label b"), ("back in time ", "dim")]
        if strip.note:
            return [(f"{cut(strip.note, max(10, width - 4))} ", "value")]
        line: Line = []
        for actions, label in HINTS:
            hint: Line = [(" ".join(map(view.key, actions)) + " ", "label b"), (f"{label}  ", "dim")]
            if width_of([*line, *hint]) <= width - 2:
                line += hint
        return line

    def ground(self, _view: View) -> str:
        return "bar" if self.has_class("-bare") else ""

    def signature(self, view: View) -> Hashable:
        strip = view.strip
        if strip is None:
            return None
        second = strip.t // fmt.SECOND if view.source == "live" else strip.t
        seq = 0 if view.source == "live" else strip.seq
        return (
            view.source, second, seq, strip.start, strip.end, strip.last_seq if seq else 0, id(strip.density), len(strip.marks),
            id(strip.marks), strip.playing, strip.speed, strip.unit, strip.a, strip.b, strip.working, strip.note, self.size,
        )  # fmt: skip

    def draw(self, view: View, width: int, height: int) -> list[Line]:
        strip = view.strip
        if strip is None:
            return []
        if view.source == "live":
            return live_rows(view, strip, width)
        return travel_rows(view, strip, width, height)

    # --- mouse ----------------------------------------------------------------------------------------------

    def _line(self) -> tuple[Strip, Parts] | None:
        strip = self._view.strip if self._view is not None else None
        if strip is None or self._view is None:
            return None
        places = live_parts if self._view.source == "live" else parts
        return strip, places(self.content_size.width)

    def _seek(self, x: int, held: bool) -> None:
        found = self._line()
        if found is not None:
            strip, line = found
            self.post_message(self.Seek(time_at(strip, x - line.x, line.width), held))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        inside, found = event.get_content_offset(self), self._line()
        if inside is None or found is None or event.button != 1:
            return
        strip, line = found
        if line.x <= inside.x < line.x + line.width:
            event.stop()
            self._dragging = True
            self.capture_mouse()
            self._seek(inside.x, held=True)
        elif inside.y == 0:
            self._press(inside.x, strip)

    def _press(self, x: int, strip: Strip) -> None:
        live = self._view is None or self._view.source == "live"
        at = 0
        for action, caption in buttons(None if live else strip, self.content_size.width):
            if at <= x < at + width_of(caption):
                self.post_message(self.Pressed(action))
                return
            at += width_of(caption)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            event.stop()
            self._seek(event.x - self.gutter.left, held=True)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._dragging:
            event.stop()
            self._dragging = False
            self.release_mouse()
            self._seek(event.x - self.gutter.left, held=False)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.post_message(self.Pressed("skip_on"))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.post_message(self.Pressed("skip_back"))
