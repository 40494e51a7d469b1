"""``cockpit data``: import, fetch, list, check and export candles."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cockpit import format as fmt
from engine.data.contract import CandleError, Gap
from engine.data.importing import Imported, import_file
from engine.data.load import find_series
from engine.data.moments import minute, moment
from engine.data.recorded import SIMULATED, market_of
from engine.data.store import Series, Store, names
from engine.model.clean import clean
from engine.model.market import MINUTE_NS
from engine.ops import config, paths
from engine.venues.port import VenueError

if TYPE_CHECKING:
    from engine.data.fetch import Fetched

ADDRESSES = "live"
"""The profile whose venue settings are used: its pace and patience, not its keys."""
GAPS_SHOWN = 5
BAR = 30
INTERRUPTED = 130
"""What shells expect of a command that ended by Ctrl-C."""


def store_of(home: Path | None) -> Store:
    return Store(paths.home(home).data)


# --- import ----------------------------------------------------------------------------------------------------


def import_files(
    files: list[Path], venue: str, symbol: str, home: Path | None, *, replace: bool, utc: bool, as_json: bool
) -> int:
    """Each file whole or not at all, in order; the first that cannot be taken ends it."""
    store, now, found = store_of(home), time.time_ns(), []
    for path in files:
        with _counting(path.name) as count:
            results = import_file(
                store, path, venue=venue, symbol=symbol, now=now, replace=replace, naive_is_utc=utc, progress=count
            )
        found += results
        if not as_json:
            for result in results:
                print("\n".join(clean(line, 300) for line in _import_lines(path, result)), flush=True)
    if as_json:
        _print_json(found)
    return 0


def _import_lines(path: Path, result: Imported) -> Iterator[str]:
    written = result.written
    yield (
        f"{path.name} → {result.venue}/{result.symbol}: {result.rows:,} candles, "
        f"{minute(result.first)} to {minute(result.last)}"
    )
    yield (
        f"  {written.added:,} new, {written.unchanged:,} known"
        + (f", {written.replaced:,} replaced" if written.replaced else "")
        + _gaps_told(result.gaps, result.missing)
    )
    for name in written.set_aside:
        yield f"  the damaged month was put aside as {name}"
    for line in result.damage:
        yield f"  damaged: {line}"


def _gaps_told(gaps: int, missing: int) -> str:
    return f", {_count(gaps, 'gap')} of {_count(missing, 'minute')} together" if gaps else ", no gaps"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


@contextmanager
def _counting(name: str) -> Iterator[Callable[[int], None]]:
    """Rows read so far, on standard error, where that is a terminal."""
    told = sys.stderr.isatty()

    def count(rows: int) -> None:
        if told:
            print(f"\r{clean(name, 60)}: {rows:,} rows\x1b[K", end="", file=sys.stderr, flush=True)

    try:
        yield count
    finally:
        if told:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


# --- fetch -----------------------------------------------------------------------------------------------------


def fetch_symbols(
    symbols: list[str], from_: str, to: str, rest: str, venue: str, home: Path | None, *, as_json: bool
) -> int:
    """What has come stays, also when it ends early; run again, it goes on."""
    now = time.time_ns()
    from_t = moment(from_, now) if from_ else None
    to_t = moment(to, now) if to else now
    if from_t is not None and from_t >= to_t:
        raise CandleError(f"--from {minute(from_t)} is not before --to {minute(to_t)}")
    wanted = [names(venue or market_of(rest), symbol) for symbol in symbols]
    here = paths.home(home)
    settings = msgspec.structs.replace(config.load(ADDRESSES, here).profile.venue, rest=rest, public="", private="")
    store, found = Store(here.data), {}
    try:
        for name, symbol in wanted:
            with _bar(f"{name}/{symbol}") as progress:
                result = asyncio.run(_fetch(settings, store, name, symbol, from_t, to_t, progress))
            found[f"{name}/{symbol}"] = result
            if not as_json:
                print(_fetch_line(store, name, symbol, result), flush=True)
    except KeyboardInterrupt:
        print(
            "cockpit: interrupted; what has come is in the store, and the next fetch goes on from there",
            file=sys.stderr,
        )
        return INTERRUPTED
    if as_json:
        _print_json({name: result._asdict() for name, result in found.items()})
    return 0


async def _fetch(
    settings: Any,
    store: Store,
    venue: str,
    symbol: str,
    from_t: int | None,
    to_t: int,
    progress: Callable[[int, int], None],
) -> Fetched:
    import random

    from engine.data.fetch import fetch
    from engine.venues.bitunix.adapter import Bitunix

    history = Bitunix(settings, clock=time.time_ns, rng=random.Random())
    try:
        return await fetch(history, store, venue, symbol, from_t, to_t, progress=progress, waiting=_waiting)
    finally:
        await history.close()


def _waiting(error: VenueError, seconds: float) -> None:
    start, end = ("\r", "\x1b[K") if sys.stderr.isatty() else ("", "")
    print(f"{start}{clean(error.what, 200)}; again in {seconds:g} s{end}", file=sys.stderr, flush=True)


def _fetch_line(store: Store, venue: str, symbol: str, result: Fetched) -> str:
    if not result.asked:
        return f"{venue}/{symbol}: nothing is missing"
    without = result.asked - result.added
    last = store.last(venue, symbol)
    return (
        f"{venue}/{symbol}: {result.added:,} candles new"
        + (f", {_count(without, 'minute')} the venue has none for" if without else "")
        + (f"; the store ends at {minute(last)}" if last is not None else "")
    )


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, where that is a terminal."""
    told, began = sys.stderr.isatty(), time.monotonic()

    def progress(done: int, total: int) -> None:
        if not told or not total:
            return
        filled, left = BAR * done // total, (time.monotonic() - began) * (total - done) / max(1, done)
        text = f"{name} {'━' * filled}{'─' * (BAR - filled)} {done * 100 // total:3} %  {done:,} of {total:,}, {left:,.0f} s left"
        print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)

    try:
        yield progress
    finally:
        if told:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


# --- list and check --------------------------------------------------------------------------------------------

HEADS = ("series", "rows", "first (UTC)", "last (UTC)", "months", "gaps", "missing", "size")
RIGHT = (1, 4, 5, 6, 7)


def print_list(home: Path | None, *, as_json: bool) -> int:
    store = store_of(home)
    rows = store.listed()
    if as_json:
        _print_json(rows)
        return 0
    if not rows:
        print(
            f"no candles yet in {clean(str(store.folder), 300)}: cockpit data import FILE, or cockpit data fetch SYMBOL"
        )
        return 0
    lines = [HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEADS))]
    for line, row in zip(lines, (None, *rows), strict=True):
        cells = [c.rjust(w) if n in RIGHT else c.ljust(w) for n, (c, w) in enumerate(zip(line, widths, strict=True))]
        problem = f"  ✕ {clean(row.problem, 200)}" if row and row.problem else ""
        print(("  ".join(cells) + problem).rstrip())
    return 0


def _cells(row: Series) -> tuple[str, ...]:
    return (
        f"{row.venue}/{row.symbol}",
        f"{row.rows:,}",
        minute(row.first) if row.rows else "–",
        minute(row.last) if row.rows else "–",
        str(row.months),
        f"{row.gaps:,}",
        f"{row.missing:,}",
        f"{fmt.compact(row.bytes)}B",
    )


def print_check(series: list[str], home: Path | None, *, as_json: bool) -> int:
    """0 when all of it is as it was written and keeps the contract, else 1."""
    store, now = store_of(home), time.time_ns()
    wanted = [find_series(name, store) for name in series] or store.listed()
    bad, found = False, []
    for row in wanted:
        # a simulated market runs at its own speed
        problems = store.check(row.venue, row.symbol, None if row.venue == SIMULATED else now)
        gaps = [] if problems else store.gaps(row.venue, row.symbol)
        bad |= bool(problems)
        found.append({
            "venue": row.venue, "symbol": row.symbol, "rows": row.rows, "gap_count": row.gaps, "missing": row.missing,
            "problems": [problem._asdict() for problem in problems], "gaps": [gap._asdict() for gap in gaps],
        })  # fmt: skip
        if not as_json:
            verdict = (
                f"✕ {_count(len(problems), 'problem')}" if problems else f"✓ {row.rows:,} candles as they were written"
            )
            print(f"{row.venue}/{row.symbol}  {verdict}{_gaps_told(row.gaps, row.missing)}")
            for problem in problems:
                print(f"  ✕ {clean(str(problem), 300)}")
            for line in _gap_lines(gaps, row.gaps):
                print(f"  · {line}")
    if as_json:
        _print_json(found)
    elif not wanted:
        print(f"no candles yet in {clean(str(store.folder), 300)}")
    return int(bad)


def _gap_lines(gaps: list[Gap], count: int) -> Iterator[str]:
    longest = sorted(sorted(gaps, key=lambda gap: -gap.bars)[:GAPS_SHOWN])
    for gap in longest:
        yield f"gap {minute(gap.first)} to {minute(gap.last + MINUTE_NS)}: {_count(gap.bars, 'minute')}"
    if count > len(longest):
        yield f"and {_count(count - len(longest), 'shorter gap')}"


# --- export ----------------------------------------------------------------------------------------------------


def export_file(
    series: str, out: str, form: str, interval: str, from_: str, to: str, home: Path | None, *, partial: bool
) -> int:
    """Write a file (``-``: standard output) and say what is in it."""
    from engine.data.exporting import export_series

    store, now = store_of(home), time.time_ns()
    row = find_series(series, store)
    form = form or ("parquet" if out.lower().endswith(".parquet") else "csv")
    target = _target(row, interval, form, out)
    result = export_series(
        store, row.venue, row.symbol, sys.stdout if target is None else target, form=form, interval=interval,
        from_t=moment(from_, now) if from_ else None, to_t=moment(to, now) if to else None, keep_incomplete=partial,
    )  # fmt: skip
    dropped = f", {_count(result.dropped, 'incomplete one')} left out (--partial keeps them)" if result.dropped else ""
    print(
        f"{clean(str(target or 'standard output'), 300)}: {_count(result.rows, f'{interval} candle')}{dropped}",
        file=sys.stderr,
    )
    return 0


def _target(row: Series, interval: str, form: str, out: str) -> Path | None:
    """Where it goes; a file of that name that nobody asked for by name stays."""
    if out:
        return None if out == "-" else Path(out)
    target = Path(f"{row.symbol}-{interval}.{form}")
    if target.exists():
        raise CandleError("this file exists already", str(target), "name another with --out, or this one to replace it")
    return target


def _print_json(found: Any) -> None:
    rows = [row._asdict() if hasattr(row, "_asdict") else row for row in found] if isinstance(found, list) else found
    print(msgspec.json.format(msgspec.json.encode(rows), indent=1).decode())
