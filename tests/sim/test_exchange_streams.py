"""The sockets: life of a connection, public channels, login and private pushes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import websockets
from exchange_kit import KEY, SECRET, START_MS, exchange

from engine.sim.faults import Faults

BOTH = ["public", "private"]


@pytest.mark.parametrize("kind", BOTH)
async def test_both_paths_work_with_and_without_the_trailing_slash(kind: str) -> None:
    async with exchange() as client:
        url = getattr(client.running, kind)
        for each in (url, url.rstrip("/")):
            async with websockets.connect(each, ping_interval=None, proxy=None) as ws:
                assert await ws.recv() == '{"op":"connect","data":{"result":true}}'


async def test_an_app_ping_is_echoed_with_the_second_of_opening() -> None:
    async with exchange() as client, client.socket() as socket:
        await socket.send({"op": "ping", "ping": 1767225600})
        pong = await socket.next(lambda m: m.get("op") == "ping")
        assert pong["pong"] == 1767225600
        assert isinstance(pong["ping"], int)


async def test_a_protocol_ping_is_answered_only_after_a_message() -> None:
    async with exchange() as client, client.socket() as socket:
        await socket.send({"op": "ping", "ping": 1})
        await asyncio.wait_for(await socket.ws.ping(), 1)
    async with exchange() as client, client.socket() as socket:
        await socket.ws.ping()
        await asyncio.sleep(0.02)
        client.pass_time(1.6)
        assert await socket.lost() == 1006


@pytest.mark.parametrize(("speaks", "seconds"), [(False, 61), (True, 71)])
async def test_a_silent_client_is_dropped_without_a_close_frame(speaks: bool, seconds: int) -> None:
    async with exchange() as client, client.socket() as socket:
        if speaks:
            await socket.subscribe(("price", "BTCUSDT"))
            await socket.push("price")
        client.pass_time(seconds - 2)
        await asyncio.sleep(0.02)
        await socket.ws.ping()
        client.pass_time(2)
        assert await socket.lost() == 1006


async def test_an_app_ping_keeps_the_socket_alive() -> None:
    async with exchange() as client, client.socket() as socket:
        for _ in range(4):
            client.pass_time(30)
            await socket.send({"op": "ping", "ping": 1})
            await socket.next(lambda m: m.get("op") == "ping")


async def test_more_than_five_messages_a_second_end_the_connection() -> None:
    async with exchange() as client, client.socket() as socket:
        for _ in range(6):
            await socket.send({"op": "ping", "ping": 1})
        assert await socket.lost() == 1006


async def test_over_three_hundred_subscriptions_are_refused() -> None:
    async with exchange() as client, client.socket() as socket:
        await socket.subscribe(*[("ticker", f"X{i}USDT") for i in range(301)])
        refusal = await socket.next(lambda m: m.get("op") == "subscribe")
        assert refusal["data"] == {"msg": "subscribe channel > 300", "nonce": "", "result": False}


async def test_nonsense_is_met_with_silence() -> None:
    async with exchange() as client, client.socket() as socket:
        for text in ("hello", '{"op":"dance"}', '{"op":"subscribe","args":[{"ch":"nope","symbol":"BTCUSDT"}]}', "[1]"):
            await socket.send(text)
        assert await socket.silent_for(0.05)


async def test_an_unknown_symbol_gets_one_empty_push() -> None:
    async with exchange() as client, client.socket("public", ("depth_book5", "NOPEUSDT")) as socket:
        assert await socket.push("depth_book5") == {"b": [], "a": []}
        client.pass_time(1)
        assert await socket.silent_for(0.05)


async def test_the_first_push_is_a_snapshot_and_lower_case_is_accepted() -> None:
    async with exchange() as client, client.socket("public", ("depth_book15", "btcusdt")) as socket:
        book = await socket.push("depth_book15")
        assert (len(book["b"]), len(book["a"])) == (15, 15)
        assert book["a"][0] == ["95000.1", "1.0000"]


async def test_every_public_channel_has_its_shape() -> None:
    channels = ["ticker", "tickers", "depth_book1", "depth_books", "price", "market_kline_1min", "mark_kline_60min"]
    async with exchange() as client, client.socket("public", *[(ch, "BTCUSDT") for ch in channels]) as socket:
        got: dict[str, Any] = {}
        while len(got) < len(channels):
            message = await socket.next(lambda m: m.get("ch") not in got)
            got[message["ch"]] = message
        assert set(got["ticker"]["data"]) == {"s", "o", "la", "h", "l", "b", "q", "r"}
        assert set(got["tickers"]["data"][0]) == {"s", "o", "la", "h", "l", "b", "q", "r", "bd", "ak", "bv", "av"}
        assert "symbol" not in got["tickers"]
        assert got["price"]["data"] == {
            "ip": "95000.0",
            "mp": "95000.0",
            "fr": "0.0100",
            "ft": "2026-01-01T00:00:00Z",
            "nft": "2026-01-01T08:00:00Z",
        }
        assert set(got["market_kline_1min"]["data"]) == {"o", "h", "l", "c", "b", "q"}
        assert len(got["depth_books"]["data"]["b"]) == 20
        assert got["ticker"]["symbol"] == "BTCUSDT"
        assert got["price"]["ts"] >= START_MS


async def test_trades_come_in_batches_with_the_takers_side_in_lower_case() -> None:
    async with exchange() as client, client.socket("public", ("trade", "BTCUSDT")) as socket:
        await asyncio.sleep(0.02)
        client.market.prints = [(95_000.1, 0.0123, "BUY"), (94_999.9, 0.5, "SELL")]
        client.pass_time(1)
        message = await socket.next(lambda m: m.get("ch") == "trade")
        stamp = f"2026-01-01T00:00:0{(message['ts'] - START_MS) // 1000}.000Z"
        assert message["data"] == [
            {"t": stamp, "p": "95000.1", "v": "0.0123", "s": "buy"},
            {"t": stamp, "p": "94999.9", "v": "0.5000", "s": "sell"},
        ]


async def test_channels_keep_their_pace() -> None:
    wanted = [("depth_book1", "BTCUSDT"), ("price", "BTCUSDT"), ("market_kline_1min", "BTCUSDT")]
    async with exchange() as client, client.socket("public", *wanted) as socket:
        for _ in range(60):
            client.pass_time(0.1)
            await asyncio.sleep(0.008)
        await socket.silent_for(0.05)
        while not await socket.silent_for(0.05):
            pass
        counts = {ch: sum(m.get("ch") == ch for m in socket.seen) for ch, _ in wanted}
        assert 14 <= counts["depth_book1"] <= 22
        assert 9 <= counts["price"] <= 15
        assert 9 <= counts["market_kline_1min"] <= 15


async def test_after_unsubscribing_nothing_more_comes() -> None:
    async with exchange() as client, client.socket("public", ("price", "BTCUSDT")) as socket:
        await socket.push("price")
        await socket.send({"op": "unsubscribe", "args": [{"ch": "price", "symbol": "BTCUSDT"}]})
        answer = await socket.next(lambda m: m.get("op") == "unsubscribe")
        assert answer["data"] == "success"
        client.pass_time(1)
        assert await socket.silent_for(0.05)


@pytest.mark.parametrize("ms", [False, True])
async def test_login_is_accepted_in_seconds_and_in_ms(ms: bool) -> None:
    async with exchange() as client, client.private(ms=ms) as socket:
        await client.order("BUY", "0.0100")
        await socket.push("order", event="CLOSE")


@pytest.mark.parametrize(("secret", "skew"), [("wrong", 0), (SECRET, -120)])
async def test_a_bad_login_is_refused_and_gets_no_private_data(secret: str, skew: int) -> None:
    async with exchange() as client, client.socket("private") as socket:
        await socket.login(KEY, secret, wait=False, skew=skew)
        reply = await socket.next(lambda m: m.get("op") == "login")
        assert (reply["data"]["result"], reply["code"]) == (False, 10007)
        await client.order("BUY", "0.0100")
        assert await socket.silent_for(0.05)


async def test_subscribing_to_private_channels_is_harmless() -> None:
    async with exchange() as client, client.private() as socket:
        await socket.send({"op": "subscribe", "args": [{"ch": "balance"}, {"ch": "order"}, {"ch": "position"}]})
        await client.order("BUY", "0.0100")
        assert (await socket.push("balance"))["coin"] == "USDT"


async def test_private_times_have_nine_fractional_digits() -> None:
    async with exchange() as client, client.private() as socket:
        await client.order("BUY", "0.0100")
        created = await socket.push("order", event="CREATE")
        assert created["ctime"] == "2026-01-01T00:00:00.000000000Z"


async def test_the_market_goes_on_by_itself_with_pushes_between_requests() -> None:
    async with exchange(faults=Faults()) as client, client.private() as socket:
        await client.order("BUY", "0.0100", "94990")
        await socket.push("order", event="CREATE")
        client.market.prints = [(94_980.0, 1.0, "SELL")]
        client.pass_time(1)
        assert (await socket.push("order", event="CLOSE"))["orderStatus"] == "FILLED"
