"""What a closed candle sets off: strategies in their order, holes that are filled, limits that run out."""

from __future__ import annotations

from typing import Any

from desk import INSTRUMENT, SYMBOL, T0, Desk, Scripted, buy, kinds, one, profile, sell

from engine.core.trader import Trader
from engine.model import events as ev
from engine.model.market import MINUTE_NS, Candle
from engine.model.orders import Intent
from engine.model.state import CANDLES_KEPT
from engine.strategies.base import Params


class Named(Scripted):
    """Remembers what it saw; two of them can be told apart."""

    def __init__(self, params: Params | None = None, name: str = "first") -> None:
        super().__init__(params)
        self.name = name  # type: ignore[misc]
        self.asked: list[int] = []

    def decide(self, candle: Candle, view: Any) -> list[Intent]:
        self.asked.append(candle.open_time)
        self.why = f"{self.name} looked"
        return super().decide(candle, view)


def desk_with(*names: str) -> tuple[Desk, list[Named]]:
    desk = Desk()
    rows = [Named(name=name) for name in names]
    desk.trader.strategies[SYMBOL] = list(rows)
    return desk, rows


def candle(n: int, close: float = 60_000.0, volume: float = 1.0) -> Candle:
    return Candle(T0 + n * MINUTE_NS, close, close, close, close, volume)


def closed(desk: Desk, n: int, close: float = 60_000.0, volume: float = 1.0) -> list[ev.Event]:
    return desk.take(ev.CandleTick(desk.now, SYMBOL, candle(n, close, volume), True))


def loaded(desk: Desk, *numbers: int) -> list[ev.Event]:
    return desk.take(ev.CandlesLoaded(desk.now, SYMBOL, [candle(n) for n in numbers]))


def now_seen(desk: Desk) -> list[int]:
    (strategy,) = desk.trader.strategies[SYMBOL]
    assert isinstance(strategy, Scripted)
    return [(c.open_time - T0) // MINUTE_NS for c in strategy.seen]


def notices(decisions: list[ev.Event], kind: str) -> list[str]:
    return [d.text for d in decisions if isinstance(d, ev.Noticed) and d.kind == kind]


# --- volume and gaps -------------------------------------------------------------------------------------------------


def test_a_candle_without_volume_is_pointed_out() -> None:
    desk = Desk()
    assert notices(closed(desk, 0, volume=0.0), "LowVolume")
    assert not notices(closed(desk, 1), "LowVolume")


def test_missing_candles_are_counted_and_asked_for() -> None:
    desk = Desk()
    closed(desk, 0)
    decisions = closed(desk, 4)
    assert notices(decisions, "GapDetected")[0].startswith("3 candle(s)")
    asked = one(decisions, ev.HistoryAsked)
    assert (asked.start, asked.end) == (T0 + MINUTE_NS, T0 + 4 * MINUTE_NS)
    assert desk.state.markets[SYMBOL].gaps == 1


def test_neighbours_are_no_gap() -> None:
    desk = Desk()
    closed(desk, 0)
    assert "HistoryAsked" not in kinds(closed(desk, 1))


def test_a_gap_is_told_once_and_asked_for_until_it_is_answered() -> None:
    desk = Desk()
    closed(desk, 0)
    closed(desk, 4)
    decisions = closed(desk, 5)
    assert not notices(decisions, "GapDetected")
    assert one(decisions, ev.HistoryAsked).start == T0 + MINUTE_NS


def test_a_second_gap_before_the_first_is_filled_has_its_own_count() -> None:
    desk = Desk()
    closed(desk, 0)
    closed(desk, 2)
    assert notices(closed(desk, 5), "GapDetected")[0].startswith("2 candle(s)")


def test_no_decision_while_candles_are_missing_and_again_one_when_they_are_there() -> None:
    desk, (first,) = desk_with("first")
    closed(desk, 0)
    first.next = [buy()]
    assert "OrderDecided" not in kinds(closed(desk, 3))
    loaded(desk, 1, 2)
    assert now_seen(desk) == [0, 1, 2, 3]
    desk.trader.strategies[SYMBOL][0].next = [buy()]  # type: ignore[attr-defined]
    assert "OrderSent" in kinds(closed(desk, 4))


def test_when_the_venue_has_nothing_either_trading_goes_on() -> None:
    desk = Desk()
    closed(desk, 0)
    closed(desk, 3)
    loaded(desk)
    desk.trader.strategies[SYMBOL][0].next = [buy()]  # type: ignore[attr-defined]
    assert "OrderSent" in kinds(closed(desk, 4))


def test_a_candle_from_the_far_future_does_not_ask_for_all_of_time() -> None:
    desk = Desk()
    closed(desk, 0)
    asked = one(closed(desk, 10_000_000), ev.HistoryAsked)
    assert asked.end - asked.start <= CANDLES_KEPT * MINUTE_NS


# --- told twice, late, corrected -------------------------------------------------------------------------------------


def test_a_candle_that_is_told_twice_is_one_candle() -> None:
    desk, (first,) = desk_with("first")
    for _ in range(3):
        first.next = [buy()]
        closed(desk, 0)
    assert len(desk.state.orders) == 1
    assert len(first.seen) == len(first.asked) == len(desk.state.markets[SYMBOL].candles) == 1


def test_a_correction_changes_the_chart_and_decides_nothing() -> None:
    desk, (first,) = desk_with("first")
    for n in range(3):
        closed(desk, n)
    for n in (1, 2):
        assert closed(desk, n, close=60_111.0) == []
    assert [c.close for c in desk.state.markets[SYMBOL].candles] == [60_000.0, 60_111.0, 60_111.0]
    assert len(first.seen) == 3


def test_a_late_candle_that_was_never_there_is_left_to_history() -> None:
    desk = Desk()
    closed(desk, 5)
    assert closed(desk, 2) == []
    loaded(desk, 2)
    assert now_seen(desk) == [2, 5]


def test_history_that_overlaps_is_merged_in_order() -> None:
    desk = Desk()
    closed(desk, 5)
    loaded(desk, 2, 3, 4, 5)
    loaded(desk, 3, 1)
    assert now_seen(desk) == [1, 2, 3, 4, 5]


def test_a_running_candle_is_shown_and_never_decided_on() -> None:
    desk, (first,) = desk_with("first")
    first.next = [buy()]
    assert desk.take(ev.CandleTick(desk.now, SYMBOL, candle(0, 60_200.0), False)) == []
    assert desk.state.markets[SYMBOL].live.close == 60_200.0
    assert not first.seen
    assert not first.asked
    closed(desk, 0)
    assert desk.state.markets[SYMBOL].live is None


def test_a_candle_with_impossible_prices_is_counted_and_dropped() -> None:
    desk, (first,) = desk_with("first")
    for bad in (float("nan"), float("inf"), 0.0, -1.0):
        assert closed(desk, 0, close=bad) == []
    assert first.seen == []
    assert desk.state.links["public"].bad == 4


def test_a_candle_of_a_symbol_that_is_not_listed_is_kept_and_not_decided_on() -> None:
    desk = Desk()
    assert kinds(desk.take(ev.CandleTick(desk.now, "ETHUSDT", candle(0), True))) == []
    assert len(desk.state.markets["ETHUSDT"].candles) == 1


# --- several strategies ----------------------------------------------------------------------------------------------


def test_the_first_strategy_that_wants_to_act_is_heard_and_all_say_why() -> None:
    desk, (first, second) = desk_with("first", "second")
    first.next, second.next = [buy()], [sell()]
    decisions = closed(desk, 0)
    noted = [(d.strategy, d.verdict, d.text) for d in decisions if isinstance(d, ev.Noted)]
    assert noted == [("first", "signal", "first looked"), ("second", "blocked", "first was first: second looked")]
    assert one(decisions, ev.OrderDecided).order.strategy == "first"


def test_the_second_strategy_is_heard_when_the_first_waits() -> None:
    desk, (_, second) = desk_with("first", "second")
    second.next = [sell()]
    decisions = closed(desk, 0)
    assert [d.verdict for d in decisions if isinstance(d, ev.Noted)] == ["wait", "signal"]
    assert one(decisions, ev.OrderDecided).order.side == "SELL"


def test_a_turn_is_a_way_out_and_an_entry() -> None:
    desk = Desk()
    desk.long(qty="0.1")
    decisions = desk.bar(sell(role="exit"), sell(qty="0.1"))
    assert [(d.order.reduce_only, d.order.side) for d in decisions if isinstance(d, ev.OrderDecided)] == [
        (True, "SELL"), (False, "SELL"),
    ]  # fmt: skip


def test_a_way_out_that_is_under_way_is_not_asked_for_again() -> None:
    desk = Desk()
    desk.long(qty="0.1")
    assert "OrderSent" in kinds(desk.bar(sell(role="exit")))
    assert "OrderSent" not in kinds(desk.bar(sell(role="exit")))


def test_numbers_that_cannot_be_are_refused_not_sent() -> None:
    for intent in (
        buy(stop=float("nan")), buy(stop=59_000.0, target=float("inf")), buy(kind="LIMIT", price=None),
        buy(kind="LIMIT", price=1e300), buy(qty="NaN"), buy(qty="-1"), buy(size_factor=float("nan")),
    ):  # fmt: skip
        desk = Desk()
        decisions = desk.bar(intent)
        assert kinds(decisions) == ["Noted", "Refused"]
        assert one(decisions, ev.Refused).code == "outlier_price"


def test_a_size_by_risk_uses_the_stop_that_will_stand() -> None:
    desk = Desk()
    desk.bar(buy(qty=None, stop=59_999.96, target=60_010.0))  # goes to 60,000.0: 0.1 from the ask, not 0.14
    assert desk.only_order().stop == 60_000
    assert desk.only_order().resized.startswith("1000.")


# --- limits ----------------------------------------------------------------------------------------------------------


def test_an_unfilled_limit_runs_out_after_its_bars_and_a_filled_one_does_not() -> None:
    for filled in (False, True):
        desk = Desk()
        desk.bar(buy(kind="LIMIT", price=59_900.0, expires_bars=2))
        cid = desk.only_order().client_id
        desk.accept(cid)
        if filled:
            desk.fill(cid, "0.1", "59900")
        assert "CancelSent" not in kinds(desk.bar())
        assert ("CancelSent" in kinds(desk.bar())) is not filled


def test_a_partly_filled_limit_runs_out_too() -> None:
    desk = Desk()
    desk.bar(buy(kind="LIMIT", price=59_900.0, expires_bars=1))
    cid = desk.only_order().client_id
    desk.fill(cid, "0.04", "59900")
    assert one(desk.bar(), ev.CancelSent).client_ids == [cid]


def test_an_order_that_waits_for_a_person_is_not_cancelled_at_the_venue() -> None:
    desk = Desk(prof=profile(approval="required"))
    desk.bar(buy(kind="LIMIT", price=59_900.0, expires_bars=1))
    assert "CancelSent" not in kinds(desk.bar()) + kinds(desk.bar())


def test_a_trader_without_strategies_only_keeps_the_candles() -> None:
    trader = Trader(profile(), {})
    trader.step(ev.InstrumentListed(T0, INSTRUMENT))
    assert trader.step(ev.CandleTick(T0, SYMBOL, candle(0), True)) == []
    assert trader.step(ev.CandlesLoaded(T0, SYMBOL, [candle(-1)])) == []
    assert len(trader.state.markets[SYMBOL].candles) == 2
