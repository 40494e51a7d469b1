"""What each question says: the facts of the order, position or session it is about, and when it lost its object."""

from __future__ import annotations

from decimal import Decimal

from cockpit.format import SECOND, money, price, qty, signed
from cockpit.panes.reading import open_orders
from cockpit.screens.dialogs import Ask, Row
from cockpit.view import View
from engine.model.orders import AT_VENUE, Order, Position
from engine.model.state import open_risk, unrealised

FLATTEN_WORD = "FLATTEN"
REASON_LENGTH = 3


def open_positions(view: View) -> list[Position]:
    return [position for position in view.state.positions.values() if position.qty]


def working_orders(view: View) -> list[Order]:
    return [order for order in open_orders(view) if order.status in AT_VENUE]


def exposed(view: View) -> bool:
    """Whether anything would be left at the venue: a position, a working order, or an order that waits for a key."""
    return bool(open_positions(view) or working_orders(view) or view.state.approvals)


def cancel(order: Order) -> Ask:
    client_id = order.client_id

    def rows(view: View) -> list[Row]:
        now = view.state.orders.get(client_id, order)
        return [
            *_account(view),
            ("order", _order(view, now)),
            ("filled", f"{_qty(view, now.symbol, now.filled)} of {_qty(view, now.symbol, now.qty)}"),
            ("status", now.status),
        ]

    def gone(view: View) -> str:
        now = view.state.orders.get(client_id)
        return "The order is done: nothing to cancel." if now is None or now.final else ""

    answers = (("dialog_yes", f"cancel {order.side} {format(order.left, 'f')} {order.symbol}"),)
    return Ask("Cancel this order?", rows, gone, answers, danger=False)


def close(position: Position) -> Ask:
    symbol, asked = position.symbol, position.qty

    def rows(view: View) -> list[Row]:
        return [*_account(view), *_position(view, view.state.positions.get(symbol, position)), ("then", "flat")]

    def gone(view: View) -> str:
        now = view.state.positions.get(symbol)
        if now is None or not now.qty:
            return "The position is closed already."
        return "" if now.qty == asked else f"The position changed from {asked} to {now.qty}: ask again."

    return Ask("Close this position?", rows, gone, (("dialog_yes", f"{_exit(position)} at market, reduce-only"),))


def flatten(view: View) -> Ask:
    words = {FLATTEN_WORD, view.profile.name}
    return Ask(
        "Close everything",
        _everything,
        prompt=f"type {FLATTEN_WORD} (or {view.profile.name}) and Enter",
        accepts=words.__contains__,
    )


def rearm(_view: View) -> Ask:
    def rows(view: View) -> list[Row]:
        return [*_account(view), ("state", view.state.trading), ("since", view.state.trading_why or "–")]

    def gone(view: View) -> str:
        return "Trading is active already." if view.state.trading == "ACTIVE" else ""

    return Ask(
        "Allow trading again",
        rows,
        gone,
        prompt=f"type the reason, at least {REASON_LENGTH} letters, and Enter",
        accepts=lambda text: len(text) >= REASON_LENGTH,
    )


def adopt_position(symbol: str) -> Ask:
    def rows(view: View) -> list[Row]:
        position = view.state.positions[symbol]
        told = position.venue_qty
        venue = "unknown" if told is None else f"{told:+f} at {_price(view, symbol, position.venue_entry)}"
        return [*_account(view), ("ours", f"{position.qty:+f} {symbol}"), ("the venue's", venue)]

    def gone(view: View) -> str:
        return "" if f"PositionMismatch/{symbol}" in view.state.alarms else "Both agree again."

    return Ask(
        "Take over the venue's position?", rows, gone, (("dialog_yes", "from now on it is ours, and gets a stop"),)
    )


def adopt_balance() -> Ask:
    def rows(view: View) -> list[Row]:
        account = view.state.account
        told = account.venue_wallet if account.venue_wallet is not None else account.wallet
        moved = f"{told - account.wallet:+,.2f} {account.currency}"
        sums = [("ours", f"{account.wallet:,.2f}"), ("the venue's", f"{told:,.2f}"), ("transfer", moved)]
        return [*_account(view), *sums]

    def gone(view: View) -> str:
        return "" if "BalanceMismatch/" in view.state.alarms else "Both agree again."

    return Ask(
        "Was this a deposit or a withdrawal?", rows, gone, (("dialog_yes", "take it over, as no profit and no loss"),)
    )


def leave(view: View) -> Ask:
    default = {"leave": "leave", "close": "close all"}.get(view.profile.trading.on_quit, "")
    note = [("profile", f"{default} when nobody can be asked")] if default else []
    return Ask(
        "Quit with positions or orders open?",
        lambda now: [*_everything(now), *note],
        answers=(("quit_leave", "leave positions with their stops, cancel entries"), ("quit_close", "close all")),
    )


def _everything(view: View) -> list[Row]:
    positions = [("position", _one_position(view, position)) for position in open_positions(view)]
    orders = working_orders(view)
    return [
        *_account(view),
        *(positions or [("position", "none")]),
        ("orders", f"{len(orders)} working, {len(view.state.approvals)} waiting for approval"),
        ("at risk", f"{money(open_risk(view.state))} {view.state.account.currency} if every stop is hit"),
    ]


def _account(view: View) -> list[Row]:
    return [("account", f"{view.profile.mode} · profile {view.profile.name}")]


def _position(view: View, position: Position) -> list[Row]:
    market = view.state.markets.get(position.symbol)
    if market is None:
        return [("position", _one_position(view, position))]
    age = max(0.0, (view.now - market.quote_t) / SECOND)
    currency = view.state.account.currency
    return [
        ("position", _one_position(view, position)),
        ("price", f"{_price(view, position.symbol, market.price)}   quote {age:.1f} s old"),
        ("worth", f"{money(abs(float(position.qty)) * market.price)} {currency}"),
        ("unrealised", f"{signed(unrealised(view.state, position))} {currency}"),
    ]


def _one_position(view: View, position: Position) -> str:
    side = "▲ LONG" if position.qty > 0 else "▼ SHORT" if position.qty else "flat"
    symbol = position.symbol
    return f"{side} {_qty(view, symbol, abs(position.qty))} {symbol} @ {_price(view, symbol, position.entry)}"


def _order(view: View, order: Order) -> str:
    at = "market" if order.price is None else _price(view, order.symbol, order.price)
    glyph = "▲" if order.side == "BUY" else "▼"
    return f"{glyph} {order.side} {order.kind} {_qty(view, order.symbol, order.qty)} {order.symbol} @ {at}"


def _exit(position: Position) -> str:
    return f"{'SELL' if position.qty > 0 else 'BUY'} {format(abs(position.qty), 'f')} {position.symbol}"


def _price(view: View, symbol: str, value: float | Decimal) -> str:
    market = view.state.markets.get(symbol)
    return price(value, market.instrument.price_decimals if market is not None and market.instrument is not None else 2)


def _qty(view: View, symbol: str, value: Decimal) -> str:
    market = view.state.markets.get(symbol)
    return qty(value, market.instrument.qty_decimals if market is not None and market.instrument is not None else 4)
