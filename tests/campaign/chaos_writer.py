"""``chaos_writer.py JSON``: a process that does nothing but write a journal, and writes down what it was promised.

Every number that ``durable`` has let through goes into a file of acknowledgements, eight bytes each, right after. With ``sweep``
one life follows another in the same process; in the n-th of them the n-th write, sync or truncation fails, and the process says
for each what came of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.journal.recording import Recording
from engine.journal.writer import Journal, JournalError
from engine.model import events as ev

ACCOUNT = "chaos"
T = 1_767_225_600_000_000_000
Ack = Callable[[int], None]


def tick(t: int, chance: random.Random) -> ev.Event:
    price = 60_000 + chance.random() * 100
    if chance.random() < 0.5:
        return ev.TradeTick(t, "BTCUSDT", price, chance.random(), "BUY", t)
    book = [(price + n, chance.random()) for n in range(5)]
    return ev.BookTick(t, "BTCUSDT", book, book, t)


async def live(path: Path, chance: random.Random, events: int, checkpoint: int, sync: str, ack: Ack) -> Journal:
    """Write about ``events`` events, two hundred of them awaited; JournalError when it came to an end before."""
    journal = Journal.create(path)
    try:
        if checkpoint:
            journal._db.execute(f"PRAGMA wal_autocheckpoint={checkpoint}")
        if sync:
            journal._db.execute(f"PRAGMA synchronous={sync}")
        t = T
        journal.append(
            ev.SessionStarted(t, path.stem, "chaos", "DEMO", "simulated", "1", ev.SCHEMA, "{}", "tag", ACCOUNT)
        )
        while journal.seq < events:
            t += 1_000_000
            for _ in range(chance.choice((0, 1, 5, 40))):
                journal.append(tick(t, chance))
            await asyncio.gather(
                *(_order(journal, t, chance, events, ack) for _ in range(chance.choice((1, 1, 1, 3, 10))))
            )
    finally:
        await journal.close()
    if journal.failed is not None:
        raise journal.failed
    return journal


async def _order(journal: Journal, t: int, chance: random.Random, events: int, ack: Ack) -> None:
    seq = journal.append(ev.OrderSent(t, f"tag-{journal.seq}"))
    await journal.durable(seq)
    ack(seq)


def acknowledging(path: Path) -> Ack:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return lambda seq: (os.write(fd, struct.pack("<q", seq)), None)[1]


# --- every call fails once ------------------------------------------------------------------------------------------


def ignoring() -> None:
    """The planted bug: a commit that failed counts as done."""
    import sqlite3

    commit = Journal._commit

    def careless(self: Any) -> None:
        rows = list(self._rows)
        try:
            commit(self)
        except sqlite3.Error:
            self._committed = rows[-1][0] if rows else self._committed
            self._in_loop(self._answer)

    Journal._commit = careless  # type: ignore[method-assign]


def sweep(folder: Path, ask: dict[str, Any]) -> None:
    """One line of JSON for each n of ``ask["at"]``."""
    from chaos_shim import Shim

    shim = Shim.__new__(Shim)
    shim.share(Path(os.environ["CHAOS_CONTROL"]))
    for n in ask["at"]:
        path = folder / f"{n}.cockpit"
        acked: list[int] = []
        shim.calm()
        room = n if ask["kind"] == "room" else -1
        if room >= 0:
            shim.set(room=room)
        else:
            shim.fail(ask["kind"], n, sticky=ask["sticky"])
        said = ""
        try:
            asyncio.run(live(path, random.Random(ask["seed"] + n), ask["events"], ask["checkpoint"], "", acked.append))
        except JournalError as error:
            said = str(error)
        struck, now = shim.struck_ns, time.time_ns()
        shim.calm()
        line = {"n": n, "struck": bool(struck), "said": said, "late_ms": (now - struck) / 1e6 if struck else 0.0}
        print(json.dumps({**line, **judged(path, acked)}), flush=True)
        for left in folder.glob(f"{n}.cockpit*"):
            left.unlink()


def judged(path: Path, acked: list[int]) -> dict[str, Any]:
    """What the file holds against what was promised."""
    last, damage = 0, []
    if path.exists() and path.stat().st_size:
        with Recording.open(path) as recording:
            damage = recording.check()
            last = edge.seq if (edge := recording.last) is not None else 0
    return {"acked": len(acked), "lost": sum(seq > last for seq in acked), "damage": damage[:3]}


if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    if order.get("careless"):
        ignoring()
    if "kind" in order:
        sweep(Path(order["folder"]), order)
    else:
        asyncio.run(
            live(
                Path(order["path"]), random.Random(order["seed"]), order["events"], order["checkpoint"], order["sync"],
                acknowledging(Path(order["acks"])),
            )
        )  # fmt: skip
