"""What trading cost, in four parts that sum up exactly to what the same fills would have made without any friction.

Every fill has a reference price, at which it would have been without friction:

- a limit that rested (maker): its own price, so it cost a fee only;
- a market order: the open or close that the fill rule names;
- a stop, a target or a liquidation: the level that released it, or the open of a bar that gapped beyond it. Where that level
  was moved after the entry (a trailed stop) it is calculated back from the fill, to a tick.

``fee`` is the fills' fees and ``funding`` what was paid less what was received, both exact. (fill price − reference) ×
quantity, signed so that worse is positive, is the rest: half the model's spread of the reference is ``spread``, all beyond
that is ``slippage``, the rounding to the instrument's tick included.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from engine.model.fill_settings import FillModel
from engine.model.market import MINUTE_NS, Candle, Instrument
from engine.model.orders import ZERO, Fill, sign
from engine.report.series import row_at
from engine.runner.backtest import Result
from engine.sim.fillmodel import on_worse_tick, slippage_bps

BPS = 10_000
Levels = tuple[Decimal | None, Decimal | None]


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Money, positive when paid. ``estimated`` fills (a trailed stop under random slippage) have a reference made with the mean
    slippage, since neither is on record; the sum of the parts is exact for the reference prices that were used."""

    fee: Decimal = ZERO
    spread: Decimal = ZERO
    slippage: Decimal = ZERO
    funding: Decimal = ZERO
    estimated: int = 0

    @property
    def total(self) -> Decimal:
        return self.fee + self.spread + self.slippage + self.funding


def split(result: Result, candles: Sequence[Candle]) -> Costs:
    """The four parts over all fills of a run on ``candles``."""
    fee = spread = slippage = ZERO
    estimated = 0
    half = Decimal(repr(result.model.spread_bps)) / (2 * BPS)
    for fill, base, known in references(result, candles):
        fee += fill.fee
        estimated += not known
        lost = (fill.price - base) * fill.qty * sign(fill.side)
        part = max(ZERO, min(lost, base * half * fill.qty)) if not fill.maker else ZERO
        spread += part
        slippage += lost - part
    return Costs(fee=fee, spread=spread, slippage=slippage, funding=-result.funding, estimated=estimated)


def references(result: Result, candles: Sequence[Candle]) -> list[tuple[Fill, Decimal, bool]]:
    """Every fill with its reference price, and whether that is known (else it is estimated)."""
    orders = {order.client_id: order for order in result.orders}
    market = result.state.markets.get(result.symbol)
    instrument = market.instrument if market is not None else None
    found: list[tuple[Fill, Decimal, bool]] = []
    levels: Levels = (None, None)
    for fill in result.fills:
        order = orders.get(fill.client_id)
        if order is not None and not order.reduce_only and (order.stop is not None or order.target is not None):
            levels = order.stop, order.target
        if fill.maker or instrument is None:
            found.append((fill, fill.price, True))
        elif order is not None:
            found.append((fill, _decided(fill, result.model, candles), True))
        else:
            bar = candles[max(row_at(candles, fill.t - MINUTE_NS), 0)]
            found.append((fill, *_released(fill, levels, bar, result.model, instrument)))
    return found


def _decided(fill: Fill, model: FillModel, candles: Sequence[Candle]) -> Decimal:
    """The open or close at which our own order filled. What is sent at the data's end fills at the last close."""
    row = row_at(candles, fill.t)
    if model.market == "next_open" and row >= 0 and candles[row].open_time == fill.t:
        return Decimal(repr(candles[row].open))
    return Decimal(repr(candles[max(row_at(candles, fill.t - MINUTE_NS), 0)].close))


def _released(
    fill: Fill, levels: Levels, bar: Candle, model: FillModel, instrument: Instrument
) -> tuple[Decimal, bool]:
    """The level that the venue's own order left from: one of the entry's, the open behind it, or else by calculating back."""
    buys = fill.side == "BUY"
    least, most = _against(model, fill, bar)
    for base in _candidates(levels, bar, up=-sign(fill.side)):
        near, far = (_taken(base, buys, against, instrument) for against in (least, most))
        if min(near, far) <= fill.price <= max(near, far):
            return base, True
    share = 1 + sign(fill.side) * (least + most) / 2 / BPS
    exact = fill.price / share
    on_tick = (exact / instrument.tick).to_integral_value() * instrument.tick
    same = least == most and _taken(on_tick, buys, least, instrument) == fill.price
    return (on_tick if same else exact), least == most


def _candidates(levels: Levels, bar: Candle, up: int) -> list[Decimal]:
    open_ = Decimal(repr(bar.open))
    found: list[Decimal] = []
    for level, beyond in zip(levels, (-up, up), strict=True):
        if level is not None:
            found += [open_, level] if (open_ - level) * beyond >= 0 else [level]
    return found


def _against(model: FillModel, fill: Fill, bar: Candle) -> tuple[Decimal, Decimal]:
    """Least and most basis points that the fill can be worse than its reference."""
    half = model.spread_bps / 2
    bounds = (slippage_bps(model, float(fill.qty), bar.volume, chance) for chance in (0.0, 1.0))
    least, most = (Decimal(repr(half + bps)) for bps in bounds)
    return least, most


def _taken(base: Decimal, buys: bool, against: Decimal, instrument: Instrument) -> Decimal:
    return on_worse_tick(base + base * (against if buys else -against) / BPS, buys, instrument.tick)
