"""The risk gate, limit by limit: one step under, at, and one step over. Every code of the catalogue is met."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from desk import SECOND, SYMBOL, T0, Desk, limits, one, profile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.exposure import exposure, worst_position
from engine.core.risk import CHECKS, Approved, Breach, gate
from engine.model import events as ev
from engine.model.market import Instrument
from engine.model.orders import Order
from engine.model.reasons import REASONS
from engine.model.settings import RiskLimits


def order(**changes: Any) -> Order:
    """A market entry of 0.1 with a stop 1,000 away and a target 2,000 away, fit for the gate."""
    values: dict[str, Any] = {
        "client_id": "new-1",
        "symbol": SYMBOL,
        "side": "BUY",
        "kind": "MARKET",
        "qty": Decimal("0.1"),
        "stop": Decimal(59_000),
        "target": Decimal(62_000),
        "strategy": "scripted",
    }
    return Order(**{**values, **changes})


def limit_order(price: str, **changes: Any) -> Order:
    return order(kind="LIMIT", price=Decimal(price), **changes)


def code(desk: Desk, o: Order, risk: RiskLimits | None = None) -> str:
    verdict = gate(desk.state, o, risk or desk.profile.risk)
    return verdict.code if isinstance(verdict, Breach) else "ok"


def test_a_plain_order_passes() -> None:
    assert isinstance(gate(Desk().state, order(), limits()), Approved)


def test_every_code_in_the_table_is_in_the_catalogue() -> None:
    assert {row[0] for row in CHECKS} | {"approval_declined", "approval_expired", "venue_rejected"} == set(REASONS)


def test_a_breach_tells_limit_and_value() -> None:
    breach = gate(Desk().state, order(qty=Decimal("1.5")), limits())
    assert isinstance(breach, Breach)
    assert (breach.code, breach.limit, breach.value) == ("max_quantity", "1", "1.5")
    assert "1.5" in breach.text


# --- sizes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("qty", "expected"), [("0.9999", "ok"), ("1", "ok"), ("1.0001", "max_quantity")])
def test_max_quantity(qty: str, expected: str) -> None:
    assert code(Desk(), order(qty=Decimal(qty))) == expected


@pytest.mark.parametrize(("qty", "expected"), [("119.9999", "ok"), ("120", "ok"), ("120.0001", "max_quantity")])
def test_the_venues_own_maximum_counts_too(qty: str, expected: str) -> None:
    wide = limits(
        max_quantity=Decimal(1000),
        max_position=Decimal(1000),
        max_notional_quote=1e9,
        max_exposure_quote=1e9,
        max_leverage=1e6,
        total_at_risk_pct=1e9,
        max_slippage_bps=1e9,
    )
    desk = Desk()
    desk.quote(60_000.0, size=1000.0)
    assert code(desk, order(qty=Decimal(qty)), wide) == expected


@pytest.mark.parametrize(("limit", "expected"), [(6_000.02, "ok"), (6_000.01, "ok"), (6_000.0, "max_notional")])
def test_max_notional_at_the_price_that_a_market_order_takes(limit: float, expected: str) -> None:
    assert code(Desk(), order(), limits(max_notional_quote=limit)) == expected


@pytest.mark.parametrize(("limit", "expected"), [(6_000.0, "ok"), (6_000.01, "ok"), (6_000.02, "min_notional")])
def test_min_notional(limit: float, expected: str) -> None:
    assert code(Desk(), order(), limits(min_notional_quote=limit)) == expected


@pytest.mark.parametrize(
    ("qty", "expected"), [("0.0001", "ok"), ("0.00009", "min_notional"), ("0", "min_notional"), ("-1", "min_notional")]
)
def test_the_venues_minimum_quantity(qty: str, expected: str) -> None:
    assert code(Desk(), order(qty=Decimal(qty)), limits(min_notional_quote=0.0)) == expected


@pytest.mark.parametrize(("qty", "expected"), [("0.3999", "ok"), ("0.4", "ok"), ("0.4001", "max_position")])
def test_max_position_counts_what_is_held(qty: str, expected: str) -> None:
    desk = Desk()
    desk.long(qty="0.1")
    assert code(desk, order(qty=Decimal(qty)), limits(max_position=Decimal("0.5"))) == expected


@pytest.mark.parametrize(("qty", "expected"), [("0.6", "ok"), ("0.6001", "max_position")])
def test_max_position_lets_an_opposite_order_through_zero_only_as_far_as_the_limit(qty: str, expected: str) -> None:
    desk = Desk()
    desk.long(qty="0.1")
    short = order(side="SELL", qty=Decimal(qty), stop=Decimal(61_000), target=Decimal(58_000))
    assert code(desk, short, limits(max_position=Decimal("0.5"))) == expected


@pytest.mark.parametrize("status", ["SUBMITTED", "ACCEPTED", "UNKNOWN"])
def test_working_and_unknown_orders_count_as_filled(status: str) -> None:
    desk = Desk()
    desk.bar(_intent())
    cid = desk.only_order().client_id
    if status != "SUBMITTED":
        desk.take(ev.OrderReport(desk.now, cid, "v", SYMBOL, status, Decimal(0), source="reply"))  # type: ignore[arg-type]
    assert worst_position(desk.state, SYMBOL) == Decimal("0.1")
    assert code(desk, order(qty=Decimal("0.4001")), limits(max_position=Decimal("0.5"))) == "max_position"
    assert code(desk, order(qty=Decimal("0.4")), limits(max_position=Decimal("0.5"))) == "ok"


@pytest.mark.parametrize(("limit", "expected"), [(18_000.1, "ok"), (18_000.0, "ok"), (17_999.9, "max_exposure")])
def test_max_exposure_is_position_and_working_orders_at_the_mark(limit: float, expected: str) -> None:
    desk = Desk()
    desk.long(qty="0.1")
    desk.bar(_intent())
    assert exposure(desk.state, order()) == pytest.approx(18_000.0)
    assert code(desk, order(), limits(max_exposure_quote=limit)) == expected


@pytest.mark.parametrize(("limit", "expected"), [(0.61, "ok"), (0.6, "ok"), (0.59, "max_leverage")])
def test_max_leverage_is_exposure_over_equity(limit: float, expected: str) -> None:
    assert code(Desk(), order(), limits(max_leverage=limit)) == expected


@pytest.mark.parametrize(("limit", "expected"), [(2.01, "ok"), (2.0001, "ok"), (1.99, "total_at_risk")])
def test_total_at_risk_is_what_all_stops_together_would_cost(limit: float, expected: str) -> None:
    desk = Desk()
    desk.long(qty="0.1")  # 100 at risk; the new order risks 100.01
    assert code(desk, order(), limits(total_at_risk_pct=limit + 0.0001)) == expected


# --- the order itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stop", "expected"), [("60000.0", "ok"), ("60000.1", "no_stop"), ("60000.2", "no_stop")])
def test_a_stop_stands_on_the_losing_side_of_the_entry(stop: str, expected: str) -> None:
    assert code(Desk(), order(stop=Decimal(stop), target=Decimal(70_000))) == expected


def test_an_entry_without_a_stop_is_refused_unless_the_profile_allows_it() -> None:
    assert code(Desk(), order(stop=None)) == "no_stop"
    assert code(Desk(), order(stop=None), limits(require_stop=False, total_at_risk_pct=100.0)) == "ok"


@pytest.mark.parametrize(
    ("target", "expected"),
    [("61000.3", "ok"), ("61000.2", "ok"), ("61000.1", "reward_risk_too_low"), ("59000", "reward_risk_too_low")],
)
def test_reward_over_risk(target: str, expected: str) -> None:
    assert code(Desk(), order(target=Decimal(target))) == expected


@pytest.mark.parametrize(("price", "expected"), [("57000.1", "ok"), ("57000.0", "ok"), ("56999.9", "price_collar")])
def test_price_collar(price: str, expected: str) -> None:
    assert code(Desk(), limit_order(price, stop=Decimal(56_000))) == expected


@pytest.mark.parametrize(("price", "expected"), [("60000.0", "ok"), ("60000.1", "post_only_would_cross")])
def test_post_only_never_takes(price: str, expected: str) -> None:
    assert code(Desk(), limit_order(price, tif="POST_ONLY")) == expected


@pytest.mark.parametrize(
    ("side", "qty", "expected"),
    [("SELL", "0.1", "ok"), ("SELL", "0.1001", "reduce_only_violation"), ("BUY", "0.1", "reduce_only_violation")],
)
def test_reduce_only_only_reduces(side: Any, qty: str, expected: str) -> None:
    desk = Desk()
    desk.long(qty="0.1")
    assert code(desk, order(side=side, qty=Decimal(qty), reduce_only=True, stop=None, target=None)) == expected


def test_reduce_only_without_a_position_is_refused() -> None:
    assert code(Desk(), order(side="SELL", reduce_only=True)) == "reduce_only_violation"


def test_an_id_is_used_once() -> None:
    desk = Desk()
    desk.bar(_intent())
    assert code(desk, order(client_id=desk.only_order().client_id)) == "duplicate_order_id"


# --- the market ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "expected"), [(1.9, "ok"), (2.0, "ok"), (2.1, "stale_quote")])
def test_stale_quote(age: float, expected: str) -> None:
    desk = Desk()
    desk.wait(age, fresh=False)
    assert code(desk, order()) == expected


@pytest.mark.parametrize(("spread", "expected"), [(29.8, "ok"), (30.0, "ok"), (30.2, "spread_too_wide")])
def test_spread_too_wide(spread: float, expected: str) -> None:
    desk = Desk()
    desk.quote(60_000.0, spread=spread)  # 5 bp of 60,000 is 30
    assert code(desk, order()) == expected


@pytest.mark.parametrize(
    ("mark", "expected"), [(59_410.0, "ok"), (59_400.0, "outlier_price"), (60_600.0, "ok"), (60_610.0, "outlier_price")]
)
def test_book_and_mark_must_agree(mark: float, expected: str) -> None:
    desk = Desk()
    desk.mark(mark)
    assert code(desk, order()) == expected


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([], [(60_000.1, 5.0)]),
        ([(60_000.0, 5.0)], []),
        ([(60_000.1, 5.0)], [(60_000.1, 5.0)]),
        ([(60_001.0, 5.0)], [(60_000.0, 5.0)]),
    ],
)
def test_a_one_sided_or_crossed_book_is_not_traded_on(bids: Any, asks: Any) -> None:
    desk = Desk()
    desk.take(ev.BookTick(desk.now, SYMBOL, bids, asks, desk.now))
    assert code(desk, order()) == "outlier_price"


def test_no_mark_means_no() -> None:
    desk = Desk()
    desk.state.markets[SYMBOL].mark = 0.0
    assert code(desk, order()) == "outlier_price"


@pytest.mark.parametrize(("size", "expected"), [(0.05, "ok"), (0.02, "ok"), (0.0199, "max_slippage")])
def test_a_thin_book_is_refused(size: float, expected: str) -> None:
    desk = Desk()
    desk.quote(60_000.0, size=size)  # five levels
    assert code(desk, order()) == expected


@pytest.mark.parametrize("field", ["mark", "bids"])
def test_what_is_not_a_number_is_never_within_a_limit(field: str) -> None:
    desk = Desk()
    nan = float("nan")
    setattr(desk.state.markets[SYMBOL], field, nan if field == "mark" else [(nan, 5.0)])
    assert code(desk, order()) == "outlier_price"


@pytest.mark.parametrize(("limit", "expected"), [(0.018, "ok"), (0.0165, "max_slippage")])
def test_max_slippage_is_measured_from_the_middle(limit: float, expected: str) -> None:
    assert code(Desk(), order(), limits(max_slippage_bps=limit)) == expected  # 0.1 of 60,000 is 0.0167 bp


# --- over time -----------------------------------------------------------------------------------------------------


def lose(desk: Desk, amount: str) -> None:
    """A trade of 0.1 that loses ``amount``."""
    desk.long(qty="0.1", price="60000")
    desk.fill("", "0.1", f"{Decimal(60_000) - Decimal(amount) * 10}", side="SELL")


@pytest.mark.parametrize(("loss", "expected"), [("499", "ok"), ("500", "daily_loss"), ("501", "daily_loss")])
def test_daily_loss(loss: str, expected: str) -> None:
    desk = Desk()
    lose(desk, loss)
    assert code(desk, order()) == expected


def test_a_new_day_starts_a_new_daily_loss_but_not_a_new_week() -> None:
    desk = Desk(prof=profile(limits(weekly_loss_pct=8.0)))
    lose(desk, "500")
    desk.wait(24 * 3600)
    assert code(desk, order()) == "ok"
    lose(desk, "300")
    assert code(desk, order()) == "weekly_loss"


@pytest.mark.parametrize(("loss", "expected"), [("999", "ok"), ("1000", "weekly_loss"), ("1001", "weekly_loss")])
def test_weekly_loss(loss: str, expected: str) -> None:
    desk = Desk()
    lose(desk, loss)
    assert code(desk, order(), limits(daily_loss_pct=99.0)) == expected


@pytest.mark.parametrize(("loss", "expected"), [("1999", "ok"), ("2000", "max_drawdown"), ("2001", "max_drawdown")])
def test_max_drawdown_from_the_high_water_mark(loss: str, expected: str) -> None:
    desk = Desk()
    lose(desk, loss)
    assert code(desk, order(), limits(daily_loss_pct=99.0, weekly_loss_pct=99.0)) == expected


def test_losses_in_a_row_stop_entries_until_a_person_resumes() -> None:
    desk = Desk()
    for _ in range(3):
        lose(desk, "1")
    assert code(desk, order()) == "ok"
    lose(desk, "1")
    assert code(desk, order()) == "consecutive_losses"
    desk.command("resume")
    assert code(desk, order()) == "ok"


@pytest.mark.parametrize(("seconds", "expected"), [(59.9, "cooldown"), (60.0, "ok"), (60.1, "ok")])
def test_cooldown_after_a_closed_trade(seconds: float, expected: str) -> None:
    desk = Desk()
    lose(desk, "1")
    desk.wait(seconds)
    assert code(desk, order(), limits(cooldown_s=60.0)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(1.9, "throttled"), (2.0, "ok"), (2.1, "ok")])
def test_orders_are_spaced(seconds: float, expected: str) -> None:
    desk = Desk()
    desk.bar(_intent())
    desk.wait(seconds)
    assert code(desk, order(), limits(order_spacing_s=2.0)) == expected


def test_a_spacing_longer_than_a_minute_is_kept() -> None:
    desk = Desk()
    desk.bar(_intent())
    desk.wait(119)
    assert code(desk, order(), limits(order_spacing_s=120.0)) == "throttled"
    desk.wait(1)
    assert code(desk, order(), limits(order_spacing_s=120.0)) == "ok"


def test_orders_per_minute() -> None:
    desk = Desk()
    for _ in range(2):
        desk.bar(_intent())
    assert code(desk, order(), limits(orders_per_minute=3)) == "ok"
    assert code(desk, order(), limits(orders_per_minute=2)) == "rate_limit_exceeded"
    desk.wait(60)
    assert code(desk, order(), limits(orders_per_minute=2)) == "ok"


def test_a_strategy_that_repeats_itself_needs_a_person() -> None:
    desk = Desk(prof=profile(limits(repeated_execution=2)))
    for _ in range(2):
        desk.bar(_intent())
    assert one(desk.bar(_intent()), ev.Refused).code == "repeated_execution"
    desk.command("resume")
    assert code(desk, order()) == "ok"


# --- states and links ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "expected"), [("ACTIVE", "ok"), ("PAUSED", "paused"), ("HALTED", "halted"), ("SAFE", "safe_mode")]
)
def test_entries_only_while_trading_is_active(state: Any, expected: str) -> None:
    desk = Desk()
    desk.state.trading = state
    assert code(desk, order()) == expected


@pytest.mark.parametrize("state", ["PAUSED", "HALTED", "SAFE"])
def test_getting_out_is_allowed_in_every_state(state: str) -> None:
    desk = Desk()
    desk.long(qty="0.1")
    desk.state.trading = state
    desk.wait(60, fresh=False)
    assert code(desk, order(side="SELL", reduce_only=True, stop=None, target=None)) == "ok"


@pytest.mark.parametrize("link", ["public", "private", "rest"])
def test_every_link_must_be_up_for_an_entry(link: str) -> None:
    desk = Desk()
    desk.take(ev.LinkReport(desk.now, link, "down"))
    assert code(desk, order()) == "links_down"


def test_only_the_request_link_is_needed_to_get_out() -> None:
    desk = Desk()
    desk.long(qty="0.1")
    close = order(side="SELL", reduce_only=True, stop=None, target=None)
    desk.take(ev.LinkReport(desk.now, "private", "down"))
    assert code(desk, close) == "ok"
    desk.take(ev.LinkReport(desk.now, "rest", "down"))
    assert code(desk, close) == "links_down"


def test_no_entry_after_a_reconnect_before_the_account_was_compared() -> None:
    desk = Desk()
    desk.take(ev.LinkReport(desk.now, "private", "down"))
    desk.take(ev.LinkReport(desk.now, "private", "up"))
    assert code(desk, order()) == "links_down"
    desk.take(ev.SnapshotTaken(desk.now, "reconnected", True))
    assert code(desk, order()) == "ok"


def test_a_position_that_differs_from_the_venues_blocks_the_symbol() -> None:
    desk = Desk()
    desk.long(qty="0.1")
    desk.wait(4)
    desk.take(ev.PositionReport(desk.now, SYMBOL, Decimal("0.3"), Decimal(60_000), "p", None, 10, "CROSS", "push"))
    desk.take(ev.SnapshotTaken(desk.now, "regular", True))
    assert code(desk, order()) == "links_down"


def test_a_symbol_must_be_in_the_limits_listed_and_open() -> None:
    desk = Desk()
    assert code(desk, order(symbol="DOGEUSDT")) == "symbol_not_allowed"
    market = desk.state.markets[SYMBOL]
    shut: Instrument = market.instrument
    shut.tradable = False
    assert code(desk, order()) == "symbol_not_allowed"
    shut.tradable = True
    market.instrument = None
    assert code(desk, order()) == "symbol_not_allowed"
    market.instrument = shut


# --- every interleaving --------------------------------------------------------------------------------------------

step = st.sampled_from(["buy", "sell", "accept", "fill", "part", "unknown", "reject", "cancel"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(step, st.integers(0, 5)), min_size=5, max_size=40))
def test_the_worst_case_never_exceeds_the_position_limit_whatever_happens(steps: list[tuple[str, int]]) -> None:
    """Also counts each order as the venue would: filled in full although we may have heard nothing."""
    tight = limits(
        max_position=Decimal("0.5"), max_quantity=Decimal("0.3"), total_at_risk_pct=1e6, orders_per_minute=1000
    )
    desk = Desk(prof=profile(tight))
    for what, which in steps:
        desk.now += SECOND
        desk.quote(60_000.0)
        if what in ("buy", "sell"):
            desk.bar(_intent() if what == "buy" else _intent(short=True))
        else:
            _answer(desk, what, which)
        held = desk.state.positions[SYMBOL].qty if SYMBOL in desk.state.positions else Decimal(0)
        working = [desk.state.orders[c] for c in desk.state.open_orders]
        buys = sum((o.left for o in working if o.side == "BUY"), Decimal(0))
        sells = sum((o.left for o in working if o.side == "SELL"), Decimal(0))
        assert max(abs(held + buys), abs(held - sells)) <= Decimal("0.5")


def _answer(desk: Desk, what: str, which: int) -> None:
    working = [desk.state.orders[c] for c in desk.state.open_orders]
    if not working:
        return
    o = working[which % len(working)]
    if what in ("fill", "part"):
        qty = o.left if what == "fill" else (o.left / 2).quantize(Decimal("0.0001"))
        if qty:
            desk.fill(o.client_id, str(qty), "60000")
        return
    status = {"accept": "ACCEPTED", "unknown": "UNKNOWN", "reject": "REJECTED", "cancel": "CANCELLED"}[what]
    desk.take(ev.OrderReport(desk.now, o.client_id, "", SYMBOL, status, o.filled, source="reply"))  # type: ignore[arg-type]


def _intent(*, short: bool = False) -> Any:
    from desk import buy, sell

    return sell() if short else buy()


def test_time_zero_is_a_tuesday_so_that_a_day_later_is_the_same_week() -> None:
    assert (T0 // 86_400_000_000_000 + 3) // 7 == ((T0 + 86_400_000_000_000) // 86_400_000_000_000 + 3) // 7


@pytest.mark.parametrize(("stop", "expected"), [("59999.9", "ok"), ("60000.1", "no_stop"), ("60300.0", "no_stop")])
def test_a_limit_that_the_market_has_passed_is_judged_where_it_would_fill(stop: str, expected: str) -> None:
    marketable = limit_order("60500", stop=Decimal(stop), target=Decimal(70_000))
    assert code(Desk(), marketable) == expected
