"""A verified copy of the running journal, every hour: made by a process of its own, so that the loop never waits for it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.model import events as ev
from engine.ops import secrets

if TYPE_CHECKING:
    from engine.journal.writer import Journal
    from engine.ops.paths import Home
    from engine.session.session import Session

EVERY_S = 3_600.0
PATIENCE_S = 900.0


async def hourly(session: Session, journal: Journal, home: Home, every_s: float = EVERY_S) -> None:
    """Until cancelled. What came of each copy is a line of the checklist; a failure never stops trading."""
    while True:
        await asyncio.sleep(every_s)
        ok, detail = await once(journal.path, home.backups)
        session.ingest(ev.GateReport(session.clock(), "backup", "pass" if ok else "fail", False, detail))


async def once(recording: Path, folder: Path) -> tuple[bool, str]:
    """Take one copy in a child process that has no keys; what it said."""
    env = {name: value for name, value in os.environ.items() if name not in secrets.ENVIRONMENT}
    words = (sys.executable, "-P", "-m", "engine.journal.backup", f"{recording}", f"{folder}")
    try:
        child = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=env,
        )
    except OSError as error:
        return False, f"the copying process cannot be started: {error.strerror or error}"
    try:
        said, _ = await asyncio.wait_for(child.communicate(), PATIENCE_S)
    except BaseException as error:
        if child.returncode is None:
            child.kill()
            await asyncio.shield(child.wait())
        if isinstance(error, TimeoutError):
            return False, f"the copy was not complete within {PATIENCE_S:g} s"
        raise
    return child.returncode == 0, said.decode(errors="replace").strip()[:200] or "it ended without a word"
