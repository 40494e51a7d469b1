"""A long recording at full speed: the demo exchange's market through the adapter's own reader, and a broker that always fills.

python -m bench.recording FILE [--events N] [--seed N]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from engine.core.trader import Trader
from engine.journal import keyframe
from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.market import Candle, Instrument
from engine.model.orders import Fill, Order, OrderStatus, Position, Stop, sign
from engine.ops import config
from engine.sim.channels import CHANNELS as GROUPS
from engine.sim.channels import PERIODS, message
from engine.sim.market import GeneratedMarket
from engine.sim.world import Market
from engine.strategies import registry
from engine.venues.bitunix.clock import VenueClock
from engine.venues.bitunix.complaints import Complaints
from engine.venues.bitunix.public import CHANNELS, Public

SYMBOL = "BTCUSDT"
START = 1_773_144_000_000
"""2026-03-10 12:00:00 UTC, ms."""
TICK_MS = 100
MS = 1_000_000
LINK_S = 1.6
"""Between two latency reports of a link, as in a demo session."""
FEE = Decimal("0.0006")
GROUP = 2_000
"""Events between two waits for the disk."""


class Broker:
    """Answers decisions at once: market orders fill at the book, limits when the price gets there, stops when the mark does."""

    def __init__(self, trader: Trader) -> None:
        self._state = trader.state
        self._working: dict[str, Order] = {}
        self._number = 0

    def answer(self, d: ev.Event, t: int) -> Iterator[ev.Event]:
        match d:
            case ev.OrderSent():
                order = self._state.orders[d.client_id]
                yield self._report(order, "ACCEPTED", t)
                self._working[order.client_id] = order
            case ev.CancelSent():
                for client_id in d.client_ids:
                    if client_id in self._working:
                        yield self._report(self._working.pop(client_id), "CANCELLED", t)
            case ev.ProtectSent():
                self._number += 1
                stop = Stop(d.stop_id or f"s{self._number}", d.symbol, None, d.stop, d.target, t)
                yield ev.ProtectReport(t, d.symbol, True)
                yield ev.StopReport(t, stop, "NEW")
            case ev.QuerySent() if d.client_id in self._working:
                yield self._report(self._working[d.client_id], "ACCEPTED", t, "query")
            case ev.SnapshotAsked():
                yield from (self._report(order, "ACCEPTED", t, "snapshot") for order in self._working.values())
                yield ev.SnapshotTaken(t, d.why, True)

    def trade(self, t: int) -> Iterator[ev.Event]:
        """What fills at the present prices."""
        market = self._state.markets[SYMBOL]
        if not market.bid or not market.ask:
            return
        for order in list(self._working.values()):
            price = Decimal(str(market.ask if order.side == "BUY" else market.bid))
            if order.price is None or (order.price - price) * sign(order.side) >= 0:
                del self._working[order.client_id]
                yield from self._fill(order.client_id, f"v-{order.client_id}", order, order.price or price, t)
        position = self._state.positions.get(SYMBOL)
        for stop in list(self._state.stops.values()) if position is not None and position.qty else []:
            hit = self._hit(stop, market.mark, position)
            if hit is not None and position is not None:
                yield ev.StopReport(t, stop, "TRIGGERED")
                yield from self._fill("", f"v-{stop.stop_id}", position, hit, t)
                return

    def _hit(self, stop: Stop, mark: float, position: Position | None) -> Decimal | None:
        side = sign(position.side) if position is not None else 0
        if stop.stop is not None and (mark - float(stop.stop)) * side <= 0:
            return stop.stop
        if stop.target is not None and (mark - float(stop.target)) * side >= 0:
            return stop.target
        return None

    def _report(self, order: Order, status: OrderStatus, t: int, source: Any = "reply") -> ev.OrderReport:
        return ev.OrderReport(
            t, order.client_id, f"v-{order.client_id}", order.symbol, status, order.filled, source=source
        )

    def _fill(self, client_id: str, venue_id: str, of: Order | Position, price: Decimal, t: int) -> Iterator[ev.Event]:
        self._number += 1
        side = of.side if isinstance(of, Order) else "SELL" if of.qty > 0 else "BUY"
        qty = abs(of.qty)
        fee = (qty * price * FEE).quantize(Decimal("1e-9"))
        yield ev.FillReport(t, Fill(t, SYMBOL, f"t{self._number}", venue_id, client_id, side, qty, price, fee, False))
        account, position = self._state.account, self._state.positions[SYMBOL]
        yield ev.PositionReport(t, SYMBOL, position.qty, position.entry, "p1", None, 5, "CROSS", "push")
        yield ev.AccountReport(t, "USDT", account.wallet, account.wallet, Decimal(0), Decimal(0))


class Feed:
    """Public pushes at the demo exchange's pace, read by the adapter's own code into events of ``t`` nanoseconds."""

    def __init__(self, seed: int) -> None:
        self._source = GeneratedMarket(SYMBOL, seed=seed, start_ms=START, start_price=95_000.0)
        self.market = Market(self._source)
        self.now = START * MS
        self._events: list[ev.Event] = []
        self._due = dict.fromkeys(PERIODS, 0.0)
        self._jitter = Random(seed)
        self._public = Public(
            [SYMBOL],
            clock=lambda: self.now,
            venue_clock=VenueClock(),
            emit=self._events.append,
            complaints=Complaints(lambda: self.now, self._events.append),
            mark_up=lambda: None,
        )

    def history(self) -> list[Candle]:
        return self._source.history()

    def tick(self, ms: int) -> list[ev.Event]:
        """Everything that is pushed at ``START + ms``."""
        self._events.clear()
        market = self.market
        market.take_in(self._source.step(START + ms))
        due = {group for group, at in self._due.items() if ms / 1000 >= at}
        for group in due:
            self._due[group] += PERIODS[group]
        tape = market.tape
        if "trades" in due:
            market.tape = []
        self.now = (START + ms) * MS + self._jitter.randrange(20 * MS)
        for channel in CHANNELS:
            body = message(channel, market, tape) if GROUPS[channel][0] in due else None
            if body is not None:
                self.now += self._jitter.randrange(20_000, 200_000)
                self._public.take(b"", body)
        return list(self._events)


def inputs(feed: Feed, broker: Broker) -> Iterator[ev.Event]:
    """The session's inputs, one by one, each made after the decisions on the one before."""
    t, instrument = feed.now, _instrument()
    yield ev.InstrumentListed(t, instrument)
    yield ev.AccountReport(t, "USDT", Decimal(100_000), Decimal(100_000), Decimal(0), Decimal(0))
    yield from (ev.LinkReport(t, link, "up", 1.0) for link in ("rest", "public", "private"))
    yield ev.SnapshotTaken(t, "start", True)
    yield ev.CandlesLoaded(t, SYMBOL, feed.history())
    chance = Random(1)
    for ms in range(0, 1 << 60, TICK_MS):
        for event in feed.tick(ms):
            yield event
            yield from broker.trade(feed.now)
        if ms % 1_000 == 0:
            yield ev.Clock(feed.now + 1, round(chance.expovariate(0.5), 2), round(chance.expovariate(0.05), 2))
        if ms % int(LINK_S * 1000) == 0:
            yield ev.LinkReport(
                feed.now + 2, chance.choice(("rest", "public", "private")), "up", round(chance.uniform(0.2, 3), 2)
            )
        if ms % 900_000 == 0:
            yield ev.Command(feed.now + 3, "resume", "key")


def _instrument() -> Instrument:
    cents = Decimal("0.0001")
    fees = (Decimal("0.0002"), FEE)
    return Instrument(
        SYMBOL, "BTC", "USDT", Decimal("0.1"), cents, cents, Decimal(1000), Decimal(120), Decimal(0), 200, *fees
    )


async def make(path: Path, events: int, seed: int = 7) -> Trader:
    """Write a recording of about ``events`` events, in order and with keyframes; returns the trader as it was at the end."""
    loaded = config.load("demo", flags={"trading.approval": "auto"}, environ={})
    built = {SYMBOL: [registry.build(s.name, s.params) for s in loaded.strategies]}
    trader, feed = Trader(loaded.profile, built), Feed(seed)
    broker, journal = Broker(trader), Journal.create(path)
    due, wait = keyframe.EVERY, GROUP

    def take(event: ev.Event) -> None:
        journal.append(event)
        decisions = trader.step(event)
        for decision in decisions:
            journal.append(decision)
        for decision in decisions:
            for answer in broker.answer(decision, event.t):
                take(answer)

    started = ev.SessionStarted(
        feed.now, path.stem, "demo", "DEMO", "bench", "0", ev.SCHEMA, config.as_json(loaded), "bench"
    )
    take(started)
    for event in inputs(feed, broker):
        take(event)
        if journal.seq >= due:
            due = journal.seq + keyframe.EVERY
            journal.keyframe(journal.seq, keyframe.encode_state(trader.state))
        if journal.seq >= wait:
            wait = journal.seq + GROUP
            await journal.durable(journal.seq)
            await asyncio.sleep(0.03)  # for the blocks: no market sends as much
        if journal.seq >= events - 1:
            break
    take(ev.SessionEnded(feed.now + 5, "enough", True))
    journal.keyframe(journal.seq, keyframe.encode_state(trader.state))
    await journal.close()
    if journal.failed is not None:
        raise journal.failed
    return trader


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--events", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=7)
    given = arguments.parse_args()
    start = time.perf_counter()
    state = asyncio.run(make(given.file, given.events, given.seed)).state
    hours = (state.t - START * MS) / 3.6e12
    size = given.file.stat().st_size
    print(
        f"{state.seq:,} events, {hours:.1f} h of the market in {time.perf_counter() - start:.0f} s, {size / 1e6:.1f} MB "
        f"({size / state.seq:.1f} bytes an event), {state.trades_total} trades"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
