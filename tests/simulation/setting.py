"""What a world is played with: the demo's profile with quick limits, its market, and the account."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import msgspec

from engine.model.settings import Profile
from engine.ops.config import load
from engine.session.recover import account_digest
from engine.sim.market import GeneratedMarket
from engine.sim.run import RunningExchange, serve
from engine.strategies import registry
from engine.strategies.base import Strategy

from .busy import Busy, BusyParams
from .seams import EPOCH_NS

SYMBOL = "BTCUSDT"
KEY, SECRET = "simulated-key", "simulated-secret"
ACCOUNT = account_digest("simulated", KEY)
BALANCE = Decimal(10_000)
PRICE = 95_000.0
TICK_S = 1.0
"""The exchange pushes once a second: quiet, and still fresh enough for the gate."""

QUICK: dict[str, Any] = {
    "risk.order_spacing_s": 0.0,
    "risk.orders_per_minute": 1_000,
    "risk.cooldown_s": 0.0,
    "risk.consecutive_losses": 1_000,
    "risk.repeated_execution": 100_000,
    "risk.min_reward_risk": 0.1,
    "risk.daily_loss_pct": 60.0,
    "risk.weekly_loss_pct": 80.0,
    "risk.max_drawdown_pct": 90.0,
    "risk.stale_quote_s": 3.0,
    "risk.max_slippage_bps": 100.0,
    "risk.max_spread_bps": 50.0,
    "risk.total_at_risk_pct": 50.0,
    "trading.approval_ttl_s": 8.0,
    "trading.decline_rest_bars": 0,
    "venue.timeout_s": 3.0,
    "venue.reconnect_max_s": 8.0,
    "venue.reconnect_tries": 6,
}


class Setting(msgspec.Struct, frozen=True):
    """Drawn from the seed: how this world differs from the next."""

    approval: str
    busy: bool
    speed: float
    odds: int

    @classmethod
    def of(cls, seed: int) -> Setting:
        rng = random.Random(f"setting:{seed}")
        return cls(
            approval=rng.choice(("auto", "auto", "required")),
            busy=rng.random() < 0.85,
            speed=rng.choice((6.0, 12.0, 12.0)),
            odds=rng.choice((1, 2, 3)),
        )


def profile(setting: Setting, exchange: RunningExchange) -> Profile:
    flags = {**QUICK, "trading.approval": setting.approval}
    loaded = load("demo", None, flags, {}).profile
    places = {"rest": exchange.rest, "public": exchange.public, "private": exchange.private}
    return msgspec.structs.replace(loaded, venue=msgspec.structs.replace(loaded.venue, **places))


def strategies(setting: Setting) -> dict[str, list[Strategy[Any]]]:
    if setting.busy:
        return {SYMBOL: [Busy(BusyParams(odds=setting.odds))]}
    loaded = load("demo", None, {}, {})
    return {SYMBOL: [registry.build(s.name, s.params) for s in loaded.strategies]}


async def exchange(setting: Setting, seed: int, clock: Any, wall: Any) -> RunningExchange:
    market = GeneratedMarket(SYMBOL, seed=seed, start_ms=EPOCH_NS // 1_000_000, start_price=PRICE)
    return await serve(
        market, keys=[(KEY, SECRET)], balance=BALANCE, speed=setting.speed, clock=clock, wall=wall, tick_s=TICK_S
    )
