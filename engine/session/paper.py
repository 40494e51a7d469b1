"""Trading on paper: a real market's public data, and a simulated venue that answers for the account.

Everything that the simulated venue says follows from the recorded events alone: it hears a market event right after the trader
has, and a decision in the same call, and all its answers bear the time of what they answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from engine.model import events as ev
from engine.model.market import Candle, Instrument
from engine.model.orders import ZERO, Order
from engine.model.settings import Profile
from engine.model.state import State
from engine.session.effects import Effects
from engine.sim.paper import PaperVenue
from engine.sim.paper_feed import Opening, by_market_time, open_account, taken
from engine.venues.port import Clock, Emit, Venue, VenueError

if TYPE_CHECKING:
    from engine.session.session import Session

NOT_OPEN = "the account on paper opens when the venue has told its instruments"
E = TypeVar("E", bound=ev.Event)


class Paper:
    """A venue whose market is ``market``'s and whose account is simulated by the profile's fill settings.

    ``market`` needs no keys: its instruments, candles and public stream are all that is used. ``opening`` makes the simulated
    venue once the instruments are known; until then trading is refused, and the private link is not up.
    """

    name = "paper"

    def __init__(self, market: Venue, profile: Profile, clock: Clock, opening: Opening = open_account) -> None:
        self._market = market
        self._profile = profile
        self._clock = clock
        self._opening = opening
        self._simulated: PaperVenue | None = None
        self._emit: Emit = lambda _: None
        self._hear: Emit = lambda _: None

    def attach(self, session: Session) -> None:
        """Answer the session's decisions in the call that makes them."""
        effects = AtOnce(session, self)
        session.effects, self._hear = effects, effects.hear

    # --- links and reading ---------------------------------------------------------------------------------------

    async def open(self, symbols: list[str], emit: Emit) -> None:
        """The market's links; the account's is up as soon as there is one."""
        self._emit = emit
        await self._market.open(symbols, self._heard)
        self._tell_link()

    def _heard(self, event: ev.Event) -> None:
        """The account is as alive as the market: its link says so whenever the market's does."""
        self._hear(event)
        if isinstance(event, ev.LinkReport) and (event.link, event.state) == ("public", "up"):
            self._tell_link()

    async def close(self) -> None:
        await self._market.close()

    async def instruments(self) -> list[Instrument]:
        listed = await self._market.instruments()
        ours = {i.symbol: i for i in listed if i.symbol in self._profile.symbols}
        if self._simulated is None and ours:
            self._simulated = self._opening(self._profile, [ours[s] for s in self._profile.symbols if s in ours])
            asyncio.get_running_loop().call_soon(
                self._tell_link
            )  # when the caller has put the instruments in the journal
        return listed

    def _tell_link(self) -> None:
        up = self._simulated is not None
        self._emit(ev.LinkReport(self._clock(), "private", "up" if up else "connecting", 0.0 if up else None))

    async def account(self) -> ev.AccountReport:
        *_, report = _of(ev.AccountReport, await self.snapshot([], 0))
        return report

    async def clock_offset_ms(self) -> float:
        return await self._market.clock_offset_ms()

    async def candles(self, symbol: str, start: int, end: int) -> list[Candle]:
        return await self._market.candles(symbol, start, end)

    async def snapshot(self, symbols: list[str], since: int) -> list[ev.Event]:  # noqa: ARG002
        if self._simulated is None:
            raise VenueError(NOT_OPEN)
        said = self.carry(ev.SnapshotAsked(self._clock(), ""), State())
        return [event for event in said if not isinstance(event, ev.SnapshotTaken)]

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        if self._simulated is None or symbol not in self._simulated.desks:
            raise VenueError(NOT_OPEN)
        desk = self._simulated.desks[symbol]
        if leverage > desk.instrument.max_leverage:
            raise VenueError(f"at most {desk.instrument.max_leverage}×")
        desk.leverage = leverage

    # --- trading -------------------------------------------------------------------------------------------------

    def tick(self, event: ev.Event, state: State) -> list[ev.Event]:
        """What follows from an event that the trader has just folded into ``state``."""
        return self._simulated.tick(event) if self._simulated is not None and taken(state, event) else []

    def carry(self, decision: ev.Event, state: State) -> list[ev.Event]:
        """What follows from a decision, at its time."""
        return _too_early(decision, state) if self._simulated is None else self._simulated.carry(decision, state)

    async def submit(self, order: Order) -> ev.OrderReport:
        return self._told(ev.OrderReport, ev.OrderSent(self._clock(), order.client_id), [order])[0]

    async def cancel(self, orders: list[Order]) -> list[ev.CancelReport]:
        sent = ev.CancelSent(self._clock(), [order.client_id for order in orders], "")
        return self._told(ev.CancelReport, sent, orders)

    async def query(self, order: Order) -> ev.OrderReport:
        return self._told(ev.OrderReport, ev.QuerySent(self._clock(), order.client_id, ""), [order])[0]

    async def protect(
        self, symbol: str, position_id: str, stop_id: str, stop: str, target: str | None  # noqa: ARG002
    ) -> ev.ProtectReport:  # fmt: skip
        wanted = None if target is None else Decimal(target)
        sent = ev.ProtectSent(self._clock(), symbol, Decimal(stop), wanted, stop_id, "")
        return self._told(ev.ProtectReport, sent, [])[0]

    def _told(self, kind: type[E], decision: ev.Event, orders: list[Order]) -> list[E]:
        """The reports of ``kind`` that answer a request: those are returned, all else is emitted."""
        said = self.carry(decision, State(orders={order.client_id: order for order in orders}))
        for event in said:
            if not isinstance(event, kind):
                self._emit(event)
        return _of(kind, said)


class AtOnce(Effects):
    """Effects of a session on paper. Nothing leaves this computer, so nothing waits for the disk: the journal has a decision
    before its answers in any case. History and links alone are asked of the market.
    """

    def __init__(self, session: Session, venue: Paper) -> None:
        super().__init__(session)
        self._venue = venue
        self._decided: deque[ev.Event] = deque()
        self._answering = False

    def start(self, decision: ev.Event, seq: int) -> None:
        if isinstance(decision, ev.HistoryAsked | ev.LinksAsked):
            super().start(decision, seq)
        else:
            self._decided.append(decision)

    def finish(self) -> None:
        if not self._answering:
            self._answer(None)

    def hear(self, event: ev.Event) -> None:
        """A market event: the trader first, then what the simulated venue makes of it, then its answers to the decisions."""
        self._answering = True
        self._session.ingest(event)
        try:
            self._answer(event)
        except Exception as error:
            self._session.fail(error)

    def _answer(self, event: ev.Event | None) -> None:
        session, self._answering = self._session, True
        try:
            said = deque(self._venue.tick(event, session.state) if event is not None and session.broken is None else ())
            said.extend(self._carried())
            while said and session.broken is None:
                session.ingest(by_market_time(session.state, said.popleft()))
                said.extend(self._carried())
        finally:
            self._answering = False

    def _carried(self) -> Iterable[ev.Event]:
        while self._decided:
            yield from self._venue.carry(self._decided.popleft(), self._session.state)


def _too_early(decision: ev.Event, state: State) -> list[ev.Event]:
    """The answer to a decision while there is no account yet."""
    t, code = decision.t, "not_connected"
    match decision:
        case ev.OrderSent(client_id=name):
            symbol = state.orders[name].symbol
            return [ev.OrderReport(t, name, "", symbol, "REJECTED", ZERO, code, NOT_OPEN, "reply")]
        case ev.CancelSent(client_ids=names):
            return [ev.CancelReport(t, name, False, code, NOT_OPEN) for name in names]
        case ev.QuerySent(client_id=name):
            symbol = state.orders[name].symbol
            return [ev.OrderReport(t, name, "", symbol, "UNKNOWN", ZERO, code, NOT_OPEN, "query")]
        case ev.ProtectSent(symbol=symbol):
            return [ev.ProtectReport(t, symbol, False, code, NOT_OPEN)]
        case ev.SnapshotAsked(why=why):
            return [ev.SnapshotTaken(t, why, False, NOT_OPEN)]
    return []


def _of(kind: type[E], events: list[ev.Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]
