"""What is being asked: one order in plain words, what it would cost, and how long there is to answer."""

from __future__ import annotations

from cockpit import format as fmt
from cockpit.panes import reading
from cockpit.panes.base import Pane
from cockpit.panes.text import Item, Line, fit, gauge, keep, pair, plain, row, width_of, wrapped
from cockpit.view import View
from engine.model.orders import Order
from engine.model.state import equity

HURRY_NS = 5 * fmt.SECOND
TIF = {"POST_ONLY": "post-only", "IOC": "IOC", "FOK": "FOK"}
"""GTC is what one expects, so it is not said."""


def manner(order: Order) -> str:
    return "reduce-only" if order.reduce_only else TIF.get(order.tif, "")


def what(view: View, order: Order) -> Line:
    """``▲ BUY LIMIT 0.100 BTC``; an order in another symbol than the screen's names it."""
    d = reading.digits(view, order.symbol)
    name = d.base if order.symbol == view.symbol else order.symbol
    return [
        (f"{reading.GLYPH[order.side]} {order.side} {order.kind} ", reading.TINT[order.side] + " b"),
        (f"{fmt.qty(order.left, d.qty)} {name}".rstrip(), "strong"),
    ]


def price_of(view: View, order: Order) -> str:
    """The limit, or about where a market order would fill."""
    d = reading.digits(view, order.symbol)
    if order.price is not None:
        return fmt.price(order.price, d.price)
    return f"~ {fmt.price(reading.terms_of(view, order).price, d.price)}"


def stop_of(view: View, order: Order) -> tuple[str, str]:
    if order.stop is None:
        return "no stop", "dim" if order.reduce_only else "bad"
    return fmt.price(order.stop, reading.digits(view, order.symbol).price), "bear"


def target_of(view: View, order: Order) -> tuple[str, str]:
    if order.target is None:
        return "no target", "dim"
    return fmt.price(order.target, reading.digits(view, order.symbol).price), "bull"


def readable(view: View, order: Order, lines: list[Line]) -> bool:
    """Whether everything that a person would agree to stands on these lines in full."""
    text = plain(lines)
    needed = (
        *(part.strip() for part, _ in what(view, order)),
        manner(order),
        price_of(view, order),
        stop_of(view, order)[0],
        target_of(view, order)[0],
    )
    return all(part in text for part in needed)


def held(x: float, decimals: int) -> str:
    return "flat" if abs(x) < 0.5 * 10**-decimals else fmt.signed(x, decimals)


def quote(view: View, order: Order) -> Line:
    """Age of the quote and the spread, in amber beyond the limits that the risk gate will hold it to."""
    risk = view.profile.risk
    m = view.state.markets.get(order.symbol)
    age = view.now - m.quote_t if m is not None and m.quote_t else None
    bps = reading.spread_bps(view) if order.symbol == view.symbol else None
    old = age is None or age > risk.stale_quote_s * fmt.SECOND
    wide = bps is None or bps > risk.max_spread_bps
    return [
        (fmt.age(age), "need" if old else "value"),
        (" · ", "dim"),
        ("spread ", "label"),
        (fmt.bps(bps), "need" if wide else "value"),
    ]


def expiry(view: View, w: reading.Waiting, width: int) -> Line:
    left = w.approval.expires_t - view.now
    span = max(1, w.approval.expires_t - w.approval.asked_t)
    style = "bad" if left <= HURRY_NS else "need"
    bar = gauge(left / span, max(0, width - 11 - 8), style)
    return [("expires    ", "label"), *bar, (f"{fmt.countdown(left):>8}", style + " b")]


SOON, TYPING, PAST = "armed soon", "Esc first: typing", "asked then: no answer from here"
"""Why the keys are grey."""


def answers(view: View, armed: bool, more: int, width: int, lock: str = SOON) -> Line:
    """The two keys; grey until a key would count, with the reason."""
    yes, no = f" {view.key('approve')} ", f" {view.key('decline')} "
    also: Line = [(f"+{more} waiting", "need")] if more else []
    if not armed:
        off: Line = [(yes, "key.off"), (" approve  ", "off"), (no, "key.off"), (" decline", "off")]
        return row(off, also or [(lock, "dim")], width)
    on: Line = [(yes, "key.yes"), (" approve  ", "value"), (no, "key.no"), (" decline", "value")]
    return row(on, also, width)


def too_little_room(view: View) -> Line:
    """What stands instead of the keys where the terms are cut: nothing can be approved then."""
    keys: Line = [(f" {view.key('pane_approval')} ", "key"), (" to read all", "need")]
    return [*keys, (f"  {view.key('decline')} ", "key.no"), (" decline", "value")]


def asked_lines(view: View, w: reading.Waiting, armed: bool, width: int, height: int, lock: str = SOON) -> list[Line]:
    order = w.order
    lines = keep(asked_rows(view, w, armed, width, lock), height)
    if readable(view, order, [fit(line, width) for line in lines]):
        return lines
    return [*lines[:-1], too_little_room(view)]


def asked_rows(view: View, w: reading.Waiting, armed: bool, width: int, lock: str = SOON) -> list[Item]:
    order = w.order
    d = reading.digits(view, order.symbol)
    t = reading.terms_of(view, order)
    risk: Line
    if t.risk is not None:
        ratio = f"R:R {t.reward_risk:.1f}  " if t.reward_risk is not None else ""
        risk = [
            (ratio, "value"),
            (f"{fmt.money(t.risk)} {d.quote}", "strong"),
            (f"  {fmt.share(t.risk_pct)} eq", "label"),
        ]
    else:
        risk = [("reduces risk", "value")] if order.reduce_only else [("unknown without a stop", "bad")]
    price: Line = [(price_of(view, order), "strong")]
    one = width_of([*what(view, order), *price]) < width
    return [
        Item(0, row(what(view, order), price if one else [], width)),
        *([] if one else [Item(0, pair("price", price, width))]),
        *([Item(0, pair("condition", [(manner(order), "need")], width))] if manner(order) else []),
        Item(4, pair("notional", [(f"{fmt.money(t.notional)} {d.quote}", "value")], width)),
        Item(
            3,
            pair(
                "position", [(held(t.before, d.qty), "value"), (" → ", "dim"), (held(t.after, d.qty), "strong")], width
            ),
        ),
        Item(0, pair("stop / target", [stop_of(view, order), (" / ", "dim"), target_of(view, order)], width)),
        Item(0, pair("risk", risk, width)),
        Item(5, pair("quote age", quote(view, order), width)),
        *(Item(6 + n, line) for n, line in enumerate(wrapped("why", order.why, "value", width))),
        *([Item(2, pair("resized", [(order.resized, "need")], width))] if order.resized else []),
        Item(1, expiry(view, w, width)),
        Item(0, answers(view, armed, w.more, width, lock)),
    ]


def idle_lines(view: View, width: int) -> list[Line]:
    """Nothing waits: what will happen to the next entry."""
    rules = view.profile.trading
    d = reading.digits(view)
    if rules.approval == "auto":
        ask: Line = [("entries go out by themselves", "warn")]
    else:
        ask = [(f"every entry asks here, {rules.approval_ttl_s:g} s", "value")]
    risk = equity(view.state) * rules.risk_pct / 100 if view.state.account.known else None
    return [
        [("◇ nothing waits for you", "label")],
        pair("next", ask, width),
        pair(
            "risk each",
            [(f"{fmt.money(risk)} {d.quote}", "value"), (f"  {fmt.share(rules.risk_pct)} eq", "label")],
            width,
        ),
        pair("price may move", [(fmt.bps(rules.approval_max_move_bps, 0), "value")], width),
    ]


class ApprovalPane(Pane):
    """The order to answer first. Set ``armed`` to whether a key would count now."""

    pane_id = "approval"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._armed, self._lock = False, SOON
        self._shown: Order | None = None
        self._terms = ""

    @property
    def armed(self) -> bool:
        return self._armed

    @armed.setter
    def armed(self, armed: bool) -> None:
        if armed != self._armed:
            self._armed = armed
            self.again()

    def arm(self, armed: bool, lock: str = SOON) -> None:
        """Whether a key would count now; ``lock`` says why not."""
        if lock != self._lock:
            self._lock = lock
            self.again()
        self.armed = armed

    def wanted(self, view: View) -> int:
        """Rows inside the frame that show everything."""
        w = reading.waiting(view)
        return 2 if w is None else len(asked_rows(view, w, self._armed, self.content_size.width or 40))

    def terms(self) -> str:
        """The terms of the order that was drawn last, exactly as the engine will compare them.

        Empty when none was drawn, and when one of them did not fit: what cannot be read cannot be approved.
        """
        return self._terms

    def shown_id(self) -> str:
        """The client id of the order that was drawn last; empty when none was."""
        return "" if self._shown is None else self._shown.client_id

    def _redraw(self) -> None:
        super()._redraw()
        if not self.content_size.area:  # hidden: nothing of it is on the screen
            self._remember(None)

    def title(self, view: View) -> str:
        if reading.waiting(view) is None:
            return "APPROVALS"
        return "CONFIRM LIVE ORDER" if view.profile.mode == "LIVE" else "CONFIRM ORDER"

    def title_line(self, view: View, _width: int) -> Line:
        style = "label b" if reading.waiting(view) is None else "need"
        w = reading.waiting(view)
        other = f" · {w.order.symbol}" if w is not None and w.order.symbol != view.symbol else ""
        return [self.digit(view), (self.title(view) + other, style)]

    def mood(self, view: View) -> str:
        return "" if reading.waiting(view) is None else "need"

    def draw(self, view: View, width: int, height: int) -> list[Line]:
        w = reading.waiting(view)
        if w is None:
            self._remember(None)
            return idle_lines(view, width)
        lines = asked_lines(view, w, self._armed, width, height, self._lock)
        self._remember(w.order, readable(view, w.order, [fit(line, width) for line in lines[:height]]))
        return lines

    def _remember(self, order: Order | None, legible: bool = False) -> None:
        from engine.core.orders import terms

        self._shown, self._terms = order, terms(order) if order is not None and legible else ""
