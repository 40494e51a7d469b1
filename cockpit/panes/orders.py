"""Orders that may still fill, and the protective stops that stand at the venue."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit import format as fmt
from cockpit.panes import reading
from cockpit.panes.base import ListPane
from cockpit.panes.tabs import SYMBOL, table
from cockpit.panes.text import Column, Line, table_head, table_row
from cockpit.view import View
from engine.model.orders import AT_VENUE, Order, Stop

COLUMNS = (
    Column("type", 6),
    SYMBOL,
    Column("qty", 11, ">"),
    Column("price", 9, ">"),
    Column("dist", 7, ">", rank=2),
    Column("tif", 3, ">", rank=3),
    Column("status", 0, "<", rank=1, least=9),
)
NARROW = (
    Column("type", 6),
    SYMBOL,
    Column("qty", 7, ">"),
    Column("price", 9, ">"),
    Column("dist", 7, ">", rank=2),
    Column("", 0, ">", rank=1, least=3),
)
LOUD = (*NARROW[:-1], NARROW[-1]._replace(least=9))
"""Rather no distance than half of the word UNKNOWN."""
WIDE_FROM = 50

TIF = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "POST_ONLY": "PO"}
STATUS = {
    "PROPOSED": ("proposed", "dim"),
    "AWAITING_APPROVAL": ("waits", "need"),
    "SUBMITTED": ("sent", "warn"),
    "ACCEPTED": ("working", "value"),
    "PARTIALLY_FILLED": ("part", "focus"),
    "UNKNOWN": ("? UNKNOWN", "alarm"),
}
ORDER_OF = {"UNKNOWN": 0}
"""UNKNOWN orders stand first, whatever their age: they are the ones to worry about."""

Leg = tuple[str, Stop]
Row = Order | Leg


def legs(stop: Stop) -> list[Leg]:
    both = (("SL", stop.stop), ("TP", stop.target))
    return [(kind, stop) for kind, price in both if price is not None]


def stands(order: Order) -> bool:
    """At the venue, or on its way; what waits for an answer is no order yet and has a pane of its own."""
    return order.status in AT_VENUE


def distance(view: View, symbol: str, price: float | None) -> str:
    m = view.state.markets.get(symbol)
    now = m.price if m is not None else 0.0
    return fmt.percent((price / now - 1) * 100) if price and now else fmt.UNKNOWN


def quantity(order: Order, decimals: int, short: bool) -> str:
    if not order.filled:
        return fmt.qty(order.qty, decimals)
    return (
        fmt.qty(order.left, decimals) if short else f"{fmt.qty(order.filled, decimals)}/{fmt.qty(order.qty, decimals)}"
    )


def order_cells(view: View, order: Order, wide: bool) -> Line:
    d = reading.digits(view, order.symbol)
    tint = reading.TINT[order.side]
    status, style = STATUS.get(order.status, (order.status.lower(), "value"))
    if order.cancel_sent_t and order.status != "UNKNOWN":
        status, style = "cancelling", "warn"
    if order.role == "foreign" and order.status == "ACCEPTED":
        status, style = "foreign", "need"
    tif = "RO" if order.reduce_only else TIF.get(order.tif, order.tif)
    price = fmt.price(order.price, d.price) if order.price is not None else "market"
    limit = float(order.price) if order.price is not None else None
    left: Line = [
        (f"{reading.GLYPH[order.side]} {order.side}", tint + " b"),
        (order.symbol, "value"),
        (quantity(order, d.qty, not wide), "value"),
        (price, "value"),
        (distance(view, order.symbol, limit), "label"),
    ]
    if wide:
        return [*left, (tif, "label"), (status, style)]
    loud = order.status != "ACCEPTED" or style != "value"
    return [
        *left,
        ((status.removeprefix("? ")) if loud else tif, style if loud else "label"),
    ]


def leg_cells(view: View, leg: Leg, wide: bool) -> Line:
    kind, stop = leg
    d = reading.digits(view, stop.symbol)
    price = stop.stop if kind == "SL" else stop.target
    tint = "bear" if kind == "SL" else "bull"
    left: Line = [
        (f"◆ {kind}", tint + " b"),
        (stop.symbol, "value"),
        ("all" if stop.qty is None else fmt.qty(stop.qty, d.qty), "value"),
        (fmt.price(price, d.price), "value"),
        (distance(view, stop.symbol, float(price) if price is not None else None), "label"),
        ("RO", "label"),
    ]
    return [*left, ("at venue", "good")] if wide else left


def columns_for(view: View, width: int) -> tuple[Column, ...]:
    if width >= WIDE_FROM:
        return COLUMNS
    return LOUD if any(o.status == "UNKNOWN" for o in reading.open_orders(view)) else NARROW


class OrdersPane(ListPane[Row]):
    """``selected`` is a client id, or the id of a protective stop (of either of its legs)."""

    pane_id = "orders"

    def title(self, _view: View) -> str:
        return "OPEN ORDERS"

    def title_line(self, view: View, width: int) -> Line:
        orders = [o for o in reading.open_orders(view) if stands(o)]
        unknown = sum(o.status == "UNKNOWN" for o in orders)
        line: Line = [*super().title_line(view, width)]
        if orders:
            line.append((f" {len(orders)}", "strong"))
        if unknown:
            line.append((f"  ? {unknown} UNKNOWN", "need"))
        return line

    def subtitle_line(self, view: View, _width: int) -> Line:
        return (
            [(view.key("cancel"), "label b"), (" cancel ", "dim")]
            if any(stands(o) for o in reading.open_orders(view))
            else []
        )

    def mood(self, view: View) -> str:
        return "alarm" if any(o.status == "UNKNOWN" for o in reading.open_orders(view)) else ""

    def rows(self, view: View) -> Sequence[Row]:
        orders = [o for o in reading.open_orders(view) if stands(o)]
        orders.sort(key=lambda o: (ORDER_OF.get(o.status, 1), -o.created_t))
        protective = [leg for stop in view.state.stops.values() for leg in legs(stop)]
        return [*orders, *protective]

    def key(self, row: Row) -> str:
        if isinstance(row, Order):
            return row.client_id
        kind, stop = row
        return stop.stop_id if kind == "SL" or stop.stop is None else f"{stop.stop_id}{_TARGET_LEG}"

    def selected(self, view: View) -> str | None:
        key = super().selected(view)
        return None if key is None else key.removesuffix(_TARGET_LEG)

    def words(self, row: Row) -> str:
        if isinstance(row, Order):
            return f"{row.symbol} {row.side} {row.kind} {row.status} {row.client_id} {row.strategy}"
        kind, stop = row
        return f"{stop.symbol} {kind} {stop.stop_id}"

    def empty(self, _view: View) -> str:
        return "no working orders, no stops"

    def head(self, view: View, width: int) -> Line:
        return table_head(table(view, columns_for(view, width), [])[0], width)

    def draw_row(self, view: View, row: Row, width: int) -> Line:
        wide = width >= WIDE_FROM
        values = order_cells(view, row, wide) if isinstance(row, Order) else leg_cells(view, row, wide)
        columns, cells = table(view, columns_for(view, width), values)
        return table_row(columns, cells, width)


_TARGET_LEG = "\x00target"
