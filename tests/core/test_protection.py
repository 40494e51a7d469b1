"""Every position has a stop at the venue: one that has none gets it, one in profit has it follow."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from desk import INSTRUMENT, SECOND, SYMBOL, Desk, buy, kinds, one, profile, sell

from engine.model import events as ev
from engine.model.orders import Position, Stop

BOTH = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
GOOD = ("ok", True)


def at(side: int, distance: float) -> float:
    """A price ``distance`` towards profit from 60,000."""
    return 60_000.0 + side * distance


def bare(side: int = 1, *, intent_stop: float = 1000.0, **trading: Any) -> Desk:
    """A position of 0.1 at 60,000 whose stop has not been seen at the venue."""
    desk = Desk(prof=profile(**trading))
    intent = buy if side > 0 else sell
    desk.bar(intent(stop=at(side, -intent_stop), target=at(side, 3000)))
    desk.fill(desk.only_order().client_id, "0.1", "60000")
    return desk


def guarded(side: int = 1, **trading: Any) -> Desk:
    desk = bare(side, **trading)
    stand(desk, at(side, -1000))
    return desk


def stand(desk: Desk, stop: float, stop_id: str = "s1", qty: str | None = None) -> list[ev.Event]:
    row = Stop(stop_id, SYMBOL, None if qty is None else Decimal(qty), Decimal(str(stop)), None, desk.now)
    return desk.take(ev.StopReport(desk.now, row, "NEW"))


def answer(desk: Desk, ok: bool | None) -> list[ev.Event]:
    return desk.take(ev.ProtectReport(desk.now, SYMBOL, ok, "" if ok else "30001", "" if ok else "stop price is wrong"))


def position(desk: Desk) -> Position:
    found: Position = desk.state.positions[SYMBOL]
    return found


# --- naked -----------------------------------------------------------------------------------------------------------


@BOTH
def test_a_position_without_a_stop_gets_an_alarm_and_the_stop_that_it_was_entered_with(side: int) -> None:
    desk = bare(side)
    assert "ProtectSent" not in kinds(desk.wait(2.9))
    decisions = desk.wait(0.2)
    assert one(decisions, ev.Noticed).kind == "NakedPosition"
    assert float(one(decisions, ev.ProtectSent).stop) == at(side, -1000)
    assert f"NakedPosition/{SYMBOL}" in desk.state.alarms


@BOTH
def test_the_alarm_ends_when_the_stop_stands(side: int) -> None:
    desk = bare(side)
    desk.wait(3)
    stand(desk, at(side, -1000))
    assert not desk.state.alarms
    assert "ProtectSent" not in kinds(desk.wait(10))


def test_a_stop_that_was_refused_three_times_ends_the_position_at_market() -> None:
    desk = bare()
    for n in range(3):
        decisions = desk.wait(3 if n == 0 else 1)
        assert "ProtectSent" in kinds(decisions), n
        assert one(answer(desk, ok=False), ev.Noticed).kind == "ProtectFailed"
    decisions = desk.wait(1)
    order = one(decisions, ev.OrderDecided).order
    assert (order.side, order.qty, order.reduce_only, order.why) == (
        "SELL",
        Decimal("0.1"),
        True,
        "no stop could be placed",
    )
    assert "OrderSent" in kinds(decisions)
    assert kinds(desk.wait(1)) == []


def test_the_way_out_is_tried_again_when_the_venue_refuses_it_but_not_every_second() -> None:
    desk = bare()
    for n in range(3):
        desk.wait(3 if n == 0 else 1)
        answer(desk, ok=False)
    tries = 0
    for _ in range(20):
        for out in [d for d in desk.wait(1) if isinstance(d, ev.OrderSent)]:
            tries += 1
            no = ev.OrderReport(desk.now, out.client_id, "", SYMBOL, "REJECTED", Decimal(0), "1", "busy", "reply")
            desk.take(no)
    assert 3 <= tries <= 5


def test_a_position_that_the_venue_does_not_have_is_an_alarm_and_not_closed_again_and_again() -> None:
    desk = bare()
    desk.take(ev.PositionReport(desk.now, SYMBOL, Decimal(0), Decimal(0), "", None, 3, "CROSS", "push"))
    desk.wait(20)
    desk.take(ev.SnapshotTaken(desk.now, "regular comparison", True))
    assert f"PositionMismatch/{SYMBOL}" in desk.state.alarms
    sent = [kind for _ in range(60) for kind in kinds(desk.wait(1))]
    assert not {"OrderSent", "ProtectSent"} & set(sent)


def test_with_the_link_down_the_way_out_does_not_flood_the_journal() -> None:
    desk = bare()
    for n in range(3):
        desk.wait(3 if n == 0 else 1)
        answer(desk, ok=False)
    desk.take(ev.LinkReport(desk.now, "rest", "down"))
    assert sum(kinds(desk.wait(1)).count("Refused") for _ in range(20)) <= 4


def test_a_venue_that_takes_the_stop_but_shows_it_late_is_not_asked_again_at_once_nor_is_the_position_closed() -> None:
    desk = bare()
    desk.wait(3)
    answer(desk, ok=True)
    assert "ProtectSent" not in kinds(desk.wait(1)) + kinds(desk.wait(1)) + kinds(desk.wait(1))
    for _ in range(10):
        desk.wait(5)
        answer(desk, ok=True)
    assert not any(o.reduce_only for o in desk.state.orders.values())


def test_no_answer_counts_as_a_try_and_waits_before_the_next() -> None:
    desk = bare()
    desk.wait(3)
    answer(desk, ok=None)
    assert "ProtectSent" not in kinds(desk.wait(1))
    assert "ProtectSent" in kinds(desk.wait(5))


def test_when_the_position_is_closed_its_alarms_end() -> None:
    desk = bare()
    desk.wait(3)
    answer(desk, ok=False)
    assert len(desk.state.alarms) == 2
    desk.fill("", "0.1", "60000", side="SELL")
    desk.wait(1)
    assert not desk.state.alarms


def test_an_empty_list_of_stops_while_a_position_is_open_leaves_it_naked() -> None:
    desk = guarded()
    desk.take(ev.StopsListed(desk.now, SYMBOL, []))
    assert position(desk).naked_since == desk.now
    assert one(desk.wait(3), ev.ProtectSent).stop == Decimal(59_000)


def test_a_stop_for_a_part_of_the_position_does_not_cover_it() -> None:
    desk = bare()
    stand(desk, 59_000.0, qty="0.04")
    assert position(desk).naked_since
    stand(desk, 59_000.0, "s2", qty="0.06")
    assert not position(desk).naked_since


@BOTH
def test_a_stop_left_from_the_other_side_protects_nothing(side: int) -> None:
    desk = guarded(side)
    desk.fill("", "0.3", "60000", side="SELL" if side > 0 else "BUY")
    stand(desk, at(side, -1000))  # the venue still lists it
    assert position(desk).qty * side == Decimal("-0.2")
    assert position(desk).stop is None
    assert "ProtectSent" in kinds(desk.wait(3))


def test_a_stop_of_an_earlier_position_is_not_the_next_ones() -> None:
    desk = guarded()
    desk.fill("", "0.1", "60000", side="SELL")
    desk.bar(buy(stop=58_000.0))
    desk.fill(list(desk.state.orders)[-1], "0.1", "60000")
    assert position(desk).stop is None
    assert one(desk.wait(3), ev.ProtectSent).stop == Decimal(58_000)


def test_a_stop_that_is_told_before_the_fill_that_it_belongs_to_counts() -> None:
    desk = Desk()
    desk.bar(buy())
    stand(desk, 59_000.0)
    desk.fill(desk.only_order().client_id, "0.1", "60000")
    assert (position(desk).stop, position(desk).naked_since) == (Decimal(59_000), 0)


@BOTH
def test_a_position_that_came_without_a_stop_gets_one_that_costs_the_risk_of_a_trade(side: int) -> None:
    desk = Desk()
    desk.fill("", "0.1", "60000", side="BUY" if side > 0 else "SELL")
    sent = one(desk.wait(3), ev.ProtectSent)
    assert float(sent.stop) == at(side, -1000)  # 1 % of 10,000 over 0.1


def test_the_fallback_stop_is_at_most_half_way_to_liquidation() -> None:
    desk = Desk()
    desk.fill("", "0.1", "60000", side="BUY")
    desk.take(ev.PositionReport(desk.now, SYMBOL, Decimal("0.1"), Decimal(60_000), "p", 59_500.0, 100, "CROSS", "push"))
    assert one(desk.wait(3), ev.ProtectSent).stop == Decimal(59_750)


@pytest.mark.parametrize("qty", ["0.0001", "100"])
def test_the_fallback_stop_is_a_price_for_any_size(qty: str) -> None:
    for side in ("BUY", "SELL"):
        desk = Desk()
        desk.fill("", qty, "60000", side=side)
        stop = one(desk.wait(3), ev.ProtectSent).stop
        assert 0 < stop < 120_000
        assert stop % INSTRUMENT.tick == 0


def test_a_position_found_at_the_start_is_watched_before_its_stops_are_known() -> None:
    desk = Desk()
    desk.state.snapshot_t = 0
    found = ev.PositionReport(desk.now, SYMBOL, Decimal("0.2"), Decimal(60_000), "p", None, 10, "CROSS", "snapshot")
    desk.take(found)
    assert position(desk).naked_since == desk.now
    desk.take(ev.StopsListed(desk.now, SYMBOL, [Stop("s1", SYMBOL, None, Decimal(59_000), None, 0)]))
    assert (position(desk).stop, position(desk).naked_since, position(desk).risk_per_unit) == (
        Decimal(59_000),
        0,
        Decimal(1000),
    )


# --- trailing --------------------------------------------------------------------------------------------------------


@BOTH
def test_the_trailing_stop_arms_at_half_an_r_and_says_so_once(side: int) -> None:
    desk = guarded(side)
    assert kinds(desk.mark(at(side, 499))) == []
    decisions = desk.mark(at(side, 500))
    assert one(decisions, ev.Noticed).kind == "TrailActivated"
    assert position(desk).trailing
    assert "Noticed" not in kinds(desk.mark(at(side, 700)) + desk.mark(at(side, 499)) + desk.mark(at(side, 900)))


@BOTH
def test_the_stop_follows_one_and_a_half_r_behind_the_best_price(side: int) -> None:
    desk = guarded(side)
    sent = one(desk.mark(at(side, 800)), ev.ProtectSent)
    assert (float(sent.stop), sent.stop_id, sent.target) == (at(side, -700), "s1", Decimal(str(at(side, 3000))))
    stand(desk, at(side, -700))
    assert float(one(desk.mark(at(side, 2000)), ev.ProtectSent).stop) == at(side, 500)


@BOTH
def test_the_stop_never_moves_back(side: int) -> None:
    desk = guarded(side)
    desk.mark(at(side, 2000))
    stand(desk, at(side, 500))
    for distance in (1500, 1000, 600, 1999, 2000):
        desk.now += 10 * SECOND
        assert kinds(desk.mark(at(side, distance))) == []


@BOTH
def test_the_stop_moves_in_steps_of_a_tenth_of_r(side: int) -> None:
    desk = guarded(side)
    desk.mark(at(side, 1000))
    stand(desk, at(side, -500))
    assert kinds(desk.mark(at(side, 1099))) == []
    assert "ProtectSent" in kinds(desk.mark(at(side, 1100)))


@pytest.mark.parametrize("ok", [True, False, None])
def test_no_second_request_while_one_is_in_flight_or_was_just_refused(ok: bool | None) -> None:
    desk = guarded()
    assert "ProtectSent" in kinds(desk.mark(61_000.0))
    assert kinds(desk.mark(61_500.0)) == []
    answer(desk, ok)
    assert kinds(desk.mark(62_000.0)) == []
    desk.now += 6 * SECOND
    assert one(desk.mark(62_000.0), ev.ProtectSent).stop == Decimal(60_500)


def test_a_refused_move_raises_no_alarm_while_the_old_stop_stands() -> None:
    desk = guarded()
    desk.mark(61_000.0)
    assert kinds(answer(desk, ok=False)) == []
    assert not desk.state.alarms


def test_three_refused_moves_do_not_spend_the_tries_of_a_position_that_becomes_naked_later() -> None:
    desk = guarded()
    for n in range(3):
        desk.now += 6 * SECOND
        desk.mark(61_000.0 + 500 * n)
        answer(desk, ok=False)
    desk.take(ev.StopsListed(desk.now, SYMBOL, []))
    decisions = desk.wait(6)
    assert "ProtectSent" in kinds(decisions)
    assert "OrderDecided" not in kinds(decisions)


def test_trailing_can_be_switched_off() -> None:
    desk = guarded(trail_arm_r=0.0)
    assert kinds(desk.mark(63_000.0)) == []


def test_a_risk_smaller_than_a_tick_sends_no_stop_that_already_stands() -> None:
    desk = Desk()
    desk.fill("", "0.1", "60000", side="BUY")
    stand(desk, 59_999.9)
    sent: list[ev.Event] = []
    for n in range(40):
        desk.now += 6 * SECOND
        sent += desk.mark(60_000.0 + n * 0.01)
    stops = [d.stop for d in sent if isinstance(d, ev.ProtectSent)]
    assert all(stop > Decimal("59999.9") for stop in stops)


# --- age -------------------------------------------------------------------------------------------------------------


@BOTH
def test_a_position_held_for_too_many_bars_is_pointed_out_once(side: int) -> None:
    desk = guarded(side, stale_position_bars=5)
    said = [n for n in range(12) for d in desk.bar() if isinstance(d, ev.Noticed) and d.kind == "StalePosition"]
    assert said == [4]


def test_a_new_position_is_young_again() -> None:
    desk = guarded(stale_position_bars=3)
    for _ in range(4):
        desk.bar()
    desk.fill("", "0.1", "60000", side="SELL")
    desk.fill("", "0.1", "60000", side="BUY")
    assert (position(desk).bars, position(desk).stale) == (0, False)
