"""Recordings for replay tests: made from a desk's log, with blocks and keyframes small enough to have many of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
from desk import SECOND, SYMBOL, T0, Desk, buy, sell

from engine.core.fold import apply
from engine.journal import keyframe
from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.state import State

RECORDED = Path(__file__).parent.parent / "recordings" / "schema1.cockpit"


def record(path: Path, events: Sequence[ev.Event], every: int = 0, *, torn: bool = False) -> Path:
    """Write ``events`` with a keyframe ``every`` so many (0: none); a ``torn`` one is left as by a crash."""

    async def write() -> None:
        journal = Journal.create(path)
        state = State()
        for event in events:
            seq = journal.append(event)
            apply(state, event)
            if every and seq % every == 0:
                journal.keyframe(seq, keyframe.encode_state(state))
                await journal.durable(seq)
                await asyncio.sleep(0.002)
        await journal.durable(journal.seq)
        if torn:
            _move(path, Path(f"{path}.copy"), shutil.copy)
        await journal.close()
        assert journal.failed is None
        if torn:
            _move(Path(f"{path}.copy"), path, shutil.move)

    asyncio.run(write())
    return path


def _move(source: Path, target: Path, how: Callable[[str, str], object]) -> None:
    for suffix in ("", "-wal"):
        how(f"{source}{suffix}", f"{target}{suffix}")


def folded(events: Sequence[ev.Event], upto: int | None = None) -> State:
    state = State()
    for event in events[:upto]:
        apply(state, event)
    return state


def digest(state: State) -> bytes:
    return msgspec.msgpack.encode(state)


def act(desk: Desk, what: str, n: int) -> None:
    """One thing that happens on a desk; ``n`` varies it."""
    mid = 60_000.0 + (n * 37) % 400 - 200
    live = [o for o in desk.state.orders.values() if o.status in ("SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED")]
    match what:
        case "quote":
            desk.quote(mid)
        case "trade":
            desk.take(ev.TradeTick(desk.now, SYMBOL, mid, 0.1, "BUY", desk.now))
        case "wait":
            desk.wait(1 + n % 3)
        case "bar":
            desk.bar(close=mid)
        case "buy":
            desk.bar(buy(stop=58_000.0, target=65_000.0))
        case "sell":
            desk.bar(sell(stop=62_000.0, target=55_000.0))
        case "accept" if live:
            desk.accept(live[0].client_id)
        case "fill" if live:
            desk.fill(live[0].client_id, f"{live[0].left:f}", f"{mid}", fee="0.01")
        case "stop":
            desk.stop_stands("58000" if n % 2 else "62000", stop_id=f"s{n % 3}")
        case "close":
            desk.command("close", SYMBOL)
        case "kill" | "rearm" | "pause" | "resume" | "flatten":
            desk.command(what, text="a reason")  # type: ignore[arg-type]
        case "lost":
            desk.take(ev.LinkReport(desk.now, "private", "down", detail="silence"))
        case "up":
            desk.take(ev.LinkReport(desk.now, "private", "up", 2.0))
            desk.take(ev.SnapshotTaken(desk.now, "reconnected", True))
        case "funding":
            desk.take(ev.FundingPaid(desk.now, SYMBOL, Decimal("-0.5")))


ACTS = (
    *("quote", "trade", "wait", "bar", "buy", "sell", "accept", "fill", "stop", "lost", "up", "funding"),
    *("kill", "rearm", "pause", "resume", "flatten"),
)


CLOSED = ("close", "accept", "fill", "wait", "resume")


def story(acts: Sequence[tuple[str, int]]) -> list[ev.Event]:
    desk = Desk()
    for what, n in acts:
        act(desk, what, n)
    return desk.log


def long_story(bars: int = 60) -> list[ev.Event]:
    """A session with fills, refusals, a kill, a lost link and some 40 events a bar."""
    acts: list[tuple[str, int]] = []
    for n in range(bars):
        acts += [(what, n * 7 + i) for i, what in enumerate(("quote", "trade", "trade", "quote", "trade") * 5)]
        acts += [("bar", n), ("wait", n)]
        acts += [
            (what, n)
            for what in (("buy", "accept", "fill", "stop"), CLOSED, ("sell", "accept", "fill", "stop", *CLOSED))[n % 3]
        ]
        acts += [("lost", n), ("up", n)] if n % 20 == 10 else []
        acts += [("kill", n), ("wait", n), ("rearm", n), ("resume", n)] if n % 20 == 15 else []
    return [*story(acts), ev.SessionEnded(T0 + 10_000 * SECOND, "SIGINT", True)]
