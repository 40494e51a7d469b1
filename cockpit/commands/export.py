"""``cockpit export``: events, trades, orders, fills, equity or candles as a table; screen or state at an instant."""

from __future__ import annotations

import asyncio
import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from cockpit.commands.recordings import state_at, state_json, with_market
from cockpit.replay import ReplaySource, opened, own_screen, parse, profile_of
from engine.core.fold import apply
from engine.journal.export import iso, write_jsonl
from engine.journal.files import replacing
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.market import Candle
from engine.model.orders import Order
from engine.model.state import State
from engine.replay.cursor import Replay

Format = Literal["jsonl", "csv", "parquet", "svg", "state"]
What = Literal["events", "trades", "orders", "fills", "equity", "candles"]
Row = dict[str, Any]
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins like this would be run by a spreadsheet."""
PARQUET = "it needs pyarrow or polars: pip install 'cockpit[parquet]'"
SIZE = (160, 45)


def named(value: msgspec.Struct, **more: Any) -> Row:
    return {**more, **{name: getattr(value, name) for name in value.__struct_fields__}}


# --- what there is to export, each as rows in order -----------------------------------------------------------


def events(recording: Recording, end: int) -> Iterator[Row]:
    for seq, event in recording.events(1, end):
        data = {name: getattr(event, name) for name in event.__struct_fields__ if name != "t"}
        yield {"seq": seq, "t": event.t, "time": iso(event.t), "kind": type(event).__name__, "data": plain(data)}


def fills(recording: Recording, end: int) -> Iterator[Row]:
    """Every report once: venues repeat them."""
    seen: set[tuple[str, str, str]] = set()
    for seq, event in recording.events(1, end, ("FillReport",)):
        if isinstance(event, ev.FillReport):
            f = event.fill
            key = (f.symbol, f.venue_order_id, f.trade_id)
            if key not in seen:
                seen.add(key)
                yield named(f, seq=seq, time=iso(f.t))


def candles(recording: Recording, end: int) -> Iterator[Row]:
    """Closed ones, with the history that the session began with."""
    found: dict[tuple[str, int], Candle] = {}
    for _, event in recording.events(1, end, ("CandlesLoaded", "CandleTick")):
        if isinstance(event, ev.CandlesLoaded):
            found |= {(event.symbol, candle.open_time): candle for candle in event.candles}
        elif isinstance(event, ev.CandleTick) and event.closed:
            found[event.symbol, event.candle.open_time] = event.candle
    for (symbol, t), candle in sorted(found.items()):
        yield named(candle, symbol=symbol, time=iso(t))


def folded(recording: Recording, end: int) -> Iterator[tuple[int, ev.Event, State]]:
    state = State()
    for seq, event in recording.events(1, end):
        state.seq = seq - 1
        apply(state, event)
        yield seq, event, state


def trades(recording: Recording, end: int) -> Iterator[Row]:
    count = 0
    for seq, _, state in folded(recording, end):
        if state.trades_total > count:
            count = state.trades_total
            t = state.trades[-1]
            yield named(t, seq=seq, entry_ts=iso(t.entry_t), exit_ts=iso(t.exit_t))


def orders(recording: Recording, end: int) -> Iterator[Row]:
    """Each order as it was when it was last heard of, in the order in which they were decided."""
    found: dict[str, Order] = {}
    touched = (ev.OrderDecided, ev.OrderReport, ev.FillReport, ev.ApprovalClosed, ev.OrderSent, ev.Refused)
    for _, event, state in folded(recording, end):
        if isinstance(event, touched):
            for client_id in [*state.open_orders, str(getattr(event, "client_id", ""))]:
                if client_id in state.orders:
                    found[client_id] = state.orders[client_id]
            found |= {key: state.orders[key] for key in found if key in state.orders}
    for order in found.values():
        yield named(order, time=iso(order.created_t))


def equity(recording: Recording, end: int) -> Iterator[Row]:
    """At most every ten seconds."""
    last = 0
    for _, _, state in folded(recording, end):
        if state.equity and state.equity[-1][0] > last:
            last, value = state.equity[-1]
            yield {"t": last, "time": iso(last), "equity": value}


ROWS: dict[str, Callable[[Recording, int], Iterator[Row]]] = {
    "events": events, "trades": trades, "orders": orders, "fills": fills, "equity": equity, "candles": candles,
}  # fmt: skip

FOLDED = frozenset(("trades", "orders", "equity", "candles"))
"""What depends on the market, which a backtest's recording only refers to."""


# --- how it is written ----------------------------------------------------------------------------------------


def to_jsonl(rows: Iterable[Row], path: Path | None) -> int:
    count = 0
    with _text(path) as file:
        for row in rows:
            file.write(msgspec.json.encode(row).decode() + "\n")
            count += 1
    return count


def to_csv(rows: Iterable[Row], path: Path | None) -> int:
    count = 0
    with _text(path) as file:
        writer = csv.writer(file)
        for row in rows:
            if not count:
                writer.writerow(row)
            writer.writerow([_cell(value) for value in row.values()])
            count += 1
    return count


def to_parquet(rows: Iterable[Row], path: Path | None) -> int:
    """Exact amounts stay decimals; what is nested becomes JSON. CockpitError without a library that can write it."""
    if path is None:
        raise CockpitError("Parquet is not text: say where with --out")
    write = _parquet_writer()
    found = [
        {k: msgspec.json.encode(v).decode() if isinstance(v, (dict, list)) else v for k, v in row.items()}
        for row in rows
    ]
    part = path.with_name(path.name + ".part")
    try:
        write(found, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return len(found)


def _parquet_writer() -> Callable[[list[Row], Path], object]:
    import importlib

    try:
        pa, pq = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        pass
    else:
        return lambda rows, path: pq.write_table(pa.Table.from_pylist(rows), path)
    try:
        pl = importlib.import_module("polars")
    except ImportError:
        raise CockpitError("Parquet cannot be written here", "", PARQUET) from None
    return lambda rows, path: pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)


WRITERS: dict[str, Callable[[Iterable[Row], Path | None], int]] = {
    "jsonl": to_jsonl,
    "csv": to_csv,
    "parquet": to_parquet,
}


def _text(path: Path | None) -> AbstractContextManager[IO[str]]:
    return nullcontext(sys.stdout) if path is None else replacing(path)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value).decode()
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return str(value)


def plain(value: Any) -> Any:
    """Structs as dictionaries: on the wire they are arrays."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def svg(path: Path, at: str, home: Path | None, size: tuple[int, int] = SIZE) -> str:
    """The screen at an instant."""
    from cockpit.app import CockpitApp

    async def drawn() -> str:
        travel = opened(path, at)
        try:
            travel.arrive()
            profile = profile_of(travel.replay.recording, own_screen(home))
            app = CockpitApp(profile, ReplaySource(travel, profile))
            async with app.run_test(size=size) as pilot:
                for _ in range(3):
                    await pilot.pause()
                    app.tick()
                await pilot.pause()
                return app.export_screenshot(title=f"{path.stem} #{travel.seq:,}")
        finally:
            travel.close()

    return asyncio.run(drawn())


# --- the command ----------------------------------------------------------------------------------------------


def run(path: Path, form: str, what: str, at: str, out: str, home: Path | None) -> int:
    """Write a file (``-``: standard output) and say what is in it. Raises CockpitError."""
    if form not in (*WRITERS, "svg", "state"):
        raise CockpitError(f"--format {form!r} is not known", "", "jsonl, csv, parquet, svg or state")
    chosen = what or ("trades" if form in ("csv", "parquet") else "events")
    if chosen not in ROWS:
        raise CockpitError(f"--what {what!r} is not known", "", ", ".join(ROWS))
    target = _target(path, form, chosen, out)
    try:
        said = _write(path, form, chosen, at, target, home)
    except OSError as error:
        raise CockpitError(error.strerror or str(error), str(target or "standard output")) from error
    if target is not None:
        print(f"{target}: {said}", file=sys.stderr)
    return 0


def _write(path: Path, form: str, what: str, at: str, target: Path | None, home: Path | None) -> str:
    if form in ("svg", "state"):
        text = svg(path, at, home) if form == "svg" else state_json(state_at(path, at))
        with _text(target) as file:
            file.write(text)
        return "the screen" if form == "svg" else "the state"
    with Replay.open(path) as replay:
        end = parse(replay, at) if at else replay.last.seq
        if form == "jsonl" and what == "events" and not at and target is not None:
            count = write_jsonl(replay.recording, target)
        else:
            with with_market(replay.recording)[0] if what in FOLDED else nullcontext(replay.recording) as recording:
                count = WRITERS[form](ROWS[what](recording, end), target)
        damage: Sequence[str] = replay.damage
    return f"{count:,} {what}" + (f"; {len(damage)} places could not be read: {damage[0]}" if damage else "")


def _target(path: Path, form: str, what: str, out: str) -> Path | None:
    """Where it goes; a file of that name that nobody asked for by name stays."""
    if out:
        return None if out == "-" else Path(out)
    suffix = {"state": ".state.json", "svg": ".svg"}.get(form, f".{what}.{form}")
    target = Path(path.stem + suffix)
    if target.exists():
        raise CockpitError(
            "this file exists already", str(target), "name another with --out, or this one to replace it"
        )
    return target
