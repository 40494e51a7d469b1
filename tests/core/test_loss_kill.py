"""A loss limit that is reached throws the kill switch: once a breach, and only where the profile says so."""

from __future__ import annotations

from typing import Any

import pytest
from desk import SYMBOL, T0, Desk, buy, digest, kinds, limits, one, profile

from engine.core.fold import apply
from engine.model import events as ev
from engine.model.state import State

DAY = 86_400
LOSS = {"daily": ("DailyLoss", {}), "weekly": ("WeeklyLoss", {"daily_loss_pct": 90.0}), "drawdown": (
    "Drawdown", {"daily_loss_pct": 90.0, "weekly_loss_pct": 90.0, "max_drawdown_pct": 5.0})}  # fmt: skip


def desk(on_loss_limit: str = "kill", **risk: Any) -> Desk:
    """Five percent is the day's limit, ten the week's: 500 and 1,000 of 10,000."""
    return Desk(prof=profile(limits(**risk), on_loss_limit=on_loss_limit))


def with_order(d: Desk) -> str:
    d.bar(buy(qty="0.01", kind="LIMIT", price=59_900.0))
    client_id = list(d.state.open_orders)[-1]
    d.accept(client_id)
    return client_id


@pytest.mark.parametrize("which", LOSS)
def test_the_mark_that_shows_the_loss_throws_the_switch_in_the_same_step(which: str) -> None:
    kind, risk = LOSS[which]
    d = desk(**risk)
    d.long("0.1", "60000", stop="40000", target="90000")
    client_id = with_order(d)
    assert d.state.trading == "ACTIVE"
    decisions = d.mark(45_000.0)  # 1,500 lost
    changed = one(decisions, ev.TradingChanged)
    assert (changed.state, changed.by) == ("HALTED", "loss limit")
    assert one(decisions, ev.CancelSent).client_ids == [client_id]
    assert f"{kind}/" in d.state.alarms
    assert kinds(decisions).index("TradingChanged") < kinds(decisions).index("CancelSent")


def test_a_fill_that_realises_the_loss_throws_it_too() -> None:
    d = desk()
    d.long("0.1", "60000")
    decisions = d.fill("", "0.1", "54000", side="SELL")
    assert one(decisions, ev.TradingChanged).state == "HALTED"
    assert not d.state.positions[SYMBOL].qty


def test_a_cent_above_the_limit_nothing_happens() -> None:
    d = desk()
    d.long("0.1", "60000", stop="50000")
    assert d.mark(55_000.1) == []
    assert kinds(d.mark(55_000.0))[:2] == ["Noticed", "TradingChanged"]


def test_protective_stops_and_positions_stay() -> None:
    d = desk()
    d.long("0.1", "60000", stop="50000")
    sent = kinds(d.mark(54_000.0))
    assert "OrderSent" not in sent
    assert d.state.positions[SYMBOL].stop is not None


def test_after_re_arming_it_is_not_thrown_again_and_the_gate_refuses_all_the_same() -> None:
    d = desk()
    d.long("0.1", "60000", stop="50000", target="90000")
    d.mark(54_000.0)
    d.command("rearm", text="x")
    assert d.state.trading == "HALTED"
    d.command("rearm", text="looked at it")
    for price in (53_900.0, 53_800.0, 54_100.0):
        assert "TradingChanged" not in kinds(d.mark(price))
    d.quote(54_000.0)
    d.wait(1)
    assert d.state.trading == "ACTIVE"
    d.bar(buy(qty="0.001", stop=53_000.0, target=56_000.0))
    assert d.state.rejections[-1].code == "daily_loss"


def test_a_loss_that_has_shrunk_and_grows_again_is_a_new_breach() -> None:
    d = desk()
    d.long("0.1", "60000", stop="50000")
    d.mark(54_000.0)
    d.command("rearm", text="looked at it")
    assert "Noticed" not in kinds(d.mark(55_100.0))  # hovers below the limit: still the same breach
    assert one(d.mark(56_000.0), ev.Noticed).over
    assert one(d.mark(54_000.0), ev.TradingChanged).state == "HALTED"


def test_a_new_day_begins_without_a_loss() -> None:
    d = desk()
    d.long("0.1", "60000", stop="50000")
    d.mark(54_000.0)
    d.command("rearm", text="tomorrow is another day")
    d.now = T0 + DAY * 1_000_000_000
    over = [n for n in d.take(ev.Clock(d.now)) if isinstance(n, ev.Noticed) and n.kind == "DailyLoss"]
    assert [n.over for n in over] == [True]
    assert one(d.mark(48_500.0), ev.TradingChanged).state == "HALTED"  # 5.85 % of the new day's 9,400


def test_a_profile_that_refuses_does_not_throw_it() -> None:
    d = desk("refuse")
    d.long("0.1", "60000", stop="50000", target="90000")
    assert d.mark(50_000.0) == []
    d.quote(50_000.0)
    d.bar(buy(qty="0.001", stop=49_000.0, target=52_000.0))
    assert d.state.rejections[-1].code == "daily_loss"
    assert d.state.trading == "ACTIVE"


def test_what_the_limit_did_is_in_the_record_and_folds_to_the_same_state() -> None:
    d = desk()
    d.long("0.1", "60000", stop="50000")
    d.mark(54_000.0)
    d.command("rearm", text="looked at it")
    d.mark(53_000.0)
    again = State()
    for event in d.log:
        apply(again, event)
    assert digest(again) == digest(d.state)
