"""``trades.csv``: one row a finished trade, exact numbers, times in UTC."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

from engine.journal.files import replacing
from engine.model.clean import clean
from engine.model.market import SECOND_NS
from engine.model.orders import Trade
from engine.runner.backtest import Result

COLUMNS = (
    "entry_time", "exit_time", "symbol", "strategy", "side", "qty", "entry", "exit", "pnl", "fees", "funding", "r", "bars",
    "why_in", "why_out",
)  # fmt: skip
FORMULA = tuple("=+-@\t\r＝＋－＠")
"""A cell that begins with one of these is a formula to a spreadsheet (OWASP, CSV Injection)."""
LONGEST = 500


def write_trades(result: Result, path: Path) -> Path:
    """Write the file whole or not at all, over an older one; OSError when that cannot be done."""
    with replacing(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(map(_row, result.trades))
    return path


def _row(trade: Trade) -> list[object]:
    return [
        iso(trade.entry_t), iso(trade.exit_t), cell(trade.symbol), cell(trade.strategy), trade.side,
        f"{trade.qty:f}", f"{trade.entry:f}", f"{trade.exit:f}", f"{trade.pnl:f}", f"{trade.fees:f}", f"{trade.funding:f}",
        "" if trade.r is None else repr(trade.r), trade.bars, cell(trade.why), cell(trade.exit_why),
    ]  # fmt: skip


def cell(text: str) -> str:
    """Text that a spreadsheet shows and does not run: an apostrophe goes before what would begin a formula."""
    shown = tidy(text)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA) else shown


def tidy(text: str, limit: int = LONGEST) -> str:
    """``clean``, without its cost where there is nothing to clean."""
    return text if len(text) <= limit and text.isascii() and text.isprintable() else clean(text, limit)


def iso(t: int) -> str:
    """UTC nanoseconds as ``2024-02-29T23:59:00Z``; a part of a second is written to the last digit that counts."""
    seconds, rest = divmod(t, SECOND_NS)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:09d}".rstrip("0") + "Z" if rest else f"{whole}Z"
