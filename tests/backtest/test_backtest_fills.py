"""What the simulated venue does with orders, bar by bar: each rule of the fill model, in the smallest market that shows it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from backtest_kit import COINS, MINUTE_NS, SYMBOL, T0, candle, flat, rules

from engine import FillModel, backtest
from engine.model.market import Candle
from engine.model.orders import Fill, Intent
from engine.runner.backtest import Result
from engine.strategies.base import Params, Strategy, View

D = Decimal


class Script(Strategy[Params]):
    """Acts on the bars that the test names."""

    name = "script"
    params_type = Params

    def __init__(self, plan: dict[int, list[Intent]]) -> None:
        super().__init__(Params())
        self.plan = plan

    def observe(self, candle: Candle) -> None:
        pass

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        return self.plan.get((candle.open_time - T0) // MINUTE_NS, [])


def buy(qty: str = "0.1", **more: Any) -> Intent:
    return Intent(side="BUY", qty=D(qty), why="test", **more)


def sell(qty: str = "0.1", **more: Any) -> Intent:
    return Intent(side="SELL", qty=D(qty), why="test", **more)


OUT = Intent(side="SELL", qty=D("0.1"), role="exit", why="out")
WIDE = {
    f"risk__symbols__{SYMBOL}__max_quantity": "1000", f"risk__symbols__{SYMBOL}__max_position": "1000",
    "risk__max_notional_quote": 1e9,
    "risk__max_exposure_quote": 1e9, "risk__max_leverage": 1000.0, "risk__min_reward_risk": 0.0, "risk__max_drawdown_pct": 100.0,
    "risk__daily_loss_pct": 100.0, "risk__weekly_loss_pct": 100.0, "risk__max_spread_bps": 1e3,
    "risk__price_collar_pct": 50.0, "risk__min_notional_quote": 0.0, "risk__max_slippage_bps": 1e3,
    "trading__trail_arm_r": 0.0,
}  # fmt: skip


def run(rows: list[Candle], plan: dict[int, list[Intent]], cash: str = "10000", **more: Any) -> Result:
    model = FillModel(**more.pop("fill", {}))
    flags = {**WIDE, **more.pop("flags", {})}
    profile = rules(**flags)
    profile.risk.total_at_risk_pct = 1e9  # an order without a stop counts in full
    return backtest(rows, Script(plan), profile=profile, fill=model, cash=cash, instrument=COINS, **more)


def prices(result: Result) -> list[str]:
    return [f"{fill.side} {float(fill.qty):g} {float(fill.price):g}" for fill in result.fills]


def only(result: Result) -> Fill:
    (fill,) = result.fills
    return fill


STEADY = [flat(n, 1000.0) for n in range(6)]


@pytest.mark.parametrize(("rule", "price"), [("next_open", "1003"), ("same_close", "1002"), ("next_close", "1005")])
def test_a_market_order_fills_where_the_rule_says(rule: str, price: str) -> None:
    rows = [flat(0, 1000.0), candle(1, 1000, 1003, 999, 1002), candle(2, 1003, 1006, 1001, 1005), flat(3, 1005.0)]
    assert only(run(rows, {1: [buy()]}, fill={"market": rule})).price == D(price)


def test_spread_is_paid_half_on_the_way_in_and_half_on_the_way_out() -> None:
    result = run(STEADY, {0: [buy()], 2: [OUT]}, fill={"spread_bps": 20.0})
    assert prices(result) == ["BUY 0.1 1001", "SELL 0.1 999"]


def test_fixed_slippage_is_against_the_taker_and_rounded_against_it() -> None:
    rows = [flat(n, 1000.55) for n in range(6)]
    result = run(rows, {0: [buy()], 2: [OUT]}, fill={"slippage_bps": 1.0})
    assert prices(result) == ["BUY 0.1 1000.66", "SELL 0.1 1000.44"]


def test_random_slippage_stays_between_half_and_one_and_a_half_and_follows_the_seed() -> None:
    rows = [flat(n, 1000.0) for n in range(400)]
    plan = {n: [buy("0.01")] if n % 4 == 0 else [OUT] if n % 4 == 2 else [] for n in range(399)}
    fill = {"slippage": "random", "slippage_bps": 10.0}
    one, same, other = (run(rows, plan, fill=fill, seed=seed) for seed in (1, 1, 2))
    paid = [abs(f.price - 1000) for f in one.fills]
    assert D("0.5") <= min(paid) < D("0.6")
    assert D("1.4") < max(paid) <= D("1.5")
    assert prices(one) == prices(same) != prices(other)


def test_volume_scaled_slippage_grows_with_the_share_of_the_volume_up_to_ten_times() -> None:
    rows = [flat(n, 1000.0, volume=100.0) for n in range(4)]
    fill = {"slippage": "volume_scaled", "slippage_bps": 1.0, "market": "same_close"}
    small, double, huge = (
        only(run(rows, {1: [buy(q)]}, "10000000", fill=fill)).price for q in ("0.0001", "10", "1000")
    )
    assert small == D("1000.11")
    assert double == D("1000.2")
    assert huge == D("1001")


@pytest.mark.parametrize(
    ("fill", "row"), [({}, 1), ({"latency_bars": 2}, 3), ({"latency_ms": 1.0}, 2), ({"latency_ms": 60_000.0}, 2)]
)
def test_latency_moves_an_order_to_the_first_open_at_which_it_is_live(fill: dict[str, Any], row: int) -> None:
    rows = [flat(n, 1000.0 + n) for n in range(6)]
    filled = only(run(rows, {0: [buy()]}, fill=fill))
    assert filled.price == 1000 + row
    assert filled.t == T0 + row * MINUTE_NS


def test_taker_and_maker_pay_their_own_fee() -> None:
    rows = [flat(0, 1000.0), candle(1, 1000, 1001, 989, 995), flat(2, 995.0), flat(3, 995.0)]
    result = run(rows, {0: [buy(kind="LIMIT", price=990.0)], 1: [OUT]})
    assert [(f.maker, f.fee) for f in result.fills] == [
        (True, D("990") * D("0.1") * D("0.0002")),
        (False, D("995") * D("0.1") * D("0.0005")),
    ]


def test_a_limit_that_is_only_touched_waits_unless_the_model_says_otherwise() -> None:
    rows = [flat(0, 1000.0), candle(1, 1000, 1001, 990, 995), flat(2, 995.0)]
    plan = {0: [buy(kind="LIMIT", price=990.0)]}
    assert not run(rows, plan).fills
    assert only(run(rows, plan, fill={"touch": True})).price == 990


def test_a_gap_through_a_limit_fills_at_the_open() -> None:
    rows = [flat(0, 1000.0), flat(1, 1000.0), candle(2, 980, 985, 979, 981), flat(3, 981.0)]
    assert only(run(rows, {0: [buy(kind="LIMIT", price=990.0)]})).price == 980


def test_a_limit_fills_by_its_share_of_the_volume_and_the_rest_stays_working() -> None:
    rows = [flat(0, 1000.0), *(candle(n, 1000, 1001, 980, 995, volume=0.5) for n in range(1, 4)), flat(4, 995.0)]
    result = run(rows, {0: [buy("0.12", kind="LIMIT", price=990.0)]})
    assert [f.qty for f in result.fills] == [D("0.05"), D("0.05"), D("0.02")]
    assert result.orders[0].status == "FILLED"


def test_a_limit_that_expires_is_cancelled_at_the_venue_too() -> None:
    rows = [*(flat(n, 1000.0) for n in range(5)), candle(5, 1000, 1000, 900, 950), flat(6, 950.0)]
    result = run(rows, {0: [buy(kind="LIMIT", price=990.0, expires_bars=2)]})
    assert not result.fills
    assert result.orders[0].status == "CANCELLED"


def test_a_post_only_order_that_would_take_is_refused() -> None:
    result = run(STEADY, {0: [buy(kind="LIMIT", price=1010.0, post_only=True)]})
    assert not result.fills
    assert result.rejections == {"post_only_would_cross": 1}


def test_a_limit_beyond_the_market_takes_at_the_open_and_pays_the_taker_fee() -> None:
    filled = only(run(STEADY, {0: [buy(kind="LIMIT", price=1010.0)]}))
    assert (filled.price, filled.maker) == (D(1000), False)


def test_an_exit_never_opens_the_other_side() -> None:
    """The stop closes the position in the very bar in which the exit order would have."""
    rows = [flat(0, 1000.0), flat(1, 1000.0), candle(2, 1000, 1000, 980, 985), flat(3, 985.0), flat(4, 985.0)]
    result = run(rows, {0: [buy(stop=990.0)], 1: [OUT]}, fill={"market": "next_close"})
    assert prices(result) == ["BUY 0.1 1000", "SELL 0.1 990"]
    assert not result.state.positions[SYMBOL].qty
    assert not result.state.open_orders


BRACKET = {0: [buy(stop=990.0, target=1010.0)]}


@pytest.mark.parametrize(("intrabar", "price"), [("conservative", "990"), ("optimistic", "1010")])
def test_stop_and_target_inside_one_bar(intrabar: str, price: str) -> None:
    rows = [flat(0, 1000.0), flat(1, 1000.0), candle(2, 1000, 1015, 985, 1000), flat(3, 1000.0)]
    result = run(rows, BRACKET, fill={"intrabar": intrabar})
    assert prices(result) == ["BUY 0.1 1000", f"SELL 0.1 {price}"]
    assert result.trades[0].exit_why == ("stop" if price == "990" else "target")
    assert not result.state.stops


def test_a_random_bar_follows_the_seed_and_takes_both_ways() -> None:
    rows = [flat(0, 1000.0), flat(1, 1000.0), candle(2, 1000, 1015, 985, 1000), flat(3, 1000.0)]
    found = {seed: prices(run(rows, BRACKET, fill={"intrabar": "random"}, seed=seed))[-1] for seed in range(12)}
    assert set(found.values()) == {"SELL 0.1 990", "SELL 0.1 1010"}
    assert found[3] == prices(run(rows, BRACKET, fill={"intrabar": "random"}, seed=3))[-1]


@pytest.mark.parametrize(("open_", "price"), [(985.0, "985"), (1020.0, "1020")])
def test_a_gap_through_stop_or_target_fills_at_the_open(open_: float, price: str) -> None:
    rows = [flat(0, 1000.0), flat(1, 1000.0), candle(2, open_, 1021, 980, 1000), flat(3, 1000.0)]
    assert prices(run(rows, BRACKET))[-1] == f"SELL 0.1 {price}"


def test_the_bar_that_opens_a_position_can_stop_it_out() -> None:
    rows = [flat(0, 1000.0), candle(1, 1000, 1001, 985, 1000), flat(2, 1000.0)]
    assert prices(run(rows, BRACKET)) == ["BUY 0.1 1000", "SELL 0.1 990"]


@pytest.mark.parametrize(("intrabar", "fills"), [("conservative", 1), ("optimistic", 2)])
def test_a_target_in_the_bar_of_a_limit_entry_is_an_optimists_view(intrabar: str, fills: int) -> None:
    rows = [flat(0, 1000.0), candle(1, 1000, 1030, 989, 1000), flat(2, 1000.0)]
    plan = {0: [buy(kind="LIMIT", price=990.0, stop=980.0, target=1020.0)]}
    assert len(run(rows, plan, fill={"intrabar": intrabar}).fills) == fills


def test_a_stop_slips_like_any_market_order() -> None:
    rows = [flat(0, 1000.0), flat(1, 1000.0), candle(2, 1000, 1000, 985, 995), flat(3, 995.0)]
    result = run(rows, {0: [buy(stop=990.0)]}, fill={"slippage_bps": 10.0})
    assert prices(result) == ["BUY 0.1 1001", "SELL 0.1 989.01"]


def test_a_short_is_the_mirror_of_a_long() -> None:
    rows = [flat(0, 1000.0), flat(1, 1000.0), candle(2, 1000, 1015, 985, 1000), flat(3, 1000.0)]
    assert prices(run(rows, {0: [sell(stop=1010.0, target=990.0)]})) == ["SELL 0.1 1000", "BUY 0.1 1010"]


def test_funding_is_exact_on_the_mark_at_its_time() -> None:
    rows = [flat(0, 1000.0), flat(1, 1000.0), flat(2, 1010.0), flat(3, 1020.0), flat(4, 1020.0)]
    table = [(T0 + 3 * MINUTE_NS, 0.0001), (T0 + 4 * MINUTE_NS + 1, "-0.0003")]
    result = run(rows, {0: [buy()]}, funding=table)
    # at the close of row 2, and just after the close of row 3
    assert result.funding == -D("0.1") * 1010 * D("0.0001") + D("0.1") * 1020 * D("0.0003")
    assert result.pnl == (1020 - 1000) * D("0.1") - result.fees + result.funding


def test_funding_of_times_without_a_position_costs_nothing() -> None:
    assert run(STEADY, {3: [buy()]}, funding=[(T0 + 2 * MINUTE_NS, 0.01)]).funding == 0


def test_a_position_that_the_account_cannot_carry_is_liquidated() -> None:
    rows = [flat(0, 1000.0), flat(1, 1000.0), candle(2, 1000, 1000, 880, 900), flat(3, 900.0), flat(4, 900.0)]
    result = run(rows, {0: [buy("5")]}, "500", flags={"trading__leverage": 20})
    (bust,) = [fill for fill in result.fills if not fill.client_id]
    wallet_after_fee = D(500) - 5000 * COINS.taker_fee
    assert float(bust.price) == pytest.approx(float((5000 - wallet_after_fee) / 5) / 0.995, abs=0.02)
    assert result.state.account.wallet > 0
    assert not run(rows, {0: [buy("5")]}, "500", flags={"trading__leverage": 20}, fill={"liquidation": False}).trades


def test_the_venue_refuses_what_the_margin_does_not_carry() -> None:
    result = run(STEADY, {0: [buy("5")]}, "100", flags={"trading__leverage": 10})
    assert result.rejections == {"venue_rejected": 1}


def test_open_positions_are_closed_at_the_last_close_when_the_profile_says_so() -> None:
    result = run([*STEADY, flat(6, 1007.0)], {0: [buy()]}, flags={"trading__on_quit": "close"})
    assert prices(result)[-1] == "SELL 0.1 1007"
    assert result.pnl == result.state.account.wallet - 10_000 == result.trades[0].pnl


def test_a_refusal_of_the_gate_is_counted_by_its_reason() -> None:
    result = run(STEADY, {0: [buy()]}, flags={"risk__require_stop": True})
    assert result.rejections == {"no_stop": 1}
    assert result.refusals[0].code == "no_stop"
    assert not result.fills
