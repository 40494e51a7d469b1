"""A session in a process of its own that kills itself at a chosen step; says ``move`` when the market should."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("core", "sim", "session"))

from desk import buy
from recovery_kit import SYMBOL, Bench, market_profile, opened

from engine.core.orders import terms
from engine.model import events as ev
from engine.model.market import MINUTE_NS, Candle
from engine.ops.paths import home
from engine.session import start
from engine.session.session import Session

PATIENCE_S = 8.0


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class Life:
    def __init__(self, session: Session, chance: random.Random) -> None:
        self.session, self.chance = session, chance

    def signal(self, **intent: Any) -> None:
        strategy: Any = self.session.trader.strategies[SYMBOL][0]
        strategy.next = [buy(**intent)]
        market = self.session.state.markets[SYMBOL]
        start, mid = market.candles[-1].open_time + MINUTE_NS, market.mid
        self.session.ingest(ev.CandleTick(self.session.clock(), SYMBOL, Candle(start, mid, mid, mid, mid, 5.0), True))

    def limit(self, away: float = 100.0, qty: str = "0.1") -> None:
        self.signal(qty=qty, kind="LIMIT", price=60_000.0 - away, stop=59_000.0, target=62_000.0)

    def take(self) -> None:
        self.signal(qty="0.1", stop=59_000.0, target=62_000.0)

    async def until(self, done: Any) -> None:
        if not await self.session.until(done, PATIENCE_S):
            print([line.text for line in self.session.state.log[-8:]], file=sys.stderr)
            sys.exit(3)

    def order(self) -> Any:
        return list(self.session.state.orders.values())[-1]

    async def a_while(self, most_s: float) -> None:
        await asyncio.sleep(self.chance.uniform(0, most_s))


async def asked(life: Life) -> None:
    life.take()
    await life.session.journal.durable(life.session.state.seq)


async def approved(life: Life) -> None:
    life.take()
    order = life.order()
    await life.session.journal.durable(life.session.state.seq)
    life.session.command("approve", order.client_id, terms(order))
    time.sleep(life.chance.uniform(0, 0.003))  # noqa: ASYNC251  # the loop must not run: only the writer's thread goes on


async def durable(life: Life) -> None:
    async def submit(_: Any) -> Any:
        die()

    life.session.venue.submit = submit  # type: ignore[method-assign,assignment]
    life.take()
    await asyncio.sleep(PATIENCE_S)


async def sent(life: Life) -> None:
    (life.take if life.chance.random() < 0.5 else life.limit)()
    await life.until(lambda: life.order().sent_t)
    await life.a_while(0.08)


async def unseen(life: Life) -> None:
    life.take()
    await asyncio.sleep(0.25)


async def resting(life: Life) -> None:
    life.limit()
    await life.until(lambda: life.order().status == "ACCEPTED")
    await life.a_while(0.05)


async def partly(life: Life) -> None:
    life.limit(away=-5.0, qty="0.4")
    await life.until(lambda: life.order().status == "PARTIALLY_FILLED")
    await life.a_while(0.02)


async def held(life: Life) -> None:
    life.take()
    await life.until(lambda: SYMBOL in life.session.state.positions and life.session.state.positions[SYMBOL].stop)
    await life.a_while(0.2)


async def stopping(life: Life) -> None:
    """The trailing stop moves: dead before, or right after the request left."""
    protect, before = life.session.venue.protect, life.chance.random() < 0.5

    async def moved(*words: Any) -> Any:
        if not before:
            task = asyncio.create_task(protect(*words))
            await asyncio.sleep(life.chance.uniform(0, 0.05))
            del task
        die()

    life.session.venue.protect = moved  # type: ignore[method-assign,assignment]
    await held(life)
    print("move", flush=True)
    await asyncio.sleep(PATIENCE_S)
    sys.exit(4)


async def main(said: dict[str, Any]) -> None:
    bench = Bench(**said["bench"])
    session, _ = opened(
        bench, market_profile(bench, approval="required" if said["step"] in ("asked", "approved") else "auto")
    )
    life = Life(session, random.Random(said["seed"]))
    await start.connect(session)
    if not await start.bring_up(session, home(bench.home, {})):
        print({g.name: g.detail for g in session.state.gates.values() if g.status != "pass"}, file=sys.stderr)
        sys.exit(2)
    if said["faults"]:
        print("faults", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    await globals()[said["step"]](life)
    die()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
