"""Matching of participants' orders against levels and prints."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.sim.matching import Book, by_priority, crosses, match_book, match_print, walk
from engine.sim.orders import Order
from engine.sim.source import Print
from engine.sim.spec import pair_for

PAIR = pair_for("BTCUSDT", 0.1)
D = Decimal
FAR = D(1_000_000)


def book() -> Book:
    return Book(PAIR, [(99.9, 1.0), (99.8, 2.0)], [(100.0, 1.0), (100.1, 2.0)])


def order(side: str, price: str, qty: str = "1", number: int = 1, queue: str = "0") -> Order:
    return Order(
        order_id=str(number),
        client_id="",
        symbol="BTCUSDT",
        side=side,
        buys=side == "BUY",
        kind="LIMIT",
        effect="GTC",
        qty=D(qty),
        price=D(price),
        slot="NET",
        reduce_only=False,
        position_mode="ONE_WAY",
        margin_mode="CROSS",
        leverage=20,
        queue=D(queue),
    )


def test_an_order_takes_level_after_level_up_to_its_limit() -> None:
    assert walk(book(), True, D("2.5"), D("100.1")) == [(D("100.0"), D(1)), (D("100.1"), D("1.5"))]
    assert walk(book(), True, D("2.5"), D("100.0")) == [(D("100.0"), D(1))]
    assert walk(book(), True, D("2.5"), D("99.9")) == []


def test_a_sell_takes_bids_downwards() -> None:
    assert walk(book(), False, D(2), D("99.8")) == [(D("99.9"), D(1)), (D("99.8"), D(1))]


def test_a_large_order_pays_worse_prices_beyond_the_visible_book() -> None:
    takes = walk(book(), True, D(7), FAR)
    assert takes == [(D("100.0"), D(1)), (D("100.1"), D(2)), (D("100.2"), D(3)), (D("100.3"), D(1))]


def test_a_large_order_stops_at_its_protection() -> None:
    assert sum(take.qty for take in walk(book(), True, D(100), D("100.2"))) == D(6)


def test_what_was_taken_is_gone_for_a_second_of_market_time() -> None:
    shown = book()
    shown.consume(True, walk(shown, True, D("1.5"), FAR))
    assert shown.asks == [(D("100.1"), D("1.5"))]
    assert shown.bids == book().bids
    bids, asks = [(99.9, 1.0)], [(100.0, 1.2), (100.1, 2.0)]
    soon = Book(PAIR, bids, asks, 999, shown.eaten)
    assert soon.asks == [(D("100.0"), D("0.2")), (D("100.1"), D("1.5"))]
    assert soon.bids == [(D("99.9"), D(1))]
    assert Book(PAIR, bids, asks, 1000, shown.eaten).asks == [(D("100.0"), D("1.2")), (D("100.1"), D(2))]


def test_behind_an_eaten_book_there_still_is_a_price() -> None:
    shown = book()
    shown.consume(True, walk(shown, True, D(3), FAR))
    assert shown.asks == []
    assert walk(shown, True, D(1), FAR) == [(D("100.2"), D(1))]


def test_an_empty_book_gives_nothing() -> None:
    assert walk(Book(PAIR, [], []), True, D(1), FAR) == []


def test_a_print_through_the_price_fills_wholly() -> None:
    resting = order("BUY", "99.5", qty="3", queue="50")
    assert match_print(PAIR, [resting], Print(0, 99.4, 0.1, "SELL")) == [(resting, D("99.5"), D(3))]


def test_a_print_at_the_price_first_eats_the_queue_ahead() -> None:
    resting = order("BUY", "99.5", qty="3", queue="1")
    assert match_print(PAIR, [resting], Print(0, 99.5, 0.6, "SELL")) == []
    assert match_print(PAIR, [resting], Print(0, 99.5, 1.4, "SELL")) == [(resting, D("99.5"), D("1.0"))]


def test_a_print_by_a_taker_of_the_own_side_fills_nothing() -> None:
    assert match_print(PAIR, [order("BUY", "99.5")], Print(0, 99.5, 5.0, "BUY")) == []
    assert match_print(PAIR, [order("SELL", "100.5")], Print(0, 100.5, 5.0, "SELL")) == []


def test_the_volume_of_one_print_is_shared_by_priority() -> None:
    first, second, better = (
        order("BUY", "99.5", number=1),
        order("BUY", "99.5", number=2),
        order("BUY", "99.6", number=3),
    )
    ranked = by_priority([second, first, better])
    assert [o.order_id for o in ranked] == ["3", "1", "2"]
    matches = match_print(PAIR, ranked, Print(0, 99.5, 1.5, "SELL"))
    assert [(m.order.order_id, m.qty) for m in matches] == [("3", D(1)), ("1", D(1)), ("2", D("0.5"))]


def test_a_crossing_book_fills_a_resting_order_at_its_own_price_by_what_it_offers() -> None:
    shown = book()
    resting = order("BUY", "100.0", qty="3")
    assert crosses(shown, resting)
    assert match_book(shown, [resting]) == [(resting, D("100.0"), D(1))]
    assert shown.asks == [(D("100.1"), D(2))]


def test_the_queue_ahead_shrinks_with_the_visible_level() -> None:
    resting = order("BUY", "99.9", queue="5")
    match_book(book(), [resting])
    assert resting.queue == D(1)


@given(
    qty=st.integers(1, 2_000_000),
    buys=st.booleans(),
    limit=st.integers(900, 1_100),
    sizes=st.lists(st.integers(1, 30_000), min_size=1, max_size=15),
)
def test_a_walk_never_exceeds_quantity_or_limit_and_worsens_monotonically(
    qty: int, buys: bool, limit: int, sizes: list[int]
) -> None:
    levels = [(100.0 + (0.1 if buys else -0.1) * i, size / 10_000) for i, size in enumerate(sizes)]
    shown = Book(PAIR, [] if buys else levels, levels if buys else [])
    edge = D(limit) / 10
    takes = walk(shown, buys, D(qty) / 10_000, edge)
    prices = [take.price for take in takes]
    assert sum(take.qty for take in takes) <= D(qty) / 10_000
    assert all(take.qty > 0 for take in takes)
    assert all(price <= edge if buys else price >= edge for price in prices)
    assert prices == sorted(prices, reverse=not buys)
