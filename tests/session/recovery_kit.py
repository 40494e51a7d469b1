"""Kill a session at a step, start the next one on the same surviving exchange, and judge what the two did together."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from desk import Scripted, limits, profile
from exchange_kit import ScriptedMarket

from engine.core.fold import apply
from engine.journal.recording import Recording
from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.state import State
from engine.ops.paths import Home, home
from engine.session import recover, start
from engine.session.session import Session
from engine.sim.run import RunningExchange, serve
from engine.venues.bitunix.adapter import Bitunix

SYMBOL = "BTCUSDT"
CHILD = Path(__file__).with_name("recovery_child.py")
ACCOUNT = recover.account_digest("simulated", "key")
LIVES_S = 20.0
Plant = Callable[[Session], None]


class Bench(msgspec.Struct):
    home: str
    rest: str
    public: str
    private: str


class Step(msgspec.Struct):
    """A place to die. ``faults`` are switched on right before, ``away`` is where the market goes while nobody is there."""

    name: str
    faults: dict[str, Any] = {}
    away: tuple[float, ...] = (60_000.0,)
    label: str = ""


STEPS: tuple[Step, ...] = (
    Step("asked", label="waits for a key"),
    Step("approved", label="key pressed"),
    Step("durable", label="decided, not sent"),
    Step("sent", {"lost_reply": 1, "drop_push": 1.0}, label="sent, no answer"),
    Step("unseen", {"lost_reply": 1, "drop_push": 1.0}, label="filled, unseen"),
    Step("resting", away=(60_000.0, 59_890.0), label="accepted, not filled"),
    Step("partly", away=(60_100.0, 60_000.0), label="partly filled"),
    Step("held", away=(60_000.0, 58_990.0, 62_010.0), label="position, stop stands"),
    Step("stopping", away=(60_900.0,), label="stop being moved"),
)


def market_profile(bench: Bench, **trading: Any) -> Any:
    rules = {"leverage": 20, "unknown_retry_s": 0.3, **trading}
    base = profile(limits(max_leverage=50.0, total_at_risk_pct=90.0), **rules)
    places = {"rest": bench.rest, "public": bench.public, "private": bench.private}
    venue = msgspec.structs.replace(base.venue, **places, timeout_s=0.6, requests_per_s=30.0)
    return msgspec.structs.replace(base, venue=venue)


def opened(bench: Bench, prof: Any, how: start.How = "carry") -> tuple[Session, Journal]:
    place = home(bench.home, {})
    before = start.look_back(place, ACCOUNT, prof.mode, how)
    venue = Bitunix(prof.venue, key="key", secret="secret", clock=time.time_ns, rng=random.Random(1))
    return start.begin(
        prof, {SYMBOL: [Scripted()]}, venue, place, version="test", config="{}", account=ACCOUNT, before=before
    )


@asynccontextmanager
async def alive(
    bench: Bench, how: start.How = "carry", plant: Plant | None = None, **trading: Any
) -> AsyncIterator[Session]:
    """The next session, brought up; ended without a word when the block ends."""
    session, journal = opened(bench, market_profile(bench, **trading), how)
    if plant is not None:
        plant(session)
    try:
        await start.connect(session)
        await start.bring_up(session, home(bench.home, {}))
        yield session
    finally:
        await session.stop()
        await session.venue.close()
        await journal.close()


class Floor:
    """An exchange that outlives the sessions on it."""

    def __init__(self, exchange: RunningExchange, market: ScriptedMarket, bench: Bench) -> None:
        self.exchange, self.market, self.bench = exchange, market, bench

    @property
    def account(self) -> Any:
        return self.exchange.server.state()["accounts"]["key"]

    def asked_for(self) -> list[dict[str, Any]]:
        """Every request to place an order, whether or not it was granted."""
        return [r for r in self.exchange.server.received if r["path"].endswith("/trade/place_order")]

    def faults(self, **change: Any) -> None:
        from engine.sim.faults import Faults, merged

        self.exchange.exchange.world.faults = merged(Faults(), change)

    async def live(self, step: Step, seed: int) -> int:
        """One session until it kills itself; its exit code."""
        order = {
            "bench": msgspec.structs.asdict(self.bench),
            "step": step.name,
            "seed": seed,
            "faults": bool(step.faults),
        }
        self.market.depth = 0.15 if step.name == "partly" else 5.0
        child = await asyncio.create_subprocess_exec(
            sys.executable, f"{CHILD}", json.dumps(order), stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        assert child.stdout is not None
        assert child.stdin is not None
        watching = asyncio.create_task(self._leave_after_a_fill()) if step.name == "partly" else None
        try:
            async with asyncio.timeout(LIVES_S):
                async for line in child.stdout:
                    if line.strip() == b"move":
                        self.market.mid = 60_900.0
                    elif line.strip() == b"faults":
                        self.faults(**step.faults)
                        child.stdin.write(b"\n")
                words = await child.stderr.read()  # type: ignore[union-attr]
                code = await child.wait()
        finally:
            if watching is not None:
                watching.cancel()
            if child.returncode is None:
                child.kill()
                await child.wait()
        assert code == -9, f"{step.name}: exit code {code}: {words.decode()[-600:]}"
        self.faults()
        return code

    async def _leave_after_a_fill(self) -> None:
        """The market goes away from an order that is filled in part."""
        while self.account["trades"] == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        self.market.mid = 60_100.0


@asynccontextmanager
async def floor(tmp: Path) -> AsyncIterator[Floor]:
    market = ScriptedMarket(mid=60_000.0)
    market.depth = 5.0
    exchange = await serve(market, keys=[("key", "secret")], balance=Decimal(10_000), tick_s=0.02)
    place: Home = home(tmp / "home", {})
    try:
        yield Floor(exchange, market, Bench(str(place.root), exchange.rest, exchange.public, exchange.private))
    finally:
        await exchange.close()


class Verdict(msgspec.Struct):
    step: str
    orders: int = 0
    recovered_s: float = 0.0
    lost: int = 0
    duplicated: int = 0
    """Orders that were sent again, under their old name or after the restart."""
    strays: int = 0
    """Orders at the venue that no session decided."""
    left_open: int = 0
    faults: list[str] = []
    lines: list[str] = []


async def round_of(tmp: Path, step: Step, seed: int, plant: Plant | None = None) -> Verdict:
    """Die at ``step``, be away, come back, be judged."""
    async with floor(tmp) as f:
        await f.live(step, seed)
        f.market.depth = 5.0
        f.market.mid = random.Random(seed).choice(step.away)
        await asyncio.sleep(0.1)
        before = len(f.asked_for())
        began = time.monotonic()
        async with alive(f.bench, plant=plant) as session:
            took = time.monotonic() - began
            await session.until(lambda: _quiet(session.state), 3.0)
            verdict = judge(f, session, step, before)
            verdict.recovered_s = took
        return verdict


def _quiet(state: State) -> bool:
    held = [p for p in state.positions.values() if p.qty]
    return all(p.stop is not None and p.venue_qty == p.qty for p in held)


def judge(f: Floor, session: Session, step: Step, before: int) -> Verdict:
    """``before`` is how many orders had been asked for when the next session began: it decides none, so there must be no more."""
    state, theirs = session.state, f.account
    requests = Counter(r["params"].get("clientId", "") for r in f.asked_for())
    verdict = Verdict(step.name, len(requests), faults=[], lines=list(state.recovery.lines))
    decided = set(sent_by(Path(f.bench.home)))
    verdict.duplicated = max(sum(n - 1 for n in requests.values()), len(f.asked_for()) - before)
    verdict.strays = sum(1 for name in requests if name not in decided)
    shaky = [o for o in state.orders.values() if not o.final and o.status not in ("ACCEPTED", "PARTIALLY_FILLED")]
    verdict.left_open = len(shaky) + state.recovery.open + state.recovery.unsolved
    if shaky:
        verdict.faults.append(f"not final: {[o.status for o in shaky]}")
    if state.recovery.open or state.recovery.unsolved or not state.recovery.session:
        verdict.faults.append(f"not recovered: {state.recovery.lines}")
    known = {o.client_id for o in state.orders.values() if not o.final and o.role != "foreign"}
    there = {o["clientId"] for o in theirs["orders"]}
    if known != there:
        verdict.lost += 1
        verdict.faults.append(f"orders: {known} here, {there} there")
    held = {p.symbol: p.qty for p in state.positions.values() if p.qty}
    real = {p.symbol: p for p in f.exchange.exchange.world.accounts["key"].positions.values()}
    if bool(held) != bool(real) or (held and held[SYMBOL] != sum(p.qty for p in real.values())):
        verdict.lost += 1
        verdict.faults.append(f"position: {held} here, {theirs['positions']} there")
    if state.account.wallet != Decimal(theirs["wallet"]):
        verdict.lost += 1
        verdict.faults.append(f"wallet: {state.account.wallet} here, {theirs['wallet']} there")
    if len(state.fill_keys) != theirs["trades"]:
        verdict.lost += 1
        verdict.faults.append(f"fills: {len(state.fill_keys)} here, {theirs['trades']} there")
    if any(line.startswith("balance") for line in state.recovery.lines):
        verdict.lost += 1
        verdict.faults.append("the balance had to be taken over: an execution is missing")
    if session.broken is not None:
        verdict.faults.append(f"broken: {session.broken!r}")
    if held and not theirs["tpsl"]:
        verdict.faults.append("a position without a stop at the venue")
    if verdict.duplicated or verdict.strays:
        verdict.faults.append(f"{verdict.duplicated} sent twice, {verdict.strays} without a decision")
    return verdict


def sent_by(place: Path) -> list[str]:
    """Client ids that any recorded session decided to send."""
    found: list[str] = []
    for path in sorted((place / "sessions").glob("*.cockpit")):
        with Recording.open(path) as recording:
            found += [e.client_id for _, e in recording.events(kinds=("OrderSent",)) if isinstance(e, ev.OrderSent)]
    return found


def folded(path: Path) -> State:
    state = State()
    with Recording.open(path) as recording:
        for _, event in recording.events():
            apply(state, event)
    return state
