"""Verified copies of a recording, also of one that is being written: taken by a process of its own, kept for a while, put back.

A copy is made through SQLite's backup interface from a read-only connection, so the writer goes on meanwhile; it is checked event
by event under another name, and only a whole one gets its own. ``python -m engine.journal.backup RECORDING FOLDER`` takes one.
"""

from __future__ import annotations

import calendar
import os
import shutil
import sqlite3
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from engine.journal.opening import RecordingError, connection
from engine.journal.recording import Recording
from engine.journal.schema import SIDE_FILES, sync_folder
from engine.model.errors import CockpitError

SUFFIX = ".cockpit"
HOURLY, DAILY = 24, 7
"""How many of the newest are kept, and for how many days before that the last of each session and day."""
LEAST_FREE = 300_000_000
"""Bytes that a backup leaves to the journal."""
_STAMP = "%Y%m%dT%H%M%SZ"
_PART = ".part"


class Backup(NamedTuple):
    """A copy: of which session, taken when (UTC seconds), and its file."""

    session: str
    t: int
    path: Path


class Taken(NamedTuple):
    path: Path
    events: int
    size: int


def listed(folder: Path) -> list[Backup]:
    """All copies, newest first."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        session, _, stamp = path.name.removesuffix(SUFFIX).rpartition(".")
        with suppress(ValueError):
            t = calendar.timegm(time.strptime(stamp, _STAMP))
            found.append(Backup(session, t, path))
    return sorted(found, key=lambda b: (b.t, b.session), reverse=True)


def take(recording: Path, folder: Path, now: float | None = None) -> Taken:
    """Copy, verify, name, and forget what is too old. RecordingError when the copy is not whole; OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _room(recording, folder)
    stamp = time.strftime(_STAMP, time.gmtime(time.time() if now is None else now))
    target = folder / f"{recording.name.removesuffix(SUFFIX)}.{stamp}{SUFFIX}"
    part = target.with_name(f".{target.name}{_PART}")
    try:
        _copy(recording, part)
        events = verified(part)
        os.replace(part, target)
    finally:
        for suffix in ("", *SIDE_FILES):
            Path(f"{part}{suffix}").unlink(missing_ok=True)
    sync_folder(folder)
    prune(folder)
    return Taken(target, events, target.stat().st_size)


def _room(recording: Path, folder: Path) -> None:
    """A backup must not take the place that the journal itself needs."""
    size = sum(
        Path(f"{recording}{suffix}").stat().st_size for suffix in ("", "-wal") if Path(f"{recording}{suffix}").exists()
    )
    free = shutil.disk_usage(folder).free
    if free - size < LEAST_FREE:
        raise RecordingError(f"no room: {free / 1e9:,.1f} GB free, the copy takes {size / 1e9:,.1f}", str(folder))


def _copy(recording: Path, part: Path) -> None:
    """One step: the copy is of one moment, and a writer that goes on would make SQLite begin again between steps."""
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    source, remark = connection(recording)
    with closing(source):
        if remark:
            raise RecordingError(remark, str(recording))
        try:
            with closing(sqlite3.connect(part, isolation_level=None)) as copy:
                source.backup(copy, pages=-1)
                copy.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.Error as error:
            raise RecordingError(f"it could not be copied: {error}", str(recording)) from error
    with part.open("rb+") as file:
        os.fsync(file.fileno())


def verified(path: Path) -> int:
    """The number of events of a whole recording. RecordingError for one that is damaged."""
    with Recording.open(path) as recording:
        damage = recording.check()
        if damage:
            raise RecordingError(f"it is damaged: {damage[0]}", str(path))
        return recording.count


def prune(folder: Path) -> list[Path]:
    """Delete what is neither among the newest nor the last of its session on one of the last days; returns what went."""
    found = listed(folder)
    kept = {backup.path for backup in found[:HOURLY]}
    last: dict[tuple[str, int], Path] = {}
    for backup in found:
        last.setdefault((backup.session, backup.t // 86_400), backup.path)
    days = sorted({day for _, day in last}, reverse=True)[:DAILY]
    kept.update(path for (_, day), path in last.items() if day in days)
    gone = [backup.path for backup in found if backup.path not in kept]
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


# --- putting back ------------------------------------------------------------------------------------------------------


class Restored(NamedTuple):
    backup: Backup
    target: Path
    events: int
    aside: Path | None
    """Where what it replaced lies now."""


def choose(folder: Path, name: str) -> Backup:
    """The newest copy of a session, by the beginning of its name; ``latest`` is the newest of all. CockpitError."""
    found = listed(folder)
    if name != "latest":
        found = [b for b in found if b.session.startswith(name) or b.path.name.startswith(name) or str(b.path) == name]
    if not found:
        what = "there is no backup" if name == "latest" else f"there is no backup of {name!r}"
        raise CockpitError(what, str(folder), "cockpit restore --list shows them; one is taken every hour of a session")
    sessions = {backup.session for backup in found}
    if name != "latest" and len(sessions) > 1:
        raise CockpitError(
            f"{len(sessions)} sessions begin with {name!r}", str(folder), f"say more: {', '.join(sorted(sessions)[:4])}"
        )
    return found[0]


def restore(backup: Backup, target: Path, *, force: bool = False, now: float | None = None) -> Restored:
    """Put a copy in a recording's place. What lies there is moved aside, never deleted.

    CockpitError where that is a good recording with as much or more in it (unless ``force``), or the copy is damaged.
    """
    events = verified(backup.path)
    standing = _standing(target)
    if standing is not None and standing >= events and not force:
        hint = "--force puts the backup in its place all the same and keeps the file beside it"
        raise CockpitError(
            f"this recording is whole and has {standing:,} events, the backup {events:,}", str(target), hint
        )
    aside = _move_aside(target, time.time() if now is None else now) if _lies_there(target) else None
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}{_PART}")
    try:
        shutil.copyfile(backup.path, part)
        part.chmod(0o600)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        verified(part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(target.parent)
    return Restored(backup, target, events, aside)


def _lies_there(target: Path) -> bool:
    return any(os.path.lexists(f"{target}{suffix}") for suffix in ("", *SIDE_FILES))


def _standing(target: Path) -> int | None:
    """Events of the whole recording in the place; None where there is none or it is damaged."""
    if not target.exists():
        return None
    with suppress(RecordingError):
        return verified(target)
    return None


def _move_aside(target: Path, now: float) -> Path:
    """The file with what belongs to it, in a folder where nobody takes it for a session."""
    folder = target.parent / "replaced" / time.strftime(_STAMP, time.gmtime(now))
    n = 1
    while folder.exists():
        n += 1
        folder = folder.with_name(f"{folder.name.partition('-')[0]}-{n}")
    folder.mkdir(mode=0o700, parents=True)
    for suffix in ("", *SIDE_FILES):
        if os.path.lexists(f"{target}{suffix}"):
            os.replace(f"{target}{suffix}", folder / f"{target.name}{suffix}")
    sync_folder(folder)
    return folder / target.name


def main(words: list[str]) -> int:
    """For the process that takes one: a line of its own about what came of it, and 1 when nothing did."""
    with suppress(OSError, AttributeError):
        os.nice(10)
    try:
        taken = take(Path(words[0]), Path(words[1]))
    except (CockpitError, OSError) as error:
        sys.stdout.write(error.what if isinstance(error, CockpitError) else str(error.strerror or error))
        return 1
    sys.stdout.write(f"{taken.path.name}: {taken.events:,} events verified, {taken.size / 1e6:,.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
