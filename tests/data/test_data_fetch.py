"""Fetching: what is missing and nothing else, again after a failure, and on from where it was cut off."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import msgspec
import pytest
from data_kit import T0, candles
from exchange_kit import START_MS, ScriptedMarket, exchange

from engine.data.contract import CandleError
from engine.data.fetch import CHUNK, TRIES, Fetched, chunks, fetch, missing
from engine.data.store import Store
from engine.model.market import MINUTE_NS, Candle
from engine.ops import config
from engine.sim.faults import Faults
from engine.venues.bitunix.adapter import Bitunix
from engine.venues.port import VenueError


class Venue:
    """A venue with these candles; fails as often as told before each answer."""

    def __init__(self, rows: list[Candle], failures: int = 0) -> None:
        self.rows = rows
        self.failures = failures
        self.asked: list[tuple[int, int]] = []
        self.failed = 0

    async def candles(self, symbol: str, start: int, end: int) -> list[Candle]:
        if self.failed < self.failures:
            self.failed += 1
            raise VenueError("no answer")
        self.failed = 0
        self.asked.append(((start - T0) // MINUTE_NS, (end - T0) // MINUTE_NS))
        return [row for row in self.rows if start <= row.open_time < end]


def at(n: int) -> int:
    return T0 + n * MINUTE_NS


async def test_a_first_fetch_takes_all_of_the_range(tmp_path: Path) -> None:
    venue, store = Venue(candles(6_000)), Store(tmp_path)
    told: list[tuple[int, int]] = []
    done = await fetch(venue, store, "v", "S", at(10), at(5_000), progress=lambda *step: told.append(step))
    assert done == Fetched(4_990, 4_990)
    assert store.read("v", "S") == candles(4_990, first=10)
    assert venue.asked == [(10, 10 + CHUNK), (10 + CHUNK, 10 + 2 * CHUNK), (10 + 2 * CHUNK, 5_000)]
    assert told == [(0, 4_990), (2_000, 4_990), (4_000, 4_990), (4_990, 4_990)]


async def test_a_second_fetch_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    venue, store = Venue(candles(500)), Store(tmp_path)
    store.write("v", "S", candles(50, first=100) + candles(50, first=200), "before")
    assert await fetch(venue, store, "v", "S", at(0), at(300)) == Fetched(200, 200)
    assert venue.asked == [(0, 100), (150, 200), (250, 300)]
    assert store.read("v", "S") == candles(300)
    assert await fetch(venue, store, "v", "S", at(0), at(300)) == Fetched(0, 0)


async def test_without_a_begin_it_goes_on_from_the_end(tmp_path: Path) -> None:
    venue, store = Venue(candles(500)), Store(tmp_path)
    with pytest.raises(CandleError, match="--from"):
        await fetch(venue, store, "v", "S", None, at(300))
    store.write("v", "S", candles(50, first=100), "before")
    await fetch(venue, store, "v", "S", None, at(300))
    assert venue.asked == [(150, 300)]


async def test_minutes_that_the_venue_does_not_have_stay_gaps(tmp_path: Path) -> None:
    venue, store = Venue([row for n, row in enumerate(candles(100)) if n % 10]), Store(tmp_path)
    assert await fetch(venue, store, "v", "S", at(-50), at(100)) == Fetched(150, 90)
    assert store.listed()[0].gaps == 9


async def test_a_request_is_tried_again_and_then_given_up_with_what_came_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert (await fetch(Venue(candles(50), TRIES - 1), store, "v", "A", at(0), at(50), pause_s=0.0)).added == 50
    with pytest.raises(VenueError):
        await fetch(Venue(candles(50), TRIES), store, "v", "B", at(0), at(50), pause_s=0.0)
    told: list[float] = []
    with pytest.raises(VenueError):
        await fetch(
            Venue(candles(50), TRIES),
            store,
            "v",
            "B",
            at(0),
            at(50),
            pause_s=0.001,
            waiting=lambda _, s: told.append(s),
        )
    assert told == [0.001, 0.002, 0.004, 0.008]


async def test_what_the_venue_refuses_is_not_asked_again(tmp_path: Path) -> None:
    async with exchange() as client:
        settings = msgspec.structs.replace(config.load("live").profile.venue, rest=client.running.rest)
        venue = Bitunix(settings, clock=time.time_ns, rng=random.Random(1))
        with pytest.raises(VenueError, match="not supported"):
            await fetch(venue, Store(tmp_path), "v", "NOSUCH", at(0), at(50), pause_s=60.0)
        await venue.close()


async def test_cut_off_it_goes_on_from_there(tmp_path: Path) -> None:
    rows, store = candles(3 * CHUNK), Store(tmp_path)

    hanging = asyncio.Event()

    class Hanging(Venue):
        async def candles(self, symbol: str, start: int, end: int) -> list[Candle]:
            if len(self.asked) == 2:
                hanging.set()
                await asyncio.sleep(60)
            return await super().candles(symbol, start, end)

    task = asyncio.create_task(fetch(Hanging(rows), store, "v", "S", at(0), at(3 * CHUNK)))
    await hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    venue = Venue(rows)
    await fetch(venue, store, "v", "S", at(0), at(3 * CHUNK))
    assert venue.asked == [(2 * CHUNK, 3 * CHUNK)]
    assert store.read("v", "S") == rows


def test_what_is_missing_and_the_chunks_of_it() -> None:
    assert missing([], 5, 5) == []
    assert missing(candles(3), at(0), at(3)) == []
    assert missing(candles(3, first=2), at(0), at(9)) == [(at(0), at(2)), (at(5), at(9))]
    step = CHUNK * MINUTE_NS
    assert chunks([(0, step + 1), (7 * step, 8 * step)]) == [(0, step), (step, step + 1), (7 * step, 8 * step)]


async def fetched(rest: str, store: Store, begin: int, end: int) -> Fetched:
    settings = msgspec.structs.replace(config.load("live").profile.venue, rest=rest)
    venue = Bitunix(settings, clock=time.time_ns, rng=random.Random(1))
    try:
        return await fetch(venue, store, "bitunix", "BTCUSDT", begin, end, pause_s=0.01)
    finally:
        await venue.close()


async def test_the_exchange_s_history_arrives_whole_over_its_pages(tmp_path: Path) -> None:
    market, store = ScriptedMarket(bars=700), Store(tmp_path)
    end = START_MS * 1_000_000
    async with exchange(market) as client:
        assert await fetched(client.running.rest, store, end - 650 * MINUTE_NS, end) == Fetched(650, 650)
    assert store.read("bitunix", "BTCUSDT") == market.history()[50:]
    assert store.check("bitunix", "BTCUSDT") == []


async def test_swapped_volumes_bars_that_run_and_odd_highs_do_no_harm(tmp_path: Path) -> None:
    market, store = ScriptedMarket(bars=150), Store(tmp_path)
    faults = Faults(swapped_kline_volumes=True, kline_includes_running_bar=True, bad_bar=True)
    end = START_MS * 1_000_000
    async with exchange(market, faults=faults) as client:
        done = await fetched(client.running.rest, store, end - 150 * MINUTE_NS, end)
    assert done == Fetched(150, 150)
    assert store.check("bitunix", "BTCUSDT") == []
    assert [row.volume for row in store.read("bitunix", "BTCUSDT")][:-1] == [row.volume for row in market.history()][
        :-1
    ]
