"""Recordings for other programs: events as JSON lines, trades as a table. Files appear whole or not at all."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from engine.journal.files import replacing
from engine.journal.recording import Recording
from engine.model.orders import Trade

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
TRADE_COLUMNS = (
    *("symbol", "side", "qty", "entry_ts", "exit_ts", "entry", "exit", "pnl", "fees", "funding"),
    *("r", "bars", "strategy", "why", "exit_why"),
)


def write_jsonl(recording: Recording, path: Path) -> int:
    """One object per event: ``seq``, ``t`` (UTC nanoseconds), ``time`` (ISO 8601), ``kind`` and ``data``, its fields.

    Decimals are strings. Returns the number of lines.
    """
    encode = msgspec.json.Encoder().encode
    lines = 0
    with replacing(path) as file:
        for seq, event in recording.events():
            data = _named(event)
            t = data.pop("t")
            line = {"seq": seq, "t": t, "time": iso(t), "kind": type(event).__name__, "data": data}
            file.write(encode(line).decode() + "\n")
            lines += 1
    return lines


def write_trades_csv(trades: list[Trade], path: Path) -> None:
    """One row per closed trade, times as ISO 8601 in UTC; text that a spreadsheet would run gets a quote."""
    with replacing(path) as file:
        writer = csv.writer(file)
        writer.writerow(TRADE_COLUMNS)
        for trade in trades:
            values = _named(trade) | {"entry_ts": iso(trade.entry_t), "exit_ts": iso(trade.exit_t)}
            writer.writerow([_cell(values[name]) for name in TRADE_COLUMNS])


def iso(t: int) -> str:
    """UTC nanoseconds as ISO 8601 with all nine digits: ``2026-03-01T12:03:11.000000250Z``."""
    seconds, nanos = divmod(t, 1_000_000_000)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"


def _named(value: Any) -> Any:
    """Structs as dictionaries: on the wire they are arrays, which nobody can read."""
    if isinstance(value, msgspec.Struct):
        return {name: _named(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, (list, tuple)):
        return [_named(item) for item in value]
    return value


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return str(value)
