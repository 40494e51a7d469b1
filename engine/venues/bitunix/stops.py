"""Protective orders: put, moved, and proven by reading them back."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from engine.model.events import ProtectReport, StopsListed
from engine.venues.bitunix.parse_account import StopRow
from engine.venues.bitunix.reads import Reads
from engine.venues.bitunix.rest import Rest, RestError
from engine.venues.bitunix.trading import URGENT_PATIENCE_S, plain
from engine.venues.bitunix.wire import Unreadable
from engine.venues.port import Clock, Emit, VenueError

TPSL = "/api/v1/futures/tpsl"
VERIFY_PAUSES_S = (0.0, 0.1, 0.4)


class Stops:
    def __init__(self, rest: Rest, reads: Reads, clock: Clock, emit: Emit) -> None:
        self._rest = rest
        self._reads = reads
        self._clock = clock
        self._emit = emit

    async def protect(
        self, symbol: str, position_id: str, stop_id: str, stop: Decimal, target: Decimal | None
    ) -> ProtectReport:
        """A success is what the venue lists afterwards, not what it answered (protocol sheet, section 11.6)."""
        answered = True
        try:
            if stop_id:
                await self._move(symbol, position_id, stop_id, stop, target)
            else:
                await self._place(symbol, position_id, stop, target)
        except RestError as error:
            if error.outcome != "unknown":
                return ProtectReport(self._clock(), symbol, False, error.code, error.message)
            answered = False
        except (VenueError, Unreadable) as error:
            return ProtectReport(self._clock(), symbol, None, "no_answer", str(error))
        return await self._verified(symbol, stop, answered)

    async def _place(self, symbol: str, position_id: str, stop: Decimal, target: Decimal | None) -> None:
        position_id = position_id or await self._position_of(symbol)
        body = {"symbol": symbol, "positionId": position_id, **_pair(stop, target)}
        await self._post("position/place_order", body)

    async def _move(self, symbol: str, position_id: str, stop_id: str, stop: Decimal, target: Decimal | None) -> None:
        """The position's own pair and orders with a quantity are moved in different ways: the one does not move the other."""
        rows = await self._reads.stops(symbol, "reserve")
        row = next((row for row in rows if row.stop.stop_id == stop_id), None)
        if row is None:
            raise RestError("refused", "not_found", "the protective order is not there any more")
        target = target if target is not None else row.stop.target
        if row.whole:
            position_id = position_id or row.position_id
            await self._post(
                "position/modify_order", {"symbol": symbol, "positionId": position_id, **_pair(stop, target)}
            )
        else:
            await self._post("modify_order", {"orderId": stop_id, **_legs(row, stop, target)})

    async def _post(self, path: str, body: dict[str, object]) -> None:
        await self._rest.post(f"{TPSL}/{path}", body, lane="reserve", patience_s=URGENT_PATIENCE_S)

    async def _position_of(self, symbol: str) -> str:
        for row in await self._reads.positions("reserve"):
            if row.report.symbol == symbol and row.report.qty:
                return row.position_id
        raise RestError("refused", "no_position", "there is no position to protect")

    async def _verified(self, symbol: str, stop: Decimal, answered: bool) -> ProtectReport:
        for pause in VERIFY_PAUSES_S:
            await asyncio.sleep(pause)
            try:
                rows = await self._reads.stops(symbol, "reserve")
            except VenueError as error:
                return ProtectReport(self._clock(), symbol, None, "no_answer", str(error))
            if any(row.stop.stop == stop for row in rows):
                self._emit(StopsListed(self._clock(), symbol, [row.stop for row in rows]))
                return ProtectReport(self._clock(), symbol, True)
        self._emit(StopsListed(self._clock(), symbol, [row.stop for row in rows]))
        ok = False if answered else None
        return ProtectReport(self._clock(), symbol, ok, "not_verified", "the venue does not list the stop")


def _pair(stop: Decimal, target: Decimal | None) -> dict[str, object]:
    body: dict[str, object] = {"slPrice": plain(stop), "slStopType": "MARK_PRICE"}
    return body if target is None else body | {"tpPrice": plain(target), "tpStopType": "MARK_PRICE"}


def _legs(row: StopRow, stop: Decimal, target: Decimal | None) -> dict[str, object]:
    """The new legs of an order with a quantity; a leg that it did not have takes the other one's quantity."""
    qty = row.stop_qty if row.stop_qty is not None else row.target_qty
    body = _pair(stop, target) | {"slOrderType": "MARKET"}
    if qty is not None:
        body["slQty"] = plain(qty)
    if target is not None:
        target_qty = row.target_qty if row.target_qty is not None else qty
        body["tpOrderType"] = "MARKET"
        body |= {"tpQty": plain(target_qty)} if target_qty is not None else {}
    return body
