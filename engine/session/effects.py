"""Carrying out decisions: each waits until it is durable, does one thing at the venue, and reports as an input."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

import msgspec

from engine.core.exposure import working_orders
from engine.model import events as ev
from engine.model.orders import Order
from engine.ops import logs
from engine.venues.port import VenueError

if TYPE_CHECKING:
    from engine.session.session import Session

CANCEL_WAITS_S = 0.25
"""A cancel can only reduce risk: when the disk is stuck it goes out after this long all the same."""
LOOKBACK_NS = 5 * 60_000_000_000
HISTORY_TRIES = 3


class Effects:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._tasks: set[asyncio.Task[None]] = set()
        self._submits: dict[str, asyncio.Task[None]] = {}
        self._read_to = 0
        """Venue time at which the last complete reading of the account was begun."""
        self._table: dict[type[ev.Event], Callable[[Any, int], Coroutine[Any, Any, None]]] = {
            ev.OrderSent: self._submit,
            ev.CancelSent: self._cancel,
            ev.QuerySent: self._query,
            ev.ProtectSent: self._protect,
            ev.SnapshotAsked: self._snapshot,
            ev.HistoryAsked: self._history,
            ev.LinksAsked: self._links,
        }

    def start(self, decision: ev.Event, seq: int) -> None:
        effect = self._table.get(type(decision))
        if effect is None:
            return
        task = self._spawn(effect(decision, seq), type(decision).__name__, _known_by(decision))
        if isinstance(decision, ev.OrderSent):
            self._submits[decision.client_id] = task

    def finish(self) -> None:
        """An input and all its decisions are in the journal: the moment for what needs no waiting."""

    def _spawn(self, work: Coroutine[Any, Any, None], name: str, context: Context | None = None) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._session.fail(error)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settled(self, timeout_s: float) -> bool:
        """Wait for the effects under way; False when some were still running at the end."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)
        return not self._tasks

    # --- one coroutine an effect --------------------------------------------------------------------------------

    async def _submit(self, d: ev.OrderSent, seq: int) -> None:
        session = self._session
        await session.journal.durable(seq)
        order = session.state.orders[d.client_id]
        if session.broken is not None or order.final or order.cancel_sent_t:
            message = "stopped before it left"
            session.ingest(self._report(order, "REJECTED", "not_sent", message))
            return
        frozen = msgspec.structs.replace(order)
        report = await session.venue.submit(frozen)
        self._submits.pop(d.client_id, None)
        self._tell(report)

    def _report(self, order: Order, status: str, code: str, message: str) -> ev.OrderReport:
        return ev.OrderReport(
            self._session.clock(), order.client_id, "", order.symbol, status, order.filled, code, message, "reply"  # type: ignore[arg-type]
        )  # fmt: skip

    async def _cancel(self, d: ev.CancelSent, seq: int) -> None:
        session = self._session
        await self._bounded(session.journal.durable(seq))
        sending = [task for cid in d.client_ids if (task := self._submits.get(cid)) is not None and not task.done()]
        if sending:  # the venue cannot cancel what it has not seen
            await asyncio.wait(sending, timeout=CANCEL_WAITS_S)
        orders = [session.state.orders[cid] for cid in d.client_ids]
        for report in await session.venue.cancel([msgspec.structs.replace(o) for o in orders if not o.final]):
            self._tell(report)

    async def _bounded(self, durable: Awaitable[None]) -> None:
        try:
            await asyncio.wait_for(asyncio.ensure_future(durable), CANCEL_WAITS_S)
        except TimeoutError:
            return

    async def _query(self, d: ev.QuerySent, seq: int) -> None:
        session = self._session
        await session.journal.durable(seq)
        order = session.state.orders[d.client_id]
        if not order.final:
            self._tell(await session.venue.query(msgspec.structs.replace(order)))

    async def _protect(self, d: ev.ProtectSent, seq: int) -> None:
        session = self._session
        await session.journal.durable(seq)
        position = session.state.positions[d.symbol]
        target = None if d.target is None else format(d.target, "f")
        report = await session.venue.protect(d.symbol, position.position_id, d.stop_id, format(d.stop, "f"), target)
        self._tell(report)

    async def _snapshot(self, d: ev.SnapshotAsked, seq: int) -> None:  # noqa: ARG002
        session = self._session
        latest = since = max((m.venue_t for m in session.state.markets.values()), default=0) or session.clock()
        recovery = session.state.recovery
        if session.state.snapshot_t:  # the account may have been out of reach for longer than the look-back
            since = min(latest, self._read_to or latest) - LOOKBACK_NS
        elif recovery.began_t:  # executions since then may be those of orders that were taken over
            since = min(since - LOOKBACK_NS, recovery.since or since)
        try:
            read = await session.venue.snapshot(session.trader.profile.symbols, since)
        except VenueError as error:
            session.ingest(ev.SnapshotTaken(session.clock(), d.why, False, str(error), d.t))
            return
        for event in read:
            self._tell(event)
        self._read_to = latest
        session.ingest(ev.SnapshotTaken(session.clock(), d.why, True, asked_t=d.t))

    async def _history(self, d: ev.HistoryAsked, seq: int) -> None:  # noqa: ARG002
        session = self._session
        for attempt in range(HISTORY_TRIES):
            try:
                candles = await session.venue.candles(d.symbol, d.start, d.end)
            except VenueError:
                candles = []
            if candles or attempt == HISTORY_TRIES - 1:
                session.ingest(ev.CandlesLoaded(session.clock(), d.symbol, candles))
                return
            await asyncio.sleep(1.0)

    async def _links(self, d: ev.LinksAsked, seq: int) -> None:  # noqa: ARG002
        session = self._session
        await session.venue.open(session.trader.profile.symbols, session.ingest)

    def _tell(self, event: ev.Event) -> None:
        event.t = self._session.clock()
        self._session.ingest(event)

    # --- when we ourselves are at fault ---------------------------------------------------------------------------

    def last_act(self) -> None:
        """Cancel working entries without a journal: the fault may be the journal. Nothing else is sent any more."""
        session = self._session
        orders = [o for o in working_orders(session.state) if o.role == "entry" and not o.reduce_only]
        if orders:
            self._spawn(self._cancel_blindly([msgspec.structs.replace(o) for o in orders]), "last act")

    async def _cancel_blindly(self, orders: list[Order]) -> None:
        """All at once, and if that is what is broken, each on its own: one that cannot be cancelled keeps no other working."""
        venue = self._session.venue
        try:
            await venue.cancel(orders)
        except Exception:
            await asyncio.gather(*(venue.cancel([order]) for order in orders), return_exceptions=True)


def _known_by(decision: ev.Event) -> Context:
    """What the log says of every request that the effect makes."""
    ids = getattr(decision, "client_ids", None) or [getattr(decision, "client_id", "")]
    names = {"client_id": ",".join(ids[:5]), "symbol": getattr(decision, "symbol", "")}
    context = copy_context()
    context.run(logs.ids.set, {name: value for name, value in names.items() if value})
    return context
