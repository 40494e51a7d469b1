"""What a running session tells other processes: who it is (``run/SESSION.json``), and every second that it lives (``.beat``).

Both are small files for their owner alone, replaced in one step; a reader finds a whole one or none.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.model.settings import VenueSettings, WatchSettings
from engine.ops.paths import Home

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}").fullmatch
LARGEST = 65_536


class RunFile(msgspec.Struct, kw_only=True):
    """A session as another process can find it.

    ``venue`` has the addresses that the session uses. ``demo_key`` and ``demo_secret`` are those of an embedded exchange, which
    ends with its session; keys to anything else are never written here.
    """

    session: str
    pid: int
    born: int
    """The system's mark of when the process began (zero where it does not tell): a pid is given out again."""
    started_t: int
    profile: str
    mode: str
    symbols: list[str]
    venue: VenueSettings
    watch: WatchSettings
    account: str = ""
    demo_key: str = ""
    demo_secret: str = ""

    @property
    def embedded(self) -> bool:
        return bool(self.demo_key)

    def __repr__(self) -> str:
        return f"RunFile({self.session})"


class Beat(msgspec.Struct):
    """A session's sign of life. ``steady_ns`` is the computer's even clock, the same for every process on it."""

    t: int
    steady_ns: int
    lag_ms: float
    rss_mb: float
    trading: str
    working: int
    held: int
    watchdog: int = 0


def steady_ns() -> int:
    """Nanoseconds that pass evenly, for all processes alike, also while the computer sleeps where the system can tell."""
    source = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime_ns(source) if source is not None else time.monotonic_ns()


def born(pid: int) -> int:
    """The start mark of a process; zero where the system does not tell."""
    fields = _stat(pid)
    return int(fields[19]) if len(fields) > 19 and fields[19].isdecimal() else 0


def stopped(pid: int) -> bool:
    """Whether the system says that the process is stopped (SIGSTOP, a debugger)."""
    return _stat(pid)[:1] in (["T"], ["t"])


def _stat(pid: int) -> list[str]:
    """Fields of ``/proc/PID/stat`` behind the name, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def alive(pid: int, mark: int = 0) -> bool:
    """Whether the process runs; with the start mark of ``born``, whether it is still the same one."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's: it exists
    fields = _stat(pid)
    return not (fields[:1] == ["Z"] or (mark and fields and born(pid) != mark))


def rss_mb() -> float:
    """Resident memory of this process; where the system does not tell, the most that it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, ValueError, IndexError):
        import resource
        import sys

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / 1e6 if sys.platform == "darwin" else most / 1e3


def save(home: Home, run: RunFile) -> None:
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(home.run / f"{run.session}.json", msgspec.json.encode(run))


def beat(home: Home, session: str, beat: Beat) -> None:
    replace(home.run / f"{session}.beat", msgspec.json.encode(beat))


def last_beat(home: Home, session: str) -> Beat | None:
    return _read(home.run / f"{session}.beat", Beat)


def remove(home: Home, session: str) -> None:
    for ending in ("beat", "json"):
        with suppress(OSError):
            (home.run / f"{session}.{ending}").unlink()


def found(home: Home) -> list[RunFile]:
    """Sessions that run, or that ended without order; oldest first."""
    paths = sorted(home.run.glob("*.json")) if home.run.is_dir() else []
    runs = [_read(path, RunFile) for path in paths if _NAME(path.stem)]
    return [run for run in runs if run is not None and run.pid > 1]


def replace(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, in one step; not forced to the disk."""
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
    part.replace(path)


def _read(path: Path, kind: type[T]) -> T | None:
    """None for what is gone, unreadable, somebody else's, or readable by others."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        about = os.fstat(descriptor)
        if os.name != "nt" and (about.st_uid != os.geteuid() or about.st_mode & 0o077):
            return None
        return msgspec.json.decode(os.read(descriptor, LARGEST), type=kind)
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
