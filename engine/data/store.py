"""The candle store: one-minute candles by venue, symbol and month, each month a Parquet file that its manifest knows by hash."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import filelock

from engine.data import healing
from engine.data import manifest as book
from engine.data.contract import GAPS_KEPT, CandleError, Gap, Inspection, batch_of, inspect, same
from engine.data.healing import month_path
from engine.data.manifest import Manifest, Torn
from engine.data.moments import minute, month_bounds
from engine.data.months import Damaged, between, month_candles, month_names, monthly, wrong
from engine.journal.schema import sync_folder
from engine.model.market import MINUTE_NS, Candle

LOCK = ".lock"
LOCK_S = 30.0
LONGEST_SOURCE = 200
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{name}{n}" for name in ("COM", "LPT") for n in range(10))})
"""Names that are no files on Windows."""


class Written(NamedTuple):
    """Minutes that were new, that took the place of others, and that were there already; damaged months put aside."""

    added: int
    replaced: int
    unchanged: int
    months: list[str]
    set_aside: list[str]


class Series(NamedTuple):
    """``first`` and ``last`` are open times in UTC nanoseconds; ``problem`` says why the series cannot be read, if so."""

    venue: str
    symbol: str
    rows: int
    first: int
    last: int
    months: int
    gaps: int
    missing: int
    bytes: int
    problem: str = ""


class Problem(NamedTuple):
    """``month`` is ``2024-01``, empty for the series as a whole."""

    month: str
    what: str

    def __str__(self) -> str:
        return f"{self.month}: {self.what}" if self.month else self.what


class Store:
    """Several processes may use a store at once: writers of a series wait for each other, readers see whole months.

    Names of venues are kept in lower case, those of symbols in upper case.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # --- writing -----------------------------------------------------------------------------------------------

    def write(self, venue: str, symbol: str, candles: list[Candle], source: str, *, replace: bool = False) -> Written:
        """Merge candles (oldest first) with what is there; durable when it returns.

        CandleError, and nothing is written, if they break the contract, or if a minute is there with other values and
        ``replace`` is not set. With it a damaged month is put aside under another name and begun anew.
        """
        venue, symbol = names(venue, symbol)
        where = f"{venue}/{symbol}"
        inspect(candles).refuse(where)
        place = self._place(venue, symbol)
        _make(place, self.folder)
        with _locked(place):
            manifest = healing.heal(place, venue, symbol)
            plan = [_Merge(place, manifest, month, part, replace=replace) for month, part in monthly([candles])]
            clashes = [t for merge in plan for t in merge.clashes]
            if clashes and not replace:
                raise CandleError(
                    f"{len(clashes):,} of {len(candles):,} minutes are there already with other values, "
                    f"the first at {minute(clashes[0])}", where, "--replace takes the new ones",
                )  # fmt: skip
            for merge in plan:
                if merge.changes:
                    manifest = merge.commit(manifest, source)
        return Written(
            sum(merge.added for merge in plan),
            len(clashes),
            sum(merge.unchanged for merge in plan),
            [merge.month for merge in plan if merge.changes],
            [merge.aside for merge in plan if merge.aside],
        )

    def compare(self, venue: str, symbol: str, candles: list[Candle]) -> list[int]:
        """Open times of the candles that are there already with other values. CandleError for a damaged month."""
        venue, symbol = names(venue, symbol)
        if not self._place(venue, symbol).is_dir() or not candles:
            return []
        known = {c.open_time: c for c in self._read(venue, symbol, candles[0].open_time, candles[-1].open_time + 1)}
        return [c.open_time for c in candles if c.open_time in known and not same(c, known[c.open_time])]

    # --- reading -----------------------------------------------------------------------------------------------

    def read(self, venue: str, symbol: str, from_t: int | None = None, to_t: int | None = None) -> list[Candle]:
        """Candles with ``from_t ≤ open_time < to_t`` (UTC nanoseconds), oldest first; their files are checked by hash.

        CandleError if there is no such series, or if a month in the range is damaged.
        """
        venue, symbol = names(venue, symbol)
        if not self.has(venue, symbol):
            raise self._unknown(venue, symbol)
        return self._read(venue, symbol, from_t, to_t)

    def has(self, venue: str, symbol: str) -> bool:
        venue, symbol = names(venue, symbol)
        place = self._place(venue, symbol)
        return bool(healing.month_files(place)) or (place / book.NAME).exists()

    def last(self, venue: str, symbol: str) -> int | None:
        """Open time of the newest candle; None: there is none."""
        venue, symbol = names(venue, symbol)
        if not self.has(venue, symbol):
            return None
        return max((month.last for month in self._manifest(venue, symbol).months.values()), default=None)

    def months(self, venue: str, symbol: str) -> list[str]:
        """The months that have candles, in order: ``2024-01``."""
        venue, symbol = names(venue, symbol)
        if not self.has(venue, symbol):
            raise self._unknown(venue, symbol)
        return month_names(self._place(venue, symbol), self._manifest(venue, symbol))

    def listed(self) -> list[Series]:
        """Every series, from the manifests alone."""
        return [self._series(venue, symbol) for venue, symbol in self._folders()]

    def gaps(self, venue: str, symbol: str) -> list[Gap]:
        """Runs of missing minutes between the first and the last candle, at most ``GAPS_KEPT``."""
        inspection = Inspection()
        for month in self.months(venue, symbol):
            inspection.take(batch_of(self.read(venue, symbol, *month_bounds(month))))
        return inspection.gaps[:GAPS_KEPT]

    def check(self, venue: str, symbol: str, now: int | None = None) -> list[Problem]:
        """Read every file and say what is wrong; an empty list: all is as it was written and keeps the contract.

        ``now`` is UTC nanoseconds; without it no candle is from the future.
        """
        venue, symbol = names(venue, symbol)
        if not self.has(venue, symbol):
            raise self._unknown(venue, symbol)
        place = self._place(venue, symbol)
        with _locked(place):
            manifest = healing.heal(place, venue, symbol)
            return [
                Problem(month, what)
                for month in month_names(place, manifest)
                for what in wrong(place, manifest, month, now)
            ]

    # --- inside ------------------------------------------------------------------------------------------------

    def _place(self, venue: str, symbol: str) -> Path:
        place = self.folder / venue / symbol
        if not place.resolve().is_relative_to(self.folder.resolve()):
            raise CandleError("the folder of this series is a link out of the store", str(place))
        return place

    def _folders(self) -> Iterator[tuple[str, str]]:
        for venue in sorted(path.name for path in self.folder.glob("*") if path.is_dir()):
            for symbol in sorted(path.name for path in (self.folder / venue).glob("*") if path.is_dir()):
                try:
                    ours = names(venue, symbol) == (venue, symbol) and self.has(venue, symbol)
                except CandleError:
                    continue
                if ours:
                    yield venue, symbol

    def _series(self, venue: str, symbol: str) -> Series:
        try:
            months = list(self._manifest(venue, symbol).months.values())
        except CandleError as error:
            return Series(venue, symbol, 0, 0, 0, 0, 0, 0, 0, str(error))
        between = [b.first - a.last for a, b in pairwise(months)]
        problem = self._unread(venue, symbol, len(months))
        if not months:
            return Series(venue, symbol, 0, 0, 0, 0, 0, 0, 0, problem)
        return Series(
            venue,
            symbol,
            rows=sum(month.rows for month in months),
            first=months[0].first,
            last=months[-1].last,
            months=len(months),
            gaps=sum(month.gaps for month in months) + sum(step > MINUTE_NS for step in between),
            missing=sum(month.missing for month in months) + sum(step // MINUTE_NS - 1 for step in between),
            bytes=sum(month.bytes for month in months),
            problem=problem,
        )

    def _unread(self, venue: str, symbol: str, known: int) -> str:
        """What a list says of months that are not there or not whole."""
        place = self._place(venue, symbol)
        if len(healing.month_files(place)) == known:
            return ""
        with _locked(place):  # or a writer came between the manifest and the months
            known = len(healing.heal(place, venue, symbol).months)
            count = len(healing.month_files(place)) - known
        return f"{abs(count)} {'damaged' if count > 0 else 'missing'}; see cockpit data check" if count else ""

    def _manifest(self, venue: str, symbol: str) -> Manifest:
        place = self._place(venue, symbol)
        if healing.unsettled(place):
            with _locked(place):
                return healing.heal(place, venue, symbol)
        try:
            return book.read(place / book.NAME) or Manifest(venue, symbol, {})
        except Torn:
            with _locked(place):
                return healing.heal(place, venue, symbol)

    def _read(self, venue: str, symbol: str, from_t: int | None, to_t: int | None) -> list[Candle]:
        place = self._place(venue, symbol)
        try:
            return between(place, self._manifest(venue, symbol), from_t, to_t)
        except Damaged:  # or a writer came between the manifest and the month
            with _locked(place):
                return between(place, healing.heal(place, venue, symbol), from_t, to_t)

    def _unknown(self, venue: str, symbol: str) -> CandleError:
        known = ", ".join(f"{v}/{s}" for v, s in self._folders())
        hint = f"there is {known}" if known else "the store is empty: cockpit data import, or cockpit data fetch"
        return CandleError(f"the store has no {venue}/{symbol}", str(self.folder), hint)


class _Merge:
    """What a write makes of one month."""

    def __init__(self, place: Path, manifest: Manifest, month: str, fresh: list[Candle], *, replace: bool) -> None:
        self.month = month
        self.aside = ""
        self._place = place
        self._broken = False
        try:
            old = (
                month_candles(place, manifest, month)
                if month in {*manifest.months, *healing.month_files(place)}
                else []
            )
        except Damaged as error:
            if not replace:
                raise Damaged(error.what, error.where, "--replace puts the month aside and begins it anew") from error
            old, self._broken = [], True
        known = {candle.open_time: candle for candle in old}
        self.clashes = [c.open_time for c in fresh if c.open_time in known and not same(c, known[c.open_time])]
        known.update((candle.open_time, candle) for candle in fresh)
        self.added = len(known) - len(old)
        self.unchanged = len(fresh) - self.added - len(self.clashes)
        self.changes = bool(self.added or self.clashes)
        self._merged = [known[t] for t in sorted(known)]

    def commit(self, manifest: Manifest, source: str) -> Manifest:
        if self._broken and month_path(self._place, self.month).exists():
            self.aside = healing.set_aside(self._place, self.month)
        before = manifest.months.get(self.month)
        told = _sources(before.source if before and not self._broken else "", source)
        return healing.commit(self._place, manifest, self.month, batch_of(self._merged), told)


def names(venue: str, symbol: str) -> tuple[str, str]:
    """The folders of a series. CandleError for a name that could lead elsewhere."""
    for what, name in (("venue", venue), ("symbol", symbol)):
        if not _NAME.fullmatch(name) or ".." in name or name.split(".")[0].upper() in _DEVICES:
            shown = ascii(name if len(name) <= 40 else name[:40] + "...")
            raise CandleError(f"{shown} is no name of a {what}", "", "letters, digits, and . _ - inside")
    return venue.lower(), symbol.upper()


def _sources(before: str, source: str) -> str:
    """Where a month's candles came from, each named once."""
    told = [part for part in before.split("; ") if part]
    return "; ".join(told if source in told else [*told, source])[-LONGEST_SOURCE:]


def _make(place: Path, folder: Path) -> None:
    for path in (folder, place.parent, place):
        if not path.is_dir():
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(path.parent)


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """One process at a time, however the one before ended."""
    lock = filelock.FileLock(place / LOCK, timeout=LOCK_S, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise CandleError(
            f"another process has been writing for {LOCK_S:g} s", str(place), "wait for it, or end it"
        ) from None
    try:
        yield
    finally:
        lock.release()
