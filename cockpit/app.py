"""The application: it wires keys to screens, screens to a source, and the presentation clock to both. It decides nothing."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, cast

import msgspec
from textual import events
from textual.app import App
from textual.screen import Screen

from cockpit.actions import ActionSpec, allowed, bindings, caps, lookup
from cockpit.driver import driver_class
from cockpit.failures import end_with_trace
from cockpit.guard import REFUSALS, Press, Presses
from cockpit.keymap import pressed, resolve
from cockpit.motion import Motion
from cockpit.panes.text import clean
from cockpit.screens.deeds import DEEDS
from cockpit.screens.dialogs import Ask, Question
from cockpit.screens.trade import TradeScreen
from cockpit.source import TravelSource
from cockpit.theme import DARK, LIGHT, THEMES
from cockpit.view import Source, View
from engine.model.events import Action
from engine.model.settings import Profile
from engine.model.state import Link, State

CLOCK: Callable[[], float] = time.perf_counter if sys.platform == "win32" else time.monotonic
"""The clock that stamps Textual's key events."""
SSH_HZ = 4.0
"""Highest rate over SSH: the terminal's bytes are the budget there."""
SAID_S = 4.0
"""How long a remark stands."""
SETTLE_S = 3.0
"""After this long everything lasting is built, and the collector need not walk it again."""

QuitChoice = Literal["flat", "leave", "close"]


class Exit(NamedTuple):
    """Why the screen ended: ``choice`` is what to do with positions and orders (``flat``: there were none)."""

    why: str
    choice: QuitChoice


class CockpitApp(App[Exit], inherit_bindings=False):
    """Starts without a source and shows "connecting"; ``attach`` gives it one. ``run_async`` returns an ``Exit``.

    Raises:
        CockpitError: from the constructor, for a keymap that cannot be trusted.
    """

    CSS_PATH = Path(__file__).with_name("cockpit.tcss")
    TITLE = "Cockpit"
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    ESCAPE_TO_MINIMIZE: ClassVar[bool] = False
    ALLOW_SELECT = False

    def __init__(
        self,
        profile: Profile,
        source: Source | None = None,
        *,
        clock: Callable[[], float] = CLOCK,
        wall: Callable[[], int] = time.time_ns,
        on_failure: Callable[[str, Exception], None] | None = None,
    ) -> None:
        """``on_failure`` is told of every error that the screen survived: where, and what."""
        self.specs = resolve(profile.screen.keymap)
        self.table = bindings(self.specs)
        self.keys = caps(self.specs)
        self.past_keys = caps(self.specs, past=True)
        super().__init__(driver_class=driver_class())
        self.profile = profile
        self.source = source
        self.clock, self.wall, self.on_failure = clock, wall, on_failure
        self.symbol = profile.symbols[0]
        self.presses = Presses()
        self.kill_wanted = False
        self.last_said = ("", 0.0)
        self.ready = asyncio.Event()
        """Set when the first frame has been painted: whatever is slow may begin."""
        self.last_view: View | None = None
        self.motion = Motion(self)
        self.trade = TradeScreen(self)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = (LIGHT if profile.screen.theme == "light" else DARK).name

    def get_default_screen(self) -> Screen[None]:
        return self.trade

    def on_mount(self) -> None:
        hz = self.profile.screen.refresh_hz
        self.set_interval(1 / (min(hz, SSH_HZ) if "SSH_CONNECTION" in os.environ else hz), self.tick)
        if not self.is_headless:
            self.set_timer(SETTLE_S, settle)

    def on_ready(self) -> None:
        self.ready.set()
        self.motion.wake()

    @property
    def stalled(self) -> bool:
        """The terminal does not take what is painted, so nobody has seen it."""
        return bool(getattr(self._driver, "stalled", False))

    # --- source ---------------------------------------------------------------------------------------------

    def attach(self, source: Source) -> None:
        """Show this source from now on. A kill pressed while there was none goes to it first."""
        self.source = source
        self.tick()

    def detach(self) -> None:
        """Show "connecting" again; commands are refused, kill is kept for the next source."""
        self.source = None
        self.tick()

    def view(self) -> View:
        """What the source shows now; without a source, or when it fails, nothing or the last that was known."""
        nothing = View(shell(), self.wall(), self.profile, self.symbol, keys=self.keys)
        if self.source is None:
            return nothing
        try:
            view = self.source.view()
        except Exception as error:  # the screen must outlive whatever it looks at
            self.failed("view", error)
            return self.last_view or nothing
        symbol = self.symbol if self.symbol in view.profile.symbols else view.symbol
        if view.actual is not None:
            view.actual = msgspec.structs.replace(view.actual, symbol=symbol, keys=self.keys)
        keys = self.keys if view.source == "live" else self.past_keys
        self.last_view = msgspec.structs.replace(view, symbol=symbol, keys=keys)
        return self.last_view

    def present(self) -> View:
        """What is now, also while the screen shows the past: what a command would act on."""
        view = self.view()
        return view.actual or view

    def on_the_way(self) -> bool:
        """Whether the cursor is about to be somewhere else: what it passes is not worth a picture."""
        travel = self.source.travel if isinstance(self.source, TravelSource) else None
        return travel is not None and travel.goal is not None and travel.done == 1

    def tick(self) -> None:
        """The presentation clock: one view for everything that is on the screen."""
        if self.kill_wanted and self.source is not None:
            self.kill_wanted = not self.command("kill")
        if self.on_the_way():
            return
        view = self.view()
        try:
            self.trade.show(view)
            if isinstance(self.screen, Question):
                self.screen.show(view.actual or view)
        except Exception as error:
            self.failed("tick", error)

    def command(self, action: Action, target: str = "", text: str = "") -> bool:
        """Hand a person's command to the source; without one it is refused, visibly. True when it was handed over."""
        if self.source is None:
            self.say("Not connected yet: nothing was done.", "warning")
            return False
        try:
            self.source.command(action, target, text, "key")
        except Exception as error:
            self.failed(action, error)
            return False
        return True

    # --- keys -----------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded and self.took(event):
            return
        await super().on_event(event)

    def took(self, event: events.Key) -> bool:
        """Whether the key meant an action, which has then run: before any widget sees the key and before any repaint."""
        press = self.presses.add(pressed(event), event.time)
        focused = self.focused
        if focused is not None and focused.check_consume_key(event.key, event.character):
            return False
        screen = cast(Any, self.screen)
        spec = lookup(self.table, press.key, getattr(screen, "situation", "anywhere"))
        if spec is None:
            return False
        if spec.id == "kill":
            self.kill()
        elif isinstance(screen, TradeScreen):
            self.perform(spec, press)
        else:
            screen.act(spec, press)
        return True

    def kill(self) -> None:
        """The kill switch: to the source at once, then every dialog is closed with "no"."""
        if self.last_view is not None and self.last_view.source == "replay":
            self.say("This is a recording: there is nothing to kill.")
            return
        self.kill_wanted = self.source is None or not self.command("kill")
        if self.kill_wanted:
            self.say("Kill switch: kept, acts as soon as the engine takes it.", "error")
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def perform(self, spec: ActionSpec, press: Press | None = None) -> None:
        """Run an action from a key or from the palette."""
        if spec.id == "kill":
            self.kill()
        elif not allowed(spec, self.view().source):
            self.say("Only watching here: this key acts on a live screen.", "warning")
        elif spec.risk != "view" and self.source is None:
            self.say("Not connected yet: nothing was done.", "warning")
        elif spec.risk != "view" and press is not None and press.repeat:
            self.say(REFUSALS["held"], "warning")
        else:
            try:
                DEEDS[spec.id](self.trade, press)
            except Exception as error:
                self.failed(spec.id, error)

    # --- talking --------------------------------------------------------------------------------------------

    def ask(self, ask: Ask, then: Callable[[str], object]) -> None:
        """Push a question; ``then`` gets the answer unless it is no."""

        def answered(answer: str | None) -> None:
            if answer:
                then(answer)

        self.push_screen(Question(ask, self.present(), self.table, self.clock), answered)

    def say(self, text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """A passing remark on what a key did; whatever matters is in the panes as well. Repeats are not repeated."""
        now = self.clock()
        if text == self.last_said[0] and now - self.last_said[1] < SAID_S:
            return
        self.last_said = (text, now)
        self.notify(clean(text), severity=severity, timeout=SAID_S, markup=False)

    def failed(self, where: str, error: Exception) -> None:
        """An error that must not end the screen."""
        self.say(f"{where}: {type(error).__name__}: {error}"[:200], "error")
        if self.on_failure is not None:
            self.on_failure(where, error)

    def _fatal_error(self) -> None:
        end_with_trace(self)

    def leave(self, choice: QuitChoice) -> None:
        self.exit(Exit("quit", choice))


def shell() -> State:
    """What is known before the engine is there: nothing, and that it is being connected."""
    return State(trading="CONNECTING", links={name: Link(name, "connecting") for name in ("public", "private", "rest")})


def settle() -> None:
    """Take what lives for the whole session out of the collector's sight (key to handler: p99 68 → 9 ms)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()
