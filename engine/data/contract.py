"""What candles must keep, as one table of rules; every violation is counted and the first ones are kept, by row and rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise, repeat
from math import isfinite
from operator import eq, ge, gt, le, lt, mod, not_, rshift
from typing import ClassVar, NamedTuple

from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS, Candle

SHOWN = 10
GAPS_KEPT = 1_000
NEVER = -(1 << 64)
HUGE = 1e15
"""Beyond it a float has no room for the steps of a price."""


class CandleError(CockpitError):
    """Candles that cannot be used, found or stored."""

    exit_code: ClassVar[int] = 7


class Batch(NamedTuple):
    """Candles as columns, oldest first; ``rows`` are their numbers where they came from, for messages."""

    rows: Sequence[int]
    times: list[int]
    opens: list[float]
    highs: list[float]
    lows: list[float]
    closes: list[float]
    volumes: list[float]

    def candles(self) -> list[Candle]:
        return list(map(Candle, *self[1:]))


def batch_of(candles: Sequence[Candle], first_row: int = 0) -> Batch:
    return Batch(
        range(first_row, first_row + len(candles)),
        [c.open_time for c in candles],
        [c.open for c in candles],
        [c.high for c in candles],
        [c.low for c in candles],
        [c.close for c in candles],
        [c.volume for c in candles],
    )


class Violation(NamedTuple):
    row: int
    rule: str
    value: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.rule} ({self.value})"


class Gap(NamedTuple):
    """Minutes without a candle, ``first`` to ``last`` open time (both missing), UTC nanoseconds."""

    first: int
    last: int
    bars: int


class Around(NamedTuple):
    """What a rule needs besides the batch: the time before its first row, the grid, and the present."""

    before: int
    interval: int
    now: int | None


class Rule(NamedTuple):
    """``broken`` is something true for each row that breaks the rule; ``columns`` are the ones to show.

    All are maps of C functions: a year of minutes is asked 18 questions in a third of a second.
    """

    words: str
    columns: tuple[int, ...]
    broken: Callable[[Batch, Around], Iterable[object]]


def _odd(column: int) -> Callable[[Batch, Around], Iterable[object]]:
    def broken(batch: Batch, _around: Around) -> Iterable[object]:
        values: list[float] = batch[column]  # type: ignore[assignment]
        return map(not_, map(isfinite, values))

    return broken


def _steps(batch: Batch, around: Around) -> Iterator[int]:
    """The time before each row."""
    return chain((around.before,), batch.times)


def _prices(batch: Batch) -> tuple[list[float], ...]:
    return batch.opens, batch.highs, batch.lows, batch.closes


def _future(batch: Batch, around: Around) -> Iterable[object]:
    return () if around.now is None else map(gt, batch.times, repeat(around.now - around.interval))


TIME, OPEN, HIGH, LOW, CLOSE, VOLUME = range(1, 7)
PRICES = (OPEN, HIGH, LOW, CLOSE)
RULES: tuple[Rule, ...] = (
    Rule("the time is outside the years 1970 to 2262", (TIME,), lambda b, _: map(rshift, b.times, repeat(63))),
    Rule("the time is not on the grid of the interval", (TIME,), lambda b, a: map(mod, b.times, repeat(a.interval))),
    Rule("the time repeats the row before", (TIME,), lambda b, a: map(eq, _steps(b, a), b.times)),
    Rule("the time is before the row before", (TIME,), lambda b, a: map(gt, _steps(b, a), b.times)),
    Rule("the candle is not over yet: its end is in the future", (TIME,), _future),
    Rule("open is not a finite number", (OPEN,), _odd(OPEN)),
    Rule("high is not a finite number", (HIGH,), _odd(HIGH)),
    Rule("low is not a finite number", (LOW,), _odd(LOW)),
    Rule("close is not a finite number", (CLOSE,), _odd(CLOSE)),
    Rule("volume is not a finite number", (VOLUME,), _odd(VOLUME)),
    Rule("a price is not over 0", PRICES, lambda b, _: map(ge, repeat(0.0), map(min, *_prices(b)))),
    Rule("a price is out of all bounds", PRICES, lambda b, _: map(le, repeat(HUGE), map(max, *_prices(b)))),
    Rule("high is under open", (HIGH, OPEN), lambda b, _: map(lt, b.highs, b.opens)),
    Rule("high is under close", (HIGH, CLOSE), lambda b, _: map(lt, b.highs, b.closes)),
    Rule("low is over open", (LOW, OPEN), lambda b, _: map(gt, b.lows, b.opens)),
    Rule("low is over close", (LOW, CLOSE), lambda b, _: map(gt, b.lows, b.closes)),
    Rule("volume is negative", (VOLUME,), lambda b, _: map(lt, b.volumes, repeat(0.0))),
    Rule("volume is out of all bounds", (VOLUME,), lambda b, _: map(ge, b.volumes, repeat(HUGE))),
)  # fmt: skip


class Inspection:
    """Reads batches in order; afterwards ``violations`` are the first ``shown``, ``count`` is how many there are of all.

    ``interval`` is the grid in nanoseconds, ``now`` UTC nanoseconds (None: nothing is in the future). Gaps break no rule:
    markets pause; the first ``GAPS_KEPT`` are listed, all are counted.
    """

    def __init__(self, *, now: int | None = None, interval: int = MINUTE_NS, shown: int = SHOWN) -> None:
        self.violations: list[Violation] = []
        self.counts: dict[str, int] = {}
        self.gaps: list[Gap] = []
        self.gap_count = 0
        self.missing = 0
        self.rows = 0
        self.first = self.last = 0
        self.adjacent = False
        """Whether any two neighbours are one interval apart."""
        self._now = now
        self._interval = interval
        self._shown = shown
        self._before = NEVER

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    def take(self, batch: Batch) -> None:
        if not batch.times:
            return
        around = Around(self._before, self._interval, self._now)
        found: list[tuple[int, Violation]] = []
        for order, rule in enumerate(RULES):
            if any(rule.broken(batch, around)):
                found += [(order, violation) for violation in self._broken(rule, batch, around)]
        found.sort(key=lambda pair: (pair[1].row, pair[0]))
        self.violations += [violation for _, violation in found[: self._shown - len(self.violations)]]
        self._find_gaps(batch)
        self.first = batch.times[0] if not self.rows else self.first
        self.rows += len(batch.times)
        self.last = self._before = batch.times[-1]

    def _broken(self, rule: Rule, batch: Batch, around: Around) -> list[Violation]:
        """Those that can still be among the first; the others are only counted."""
        rows = [n for n, wrong in enumerate(rule.broken(batch, around)) if wrong]
        self.counts[rule.words] = self.counts.get(rule.words, 0) + len(rows)
        kept = rows[: max(0, self._shown - len(self.violations))]
        return [
            Violation(batch.rows[n], rule.words, ", ".join(repr(batch[column][n]) for column in rule.columns))
            for n in kept
        ]

    def _find_gaps(self, batch: Batch) -> None:
        step, times = self._interval, batch.times
        if not self.rows or times[0] - self._before != step or times[-1] - times[0] != step * (len(times) - 1):
            pairs = chain(((self._before, times[0]),) if self.rows else (), pairwise(times))
            for before, t in pairs:
                if t - before == step:
                    self.adjacent = True
                elif t - before > step:
                    self._gap(Gap(before + step, t - step, (t - before) // step - 1))
        else:
            self.adjacent = True

    def _gap(self, gap: Gap) -> None:
        self.gap_count += 1
        self.missing += gap.bars
        if len(self.gaps) < GAPS_KEPT:
            self.gaps.append(gap)

    def refuse(self, where: str) -> None:
        """CandleError that names rows and rules, if any is broken, or if there are no candles."""
        if self.count:
            few = "; ".join(str(violation) for violation in self.violations)
            more = f"; and {self.count - len(self.violations):,} more" if self.count > len(self.violations) else ""
            rows = "1 violation" if self.count == 1 else f"{self.count:,} violations"
            raise CandleError(f"{rows} of the data contract: {few}{more}", where, "correct or remove these rows")
        if not self.rows:
            raise CandleError("there are no candles in it", where)

    def refuse_file(self, where: str) -> None:
        """The same, and for a file of another interval: minutes of which no two are neighbours."""
        self.refuse(where)
        if self.rows > 2 and not self.adjacent:
            step = f"{self._interval / 1e9:g} s"
            raise CandleError(
                f"no two candles are {step} apart", where, "these are candles of another interval, no minutes"
            )


def inspect(candles: Sequence[Candle], *, now: int | None = None, shown: int = SHOWN) -> Inspection:
    """All violations of one-minute candles; rows are counted from 0."""
    inspection = Inspection(now=now, shown=shown)
    inspection.take(batch_of(candles))
    return inspection


def same(one: Candle, other: Candle) -> bool:
    """Whether two candles say the same."""
    return all(map(eq, _values(one), _values(other)))


def _values(candle: Candle) -> tuple[float, ...]:
    return candle.open_time, candle.open, candle.high, candle.low, candle.close, candle.volume
