"""Everything that a session runs on, put together and taken apart: exchange process, keys, lock, adapter, journal, session."""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.ops import lock, secrets
from engine.ops.config import Loaded, as_json
from engine.ops.paths import Home
from engine.session.clock import steady
from engine.session.embedded import ExchangeProcess
from engine.strategies import registry
from engine.strategies.base import Strategy

if TYPE_CHECKING:
    from engine.journal.writer import Journal
    from engine.model.settings import VenueSettings
    from engine.session.session import Session
    from engine.session.shutdown import Policy


class Rig:
    """A session with all it stands on. Call ``build``, then ``bring_up``; always ``end``.

    The constructor starts the embedded exchange's process at once, so that it comes up while the rest is imported.
    """

    def __init__(self, loaded: Loaded, home: Home, version: str) -> None:
        self.loaded = loaded
        self.home = home
        self.version = version
        self.exchange = (
            ExchangeProcess(loaded.profile.exchange, loaded.profile.symbols) if embedded(loaded.profile.venue) else None
        )
        self.addresses: dict[str, Any] = {}
        self._held = ExitStack()
        self._session: Session | None = None
        self._journal: Journal | None = None

    @property
    def built(self) -> bool:
        return self._session is not None

    @property
    def session(self) -> Session:
        assert self._session is not None, "build() comes first"
        return self._session

    @property
    def journal(self) -> Journal:
        assert self._journal is not None, "build() comes first"
        return self._journal

    @property
    def recording(self) -> Path:
        return self.journal.path

    async def build(self) -> Session:
        """Keys, lock, adapter, journal and session, with the links starting. Raises CockpitError."""
        await asyncio.to_thread(_import_heavy)
        from engine.session import start
        from engine.venues.bitunix.adapter import Bitunix

        profile = self.loaded.profile
        settings, key, secret = await self._door()
        self._held.enter_context(lock.hold(settings.kind, key.reveal()))
        clock = steady()
        rng = random.SystemRandom()
        venue = Bitunix(settings, key=key, secret=secret, clock=clock, rng=rng)
        self._session, self._journal = start.begin(
            profile, strategies(self.loaded), venue, self.home,
            version=self.version, config=as_json(self.loaded), clock=clock,
        )  # fmt: skip
        self._watch(self._session)
        await start.connect(self._session)
        return self._session

    def _watch(self, session: Session) -> None:
        from engine.session.watch import clock_jump, watch

        session.watches.append(watch("ClockJump", clock_jump(session.clock), session.clock))
        exchange = self.exchange
        if exchange is not None:
            gone = "its process has ended; start the cockpit again"
            session.watches.append(watch("ExchangeGone", lambda: "" if exchange.alive else gone, session.clock))

    async def _door(self) -> tuple[VenueSettings, secrets.Secret, secrets.Secret]:
        venue = self.loaded.profile.venue
        if self.exchange is None:
            return venue, *secrets.load_keys(self.loaded.profile.name, self.home)
        self.addresses = await self.exchange.ready()
        key, secret = self.addresses.pop("api_key"), self.addresses.pop("api_secret")
        places = {name: self.addresses[name] for name in ("rest", "public", "private")}
        return msgspec.structs.replace(venue, **places), secrets.Secret(key), secrets.Secret(secret)

    async def bring_up(self) -> bool:
        """True when every required gate passes. Raises VenueError when the venue cannot be reached; may be called again."""
        from engine.session import start

        return await start.bring_up(self.session, self.home)

    async def end(self, policy: Policy, reason: str, show: Callable[[str], None] | None = None) -> None:
        """The ordered shutdown of whatever has been built; safe to call in any state, once."""
        try:
            if self._session is not None and self._journal is not None:
                from engine.session.shutdown import shut_down

                await shut_down(self._session, self._journal, policy, reason, show)
        finally:
            self._held.close()
            if self.exchange is not None:
                await asyncio.to_thread(self.exchange.stop)


def embedded(venue: VenueSettings) -> bool:
    """Whether the profile trades on an exchange that we start ourselves."""
    return venue.kind == "simulated" and not venue.rest


def strategies(loaded: Loaded) -> dict[str, list[Strategy[Any]]]:
    """Fresh strategies for every symbol, in the profile's order."""
    symbols = loaded.profile.symbols
    return {symbol: [registry.build(s.name, s.params) for s in loaded.strategies] for symbol in symbols}


def _import_heavy() -> None:
    """Import what takes long, in a thread: the screen is painted meanwhile."""
    for name in ("engine.session.start", "engine.venues.bitunix.adapter"):
        importlib.import_module(name)
