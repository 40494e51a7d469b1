"""The market and the account as the adapter reads them from the simulated exchange."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from bitunix_kit import (
    NS,
    START,
    SYMBOL,
    Desk,
    adapter,
    desk,
    order,
    ready,
    settings,
    soon,
)

from engine.model.events import (
    BookTick,
    CandleTick,
    Event,
    FillReport,
    LinkReport,
    MarkTick,
    OrderReport,
    PositionReport,
    StopsListed,
    TickerTick,
    TradeTick,
)
from engine.sim.faults import Faults
from engine.venues.port import AuthError, Venue, VenueError

# --- the market -----------------------------------------------------------------------------------------------------


async def test_it_is_a_venue() -> None:
    async with desk(opened=False) as at:
        venue: Venue = at.venue
        assert venue.name == "bitunix"


async def test_every_kind_of_market_event_arrives() -> None:
    async with desk() as at:
        for kind in (BookTick, TickerTick, MarkTick, CandleTick, TradeTick):
            event: Any = await at.until(kind)
            assert event.symbol == SYMBOL
        book = at.of(BookTick)[0]
        assert len(book.bids) == len(book.asks) == 5
        assert book.bids[0] == (94_999.9, 1.0)
        assert at.of(MarkTick)[0].funding_rate == pytest.approx(0.0001)
        first_up = next(i for i, event in enumerate(at.events) if isinstance(event, LinkReport) and event.state == "up")
        assert not any(isinstance(event, BookTick) for event in at.events[:first_up])


async def test_instruments_have_their_steps() -> None:
    async with desk(opened=False) as at:
        (found,) = await at.venue.instruments()
        assert (found.symbol, found.tick, found.step) == (SYMBOL, Decimal("0.1"), Decimal("0.0001"))


@pytest.mark.parametrize(
    "quirks", [{}, {"kline_includes_running_bar": True, "swapped_kline_volumes": True, "bad_bar": True}]
)
async def test_candles_are_closed_complete_and_oldest_first(quirks: dict[str, Any]) -> None:
    async with desk(faults=Faults(**quirks)) as at:
        await at.until(BookTick)
        found = await at.venue.candles(SYMBOL, START - 420 * 60_000 * NS, START + 10**15)
        assert [candle.open_time for candle in found] == [START - i * 60_000 * NS for i in range(420, 0, -1)]
        assert {candle.volume for candle in found} == {1.0, 2.0, 3.0}
        assert all(
            candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high
            for candle in found
        )


async def test_a_candle_that_closes_on_the_stream_is_the_one_in_the_history() -> None:
    async with desk(speed=90.0) as at:
        await at.until(CandleTick, lambda event: event.closed and event.candle.open_time >= START + 60_000 * NS)
        closed = [event.candle for event in at.of(CandleTick) if event.closed]
        listed = await at.venue.candles(SYMBOL, closed[0].open_time, closed[-1].open_time + 60_000 * NS)
        assert closed == listed


async def test_a_range_without_candles_is_empty() -> None:
    async with desk(opened=False) as at:
        assert await at.venue.candles(SYMBOL, START, START) == []


async def test_the_clock_offset_of_this_machine_is_small() -> None:
    async with desk(opened=False) as at:
        assert abs(await at.venue.clock_offset_ms()) < 500


# --- the account ----------------------------------------------------------------------------------------------------


async def test_a_snapshot_is_whole_and_in_its_order() -> None:
    async with desk() as at:
        await ready(at)
        await at.venue.submit(order("y-1", stop=Decimal("94000.0")))
        await at.venue.submit(order("y-2", qty="0.0020", price="90000.0"))
        events = await at.venue.snapshot([SYMBOL, "ETHUSDT"], START)
        assert [type(event).__name__ for event in events] == [
            "AccountReport",
            "FillReport",
            "OrderReport",
            "PositionReport",
            "PositionReport",
            "StopsListed",
            "StopsListed",
        ]
        _, fill, working, held, flat, stops, _ = events
        assert isinstance(fill, FillReport)
        assert (fill.fill.client_id, fill.fill.qty) == ("y-1", Decimal("0.0100"))
        assert isinstance(working, OrderReport)
        assert (working.client_id, working.source, working.price) == ("y-2", "snapshot", Decimal("90000.0"))
        assert isinstance(held, PositionReport)
        assert isinstance(flat, PositionReport)
        assert (held.qty, held.position_id != "", flat.symbol, flat.qty) == (
            Decimal("0.0100"),
            True,
            "ETHUSDT",
            Decimal(0),
        )
        assert isinstance(stops, StopsListed)
        assert [stop.stop for stop in stops.stops] == [Decimal("94000.0")]


async def test_a_snapshot_reads_every_page_of_fills() -> None:
    async with desk(opened=False) as at:
        at.market.depth = 0.0001
        at.market._levels = lambda sign: [(round(95_000 + sign * 0.1 * (i + 1), 1), 0.0001) for i in range(130)]  # type: ignore[method-assign]
        await asyncio.sleep(0.05)
        await at.venue.submit(order("f-1", qty="0.0120"))
        events = await at.venue.snapshot([SYMBOL], START)
        fills = [event.fill for event in events if isinstance(event, FillReport)]
        assert len(fills) == 120
        assert {fill.client_id for fill in fills} == {"f-1"}
        assert await fills_since(at, fills[-1].t + 60_000 * NS) == []


async def fills_since(at: Desk, since: int) -> list[Event]:
    return [event for event in await at.venue.snapshot([SYMBOL], since) if isinstance(event, FillReport)]


async def test_half_a_snapshot_is_none() -> None:
    async with desk(opened=False) as at:
        await at.venue.account()
        await at.faults(http_5xx=9)
        with pytest.raises(VenueError):
            await at.venue.snapshot([SYMBOL], START)


async def test_wrong_keys_are_an_auth_error() -> None:
    async with desk(opened=False) as at:
        stranger = adapter(settings(at.exchange), "demo-key", "wrong")
        with pytest.raises(AuthError) as raised:
            await stranger.account()
        assert "clock" in raised.value.hint
        told: list[Event] = []
        await stranger.open([SYMBOL], told.append)
        await soon(lambda: any(isinstance(e, LinkReport) and (e.link, e.state) == ("private", "failed") for e in told))
        await stranger.close()


async def test_leverage_is_set_once() -> None:
    async with desk(opened=False) as at:
        await at.venue.set_leverage(SYMBOL, 7)
        await at.venue.submit(order("l-1", qty="0.0010", price="90000.0"))
        await at.venue.set_leverage(SYMBOL, 7)
        with pytest.raises(VenueError) as raised:
            await at.venue.set_leverage(SYMBOL, 9)
        assert "open" in raised.value.hint


async def test_a_flat_hedge_account_is_set_to_one_way_and_a_busy_one_is_refused() -> None:
    async with desk(opened=False) as at:
        account = next(iter(at.exchange.exchange.world.accounts.values()))
        account.mode = "HEDGE"
        await at.venue.snapshot([SYMBOL], START)
        assert account.mode == "ONE_WAY"
        await at.venue.submit(order("h-1", qty="0.0010", price="90000.0"))
        account.mode = "HEDGE"
        with pytest.raises(VenueError, match="hedge") as raised:
            await at.venue.snapshot([SYMBOL], START)
        assert "one-way" in raised.value.hint
