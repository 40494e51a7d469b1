"""What the journal costs: durable events a second, waiting time, bytes on the disk, and reading back.

python -m bench journal  (TMPDIR names the disk to be measured)
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.table import Row
from engine.journal.codec import decode, encode
from engine.journal.recording import Recording
from engine.journal.writer import Journal
from engine.model.events import BookTick, CandleTick, Event, MarkTick, OrderSent, TradeTick
from engine.model.market import Candle

MARKET = 100_000


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


async def streaming(folder: Path, count: int) -> tuple[float, float, float, Path]:
    """Microseconds per append in the loop, durable market events a second, bytes per event."""
    journal = Journal.create(folder / "market.cockpit")
    events = [market(n) for n in range(count)]
    spent = 0.0
    start = time.perf_counter()
    for block in range(0, count, 5_000):
        begin = time.perf_counter()
        for event in events[block : block + 5_000]:
            journal.append(event)
        spent += time.perf_counter() - begin
        await journal.durable(journal.seq)
    rate = count / (time.perf_counter() - start)
    await journal.close()
    return spent / count * 1e6, rate, journal.path.stat().st_size / count, journal.path


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rows(seconds: float = 1.5, count: int = MARKET) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_rows(Path(folder), seconds, count))


async def _rows(folder: Path, seconds: float, count: int) -> list[Row]:
    made = []
    for waiters in (1, 10, 100):
        rate, median, worst = await waiting(folder, waiters, seconds)
        made.append(Row(f"journal, {waiters} waiting at a time: until durable", "ms", median, worst))
        made.append(Row("  durable events", "1/s", rate))
    append_us, rate, size, path = await streaming(folder, count)
    coded = [encode(market(n)) for n in range(10_000)]
    decoding = timed(lambda: [decode(*each) for each in coded]) / 10_000 * 1e6
    with Recording.open(path) as recording:
        reading = count / timed(lambda: sum(1 for _ in recording.events()))
        rare = timed(lambda: list(recording.events(kinds={"OrderSent", "FillReport"}))) * 1e3
    return [
        *made,
        Row("journal, market events: append", "µs", append_us),
        Row("  durable events", "1/s", rate),
        Row("  size of one", "bytes", size),
        Row("  decode", "µs", decoding),
        Row("  read back", "1/s", reading),
        Row(f"  rare kinds among {count:,}", "ms", rare),
    ]
