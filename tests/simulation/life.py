"""One incarnation of the engine: begun by the code that begins every session, ended by death, by a fault or in order."""

from __future__ import annotations

import asyncio
import random
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from engine.journal.writer import JournalError
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.orders import Order
from engine.session import faults, start
from engine.session.session import Session
from engine.session.shutdown import shut_down
from engine.venues.bitunix.adapter import Bitunix
from engine.venues.port import VenueError

from . import setting
from .disk import SimJournal
from .rules import Rules
from .simloop import Process

if TYPE_CHECKING:
    from .world import World

AGAIN_S = 2.0
"""Between two tries to bring a session up when the venue cannot be reached."""


class Life:
    """``ended`` is set, in nature's time, when nothing of this process runs any more."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.process = Process(f"engine {number}")
        self.process.on_death.append(self._dead)
        self.session: Session | None = None
        self.venue: Bitunix | None = None
        self.journal: SimJournal | None = None
        self.ready = False
        """Brought up: the checklist has run, whatever came of it."""
        self.leaving = False
        self.how = ""
        self.kept = 0
        self.ended: asyncio.Future[None] = world.loop.create_future()
        self.rng = random.Random(f"life:{world.seed}:{number}")
        self.handler: Any = None
        self.rules = Rules(self)
        self.cancel_asked_s: dict[str, float] = {}
        """When the adapter was last asked to cancel an order."""
        self.left_open: list[str] = []
        """Orders that the life before had sent and not seen the end of, as its file tells."""
        self._early: list[tuple[int, ev.Event]] = []
        """Journaled before the session was there to be looked at."""
        self._drift_ns = self.rng.randint(-200_000_000, 200_000_000)
        self.began_s = world.loop.time()

    @property
    def alive(self) -> bool:
        return self.process.alive

    @property
    def state(self) -> Any:
        assert self.session is not None
        return self.session.state

    def clock(self) -> int:
        return self.world.wall_ns() + self._drift_ns

    def begin(self) -> None:
        main = self._main()
        self.world.loop.create_task(main, name=f"life {self.number}", context=self.process.context)

    async def _main(self) -> None:
        try:
            await self._live()
        except CockpitError as error:
            if self.world.disk.full and isinstance(error, JournalError):
                self.world.seen.note("no start on a full disk")
            else:
                self.world.violated("start", f"life {self.number} could not start: {error}")
            self.how = "not started"
            self.process.die()

    async def _live(self) -> None:
        world = self.world
        how: start.How = "resume" if self.number > 1 and self.rng.random() < 0.5 else "carry"
        before = start.look_back(world.home, setting.ACCOUNT, world.profile.mode, how)
        if before[1] is not None:
            state = before[1].state
            self.left_open = [c for c in state.open_orders if state.orders[c].sent_t]
            world.seen.note("recovery by resume" if how == "resume" else "recovery by carrying over")
        venue = Bitunix(
            world.profile.venue,
            clock=self.clock,
            rng=random.Random(f"venue:{world.seed}:{self.number}"),
            key=setting.KEY,
            secret=setting.SECRET,
        )
        SimJournal.told = self._appended
        session, journal = start.begin(
            world.profile, setting.strategies(world.setting), venue, world.home,
            version="simulation", config="{}", clock=self.clock, account=setting.ACCOUNT, before=before,
        )  # fmt: skip
        self.session, self.venue, self.journal = session, venue, journal  # type: ignore[assignment]
        for seq, event in self._early:
            self.rules.appended(seq, event)
        session.on_break = self._broken
        session.watchers.append(self.rules.applied)
        self._listen(venue)
        held = ExitStack()
        held.enter_context(faults.caught(session))
        self.handler = world.loop.get_exception_handler()
        world.loop.set_exception_handler(world.faulted)
        world.born(self, before[1])
        await start.connect(session)
        while True:
            try:
                await start.bring_up(session, world.home)
                break
            except VenueError:
                await asyncio.sleep(AGAIN_S)
        self.ready = True

    def _appended(self, seq: int, event: ev.Event) -> None:
        if self.session is None:
            self._early.append((seq, event))
            return
        self.rules.appended(seq, event)

    def _listen(self, venue: Bitunix) -> None:
        cancel = venue.cancel

        async def told(orders: list[Order]) -> list[ev.CancelReport]:
            self.cancel_asked_s.update((order.client_id, self.world.loop.time()) for order in orders)
            return await cancel(orders)

        venue.cancel = told  # type: ignore[method-assign]

    def leave(self, policy: Any) -> None:
        """An ordered end, as ``q`` begins it."""
        if self.alive and not self.leaving and self.session is not None:
            self.leaving = True
            self.how = "ended in order"
            self.world.loop.create_task(self._leave(policy), name="leaving", context=self.process.context)

    async def _leave(self, policy: Any) -> None:
        assert self.session is not None
        assert self.journal is not None
        await shut_down(self.session, self.journal, policy, "the simulation says so")  # type: ignore[arg-type]
        self.process.die()

    def _broken(self, error: Exception) -> None:
        """The last act goes out, then the process ends, as the cockpit does."""
        self.how = "broken"
        self.world.broke(self, error)
        self.world.loop.call_later(5.0, self.process.die, context=self.process.context)

    def _dead(self) -> None:
        self.how = self.how or "killed"
        self.world.network.abandon(self.process)
        if self.journal is not None:
            self.kept = self.journal.leave()
        self.world.died(self)
        if not self.ended.done():
            self.world.loop.call_soon(_end, self.ended, context=self.world.context)


def _end(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)
