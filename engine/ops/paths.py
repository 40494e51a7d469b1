"""Where the cockpit keeps what it writes: one folder, for its owner alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import platformdirs

from engine.model.errors import CockpitError

HINT = "choose another with --home or COCKPIT_HOME"


class HomeError(CockpitError):
    exit_code: ClassVar[int] = 3


@dataclass(frozen=True, slots=True)
class Home:
    root: Path

    @property
    def sessions(self) -> Path:
        return self.root / "sessions"

    @property
    def config(self) -> Path:
        """The user's own profiles and strategy parameters."""
        return self.root / "config"

    @property
    def backups(self) -> Path:
        """Verified copies of recordings (``engine.journal.backup``)."""
        return self.root / "backups"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def data(self) -> Path:
        """The candle store; made when something is written to it."""
        return self.root / "data"

    @property
    def run(self) -> Path:
        """What running sessions tell of themselves, and records of kills from outside; made when something is written."""
        return self.root / "run"

    @property
    def latch(self) -> Path:
        """Exists while the kill switch is on; outlives the process."""
        return self.root / "killed"


def place(flag: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Home:
    """The folder that ``home`` would give, as it is: neither made nor checked, for what must work on a full disk too."""
    environ = os.environ if environ is None else environ
    given = flag or environ.get("COCKPIT_HOME")
    try:
        root = Path(given).expanduser() if given else platformdirs.user_data_path("cockpit", appauthor=False)
    except RuntimeError as error:  # ~somebody
        raise HomeError(f"the folder cannot be found: {error}", str(given), HINT) from error
    return Home(root.absolute())


def home(flag: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Home:
    """The folder of ``flag``, else ``COCKPIT_HOME``, else the platform's; made if need be, mode 0700.

    HomeError if it cannot be written, or if its folders belong to someone else.
    """
    here = place(flag, environ)
    try:
        here.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (here.sessions, here.config, here.secrets):
            folder.mkdir(mode=0o700, exist_ok=True)
            _make_private(folder)
        with tempfile.TemporaryFile(dir=here.root):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise HomeError(
            f"this folder cannot hold sessions: {reason}", str(error.filename or here.root), HINT
        ) from error
    return here


def _make_private(folder: Path) -> None:
    if os.name == "nt":
        return
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid():
        raise HomeError("this folder is a link or belongs to someone else", str(folder), "choose another with --home")
    if found.st_mode & 0o077:
        folder.chmod(0o700)
