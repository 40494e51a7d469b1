"""What must hold at every virtual second: exposure at the venue, and a stop for what is held there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .world import World

NAKED_S = 12.0
"""The grace of the profile, the venue's word on it and a look once a second."""
FOLD_EVERY = 20


class Seconds:
    def __init__(self, world: World) -> None:
        self.world = world
        self._naked_since: float | None = None
        self._n = 0

    def look(self) -> None:
        self._n += 1
        self.world.truth.exposure("now")
        self._protection()
        life = self.world.life
        if self._n % FOLD_EVERY == 0 and life is not None and life.alive and life.journal is not None and life.rules:
            life.rules.compare_fold()

    def _protection(self) -> None:
        """Only a time counts in which a session was there, connected and through with its recovery."""
        world, life = self.world, self.world.life
        bare = bool(world.truth.position()) and not world.truth.protected()
        if not bare or life is None or not life.alive or life.session is None or not self._connected():
            self._naked_since = None
            return
        now = world.loop.time()
        if self._naked_since is None:
            self._naked_since = now
        elif now - self._naked_since > NAKED_S and not any(k.startswith("NakedPosition") for k in life.state.alarms):
            world.violated(
                "protection", f"a position without a stop and without an alarm for {now - self._naked_since:.0f} s"
            )
            self._naked_since = None

    def _connected(self) -> bool:
        life = self.world.life
        assert life is not None
        state = life.state
        if state.recovery.open or state.doubt or life.leaving or life.session.broken is not None:  # type: ignore[union-attr]
            return False
        return all(name in state.links and state.links[name].state == "up" for name in ("private", "rest"))
