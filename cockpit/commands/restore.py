"""``cockpit restore``: the backups there are, and one of them put back."""

from __future__ import annotations

import json
import time
from pathlib import Path

from engine.journal import backup
from engine.journal.opening import clean
from engine.model.errors import CockpitError
from engine.ops import paths
from engine.replay.sessions import SUFFIX, describe


def show(home: Path | None, *, as_json: bool) -> int:
    """Every backup, newest first; they are verified when they are taken and again before one is put back."""
    folder = paths.home(home).backups
    rows = [(b.session, b.t, b.path.stat().st_size, str(b.path)) for b in backup.listed(folder)]
    if as_json:
        print(json.dumps([{"session": s, "t": t, "size": size, "path": path} for s, t, size, path in rows], indent=1))
        return 0
    for session, t, size, _ in rows:
        print(f"{clean(session):<28} {_when(t)}  {size / 1e6:>9,.1f} MB")
    if not rows:
        print(f"no backups in {folder}: one is taken after every hour of a session")
    return 0


def run(name: str, to: Path | None, home: Path | None, *, force: bool, as_json: bool) -> int:
    """Put a backup in its session's place, or at ``to``. Raises CockpitError when that would lose something."""
    place = paths.home(home)
    chosen = backup.choose(place.backups, name)
    target = (to or place.sessions / f"{chosen.session}{SUFFIX}").absolute()
    if target.is_dir():
        target = target / f"{chosen.session}{SUFFIX}"
    if target.exists() and describe(target, time.time_ns()).ending == "running":
        raise CockpitError("this session is running", str(target), "end it first")
    done = backup.restore(chosen, target, force=force)
    if as_json:
        aside = str(done.aside) if done.aside is not None else ""
        print(
            json.dumps(
                {"session": chosen.session, "t": chosen.t, "events": done.events, "path": str(target), "aside": aside}
            )
        )
        return 0
    print(f"restored {clean(chosen.session)} as of {_when(chosen.t)}: {done.events:,} events, verified")
    print(f"  at     {target}")
    if done.aside is not None:
        print(f"  before {done.aside}")
    return 0


def _when(t: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(t))
