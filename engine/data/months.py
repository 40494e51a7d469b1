"""The months of a series: read only after their hash has been checked, and cut out of a stream of candles."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.data import healing
from engine.data import manifest as book
from engine.data.contract import CandleError, inspect
from engine.data.healing import month_path
from engine.data.manifest import Manifest
from engine.data.moments import month_bounds, month_of
from engine.data.monthfile import unpack
from engine.model.market import Candle

AGAIN = "bring it from a backup, or import or fetch the month again with --replace"


class Damaged(CandleError):
    """A month is not as it was written, or not there."""


def month_candles(place: Path, manifest: Manifest, month: str) -> list[Candle]:
    """The candles of one file, after its hash has been checked. Damaged names the file."""
    path = month_path(place, month)
    entry = manifest.months.get(month)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise Damaged(f"{path.name} is missing", str(place), AGAIN) from None
    if entry is None:
        raise Damaged(f"{path.name} is no whole month of this series", str(place), AGAIN)
    if book.digest(raw) != entry.sha256:
        raise Damaged(f"{path.name} is not as it was written (SHA-256)", str(place), AGAIN)
    return unpack(raw, str(path), known=True)[0].candles()


def month_names(place: Path, manifest: Manifest) -> list[str]:
    """Those that the manifest knows and those that have a file, in order."""
    return sorted({*manifest.months, *healing.month_files(place)})


def wrong(place: Path, manifest: Manifest, month: str, now: int | None) -> list[str]:
    """What is the matter with a month, line by line; ``now`` is UTC nanoseconds."""
    try:
        candles = month_candles(place, manifest, month)
    except CandleError as error:
        return [error.what]
    inspection = inspect(candles, now=now)
    told = [str(violation) for violation in inspection.violations]
    if inspection.count > len(told):
        told.append(f"and {inspection.count - len(told):,} more")
    if {month_of(candle.open_time) for candle in (candles[0], candles[-1])} != {month}:
        told.append("there are rows of another month in it")
    return told


def between(place: Path, manifest: Manifest, from_t: int | None, to_t: int | None) -> list[Candle]:
    """The candles of all months that ``[from_t, to_t)`` touches; Damaged for the first of them that is."""
    found: list[Candle] = []
    for month in month_names(place, manifest):
        begin, end = month_bounds(month)
        if (to_t is not None and begin >= to_t) or (from_t is not None and end <= from_t):
            continue
        candles = month_candles(place, manifest, month)
        low = 0 if from_t is None else bisect_left(candles, from_t, key=_open_time)
        high = len(candles) if to_t is None else bisect_left(candles, to_t, key=_open_time)
        found += candles[low:high] if high - low < len(candles) else candles
    return found


def monthly(parts: Iterable[list[Candle]]) -> Iterator[tuple[str, list[Candle]]]:
    """Candles in order, in parts of any size, by their months."""
    month, end = "", 0
    held: list[Candle] = []
    for part in parts:
        rest = part
        while rest:
            if rest[0].open_time >= end or not month:
                if held:
                    yield month, held
                month, held = month_of(rest[0].open_time), []
                end = month_bounds(month)[1]
            cut = bisect_left(rest, end, key=_open_time)
            held += rest[:cut]
            rest = rest[cut:]
    if held:
        yield month, held


def _open_time(candle: Candle) -> int:
    return candle.open_time
