"""What is carried from one session to the next, and what the venue's word does to it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk import INSTRUMENT, SECOND, SYMBOL, T0, Desk, Scripted, buy, kinds, profile

from engine.core.fold import apply
from engine.core.orders import terms
from engine.core.trader import Trader
from engine.journal.codec import decode, encode
from engine.model import events as ev
from engine.model.orders import Fill
from engine.model.state import State
from engine.session import recover


def left(desk: Desk, since: int = 7) -> recover.Left:
    return recover.Left(Path("x"), desk.state, desk.state.seq, since, [])


class Next:
    """The session after ``desk``'s, connected, before the venue has said anything."""

    def __init__(self, desk: Desk, *, resume: bool = False, fresh: bool = False, lost: list[str] | None = None) -> None:
        self.now = desk.now + 60 * SECOND
        self.log: list[ev.Event] = []
        self.trader = Trader(profile(), {SYMBOL: [Scripted()]})
        self.take(ev.SessionStarted(self.now, "next", "test", "DEMO", "test", "1", 1, "{}", "tagb", "acc"))
        before = left(desk)._replace(lost=lost or [])
        event = recover.nothing(self.now) if fresh else recover.carried(before, self.now, resume=resume)
        self.began = self.take(decode(*encode(event)))
        for name in ("public", "private", "rest"):
            self.take(ev.LinkReport(self.now, name, "up"))
        self.take(ev.InstrumentListed(self.now, INSTRUMENT))

    @property
    def state(self) -> State:
        return self.trader.state

    def take(self, event: ev.Event) -> list[ev.Event]:
        decided = self.trader.step(event)
        self.log += [event, *decided]
        return decided

    def tick(self, seconds: float = 1.0) -> list[ev.Event]:
        self.now += int(seconds * SECOND)
        return self.take(ev.Clock(self.now))

    def said(self, wallet: str = "10000", qty: str = "0", entry: str = "60000", *before: ev.Event) -> list[ev.Event]:
        """A full reading of the account, as the venue gives it."""
        self.now += SECOND
        own = Decimal(wallet)
        self.take(ev.AccountReport(self.now, "USDT", own, own, Decimal(0), Decimal(0)))
        for event in before:
            event.t = self.now
            self.take(event)
        self.take(
            ev.PositionReport(self.now, SYMBOL, Decimal(qty), Decimal(entry), "p1", None, 10, "CROSS", "snapshot")
        )
        return self.take(ev.SnapshotTaken(self.now, "start", True))

    def report(self, cid: str, status: Any, code: str = "", source: Any = "query", **more: Any) -> list[ev.Event]:
        return self.take(
            ev.OrderReport(self.now, cid, f"v-{cid}", SYMBOL, status, Decimal(0), code, "", source, **more)
        )

    def settle(self, seconds: int = 70) -> None:
        """Time passes, and the venue says the same again each time that it is asked for everything."""
        for _ in range(seconds):
            if any(isinstance(d, ev.SnapshotAsked) for d in self.tick()):
                self.take(ev.SnapshotTaken(self.now, "again", True))
            if not self.state.recovery.open:
                return

    @property
    def lines(self) -> list[str]:
        return self.state.recovery.lines


def filled(cid: str, qty: str, price: str, side: Any = "BUY", trade: str = "t9", order: str = "") -> ev.FillReport:
    row = Fill(T0, SYMBOL, trade, order or f"v-{cid}", cid, side, Decimal(qty), Decimal(price), Decimal(0), False)
    return ev.FillReport(T0, row)


# --- what is taken along ---------------------------------------------------------------------------------------------


def test_a_position_comes_along_with_its_trade_and_its_stop() -> None:
    desk = Desk()
    desk.long()
    was = desk.state.positions[SYMBOL]
    now = Next(desk).state.positions[SYMBOL]
    assert (now.qty, now.entry, now.stop, now.risk_per_unit, now.strategy, now.why) == (
        was.qty, was.entry, was.stop, was.risk_per_unit, was.strategy, was.why,
    )  # fmt: skip
    assert now.venue_qty is None


def test_the_limits_of_day_week_and_drawdown_go_on_and_a_start_does_not_count_losses_anew() -> None:
    desk = Desk()
    book = desk.state.risk
    book.day_start, book.high_water, book.losses_in_row, book.repeats = 11_000.0, 12_000.0, 3, {"scripted": 9}
    new = Next(desk)
    new.said()
    new.settle()
    new.take(ev.Command(new.now, "pause", "preflight", "", "checking"))
    new.take(ev.Command(new.now, "resume", "preflight", "", "preflight passed"))
    risk = new.state.risk
    assert (risk.day_start, risk.high_water, risk.losses_in_row, risk.repeats) == (
        11_000.0,
        12_000.0,
        3,
        {"scripted": 9},
    )


def test_a_new_session_counts_from_zero_and_a_continued_one_counts_on() -> None:
    desk = Desk()
    desk.long()
    desk.fill("", "0.1", "61000", side="SELL", trade="out")
    new, again = Next(desk).state, Next(desk, resume=True).state
    assert (new.trades_total, new.account.realised, new.account.start) == (0, Decimal(0), desk.state.account.wallet)
    assert (again.trades_total, again.account.realised, again.account.start) == (
        1,
        Decimal(100),
        desk.state.account.start,
    )
    assert len(again.trades) == 1
    assert new.account.wallet == again.account.wallet == desk.state.account.wallet


def test_what_waited_for_a_key_was_never_sent_and_never_will_be() -> None:
    desk = Desk(prof=profile(approval="required"))
    desk.bar(buy())
    order = desk.only_order()
    new = Next(desk)
    assert new.state.orders[order.client_id].status == "DENIED"
    assert not new.state.approvals
    said = new.take(ev.Command(new.now, "approve", "key", order.client_id, terms(order)))
    assert "OrderSent" not in kinds(said)


def test_after_damage_what_waited_for_a_key_may_have_left() -> None:
    desk = Desk(prof=profile(approval="required"))
    desk.bar(buy())
    new = Next(desk, lost=["event 9 is not as it was written"])
    assert new.state.orders[desk.only_order().client_id].status == "UNKNOWN"
    assert "not readable" in new.lines[0]


@pytest.mark.parametrize("state", ["HALTED", "SAFE"])
def test_a_gate_that_was_shut_stays_shut(state: Any) -> None:
    desk = Desk()
    desk.take(ev.LinkReport(desk.now, "public", "failed")) if state == "SAFE" else desk.command("kill")
    assert Next(desk).state.trading == state


def test_orders_of_the_earlier_session_are_ours_also_without_their_record() -> None:
    desk = Desk()
    new = Next(desk)
    tag = desk.state.session.tag
    new.take(
        ev.OrderReport(new.now, f"{tag}-77", "v9", SYMBOL, "ACCEPTED", Decimal(0), source="snapshot", qty=Decimal(1))
    )
    new.take(ev.OrderReport(new.now, "web-1", "v10", SYMBOL, "ACCEPTED", Decimal(0), source="snapshot", qty=Decimal(1)))
    assert new.state.orders[f"{tag}-77"].role == "entry"
    assert new.state.orders["web-1"].role == "foreign"


# --- before the venue has answered -------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["approve", "resume", "rearm", "close", "flatten", "cancel", "adopt"])
def test_no_key_sends_before_the_venue_was_asked(action: Any) -> None:
    desk = Desk()
    desk.long()
    new = Next(desk)
    said = new.take(ev.Command(new.now, action, "key", SYMBOL, "reason"))
    assert kinds(said) == ["Noticed"]
    assert "not yet" in said[0].text  # type: ignore[attr-defined]


def test_kill_and_pause_work_at_any_time() -> None:
    new = Next(Desk())
    assert "TradingChanged" in kinds(new.take(ev.Command(new.now, "kill", "key")))


def test_strategies_are_not_asked_and_stops_not_moved_meanwhile() -> None:
    desk = Desk()
    desk.long()
    new = Next(desk)
    assert kinds(new.take(ev.MarkTick(new.now, SYMBOL, 70_000.0, 70_000.0, 0.0, 0, new.now))) == []
    assert not {"ProtectSent", "OrderSent", "OrderDecided"} & set(kinds(new.tick(30)))


def test_a_venue_that_cannot_be_reached_leaves_everything_open() -> None:
    new = Next(Desk())
    new.take(ev.LinkReport(new.now, "private", "down"))
    for _ in range(200):
        new.tick()
        new.take(ev.SnapshotTaken(new.now, "start", False, "no answer"))
    assert new.state.recovery.open


# --- what the venue says -----------------------------------------------------------------------------------------------


def test_an_order_that_the_venue_denies_twice_is_closed_and_not_refused() -> None:
    desk = Desk()
    desk.bar(buy())
    cid = desk.only_order().client_id
    new = Next(desk)
    assert new.state.orders[cid].status == "UNKNOWN"
    new.said()
    for _ in range(2):
        assert "QuerySent" in kinds(new.tick(2))
        new.report(cid, "REJECTED", "not_found")
    new.settle(3)
    assert not new.state.recovery.open
    assert new.state.orders[cid].status == "REJECTED"
    assert "never reached the venue" in new.lines[0]
    assert not new.state.rejections


def test_one_denial_is_not_enough() -> None:
    desk = Desk()
    desk.bar(buy())
    cid = desk.only_order().client_id
    new = Next(desk)
    new.said()
    new.tick(2)
    new.report(cid, "REJECTED", "not_found")
    new.tick()
    assert new.state.recovery.open
    assert new.state.orders[cid].status == "UNKNOWN"


def test_a_fill_of_the_meantime_is_booked_once_with_its_own_id() -> None:
    desk = Desk()
    desk.bar(buy())
    cid = desk.only_order().client_id
    new = Next(desk)
    fill = filled(cid, "0.1", "60000")
    new.said("10000", "0.1", "60000", fill)
    new.take(filled(cid, "0.1", "60000"))
    new.settle()
    assert new.state.positions[SYMBOL].qty == Decimal("0.1")
    assert new.state.positions[SYMBOL].risk_per_unit == Decimal(1000)
    assert new.state.fills_total == 1
    assert "was unknown: filled" in new.lines[0]


def test_a_fill_that_was_booked_before_the_crash_is_not_booked_again() -> None:
    desk = Desk()
    order = desk.long()
    key = next(iter(desk.state.fill_keys))
    new = Next(desk)
    new.said("10000", "0.1", "60000", filled(order.client_id, "0.1", "60000", trade=key.split("/")[2]))
    new.settle()
    assert new.state.positions[SYMBOL].qty == Decimal("0.1")
    assert new.lines == []


def test_a_stop_that_was_hit_meanwhile_closes_the_trade_with_the_fill_as_its_reason() -> None:
    desk = Desk()
    desk.long()
    new = Next(desk)
    new.said("9900", "0", "0", filled("", "0.1", "59000", "SELL", order="stop-1"))
    new.settle()
    (trade,) = new.state.trades
    assert (trade.exit_why, trade.pnl) == ("stop", Decimal(-100))
    assert new.lines == [f"{SYMBOL} was +0.1, is +0: closed by stop at 59000, -100.00"]
    assert new.state.recovery.unsolved == 0


def test_a_position_that_is_gone_without_a_fill_is_the_venues_word() -> None:
    desk = Desk()
    desk.long()
    new = Next(desk)
    new.said("9950", "0")
    new.settle()
    assert new.state.positions[SYMBOL].qty == 0
    assert "no fill says why" in new.lines[0]
    assert not new.state.recovery.unsolved


@pytest.mark.parametrize("held", ["0.3", "-0.1"])
def test_a_position_that_grew_or_turned_is_foreign_and_left_alone(held: str) -> None:
    desk = Desk()
    desk.long()
    new = Next(desk)
    new.said("10000", held)
    new.settle()
    assert new.state.positions[SYMBOL].qty == Decimal("0.1")
    assert f"PositionMismatch/{SYMBOL}" in new.state.alarms
    assert new.state.recovery.unsolved == 1
    assert not {"ProtectSent", "OrderSent"} & set(kinds(new.log))


def test_what_somebody_else_bought_meanwhile_is_not_booked_as_ours() -> None:
    new = Next(Desk())
    new.said("10000", "0.2", "60000", filled("", "0.2", "60000", order="web"))
    new.settle()
    new.take(filled("", "0.2", "60000", order="web"))
    assert new.state.positions[SYMBOL].qty == 0
    assert new.state.recovery.unsolved == 1


def test_a_position_that_the_profile_does_not_know_is_pointed_out() -> None:
    desk = Desk()
    desk.long()
    held = desk.state.positions.pop(SYMBOL)
    held.symbol = "ETHUSDT"
    desk.state.positions["ETHUSDT"] = held
    desk.state.stops.clear()
    new = Next(desk)
    new.said()
    new.settle()
    assert "nobody watches it" in new.lines[0]
    assert new.state.recovery.unsolved == 1


def test_a_foreign_order_is_shown_and_left_alone() -> None:
    new = Next(Desk())
    order = ev.OrderReport(0, "web-1", "v10", SYMBOL, "ACCEPTED", Decimal(0), source="snapshot", qty=Decimal(1))
    new.said("10000", "0", "0", order)
    new.settle()
    assert "is not ours: left alone" in new.lines[0]
    assert "CancelSent" not in kinds(new.log)


def test_a_balance_that_changed_meanwhile_is_taken_over_and_said() -> None:
    new = Next(Desk())
    new.said("9876.5")
    new.settle()
    assert new.state.account.wallet == Decimal("9876.5")
    assert "-123.50 is taken over" in new.lines[0]


def test_an_order_that_stays_without_an_answer_ends_the_waiting_but_not_the_doubt() -> None:
    desk = Desk()
    desk.bar(buy())
    cid = desk.only_order().client_id
    new = Next(desk)
    new.said()
    asked = 0
    while new.state.recovery.open and asked < 100:
        asked += "QuerySent" in kinds(new.tick())
    assert 5 < asked < 30
    assert new.state.orders[cid].status == "UNKNOWN"
    assert new.state.recovery.unsolved == 1
    assert f"UnknownOrder/{cid}" in new.state.alarms


def test_with_nothing_to_recover_one_short_line_is_said() -> None:
    new = Next(Desk())
    new.said()
    new.settle()
    assert [line.text for line in new.state.log if line.kind == "recovery"][1:] == ["nothing to recover from s1"]


def test_a_decision_to_know_nothing_adopts_nothing() -> None:
    desk = Desk()
    desk.long()
    new = Next(desk, fresh=True)
    new.said("10000", "0.1")
    new.settle()
    assert new.state.positions[SYMBOL].qty == 0
    assert f"PositionMismatch/{SYMBOL}" in new.state.alarms
    assert "foreign" in new.lines[0]


def test_what_is_foreign_becomes_ours_by_a_persons_word_and_gets_a_stop() -> None:
    new = Next(Desk(), fresh=True)
    new.said("10000", "0.1", "60500")
    new.settle()
    assert new.state.recovery.unsolved == 1
    new.take(ev.Command(new.now, "adopt", "key", SYMBOL))
    position = new.state.positions[SYMBOL]
    assert (position.qty, position.entry) == (Decimal("0.1"), Decimal(60_500))
    assert not new.state.recovery.unsolved
    assert f"PositionMismatch/{SYMBOL}" not in new.state.alarms
    new.take(ev.MarkTick(new.now, SYMBOL, 60_500.0, 60_500.0, 0.0, 0, new.now))
    assert "ProtectSent" in kinds([d for _ in range(6) for d in new.tick()])
    assert "nothing to adopt" in new.take(ev.Command(new.now, "adopt", "key", SYMBOL))[0].text  # type: ignore[attr-defined]


# --- the recording -----------------------------------------------------------------------------------------------------


def test_the_new_recording_alone_gives_the_same_state_and_the_same_decisions() -> None:
    desk = Desk()
    desk.long()
    desk.bar(buy())
    new = Next(desk)
    new.said("9900", "0", "0", filled("", "0.1", "59000", "SELL", order="stop-1"))
    new.settle()
    folded, again = State(), Trader(profile(), {SYMBOL: [Scripted()]})
    decided: list[ev.Event] = []
    for event in [decode(*encode(event)) for event in new.log]:
        apply(folded, event)
        if type(event) in ev.INPUTS:
            decided += [event, *again.step(event)]
    assert msgspec.msgpack.encode(folded) == msgspec.msgpack.encode(new.state)
    assert decided == new.log


def test_books_that_come_later_or_cannot_be_change_nothing() -> None:
    desk = Desk()
    desk.long()
    event = recover.carried(left(desk), desk.now, resume=False)
    before = msgspec.msgpack.encode(desk.state.positions)
    assert desk.take(event) == []
    assert msgspec.msgpack.encode(desk.state.positions) == before
    assert not desk.state.recovery.open


def test_a_third_session_knows_the_names_of_the_first() -> None:
    first = Desk()
    second = Next(first)
    second.said()
    second.settle()
    book = recover.book(second.state, second.now, resume=False, damaged=False)
    assert book.tags == ["tagb", first.state.session.tag]
