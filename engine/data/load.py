"""Candles by what a person calls them: a file, a recording, or a series of the store."""

from __future__ import annotations

from pathlib import Path
from re import ASCII, match
from typing import NamedTuple

from engine.data import recorded as recordings
from engine.data.contract import CandleError, Inspection, batch_of
from engine.data.moments import minute
from engine.data.store import Series, Store, names
from engine.data.tables import batches, labels
from engine.model.market import Candle
from engine.ops.paths import Home

FILES = (".csv", ".gz", ".parquet", recordings.SUFFIX)
QUOTES = ("USDT", "USDC", "USD", "BTC", "ETH", "EUR")


class Loaded(NamedTuple):
    """One-minute candles that keep the contract, oldest first. ``source`` says where they came from, for people.

    ``symbol`` is empty where nothing tells it.
    """

    candles: list[Candle]
    source: str
    symbol: str


def candles_from(what: str, home: Home, from_t: int | None = None, to_t: int | None = None) -> Loaded:
    """The candles of a CSV (also .gz), a Parquet file, a recording, or a series: ``BTCUSDT``, or ``VENUE/BTCUSDT``.

    ``[from_t, to_t)`` is UTC nanoseconds of the open time. CandleError says what there is when there is no such thing, no candle
    in the range, or which rows break the contract.
    """
    path = Path(what).expanduser()
    if path.suffix.lower() == recordings.SUFFIX and not path.exists() and len(path.parts) == 1:
        path = home.sessions / path
    if path.is_file():
        found = (
            _recording(path, from_t, to_t) if path.suffix.lower() == recordings.SUFFIX else _file(path, from_t, to_t)
        )
    elif path.suffix.lower() in FILES or path.is_absolute() or what.startswith((".", "~")):
        raise CandleError("there is no such file", str(path), f"{_FILE}; {_there_is(Store(home.data))}")
    else:
        found = _series(what, home, from_t, to_t)
    if not found.candles:
        raise CandleError(f"there are no candles{_span(from_t, to_t)}", found.source)
    return found


def told_by(path: Path) -> tuple[str, str]:
    """Venue and symbol that a file tells: an export's own, else the symbol its name begins with (``btcusdt-1m-2023.csv``).

    Empty where it does not look like one.
    """
    told = labels(path) if path.suffix.lower() == ".parquet" else {}
    if told.get("symbol"):
        return told.get("venue", ""), told["symbol"]
    word = match(r"[A-Za-z0-9]+", path.name, ASCII)
    name = word[0].upper() if word else ""
    return "", name if name.endswith(QUOTES) and 5 < len(name) < 24 else ""


def _file(path: Path, from_t: int | None, to_t: int | None) -> Loaded:
    inspection = Inspection()
    candles: list[Candle] = []
    for batch in batches(path):
        inspection.take(batch)
        if not inspection.count:
            candles += _cut(batch.candles(), from_t, to_t)
    inspection.refuse_file(str(path))
    return Loaded(candles, str(path), told_by(path)[1])


def _recording(path: Path, from_t: int | None, to_t: int | None) -> Loaded:
    found = recordings.recorded(path)
    if len(found.candles) > 1:
        several = ", ".join(found.candles)
        raise CandleError(f"it has candles of {several}", str(path), "cockpit data import it, then name one of them")
    symbol, candles = next(iter(found.candles.items()))
    inspection = Inspection()
    inspection.take(batch_of(candles))
    inspection.refuse_file(str(path))
    damaged = f", damaged: {found.damage[0]}" if found.damage else ""
    return Loaded(_cut(candles, from_t, to_t), f"{path} (session {found.session}{damaged})", symbol)


def find_series(what: str, store: Store) -> Series:
    """The series that ``BTCUSDT`` or ``VENUE/BTCUSDT`` means. CandleError if there is none, or if several venues have it."""
    venue, slash, symbol = what.rpartition("/")
    try:
        venue, symbol = names(venue if slash else "any", symbol)
    except CandleError as error:
        raise CandleError(error.what, "", _there_is(store)) from None
    known = [row for row in store.listed() if row.symbol == symbol and (not slash or row.venue == venue)]
    if not known:
        raise CandleError(f"there is no series {what[:60]!a}", str(store.folder), _there_is(store))
    if len(known) > 1:
        several = " or ".join(f"{row.venue}/{row.symbol}" for row in known)
        raise CandleError(f"{len(known)} venues have {symbol}", str(store.folder), f"say which: {several}")
    return known[0]


def _series(what: str, home: Home, from_t: int | None, to_t: int | None) -> Loaded:
    store = Store(home.data)
    try:
        row = find_series(what, store)
    except CandleError as error:
        raise CandleError(error.what, error.where, f"{_FILE}; {error.hint}") from None
    candles = store.read(row.venue, row.symbol, from_t, to_t)
    if not candles:
        raise CandleError(
            f"there are no candles{_span(from_t, to_t)}", f"{row.venue}/{row.symbol}",
            f"the store has {minute(row.first)} to {minute(row.last)}",
        )  # fmt: skip
    return Loaded(candles, f"{row.venue}/{row.symbol} of the store", row.symbol)


def _cut(candles: list[Candle], from_t: int | None, to_t: int | None) -> list[Candle]:
    if from_t is None and to_t is None:
        return candles
    return [c for c in candles if (from_t is None or c.open_time >= from_t) and (to_t is None or c.open_time < to_t)]


def _span(from_t: int | None, to_t: int | None) -> str:
    return (
        f"{f' from {minute(from_t)}' if from_t is not None else ''}{f' to {minute(to_t)}' if to_t is not None else ''}"
    )


_FILE = "give a .csv, .csv.gz, .parquet or .cockpit file, or a symbol"


def _there_is(store: Store) -> str:
    known = ", ".join(f"{row.venue}/{row.symbol}" for row in store.listed())
    return f"the store has {known}" if known else "the store is empty (cockpit data import or fetch fills it)"
