"""Each fault switch does what its name says, and counts down or switches off again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import msgspec
import pytest
from exchange_kit import KEY, SECRET, Client, Socket, exchange

from engine.sim.faults import Faults, merged

KLINE = "/api/v1/futures/market/kline"
BAR = {"symbol": "BTCUSDT", "interval": "1m", "limit": "1"}


async def bars(client: Client) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = (await client.http.get(KLINE, params=BAR)).json()["data"]
    return read


async def position(client: Client) -> dict[str, Any]:
    await client.order("BUY", "0.0100")
    (held,) = await client.read("position/get_pending_positions")
    return dict(held)


# ── control ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_switches_are_off_by_default_and_merge_by_name() -> None:
    changed = merged(Faults(), {"reject": 2, "half_open": True})
    assert (changed.reject, changed.half_open, changed.drop_push) == (2, True, 0.0)
    for bad in ({"rejekt": 1}, {"reject": -1}, {"drop_push": 2}, {"position_side": "UP"}):
        with pytest.raises(msgspec.ValidationError):
            merged(Faults(), bad)


async def test_the_control_endpoint_reads_merges_and_refuses() -> None:
    async with exchange() as client:
        assert (await client.faults(reject=3))["reject"] == 3
        assert (await client.faults(half_open=False))["reject"] == 3
        reply = await client.http.post("/sim/faults", json={"nonsense": 1})
        assert reply.status_code == 400
        assert (await client.http.get("/sim/faults")).json()["reject"] == 3


# ── shapes ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_position_side_as_buy_and_sell() -> None:
    async with exchange(faults=Faults(position_side="BUY_SELL")) as client:
        assert (await position(client))["side"] == "BUY"


async def test_title_case_enums() -> None:
    async with exchange(faults=Faults(title_case_enums=True)) as client, client.private() as socket:
        await client.order("BUY", "0.0100", slPrice="90000")
        created = await socket.push("order", event="CREATE")
        assert (created["side"], created["type"]) == ("Buy", "Market")
        assert (await socket.push("tpsl"))["slStopType"] == "Mark"


async def test_status_with_an_underscore() -> None:
    async with exchange(faults=Faults(status_suffix_underscore=True)) as client, client.private() as socket:
        await client.order("BUY", "0.0100", "90000")
        assert (await socket.push("order"))["orderStatus"] == "NEW_"


async def test_account_as_a_list() -> None:
    async with exchange(faults=Faults(account_as_list=True)) as client:
        (account,) = await client.read("account", marginCoin="USDT")
        assert account["available"] == "10000"


@pytest.mark.parametrize("as_list", [True, False])
async def test_tpsl_reply_as_a_list_or_an_object(as_list: bool) -> None:
    async with exchange(faults=Faults(tpsl_place_returns_list=as_list)) as client:
        held = await position(client)
        data = await client.ok("tpsl/place_order", symbol="BTCUSDT", positionId=held["positionId"], slPrice="90000")
        assert isinstance(data, list) is as_list


async def test_swapped_volumes_running_bar_and_bad_bar() -> None:
    async with exchange() as client:
        (natural,) = await bars(client)
        await client.faults(swapped_kline_volumes=True)
        (swapped,) = await bars(client)
        assert (swapped["baseVol"], swapped["quoteVol"]) == (natural["quoteVol"], natural["baseVol"])
        await client.faults(kline_includes_running_bar=True, bad_bar=True)
        (running,) = await bars(client)
        assert int(running["time"]) == int(natural["time"]) + 60_000
        assert float(running["high"]) < float(running["close"])


async def test_login_in_seconds_can_be_refused() -> None:
    async with exchange(faults=Faults(ts_login_ms_only=True)) as client, client.socket("private") as socket:
        await socket.login(KEY, SECRET, wait=False)
        assert (await socket.next(lambda m: m.get("op") == "login"))["data"]["result"] is False
        await socket.login(KEY, SECRET, ms=True)


@pytest.mark.parametrize(
    ("ack", "expected"),
    [
        ("result", {"op": "login", "data": {"result": True}}),
        ("code", {"op": "login", "code": 0, "msg": "Success"}),
        ("event", {"event": "login", "code": 0}),
    ],
)
async def test_login_acknowledgements(ack: Any, expected: dict[str, Any]) -> None:
    async with exchange(faults=Faults(login_ack=ack)) as client, client.private() as socket:
        assert socket.seen[-1] == expected


async def test_a_login_without_acknowledgement_still_counts() -> None:
    async with exchange(faults=Faults(login_ack="none")) as client, client.socket("private") as socket:
        await socket.login(KEY, SECRET, wait=False)
        assert await socket.silent_for(0.03)
        await client.order("BUY", "0.0100")
        assert await socket.push("order")


# ── pushes ────────────────────────────────────────────────────────────────────────────────────────────────────


async def private_events(client: Client, socket: Socket) -> list[str]:
    """Order events of one market order, as they arrive."""
    seen = len(socket.seen)
    await client.order("BUY", "0.0100")
    while not await socket.silent_for(0.05):
        pass
    return [f"{m['ch']}:{m['data'].get('event')}" for m in socket.seen[seen:] if m.get("ch")]


PLAIN = ["order:CREATE", "order:CLOSE", "position:OPEN", "balance:None"]


async def test_dropped_duplicated_and_reordered_pushes() -> None:
    async with exchange() as client, client.private() as socket:
        assert await private_events(client, socket) == PLAIN
        await client.faults(drop_push=1.0)
        assert await private_events(client, socket) == []
        await client.faults(drop_push=0.0, duplicate_push=1.0)
        assert (await private_events(client, socket))[:4] == ["order:CREATE"] * 2 + ["order:CLOSE"] * 2
        await client.faults(duplicate_push=0.0, out_of_order_push=1.0)
        assert (await private_events(client, socket))[:2] == ["order:CLOSE", "order:CREATE"]


async def test_delayed_pushes_come_later() -> None:
    async with exchange(faults=Faults(delay_push_s=0.1)) as client, client.private() as socket:
        await client.order("BUY", "0.0100")
        assert await socket.silent_for(0.05)
        assert await socket.push("order", event="CREATE")


async def test_withheld_depth() -> None:
    wanted = [("depth_book1", "BTCUSDT"), ("price", "BTCUSDT")]
    async with exchange(faults=Faults(depth_gap=2)) as client, client.socket("public", *wanted) as socket:
        await socket.push("price")
        assert not any(m.get("ch") == "depth_book1" for m in socket.seen)
        for _ in range(3):
            client.pass_time(0.4)
            await asyncio.sleep(0.02)
        assert await socket.push("depth_book1")


async def test_cut_json_wrong_types_missing_fields_and_hostile_text() -> None:
    async with exchange() as client, client.private() as socket:
        await client.faults(bad_json=1)
        await client.order("BUY", "0.0100", "90000")
        with pytest.raises(json.JSONDecodeError):
            await socket.push("order")
        assert await socket.push("balance")
        await client.faults(wrong_types=1)
        await client.order("BUY", "0.0100", "90000")
        assert (await socket.next(lambda m: m.get("ch") == 7))["data"] == [1, None, ["x"]]
        await client.faults(missing_fields=1)
        await client.order("BUY", "0.0100", "90000")
        assert "orderId" not in (await socket.next(lambda m: m.get("ch") == "order"))["data"]
        await client.faults(hostile_strings=True)
        await client.order("BUY", "0.0100", "90000", clientId="c")
        pushed = await socket.next(lambda m: m.get("ch") == "order")
        assert "\x1b" in pushed["msg"]
        assert pushed["data"]["clientId"].startswith("c\x1b")
        assert "[bold red]" in (await client.post("trade/cancel_orders"))["msg"]


async def test_a_flood_of_events() -> None:
    wanted = [("trade", "BTCUSDT"), ("depth_book15", "BTCUSDT")]
    async with exchange(faults=Faults(event_rate=1000)) as client, client.socket("public", *wanted) as socket:
        for _ in range(10):
            client.pass_time(0.1)
            await asyncio.sleep(0.03)
        while not await socket.silent_for(0.05):
            pass
        trades = sum(m.get("ch") == "trade" for m in socket.seen)
        assert 450 <= trades <= 550
        assert 450 <= len(socket.seen) - trades <= 560


# ── connections ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_half_open_socket_is_silent_but_stays() -> None:
    async with exchange(faults=Faults()) as client, client.socket("public", ("price", "BTCUSDT")) as socket:
        await socket.push("price")
        await client.faults(half_open=True)
        while not await socket.silent_for(0.03):
            pass
        await socket.send({"op": "ping", "ping": 1})
        client.pass_time(1)
        assert await socket.silent_for(0.05)
        await client.faults(half_open=False)
        client.pass_time(1)
        assert await socket.push("price")


@pytest.mark.parametrize(("abrupt", "code"), [(True, 1006), (False, 1001)])
async def test_disconnecting_one_kind_of_socket(abrupt: bool, code: int) -> None:
    faults, price = Faults(drop_without_close_frame=abrupt), ("price", "BTCUSDT")
    async with exchange(faults=faults) as client, client.socket("public", price) as public, client.private() as private:
        await client.faults(disconnect_private=1)
        assert await private.lost() == code
        client.pass_time(1)
        assert await public.push("price")
        await client.faults(disconnect_public=1)
        assert await public.lost() == code


async def test_a_restart_refuses_everything_for_a_while_and_keeps_the_accounts() -> None:
    async with exchange() as client:
        await client.order("BUY", "0.0100")
        async with client.private() as socket:
            await client.faults(restart_s=5)
            assert await socket.lost() == 1006
        with pytest.raises(httpx.TransportError):
            await client.get("account", marginCoin="USDT")
        client.pass_time(6)
        assert len(await client.read("position/get_pending_positions")) == 1


async def test_a_shorter_idle_timeout() -> None:
    async with (
        exchange(faults=Faults(idle_timeout=15)) as client,
        client.socket("public", ("price", "BTCUSDT")) as socket,
    ):
        await socket.push("price")
        client.pass_time(16)
        assert await socket.lost() == 1006


# ── REST and orders ───────────────────────────────────────────────────────────────────────────────────────────


async def test_5xx_cut_requests_rate_limit_and_cut_replies() -> None:
    async with exchange(faults=Faults(http_5xx=1)) as client:
        reply = await client.http.get(KLINE, params=BAR)
        assert (reply.status_code, reply.text.startswith("<html>")) == (503, True)
        await client.faults(drop_request=1)
        with pytest.raises(httpx.TransportError):
            await bars(client)
        await client.faults(hang_request=1)
        with pytest.raises(httpx.ReadTimeout):
            await client.http.get(KLINE, params=BAR, timeout=0.05)
        await client.faults(rate_limit_10006=1)
        assert (await client.http.get(KLINE, params=BAR)).json()["code"] == 10006
        await client.faults(bad_json_reply=1)
        with pytest.raises(json.JSONDecodeError):
            await bars(client)
        await client.faults(wrong_types_reply=1)
        assert str(await bars(client)) == "[1, None, ['x']]"
        assert len(await bars(client)) == 1


async def test_slow_http() -> None:
    async with exchange(faults=Faults(http_delay_s=0.5)) as client:
        client.http.timeout = httpx.Timeout(0.1)
        with pytest.raises(httpx.ReadTimeout):
            await bars(client)


async def test_the_next_orders_are_rejected_with_a_code() -> None:
    async with exchange(faults=Faults(reject=1, reject_code=20012)) as client:
        order = {"symbol": "BTCUSDT", "side": "BUY", "qty": "0.01", "orderType": "MARKET"}
        assert (await client.post("trade/place_order", **order))["code"] == 20012
        assert (await client.post("trade/place_order", **order))["code"] == 0


async def test_an_order_accepted_in_the_reply_and_cancelled_by_push() -> None:
    async with exchange(faults=Faults(accept_then_reject=1)) as client, client.private() as socket:
        await client.order("BUY", "0.0100")
        assert await socket.push("order", event="CREATE")
        assert (await socket.push("order", event="CLOSE"))["orderStatus"] == "CANCELED"


async def test_a_slow_acknowledgement_comes_after_the_fill() -> None:
    async with exchange(faults=Faults(slow_ack_s=0.1)) as client, client.private() as socket:
        asking = asyncio.create_task(client.order("BUY", "0.0100"))
        assert (await socket.push("order", event="CLOSE"))["orderStatus"] == "FILLED"
        assert not asking.done()
        await asking


async def test_a_lost_reply_leaves_the_order_at_the_exchange() -> None:
    async with exchange(faults=Faults(lost_reply=1)) as client:
        client.http.timeout = httpx.Timeout(0.1)
        with pytest.raises(httpx.ReadTimeout):
            await client.order("BUY", "0.0100", "90000", clientId="lost")
        client.http.timeout = httpx.Timeout(5)
        assert (await client.read("trade/get_order_detail", clientId="lost"))["status"] == "NEW"
        again = {"symbol": "BTCUSDT", "side": "BUY", "qty": "0.01", "orderType": "MARKET", "clientId": "lost"}
        assert (await client.post("trade/place_order", **again))["code"] == 30042


async def test_a_market_that_fails_ends_the_sockets() -> None:
    async with exchange() as client, client.socket("public", ("price", "BTCUSDT")) as socket:
        await socket.push("price")
        client.market.depth = float("nan")
        client.market.mid = "broken"  # type: ignore[assignment]
        client.pass_time(1)
        assert await socket.lost() == 1006
