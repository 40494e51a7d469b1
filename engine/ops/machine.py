"""What a session stands on, checked: interpreter, libraries, disk, locks. Each check measures, or says why it could not."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import statistics
import sys
import tempfile
import time
import tomllib
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

import platformdirs

from engine.ops import running
from engine.ops.lock import Holder, LockedError, hold
from engine.ops.paths import Home

Status = Literal["ok", "warn", "fail", "not checked"]


class Row(NamedTuple):
    """``hint`` is what helps where it is not ok."""

    name: str
    status: Status
    detail: str
    hint: str = ""


LEAST_FREE = 2_000_000_000
"""Bytes: ten days of one live symbol. Below ``engine.session.preflight.LEAST_FREE`` no session trades."""
NO_ROOM = 200_000_000
FSYNC_WARN_MS, FSYNC_FAIL_MS = 50.0, 1_000.0
"""Every order waits for one: 50 ms are felt, a second is a broken disk."""
TOO_FAST_MS = 0.005
"""Of memory, or of a layer that only says yes: the fastest disks take some 0.02 ms."""
FSYNCS = 15
NETWORK = frozenset((
    "nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "gfs2", "ocfs2", "davfs",
    "fuse.davfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse",
))  # fmt: skip
"""Where locks or fsync may be promises only: SQLite's WAL mode does not work over a network."""
VOLATILE = frozenset({"tmpfs", "ramfs"})
WAL_RESET = ((3, 7, 0), (3, 51, 3))
"""SQLite's WAL-reset bug: from the first version up to, not including, the second. It takes two
connections that write or checkpoint at once."""


NO_BOUNDS = "the package is not installed, so its bounds are not known"


def bounds() -> tuple[str, list[str]] | None:
    """What the interpreter must be, and the libraries: of the checkout that this is, else of the installed package."""
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    with suppress(OSError, tomllib.TOMLDecodeError, KeyError):
        found = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        if found["name"] == "cockpit":
            return found["requires-python"], found["dependencies"]
    with suppress(metadata.PackageNotFoundError):
        return metadata.metadata("cockpit")["Requires-Python"] or "", metadata.requires("cockpit") or []
    return None


def python() -> Row:
    version, known = sys.version.split()[0], bounds()
    if known is None:
        return Row("python", "not checked", f"{version}; {NO_BOUNDS}")
    ok = _within(version, known[0])
    return Row(
        "python", "ok" if ok else "fail", f"{version}, needed {known[0]}", "" if ok else "use another interpreter"
    )


def libraries() -> Row:
    """Every library that a session needs."""
    known = bounds()
    if known is None:
        return Row("libraries", "not checked", NO_BOUNDS)
    wrong, count = [], 0
    for line in known[1]:
        found = _REQUIREMENT(line)
        if found is None or "extra ==" in line:
            continue
        count += 1
        name, limits = found[1], found[2].strip()
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        if not _within(version, limits):
            wrong.append(f"{name} {version} is not {limits}")
    if wrong:
        return Row("libraries", "fail", "; ".join(wrong[:5]), "install the cockpit again, in an environment of its own")
    return Row("libraries", "ok", f"{count} within their bounds")


_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*([^;]*)").match
_BOUND = re.compile(r"(>=|<=|==|!=|<|>)\s*([0-9][0-9.]*)(\.\*)?")


def _within(version: str, bounds: str) -> bool:
    """Of the bounds that our own requirements use: plain numbers."""
    have = _numbers(version)
    for sign, text, _ in _BOUND.findall(bounds):
        limit = _numbers(text)
        width = max(len(have), len(limit))
        a, b = have + (0,) * (width - len(have)), limit + (0,) * (width - len(limit))
        if not {">=": a >= b, "<=": a <= b, "==": a == b, "!=": a != b, "<": a < b, ">": a > b}[sign]:
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else (0,)


def sqlite() -> Row:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < (3, 37, 0):  # STRICT tables
        return Row("sqlite", "fail", f"{version}, needed 3.37", "use a newer interpreter")
    if WAL_RESET[0] <= sqlite3.sqlite_version_info < WAL_RESET[1]:
        note = "has the WAL-reset bug (3.7.0 to 3.51.2), which takes two that write or checkpoint at once; a journal has one"
        return Row("sqlite", "ok", f"{version}; {note}")
    return Row("sqlite", "ok", version)


def terminal() -> Row:
    """What the screen would be drawn on."""
    if not sys.stdout.isatty():
        return Row("terminal", "not checked", "standard output is no terminal; cockpit run --headless needs none")
    size, kind = shutil.get_terminal_size(), os.environ.get("TERM", "")
    colours = os.environ.get("COLORTERM", "")
    coding = (sys.stdout.encoding or "").lower().replace("-", "")
    shades = "24-bit colour" if colours in ("truecolor", "24bit") else "256 colours at most"
    said = f"{size.columns}×{size.lines}, TERM={kind or 'not set'}, {shades}"
    if size.columns < 40 or size.lines < 10:
        return Row("terminal", "fail", said, "the least is 40×10")
    if coding != "utf8":
        return Row("terminal", "fail", f"{said}, {coding or 'no'} encoding", "set LANG to a UTF-8 locale")
    if kind in ("", "dumb"):
        return Row("terminal", "fail", said, "TERM must name the terminal, like xterm-256color")
    small = size.columns < 80 or size.lines < 24
    return Row("terminal", "warn" if small else "ok", f"{said}, UTF-8", "80×24 or more is good" if small else "")


def home_folder(home: Home) -> Row:
    root = home.root
    try:
        found = root.stat()
    except FileNotFoundError:
        return Row("home folder", "ok", f"{root} is not there yet: the first session makes it")
    except OSError as error:
        return Row("home folder", "fail", f"{root}: {error.strerror}", "choose another with --home")
    if not stat.S_ISDIR(found.st_mode) or not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        return Row("home folder", "fail", f"{root} cannot be written", "choose another with --home")
    if os.name == "nt":
        return Row("home folder", "not checked", f"{root}: who may read it is not visible on this system")
    if found.st_uid != os.geteuid():
        return Row("home folder", "fail", f"{root} belongs to another user", "choose another with --home")
    open_ones = [
        p.name for p in (root, home.sessions, home.secrets, home.config) if p.is_dir() and p.stat().st_mode & 0o077
    ]
    if open_ones:
        return Row("home folder", "warn", f"others can look into {', '.join(open_ones)}", f"chmod 700 {root}")
    return Row("home folder", "ok", f"{root}, for you alone")


def free_space(home: Home) -> Row:
    place = _there(home.root)
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Row("free space", "not checked", f"{place}: {error.strerror}")
    status: Status = "fail" if free < NO_ROOM else "warn" if free < LEAST_FREE else "ok"
    hint = "a full disk ends the session; make room" if status != "ok" else ""
    return Row("free space", status, f"{free / 1e9:,.1f} GB", hint)


def file_system(home: Home) -> Row:
    kind = _kind(_there(home.root))
    if kind is None:
        return Row(
            "file system", "not checked", "this system does not tell of what type it is; it must not be a network's"
        )
    if kind in NETWORK:
        return Row(
            "file system", "fail", f"{kind} is a network file system", "keep the home folder on a local disk (--home)"
        )
    if kind in VOLATILE:
        return Row(
            "file system", "warn", f"{kind} is memory: everything is lost at a restart", "keep it on a disk (--home)"
        )
    if kind == "overlay":
        return Row(
            "file system", "warn", "overlay is a container's: it ends with the container", "mount a volume there"
        )
    return Row("file system", "ok", kind)


def _there(path: Path) -> Path:
    """The folder itself, or the nearest above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _kind(path: Path) -> str | None:
    """The type of the file system that ``path`` is on, by the longest mount point above it."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        real = str(path.resolve())
    except OSError:
        return None
    best, kind = "", None
    for line in lines:
        before, _, after = line.partition(" - ")
        parts, rest = before.split(), after.split()
        if len(parts) < 5 or not rest:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), parts[4])
        above = real == point or real.startswith(point.rstrip("/") + "/")
        if above and len(point) >= len(best):
            best, kind = point, rest[0]
    return kind


def fsync_speed(home: Home) -> Row:
    place, took = _there(home.root), []
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            for _ in range(FSYNCS):
                file.write(b"x" * 4096)
                file.flush()
                start = time.perf_counter()
                os.fsync(file.fileno())
                took.append((time.perf_counter() - start) * 1e3)
    except OSError as error:
        return Row("disk speed", "fail", f"{place}: {error.strerror}", "nothing can be written there")
    middle, worst = statistics.median(took), max(took)
    status: Status = "fail" if worst >= FSYNC_FAIL_MS else "warn" if middle >= FSYNC_WARN_MS else "ok"
    said = f"fsync {middle:.1f} ms, slowest of {FSYNCS} {worst:.1f} ms"
    if middle < TOO_FAST_MS:
        return Row("disk speed", "warn", f"{said}: too fast to be true", "this disk may not keep what it says it keeps")
    return Row("disk speed", status, said, "every order waits for the disk" if status != "ok" else "")


def locks() -> Row:
    """Whether the lock folder works, and which accounts are held now."""
    folder = platformdirs.user_state_path("cockpit", appauthor=False) / "locks"
    try:
        with hold("doctor", str(os.getpid())):
            pass
        for path in folder.glob("doctor-*.lock"):
            path.unlink(missing_ok=True)
    except LockedError as error:
        return Row("locks", "fail", f"{folder}: {error.what}", error.hint)
    held = [found for path in sorted(folder.glob("*.json")) if (found := _holder(path))]
    return Row("locks", "ok", f"{folder} works; " + (f"held: {', '.join(held)}" if held else "no account is held"))


def _holder(path: Path) -> str:
    import msgspec

    try:
        holder = msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, ValueError):
        return ""
    return f"{path.stem.partition('-')[0]} by process {holder.pid}" if running.alive(holder.pid) else ""


def leftovers(home: Home) -> Row:
    """Run files without a process, and processes of ours that nobody started any more."""
    runs = running.found(home)
    dead = [run.session for run in runs if not running.alive(run.pid, run.born)]
    alive = [f"{run.session} (process {run.pid})" for run in runs if running.alive(run.pid, run.born)]
    orphans = _orphans()
    if orphans is None:
        return Row("processes", "not checked", "this system does not list them")
    said = f"running: {', '.join(alive)}" if alive else "no session runs"
    if orphans:
        return Row("processes", "warn", f"{said}; without a parent: {', '.join(orphans)}", "end them: kill PID")
    if dead:
        return Row(
            "processes",
            "warn",
            f"{said}; died without an end: {', '.join(dead[:3])}",
            "look at the venue, then start again",
        )
    return Row("processes", "ok", said)


def _orphans() -> list[str] | None:
    """Embedded exchanges whose session is gone (they end by themselves within seconds); a watchdog is meant to outlive one."""
    if not Path("/proc/self/stat").exists():
        return None
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdecimal():
            continue
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            parent = int((place / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            mine = place.stat().st_uid == os.geteuid()
        except (OSError, ValueError, IndexError):
            continue
        if mine and parent == 1 and b"engine.sim" in words:
            found.append(f"exchange {place.name}")
    return found
