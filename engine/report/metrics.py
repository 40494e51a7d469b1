"""The figures of a run by their standard definitions. ``measure`` makes them, ``rows`` writes them for a table.

Periods: a daily return is the equity at the end of a UTC day over that of the day before (the first against the cash), with open
positions at the close; days of the data's first and last bar count as whole ones. 365 days a year, risk-free rate 0, sample
deviations (``ddof`` 1). Drawdowns are of the equity at the close of every bar. A figure that is not defined is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from math import fsum, sqrt
from typing import Any

import msgspec

from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS, SECOND_NS, Candle
from engine.model.orders import ZERO, Trade
from engine.report import ratios
from engine.report.costs import Costs, split
from engine.report.series import day_ends, holdings
from engine.runner.backtest import Result

NONE = "–"


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Money is in ``currency``, times are UTC nanoseconds, lengths of time nanoseconds, shares fractions (0.1 is 10 %).

    net_profit         equity at the last close − cash, an open position, fees and funding included
    total_return       net_profit / cash
    days               UTC days from the first bar's to the last bar's, both counted
    cagr               (last equity / cash)^(365 / days) − 1
    volatility         deviation of the daily returns × √365
    sharpe             mean / deviation of the daily returns × √365 (Sharpe 1994)
    sortino            mean / √(Σ min(daily return, 0)² / days) × √365 (Sortino and Price 1994, target 0)
    calmar             cagr / max_drawdown (Young 1991, over the whole run in place of 36 months)
    max_drawdown       deepest fall under the highest equity so far, as a share of that
    max_drawdown_money deepest fall in money; it can be another fall than ``max_drawdown``'s
    drawdown_t, trough_t, recovered_t
                       when the fall of ``max_drawdown`` began (its high), was deepest, and was made up for; None: never was
    drawdown_ns        from that high to the recovery, or to the end of the data
    longest_drawdown_ns, longest_recovered
                       the longest time from a high to its recovery or to the end of the data, and whether it did recover
    trades             finished trades, flat to flat; all figures of trades are net of fees and funding
    wins, losses       trades with pnl over and under 0; a trade of exactly 0 is neither
    win_rate           wins / trades
    average_win, average_loss
                       mean pnl of the wins and of the losses (this one is under 0)
    profit_factor      Σ pnl of the wins / |Σ pnl of the losses|
    expectancy         mean pnl of a trade
    expectancy_r       mean R of the trades that have one: R is pnl over the first risk, |entry − first stop| × quantity
    sqn                √n × mean / deviation of R (Van Tharp's System Quality Number, not capped at n = 100); of pnl when not
                       all trades have an R, which is the same number when all risk the same
    sqn_of             ``R`` or ``pnl``
    best_streak, worst_streak
                       most wins and most losses in a row
    exposure           bars in which a position was held / bars; ``exposure_long`` and ``exposure_short`` are its parts
    turnover           Σ price × quantity of all fills
    turnover_ratio     turnover / mean equity at the closes
    costs              what trading cost: ``engine.report.costs``
    """

    currency: str
    net_profit: Decimal
    total_return: float | None
    days: int
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float | None
    max_drawdown_money: float
    drawdown_t: int | None
    trough_t: int | None
    recovered_t: int | None
    drawdown_ns: int
    longest_drawdown_ns: int
    longest_recovered: bool
    trades: int
    wins: int
    losses: int
    win_rate: float | None
    average_win: float | None
    average_loss: float | None
    profit_factor: float | None
    expectancy: float | None
    expectancy_r: float | None
    sqn: float | None
    sqn_of: str
    best_streak: int
    worst_streak: int
    exposure: float
    exposure_long: float
    exposure_short: float
    turnover: Decimal
    turnover_ratio: float | None
    costs: Costs


def measure(result: Result, candles: Sequence[Candle]) -> Metrics:
    """All figures of a run on ``candles``. CockpitError when those are not the ones that the run was made with."""
    if len(candles) != result.rows or candles[0].open_time != result.start_t:
        raise CockpitError("these are not the candles of the run", f"{len(candles)} rows, expected {result.rows}")
    cash = float(result.cash)
    ends = day_ends(result.equity, candles)
    daily = ratios.returns(ends, cash)
    growth = ratios.cagr(cash, ends[-1], len(ends))
    fall = ratios.drawdown(result.equity, cash)
    deep = bool(fall.fraction)
    longest = _lasted(candles, *fall.longest) if fall.longest is not None else 0
    held = holdings(result.fills, candles)
    long, short = (sum(stop - start for start, stop, of in held if of == side) / len(candles) for side in (1, -1))
    turnover = sum((fill.price * fill.qty for fill in result.fills), ZERO)
    return Metrics(
        currency=result.state.account.currency,
        net_profit=result.pnl,
        total_return=ratios.quotient(float(result.pnl), cash),
        days=len(ends),
        cagr=growth,
        volatility=ratios.volatility(daily),
        sharpe=ratios.sharpe(daily),
        sortino=ratios.sortino(daily),
        calmar=ratios.quotient(growth, fall.fraction),
        max_drawdown=fall.fraction,
        max_drawdown_money=fall.money,
        drawdown_t=_close_t(candles, fall.peak) if deep else None,
        trough_t=_close_t(candles, fall.trough) if deep else None,
        recovered_t=_close_t(candles, fall.recovered) if fall.recovered is not None else None,
        drawdown_ns=_lasted(candles, fall.peak, fall.recovered) if deep else 0,
        longest_drawdown_ns=longest,
        longest_recovered=fall.longest is None or fall.longest[1] is not None,
        exposure=long + short,
        exposure_long=long,
        exposure_short=short,
        turnover=turnover,
        turnover_ratio=ratios.quotient(float(turnover), ratios.mean(result.equity)),
        costs=split(result, candles),
        **_of_trades(result.trades),
    )


def _of_trades(trades: Sequence[Trade]) -> dict[str, Any]:
    pnls = [float(trade.pnl) for trade in trades]
    risks = [trade.r for trade in trades if trade.r is not None]
    wins, losses = [pnl for pnl in pnls if pnl > 0], [pnl for pnl in pnls if pnl < 0]
    complete = bool(risks) and len(risks) == len(trades)
    runs = [(side, sum(1 for _ in run)) for side, run in groupby((pnl > 0) - (pnl < 0) for pnl in pnls)]
    return {
        "trades": len(trades),
        "wins": len(wins),
        "losses": len(losses),
        "win_rate": len(wins) / len(trades) if trades else None,
        "average_win": ratios.mean(wins),
        "average_loss": ratios.mean(losses),
        "profit_factor": ratios.quotient(fsum(wins), -fsum(losses)),
        "expectancy": ratios.mean(pnls),
        "expectancy_r": ratios.mean(risks),
        "sqn": _quality(risks if complete else pnls),
        "sqn_of": "R" if complete else "pnl",
        "best_streak": max((length for side, length in runs if side > 0), default=0),
        "worst_streak": max((length for side, length in runs if side < 0), default=0),
    }


def _quality(values: Sequence[float]) -> float | None:
    spread = ratios.deviation(values)
    if spread is None or spread <= ratios.ROUNDING * max(map(abs, values)):
        return None
    return sqrt(len(values)) * fsum(values) / len(values) / spread


def _close_t(candles: Sequence[Candle], row: int) -> int:
    """When bar ``row`` closes; row −1 is the moment before the first bar."""
    return candles[row].open_time + MINUTE_NS if row >= 0 else candles[0].open_time


def _lasted(candles: Sequence[Candle], high: int, recovered: int | None) -> int:
    return _close_t(candles, len(candles) - 1 if recovered is None else recovered) - _close_t(candles, high)


# --- words --------------------------------------------------------------------------------------------------------


def rows(metrics: Metrics) -> list[tuple[str, str]]:
    """Label and value of every figure, for a table."""
    m, costs = metrics, metrics.costs
    return [
        ("Net profit", money(m.net_profit, m.currency, signed=True)),
        ("Return", percent(m.total_return, signed=True)),
        ("CAGR", percent(m.cagr, signed=True)),
        ("Volatility, a year", percent(m.volatility)),
        ("Sharpe", number(m.sharpe)),
        ("Sortino", number(m.sortino)),
        ("Calmar", number(m.calmar)),
        ("Max drawdown", f"{percent(m.max_drawdown)}, {_recovery(m.drawdown_ns, m.recovered_t is not None)}"),
        ("Max drawdown, money", money(m.max_drawdown_money, m.currency)),
        ("Longest drawdown", _recovery(m.longest_drawdown_ns, m.longest_recovered)),
        ("Trades", f"{m.trades:,}"),
        ("Win rate", f"{percent(m.win_rate)} ({m.wins:,} won, {m.losses:,} lost)"),
        ("Average win", money(m.average_win, m.currency, signed=True)),
        ("Average loss", money(m.average_loss, m.currency, signed=True)),
        ("Profit factor", number(m.profit_factor)),
        ("Expectancy", money(m.expectancy, m.currency, signed=True)),
        ("Expectancy, R", number(m.expectancy_r, signed=True)),
        (f"SQN of {m.sqn_of}", number(m.sqn)),
        ("Longest streaks", f"{m.best_streak} won, {m.worst_streak} lost"),
        ("Exposure", f"{percent(m.exposure)} ({percent(m.exposure_long)} long, {percent(m.exposure_short)} short)"),
        ("Turnover", f"{money(m.turnover, m.currency)} ({number(m.turnover_ratio)} × equity)"),
        ("Costs", money(costs.total, m.currency)),
        ("  fees", money(costs.fee, m.currency)),
        ("  spread", money(costs.spread, m.currency)),
        ("  slippage", money(costs.slippage, m.currency)),
        ("  funding", money(costs.funding, m.currency)),
    ]


def money(value: Decimal | float | None, currency: str, *, signed: bool = False) -> str:
    return NONE if value is None else f"{_plain(value):{'+' if signed else ''},.2f} {currency}"


def percent(value: float | None, *, signed: bool = False) -> str:
    return NONE if value is None else f"{_plain(value * 100):{'+' if signed else ''},.2f} %"


def number(value: float | None, *, signed: bool = False) -> str:
    return NONE if value is None else f"{_plain(value):{'+' if signed else ''},.2f}"


def lasting(ns: int) -> str:
    """``12 d 04:30``."""
    minutes = ns // (60 * SECOND_NS)
    days, rest = divmod(minutes, 1_440)
    clock = f"{rest // 60:02d}:{rest % 60:02d}"
    return f"{days} d {clock}" if days else clock


def _plain(value: Decimal | float) -> float:
    """What rounds to zero is written without a sign."""
    plain = float(value)
    return 0.0 if abs(plain) < 0.005 else plain


def _recovery(ns: int, recovered: bool) -> str:
    if not ns:
        return "none"
    return f"{lasting(ns)} {'to recovery' if recovered else 'and not recovered'}"
