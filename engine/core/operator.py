"""What a person's commands do. One row an action; whatever cannot be done is a notice, never silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.core.exposure import to_close, working_orders
from engine.core.risk import Breach
from engine.model import events as ev
from engine.model.orders import Order

if TYPE_CHECKING:
    from engine.core.trader import Trader

CANCEL_AGAIN_NS = 3_000_000_000


def obey(trader: Trader, command: ev.Command) -> None:
    _ACTIONS[command.action](trader, command)


def _approve(trader: Trader, c: ev.Command) -> None:
    trader.approve(c.target, c.text, c.by)


def _decline(trader: Trader, c: ev.Command) -> None:
    order = trader.state.orders.get(c.target)
    if c.target not in trader.state.approvals or order is None:
        trader.notice("StaleCommand", "", f"nothing waits for approval under {c.target or 'that key'}")
        return
    trader.close_approval(order, "declined", c.by, Breach("approval_declined", "yes", "no", f"declined by {c.by}"))


def _pause(trader: Trader, c: ev.Command) -> None:
    state = trader.state
    if state.trading in ("HALTED", "SAFE") or (state.trading == "PAUSED" and c.by == "key"):
        trader.notice("StaleCommand", "", f"already {state.trading}")
        return
    why = c.text or "no new entries; exits and stops go on"
    trader.decide(ev.TradingChanged(trader.state.t, "PAUSED", why, c.by))
    trader.drop_approvals(Breach("paused", "ACTIVE", "PAUSED", f"trading was paused: {why}"), c.by)


def _resume(trader: Trader, c: ev.Command) -> None:
    if trader.state.trading in ("HALTED", "SAFE"):
        trader.notice("StaleCommand", "", f"{trader.state.trading} is ended by re-arming, with a reason")
        return
    if trader.state.trading == "ACTIVE":
        trader.notice("StaleCommand", "", "already ACTIVE: losses in a row and repeats are counted anew")
        return
    trader.decide(ev.TradingChanged(trader.state.t, "ACTIVE", c.text or "resumed", c.by))


def _kill(trader: Trader, c: ev.Command) -> None:
    """Shut the gate first, then cancel every entry that works. Pressing again cancels again.

    Orders on their way out of a position go on, as do protective stops: the kill switch never keeps anyone in.
    """
    halt(trader, c.text or "kill switch", c.by)


def halt(trader: Trader, why: str, by: str) -> None:
    if trader.state.trading != "HALTED":
        trader.decide(ev.TradingChanged(trader.state.t, "HALTED", why, by))
    trader.cancel(_entries(trader), "kill")
    trader.drop_approvals(Breach("halted", "off", "on", f"the kill switch is on: {why}"), by)


def _rearm(trader: Trader, c: ev.Command) -> None:
    reason = c.text.strip()
    if trader.state.trading not in ("HALTED", "SAFE"):
        trader.notice("StaleCommand", "", f"nothing to re-arm: trading is {trader.state.trading}")
    elif len(reason) < 3:
        trader.notice("StaleCommand", "", "re-arming needs a typed reason")
    else:
        trader.decide(ev.TradingChanged(trader.state.t, "ACTIVE", f"re-armed: {reason}", c.by))
        start_links(trader)


def start_links(trader: Trader) -> None:
    """Links that gave up do not try again by themselves; until they are up, the gate refuses."""
    given_up = [name for name, link in sorted(trader.state.links.items()) if link.state == "failed"]
    if given_up:
        trader.decide(ev.LinksAsked(trader.state.t, f"{', '.join(given_up)} had given up"))


def _cancel(trader: Trader, c: ev.Command) -> None:
    order = trader.state.orders.get(c.target)
    if order is None or order.final or (not order.sent_t and order.role != "foreign"):
        trader.notice("StaleCommand", "", f"{c.target or 'no order'} is not working")
        return
    trader.cancel([order], f"by {c.by}")


def _cancel_entries(trader: Trader, c: ev.Command) -> None:
    trader.cancel(_entries(trader), c.text or f"by {c.by}")


def _close(trader: Trader, c: ev.Command) -> None:
    if not to_close(trader.state, c.target):
        trader.notice("StaleCommand", c.target, f"no position in {c.target or 'that symbol'}")
        return
    if not trader.reduce(c.target, f"closed by {c.by}"):
        trader.notice("StaleCommand", c.target, f"an order that closes {c.target} is already on its way")


def _flatten(trader: Trader, c: ev.Command) -> None:
    """Cancel what works, then close every position, reduce-only. It stops new entries too, or they would be opened again."""
    if trader.state.trading == "ACTIVE":
        trader.decide(ev.TradingChanged(trader.state.t, "PAUSED", "flattened", c.by))
        trader.drop_approvals(Breach("paused", "ACTIVE", "PAUSED", "everything is being closed"), c.by)
    trader.cancel(_entries(trader), "flatten")
    for symbol in sorted(trader.state.positions):
        trader.reduce(symbol, f"flattened by {c.by}")


def _compare(trader: Trader, c: ev.Command) -> None:
    trader.decide(ev.SnapshotAsked(trader.state.t, f"asked by {c.by}"))


_ACTIONS: dict[str, Callable[[Trader, ev.Command], None]] = {
    "approve": _approve,
    "decline": _decline,
    "pause": _pause,
    "resume": _resume,
    "kill": _kill,
    "rearm": _rearm,
    "cancel": _cancel,
    "cancel_entries": _cancel_entries,
    "close": _close,
    "flatten": _flatten,
    "compare": _compare,
}


def _entries(trader: Trader) -> list[Order]:
    """Working orders of ours, without the ones that only lead out of a position."""
    return [order for order in working_orders(trader.state) if order.sent_t and not order.reduce_only]


def insist(trader: Trader) -> None:
    """While the kill switch is on, a cancel that has not taken effect is sent again."""
    if trader.state.trading != "HALTED":
        return
    now = trader.state.t
    late = [o for o in _entries(trader) if not o.ending and now - o.cancel_sent_t >= CANCEL_AGAIN_NS]
    trader.cancel(late, "kill: still working")
