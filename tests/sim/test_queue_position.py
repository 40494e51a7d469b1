"""Where a limit order stands in the queue: nobody is served before those who came first, unless the price goes through."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.model import events as ev
from engine.model.fill_settings import FillModel
from engine.model.market import Instrument
from engine.model.orders import Order
from engine.sim.paper import PaperVenue

D = Decimal
SYMBOL = "BTCUSDT"
COINS = Instrument(
    SYMBOL, "BTC", "USDT", D("0.1"), D("0.001"), D("0.001"), D(1000), D(120), D(0), 100, D("0.0002"), D("0.0006")
)
BID, ASK = 100.0, 100.4
AHEAD = 5.0
sizes = st.integers(1, 4_000).map(lambda n: n / 1_000)


class Queue:
    """A buyer of 2 at the best bid, behind what stands there."""

    def __init__(self, price: str = "100.0", ahead: float = AHEAD, **model: Any) -> None:
        self.venue = PaperVenue([COINS], FillModel(**model), D(100_000), by="ticks")
        self.t = 0
        self.book(ahead)
        order = Order(client_id="a", symbol=SYMBOL, side="BUY", kind="LIMIT", qty=D(2), price=D(price))
        self.venue.submit(order, self.t)

    @property
    def filled(self) -> Decimal:
        working = self.venue.desks[SYMBOL].orders.get("a")
        return D(2) if working is None else D(2) - working.left

    def book(self, size: float, bid: float = BID, ask: float = ASK) -> None:
        self.t += 1_000_000
        bids, asks = [(bid, size), (bid - 0.2, 9.0)], [(ask, 9.0), (ask + 0.2, 9.0)]
        self.venue.tick(ev.BookTick(self.t, SYMBOL, bids, asks, self.t))

    def print(self, price: float, qty: float, side: Any = "SELL") -> None:
        self.t += 1_000_000
        self.venue.tick(ev.TradeTick(self.t, SYMBOL, price, qty, side, self.t))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("sold"), sizes), st.tuples(st.just("bought"), sizes), st.tuples(st.just("book"), sizes)
        )
    )
)
def test_a_limit_fills_by_exactly_what_trades_beyond_the_queue_ahead(moves: list[tuple[str, float]]) -> None:
    """Books in which the level only grows say nothing of those who stand before us; takers of our own side do not reach us."""
    queue, sold = Queue(), D(0)
    for kind, qty in moves:
        if kind == "sold":
            queue.print(BID, qty)
            sold += D(repr(qty))
        elif kind == "bought":
            queue.print(BID, qty, "BUY")
        else:
            queue.book(AHEAD + qty)
        assert queue.filled == max(D(0), min(D(2), sold - D(repr(AHEAD))))


@given(st.lists(st.tuples(st.booleans(), sizes), max_size=12))
def test_others_who_cancel_are_thought_to_stand_behind_us_until_the_level_shows_less(
    moves: list[tuple[bool, float]],
) -> None:
    queue, ahead, over = Queue(), D(repr(AHEAD)), D(0)
    for prints, qty in moves:
        size = D(repr(qty))
        if prints:
            queue.print(BID, qty)
            over += max(D(0), size - ahead)
            ahead = max(D(0), ahead - size)
        else:
            queue.book(qty)
            ahead = min(ahead, size)
        assert queue.filled == min(D(2), over)


def test_a_price_that_goes_through_fills_whoever_waits() -> None:
    queue = Queue()
    queue.print(BID - 0.1, 0.001)
    assert queue.filled == 2


def test_a_book_that_crosses_fills_what_it_offers() -> None:
    queue = Queue()
    queue.book(1.0, bid=99.6, ask=100.0)
    assert queue.filled == 2


def test_beyond_the_visible_book_the_queue_is_unknown_until_it_is_seen() -> None:
    queue = Queue(price="99.0")
    queue.print(99.0, 1_000.0)
    assert queue.filled == 0
    queue.book(3.0, bid=99.0, ask=99.4)
    queue.print(99.0, 3.5)
    assert queue.filled == D("0.5")


def test_between_visible_levels_nobody_waits() -> None:
    queue = Queue(price="99.9")
    queue.print(99.9, 0.25)
    assert queue.filled == D("0.25")


def test_a_fixed_spread_is_paid_even_where_the_book_is_narrower() -> None:
    """Half of 100 bp of the middle, 100.2, and on the tick that is worse; a wider book counts as it is."""
    narrow, wide = Queue(spread="fixed", spread_bps=100.0), Queue(spread="book", spread_bps=100.0)
    for queue, paid in ((narrow, "100.8"), (wide, "100.4")):
        said = queue.venue.submit(Order(client_id="b", symbol=SYMBOL, side="BUY", kind="MARKET", qty=D(1)), queue.t)
        assert [str(e.fill.price) for e in said if isinstance(e, ev.FillReport)] == [paid]
