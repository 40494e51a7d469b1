"""A market from a candle file: read strictly, play minute by minute with trades that rebuild each candle exactly."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from math import isfinite
from pathlib import Path
from random import Random
from typing import TextIO

from engine.model.market import MINUTE_NS, Candle
from engine.sim.microstructure import LOWEST_TICKS, Grid, Minute, path_through
from engine.sim.playback import Playback
from engine.sim.source import MarketStep


class CandleFileError(ValueError):
    """A candle file that cannot be used; the message is one line: what, where, and what to do."""


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────

_TIME_NAMES = ("open_time", "timestamp", "time", "date")
_VALUE_NAMES = ("open", "high", "low", "close", "volume")
_LARGEST = 1e12
"""Beyond it a float has no room for the steps of a price."""
_EPOCH_UNITS: tuple[tuple[int, int], ...] = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (10**20, 1))
"""(below this number, nanoseconds per unit): seconds, milliseconds, microseconds, nanoseconds, for 1973 to 5138."""


def load_candles(path: str | Path) -> list[Candle]:
    """Candles of a CSV file (``.gz`` is unpacked), oldest first.

    The header names open_time (or timestamp, time, date), open, high, low, close and volume, in any case and order;
    times are ISO 8601 with an offset, or an epoch in s, ms, µs or ns. Raises CandleFileError on anything amiss.
    """
    file = Path(path)
    if file.exists() and not file.is_file():
        raise CandleFileError(f"{file}: is not a plain file; give a CSV, or a .csv.gz")
    try:
        with gzip.open(file, "rt", encoding="utf-8-sig", newline="") if file.suffix == ".gz" else _plain(file) as text:
            return _read(str(file), text)
    except FileNotFoundError:
        raise CandleFileError(f"{file}: no such file; give the path of a CSV with one-minute candles") from None
    except UnicodeDecodeError:
        raise CandleFileError(f"{file}: is not UTF-8 text; save it as CSV in UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or "it cannot be read"
        raise CandleFileError(f"{file}: {reason}; give a readable CSV, or an intact .csv.gz") from None


def _plain(file: Path) -> TextIO:
    return file.open(encoding="utf-8-sig", newline="")


def _read(name: str, text: TextIO) -> list[Candle]:
    rows = csv.reader(text)
    try:
        columns = _columns(name, next(rows, []))
        candles: list[Candle] = []
        for row in rows:
            if not row:
                continue
            where = f"{name}, row {rows.line_num}"
            candle = _candle(where, row, columns)
            _check(where, candle, candles[-1] if candles else None)
            candles.append(candle)
    except csv.Error as error:
        raise CandleFileError(f"{name}, row {rows.line_num}: {error}; save it as plain CSV") from None
    if not candles:
        raise CandleFileError(f"{name}: has a header but no candles; give a file with rows")
    return candles


def _columns(name: str, header: list[str]) -> list[int]:
    """Where open_time, open, high, low, close and volume stand."""
    names = [cell.strip().lower() for cell in header]
    time = next((n for n in _TIME_NAMES if n in names), _TIME_NAMES[0])
    wanted = [time, *_VALUE_NAMES]
    missing = [n for n in wanted if n not in names]
    if missing:
        rule = "the first line must name open_time, open, high, low, close, volume"
        raise CandleFileError(f"{name}, row 1: no column {', '.join(missing)}; {rule}")
    return [names.index(n) for n in wanted]


def _candle(where: str, row: list[str], columns: list[int]) -> Candle:
    if len(row) <= max(columns):
        raise CandleFileError(f"{where}: has {len(row)} of {max(columns) + 1} columns; complete or remove the row")
    values = [_number(where, name, row[column]) for name, column in zip(_VALUE_NAMES, columns[1:], strict=True)]
    return Candle(_open_time(where, row[columns[0]].strip()), *values)


def _number(where: str, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise CandleFileError(f"{where}: {name} is {_shown(cell)}, not a number; correct or remove the row") from None
    if not isfinite(value) or abs(value) > _LARGEST:
        raise CandleFileError(f"{where}: {name} is {_shown(cell)}, no number of a market; correct or remove the row")
    return value


def _open_time(where: str, cell: str) -> int:
    """UTC nanoseconds."""
    whole, _, fraction = cell.partition(".")
    if cell.isascii() and whole.isdecimal() and (fraction or "0").isdecimal():
        number = int(whole[:24])
        for below, unit in _EPOCH_UNITS:
            if number < below:
                return number * unit + int(fraction[:9].ljust(9, "0")) * unit // 1_000_000_000
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        rule = "use ISO 8601 with an offset (2023-03-01T00:00:00Z) or an epoch"
        raise CandleFileError(f"{where}: open_time is {_shown(cell)}, not a time; {rule}") from None
    if moment.tzinfo is None:
        raise CandleFileError(f"{where}: open_time {_shown(cell)} has no offset; write the zone, as in {cell}+00:00")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000


def _shown(cell: str) -> str:
    """A cell of a file, safe to print."""
    return ascii(cell if len(cell) <= 40 else cell[:40] + "...")


def _check(where: str, candle: Candle, before: Candle | None) -> None:
    open_, high, low, close = candle.open, candle.high, candle.low, candle.close
    rules = (
        (0 <= candle.open_time < 1 << 63, "open_time is outside the years 1970 to 2262", "correct or remove the row"),
        (min(open_, high, low, close) > 0, "a price is not above 0", "correct or remove the row"),
        (high >= max(open_, close), f"high {high} is below open {open_} or close {close}", "correct the row"),
        (low <= min(open_, close), f"low {low} is above open {open_} or close {close}", "correct the row"),
        (candle.volume >= 0, f"volume {candle.volume} is negative", "correct or remove the row"),
        (before is None or candle.open_time != before.open_time, "open_time repeats the row before", "remove one"),
        (before is None or candle.open_time > before.open_time, "open_time is before the row above", "sort by time"),
    )
    for holds, what, remedy in rules:
        if not holds:
            raise CandleFileError(f"{where}: {what}; {remedy}")


# ── playing ───────────────────────────────────────────────────────────────────────────────────────────────────


class CandleMarket:
    """Plays one-minute ``candles``, prices rounded to ``tick``; the trades of a minute rebuild its candle exactly.

    ``history_bars`` candles are history, fewer if the file is short or has a gap just before (history has none); at
    least one is. Gaps stay gaps: no trades. A candle without volume moves the last price to its close without a trade.
    After the last candle the market stands still. Raises CandleFileError when there is nothing to play.
    """

    def __init__(
        self, symbol: str, candles: list[Candle], *, seed: int, tick: float = 0.1, history_bars: int = 720
    ) -> None:
        grid = Grid(tick)
        _check_playable(candles, tick)
        first = _first_played(candles, history_bars)
        self.symbol = symbol
        self.tick = tick
        self.start_ms = candles[first].open_time // 1_000_000
        self._history = [_snapped(candle, grid) for candle in _run_up(candles, first, history_bars)]
        minutes = _minutes(candles[first:], grid, Random(f"candles:{seed}"))
        self._playback = Playback(minutes, self._history, start_ms=self.start_ms, seed=seed, grid=grid)

    def history(self) -> list[Candle]:
        return list(self._history)

    def step(self, t_ms: int) -> MarketStep:
        return self._playback.step(t_ms)


def _check_playable(candles: list[Candle], tick: float) -> None:
    if len(candles) < 2:
        raise CandleFileError(f"{len(candles)} candles are too few to play; give at least 2, one for history")
    odd = next((c for c in candles if c.open_time % MINUTE_NS), None)
    if odd is not None:
        moment = datetime.fromtimestamp(odd.open_time / 1e9, UTC).isoformat()
        raise CandleFileError(f"the candle at {moment} does not open on a whole minute; give one-minute candles")
    lowest = min(c.low for c in candles)
    if lowest < LOWEST_TICKS * tick:
        rule = f"use a tick of at most {lowest / LOWEST_TICKS:.2g}"
        raise CandleFileError(f"prices fall to {lowest}, too low for a tick of {tick}; {rule}")


def _first_played(candles: list[Candle], history_bars: int) -> int:
    """The first candle to play: after the history, and with the minute before it in the file."""
    wanted = min(max(history_bars, 1), len(candles) - 1)
    for i in chain(range(wanted, len(candles)), range(wanted - 1, 0, -1)):
        if candles[i].open_time - candles[i - 1].open_time == MINUTE_NS:
            return i
    minutes = (candles[1].open_time - candles[0].open_time) / MINUTE_NS
    raise CandleFileError(f"the candles are {minutes:g} minutes apart; give one-minute candles")


def _run_up(candles: list[Candle], first: int, history_bars: int) -> list[Candle]:
    """The unbroken candles before ``first``, at most ``history_bars``, at least one."""
    begin = first - 1
    while begin > max(0, first - history_bars) and candles[begin].open_time - candles[begin - 1].open_time == MINUTE_NS:
        begin -= 1
    return candles[begin:first]


def _snapped(candle: Candle, grid: Grid) -> Candle:
    snap = grid.snap
    return Candle(
        candle.open_time, snap(candle.open), snap(candle.high), snap(candle.low), snap(candle.close), candle.volume
    )


def _minutes(candles: list[Candle], grid: Grid, rng: Random) -> Iterator[Minute]:
    for candle in candles:
        open_, high, low, close = (grid.ticks(p) for p in (candle.open, candle.high, candle.low, candle.close))
        yield Minute(candle.open_time // 1_000_000, path_through(rng, open_, high, low, close), candle.volume)
