"""Is it too often, or after too much loss."""

from __future__ import annotations

from engine.core.risk.case import Case, Found
from engine.model.market import MINUTE_NS, SECOND_NS


def throttled(c: Case) -> Found:
    sent = c.state.risk.sent_t
    if not sent:
        return None
    limit = c.limits.order_spacing_s
    gap = (c.state.t - sent[-1]) / SECOND_NS
    return (
        (f"{limit:g} s", f"{gap:.1f} s", f"{gap:.1f} s since the last order, limit {limit:g} s")
        if gap < limit
        else None
    )


def rate_limit_exceeded(c: Case) -> Found:
    limit = c.limits.orders_per_minute
    times = c.state.risk.sent_t
    if len(times) < limit:
        return None
    since = c.state.t - MINUTE_NS
    sent = len([t for t in times if t > since])
    return (str(limit), str(sent + 1), f"order {sent + 1} within a minute, limit {limit}") if sent + 1 > limit else None


def repeated_execution(c: Case) -> Found:
    limit = c.limits.repeated_execution
    done = c.state.risk.repeats.get(c.order.strategy, 0) if c.order.strategy else 0
    return (
        (str(limit), str(done + 1), f"{c.order.strategy} sent {done} orders without a person, limit {limit}")
        if done + 1 > limit
        else None
    )


def lost_pct(own: float, start: float) -> float:
    return (start - own) / start * 100 if start > 0 else 0.0


def loss(own: float, start: float, limit: float, what: str) -> Found:
    lost = lost_pct(own, start)
    return None if lost < limit else (f"{limit:g} %", f"{lost:.2f} %", f"{what} {lost:.2f} %, limit {limit:g} %")


def daily_loss(c: Case) -> Found:
    return loss(c.equity, c.state.risk.day_start, c.limits.daily_loss_pct, "the day's loss is")


def weekly_loss(c: Case) -> Found:
    return loss(c.equity, c.state.risk.week_start, c.limits.weekly_loss_pct, "the week's loss is")


def max_drawdown(c: Case) -> Found:
    return loss(c.equity, c.state.risk.high_water, c.limits.max_drawdown_pct, "equity is below its high by")


def consecutive_losses(c: Case) -> Found:
    limit, value = c.limits.consecutive_losses, c.state.risk.losses_in_row
    return (
        (str(limit), str(value), f"{value} losing trades in a row, limit {limit}; resume to go on")
        if value >= limit
        else None
    )


def cooldown(c: Case) -> Found:
    last, limit = c.state.risk.last_exit_t, c.limits.cooldown_s
    gap = (c.state.t - last) / SECOND_NS
    return (
        (f"{limit:g} s", f"{gap:.1f} s", f"{gap:.1f} s since the last trade closed, limit {limit:g} s")
        if last and gap < limit
        else None
    )
