"""Candles from whatever a caller has: columns, a frame, an array of rows or candles; checked, and known by their hash."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import islice, pairwise
from math import isfinite
from operator import gt, lt
from typing import Any, ClassVar, NamedTuple

from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS, Candle

NAMES: dict[str, tuple[str, ...]] = {
    "time": ("open_time", "time", "timestamp", "ts_ms", "ts", "date", "datetime"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v"),
}
"""What each column may be called; upper and lower case are the same."""
UNITS = ((10**11, 1_000_000_000), (10**14, 1_000_000), (10**17, 1_000))
"""A time below the first number is in units of the second, in nanoseconds; larger ones are nanoseconds."""
HUGE = 1e15


class DataError(CockpitError):
    """The candles break the contract; the row is named."""

    exit_code: ClassVar[int] = 7


class Bars(NamedTuple):
    """Closed one-minute candles, oldest first. ``odd`` are the rows after a gap and those without volume.

    ``digest`` is the SHA-256 of the times (int64, nanoseconds) and then the five columns (float64), little-endian.
    """

    candles: list[Candle]
    digest: str
    odd: list[int]
    low: float
    high: float


def bars(data: Any) -> Bars:
    """Take in candles; DataError names the first row that breaks the contract, and the rule.

    ``data`` is a list of ``Candle``, a mapping of columns or a frame (names as in ``NAMES``; times as integers since 1970 in s,
    ms, µs or ns, or as dates), or rows of (time, open, high, low, close, volume). Converting once and passing the result
    saves the time in a second run.
    """
    if isinstance(data, Bars):
        return data
    if isinstance(data, Sequence) and data and isinstance(data[0], Candle):
        candles = list(data)
        columns = [[getattr(candle, name) for candle in candles] for name in Candle.__struct_fields__]
    else:
        columns = _columns(data)
        columns[0] = _nanoseconds(columns[0])
        columns[1:] = [_floats(column, name) for column, name in zip(columns[1:], list(NAMES)[1:], strict=True)]
        candles = list(map(Candle, *columns))
    if not candles:
        raise DataError("there are no candles")
    _check(columns)
    times = columns[0]
    volumes = columns[5]
    odd = [0] if not volumes[0] else []
    if times[-1] - times[0] != (len(times) - 1) * MINUTE_NS or not min(volumes):
        odd += [
            row for row, (before, t) in enumerate(pairwise(times), 1) if t - before != MINUTE_NS or not volumes[row]
        ]
    return Bars(candles, _digest(columns), odd, min(columns[3]), max(columns[2]))


def _columns(data: Any) -> list[list[Any]]:
    shape = getattr(data, "shape", None)
    if shape is not None and len(shape) == 2 and not hasattr(data, "columns"):
        data = [data[:, n] for n in range(shape[1])]
    elif isinstance(data, Mapping) or hasattr(data, "columns") or getattr(getattr(data, "dtype", None), "names", None):
        data = _named(data)
    else:
        data = list(zip(*data, strict=True))
    if len(data) != len(NAMES):
        raise DataError(f"{len(data)} columns, expected time, open, high, low, close and volume")
    columns = [_plain(column) for column in data]
    if len({len(column) for column in columns}) > 1:
        raise DataError(f"the columns have different lengths: {', '.join(str(len(c)) for c in columns)}")
    return columns


def _named(data: Any) -> list[Any]:
    keys = data.dtype.names if getattr(getattr(data, "dtype", None), "names", None) else getattr(data, "columns", data)
    present = {str(key).lower(): key for key in keys}
    found = []
    for name, spellings in NAMES.items():
        key = next((present[word] for word in spellings if word in present), None)
        if key is not None:
            found.append(data[key])
        elif name == "time" and hasattr(data, "index") and hasattr(data, "columns"):
            found.append(data.index)
        else:
            raise DataError(f"there is no column for {name}", hint=f"one of {', '.join(spellings)}")
    return found


def _plain(column: Any) -> list[Any]:
    """A list of Python numbers; dates of arrays and frames become nanoseconds."""
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if kind == "M":
        column = column.astype("datetime64[ns]").astype("int64")
    for method in ("tolist", "to_list"):
        if hasattr(column, method):
            values: list[Any] = getattr(column, method)()
            return values
    return list(column)


def _nanoseconds(times: list[Any]) -> list[int]:
    first = times[0] if times else 0
    if hasattr(first, "timestamp"):
        return [_instant(moment) for moment in times]
    try:
        unit = next((unit for below, unit in UNITS if first < below), 1)
        return [int(t) * unit for t in times] if unit != 1 or not isinstance(first, int) else times
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"a time is no number: {error}", "column time") from error


def _instant(moment: Any) -> int:
    from datetime import UTC, datetime

    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    gone = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return int((gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds) * 1_000


def _floats(column: list[Any], name: str) -> list[float]:
    if column and type(column[0]) is float:
        return column
    try:
        return [float(value) for value in column]
    except (TypeError, ValueError) as error:
        raise DataError(f"not a number: {error}", f"column {name}") from error


def _check(columns: list[list[Any]]) -> None:
    """Each rule is asked of whole columns; only a broken one looks for its row."""
    times, opens, highs, lows, closes, volumes = columns
    for name, column in zip(NAMES, columns, strict=True):
        if not isfinite(sum(column)):
            raise _broken(f"{name} is not a finite number", (not isfinite(x) for x in column))
    rules: tuple[tuple[str, Callable[[], Iterable[bool]]], ...] = (
        ("the time is not after the one before", lambda: (False, *(b <= a for a, b in pairwise(times)))),
        ("a price is not over 0", lambda: (x <= 0 for x in lows)),
        ("a price is out of all bounds", lambda: (x >= HUGE for x in highs)),
        ("high is under open", lambda: map(lt, highs, opens)),
        ("high is under close", lambda: map(lt, highs, closes)),
        ("low is over open", lambda: map(gt, lows, opens)),
        ("low is over close", lambda: map(gt, lows, closes)),
        ("volume is negative", lambda: (x < 0 for x in volumes)),
        ("volume is out of all bounds", lambda: (x >= HUGE for x in volumes)),
    )
    quick = (
        all(map(lt, times, islice(times, 1, None))),
        min(lows) > 0,
        max(highs) < HUGE,
        not any(map(lt, highs, opens)),
        not any(map(lt, highs, closes)),
        not any(map(gt, lows, opens)),
        not any(map(gt, lows, closes)),
        min(volumes) >= 0,
        max(volumes) < HUGE,
    )
    for good, (rule, rows) in zip(quick, rules, strict=True):
        if not good:
            raise _broken(rule, rows())
    if (
        times[0] % MINUTE_NS or min(b - a for a, b in pairwise(islice(times, 1_000))) < MINUTE_NS
        if len(times) > 1
        else False
    ):
        raise DataError("the candles are not of one minute", hint="the engine trades on closed one-minute candles")
    if any(t % MINUTE_NS for t in times):
        raise _broken("the time is not on the minute", (bool(t % MINUTE_NS) for t in times))


def _broken(rule: str, rows: Iterable[bool]) -> DataError:
    row = next((n for n, wrong in enumerate(rows) if wrong), 0)
    return DataError(rule, f"row {row}")


def _digest(columns: list[list[Any]]) -> str:
    import sys

    found = sha256()
    for code, column in zip("qddddd", columns, strict=True):
        packed = array(code, column)
        if sys.byteorder == "big":
            packed.byteswap()
        found.update(packed)
    return found.hexdigest()
