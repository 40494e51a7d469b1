"""Quiet bars, folded all at once: what the quote, mark, clock and closed candle of each would have made of the state.

A bar is quiet when nobody decides anything in it, nothing fills, and no timer of the trader runs out. Then only the last quote
and mark, the candles, the day's and week's first equity and the highest equity are left of it: they are set here exactly as
``engine.core.fold`` would have, candle by candle (a test steps both ways and compares the states).
"""

from __future__ import annotations

from array import array

from engine.core.fold.base import link_of
from engine.core.fold.session import DAY_NS, EQUITY_EVERY_NS, EQUITY_KEPT, forget_sent, turn
from engine.model.market import MINUTE_NS, Candle
from engine.model.state import CANDLES_KEPT, Market, State
from engine.runner.data import Bars
from engine.sim.paper import Levels

EVENTS_A_BAR = 3
"""Messages that the public link brings for a bar: quote, mark, candle."""


def kept(length: int, added: int, most: int) -> int:
    """Rows that are left of a list of ``length`` after ``added`` more, each of which may drop all but ``most`` of them."""
    limit = most + most // 4
    if length + added <= limit:
        return length + added
    return most + (length + added - limit - 1) % (limit - most + 1)


def catch_up(
    state: State, market: Market, bars: Bars, first: int, last: int, book: tuple[Levels, Levels], rate: tuple[float, int],
    curve: array[float],
) -> None:  # fmt: skip
    """Fold the quiet bars ``first`` to ``last`` (both included); ``book`` and ``rate`` are those after the last one.

    The equity at each close is added to ``curve``, which so far reaches up to ``first``.
    """
    candles, rows = bars.candles, market.candles
    newest, count = candles[last], last - first + 1
    state.t = t = newest.open_time + MINUTE_NS
    public = link_of(state, "public")
    public.last_t, public.messages = t, public.messages + EVENTS_A_BAR * count
    market.bids, market.asks = book
    market.mark = market.index = newest.close
    market.quote_t = market.mark_t = market.venue_t = t
    market.funding_rate, market.next_funding_t = rate
    length = kept(len(rows), count, CANDLES_KEPT)
    rows += candles[max(first, last + 1 - length) : last + 1]
    if len(rows) > length:
        del rows[: len(rows) - length]
    _equities(state, market.symbol, bars, first, last, curve)
    forget_sent(state)


def _equities(state: State, symbol: str, bars: Bars, first: int, last: int, curve: array[float]) -> None:
    candles, wallet = bars.candles, float(state.account.wallet)
    position, book = state.positions.get(symbol), state.risk
    begin = len(curve)
    if position is None or not position.qty:
        values = [wallet] * (last - first + 1)
    else:
        entry, qty = float(position.entry), float(position.qty)
        values = [wallet + (candle.close - entry) * qty for candle in candles[first : last + 1]]
    curve.fromlist(values)
    highest = max(values)
    book.high_water = max(book.high_water, highest)
    # quiet bars are a minute apart, so the row of a new day can be reckoned
    t0, end = candles[first].open_time + MINUTE_NS, candles[last].open_time + MINUTE_NS
    while end // DAY_NS > book.day:
        row = max(0, ((book.day + 1) * DAY_NS - t0) // MINUTE_NS)
        turn(book, (t0 + row * MINUTE_NS) // DAY_NS, curve[begin + row])


def points(start: tuple[int, float], candles: list[Candle], curve: array[float]) -> list[tuple[int, float]]:
    """``State.equity`` as the clock of every bar would have filled it; ``start`` is the account's first point."""
    length = kept(1, len(curve), EQUITY_KEPT)
    rows = [(c.open_time + MINUTE_NS, e) for c, e in zip(candles[-length:], curve[-length:], strict=True)]
    if len(curve) < length:
        rows.insert(0, start)
    assert MINUTE_NS >= EQUITY_EVERY_NS
    return rows
