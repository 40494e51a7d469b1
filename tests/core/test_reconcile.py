"""The venue's books against ours: doubt, comparison, and orders whose end we did not hear."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from desk import SECOND, SYMBOL, Desk, buy, kinds, one, profile

from engine.model import events as ev


def link(desk: Desk, name: str, state: Any) -> list[ev.Event]:
    return desk.take(ev.LinkReport(desk.now, name, state))


def compared(desk: Desk, *, complete: bool = True) -> list[ev.Event]:
    return desk.take(ev.SnapshotTaken(desk.now, "regular", complete))


def venue_holds(desk: Desk, qty: str) -> list[ev.Event]:
    return desk.take(
        ev.PositionReport(desk.now, SYMBOL, Decimal(qty), Decimal(60_000), "p", None, 10, "CROSS", "snapshot")
    )


def venue_has(desk: Desk, wallet: str) -> list[ev.Event]:
    amount = Decimal(wallet)
    return desk.take(ev.AccountReport(desk.now, "USDT", amount, amount, Decimal(0), Decimal(0)))


def report(
    desk: Desk, cid: str, status: Any, filled: str = "0", code: str = "", source: Any = "query"
) -> list[ev.Event]:
    return desk.take(ev.OrderReport(desk.now, cid, "", SYMBOL, status, Decimal(filled), code, "", source))


def asked(desk: Desk, seconds: int) -> list[int]:
    """After how many seconds a comparison was asked for."""
    return [n for n in range(1, seconds + 1) if "SnapshotAsked" in kinds(desk.wait(1))]


def standing() -> tuple[Desk, str]:
    """A limit order that the venue has taken."""
    desk = Desk()
    desk.bar(buy(kind="LIMIT", price=59_900.0))
    cid: str = desk.only_order().client_id
    desk.accept(cid)
    return desk, cid


# --- doubt -----------------------------------------------------------------------------------------------------------


def test_a_session_starts_in_doubt() -> None:
    assert Desk().trader.__class__(profile(), {}).state.doubt


def test_losing_the_private_stream_is_doubt_and_its_return_asks_for_a_comparison() -> None:
    desk = Desk()
    desk.wait(5)
    link(desk, "private", "down")
    assert desk.state.doubt
    desk.wait(2)
    assert "SnapshotAsked" in kinds(link(desk, "private", "up"))
    assert desk.state.doubt
    compared(desk)
    assert not desk.state.doubt


def test_an_incomplete_comparison_leaves_the_doubt_and_is_asked_for_again() -> None:
    desk = Desk()
    desk.wait(5)
    link(desk, "private", "down")
    link(desk, "private", "up")
    compared(desk, complete=False)
    assert desk.state.doubt
    assert asked(desk, 10)


def test_a_comparison_that_began_before_the_stream_broke_proves_nothing() -> None:
    desk = Desk()
    assert asked(desk, 30)
    desk.wait(0.3)
    link(desk, "private", "down")
    link(desk, "private", "up")
    compared(desk)
    assert desk.state.doubt
    assert asked(desk, 10)
    compared(desk)
    assert not desk.state.doubt


def test_the_public_stream_causes_no_doubt_about_the_account() -> None:
    desk = Desk()
    link(desk, "public", "down")
    assert not desk.state.doubt


def test_nothing_is_compared_while_the_private_stream_is_down() -> None:
    desk = Desk()
    link(desk, "private", "down")
    assert asked(desk, 60) == []


def test_books_are_compared_every_thirty_seconds() -> None:
    assert asked(Desk(), 95) == [30, 60, 90]


def test_a_difference_is_looked_into_sooner() -> None:
    desk = Desk()
    desk.long()
    desk.wait(10)
    venue_holds(desk, "0.3")
    assert asked(desk, 12) == [3, 9]


# --- positions -------------------------------------------------------------------------------------------------------


def test_a_position_that_differs_is_an_alarm_until_it_agrees_again() -> None:
    desk = Desk()
    desk.long()
    desk.wait(5)
    venue_holds(desk, "0.3")
    assert one(compared(desk), ev.Noticed).kind == "PositionMismatch"
    assert kinds(compared(desk)) == []
    assert f"PositionMismatch/{SYMBOL}" in desk.state.alarms
    desk.fill("", "0.2", "60000", side="BUY")
    assert one(compared(desk), ev.Noticed).over
    assert f"PositionMismatch/{SYMBOL}" not in desk.state.alarms


def test_a_fill_of_this_moment_is_no_difference_yet() -> None:
    desk = Desk()
    desk.long()
    venue_holds(desk, "0")  # read just before the fill
    assert kinds(compared(desk)) == []
    desk.wait(3)
    assert one(compared(desk), ev.Noticed).kind == "PositionMismatch"


def test_a_position_found_at_the_start_is_taken_over_one_that_appears_later_is_not() -> None:
    desk = Desk()
    desk.state.snapshot_t = 0
    venue_holds(desk, "-0.2")
    assert desk.state.positions[SYMBOL].qty == Decimal("-0.2")
    compared(desk)
    venue_holds(desk, "-0.5")
    assert desk.state.positions[SYMBOL].qty == Decimal("-0.2")


# --- the wallet ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wallet", "said"), [("10000.01", []), ("9999.99", []), ("10000.02", ["Noticed"])])
def test_the_balance_is_compared_to_the_cent(wallet: str, said: list[str]) -> None:
    desk = Desk()
    venue_has(desk, wallet)
    assert kinds(compared(desk)) == said


def test_a_balance_that_agrees_again_ends_the_warning() -> None:
    desk = Desk()
    venue_has(desk, "9000")
    compared(desk)
    assert "BalanceMismatch/" in desk.state.alarms
    venue_has(desk, "10000")
    assert one(compared(desk), ev.Noticed).over
    assert not desk.state.alarms


def test_the_balance_is_not_compared_while_a_position_is_open_or_was_closed_this_moment() -> None:
    desk = Desk()
    desk.long()
    desk.wait(5)
    venue_has(desk, "9000")
    assert kinds(compared(desk)) == []
    desk.fill("", "0.1", "60000", side="SELL")
    venue_holds(desk, "0")
    assert kinds(compared(desk)) == []
    desk.wait(4)
    assert one(compared(desk), ev.Noticed).kind == "BalanceMismatch"


# --- orders ----------------------------------------------------------------------------------------------------------


def test_an_order_without_an_answer_is_asked_about_every_two_seconds() -> None:
    desk = Desk()
    desk.bar(buy())
    assert [n for n in range(1, 8) if "QuerySent" in kinds(desk.wait(1))] == [2, 4, 6]


def test_an_order_that_was_answered_is_not_asked_about() -> None:
    desk, _ = standing()
    assert not [n for n in range(20) if "QuerySent" in kinds(desk.wait(1))]


def test_an_order_that_the_venue_does_not_list_is_asked_about_and_its_end_is_learned() -> None:
    desk, cid = standing()
    assert asked(desk, 30) == [30]
    assert one(compared(desk), ev.QuerySent).client_id == cid
    report(desk, cid, "CANCELLED")
    assert desk.only_order().status == "CANCELLED"


def test_an_order_that_the_venue_lists_is_left_alone() -> None:
    desk, cid = standing()
    asked(desk, 30)
    report(desk, cid, "ACCEPTED", source="snapshot")
    assert kinds(compared(desk)) == []


def test_a_foreign_order_that_is_not_listed_any_more_is_gone() -> None:
    desk = Desk()
    desk.take(
        ev.OrderReport(desk.now, "", "v9", SYMBOL, "ACCEPTED", Decimal(0), source="push", side="SELL", qty=Decimal(1))
    )
    asked(desk, 30)
    compared(desk)
    assert desk.state.orders["venue-v9"].status == "CANCELLED"
    assert not desk.state.open_orders


def test_a_cancel_whose_fills_have_not_arrived_keeps_the_order_in_the_worst_case() -> None:
    desk, cid = standing()
    report(desk, cid, "CANCELLED", "0.04", source="push")
    assert desk.only_order().status == "ACCEPTED"
    desk.fill(cid, "0.03", "59900")
    assert desk.only_order().status == "PARTIALLY_FILLED"
    desk.fill(cid, "0.01", "59900")
    assert (desk.only_order().status, desk.only_order().filled) == ("CANCELLED", Decimal("0.04"))
    assert not desk.state.open_orders


def test_a_refusal_after_a_partial_fill_is_the_end_of_the_rest() -> None:
    desk, cid = standing()
    desk.fill(cid, "0.04", "59900")
    report(desk, cid, "REJECTED", "0.04", source="push")
    assert desk.only_order().status == "CANCELLED"
    assert desk.state.positions[SYMBOL].qty == Decimal("0.04")


def test_the_refusal_of_a_repeated_request_does_not_undo_the_order_that_stands() -> None:
    desk, cid = standing()
    report(desk, cid, "REJECTED", code="duplicate", source="reply")
    assert desk.only_order().status == "ACCEPTED"


def test_a_limit_whose_cancel_took_no_effect_is_cancelled_again_a_minute_later() -> None:
    desk = Desk()
    desk.bar(buy(kind="LIMIT", price=59_900.0, expires_bars=1))
    cid = desk.only_order().client_id
    desk.accept(cid)
    assert "CancelSent" in kinds(desk.bar())
    desk.take(ev.CancelReport(desk.now, cid, True))
    desk.now += 30 * SECOND
    assert "CancelSent" not in kinds(desk.bar())
    desk.now += 30 * SECOND
    assert "CancelSent" in kinds(desk.bar())


def test_empty_ids_belong_to_nobody() -> None:
    desk, cid = standing()
    row = desk.order(cid)
    row.venue_id = ""
    desk.state.venue_ids.clear()
    desk.take(ev.FillReport(desk.now, _fill(desk, cid)))
    report(desk, "", "CANCELLED", source="push")
    assert desk.order(cid).status == "PARTIALLY_FILLED"


def _fill(desk: Desk, cid: str) -> Any:
    from engine.model.orders import Fill

    return Fill(desk.now, SYMBOL, "t1", "", cid, "BUY", Decimal("0.01"), Decimal(59_900), Decimal(0), False)


# --- links lost for good ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["public", "private", "rest"])
def test_a_link_lost_for_good_is_safe_mode_and_withdraws_approvals(name: str) -> None:
    desk = Desk(prof=profile(approval="required"))
    desk.bar(buy())
    decisions = link(desk, name, "failed")
    assert one(decisions, ev.TradingChanged).state == "SAFE"
    assert one(decisions, ev.Refused).code == "safe_mode"
    assert not desk.state.approvals


def test_the_kill_switch_is_not_weakened_by_a_lost_link() -> None:
    desk = Desk()
    desk.command("kill")
    assert kinds(link(desk, "public", "failed")) == []
    assert desk.state.trading == "HALTED"


def test_links_that_come_back_do_not_end_safe_mode() -> None:
    desk = Desk()
    link(desk, "public", "failed")
    link(desk, "public", "up")
    assert desk.state.trading == "SAFE"
    assert one(desk.bar(buy()), ev.Refused).code == "safe_mode"


def test_a_clock_that_jumps_back_neither_starts_a_new_day_nor_lets_an_order_out() -> None:
    desk = Desk()
    before = desk.state.risk.day
    desk.state.risk.day_start = 20_000.0
    desk.now -= 24 * 3600 * SECOND
    desk.take(ev.Clock(desk.now))
    assert (desk.state.risk.day, desk.state.risk.day_start) == (before, 20_000.0)
    assert one(desk.bar(buy()), ev.Refused).code == "stale_quote"
