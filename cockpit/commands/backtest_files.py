"""What a backtest leaves: trades.csv, report.html and result.json in one folder, and the recording among the sessions.

Nothing is written over. The same run once more must give the same numbers, and then leaves what is there as it is.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cockpit.commands.backtest_result import described
from engine.journal.files import replacing
from engine.journal.schema import sync_folder
from engine.model.errors import CockpitError
from engine.model.market import Candle
from engine.ops.paths import Home
from engine.replay.sessions import SUFFIX
from engine.runner.backtest import Result

RESULT, TRADES, REPORT = "result.json", "trades.csv", "report.html"
PREFIX = "backtest-"
NOT_COMPARED = ("config", "recording")
"""They may name other places of the same data."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a run's files are. ``again`` says that it was made before; ``found`` is what result.json holds."""

    folder: Path
    files: list[Path]
    recording: Path
    found: dict[str, Any]
    again: bool


def check_free(folder: Path | None) -> None:
    """CockpitError, before anything runs, for a folder whose files are not a backtest's."""
    if folder is None or not folder.exists():
        return
    if not folder.is_dir():
        raise CockpitError("this is no folder", str(folder), "--out names a folder")
    for name in (TRADES, REPORT):
        if (folder / name).exists() and not (folder / RESULT).exists():
            raise CockpitError("this file exists already", str(folder / name), "name another folder with --out")


def keep(
    result: Result, candles: Sequence[Candle], draft: Path, home: Home, stem: str, out: Path | None, command: str | None
) -> Kept:
    """Write the files and give the recording its place. ``command`` None is without a report.

    CockpitError when the folder holds another run, or this one with other numbers.
    """
    from engine.report.metrics import measure
    from engine.report.trades import write_trades

    folder = (out or home.root / "backtests" / result.run_id).absolute()
    recording = home.sessions / f"{PREFIX}{stem}-{result.run_id}{SUFFIX}"
    result.recording = recording
    found = described(result, measure(result, candles), stem)
    before = _before(folder)
    _compare(before, found, folder)
    with _beside(folder) as made:
        write_trades(result, made / TRADES)
        if command is not None and not (folder / REPORT).exists():
            from engine.report.page import write_report

            write_report(result, candles, made / REPORT, command=command)
        with replacing(made / RESULT) as file:
            file.write(msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n")
        if not recording.exists():
            os.rename(draft, recording)
            sync_folder(recording.parent)
        _put(made, folder)
    files = [folder / name for name in (TRADES, REPORT, RESULT) if (folder / name).exists()]
    return Kept(folder, files, recording, found, before is not None)


def _before(folder: Path) -> dict[str, Any] | None:
    """What an earlier run left; None: nothing. CockpitError for what is no result."""
    try:
        found = msgspec.json.decode((folder / RESULT).read_bytes())
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, ValueError) as error:
        raise CockpitError(
            "this is no result of a backtest", str(folder / RESULT), "name another with --out"
        ) from error
    return found if isinstance(found, dict) else {}


def _compare(before: dict[str, Any] | None, now: dict[str, Any], folder: Path) -> None:
    if before is None:
        return
    if before.get("run_id") != now["run_id"]:
        what = f"the folder has the results of another run, {str(before.get('run_id'))[:20]}"
        raise CockpitError(what, str(folder), "name another with --out; nothing was written")
    fresh = msgspec.json.decode(msgspec.json.encode(now))
    differing = [name for name in fresh if name not in NOT_COMPARED and fresh[name] != before.get(name)]
    if differing:
        raise CockpitError(
            f"this run was made before and gave other numbers ({', '.join(differing[:6])})", str(folder),
            "the code has changed since, or the files; nothing was written: name another folder with --out",
        )  # fmt: skip


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A folder for files that are not complete yet, on the same disk."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put(made: Path, folder: Path) -> None:
    """Move what is missing into its place; result.json, by which the others are known, goes last."""
    folder.mkdir(exist_ok=True)
    for name in (TRADES, REPORT, RESULT):
        if (made / name).exists() and not (folder / name).exists():
            os.rename(made / name, folder / name)
    sync_folder(folder)
