"""A series of the store as one file for other programs: CSV or Parquet, minutes or another interval. Whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from engine.data.contract import CandleError, batch_of
from engine.data.manifest import settle
from engine.data.moments import day, month_bounds
from engine.data.monthfile import COLUMNS, arrow_schema, arrow_table
from engine.data.resample import DAY_NS, buckets, interval_ns
from engine.data.store import Store
from engine.journal.files import replacing
from engine.model.market import MINUTE_NS, Candle

GROUP = 65_536


class Exported(NamedTuple):
    """``dropped`` are the buckets that were left out because minutes of them are missing."""

    rows: int
    dropped: int


class Counter:
    """Candles on their way, counted."""

    def __init__(self) -> None:
        self.rows = 0
        self.dropped = 0

    def minutes(self, candles: Iterable[Candle]) -> Iterator[Candle]:
        for self.rows, candle in enumerate(candles, 1):
            yield candle

    def buckets(self, candles: Iterable[Candle], length: int, keep_incomplete: bool) -> Iterator[Candle]:
        for bucket in buckets(candles, length):
            if bucket.complete or keep_incomplete:
                self.rows += 1
                yield bucket.candle
            else:
                self.dropped += 1


def export_series(
    store: Store,
    venue: str,
    symbol: str,
    to: Path | TextIO,
    *,
    form: str = "csv",
    interval: str = "1m",
    from_t: int | None = None,
    to_t: int | None = None,
    keep_incomplete: bool = False,
) -> Exported:
    """Write ``[from_t, to_t)`` (UTC nanoseconds) in the memory of one month. CandleError if there is nothing to write."""
    if form not in WRITERS:
        raise CandleError(f"{form[:20]!a} is no format", "", " or ".join(WRITERS))
    length, counter = interval_ns(interval), Counter()
    found = _months(store, venue, symbol, from_t, to_t)
    first = next(found, None)
    if first is None:
        raise CandleError(
            "there are no candles in this range", f"{venue}/{symbol}", "cockpit data list shows what there is"
        )
    minutes = chain((first,), found)
    rows = counter.minutes(minutes) if length == MINUTE_NS else counter.buckets(minutes, length, keep_incomplete)
    WRITERS[form](rows, to, {"venue": venue, "symbol": symbol, "interval": interval})
    return Exported(counter.rows, counter.dropped)


def _months(store: Store, venue: str, symbol: str, from_t: int | None, to_t: int | None) -> Iterator[Candle]:
    months = store.months(venue, symbol)
    for month in months:
        begin, end = month_bounds(month)
        low, high = max(begin, from_t or begin), min(end, end if to_t is None else to_t)
        if low < high:
            yield from store.read(venue, symbol, low, high)


# --- formats ---------------------------------------------------------------------------------------------------


def _to_csv(candles: Iterable[Candle], to: Path | TextIO, _labels: dict[str, str]) -> None:
    if isinstance(to, Path):
        with replacing(to) as file:
            file.writelines(_lines(candles))
    else:
        to.writelines(_lines(candles))


def _lines(candles: Iterable[Candle]) -> Iterator[str]:
    """Every number with all its digits, so that reading gives the same candles."""
    yield ",".join(COLUMNS) + "\n"
    number, date = -1, ""
    for t, o, h, low, c, v in map(_values, candles):
        if t // DAY_NS != number:
            number, date = t // DAY_NS, day(t)
        minutes = t % DAY_NS // MINUTE_NS
        yield f"{date}T{minutes // 60:02}:{minutes % 60:02}:00Z,{o!r},{h!r},{low!r},{c!r},{v!r}\n"


def _values(c: Candle) -> tuple[int, float, float, float, float, float]:
    return c.open_time, c.open, c.high, c.low, c.close, c.volume


def _to_parquet(candles: Iterable[Candle], to: Path | TextIO, labels: dict[str, str]) -> None:
    if not isinstance(to, Path):
        raise CandleError("Parquet is not text", "", "say where with --out")
    from pyarrow import parquet as pq  # type: ignore[import-untyped]

    rows = iter(candles)
    fd, name = tempfile.mkstemp(dir=to.parent, prefix=f".{to.name}.")
    try:
        with open(fd, "wb") as file:
            with pq.ParquetWriter(file, arrow_schema(labels), compression="zstd") as writer:
                while part := list(islice(rows, GROUP)):
                    writer.write_table(arrow_table(batch_of(part), labels))
            file.flush()
            os.fsync(file.fileno())
        settle(Path(name), to)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


WRITERS: dict[str, Callable[[Iterable[Candle], Any, dict[str, str]], None]] = {"csv": _to_csv, "parquet": _to_parquet}
