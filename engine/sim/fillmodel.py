"""How a simulated venue fills: rules as pure functions of the settings. No clock, no state; chance comes in as a number.

Prices are floats until a fill is made of them; a fill's price is a Decimal on the instrument's tick, its fee exact.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, overload

from engine.model.fill_settings import FillModel, Intrabar
from engine.model.market import Candle, Instrument

MOST_SCALED = 10.0
"""Slippage that grows with the order's share of the volume is at most this many times the setting."""
NO_VOLUME = Decimal(0)
ONE = Decimal(1)


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


@overload
def liquidation_price(cash: float, qty: float, maintenance_pct: float) -> float: ...
@overload
def liquidation_price(cash: Decimal, qty: Decimal, maintenance_pct: Decimal) -> Decimal: ...
def liquidation_price(cash: Any, qty: Any, maintenance_pct: Any) -> Any:
    """Where ``cash + qty × price`` falls to the maintenance share of the notional; zero when no price does that.

    ``cash`` is the account's money after paying for the position, so that equity is ``cash + qty × price``.
    """
    none = cash * 0
    if not qty:
        return none
    share = maintenance_pct / 100
    return max(none, -cash / (qty * (1 - share)) if qty > 0 else cash / (-qty * (1 + share)))


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
