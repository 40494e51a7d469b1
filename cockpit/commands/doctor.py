"""``cockpit doctor``: what a session stands on, checked row by row; what could not be checked is said, with the reason."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from cockpit import format as fmt
from engine.model.clean import clean
from engine.model.errors import CockpitError
from engine.model.settings import VenueSettings
from engine.ops import config, machine, paths, running, secrets
from engine.ops.machine import Row
from engine.ops.paths import Home
from engine.replay.sessions import SUFFIX, SessionRow, is_whatif, sessions

MARKS = {"ok": "✓", "warn": "!", "fail": "✗", "not checked": "·"}
CODES = {"ok": 0, "not checked": 0, "warn": 1, "fail": 2}
MOST_EVENTS = 1_000_000
"""Of a journal that is read through; a larger one takes longer than a person waits."""
HOUR_NS = 3_600_000_000_000
OLD_BACKUP_NS = 2 * HOUR_NS


def run(profile: str, home: Path | None, *, online: bool, as_json: bool) -> int:
    """Print every row; 2 when something fails, 1 when there are warnings, else 0."""
    place = paths.place(home)
    rows: list[Row] = []
    for row in checks(profile, place, online=online):
        rows.append(row)
        if not as_json:
            print(line(row), flush=True)
    code = max(CODES[row.status] for row in rows)
    if as_json:
        print(json.dumps({"schema": 1, "exit_code": code, "checks": [row._asdict() for row in rows]}, indent=1))
        return code
    counts = {status: sum(row.status == status for row in rows) for status in MARKS}
    print(", ".join(f"{count} {status}" for status, count in counts.items() if count))
    return code


def line(row: Row) -> str:
    unchecked = "not checked: " if row.status == "not checked" else ""
    hint = f"\n{'':<22}→ {clean(row.hint, 200)}" if row.hint else ""
    return f"{MARKS[row.status]} {row.name:<19} {unchecked}{clean(row.detail, 300)}{hint}"


def checks(profile: str, place: Home, *, online: bool) -> Iterator[Row]:
    yield from (machine.python(), machine.libraries(), machine.sqlite(), machine.terminal())
    yield from (machine.home_folder(place), machine.free_space(place), machine.file_system(place))
    yield from (machine.fsync_speed(place), machine.locks(), machine.leftovers(place))
    loaded, row = _profile(profile, place)
    yield row
    yield _keys(loaded, profile, place)
    yield (
        _clock(loaded.profile.venue, online) if loaded is not None else Row("clock", "not checked", "no valid profile")
    )
    yield _latch(place)
    yield _store(place)
    yield from _recordings(place)


# --- the profile and what it needs ------------------------------------------------------------------------------------


def _profile(name: str, place: Home) -> tuple[config.Loaded | None, Row]:
    try:
        loaded = config.load(name, place)
    except CockpitError as error:
        return None, Row("profile", "fail", f"{error.where}: {error.what}" if error.where else error.what, error.hint)
    p = loaded.profile
    traded = f"{', '.join(p.symbols)}, {len(loaded.strategies)} strateg{'y' if len(loaded.strategies) == 1 else 'ies'}"
    return loaded, Row("profile", "ok", f"{name}: {p.mode} at {p.venue.kind}, {traded}, approval {p.trading.approval}")


def _keys(loaded: config.Loaded | None, name: str, place: Home) -> Row:
    if loaded is None:
        return Row("keys", "not checked", "no valid profile")
    if loaded.profile.mode != "LIVE":
        return Row("keys", "ok", f"a {loaded.profile.mode} profile needs none")
    try:
        secrets.load_keys(name, place, dict(os.environ))
        found = secrets.places(name, place)
    except CockpitError as error:
        return Row("keys", "fail", f"{error.where}: {error.what}", error.hint)
    detail = f"in {found[0].where}" + (f"; also in {', '.join(p.where for p in found[1:])}" if len(found) > 1 else "")
    return Row("keys", "ok", f"{detail}; what the venue lets them do was not checked: withdrawal must be off")


def _clock(venue: VenueSettings, online: bool) -> Row:
    if venue.kind == "simulated" and not venue.rest:
        return Row(
            "clock",
            "not checked",
            "the embedded exchange has no clock of its own; a live profile can be asked with --online",
        )
    address = venue.rest or "the venue's own address"
    if not online and not _loopback(venue.rest):
        return Row("clock", "not checked", f"{address} was not asked; --online asks it")
    try:
        offset, took = asyncio.run(_offset(venue))
    except CockpitError as error:
        return Row("clock", "not checked", f"{address}: {error.what}", error.hint)
    late = abs(offset) > 500
    hint = "synchronise this computer's clock (NTP)" if late else ""
    return Row(
        "clock", "fail" if late else "ok", f"the venue's is {offset:+.0f} ms off ours, asked in {took:.1f} s", hint
    )


def _loopback(url: str) -> bool:
    from engine.venues.bitunix.hosts import is_loopback

    return is_loopback(urlsplit(url).hostname or "")


async def _offset(settings: VenueSettings) -> tuple[float, float]:
    from engine.venues.bitunix.adapter import Bitunix

    venue = Bitunix(settings, clock=time.time_ns, rng=random.SystemRandom())
    start = time.monotonic()
    try:
        return await venue.clock_offset_ms(), time.monotonic() - start
    finally:
        await venue.close()


def _latch(place: Home) -> Row:
    from engine.session import latch

    why = latch.read(place.latch)
    if why is None:
        return Row("kill switch", "ok", "not latched")
    return Row("kill switch", "fail", f"latched: {why}", "re-arm it in a session, with a reason, when you have looked")


def _store(place: Home) -> Row:
    """Manifests against files only; ``cockpit data check`` reads every candle."""
    if not place.data.is_dir():
        return Row("candle store", "ok", "empty")
    from engine.data.store import Store

    try:
        series = Store(place.data).listed()
    except (CockpitError, OSError) as error:
        return Row("candle store", "fail", str(error), "cockpit data check")
    wrong = [f"{s.venue}/{s.symbol}: {s.problem}" for s in series if s.problem]
    if wrong:
        return Row("candle store", "fail", "; ".join(wrong[:3]), "cockpit data check")
    rows = sum(s.rows for s in series)
    return Row(
        "candle store", "ok", f"{len(series)} series, {rows:,} minutes; contents were not read (cockpit data check)"
    )


# --- what was recorded ------------------------------------------------------------------------------------------------


def _recordings(place: Home) -> Iterator[Row]:
    last = _last(place)
    if last is None:
        for name in ("last session", "its journal", "backups"):
            yield Row(name, "not checked", "nothing has been recorded yet")
        return
    yield _ending(last)
    yield _journal(place, last)
    yield _backups(place, last)


def _last(place: Home) -> SessionRow | None:
    if not place.sessions.is_dir():
        return None
    rows = sessions(place.sessions, time.time_ns())
    lived = (r for r in rows if r.mode != "BACKTEST" and not is_whatif(r.name.removesuffix(SUFFIX)))
    row = next(lived, None)
    runs = {run.session: running.alive(run.pid, run.born) for run in running.found(place)}
    if row is not None and row.ending in ("running", "torn") and row.id in runs:
        row.ending = "running" if runs[row.id] else "torn"
    return row


def _ending(row: SessionRow) -> Row:
    name, ago = row.name.removesuffix(SUFFIX), fmt.age(time.time_ns() - row.last_t)
    if row.ending in ("clean", "signal"):
        return Row("last session", "ok", f"{name} ended in order {ago} ago: {row.reason}")
    if row.ending == "running":
        return Row("last session", "ok", f"{name} runs")
    hint = f"cockpit status {name} shows how it was left"
    if row.mode == "LIVE":
        hint += "; the next session asks the venue about all of it before anything else"
    if row.ending == "unreadable":
        return Row("last session", "fail", f"{name} cannot be read: {row.problem}", f"cockpit restore {name}")
    words = {
        "failed": f"did not end in order: {row.reason}",
        "torn": "broke off without an end (crash, kill or power cut)",
    }
    return Row("last session", "warn", f"{name} {words[row.ending]}, {ago} ago", hint)


def _journal(place: Home, row: SessionRow) -> Row:
    from engine.journal.opening import RecordingError
    from engine.journal.recording import Recording

    name = row.name.removesuffix(SUFFIX)
    if row.events > MOST_EVENTS:
        said = f"{row.events:,} events take too long here; cockpit verify {name} reads them all"
        return Row("its journal", "not checked", said)
    start = time.monotonic()
    try:
        with Recording.open(place.sessions / row.name) as recording:
            damage = recording.check()
    except RecordingError as error:
        return Row("its journal", "fail", error.what, f"cockpit restore {name}")
    if damage:
        return Row("its journal", "fail", f"{len(damage)} place(s) are damaged: {damage[0]}", f"cockpit restore {name}")
    return Row(
        "its journal",
        "ok",
        f"{row.events:,} events as they were written (checksums), read in {time.monotonic() - start:.1f} s",
    )


def _backups(place: Home, row: SessionRow) -> Row:
    from engine.journal import backup

    found = backup.listed(place.backups) if place.backups.is_dir() else []
    now = time.time_ns()
    mine = next((b for b in found if b.session == row.name.removesuffix(SUFFIX)), None)
    if mine is None and row.duration_ns < HOUR_NS:
        older = f"; the newest of others is {fmt.age(now - found[0].t * 10**9)} old" if found else ""
        return Row("backups", "ok", f"none of the last session: it was shorter than an hour{older}")
    hint = "see the checklist's line `backup` in the session; a full disk keeps them from being taken"
    if mine is None:
        return Row("backups", "warn", f"none of the last session, which lasted {fmt.age(row.duration_ns)}", hint)
    behind = row.last_t - mine.t * 10**9
    said = (
        f"the newest is {fmt.age(now - mine.t * 10**9)} old, {fmt.age(max(0, behind))} before the session's last event"
    )
    size = ""
    with suppress(OSError):
        size = f", {mine.path.stat().st_size / 1e6:,.1f} MB"
    return Row(
        "backups", "warn" if behind > OLD_BACKUP_NS else "ok", said + size, hint if behind > OLD_BACKUP_NS else ""
    )
