"""Position and approval in one row each, for screens of 24 rows."""

from __future__ import annotations

from cockpit import format as fmt
from cockpit.panes import reading
from cockpit.panes.approvals import ApprovalPane, held, manner, price_of, quote, readable, stop_of, target_of, what
from cockpit.panes.base import Pane
from cockpit.panes.position import flags, in_r, r_bar
from cockpit.panes.text import Item, Line, fit, spread
from cockpit.view import View
from engine.model.state import r_multiple


def position_row(view: View, width: int) -> Line:
    p = reading.position(view)
    d = reading.digits(view)
    if p is None:
        today = reading.realised_today(view)
        last = next((t for t in reversed(view.state.trades) if t.symbol == view.symbol), None)
        tail: Line = []
        if last is not None:
            style = reading.pnl_style(float(last.pnl))
            tail = [
                ("last ", "label"),
                (fmt.signed(last.pnl), style),
                (f" {fmt.r(last.r, 2)}", style),
                (f" {last.exit_why}", "label"),
            ]
        lhs = [Item(0, [("◇ FLAT", "strong")]), Item(1, tail)]
        return spread(lhs, [Item(0, [("rPnL ", "label"), (fmt.signed(today), reading.pnl_style(today) + " b")])], width)
    pnl, pct = reading.position_pnl(view, p)
    tint = reading.pnl_style(pnl)
    m = reading.market(view)
    bar = r_bar(p, m.price, max(10, min(24, width - 62)))
    liq = reading.liq_distance(view, p)
    now = r_multiple(view.state, p)
    side = p.side
    lhs = [
        Item(
            0,
            [
                (f"{reading.GLYPH[side]} {reading.DIRECTION[side]} ", reading.TINT[side] + " b"),
                (fmt.qty(abs(p.qty), d.qty), "strong"),
                (" @ ", "dim"),
                (fmt.price(p.entry, d.price), "value"),
            ],
        ),
        Item(0, flags(view, p)),
        Item(0, [("uPnL ", "label"), (fmt.signed(pnl), tint + " b"), (f" {fmt.percent(pct)}", tint)]),
    ]
    rhs = [
        Item(3, bar),
        Item(1, [(fmt.r(now, 2), "strong")] if now is not None else []),
        Item(4, [("liq ", "label"), (fmt.percent(liq, 1), "value")] if liq is not None else []),
        Item(
            2,
            [("TRAIL " if p.trailing else "SL ", "label"), (fmt.r(in_r(p, float(p.stop))), "bear")]
            if p.stop is not None and not bar
            else [],
        ),
    ]
    return spread(lhs, rhs, width)


def approval_rows(view: View, w: reading.Waiting, armed: bool, width: int) -> list[Line]:
    """What and where to, with the answers; below it stop, target and what is at risk."""
    order = w.order
    d = reading.digits(view, order.symbol)
    t = reading.terms_of(view, order)
    left = w.approval.expires_t - view.now
    yes, no = ("key.yes", "key.no") if armed else ("key.off", "key.off")
    word = "CONFIRM LIVE" if view.profile.mode == "LIVE" else "CONFIRM"
    lhs = [
        Item(0, [(word, "need")]),
        Item(
            0,
            [
                *what(view, order),
                (f" {manner(order)}".rstrip(), "need"),
                (" @ ", "label"),
                (price_of(view, order), "strong"),
            ],
        ),
        Item(2, [("→ ", "label"), (held(t.after, d.qty), "value")]),
    ]
    approve, decline = view.key("approve"), view.key("decline")
    rhs = [
        Item(1, [(f"+{w.more}", "need")] if w.more else []),
        Item(0, [(fmt.countdown(left), "need")]),
        Item(0, [(f" {approve} ", yes), (" ", ""), (f" {decline} ", no)]),
    ]
    ratio: Line = [("  R:R ", "label"), (f"{t.reward_risk:.1f}", "value")] if t.reward_risk is not None else []
    risk: Line = [("risk ", "label"), (f"{fmt.money(t.risk)} {d.quote}", "strong"), *ratio]
    below = [
        Item(0, [("stop ", "label"), stop_of(view, order)]),
        Item(0, [("target ", "label"), target_of(view, order)]),
        Item(1, risk if t.risk is not None else []),
        Item(3, [("why ", "label"), (order.why, "value")] if order.why and width >= 100 else []),
    ]
    gap = 2 if width >= 100 else 1
    return [spread(lhs, rhs, width, gap), spread(below, [Item(2, quote(view, order))], width)]


def cut_row(view: View, w: reading.Waiting, width: int) -> Line:
    """Where the terms do not fit: what to do about it."""
    left = w.approval.expires_t - view.now
    lhs: Line = [("the terms do not fit: ", "need"), (f" {view.key('pane_approval')} ", "key"), (" reads them", "need")]
    rhs: Line = [(fmt.countdown(left), "need"), ("  ", ""), (f" {view.key('decline')} ", "key.no")]
    return spread([Item(0, lhs)], [Item(0, rhs)], width)


class PositionStrip(Pane):
    DEFAULT_CSS = """
    PositionStrip, PositionStrip.-alarm { border: none; padding: 0; height: 1; width: 100%; }
    PositionStrip:focus, PositionStrip:focus:nocolor { border: none; }
    """
    pane_id = "position-strip"

    def ground(self, _view: View) -> str:
        return "bar"

    def draw(self, view: View, width: int, _height: int) -> list[Line]:
        return [[(" ", ""), *position_row(view, width - 2)]]


class ApprovalStrip(ApprovalPane):
    """Two rows with the same answers, terms and lockout as the pane; one while nothing is asked."""

    DEFAULT_CSS = """
    ApprovalStrip, ApprovalStrip.-need { border: none; padding: 0; height: 1; width: 100%; }
    ApprovalStrip.-need { height: 2; }
    ApprovalStrip:focus, ApprovalStrip:focus:nocolor { border: none; }
    """
    pane_id = "approval-strip"

    def ground(self, view: View) -> str:
        return "bar" if reading.waiting(view) is None else "bar.need"

    def draw(self, view: View, width: int, height: int) -> list[Line]:
        w = reading.waiting(view)
        if w is not None:
            rows = [[(" ", ""), *row] for row in approval_rows(view, w, self._armed, width - 2)]
            legible = readable(view, w.order, [fit(row, width) for row in rows[:height]])
            self._remember(w.order, legible)
            return rows if legible else [rows[0], [(" ", ""), *cut_row(view, w, width - 2)]][-height:]
        self._remember(None)
        auto = view.profile.trading.approval == "auto"
        text = "entries go out by themselves (approval: auto)" if auto else "nothing waits for you"
        return [[(" ◇ ", "dim"), (text, "warn" if auto else "dim")]]
