"""When the loss limits are looked at, what they say, and from where a loss counts as over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from desk import Desk, kinds, limits, one, profile

from engine.core import loss_kill
from engine.core.risk import losses
from engine.model import events as ev
from engine.model.state import RiskBook


def desk() -> Desk:
    """Five percent is the day's limit, ten the week's, twenty the drawdown's: 500, 1,000 and 2,000 of 10,000."""
    return Desk(prof=profile(limits(), on_loss_limit="kill"))


def watched(d: Desk) -> list[ev.Event]:
    before = len(d.trader._decided)
    loss_kill.watch(d.trader)
    return d.trader._decided[before:]


def standing(d: Desk, *, day: float = 10_000.0, week: float = 10_000.0, high: float = 10_000.0) -> Desk:
    d.state.risk.day_start, d.state.risk.week_start, d.state.risk.high_water = day, week, high
    return d


def test_the_three_limits_each_with_its_own_start_and_share() -> None:
    book = RiskBook(day_start=1.0, week_start=2.0, high_water=3.0)
    assert [tuple(loss) for loss in losses.limits_of(book, limits())] == [
        ("DailyLoss", "daily loss", "daily_loss", 1.0, 5.0),
        ("WeeklyLoss", "weekly loss", "weekly_loss", 2.0, 10.0),
        ("Drawdown", "drawdown", "max_drawdown", 3.0, 20.0),
    ]


@pytest.mark.parametrize(
    ("start", "text"),
    [
        ({"day": 10_600.0}, "daily loss 5.66 %, limit 5 %"),
        ({"week": 12_000.0}, "weekly loss 16.67 %, limit 10 %"),
        ({"high": 14_000.0}, "drawdown 28.57 %, limit 20 %"),
    ],
)
def test_what_is_told_and_why_the_switch_was_thrown(start: dict[str, float], text: str) -> None:
    d = standing(desk(), **start)
    told = watched(d)
    assert kinds(told) == ["Noticed", "TradingChanged"]
    assert one(told, ev.Noticed).text == text
    assert not one(told, ev.Noticed).over
    changed = one(told, ev.TradingChanged)
    assert (changed.state, changed.why, changed.by) == ("HALTED", f"loss limit: {text}", "loss limit")
    assert watched(d) == []


def test_of_several_limits_all_are_told_and_the_first_is_the_reason() -> None:
    d = standing(desk(), day=10_600.0, week=12_000.0, high=14_000.0)
    told = watched(d)
    assert kinds(told) == ["Noticed", "Noticed", "Noticed", "TradingChanged"]
    assert one(told, ev.TradingChanged).why == "loss limit: daily loss 5.66 %, limit 5 %"


@pytest.mark.parametrize("what", ["recovering", "unknown"])
def test_nothing_is_decided_while_the_account_is_not_known(what: str) -> None:
    d = standing(desk(), day=10_600.0)
    if what == "recovering":
        d.state.recovery.open = True
    else:
        d.state.account.known = False
    assert watched(d) == []
    d.state.recovery.open, d.state.account.known = False, True
    assert "TradingChanged" in kinds(watched(d))


@pytest.mark.parametrize(
    ("wallet", "over"), [("9540", ""), ("9550", ""), ("9550.01", "4.50"), ("10000", "0.00"), ("10500", "-5.00")]
)
def test_a_breach_is_over_below_nine_tenths_of_the_limit(wallet: str, over: str) -> None:
    d = desk()
    d.state.account.wallet = Decimal(9_400)
    assert "TradingChanged" in kinds(watched(d))
    d.state.account.wallet = Decimal(wallet)
    told: Any = watched(d)
    assert [(n.kind, n.over, n.text) for n in told] == (
        [("DailyLoss", True, f"daily loss {over} %, limit 5 %")] if over else []
    )
    assert d.state.trading == "HALTED"
