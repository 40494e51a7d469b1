"""The worst case: all that may still fill does, on the side where it hurts; what has no answer counts like what has one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.exposure import (
    SETTLE_NS,
    at_risk,
    closing,
    exposure,
    order_risk,
    to_close,
    working_orders,
    worst_position,
)
from engine.model.orders import AT_VENUE, Order, Position
from engine.model.state import Market, State

NOW = 100 * SETTLE_NS
OPEN = sorted(AT_VENUE)
NOT_OUT = ["PROPOSED", "AWAITING_APPROVAL", "FILLED", "REJECTED", "DENIED", "CANCELLED", "EXPIRED"]


def order(client_id: str = "a", side: str = "BUY", qty: str = "1", **changes: Any) -> Order:
    values: dict[str, Any] = {"symbol": "X", "kind": "LIMIT", "status": "ACCEPTED", "sent_t": 1, **changes}
    return Order(client_id=client_id, side=side, qty=Decimal(qty), **values)  # type: ignore[arg-type]


def position(qty: str, told: str | None = None, symbol: str = "X", **changes: Any) -> Position:
    return Position(symbol=symbol, qty=Decimal(qty), venue_qty=None if told is None else Decimal(told), **changes)


def state(*found: Order | Position, **marks: float) -> State:
    orders = {o.client_id: o for o in found if isinstance(o, Order)}
    held = {p.symbol: p for p in found if isinstance(p, Position)}
    markets = {name: Market(name, mark=mark) for name, mark in {"X": 100.0, **marks}.items()}
    return State(t=NOW, orders=orders, open_orders=dict.fromkeys(orders, 1), positions=held, markets=markets)


def worst(*found: Order | Position, extra: Order | None = None) -> Decimal:
    return worst_position(state(*found), "X", extra)


# --- what may still fill ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "counts"), [*((s, True) for s in OPEN), *((s, False) for s in NOT_OUT)])
def test_an_order_counts_from_when_it_is_sent_until_it_is_over(status: Any, counts: bool) -> None:
    one = order(status=status)
    assert working_orders(state(one)) == ([one] if counts else [])
    assert worst(one) == (1 if counts else 0)


def test_working_orders_come_oldest_first_and_of_one_symbol_if_asked() -> None:
    a, b, c = order("a"), order("b", symbol="Y"), order("c")
    assert working_orders(state(a, b, c)) == [a, b, c]
    assert working_orders(state(a, b, c), "X") == [a, c]
    assert working_orders(state(a, b, c), "Y") == [b]


@pytest.mark.parametrize("status", OPEN)
@pytest.mark.parametrize(
    ("held", "bought", "sold", "reached"),
    [("0", "1", "0", "1"), ("0", "1", "3", "3"), ("2", "1", "0", "3"), ("2", "1", "1", "3"), ("-2", "1", "0", "2"),
     ("-2", "1", "1", "3"), ("2", "0", "1", "2"), ("2", "0", "5", "3"), ("-2", "5", "0", "3")],
)  # fmt: skip
def test_the_worst_position_is_that_of_one_side_filling_alone(
    status: Any, held: str, bought: str, sold: str, reached: str
) -> None:
    found = [position(held), order("b", "BUY", bought, status=status), order("s", "SELL", sold, status=status)]
    assert worst(*found) == Decimal(reached)


def test_orders_of_one_side_add_up_and_what_is_filled_of_them_counts_once() -> None:
    buys = [order("a", qty="1"), order("b", qty="2", filled=Decimal("0.5"), status="PARTIALLY_FILLED")]
    assert worst(*buys, position("0.5")) == Decimal("3.0")
    sells = [order("a", "SELL", "1"), order("b", "SELL", "2", filled=Decimal("0.5"))]
    assert worst(*sells, position("-0.5")) == Decimal("3.0")


def test_other_symbols_and_ways_out_add_nothing() -> None:
    assert worst(order(symbol="Y"), order("b", reduce_only=True), order("c", "SELL", reduce_only=True)) == 0


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_the_order_in_question_counts_as_sent_but_only_once(side: str) -> None:
    asked = order("new", side, "2", status="PROPOSED")
    assert worst(extra=asked) == 2
    assert worst(order("a", side), extra=asked) == 3
    sent = order("new", side, "2", status="SUBMITTED")
    assert worst(sent, extra=sent) == 2
    assert worst(sent, extra=order("new", side, "2", status="PROPOSED")) == 2
    assert worst(order("a", side), sent, order("z", side), extra=sent) == 4


def test_an_order_in_question_that_only_reduces_or_is_of_another_symbol_adds_nothing() -> None:
    assert worst(position("1"), extra=order("new", "SELL", "5", reduce_only=True)) == 1
    assert worst(position("1"), extra=order("new", "BUY", "5", symbol="Y")) == 1


@pytest.mark.parametrize(
    ("ours", "told", "reached"),
    [("1", "3", "4"), ("3", "1", "4"), ("1", "-3", "3"), ("-3", "1", "3"), ("1", "1", "2"), ("1", "-5", "5")],
)  # fmt: skip
def test_where_we_and_the_venue_differ_the_worse_counts(ours: str, told: str, reached: str) -> None:
    assert worst(position(ours, told), order()) == Decimal(reached)
    assert worst(position(f"{-Decimal(ours)}", f"{-Decimal(told)}"), order("s", "SELL")) == Decimal(reached)


def test_who_has_the_working_orders_already_may_give_them() -> None:
    one = state(order())
    assert worst_position(one, "X", None, []) == 0
    assert worst_position(State(), "X", None, [order(qty="7")]) == 7


signed = st.integers(-50, 50).map(lambda n: Decimal(n) / 10)


@given(signed, st.lists(st.tuples(signed, st.sampled_from(OPEN), st.booleans()), max_size=8))
def test_no_way_of_filling_leads_beyond_the_worst_position(
    held: Decimal, rows: list[tuple[Decimal, str, bool]]
) -> None:
    orders = [
        order(str(n), "BUY" if qty > 0 else "SELL", f"{abs(qty)}", status=status)
        for n, (qty, status, _) in enumerate(rows)
    ]
    reached = held + sum((qty for qty, _, fills in rows if fills), Decimal(0))
    assert abs(reached) <= worst(position(str(held)), *orders)


# --- getting out -----------------------------------------------------------------------------------------------------


def test_what_there_is_to_close_is_ours_or_else_what_the_venue_says_for_long_enough() -> None:
    assert to_close(state(), "X") == 0
    assert to_close(state(position("2", "5", changed_t=0)), "X") == 2
    assert to_close(state(position("0", "-5", changed_t=NOW - SETTLE_NS)), "X") == -5
    assert to_close(state(position("0", "-5", changed_t=NOW - SETTLE_NS + 1)), "X") == 0
    assert to_close(state(position("0", None, changed_t=0)), "X") == 0
    assert SETTLE_NS == 3_000_000_000


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"reduce_only": False}, False),
        ({"sent_t": 0}, False),
        ({"side": "BUY"}, False),
        ({"status": "UNKNOWN"}, False),
        ({"status": "CANCELLED"}, False),
        ({"cancel_sent_t": 5}, False),
        ({"symbol": "Y"}, False),
    ],
)
def test_only_a_way_out_that_can_be_counted_on_is_counted(changes: dict[str, Any], counts: bool) -> None:
    one = state(order(**{"side": "SELL", "reduce_only": True, **changes}))
    assert closing(one, "X", "SELL") == (1 if counts else 0)


def test_ways_out_add_up_by_what_is_left_of_them() -> None:
    a = order("a", "SELL", "3", reduce_only=True, filled=Decimal(1))
    assert closing(state(a, order("b", "SELL", "4", reduce_only=True)), "X", "SELL") == 6
    assert closing(state(), "X", "SELL") == 0


# --- money -----------------------------------------------------------------------------------------------------------


def test_exposure_is_every_symbols_worst_case_at_its_mark() -> None:
    found = state(position("-2"), order("y", qty="3", symbol="Y"), Y=10.0)
    assert exposure(found) == 2 * 100.0 + 3 * 10.0
    asked = order("new", "SELL", "4", symbol="Z", status="PROPOSED")
    found.markets["Z"] = Market("Z", mark=1_000.0)
    assert exposure(found, asked) == 230.0 + 4_000.0


def test_without_a_mark_the_last_price_counts_and_without_a_market_nothing_can() -> None:
    found = state(position("2"))
    found.markets["X"] = Market("X", last=90.0)
    assert exposure(found) == 180.0
    found.markets["X"] = Market("X", last=90.0, mark=95.0)
    assert exposure(found) == 190.0
    del found.markets["X"]
    assert exposure(found) == 0.0
    assert exposure(State()) == 0.0


def test_symbols_are_added_up_in_the_order_of_their_names_so_that_the_last_digit_is_always_the_same() -> None:
    names = [f"S{number:03}" for number in range(200)]
    found = state(*(position("1", symbol=name) for name in reversed(names)), **dict.fromkeys(names, 1.0))
    found.markets["S000"].mark = 1e16
    assert exposure(found) == 1e16  # in any other order the ones would show


@pytest.mark.parametrize(("price", "worth"), [("90", 200.0), ("100", 200.0), ("110", 220.0)])
def test_the_order_in_question_counts_at_its_limit_if_that_is_higher(price: str, worth: float) -> None:
    asked = order("new", qty="2", price=Decimal(price), status="PROPOSED")
    assert exposure(state(), asked) == worth
    assert exposure(state(position("1", symbol="Y"), Y=7.0), asked) == worth + 7.0


def test_who_has_orders_and_the_worst_position_already_may_give_them() -> None:
    asked = order("new", qty="2", status="PROPOSED")
    found = state(order("a"), position("1", symbol="Y"), Y=7.0)
    assert exposure(found, asked) == 307.0
    assert exposure(found, asked, []) == 207.0
    assert exposure(found, asked, None, Decimal(9)) == 907.0


@pytest.mark.parametrize(
    ("one", "price", "cost"),
    [
        (order(qty="2", stop=Decimal(90)), 100.0, 20.0),
        (order(side="SELL", qty="2", stop=Decimal(115)), 100.0, 30.0),
        (order(qty="2", stop=Decimal(90), filled=Decimal("1.5")), 100.0, 5.0),
        (order(qty="2"), 100.0, 200.0),
        (order(qty="2", stop=Decimal(101)), 100.0, 0.0),
        (order(qty="2", stop=Decimal("99.5")), 100.0, 1.0),
        (order(qty="2", reduce_only=True), 100.0, 0.0),
    ],
)
def test_an_order_risks_the_way_to_its_stop_or_all_that_it_is_worth(one: Order, price: float, cost: float) -> None:
    assert order_risk(one, price) == cost


def test_at_risk_is_every_stop_together() -> None:
    held = position("2", stop=Decimal(95))  # 10 from a mark of 100
    limit = order("a", qty="1", price=Decimal(98), stop=Decimal(95))  # 3
    market = order("b", qty="1", kind="MARKET", reference=99.0, stop=Decimal(95))  # 4
    assert at_risk(state()) == 0.0
    assert at_risk(state(held)) == 10.0
    assert at_risk(state(held, limit)) == 13.0
    assert at_risk(state(held, limit, market)) == 17.0
    asked = order("new", qty="1", stop=Decimal(95), status="PROPOSED")
    assert at_risk(state(held, limit, market), asked, 101.0) == 23.0
    assert at_risk(state(held, limit, market), asked) == 17.0
    assert at_risk(state(held, limit, market), asked, 101.0, []) == 16.0


def test_the_order_in_question_is_not_at_risk_twice() -> None:
    sent = order("new", qty="1", price=Decimal(98), stop=Decimal(95), status="SUBMITTED")
    other = order("a", qty="1", price=Decimal(97), stop=Decimal(95))
    assert at_risk(state(sent, other), sent, 98.0) == 5.0
