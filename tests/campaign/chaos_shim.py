"""The shim between a process and its files (``chaos_shim.c``): built when first needed, steered through a shared page."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("chaos_shim.c")
WRITE, SYNC, TRUNCATE, REMOVE, MAKE, FOLDER, ACK = range(1, 8)
_FIELDS = (
    "kinds", "at", "count", "errno", "sticky", "delay_us", "stall_us", "clock_ns", "room", "strikes", "struck_ns", "syncs",
    "synced_ns",
)  # fmt: skip
_HEAD = struct.Struct("<BBIqq")


class Op(NamedTuple):
    """``t`` is CLOCK_MONOTONIC, nanoseconds; an ``ACK`` carries whatever the process wrote into its file of acknowledgements."""

    op: int
    name: str
    t: int
    offset: int
    data: bytes


class Shim:
    """For one process at a time. ``folder`` is that of the journals, ``home`` what shares the disk's room."""

    def __init__(self, place: Path, folder: Path, home: Path | None = None, *, log: bool = False) -> None:
        self.log = place / "shim.log"
        control = place / "shim.control"
        control.write_bytes(bytes(4096))
        self.share(control)
        self.env = {
            "LD_PRELOAD": f"{library()}",
            "CHAOS_CONTROL": f"{control}",
            "CHAOS_FOLDER": f"{folder}",
            "CHAOS_HOME": f"{home or ''}",
            **({"CHAOS_LOG": f"{self.log}"} if log else {}),
        }
        self.calm()

    def share(self, control: Path) -> None:
        """Steer through a page that exists: a process may steer its own shim."""
        with control.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), 4096)

    def get(self, name: str) -> int:
        return int(struct.unpack_from("<q", self._page, _FIELDS.index(name) * 8)[0])

    def set(self, **values: int) -> None:
        for name, value in values.items():
            struct.pack_into("<q", self._page, _FIELDS.index(name) * 8, value)

    def calm(self) -> None:
        """Nothing is failed, delayed or moved from here on; what was counted is forgotten."""
        self.set(kinds=0, **dict.fromkeys(_FIELDS[1:], 0))
        self.set(room=-1)

    def fail(self, kind: int, at: int, number: int = errno.EIO, *, sticky: bool = False) -> None:
        """The ``at``-th call of that kind from now on fails with ``number``, and with ``sticky`` all later ones."""
        self.set(kinds=0, at=at, count=0, errno=number, sticky=sticky, strikes=0, struck_ns=0)
        self.set(kinds=1 << kind)

    @property
    def struck_ns(self) -> int:
        """UTC, nanoseconds; zero while nothing was failed."""
        return self.get("struck_ns")

    def ops(self) -> Iterator[Op]:
        return read(self.log)


def read(path: Path) -> Iterator[Op]:
    """What the shim wrote down; a last record that was cut is left out."""
    data, at = path.read_bytes(), 0
    while at + _HEAD.size <= len(data):
        op, name, size, t, offset = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if at + name + size > len(data):
            return
        yield Op(op, data[at : at + name].decode(), t, offset, data[at + name : at + name + size])
        at += name + size


def missing() -> str:
    """Why there can be no shim here; empty when there can."""
    if sys.platform != "linux":
        return "LD_PRELOAD shims are made for Linux"
    if compiler() is None:
        return "no C compiler (cc) is installed"
    try:
        library()
    except subprocess.CalledProcessError as error:
        return f"the shim does not compile: {error.stderr.decode(errors='replace')[:200]}"
    return ""


def compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@cache
def library() -> Path:
    """The compiled shim, one a process. Raises CalledProcessError."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-shim-"))
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "chaos_shim.so"
    words = [compiler() or "cc", "-O2", "-shared", "-fPIC", "-o", f"{path}", f"{SOURCE}", "-ldl", "-lpthread"]
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})
    return path
