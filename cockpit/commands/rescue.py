"""``cockpit kill`` and ``cockpit watchdog``: what is done, a line a step, as it happens."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.model.clean import clean
from engine.model.errors import CockpitError
from engine.model.settings import WatchSettings
from engine.ops import paths, running
from engine.ops.running import RunFile
from engine.rescue import kill as switch
from engine.rescue.watchdog import Watchdog, alone, sent_out

UNCONFIRMED = 4
MARKS = {"ok": "✓", "failed": "✗", "note": "·"}
NOBODY = "no session is known here, and no --profile names a venue: only the switch is thrown"


def kill(
    profile: str | None, session: str | None, home: Path | None, *, flatten: bool, reason: str, as_json: bool
) -> int:
    """0 only if the switch is on the disk and every venue confirms."""
    place = paths.place(home)
    why = clean(reason, 200) or "cockpit kill"
    runs = [run for run in running.found(place) if wanted(profile, session)(run)]
    targets, trouble = [switch.target_of(run) for run in runs], ""
    if not targets and session is None and profile is not None:
        targets, trouble = _without_session(profile, place)
    elif not targets:
        trouble = NOBODY if session is None else f"session {session} does not run here"
    tell = _quiet if as_json else _show
    outcome = asyncio.run(switch.kill(place, targets, flatten=flatten, why=why, by="cockpit kill", tell=tell))
    confirmed = outcome.confirmed and not trouble
    if as_json:
        found: dict[str, Any] = {"confirmed": confirmed, "trouble": trouble, "record": outcome.record}
        print(json.dumps({**found, "steps": msgspec.to_builtins(outcome.steps)}, indent=1))
    elif not trouble:
        asked = "nothing works and nothing is held" if flatten else "no entry works"
        print(f"confirmed: {asked}" if confirmed else "NOT CONFIRMED: look at the venue by hand", flush=True)
    if trouble and not as_json:
        raise CockpitError(trouble, "", "the switch is on; look at the venue by hand")
    return 0 if confirmed else UNCONFIRMED


def _without_session(profile: str, place: paths.Home) -> tuple[list[switch.Target], str]:
    """The profile's venue, where it is more than a part of a session."""
    from engine.ops import config

    try:
        loaded = config.load(profile, place).profile
    except CockpitError as error:
        return [], f"the venue is not known: {error}"
    if loaded.mode == "PAPER" or (loaded.venue.kind == "simulated" and not loaded.venue.rest):
        return [switch.Target(profile, profile, loaded.symbols, None)], ""
    return [switch.Target(profile, profile, loaded.symbols, loaded.venue)], ""


def watchdog(
    profile: str | None,
    session: str | None,
    home: Path | None,
    *,
    does: Literal["kill", "flatten", "alert"] | None,
    after: float | None,
    once: bool,
    as_json: bool,
) -> int:
    """Until told to end; with ``once`` one look, and 4 when a silent session could not be helped."""
    place = paths.home(home)

    def rules(run: RunFile) -> WatchSettings:
        given = {"does": does, "after_s": after}
        return msgspec.structs.replace(run.watch, **{name: v for name, v in given.items() if v is not None})

    tell = sent_out(place, _alert_json if as_json else _alert)
    dog = Watchdog(place, tell, wanted=wanted(profile, session), rules=rules)
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    with alone(place, session or ""):
        if once:
            dog.look()
            return UNCONFIRMED if dog.failed else 0
        dog.run(stop)
    return 0


def wanted(profile: str | None, session: str | None) -> Callable[[RunFile], bool]:
    return lambda run: profile in (None, run.profile) and session in (None, run.session)


def _show(step: switch.Step) -> None:
    where = f"{step.session}  " if step.session else ""
    print(f"{_clock(step.t)} {MARKS[step.state]} {step.name:<9} {where}{step.detail}  ({step.took_ms} ms)", flush=True)


def _quiet(_: switch.Step) -> None:
    """Told at the end, all in one object."""


def _alert(level: str, session: str, text: str) -> None:
    print(f"{_clock(time.time_ns())} {level:<7} {session}  {clean(text, 400)}", flush=True)


def _alert_json(level: str, session: str, text: str) -> None:
    line = {"t": time.time_ns(), "level": level, "session": session, "text": clean(text, 400)}
    print(json.dumps(line), flush=True)


def _clock(t: int) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(t / 1e9)) + f".{t // 1_000_000 % 1000:03d}"
