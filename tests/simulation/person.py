"""A person at the keys, scripted by chance: answers in time, late, twice or in wrong words, and now and then the big keys."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from . import setting

if TYPE_CHECKING:
    from .life import Life
    from .world import World

LOOK_S = 2.0
AWAY = {"SAFE": 6.0, "HALTED": 8.0, "PAUSED": 5.0}
"""How long trading stays stopped before somebody ends that, on average."""


class Person:
    def __init__(self, world: World, rng: random.Random) -> None:
        self.world, self.rng = world, rng
        self.calm = False
        """Answers and re-arms, and leaves the big keys alone."""

    def press(self, life: Life, action: str, target: str = "", text: str = "") -> None:
        if life.alive and life.session is not None and not life.leaving:
            life.process.call(life.session.command, action, target, text)

    def later(self, seconds: float, life: Life, action: str, target: str = "", text: str = "") -> None:
        loop = self.world.loop
        loop.call_later(seconds, self.press, life, action, target, text, context=self.world.context)

    # --- answering ----------------------------------------------------------------------------------------------------

    def asked(self, life: Life, client_id: str, words: str) -> None:
        """An order waits for a key."""
        draw, delay = self.rng.random(), self.rng.lognormvariate(0.0, 0.8)
        if draw < 0.10:
            return
        if draw < 0.20:
            self.later(delay, life, "decline", client_id)
            return
        if draw < 0.25:
            delay = self.world.profile.trading.approval_ttl_s + self.rng.uniform(-0.05, 1.0)
            self.world.seen.note("answered at the last moment or too late")
        if draw < 0.30:
            words += " or so"
        self.later(delay, life, "approve", client_id, words)
        if draw > 0.85:
            self.world.seen.note("approved twice")
            self.later(delay + self.rng.choice((0.0, 0.001, 0.05)), life, "approve", client_id, words)

    # --- looking after it ---------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Every ``LOOK_S`` seconds."""
        life = self.world.life
        if life is None or not life.alive or not life.ready or life.leaving or life.session is None:
            return
        state = life.state
        if state.trading in AWAY and (self.calm or self.rng.random() < LOOK_S / AWAY[state.trading]):
            if state.trading == "PAUSED":
                self.press(life, "resume")
            else:
                self.press(life, "rearm", "", "looked at it")
        elif not self.calm:
            self._meddle(life, state)

    def _meddle(self, life: Life, state: Any) -> None:
        draw = self.rng.random()
        entries = [c for c in state.open_orders if state.orders[c].sent_t]
        if draw < 0.020:
            self.press(life, "kill")
            if self.rng.random() < 0.3:
                self.later(self.rng.choice((0.0, 0.01, 0.3)), life, "kill")
        elif draw < 0.030:
            self.press(life, "pause")
        elif draw < 0.045:
            self.press(life, "flatten")
        elif draw < 0.070:
            self.press(life, "close", setting.SYMBOL)
        elif draw < 0.080:
            self.press(life, "cancel_entries")
        elif draw < 0.085:
            self.press(life, "compare")
        elif draw < 0.16 and entries:
            order = self.rng.choice(entries)
            self.press(life, "cancel", order)
            if self.rng.random() < 0.3:
                self.later(0.01, life, "cancel", order)

    def tempted(self, life: Life) -> None:
        """An order is on its way: the kill key, in the middle of it."""
        if not self.calm and self.rng.random() < 0.015:
            self.later(self.rng.choice((0.0, 0.0005, 0.002, 0.01, 0.1)), life, "kill")
