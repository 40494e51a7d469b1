"""Numbers that more than one pane shows, read from a view. Estimates: floats in the quote currency unless said otherwise."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from cockpit import format as fmt
from cockpit.panes.text import Line
from cockpit.view import View
from engine.model.market import Instrument, decimals
from engine.model.orders import Order, Position, Side, sign
from engine.model.state import Approval, Market, day_pnl, equity, unrealised

DAY_NS = 86_400 * fmt.SECOND
GLYPH = {"BUY": "▲", "SELL": "▼"}
TINT = {"BUY": "bull", "SELL": "bear"}
DIRECTION = {"BUY": "LONG", "SELL": "SHORT"}

MODES = {
    "DEMO": ("  DEMO  ", "demo"),
    "PAPER": ("  PAPER  ", "paper"),
    "LIVE": (" ▞▞ LIVE ▞▞ ", "live"),
    "BACKTEST": (" BACKTEST ", "backtest"),
}
TRADING = {
    "ACTIVE": ("▶ ACTIVE", "good b"),
    "PAUSED": ("‖ PAUSED", "paused"),
    "HALTED": ("■ HALTED", "halted"),
    "SAFE": ("◆ SAFE", "safe"),
}
SOURCES = {"behind": (" ◀◀ BEHIND LIVE ", "tag.need"), "replay": (" ◀ REPLAY ", "replay")}

_EMPTY = Market("")
_decimals = lru_cache(maxsize=256)(decimals)


class Digits(NamedTuple):
    price: int
    qty: int
    base: str
    quote: str


def market(view: View) -> Market:
    return view.state.markets.get(view.symbol, _EMPTY)


def digits(view: View, symbol: str = "") -> Digits:
    found = view.state.markets.get(symbol or view.symbol)
    instrument: Instrument | None = found.instrument if found is not None else None
    if instrument is None:
        return Digits(2, 4, "", view.state.account.currency)
    return Digits(_decimals(instrument.tick), _decimals(instrument.step), instrument.base, instrument.quote)


def position(view: View) -> Position | None:
    """The open position in the view's symbol."""
    found = view.state.positions.get(view.symbol)
    return found if found is not None and found.qty else None


def mode_badge(view: View) -> Line:
    if view.source == "replay":  # nothing here is the real thing, and nothing may look like it
        return [(f" was {view.profile.mode} ", "key")]
    return [MODES.get(view.profile.mode, (f" {view.profile.mode} ", "backtest"))]


def trading(view: View) -> Line:
    """The trading state with its own glyph; everything but ACTIVE is a badge."""
    text, style = TRADING.get(view.state.trading, (view.state.trading, "warn"))
    return [(text if view.state.trading == "ACTIVE" else f" {text} ", style)]


def ground(view: View) -> str:
    """What lies under header and status row: LIVE is tinted."""
    return "bar.live" if view.profile.mode == "LIVE" and view.source != "replay" else "bar"


def spread_bps(view: View) -> float | None:
    m = market(view)
    if not m.bids or not m.asks or not m.mid:
        return None
    return (m.ask - m.bid) / m.mid * 10_000


def change_pct(view: View) -> float | None:
    m = market(view)
    return (m.last / m.day_open - 1) * 100 if m.day_open and m.last else None


def realised_today(view: View) -> float:
    """Net of the trades closed on the market's UTC day, plus what the open positions have realised so far."""
    state = view.state
    today = (market(view).venue_t or view.now) // DAY_NS
    total = 0.0
    for trade in reversed(state.trades):
        if trade.exit_t // DAY_NS == today:
            total += float(trade.pnl)
        elif trade.exit_t // DAY_NS < today:
            break
    for p in state.positions.values():
        if p.qty:
            total += float(p.realised - p.fees + p.funding)
    return total


def open_orders(view: View) -> list[Order]:
    """Orders that are not final, oldest first."""
    orders = view.state.orders
    return [orders[key] for key in view.state.open_orders if key in orders]


def day_line(view: View) -> Line:
    """``day +114.12 USDT``."""
    pnl = day_pnl(view.state)
    style = pnl_style(pnl) + " b"
    known = view.state.account.known
    return [("day ", "label"), (fmt.signed(pnl) if known else fmt.UNKNOWN, style if known else "dim")]


def equity_text(view: View) -> str:
    return fmt.money(equity(view.state)) if view.state.account.known else fmt.UNKNOWN


class Waiting(NamedTuple):
    order: Order
    approval: Approval
    more: int


def waiting(view: View) -> Waiting | None:
    """The approval to answer first: the one asked first, of those not yet expired."""
    state = view.state
    found = [
        (a.asked_t, key, state.orders[key], a)
        for key, a in state.approvals.items()
        if key in state.orders and a.expires_t > view.now
    ]
    if not found:
        return None
    _, _, order, approval = min(found, key=lambda row: row[:2])
    return Waiting(order, approval, len(found) - 1)


class Terms(NamedTuple):
    """What an order would mean. ``after`` is the position that it leads to; None where it cannot be told."""

    price: float
    notional: float
    before: float
    after: float
    risk: float | None
    risk_pct: float | None
    reward_risk: float | None


def terms_of(view: View, order: Order) -> Terms:
    state = view.state
    m = state.markets.get(order.symbol, _EMPTY)
    taking = m.ask if order.side == "BUY" else m.bid
    price = float(order.price) if order.price is not None else taking or order.reference or m.price
    qty = float(order.left)
    p = state.positions.get(order.symbol)
    before = float(p.qty) if p is not None else 0.0
    after = before + sign(order.side) * qty
    if order.reduce_only:
        after = 0.0 if before * after <= 0 else after
    risk = abs(price - float(order.stop)) * qty if order.stop is not None else None
    worth = equity(state)
    ratio = None
    if order.stop is not None and order.target is not None and float(order.stop) != price:
        ratio = abs(float(order.target) - price) / abs(price - float(order.stop))
    return Terms(
        price, price * qty, before, after, risk, risk / worth * 100 if risk is not None and worth > 0 else None, ratio
    )


def pnl_style(x: float) -> str:
    return "bull" if x > 0 else "bear" if x < 0 else "value"


def position_pnl(view: View, p: Position) -> tuple[float, float | None]:
    """Unrealised profit, and in percent of the margin (of the notional where the leverage is not known)."""
    pnl = unrealised(view.state, p)
    basis = abs(float(p.qty) * float(p.entry)) / (p.leverage or 1)
    return pnl, pnl / basis * 100 if basis else None


def liq_distance(view: View, p: Position) -> float | None:
    price = market(view).price
    return (p.liquidation / price - 1) * 100 if p.liquidation and price else None


def side_cell(side: Side) -> tuple[str, str]:
    return f"{GLYPH[side]} {side}", TINT[side]


def market_time(view: View, t: int) -> int:
    """The market's clock at our time ``t``: the same, but for a simulated market that runs faster than ours."""
    speed = market_speed(view)
    m = market(view)
    heard = max(m.quote_t, m.mark_t)
    return t if speed == 1 or not heard else m.venue_t + int((t - heard) * speed)


def market_speed(view: View) -> float:
    return view.profile.exchange.speed if view.profile.venue.kind == "simulated" else 1.0


def alarms(view: View) -> list[str]:
    """Standing alarms, the newest last; the key's kind when the text is empty."""
    return [text or key.partition("/")[0] for key, text in view.state.alarms.items()]
