"""What bars every entry is refused once a side and day, and told in the notes at every candle that would have entered."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from backtest_kit import COINS, rules, walk

from engine import backtest
from engine.core.fold.session import DAY_NS
from engine.runner.backtest import Result

LOSING: dict[str, Any] = {"fast": 3, "slow": 9, "stop_atr": 0.0, "quantity": Decimal("0.01")}


def run(notes: bool = False) -> Result:
    """A run that loses, against a drawdown limit that it reaches early and stays beyond."""
    limits = rules(
        risk__max_drawdown_pct=0.05, risk__total_at_risk_pct=100.0, risk__consecutive_losses=100_000,
        risk__repeated_execution=100_000,
    )  # fmt: skip
    candles = walk(3_000, seed=5)
    return backtest(candles, "ma_cross", params=LOSING, profile=limits, instrument=COINS, cash=100_000, notes=notes)


def test_a_standing_loss_limit_is_refused_once_a_side_and_day_and_not_at_every_candle() -> None:
    result = run()
    told = [(refusal.t // DAY_NS, refusal.side) for refusal in result.refusals]
    assert set(result.rejections) == {"max_drawdown"}
    assert len(told) == len(set(told)) == 6
    assert result.entries < 200


def test_the_notes_go_on_saying_why_nothing_is_entered() -> None:
    note = run(notes=True).state.notes[-1]
    assert note.verdict == "blocked"
    assert note.text.startswith("drawdown limit reached: ")


def test_with_or_without_notes_the_same_is_refused() -> None:
    assert run().rejections == run(notes=True).rejections
