"""Candle files of others: CSV (also .gz) and Parquet, read in batches so that a file of any length fits in memory."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, TextIO

from engine.data.contract import Batch, CandleError
from engine.data.moments import nanoseconds

NAMES: dict[str, tuple[str, ...]] = {
    "time": ("open_time", "time", "timestamp", "ts_ms", "ts", "date", "datetime"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v"),
}
"""What each column may be called; upper and lower case are the same."""
EPOCHS: tuple[tuple[int, int], ...] = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (1 << 63, 1))
"""(below this number, nanoseconds per unit): seconds, milliseconds, microseconds, nanoseconds, for 1973 to 2262."""
BATCH = 8_192
BLOCK = 1 << 20
LONGEST_LINE = 65_536
HEADER = "the first line must name open_time, open, high, low, close and volume"
ZONE = "write the zone, as in 2024-01-01T00:00:00Z, or say that they are UTC with --utc"


def batches(path: Path, *, naive_is_utc: bool = False) -> Iterator[Batch]:
    """The candles of a file as they stand there; CandleError names the file, and the row where a cell is no number.

    Nothing is checked but that it can be read: that is what ``engine.data.contract`` is for.
    """
    if path.suffix.lower() == ".parquet":
        return _parquet(path, naive_is_utc)
    return _csv(path, naive_is_utc)


def columns_of(header: Sequence[str], where: str) -> list[int]:
    """Where time, open, high, low, close and volume stand."""
    names = [name.strip().lower() for name in header]
    found = []
    for column, spellings in NAMES.items():
        place = next((names.index(word) for word in spellings if word in names), None)
        if place is None:
            raise CandleError(f"there is no column for {column}", where, HEADER)
        found.append(place)
    return found


# --- CSV -------------------------------------------------------------------------------------------------------


def _csv(path: Path, naive_is_utc: bool) -> Iterator[Batch]:
    try:
        with _text(path) as text:
            yield from _csv_batches(str(path), text, naive_is_utc)
    except UnicodeDecodeError:
        raise CandleError("it is not UTF-8 text", str(path), "save it as CSV in UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or "it ends too early"
        raise CandleError(f"it cannot be read: {reason}", str(path)) from None


def _text(path: Path) -> AbstractContextManager[TextIO]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def _lines(name: str, text: TextIO) -> Iterator[list[str]]:
    """By the block, so that neither a file nor a line of it can fill the memory."""
    tail = ""
    while block := text.read(BLOCK):
        *lines, tail = (tail + block).split("\n")
        if len(tail) > LONGEST_LINE:
            raise CandleError(f"a line is longer than {LONGEST_LINE:,} characters", name, "give a CSV of candles")
        yield lines
    yield [tail]


def _csv_batches(name: str, text: TextIO, naive_is_utc: bool) -> Iterator[Batch]:
    reader = csv.reader(chain.from_iterable(_lines(name, text)))
    try:
        places = columns_of(next(reader, []), name)
        expected = reader.line_num + 1
        while rows := list(islice(reader, BATCH)):
            numbers: Sequence[int] = range(reader.line_num - len(rows) + 1, reader.line_num + 1)
            if numbers[0] != expected:
                raise CandleError(f"row {expected} or one of the next has a line break in a cell", name, HEADER)
            expected += len(rows)
            if not all(rows):
                numbers = [number for number, row in zip(numbers, rows, strict=True) if row]
                rows = [row for row in rows if row]
                if not rows:
                    continue
            if min(map(len, rows)) <= max(places):
                short = next(number for number, row in zip(numbers, rows, strict=True) if len(row) <= max(places))
                raise CandleError(f"row {short} has too few columns", name, "complete or remove the row")
            cells = list(zip(*rows, strict=False))
            columns = [cells[place] for place in places]
            yield Batch(
                numbers,
                _times(name, numbers, columns[0], naive_is_utc),
                *(
                    _floats(name, numbers, word, column)
                    for word, column in zip(list(NAMES)[1:], columns[1:], strict=True)
                ),
            )
    except csv.Error as error:
        raise CandleError(f"row {reader.line_num}: {error}", name, "save it as plain CSV") from None


def _floats(name: str, rows: Sequence[int], word: str, cells: Sequence[str]) -> list[float]:
    with suppress(ValueError):
        values = list(map(float, cells))
        if "_" not in "".join(cells):  # Python reads 1_000 as a thousand
            return values
    for row, cell in zip(rows, cells, strict=True):
        if "_" in cell or not _is_number(cell):
            raise CandleError(f"row {row}: {word} is {shown(cell)}, not a number", name, "correct or remove the row")
    raise AssertionError("unreachable")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _times(name: str, rows: Sequence[int], cells: Sequence[str], naive_is_utc: bool) -> list[int]:
    """UTC nanoseconds of ISO 8601 or of epochs, each in the unit that its size tells."""
    found = []
    for row, cell in zip(rows, cells, strict=True):
        try:
            found.append(_time(cell, naive_is_utc))
        except ValueError as error:
            zone = "no zone" in str(error)
            why = "has no zone" if zone else "is not a time"
            hint = ZONE if zone else "use ISO 8601 (2024-01-01T00:00:00Z) or an epoch in s, ms, µs or ns"
            raise CandleError(f"row {row}: the time {shown(cell)} {why}", name, hint) from None
    return found


def _time(cell: str, naive_is_utc: bool) -> int:
    """ValueError for what is no time."""
    if cell.isdecimal() and cell.isascii() and len(cell) < 20:
        return scaled(int(cell))
    whole, point, fraction = cell.partition(".")
    if point and (whole + fraction).isdecimal() and cell.isascii() and len(cell) < 40:
        unit = scaled(int(whole)) // max(1, int(whole))
        return int(whole) * unit + int(fraction[:9].ljust(9, "0")) * unit // 10**9
    return nanoseconds(datetime.fromisoformat(cell.strip()), naive_is_utc=naive_is_utc)


def scaled(epoch: int) -> int:
    """Nanoseconds of an epoch in any unit. ValueError beyond 2262."""
    for below, unit in EPOCHS:
        if epoch < below:
            return epoch * unit
    raise ValueError("the time is beyond 2262")


def shown(cell: str) -> str:
    """A cell of a file, safe to print."""
    return ascii(cell if len(cell) <= 40 else cell[:40] + "...")


# --- Parquet ---------------------------------------------------------------------------------------------------


def _parquet(path: Path, naive_is_utc: bool) -> Iterator[Batch]:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet as pq

    where, row = str(path), 0
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            places = columns_of(names, where)
            for part in file.iter_batches(BATCH, columns=[names[place] for place in places]):
                found = [part.column(names[place]) for place in places]
                times = _arrow_times(where, row, found[0], naive_is_utc)
                rest = [_arrow_floats(where, row, word, c) for word, c in zip(list(NAMES)[1:], found[1:], strict=True)]
                yield Batch(range(row, row + len(times)), times, *rest)
                row += len(times)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CandleError(f"it cannot be read as Parquet: {str(error)[:160]!a}", where) from None


def labels(path: Path) -> dict[str, str]:
    """What a Parquet file that the store or an export wrote says of itself; empty for others."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    try:
        words = pq.read_schema(path).metadata or {}
        return {key.decode(): value.decode() for key, value in words.items() if key in (b"venue", b"symbol")}
    except (pa.ArrowException, OSError, ValueError):
        return {}


def _arrow_times(where: str, row: int, column: Any, naive_is_utc: bool) -> list[int]:
    import pyarrow as pa

    _no_nulls(where, row, "the time", column)
    kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None and not naive_is_utc:
            raise CandleError("its times have no zone", where, "save them in UTC, or say that they are UTC with --utc")
        return plain(column.cast(pa.timestamp("ns", kind.tz)).cast(pa.int64()), "q")
    if pa.types.is_integer(kind):
        values: list[int] = plain(column.cast(pa.int64()), "q")
        return [scaled(t) for t in values]
    raise CandleError(f"its times are of the type {kind}", where, "timestamps, or integers since 1970")


def _arrow_floats(where: str, row: int, word: str, column: Any) -> list[float]:
    import pyarrow as pa

    _no_nulls(where, row, word, column)
    return plain(column.cast(pa.float64(), safe=False), "d")


def _no_nulls(where: str, row: int, word: str, column: Any) -> None:
    if column.null_count:
        nth = next(n for n, valid in enumerate(column.is_valid().to_pylist()) if not valid)
        raise CandleError(f"row {row + nth}: {word} is missing", where, "complete or remove the row")


def plain(column: Any, code: Literal["q", "d"]) -> list[Any]:
    """An int64 or float64 column without nulls as Python numbers, from its buffer: an order faster than ``to_pylist``."""
    buffer = column.buffers()[1]
    if not len(column):
        return []
    values = memoryview(buffer).cast(code)[column.offset : column.offset + len(column)]
    found: list[Any] = values.tolist()
    return found
