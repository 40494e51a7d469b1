"""Take-profit and stop-loss orders: attached, by quantity, for the position; triggers and refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_exchange_accounts import Desk, assert_money_adds_up

from engine.sim import desk, guards
from engine.sim.orders import Tpsl
from engine.sim.refusals import Refused

D = Decimal


class Guarded(Desk):
    """A desk with a 0.0100 position."""

    def __init__(self, side: str = "BUY", mode: str = "ONE_WAY") -> None:
        super().__init__(mode=mode)
        self.order(side, "0.0100", tradeSide="OPEN")
        self.held = next(iter(self.account.positions.values()))
        self.exchange.take_pushes()

    def guard(self, **fields: Any) -> Tpsl:
        fields = {"symbol": "BTCUSDT", "positionId": self.held.position_id, **fields}
        return guards.place(self.exchange.world, self.account, fields)

    def pair(self, *, replace: bool, **fields: Any) -> Tpsl:
        fields = {"symbol": "BTCUSDT", "positionId": self.held.position_id, **fields}
        return guards.place_for_position(self.exchange.world, self.account, fields, replace=replace)

    def guard_refused(self, **fields: Any) -> int:
        with pytest.raises(Refused) as caught:
            self.guard(**fields)
        return caught.value.code


def test_attached_legs_become_one_quantity_order_that_grows_with_partial_fills() -> None:
    bench = Desk()
    entry = bench.order("BUY", "0.0100", "94990", slPrice="94000", tpPrice="96000")
    assert not bench.account.tpsl
    bench.move(95_000, (94_990.0, 0.004, "SELL"))
    (guard,) = bench.account.tpsl.values()
    assert guard.sl is not None
    assert guard.tp is not None
    assert (guard.kind, guard.sl.qty, guard.tp.qty) == ("TPSL", D("0.0040"), D("0.0040"))
    bench.move(95_000, (94_990.0, 1.0, "SELL"))
    assert list(bench.account.tpsl.values()) == [guard]
    assert guard.sl.qty == D("0.0100")
    assert [(t["event"], t["slQty"]) for t in bench.told("tpsl")] == [("CREATE", "0.0040"), ("UPDATE", "0.0100")]
    assert entry.status == "FILLED"


def test_a_stop_triggers_on_mark_and_closes_by_a_reduce_only_market_order() -> None:
    bench = Guarded()
    guard = bench.guard(slPrice="94500", slStopType="MARK_PRICE")
    bench.move(94_600.0)
    assert bench.account.positions
    bench.exchange.take_pushes()
    bench.move(94_500.0)
    pushes = bench.exchange.take_pushes()
    assert not bench.account.positions
    assert guard.status == "FILLED"
    order = bench.account.done[-1]
    assert (order.side, order.kind, order.reduce_only, order.status) == ("SELL", "MARKET", True, "FILLED")
    assert [(p.channel, p.data.get("event")) for p in pushes][:5] == [
        ("tpsl", "CLOSE"),
        ("order", "CREATE"),
        ("order", "CLOSE"),
        ("position", "CLOSE"),
        ("balance", None),
    ]
    assert_money_adds_up(bench.account)


def test_a_last_price_trigger_sees_every_print_and_a_mark_trigger_does_not() -> None:
    bench = Guarded()
    by_mark = bench.guard(slPrice="94500", slStopType="MARK_PRICE", slQty="0.0050")
    by_last = bench.guard(slPrice="94500", slStopType="LAST_PRICE", slQty="0.0050")
    bench.move(95_000.0, (94_499.0, 0.1, "SELL"), (95_000.0, 0.1, "BUY"))
    assert (by_last.status, by_mark.status) == ("FILLED", "NEW")
    assert bench.held.qty == D("0.0050")


@pytest.mark.parametrize(("side", "target"), [("BUY", 95_500.0), ("SELL", 94_500.0)])
def test_a_target_as_a_limit_order_rests_at_its_price(side: str, target: float) -> None:
    bench = Guarded(side)
    beyond = target + (5 if side == "BUY" else -5)
    bench.guard(tpPrice=str(target), tpOrderType="LIMIT", tpOrderPrice=str(beyond))
    bench.move(target)
    (order,) = bench.account.orders.values()
    assert (order.kind, order.price, order.reduce_only) == ("LIMIT", D(str(beyond)), True)
    bench.move(target, (beyond + (1 if side == "BUY" else -1), 1.0, side))
    assert not bench.account.positions


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_a_stop_in_hedge_mode_closes_the_right_direction(side: str) -> None:
    bench = Guarded(side, mode="HEDGE")
    stop = 94_000.0 if side == "BUY" else 96_000.0
    bench.pair(replace=False, slPrice=str(stop))
    bench.move(stop)
    assert not bench.account.positions
    assert bench.account.done[-1].side == side


def test_protective_orders_end_with_their_position() -> None:
    bench = Guarded()
    guard, pair = bench.guard(slPrice="94000", tpPrice="97000"), bench.pair(replace=False, slPrice="93000")
    bench.order("SELL", "0.0100", reduceOnly=True)
    assert (guard.status, pair.status) == ("SYSTEM_CANCELED", "SYSTEM_CANCELED")
    assert not bench.account.tpsl


def test_changing_the_positions_pair_replaces_it_and_leaves_quantity_orders_alone() -> None:
    bench = Guarded()
    attached = bench.guard(slPrice="94000")
    pair = bench.pair(replace=False, slPrice="93000", tpPrice="97000")
    assert bench.pair(replace=True, slPrice="93500") is pair
    assert (pair.tp, pair.sl and pair.sl.trigger) == (None, D("93500.0"))
    assert attached.sl is not None
    assert attached.sl.trigger == D("94000.0")


def test_a_quantity_order_can_be_moved_and_cancelled() -> None:
    bench = Guarded()
    world, guard = bench.exchange.world, bench.guard(slPrice="94000")
    guards.modify(world, bench.account, {"orderId": guard.tpsl_id, "slPrice": "94800"})
    assert guard.sl is not None
    assert (guard.sl.trigger, guard.sl.qty) == (D("94800.0"), D("0.0100"))
    guards.cancel(world, bench.account, {"symbol": "BTCUSDT", "orderId": guard.tpsl_id})
    assert guard.status == "CANCELED"
    with pytest.raises(Refused) as caught:
        guards.cancel(world, bench.account, {"orderId": guard.tpsl_id})
    assert caught.value.code == 30011
    bench.move(94_000.0)
    assert bench.account.positions


def test_the_other_leg_lives_on_for_the_quantity_that_it_has_more() -> None:
    bench = Guarded()
    guard = bench.guard(tpPrice="95500", tpQty="0.0040", slPrice="94000", slQty="0.0100")
    bench.move(95_500.0)
    assert (guard.status, guard.tp) == ("NEW", None)
    assert guard.sl is not None
    assert guard.sl.qty == bench.held.qty == D("0.0060")


@pytest.mark.parametrize(
    ("side", "fields", "code"),
    [
        ("BUY", {}, 30006),
        ("BUY", {"slPrice": "0"}, 30041),
        ("BUY", {"slPrice": "95000"}, 30023),
        ("BUY", {"slPrice": "95500", "slStopType": "LAST"}, 30029),
        ("BUY", {"tpPrice": "95000"}, 30020),
        ("SELL", {"tpPrice": "95000"}, 30021),
        ("SELL", {"slPrice": "94000"}, 30022),
        ("SELL", {"slPrice": "94000", "slStopType": "LAST_PRICE"}, 30028),
        ("SELL", {"tpPrice": "96000", "tpStopType": "LAST_PRICE"}, 30027),
        ("BUY", {"slPrice": "94000", "slQty": "0.0101"}, 30038),
        ("BUY", {"slPrice": "94000", "slQty": "0.00001"}, 10002),
        ("BUY", {"slPrice": "94000", "slOrderType": "LIMIT"}, 10002),
        ("BUY", {"slPrice": "94000", "slStopType": "MOON"}, 10002),
        ("BUY", {"slPrice": "94000", "positionId": "1"}, 30004),
    ],
)
def test_a_bad_protective_order_is_refused_with_its_code(side: str, fields: dict[str, Any], code: int) -> None:
    assert Guarded(side).guard_refused(**fields) == code


def test_a_stop_beyond_the_liquidation_price_is_refused() -> None:
    for side, stop, code in (("BUY", "20000", 30024), ("SELL", "300000", 30025)):
        bench = Desk("60")
        bench.order(side, "0.0100")
        held = next(iter(bench.account.positions.values()))
        with pytest.raises(Refused) as caught:
            guards.place(
                bench.exchange.world,
                bench.account,
                {"symbol": "BTCUSDT", "positionId": held.position_id, "slPrice": stop},
            )
        assert caught.value.code == code


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-900, 900), st.integers(1, 100)), min_size=1, max_size=10), st.booleans())
def test_protective_orders_never_open_a_position_the_other_way(steps: list[tuple[int, int]], long: bool) -> None:
    bench = Guarded("BUY" if long else "SELL")
    for shift, size in steps:
        try:
            stop, target = (95_000 - 300, 95_000 + 300) if long else (95_000 + 300, 95_000 - 300)
            bench.guard(slPrice=str(stop), tpPrice=str(target), slQty=str(D(size) / 10_000))
        except Refused:
            pass
        bench.move(95_000.0 + shift)
        held = bench.account.positions.get(("BTCUSDT", "NET"))
        assert held is None or held.long is long
        assert_money_adds_up(bench.account)


@pytest.mark.parametrize("effect", ["IOC", "FOK", "POST_ONLY", "GTC"])
def test_effects_decide_what_happens_to_the_rest_of_a_crossing_order(effect: str) -> None:
    bench = Desk("1000000")
    order = bench.order("BUY", "1.5000", "95000.1", effect=effect)
    assert (order.status, order.filled) == {
        "IOC": ("PART_FILLED_CANCELED", D("1.0000")),
        "FOK": ("CANCELED", D(0)),
        "POST_ONLY": ("CANCELED", D(0)),
        "GTC": ("PART_FILLED", D("1.0000")),
    }[effect]
    events = [push["event"] for push in bench.told("order")]
    assert events[0] == "CREATE"
    assert (events[-1] == "CLOSE") == (effect != "GTC")


def test_post_only_away_from_the_market_rests_and_fok_that_fits_fills() -> None:
    bench = Desk("1000000")
    assert bench.order("BUY", "1.0000", "95000.0", effect="POST_ONLY").status == "NEW"
    assert bench.order("BUY", "1.0000", "95000.1", effect="FOK").status == "FILLED"


def test_an_amended_order_trades_if_it_now_crosses() -> None:
    bench = Desk()
    order = bench.order("BUY", "0.0100", "94000")
    fields = {"orderId": order.order_id, "qty": "0.0200", "price": "95000.1"}
    desk.modify(bench.exchange.world, bench.account, fields)
    assert (order.status, order.filled) == ("FILLED", D("0.0200"))


def test_an_amendment_that_cannot_be_paid_leaves_the_order_as_it_was() -> None:
    bench = Desk("100")
    order = bench.order("BUY", "0.0100", "94000")
    with pytest.raises(Refused):
        desk.modify(bench.exchange.world, bench.account, {"orderId": order.order_id, "qty": "1", "price": "94000"})
    assert (order.qty, order.status, list(bench.account.orders)) == (D("0.0100"), "NEW", [order.order_id])
