"""A session on paper: a real market's stream over real sockets, and an account that follows from the recording alone."""

from __future__ import annotations

import random
import time
from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from desk import buy, sell
from exchange_kit import ScriptedMarket
from session_kit import SYMBOL, Floor, a_moment, floor, settings

from engine.core.fold import apply
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.fill_settings import FillModel
from engine.model.orders import Order
from engine.model.state import State
from engine.ops import config
from engine.ops.lock import LockedError
from engine.ops.paths import home
from engine.session import preflight
from engine.session.paper import NOT_OPEN
from engine.session.rig import Rig
from engine.sim.paper import PaperVenue
from engine.sim.paper_feed import by_market_time, open_account, taken
from engine.sim.run import serve
from engine.venues.bitunix.adapter import Bitunix
from engine.venues.port import VenueError

PLAIN = FillModel()
ACCOUNT = (
    *(
        ev.AccountReport,
        ev.PositionReport,
        ev.OrderReport,
        ev.CancelReport,
        ev.FillReport,
        ev.StopReport,
        ev.StopsListed,
    ),
    *(ev.ProtectReport, ev.FundingPaid, ev.SnapshotTaken),
)
HOUR_MS = 3_600_000


def events(f: Floor) -> list[ev.Event]:
    with Recording.open(f.journal.path) as recording:
        return [event for _, event in recording.events(1)]


def kinds(recorded: list[ev.Event], *kind: type[ev.Event]) -> list[Any]:
    return [event for event in recorded if isinstance(event, kind)]


async def opened(f: Floor) -> Any:
    f.signal(buy(qty="0.1", stop=59_000.0, target=62_000.0))
    position = f.state.positions[SYMBOL]
    assert position.qty == Decimal("0.1")
    return position


async def heard(f: Floor, kind: type[ev.Event]) -> None:
    """The next event of a kind."""
    seen: list[ev.Event] = []
    f.session.watchers.append(seen.append)
    await f.until(lambda: kinds(seen, kind), kind.__name__)
    f.session.watchers.remove(seen.append)


async def written(f: Floor) -> list[ev.Event]:
    await f.journal.durable(f.state.seq)
    return events(f)


async def test_the_recording_says_paper_and_the_checklist_passes_without_keys(tmp_path: Path) -> None:
    async with floor(tmp_path, paper=PLAIN) as f:
        (started,) = kinds(await written(f), ev.SessionStarted)
        assert (started.venue, started.mode) == ("paper", "PAPER")
        assert f.state.gates["login"].detail == "on paper, no keys, USDT account"
        assert all(f.state.gates[g.name].status == "pass" for g in preflight.GATES)
        assert f.exchange.exchange.world.accounts["key"].orders == {}


async def test_an_entry_is_filled_and_protected_in_the_call_that_decides_it(tmp_path: Path) -> None:
    async with floor(tmp_path, paper=PLAIN) as f:
        position = await opened(f)
        assert (position.stop, position.target) == (Decimal(59_000), Decimal(62_000))
        assert position.venue_qty == position.qty
        assert f.state.account.wallet == f.state.account.venue_wallet
        assert not f.exchange.exchange.world.accounts["key"].trades


async def test_the_mark_of_the_stream_releases_the_stop(tmp_path: Path) -> None:
    async with floor(tmp_path, paper=PLAIN) as f:
        await opened(f)
        f.market.mid = 58_990.0
        await f.until(lambda: f.state.trades, "trade")
        assert f.state.trades[-1].exit_why == "stop"


async def test_a_limit_waits_and_is_cancelled_by_a_kill(tmp_path: Path) -> None:
    async with floor(tmp_path, paper=PLAIN) as f:
        f.signal(buy(qty="0.1", kind="LIMIT", price=59_900.0, stop=59_000.0, target=62_000.0))
        (order,) = f.state.orders.values()
        assert order.status == "ACCEPTED"
        f.session.command("kill")
        assert order.status == "CANCELLED"


async def test_an_order_is_live_at_the_first_market_event_after_its_latency(tmp_path: Path) -> None:
    async with floor(tmp_path, paper=FillModel(latency_ms=400.0)) as f:
        f.signal(buy(qty="0.1", stop=59_000.0, target=62_000.0))
        await f.until(lambda: f.state.fills, "fill")
        recorded = await written(f)
        (sent,), (fill,) = kinds(recorded, ev.OrderSent), kinds(recorded, ev.FillReport)
        assert fill.t - sent.t >= 400_000_000
        at = recorded.index(fill)
        cause = next(e for e in reversed(recorded[:at]) if isinstance(e, ev.BookTick | ev.TradeTick | ev.MarkTick))
        assert fill.t == cause.t
        earlier = [e for e in kinds(recorded, ev.BookTick, ev.TradeTick, ev.MarkTick) if sent.t < e.t < cause.t]
        assert all(e.t - sent.t < 400_000_000 for e in earlier)


async def test_funding_that_the_stream_announced_is_settled_when_it_falls_due(tmp_path: Path) -> None:
    async with floor(tmp_path, paper=PLAIN) as f:
        await opened(f)
        wallet = f.state.account.wallet
        f.market.rate = 0.0003
        await f.until(lambda: f.state.markets[SYMBOL].funding_rate == 0.0003, "the rate")
        f.exchange.exchange.start_ms += 8 * HOUR_MS  # the market's clock passes a settlement
        await f.until(lambda: f.state.account.funding, "funding")
        assert f.state.account.funding == Decimal("-60000") * Decimal("0.1") * Decimal("0.0003")
        assert f.state.account.wallet == wallet + f.state.account.funding == f.state.account.venue_wallet


async def test_fills_stop_with_the_public_stream_and_go_on_when_it_is_back(tmp_path: Path) -> None:
    async with floor(tmp_path, paper=PLAIN) as f:
        await opened(f)
        await f.fault(disconnect_public=1)
        await f.until(lambda: f.state.links["public"].state == "down", "the stream is lost")
        f.market.mid = 58_000.0
        assert f.state.positions[SYMBOL].qty
        await f.until(lambda: f.state.trades, "the stop, once the market is heard again")
        assert f.state.links["public"].reconnects


async def test_what_the_account_did_follows_from_the_recorded_market_and_decisions(tmp_path: Path) -> None:
    """A fresh simulated venue that reads the recording says what was recorded: the same, in the same order, at the same times."""
    model = FillModel(latency_ms=60.0, slippage="random", slippage_bps=2.0)
    async with floor(tmp_path, paper=model) as f:
        chance = random.Random(5)
        for n in range(8):
            f.market.mid = round(60_000.0 + chance.uniform(-60, 60), 1)
            f.market.prints.append((f.market.mid, 0.4, "SELL"))
            side = buy if chance.random() < 0.5 else sell
            up = 1 if side is buy else -1
            limit = {"kind": "LIMIT", "price": round(f.market.mid - up * 5, 1)} if n % 3 == 0 else {}
            f.signal(side(qty="0.05", stop=f.market.mid - up * 40, target=f.market.mid + up * 80, **limit))
            if n % 4 == 3:
                f.session.command("close", SYMBOL)
            await heard(f, ev.BookTick)
        recorded = await written(f)
        profile = f.session.trader.profile
    assert len(kinds(recorded, ev.FillReport)) >= 5
    assert replayed(profile, recorded) == kinds(recorded, *ACCOUNT)


def replayed(profile: Any, recorded: list[ev.Event]) -> list[ev.Event]:
    state, waiting = State(), deque[ev.Event]()
    said: list[ev.Event] = []
    venue: PaperVenue | None = None
    for each in recorded:
        event = each
        if isinstance(event, ACCOUNT):
            event = by_market_time(state, waiting.popleft())
            said.append(event)
        apply(state, event)
        if isinstance(event, ev.LinkReport) and (event.link, event.state) == ("private", "up"):
            venue = venue or open_account(profile, [state.markets[s].instrument for s in profile.symbols])  # type: ignore[misc]
        if venue is not None:
            waiting.extend(venue.tick(event) if taken(state, event) else ())
            waiting.extend(venue.carry(event, state))
    assert not waiting
    return said


async def test_before_the_instruments_are_known_every_request_is_refused_and_nothing_breaks(tmp_path: Path) -> None:
    async with floor(tmp_path, up=False, paper=PLAIN) as f:
        venue = f.session.venue
        with pytest.raises(VenueError, match="opens when"):
            await venue.account()
        f.session.ingest(ev.LinkReport(f.session.clock(), "private", "up"))
        assert f.state.doubt
        taken_ = kinds(await written(f), ev.SnapshotTaken)
        assert [(e.complete, e.detail) for e in taken_] == [(False, NOT_OPEN)]
        order = Order(client_id="a", symbol=SYMBOL, side="BUY", kind="MARKET", qty=Decimal(1))
        assert (await venue.submit(order)).status == "REJECTED"
        assert (await venue.query(order)).status == "UNKNOWN"
        assert [r.ok for r in await venue.cancel([order])] == [False]
        assert (await venue.protect(SYMBOL, "", "", "1", None)).ok is False
        with pytest.raises(VenueError):
            await venue.set_leverage(SYMBOL, 5)


async def test_the_port_alone_trades_too_and_what_follows_is_emitted(tmp_path: Path) -> None:
    async with floor(tmp_path, paper=PLAIN) as f:
        venue = f.session.venue
        order = Order(client_id="a", symbol=SYMBOL, side="BUY", kind="MARKET", qty=Decimal("0.1"))
        assert (await venue.submit(order)).status == "ACCEPTED"
        assert [fill.client_id for fill in f.state.fills] == ["a"]
        assert (await venue.protect(SYMBOL, "", "", "59000", "62000")).ok
        assert f.state.positions[SYMBOL].stop == Decimal(59_000)
        assert (await venue.query(order)).code == "not_found"
        assert [r.ok for r in await venue.cancel([order])] == [False]
        assert (await venue.account()).wallet == f.state.account.wallet
        with pytest.raises(VenueError, match="at most"):
            await venue.set_leverage(SYMBOL, 100_000)


async def test_an_adapter_without_keys_opens_the_public_stream_alone(tmp_path: Path) -> None:
    async with floor(tmp_path, up=False, paper=PLAIN) as f:
        market = Bitunix(settings(f.exchange).venue, clock=time.time_ns, rng=random.Random(1))
        said: list[ev.Event] = []
        await market.open([SYMBOL], said.append)
        assert await market.instruments()
        for _ in range(100):
            await a_moment()
            if kinds(said, ev.BookTick, ev.TradeTick, ev.MarkTick):
                break
        await market.close()
        assert {link.link for link in kinds(said, ev.LinkReport)} == {"public", "rest"}


async def test_a_fault_of_the_simulation_ends_trading_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with floor(tmp_path, paper=PLAIN) as f:
        monkeypatch.setattr(f.session.venue, "tick", lambda *_: 1 // 0)
        f.market.mid = 60_001.0
        await f.until(lambda: f.session.broken, "the fault")
        assert isinstance(f.session.broken, ZeroDivisionError)
        seen = f.state.seq
        f.session.command("pause")
        assert f.state.seq == seen


async def test_a_rig_on_paper_reads_the_real_adapters_market_without_keys_and_has_a_lock_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    exchange = await serve(ScriptedMarket(), keys=[("key", "secret")], balance=Decimal(1), tick_s=0.02)
    places = {"venue.rest": exchange.rest, "venue.public": exchange.public, "venue.private": exchange.private}
    place = home(tmp_path / "home", {})
    loaded = config.load("paper", place, {"venue.kind": "bitunix", "preflight.max_clock_offset_ms": 1e6, **places}, {})
    first, second = Rig(loaded, place, "test"), Rig(loaded, place, "test")
    try:
        session = await first.build()
        assert await first.bring_up(), session.state.gates
        assert (session.venue.name, session.state.account.wallet) == ("paper", loaded.profile.exchange.balance_quote)
        with pytest.raises(LockedError, match="paper account"):
            await second.build()
        assert [lock.name.partition("-")[0] for lock in (tmp_path / "state").rglob("*.lock")] == ["paper"]
    finally:
        await first.end("leave", "test")
        await second.end("leave", "test")
        await exchange.close()
