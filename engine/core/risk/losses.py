"""Limits on what has been lost: of the day, of the week, from the highest equity. One arithmetic for gate and kill switch."""

from __future__ import annotations

from typing import NamedTuple

from engine.core.risk.pace import lost_pct
from engine.model.settings import RiskLimits
from engine.model.state import RiskBook


class Loss(NamedTuple):
    """A limit: its notice, its name and the code of its refusals; the equity that it is measured from, and percent of that."""

    kind: str
    what: str
    code: str
    start: float
    limit: float


def limits_of(book: RiskBook, limits: RiskLimits) -> tuple[Loss, Loss, Loss]:
    return (
        Loss("DailyLoss", "daily loss", "daily_loss", book.day_start, limits.daily_loss_pct),
        Loss("WeeklyLoss", "weekly loss", "weekly_loss", book.week_start, limits.weekly_loss_pct),
        Loss("Drawdown", "drawdown", "max_drawdown", book.high_water, limits.max_drawdown_pct),
    )


def unbroken(book: RiskBook, limits: RiskLimits, own: float) -> bool:
    """Whether equity ``own`` has reached none of ``limits_of``, asked without naming them: nearly always."""
    return not (
        reached(own, book.day_start, limits.daily_loss_pct)
        or reached(own, book.week_start, limits.weekly_loss_pct)
        or reached(own, book.high_water, limits.max_drawdown_pct)
    )


def reached(own: float, start: float, limit: float) -> bool:
    """Whether equity ``own`` is ``limit`` percent of ``start`` below it, or not a number."""
    return not lost_pct(own, start) < limit
