"""A series as a killed or careless process left it, put in order again: nothing whole is lost, nothing damaged is believed.

A write goes: month (temporary), ``manifest.next``, month (its own name), manifest. So ``manifest.next`` is there exactly while a
month may be newer than the manifest, and says what it is if it is whole; any other difference is damage.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from engine.data import manifest as book
from engine.data.contract import Batch, CandleError, inspect
from engine.data.manifest import Manifest, Month, Torn
from engine.data.moments import month_of
from engine.data.monthfile import Labels, pack, summary, unpack
from engine.journal.schema import sync_folder

SUFFIX = ".parquet"
_MONTH = re.compile(r"(19[7-9]\d|2[01]\d\d|22[0-5]\d|226[0-2])-(0[1-9]|1[0-2])", re.ASCII)


def month_path(place: Path, month: str) -> Path:
    return place / f"{month}{SUFFIX}"


def month_files(place: Path) -> list[str]:
    """The months that have a file, in order."""
    found = (path.name.removesuffix(SUFFIX) for path in place.glob(f"*{SUFFIX}") if path.is_file())
    return sorted(name for name in found if _MONTH.fullmatch(name))


def unsettled(place: Path) -> bool:
    """Whether ``heal`` may have work: a write is under way or was killed, or files and manifest do not go together."""
    if (place / book.NEXT).exists() or book.leftovers(place):
        return True
    try:
        manifest = book.read(place / book.NAME)
    except Torn:
        return True
    return bool(set(month_files(place)) - set(manifest.months if manifest else ()))


def heal(place: Path, venue: str, symbol: str) -> Manifest:
    """Settle what a killed writer left and take in whole months that the manifest lacks. Call it with the lock held.

    A damaged month stays where it is and as it is: it is named when it is read.
    """
    book.sweep(place)
    before = _intact(place / book.NAME)
    after = _intact(place / book.NEXT)
    months = dict(before.months) if before else {}
    for name, month in (after.months if after else {}).items():
        if months.get(name) != month and _hash(month_path(place, name)) == month.sha256:
            months[name] = month
    for name in set(month_files(place)) - set(months):
        found = _adopted(place, name, venue, symbol)
        if found is not None:
            months[name] = found
    healed = Manifest(venue, symbol, {name: months[name] for name in sorted(months)})
    if months and healed != before:
        book.put(place / book.NAME, book.encode(healed))
    with suppress(FileNotFoundError):
        (place / book.NEXT).unlink()
        sync_folder(place)
    return healed


def commit(place: Path, manifest: Manifest, month: str, batch: Batch, source: str) -> Manifest:
    """Put a month in place of what was there. A kill between any two steps leaves what ``heal`` settles, old or new, whole."""
    raw = pack(batch, Labels(manifest.venue, manifest.symbol, source))
    months = {**manifest.months, month: summary(batch, raw, source)}
    after = Manifest(manifest.venue, manifest.symbol, {name: months[name] for name in sorted(months)})
    path = month_path(place, month)
    staged = book.stage(path, raw)
    book.put(place / book.NEXT, book.encode(after))
    book.settle(staged, path)
    book.settle(place / book.NEXT, place / book.NAME)
    return after


def set_aside(place: Path, month: str) -> str:
    """Give a damaged month another name, out of the way of a new one; the name."""
    path = month_path(place, month)
    number = 1
    while (aside := path.with_name(f"{month}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    sync_folder(place)
    return aside.name


def _intact(path: Path) -> Manifest | None:
    try:
        return book.read(path)
    except Torn:
        return None


def _hash(path: Path) -> str:
    try:
        return book.digest(path.read_bytes())
    except FileNotFoundError:
        return ""


def _adopted(place: Path, name: str, venue: str, symbol: str) -> Month | None:
    """The row of a file without one, if it is whole, of this series and of this month."""
    path = month_path(place, name)
    try:
        raw = path.read_bytes()
        batch, labels = unpack(raw, str(path))
        inspect(batch.candles()).refuse(str(path))
    except CandleError:
        return None
    ours = (labels.venue, labels.symbol) == (venue, symbol)
    if not ours or month_of(batch.times[0]) != name or month_of(batch.times[-1]) != name:
        return None
    return summary(batch, raw, labels.source)
