"""What goes wrong, by chance: the network, the venue, the disk, and the process itself. In calm weather nothing does."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.model import events as ev
from engine.sim.faults import Faults, merged

if TYPE_CHECKING:
    from .life import Life
    from .world import World

EVERY_S = 9.0
"""Between two strokes of bad luck, on average."""
TEMPTING: dict[type[ev.Event], float] = {
    ev.OrderSent: 0.04,
    ev.CancelSent: 0.04,
    ev.ProtectSent: 0.06,
    ev.FillReport: 0.02,
    ev.QuerySent: 0.05,
    ev.Carried: 0.05,
    ev.SnapshotTaken: 0.02,
    ev.ShutdownStep: 0.02,
    ev.TradingChanged: 0.03,
}
"""Moments near which a process likes to die, and how likely."""
STEPS = 120
"""Within so many of its callbacks."""

COUNTED = (
    "http_5xx", "drop_request", "hang_request", "rate_limit_10006", "bad_json_reply", "wrong_types_reply", "reject",
    "accept_then_reject", "ignore_cancel", "lost_reply", "lost_reply", "disconnect_private", "disconnect_public", "bad_json",
    "wrong_types", "missing_fields", "depth_gap",
)  # fmt: skip
"""Switches of the exchange that strike the next N times."""
LASTING: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("drop_push", (0.3, 1.0)),
    ("duplicate_push", (0.5, 1.0)),
    ("out_of_order_push", (0.5,)),
    ("delay_push_s", (0.5, 2.0)),
    ("slow_ack_s", (1.0, 2.5, 4.0)),
    ("http_delay_s", (0.3, 1.5)),
    ("half_open", (True,)),
    ("drop_without_close_frame", (False,)),
)
"""Switches that stay on for a while."""


class Weather:
    def __init__(self, world: World, rng: random.Random) -> None:
        self.world, self.rng = world, rng
        self.calm = True
        self._acts: tuple[tuple[float, Callable[[], str]], ...] = (
            (3.0, self._venue_counted),
            (3.0, self._venue_lasting),
            (0.5, self._venue_restart),
            (1.0, self._venue_mute),
            (2.0, self._cut),
            (1.5, self._half_open),
            (1.0, self._stall),
            (0.8, self._refuse),
            (0.5, self._unanswered),
            (1.0, self._chop),
            (1.0, self._slow),
            (0.8, self._disk_slow),
            (0.8, self._disk_stall),
            (0.15, self._disk_raises),
            (0.10, self._disk_full),
            (1.0, self._kill),
            (0.3, self._end),
        )
        self._weights = [weight for weight, _ in self._acts]

    # --- changes ------------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Everything that can be switched off is. Connections that are half open stay so: somebody must notice."""
        self.calm = True
        network, disk = self.world.network, self.world.disk
        network.refuse = network.unanswered = False
        network.chop = network.slow_s = 0.0
        disk.slow, disk.stalled_until, disk.full, disk.raises = 1.0, 0.0, False, 0
        self._venue(Faults())

    def strike(self) -> None:
        act = self.rng.choices(self._acts, self._weights)[0][1]
        self.world.count("faults")
        self.world.say(f"~ {act()}")

    def tempted(self, life: Life, event: ev.Event) -> None:
        """Something is under way: a good moment to die."""
        if self.calm:
            return
        if isinstance(event, ev.OrderSent):
            self.world.person.tempted(life)
        odds = TEMPTING.get(type(event), 0.0)
        if isinstance(event, ev.OrderReport) and event.status == "UNKNOWN":
            odds = 0.2
        if odds and self.rng.random() < odds and not life.process.doomed_at:
            life.process.doomed_at = life.process.steps + self.rng.randint(1, STEPS)
            self.world.say(f"~ to die within {STEPS} steps of {type(event).__name__}")

    def _for(self, seconds: float, undo: Callable[[], None]) -> None:
        self.world.loop.call_later(seconds, undo, context=self.world.context)

    # --- the venue ----------------------------------------------------------------------------------------------------

    def _venue(self, faults: Faults) -> None:
        self.world.exchange.exchange.world.faults = faults

    def _set(self, **change: Any) -> None:
        self._venue(merged(self.world.exchange.faults, change))

    def _venue_counted(self) -> str:
        name, times = self.rng.choice(COUNTED), self.rng.choice((1, 1, 2, 5))
        self._set(**{name: times})
        return f"the venue's {name} × {times}"

    def _venue_lasting(self) -> str:
        name, values = self.rng.choice(LASTING)
        value, span = self.rng.choice(values), self.rng.uniform(2.0, 25.0)
        self._set(**{name: value})
        self._for(span, lambda: self._set(**{name: getattr(Faults(), name)}))
        return f"the venue's {name} {value} for {span:.1f} s"

    def _venue_restart(self) -> str:
        away = self.rng.uniform(1.0, 15.0)
        self._set(restart_s=away)
        return f"the venue restarts in {away:.1f} s"

    def _venue_mute(self) -> str:
        span = self.rng.uniform(3.0, 20.0)
        self._set(lost_reply=2, drop_push=1.0)
        self._for(span, lambda: self._set(lost_reply=0, drop_push=0.0))
        return f"the venue takes orders and says nothing for {span:.1f} s"

    # --- the network --------------------------------------------------------------------------------------------------

    def _one(self) -> Any:
        return self.rng.choice(list(self.world.network.open.values())) if self.world.network.open else None

    def _cut(self) -> str:
        end, reset = self._one(), self.rng.random() < 0.5
        if end is not None:
            end.cut(reset=reset)
        return f"{end} cut ({'reset' if reset else 'end'})"

    def _half_open(self) -> str:
        end, way = self._one(), self.rng.choice(("there", "back", "both"))
        if end is not None:
            end.swallow = end.swallow or way != "back"
            end.peer.swallow = end.peer.swallow or way != "there"
        return f"{end} swallows {way}"

    def _stall(self) -> str:
        end, until = self._one(), self.world.loop.time() + self.rng.uniform(0.5, 12.0)
        if end is not None:
            (end if self.rng.random() < 0.5 else end.peer).hold_until = until
        return f"{end} stalls until {until:.1f}"

    def _refuse(self) -> str:
        network, span = self.world.network, self.rng.uniform(1.0, 40.0)
        network.refuse = True
        self._for(span, lambda: setattr(network, "refuse", False))
        end = self._one()
        if end is not None:
            end.cut(reset=True)
        return f"connects refused for {span:.1f} s, {end} cut"

    def _unanswered(self) -> str:
        network, span = self.world.network, self.rng.uniform(1.0, 30.0)
        network.unanswered = True
        self._for(span, lambda: setattr(network, "unanswered", False))
        end = self._one()
        if end is not None:
            end.cut(reset=True)
        return f"connects unanswered for {span:.1f} s, {end} cut"

    def _chop(self) -> str:
        network, span = self.world.network, self.rng.uniform(5.0, 60.0)
        network.chop = self.rng.uniform(0.1, 1.0)
        self._for(span, lambda: setattr(network, "chop", 0.0))
        return f"writes in pieces for {span:.1f} s"

    def _slow(self) -> str:
        network, span = self.world.network, self.rng.uniform(5.0, 40.0)
        network.slow_s = self.rng.choice((0.02, 0.2, 1.0))
        self._for(span, lambda: setattr(network, "slow_s", 0.0))
        return f"latency + {network.slow_s} s for {span:.1f} s"

    # --- the disk -----------------------------------------------------------------------------------------------------

    def _disk_slow(self) -> str:
        disk, span = self.world.disk, self.rng.uniform(2.0, 30.0)
        disk.slow = self.rng.choice((10.0, 50.0, 300.0))
        self._for(span, lambda: setattr(disk, "slow", 1.0))
        return f"the disk is {disk.slow:g} times slower for {span:.1f} s"

    def _disk_stall(self) -> str:
        disk, span = self.world.disk, self.rng.uniform(0.3, 8.0)
        disk.stalled_until = self.world.loop.time() + span
        return f"the disk stalls for {span:.1f} s"

    def _disk_raises(self) -> str:
        self.world.disk.raises = 1
        self.world.seen.note("a commit raised")
        return "the next commit raises"

    def _disk_full(self) -> str:
        disk, span = self.world.disk, self.rng.uniform(1.0, 6.0)
        disk.full = True
        self._for(span, lambda: setattr(disk, "full", False))
        self.world.seen.note("the disk is full")
        return f"the disk is full for {span:.1f} s"

    # --- the process --------------------------------------------------------------------------------------------------

    def _kill(self) -> str:
        life = self.world.life
        if life is not None and life.alive:
            life.process.doomed_at = life.process.steps + self.rng.randint(1, STEPS)
        return "the process is killed"

    def _end(self) -> str:
        life, policy = self.world.life, self.rng.choice(("leave", "leave", "close", "keep"))
        if life is not None and life.ready:
            life.leave(policy)
        return f"an ordered end ({policy})"
