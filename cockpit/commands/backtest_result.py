"""A backtest's result as a table for a person, and as one JSON object that is enough to make it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from engine.data.moments import minute
from engine.model.clean import clean
from engine.report.metrics import Metrics, rows
from engine.report.trades import iso
from engine.runner.backtest import Result

if TYPE_CHECKING:
    from cockpit.commands.backtest_files import Kept


def described(result: Result, metrics: Metrics, strategy: str) -> dict[str, Any]:
    """Everything of a result but its rows. Money is exact, as text; the same run gives the same bytes."""
    found = {
        "run_id": result.run_id,
        "strategy": strategy,
        "symbol": result.symbol,
        "start": iso(result.start_t),
        "end": iso(result.end_t),
        "cash": result.cash,
        "pnl": result.pnl,
        "fees": result.fees,
        "funding": result.funding,
        "counts": result.counts,
        "rejections": dict(sorted(result.rejections.items())),
        "metrics": metrics,
        "fill_rule": result.rule,
        "assumptions": result.assumptions,
        "config_hash": result.config_hash,
        "data_hash": result.data_hash,
        "seed": result.seed,
        "versions": result.versions,
        "config": msgspec.json.decode(result.config),
        "recording": str(result.recording),
    }
    return {name: msgspec.to_builtins(value) for name, value in found.items()}


def to_json(result: Result, kept: Kept) -> str:
    """What result.json holds, with the files, and how long it took."""
    more = {"files": [str(file) for file in kept.files], "again": kept.again, "seconds": round(result.seconds, 3)}
    return msgspec.json.format(msgspec.json.encode(kept.found | more), indent=1).decode()


def lines(result: Result, kept: Kept, strategy: str) -> list[str]:
    metrics = msgspec.convert(kept.found["metrics"], Metrics)
    speed = f"{result.rows / result.seconds:,.0f} bars/s" if result.seconds else ""
    title = f"{strategy} on {result.symbol}, {minute(result.start_t)} to {minute(result.end_t)} UTC"
    counted = ", ".join(f"{count:,} {name}" for name, count in result.counts.items() if name != "rejections")
    refused = ", ".join(f"{count:,} {code}" for code, count in sorted(result.rejections.items())) or "none"
    versions = ", ".join(f"{name} {value[:12]}" for name, value in result.versions.items() if value)
    table = rows(metrics)
    width = max(len(label) for label, _ in table)
    told = [
        title,
        f"{counted} in {result.seconds:.2f} s ({speed})",
        "",
        *(f"{label.ljust(width)}  {value}" for label, value in table),
        f"{'Refused'.ljust(width)}  {refused}",
        "",
        *result.assumptions,
        "",
        f"run        {result.run_id}" + (" (made before: same numbers, files left as they were)" if kept.again else ""),
        f"config     {result.config_hash}",
        f"data       {result.data_hash}",
        f"seed       {result.seed}, {versions}",
        f"files      {kept.folder}: {', '.join(file.name for file in kept.files)}",
        f"recording  {kept.recording}",
        f"           cockpit replay {kept.recording.stem}",
    ]
    return [clean(line, 600) if line else "" for line in told]
