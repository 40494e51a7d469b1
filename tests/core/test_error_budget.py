"""The error budget: what costs how much, when trading is SAFE, and how a person clears it. And the breaker before the gate."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from desk import SECOND, SYMBOL, Desk, Scripted, buy, digest, kinds, limits, one, profile

from engine.core.fold.errors import PRICES, spent
from engine.core.trader import Trader
from engine.model import events as ev
from engine.model.settings import ErrorSettings, Profile


def budgeted(points: int = 4, mode: Any = "DEMO", **trading: Any) -> Profile:
    return msgspec.structs.replace(profile(**trading), errors=ErrorSettings(budget=points), mode=mode)


def lose(desk: Desk, link: str = "private", after_s: float = 10.0) -> list[ev.Event]:
    desk.now += int(after_s * SECOND)
    return desk.take(ev.LinkReport(desk.now, link, "down", detail="silent for 15 s"))


def regain(desk: Desk, link: str = "private") -> None:
    desk.take(ev.LinkReport(desk.now, link, "up"))


def breaker(desk: Desk, state: Any, family: str = "orders", until_s: float = 5.0) -> list[ev.Event]:
    return desk.take(ev.BreakerReport(desk.now, family, state, 5, desk.now + int(until_s * SECOND), "last: no answer"))


def unreadable(desk: Desk, link: str = "private") -> list[ev.Event]:
    return desk.take(ev.BadMessage(desk.now, link, "not JSON", "{", 1))


def unanswered(desk: Desk) -> list[ev.Event]:
    desk.bar(buy(qty="0.01"))
    (cid,) = desk.state.open_orders
    return desk.take(ev.OrderReport(desk.now, cid, "", SYMBOL, "UNKNOWN", Decimal(0), "no_answer", source="reply"))


ERRORS: dict[str, Callable[[Desk], list[ev.Event]]] = {
    "link": lose,
    "breaker": lambda desk: breaker(desk, "open"),
    "message": unreadable,
    "screen": lambda desk: desk.take(ev.ScreenFailed(desk.now, "pane risk", "ValueError: x")),
    "order": unanswered,
}


def test_every_price_has_an_error_here() -> None:
    assert set(ERRORS) == set(PRICES)


@pytest.mark.parametrize("kind", sorted(ERRORS))
def test_an_error_costs_what_the_table_says(kind: str) -> None:
    desk = Desk(prof=budgeted(50))
    ERRORS[kind](desk)
    assert desk.state.errors.counts == {kind: 1}
    assert spent(desk.state.errors) == PRICES[kind].points
    assert desk.state.trading == "ACTIVE"


def test_a_spent_budget_is_safe_mode_with_the_bill_and_withdraws_approvals() -> None:
    desk = Desk(prof=budgeted(4, approval="required"))
    desk.bar(buy())
    breaker(desk, "open")
    lose(desk)
    regain(desk)
    decisions = lose(desk)
    changed = one(decisions, ev.TradingChanged)
    assert (changed.state, changed.by) == ("SAFE", "errors")
    assert "the error budget of 4 is spent: 1 circuit breaker opened (2), 2 streams lost (2)" in changed.why
    assert one(decisions, ev.ApprovalClosed).outcome == "withdrawn"


def test_re_arming_with_a_reason_fills_it_again() -> None:
    desk = Desk(prof=budgeted(1))
    lose(desk)
    assert desk.state.trading == "SAFE"
    assert kinds(desk.command("rearm")) == ["Noticed"]
    desk.command("rearm", text="router replaced")
    assert (desk.state.trading, desk.state.errors.counts) == ("ACTIVE", {})


def test_pause_and_resume_do_not_fill_it() -> None:
    desk = Desk(prof=budgeted(9))
    lose(desk)
    desk.command("pause")
    desk.command("resume")
    assert desk.state.errors.counts == {"link": 1}


def test_errors_while_the_kill_switch_is_on_change_nothing_more() -> None:
    desk = Desk(prof=budgeted(1))
    desk.command("kill")
    assert lose(desk) == []
    assert desk.state.trading == "HALTED"


def test_a_stream_that_held_for_an_hour_costs_nothing() -> None:
    desk = Desk(prof=budgeted(1))
    lose(desk, after_s=3_601)
    assert desk.state.errors.counts == {}


def test_a_stream_that_never_came_up_and_the_rest_link_cost_nothing() -> None:
    desk = Desk(prof=budgeted(1))
    lose(desk, "rest")
    desk.take(ev.LinkReport(desk.now, "elsewhere", "down"))
    unreadable(desk, "public")
    assert desk.state.errors.counts == {}


def test_a_breaker_that_opens_again_after_a_try_has_been_paid_for() -> None:
    desk = Desk(prof=budgeted(50))
    for state in ("open", "half", "open", "closed", "open"):
        breaker(desk, state)
    assert desk.state.errors.counts == {"breaker": 2}


@pytest.mark.parametrize("prof", [budgeted(0), budgeted(1, "BACKTEST")])
def test_without_a_budget_and_in_a_backtest_errors_are_counted_and_nothing_else(prof: Profile) -> None:
    desk = Desk(prof=prof)
    for _ in range(5):
        assert unreadable(desk) == []
    assert (desk.state.trading, desk.state.errors.counts) == ("ACTIVE", {"message": 5})


def test_the_same_inputs_spend_the_same_budget_again() -> None:
    desk = Desk(prof=budgeted(3))
    for kind in ("message", "order", "link"):
        ERRORS[kind](desk)
    assert desk.state.trading == "SAFE"
    again = Trader(desk.trader.profile, {SYMBOL: [Scripted()]})
    inputs = [event for event in desk.log if isinstance(event, ev.INPUTS)]
    again.strategies[SYMBOL][0].next = [buy(qty="0.01")]  # type: ignore[attr-defined]
    said = [decision for event in inputs for decision in again.step(event)]
    assert said == [event for event in desk.log if isinstance(event, ev.DECISIONS)]
    assert digest(again.state) == digest(desk.state)


# --- links that gave up ----------------------------------------------------------------------------------------------


def test_re_arming_starts_the_links_that_had_given_up() -> None:
    desk = Desk()
    desk.take(ev.LinkReport(desk.now, "private", "failed", detail="host not reached in 10 tries"))
    assert "host not reached in 10 tries" in desk.state.trading_why
    decisions = desk.command("rearm", text="network is back")
    assert kinds(decisions) == ["TradingChanged", "LinksAsked"]
    assert one(decisions, ev.LinksAsked).why == "private had given up"


def test_re_arming_with_all_links_there_starts_none() -> None:
    desk = Desk()
    desk.command("kill")
    assert kinds(desk.command("rearm", text="all is well")) == ["TradingChanged"]


# --- before the gate -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["orders", "exits"])
def test_no_entry_while_a_breaker_that_it_needs_is_open(family: str) -> None:
    desk = Desk()
    breaker(desk, "open", family)
    found = one(desk.bar(buy()), ev.Refused)
    assert found.code == "breaker_open"
    assert f"5 {family} in a row got no answer: the next may go in 5 s" in found.text


def test_after_its_rest_the_next_entry_is_the_one_that_tries() -> None:
    desk = Desk()
    breaker(desk, "open")
    desk.now += 5 * SECOND
    desk.quote(60_000.0)
    assert "OrderSent" in kinds(desk.bar(buy()))
    breaker(desk, "half")
    assert one(desk.bar(buy()), ev.Refused).text.endswith("one is trying now")


def test_a_breaker_of_reads_and_a_closed_one_refuse_nothing() -> None:
    desk = Desk()
    breaker(desk, "open", "reads")
    breaker(desk, "closed")
    assert "OrderSent" in kinds(desk.bar(buy()))


@pytest.mark.parametrize(("heard_s", "sent"), [(60, True), (61, False)])
@pytest.mark.parametrize("what", ["private stream", "account"])
def test_no_entry_when_private_stream_or_account_were_silent_for_too_long(what: str, heard_s: int, sent: bool) -> None:
    desk = Desk(prof=profile(risk=limits(stale_link_s=60.0)))
    desk.now += heard_s * SECOND
    desk.quote(60_000.0)
    if what == "account":
        regain(desk)
    else:
        desk.take(ev.SnapshotTaken(desk.now, "regular", True))
    decisions = desk.bar(buy())
    assert ("OrderSent" in kinds(decisions)) == sent
    if not sent:
        assert f"the {what} was last heard 61 s ago, limit 60 s" in one(decisions, ev.Refused).text
