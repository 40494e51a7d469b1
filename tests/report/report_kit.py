"""Runs and results for the tests of the report: candles, a strategy that does as it is told, and results of any curve."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

from engine import FillModel, backtest
from engine.model.market import MINUTE_NS, Candle, Instrument
from engine.model.orders import ZERO, Intent, Trade
from engine.model.settings import Profile
from engine.ops.config import load
from engine.report.series import DAY_NS
from engine.runner.backtest import Result
from engine.strategies.base import Params, Strategy, View

D = Decimal
SYMBOL = "BTCUSDT"
T0 = 1_700_006_400_000_000_000
"""2023-11-15 00:00:00 UTC."""
COINS = Instrument(
    symbol=SYMBOL, base="BTC", quote="USDT", tick=D("0.01"), step=D("0.0001"), min_qty=D("0.0001"), max_limit_qty=D(1000),
    max_market_qty=D(120), min_notional=ZERO, max_leverage=125, maker_fee=D("0.0002"), taker_fee=D("0.0005"),
)  # fmt: skip
FREE: dict[str, Any] = {
    "risk.order_spacing_s": 0.0,
    "risk.orders_per_minute": 1_000_000,
    "risk.require_stop": False,
    "risk.cooldown_s": 0.0,
    "risk.min_reward_risk": 0.0,
    "risk.price_collar_pct": 50.0,
    "risk.max_spread_bps": 1e3,
    "risk.max_slippage_bps": 1e3,
    "risk.max_drawdown_pct": 100.0,
    "risk.daily_loss_pct": 100.0,
    "risk.weekly_loss_pct": 100.0,
    "risk.max_leverage": 1000.0,
    "risk.max_notional_quote": 1e9,
    "risk.max_exposure_quote": 1e9,
    f"risk.symbols.{SYMBOL}.max_quantity": "1000",
    f"risk.symbols.{SYMBOL}.max_position": "1000",
    "trading.naked_grace_s": 1e9,
    "trading.on_quit": "leave",
    "trading.trail_arm_r": 0.0,
}


def rules(**flags: Any) -> Profile:
    """A profile that lets everything through; ``trading__on_quit`` stands for ``trading.on_quit``."""
    profile = load(
        "backtest", flags={**FREE, **{name.replace("__", "."): value for name, value in flags.items()}}
    ).profile
    profile.risk.total_at_risk_pct = 1e9
    return profile


def candle(row: int, open_: float, high: float, low: float, close: float, volume: float = 10.0) -> Candle:
    return Candle(T0 + row * MINUTE_NS, open_, high, low, close, volume)


def flat(row: int, price: float) -> Candle:
    return candle(row, price, price, price, price)


def walk(count: int, seed: int, *, every: int = 1) -> list[Candle]:
    """A seeded walk in whole cents, now and then with a gap; ``every`` minutes a bar."""
    chance, close, rows, row = random.Random(seed), 42_000.0, [], 0
    for _ in range(count):
        open_ = round(close + chance.randint(-50, 50) / 100, 2)
        close = round(close * (1 + chance.gauss(0, 0.0008)), 2)
        high = round(max(open_, close) + abs(chance.gauss(0, 12)), 2)
        low = round(min(open_, close) - abs(chance.gauss(0, 12)), 2)
        rows.append(candle(row, open_, high, low, close, round(chance.lognormvariate(2, 1), 6)))
        row += every if chance.random() > 0.002 else every * chance.randint(2, 40)
    return rows


class Script(Strategy[Params]):
    """Acts on the bars that the test names."""

    name = "script"
    params_type = Params

    def __init__(self, plan: dict[int, list[Intent]]) -> None:
        super().__init__(Params())
        self.plan = plan

    def observe(self, candle: Candle) -> None:
        pass

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        return self.plan.get((candle.open_time - T0) // MINUTE_NS, [])


def scripted(rows: list[Candle], plan: dict[int, list[Intent]], fill: dict[str, Any], **more: Any) -> Result:
    flags = more.pop("flags", {})
    more = {"cash": "10000", "instrument": COINS, **more}
    return backtest(rows, Script(plan), profile=rules(**flags), fill=FillModel(**fill), **more)


@cache
def crossed(count: int = 12_000, *, stop: float = 0.0, seed: int = 7) -> tuple[Result, list[Candle]]:
    """A run with many trades, funding and all costs; with ``stop`` (in ATR) they have an R."""
    rows = walk(count, seed)
    funding = [(T0 + hour * 60 * MINUTE_NS, 0.0001) for hour in range(8, 400, 8)]
    result = backtest(
        rows, "ma_cross", params={"fast": 10, "slow": 30, "quantity": "0.01", "stop_atr": stop}, profile=rules(),
        fill=FillModel(spread_bps=1.0, slippage_bps=2.0), cash=100_000, instrument=COINS, funding=funding,
    )  # fmt: skip
    return result, rows


@cache
def empty() -> tuple[Result, list[Candle]]:
    """A run in which nothing was done."""
    rows = [flat(row, 1_000.0) for row in range(30)]
    return scripted(rows, {}, {}), rows


def of_days(values: Sequence[float], cash: float) -> tuple[Result, list[Candle]]:
    """A result with one bar at the end of every day and this equity at its close."""
    rows = [Candle(T0 + (day + 1) * DAY_NS - MINUTE_NS, 1.0, 1.0, 1.0, 1.0, 1.0) for day in range(len(values))]
    return replace(
        empty()[0], equity=array("d", values), cash=D(repr(cash)), pnl=D(repr(values[-1])) - D(repr(cash)), rows=len(rows),
        start_t=rows[0].open_time, end_t=rows[-1].open_time + MINUTE_NS,
    ), rows  # fmt: skip


def trade(pnl: str, *, r: float | None = None, why: str = "in", exit_why: str = "out", **more: Any) -> Trade:
    terms = {
        "symbol": SYMBOL, "side": "BUY", "qty": D("0.01"), "entry_t": T0, "exit_t": T0 + 5 * MINUTE_NS, "entry": D(100),
        "exit": D(101), "fees": D("0.1"), "funding": ZERO, "bars": 5, "strategy": "script", **more,
    }  # fmt: skip
    return Trade(pnl=D(pnl), r=r, why=why, exit_why=exit_why, **terms)
