"""What may follow what in the life of an order, what a person is shown of it, and how its numbers come on the venue's steps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest
from desk import INSTRUMENT, SYMBOL
from hypothesis import given
from hypothesis import strategies as st

from engine.core.orders import (
    MOST_PIECES,
    TRANSITIONS,
    entry_price,
    from_intent,
    may_become,
    on_step,
    on_tick,
    on_ticks,
    pieces,
    reducing,
    sensible,
    terms,
    working,
)
from engine.model.orders import FINAL, Intent, Order, OrderStatus

FILLS = {"PARTIALLY_FILLED", "FILLED"}
ENDS = {*FILLS, "CANCELLED", "EXPIRED"}
MAY_FOLLOW = {
    "PROPOSED": {"AWAITING_APPROVAL", "SUBMITTED", "DENIED"},
    "AWAITING_APPROVAL": {"SUBMITTED", "DENIED"},
    "SUBMITTED": {*ENDS, "ACCEPTED", "REJECTED", "UNKNOWN"},
    "UNKNOWN": {*ENDS, "ACCEPTED", "REJECTED"},
    "ACCEPTED": {*ENDS, "REJECTED"},
    "PARTIALLY_FILLED": ENDS,
    "FILLED": set(),
    "CANCELLED": FILLS,
    "EXPIRED": FILLS,
    "REJECTED": {*FILLS, "ACCEPTED"},
    "DENIED": set(),
}


def order(**changes: Any) -> Order:
    values: dict[str, Any] = {
        "client_id": "c-1",
        "symbol": SYMBOL,
        "side": "BUY",
        "kind": "LIMIT",
        "qty": Decimal("0.10"),
    }
    return Order(**{**values, "price": Decimal("60000.0"), **changes})


def intent(**changes: Any) -> Intent:
    return Intent(**{"side": "BUY", "stop": 59_000.0, **changes})


# --- the life of an order --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", get_args(OrderStatus))
def test_what_may_follow(status: Any) -> None:
    one = order(status=status)
    assert {other for other in get_args(OrderStatus) if may_become(one, other)} == MAY_FOLLOW[status]
    assert set(TRANSITIONS) == set(get_args(OrderStatus))


def test_what_we_denied_never_comes_back_and_what_is_final_can_only_have_filled_after_all() -> None:
    for status in FINAL - {"DENIED", "FILLED"}:
        assert TRANSITIONS[status] <= {*FILLS, "ACCEPTED"}
    assert not TRANSITIONS["DENIED"] | TRANSITIONS["FILLED"]


@pytest.mark.parametrize("status", get_args(OrderStatus))
def test_an_order_works_from_when_it_is_sent_until_it_is_over(status: Any) -> None:
    works = status in {"SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED", "UNKNOWN"}
    assert working(order(status=status)) == works


# --- what a person approves ------------------------------------------------------------------------------------------


def test_the_terms_are_one_line_with_everything_that_matters() -> None:
    full = order(stop=Decimal(59_000), target=Decimal("62000.50"), tif="POST_ONLY")
    assert terms(full) == "c-1 BUY LIMIT BTCUSDT 0.10 60000.0 59000 62000.50 POST_ONLY"
    bare = order(kind="MARKET", price=None, side="SELL", reduce_only=True)
    assert terms(bare) == "c-1 SELL MARKET BTCUSDT 0.10 market no stop no target reduce-only"


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "c-2"},
        {"side": "SELL"},
        {"kind": "MARKET"},
        {"symbol": "ETHUSDT"},
        {"qty": Decimal("0.1")},
        {"price": None},
        {"price": Decimal("60000.1")},
        {"stop": Decimal(59_000)},
        {"target": Decimal(62_000)},
        {"reduce_only": True},
        {"tif": "IOC"},
    ],
)
def test_any_change_of_the_order_changes_its_terms(change: dict[str, Any]) -> None:
    assert terms(order(**change)) != terms(order())
    assert terms(order(**change)) == terms(order(**change))


# --- steps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "tick", "on"),
    [
        (60_000.04, "0.1", "60000.0"),
        (60_000.06, "0.1", "60000.1"),
        (60_000.05, "0.1", "60000.0"),
        (60_000.15, "0.1", "60000.2"),
        (Decimal("60000.049"), "0.1", "60000.0"),
        (0.1 + 0.2, "0.1", "0.3"),
        (7.0, "2.5", "7.5"),
    ],
)
def test_a_price_goes_to_the_nearest_tick_and_from_the_middle_to_the_even_one(
    price: float | Decimal, tick: str, on: str
) -> None:
    assert str(on_tick(price, Decimal(tick))) == on


@given(st.integers(1, 10**9), st.sampled_from(["0.1", "0.001", "5", "0.25"]))
def test_what_is_on_a_step_stays_where_it_is_and_what_is_not_goes_down(n: int, step: str) -> None:
    on = n * Decimal(step)
    assert on_step(on, Decimal(step)) == on_tick(on, Decimal(step)) == on
    assert on_step(on + Decimal(step) * Decimal("0.99"), Decimal(step)) == on


def test_prices_of_an_intent_are_put_on_ticks_before_it_is_sized() -> None:
    made = on_ticks(intent(price=60_000.04, stop=58_999.96, target=62_000.07), Decimal("0.1"))
    assert (made.price, made.stop, made.target) == (60_000.0, 59_000.0, 62_000.1)
    for name in ("price", "stop", "target"):
        only = Intent(side="BUY", **{name: 100.04})  # type: ignore[arg-type]
        assert getattr(on_ticks(only, Decimal("0.1")), name) == 100.0
    bare = intent(stop=None)
    assert on_ticks(bare, Decimal("0.1")) == bare


@pytest.mark.parametrize(
    ("qty", "most", "least", "cut"),
    [
        ("5", "2", "0.1", ["2", "2", "1"]),
        ("4", "2", "0.1", ["2", "2"]),
        ("2", "2", "0.1", ["2"]),
        ("1.9", "2", "0.1", ["1.9"]),
        ("5", "0", "0.1", ["5"]),
        ("4.04", "2", "0.1", ["2", "1.94", "0.1"]),
        ("4.1", "2", "0.1", ["2", "2", "0.1"]),
        ("100", "2", "0.1", ["2"] * 50),
        ("101", "2", "0.1", ["2"] * 50),
        ("99.5", "2", "0.1", [*["2"] * 49, "1.5"]),
    ],
)
def test_a_quantity_to_close_is_cut_into_orders_that_the_venue_takes(
    qty: str, most: str, least: str, cut: list[str]
) -> None:
    venue = msgspec.structs.replace(INSTRUMENT, max_market_qty=Decimal(most), min_qty=Decimal(least))
    found = pieces(Decimal(qty), venue)
    assert found == [Decimal(piece) for piece in cut]
    assert sum(found) == min(Decimal(qty), Decimal(most or 1) * 50 or Decimal(qty))


def test_of_a_venue_whose_limits_are_not_known_everything_goes_at_once() -> None:
    assert pieces(Decimal(5_000), None) == [Decimal(5_000)]


@given(st.integers(1, 400_000), st.integers(1, 4_000), st.integers(0, 3))
def test_pieces_add_up_and_each_is_one_that_the_venue_takes(qty: int, most: int, least: int) -> None:
    step = Decimal("0.01")
    venue = msgspec.structs.replace(INSTRUMENT, max_market_qty=most * step, min_qty=min(least, most // 2) * step)
    found = pieces(qty * step, venue)
    assert len(found) <= MOST_PIECES
    assert sum(found) == qty * step or (len(found) == MOST_PIECES and sum(found) == MOST_PIECES * most * step)
    assert all(piece <= venue.max_market_qty for piece in found)
    assert all(piece >= venue.min_qty for piece in found) or qty * step < venue.min_qty


# --- intents ---------------------------------------------------------------------------------------------------------

BAD = [0.0, -1.0, 1e12, float("inf"), float("nan")]


@pytest.mark.parametrize("name", ["price", "stop", "target"])
@pytest.mark.parametrize(
    ("value", "good"), [(None, True), (1e-9, True), (999_999_999_999.0, True), *((v, False) for v in BAD)]
)
def test_a_level_is_a_positive_number_below_all_bounds(name: str, value: float | None, good: bool) -> None:
    assert sensible(intent(**{name: value}), 60_000.0) == good


@pytest.mark.parametrize(
    ("qty", "good"),
    [
        (None, True),
        ("0.0001", True),
        ("999999999999", True),
        *((q, False) for q in ("0", "-1", "1e12", "NaN", "Infinity")),
    ],
)
def test_a_quantity_is_a_positive_number_below_all_bounds(qty: str | None, good: bool) -> None:
    assert sensible(intent(qty=None if qty is None else Decimal(qty)), 60_000.0) == good


@pytest.mark.parametrize(
    ("factor", "good"), [(1.0, True), (1e-9, True), (999_999_999_999.0, True), *((v, False) for v in BAD)]
)
def test_a_factor_is_a_positive_number_below_all_bounds(factor: float, good: bool) -> None:
    assert sensible(intent(size_factor=factor), 60_000.0) == good


@pytest.mark.parametrize(
    ("price", "good"), [(60_000.0, True), (0.0, True), (1e-9, True), *((v, False) for v in BAD[1:])]
)
def test_where_it_would_fill_may_be_unknown_but_not_absurd(price: float, good: bool) -> None:
    assert sensible(intent(), price) == good


def test_only_a_market_order_goes_without_a_price() -> None:
    assert sensible(intent(kind="MARKET"), 60_000.0)
    assert not sensible(intent(kind="LIMIT"), 60_000.0)
    assert sensible(intent(kind="LIMIT", price=60_000.0), 60_000.0)


@pytest.mark.parametrize(
    ("changes", "price"),
    [
        ({}, 101.0),
        ({"side": "SELL"}, 99.0),
        ({"kind": "LIMIT", "price": 95.0}, 95.0),
        ({"kind": "LIMIT", "price": 105.0, "side": "SELL"}, 105.0),
        ({"kind": "MARKET", "price": 95.0}, 101.0),
        ({"kind": "LIMIT"}, 101.0),
    ],
)
def test_where_an_intent_is_expected_to_fill(changes: dict[str, Any], price: float) -> None:
    assert entry_price(intent(**changes), 99.0, 101.0) == price


def made(**changes: Any) -> Order:
    return from_intent(
        intent(**changes),
        client_id="t-5",
        instrument=INSTRUMENT,
        qty=Decimal("0.3"),
        strategy="s",
        reference=60_000.5,
        t=77,
    )


def test_an_order_is_what_its_intent_asks_for() -> None:
    asked = {
        "kind": "LIMIT",
        "price": 60_000.04,
        "target": 62_000.07,
        "why": "a test",
        "expires_bars": 3,
        "post_only": True,
    }
    assert made(**asked) == Order(
        client_id="t-5", symbol=SYMBOL, side="BUY", kind="LIMIT", qty=Decimal("0.3"), price=Decimal("60000.0"), tif="POST_ONLY",
        reduce_only=False, stop=Decimal("59000.0"), target=Decimal("62000.1"), role="entry", strategy="s", why="a test",
        reference=60_000.5, expires_bars=3, created_t=77, updated_t=77,
    )  # fmt: skip


def test_a_market_order_has_no_price_an_exit_only_reduces_and_a_taker_stays_until_cancelled() -> None:
    assert made(price=60_000.0).price is None
    assert made(kind="LIMIT").price is None
    assert (made(role="exit").reduce_only, made(role="exit").role, made().reduce_only) == (True, "exit", False)
    assert (made().tif, made(stop=None).stop, made().target) == ("GTC", None, None)


def test_a_way_out_is_a_market_order_that_can_only_reduce() -> None:
    out = reducing(SYMBOL, "SELL", Decimal("0.2"), client_id="t-9", why="closed", reference=60_000.0, t=5)
    assert out == Order(
        client_id="t-9", symbol=SYMBOL, side="SELL", kind="MARKET", qty=Decimal("0.2"), price=None, reduce_only=True,
        role="exit", why="closed", reference=60_000.0, created_t=5, updated_t=5,
    )  # fmt: skip
    assert msgspec.structs.replace(out, role="entry") != out
