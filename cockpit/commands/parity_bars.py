"""``cockpit parity --bars``: a session's closed candles through a backtest, its trades beside the recorded ones.

For information: a bar has four prices and no book, so trades differ by what the fill model makes of that.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from cockpit import format as fmt
from cockpit.panes.text import clean
from engine.core.fold import apply
from engine.data.recorded import recorded
from engine.journal.export import iso
from engine.journal.recording import Recording
from engine.model.errors import CockpitError
from engine.model.events import CandlesLoaded, CandleTick, FillReport
from engine.model.fill_settings import FillModel
from engine.model.market import MINUTE_NS, Candle
from engine.model.orders import ZERO, Trade
from engine.model.state import State
from engine.replay.changes import with_fill
from engine.replay.verify import Config, config_of
from engine.runner.backtest import backtest
from engine.runner.terms import terms_of
from engine.strategies import registry

NEAR_NS = 3 * MINUTE_NS
"""Entries within this time are of the same wish."""
CAUSES: dict[str, str] = {
    "same": "",
    "bar model": "the same trade at the prices that a bar gives",
    "other exit": "stop, target or exit were reached in another order or at another time",
    "other size": "the equity or the room under a limit differed",
    "not here": "the backtest held a position, waited after one, or its limit was not reached",
    "not there": "the session was paused, declined it, held a position, or its limit was not reached",
}


class Pair(msgspec.Struct, frozen=True):
    cause: str
    recorded: Trade | None
    simulated: Trade | None


class Bars(msgspec.Struct, kw_only=True):
    session: str
    symbol: str
    candles: int
    fill: FillModel
    rule: str
    pairs: list[Pair]
    recorded_pnl: Decimal
    simulated_pnl: Decimal


def run(path: Path, settings: Mapping[str, str], *, as_json: bool) -> int:
    """Compare and print; always 0: what differs here is the coarseness of bars. RecordingError, ConfigError, CockpitError."""
    made = compare(path, settings)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(made), indent=1).decode() + "\n")
    else:
        sys.stdout.write("\n".join(clean(line) for one in made for line in lines(one)) + "\n")
    return 0


def compare(path: Path, settings: Mapping[str, str]) -> list[Bars]:
    """One comparison a symbol."""
    with Recording.open(path) as recording:
        config = config_of(recording)
        if config.profile.mode == "BACKTEST":
            raise CockpitError("this is a backtest already", str(path))
        trades, state, begun = _trades(recording)
    profile, _ = with_fill(config.profile, settings)
    config = msgspec.structs.replace(config, profile=profile)
    found = recorded(path)
    return [
        _compared(config, state, symbol, found.session, rows, [t for t in trades if t.symbol == symbol], begun.get(symbol, 0))
        for symbol, rows in found.candles.items()
        if symbol in profile.symbols
    ]  # fmt: skip


def _trades(recording: Recording) -> tuple[list[Trade], State, dict[str, int]]:
    """All trades, the final state, and the close of the first candle that the session itself saw, by symbol."""
    state = State(keep_log=False)
    trades: list[Trade] = []
    begun: dict[str, int] = {}
    for _, event in recording.events():
        before = state.trades_total
        apply(state, event)
        if isinstance(event, FillReport) and state.trades_total > before:
            trades.append(state.trades[-1])
        elif isinstance(event, CandlesLoaded) and event.candles:
            begun.setdefault(event.symbol, event.candles[-1].open_time + MINUTE_NS)
        elif isinstance(event, CandleTick) and event.closed:
            begun.setdefault(event.symbol, event.candle.open_time)
    return trades, state, begun


def _compared(
    config: Config, state: State, symbol: str, session: str, candles: list[Candle], trades: list[Trade], begun: int
) -> Bars:
    market = state.markets.get(symbol)
    instrument = market.instrument if market is not None and market.instrument else terms_of(symbol, candles)
    result = backtest(
        candles, [registry.build(s.name, s.params) for s in config.strategies], profile=config.profile,
        instrument=instrument, cash=state.account.start or config.profile.exchange.balance_quote,
    )  # fmt: skip
    here = [trade for trade in result.trades if trade.entry_t >= begun]
    return Bars(
        session=session,
        symbol=symbol,
        candles=len(candles),
        fill=config.profile.fill,
        rule=result.rule,
        pairs=_pairs(trades, here),
        recorded_pnl=sum((t.pnl for t in trades), ZERO),
        simulated_pnl=sum((t.pnl for t in here), ZERO),
    )


def _pairs(there: list[Trade], here: list[Trade]) -> list[Pair]:
    left = list(here)
    pairs: list[Pair] = []
    for a in there:
        near = [
            b for b in left if (b.side, b.strategy) == (a.side, a.strategy) and abs(b.entry_t - a.entry_t) <= NEAR_NS
        ]
        b = near[0] if near else None
        if b is not None:
            left.remove(b)
        pairs.append(Pair(_cause(a, b), a, b))
    pairs += [Pair("not there", None, b) for b in left]
    return sorted(pairs, key=_entered)


def _entered(pair: Pair) -> int:
    one = pair.recorded or pair.simulated
    return one.entry_t if one is not None else 0


def _cause(a: Trade, b: Trade | None) -> str:
    if b is None:
        return "not here"
    if (a.entry, a.exit, a.qty, a.pnl) == (b.entry, b.exit, b.qty, b.pnl):
        return "same"
    if a.exit_why != b.exit_why or abs(a.exit_t - b.exit_t) > NEAR_NS:
        return "other exit"
    return "other size" if a.qty != b.qty else "bar model"


def lines(made: Bars) -> list[str]:
    """The trades side by side, and what they came to."""
    out = [f"{made.session}  {made.symbol}: {made.candles:,} closed candles through a backtest", f"  {made.rule}", ""]
    rows = [("time", "trade", "recorded", "PnL", "simulated", "PnL", "cause")]
    for pair in made.pairs:
        one = pair.recorded or pair.simulated
        assert one is not None
        what = f"{one.strategy or 'operator'} {'LONG' if one.side == 'BUY' else 'SHORT'}"
        rows.append((iso(one.entry_t)[11:16], what, *_cells(pair.recorded), *_cells(pair.simulated), pair.cause))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(w) if n in (3, 5) else cell.ljust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        out.append("  ".join(cells).rstrip())
    counts = {name: sum(1 for pair in made.pairs if pair.cause == name) for name in CAUSES}
    told = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    out += ["", f"{len(made.pairs)} trades: {told or 'none'}"]
    out += [f"  {name}: {words}" for name, words in CAUSES.items() if counts[name] and words]
    return [
        *out,
        f"PnL of the trades: {fmt.signed(made.recorded_pnl)} recorded, {fmt.signed(made.simulated_pnl)} simulated",
    ]


def _cells(trade: Trade | None) -> tuple[str, str]:
    if trade is None:
        return "–", ""
    return f"{trade.qty:f} {trade.entry:,.2f} → {trade.exit:,.2f} {trade.exit_why[:24]}", fmt.signed(trade.pnl)
