"""Everything that a session runs on, put together and taken apart: exchange process, keys, lock, adapter, journal, session."""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.ops import lock, logs, secrets
from engine.ops.config import Loaded, as_json
from engine.ops.paths import Home
from engine.session.clock import steady
from engine.session.embedded import ExchangeProcess
from engine.strategies import registry
from engine.strategies.base import Strategy
from engine.venues.tasks import unattended

if TYPE_CHECKING:
    from engine.journal.writer import Journal
    from engine.model.settings import VenueSettings
    from engine.session.session import Session
    from engine.session.shutdown import Policy
    from engine.session.start import How
    from engine.venues.port import Clock, Venue


class Rig:
    """A session with all it stands on. Call ``build``, then ``bring_up``; always ``end``.

    The constructor starts the embedded exchange's process at once, so that it comes up while the rest is imported.
    """

    def __init__(self, loaded: Loaded, home: Home, version: str, how: How = "carry") -> None:
        self.loaded = loaded
        self.home = home
        self.version = version
        self.how = how
        """How to go on from the last session of the account (``engine.session.start``)."""
        self.exchange = (
            ExchangeProcess(loaded.profile.exchange, loaded.profile.symbols) if embedded(loaded.profile.venue) else None
        )
        self.addresses: dict[str, Any] = {}
        self._account = ""
        """Digest of an account that outlives the session; the embedded exchange's does not."""
        self._at: tuple[VenueSettings, tuple[secrets.Secret, secrets.Secret] | None] = loaded.profile.venue, None
        self.on_exhausted: Callable[[str], None] | None = None
        """Asked to end the session in order: the process has reached its memory ceiling."""
        self._backups: asyncio.Task[None] | None = None
        self._held = ExitStack()
        self._named: lock.Name | None = None
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
        log = self._held.enter_context(logs.written(self.home, self.loaded.profile.logs))
        await asyncio.to_thread(_import_heavy)
        from engine.session import alerting, insight, start
        from engine.session.backups import hourly

        profile = self.loaded.profile
        clock = steady()
        venue = await self._venue(clock)
        told = self._held.enter_context(alerting.alerting(self.home, profile))
        before = await asyncio.to_thread(start.look_back, self.home, self._account, profile.mode, self.how)
        self._session, self._journal = start.begin(
            profile, strategies(self.loaded), venue, self.home,
            version=self.version, config=as_json(self.loaded), clock=clock, account=self._account, before=before,
            watchers=[told.see],
        )  # fmt: skip
        if self._named is not None:
            self._named(self._session.state.session.id, self._journal.path)
        self._watch(self._session)
        self._held.enter_context(insight.seen(self._session, self.home, log, self._account))
        told.attach(self._session)
        self._held.enter_context(self._presence(self._session))
        await start.connect(self._session)
        self._backups = unattended(asyncio.create_task(hourly(self._session, self._journal, self.home), name="backups"))
        return self._session

    def _presence(self, session: Session) -> AbstractContextManager[None]:
        from engine.session.presence import present

        venue, keys = self._at
        return present(
            session, self.home, venue, keys,
            account=self._account, demo=self.exchange is not None, exhausted=self._exhausted,
        )  # fmt: skip

    def _exhausted(self, reason: str) -> None:
        if self.on_exhausted is not None:
            self.on_exhausted(reason)

    def _watch(self, session: Session) -> None:
        from engine.session.watch import clock_jump, watch

        session.watches.append(watch("ClockJump", clock_jump(session.clock), session.clock))
        exchange = self.exchange
        if exchange is not None:
            gone = "its process has ended; start the cockpit again"
            session.watches.append(watch("ExchangeGone", lambda: "" if exchange.alive else gone, session.clock))

    async def _venue(self, clock: Clock) -> Venue:
        """The venue that the session trades at, with the account locked. On paper no keys are read, and the market has none."""
        from engine.session.paper import Paper
        from engine.session.recover import account_digest
        from engine.venues.bitunix.adapter import Bitunix

        profile, rng = self.loaded.profile, random.SystemRandom()
        settings, keys = await self._door()
        self._at = settings, keys
        if profile.mode == "PAPER":
            self._named = self._held.enter_context(lock.hold("paper", f"{self.home.root}\0{profile.name}"))
            return Paper(Bitunix(settings, clock=clock, rng=rng, errors=profile.errors), profile, clock)
        key, secret = keys if keys is not None else await asyncio.to_thread(secrets.load_keys, profile.name, self.home)
        self._named = self._held.enter_context(lock.hold(settings.kind, key.reveal()))
        self._account = "" if keys else account_digest(settings.kind, key.reveal())
        self._at = settings, (key, secret)
        return Bitunix(settings, clock=clock, rng=rng, key=key, secret=secret, errors=profile.errors)

    async def _door(self) -> tuple[VenueSettings, tuple[secrets.Secret, secrets.Secret] | None]:
        """Where the venue is, and the keys to it if it is an exchange that we started."""
        venue = self.loaded.profile.venue
        if self.exchange is None:
            return venue, None
        self.addresses = await self.exchange.ready()
        key, secret = self.addresses.pop("api_key"), self.addresses.pop("api_secret")
        places = {name: self.addresses[name] for name in ("rest", "public", "private")}
        return msgspec.structs.replace(venue, **places), (secrets.Secret(key), secrets.Secret(secret))

    async def bring_up(self) -> bool:
        """True when every required gate passes. Raises VenueError when the venue cannot be reached; may be called again."""
        from engine.session import start

        return await start.bring_up(self.session, self.home, adopt=self.how == "adopt")

    async def end(self, policy: Policy, reason: str, show: Callable[[str], None] | None = None) -> None:
        """The ordered shutdown of whatever has been built; safe to call in any state, once."""
        try:
            if self._backups is not None:
                self._backups.cancel()
            if self._session is not None and self._journal is not None:
                from engine.session.insight import shown
                from engine.session.shutdown import shut_down

                await shut_down(self._session, self._journal, policy, reason, shown(show))
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
    for name in ("engine.session.start", "engine.session.insight", "engine.venues.bitunix.adapter"):
        importlib.import_module(name)
