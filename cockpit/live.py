"""The screen over a running session: the engine beside the app on one loop, so that neither takes the other down."""

from __future__ import annotations

import asyncio
import gc
import shutil
import signal
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit import __version__
from cockpit.behind import LiveSource
from cockpit.commands.headless import stop_on_signals
from cockpit.failures import Tell, journaled
from cockpit.stderr import say
from engine.model.errors import CockpitError
from engine.ops import config, paths
from engine.session.rig import Rig

if TYPE_CHECKING:
    from cockpit.app import CockpitApp, Exit
    from engine.session.shutdown import Policy
    from engine.session.start import How

SMALLEST = (40, 10)
RETRY_S = 5.0


def open_screen(
    profile: str, home: Path | None, flags: dict[str, Any], duration: float | None = None, how: How = "carry"
) -> int:
    """Run the cockpit until it is left; returns the exit code. Raises CockpitError."""
    size = shutil.get_terminal_size()
    if size.columns < SMALLEST[0] or size.lines < SMALLEST[1]:
        have, need = f"{size.columns}×{size.lines}", f"{SMALLEST[0]}×{SMALLEST[1]}"
        raise CockpitError(f"the terminal is too small: it has {have}, the least is {need}, good is 80×24 or more")
    place = paths.home(home)
    rig = Rig(config.load(profile, place, flags), place, __version__, how)
    gc.disable()  # almost all that is made now stays: ``settle`` collects once, later
    return asyncio.run(_open(rig, duration))


async def _open(rig: Rig, duration: float | None) -> int:
    from cockpit.app import CockpitApp

    faults: list[Exception] = []
    exhausted: list[str] = []
    app = CockpitApp(rig.loaded.profile, on_failure=_journaled(rig))
    engine = asyncio.create_task(bring_to_life(rig, app, faults), name="engine")
    _signals(rig, app)
    rig.on_exhausted = lambda reason: _exhausted(app, exhausted, reason)
    if duration is not None:
        asyncio.get_running_loop().call_later(duration, app.leave, "leave")
    left: Exit | None = None
    try:
        left = await app.run_async()
    finally:
        engine.cancel()
        with suppress(asyncio.CancelledError):
            await engine
        if isinstance(app.source, LiveSource):
            app.source.return_to_live()  # no reader of the journal is left when it is closed
        await _end(rig, left)
    if faults:
        raise faults[0]
    if exhausted:
        raise CockpitError(f"ended in order: {exhausted[0]}", _where(rig), "watch.memory_mb is the limit")
    if left is None:
        raise CockpitError("the screen died", _where(rig), f"the engine did what on_ui_loss says: {_on_ui_loss(rig)}")
    return 0


async def bring_to_life(rig: Rig, app: CockpitApp, faults: list[Exception]) -> None:
    """Build the session once the first frame is on the screen, and tell the app when there is something to see."""
    try:
        await app.ready.wait()
        session = await rig.build()
        session.on_break = lambda error: _broken(rig, app, faults, error)
        app.attach(LiveSource(session, rig.recording))
        await _bring_up(rig, app)
        await asyncio.to_thread(import_module, "cockpit.travel")  # the first step back must not keep the engine waiting
    except Exception as error:
        _broken(rig, app, faults, error)


async def _bring_up(rig: Rig, app: CockpitApp) -> None:
    from engine.venues.port import AuthError, VenueError

    while True:
        try:
            await rig.bring_up()
            return
        except AuthError:
            raise
        except VenueError as error:
            app.say(f"{error}; trying again in {RETRY_S:g} s", "warning")
            await asyncio.sleep(RETRY_S)


def _broken(rig: Rig, app: CockpitApp, faults: list[Exception], error: Exception) -> None:
    """A fault of our own: nothing more is sent; the screen ends with the reason rather than show a dead state."""
    text = f"the session ended by a fault of its own: {type(error).__name__}: {error}"
    faults.append(error if isinstance(error, CockpitError) else CockpitError(text, _where(rig)))
    app.exit()


def _exhausted(app: CockpitApp, exhausted: list[str], reason: str) -> None:
    """Nobody may be there to ask: the session ends as the profile says, and where that is to ask, positions keep their stops."""
    from cockpit.app import Exit

    exhausted.append(reason)
    app.exit(Exit(reason, "close" if app.profile.trading.on_quit == "close" else "leave"))


def _journaled(rig: Rig) -> Tell:
    """Errors that the screen survives become events of the session, once there is one."""
    return journaled(
        lambda event: rig.session.ingest(event) if rig.built else None,
        lambda: rig.session.clock() if rig.built else time.time_ns(),
    )


def _signals(rig: Rig, app: CockpitApp) -> None:
    from cockpit.app import Exit

    loop = asyncio.get_running_loop()
    stop_on_signals(lambda name: app.exit(Exit(name, "leave")))
    if hasattr(signal, "SIGUSR1"):
        loop.add_signal_handler(signal.SIGUSR1, _kill, rig, app)


def _kill(rig: Rig, app: CockpitApp) -> None:
    """The kill switch from outside; without a session yet the screen keeps it until there is one."""
    if rig.built:
        rig.session.command("kill", text="SIGUSR1", by="signal")
    else:
        app.kill()


async def _end(rig: Rig, left: Exit | None) -> None:
    """The ordered shutdown, shown step by step on the terminal that the screen has given back, then the summary."""
    from cockpit.commands.report import print_summary
    from engine.session.summary import summarise

    policy: Policy = "leave"
    if left is None:
        policy = UI_LOSS[_on_ui_loss(rig)]
    elif left.choice == "close":
        policy = "close"
    await rig.end(policy, left.why if left is not None else "the screen died", say)
    if rig.built:
        with suppress(OSError):
            print_summary(summarise(rig.session.state, rig.recording), as_json=False)


UI_LOSS: dict[str, Policy] = {"cancel_entries": "leave", "leave": "keep", "flatten": "close"}
"""What the profile's ``on_ui_loss`` means for the shutdown."""


def _on_ui_loss(rig: Rig) -> str:
    return rig.loaded.profile.trading.on_ui_loss


def _where(rig: Rig) -> str:
    return str(rig.recording) if rig.built else ""
