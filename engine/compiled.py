"""Which modules ``make fast`` turns into machine code, and whether what it left is of the sources that stand beside it.

Python prefers an extension module to the source of the same name, so a stale one would run unseen. The stamp has the digest of
everything that was compiled or read for it; ``check`` refuses any other. ``engine/__init__.py`` asks, where a stamp is.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

ROOT = Path(__file__).parent.parent
STAMP = Path(__file__).with_name(".compiled")
SUFFIX = EXTENSION_SUFFIXES[0]
FOLDERS = ("core", "core/fold", "core/risk")
SINGLE = (
    "strategies/indicators",
    "runner/drive",
    "runner/catchup",
    "sim/paper",
    "sim/paper_desk",
    "sim/paper_bars",
    "sim/fillmodel",
)
READ = ("model", "strategies")
"""Folders whose types and constants are built into the machine code."""
SMALLEST = 200
"""A package's file of fewer bytes has nothing to compile."""


def modules(root: Path = ROOT) -> list[Path]:
    """What runs for every bar or order."""
    engine = root / "engine"
    found = [path for folder in FOLDERS for path in sorted((engine / folder).glob("*.py"))]
    return [path for path in found if path.stat().st_size > SMALLEST] + [engine / f"{name}.py" for name in SINGLE]


def digest(root: Path = ROOT) -> str:
    """Of every source that the machine code depends on, by path and content."""
    read = {path for folder in READ for path in (root / "engine" / folder).glob("*.py")}
    found = sha256()
    for path in sorted(read | set(modules(root))):
        found.update(f"{path.relative_to(root).as_posix()}\0".encode())
        found.update(sha256(path.read_bytes()).digest())
    return found.hexdigest()


def stamped() -> str:
    """The content of the stamp for the sources as they are, and for this Python."""
    return f"{SUFFIX} {digest()}\n"


def check() -> None:
    """ImportError when the machine code that this Python would load is not of these sources."""
    found = STAMP.read_text(encoding="utf-8")
    if found.startswith(f"{SUFFIX} ") and found != stamped():
        raise ImportError(
            "the engine's sources have changed since they were compiled: "
            "`make fast` compiles them again, `make slow` does without"
        )
