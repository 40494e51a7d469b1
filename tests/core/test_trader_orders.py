"""The life of an order: from a strategy's intent to its last fill, with every answer that a venue can give."""

from __future__ import annotations

from decimal import Decimal

from desk import SECOND, SYMBOL, Desk, buy, digest, kinds, one, profile, sell

from engine.core.fold import apply
from engine.core.orders import terms
from engine.model import events as ev
from engine.model.state import State


def test_an_intent_that_passes_the_gate_is_sent() -> None:
    desk = Desk()
    decisions = desk.bar(buy())
    assert kinds(decisions) == ["Noted", "OrderDecided", "OrderSent"]
    order = desk.only_order()
    assert (order.status, order.qty, order.stop, order.target) == (
        "SUBMITTED", Decimal("0.1"), Decimal("59000.0"), Decimal("62000.0"),
    )  # fmt: skip


def test_the_client_id_is_the_sessions_tag_and_the_sequence_number_of_the_decision() -> None:
    desk = Desk()
    decisions = desk.bar(buy())
    decided = one(decisions, ev.OrderDecided)
    seq = 1 + desk.log.index(decided)
    assert decided.order.client_id == f"tag-{seq}"


def test_quantity_is_risk_over_stop_distance_rounded_down_to_the_step() -> None:
    desk = Desk()
    desk.bar(buy(qty=None, stop=59_000.0))
    # 1 % of 10,000 over (60,000.1 − 59,000)
    assert desk.only_order().qty == Decimal("0.0999")


def test_an_order_above_a_cap_is_made_smaller_and_says_so() -> None:
    desk = Desk()
    decisions = desk.bar(buy(qty="1.5"))
    assert desk.only_order().qty == Decimal("1.0000")
    assert one(decisions, ev.Noticed).text == "1.5000 → 1.0000 by max_quantity"
    assert one(decisions, ev.OrderSent)


def test_an_order_for_which_a_cap_leaves_nothing_is_refused_with_the_caps_reason() -> None:
    desk = Desk(prof=profile(approval="auto"))
    desk.long(qty="1")
    desk.bar(buy(qty="1"))
    decisions = desk.bar(buy(qty="0.5"))
    assert one(decisions, ev.Refused).code == "max_position"


def test_a_venue_that_accepts_and_fills_opens_a_position() -> None:
    desk = Desk()
    order = desk.long()
    position = desk.state.positions[SYMBOL]
    assert (position.qty, position.entry, position.stop) == (Decimal("0.1"), Decimal(60_000), Decimal(59_000))
    assert desk.order(order.client_id).status == "FILLED"


def test_a_venue_that_refuses_is_a_rejection_with_its_code() -> None:
    desk = Desk()
    desk.bar(buy())
    cid = desk.only_order().client_id
    decisions = desk.take(
        ev.OrderReport(desk.now, cid, "", SYMBOL, "REJECTED", Decimal(0), "20003", "Insufficient balance", "reply")
    )
    refused = one(decisions, ev.Refused)
    assert (refused.code, refused.value, refused.source) == ("venue_rejected", "20003", "venue")
    assert desk.only_order().status == "REJECTED"


def test_no_answer_is_unknown_and_is_asked_about_until_the_venue_tells() -> None:
    desk = Desk()
    desk.bar(buy())
    cid = desk.only_order().client_id
    decisions = desk.take(ev.OrderReport(desk.now, cid, "", SYMBOL, "UNKNOWN", Decimal(0), "timeout", "", "reply"))
    assert kinds(decisions) == ["Noticed", "QuerySent"]
    assert desk.only_order().status == "UNKNOWN"
    assert "QuerySent" in kinds(desk.wait(2.5))
    desk.take(ev.OrderReport(desk.now, cid, "v1", SYMBOL, "ACCEPTED", Decimal(0), source="query"))
    assert desk.only_order().status == "ACCEPTED"
    assert not desk.state.alarms


def test_one_not_found_proves_nothing_two_after_the_visibility_delay_do() -> None:
    desk = Desk()
    desk.bar(buy())
    cid = desk.only_order().client_id
    absent = ("", SYMBOL, "REJECTED", Decimal(0), "not_found", "", "query")
    desk.take(ev.OrderReport(desk.now, cid, "", SYMBOL, "UNKNOWN", Decimal(0), "timeout", "", "reply"))
    desk.take(ev.OrderReport(desk.now, cid, *absent))
    assert desk.only_order().status == "UNKNOWN"
    desk.take(ev.OrderReport(desk.now, cid, *absent))
    assert desk.only_order().status == "UNKNOWN"
    desk.wait(6)
    desk.take(ev.OrderReport(desk.now, cid, *absent))
    assert desk.only_order().status == "REJECTED"


def test_not_found_means_nothing_while_the_venue_holds_a_position_that_we_cannot_explain() -> None:
    desk = Desk()
    desk.bar(buy())
    cid = desk.only_order().client_id
    desk.take(ev.OrderReport(desk.now, cid, "", SYMBOL, "UNKNOWN", Decimal(0), "timeout", "", "reply"))
    desk.take(ev.PositionReport(desk.now, SYMBOL, Decimal("0.1"), Decimal(60_000), "p", None, 10, "CROSS", "push"))
    for _ in range(4):
        desk.wait(6)
        desk.take(ev.OrderReport(desk.now, cid, "", SYMBOL, "REJECTED", Decimal(0), "not_found", "", "query"))
    assert desk.only_order().status == "UNKNOWN"


def test_a_fill_is_counted_once_however_often_it_is_told() -> None:
    desk = Desk()
    desk.bar(buy())
    cid = desk.only_order().client_id
    for _ in range(3):
        desk.fill(cid, "0.05", "60000", trade="t1")
    assert desk.state.positions[SYMBOL].qty == Decimal("0.05")


def test_the_same_trade_id_on_two_orders_is_two_fills() -> None:
    desk = Desk()
    desk.bar(buy(qty="0.05"))
    desk.bar(buy(qty="0.05"))
    first, second = desk.state.orders
    desk.fill(first, "0.05", "60000", trade="t1")
    desk.fill(second, "0.05", "60000", trade="t1")
    assert desk.state.positions[SYMBOL].qty == Decimal("0.10")


def test_a_fill_after_cancel_still_counts() -> None:
    desk = Desk()
    desk.bar(buy())
    cid = desk.only_order().client_id
    desk.accept(cid)
    desk.take(ev.OrderReport(desk.now, cid, "", SYMBOL, "CANCELLED", Decimal(0)))
    desk.fill(cid, "0.1", "60000")
    assert desk.state.positions[SYMBOL].qty == Decimal("0.1")
    assert desk.only_order().status == "FILLED"


def test_messages_out_of_order_change_nothing() -> None:
    desk = Desk()
    order = desk.long()
    before = digest(desk.order(order.client_id))
    desk.take(ev.OrderReport(desk.now, order.client_id, "", SYMBOL, "ACCEPTED", Decimal(0)))
    assert digest(desk.order(order.client_id)) == before


def test_an_order_that_we_did_not_send_is_shown_as_foreign_and_left_alone() -> None:
    desk = Desk()
    report = ev.OrderReport(
        desk.now, "", "v9", SYMBOL, "ACCEPTED", Decimal(0), source="snapshot", side="SELL", qty=Decimal(1), price=Decimal(70_000)
    )  # fmt: skip
    decisions = desk.take(report)
    assert one(decisions, ev.Noticed).kind == "ForeignOrder"
    assert "CancelSent" not in kinds(desk.command("kill"))


def test_a_limit_that_is_not_filled_in_time_is_cancelled() -> None:
    desk = Desk()
    desk.bar(buy(kind="LIMIT", price=59_900.0, expires_bars=2))
    desk.accept(desk.only_order().client_id)
    assert "CancelSent" not in kinds(desk.bar())
    assert "CancelSent" in kinds(desk.bar())


# --- approvals -----------------------------------------------------------------------------------------------------


def asking() -> Desk:
    desk = Desk(prof=profile(approval="required"))
    desk.bar(buy())
    assert desk.only_order().status == "AWAITING_APPROVAL"
    return desk


def test_an_approved_order_is_sent() -> None:
    desk = asking()
    order = desk.only_order()
    assert kinds(desk.command("approve", order.client_id, terms(order))) == ["ApprovalClosed", "OrderSent"]


def test_other_terms_than_the_ones_on_the_screen_are_not_approved() -> None:
    desk = asking()
    order = desk.only_order()
    decisions = desk.command("approve", order.client_id, terms(order).replace("0.1", "1.0"))
    assert kinds(decisions) == ["Noticed"]
    assert desk.only_order().status == "AWAITING_APPROVAL"


def test_a_declined_order_is_denied() -> None:
    desk = asking()
    decisions = desk.command("decline", desk.only_order().client_id)
    assert one(decisions, ev.Refused).code == "approval_declined"
    assert desk.only_order().status == "DENIED"


def test_nobody_answering_means_no() -> None:
    desk = asking()
    desk.wait(19.9)
    assert desk.only_order().status == "AWAITING_APPROVAL"
    assert one(desk.wait(0.1), ev.Refused).code == "approval_expired"
    order = desk.only_order()
    assert "OrderSent" not in kinds(desk.command("approve", order.client_id, terms(order)))


def test_an_approval_is_withdrawn_when_the_price_has_moved_away() -> None:
    desk = asking()
    order = desk.only_order()
    desk.quote(60_130.0)
    decisions = desk.command("approve", order.client_id, terms(order))
    assert one(decisions, ev.ApprovalClosed).outcome == "withdrawn"
    assert "OrderSent" not in kinds(decisions)


def test_the_gate_judges_again_when_a_person_has_approved() -> None:
    desk = asking()
    order = desk.only_order()
    desk.now += 5 * SECOND
    decisions = desk.command("approve", order.client_id, terms(order))
    assert one(decisions, ev.Refused).code == "stale_quote"


# --- trades --------------------------------------------------------------------------------------------------------


def test_a_stop_that_fills_at_the_venue_closes_the_trade_with_its_loss() -> None:
    desk = Desk()
    desk.long(qty="0.1", price="60000", stop="59000")
    desk.fill("", "0.1", "59000", side="SELL", fee="3.54")
    (trade,) = desk.state.trades
    assert (trade.pnl, trade.exit_why, trade.r) == (Decimal("-103.54"), "stop", -1.0354)
    assert desk.state.account.wallet == Decimal("9896.46")
    assert desk.state.risk.losses_in_row == 1


def test_a_fill_through_zero_closes_one_trade_and_opens_the_other() -> None:
    desk = Desk()
    desk.long(qty="0.1", price="60000")
    desk.fill("", "0.3", "60500", side="SELL")
    position = desk.state.positions[SYMBOL]
    assert (position.qty, position.entry) == (Decimal("-0.2"), Decimal(60_500))
    assert desk.state.trades[-1].pnl == Decimal(50)


def test_an_exit_is_reduce_only_and_needs_no_approval() -> None:
    desk = Desk(prof=profile(approval="required"))
    desk.bar(buy())
    order = desk.only_order()
    desk.command("approve", order.client_id, terms(order))
    desk.fill(order.client_id, "0.1", "60000")
    decisions = desk.bar(sell(role="exit"))
    decided = one(decisions, ev.OrderDecided).order
    assert (decided.side, decided.qty, decided.reduce_only) == ("SELL", Decimal("0.1"), True)
    assert one(decisions, ev.OrderSent)


# --- the fold ------------------------------------------------------------------------------------------------------


def test_the_journal_of_inputs_and_decisions_folds_to_the_same_state() -> None:
    desk = Desk()
    desk.long()
    desk.bar(buy(qty="0.5"))
    desk.command("kill")
    desk.wait(4)
    folded = State()
    for event in desk.log:
        apply(folded, event)
    assert digest(folded) == digest(desk.state)


def test_the_same_inputs_give_the_same_decisions() -> None:
    def run() -> list[ev.Event]:
        desk = Desk()
        desk.long()
        desk.quote(61_500.0)
        desk.bar(sell(role="exit"))
        return desk.log

    assert run() == run()


def test_a_limit_keeps_its_price_so_a_moving_market_does_not_withdraw_the_question() -> None:
    desk = Desk(prof=profile(approval="required"))
    desk.bar(buy(kind="LIMIT", price=59_900.0))
    desk.quote(60_400.0)
    order = desk.only_order()
    assert one(desk.command("approve", order.client_id, terms(order)), ev.OrderSent)


def test_a_strategy_that_was_told_no_does_not_ask_again_at_once() -> None:
    desk = asking()
    desk.command("decline", desk.only_order().client_id)
    for _ in range(2):
        noted = one(desk.bar(buy()), ev.Noted)
        assert noted.verdict == "blocked"
        assert "of 2 bars ago" in noted.text
    assert "OrderDecided" in kinds(desk.bar(buy()))


def test_a_question_whose_stop_the_market_has_passed_is_withdrawn() -> None:
    desk = Desk(prof=profile(approval="required"))
    desk.bar(buy(kind="LIMIT", price=59_900.0, stop=59_000.0))
    desk.quote(58_900.0)
    assert one(desk.take(ev.Clock(desk.now)), ev.Refused).code == "no_stop"
