"""Funding rates from a CSV file: when each was settled, and the rate as a fraction of the position's value."""

from __future__ import annotations

import csv
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import ClassVar

from engine.data.contract import CandleError
from engine.data.moments import moment
from engine.model.errors import CockpitError
from engine.runner.data import UNITS

TIMES = ("time", "funding_time", "fundingtime", "timestamp", "open_time", "calc_time", "date")
RATES = ("rate", "funding_rate", "fundingrate", "last_funding_rate")
LARGEST = Decimal("0.05")
"""No venue settles 5 % at once; a file with such rates is in percent."""
MAX_BYTES = 64 << 20
HINT = (
    "columns time (UTC: ISO 8601, or an epoch in s, ms, µs or ns) and rate (a fraction per settlement: 0.0001 is 1 bp)"
)


class FundingError(CockpitError):
    """Rates that cannot be used; the row is named."""

    exit_code: ClassVar[int] = 7


def read_funding(path: Path) -> list[tuple[int, Decimal]]:
    """(UTC nanoseconds, rate as a fraction per settlement), oldest first: longs pay a positive rate.

    FundingError for a file that is none, a time that is not after the one before, or a rate of 0.05 or more either way.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise FundingError(error.strerror or "cannot be read", str(path)) from error
    except UnicodeDecodeError as error:
        raise FundingError("this is not a text file (UTF-8)", str(path), HINT) from error
    if len(raw) > MAX_BYTES:
        raise FundingError(f"the file has more than {MAX_BYTES:,} bytes", str(path))
    return _read(path, text)


def _read(path: Path, text: str) -> list[tuple[int, Decimal]]:
    rows = csv.reader(text.splitlines())
    try:
        names = [cell.strip().lower() for cell in next(rows, [])]
        at, of = (next((names.index(n) for n in known if n in names), -1) for known in (TIMES, RATES))
        if at < 0 or of < 0:
            raise FundingError(f"there is no column for the {'time' if at < 0 else 'rate'}", f"{path}, row 1", HINT)
        table: list[tuple[int, Decimal]] = []
        for row in rows:
            if row:
                table.append(_row(f"{path}, row {rows.line_num}", row, at, of, table[-1][0] if table else -1))
    except csv.Error as error:
        raise FundingError(f"{error}", f"{path}, row {rows.line_num}", "save it as plain CSV") from error
    if not table:
        raise FundingError("there are no rates", str(path), HINT)
    return table


def _row(where: str, row: list[str], at: int, of: int, before: int) -> tuple[int, Decimal]:
    if len(row) <= max(at, of):
        raise FundingError("the row has too few columns", where, HINT)
    t, rate = _time(where, row[at].strip()), _rate(where, row[of].strip())
    if t <= before:
        raise FundingError("the time is not after the one before", where, "sort by time, and name each settlement once")
    return t, rate


def _time(where: str, cell: str) -> int:
    if cell.isascii() and cell.isdecimal() and len(cell) < 20:
        number = int(cell)
        return number * next((unit for below, unit in UNITS if number < below), 1)
    try:
        return moment(cell if not cell.startswith("-") else "", 0)
    except CandleError as error:
        raise FundingError(f"{cell[:40]!a} is no time", where, HINT) from error


def _rate(where: str, cell: str) -> Decimal:
    try:
        rate = Decimal(cell)
    except InvalidOperation as error:
        raise FundingError(f"{cell[:40]!a} is no rate", where, HINT) from error
    if not rate.is_finite():
        raise FundingError(f"the rate {cell[:40]!a} is not finite", where)
    if abs(rate) >= LARGEST:
        raise FundingError(f"the rate {cell[:40]} is out of all bounds (under {LARGEST} either way)", where, HINT)
    return rate
