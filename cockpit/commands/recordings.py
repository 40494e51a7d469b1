"""Recordings by name, and what the commands print about them."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from cockpit import format as fmt
from cockpit.panes.text import clean
from engine.core.trader import Trader
from engine.journal.export import iso
from engine.journal.recording import Recording, RecordingError
from engine.model.errors import CockpitError
from engine.model.state import State, equity
from engine.ops import paths
from engine.replay.cursor import refers
from engine.replay.diff import text
from engine.replay.sessions import SUFFIX, SessionRow, is_whatif, sessions
from engine.replay.verify import Difference, config_of, trader_of, verify

LAST = "last"
BACKTEST = "BACKTEST"


def folder(home: Path | None) -> Path:
    return paths.home(home).sessions


def find(name: str, home: Path | None) -> Path:
    """A path, a name, a label, the beginning of a name that fits only one, or ``last``: the newest session that was lived,
    which is no what-if of one and no backtest.

    CockpitError when it is none of these.
    """
    path = Path(name)
    if path.is_file():
        return path
    place = folder(home)
    rows = sessions(place, time.time_ns())
    if name == LAST:
        if not rows:
            raise CockpitError(
                "nothing has been recorded yet", str(place), "cockpit without a command records a demo session"
            )
        lived = (row for row in rows if row.mode != BACKTEST and not is_whatif(row.name.removesuffix(SUFFIX)))
        return place / next(lived, rows[0]).name
    exact = [row for row in rows if name in (row.name, row.name.removesuffix(SUFFIX), row.label)]
    found = exact or [row for row in rows if row.name.startswith(name)]
    if len(found) == 1:
        return place / found[0].name
    if found:
        few = ", ".join(row.name.removesuffix(SUFFIX) for row in found[:4])
        raise CockpitError(f"{len(found)} recordings begin with {name!r}", str(place), f"say more: {few}")
    raise CockpitError(
        f"there is no recording {name!r}", str(place), "cockpit sessions lists them; a path or `last` works too"
    )


# --- sessions -------------------------------------------------------------------------------------------------

ENDINGS = {
    "clean": "✓ clean", "signal": "✓ by signal", "failed": "✕ failed", "torn": "╳ torn off", "running": "● running",
    "unreadable": "? unreadable",
}  # fmt: skip


def table(row: SessionRow) -> tuple[str, ...]:
    """The cells of a recording in a list: date, name, profile, mode, symbols, duration, trades, PnL, refused, ending, size."""
    money = f"{fmt.signed(row.net_pnl)} {row.currency}".rstrip() if row.started_t else fmt.UNKNOWN
    return (
        iso(row.started_t)[:19].replace("T", " ") if row.started_t else fmt.UNKNOWN,
        row.label or row.name.removesuffix(SUFFIX),
        row.profile,
        row.mode,
        ",".join(row.symbols),
        fmt.countdown(row.duration_ns),
        f"{row.trades} ({row.wins} won)" if row.trades else "0",
        money,
        str(row.rejections),
        ENDINGS[row.ending],
        size(row.size),
    )


HEADS = (
    "started (UTC)",
    "name",
    "profile",
    "mode",
    "symbols",
    "duration",
    "trades",
    "net PnL",
    "refused",
    "end",
    "size",
)


def size(count: int) -> str:
    """``44.7 MB``."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def print_sessions(home: Path | None, *, as_json: bool) -> int:
    rows = sessions(folder(home), time.time_ns())
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=1).decode())
        return 0
    if not rows:
        print(f"nothing has been recorded yet in {folder(home)}")
        return 0
    lines = [HEADS, *(tuple(clean(cell) for cell in table(row)) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEADS))]
    for line in lines:
        cells = [
            cell.rjust(w) if n in (5, 7, 8, 10) else cell.ljust(w)
            for n, (cell, w) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    return 0


# --- verify ---------------------------------------------------------------------------------------------------


def print_verdict(path: Path, *, as_json: bool) -> int:
    """Compare every recorded decision with those of this version; 0 when all are the same, else 1."""
    with Recording.open(path) as recording:
        whole, trader = with_market(recording)
    with whole as recording:
        last = recording.last
        count = last.seq if last else 0
        told = sys.stderr.isatty() and not as_json

        def progress(seq: int) -> None:
            if told:
                print(f"\r{seq / max(1, count) * 100:3.0f} %", end="", file=sys.stderr, flush=True)

        verdict = verify(recording, trader, progress)
        if told:
            print("\r     \r", end="", file=sys.stderr)
    if as_json:
        rows = [{"seq": d.seq, "recorded": _json(d.recorded), "now": _json(d.now)} for d in verdict.differences]
        found = {
            "recording": str(path), "same": verdict.same, "inputs": verdict.inputs, "decisions": verdict.decisions,
            "differing": verdict.differing, "differences": rows, "damage": verdict.damage, "seconds": round(verdict.seconds, 3),
        }  # fmt: skip
        print(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
        return 0 if verdict.same else 1
    for difference in verdict.differences:
        print("\n".join(diff_lines(difference)))
    if verdict.differing > len(verdict.differences):
        print(f"… and {verdict.differing - len(verdict.differences):,} more")
    for line in verdict.damage:
        print(f"damage: {clean(line)}")
    words = "all the same" if verdict.same else f"{verdict.differing:,} DIFFER"
    print(
        f"{path.name}: {verdict.inputs:,} inputs, {verdict.decisions:,} decisions, {words} "
        f"({verdict.seconds:.1f} s, {verdict.per_second:,.0f} events a second)"
    )
    return 0 if verdict.same else 1


def with_market(recording: Recording) -> tuple[Recording, Trader | None]:
    """A recording as it is to be read from its start: a backtest's with the candles that it refers to; and who runs it again.

    CockpitError when they cannot be had.
    """
    if not refers(recording):
        return Recording.open(recording.path), None
    from cockpit.replay import market_of
    from engine.runner.referred import Whole

    market, remark = market_of(recording)
    whole = Whole.open(recording.path)
    if market is None or not isinstance(whole, Whole):
        whole.close()
        raise CockpitError(remark or "without candles: they are nowhere", str(recording.path), "this needs them")
    whole.market = market
    trader = trader_of(config_of(recording))
    trader.notes = market.notes
    return whole, trader


def diff_lines(d: Difference) -> list[str]:
    """A difference as a diff: what was recorded against what would be decided now, field by field."""
    lines = [f"@@ #{d.seq} {type(d.recorded or d.now).__name__} @@"]
    if d.recorded is None or d.now is None or type(d.recorded) is not type(d.now):
        lines += [
            f"{mark} {type(e).__name__} {clean(text(e))}"
            for mark, e in (("-", d.recorded), ("+", d.now))
            if e is not None
        ]
        return lines
    for name in d.recorded.__struct_fields__:
        before, after = text(getattr(d.recorded, name)), text(getattr(d.now, name))
        lines += (
            [f"  {name}: {clean(before)}"]
            if before == after
            else [f"- {name}: {clean(before)}", f"+ {name}: {clean(after)}"]
        )
    return lines


def _json(event: Any) -> Any:
    if event is None:
        return None
    fields = {name: text(getattr(event, name)) for name in event.__struct_fields__}
    return {"kind": type(event).__name__, **fields}


# --- without a screen -----------------------------------------------------------------------------------------


def print_state(path: Path, until: str, *, dump: bool) -> int:
    """Fold a recording up to a moment and print the state: all of it as JSON, or what matters in a few lines."""
    from cockpit.replay import opened

    travel = opened(path, until, survey=False)
    try:
        travel.arrive()
        state = travel.state
        if dump:
            sys.stdout.write(state_json(state))
            return 0
        print(f"recording   {path}")
        print(f"event       #{state.seq:,} of {travel.replay.last.seq:,} at {iso(travel.t)}")
        print(f"trading     {clean(state.trading)} {clean(state.trading_why)}".rstrip())
        held = [f"{p.qty:f} {clean(p.symbol)}" for p in state.positions.values() if p.qty]
        print(f"position    {', '.join(held) or 'flat'}")
        print(f"equity      {fmt.money(equity(state))} {clean(state.account.currency)}")
        print(f"trades      {state.trades_total} ({state.wins_total} won), {state.fills_total} fills")
        print(f"refused     {sum(state.rejected.values())}")
        for line in travel.replay.damage:
            print(f"damage      {clean(line)}")
        if travel.note:
            print(f"note        {clean(travel.note)}")
        return 0
    finally:
        travel.close()


def state_json(state: State) -> str:
    return msgspec.json.format(msgspec.json.encode(state), indent=1).decode() + "\n"


def state_at(path: Path, at: str) -> State:
    """The state at a moment; of its own."""
    from cockpit.replay import place_of, replay_of

    replay, _ = replay_of(path)
    with replay:
        seq, t = place_of(replay, at) if at else (replay.last.seq, None)
        return replay.seek(seq) if t is None else replay.seek_time(t)


__all__ = ["RecordingError", "find", "folder", "print_sessions", "print_state", "print_verdict"]
