"""Processes that stand still (SIGSTOP) for a while and go on: nothing that was decided on old data may be sent."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from asyncio.subprocess import Process
from pathlib import Path
from typing import NamedTuple

from chaos_books import compare, read
from chaos_outcome import Outcome, Task
from chaos_stage import FAST, REST, Life, Stage, stage, together

from engine.core.fold import apply
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.state import State

SPEED = 60.0
STALE_S = 2.0
SLACK_S = 1.0
"""What an order may take to the exchange, on a busy machine."""
TTL_S = 2.0
CLOSED_S = 2.0
LONG_S = 16.0
"""Longer than the private stream may be silent: the account must be read again before an entry."""
AGAIN_S = 30.0
RULES = {"risk": {"stale_quote_s": STALE_S}, "venue": {"silence_public_s": 5, "silence_private_s": 15}}
ASKING = {**RULES, "trading": {"approval": "required", "approval_ttl_s": TTL_S, "decline_rest_bars": 1}}


class Kind(NamedTuple):
    name: str
    strategy: str
    rules: dict[str, object]
    exchange: bool = False
    """The exchange is stopped instead of the session."""


KINDS = (
    Kind("trading", FAST, RULES),
    Kind("order working", REST, RULES),
    Kind("approval open", FAST, ASKING),
    Kind("exchange stopped", FAST, RULES, exchange=True),
)


class Sent(NamedTuple):
    client_id: str
    t: int
    venue_t: int
    """The newest of the market that was known then, in the venue's nanoseconds."""
    entry: bool


async def run(task: Task) -> Outcome:
    """``rounds`` pauses of 1 to 30 seconds. The plant ``believe`` goes on with what waited in the buffers."""
    outcome = Outcome()
    ages = await together(task.rounds, task.together, lambda n: _round(task, n, outcome))
    if known := [age for age in ages if age is not None]:
        outcome.figures.append(f"entries after a pause were decided on data that was at most {max(known):.1f} s old")
    return outcome


async def _round(task: Task, number: int, outcome: Outcome) -> float | None:
    chance, kind = random.Random(task.seed * 1000 + number), KINDS[0 if task.plant else number % len(KINDS)]
    still_s = (
        12.0
        if task.plant
        else chance.choice((chance.uniform(1, 3), chance.uniform(3, 5), chance.uniform(5, 15), chance.uniform(15, 30)))
    )
    folder = task.folder / f"round{number}"
    async with stage(folder, task.seed + number, speed=SPEED, strategy=kind.strategy, profile=kind.rules) as here:
        faults: list[str] = []
        async with here.life(task.plant) as life:
            if not await life.trading():
                faults.append(f"it does not trade: {life.text[-200:]}")
            await life.wait(chance.uniform(3, 6))
            if task.plant or number % 8 == len(KINDS):
                await _flat(here)  # an entry is due at the next candle
            stopped, going = await _stand_still(here, life, kind, still_s)
            if kind.strategy == FAST and kind.rules is RULES and not await _orders_again(here, going + int(3e9)):
                faults.append(f"no order within {AGAIN_S:g} s after the pause")
            await life.wait(3.0)
            market = (await here.control.get("/sim/state")).json()["now_ms"], time.time_ns()
            await life.end()
            if life.process.returncode or "Traceback" in life.text:
                faults.append(f"exit code {life.process.returncode}: {life.text[-300:]}")
        await here.look()
        paths = here.recordings()
        verdict = compare(here, [await asyncio.to_thread(read, path) for path in paths])
        sent = await asyncio.to_thread(_sent, paths[-1])
        ages = [(order, _age(order, market)) for order in sent if order.entry and order.t >= stopped]
        stale = [
            f"order {o.client_id} was decided on data {age:.1f} s old" for o, age in ages if age > STALE_S + SLACK_S
        ]
        closed = await asyncio.to_thread(_approvals, paths[-1], stopped, going) if "approval" in kind.name else []
        unread = await asyncio.to_thread(_unread, paths[-1], going) if still_s > LONG_S and not kind.exchange else []
        outcome.count(
            [f"{kind.name}, {still_s:.1f} s: {fault}" for fault in (*faults, *verdict.faults, *stale, *closed, *unread)],
            lost=verdict.lost, duplicated=verdict.duplicated, unsafe=verdict.unsafe + len(stale) + len(closed) + len(unread),
        )  # fmt: skip
        return max((age for _, age in ages), default=None)


async def _flat(here: Stage) -> None:
    end = time.monotonic() + AGAIN_S
    while time.monotonic() < end:
        if not (await here.look())["positions"]:
            return
        await asyncio.sleep(0.02)


async def _orders_again(here: Stage, t: int) -> bool:
    end = time.monotonic() + AGAIN_S
    while time.monotonic() < end:
        await here.look()
        if any(at > t for at, _ in here.seen.orders):
            return True
        await asyncio.sleep(0.3)
    return False


async def _stand_still(here: Stage, life: Life, kind: Kind, seconds: float) -> tuple[int, int]:
    process: Process = here.exchange if kind.exchange else life.process
    process.send_signal(signal.SIGSTOP)
    stopped = time.time_ns()
    await asyncio.sleep(seconds)
    going = time.time_ns()
    process.send_signal(signal.SIGCONT)
    return stopped, going


def _age(order: Sent, market: tuple[int, int]) -> float:
    """Seconds that the market had gone on when the order was decided; it goes ``SPEED`` times as fast as we do."""
    now_ms, wall = market
    then_ms = now_ms - (wall - order.t) / 1e6 * SPEED
    return (then_ms - order.venue_t / 1e6) / 1000 / SPEED


def _sent(path: Path) -> list[Sent]:
    found, state, newest = [], State(), 0
    with Recording.open(path) as recording:
        for _, event in recording.events():
            apply(state, event)
            if isinstance(event, ev.BookTick | ev.TradeTick | ev.MarkTick):
                newest = max(newest, event.venue_t)
            elif isinstance(event, ev.OrderSent):
                order = state.orders[event.client_id]
                found.append(Sent(event.client_id, event.t, newest, order.role == "entry" and not order.reduce_only))
    return found


def _approvals(path: Path, stopped: int, going: int) -> list[str]:
    """Those that ran out in the meantime must be closed at once."""
    open_ones: dict[str, int] = {}
    late = []
    with Recording.open(path) as recording:
        for _, event in recording.events(kinds=("ApprovalAsked", "ApprovalClosed")):
            if isinstance(event, ev.ApprovalAsked):
                open_ones[event.client_id] = event.expires_t
            elif isinstance(event, ev.ApprovalClosed):
                expired = open_ones.pop(event.client_id)
                if stopped <= expired <= going and event.t > going + CLOSED_S * 1e9:
                    late.append(
                        f"approval {event.client_id} was closed {(event.t - going) / 1e9:.1f} s after the pause"
                    )
                if event.outcome == "approved":
                    late.append(f"approval {event.client_id} was given by nobody")
    return late


def _unread(path: Path, going: int) -> list[str]:
    """After a long pause the account is read before the first entry."""
    with Recording.open(path) as recording:
        for _, event in recording.events(kinds=("SnapshotTaken", "OrderSent")):
            if event.t < going:
                continue
            if isinstance(event, ev.SnapshotTaken) and event.complete:
                return []
            if isinstance(event, ev.OrderSent):
                order = next((o for o in _sent(path) if o.client_id == event.client_id), None)
                if order is not None and order.entry:
                    return [f"order {event.client_id} left before the account was read again"]
    return []
