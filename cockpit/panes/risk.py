"""How much of each limit is used today."""

from __future__ import annotations

from typing import NamedTuple

from cockpit import format as fmt
from cockpit.panes import reading
from cockpit.panes.base import Pane
from cockpit.panes.text import Item, Line, gauge, keep, left, right
from cockpit.view import View
from engine.core.exposure import at_risk, exposure
from engine.model.market import MINUTE_NS
from engine.model.state import day_pnl, equity

NEAR = 0.6
"""From this share of a limit on its gauge is amber."""


class Use(NamedTuple):
    name: str
    used: float
    limit: float
    text: str
    rank: int


def uses(view: View) -> list[Use]:
    """Every limit over time or over the whole account: what is used of it, and what it is."""
    state, limits = view.state, view.profile.risk
    book = state.risk
    worth = equity(state)
    known = state.account.known
    day_limit = book.day_start * limits.daily_loss_pct / 100
    week_limit = book.week_start * limits.weekly_loss_pct / 100
    day_loss = max(0.0, -day_pnl(state)) if known else 0.0
    week_loss = max(0.0, book.week_start - worth) if known else 0.0
    drawdown = max(0.0, (1 - worth / book.high_water) * 100) if known and book.high_water > 0 else 0.0
    exposed = exposure(state)
    leverage = exposed / worth if worth > 0 else 0.0
    risked = at_risk(state) / worth * 100 if worth > 0 else 0.0
    recent = sum(t > view.now - MINUTE_NS for t in book.sent_t)
    return [
        _money("day loss", day_loss, day_limit, 0, known),
        _money("week loss", week_loss, week_limit, 5, known),
        Use("drawdown", drawdown, limits.max_drawdown_pct, f"{drawdown:.2f} / {limits.max_drawdown_pct:.2f}%", 4),
        Use(
            "exposure",
            exposed,
            limits.max_exposure_quote,
            f"{fmt.compact(exposed)} / {fmt.compact(limits.max_exposure_quote)}",
            1,
        ),
        Use("leverage", leverage, limits.max_leverage, f"{leverage:.2f} / {limits.max_leverage:.2f}×", 3),
        Use("at risk", risked, limits.total_at_risk_pct, f"{risked:.2f} / {limits.total_at_risk_pct:.2f}%", 2),
        Use("orders/min", recent, limits.orders_per_minute, f"{recent} / {limits.orders_per_minute}", 6),
        Use(
            "losses in row",
            book.losses_in_row,
            limits.consecutive_losses,
            f"{book.losses_in_row} / {limits.consecutive_losses}",
            7,
        ),
    ]


def _money(name: str, used: float, limit: float, rank: int, known: bool) -> Use:
    if not known:
        return Use(name, 0.0, 0.0, fmt.UNKNOWN, rank)
    text = f"{used:,.2f} / {limit:,.2f}" if limit < 1e6 else f"{fmt.compact(used)} / {fmt.compact(limit)}"
    return Use(name, used, limit, text, rank)


def use_line(use: Use, width: int) -> Line:
    share = use.used / use.limit if use.limit > 0 else 0.0
    style = "bad" if share >= 1 else "need" if share >= NEAR else "good"
    value = right(("! " if share >= 1 else "") + use.text, 17)
    bar = width - 14 - 18
    if bar < 4:
        return [(left(use.name, max(1, width - 18)), "label"), (" ", ""), (value, style if share >= NEAR else "value")]
    return [
        (left(use.name, 14), "label"),
        *gauge(share, bar, style),
        (" ", ""),
        (value, style if share >= NEAR else "value"),
    ]


class RiskPane(Pane):
    """Limits as gauges. A limit that is reached has a ``!`` besides its colour."""

    pane_id = "risk"

    def title(self, _view: View) -> str:
        return "RISK TODAY"

    def subtitle_line(self, view: View, _width: int) -> Line:
        return [("equity ", "dim"), (reading.equity_text(view), "label b"), (" ", "")]

    def draw(self, view: View, width: int, height: int) -> list[Line]:
        return keep([Item(use.rank, use_line(use, width)) for use in uses(view)], height)
