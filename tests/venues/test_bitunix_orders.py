"""Orders and protection at the simulated exchange: what a trader does, and what goes wrong."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest
from bitunix_kit import (
    NS,
    SECRET,
    START,
    SYMBOL,
    adapter,
    desk,
    filled,
    final,
    order,
    ready,
    settings,
    thin,
)

from engine.model.events import (
    AccountReport,
    FillReport,
    OrderReport,
    PositionReport,
    StopReport,
    StopsListed,
)
from engine.venues.port import VenueError

# --- orders ---------------------------------------------------------------------------------------------------------


async def test_a_market_order_fills_and_its_fills_add_up() -> None:
    async with desk() as at:
        await ready(at)
        await thin(at)
        report = await at.venue.submit(order("m-1", qty="0.0100"))
        assert (report.status, report.source, report.client_id) == ("ACCEPTED", "reply", "m-1")
        await at.until(OrderReport, final("m-1", "FILLED"))
        await at.until(FillReport, lambda _: filled(at, "m-1") == Decimal("0.0100"))
        fills = [event.fill for event in at.of(FillReport)]
        assert len(fills) > 1
        assert len({(fill.venue_order_id, fill.trade_id) for fill in fills}) == len(fills)
        assert all(fill.fee == (fill.qty * fill.price * Decimal("0.0006")) for fill in fills)
        position = await at.until(PositionReport, lambda event: event.qty == Decimal("0.0100"))
        assert position.entry == sum(fill.qty * fill.price for fill in fills) / Decimal("0.0100")


async def test_the_wallet_is_exact_to_the_last_digit() -> None:
    async with desk() as at:
        await ready(at)
        await at.venue.submit(order("w-1", qty="0.0123"))
        await at.until(FillReport, lambda _: filled(at, "w-1") == Decimal("0.0123"))
        at.market.mid = 95_500.0
        await at.venue.submit(order("w-2", "SELL", "0.0045", reduce_only=True))
        await at.until(FillReport, lambda _: filled(at, "w-2") == Decimal("0.0045"))
        await at.venue.submit(order("w-3", qty="0.0100", price="90000.0"))
        fills = [event.fill for event in at.of(FillReport)]
        report = await at.venue.account()
        expected = Decimal(10_000) + sum(fill.realised - fill.fee for fill in fills)
        assert report.wallet == expected == report.available + report.margin + report.frozen
        assert report.frozen > 0
        pushed = await at.until(AccountReport, lambda event: event.frozen == report.frozen)
        assert pushed.wallet == report.wallet


async def test_a_bracket_is_attached_and_its_stop_fill_belongs_to_no_order_of_ours() -> None:
    async with desk() as at:
        await ready(at)
        await at.venue.snapshot([SYMBOL], START)
        await at.venue.submit(order("b-1", stop=Decimal("94000.0"), target=Decimal("97000.0")))
        stop = (await at.until(StopReport, lambda event: event.status == "NEW")).stop
        assert (stop.stop, stop.target, stop.qty) == (Decimal("94000.0"), Decimal("97000.0"), Decimal("0.0100"))
        at.market.mid = 93_900.0
        await at.until(StopReport, lambda event: event.status == "TRIGGERED")
        sold = await at.until(FillReport, lambda event: event.fill.side == "SELL")
        assert (sold.fill.client_id, sold.fill.qty) == ("", Decimal("0.0100"))
        await at.until(PositionReport, lambda event: event.qty == 0)


async def test_fills_are_complete_when_the_rest_of_an_order_is_cancelled() -> None:
    async with desk() as at:
        await ready(at)
        await thin(at)
        placed = order("p-1", qty="1.0000", price="95000.1")
        await at.venue.submit(placed)
        await at.until(OrderReport, lambda event: event.status == "PARTIALLY_FILLED")
        (cancelled,) = await at.venue.cancel([placed])
        assert cancelled.ok is True
        last = await at.until(OrderReport, final("p-1", "CANCELLED"))
        assert 0 < last.filled < 1
        await at.until(FillReport, lambda _: filled(at, "p-1") == last.filled)


async def test_what_an_immediate_order_cannot_get_is_cancelled() -> None:
    async with desk() as at:
        await ready(at)
        await thin(at)
        await at.venue.submit(order("p-2", qty="0.0100", price="95000.1", tif="IOC"))
        last = await at.until(OrderReport, final("p-2", "CANCELLED"))
        assert last.filled == Decimal("0.0040")
        await at.until(FillReport, lambda _: filled(at, "p-2") == Decimal("0.0040"))


async def test_cancels_report_each_order_in_order() -> None:
    async with desk() as at:
        await ready(at)
        placed = [order(f"c-{i}", qty="0.0010", price=f"{90_000 + i}.0") for i in range(25)]
        await asyncio.gather(*(at.venue.submit(one) for one in placed[:9]))
        await asyncio.sleep(1.0)
        await asyncio.gather(*(at.venue.submit(one) for one in placed[9:17]))
        reports = await at.venue.cancel(placed)
        assert [report.client_id for report in reports] == [one.client_id for one in placed]
        assert [report.ok for report in reports] == [True] * 17 + [False] * 8
        assert {report.code for report in reports[17:]} == {"20007"}


@pytest.mark.parametrize("code", [20003, 30042 + 1, 30014, 20012])
async def test_a_refusal_carries_the_venue_s_code(code: int) -> None:
    async with desk(opened=False) as at:
        await at.faults(reject=1, reject_code=code)
        report = await at.venue.submit(order("r-1"))
        assert (report.status, report.code) == ("REJECTED", str(code))


async def test_an_order_accepted_and_then_cancelled_by_the_venue_is_told() -> None:
    async with desk() as at:
        await ready(at)
        await at.faults(accept_then_reject=1)
        assert (await at.venue.submit(order("a-1"))).status == "ACCEPTED"
        await at.until(OrderReport, final("a-1", "CANCELLED"))


async def test_reduce_only_without_a_position_is_refused() -> None:
    async with desk(opened=False) as at:
        report = await at.venue.submit(order("x-1", "SELL", reduce_only=True))
        assert (report.status, report.code) == ("REJECTED", "30018")


async def test_a_lost_reply_is_unknown_and_a_query_finds_the_order() -> None:
    async with desk() as at:
        await ready(at)
        await at.faults(lost_reply=1)
        sent = order("u-1")
        report = await at.venue.submit(sent)
        assert (report.status, report.code, report.filled) == ("UNKNOWN", "no_answer", Decimal(0))
        found = await at.venue.query(sent)
        assert (found.status, found.filled, found.source) == ("FILLED", Decimal("0.0100"), "query")
        await at.until(FillReport, lambda _: filled(at, "u-1") == Decimal("0.0100"))


@pytest.mark.parametrize("fault", ["http_5xx", "bad_json_reply", "drop_request"])
async def test_no_usable_answer_is_unknown_never_rejected(fault: str) -> None:
    async with desk(opened=False) as at:
        await at.faults(**{fault: 1})
        assert (await at.venue.submit(order("n-1"))).status == "UNKNOWN"
        found = await at.venue.query(order("n-1"))
        landed = fault == "bad_json_reply"
        assert (found.status, found.code) == (("FILLED", "") if landed else ("REJECTED", "not_found"))


async def test_a_duplicate_client_id_is_the_order_that_landed() -> None:
    async with desk(opened=False) as at:
        await at.faults(lost_reply=1)
        assert (await at.venue.submit(order("d-1"))).status == "UNKNOWN"
        again = await at.venue.submit(order("d-1"))
        assert (again.status, again.venue_id != "") == ("FILLED", True)
        state = await at.state()
        assert len(next(iter(state["accounts"].values()))["positions"]) == 1


async def test_a_duplicate_client_id_of_another_order_is_refused() -> None:
    async with desk(opened=False) as at:
        await at.venue.submit(order("d-2", qty="0.0100"))
        again = await at.venue.submit(order("d-2", qty="0.0200"))
        assert (again.status, again.code) == ("REJECTED", "30042")


async def test_a_query_without_answer_is_unknown() -> None:
    async with desk(opened=False) as at:
        await at.faults(http_5xx=1)
        assert (await at.venue.query(order("q-1"))).status == "UNKNOWN"


async def test_an_unreachable_venue_refuses_before_anything_is_sent() -> None:
    venue = adapter(settings(rest="http://127.0.0.1:1"), "k", "s")
    report = await venue.submit(order("z-1"))
    (cancelled,) = await venue.cancel([order("z-1")])
    assert (report.status, report.code, cancelled.ok, cancelled.code) == ("REJECTED", "not_sent", False, "not_sent")
    with pytest.raises(VenueError, match="account") as raised:
        await venue.account()
    assert "network" in raised.value.hint
    await venue.close()


async def test_the_reply_of_a_cancelled_call_is_emitted() -> None:
    async with desk() as at:
        await ready(at)
        await at.faults(slow_ack_s=0.2)
        call = asyncio.create_task(at.venue.submit(order("s-1", qty="0.0010")))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await at.until(OrderReport, lambda event: (event.client_id, event.source) == ("s-1", "reply"))


async def test_complaints_about_too_many_requests_are_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.venues.bitunix.budget.THROTTLED_FIRST_S", 0.4)
    async with desk(opened=False) as at:
        await at.faults(rate_limit_10006=1)
        first = await at.venue.submit(order("t-1"))
        second = await at.venue.submit(order("t-2"))
        assert (first.status, first.code) == ("REJECTED", "10006")
        assert (second.status, second.code) == ("REJECTED", "rate_limit_local")
        (cancelled,) = await at.venue.cancel([order("t-1")])
        assert cancelled.code == "20007"
        began = time.monotonic()
        await at.venue.account()
        assert time.monotonic() - began > 0.2


async def test_the_budget_stays_under_the_venue_s_limit() -> None:
    async with desk(opened=False, requests_per_s=8.0, cancel_reserve_per_s=2.0) as at:
        reports = await asyncio.gather(
            *(at.venue.submit(order(f"o-{i}", qty="0.0010", price="90000.0")) for i in range(12))
        )
        codes = [report.code for report in reports]
        assert codes.count("") == 6
        assert codes.count("rate_limit_local") == 6
        (cancelled,) = await at.venue.cancel([order("o-0")])
        assert cancelled.ok is True


async def test_fills_from_before_the_session_are_not_told_again() -> None:
    async with desk() as at:
        await ready(at)
        at.market.depth = 0.0
        at.market.mid = 95_001.0
        await asyncio.sleep(0.05)
        early = adapter(settings(at.exchange), "demo-key", SECRET)
        at.market.depth, at.market.mid = 0.004, 95_000.0
        await asyncio.sleep(0.05)
        await early.submit(order("old", qty="0.0080", price="95000.1", tif="GTC"))
        at.market.mid = 95_100.0
        await early.close()
        await asyncio.sleep(0.1)
        state = await at.state()
        events = await at.venue.snapshot([SYMBOL], state["now_ms"] * NS + 1)
        assert not [event for event in events if isinstance(event, FillReport)]
        before = next(event for event in events if isinstance(event, OrderReport)).filled
        at.market.mid = 95_000.0
        await at.until(OrderReport, final("old", "FILLED"))
        await at.until(FillReport, lambda _: filled(at, "old") == Decimal("0.0080") - before)
        await asyncio.sleep(0.3)
        assert filled(at, "old") == Decimal("0.0080") - before


# --- protection -----------------------------------------------------------------------------------------------------


async def test_a_position_is_protected_as_a_whole_and_the_stop_is_moved() -> None:
    async with desk() as at:
        await ready(at)
        await at.venue.submit(order("v-1"))
        position = await at.until(PositionReport, lambda event: event.qty > 0)
        assert (await at.venue.protect(SYMBOL, position.position_id, "", "94000.0", "97000.0")).ok is True
        (stop,) = at.of(StopsListed)[-1].stops
        assert (stop.qty, stop.stop, stop.target) == (None, Decimal("94000.0"), Decimal("97000.0"))
        assert (await at.venue.protect(SYMBOL, position.position_id, stop.stop_id, "94500.0", None)).ok is True
        (moved,) = at.of(StopsListed)[-1].stops
        assert (moved.stop, moved.target) == (Decimal("94500.0"), Decimal("97000.0"))


async def test_an_attached_stop_is_moved_by_its_own_id() -> None:
    async with desk() as at:
        await ready(at)
        await at.venue.submit(order("v-2", stop=Decimal("94000.0")))
        stop = (await at.until(StopReport)).stop
        assert (await at.venue.protect(SYMBOL, "", stop.stop_id, "94400.0", "98000.0")).ok is True
        (moved,) = at.of(StopsListed)[-1].stops
        assert (moved.stop_id, moved.stop, moved.target) == (stop.stop_id, Decimal("94400.0"), Decimal("98000.0"))


async def test_a_stop_on_the_wrong_side_is_refused_with_the_venue_s_code() -> None:
    async with desk() as at:
        await ready(at)
        await at.venue.submit(order("v-3"))
        position = await at.until(PositionReport, lambda event: event.qty > 0)
        report = await at.venue.protect(SYMBOL, position.position_id, "", "99000.0", None)
        assert report.ok is False
        assert report.code.startswith("300")


async def test_protection_of_nothing_is_refused() -> None:
    async with desk(opened=False) as at:
        report = await at.venue.protect(SYMBOL, "", "", "94000.0", None)
        assert (report.ok, report.code) == (False, "no_position")
        report = await at.venue.protect(SYMBOL, "", "123", "94000.0", None)
        assert (report.ok, report.code) == (False, "not_found")


@pytest.mark.parametrize("fault", ["bad_json_reply", "http_5xx"])
async def test_a_lost_answer_to_protection_is_settled_by_reading_back(fault: str) -> None:
    async with desk() as at:
        await ready(at)
        await at.venue.submit(order("v-4"))
        position = await at.until(PositionReport, lambda event: event.qty > 0)
        await at.until(FillReport)
        await at.faults(**{fault: 1})
        report = await at.venue.protect(SYMBOL, position.position_id, "", "94000.0", None)
        assert report.ok is (True if fault == "bad_json_reply" else None)
