"""Files into the store: all of a file or nothing, in the memory of one month, however long it is."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from engine.data import recorded as recordings
from engine.data.contract import Batch, CandleError, Inspection, batch_of
from engine.data.load import told_by
from engine.data.moments import minute
from engine.data.months import monthly
from engine.data.store import Store, Written, names
from engine.data.tables import batches
from engine.model.market import Candle

CODES = "qddddd"
Progress = Callable[[int], None]
"""Told the rows that have been read so far."""


class Imported(NamedTuple):
    """``first`` and ``last`` are open times in UTC nanoseconds; ``damage`` is what of a recording could not be read."""

    venue: str
    symbol: str
    rows: int
    first: int
    last: int
    gaps: int
    missing: int
    written: Written
    damage: list[str]


class Spool:
    """Batches on the disk, in a file without a name: what has been checked is what will be stored."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sizes: list[int] = []

    def add(self, batch: Batch) -> None:
        self._file.write(array("q", batch.times))
        for column in (batch.opens, batch.highs, batch.lows, batch.closes, batch.volumes):
            self._file.write(array("d", column))
        self._sizes.append(len(batch.times))

    def months(self) -> Iterator[list[Candle]]:
        """All candles, a month at a time."""
        return (candles for _, candles in monthly(self._parts()))

    def _parts(self) -> Iterator[list[Candle]]:
        self._file.seek(0)
        for size in self._sizes:
            columns = [array(code) for code in CODES]
            for column in columns:
                column.frombytes(self._file.read(size * column.itemsize))
            yield list(map(Candle, *columns))


def import_file(
    store: Store,
    path: Path,
    *,
    venue: str,
    symbol: str,
    now: int,
    replace: bool = False,
    naive_is_utc: bool = False,
    progress: Progress = lambda _: None,
) -> list[Imported]:
    """Take in a CSV, a Parquet file or a recording; one result for each symbol in it.

    An empty ``venue`` is what the file says of itself, else ``file``; an empty ``symbol`` what the file or its name says.
    ``now`` (UTC nanoseconds) bounds what is over, except in recordings, whose market may run faster than the clock. CandleError
    names the rows that break the contract; then nothing has been stored.
    """
    if path.is_dir() or not path.exists():
        raise CandleError(
            "it is a folder" if path.is_dir() else "there is no such file", str(path), "give a file of candles"
        )
    if path.suffix.lower() == recordings.SUFFIX:
        found = recordings.recorded(path)
        series = {name: rows for name, rows in found.candles.items() if symbol.upper() in ("", name)}
        if not series:
            raise CandleError(f"it has no candles of {symbol}", str(path), f"it has {', '.join(found.candles)}")
        told = f"session {found.session}"
        return [
            _taken(
                store,
                str(path),
                [batch_of(rows)],
                venue or found.venue,
                name,
                told,
                None,
                replace,
                progress,
                found.damage,
            )
            for name, rows in series.items()
        ]
    told_venue, told_symbol = told_by(path)
    venue, symbol = venue or told_venue or "file", symbol or told_symbol
    if not symbol:
        raise CandleError("its name does not tell the symbol", str(path), "say it with --symbol BTCUSDT")
    rows = batches(path, naive_is_utc=naive_is_utc)
    return [_taken(store, str(path), rows, venue, symbol, path.name, now, replace, progress, [])]


def _taken(
    store: Store,
    where: str,
    rows: Iterable[Batch],
    venue: str,
    symbol: str,
    source: str,
    now: int | None,
    replace: bool,
    progress: Progress,
    damage: list[str],
) -> Imported:
    venue, symbol = names(venue, symbol)
    inspection = Inspection(now=now)
    with tempfile.TemporaryFile() as file:
        spool = Spool(file)
        for batch in rows:
            inspection.take(batch)
            if not inspection.count:
                spool.add(batch)
            progress(inspection.rows)
        inspection.refuse_file(where)
        if not replace:
            _refuse_clashes(store, venue, symbol, spool)
        written = _sum([store.write(venue, symbol, month, source, replace=replace) for month in spool.months()])
    return Imported(
        venue, symbol, inspection.rows, inspection.first, inspection.last, inspection.gap_count, inspection.missing,
        written, damage,
    )  # fmt: skip


def _refuse_clashes(store: Store, venue: str, symbol: str, spool: Spool) -> None:
    """Before the first month is written, so that it is all or nothing."""
    if not store.has(venue, symbol):
        return
    count, first = 0, 0
    for month in spool.months():
        clashes = store.compare(venue, symbol, month)
        first = first if count or not clashes else clashes[0]
        count += len(clashes)
    if count:
        raise CandleError(
            f"{count:,} minutes are in the store already with other values, the first at {minute(first)}",
            f"{venue}/{symbol}", "--replace takes the new ones; --venue NAME keeps both",
        )  # fmt: skip


def _sum(parts: list[Written]) -> Written:
    return Written(
        sum(part.added for part in parts),
        sum(part.replaced for part in parts),
        sum(part.unchanged for part in parts),
        [month for part in parts for month in part.months],
        [name for part in parts for name in part.set_aside],
    )
