"""The kill from another process, against an exchange that does not always do what it says."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from desk import profile
from exchange_kit import ScriptedMarket

from engine.model.orders import Order
from engine.ops.paths import Home
from engine.ops.secrets import Secret
from engine.rescue import kill as rescue
from engine.rescue import record
from engine.session import latch
from engine.sim.run import RunningExchange, serve
from engine.venues.bitunix.adapter import Bitunix
from engine.venues.bitunix.exits import CANCEL, PLACE, Exits
from engine.venues.bitunix.rest import RestError

SYMBOL = "BTCUSDT"


class Room:
    """An exchange with an account on it, a home, and the trader who has left orders there and is gone."""

    def __init__(self, exchange: RunningExchange, trader: Bitunix, home: Home, target: rescue.Target) -> None:
        self.exchange, self.trader, self.home, self.target = exchange, trader, home, target

    async def entries(self, count: int = 3) -> None:
        for i in range(count):
            await self.place(side="BUY", kind="LIMIT", price=Decimal(59_900 - i), client_id=f"c-{i}")

    async def place(self, **terms: Any) -> None:
        order = Order(**{"symbol": SYMBOL, "qty": Decimal("0.05"), **terms})
        assert (await self.trader.submit(order)).status == "ACCEPTED"

    async def position(self) -> None:
        """Long, with a stop, and a limit order that leads out."""
        stop, target = Decimal(59_000), Decimal(62_000)
        await self.place(side="BUY", kind="MARKET", client_id="c-in", stop=stop, target=target)
        await self.place(side="SELL", kind="LIMIT", price=Decimal(63_000), reduce_only=True, client_id="c-out")

    async def working(self) -> int:
        return len(await self.trader._reads.open_orders())

    async def stops(self) -> int:
        return len(await self.trader._reads.stops())

    async def fault(self, **switches: Any) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.exchange.rest}/sim/faults", json=switches)
            assert answer.status_code == 200, answer.text

    async def killed(self, *, flatten: bool = False) -> rescue.Outcome:
        return await rescue.kill(
            self.home, [self.target], flatten=flatten, why="a test", by="test", tell=lambda _: None
        )


@asynccontextmanager
async def room(tmp: Path) -> AsyncIterator[Room]:
    market = ScriptedMarket(mid=60_000.0)
    market.depth = 5.0
    exchange = await serve(market, keys=[("key", "secret")], balance=Decimal(10_000), tick_s=0.02)
    places = {"rest": exchange.rest, "public": exchange.public, "private": exchange.private}
    venue = msgspec.structs.replace(profile().venue, **places, timeout_s=0.6)
    trader = Bitunix(venue, key="key", secret="secret", clock=time.time_ns, rng=random.Random(1))
    target = rescue.Target("s1", "test", [SYMBOL], venue, None, (Secret("key"), Secret("secret")))
    try:
        yield Room(exchange, trader, Home(tmp / "home"), target)
    finally:
        await trader.close()
        await exchange.close()


def state_of(outcome: rescue.Outcome, name: str) -> tuple[str, str]:
    (step,) = [step for step in outcome.steps if step.name == name]
    return step.state, step.detail


async def test_entries_are_cancelled_and_the_venue_confirms_it(tmp_path: Path) -> None:
    async with room(tmp_path) as f:
        await f.entries()
        began = time.monotonic()
        outcome = await f.killed()
        assert outcome.confirmed
        assert time.monotonic() - began < 2
        assert await f.working() == 0
        assert state_of(outcome, "cancel") == ("ok", "3 entries cancelled, the venue lists none")
        assert latch.read(f.home.latch) == "a test"


async def test_cancels_that_the_venue_swallows_are_sent_until_they_have_worked(tmp_path: Path) -> None:
    async with room(tmp_path) as f:
        await f.entries()
        await f.fault(ignore_cancel=4)
        outcome = await f.killed()
        assert outcome.confirmed
        assert await f.working() == 0


async def trusting(rescue_: Any, target_: Any, door: Any) -> str:
    """What must not be: no error came, so it is taken as done."""
    await door.cancel([order for order in await door.working() if not order.reduce_only])
    return "cancelled"


@pytest.mark.parametrize("planted", [False, True])
async def test_no_error_is_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: bool) -> None:
    monkeypatch.setattr(rescue, "STEP_S", 0.8)
    if planted:
        monkeypatch.setattr(rescue, "_cancel_entries", trusting)
    async with room(tmp_path) as f:
        await f.entries()
        await f.fault(ignore_cancel=100_000)
        outcome = await f.killed()
        honest = outcome.confirmed == (await f.working() == 0)
        assert honest is not planted
        if not planted:
            assert "3 still listed" in state_of(outcome, "cancel")[1]
            assert latch.read(f.home.latch) == "a test"


async def test_flatten_closes_reduce_only_and_the_venue_says_flat(tmp_path: Path) -> None:
    async with room(tmp_path) as f:
        await f.position()
        outcome = await f.killed(flatten=True)
        assert outcome.confirmed, outcome.steps
        assert "+0.0500 BTCUSDT closed" in state_of(outcome, "flatten")[1]
        assert await f.stops() == 0


async def test_ways_out_and_stops_are_left_alone(tmp_path: Path) -> None:
    async with room(tmp_path) as f:
        await f.position()
        outcome = await f.killed()
        assert outcome.confirmed
        assert "1 reduce-only left working" in state_of(outcome, "cancel")[1]
        assert "+0.0500 BTCUSDT left open" in state_of(outcome, "positions")[1]
        assert await f.working() == 1
        assert await f.stops() == 1


async def test_other_symbols_of_the_account_are_not_its_business(tmp_path: Path) -> None:
    async with room(tmp_path) as f:
        await f.entries()
        f.target.symbols = ["ETHUSDT"]
        outcome = await f.killed(flatten=True)
        assert "3 in other symbols left alone" in state_of(outcome, "cancel")[1]
        assert await f.working() == 3


@pytest.mark.parametrize(
    "fault", [{"http_5xx": 2}, {"drop_request": 2}, {"bad_json_reply": 2}, {"rate_limit_10006": 1}]
)
async def test_a_venue_in_trouble_is_asked_until_it_answers(tmp_path: Path, fault: dict[str, int]) -> None:
    async with room(tmp_path) as f:
        await f.entries()
        await f.fault(**fault)
        assert (await f.killed()).confirmed
        assert await f.working() == 0


async def test_a_venue_that_cannot_be_reached_is_not_a_confirmation(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(rescue, "STEP_S", 0.5)
    async with room(tmp_path) as f:
        await f.exchange.close()
        outcome = await f.killed()
        assert not outcome.confirmed
        assert state_of(outcome, "latch")[0] == "ok"
        assert state_of(outcome, "cancel")[0] == "failed"


async def test_a_disk_that_takes_nothing_does_not_keep_the_cancels(tmp_path: Path, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    async with room(tmp_path) as f:
        await f.entries()
        monkeypatch.setattr(record.Record, "_append", full)
        monkeypatch.setattr(latch, "trip", full)
        outcome = await f.killed()
        assert await f.working() == 0
        assert not outcome.confirmed, "the switch would not outlive the engine"
        assert state_of(outcome, "latch") == ("failed", "No space left on device")


async def test_what_is_sent_was_written_before(tmp_path: Path, monkeypatch: Any) -> None:
    async with room(tmp_path) as f:
        await f.entries(1)
        before: list[int] = []
        cancel = Exits.cancel

        async def watched(self: Exits, orders: Any) -> Any:
            before.append(sum(row["what"] == "cancel" for row in record.last(f.home.run)))
            return await cancel(self, orders)

        monkeypatch.setattr(Exits, "cancel", watched)
        await f.killed()
        assert before == [1]
        rows = record.last(f.home.run)
        assert [rows[0]["what"], rows[-1]["what"]] == ["kill", "done"]
        (answer,) = [row for row in rows if row["what"] == "answers"]
        assert answer["answers"] == [[True, "", ""]]
        assert "secret" not in str(rows)


BODIES: list[tuple[str, dict[str, object]]] = [
    (PLACE, {"symbol": SYMBOL, "side": "BUY", "qty": "1"}),
    (PLACE, {"symbol": SYMBOL, "side": "BUY", "qty": "1", "reduceOnly": False}),
    (PLACE, {"symbol": SYMBOL, "side": "BUY", "qty": "1", "reduceOnly": "true"}),
    (PLACE, {"symbol": SYMBOL, "side": "BUY", "qty": "1", "reduceOnly": True, "tradeSide": "OPEN"}),
    ("/api/v1/futures/trade/batch_order", {"reduceOnly": True}),
    ("/api/v1/futures/trade/modify_order", {"orderId": "1", "qty": "9"}),
    ("/api/v1/futures/account/change_leverage", {"leverage": 100}),
    ("/api/v1/futures/tpsl/place_order", {"slPrice": "1"}),
]


@pytest.mark.parametrize(("path", "body"), BODIES)
async def test_a_request_that_could_open_anything_does_not_leave(
    tmp_path: Path, path: str, body: dict[str, object]
) -> None:
    async with room(tmp_path) as f:
        door = rescue.open_door(f.target, f.home)
        assert isinstance(door, Exits)
        with pytest.raises(RestError, match="does not lead out"):
            await door._rest.post(path, body, patience_s=1)
        await door.close()
        assert await f.working() == 0
        assert not [name for name in dir(door) if name in ("submit", "protect", "amend", "set_leverage")]
    assert CANCEL.endswith("cancel_orders")
