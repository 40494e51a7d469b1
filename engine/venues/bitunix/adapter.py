"""Bitunix USDT-margined futures behind the ``Venue`` port: wiring of the parts that read, trade, protect and listen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any, Literal, TypeVar

from engine.model.events import (
    AccountReport,
    CancelReport,
    Event,
    FillReport,
    FundingPaid,
    LinkReport,
    OrderReport,
    ProtectReport,
    Reported,
)
from engine.model.market import Candle, Instrument
from engine.model.orders import Order
from engine.model.settings import ErrorSettings, VenueSettings
from engine.venues.bitunix import hosts, wire
from engine.venues.bitunix.breaker import Breakers
from engine.venues.bitunix.budget import Budget
from engine.venues.bitunix.clock import VenueClock
from engine.venues.bitunix.complaints import Complaints
from engine.venues.bitunix.crosscheck import Crosscheck
from engine.venues.bitunix.fills import Fills
from engine.venues.bitunix.names import Names
from engine.venues.bitunix.private import Funding, Private
from engine.venues.bitunix.public import CHANNELS, MAX_SUBSCRIPTIONS, Public
from engine.venues.bitunix.reads import ACCOUNT, COIN, Reads
from engine.venues.bitunix.rest import Keys, Rest, RestError, Revealing
from engine.venues.bitunix.stops import Stops
from engine.venues.bitunix.streams import Reader, Stream
from engine.venues.bitunix.trading import Trading
from engine.venues.port import Clock, Emit, VenueError

REST_REPORT_S = 5.0
"""The REST link tells its latency this often; a change of state at once."""
REST_DOWN_AFTER = 2
CLOCK_UNCERTAINTY_MS = 150.0
CLOCK_PROBES = 4
MODE_PATIENCE_S = 5.0
CLOSE_PATIENCE_S = 2.0

T = TypeVar("T")


class Bitunix:
    """One account at Bitunix, in one-way mode; without keys the market alone: no private stream, public requests only.
    Without ``errors`` there are no circuit breakers.

    A trading call that is cancelled after it began goes on by itself, and its report is emitted instead of returned: what
    has left is never lost. Nothing is emitted after ``close``.
    """

    name = "bitunix"

    def __init__(
        self,
        settings: VenueSettings,
        *,
        clock: Clock,
        rng: random.Random,
        key: str | Revealing = "",
        secret: str | Revealing = "",
        errors: ErrorSettings | None = None,
    ) -> None:
        base, self._public_url, self._private_url = hosts.addresses(settings)
        self._settings = settings
        self._keys = Keys(key, secret)
        self._clock = clock
        self._rng = rng
        self._sink: Emit | None = None
        self._links: list[tuple[Stream, Reader]] = []
        self._crosscheck: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._rest_state: Literal["down", "up"] | None = None
        self._rest_failures = 0
        self._rest_told = 0.0
        self._closed = False
        self._outside = ""

        now = _loop_time
        self._venue_clock = VenueClock()
        self._complaints = Complaints(clock, self._emit)
        self._names = Names()
        self._funding = Funding()
        self._rest = Rest(
            base,
            self._keys,
            settings,
            clock=clock,
            venue_clock=self._venue_clock,
            budget=Budget(settings.requests_per_s, settings.cancel_reserve_per_s, now),
            breakers=Breakers(errors, clock, self._emit),
            rng=rng,
            told=self._rest_answered,
        )
        self._reads = Reads(
            self._rest, clock=clock, venue_clock=self._venue_clock, complaints=self._complaints, names=self._names
        )
        self._fills = Fills(
            self._reads.fills_of,
            is_ours=self._names.is_ours,
            emit=self._emit,
            clock=clock,
            rng=rng,
            complaints=self._complaints,
        )
        self._trading = Trading(self._rest, clock, self._names, self._fills)
        self._stops = Stops(self._rest, self._reads, clock, self._emit)

    def __repr__(self) -> str:
        return "Bitunix(***)"

    # --- links -------------------------------------------------------------------------------------------------

    async def open(self, symbols: list[str], emit: Emit) -> None:
        """Starts the streams. Called again, it starts anew the ones that had given up."""
        if len(symbols) * len(CHANNELS) > MAX_SUBSCRIPTIONS:
            raise VenueError("too many symbols for one connection", f"at most {MAX_SUBSCRIPTIONS // len(CHANNELS)}")
        self._sink = emit
        if not self._links:
            self._links = [self._public(symbols), *([self._private(symbols)] if self._keys else [])]
        for stream, reader in self._links:
            stream.start(reader)
        if self._crosscheck is None:
            self._crosscheck = asyncio.create_task(self._frozen.run(), name="bitunix crosscheck")
        if self._rest_state is not None:
            self._emit(LinkReport(self._clock(), "rest", self._rest_state))

    async def close(self) -> None:
        """Waits a moment for trading requests under way, so that their callers get their answers."""
        self._closed = True
        if self._crosscheck is not None:
            self._crosscheck.cancel()
        await asyncio.gather(*(stream.stop() for stream, _ in self._links))
        await self._fills.stop()
        if self._running:
            await asyncio.wait(self._running, timeout=min(CLOSE_PATIENCE_S, self._settings.timeout_s))
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._rest.close()

    def _public(self, symbols: list[str]) -> tuple[Stream, Reader]:
        stream = self._stream("public", self._public_url)
        public = Public(
            symbols,
            clock=self._clock,
            venue_clock=self._venue_clock,
            emit=self._emit,
            complaints=self._complaints,
            mark_up=stream.mark_up,
        )
        self._frozen = Crosscheck(symbols, public.mids, self._reads.marks, stream.drop)
        return stream, public

    def _private(self, symbols: list[str]) -> tuple[Stream, Reader]:
        stream = self._stream("private", self._private_url)
        return stream, Private(
            symbols,
            self._keys,
            clock=self._clock,
            venue_clock=self._venue_clock,
            emit=self._emit,
            complaints=self._complaints,
            names=self._names,
            fills=self._fills,
            funding=self._funding,
            check_keys=self._reads.account,
            mark_up=stream.mark_up,
            handle=stream.handle,
        )

    def _stream(self, link: Literal["public", "private"], url: str) -> Stream:
        return Stream(
            link,
            url,
            self._settings,
            clock=self._clock,
            rng=self._rng,
            emit=self._emit,
            complaints=self._complaints,
            data_is_life=link == "public",
        )

    def _emit(self, event: Event) -> None:
        if self._sink is not None and not self._closed:
            self._sink(event)

    def _rest_answered(self, answered: bool, latency_ms: float | None, detail: str) -> None:
        """REST is down after two failures in a row: one lost answer is a reason to ask, not to stop trading."""
        self._rest_failures = 0 if answered else self._rest_failures + 1
        if not answered and self._rest_failures < REST_DOWN_AFTER:
            return
        state: Literal["down", "up"] = "up" if answered else "down"
        now = _loop_time()
        if state != self._rest_state or now - self._rest_told >= REST_REPORT_S:
            self._rest_state, self._rest_told = state, now
            self._emit(LinkReport(self._clock(), "rest", state, latency_ms, detail=detail))

    # --- reading -----------------------------------------------------------------------------------------------

    async def instruments(self) -> list[Instrument]:
        return await self._reads.instruments()

    async def account(self) -> AccountReport:
        return (await self._reads.account())[0]

    async def clock_offset_ms(self) -> float:
        """Asks a few times, at the moments that tell most, until the offset is known to ±``CLOCK_UNCERTAINTY_MS``."""
        for probe in range(CLOCK_PROBES):
            if self._venue_clock.uncertainty_ms <= CLOCK_UNCERTAINTY_MS:
                break
            if probe and self._venue_clock.known:
                await asyncio.sleep(self._venue_clock.best_probe_ms(self._clock()) / 1000.0)
            try:
                await self._reads.touch()
            except VenueError:
                if not self._venue_clock.known:
                    raise
        if not self._venue_clock.known:
            raise VenueError("the venue's answers carry no time", "check this computer's clock by hand")
        return self._venue_clock.offset_ms

    async def candles(self, symbol: str, start: int, end: int) -> list[Candle]:
        return await self._reads.candles(symbol, start, end)

    async def snapshot(self, symbols: list[str], since: int) -> list[Event]:
        """Funding settled since the last word is emitted beside it; what other symbols hold is an alarm and nothing else."""
        events, positions, mode = await self._reads.snapshot(symbols, since)
        self._tell_outside(self._reads.outside)
        if mode == "HEDGE":
            await self._to_one_way(empty=not positions and not any(isinstance(event, OrderReport) for event in events))
        await self._fills.begin([event for event in events if isinstance(event, OrderReport)])
        for event in events:
            if isinstance(event, FillReport):
                self._fills.note(event.fill)
        for row in positions:
            paid = self._funding.grown(row)
            if paid and row.report.symbol in symbols:
                self._emit(FundingPaid(self._clock(), row.report.symbol, paid))
        return events

    def _tell_outside(self, found: str) -> None:
        if found != self._outside:
            over = f"no longer: {self._outside}"
            text = f"{found}: nobody here watches or closes it" if found else over
            self._outside = found
            self._emit(Reported(self._clock(), "ForeignHoldings", text, not found))

    async def _to_one_way(self, *, empty: bool) -> None:
        hint = "close all positions and orders at the venue, or set one-way mode there"
        if not empty:
            raise VenueError("the account is in hedge mode and something is open", hint)
        await self._change("change_position_mode", {"positionMode": "ONE_WAY"}, "one-way mode", hint)

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """Does nothing where it is set already: the venue refuses any change while orders are open."""
        params = {"symbol": symbol, "marginCoin": COIN}
        data = await self._rest.read(f"{ACCOUNT}/get_leverage_margin_mode", params, what="leverage")
        if _leverage(data) != leverage:
            body = {"marginCoin": COIN, "symbol": symbol, "leverage": leverage}
            hint = "it cannot be changed while orders or positions are open, nor above the instrument's maximum"
            await self._change("change_leverage", body, f"leverage {leverage} for {symbol}", hint)

    async def _change(self, path: str, body: dict[str, object], what: str, hint: str) -> None:
        try:
            await self._rest.post(f"{ACCOUNT}/{path}", body, patience_s=MODE_PATIENCE_S)
        except RestError as error:
            raised = error.as_venue_error(what)
            raised.hint = raised.hint or hint
            raise raised from error

    # --- trading -----------------------------------------------------------------------------------------------

    async def submit(self, order: Order) -> OrderReport:
        return await self._to_the_end(self._trading.submit(order), self._emit)

    async def cancel(self, orders: list[Order]) -> list[CancelReport]:
        return await self._to_the_end(self._trading.cancel(orders), self._emit_all)

    async def query(self, order: Order) -> OrderReport:
        return await self._trading.query(order)

    async def protect(
        self, symbol: str, position_id: str, stop_id: str, stop: str, target: str | None
    ) -> ProtectReport:
        wanted = None if target is None else Decimal(target)
        call = self._stops.protect(symbol, position_id, stop_id, Decimal(stop), wanted)
        return await self._to_the_end(call, self._emit)

    def _emit_all(self, reports: list[CancelReport]) -> None:
        for report in reports:
            self._emit(report)

    async def _to_the_end(self, call: Coroutine[Any, Any, T], late: Callable[[T], None]) -> T:
        """Runs ``call`` to its end even when the caller is cancelled; ``late`` then gets what it returns."""
        task = asyncio.create_task(call)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(lambda done: None if done.cancelled() or done.exception() else late(done.result()))
            raise


def _leverage(data: Any) -> int | None:
    try:
        return wire.whole(wire.one_or_many(data, "leverage")[0], "leverage")
    except (wire.Unreadable, IndexError):
        return None


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
