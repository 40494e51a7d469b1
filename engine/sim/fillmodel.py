"""How a simulated venue fills: the settings, and the rules as pure functions. No clock, no state; chance comes in as a number.

Prices are floats until a fill is made of them; a fill's price is a Decimal on the instrument's tick, its fee exact.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Literal

import msgspec

from engine.model.market import Candle, Instrument

NotNegative = Annotated[float, msgspec.Meta(ge=0)]
MarketRule = Literal["next_open", "same_close", "next_close"]
Intrabar = Literal["conservative", "optimistic", "random"]

MOST_SCALED = 10.0
"""Slippage that grows with the order's share of the volume is at most this many times the setting."""
NO_VOLUME = Decimal(0)
ONE = Decimal(1)


class FillModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the simulated venue. ``_bps`` are hundredths of a percent of the price, ``_pct`` percent.

    ``market``          where a market order that was decided on a closed candle fills (bars only)
    ``slippage``        fixed_bps: always ``slippage_bps``; random: 0.5–1.5 × of it, seeded; volume_scaled:
                        × (1 + quantity over the fillable share of the bar's volume), at most ten times
    ``spread``          fixed: ``spread_bps``, half on the way in and half on the way out; book: the recorded book's
                        (ticks only; bars have no book and use ``spread_bps``)
    ``latency_ms``      time until an order is live; on bars it is live at the first open (or close) at or after that
    ``latency_bars``    the same in whole bars, on top
    ``volume_share_pct`` most of a bar's volume that limit orders get; what is left stays working
    ``touch``           a limit that is only touched by a bar fills too; else the price must go through it
    ``intrabar``        stop and target inside one bar: stop first, target first, or a seeded coin
    ``trigger``         which price releases protective orders on ticks
    ``liquidation``     the venue closes a position when equity falls to ``maintenance_pct`` of its notional
    """

    market: MarketRule = "next_open"
    slippage: Literal["fixed_bps", "random", "volume_scaled"] = "fixed_bps"
    slippage_bps: NotNegative = 0.0
    spread: Literal["fixed", "book"] = "fixed"
    spread_bps: NotNegative = 0.0
    latency_ms: NotNegative = 0.0
    latency_bars: Annotated[int, msgspec.Meta(ge=0)] = 0
    volume_share_pct: Annotated[float, msgspec.Meta(gt=0, le=100)] = 10.0
    touch: bool = False
    intrabar: Intrabar = "conservative"
    trigger: Literal["mark", "last"] = "mark"
    liquidation: bool = True
    maintenance_pct: Annotated[float, msgspec.Meta(ge=0, lt=100)] = 0.5

    @property
    def rule(self) -> str:
        """The fill rule of market orders as a sentence."""
        return RULES[self.market]

    def words(self) -> list[str]:
        """Every assumption, a sentence each, for reports."""
        spread = "the recorded book's" if self.spread == "book" else f"{self.spread_bps:g} bp"
        latency = f"{self.latency_ms:g} ms and {self.latency_bars} bar(s)"
        through = "touch them" if self.touch else "go through them"
        return [
            self.rule,
            f"Slippage {SLIPPAGE[self.slippage].format(self.slippage_bps)}; spread {spread}, half on each side.",
            f"Orders are live after {latency}.",
            f"Limits fill when prices {through}, by at most {self.volume_share_pct:g} % of a bar's volume.",
            "A gap through a limit, a stop or a target fills at the open.",
            f"Stop and target inside one bar: {INTRABAR[self.intrabar]}. Stops and targets are market orders when released.",
            f"Liquidation at {self.maintenance_pct:g} % of the notional." if self.liquidation else "No liquidation.",
        ]


RULES: dict[str, str] = {
    "next_open": "A market order decided on a closed candle fills at the open of the next one.",
    "same_close": "A market order decided on a closed candle fills at that candle's close.",
    "next_close": "A market order decided on a closed candle fills at the close of the next one.",
}
SLIPPAGE: dict[str, str] = {
    "fixed_bps": "{:g} bp",
    "random": "random, 0.5 to 1.5 times {:g} bp",
    "volume_scaled": "{:g} bp, growing with the order's share of the volume",
}
INTRABAR: dict[str, str] = {
    "conservative": "the stop is first",
    "optimistic": "the target is first",
    "random": "a seeded coin decides",
}


def slippage_bps(model: FillModel, qty: float, volume: float, chance: float) -> float:
    """Basis points that a market order of ``qty`` loses; ``chance`` is in [0, 1), ``volume`` the bar's."""
    if model.slippage == "random":
        return model.slippage_bps * (0.5 + chance)
    if model.slippage == "volume_scaled":
        room = volume * model.volume_share_pct / 100
        return model.slippage_bps * (min(1.0 + qty / room, MOST_SCALED) if room > 0 else MOST_SCALED)
    return model.slippage_bps


def taken_price(price: float, buys: bool, against_bps: float, instrument: Instrument) -> Decimal:
    """What taking costs: ``price`` made worse by ``against_bps`` and rounded to the tick, never to our advantage."""
    exact = Decimal(repr(price))
    if against_bps:
        exact += exact * Decimal(repr(against_bps if buys else -against_bps)) / 10_000
    return on_worse_tick(exact, buys, instrument.tick)


def on_worse_tick(price: Decimal, buys: bool, tick: Decimal) -> Decimal:
    """The tick at or beyond ``price`` in the direction that is worse for the taker; at least one tick."""
    if not price % tick:
        return price
    steps = (price / tick).quantize(ONE, ROUND_CEILING if buys else ROUND_FLOOR)
    return max(steps, ONE) * tick


def fillable(volume: float, model: FillModel, step: Decimal) -> Decimal:
    """The part of a bar's volume that our limit orders may have, in whole steps."""
    share = Decimal(repr(volume)) * Decimal(repr(model.volume_share_pct)) / 100
    return share // step * step if share > 0 else NO_VOLUME


def limit_in_bar(buys: bool, limit: float, candle: Candle, touch: bool, from_open: bool) -> float | None:
    """At which price a resting limit fills in a bar; None when it does not. A gap through it fills at the open."""
    if from_open and (candle.open < limit if buys else candle.open > limit):
        return candle.open
    extreme = candle.low if buys else candle.high
    through = extreme < limit if buys else extreme > limit
    return limit if through or (touch and extreme == limit) else None


Exit = tuple[str, float]
"""``stop`` or ``target``, and the price before slippage."""


def exit_in_bar(
    long: bool,
    stop: float | None,
    target: float | None,
    candle: Candle,
    intrabar: Intrabar,
    chance: float,
    *,
    from_open: bool,
    after_limit: bool = False,
) -> Exit | None:
    """Which protective order a bar releases, and where; None when neither.

    ``from_open``: the position stood when the bar opened, so a gap beyond a level fills at the open. ``after_limit``: a limit
    opened it inside the bar; that the target's price came after that and not before is an optimist's view.
    """
    up = 1.0 if long else -1.0
    if from_open:
        if stop is not None and (candle.open - stop) * up <= 0:
            return "stop", candle.open
        if target is not None and (candle.open - target) * up >= 0:
            return "target", candle.open
    worst, best = (candle.low, candle.high) if long else (candle.high, candle.low)
    stopped = stop is not None and (worst - stop) * up <= 0
    reached = target is not None and (best - target) * up >= 0
    lucky = intrabar == "optimistic" or (intrabar == "random" and chance < 0.5)
    if reached and target is not None and (lucky or not (stopped or after_limit)):
        return "target", target
    return ("stop", stop) if stopped and stop is not None else None


def both_in_bar(stop: float | None, target: float | None, candle: Candle) -> bool:
    """Whether the range of a bar holds both levels: only then is a coin thrown."""
    return (
        stop is not None and target is not None and candle.low <= min(stop, target) and candle.high >= max(stop, target)
    )


def liquidation_price(cash: float, qty: float, maintenance_pct: float) -> float:
    """Where ``cash + qty × price`` falls to the maintenance share of the notional; zero when no price does that.

    ``cash`` is the account's money after paying for the position, so that equity is ``cash + qty × price``.
    """
    share = maintenance_pct / 100
    if qty > 0:
        return max(0.0, -cash / (qty * (1 - share)))
    return max(0.0, cash / (-qty * (1 + share))) if qty < 0 else 0.0


def queue_ahead(levels: list[tuple[float, float]], price: float) -> float:
    """Quantity that stands before a limit that joins at ``price``: all that is visible there on its own side."""
    return next((qty for level, qty in levels if level == price), 0.0)


def walk(levels: list[tuple[float, float]], qty: float) -> float | None:
    """Mean price of taking ``qty`` from the best level on; what the visible book lacks is taken at its last level."""
    left, paid, price = qty, 0.0, 0.0
    for price, size in levels:
        part = min(left, size)
        paid += part * price
        left -= part
        if left <= 0:
            break
    return (paid + max(left, 0.0) * price) / qty if levels and qty > 0 else None
