"""The REST side: envelope, signatures, limits, and the public market endpoints."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from exchange_kit import KEY, SECRET, START_MS, Client, ScriptedMarket, exchange

from engine.sim.accounts import new_account
from engine.sim.auth import signature
from engine.sim.run import ExchangeStartError, serve
from engine.sim.spec import ZERO

MARKET = "/api/v1/futures/market"


async def public(client: Client, path: str, **params: Any) -> dict[str, Any]:
    client.pass_time(0.2)
    reply = await client.http.get(f"{MARKET}/{path}", params=params)
    assert reply.status_code == 200
    read: dict[str, Any] = reply.json()
    return read


def test_the_server_signs_like_the_published_vectors() -> None:
    nonce, key, secret = "a1b2c3d4e5f60718293a4b5c6d7e8f90", "demo-key-0001", "demo-secret-0001"
    account = new_account(key, secret, ZERO)
    query = "limit10orderId77startTime1767222000000symbolBTCUSDT"
    assert signature(nonce, "1767225600000", account, query, "") == (
        "b443600d476800ee6b73daf21e6f1cfa818a734d84d05c3b44d8f81852e9a5b3"
    )
    assert signature(nonce, "1767225600000", account, "", "{}") == (
        "8c47fb484a7afb8cb9313139c01cdb87f5121bbd8f6a07f72873482a58379e78"
    )


async def test_unknown_paths_and_wrong_methods_answer_http_200_with_code_404() -> None:
    async with exchange() as client:
        for reply in (
            await client.http.get("/api/v1/futures/nothing"),
            await client.http.get("/"),
            await client.http.post(f"{MARKET}/depth"),
        ):
            assert reply.status_code == 200
            assert reply.json() == {"code": 404, "msg": "Not Found", "data": None}


async def test_a_signature_is_checked_with_query_and_body() -> None:
    async with exchange() as client:
        assert (await client.get("account", marginCoin="USDT"))["code"] == 0
        client.secret = "wrong"
        assert (await client.get("account", marginCoin="USDT"))["code"] == 10007
        assert (await client.post("trade/cancel_all_orders"))["code"] == 10007
        client.secret = SECRET
        signed = client.headers("marginCoinUSDT", "")
        tampered = await client.http.get("/api/v1/futures/account", params={"marginCoin": "BTC"}, headers=signed)
        assert tampered.json()["code"] == 10007
        assert (await client.http.get("/api/v1/futures/account?marginCoin=USDT")).json()["code"] == 10003
        stranger = {**signed, "api-key": "nobody"}
        assert (await client.http.get("/api/v1/futures/account", headers=stranger)).json()["code"] == 10007


@pytest.mark.parametrize(("offset_ms", "code"), [(-55_000, 0), (55_000, 0), (-65_000, 10007), (65_000, 10007)])
async def test_a_clock_more_than_a_minute_off_is_refused(offset_ms: int, code: int) -> None:
    async with exchange() as client:
        client.offset_ms = offset_ms
        assert (await client.get("account", marginCoin="USDT"))["code"] == code


async def test_every_reply_carries_wall_time_in_its_date_header() -> None:
    async with exchange() as client:
        reply = await client.http.get(f"{MARKET}/tickers")
        assert abs(parsedate_to_datetime(reply.headers["Date"]).timestamp() - time.time()) < 2


async def test_more_than_ten_requests_a_second_are_refused() -> None:
    async with exchange() as client:
        codes = [(await client.http.get(f"{MARKET}/tickers")).json()["code"] for _ in range(11)]
        assert codes == [0] * 10 + [10006]
        client.pass_time(1.0)
        assert (await client.http.get(f"{MARKET}/tickers")).json()["code"] == 0


async def test_closing_everything_is_allowed_once_a_second() -> None:
    async with exchange() as client:
        assert (await client.post("trade/close_all_position"))["code"] == 0
        client.pass_time(-0.9)
        assert (await client.post("trade/close_all_position"))["code"] == 10006


async def test_the_pair_is_described_by_decimals() -> None:
    async with exchange() as client:
        (pair,) = (await public(client, "trading_pairs", symbols="btcusdt"))["data"]
        shown = {k: pair[k] for k in ("minTradeVolume", "basePrecision", "quotePrecision", "maxLeverage")}
        assert shown == {"minTradeVolume": "0.0001", "basePrecision": 4, "quotePrecision": 1, "maxLeverage": 200}
        assert (await public(client, "trading_pairs", symbols="NOPE"))["code"] == 20015


async def test_depth_has_levels_best_first_and_knows_its_limits() -> None:
    async with exchange() as client:
        book = (await public(client, "depth", symbol="BTCUSDT", limit="5"))["data"]
        assert book["asks"][:2] == [["95000.1", "1.0000"], ["95000.2", "1.0000"]]
        assert book["bids"][0] == ["94999.9", "1.0000"]
        assert len(book["asks"]) == 5
        assert len((await public(client, "depth", symbol="BTCUSDT"))["data"]["bids"]) == 20
        wrong = await public(client, "depth", symbol="BTCUSDT", limit="7")
        assert (wrong["code"], "50" in wrong["msg"]) == (10008, True)
        assert (await public(client, "depth"))["code"] == 1
        assert (await public(client, "depth", symbol="NOPE"))["code"] == 20015


async def test_klines_are_newest_first_without_the_running_bar_and_capped() -> None:
    async with exchange(ScriptedMarket(bars=500)) as client:
        rows = (await public(client, "kline", symbol="BTCUSDT", interval="1m", limit="1000"))["data"]
        times = [int(row["time"]) for row in rows]
        assert len(rows) == 200
        assert times[0] == START_MS - 60_000
        assert times == sorted(times, reverse=True)
        older = await public(client, "kline", symbol="BTCUSDT", interval="1m", endTime=times[-1] - 1, limit="200")
        assert int(older["data"][0]["time"]) == times[-1] - 60_000
        assert (await public(client, "kline", symbol="BTCUSDT", interval="7m"))["code"] == 10008
        assert (await public(client, "kline", symbol="BTCUSDT", interval="1s"))["data"] == []


@pytest.mark.parametrize(("interval", "minutes"), [("3m", 3), ("5m", 5), ("15m", 15), ("1h", 60), ("4h", 240)])
async def test_every_interval_is_made_of_the_same_minutes(interval: str, minutes: int) -> None:
    async with exchange(ScriptedMarket(bars=960)) as client:
        ones = (await public(client, "kline", symbol="BTCUSDT", interval="1m", limit="200"))["data"]
        bar = (await public(client, "kline", symbol="BTCUSDT", interval=interval, limit="1"))["data"][0]
        assert int(bar["time"]) == START_MS - minutes * 60_000
        inside = [row for row in ones if int(row["time"]) >= int(bar["time"])]
        if minutes <= 200:
            assert float(bar["baseVol"]) == pytest.approx(sum(float(row["baseVol"]) for row in inside))
            assert bar["high"] == max(row["high"] for row in inside)
            assert (bar["open"], bar["close"]) == (inside[-1]["open"], inside[0]["close"])


async def test_prints_make_the_bar_and_a_minute_without_prints_is_flat() -> None:
    async with exchange(speed=60) as client:
        client.market.prints = [(95_010.0, 0.5, "BUY"), (94_990.0, 0.5, "SELL"), (95_001.0, 1.0, "BUY")]
        client.pass_time(0.5)
        await client.state()
        client.pass_time(2.0)
        rows = (await public(client, "kline", symbol="BTCUSDT", interval="1m", limit="2"))["data"]
        flat, traded = rows
        assert [traded[k] for k in ("open", "high", "low", "close")] == ["95010.0", "95010.0", "94990.0", "95001.0"]
        assert (traded["baseVol"], traded["quoteVol"]) == ("2.0000", "190001.0000")
        assert [flat[k] for k in ("open", "high", "low", "close")] == ["95001.0"] * 4
        assert flat["baseVol"] == "0.0000"
        assert int(flat["time"]) == int(traded["time"]) + 60_000 == START_MS + 60_000


async def test_a_minute_that_the_source_lacks_has_no_candle() -> None:
    class Gappy(ScriptedMarket):
        def is_gap(self, open_ms: int) -> bool:
            return open_ms == START_MS + 60_000

    async with exchange(Gappy(), speed=60) as client:
        client.pass_time(4.0)
        rows = (await public(client, "kline", symbol="BTCUSDT", interval="1m", limit="3"))["data"]
        assert [(int(r["time"]) - START_MS) // 60_000 for r in rows] == [3, 2, 0]


async def test_mark_klines_follow_the_mark() -> None:
    async with exchange(speed=60) as client:
        client.market.mark = 95_500.0
        client.pass_time(1.5)
        rows = (await public(client, "kline", symbol="BTCUSDT", interval="1m", type="MARK_PRICE", limit="1"))["data"]
        assert (rows[0]["high"], rows[0]["baseVol"], rows[0]["type"]) == ("95500.0", "0.0000", "MARK_PRICE")


async def test_funding_is_percent_now_and_a_fraction_in_history() -> None:
    async with exchange(speed=3600) as client:
        client.pass_time(8.5)
        now = (await public(client, "funding_rate", symbol="BTCUSDT"))["data"]
        settled = (await public(client, "get_funding_rate_history", symbol="BTCUSDT"))["data"][0]
        assert (now["fundingRate"], settled["fundingRate"]) == ("0.0100", "0.0001")
        assert int(settled["fundingTime"]) == START_MS + 8 * 3_600_000
        assert int(now["nextFundingTime"]) == START_MS + 16 * 3_600_000
        assert (await public(client, "funding_rate/batch"))["data"][0]["symbol"] == "BTCUSDT"


async def test_tickers_and_tiers() -> None:
    async with exchange() as client:
        (row,) = (await public(client, "tickers", symbols="BTCUSDT"))["data"]
        assert (row["lastPrice"], row["markPrice"]) == ("95000.0", "95000.0")
        reply = await client.http.get("/api/v1/futures/position/get_position_tiers", params={"symbol": "BTCUSDT"})
        tiers = reply.json()["data"]
        assert tiers[0]["leverage"] == 200
        assert [t["level"] for t in tiers] == list(range(1, len(tiers) + 1))


async def test_a_busy_port_and_a_public_address_are_refused_clearly() -> None:
    async with exchange() as client:
        port = int(client.running.rest.rsplit(":", 1)[1])
        with pytest.raises(ExchangeStartError, match=f"port {port} .* already in use"):
            await serve(ScriptedMarket(), port=port)
        with pytest.raises(ExchangeStartError, match="not a loopback"):
            await serve(ScriptedMarket(), host="0.0.0.0")


async def test_several_symbols_are_served_and_keys_are_random() -> None:
    running = await serve([ScriptedMarket(), ScriptedMarket("ETHUSDT", 3_000.0)])
    try:
        assert running.symbols == ["BTCUSDT", "ETHUSDT"]
        assert running.api_key != KEY
        assert len(running.api_secret) == 64
    finally:
        await running.close()


async def test_the_state_is_told_without_secrets_and_keeps_requests_in_order() -> None:
    async with exchange() as client:
        await client.order("BUY", "0.0100", clientId="one")
        await client.post("trade/place_order", symbol="BTCUSDT", side="BUY", qty="0", clientId="two")
        state = await client.state()
        assert [r["params"]["clientId"] for r in state["received"]] == ["one", "two"]
        assert [r["code"] for r in state["received"]] == [0, 10002]
        assert SECRET not in str(state)
