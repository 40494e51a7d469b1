"""Links that break and a venue that is hostile: the adapter at the simulated exchange with its faults on."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from typing import Any

import pytest
from bitunix_kit import (
    SECRET,
    START,
    SYMBOL,
    adapter,
    desk,
    down,
    filled,
    final,
    order,
    ready,
    settings,
    up,
)

from engine.model.events import (
    BadMessage,
    BookTick,
    Event,
    FillReport,
    LinkReport,
    OrderReport,
    PositionReport,
)
from engine.sim.faults import Faults

PUBLIC_FRAMES = [
    b'{"ch":"depth_book5","symbol":"BTCUSDT","ts":1767225600000,"data":{"b":[["1","2"]],"a":[["3","2"]]}}',
    b'{"ch":"trade","symbol":"BTCUSDT","ts":1767225600000,"data":[{"t":"2026-01-01T00:00:00.1Z","p":"9","v":"1","s":"buy"}]}',
    b'{"ch":"price","symbol":"BTCUSDT","ts":1767225600000,"data":{"ip":"9","mp":"9","fr":"0.01","nft":"2026-01-01T08:00:00Z"}}',
    b'{"ch":"market_kline_1min","symbol":"BTCUSDT","ts":1767225600000,"data":{"o":"9","h":"9","l":"9","c":"9","b":"1","q":"9"}}',
    b'{"ch":"ticker","symbol":"BTCUSDT","ts":1767225600000,"data":{"o":"9","la":"9","h":"9","l":"9","b":"1","q":"9","r":"0"}}',
]
PRIVATE_FRAMES = [
    b'{"ch":"order","ts":1,"data":{"orderId":"1","symbol":"BTCUSDT","side":"BUY","type":"MARKET","qty":"1","orderStatus":"NEW"}}',
    b'{"ch":"position","ts":1,"data":{"event":"OPEN","positionId":"7","side":"LONG","qty":"1","entryValue":"9","symbol":"BTCUSDT"}}',
    b'{"ch":"balance","ts":1,"data":{"coin":"USDT","available":"9952.42","frozen":"28.50","margin":"19.00"}}',
    b'{"ch":"tpsl","ts":1,"data":{"event":"CREATE","status":"NEW","orderId":"5","symbol":"BTCUSDT","slPrice":"3","slQty":"1"}}',
]


@pytest.mark.parametrize("ack", ["result", "code", "event"])
@pytest.mark.parametrize("ms_only", [False, True])
async def test_every_known_login_answer_is_understood(ack: Any, ms_only: bool) -> None:
    async with desk(faults=Faults(login_ack=ack, ts_login_ms_only=ms_only)) as at:
        await at.until(LinkReport, up("private"))


async def test_a_login_without_answer_is_accepted_where_requests_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.venues.bitunix.private.ACK_S", 0.1)
    async with desk(faults=Faults(login_ack="none")) as at:
        await ready(at)
        await at.venue.submit(order("k-1"))
        await at.until(OrderReport, final("k-1", "FILLED"))


@pytest.mark.parametrize(
    "quirks",
    [
        {
            "position_side": "BUY_SELL",
            "title_case_enums": True,
            "status_suffix_underscore": True,
            "account_as_list": True,
        },
        {"duplicate_push": 0.7, "out_of_order_push": 0.4},
        {"slow_ack_s": 0.1},
        {"delay_push_s": 0.05},
    ],
)
async def test_the_same_trade_comes_through_every_quirk(quirks: dict[str, Any]) -> None:
    async with desk(faults=Faults(**quirks)) as at:
        await ready(at)
        at.market.depth = 0.004
        await asyncio.sleep(0.05)
        await at.venue.submit(order("g-1", stop=Decimal("94000.0")))
        await at.until(FillReport, lambda _: filled(at, "g-1") == Decimal("0.0100"))
        await at.until(OrderReport, lambda event: (event.client_id, event.status) == ("g-1", "FILLED"))
        assert len(at.of(FillReport)) == len({(e.fill.venue_order_id, e.fill.trade_id) for e in at.of(FillReport)})
        events = await at.venue.snapshot([SYMBOL], START)
        assert next(event for event in events if isinstance(event, PositionReport)).qty == Decimal("0.0100")
        assert not at.of(BadMessage)


async def test_a_fill_whose_push_was_lost_comes_with_the_snapshot() -> None:
    async with desk(faults=Faults(drop_push=1.0)) as at:
        await at.until(LinkReport, up("private"))
        await at.venue.submit(order("j-1"))
        fills = [event.fill for event in await at.venue.snapshot([SYMBOL], START) if isinstance(event, FillReport)]
        assert [(fill.client_id, fill.qty) for fill in fills] == [("j-1", Decimal("0.0100"))]
        assert not at.of(FillReport)


@pytest.mark.parametrize("polite", [True, False])
async def test_dropped_links_come_back_and_count(polite: bool) -> None:
    async with desk(faults=Faults(drop_without_close_frame=not polite)) as at:
        await ready(at)
        await at.faults(disconnect_public=1, disconnect_private=1)
        for link in ("public", "private"):
            await at.until(LinkReport, up(link, 1))
        at.events.clear()
        await at.until(BookTick)
        await at.venue.submit(order("i-1"))
        await at.until(OrderReport, final("i-1", "FILLED"))


async def test_a_half_open_venue_is_noticed_on_both_links() -> None:
    async with desk(silence_public_s=0.4, silence_private_s=0.4) as at:
        await ready(at)
        await at.faults(half_open=True)
        for link in ("public", "private"):
            report = await at.until(LinkReport, down(link), 2.0)
            assert report.detail == "silent for 0.4 s"
        await at.faults(half_open=False)
        for link in ("public", "private"):
            await at.until(LinkReport, up(link, 1))


async def test_a_restarted_venue_is_found_again() -> None:
    async with desk(reconnect_tries=50, reconnect_first_s=0.1) as at:
        await ready(at)
        await at.faults(restart_s=0.3)
        for link in ("public", "private"):
            await at.until(LinkReport, up(link, 1), 6.0)


async def test_rest_is_down_after_two_failures_and_up_after_one_answer() -> None:
    async with desk() as at:
        await ready(at)
        await at.venue.account()
        await at.faults(drop_request=1, http_5xx=1)
        await at.venue.account()
        states = [event.state for event in at.of(LinkReport) if event.link == "rest"]
        assert states == ["up", "down", "up"]


async def test_hostile_text_neither_crashes_nor_passes() -> None:
    async with desk(faults=Faults(hostile_strings=True)) as at:
        await ready(at)
        report = await at.venue.submit(order("e-1"))
        assert report.client_id == "e-1"
        await at.until(FillReport, lambda _: filled(at, "e-1") == Decimal("0.0100"))
        await at.faults(reject=1)
        refused = await at.venue.submit(order("e-2"))
        assert refused.message
        assert len(refused.message) <= 200
        for event in at.events:
            assert "\x1b" not in repr(event).replace("\\x1b", "")
            assert "\u202e" not in repr(event)
            assert len(repr(event)) < 2000


@pytest.mark.parametrize("fault", ["bad_json", "wrong_types"])
async def test_broken_pushes_are_counted_once_and_change_nothing(fault: str) -> None:
    async with desk() as at:
        await ready(at)
        await at.faults(**{fault: 5})
        await at.until(BadMessage)
        await asyncio.sleep(0.5)
        assert [event.count for event in at.of(BadMessage)] == [1]
        at.events.clear()
        await at.until(BookTick)
        assert not [event for event in at.of(LinkReport) if event.state == "down"]


async def test_orders_of_somebody_else_are_told_with_their_own_names() -> None:
    async with desk() as at:
        await ready(at)
        other = adapter(settings(at.exchange), "demo-key", SECRET)
        sent = await other.submit(order("theirs", qty="0.0020", price="90000.0"))
        await other.close()
        pushed = await at.until(OrderReport, lambda event: event.client_id == "theirs")
        foreign = order("", qty="0.0020", price="90000.0", role="foreign", venue_id=sent.venue_id)
        assert (await at.venue.query(foreign)).status == "ACCEPTED"
        (cancelled,) = await at.venue.cancel([foreign])
        assert (cancelled.ok, pushed.venue_id) == (True, sent.venue_id)


async def test_three_hundred_mutilated_messages_of_every_kind_change_nothing_but_the_count() -> None:
    venue = adapter(settings(), "demo-key", SECRET)
    told: list[Event] = []
    venue._sink = told.append
    chance = random.Random(11)
    links = [venue._public([SYMBOL]), venue._private([SYMBOL])]
    for stream, reader in links:
        stream._reader, stream._now = reader, asyncio.get_running_loop().time
    for (stream, _), frames in zip(links, (PUBLIC_FRAMES, PRIVATE_FRAMES), strict=True):
        for frame in frames:
            stream.handle(frame)
    assert not [event for event in told if isinstance(event, BadMessage)]
    for (stream, _), frames in zip(links, (PUBLIC_FRAMES, PRIVATE_FRAMES), strict=True):
        for frame in frames:
            for _ in range(300):
                cut, end = sorted(chance.sample(range(len(frame)), 2))
                stream.handle(
                    frame[:cut] + bytes(chance.randrange(256) for _ in range(chance.randrange(4))) + frame[end:]
                )
    assert len([event for event in told if isinstance(event, BadMessage)]) < 150
    assert venue._complaints._counts
    await venue.close()


async def test_nothing_is_emitted_after_close_and_nothing_is_left_running() -> None:
    async with desk() as at:
        await ready(at)
        await at.venue.close()
        count = len(at.events)
        await asyncio.sleep(0.2)
        assert len(at.events) == count
        assert not [task for task in asyncio.all_tasks() if "bitunix" in task.get_name()]


async def test_the_secret_is_in_no_event_and_no_repr() -> None:
    async with desk() as at:
        await ready(at)
        await at.venue.submit(order("sec-1"))
        await at.until(FillReport)
        seen = repr(at.events) + repr(at.venue) + repr(vars(at.venue))
        assert SECRET not in seen
        assert SECRET.encode().hex() not in seen
