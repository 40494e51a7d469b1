"""The trade screen: which panes stand where at which size, and what is drawn how often."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from cockpit.actions import hints
from cockpit.guard import Guard
from cockpit.panes.approvals import PAST, SOON, TYPING, ApprovalPane
from cockpit.panes.banner import Banner
from cockpit.panes.base import ListPane, Pane
from cockpit.panes.chart import ChartPane
from cockpit.panes.header import HeaderBar
from cockpit.panes.heartbeat import HeartbeatPane
from cockpit.panes.logs import LogPane
from cockpit.panes.orders import OrdersPane
from cockpit.panes.position import PositionPane
from cockpit.panes.preflight import PreflightPane, due
from cockpit.panes.reading import waiting
from cockpit.panes.risk import RiskPane
from cockpit.panes.small import TooSmall
from cockpit.panes.status import StatusBar
from cockpit.panes.strip import ApprovalStrip, PositionStrip
from cockpit.panes.text import clean
from cockpit.panes.timeline import TimelinePane
from cockpit.screens.layout import BARS, COLUMN, heights, size_of, standing, with_past
from cockpit.screens.scrub import scrub
from cockpit.view import View
from engine.model.market import SECOND_NS

if TYPE_CHECKING:
    from cockpit.app import CockpitApp

EVERY_S: dict[str, float] = {"log": 0.5, "orders": 0.5, "risk": 0.5, "heartbeat": 0.75, "preflight": 0.75}
"""Tables at 2 Hz; ages with each new second, in one picture with the clock; everything else at each tick."""
BROKEN_S = 5.0
"""How long a pane that failed stays aside before it is tried again."""
FRAME = 2
"""Rows of a pane's border."""


class TradeScreen(Screen[None], inherit_bindings=False):
    """Panes over one view. ``show`` draws; what the keys do is in ``deeds``."""

    def __init__(self, cockpit: CockpitApp) -> None:
        super().__init__()
        self.cockpit = cockpit
        self.guard = Guard()
        self.maximised_pane = ""
        self.seen: tuple[object, ...] = ()
        self.drawn: dict[str, float] = {}
        self.owed: set[str] = set()
        """Panes that have not drawn the newest view because their turn had not come."""
        self.broken: dict[str, float] = {}
        self.needs = (True, 0)
        """Whether the checklist has to be seen, and how many rows the approval pane needs."""
        self.approval = ApprovalPane()
        self.approval_strip = ApprovalStrip()
        self.chart = ChartPane()
        self.log_pane = LogPane()
        self.orders = OrdersPane()
        self.status = StatusBar()
        self.timeline = TimelinePane()
        self.past: tuple[str, bool] = ("live", False)
        """Where the view comes from, and whether it has a timeline."""
        self.panes: dict[str, Pane] = {
            "header": HeaderBar(),
            "banner": Banner(),
            "chart": self.chart,
            "position_strip": PositionStrip(),
            "approval_strip": self.approval_strip,
            "timeline": self.timeline,
            "log": self.log_pane,
            "preflight": PreflightPane(),
            "position": PositionPane(),
            "approval": self.approval,
            "orders": self.orders,
            "risk": RiskPane(),
            "heartbeat": HeartbeatPane(),
            "status": self.status,
            "too_small": TooSmall(),
        }
        self.faults: dict[str, Static] = {}
        self.filter = Input(placeholder="filter: words, !not; Enter keeps it, Esc clears it", id="filter", compact=True)
        self.filtered: ListPane[Any] = self.log_pane
        self.left = Vertical(id="left")
        self.right = Vertical(id="right")
        self.bottom = Horizontal(id="bottom")

    def compose(self) -> ComposeResult:
        yield from self._places("header", "banner")
        with Horizontal(id="main"):
            with self.left:
                yield from self._places("chart", "position_strip", "approval_strip", "timeline")
                with self.bottom:
                    yield from self._places("log", "preflight")
            with self.right:
                yield from self._places("position", "approval", "orders", "risk", "heartbeat")
        yield self.filter
        yield from self._places("too_small", "status")

    def _places(self, *names: str) -> Iterable[Widget]:
        for name in names:
            self.panes[name].add_class(f"at-{name}")
            yield self.panes[name]

    def on_mount(self) -> None:
        self.status.hints = hints(self.cockpit.specs)
        self.filter.display = False
        self.place()
        self.chart.focus()
        self.call_after_refresh(self.cockpit.tick)

    def on_resize(self, _event: events.Resize) -> None:
        self.place()

    def on_screen_suspend(self) -> None:
        self.guard.covered()

    def on_screen_resume(self) -> None:
        self.seen = ()

    # --- places ---------------------------------------------------------------------------------------------

    @property
    def situation(self) -> str:
        """What has the focus, as a row of ``SITUATIONS``."""
        focused = self.focused
        if focused is self.filter:
            return "typing"
        here = self._focus_kind(focused)
        if self.past[0] == "live":
            return here
        return "replay-timeline" if focused is self.timeline else f"replay-{here}"

    def _focus_kind(self, focused: Widget | None) -> str:
        if focused is self.chart:
            return "chart"
        if focused is self.orders:
            return "orders"
        if focused is self.log_pane:
            return "log"
        return "list" if isinstance(focused, ListPane) else "pane"

    def place(self) -> None:
        """Show what belongs on a screen of this size, or the maximised pane with the strips."""
        size = size_of(*self.app.size)
        preflight, asked = self.needs
        shown = with_past(standing(size, self.maximised_pane, preflight), size, *self.past)
        big = bool(self.maximised_pane) and size != "small"
        rows = heights(self.app.size.height - BARS - ("banner" in shown), shown, asked)
        for name, pane in self.panes.items():
            pane.display = name in shown and name not in self.broken
            pane.set_class(big and name == self.maximised_pane, "-max")
            _set_height(pane, 0 if big else rows.get(name, 0))
        for name, fault in self.faults.items():
            fault.display = name in shown and name in self.broken
            fault.set_class(big and name == self.maximised_pane, "-max")
            _set_height(fault, 0 if big else rows.get(name, 0))
        self.log_pane.away = frozenset({"heartbeat", "preflight"} - shown)
        for other in ("wide", "medium", "narrow", "small"):
            self.set_class(other == size, f"-{other}")
        self.set_class(big, "-maximised")
        self.timeline.dress(size, self.past[0])
        for other in ("live", "behind", "replay"):
            self.set_class(other == self.past[0], f"-{other}")
        left = {"chart", "log", "preflight"} & shown
        self.left.display = bool(left or {"position_strip", "approval_strip", "timeline"} & shown)
        self.left.set_class(not left, "-strips")
        self.bottom.display = bool({"log", "preflight"} & shown)
        self.right.display = not shown.isdisjoint(COLUMN)
        if size == "small":
            self.set_focus(None)
        elif self.focused is None or not self.focused.display:
            self.set_focus(self.panes[self.maximised_pane or "chart"])
        self.seen = ()
        self.drawn.clear()

    def focus_pane(self, name: str) -> None:
        """Focus a pane; where it is focused already or has no place at this size, maximise it."""
        pane = self.panes[name]
        if not pane.display or self.focused is pane:
            self.maximised_pane = "" if self.maximised_pane == name else name
            self.place()
        self.set_focus(pane)

    def focused_name(self) -> str:
        """The pane that has the focus; a strip stands for its pane."""
        return next((name for name, pane in self.panes.items() if pane is self.focused), "chart").removesuffix("_strip")

    # --- drawing --------------------------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Draw a view; panes whose turn has not come, and views that say nothing new, cost nothing."""
        if not self.is_mounted:
            return
        now = self.cockpit.clock()
        self._painted()
        self._arm(now)
        needs = (due(view), self.approval.wanted(view) + FRAME)
        past = (view.source, view.strip is not None)
        if needs != self.needs or past != self.past:
            self.needs, self.past = needs, past
            self.place()
        news = view.state.seq - view.state.echoes
        past_at = None if view.source == "live" else (view.now, view.strip, _version(view.actual))
        seen = (id(view.state), news, view.now // SECOND_NS, view.symbol, view.source, past_at)
        if seen == self.seen:
            for name in tuple(self.owed):
                self._show_pane(name, self.panes[name], view, now)
            return
        self.seen = seen
        self.set_class(waiting(view) is not None, "-asking")
        self.status.hints = hints(self.cockpit.specs, (view.actual or view).state.trading, view.source)
        for name, pane in self.panes.items():
            if pane.display or name in self.broken:
                self._show_pane(name, pane, view, now)
        self.call_after_refresh(self._painted)

    def _show_pane(self, name: str, pane: Pane, view: View, now: float) -> None:
        every = EVERY_S.get(name, 0.0)
        if (
            view.source != "live"
        ):  # a step shows at once in all panes; while the cursor runs the lists follow more slowly
            every = every if view.strip is not None and view.strip.moving else 0.0
        if now - self.drawn.get(name, float("-inf")) < every:
            self.owed.add(name)
            return
        self.owed.discard(name)
        if name in self.broken:
            if now < self.broken[name]:
                return
            del self.broken[name]
            self.place()
        self.drawn[name] = now
        try:
            pane.show(view)
        except Exception as error:  # one pane's mistake must not take the others away
            self.broken[name] = now + BROKEN_S
            if name not in self.faults:
                self.faults[name] = Static(classes=f"fault at-{name}")
                self.mount(self.faults[name], after=pane)
            what = clean(f"{type(error).__name__}: {error}"[:300])
            self.faults[name].update(Content(f"{name}: cannot be drawn\n{what}"))
            self.place()
            self.cockpit.failed(f"pane {name}", error)

    def asking_pane(self) -> ApprovalPane | None:
        """The pane that asks, when all of it is on the screen."""
        for pane in (self.approval, self.approval_strip):
            if pane.display and pane.region.area and self.region.contains_region(pane.region):
                return pane
        return None

    def asked(self) -> str:
        """The terms that can be read on the screen now, in full."""
        pane = self.asking_pane()
        return pane.terms() if pane is not None else ""

    def asked_id(self) -> str:
        """The client id of the order that is asked for on the screen, whether or not all its terms fit."""
        pane = self.asking_pane()
        return pane.shown_id() if pane is not None else ""

    def _painted(self) -> None:
        if self.is_current:
            visible = self.past[0] == "live" and not self.cockpit.stalled
            self.guard.painted(self.asked() if visible else "", self.cockpit.clock())

    def _arm(self, now: float) -> None:
        typing = self.situation == "typing"
        lock = TYPING if typing else SOON if self.past[0] == "live" else PAST
        for pane in (self.approval, self.approval_strip):
            pane.arm(self.guard.armed(now) and not typing, lock)

    # --- what the focus is on -------------------------------------------------------------------------------

    @property
    def list(self) -> ListPane[Any]:
        """The list that has the focus, else the logs."""
        return self.focused if isinstance(self.focused, ListPane) else self.log_pane

    def open_filter(self) -> None:
        if not isinstance(self.focused, ListPane):
            self.focus_pane("log")
        self.filtered = self.list
        self.filter.value = self.filtered.filter_text
        self.filter.display = True
        self.set_focus(self.filter)  # at once: the next key may be here already

    def close_filter(self) -> None:
        self.filter.display = False
        self.filtered.set_filter(self.filter.value)
        self.set_focus(self.filtered)

    def on_timeline_pane_seek(self, event: TimelinePane.Seek) -> None:
        event.stop()
        scrub(self, event.t, event.held)

    def on_timeline_pane_pressed(self, event: TimelinePane.Pressed) -> None:
        event.stop()
        self.cockpit.perform(next(spec for spec in self.cockpit.specs if spec.id == event.action))

    def on_pane_failed(self, event: Pane.Failed) -> None:
        self.cockpit.failed(f"pane {event.pane.pane_id}", event.error)

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.filter.display:
            self.filtered.set_filter(event.value)

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        self.close_filter()


def _version(view: View | None) -> tuple[int, int]:
    """What of the present is worth a picture of the past."""
    return (0, 0) if view is None else (view.state.seq - view.state.echoes, view.now // SECOND_NS)


def _set_height(widget: Widget, rows: int) -> None:
    """A height of its own, or the style sheet's."""
    if rows:
        widget.styles.height = rows
    else:
        widget.styles.clear_rule("height")
