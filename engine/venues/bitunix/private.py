"""The private stream: login, and each push made into an account event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

from engine.model.events import FundingPaid
from engine.venues.bitunix import parse_account, wire
from engine.venues.bitunix.clock import VenueClock
from engine.venues.bitunix.complaints import Complaints
from engine.venues.bitunix.fills import Fills
from engine.venues.bitunix.names import Names
from engine.venues.bitunix.parse_account import PositionRow
from engine.venues.bitunix.rest import Keys
from engine.venues.bitunix.streams import Line, LinkLost, LoginRefused
from engine.venues.bitunix.wire import Unreadable
from engine.venues.port import AuthError, Clock, Emit, VenueError

CHANNELS = ("balance", "position", "order", "tpsl")
ACK_S = 3.0
EARLY_FRAMES = 200
_KEPT = 1_000

Verdict = Literal["accepted", "refused", "silent"]
Unit = Literal["s", "ms"]


class Funding:
    """Settlements, read from the growth of a position's own total: the venue pushes no settlement of its own."""

    def __init__(self) -> None:
        self._totals: dict[str, Decimal] = {}

    def grown(self, row: PositionRow) -> Decimal:
        """What was received (negative: paid) since the last word on this position; zero at the first."""
        known = self._totals.get(row.position_id)
        if known is None and row.opened:
            known = Decimal(0)
        if not row.report.qty:
            self._totals.pop(row.position_id, None)
        else:
            if len(self._totals) >= _KEPT:
                del self._totals[next(iter(self._totals))]
            self._totals[row.position_id] = row.funding
        return Decimal(0) if known is None else row.funding - known


class Private:
    def __init__(
        self,
        symbols: list[str],
        keys: Keys,
        *,
        clock: Clock,
        venue_clock: VenueClock,
        emit: Emit,
        complaints: Complaints,
        names: Names,
        fills: Fills,
        funding: Funding,
        check_keys: Callable[[], Awaitable[object]],
        mark_up: Callable[[], None],
        handle: Callable[[bytes], None],
    ) -> None:
        self._symbols = frozenset(symbols)
        self._keys = keys
        self._clock = clock
        self._venue_clock = venue_clock
        self._emit = emit
        self._complaints = complaints
        self._names = names
        self._fills = fills
        self._funding = funding
        self._check_keys = check_keys
        self._mark_up = mark_up
        self._handle = handle
        self._unit: Unit = "s"

    async def greet(self, line: Line) -> None:
        """Logs in and subscribes. Raises ``LoginRefused`` when the keys are not accepted, ``LinkLost`` when nobody knows."""
        early: list[bytes] = []
        verdict = await self._login(line, early)
        if verdict != "accepted":
            await self._ask_by_rest(verdict)
        self._mark_up()
        await line.send({"op": "subscribe", "args": [{"ch": channel} for channel in CHANNELS]})
        for frame in early:
            self._handle(frame)

    async def _login(self, line: Line, early: list[bytes]) -> Verdict:
        """Tries the unit of time that worked last, then the other: sources disagree (protocol sheet, section 2.2)."""
        verdict: Verdict = "refused"
        for _ in range(2):
            unit = self._unit
            self._unit = "ms" if unit == "s" else "s"
            ms = self._venue_clock.venue_ms(self._clock())
            await line.send(self._keys.login(ms if unit == "ms" else ms // 1000))
            answer = await self._answer(line, early)
            if answer == "accepted":
                self._unit = unit
                return answer
            verdict = "silent" if answer == "silent" else verdict
        return verdict

    async def _answer(self, line: Line, early: list[bytes]) -> Verdict:
        try:
            async with asyncio.timeout(ACK_S):
                while True:
                    frame = await line.receive()
                    verdict = _login_verdict(frame)
                    if verdict is None or "ch" in verdict:
                        early.append(frame)
                        if len(early) > EARLY_FRAMES:
                            raise LinkLost("too many messages before the login's answer")
                    if verdict is not None:
                        return "refused" if "refused" in verdict else "accepted"
        except TimeoutError:
            return "silent"

    async def _ask_by_rest(self, verdict: Verdict) -> None:
        """No acknowledgement is documented: silence is acceptance where the same keys work for requests."""
        try:
            await self._check_keys()
        except AuthError as error:
            raise LoginRefused(f"login refused: {error}") from error
        except VenueError as error:
            raise LinkLost("login without answer") from error
        if verdict == "refused":
            raise LinkLost("login refused by the stream")

    def lost(self) -> None:
        """Nothing here outlives a connection: the engine takes a snapshot after the next login."""

    def take(self, frame: bytes, message: Mapping[str, Any]) -> bool:
        channel = message.get("ch")
        if channel is None:
            return False
        maker = _MAKERS.get(channel) if isinstance(channel, str) else None
        try:
            if maker is None:
                raise Unreadable("channel is unknown")
            rows = wire.one_or_many(message.get("data"), channel)
        except Unreadable as error:
            self._complaints.add("private", error.why, frame)
            return False
        for row in rows:
            try:
                maker(self, row)
            except Unreadable as error:
                self._complaints.add("private", error.why, frame)
        return True

    def _balance(self, row: Mapping[str, Any]) -> None:
        report = parse_account.balance(self._clock(), row)
        if report is not None:
            self._emit(report)

    def _order(self, row: Mapping[str, Any]) -> None:
        report = parse_account.order(self._clock(), row, "push")
        if report.symbol not in self._symbols:
            return
        self._names.learn(report.venue_id, report.client_id)
        report.client_id = self._names.get(report.venue_id) or ""
        self._emit(report)
        self._fills.want(report.venue_id, report.filled)

    def _position(self, row: Mapping[str, Any]) -> None:
        position = parse_account.position(self._clock(), row, "push")
        if position.report.symbol not in self._symbols:
            return
        paid = self._funding.grown(position)
        if paid:
            self._emit(FundingPaid(self._clock(), position.report.symbol, paid))
        self._emit(position.report)

    def _tpsl(self, row: Mapping[str, Any]) -> None:
        report = parse_account.stop_report(self._clock(), row)
        if report.stop.symbol in self._symbols:
            self._emit(report)


_MAKERS: dict[str, Callable[[Private, Mapping[str, Any]], None]] = {
    "balance": Private._balance,
    "order": Private._order,
    "position": Private._position,
    "tpsl": Private._tpsl,
}


def _login_verdict(frame: bytes) -> str | None:
    """What a frame says about the login: ``accepted``, ``refused``, ``accepted by ch`` (a private push proves it), or None."""
    try:
        message = wire.as_object(wire.decode(frame), "message")
        if message.get("ch") in _MAKERS:
            return "accepted by ch"
        if "login" not in (message.get("op"), message.get("event")) and message.get("event") != "error":
            return None
        data = message.get("data")
        result = data.get("result") if isinstance(data, dict) else message.get("result")
        code = wire.pick(message, "code") if wire.pick(message, "code") is not None else _code_of(data)
        refused = (
            result is False or message.get("event") == "error" or (code is not None and wire.to_decimal(code, "code"))
        )
    except Unreadable:
        return None
    return "refused" if refused else "accepted"


def _code_of(data: Any) -> Any:
    return wire.pick(data, "code") if isinstance(data, dict) else None
