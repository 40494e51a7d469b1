"""The simulated venue on ticks: what paper trading and what-if runs feed it, and what it answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from backtest_kit import COINS, SYMBOL, T0

from engine.core.trader import Trader
from engine.model import events as ev
from engine.model.fill_settings import FillModel
from engine.model.orders import Order
from engine.model.state import State
from engine.sim.paper import PaperVenue

D = Decimal
MS = 1_000_000


def order(side: Any = "BUY", qty: str = "1", price: str | None = None, name: str = "a", **more: Any) -> Order:
    return Order(
        client_id=name,
        symbol=SYMBOL,
        side=side,
        kind="MARKET" if price is None else "LIMIT",
        qty=D(qty),
        price=None if price is None else D(price),
        **more,
    )


class Stall:
    """A venue with a book, and what it said."""

    def __init__(self, **model: Any) -> None:
        self.venue = PaperVenue([COINS], FillModel(**model), D(100_000), by="ticks", seed=1)
        self.t = T0
        self.book()

    def say(self, event: ev.Event) -> list[ev.Event]:
        return self.venue.tick(event)

    def book(self, bid: float = 999.0, ask: float = 1001.0, size: float = 2.0) -> list[ev.Event]:
        bids, asks = [(bid, size), (bid - 1, size)], [(ask, size), (ask + 1, size)]
        return self.say(ev.BookTick(self.t, SYMBOL, bids, asks, self.t))

    def trade(self, price: float, qty: float, side: Any) -> list[ev.Event]:
        return self.say(ev.TradeTick(self.t, SYMBOL, price, qty, side, self.t))

    def mark(self, price: float) -> list[ev.Event]:
        return self.say(ev.MarkTick(self.t, SYMBOL, price, price, 0.0001, self.t, self.t))

    def send(self, placed: Order) -> list[ev.Event]:
        return self.venue.submit(placed, self.t)


def fills(events: list[ev.Event]) -> list[tuple[str, str, bool]]:
    return [
        (f"{float(e.fill.qty):g}", f"{float(e.fill.price):g}", e.fill.maker)
        for e in events
        if isinstance(e, ev.FillReport)
    ]


def statuses(events: list[ev.Event]) -> list[str]:
    return [f"{e.status} {e.code}".strip() for e in events if isinstance(e, ev.OrderReport)]


def test_a_market_order_walks_the_book_and_pays_its_spread() -> None:
    said = Stall().send(order(qty="3"))
    assert statuses(said) == ["ACCEPTED"]
    assert fills(said) == [("2", "1001", False), ("1", "1002", False)]


def test_a_delayed_order_takes_the_first_book_after_it_is_live() -> None:
    stall = Stall(latency_ms=100.0)
    assert not fills(stall.send(order()))
    stall.t += 99 * MS
    assert not fills(stall.book(1000.0, 1002.0))
    stall.t += 1 * MS
    assert fills(stall.book(1009.0, 1011.0)) == [("1", "1011", False)]


def test_a_limit_waits_behind_what_stood_there_before_it() -> None:
    stall = Stall()
    assert statuses(stall.send(order(price="999"))) == ["ACCEPTED"]
    assert not fills(stall.trade(999.0, 1.5, "SELL"))
    assert not fills(stall.trade(999.0, 5.0, "BUY"))
    assert fills(stall.trade(999.0, 1.0, "SELL")) == [("0.5", "999", True)]
    assert fills(stall.trade(999.0, 9.0, "SELL")) == [("0.5", "999", True)]


def test_a_shrinking_book_moves_the_queue_forward() -> None:
    stall = Stall()
    stall.send(order(price="999"))
    stall.book(size=0.25)
    assert fills(stall.trade(999.0, 1.0, "SELL")) == [("0.75", "999", True)]


def test_a_print_through_a_limit_fills_all_of_it() -> None:
    stall = Stall()
    stall.send(order(price="999"))
    assert fills(stall.trade(998.99, 0.001, "SELL")) == [("1", "999", True)]


def test_a_book_that_crosses_a_limit_fills_what_it_offers() -> None:
    stall = Stall()
    stall.send(order(qty="3", price="999"))
    assert fills(stall.book(995.0, 998.0)) == [("3", "999", True)]


def test_a_crossing_limit_takes_and_the_rest_waits() -> None:
    stall = Stall()
    said = stall.send(order(qty="3", price="1001"))
    assert fills(said) == [("2", "1001", False)]
    assert fills(stall.trade(1000.0, 1.0, "SELL")) == [("1", "1001", True)]


def test_post_only_that_crosses_is_refused_and_ids_are_taken_once() -> None:
    stall = Stall()
    assert statuses(stall.send(order(price="1001", tif="POST_ONLY"))) == ["REJECTED post_only"]
    stall.send(order(name="b"))
    assert statuses(stall.send(order(name="b"))) == ["REJECTED duplicate_order_id"]
    assert statuses(stall.send(order("BUY", name="c", reduce_only=True))) == ["REJECTED reduce_only"]


def test_an_exit_is_cut_to_what_is_held() -> None:
    stall = Stall()
    stall.send(order())
    said = stall.send(order("SELL", qty="2", name="b", reduce_only=True))
    assert fills(said) == [("1", "999", False)]
    assert statuses(said)[-1] == "CANCELLED reduce_only"


def test_the_mark_releases_a_stop_and_the_book_fills_it() -> None:
    stall = Stall()
    stall.mark(1000.0)
    said = stall.send(order(stop=D(990), target=D(1020)))
    assert [e.status for e in said if isinstance(e, ev.StopReport)] == ["NEW"]
    stall.book(980.0, 982.0)
    assert not fills(stall.trade(980.0, 1.0, "SELL"))
    said = stall.mark(989.0)
    assert fills(said) == [("1", "980", False)]
    assert [e.status for e in said if isinstance(e, ev.StopReport)] == ["TRIGGERED"]
    assert [e.qty for e in said if isinstance(e, ev.PositionReport)] == [0]


def test_a_cancel_ends_an_order_and_an_unknown_one_is_refused() -> None:
    stall, state = Stall(), State()
    placed = order(price="999")
    state.orders["a"] = placed
    stall.send(placed)
    said = stall.venue.carry(ev.CancelSent(stall.t, ["a"], "test"), state)
    assert [type(e).__name__ for e in said] == ["CancelReport", "OrderReport"]
    assert statuses(said) == ["CANCELLED"]
    (refused,) = stall.venue.carry(ev.CancelSent(stall.t, ["a"], "test"), state)
    assert isinstance(refused, ev.CancelReport)
    assert refused.ok is False
    assert not fills(stall.trade(900.0, 1.0, "SELL"))


def test_a_stop_can_be_put_and_moved_but_not_to_the_wrong_side() -> None:
    stall, state = Stall(), State()
    stall.mark(1000.0)
    (early,) = stall.venue.carry(ev.ProtectSent(stall.t, SYMBOL, D(990), None, "", "test"), state)
    assert isinstance(early, ev.ProtectReport)
    assert early.code == "no_position"
    stall.send(order())
    said = stall.venue.carry(ev.ProtectSent(stall.t, SYMBOL, D(990), None, "", "test"), state)
    moved = stall.venue.carry(ev.ProtectSent(stall.t, SYMBOL, D(995), None, "", "test"), state)
    ids = [e.stop.stop_id for e in (*said, *moved) if isinstance(e, ev.StopReport)]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    (wrong,) = stall.venue.carry(ev.ProtectSent(stall.t, SYMBOL, D(1001), None, "", "test"), state)
    assert isinstance(wrong, ev.ProtectReport)
    assert wrong.ok is False


def test_what_the_venue_says_keeps_the_traders_books_equal_to_its_own() -> None:
    """Through a trader's fold: position and wallet are what the venue reports, to the digit."""
    from backtest_kit import rules

    stall, trader = Stall(slippage="random", slippage_bps=3.0), Trader(rules(), {})
    for event in stall.venue.hello(stall.t):
        trader.step(event)
    for n in range(40):
        stall.t += 1000 * MS
        stall.book(990.0 + n, 992.0 + n)
        for event in stall.send(order("BUY" if n % 3 else "SELL", qty=f"0.{n % 7 + 1}", name=f"o{n}")):
            trader.step(event)
    state, desk = trader.state, stall.venue.desks[SYMBOL]
    position = state.positions[SYMBOL]
    assert position.qty == position.venue_qty == desk.qty
    assert state.account.wallet == state.account.venue_wallet
    assert desk.cash == state.account.wallet - (position.cost if position.qty > 0 else -position.cost)
