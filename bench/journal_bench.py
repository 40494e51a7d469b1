"""What the journal costs: durable events a second, waiting time, bytes on the disk, and reading back.

python bench/journal_bench.py [--folder DIR] [--seconds S]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from engine.journal.codec import decode, encode
from engine.journal.recording import Recording
from engine.journal.writer import Journal
from engine.model.events import BookTick, CandleTick, Clock, Event, MarkTick, OrderSent, TradeTick
from engine.model.market import Candle

MARKET = 200_000


def market(n: int) -> Event:
    """A mix as it comes from a venue: books, trades, marks and running candles."""
    price = 95_000 + n % 997 * 0.1
    kind = n % 10
    if kind < 4:
        levels = [(price - 0.1 * level, 1.25 + level) for level in range(5)]
        return BookTick(n, "BTCUSDT", levels, [(p + 1, q) for p, q in levels], n)
    if kind < 7:
        return TradeTick(n, "BTCUSDT", price, 0.013, "BUY" if n % 2 else "SELL", n)
    if kind < 9:
        return CandleTick(n, "BTCUSDT", Candle(n, price, price + 5, price - 5, price + 1, 12.5), False)
    return MarkTick(n, "BTCUSDT", price, price + 0.2, 0.0001, n, n)


async def waiting(folder: Path, waiters: int, seconds: float) -> tuple[float, float, float]:
    """Durable events a second, and median and 99th percentile of the waiting time in milliseconds."""
    journal = Journal.create(folder / f"{waiters}.cockpit")
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def work(name: str) -> None:
        while (start := time.perf_counter()) < end:
            await journal.durable(journal.append(OrderSent(time.time_ns(), name)))
            times.append((time.perf_counter() - start) * 1e3)

    start = time.perf_counter()
    await asyncio.gather(*(work(f"c65f1a2b3-{n}") for n in range(waiters)))
    rate = len(times) / (time.perf_counter() - start)
    await journal.close()
    times.sort()
    return rate, times[len(times) // 2], times[int(len(times) * 0.99)]


async def streaming(folder: Path) -> tuple[float, float, float, Path]:
    """Microseconds per append in the loop, durable market events a second, bytes per event."""
    journal = Journal.create(folder / "market.cockpit")
    events = [market(n) for n in range(MARKET)]
    spent = 0.0
    start = time.perf_counter()
    for block in range(0, MARKET, 5_000):
        begin = time.perf_counter()
        for event in events[block : block + 5_000]:
            journal.append(event)
        spent += time.perf_counter() - begin
        await journal.durable(journal.seq)
    rate = MARKET / (time.perf_counter() - start)
    await journal.close()
    return spent / MARKET * 1e6, rate, journal.path.stat().st_size / MARKET, journal.path


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


async def run(folder: Path, seconds: float) -> None:
    print(f"{'waiters':>8} {'durable/s':>10} {'p50 ms':>8} {'p99 ms':>8}")
    for waiters in (1, 10, 100):
        rate, median, worst = await waiting(folder, waiters, seconds)
        print(f"{waiters:>8} {rate:>10,.0f} {median:>8.2f} {worst:>8.2f}")
    append_us, rate, size, path = await streaming(folder)
    print(f"market events: {rate:,.0f} durable/s, append {append_us:.1f} us, {size:.0f} bytes/event")
    rows = [encode(market(n)) for n in range(10_000)]
    print(f"decode: {timed(lambda: [decode(*row) for row in rows]) / 10_000 * 1e6:.1f} us/event")
    with Recording.open(path) as recording:
        print(f"read back: {MARKET / timed(lambda: sum(1 for _ in recording.events())):,.0f} events/s")
        rare = timed(lambda: list(recording.events(kinds={"OrderSent", "FillReport"})))
        print(f"rare kinds of {MARKET:,} events: {rare * 1e3:.2f} ms; a frequent one: ", end="")
        print(f"{timed(lambda: list(recording.events(kinds={'Clock'}))) * 1e3:.0f} ms ({Clock.__name__}, none in it)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured (default: the temporary folder)")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each number of waiters")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        asyncio.run(run(Path(folder), given.seconds))


if __name__ == "__main__":
    main()
