"""After a start on books that an earlier session left: the venue is asked about all of it before anything is sent.

First a full reading of the account (fills since the venue was last heard, open orders, positions, balance), then a question about
every order that has no final state and was not in it. An order that the venue denies twice, later than it could be invisible,
with no position to explain, is closed here and never sent again (``engine.core.fold.account``). What then differs is settled in
one go: the venue's word is taken over where it makes us smaller or explains itself, and everything else is an alarm.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from engine.core import operator, reconcile
from engine.core.exposure import SETTLE_NS
from engine.core.fold.base import position_delta
from engine.model import events as ev
from engine.model.market import SECOND_NS
from engine.model.orders import AT_VENUE, ZERO, Order, Position
from engine.model.state import State

if TYPE_CHECKING:
    from engine.core.trader import Trader

PATIENCE_NS = 20 * SECOND_NS
"""From the first full reading on: what is not known by then stays unknown, and trading stays paused."""
REST_ALONE_NS = 15 * SECOND_NS
"""Without the private stream the account is read all the same after this long."""
_REFUSED = frozenset({"approve", "resume", "rearm", "adopt"})
_BLIND = frozenset({"close", "flatten", "cancel"})

Action = Literal["adopt", "close", "alarm"]


def begin(trader: Trader, e: ev.Carried) -> None:
    """What never left ends here; a standing kill switch or SAFE goes on standing."""
    state = trader.state
    if not state.recovery.open:
        return
    for client_id in list(state.open_orders):
        order = state.orders[client_id]
        if order.status not in AT_VENUE:
            _settle(
                trader, "order", client_id, "close", f"{_words(order)} was never sent: closed, nobody is asked again"
            )
    for line in e.lost:
        _settle(trader, "record", "", "adopt", f"not readable in {e.session}: {line}")
    if e.book.trading in ("HALTED", "SAFE"):
        trader.decide(ev.TradingChanged(state.t, e.book.trading, f"still: {e.book.trading_why}", "recovery"))  # type: ignore[arg-type]


def obey(trader: Trader, command: ev.Command) -> None:
    """A person's command, unless it needs to know what the venue has not been asked yet."""
    state = trader.state
    if state.recovery.open and (
        command.action in _REFUSED or (command.action in _BLIND and not state.snapshot_t and command.by != "shutdown")
    ):
        asked = len(state.recovery.orders)
        if command.action == "rearm":
            operator.start_links(trader)  # without them the question would never be answered
        trader.notice(
            "StaleCommand", "", f"not yet: the venue is being asked what became of {asked} order(s) and the position"
        )
        return
    if command.action == "adopt":
        _adopt(trader, command)
    else:
        operator.obey(trader, command)


def _adopt(trader: Trader, command: ev.Command) -> None:
    """A person takes over what the venue holds beyond what we know: from here on it is ours, and gets a stop."""
    state, symbol = trader.state, command.target
    if symbol == state.account.currency:
        _adopt_balance(trader, command)
        return
    position = state.positions.get(symbol)
    if position is None or not position_delta(position):
        trader.notice("StaleCommand", symbol, f"nothing to adopt in {symbol or 'no symbol'}")
        return
    text = f"{symbol}: ours {position.qty:+f}, the venue's {position.venue_qty:+f}: taken over, as {command.by} says"
    _settle(trader, "position", symbol, "adopt", text)
    if f"PositionMismatch/{symbol}" in state.alarms:
        trader.notice("PositionMismatch", symbol, "taken over", over=True)


def _adopt_balance(trader: Trader, command: ev.Command) -> None:
    """A person says that money came or went: the venue's balance is ours now, and no loss or profit."""
    account = trader.state.account
    if "BalanceMismatch/" not in trader.state.alarms or account.venue_wallet is None:
        trader.notice("StaleCommand", "", "the balance does not differ: nothing to take over")
        return
    off = account.venue_wallet - account.wallet
    text = f"balance {off:+.2f} {account.currency}: a transfer, as {command.by} says; now {account.venue_wallet:.2f}"
    _settle(trader, "balance", account.currency, "adopt", text)
    trader.notice("BalanceMismatch", "", "taken over as a transfer", over=True)


def compared(trader: Trader, event: ev.SnapshotTaken) -> None:
    """A reading of the account: of what was taken over as long as that is not settled, else of what we hold."""
    if not trader.state.recovery.open:
        reconcile.compared(trader, event)
    elif event.complete:
        watch(trader)


def watch(trader: Trader) -> None:
    """Once a second until it is done: ask what must be asked, and settle when nothing is on its way any more."""
    state = trader.state
    if not state.snapshot_t:
        _read(trader, "taking over the account")
        return
    late = state.t - state.snapshot_t >= PATIENCE_NS or state.t - state.recovery.began_t >= 3 * PATIENCE_NS
    pending = [order for order in _carried(state) if _unclear(state, order)]
    if pending and not late:
        _ask(trader, pending)
        return
    moving = [p for p in state.positions.values() if p.changed_t > state.snapshot_t]
    differs = [p for p in state.positions.values() if position_delta(p)]
    read_again = state.snapshot_asked_t - state.recovery.began_t >= 2 * SETTLE_NS
    if not late and (moving or (differs and not read_again)):
        _read(trader, "fills are on their way")
        return
    _finish(trader)


def _read(trader: Trader, why: str) -> None:
    state = trader.state
    private, rest = state.links.get("private"), state.links.get("rest")
    alone = state.t - state.recovery.began_t >= REST_ALONE_NS and rest is not None and rest.state == "up"
    up = private is not None and private.state == "up"
    if (up or alone) and state.t - state.snapshot_asked_t >= (SETTLE_NS if state.snapshot_t else 2 * SETTLE_NS):
        trader.decide(ev.SnapshotAsked(state.t, why))


def _carried(state: State) -> list[Order]:
    return [state.orders[client_id] for client_id in state.recovery.orders if client_id in state.open_orders]


def _unclear(state: State, order: Order) -> bool:
    """Without a word of the venue since the start, or ended there while its fills are still to come."""
    return order.status in ("SUBMITTED", "UNKNOWN") or order.seen_t < state.recovery.began_t or bool(order.ending)


def _ask(trader: Trader, orders: list[Order]) -> None:
    wait = int(trader.profile.trading.unknown_retry_s * SECOND_NS)
    for order in orders:
        if trader.state.t - order.query_t >= wait:
            trader.decide(ev.QuerySent(trader.state.t, order.client_id, "taking over the account"))


# --- what was found ---------------------------------------------------------------------------------------------------


def _finish(trader: Trader) -> None:
    state = trader.state
    for client_id, before in state.recovery.orders.items():
        _order(trader, state.orders[client_id], before)
    for symbol in sorted(state.positions):
        _position(trader, state.positions[symbol])
    _balance(trader)
    for order in [o for o in state.orders.values() if o.role == "foreign" and not o.final]:
        _settle(trader, "foreign", order.client_id, "alarm", f"{_words(order)} is not ours: left alone")
    recovery = state.recovery
    trader.decide(ev.Recovered(state.t, recovery.asked, recovery.differences, recovery.unsolved))


def _order(trader: Trader, order: Order, before: str) -> None:
    was = before.partition(" ")[0]
    if f"{order.status} {order.filled:f}" == before and was != "UNKNOWN":
        return
    if order.status in ("SUBMITTED", "UNKNOWN"):
        text = f"{_words(order)}: the venue gave no answer; counted as filled until it does"
        _settle(trader, "order", order.client_id, "alarm", text)
    elif order.status == "REJECTED":
        text = f"{_words(order)} never reached the venue: closed, it is not sent again"
        _settle(trader, "order", order.client_id, "close", text)
    else:
        at = f" at {order.avg_price:f}" if order.avg_price is not None and order.filled else ""
        now = f"{order.status.lower().replace('_', ' ')}, {order.filled:f} filled{at}"
        text = f"{_words(order)} was {was.lower().replace('_', ' ')}: {now}"
        _settle(trader, "order", order.client_id, "adopt", text)


def _position(trader: Trader, position: Position) -> None:
    state, symbol = trader.state, position.symbol
    if position.qty and symbol not in trader.profile.symbols:
        text = f"{position.qty:+f} {symbol} is held and is none of this profile's symbols: nobody watches it"
        _settle(trader, "foreign", symbol, "alarm", text)
        return
    was, delta = Decimal(state.recovery.positions.get(symbol, "0")), position_delta(position)
    if not delta:
        if position.qty != was:
            why = _explained(state, position)
            _settle(trader, "position", symbol, "adopt", f"{symbol} was {was:+f}, is {position.qty:+f}: {why}")
        return
    told = position.venue_qty or ZERO
    if position.qty * told >= 0 and abs(told) < abs(position.qty):
        text = (
            f"{symbol}: ours {position.qty:+f}, the venue's {told:+f}, and no fill says why: the venue's word is taken"
        )
        _settle(trader, "position", symbol, "adopt", text)
        return
    text = f"{symbol}: ours {position.qty:+f}, the venue's {told:+f}: {delta:+f} is foreign and left alone"
    if f"PositionMismatch/{symbol}" not in state.alarms:
        trader.notice("PositionMismatch", symbol, f"ours {position.qty:+f}, venue {told:+f}")
    _settle(trader, "foreign", symbol, "alarm", text)


def _explained(state: State, position: Position) -> str:
    trades = [trade for trade in state.trades if trade.symbol == position.symbol]
    if trades and not position.qty:
        return f"closed by {trades[-1].exit_why} at {trades[-1].exit:f}, {trades[-1].pnl:+.2f}"
    return f"{sum(fill.symbol == position.symbol for fill in state.fills)} fill(s)"


def _balance(trader: Trader) -> None:
    account = trader.state.account
    if account.venue_wallet is None or any(position_delta(p) for p in trader.state.positions.values()):
        return
    off = account.venue_wallet - account.wallet
    if abs(off) > reconcile.WALLET_TOLERANCE:
        sums = f"ours {account.wallet:.2f}, the venue's {account.venue_wallet:.2f} {account.currency}"
        text = f"balance: {sums}: {off:+.2f} is taken over (funding, transfers or trades outside)"
        _settle(trader, "balance", account.currency, "adopt", text)


def _settle(
    trader: Trader,
    what: Literal["order", "position", "balance", "foreign", "record"],
    target: str,
    action: Action,
    text: str,
) -> None:
    trader.decide(ev.Settled(trader.state.t, what, target, action, text))


def _words(order: Order) -> str:
    at = "market" if order.price is None else f"{order.price:f}"
    return f"{order.side} {order.qty:f} {order.symbol} at {at}"
