"""Each limit one step below, at, and one step above, in the exact numbers that orders have."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from desk import INSTRUMENT, SECOND, SYMBOL, Desk, limits
from test_gate_answers import LINKS, MARKET, at, both, entry, held, put, quoted, short, way_out

from engine.core.risk import Breach, _case, gate, size
from engine.core.risk.order import likely_fill, reward_risk
from engine.core.risk.permission import ENTRY_LINKS, EXIT_LINKS, NEEDED
from engine.model.orders import Order
from engine.model.state import Breaker


def code(desk: Desk, order: Order, **changed: Any) -> str:
    verdict = gate(desk.state, order, limits(**changed))
    return verdict.code if isinstance(verdict, Breach) else "ok"


# --- the market --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_ns", "expected"), [(0, "ok"), (2 * SECOND, "ok"), (2 * SECOND + 1, "stale_quote"), (-1, "stale_quote")]
)
def test_a_quote_is_good_for_exactly_its_time_and_never_from_the_future(age_ns: int, expected: str) -> None:
    desk = Desk()
    desk.state.t += age_ns
    desk.state.markets[SYMBOL].quote_t = desk.state.t - age_ns
    assert code(desk, entry()) == expected


@pytest.mark.parametrize(
    ("mark", "expected"),
    [(60_000.1, "ok"), (60_000.0, "ok"), (59_999.9, "outlier_price"), (61_212.1, "ok"), (61_212.2, "outlier_price")],
)
def test_the_middle_may_be_a_percent_from_the_mark_either_way_and_no_tick_more(mark: float, expected: str) -> None:
    desk = Desk()
    quoted(60_600.0, mark=mark)(desk)
    assert code(desk, entry(target=Decimal(70_000))) == expected


@pytest.mark.parametrize("mid", [60_000.0, 1.0])
@pytest.mark.parametrize(("bps", "expected"), [(4.9, "ok"), (5.0, "ok"), (5.0003, "spread_too_wide")])
def test_the_spread_is_measured_against_the_middle(mid: float, bps: float, expected: str) -> None:
    desk = Desk()
    half = mid * bps / 20_000
    put(**{MARKET + "bids": [(mid - half, 5.0)], MARKET + "asks": [(mid + half, 5.0)], MARKET + "mark": mid})(desk)
    wide = {"max_spread_bps": 5.0 + 1e-9, "min_notional_quote": 0.0, "require_stop": False, "max_slippage_bps": 99.0}
    assert code(desk, entry(stop=None, target=None), **wide, total_at_risk_pct=100.0) == expected


# --- the order -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "expected"), [("62999.9", "ok"), ("63000.0", "ok"), ("63000.1", "price_collar")])
def test_the_collar_above_the_market_is_as_wide_as_below_it(price: str, expected: str) -> None:
    assert code(Desk(), short(kind="LIMIT", price=Decimal(price), stop=Decimal(65_000))) == expected


def test_the_collar_holds_a_way_out_too() -> None:
    desk = Desk()
    put(positions={SYMBOL: held()})(desk)
    assert code(desk, way_out(price=Decimal("57000.0"))) == "ok"
    assert code(desk, way_out(price=Decimal("56999.9"))) == "price_collar"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (at("60000.0", tif="POST_ONLY"), "ok"),
        (at("60000.2", tif="POST_ONLY"), "post_only_would_cross"),
        (at("60000.2"), "ok"),
        (short(kind="LIMIT", price=Decimal("60000.0"), tif="POST_ONLY"), "ok"),
        (short(kind="LIMIT", price=Decimal("59999.8"), tif="POST_ONLY"), "post_only_would_cross"),
        (entry(tif="POST_ONLY"), "ok"),
    ],
)
def test_a_maker_never_takes_on_either_side(order: Order, expected: str) -> None:
    assert code(Desk(), order) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (short(stop=Decimal("60000.0")), "ok"),
        (short(stop=Decimal("59999.9")), "no_stop"),
        (short(stop=Decimal("59999.8")), "no_stop"),
        (at("59000.0", stop=Decimal("58999.9")), "ok"),
        (at("59000.0", stop=Decimal("59000.0")), "no_stop"),
    ],
)
def test_a_stop_stands_at_least_a_tick_on_the_losing_side(order: Order, expected: str) -> None:
    assert code(Desk(), order, min_reward_risk=0.0) == expected


@pytest.mark.parametrize(
    ("order", "fill"),
    [
        (entry(), 60_000.1),
        (short(), 59_999.9),
        (at("59000.0"), 59_000.0),
        (at("60100.0"), 60_000.1),
        (short(kind="LIMIT", price=Decimal(59_900)), 59_999.9),
        (short(kind="LIMIT", price=Decimal(60_100)), 60_100.0),
    ],
)
def test_a_limit_that_the_market_has_passed_fills_at_the_markets_better_price(order: Order, fill: float) -> None:
    assert likely_fill(_case(Desk().state, order, limits(), 1.0)) == fill


def test_with_nobody_on_the_other_side_a_limit_fills_at_its_price() -> None:
    desk = Desk()
    put(**{MARKET + "bids": [], MARKET + "asks": []})(desk)
    assert likely_fill(_case(desk.state, at("60100.0"), limits(), 1.0)) == 60_100.0
    assert likely_fill(_case(desk.state, short(kind="LIMIT", price=Decimal(59_900)), limits(), 1.0)) == 59_900.0


@pytest.mark.parametrize(
    ("order", "price", "ratio"),
    [
        (entry(), 60_000.0, 2.0),
        (entry(), 59_500.0, 5.0),
        (short(), 60_000.0, 2.0),
        (short(), 59_000.0, 0.5),
        (entry(target=Decimal(59_500)), 60_000.0, -0.5),
        (entry(stop=None), 60_000.0, None),
        (entry(target=None), 60_000.0, None),
        (entry(), 59_000.0, None),
        (entry(), 58_000.0, None),
        (entry(), 59_000.5, 5_999.0),
    ],
)
def test_reward_over_risk_in_the_orders_own_direction(order: Order, price: float, ratio: float | None) -> None:
    assert reward_risk(order, price) == ratio


@pytest.mark.parametrize(("least", "expected"), [(2.0, "ok"), (2.01, "reward_risk_too_low")])
def test_the_least_reward_is_enough(least: float, expected: str) -> None:
    assert code(Desk(), at("60000", target=Decimal(62_000)), min_reward_risk=least) == expected
    assert code(Desk(), at("60000", target=None), min_reward_risk=least) == "ok"


@pytest.mark.parametrize(("qty", "side"), [("0.1", "SELL"), ("-0.1", "BUY")])
def test_a_way_out_of_all_that_is_held_passes_on_either_side(qty: str, side: str) -> None:
    desk = Desk()
    put(positions={SYMBOL: held(qty)})(desk)
    assert code(desk, way_out("0.1", side)) == code(desk, way_out("0.05", side)) == "ok"
    assert code(desk, way_out("0.1001", side)) == "reduce_only_violation"


# --- sizes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("qty", "expected"), [("0.0001", "ok"), ("0.00005", "ok"), ("-0.0001", "reduce_only_violation")]
)
def test_a_way_out_may_be_as_small_as_what_is_held(qty: str, expected: str) -> None:
    desk = Desk()
    put(positions={SYMBOL: held(qty)})(desk)
    assert code(desk, way_out(f"{abs(Decimal(qty))}"), min_notional_quote=1e6) == expected
    assert code(desk, way_out("-1")) == ("min_notional" if expected == "ok" else expected)


@pytest.mark.parametrize(
    ("venue", "own", "expected"),
    [("0", 6_000.01, "ok"), ("6000.01", 5.0, "ok"), ("6000.02", 5.0, "min_notional"), ("5", 6_000.02, "min_notional")],
)
def test_the_larger_of_our_and_the_venues_least_worth_counts(venue: str, own: float, expected: str) -> None:
    desk = Desk()
    put(**{MARKET + "instrument": msgspec.structs.replace(INSTRUMENT, min_notional=Decimal(venue))})(desk)
    assert code(desk, entry(), min_notional_quote=own) == expected


def test_without_a_venues_least_ours_counts_alone() -> None:
    desk = Desk()
    none = msgspec.structs.replace(INSTRUMENT, min_qty=Decimal(0))
    put(**{MARKET + "instrument": none})(desk)
    assert code(desk, entry(qty=Decimal(0)), min_notional_quote=0.0) == "min_notional"
    assert code(desk, entry(qty=Decimal("0.00000001")), min_notional_quote=0.0) == "ok"
    case = _case(desk.state, entry(symbol="X"), limits(), 1.0)
    assert size.min_notional(case) == ("5.00", "0.00", "the order is worth 0.00, minimum 5.00")


@pytest.mark.parametrize(
    ("kind", "at_market", "at_limit", "expected"),
    [("MARKET", "0.1", "9", "ok"), ("MARKET", "0.0999", "9", "max_quantity"), ("LIMIT", "9", "0.1", "ok"),
     ("LIMIT", "9", "0.0999", "max_quantity"), ("LIMIT", "9", "0", "ok"), ("MARKET", "0", "9", "ok")],
)  # fmt: skip
def test_the_venues_largest_order_of_that_kind(kind: str, at_market: str, at_limit: str, expected: str) -> None:
    desk = Desk()
    venue = msgspec.structs.replace(INSTRUMENT, max_market_qty=Decimal(at_market), max_limit_qty=Decimal(at_limit))
    put(**{MARKET + "instrument": venue})(desk)
    order = entry() if kind == "MARKET" else at("60000")
    assert code(desk, order) == expected
    assert code(desk, msgspec.structs.replace(order, qty=Decimal("1.0001"))) == "max_quantity"


@pytest.mark.parametrize(("limit", "expected"), [("0.3", "ok"), ("0.2999", "max_position")])
@pytest.mark.parametrize("status", ["SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED", "UNKNOWN"])
def test_what_has_no_answer_counts_in_every_limit_on_size(status: Any, limit: str, expected: str) -> None:
    desk = Desk()
    out = at("60000.0", client_id="out", qty=Decimal("0.2"), status=status, stop=Decimal(59_000))
    put(orders={"out": out}, open_orders={"out": 1})(desk)
    asked = at("60000.0", stop=Decimal(59_000))
    assert code(desk, asked, max_position=Decimal(limit)) == expected
    assert code(desk, asked, max_exposure_quote=18_000.0) == "ok"
    assert code(desk, asked, max_exposure_quote=17_999.99) == "max_exposure"
    assert code(desk, asked, max_leverage=1.8) == "ok"
    assert code(desk, asked, max_leverage=1.7999) == "max_leverage"
    assert code(desk, asked, total_at_risk_pct=3.0) == "ok"
    assert code(desk, asked, total_at_risk_pct=2.9999) == "total_at_risk"


@pytest.mark.parametrize(
    ("levels", "qty", "price"),
    [
        ([(10.0, 1.0), (11.0, 1.0)], 1.0, 10.0),
        ([(10.0, 1.0), (11.0, 1.0)], 0.25, 10.0),
        ([(10.0, 1.0), (11.0, 1.0)], 2.0, 10.5),
        ([(10.0, 1.0), (11.0, 3.0)], 2.0, 10.5),
        ([(10.0, 1.0), (11.0, 1.0)], 2.001, None),
        ([(10.0, 1.0), (11.0, 0.0), (12.0, 1.0)], 2.0, 11.0),
        ([(10.0, 1.0), (11.0, -5.0), (12.0, 1.0)], 2.0, 11.0),
        ([(10.0, 1.0), (11.0, -0.5), (12.0, 1.0)], 2.0, 11.0),
        ([(10.0, 1.0), (11.0, float("nan")), (12.0, 1.0)], 2.0, 11.0),
        ([(10.0, 0.5), (12.0, 0.5)], 1.0, 11.0),
        ([], 1.0, None),
        ([(10.0, 0.1), (10.0, 0.2)], 0.3, 10.0),
    ],
)
def test_the_price_of_taking_from_a_book(levels: list[tuple[float, float]], qty: float, price: float | None) -> None:
    assert size.book_price(levels, qty) == (None if price is None else pytest.approx(price, rel=1e-12))


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize(("qty", "expected"), [("0.05", "ok"), ("0.1", "ok"), ("0.1001", "max_slippage")])
def test_a_market_order_is_judged_by_its_own_side_of_the_book(side: str, qty: str, expected: str) -> None:
    """A tenth at the best price, more 40 bp away; the other side is deep."""
    deep, thin = [(59_990.0, 50.0)], [(60_010.0, 0.1), (60_250.0, 9.0)]
    if side == "SELL":
        deep, thin = [(60_010.0, 50.0)], [(59_990.0, 0.1), (59_750.0, 9.0)]
    bids, asks = (deep, thin) if side == "BUY" else (thin, deep)
    desk = Desk()
    put(**{MARKET + "bids": bids, MARKET + "asks": asks})(desk)
    order = entry(qty=Decimal(qty)) if side == "BUY" else short(qty=Decimal(qty))
    assert code(desk, order, max_slippage_bps=10 / 6 + 1e-6) == expected


@pytest.mark.parametrize(("limit", "expected"), [(2.0, "ok"), (1.9999, "max_slippage")])
def test_slippage_is_measured_from_the_middle_to_a_hundredth_of_a_hundredth(limit: float, expected: str) -> None:
    desk = Desk()
    put(**{MARKET + "bids": [(59_988.0, 9.0)], MARKET + "asks": [(60_012.0, 9.0)]})(desk)
    assert code(desk, entry(qty=Decimal("0.125")), max_slippage_bps=limit) == expected


# --- time ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap_ns", "expected"), [(2 * SECOND - 1, "throttled"), (2 * SECOND, "ok"), (2 * SECOND + 1, "ok")]
)
def test_the_last_order_sets_the_pace(gap_ns: int, expected: str) -> None:
    desk = Desk()
    put(risk__sent_t=[desk.state.t - 59 * SECOND, desk.state.t - gap_ns])(desk)
    assert code(desk, entry(), order_spacing_s=2.0) == expected


@pytest.mark.parametrize(("gap_ns", "expected"), [(2 * SECOND - 1, "cooldown"), (2 * SECOND, "ok")])
def test_the_rest_after_a_trade_is_kept_to_the_nanosecond(gap_ns: int, expected: str) -> None:
    desk = Desk()
    put(risk__last_exit_t=desk.state.t - gap_ns)(desk)
    assert code(desk, entry(), cooldown_s=2.0) == expected


def test_before_the_first_trade_and_the_first_order_there_is_nothing_to_wait_for() -> None:
    desk = Desk()
    age_of_the_world = desk.state.t / SECOND * 2
    assert code(desk, entry(), cooldown_s=age_of_the_world, order_spacing_s=age_of_the_world) == "ok"


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        ([1, 2], "ok"),
        ([1, 2, 3], "rate_limit_exceeded"),
        ([1, 2, 60 * SECOND], "ok"),
        ([1, 2, 60 * SECOND - 1], "rate_limit_exceeded"),
        ([1, 60 * SECOND + 1, 60 * SECOND + 2, 60 * SECOND + 3], "ok"),
    ],
)
def test_orders_of_the_last_minute_count_to_the_nanosecond(ages: list[int], expected: str) -> None:
    desk = Desk()
    put(risk__sent_t=sorted(desk.state.t - age for age in ages))(desk)
    assert code(desk, entry(), orders_per_minute=3) == expected


@pytest.mark.parametrize(("done", "expected"), [(8, "ok"), (9, "ok"), (10, "repeated_execution")])
def test_a_strategy_sends_as_many_as_it_may(done: int, expected: str) -> None:
    desk = Desk()
    put(risk__repeats={"scripted": done})(desk)
    assert code(desk, entry(), repeated_execution=10) == expected
    assert code(desk, entry(strategy="another"), repeated_execution=1) == "ok"
    assert code(desk, entry(strategy=""), repeated_execution=1) == "ok"


@pytest.mark.parametrize(("in_row", "expected"), [(3, "ok"), (4, "consecutive_losses"), (5, "consecutive_losses")])
def test_losses_in_a_row_up_to_the_limit(in_row: int, expected: str) -> None:
    desk = Desk()
    put(risk__losses_in_row=in_row)(desk)
    assert code(desk, entry()) == expected


# --- permission ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, "ok") for status in ("PROPOSED", "AWAITING_APPROVAL")),
        *((status, "duplicate_order_id") for status in ("SUBMITTED", "DENIED", "UNKNOWN")),
    ],
)
def test_an_order_that_waits_is_judged_again_and_any_other_is_a_double(status: Any, expected: str) -> None:
    desk = Desk()
    put(orders={"new-1": entry(status=status)})(desk)
    assert code(desk, entry()) == expected


def test_a_way_out_of_a_symbol_that_the_venue_has_closed_is_open() -> None:
    desk = Desk()
    put(positions={SYMBOL: held()}, **{MARKET + "instrument": msgspec.structs.replace(INSTRUMENT, tradable=False)})(
        desk
    )
    assert code(desk, entry()) == "symbol_not_allowed"
    assert code(desk, way_out()) == "ok"
    desk.state.markets[SYMBOL].instrument = None
    assert code(desk, way_out()) == "ok"


def test_a_closed_symbol_is_told_as_closed() -> None:
    desk = Desk()
    put(**{MARKET + "instrument": msgspec.structs.replace(INSTRUMENT, tradable=False)})(desk)
    closed = Breach("symbol_not_allowed", "open", "closed", f"{SYMBOL} is not open for trading")
    assert gate(desk.state, entry(), limits()) == closed


def test_the_links_that_an_order_needs() -> None:
    assert ENTRY_LINKS == ("public", "private", "rest")
    assert EXIT_LINKS == ("rest",)
    assert NEEDED == ("orders", "exits")


@pytest.mark.parametrize("state", ["down", "connecting", "failed"])
def test_a_way_out_needs_the_requests_alone_and_no_comparison(state: str) -> None:
    desk = Desk()
    both(put(positions={SYMBOL: held("0.1", "0.3")}, doubt=True), put(alarms={f"PositionMismatch/{SYMBOL}": "x"}))(desk)
    for name in ("public", "private"):
        put(**{LINKS + name + "__state": state})(desk)
    assert code(desk, way_out(), stale_link_s=1e-9) == "ok"
    put(**{LINKS + "rest__state": state})(desk)
    assert code(desk, way_out()) == "links_down"


@pytest.mark.parametrize(("silent_ns", "expected"), [(30 * SECOND, "ok"), (30 * SECOND + 1, "links_down")])
@pytest.mark.parametrize("what", ["links__private__last_t", "snapshot_t"])
def test_private_stream_and_account_may_be_silent_for_so_long(what: str, silent_ns: int, expected: str) -> None:
    desk = Desk()
    put(**{what: desk.state.t - silent_ns})(desk)
    assert code(desk, entry(), stale_link_s=30.0) == expected
    assert code(desk, entry(), stale_link_s=0.0) == "ok"
    put(session__mode="BACKTEST")(desk)
    assert code(desk, entry(), stale_link_s=30.0) == "ok"


@pytest.mark.parametrize(
    ("told", "alarm", "expected"),
    [("0.3", SYMBOL, "links_down"), ("0.3", "OTHER", "ok"), (None, SYMBOL, "ok"), ("0.3", "", "ok")],
)
def test_a_difference_blocks_its_own_symbol_and_no_other(told: str | None, alarm: str, expected: str) -> None:
    desk = Desk()
    put(positions={SYMBOL: held("0.1", told)}, alarms={f"PositionMismatch/{alarm}": "x"} if alarm else {})(desk)
    assert code(desk, entry()) == expected


def test_a_difference_without_a_position_of_ours_is_no_difference() -> None:
    desk = Desk()
    put(alarms={f"PositionMismatch/{SYMBOL}": "x"})(desk)
    assert code(desk, entry()) == "ok"


@pytest.mark.parametrize("family", ["orders", "exits"])
@pytest.mark.parametrize(
    ("state", "left_ns", "expected"),
    [("closed", 5, "ok"), ("open", 1, "breaker_open"), ("open", 0, "ok"), ("open", -1, "ok"), ("half-open", -1, "breaker_open"),
     ("half-open", 1, "breaker_open")],
)  # fmt: skip
def test_an_entry_goes_while_both_breakers_let_requests_through(
    family: str, state: str, left_ns: int, expected: str
) -> None:
    desk = Desk()
    broken = Breaker(family, state, 3, desk.state.t + left_ns)
    put(errors__breakers={"account": Breaker("account", "open", 9, 1 << 62), family: broken})(desk)
    assert code(desk, entry()) == expected
    put(positions={SYMBOL: held()})(desk)
    assert code(desk, way_out()) == "ok"


def test_the_wait_for_a_breaker_is_never_negative() -> None:
    desk = Desk()
    put(errors__breakers={"orders": Breaker("orders", "odd", 3, 1)})(desk)
    assert code(desk, entry()) == "breaker_open"
    put(errors__breakers={"orders": Breaker("orders", "open", 3, desk.state.t + 1)})(desk)
    verdict = gate(desk.state, entry(), limits())
    assert isinstance(verdict, Breach)
    assert verdict.text.endswith("the next may go in 0 s")
