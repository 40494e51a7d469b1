"""A session whose links break in every way the exchange can play: noticed, mended, nothing sent before both sides agree."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk import buy
from session_kit import SYMBOL, Floor, floor

from engine.model import events as ev


def told(f: Floor, kind: type[Any]) -> list[Any]:
    """Every event of a kind from here on, as it comes."""
    seen: list[Any] = []
    f.session.watchers.append(lambda event: seen.append(event) if isinstance(event, kind) else None)
    return seen


async def test_links_that_gave_up_are_safe_with_a_diagnosis_and_re_arming_starts_them_again(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        for stream, _ in f.session.venue._links:  # type: ignore[attr-defined]
            stream._settings = msgspec.structs.replace(stream._settings, reconnect_tries=2, reconnect_max_s=0.1)
        await f.fault(restart_s=2.0)
        await f.until(lambda: f.state.trading == "SAFE", "safe")
        host = f.exchange.rest.removeprefix("http://")
        assert f"{host} not reached in 2 tries" in f.state.trading_why
        assert "re-arm with a reason" in f.state.trading_why
        await asyncio.sleep(2.0)
        assert any(link.state == "failed" for link in f.state.links.values())
        f.session.command("rearm", text="the cable is back")
        up = {"public", "private"}
        await f.until(lambda: all(f.state.links[n].state == "up" for n in up) and not f.state.doubt, "links", 8.0)
        f.signal(buy(qty="0.1", stop=59_000.0, target=62_000.0))
        await f.until(lambda: f.state.positions.get(SYMBOL) and f.state.positions[SYMBOL].qty, "trading again")


async def test_no_order_leaves_between_a_reconnect_and_the_comparison(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        await f.fault(http_delay_s=0.3, disconnect_private=1)
        await f.until(lambda: f.state.links["private"].reconnects and f.state.links["private"].state == "up", "again")
        assert f.state.doubt
        f.signal(buy(qty="0.1", stop=59_000.0, target=62_000.0))
        assert f.state.rejected == {"links_down": 1}
        assert not f.state.orders_total or not f.state.risk.sent_t


async def test_a_fill_that_no_stream_told_comes_with_the_comparison_after_the_reconnect(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        await f.fault(drop_push=1.0)
        f.signal(buy(qty="0.1", stop=59_000.0, target=62_000.0))
        await asyncio.sleep(0.3)
        await f.fault(drop_push=0.0, disconnect_private=1)
        await f.until(lambda: SYMBOL in f.state.positions and f.state.positions[SYMBOL].qty == Decimal("0.1"), "fill")
        await f.until(lambda: not f.state.doubt, "compared")


@pytest.mark.parametrize("fault", [{"disconnect_public": 1}, {"depth_gap": 10}])
async def test_after_a_gap_the_book_is_the_venues_present_one_without_ghost_levels(tmp_path: Path, fault: Any) -> None:
    async with floor(tmp_path) as f:
        await f.fault(**fault)
        f.market.mid = 61_000.0
        market = f.state.markets[SYMBOL]
        await f.until(lambda: market.bids[0][0] == 60_999.9, "the new book")
        assert len(market.bids) <= 5
        assert all(price > 60_990 for price, _ in [*market.bids, *market.asks])
        assert market.bids[0][0] < market.asks[0][0]


async def test_minutes_that_passed_while_the_market_was_away_are_loaded_before_a_strategy_is_asked(
    tmp_path: Path,
) -> None:
    async with floor(tmp_path) as f:
        asked, loaded = told(f, ev.HistoryAsked), told(f, ev.CandlesLoaded)
        market = f.state.markets[SYMBOL]
        last = market.candles[-1]
        later = msgspec.structs.replace(last, open_time=last.open_time + 4 * 60_000_000_000)
        f.session.ingest(ev.CandleTick(f.session.clock(), SYMBOL, later, True))
        await f.until(lambda: loaded, "history")
        assert [(request.start, request.end) for request in asked] == [
            (last.open_time + 60_000_000_000, later.open_time)
        ]


async def test_a_stream_that_goes_on_saying_the_same_is_found_out_by_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.venues.bitunix.crosscheck.EVERY_S", 0.1)
    async with floor(tmp_path) as f:
        seen = told(f, ev.LinkReport)
        await f.fault(frozen=True)
        await asyncio.sleep(0.3)
        f.market.mid = 60_500.0
        await f.until(lambda: any(e.detail.startswith("frozen: BTCUSDT stands at 60000") for e in seen), "found out")
        await f.fault(frozen=False)
        await f.until(lambda: f.state.markets[SYMBOL].mid == 60_500.0, "the present price")


async def test_a_still_market_is_no_frozen_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.venues.bitunix.crosscheck.EVERY_S", 0.02)
    async with floor(tmp_path) as f:
        await asyncio.sleep(0.5)
        assert f.state.links["public"].reconnects == 0


async def test_a_lost_stream_is_counted(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        await f.fault(disconnect_private=1)
        await f.until(lambda: f.state.errors.counts == {"link": 1}, "counted")
