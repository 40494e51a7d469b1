"""The candle chart as a widget.

    chart = CandleChart(id="chart")
    chart.show(scene)              # as often as the presentation clock ticks; only changed rows are sent
    chart.following, chart.status  # for the border's subtitle, to be set on `CandleChart.ViewChanged` and not per
                                   # tick: setting it repaints the whole widget
    chart.timeframe                # minutes per bar; `cycle_timeframe` and a changed `Scene.timeframe` set it

Actions for a key registry (nothing is bound here): ``zoom_in``, ``zoom_out``, ``pan_left``, ``pan_right``,
``pan_to_end``, ``cycle_timeframe``, ``toggle_crosshair``, ``crosshair(dx, dy)``. Mouse: pointing shows the crosshair,
the wheel zooms at the pointer, shift+wheel and dragging pan. The look follows the app's theme and NO_COLOR;
``palette`` and ``glyphs`` override.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from operator import attrgetter

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from cockpit.chart.aggregate import Feed, Shown
from cockpit.chart.glyphs import UNICODE, Glyphs
from cockpit.chart.paint import Frame, Look, paint
from cockpit.chart.palette import BG, DARK, LIGHT, MONO, MONO_LIGHT, Palette, Styles
from cockpit.chart.scale import Scale, View
from cockpit.chart.scene import TIMEFRAMES, Scene, Timeframe

PALETTES = {(True, False): DARK, (False, False): LIGHT, (True, True): MONO, (False, True): MONO_LIGHT}
"""By (dark, without colour)."""
_time = attrgetter("open_time")


class CandleChart(Widget):
    ALLOW_SELECT = False
    DEFAULT_CSS = "CandleChart { width: 1fr; height: 1fr; min-height: 3; }"

    class ViewChanged(Message):
        """`status`, zoom or timeframe is another than before; also after the first drawing."""

        def __init__(self, chart: CandleChart) -> None:
            super().__init__()
            self.chart = chart

        @property
        def control(self) -> CandleChart:
            return self.chart

    def __init__(
        self,
        *,
        palette: Palette | None = None,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._fixed_palette = palette
        self._palette: Palette | None = None
        self._styles_of: Styles = Styles(palette or DARK)
        self._glyphs = glyphs
        self._feed = Feed()
        self._view = View()
        self._scene: Scene | None = None
        self._timeframe: Timeframe = 5
        self._frame: Frame | None = None
        self._scale: Scale | None = None
        self._scale_for: tuple[object, ...] = ()
        self._strips: dict[int, Strip] = {}
        self._told: tuple[int, int, str] | None = None
        self._pinned = False
        self._cursor: tuple[int, int] | None = None
        self._drag: tuple[int, int] | None = None

    # What it shows

    def show(self, scene: Scene) -> None:
        """Draw a new scene; refreshes only the rows that differ."""
        old, self._scene = self._scene, scene
        if old is None or old.symbol != scene.symbol:
            self._feed, self._view.anchor = Feed(), None
        if old is None or old.timeframe != scene.timeframe:
            self._timeframe = scene.timeframe
        self._draw()

    @property
    def timeframe(self) -> Timeframe:
        """Minutes per bar."""
        return self._timeframe

    @property
    def following(self) -> bool:
        """Whether the newest bar stays in view."""
        return self._view.following

    @property
    def status(self) -> str:
        """``● following``, or how far back the view is."""
        if self._view.following or self._frame is None or self._frame.plot is None:
            return "● following"
        behind = len(self._frame.plot.bars) - self._frame.plot.window.right
        return f"○ {behind} bar{'s' * (behind != 1)} back"

    @property
    def crosshair_on(self) -> bool:
        return self._cursor is not None

    # What can be done with it

    def zoom(self, steps: int, column: int | None = None) -> None:
        """Nearer (positive) or farther; away from the newest bar the one under ``column`` stays where it is."""
        plot = self._frame.plot if self._frame is not None else None
        if not self._view.zoom_by(steps):
            return
        if plot is not None and not self._view.following and column is not None:
            moment = plot.bars[min(max(plot.window.bar(column), 0), len(plot.bars) - 1)].open_time
            bars = self._shown().bars
            bar = bisect_right(bars, moment, key=_time) - 1
            right = bar - (column - plot.window.edge) // self._view.per
            self._view.pan_to(bars, right, plot.layout.plot_width)
        self._again()

    def pan(self, columns: int) -> None:
        """Towards newer bars (positive) or older ones; past the newest bar the view follows again."""
        bars = columns // self._view.per if columns > 0 else -(-columns // self._view.per)
        plot = self._frame.plot if self._frame is not None else None
        if plot is not None:
            self._pan_to(plot.window.right + (bars or (1 if columns > 0 else -1)))

    def _pan_to(self, right: int) -> None:
        plot = self._frame.plot if self._frame is not None else None
        if plot is not None:
            before = self._view.anchor
            self._view.pan_to(plot.bars, right, plot.layout.plot_width)
            if self._view.anchor != before:
                self._again()

    def pan_to_end(self) -> None:
        """Follow the market again."""
        if not self._view.following:
            self._view.anchor = None
            self._again()

    def set_timeframe(self, minutes: Timeframe) -> None:
        if minutes != self._timeframe:
            self._timeframe = minutes
            self._again()

    def move_crosshair(self, bars: int, rows: int) -> None:
        """Move it (switching it on at the newest bar); at the plot's left and right edge the view pans."""
        plot = self._frame.plot if self._frame is not None else None
        if plot is None:
            return
        layout, window = plot.layout, plot.window
        if self._cursor is None:
            self._cursor = (plot.x(window.stop - 1), layout.top + plot.row(plot.bars[window.stop - 1].close))
        x, y = self._cursor[0] + bars * window.per, self._cursor[1] + rows
        self._pinned = True
        self._cursor = (
            min(max(x, 0), layout.plot_width - 1),
            min(max(y, layout.top), layout.top + layout.rows - 1),
        )
        if x < 0 or (x >= layout.plot_width and not self.following):
            self._pan_to(window.right + bars)
        self._again()

    def action_zoom_in(self) -> None:
        self.zoom(1)

    def action_zoom_out(self) -> None:
        self.zoom(-1)

    def action_pan_left(self) -> None:
        self.pan(-max(1, self.size.width // 8))

    def action_pan_right(self) -> None:
        self.pan(max(1, self.size.width // 8))

    def action_pan_to_end(self) -> None:
        self.pan_to_end()

    def action_cycle_timeframe(self) -> None:
        self.set_timeframe(TIMEFRAMES[(TIMEFRAMES.index(self._timeframe) + 1) % len(TIMEFRAMES)])

    def action_toggle_crosshair(self) -> None:
        if self._cursor is not None:
            self._cursor, self._pinned = None, False
            self._again()
        else:
            self.move_crosshair(0, 0)

    def action_crosshair(self, dx: int, dy: int) -> None:
        self.move_crosshair(dx, dy)

    # Drawing

    def _shown(self) -> Shown:
        candles = self._scene.candles if self._scene is not None else ()
        return self._feed.read(candles, self._timeframe, self._view.merge)

    def _again(self) -> None:
        """Draw after a key, the mouse or another size; what fails there would end the app, so the chart stays empty."""
        try:
            self._draw()
        except Exception:
            self._frame = None
            self.refresh()

    def _draw(self) -> None:
        """Paint, compare with what is on screen, and ask for the rows that differ."""
        width, height = self.size
        if self._scene is None or not width or not height:
            return
        self._repaint(self._scene, width, height)
        told = (self._timeframe, self._view.zoom, self.status)
        if told != self._told:
            self._told = told
            self.post_message(self.ViewChanged(self))

    def _repaint(self, scene: Scene, width: int, height: int) -> None:
        key = (scene.symbol, self._timeframe, self._view.zoom, width, height)
        old = self._scale if key == self._scale_for else None
        look = Look(width, height, self._glyphs, self._colours().hollow, self._cursor)
        frame = paint(scene, self._shown(), self._timeframe * self._view.merge, self._view, look, old=old)
        self._scale, self._scale_for = (frame.plot.scale if frame.plot is not None else None), key
        before, self._frame = self._frame, frame
        if before is None or (before.canvas.width, before.canvas.height) != (width, height):
            self._strips.clear()
            self.refresh()
            return
        rows = frame.canvas.differs(before.canvas)
        for y in rows:
            self._strips.pop(y, None)
        if rows:
            self.refresh(*(Region(0, y, width, 1) for y in rows))

    def _colours(self) -> Palette:
        """The palette for the theme of now, on the background that the style sheet gives the widget."""
        dark = self.app.current_theme.dark
        chosen = self._fixed_palette or PALETTES[dark, self.app.no_color]
        red, green, blue = self.background_colors[1].rgb
        chosen = replace(chosen, bg=f"#{red:02x}{green:02x}{blue:02x}")
        if chosen != self._palette:
            self._palette, self._styles_of = chosen, Styles(chosen)
            self._strips.clear()
            self.refresh()
        return chosen

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._frame is not None and self.is_attached:
            self._again()

    def render_line(self, y: int) -> Strip:
        canvas = self._frame.canvas if self._frame is not None else None
        width = self.size.width
        if canvas is None or y >= canvas.height or canvas.width != width:
            return Strip([Segment(" " * width, self._styles_of(BG, BG))], width)
        strip = self._strips.get(y)
        if strip is None:
            style = self._styles_of
            strip = Strip([Segment(text, style(fg, bg)) for text, fg, bg in canvas.runs(y)], width)
            self._strips[y] = strip
        return strip

    def on_resize(self) -> None:
        self._again()

    # Mouse

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._drag is not None:
            start, right = self._drag
            self._pan_to(right - (event.screen_x - start) // self._view.per)
            return
        self._pinned = False
        self._point(event)

    def on_leave(self) -> None:
        if not self._pinned and self._cursor is not None:
            self._cursor = None
            self._again()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button == 1 and self._frame is not None and self._frame.plot is not None:
            self._drag = (event.screen_x, self._frame.plot.window.right)
            self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._drag is not None:
            self._drag = None
            self.release_mouse()
            self._point(event)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, -1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        event.stop()
        self.pan(-max(2, self._view.per))

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        event.stop()
        self.pan(max(2, self._view.per))

    def _wheel(self, event: events.MouseEvent, steps: int) -> None:
        event.stop()
        if event.shift:
            self.pan(steps * -max(4, self._view.per))
        else:
            offset = event.get_content_offset(self)
            self.zoom(steps, offset.x if offset is not None else None)

    def _point(self, event: events.MouseEvent) -> None:
        offset = event.get_content_offset(self)
        plot = self._frame.plot if self._frame is not None else None
        inside = offset is not None and plot is not None and plot.layout.in_plot(offset.x, offset.y)
        cursor = (offset.x, offset.y) if inside and offset is not None else None
        if cursor != self._cursor:
            self._cursor = cursor
            self._again()
