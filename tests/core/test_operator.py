"""What each command does in each trading state; above all the kill switch, and getting out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from desk import SECOND, SYMBOL, Desk, buy, kinds, one, profile, sell
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.exposure import worst_position
from engine.core.orders import terms
from engine.model import events as ev
from engine.model.orders import Order

STATES = ["ACTIVE", "PAUSED", "HALTED", "SAFE"]


def in_state(state: str, desk: Desk | None = None) -> Desk:
    desk = desk or Desk()
    if state == "PAUSED":
        desk.command("pause")
    elif state == "HALTED":
        desk.command("kill")
    elif state == "SAFE":
        lose_a_link(desk)
    assert desk.state.trading == state
    return desk


def lose_a_link(desk: Desk) -> list[ev.Event]:
    out = desk.take(ev.LinkReport(desk.now, "public", "failed", detail="gone"))
    desk.take(ev.LinkReport(desk.now, "public", "up"))
    return out


def working(desk: Desk, count: int = 2) -> list[str]:
    """Limit orders that stand at the venue."""
    for _ in range(count):
        desk.bar(buy(qty="0.01", kind="LIMIT", price=59_900.0))
    ids = list(desk.state.open_orders)
    for cid in ids:
        desk.accept(cid)
    return ids


def foreign(desk: Desk) -> None:
    order = {"side": "SELL", "qty": Decimal(1), "price": Decimal(70_000), "source": "snapshot"}
    desk.take(ev.OrderReport(desk.now, "", "v9", SYMBOL, "ACCEPTED", Decimal(0), **order))  # type: ignore[arg-type]


# --- every command in every state ------------------------------------------------------------------------------------

CHANGES = {
    "pause": {"ACTIVE": "PAUSED"},
    "resume": {"PAUSED": "ACTIVE"},
    "kill": {"ACTIVE": "HALTED", "PAUSED": "HALTED", "SAFE": "HALTED"},
    "rearm": {"HALTED": "ACTIVE", "SAFE": "ACTIVE"},
    "flatten": {"ACTIVE": "PAUSED"},
    "cancel_entries": {},
    "close": {},
    "cancel": {},
    "approve": {},
    "decline": {},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", sorted(CHANGES))
def test_the_trading_state_after_each_command(action: Any, state: str) -> None:
    desk = in_state(state)
    decisions = desk.command(action, text="all is well")
    wanted = CHANGES[action].get(state)
    assert [d.state for d in decisions if isinstance(d, ev.TradingChanged)] == ([wanted] if wanted else [])
    assert desk.state.trading == (wanted or state)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("action", "target"), [("cancel", "tag-99"), ("close", SYMBOL), ("approve", "tag-99"), ("decline", "tag-99")]
)
def test_a_command_for_what_is_not_there_any_more_is_a_notice_and_nothing_else(
    action: Any, target: str, state: str
) -> None:
    desk = in_state(state)
    decisions = desk.command(action, target)
    assert kinds(decisions) == ["Noticed"]
    assert one(decisions, ev.Noticed).kind == "StaleCommand"


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("PAUSED", "pause"),
        ("HALTED", "pause"),
        ("SAFE", "pause"),
        ("HALTED", "resume"),
        ("SAFE", "resume"),
        ("ACTIVE", "rearm"),
    ],
)
def test_a_change_of_state_that_is_not_allowed_is_a_notice(state: str, action: Any) -> None:
    desk = in_state(state)
    assert one(desk.command(action, text="because"), ev.Noticed).kind == "StaleCommand"
    assert desk.state.trading == state


def test_pausing_withdraws_what_waits_for_approval() -> None:
    desk = Desk(prof=profile(approval="required"))
    desk.bar(buy())
    assert one(desk.command("pause"), ev.ApprovalClosed).outcome == "withdrawn"
    assert desk.only_order().status == "DENIED"


# --- kill ------------------------------------------------------------------------------------------------------------


def test_kill_shuts_the_gate_before_anything_else() -> None:
    desk = Desk()
    working(desk)
    assert kinds(desk.command("kill"))[0] == "TradingChanged"


def test_kill_cancels_every_working_entry_and_leaves_stops_and_foreign_orders() -> None:
    desk = Desk()
    desk.long()
    ids = working(desk)
    foreign(desk)
    decisions = desk.command("kill")
    assert one(decisions, ev.CancelSent).client_ids == ids
    assert desk.state.stops
    assert desk.state.positions[SYMBOL].stop is not None


def test_kill_cancels_orders_without_an_answer_too() -> None:
    desk = Desk()
    desk.bar(buy())
    cid = desk.only_order().client_id
    desk.take(ev.OrderReport(desk.now, cid, "", SYMBOL, "UNKNOWN", Decimal(0), "timeout", "", "reply"))
    assert one(desk.command("kill"), ev.CancelSent).client_ids == [cid]
    assert one(desk.wait(3), ev.CancelSent).client_ids == [cid]


def test_kill_does_not_cancel_an_order_that_leads_out() -> None:
    desk = Desk()
    desk.long()
    desk.command("close", SYMBOL)
    assert "CancelSent" not in kinds(desk.command("kill"))


def test_kill_denies_what_waits_for_approval_and_a_late_yes_sends_nothing() -> None:
    desk = Desk(prof=profile(approval="required"))
    desk.bar(buy())
    order = desk.only_order()
    shown = terms(order)
    assert one(desk.command("kill"), ev.Refused).code == "halted"
    assert kinds(desk.command("approve", order.client_id, shown)) == ["Noticed"]


def test_no_entry_passes_while_the_switch_is_on() -> None:
    desk = in_state("HALTED")
    decisions = desk.bar(buy())
    assert one(decisions, ev.Refused).code == "halted"
    assert one(decisions, ev.Noted).verdict == "blocked"
    assert "OrderSent" not in kinds(decisions)


def test_pressing_kill_again_cancels_again() -> None:
    desk = Desk()
    ids = working(desk)
    desk.command("kill")
    decisions = desk.command("kill")
    assert kinds(decisions) == ["CancelSent"]
    assert one(decisions, ev.CancelSent).client_ids == ids


def test_a_cancel_that_takes_no_effect_is_sent_again_after_three_seconds() -> None:
    desk = Desk()
    ids = working(desk)
    desk.command("kill")
    assert "CancelSent" not in kinds(desk.wait(2.9))
    assert one(desk.wait(0.2), ev.CancelSent).client_ids == ids
    desk.take(ev.OrderReport(desk.now, ids[0], "", SYMBOL, "CANCELLED", Decimal(0)))
    assert one(desk.wait(3), ev.CancelSent).client_ids == ids[1:]


def test_nothing_is_cancelled_by_the_clock_when_the_switch_is_off() -> None:
    desk = Desk()
    working(desk)
    assert "CancelSent" not in kinds(desk.wait(30))


@pytest.mark.parametrize("reason", ["", "  ", "ok", " ok "])
def test_rearming_needs_a_reason_of_three_letters(reason: str) -> None:
    desk = in_state("HALTED")
    assert kinds(desk.command("rearm", text=reason)) == ["Noticed"]
    assert desk.state.trading == "HALTED"


def test_the_reason_for_rearming_is_on_record() -> None:
    desk = in_state("HALTED")
    assert one(desk.command("rearm", text="checked it"), ev.TradingChanged).why == "re-armed: checked it"
    assert "OrderSent" in kinds(desk.bar(buy()))


@pytest.mark.parametrize(("action", "text"), [("resume", ""), ("rearm", "no")])
def test_a_command_that_is_refused_does_not_reset_the_counters(action: Any, text: str) -> None:
    desk = Desk()
    desk.bar(buy())
    desk.command("kill")
    desk.state.risk.losses_in_row = 3
    desk.command(action, text=text)
    assert desk.state.risk.losses_in_row == 3
    assert desk.state.risk.repeats
    desk.command("rearm", text="had a look")
    assert (desk.state.risk.losses_in_row, desk.state.risk.repeats) == (0, {})


def test_a_stale_yes_is_not_a_persons_action_for_the_repeat_limit() -> None:
    desk = Desk()
    desk.bar(buy())
    desk.command("approve", "tag-99", "whatever")
    assert desk.state.risk.repeats == {"scripted": 1}


# --- cancel ----------------------------------------------------------------------------------------------------------


def test_one_order_is_cancelled_by_hand_a_foreign_one_too() -> None:
    desk = Desk()
    ids = working(desk)
    foreign(desk)
    assert one(desk.command("cancel", ids[1]), ev.CancelSent).client_ids == [ids[1]]
    assert one(desk.command("cancel", "venue-v9"), ev.CancelSent).client_ids == ["venue-v9"]


def test_an_order_that_waits_for_approval_is_declined_not_cancelled() -> None:
    desk = Desk(prof=profile(approval="required"))
    desk.bar(buy())
    assert kinds(desk.command("cancel", desk.only_order().client_id)) == ["Noticed"]


def test_cancelling_entries_leaves_exits() -> None:
    desk = Desk()
    desk.long()
    ids = working(desk)
    desk.command("close", SYMBOL)
    assert one(desk.command("cancel_entries"), ev.CancelSent).client_ids == ids


# --- close and flatten -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("action", "target"), [("close", SYMBOL), ("flatten", "")])
def test_getting_out_works_in_every_state_and_is_reduce_only(action: Any, target: str, state: str) -> None:
    desk = Desk()
    desk.long(qty="0.1")
    in_state(state, desk)
    decisions = desk.command(action, target)
    order = one(decisions, ev.OrderDecided).order
    assert (order.side, order.qty, order.reduce_only, order.kind) == ("SELL", Decimal("0.1"), True, "MARKET")
    assert "OrderSent" in kinds(decisions)


def test_flatten_cancels_entries_first_and_stops_new_ones() -> None:
    desk = Desk()
    desk.long()
    ids = working(desk)
    decisions = desk.command("flatten")
    assert kinds(decisions) == ["TradingChanged", "CancelSent", "OrderDecided", "OrderSent"]
    assert one(decisions, ev.CancelSent).client_ids == ids


def test_pressing_close_twice_sends_one_order() -> None:
    desk = Desk()
    desk.long()
    desk.command("close", SYMBOL)
    assert one(desk.command("close", SYMBOL), ev.Noticed).kind == "StaleCommand"
    assert "OrderSent" not in kinds(desk.command("flatten"))


def test_a_close_without_an_answer_may_be_sent_again() -> None:
    desk = Desk()
    desk.long()
    out = one(desk.command("close", SYMBOL), ev.OrderSent)
    desk.take(ev.OrderReport(desk.now, out.client_id, "", SYMBOL, "UNKNOWN", Decimal(0), "timeout", "", "reply"))
    assert "OrderSent" in kinds(desk.command("close", SYMBOL))


def test_what_is_left_after_a_partial_close_can_be_closed() -> None:
    desk = Desk()
    desk.long(qty="0.1")
    out = one(desk.command("close", SYMBOL), ev.OrderSent).client_id
    desk.fill(out, "0.04", "60000")
    desk.take(ev.OrderReport(desk.now, out, "", SYMBOL, "CANCELLED", Decimal("0.04")))
    assert one(desk.command("close", SYMBOL), ev.OrderDecided).order.qty == Decimal("0.06")


def test_a_position_that_only_the_venue_knows_of_can_be_closed_by_a_person() -> None:
    desk = Desk()
    for qty, settled in (("-0.2", 0), ("-0.2", 4)):
        desk.wait(settled)
        desk.take(ev.PositionReport(desk.now, SYMBOL, Decimal(0), Decimal(0), "", None, 0, "", "push"))
        desk.fill("", "0.1", "60000", side="BUY", trade="a")
        desk.fill("", "0.1", "60000", side="SELL", trade="b")
        desk.take(ev.PositionReport(desk.now, SYMBOL, Decimal(qty), Decimal(60_000), "p", None, 1, "CROSS", "push"))
        out = [d.order for d in desk.command("flatten") if isinstance(d, ev.OrderDecided)]
        assert [(o.side, o.qty, o.reduce_only) for o in out] == ([("BUY", Decimal("0.2"), True)] if settled else [])


def test_less_than_the_venues_minimum_can_still_be_closed() -> None:
    desk = Desk()
    desk.long(qty="0.1")
    desk.fill("", "0.09995", "60000", side="SELL")
    assert "OrderSent" in kinds(desk.command("close", SYMBOL))


verbs = st.sampled_from(
    ["buy", "sell", "flatten", "close", "kill", "fill", "part", "unknown", "cancelled", "rearm", "wait"]
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(verbs, st.integers(0, 5)), min_size=3, max_size=30))
def test_closing_and_flattening_never_increase_what_could_be_held(steps: list[tuple[str, int]]) -> None:
    desk = Desk()
    for verb, which in steps:
        desk.now += SECOND
        desk.quote(60_000.0)
        before = worst_position(desk.state, SYMBOL)
        if verb in ("flatten", "close", "kill"):
            decisions = desk.command(verb, SYMBOL)
            assert worst_position(desk.state, SYMBOL) <= before
            assert all(d.order.reduce_only for d in decisions if isinstance(d, ev.OrderDecided))
            held = desk.state.positions[SYMBOL].qty if SYMBOL in desk.state.positions else Decimal(0)
            out = [d.order for d in decisions if isinstance(d, ev.OrderDecided)]
            assert all(o.qty <= abs(held) and (o.side == "SELL") == (held > 0) for o in out)
        elif verb in ("buy", "sell"):
            desk.bar(buy() if verb == "buy" else sell())
        elif verb == "rearm":
            desk.command("rearm", text="go on")
        elif verb == "wait":
            desk.wait(which)
        else:
            _answer(desk, verb, which)


def _answer(desk: Desk, verb: str, which: int) -> None:
    waiting: list[Order] = [desk.state.orders[c] for c in desk.state.open_orders]
    if not waiting:
        return
    order = waiting[which % len(waiting)]
    if verb in ("fill", "part"):
        held = desk.state.positions[SYMBOL].qty if SYMBOL in desk.state.positions else Decimal(0)
        most = min(order.left, abs(held)) if order.reduce_only else order.left  # the venue keeps to reduce-only
        qty = most if verb == "fill" else (most / 2).quantize(Decimal("0.0001"))
        if qty > 0:
            desk.fill(order.client_id, str(qty), "60000")
        return
    status: Any = "UNKNOWN" if verb == "unknown" else "CANCELLED"
    desk.take(ev.OrderReport(desk.now, order.client_id, "", SYMBOL, status, order.filled, source="reply"))


def test_who_asks_for_a_comparison_gets_one_in_every_state() -> None:
    for state in STATES:
        asked = one(in_state(state).command("compare"), ev.SnapshotAsked)
        assert asked.why == "asked by key"
