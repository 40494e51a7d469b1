"""Money, positions and modes: pure, on a scripted market and a clock moved by hand."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from exchange_kit import HandClock, ScriptedMarket
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sim import desk, guards
from engine.sim.accounts import Account, balance, liq_price, new_account, unrealised
from engine.sim.exchange import Exchange
from engine.sim.orders import Order
from engine.sim.positions import Position
from engine.sim.refusals import Refused
from engine.sim.spec import ZERO

D = Decimal


class Desk:
    """One account on a scripted market."""

    def __init__(self, wallet: str = "10000", mode: str = "ONE_WAY", speed: float = 1.0) -> None:
        self.market, self.clock = ScriptedMarket(bars=1), HandClock()
        self.account: Account = new_account("key", "secret", D(wallet))
        self.account.mode = mode
        self.exchange = Exchange(self.market, speed=speed, accounts=[self.account], clock=self.clock)

    def order(self, side: str, qty: str, price: str | None = None, **more: Any) -> Order:
        kind = "MARKET" if price is None else "LIMIT"
        fields = {"symbol": "BTCUSDT", "side": side, "qty": qty, "orderType": kind, "price": price, **more}
        return desk.place(self.exchange.world, self.account, fields)

    def refused(self, side: str, qty: str, price: str | None = None, **more: Any) -> int:
        with pytest.raises(Refused) as caught:
            self.order(side, qty, price, **more)
        return caught.value.code

    def move(self, mid: float, *prints: tuple[float, float, str], seconds: float = 1.0) -> None:
        self.market.mid = mid
        self.market.prints = list(prints)
        self.clock.now += seconds
        self.exchange.advance()

    def position(self, slot: str = "NET") -> Position:
        return self.account.positions["BTCUSDT", slot]

    def told(self, channel: str) -> list[dict[str, Any]]:
        return [push.data for push in self.exchange.take_pushes() if push.channel == channel]


def assert_money_adds_up(account: Account) -> None:
    flows = account.initial + account.realised - account.fees + account.funding + account.insurance
    assert account.wallet == flows
    now = balance(account)
    assert now.available + now.cross_frozen + now.isolated_frozen + now.cross_margin + now.isolated_margin == flows
    assert sum((t.fee for t in account.trades), ZERO) == account.fees
    assert sum((t.realised for t in account.trades), ZERO) == account.realised
    everything = [*account.positions.values(), *account.closed]
    assert sum((p.gross for p in everything), ZERO) == account.realised
    assert sum((p.fee for p in everything), ZERO) == account.fees
    assert sum((p.funding for p in everything), ZERO) == account.funding


def signed_fills(account: Account, slot: str) -> Decimal:
    orders = {o.order_id: o for o in [*account.orders.values(), *account.done]}
    mine = [t for t in account.trades if orders[t.order_id].slot == slot]
    return sum((t.qty if t.buys else -t.qty for t in mine), ZERO)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["market", "limit", "reduce", "cancel", "print", "tick"]),
        st.booleans(),
        st.integers(1, 30_000),
        st.integers(-400, 400),
    ),
    min_size=1,
    max_size=25,
)


def act(bench: Desk, kind: str, up: bool, qty: int, shift: int) -> None:
    side, size, mid = "BUY" if up else "SELL", str(D(qty) / 10_000), bench.market.mid
    price = str(D(str(round(mid + shift / 10, 1))))
    try:
        match kind:
            case "market":
                bench.order(side, size)
            case "limit":
                bench.order(side, size, price)
            case "reduce":
                bench.order(side, size, reduceOnly=True)
            case "cancel":
                desk.cancel_all(bench.exchange.world, bench.account, "")
            case "print":
                bench.move(mid, (float(price), qty / 10_000, "SELL" if up else "BUY"))
            case "tick":
                bench.move(round(mid + shift / 10, 1), seconds=3_600)
    except Refused:
        pass


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_money_is_conserved_to_the_last_digit_and_positions_are_the_sum_of_fills(actions: list[Any]) -> None:
    bench = Desk("50000")
    for action in actions:
        act(bench, *action)
        assert_money_adds_up(bench.account)
        held = bench.account.positions.get(("BTCUSDT", "NET"))
        net = (held.qty if held.long else -held.qty) if held else ZERO
        assert net == signed_fills(bench.account, "NET")
        assert held is None or held.qty > 0


@settings(max_examples=40, deadline=None)
@given(ACTIONS)
def test_fees_and_margins_alone_never_make_available_negative(actions: list[Any]) -> None:
    bench = Desk("3000")
    bench.market.rate = 0.0
    for kind, up, qty, shift in actions:
        if kind in ("market", "limit", "cancel", "print"):
            act(bench, kind, up, qty % 5_000 + 1, -abs(shift) if up else abs(shift))
            slack = unrealised(bench.account, bench.exchange.world.marks(), cross=True) + bench.account.realised
            assert balance(bench.account).available >= min(ZERO, slack)


def test_when_flat_the_realised_profit_is_what_was_sold_less_what_was_bought() -> None:
    bench = Desk()
    for qty in ("0.0003", "0.0007", "0.0011"):
        bench.order("BUY", qty)
        bench.move(bench.market.mid + 7.3)
    for qty in ("0.0009", "0.0009", "0.0003"):
        bench.order("SELL", qty, reduceOnly=True)
        bench.move(bench.market.mid - 3.1)
    assert not bench.account.positions
    spent = sum((t.price * t.qty * (-1 if t.buys else 1) for t in bench.account.trades), ZERO)
    assert bench.account.realised == spent
    assert_money_adds_up(bench.account)


def test_an_oversized_opposite_order_nets_and_flips_in_one_way_mode() -> None:
    bench = Desk()
    bench.order("BUY", "0.0100")
    bench.exchange.take_pushes()
    bench.order("SELL", "0.0150")
    assert (bench.position().long, bench.position().qty) == (False, D("0.0050"))
    assert [p["event"] for p in bench.told("position")] == ["CLOSE", "OPEN"]
    assert_money_adds_up(bench.account)


def test_reduce_only_never_opens_and_never_exceeds_the_position() -> None:
    bench = Desk()
    assert bench.refused("SELL", "0.0100", reduceOnly=True) == 30018
    bench.order("BUY", "0.0100")
    assert bench.refused("BUY", "0.0100", reduceOnly=True) == 30019
    order = bench.order("SELL", "0.0300", reduceOnly=True)
    assert (order.filled, order.status) == (D("0.0100"), "PART_FILLED_CANCELED")
    assert not bench.account.positions


def test_a_resting_reduce_only_order_is_cancelled_when_the_position_is_gone() -> None:
    bench = Desk()
    bench.order("BUY", "0.0100")
    resting = bench.order("SELL", "0.0100", "95100", reduceOnly=True)
    bench.order("SELL", "0.0100", reduceOnly=True)
    assert resting.status == "CANCELED"


@pytest.mark.parametrize(("side", "slot", "long"), [("BUY", "LONG", True), ("SELL", "SHORT", False)])
def test_in_hedge_mode_side_names_the_position_also_when_closing(side: str, slot: str, long: bool) -> None:
    bench = Desk(mode="HEDGE")
    bench.order(side, "0.0100", tradeSide="OPEN")
    held = bench.position(slot)
    assert held.long is long
    order = bench.order(side, "0.0100", tradeSide="CLOSE", positionId=held.position_id)
    assert order.buys is not long
    assert order.side == side
    assert not bench.account.positions
    assert_money_adds_up(bench.account)


@pytest.mark.parametrize(("opens", "closes"), [("BUY", "SELL"), ("SELL", "BUY")])
def test_in_hedge_mode_closing_with_the_trades_side_is_refused(opens: str, closes: str) -> None:
    bench = Desk(mode="HEDGE")
    bench.order(opens, "0.0100", tradeSide="OPEN")
    held = next(iter(bench.account.positions.values()))
    assert bench.refused(closes, "0.0100", tradeSide="CLOSE", positionId=held.position_id) == 30004
    assert bench.refused(closes, "0.0100") == 10002


def test_hedge_mode_holds_both_directions_at_once() -> None:
    bench = Desk(mode="HEDGE")
    bench.order("BUY", "0.0100", tradeSide="OPEN")
    bench.order("SELL", "0.0200", tradeSide="OPEN")
    assert bench.position("LONG").qty == D("0.0100")
    assert bench.position("SHORT").qty == D("0.0200")


def test_a_limit_order_freezes_quantity_times_price_over_leverage() -> None:
    bench = Desk()
    bench.order("BUY", "0.0100", "90000")
    now = balance(bench.account)
    assert (now.frozen, now.available) == (D(45), D(9955))


def test_an_order_beyond_the_wallet_is_refused_and_changes_nothing() -> None:
    bench = Desk("100")
    assert bench.refused("BUY", "0.0300") == 20003
    assert bench.refused("BUY", "0.0300", "90000") == 20003
    assert not bench.account.trades
    assert not bench.account.orders
    assert balance(bench.account).available == D(100)


def test_a_position_beyond_the_leverages_tier_is_refused() -> None:
    bench = Desk("10000000")
    bench.account.leverages["BTCUSDT"] = 200
    assert bench.refused("BUY", "1.0000") == 20002


def test_a_maker_pays_two_basis_points_and_a_taker_six() -> None:
    bench = Desk()
    bench.order("BUY", "0.0100", "94990")
    bench.move(95_000, (94_989.0, 1.0, "SELL"))
    bench.order("SELL", "0.0100", reduceOnly=True)
    maker, taker = bench.account.trades
    assert (maker.maker, maker.fee) == (True, D("94990") * D("0.01") * D("0.0002"))
    assert (taker.maker, taker.fee) == (False, D("94999.9") * D("0.01") * D("0.0006"))


@pytest.mark.parametrize(("side", "sign"), [("BUY", -1), ("SELL", 1)])
def test_funding_is_settled_at_the_eight_hour_mark_on_mark_notional(side: str, sign: int) -> None:
    bench = Desk(speed=3600)
    bench.order(side, "0.0100")
    bench.move(95_000, seconds=7.9)
    assert bench.account.funding == ZERO
    bench.market.mark = 96_000.0
    bench.move(95_000, seconds=0.2)
    assert bench.account.funding == sign * D("0.0960")
    assert bench.position().funding == sign * D("0.0960")
    bench.move(95_000, seconds=16)
    assert bench.account.funding == sign * D("0.0960") * 3
    assert_money_adds_up(bench.account)


def test_a_cross_position_is_liquidated_at_the_price_that_was_shown() -> None:
    bench = Desk("100")
    bench.order("BUY", "0.0150")
    resting = bench.order("BUY", "0.0001", "80000")
    price = liq_price(bench.account, bench.position(), bench.exchange.world.marks())
    bench.move(round(float(price) + 5, 1))
    assert bench.account.positions
    bench.exchange.take_pushes()
    bench.move(round(float(price) - 5, 1))
    assert not bench.account.positions
    assert resting.status == "SYSTEM_CANCELED"
    assert bench.account.closed[-1].liquidated_qty == D("0.0150")
    assert bench.account.wallet >= 0
    assert_money_adds_up(bench.account)


def test_a_gap_through_the_liquidation_price_costs_at_most_the_wallet() -> None:
    bench = Desk("100")
    bench.order("BUY", "0.0150")
    bench.move(50_000.0)
    assert bench.account.wallet == ZERO
    assert bench.account.insurance > ZERO
    assert_money_adds_up(bench.account)


def test_an_isolated_position_loses_at_most_its_margin() -> None:
    bench = Desk()
    bench.account.margin_modes["BTCUSDT"] = "ISOLATION"
    bench.order("SELL", "0.0100")
    paid, margin = bench.account.fees, bench.position().margin
    shown = liq_price(bench.account, bench.position(), bench.exchange.world.marks())
    bench.move(round(float(shown) - 1, 1))
    assert bench.account.positions
    bench.move(120_000.0)
    assert not bench.account.positions
    assert bench.account.wallet == D(10_000) - paid - margin
    assert_money_adds_up(bench.account)


def test_a_client_id_is_good_for_one_order_for_ever() -> None:
    bench = Desk()
    bench.order("BUY", "0.0100", clientId="once")
    assert bench.refused("BUY", "0.0100", clientId="once") == 30042


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"qty": "0.00001"}, 10002),
        ({"qty": "0"}, 30016),
        ({"qty": "-1"}, 30016),
        ({"qty": "1e-2"}, 10002),
        ({"qty": "121"}, 30013),
        ({"qty": "NaN"}, 10002),
        ({"side": "UP"}, 10002),
        ({"symbol": "NOPE"}, 20001),
        ({"orderType": "LIMIT"}, 10002),
        ({"orderType": "LIMIT", "price": "95000.05"}, 10002),
        ({"orderType": "LIMIT", "price": "1000"}, 10008),
        ({"orderType": "LIMIT", "price": "95000", "effect": "LATER"}, 10002),
        ({"clientId": "x" * 65}, 10002),
        ({"slPrice": "96000"}, 30023),
        ({"tpPrice": "94000"}, 30020),
        ({"tpPrice": "94000", "tpStopType": "LAST_PRICE"}, 30026),
        ({"orderType": "LIMIT", "price": "94000", "slPrice": "94500"}, 30010),
        ({"orderType": "LIMIT", "price": "94000", "tpPrice": "93500"}, 30008),
    ],
)
def test_a_bad_order_is_refused_with_its_code(fields: dict[str, Any], code: int) -> None:
    bench = Desk()
    order = {"symbol": "BTCUSDT", "side": "BUY", "qty": "0.01", "orderType": "MARKET", **fields}
    with pytest.raises(Refused) as caught:
        desk.place(bench.exchange.world, bench.account, order)
    assert caught.value.code == code
    assert not bench.exchange.world.pushes


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(["BUY", "LIMIT", "1", "95000", "FOK", "CLOSE", "\u0661", "1e5"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
FIELDS = ["symbol", "side", "qty", "orderType", "price", "effect", "tradeSide", "reduceOnly", "clientId", "positionId"]
LEGS = ["slPrice", "slStopType", "slOrderType", "slOrderPrice", "slQty"]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS + LEGS), ANYTHING), st.booleans())
def test_whatever_is_sent_is_either_carried_out_or_refused_with_a_code(sent: dict[str, Any], hedge: bool) -> None:
    bench = Desk(mode="HEDGE" if hedge else "ONE_WAY")
    good = {"symbol": "BTCUSDT", "side": "BUY", "qty": "0.01", "orderType": "LIMIT", "price": "95000.1"}
    opened = {**good, "tradeSide": "OPEN"}
    desk.place(bench.exchange.world, bench.account, opened)
    for request in (desk.place, desk.cancel_one, desk.modify, guards.place, guards.modify):
        with suppress(Refused):
            request(bench.exchange.world, bench.account, {**opened, **sent})
    assert_money_adds_up(bench.account)


def test_the_same_actions_at_the_same_times_tell_the_same_pushes() -> None:
    def run() -> list[Any]:
        bench = Desk()
        bench.order("BUY", "0.0200", slPrice="94000", tpPrice="95050")
        bench.order("BUY", "0.0100", "94990")
        for mid in (94_980.0, 95_020.0, 95_051.0, 94_900.0):
            bench.move(mid, (mid, 0.3, "SELL"))
        return list(bench.exchange.take_pushes())

    assert run() == run()
