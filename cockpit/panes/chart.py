"""The candle chart's pane: it makes the chart's scene from a view, and frames it."""

from __future__ import annotations

from textual.app import ComposeResult

from cockpit import format as fmt
from cockpit.chart.scene import Level, Marker, MarkerKind, Scene, Side, Stance, Timeframe
from cockpit.chart.widget import CandleChart
from cockpit.panes import reading
from cockpit.panes.base import Pane
from cockpit.panes.position import in_r
from cockpit.panes.text import Line
from cockpit.view import View
from engine.model.market import Candle
from engine.model.orders import AT_VENUE, Fill, Order, Position
from engine.model.state import Market, unrealised

TIMEFRAME: dict[str, Timeframe] = {"1m": 1, "5m": 5, "15m": 15, "1h": 60}
NAMES = {minutes: name for name, minutes in TIMEFRAME.items()}
SIDES: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
FILLS: dict[str, MarkerKind] = {"BUY": "buy", "SELL": "sell"}
WIDE = 70
FOLLOW = ((("follow",), "follow"),)
HINTS = (
    (("zoom_in", "zoom_out"), "zoom"),
    (("pan_left", "pan_right"), "pan"),
    (("timeframe",), "timeframe"),
    (("crosshair",), "crosshair"),
)
"""Actions and what they do, in the bottom border."""
MARKERS = 300
"""The newest of each kind: more than fit on any screen."""


def candles_of(m: Market) -> list[Candle]:
    """Closed candles and the running one."""
    if m.live is None:
        return m.candles
    if m.candles and m.candles[-1].open_time >= m.live.open_time:
        return m.candles
    return [*m.candles, m.live]


def end_label(word: str, p: Position, price: float) -> str:
    """``SL -1.0R -75.00``: what this end of the trade is worth."""
    gain = (price - float(p.entry)) * float(p.qty)
    r = in_r(p, price)
    return f"{word} {fmt.r(r)} {fmt.signed(gain)}" if r is not None else f"{word} {fmt.signed(gain)}"


def position_levels(view: View, p: Position) -> list[Level]:
    d = reading.digits(view)
    side = SIDES[p.side]
    word = f"{reading.DIRECTION[p.side]} {fmt.qty(abs(p.qty), d.qty)} {fmt.signed(unrealised(view.state, p))}"
    levels = [Level("entry", float(p.entry), word, side)]
    if p.stop is not None:
        levels.append(Level("stop", float(p.stop), end_label("SL", p, float(p.stop)), side))
    if p.target is not None:
        levels.append(Level("target", float(p.target), end_label("TP", p, float(p.target)), side))
    if p.liquidation:
        levels.append(Level("liq", p.liquidation, "LIQ", side))
    return levels


def order_level(view: View, order: Order, word: str) -> list[Level]:
    if order.price is None:
        return []
    d = reading.digits(view)
    return [Level("order", float(order.price), f"{word}{order.side} {fmt.qty(order.left, d.qty)}", SIDES[order.side])]


def levels_of(view: View) -> list[Level]:
    """Position, its ends, working orders, and the order that waits for an answer (with its ends when we are flat)."""
    p = reading.position(view)
    levels = position_levels(view, p) if p is not None else []
    for order in reading.open_orders(view):
        if order.symbol == view.symbol and order.status in AT_VENUE:
            levels += order_level(view, order, "UNKNOWN " if order.status == "UNKNOWN" else "")
    asked = reading.waiting(view)
    if asked is not None and asked.order.symbol == view.symbol:
        levels += order_level(view, asked.order, "CONFIRM ")
        if p is None and asked.order.stop is not None:
            levels.append(Level("stop", float(asked.order.stop), "SL if confirmed"))
        if p is None and asked.order.target is not None:
            levels.append(Level("target", float(asked.order.target), "TP if confirmed"))
    return levels


def fill_markers(view: View) -> list[Marker]:
    """The fills of an order together, at the mean price and the time of the first: one arrow for one decision."""
    d = reading.digits(view)
    orders: dict[str, list[Fill]] = {}
    for fill in view.state.fills[-MARKERS:]:
        if fill.symbol == view.symbol:
            orders.setdefault(fill.venue_order_id, []).append(fill)
    out = []
    for fills in orders.values():
        first, qty = fills[0], sum(f.qty for f in fills)
        price = float(sum(f.qty * f.price for f in fills) / qty) if qty else float(first.price)
        label = f"{first.side} {fmt.qty(qty, d.qty)} @ {fmt.price(price, d.price)}"
        parts = f" in {len(fills)} fills" if len(fills) > 1 else ""
        out.append(Marker(first.t, price, FILLS[first.side], label + parts))
    return out


def markers_of(view: View) -> list[Marker]:
    """Each order's fills as one, refusals at the price that was asked (or the market's then), oldest first."""
    d = reading.digits(view)
    m = reading.market(view)
    out = fill_markers(view)
    for r in view.state.rejections[-MARKERS:]:
        if r.symbol == view.symbol:
            t = reading.market_time(view, r.t)
            price = float(r.price) if r.price is not None else price_at(m, t)
            if price:
                out.append(Marker(t, price, "reject", f"{r.side} {fmt.qty(r.qty, d.qty)} {r.code}"))
    return sorted(out, key=lambda marker: marker.time_ns)


def price_at(m: Market, t: int) -> float:
    """The close of the candle that ``t`` falls into, the nearest earlier one, or the last price."""
    for candle in reversed(m.candles[-1_440:]):
        if candle.open_time <= t:
            return candle.close
    return m.last


def stance_of(p: Position | None) -> Stance | None:
    if p is None:
        return None
    return Stance(
        float(p.entry),
        p.opened_t,
        None if p.stop is None else float(p.stop),
        None if p.target is None else float(p.target),
        SIDES[p.side],
    )


def scene_of(view: View, markers: list[Marker]) -> Scene:
    m, d = reading.market(view), reading.digits(view)
    return Scene(
        candles=candles_of(m),
        symbol=view.symbol,
        price_decimals=d.price,
        qty_decimals=d.qty,
        timeframe=TIMEFRAME[view.profile.screen.timeframe],
        live=m.live is not None,
        last=m.last or None,
        mark=m.mark or None,
        now_ns=reading.market_time(view, view.now),
        levels=levels_of(view),
        markers=markers,
        stance=stance_of(reading.position(view)),
    )


class ChartPane(Pane):
    """Frame and focus of the chart; ``chart`` is the chart itself, with its zoom, pan and crosshair actions."""

    DEFAULT_CSS = "ChartPane { padding: 0; }"
    pane_id = "chart"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.chart = CandleChart(id="candles")
        self._markers: list[Marker] = []
        self._markers_for: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.chart

    def title(self, view: View) -> str:
        return f"{view.symbol} perpetual · {NAMES.get(self.chart.timeframe, '')}"

    def title_line(self, view: View, _width: int) -> Line:
        line: Line = [
            self.digit(view),
            (view.symbol, "strong"),
            (f" perpetual · {NAMES.get(self.chart.timeframe, '')}", "label b"),
        ]
        m = reading.market(view)
        if m.gap_from:
            line.append((f"  ! candles missing since {fmt.minute(m.gap_from)}", "need"))
        return line

    def subtitle_line(self, view: View, width: int) -> Line:
        style = "good" if self.chart.following else "need"
        line: Line = [(f"{self.chart.status} ", style)]
        away = () if self.chart.following else FOLLOW
        for actions, label in (*away, *(HINTS if width >= WIDE else ())):
            line += [(" " + " ".join(view.key(action) for action in actions), "label b"), (f" {label} ", "dim")]
        return line

    def draw(self, _view: View, _width: int, _height: int) -> list[Line]:
        return []

    def scene(self, view: View) -> Scene:
        """The scene of a view; markers are made again only when there are others."""
        s = view.state
        newest = s.rejections[-1].seq if s.rejections else 0
        key = (id(s), view.symbol, s.fills_total, len(s.fills), newest, reading.digits(view))
        if key != self._markers_for:
            self._markers, self._markers_for = markers_of(view), key
        return scene_of(view, self._markers)

    def show(self, view: View) -> None:
        self._view = view
        self.chart.show(self.scene(view))
        self.again()

    def on_candle_chart_view_changed(self) -> None:
        self.again()
