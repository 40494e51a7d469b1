"""The recordings in a folder: what each session was and how it ended; labels, and deletion.

A label lies beside its recording (``NAME.label``). ``index.json`` only saves reading again what has not changed; it may be
deleted at any time.
"""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from engine.core.fold import apply
from engine.journal import keyframe
from engine.journal.codec import CodecError
from engine.journal.files import replacing
from engine.journal.opening import RecordingError, clean
from engine.journal.recording import Recording
from engine.journal.schema import SIDE_FILES
from engine.model.state import State
from engine.replay.timeline import RARE_KINDS

SUFFIX = ".cockpit"
MARK, CONTROL = "-whatif", "-control"
"""What the names of what-if runs, and of their unchanged twins, end in."""
MADE = re.compile(rf"{MARK}(-\d+)?({CONTROL})?$")
INDEX = "index.json"
INDEX_FORMAT = 1
MAX_INDEX = 16 << 20
RUNNING_NS = 5_000_000_000
"""A recording without an end whose last event is younger than this is still being written: the clock ticks every second."""
MAX_LABEL = 80
SIGNALS = frozenset({"SIGINT", "SIGTERM", "SIGHUP"})

Ending = Literal["clean", "signal", "failed", "torn", "running", "unreadable"]


class SessionRow(msgspec.Struct):
    """One recording. Times are UTC nanoseconds, ``net_pnl`` is realised less fees plus funding in ``currency``, ``size`` bytes.

    ``ending``: in order; in order but by a signal; its shutdown did not go through; the end is missing (crashed, killed, cut);
    still running; not readable (``problem`` says why).
    """

    name: str
    ending: Ending
    size: int
    label: str = ""
    id: str = ""
    profile: str = ""
    mode: str = ""
    venue: str = ""
    version: str = ""
    symbols: list[str] = []
    started_t: int = 0
    last_t: int = 0
    events: int = 0
    fills: int = 0
    trades: int = 0
    wins: int = 0
    rejections: int = 0
    net_pnl: Decimal = Decimal(0)
    currency: str = ""
    reason: str = ""
    problem: str = ""

    @property
    def duration_ns(self) -> int:
        return max(0, self.last_t - self.started_t)


class _Known(msgspec.Struct):
    mtime_ns: int
    row: SessionRow


class _Index(msgspec.Struct):
    format: int
    guard: str
    rows: dict[str, _Known]


def sessions(folder: Path, now: int) -> list[SessionRow]:
    """Every recording in ``folder``, newest first; ``now`` (UTC nanoseconds) tells the running ones from the torn."""
    known = _read_index(folder)
    rows: list[SessionRow] = []
    kept: dict[str, _Known] = {}
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            found = path.stat()
        except OSError:
            continue
        before = known.get(path.name)
        if before is not None and before.mtime_ns == found.st_mtime_ns and before.row.size == found.st_size:
            row = before.row
        else:
            row = describe(path, now)
        row.label = label_of(path)
        rows.append(row)
        if row.ending in ("clean", "signal", "failed"):
            kept[path.name] = _Known(found.st_mtime_ns, row)
    if kept.keys() != known.keys() or any(kept[name] is not known[name] and kept[name] != known[name] for name in kept):
        _write_index(folder, kept)
    return sorted(rows, key=lambda row: (row.started_t, row.name), reverse=True)


def is_whatif(session: str) -> bool:
    """Whether a session's id, or the stem of its file, is that of a what-if run: it bears the times of a session."""
    return MADE.search(session) is not None


def describe(path: Path, now: int) -> SessionRow:
    """One recording's row, from its last keyframe and the rare events behind it; a broken one's says what is wrong."""
    size = sum(_size(Path(f"{path}{suffix}")) for suffix in ("", "-wal"))
    try:
        with Recording.open(path) as recording:
            last = recording.last
            state = _summary(recording)
            closed = recording.closed
    except RecordingError as error:
        return SessionRow(path.name, "unreadable", size, problem=clean(error))
    info, account = state.session, state.account
    return SessionRow(
        name=path.name,
        ending=_ending(state, closed, now - last.t if last else RUNNING_NS),
        size=size,
        label=label_of(path),
        id=clean(info.id),
        profile=clean(info.profile),
        mode=clean(info.mode),
        venue=clean(info.venue),
        version=clean(info.version),
        symbols=[clean(symbol) for symbol in state.markets],
        started_t=info.started_t,
        last_t=last.t if last else 0,
        events=last.seq if last else 0,
        fills=state.fills_total,
        trades=state.trades_total,
        wins=state.wins_total,
        rejections=sum(state.rejected.values()),
        net_pnl=account.realised - account.fees + account.funding,
        currency=clean(account.currency),
        reason=clean(info.ended),
        problem="; ".join(recording.damage[:3]),
    )


def _summary(recording: Recording) -> State:
    """A state whose totals are right: market events change none of them, so they are left out."""
    last = recording.last
    state = State()
    found = recording.keyframe(last.seq, keyframe.guard()) if last else None
    if found is not None:
        with suppress(CodecError):
            state = keyframe.decode_foreign(found[1], found[0])
    for seq, event in recording.events(state.seq + 1, None, RARE_KINDS):
        state.seq = seq - 1
        apply(state, event)
    return state


def _ending(state: State, closed: bool, age_ns: int) -> Ending:
    if not state.session.ended:
        return "torn" if closed or age_ns >= RUNNING_NS else "running"
    if not state.session.clean:
        return "failed"
    return "signal" if state.session.ended in SIGNALS else "clean"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


# --- labels and deletion ------------------------------------------------------------------------------------------


def label_of(path: Path) -> str:
    """What a person called it; empty if nobody did."""
    try:
        with path.with_suffix(".label").open("rb") as file:
            return clean(file.read(4 * MAX_LABEL).decode("utf-8", "replace").strip())[:MAX_LABEL]
    except OSError:
        return ""


def rename(path: Path, label: str) -> str:
    """Give a recording a label (an empty one takes it away); returns it as it was kept. OSError when it cannot be written."""
    kept = clean(label.strip())[:MAX_LABEL]
    if not kept:
        path.with_suffix(".label").unlink(missing_ok=True)
        return ""
    with replacing(path.with_suffix(".label")) as file:
        file.write(kept + "\n")
    return kept


def delete(path: Path, now: int) -> None:
    """Delete a recording with everything that lies beside it. RecordingError for one that is running or is none; OSError."""
    if path.suffix != SUFFIX or not path.is_file():
        raise RecordingError("this is no recording", str(path))
    if describe(path, now).ending == "running":
        raise RecordingError("this session is running", str(path), "end it first")
    # The recording goes last but for its labels: what is left of a deletion that was cut short can be deleted again.
    for suffix in SIDE_FILES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.unlink()
    for suffix in (".bookmarks.json", ".label"):
        path.with_suffix(suffix).unlink(missing_ok=True)


# --- the index ----------------------------------------------------------------------------------------------------


def _read_index(folder: Path) -> dict[str, _Known]:
    try:
        with (folder / INDEX).open("rb") as file:
            found = msgspec.json.decode(file.read(MAX_INDEX), type=_Index)
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError):
        return {}
    return found.rows if found.format == INDEX_FORMAT and found.guard == keyframe.guard() else {}


def _write_index(folder: Path, rows: dict[str, _Known]) -> None:
    with suppress(OSError), replacing(folder / INDEX) as file:
        file.write(msgspec.json.encode(_Index(INDEX_FORMAT, keyframe.guard(), rows)).decode())
