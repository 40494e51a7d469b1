"""No look-ahead, shown: a strategy's decisions must not change when the future it cannot know is missing or another one.

A strategy sees candles one at a time. To know more it must hold the data by another way: a list that was handed to it, its
class, a file. So the history is run as it is, and then

- again: what an object or a class has kept of the first run may change nothing;
- moved by 52 weeks: who looks candles up by their time finds others, or none;
- cut: nothing comes after a bar, and the decisions up to it must be the same;
- with another future: after a bar come other candles, and the decisions up to it must be the same.

What a strategy reads from elsewhere by the number of the row, and never by time, cannot be told from knowledge.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS, Candle, Instrument
from engine.model.orders import Intent
from engine.model.settings import Profile
from engine.ops.config import load
from engine.runner.backtest import backtest, limit
from engine.runner.terms import BTCUSDT
from engine.strategies.base import Strategy, View

Make = Callable[[list[Candle]], Strategy[Any]]
"""A fresh strategy; it is given the very list that its run will read, as a careless program would."""
Check = Literal["again", "moved", "cut", "other future"]
CHECKS: dict[str, str] = {
    "again": "the same history once more",
    "moved": "the same history 52 weeks later",
    "cut": "nothing after this bar",
    "other future": "other candles after this bar",
}
PIECE = 3_000
"""Longer histories are looked at in pieces of so many bars, so that a cut costs a piece and not a year."""
PIECES = 12
FUTURE = 300
"""So many candles of another future follow a cut."""
KEPT = 50
"""Changes that are kept; the search ends when so many were found."""
MOVE_NS = 364 * 24 * 60 * MINUTE_NS
"""Whole weeks, so that hours, weekdays and the limits of a day and a week stay where they are."""
Decisions = dict[int, tuple[str, ...]]
"""Open time of a bar → what was wanted there, in words."""


class Change(msgspec.Struct, frozen=True):
    """A decision that changed. ``cut_t`` is the open time of the last bar that both runs have in common (0: all of them)."""

    check: Check
    t: int
    cut_t: int
    was: list[str]
    became: list[str]


class LookAhead(msgspec.Struct, kw_only=True):
    """``clean`` when no decision changed. ``decisions`` are bars with a wish, of ``bars`` that were looked at."""

    strategy: str
    bars: int
    pieces: int
    decisions: int
    cuts: int
    runs: int
    changes: list[Change]

    @property
    def clean(self) -> bool:
        return not self.changes


def lookahead(
    candles: Sequence[Candle],
    make: Make,
    *,
    cuts: int = 40,
    seed: int = 0,
    profile: Profile | str | None = None,
    instrument: Instrument | None = None,
    progress: Callable[[float], object] | None = None,
) -> LookAhead:
    """Run all four checks. Half of the ``cuts`` are bars with a decision, the others are chosen by ``seed``.

    CockpitError when nothing is decided at all: then nothing has been shown.
    """
    run = _Runs(make, profile, instrument)
    pieces = _pieces(run, list(candles), cuts)
    chance = random.Random(seed)
    bars, decided = sum(len(rows) for rows, _ in pieces), sum(len(whole) for _, whole in pieces)
    found = LookAhead(
        strategy=run.name, bars=bars, pieces=len(pieces), decisions=decided, cuts=0, runs=0, changes=[]
    )  # fmt: skip
    for n, (rows, whole) in enumerate(pieces):
        share = cuts // len(pieces) + (n < cuts % len(pieces))
        told = _told(progress, n, len(pieces))
        _look(run, rows, whole, _cuts(rows, whole, share, chance), chance, found, told)
    found.runs = run.count
    del found.changes[KEPT:]
    return found


def _told(progress: Callable[[float], object] | None, n: int, of: int) -> Callable[[float], object]:
    return lambda part: progress((n + part) / of) if progress is not None else None


class _Runs:
    """Makes runs, and counts them."""

    def __init__(self, make: Make, profile: Profile | str | None, instrument: Instrument | None) -> None:
        self.make, self.instrument = make, instrument
        self.profile = profile if isinstance(profile, Profile) else load(profile or "backtest").profile
        limit(self.profile, (instrument or BTCUSDT).symbol)
        self.count = 0
        self.name = ""

    def decisions(self, rows: list[Candle]) -> Decisions:
        """What a fresh strategy wants at each bar of ``rows``; an error of its own counts as what it wanted there."""
        self.count += 1
        wanted: Decisions = {}
        strategy = self.make(rows)
        self.name = strategy.name
        watch(strategy, wanted)
        backtest(rows, strategy, profile=self.profile, instrument=self.instrument)
        return wanted


def watch(strategy: Strategy[Any], wanted: Decisions) -> None:
    """Note every wish of ``strategy`` (and of those that the trader makes like it) in ``wanted``."""
    kind = type(strategy)

    def failed(candle: Candle, error: Exception) -> None:
        wanted[candle.open_time] = (f"{type(error).__name__}: {error}",)

    def observe(self: Strategy[Any], candle: Candle) -> None:
        try:
            kind.observe(self, candle)
        except Exception as error:
            failed(candle, error)

    def decide(self: Strategy[Any], candle: Candle, view: View) -> list[Intent]:
        try:
            intents = kind.decide(self, candle, view)
        except Exception as error:
            failed(candle, error)
            return []
        if intents:
            wanted[candle.open_time] = tuple(map(words, intents))
        return intents

    strategy.__class__ = type(kind.__name__, (kind,), {"observe": observe, "decide": decide})


def words(intent: Intent) -> str:
    """Everything that is wanted, to the last digit."""
    parts = [intent.side, intent.role, intent.kind.lower()]
    parts += [
        f"{name} {_plain(value)}"
        for name in ("price", "stop", "target", "qty")
        if (value := getattr(intent, name)) is not None
    ]
    parts += [f"size {intent.size_factor!r}"] if intent.size_factor != 1.0 else []
    parts += ["post-only"] if intent.post_only else []
    parts += [f"for {intent.expires_bars} bars"] if intent.expires_bars else []
    return " ".join(parts)


def _plain(value: float | Decimal) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else repr(value)


# --- where it is looked at ----------------------------------------------------------------------------------------


def _pieces(run: _Runs, candles: list[Candle], cuts: int) -> list[tuple[list[Candle], Decisions]]:
    """Parts of the history with what is decided in them; larger ones where a strategy needs more before it acts."""
    if not candles:
        raise CockpitError("there are no candles")
    size = PIECE
    while True:
        count = min(PIECES, max(1, cuts // 5), -(-len(candles) // size))
        length = min(size, len(candles) // count)
        gap = (len(candles) - length) // max(1, count - 1)
        parts = [candles[n * gap : n * gap + length] for n in range(count)]
        pieces = [(rows, run.decisions(rows)) for rows in parts]
        if any(whole for _, whole in pieces):
            return pieces
        if size >= len(candles):
            what = f"{run.name} decides nothing in {len(candles):,} candles: nothing is shown"
            raise CockpitError(what, "", "take more data, or parameters with which it acts")
        size = min(len(candles), size * 4)


def _cuts(rows: list[Candle], whole: Decisions, count: int, chance: random.Random) -> list[int]:
    """Rows after which the history is cut: bars with a decision first, then any."""
    if len(rows) < 3:
        return []
    times = [candle.open_time for candle in rows]
    decided = [bisect_left(times, t) for t in whole]
    some = decided if len(decided) <= (count + 1) // 2 else chance.sample(decided, (count + 1) // 2)
    any_ = chance.sample(range(1, len(rows) - 1), min(count - len(some), len(rows) - 2))
    return sorted({row for row in (*some, *any_) if row < len(rows) - 1})


# --- the checks ---------------------------------------------------------------------------------------------------


def _look(
    run: _Runs, rows: list[Candle], whole: Decisions, cuts: list[int], chance: random.Random, found: LookAhead,
    told: Callable[[float], object],
) -> None:  # fmt: skip
    last = rows[-1].open_time
    found.changes += _changes("again", whole, run.decisions(list(rows)), last, 0)
    moved = run.decisions([msgspec.structs.replace(c, open_time=c.open_time + MOVE_NS) for c in rows])
    found.changes += _changes("moved", whole, {t - MOVE_NS: wish for t, wish in moved.items()}, last, 0)
    for n, row in enumerate(cuts):
        if len(found.changes) >= KEPT:
            return
        cut_t = rows[row].open_time
        known = rows[: row + 1]
        found.cuts += 1
        found.changes += _changes("cut", whole, run.decisions(list(known)), cut_t, cut_t)
        other = [*known, *_other_future(rows[row + 1 : row + 1 + FUTURE], chance)]
        found.changes += _changes("other future", whole, run.decisions(other), cut_t, cut_t)
        told((n + 1) / len(cuts))


def _changes(check: Check, was: Decisions, became: Decisions, until: int, cut_t: int) -> list[Change]:
    times = sorted(t for t in was.keys() | became.keys() if t <= until)
    return [
        Change(check, t, cut_t, list(was.get(t, ())), list(became.get(t, ())))
        for t in times
        if was.get(t) != became.get(t)
    ]


def _other_future(rows: list[Candle], chance: random.Random) -> list[Candle]:
    """The same times with other candles: shuffled, and a part higher or lower."""
    shuffled, factor = list(rows), chance.choice((0.5, 0.8, 1.25, 2.0))
    chance.shuffle(shuffled)
    return [
        Candle(at.open_time, c.open * factor, c.high * factor, c.low * factor, c.close * factor, c.volume)
        for at, c in zip(rows, shuffled, strict=True)
    ]
