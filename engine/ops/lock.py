"""One writer per account: two engines that trade one account would each count only half of the exposure."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import filelock
import msgspec
import platformdirs

from engine.model.errors import CockpitError


class Holder(msgspec.Struct):
    """Who holds a lock: written beside it, for the message only; the operating system decides."""

    pid: int
    since_t: int
    session: str = ""
    recording: str = ""


class LockedError(CockpitError):
    """``holder`` is who has the account, where that could be read."""

    exit_code: ClassVar[int] = 4
    holder: Holder | None = None


Name = Callable[[str, Path], None]
"""Tells the session of a lock's holder, and its recording."""


@contextmanager
def hold(venue: str, account: str, folder: Path | None = None) -> Iterator[Name]:
    """Hold the account until the block ends, or the process does, however it ends. LockedError if someone else holds it.

    ``account`` is whatever tells accounts apart, such as the API key: only its digest is written. ``folder`` defaults to the
    user's state folder, so that two homes share the lock (the runtime folder is another one in a login than in a service).
    """
    folder = folder or platformdirs.user_state_path("cockpit", appauthor=False) / "locks"
    digest = hashlib.blake2b(f"{venue}\0{account}".encode(), digest_size=8).hexdigest()
    path = folder / f"{venue}-{digest}.lock"
    lock = filelock.FileLock(path, timeout=0, mode=0o600, thread_local=False)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as error:
        raise _locked(venue, path) from error
    except (OSError, NotImplementedError) as error:
        raise LockedError(
            f"the account cannot be locked: {error}", str(path), "XDG_STATE_HOME names another folder for locks"
        ) from error
    side = path.with_suffix(".json")
    holder = Holder(os.getpid(), time.time_ns())

    def name(session: str, recording: Path) -> None:
        holder.session, holder.recording = session, str(recording.absolute())
        with suppress(OSError):
            side.write_bytes(msgspec.json.encode(holder))

    try:
        with suppress(OSError):
            side.write_bytes(msgspec.json.encode(holder))
        yield name
    finally:
        with suppress(OSError):
            side.unlink()
        lock.release()


def _locked(venue: str, path: Path) -> LockedError:
    who, hint, holder = "it does not say which", "end it first", None
    with suppress(OSError, ValueError, OverflowError):
        holder = msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=Holder)
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(holder.since_t / 1e9))
        who = f"process {holder.pid}, since {since}"
        if holder.session:
            who += f", session {holder.session}"
            hint = f"end it first, or watch it: cockpit replay {holder.session} --follow"
    error = LockedError(f"another cockpit trades this {venue} account ({who})", str(path), hint)
    error.holder = holder
    return error
