"""``cockpit equity``: the book of days as a table, after the rows that a crash kept from being written were added."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import msgspec

from engine.journal.opening import RecordingError
from engine.model.clean import clean
from engine.ops import equity_book as book
from engine.ops import paths, running
from engine.ops.equity_book import Row, Totals
from engine.ops.paths import Home
from engine.replay.latest import Latest, latest
from engine.replay.sessions import SUFFIX, is_whatif, sessions

BARS = "▁▂▃▄▅▆▇█"
SHOWN = 40
CURVE = 40


def run(home: Path | None, *, as_json: bool) -> int:
    place = paths.place(home)
    missed = fill_in(place)
    rows = sorted(book.read(place), key=lambda row: (row.t, row.session))
    if as_json:
        print(json.dumps([msgspec.to_builtins(row) for row in rows], indent=1))
        return 0
    for line in table(rows):
        print(line)
    for problem in missed:
        print(f"cockpit: {clean(problem, 200)}", file=sys.stderr)
    return 0


# --- what a crash kept from being written -------------------------------------------------------------------------------


def fill_in(place: Home) -> list[str]:
    """Add the last row of every session that has none for its last day; returns what could not be added."""
    known = {row.key for row in book.read(place)}
    problems: list[str] = []
    if not place.sessions.is_dir():
        return problems
    alive = {run.session: running.alive(run.pid, run.born) for run in running.found(place)}
    for found in sessions(place.sessions, time.time_ns()):
        name = found.name.removesuffix(SUFFIX)
        runs = alive.get(found.id, found.ending == "running")
        lived = not runs and found.ending != "unreadable" and found.mode != "BACKTEST" and not is_whatif(name)
        if not lived or not found.last_t or (found.id, book.date_of(found.last_t)) in known:
            continue
        try:
            row = last_row(latest(place.sessions / found.name))
            if row is not None and row.key not in known:
                book.add(place, row)
        except (RecordingError, OSError) as error:
            problems.append(f"{name}: {error}")
    return problems


def last_row(found: Latest) -> Row | None:
    """The row of a recording's last day; None where the account was never known."""
    state = found.state
    if not state.account.known or found.started is None:
        return None
    carried, base = found.carried, Totals()
    if carried is not None and carried.resumed and carried.book.account is not None:
        money, counted = carried.book.account, carried.book.statistics
        base = Totals(money.fees, money.funding, counted.trades if counted is not None else 0)
    why: book.Why = "end" if state.session.ended else "torn"
    return book.row(state, state.t, why, found.started.account, state.risk.day_start, base)


# --- the table ------------------------------------------------------------------------------------------------------------


def table(rows: list[Row]) -> list[str]:
    """Days, oldest first; then a curve for every account that has more than one."""
    if not rows:
        return ["no day is over yet: a row is written at UTC midnight and at the end of a session"]
    heads = ("day (UTC)", "mode", "profile", "session", "equity", "day PnL", "open", "fees", "funding", "trades", "")
    cells = [heads, *(_cells(row) for row in rows[-SHOWN:])]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heads))]
    texts = [
        "  ".join(
            f"{cell:>{w}}" if 4 <= i <= 9 else f"{cell:<{w}}"
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]
    left = len(rows) - SHOWN
    return [
        *([f"{left} earlier row(s) are in equity.csv"] if left > 0 else []),
        *(text.rstrip() for text in texts),
        *_curves(rows),
    ]


def _cells(row: Row) -> tuple[str, ...]:
    notes = {"midnight": "", "end": "", "torn": "recording breaks off"}
    return (
        row.date, row.mode, clean(row.profile, 20), clean(row.session, 24), f"{row.equity:,.2f} {clean(row.currency, 6)}",
        f"{row.day_pnl:+,.2f}", f"{row.unrealised:+,.2f}", f"{row.fees:,.2f}", f"{row.funding:+,.2f}", f"{row.trades}",
        notes.get(row.why, ""),
    )  # fmt: skip


def _curves(rows: list[Row]) -> list[str]:
    """One account is one curve; a demo or paper session has an account of its own, which begins anew."""
    by: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.account:
            by[row.mode, row.profile, row.account].append(row)
    found = []
    for (mode, profile, account), its in by.items():
        days = [*{row.date: row.equity for row in its}.values()][-CURVE:]
        if len(days) > 1:
            low, high = min(days), max(days)
            found.append(
                f"{mode} {clean(profile, 20)} {account[:6]}  {sparkline(days)}  {days[0]:,.2f} → {days[-1]:,.2f} "
                f"(low {low:,.2f}, high {high:,.2f})"
            )
    return ["", *found] if found else []


def sparkline(values: list[Decimal]) -> str:
    """``▁▄█``: the lowest value is the lowest block; all the same is the middle one."""
    low, high = min(values), max(values)
    if low == high:
        return BARS[3] * len(values)
    return "".join(BARS[int((value - low) / (high - low) * (len(BARS) - 1))] for value in values)
