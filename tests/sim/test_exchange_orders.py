"""Trading through the loopback server: orders, fills, pushes, closes, protective orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from exchange_kit import Client, exchange


async def test_a_market_order_fills_and_tells_order_position_balance_and_trade() -> None:
    async with exchange() as client, client.private() as socket:
        ids = await client.order("BUY", "0.0100", clientId="demo-1")
        created = await socket.push("order", event="CREATE")
        filled = await socket.push("order", event="CLOSE")
        opened = await socket.push("position", event="OPEN")
        balance = await socket.push("balance")
        trades = await client.read("trade/get_history_trades", symbol="BTCUSDT")
        assert created["orderId"] == ids["orderId"]
        assert created["clientId"] == ids["clientId"] == "demo-1"
        assert (filled["orderStatus"], filled["dealAmount"], filled["averagePrice"]) == ("FILLED", "0.0100", "95000.1")
        assert (opened["side"], opened["qty"], opened["entryValue"]) == ("LONG", "0.0100", "950.001")
        assert balance["margin"] == "47.50005"
        (trade,) = trades["tradeList"]
        assert (trade["price"], trade["qty"], trade["roleType"], trade["fee"]) == (
            "95000.1",
            "0.0100",
            "TAKER",
            "0.5700006",
        )
        assert Decimal(balance["available"]) == Decimal(10_000) - Decimal("47.50005") - Decimal("0.5700006")


async def test_a_resting_order_fills_in_parts_and_each_part_is_pushed_and_listed() -> None:
    async with exchange() as client, client.private() as socket:
        ids = await client.order("BUY", "0.0100", "94990.0", clientId="rest-1")
        await socket.push("order", event="CREATE", orderStatus="NEW")
        client.market.prints = [(94_990.0, 0.004, "SELL")]
        part = await _after(client, socket.push("order", event="UPDATE"))
        assert (part["orderStatus"], part["dealAmount"]) == ("PART_FILLED", "0.0040")
        pending = await client.read("trade/get_pending_orders", symbol="BTCUSDT")
        assert pending["total"] == "1"
        assert pending["orderList"][0]["tradeQty"] == "0.0040"
        client.market.prints = [(94_980.0, 0.1, "SELL")]
        done = await _after(client, socket.push("order", event="CLOSE"))
        assert (done["orderStatus"], done["dealAmount"], done["averagePrice"]) == ("FILLED", "0.0100", "94990")
        detail = await client.read("trade/get_order_detail", clientId="rest-1")
        assert (detail["orderId"], detail["status"]) == (ids["orderId"], "FILLED")
        trades = (await client.read("trade/get_history_trades", orderId=ids["orderId"]))["tradeList"]
        assert [t["qty"] for t in trades] == ["0.0060", "0.0040"]
        assert {t["roleType"] for t in trades} == {"MAKER"}


async def test_modify_cancel_and_lists() -> None:
    async with exchange() as client:
        first = await client.order("BUY", "0.0100", "94000.0", clientId="a")
        await client.order("BUY", "0.0100", "93000.0", clientId="b")
        await client.ok("trade/modify_order", orderId=first["orderId"], qty="0.0200", price="94100.0")
        detail = await client.read("trade/get_order_detail", orderId=first["orderId"])
        assert (detail["qty"], detail["price"]) == ("0.0200", "94100.0")
        rows = [{"clientId": "b"}, {"orderId": "12345"}]
        outcome = await client.ok("trade/cancel_orders", symbol="BTCUSDT", orderList=rows)
        assert [row["clientId"] for row in outcome["successList"]] == ["b"]
        assert outcome["failureList"][0]["errorCode"] == "20007"
        everything = await client.ok("trade/cancel_all_orders", symbol="BTCUSDT")
        assert [row["clientId"] for row in everything["successList"]] == ["a"]
        canceled = await client.read("trade/get_history_orders", queryCanceled="true")
        assert [o["clientId"] for o in canceled["orderList"]] == ["a", "b"]
        assert (await client.read("trade/get_history_orders", queryCanceled="false"))["orderList"] == []
        page = await client.read("trade/get_history_orders", skip=1, limit=1)
        assert (page["total"], len(page["orderList"])) == ("2", 1)


async def test_a_batch_tells_successes_and_failures_apart_and_has_a_limit() -> None:
    async with exchange() as client:
        row = {"side": "BUY", "qty": "0.0100", "orderType": "LIMIT", "price": "94000"}
        rows = [{**row, "clientId": "x"}, {**row, "clientId": "x"}, {**row, "qty": "9999"}]
        outcome = await client.ok("trade/batch_order", symbol="BTCUSDT", orderList=rows)
        assert [r["clientId"] for r in outcome["successList"]] == ["x"]
        assert [r["errorCode"] for r in outcome["failureList"]] == ["30042", "30013"]
        reply = await client.post("trade/batch_order", symbol="BTCUSDT", orderList=[row] * 6)
        assert reply["code"] == 20016


async def test_positions_can_be_read_flashed_and_closed_all() -> None:
    async with exchange() as client:
        await client.order("sell", "0.0100")
        (held,) = await client.read("position/get_pending_positions", symbol="BTCUSDT")
        assert (held["side"], held["qty"], held["leverage"]) == ("SHORT", "0.0100", 20)
        assert Decimal(held["liqPrice"]) > Decimal("95000")
        assert Decimal(held["realizedPNL"]) == -Decimal(held["fee"])
        await client.ok("trade/flash_close_position", positionId=held["positionId"])
        assert await client.read("position/get_pending_positions") == []
        await client.order("BUY", "0.0100")
        await client.ok("trade/close_all_position", symbol="BTCUSDT")
        closed = await client.read("position/get_history_positions", symbol="BTCUSDT")
        assert [p["side"] for p in closed["positionList"]] == ["LONG", "SHORT"]
        assert (await client.post("trade/flash_close_position", positionId="1"))["code"] == 30004


async def test_the_account_adds_up_and_equity_follows_the_mark() -> None:
    async with exchange() as client:
        await client.order("BUY", "0.0100")
        await client.order("BUY", "0.0100", "90000")
        client.market.mid = 95_100.0
        client.pass_time(1)
        account = await client.read("account", marginCoin="USDT")
        money = await client.money()
        parts = sum(Decimal(account[k]) for k in ("available", "frozen", "margin"))
        assert parts == Decimal(money["wallet"]) == Decimal(10_000) - Decimal(money["fees"])
        assert account["crossUnrealizedPNL"] == "0.999"
        assert account["frozen"] == "45"
        assert (await client.get("account"))["code"] == 10002


async def test_leverage_modes_and_what_forbids_changing_them() -> None:
    async with exchange() as client:
        assert (await client.read("account/get_leverage_margin_mode", symbol="BTCUSDT", marginCoin="USDT"))[
            "leverage"
        ] == 20
        changed = await client.ok("account/change_leverage", symbol="BTCUSDT", marginCoin="USDT", leverage=50)
        assert changed[0]["leverage"] == 50
        assert (await client.post("account/change_leverage", symbol="BTCUSDT", leverage=500))["code"] == 20005
        await client.ok("account/change_margin_mode", symbol="BTCUSDT", marginCoin="USDT", marginMode="ISOLATION")
        await client.order("BUY", "0.0100")
        (held,) = await client.read("position/get_pending_positions")
        assert (held["marginMode"], held["margin"]) == ("ISOLATION", "19.00002")
        assert (await client.post("account/change_position_mode", positionMode="HEDGE"))["code"] == 20009
        added = {"symbol": "BTCUSDT", "marginCoin": "USDT", "amount": "5", "side": "LONG"}
        await client.ok("account/adjust_position_margin", **added)
        (held,) = await client.read("position/get_pending_positions")
        assert held["margin"] == "24.00002"
        over = {**added, "amount": "-6"}
        assert (await client.post("account/adjust_position_margin", **over))["code"] == 20008
        await client.order("BUY", "0.0100", "90000")
        assert (await client.post("account/change_leverage", symbol="BTCUSDT", leverage=10))["code"] == 20006


async def test_hedge_closes_over_the_wire_in_both_directions() -> None:
    async with exchange() as client:
        await client.ok("account/change_position_mode", positionMode="HEDGE")
        for side, name in (("BUY", "LONG"), ("SELL", "SHORT")):
            await client.order(side, "0.0100", tradeSide="OPEN")
            (held,) = await client.read("position/get_pending_positions")
            assert held["side"] == name
            await client.order(side, "0.0100", tradeSide="CLOSE", positionId=held["positionId"])
            assert await client.read("position/get_pending_positions") == []


async def test_an_attached_stop_shows_in_the_pending_list_and_closes_the_position() -> None:
    async with exchange() as client, client.private() as socket:
        await client.order("BUY", "0.0100", slPrice="94500.0", slStopType="MARK_PRICE", tpPrice="96000")
        told = await socket.push("tpsl", event="CREATE")
        (pending,) = await client.read("tpsl/get_pending_orders", symbol="BTCUSDT")
        assert pending["id"] == told["orderId"]
        assert (pending["slPrice"], pending["slQty"], pending["tpPrice"]) == ("94500.0", "0.0100", "96000.0")
        client.market.mid = 94_499.0
        ended = await _after(client, socket.push("tpsl", event="CLOSE"))
        assert ended["status"] == "FILLED"
        await socket.push("position", event="CLOSE", qty="0.0000")
        history = await client.read("tpsl/get_history_orders", symbol="BTCUSDT")
        assert history["orderList"][0]["status"] == "FILLED"
        assert int(history["orderList"][0]["triggerTime"]) > 0
        trades = (await client.read("trade/get_history_trades"))["tradeList"]
        assert [t["side"] for t in trades] == ["SELL", "BUY"]


async def test_position_tpsl_over_the_wire() -> None:
    async with exchange() as client:
        await client.order("BUY", "0.0100")
        (held,) = await client.read("position/get_pending_positions")
        target = {"symbol": "BTCUSDT", "positionId": held["positionId"]}
        placed = await client.ok("tpsl/position/place_order", **target, slPrice="94000", tpPrice="97000")
        changed = await client.ok("tpsl/position/modify_order", **target, slPrice="94500")
        assert placed == [changed]
        (pending,) = await client.read("tpsl/get_pending_orders", positionId=held["positionId"])
        assert (pending["slPrice"], pending["tpPrice"], pending["type"]) == ("94500.0", None, "POSITION_TPSL")
        own = await client.ok("tpsl/place_order", **target, slPrice="93000", slQty="0.0050", slOrderType="MARKET")
        await client.ok("tpsl/modify_order", orderId=own[0]["orderId"], slPrice="93100")
        assert (await client.ok("tpsl/cancel_order", symbol="BTCUSDT", orderId=own[0]["orderId"])) == own[0]
        assert len(await client.read("tpsl/get_pending_orders")) == 1


async def _after(client: Client, waiting: Any) -> Any:
    """The awaited push, with time passing meanwhile."""
    client.pass_time(1)
    return await waiting
