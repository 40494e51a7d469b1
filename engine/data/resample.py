"""Minutes made into candles of any interval, in UTC.

A bucket is ``[n · interval, (n + 1) · interval)`` since 1970-01-01T00:00Z, weeks since Monday 1970-01-05. It is complete when
every minute of it has a candle; what is not complete (the ends of a series, and where minutes are missing) is left out unless
asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from math import fsum
from typing import NamedTuple

from engine.data.contract import CandleError
from engine.model.market import MINUTE_NS, Candle

HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
WEEK_NS = 7 * DAY_NS
MONDAY_NS = 4 * DAY_NS
LONGEST_NS = 366 * DAY_NS
UNITS = {"m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS, "w": WEEK_NS}
_INTERVAL = re.compile(r"([1-9]\d{0,5})([mhdw])", re.ASCII)


class Bucket(NamedTuple):
    """``minutes`` is how many candles are in it; ``complete``: all of them."""

    candle: Candle
    minutes: int
    complete: bool


class Resampled(NamedTuple):
    """``incomplete`` are the open times of incomplete buckets, whether they were kept or dropped."""

    candles: list[Candle]
    incomplete: list[int]


def interval_ns(text: str) -> int:
    """Nanoseconds of ``5m``, ``1h``, ``1d``, ``1w`` or any other number of them, up to a year. CandleError for anything else."""
    found = _INTERVAL.fullmatch(text)
    length = int(found[1]) * UNITS[found[2]] if found else 0
    if not 0 < length <= LONGEST_NS:
        raise CandleError(f"{text[:20]!a} is no interval", "", "a number and m, h, d or w: 5m, 15m, 1h, 4h, 1d")
    return length


def resample(candles: Iterable[Candle], interval: str, *, keep_incomplete: bool = False) -> Resampled:
    """Candles of ``interval`` from minutes, oldest first."""
    kept, incomplete = [], []
    for bucket in buckets(candles, interval_ns(interval)):
        if not bucket.complete:
            incomplete.append(bucket.candle.open_time)
        if bucket.complete or keep_incomplete:
            kept.append(bucket.candle)
    return Resampled(kept, incomplete)


def buckets(minutes: Iterable[Candle], length: int) -> Iterator[Bucket]:
    """One by one, so that a series of any length passes through; ``length`` is in nanoseconds, a multiple of a minute."""
    wanted = length // MINUTE_NS
    offset = MONDAY_NS if length % WEEK_NS == 0 else 0
    for number, group in groupby(minutes, lambda candle: (candle.open_time - offset) // length):
        rows = list(group)
        first = rows[0]
        candle = Candle(
            number * length + offset,
            first.open,
            max([row.high for row in rows]),
            min([row.low for row in rows]),
            rows[-1].close,
            fsum([row.volume for row in rows]),
        )
        yield Bucket(candle, len(rows), len(rows) == wanted)
