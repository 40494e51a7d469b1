"""Sessions without a screen: ``cockpit run --headless``, ``cockpit preflight``, and the demo where there is no terminal."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit import __version__
from cockpit.commands.report import print_gates, print_summary
from cockpit.stderr import say
from engine.model.errors import CockpitError
from engine.model.events import Event
from engine.model.state import State
from engine.ops import config, paths
from engine.session.rig import Rig
from engine.session.summary import summarise

if TYPE_CHECKING:
    from engine.session.start import How

DEMO_S = 30.0


def without_terminal(profile: str, home: Path | None, flags: dict[str, Any], duration: float | None = None) -> int:
    """The screen was asked for but there is none: the demo runs for half a minute, anything else refuses."""
    duration = duration or DEMO_S
    if profile != "demo":
        hint = f"run it in a terminal, or without a screen: cockpit run --headless --profile {profile}"
        raise CockpitError("the screen needs a terminal on standard input and output", "", hint)
    print(f"cockpit: no terminal here; running the demo without a screen for {duration:g} seconds", file=sys.stderr)
    return run(profile, home, {"trading.approval": "auto", **flags}, duration, as_json=False)


def run(
    profile: str,
    home: Path | None,
    flags: dict[str, Any],
    duration: float | None,
    *,
    as_json: bool,
    how: How = "carry",
) -> int:
    """Trade until ``duration`` is over or a signal comes, then shut down in order and print the summary."""
    place = paths.home(home)
    rig = Rig(config.load(profile, place, flags), place, __version__, how)
    return asyncio.run(_run(rig, duration, as_json=as_json))


async def _run(rig: Rig, duration: float | None, *, as_json: bool) -> int:
    done = asyncio.Event()
    reasons: list[str] = []
    exhausted: list[str] = []

    def stop(reason: str) -> None:
        reasons.append(reason)
        done.set()

    def full(reason: str) -> None:
        exhausted.append(reason)
        stop(reason)

    async def come_up() -> None:
        rig.on_exhausted = full
        session = await rig.build()
        session.on_break = lambda error: stop(f"fault: {error}")
        session.watchers.append(_teller(session.state))
        await rig.bring_up()

    stop_on_signals(stop)
    coming_up, waiting = asyncio.create_task(come_up()), asyncio.create_task(done.wait())
    try:
        await asyncio.wait({coming_up, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if coming_up.done():
            coming_up.result()
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), duration)
    finally:
        coming_up.cancel()
        waiting.cancel()
        await asyncio.wait({coming_up})
        await rig.end(_policy(rig), reasons[0] if reasons else "duration is over", say)
    if not rig.built:
        raise CockpitError(f"ended by {reasons[0]} before the session began")
    session = rig.session
    print_summary(summarise(session.state, rig.recording), as_json=as_json)
    if session.broken is not None:
        raise session.broken if isinstance(session.broken, CockpitError) else CockpitError(
            f"the session ended by a fault of its own: {type(session.broken).__name__}: {session.broken}",
            str(rig.recording), "the recording holds everything up to it",
        )  # fmt: skip
    if missed := [
        f"{step.name}: {step.detail or step.status}"
        for step in session.state.steps
        if step.status in {"failed", "timeout"}
    ]:
        raise CockpitError(f"the session did not end in order: {'; '.join(missed)}", "", "look at the venue by hand")
    if exhausted:
        raise CockpitError(f"ended in order: {exhausted[0]}", "", "watch.memory_mb is the limit")
    return 0


def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()


def _policy(rig: Rig) -> Any:
    """Nobody can be asked here: ``ask`` leaves positions with their stops at the venue."""
    chosen = rig.loaded.profile.trading.on_quit
    return "leave" if chosen == "ask" else chosen


def stop_on_signals(stop: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, stop, name)


def _teller(state: State) -> Callable[[Event], None]:
    """Tells every new line of the session's log, once, as it comes."""
    told = 0

    def tell(_: Event) -> None:
        nonlocal told
        for line in [line for line in state.log[-20:] if line.seq > told]:
            clock = time.strftime("%H:%M:%S", time.gmtime(line.t / 1e9))
            say(f"{clock} {line.level:<7} {line.text}")
        told = state.seq

    return tell


def preflight(profile: str, home: Path | None, flags: dict[str, Any], *, as_json: bool) -> int:
    """Bring a session up, run the checklist, end it; 0 when every required gate passes, else 6."""
    place = paths.home(home)
    rig = Rig(config.load(profile, place, flags), place, __version__)

    async def check() -> tuple[bool, State]:
        task = asyncio.current_task()
        assert task is not None
        stop_on_signals(lambda _: _cancel(task))
        try:
            session = await rig.build()
            return await rig.bring_up(), session.state
        finally:
            await rig.end("leave", "preflight only")

    try:
        ready, state = asyncio.run(check())
    except asyncio.CancelledError:
        raise CockpitError("interrupted before the checklist was complete") from None
    if as_json:
        gates = {g.name: {"status": g.status, "required": g.required, "detail": g.detail} for g in state.gates.values()}
        print(json.dumps({"ready": ready, "gates": gates}, indent=1))
    else:
        print_gates(state, ready=ready)
    return 0 if ready else 6
