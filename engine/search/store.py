"""A sweep's results in one SQLite file: what was asked, and what came of every point. An outcome that is in it is never lost."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

from engine.model.errors import CockpitError
from engine.search.montecarlo import MonteCarlo
from engine.search.space import Axis, Bad, Range
from engine.search.task import Outcome, Setup, Task

SCHEMA = 1
SUFFIX = ".sqlite"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}").fullmatch
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE points (
    id TEXT PRIMARY KEY, n INTEGER NOT NULL, part TEXT NOT NULL, window INTEGER NOT NULL, status TEXT NOT NULL,
    task BLOB NOT NULL, outcome BLOB NOT NULL
) WITHOUT ROWID;
"""


class StoreError(CockpitError):
    """A sweep that is not there, is something else, or cannot be kept."""

    exit_code: ClassVar[int] = 3


class Windows(msgspec.Struct, frozen=True):
    """Lengths of a walk-forward in nanoseconds; ``anchored``: every training begins at the first bar."""

    train: int
    test: int
    anchored: bool = False


class Plan(msgspec.Struct, frozen=True):
    """What is asked of a sweep. A file belongs to one plan.

    ``base`` are the parameters of a file that are not tried; ``setup`` and ``data`` are hashes; ``objective`` and ``library``
    (Optuna's version) count only in a study.
    """

    method: Literal["grid", "study"]
    setup: str
    data: str
    strategy: str
    profile: str
    base: dict[str, Any] = {}
    axes: tuple[Axis, ...] = ()
    ranges: tuple[Range, ...] = ()
    sampler: str = ""
    seed: int = 0
    objective: str = ""
    library: str = ""
    windows: Windows | None = None


class Headline(msgspec.Struct, frozen=True):
    """The joined test windows of a walk-forward: metrics, exact profit, and the equity curve in a few points."""

    figures: dict[str, float | None]
    pnl: Decimal
    trades: int
    windows: int
    start_t: int
    end_t: int
    line: tuple[float, ...]


class Notes(msgspec.Struct):
    """What is told about a sweep besides its plan: where the data came from, how far it is, how busy the workers were.

    ``data`` and ``settings`` (``path=value``) are as they were typed; ``whole``: without a range of time; ``wanted`` counts runs.
    """

    symbol: str = ""
    source: str = ""
    data: str = ""
    settings: tuple[str, ...] = ()
    whole: bool = True
    rows: int = 0
    first_t: int = 0
    last_t: int = 0
    cash: str = ""
    objective: str = "sharpe"
    wanted: int = 0
    finished: bool = False
    seconds: float = 0.0
    busy: float = 0.0
    cpu: float = 0.0
    workers: int = 0
    command: str = ""
    trials: int = 0
    carlo_runs: int = 0
    carlo: MonteCarlo | None = None
    joined: Headline | None = None


@dataclass(slots=True)
class Row:
    """A task and what came of it."""

    task: Task
    outcome: Outcome


class Store:
    """Open with ``create`` or ``open_store``; every outcome is on the disk when ``keep`` returns."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self.plan = msgspec.json.decode(self._meta("plan"), type=Plan)
        self.setup = msgspec.json.decode(self._meta("setup"), type=Setup)
        self.notes = msgspec.json.decode(self._meta("notes"), type=Notes)
        self.bad = msgspec.json.decode(self._meta("bad"), type=list[Bad])

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(SUFFIX)

    def keep(self, task: Task, outcome: Outcome) -> None:
        packed = msgspec.json.encode(task), msgspec.msgpack.encode(outcome)
        with self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?, ?)",
                (task.id, task.n, task.part, task.window, outcome.status, *packed),
            )

    def found(self, id_: str) -> Outcome | None:
        """The outcome of a task that was done; a failed one may be tried again and is not given."""
        row = self._db.execute("SELECT outcome FROM points WHERE id = ? AND status = 'done'", (id_,)).fetchone()
        return None if row is None else msgspec.msgpack.decode(row[0], type=Outcome)

    def rows(self, part: str = "", *, heavy: bool = False) -> list[Row]:
        """In the order of their numbers, of one part or of all. Without ``heavy`` curves and trades are left out."""
        where, values = ("WHERE part = ?", (part,)) if part else ("", ())
        found = []
        for task, outcome in self._db.execute(
            f"SELECT task, outcome FROM points {where} ORDER BY window, n, id", values
        ):
            row = Row(msgspec.json.decode(task, type=Task), msgspec.msgpack.decode(outcome, type=Outcome))
            if not heavy:
                row.outcome.curve = row.outcome.trade_list = row.outcome.fill_list = b""
            found.append(row)
        return found

    def counts(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT status, COUNT(*) FROM points GROUP BY status"))

    def note(self) -> None:
        """Keep the notes as they are now."""
        self._put("notes", msgspec.json.encode(self.notes))

    def refuse(self, bad: Iterable[Bad]) -> None:
        """Keep the points that the strategy refuses."""
        self.bad = list(bad)
        self._put("bad", msgspec.json.encode(self.bad))

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _meta(self, key: str) -> bytes:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise StoreError("this is no sweep", str(self.path))
        return bytes(row[0])

    def _put(self, key: str, value: bytes) -> None:
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def folder(root: Path) -> Path:
    """Where the sweeps of a home are; made if need be, for its owner alone."""
    place = root / "sweeps"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def place_of(root: Path, name: str) -> Path:
    """The file of a sweep. Raises StoreError for a name that is none."""
    if not _NAME(name) or ".." in name:
        raise StoreError(f"{name[:80]!r} is no name for a sweep", "", "letters, digits, - _ and . (at most 80)")
    return root / "sweeps" / f"{name}{SUFFIX}"


def create(path: Path, plan: Plan, setup: Setup, notes: Notes, bad: list[Bad]) -> Store:
    """A new file for a sweep. Raises StoreError where it cannot be written."""
    folder(path.parent.parent)
    try:
        path.touch(mode=0o600, exist_ok=False)
        db = _connect(path, "rw")
        with db:
            db.execute("PRAGMA journal_mode = WAL")
            for table in _TABLES.strip().split(";\n"):
                db.execute(table)
            values = {"schema": SCHEMA, "plan": plan, "setup": setup, "notes": notes, "bad": bad}
            db.executemany("INSERT INTO meta VALUES (?, ?)", [(k, msgspec.json.encode(v)) for k, v in values.items()])
    except FileExistsError:
        raise StoreError("there is a sweep of this name already", str(path)) from None
    except sqlite3.Error as error:
        raise StoreError(f"it cannot be written: {error}", str(path)) from None
    return Store(path, db)


def open_store(path: Path, *, write: bool = False) -> Store:
    """An existing sweep. Raises StoreError where there is none, or the file is something else."""
    if not path.is_file():
        known = ", ".join(sorted(p.name.removesuffix(SUFFIX) for p in path.parent.glob(f"*{SUFFIX}"))[:12])
        raise StoreError("there is no such sweep", path.name.removesuffix(SUFFIX), f"known: {known or 'none yet'}")
    db = None
    try:
        db = _connect(path, "rw" if write else "ro")
        row = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        schema = 0 if row is None else int(row[0])
        if schema != SCHEMA:
            raise StoreError(f"its schema is {schema}, this version reads {SCHEMA}", str(path))
        return Store(path, db)
    except (sqlite3.Error, msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
        if db is not None:
            db.close()
        raise StoreError(f"this is no sweep, or it is damaged: {error}", str(path)) from None
    except StoreError:
        if db is not None:
            db.close()
        raise


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    from urllib.parse import quote

    db = sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=10)
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def names(root: Path) -> list[Path]:
    """Files of all sweeps, the newest first."""
    files = []
    for path in (root / "sweeps").glob(f"*{SUFFIX}"):
        with suppress(OSError):
            files.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(files, reverse=True)]


def difference(asked: Plan, kept: Plan) -> str:
    """What differs between two plans, in words; empty when nothing does."""
    if asked == kept:
        return ""
    if asked.data != kept.data:
        return "other candles"
    for name in (
        "strategy",
        "method",
        "profile",
        "base",
        "axes",
        "ranges",
        "sampler",
        "seed",
        "objective",
        "library",
        "windows",
    ):
        if getattr(asked, name) != getattr(kept, name):
            return WORDS.get(name, name)
    return "other settings of the profile, another seed or instrument, or another version of the program"


WORDS = {
    "strategy": "another strategy",
    "method": "a grid and a study are two things",
    "profile": "another profile",
    "base": "other values of the parameters that are not tried",
    "axes": "another grid",
    "ranges": "other ranges",
    "sampler": "another sampler",
    "seed": "another seed",
    "objective": "another objective (a study seeks by it)",
    "library": "another version of Optuna",
    "windows": "other walk-forward windows",
}


def delete(path: Path) -> None:
    """Remove a sweep for good. OSError where that fails."""
    for end in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{end}").unlink()


def facts(path: Path) -> dict[str, Any]:
    """A sweep in a list: name, strategy, method, points and how they ended; or its problem."""
    try:
        with closing(open_store(path)) as store:
            n = store.notes
            return {
                "name": store.name, "strategy": store.plan.strategy, "method": store.plan.method, "symbol": n.symbol,
                "points": n.wanted, "invalid": len(store.bad), **store.counts(), "finished": n.finished, "objective": n.objective,
                "problem": "",
            }  # fmt: skip
    except CockpitError as error:
        return {"name": path.name.removesuffix(SUFFIX), "problem": str(error)}
